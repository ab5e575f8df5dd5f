//! CreatePartitions and DeleteTopics.

use super::create_topics::{all_fenced, broker_ids, invalid_assignment, nobody_active};
use super::result::{ApiError, v0};
use super::{Controller, ControllerRandom, Outcome, TopicInfo, place_replicas};
use crate::wire::messages::create_partitions_request::CreatePartitionsTopic;
use crate::wire::messages::create_partitions_response::CreatePartitionsTopicResult;
use crate::wire::messages::delete_topics_request::DeleteTopicState;
use crate::wire::messages::delete_topics_response::DeletableTopicResult;
use crate::wire::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, DeleteTopicsRequest, DeleteTopicsResponse, TopicName,
};
use crate::wire::metadata_records::RemoveTopicRecord;
use crate::wire::{ErrorCode, VersionedRecord};
use std::collections::BTreeSet;
use uuid::Uuid;

impl Controller {
    /// CreatePartitions.
    pub fn create_partitions(
        &self,
        request: &CreatePartitionsRequest,
        random: &mut impl ControllerRandom,
    ) -> Outcome<CreatePartitionsResponse> {
        let mut records = Vec::new();
        let mut results = Vec::new();
        for topic in &request.topics {
            let twice = request.topics.iter().filter(|other| other.name == topic.name).count() > 1;
            let added = if twice {
                Err(ApiError::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name."))
            } else {
                self.add_partitions(topic, random)
            };
            let result = CreatePartitionsTopicResult::default().with_name(topic.name.clone());
            results.push(match added {
                Ok(mut added) => {
                    records.append(&mut added);
                    result.with_error_message(None)
                }
                Err(refused) => result.with_error_code(refused.error.0).with_error_message(refused.text()),
            });
        }
        let response = CreatePartitionsResponse::default().with_results(results);
        if request.validate_only { Outcome::unchanged(response) } else { Outcome { records, response } }
    }

    fn add_partitions(
        &self,
        topic: &CreatePartitionsTopic,
        random: &mut impl ControllerRandom,
    ) -> Result<Vec<VersionedRecord>, ApiError> {
        let info = self.topics.by_name(&topic.name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        let have = info.partitions.len() as i32;
        if topic.count <= have {
            let message = if topic.count == have {
                format!("Topic already has {have} partition(s).")
            } else {
                let name = &*topic.name;
                format!(
                    "The topic {} currently has {have} partition(s); {} would not be an increase.",
                    &**name, topic.count
                )
            };
            return Err(ApiError::new(ErrorCode::INVALID_PARTITIONS, message));
        }
        let placed = self.place_added(topic, info, have, random)?;
        let version = self.features.metadata_version();
        let record =
            |(index, partition): (i32, super::PartitionRegistration)| partition.to_record(info.id, index, version);
        Ok((have..).zip(placed).map(record).collect())
    }

    fn place_added(
        &self,
        topic: &CreatePartitionsTopic,
        info: &TopicInfo,
        have: i32,
        random: &mut impl ControllerRandom,
    ) -> Result<Vec<super::PartitionRegistration>, ApiError> {
        let additional = (topic.count - have) as usize;
        let factor = info.partitions.values().next().expect("a topic has a partition").replicas.len();
        let Some(assignments) = &topic.assignments else {
            let placed = place_replicas(self.brokers.usable(), additional, factor as i16, random);
            let placed = placed.map_err(|why| ApiError::new(ErrorCode::INVALID_REPLICATION_FACTOR, why))?;
            let partition = |replicas| self.new_partition(replicas).ok_or_else(|| nobody_active(factor as i16));
            return placed.into_iter().map(partition).collect();
        };
        if assignments.len() != additional {
            return Err(invalid_assignment(format!(
                "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
                assignments.len()
            )));
        }
        let assigned = (have..).zip(assignments).map(|(index, assignment)| {
            let replicas = broker_ids(&assignment.broker_ids);
            self.check_assignment(&replicas, Some(factor))?;
            self.new_partition(replicas).ok_or_else(|| all_fenced(index))
        });
        assigned.collect()
    }

    /// Deletes topics by id.
    pub fn delete_topics_by_id(&self, ids: &[Uuid]) -> Outcome<Vec<(Uuid, ErrorCode)>> {
        let mut records = Vec::new();
        let delete = |id: &Uuid| match self.topics.by_id(*id) {
            Some(_) => {
                records.push(v0(RemoveTopicRecord { topic_id: *id }));
                (*id, ErrorCode::NONE)
            }
            None => (*id, ErrorCode::UNKNOWN_TOPIC_ID),
        };
        let response = ids.iter().map(delete).collect();
        Outcome { records, response }
    }

    /// DeleteTopics at `version`: topics by name (before version 6) or by name or id.
    ///
    /// # Errors
    /// Kafka's code and message for a request that it does not look into.
    pub fn delete_topics(
        &self,
        request: &DeleteTopicsRequest,
        version: i16,
    ) -> Result<Outcome<DeleteTopicsResponse>, ApiError> {
        if !self.settings.delete_topic_enable {
            let disabled = if version < 3 { ErrorCode::INVALID_REQUEST } else { ErrorCode::TOPIC_DELETION_DISABLED };
            return Err(disabled.into());
        }
        let by_name = |name: &TopicName| DeleteTopicState::default().with_name(Some(name.clone()));
        let asked: Vec<DeleteTopicState> =
            request.topic_names.iter().map(by_name).chain(request.topics.iter().cloned()).collect();
        let mut seen = BTreeSet::new();
        let mut records = Vec::new();
        let mut responses = Vec::new();
        for topic in &asked {
            let answer = DeletableTopicResult::default().with_name(topic.name.clone()).with_topic_id(topic.topic_id);
            responses.push(match self.find_to_delete(topic) {
                Ok(found) => {
                    let answer =
                        answer.with_name(Some(TopicName(super::result::text(&found.name)))).with_topic_id(found.id);
                    if seen.insert(found.id) {
                        records.push(v0(RemoveTopicRecord { topic_id: found.id }));
                        answer
                    } else {
                        let twice = Some(super::result::text("Duplicate topic name or id."));
                        answer.with_error_code(ErrorCode::INVALID_REQUEST.0).with_error_message(twice)
                    }
                }
                Err(refused) => answer.with_error_code(refused.error.0).with_error_message(refused.text()),
            });
        }
        Ok(Outcome { records, response: DeleteTopicsResponse::default().with_responses(responses) })
    }

    fn find_to_delete(&self, asked: &DeleteTopicState) -> Result<&TopicInfo, ApiError> {
        let with_default = |error: ErrorCode| ApiError::new(error, error.message());
        match (&asked.name, asked.topic_id.is_nil()) {
            (None, true) => Err(ApiError::new(ErrorCode::INVALID_REQUEST, "Neither topic name nor id were specified.")),
            (Some(_), false) => {
                let message = "You may not specify both topic name and topic id.";
                Err(ApiError::new(ErrorCode::INVALID_REQUEST, message))
            }
            (Some(name), true) => {
                self.topics.by_name(name).ok_or_else(|| with_default(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))
            }
            (None, false) => self.topics.by_id(asked.topic_id).ok_or_else(|| with_default(ErrorCode::UNKNOWN_TOPIC_ID)),
        }
    }
}
