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
use uuid::Uuid;

/// How many records one request may come to (`QuorumController.MAX_RECORDS_PER_USER_OP`).
const MAX_RECORDS_PER_USER_OP: usize = 10_000;

impl Controller {
    /// CreatePartitions.
    pub fn create_partitions(
        &self,
        request: &CreatePartitionsRequest,
        random: &mut impl ControllerRandom,
    ) -> Outcome<CreatePartitionsResponse> {
        let mut records = Vec::new();
        let mut results = Vec::new();
        let is_twice =
            |topic: &CreatePartitionsTopic| request.topics.iter().filter(|t| t.name == topic.name).count() > 1;
        let refused = |topic: &CreatePartitionsTopic, refusal: ApiError| {
            let result = CreatePartitionsTopicResult::default().with_name(topic.name.clone());
            result.with_error_code(refusal.error.0).with_error_message(refusal.text())
        };
        // A name that is there twice is answered once, and first.
        let first = |at: usize| request.topics[..at].iter().all(|t| t.name != request.topics[at].name);
        for (_, topic) in request.topics.iter().enumerate().filter(|(at, topic)| is_twice(topic) && first(*at)) {
            results.push(refused(topic, ApiError::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name.")));
        }
        for topic in request.topics.iter().filter(|topic| !is_twice(topic)) {
            results.push(match self.add_partitions(topic, records.len(), random) {
                Ok(mut added) => {
                    records.append(&mut added);
                    CreatePartitionsTopicResult::default().with_name(topic.name.clone()).with_error_message(None)
                }
                Err(refusal) => refused(topic, refusal),
            });
        }
        let response = CreatePartitionsResponse::default().with_results(results);
        if request.validate_only { Outcome::unchanged(response) } else { Outcome { records, response } }
    }

    fn add_partitions(
        &self,
        topic: &CreatePartitionsTopic,
        records_before: usize,
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
        // Kafka runs into the bound of its list of records, which is an error that it does not expect.
        if (topic.count - have) as usize + records_before > MAX_RECORDS_PER_USER_OP {
            return Err(ErrorCode::UNKNOWN_SERVER_ERROR.into());
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
        let mut records = Vec::new();
        let mut responses: Vec<DeletableTopicResult> = Vec::new();
        for (at, topic) in asked.iter().enumerate() {
            let same = |other: &DeleteTopicState| (&other.name, other.topic_id) == (&topic.name, topic.topic_id);
            // What is there twice is answered once, and not deleted.
            if asked[..at].iter().any(same) {
                continue;
            }
            let answer = DeletableTopicResult::default().with_name(topic.name.clone()).with_topic_id(topic.topic_id);
            let twice = asked[at + 1..].iter().any(same);
            let found = check_named_once(topic, twice).and_then(|()| self.find_to_delete(topic, &asked));
            responses.push(match found {
                Ok(found) => {
                    records.push(v0(RemoveTopicRecord { topic_id: found.id }));
                    let name = TopicName(super::result::text(&found.name));
                    answer.with_name(Some(name)).with_topic_id(found.id)
                }
                Err(refusal) => answer.with_error_code(refusal.error.0).with_error_message(refusal.text()),
            });
        }
        Ok(Outcome { records, response: DeleteTopicsResponse::default().with_responses(responses) })
    }

    fn find_to_delete(&self, topic: &DeleteTopicState, asked: &[DeleteTopicState]) -> Result<&TopicInfo, ApiError> {
        let with_default = |error: ErrorCode| ApiError::new(error, error.message());
        let Some(name) = &topic.name else {
            return self.topics.by_id(topic.topic_id).ok_or_else(|| with_default(ErrorCode::UNKNOWN_TOPIC_ID));
        };
        let found = self.topics.by_name(name);
        let found = found.ok_or_else(|| with_default(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))?;
        if asked.iter().any(|other| other.name.is_none() && other.topic_id == found.id) {
            let message = "The provided topic name maps to an ID that was already supplied.";
            return Err(ApiError::new(ErrorCode::INVALID_REQUEST, message));
        }
        Ok(found)
    }
}

/// A topic is named by its name or by its id, and once.
fn check_named_once(topic: &DeleteTopicState, twice: bool) -> Result<(), ApiError> {
    let message = match (topic.name.is_some(), !topic.topic_id.is_nil()) {
        (false, false) => "Neither topic name nor id were specified.",
        (true, true) => "You may not specify both topic name and topic id.",
        (true, false) if twice => "Duplicate topic name.",
        (false, true) if twice => "Duplicate topic id.",
        _ => return Ok(()),
    };
    Err(ApiError::new(ErrorCode::INVALID_REQUEST, message))
}
