//! Topics: creating them as Kafka's controller does (`ReplicationControlManager`).

use crate::wire::ErrorCode;
use std::sync::Arc;
use uuid::Uuid;

/// Kafka's limit on the length of a topic's name, set by file names of 255 characters.
const MAX_NAME_LENGTH: usize = 249;

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

/// Why a topic is not created: Kafka's code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopicError {
    /// The code.
    pub error: ErrorCode,
    /// The message.
    pub message: String,
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
    pub fn check_name(&self, name: &str) -> Result<(), CreateTopicError> {
        check_legal(name)?;
        self.check_free(name)
    }

    /// Places a new topic on the brokers that are registered: what it would become.
    ///
    /// # Errors
    /// Kafka's code and message.
    pub fn plan(new: &NewTopic, brokers: &[i32], id: Uuid) -> Result<Topic, CreateTopicError> {
        let partitions = if new.partitions == -1 { 1 } else { new.partitions };
        let replication_factor = if new.replication_factor == -1 { 1 } else { new.replication_factor };
        if replication_factor < 1 {
            let message = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err(refuse(ErrorCode::INVALID_REPLICATION_FACTOR, message.into()));
        }
        if partitions < 1 {
            let message = "Number of partitions was set to an invalid non-positive value.";
            return Err(refuse(ErrorCode::INVALID_PARTITIONS, message.into()));
        }
        if replication_factor as usize > brokers.len() {
            let message = format!(
                "Unable to replicate the partition {replication_factor} time(s): The target replication factor of \
                 {replication_factor} cannot be reached because only {} broker(s) are registered.",
                brokers.len()
            );
            return Err(refuse(ErrorCode::INVALID_REPLICATION_FACTOR, message));
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

    fn check_free(&self, name: &str) -> Result<(), CreateTopicError> {
        if self.by_name(name).is_some() {
            return Err(refuse(ErrorCode::TOPIC_ALREADY_EXISTS, format!("Topic '{name}' already exists.")));
        }
        // Metric names replace '.' by '_', so two such names would share their metrics.
        let folded = |name: &str| name.replace('.', "_");
        if let Some(other) = self.iter().find(|t| folded(&t.name) == folded(name)) {
            let message = format!("Topic '{name}' collides with existing topic: {}", other.name);
            return Err(refuse(ErrorCode::INVALID_TOPIC_EXCEPTION, message));
        }
        Ok(())
    }
}

fn check_legal(name: &str) -> Result<(), CreateTopicError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let what = match name {
        "" => "the empty string is not allowed".to_string(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.len() > MAX_NAME_LENGTH => {
            format!("the length of '{name}' is longer than the max allowed length {MAX_NAME_LENGTH}")
        }
        _ if !name.chars().all(legal) => {
            format!("'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
        }
        _ => return Ok(()),
    };
    Err(refuse(ErrorCode::INVALID_TOPIC_EXCEPTION, format!("Topic name is invalid: {what}")))
}

fn refuse(error: ErrorCode, message: String) -> CreateTopicError {
    CreateTopicError { error, message }
}
