//! AlterPartitionReassignments and ListPartitionReassignments (KIP-455).
//!
//! A reassignment is three lists in the partition itself: the replicas, targets first and then those that will go; who
//! is being added; who is being removed. It is complete when all targets are in the ISR, which AlterPartition finds out;
//! it is cancelled by taking away what was being added.

use super::create_topics::{broker_ids, invalid_assignment};
use super::result::{ApiError, text};
use super::{Controller, Election, Outcome, PartitionRegistration, TopicInfo};
use crate::base::SortedSet;
use crate::wire::messages::alter_partition_reassignments_request::ReassignablePartition;
use crate::wire::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use crate::wire::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use crate::wire::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, BrokerId,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, TopicName,
};
use crate::wire::{ErrorCode, VersionedRecord};

impl Controller {
    /// AlterPartitionReassignments.
    pub fn alter_partition_reassignments(
        &self,
        request: &AlterPartitionReassignmentsRequest,
    ) -> Outcome<AlterPartitionReassignmentsResponse> {
        let mut records = Vec::new();
        let may_change_factor = request.allow_replication_factor_change;
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let response = ReassignablePartitionResponse::default().with_partition_index(asked.partition_index);
                match self.reassign(&topic.name, asked, may_change_factor) {
                    Ok(record) => {
                        records.extend(record);
                        response.with_error_message(None)
                    }
                    Err(refused) => response.with_error_code(refused.error.0).with_error_message(refused.text()),
                }
            });
            ReassignableTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
        });
        let response = AlterPartitionReassignmentsResponse::default()
            .with_allow_replication_factor_change(may_change_factor)
            .with_error_message(None)
            .with_responses(topics.collect());
        Outcome { records, response }
    }

    fn reassign(
        &self,
        name: &str,
        asked: &ReassignablePartition,
        may_change_factor: bool,
    ) -> Result<Option<VersionedRecord>, ApiError> {
        let unknown = |message: String| ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message);
        let topic =
            self.topics.by_name(name).ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
        let index = asked.partition_index;
        let partition = topic.partitions.get(&index);
        let partition = partition.ok_or_else(|| unknown(format!("Unable to find partition {name}:{index}.")))?;
        match &asked.replicas {
            Some(replicas) => {
                self.change_reassignment(topic, index, partition, &broker_ids(replicas), may_change_factor)
            }
            None => self.cancel_reassignment(topic, index, partition),
        }
    }

    fn change_reassignment(
        &self,
        topic: &TopicInfo,
        index: i32,
        partition: &PartitionRegistration,
        target: &[i32],
        may_change_factor: bool,
    ) -> Result<Option<VersionedRecord>, ApiError> {
        self.check_assignment(target, None)?;
        let factor = replication_factor(partition);
        if !may_change_factor && factor != target.len() {
            let message = format!("The replication factor is changed from {factor} to {}", target.len());
            return Err(ApiError::new(ErrorCode::INVALID_REPLICATION_FACTOR, message));
        }
        let (current, wanted): (SortedSet<i32>, SortedSet<i32>) =
            (partition.replicas.iter().copied().collect(), target.iter().copied().collect());
        let removing: Vec<i32> = current.difference(&wanted).copied().collect();
        let adding: Vec<i32> = wanted.difference(&current).copied().collect();
        let mut builder = self.partition_change(topic, partition, |replica| self.brokers.is_active(replica));
        builder.target_replicas = target.iter().chain(&removing).copied().collect();
        if !removing.is_empty() {
            builder.target_removing = removing;
        }
        if !adding.is_empty() {
            builder.target_adding = adding;
        }
        Ok(builder.build(topic.id, index, |id| self.brokers.default_directory(id)))
    }

    fn cancel_reassignment(
        &self,
        topic: &TopicInfo,
        index: i32,
        partition: &PartitionRegistration,
    ) -> Result<Option<VersionedRecord>, ApiError> {
        if !partition.is_reassigning() {
            return Err(ErrorCode::NO_REASSIGNMENT_IN_PROGRESS.into());
        }
        let stays = |replica: &i32| !partition.adding_replicas.contains(replica);
        let mut isr: Vec<i32> = partition.isr.iter().copied().filter(stays).collect();
        let replicas: Vec<i32> = partition.replicas.iter().copied().filter(stays).collect();
        let may_be_unclean = self.unclean_election_enabled(&topic.name);
        if isr.is_empty() {
            // All that is in the ISR was being added: going back means to trust a replica that is not.
            let Some(&first) = replicas.first() else {
                let message = "Invalid replica assignment: addingReplicas contains all replicas.";
                return Err(invalid_assignment(message.into()));
            };
            if !may_be_unclean {
                return Err(invalid_assignment(format!(
                    "Unable to revert partition assignment for {}:{index} because it would require an unclean leader \
                     election.",
                    topic.name
                )));
            }
            isr.push(first);
        }
        let mut builder = self.partition_change(topic, partition, |replica| self.brokers.is_active(replica));
        if may_be_unclean {
            builder.election = Election::Unclean;
        }
        (builder.target_isr, builder.target_replicas) = (isr, replicas);
        (builder.target_removing, builder.target_adding) = (Vec::new(), Vec::new());
        Ok(builder.build(topic.id, index, |id| self.brokers.default_directory(id)))
    }

    /// ListPartitionReassignments.
    pub fn list_partition_reassignments(
        &self,
        request: &ListPartitionReassignmentsRequest,
    ) -> ListPartitionReassignmentsResponse {
        let asked = |topic: &TopicInfo, index: i32| match &request.topics {
            None => true,
            Some(topics) => topics.iter().any(|t| **t.name == *topic.name && t.partition_indexes.contains(&index)),
        };
        let topics = self.topics.iter_by_name().filter_map(|topic| {
            let ongoing = topic.partitions.iter().filter(|(index, p)| p.is_reassigning() && asked(topic, **index));
            let partitions: Vec<_> = ongoing.map(|(index, partition)| describe(*index, partition)).collect();
            let name = TopicName(text(&topic.name));
            let found = OngoingTopicReassignment::default().with_name(name).with_partitions(partitions);
            (!found.partitions.is_empty()).then_some(found)
        });
        ListPartitionReassignmentsResponse::default().with_error_message(None).with_topics(topics.collect())
    }
}

/// How many replicas the partition will have when what is under way is done.
fn replication_factor(partition: &PartitionRegistration) -> usize {
    let all: SortedSet<i32> = partition.replicas.iter().chain(&partition.adding_replicas).copied().collect();
    all.iter().filter(|replica| !partition.removing_replicas.contains(replica)).count()
}

fn describe(index: i32, partition: &PartitionRegistration) -> OngoingPartitionReassignment {
    let ids = |list: &[i32]| list.iter().copied().map(BrokerId).collect();
    OngoingPartitionReassignment::default()
        .with_partition_index(index)
        .with_replicas(ids(&partition.replicas))
        .with_adding_replicas(ids(&partition.adding_replicas))
        .with_removing_replicas(ids(&partition.removing_replicas))
}
