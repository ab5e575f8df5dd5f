//! CreateTopics.

use super::config::{check_topic_config, topic_int};
use super::{Broker, Served, Serving, str_bytes};
use crate::base::TopicPartition;
use crate::cluster::{ApiError, NewTopic, Topic, Topics};
use crate::machine::Fact;
use crate::wire::messages::create_topics_request::CreatableTopic;
use crate::wire::messages::create_topics_response::CreatableTopicResult;
use crate::wire::messages::{CreateTopicsRequest, CreateTopicsResponse};
use crate::wire::{ErrorCode, ResponseKind};
use std::collections::BTreeSet;

/// All partitions of one request together (`ReplicationControlManager.MAX_PARTITIONS_PER_BATCH`).
const MAX_PARTITIONS_PER_REQUEST: i64 = 10_000;

impl Broker {
    pub(super) fn create_topics(&mut self, request: &CreateTopicsRequest, serving: &mut Serving<'_, '_>) -> Served {
        let partitions = request.topics.iter().map(|topic| i64::from(topic.num_partitions.max(1))).sum::<i64>();
        let mut results = Vec::with_capacity(request.topics.len());
        let mut repeated = BTreeSet::new();
        for asked in &request.topics {
            let same_name = request.topics.iter().filter(|other| other.name == asked.name).count();
            if partitions > MAX_PARTITIONS_PER_REQUEST {
                let message = "Excessively large number of partitions per request.";
                results.push(answer(asked, Err(ApiError::new(ErrorCode::POLICY_VIOLATION, message))));
            } else if same_name == 1 {
                let created = read(asked).and_then(|new| self.create_topic(&new, request.validate_only, serving));
                results.push(answer(asked, created));
            } else {
                // A name that is there twice is answered once, after the others.
                repeated.insert(asked.name.clone());
            }
        }
        for asked in repeated.iter().filter_map(|name| request.topics.iter().find(|asked| asked.name == *name)) {
            let message = "Duplicate topic name.";
            results.push(answer(asked, Err(ApiError::new(ErrorCode::INVALID_REQUEST, message))));
        }
        Served::Now(ResponseKind::CreateTopics(CreateTopicsResponse::default().with_topics(results)))
    }

    /// Creates a topic, or says why not; with `validate_only`, says what it would be.
    pub(super) fn create_topic(
        &mut self,
        new: &NewTopic,
        validate_only: bool,
        serving: &mut Serving<'_, '_>,
    ) -> Result<Topic, ApiError> {
        let with_defaults = NewTopic {
            partitions: if new.partitions == -1 { self.config.num_partitions } else { new.partitions },
            replication_factor: match new.replication_factor {
                -1 => self.config.default_replication_factor,
                asked => asked,
            },
            ..new.clone()
        };
        self.topics.check_name(&new.name)?;
        for (name, value) in &new.configs {
            check_topic_config(name, value)?;
        }
        let id = uuid::Builder::from_random_bytes(serving.ctx.rng().bytes16()).into_uuid();
        let topic = Topics::plan(&with_defaults, &[self.id], id)?;
        if validate_only {
            return Ok(topic);
        }
        let segment_bytes = topic_int(&topic, "segment.bytes", self.config.segment_bytes);
        for index in 0..topic.partitions.len() {
            serving.disk.create(TopicPartition::new(topic.name.clone(), index as i32), segment_bytes);
        }
        serving.ctx.fact(Fact::TopicCreated {
            topic: topic.name.clone(),
            partitions: topic.partitions.len() as i32,
            replication_factor: topic.partitions[0].replicas.len() as i16,
        });
        self.topics.insert(topic.clone());
        Ok(topic)
    }
}

fn answer(asked: &CreatableTopic, created: Result<Topic, ApiError>) -> CreatableTopicResult {
    let result = CreatableTopicResult::default().with_name(asked.name.clone()).with_configs(Some(Vec::new()));
    match created {
        Ok(topic) => result
            .with_topic_id(topic.id)
            .with_num_partitions(topic.partitions.len() as i32)
            .with_replication_factor(topic.partitions[0].replicas.len() as i16)
            .with_error_message(None),
        Err(refused) => {
            result.with_error_code(refused.error.0).with_error_message(refused.message.as_deref().map(str_bytes))
        }
    }
}

fn read(asked: &CreatableTopic) -> Result<NewTopic, ApiError> {
    if !asked.assignments.is_empty() {
        let message = "A manual replica assignment is not built yet";
        return Err(ApiError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
    }
    let mut configs = Vec::new();
    for config in &asked.configs {
        let Some(value) = &config.value else {
            let message = format!("Null value not supported for topic configs: {}", config.name);
            return Err(ApiError::new(ErrorCode::INVALID_CONFIG, message));
        };
        configs.push((config.name.as_str().into(), value.as_str().into()));
    }
    Ok(NewTopic {
        name: asked.name.to_string(),
        partitions: asked.num_partitions,
        replication_factor: asked.replication_factor,
        configs,
    })
}
