//! CreateTopics.
//!
//! A request is checked in a fixed order, which decides the error of a topic with two mistakes: whole-request rules,
//! names, whether the topic exists, config names and values, then numbers and placement. Topics are independent: one
//! that is refused does not hold up the others.

use super::names::check_new_topic_name;
use super::result::{ApiError, text, v0};
use super::{Controller, ControllerRandom, Outcome, PartitionRegistration, place_replicas};
use crate::base::{Sort, SortedMap};
use crate::wire::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use crate::wire::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use crate::wire::messages::{BrokerId, CreateTopicsRequest, CreateTopicsResponse};
use crate::wire::metadata_records::TopicRecord;
use crate::wire::{ErrorCode, VersionedRecord};
use std::sync::Arc;

/// All partitions of one request together (`ReplicationControlManager.MAX_PARTITIONS_PER_BATCH`).
const MAX_PARTITIONS_PER_BATCH: i64 = 10_000;

/// The metadata log's own topic, which nobody may create.
const CLUSTER_METADATA_TOPIC: &str = "__cluster_metadata";

impl Controller {
    /// CreateTopics.
    pub fn create_topics(
        &self,
        request: &CreateTopicsRequest,
        random: &mut impl ControllerRandom,
    ) -> Outcome<CreateTopicsResponse> {
        let mut records = Vec::new();
        let mut results = Vec::new();
        let is_twice = |topic: &CreatableTopic| request.topics.iter().filter(|t| t.name == topic.name).count() > 1;
        let is_internal = |topic: &CreatableTopic| &**topic.name == CLUSTER_METADATA_TOPIC;
        let accepted = || request.topics.iter().filter(|topic| !is_twice(topic) && !is_internal(topic));
        let excessive = accepted().map(|topic| self.asked_partitions(topic)).sum::<i64>() > MAX_PARTITIONS_PER_BATCH;
        for topic in accepted() {
            let created = if excessive {
                let message = "Excessively large number of partitions per request.";
                Err(ApiError::new(ErrorCode::POLICY_VIOLATION, message))
            } else {
                self.create_topic(topic, random)
            };
            results.push(match created {
                Ok((mut of_topic, result)) => {
                    records.append(&mut of_topic);
                    result
                }
                Err(refusal) => refused(topic, refusal),
            });
        }
        // A name that is there twice is answered once.
        let first = |at: usize| request.topics[..at].iter().all(|t| t.name != request.topics[at].name);
        for (_, topic) in request.topics.iter().enumerate().filter(|(at, topic)| is_twice(topic) && first(*at)) {
            results.push(refused(topic, ApiError::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name.")));
        }
        for topic in request.topics.iter().filter(|topic| is_internal(topic) && !is_twice(topic)) {
            let message = format!("Creation of internal topic {CLUSTER_METADATA_TOPIC} is prohibited.");
            results.push(refused(topic, ApiError::new(ErrorCode::INVALID_REQUEST, message)));
        }
        let response = CreateTopicsResponse::default().with_topics(results);
        if request.validate_only { Outcome::unchanged(response) } else { Outcome { records, response } }
    }

    fn asked_partitions(&self, topic: &CreatableTopic) -> i64 {
        match topic.assignments.len() {
            0 if topic.num_partitions == -1 => i64::from(self.settings.num_partitions),
            0 => i64::from(topic.num_partitions),
            assigned => assigned as i64,
        }
    }

    fn create_topic(
        &self,
        topic: &CreatableTopic,
        random: &mut impl ControllerRandom,
    ) -> Result<(Vec<VersionedRecord>, CreatableTopicResult), ApiError> {
        check_new_topic_name(&topic.name, self.topics.iter_by_name().map(|topic| &*topic.name))?;
        let configs = topic.configs.iter().map(|config| (&*config.name, config.value.as_deref()));
        let configs: SortedMap<&str, Option<&str>> = configs.collect();
        let config_records = self.new_topic_config_records(&topic.name, &configs)?;
        let partitions =
            if topic.assignments.is_empty() { self.place_topic(topic, random)? } else { self.assign_topic(topic)? };
        let id = random.topic_id();
        let mut records = vec![v0(TopicRecord { name: topic.name.0.clone(), topic_id: id })];
        records.extend(config_records);
        let version = self.features.metadata_version();
        let to_record =
            |(index, partition): (usize, &PartitionRegistration)| partition.to_record(id, index as i32, version);
        records.extend(partitions.iter().enumerate().map(to_record));
        let result = CreatableTopicResult::default()
            .with_name(topic.name.clone())
            .with_topic_id(id)
            .with_error_message(None)
            .with_num_partitions(partitions.len() as i32)
            .with_replication_factor(partitions[0].replicas.len() as i16)
            .with_configs(Some(self.configs_of_new_topic(&configs)));
        Ok((records, result))
    }

    /// Every config of the topic as it takes effect.
    fn configs_of_new_topic(&self, configs: &SortedMap<&str, Option<&str>>) -> Vec<CreatableTopicConfigs> {
        let set = configs.iter().filter_map(|(name, value)| Some((Arc::from(*name), Arc::from((*value)?)))).collect();
        let effective = self.effective_topic_configs(&set).into_iter();
        let entry = |config: super::EffectiveConfig| {
            CreatableTopicConfigs::default()
                .with_name(text(config.name))
                .with_value(config.value.as_deref().map(text))
                .with_config_source(config.source as i8)
        };
        effective.map(entry).collect()
    }

    /// The partitions of a topic that names numbers.
    fn place_topic(
        &self,
        topic: &CreatableTopic,
        random: &mut impl ControllerRandom,
    ) -> Result<Vec<PartitionRegistration>, ApiError> {
        if topic.replication_factor < -1 || topic.replication_factor == 0 {
            let message = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err(ApiError::new(ErrorCode::INVALID_REPLICATION_FACTOR, message));
        }
        if topic.num_partitions < -1 || topic.num_partitions == 0 {
            let message = "Number of partitions was set to an invalid non-positive value.";
            return Err(ApiError::new(ErrorCode::INVALID_PARTITIONS, message));
        }
        let or_default = |asked: i32, default: i32| if asked == -1 { default } else { asked };
        let partitions = or_default(topic.num_partitions, self.settings.num_partitions) as usize;
        let factor =
            or_default(i32::from(topic.replication_factor), i32::from(self.settings.default_replication_factor)) as i16;
        let placed = place_replicas(self.brokers.usable(), partitions, factor, random);
        let placed = placed.map_err(|why| cannot_replicate(factor, &why))?;
        placed.into_iter().map(|replicas| self.new_partition(replicas).ok_or_else(|| nobody_active(factor))).collect()
    }

    /// The partitions of a topic that names every replica.
    fn assign_topic(&self, topic: &CreatableTopic) -> Result<Vec<PartitionRegistration>, ApiError> {
        let contradiction = |what: &str| {
            let message = format!("A manual partition assignment was specified, but {what} was not set to -1.");
            Err(ApiError::new(ErrorCode::INVALID_REQUEST, message))
        };
        if topic.replication_factor != -1 {
            return contradiction("replication factor");
        }
        if topic.num_partitions != -1 {
            return contradiction("numPartitions");
        }
        let mut partitions = SortedMap::new();
        let mut factor = None;
        for CreatableReplicaAssignment { partition_index, broker_ids, .. } in &topic.assignments {
            let replicas: Vec<i32> = broker_ids.iter().map(|id| id.0).collect();
            if partitions.contains_key(partition_index) {
                let message = format!("Found multiple manual partition assignments for partition {partition_index}");
                return Err(invalid_assignment(message));
            }
            self.check_assignment(&replicas, factor)?;
            factor = Some(replicas.len());
            let partition = self.new_partition(replicas).ok_or_else(|| all_fenced(*partition_index))?;
            partitions.insert(*partition_index, partition);
        }
        if !partitions.keys().copied().eq(0..partitions.len() as i32) {
            return Err(invalid_assignment("partitions should be a consecutive 0-based integer sequence".into()));
        }
        Ok(partitions.into_values().collect())
    }

    /// A partition with these replicas, or nothing if none of their brokers is in service.
    pub(super) fn new_partition(&self, replicas: Vec<i32>) -> Option<PartitionRegistration> {
        let isr: Vec<i32> = replicas.iter().copied().filter(|id| self.brokers.is_active(*id)).collect();
        let directories = replicas.iter().map(|id| self.brokers.default_directory(*id)).collect();
        (!isr.is_empty()).then(|| PartitionRegistration::new(replicas, directories, isr))
    }

    /// Checks replicas that somebody names.
    pub(super) fn check_assignment(&self, replicas: &[i32], factor: Option<usize>) -> Result<(), ApiError> {
        let refuse = |what: String| Err(invalid_assignment(format!("The manual partition assignment includes {what}")));
        if replicas.is_empty() {
            return refuse("an empty replica list.".into());
        }
        let mut sorted = replicas.to_vec();
        sorted.order();
        for (at, id) in sorted.iter().enumerate() {
            if self.brokers.registration(*id).is_none() {
                return refuse(format!("broker {id}, but no such broker is registered."));
            }
            if at > 0 && sorted[at - 1] == *id {
                return refuse(format!("the broker {id} more than once."));
            }
        }
        match factor {
            Some(factor) if factor != replicas.len() => refuse(format!(
                "a partition with {} replica(s), but this is not consistent with previous partitions, which have \
                 {factor} replica(s).",
                replicas.len()
            )),
            _ => Ok(()),
        }
    }
}

fn refused(topic: &CreatableTopic, refusal: ApiError) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_name(topic.name.clone())
        .with_error_code(refusal.error.0)
        .with_error_message(refusal.text())
        .with_configs(Some(Vec::new()))
}

pub(super) fn invalid_assignment(message: String) -> ApiError {
    ApiError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message)
}

pub(super) fn all_fenced(partition: i32) -> ApiError {
    invalid_assignment(format!(
        "All brokers specified in the manual partition assignment for partition {partition} are fenced or in \
         controlled shutdown."
    ))
}

pub(super) fn nobody_active(factor: i16) -> ApiError {
    cannot_replicate(factor, "All brokers are currently fenced or in controlled shutdown.")
}

fn cannot_replicate(factor: i16, why: &str) -> ApiError {
    let message = format!("Unable to replicate the partition {factor} time(s): {why}");
    ApiError::new(ErrorCode::INVALID_REPLICATION_FACTOR, message)
}

/// The ids of a request's list.
pub(super) fn broker_ids(list: &[BrokerId]) -> Vec<i32> {
    list.iter().map(|id| id.0).collect()
}
