//! Topics: creating them as Kafka's controller does (`ReplicationControlManager`).

use super::names::check_new_topic_name;
use super::result::ApiError;
use crate::wire::ErrorCode;
use std::sync::Arc;
use uuid::Uuid;

/// The topics of a cluster, by name and by id.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    by_name: imbl::OrdMap<Arc<str>, Arc<Topic>>,
    names: imbl::OrdMap<Uuid, Arc<str>>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id, never used again after it is deleted (KIP-516).
    pub id: Uuid,
    /// Its partitions, by index.
    pub partitions: Vec<Partition>,
    /// The configs that were set on it.
    pub configs: Vec<(Arc<str>, Arc<str>)>,
}

/// A partition, as the controller knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The brokers that hold it, the preferred leader first.
    pub replicas: Vec<i32>,
    /// The in-sync replicas.
    pub isr: Vec<i32>,
    /// The leader, or none.
    pub leader: Option<i32>,
    /// Goes up with every change of leader.
    pub leader_epoch: i32,
    /// Goes up with every change of leader, ISR or replicas.
    pub partition_epoch: i32,
}

/// What a CreateTopics request asks for.
#[derive(Clone, Debug)]
pub struct NewTopic {
    /// The topic's name.
    pub name: String,
    /// How many partitions; -1 takes `num.partitions`.
    pub partitions: i32,
    /// How many replicas each; -1 takes `default.replication.factor`.
    pub replication_factor: i16,
    /// Configs to set.
    pub configs: Vec<(Arc<str>, Arc<str>)>,
}

impl Topics {
    /// The topic with this name.
    pub fn by_name(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name).map(|topic| &**topic)
    }

    /// The topic with this id.
    pub fn by_id(&self, id: Uuid) -> Option<&Topic> {
        self.by_name(self.names.get(&id)?)
    }

    /// Every topic, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.by_name.values().map(|topic| &**topic)
    }

    /// Checks the name of a new topic: legal, and neither taken nor too like one that is. Kafka checks names first, then
    /// configs, then numbers: that decides which error a request with two mistakes gets.
    ///
    /// # Errors
    /// Kafka's code and message.
    pub fn check_name(&self, name: &str) -> Result<(), ApiError> {
        check_new_topic_name(name, self.by_name.keys().map(|name| &**name))
    }

    /// Places a new topic on the brokers that are registered: what it would become.
    ///
    /// # Errors
    /// Kafka's code and message.
    pub fn plan(new: &NewTopic, brokers: &[i32], id: Uuid) -> Result<Topic, ApiError> {
        let partitions = if new.partitions == -1 { 1 } else { new.partitions };
        let replication_factor = if new.replication_factor == -1 { 1 } else { new.replication_factor };
        if replication_factor < 1 {
            let message = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err(ApiError::new(ErrorCode::INVALID_REPLICATION_FACTOR, message));
        }
        if partitions < 1 {
            let message = "Number of partitions was set to an invalid non-positive value.";
            return Err(ApiError::new(ErrorCode::INVALID_PARTITIONS, message));
        }
        if replication_factor as usize > brokers.len() {
            let message = format!(
                "Unable to replicate the partition {replication_factor} time(s): The target replication factor of \
                 {replication_factor} cannot be reached because only {} broker(s) are registered.",
                brokers.len()
            );
            return Err(ApiError::new(ErrorCode::INVALID_REPLICATION_FACTOR, message));
        }
        let partition = Partition {
            replicas: brokers.to_vec(),
            isr: brokers.to_vec(),
            leader: brokers.first().copied(),
            leader_epoch: 0,
            partition_epoch: 0,
        };
        Ok(Topic {
            name: new.name.as_str().into(),
            id,
            partitions: vec![partition; partitions as usize],
            configs: new.configs.clone(),
        })
    }

    /// Adds a topic that [`Topics::plan`] made.
    pub fn insert(&mut self, topic: Topic) {
        self.names.insert(topic.id, topic.name.clone());
        self.by_name.insert(topic.name.clone(), Arc::new(topic));
    }
}
