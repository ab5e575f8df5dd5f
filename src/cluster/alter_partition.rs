//! AlterPartition: a leader asks for another ISR (KIP-497, KIP-841, KIP-903).
//!
//! The request is a compare-and-set: it names the leader epoch and the partition epoch that the leader knows, and who
//! shall be in the ISR, each with its broker epoch. An epoch that the controller has not reached yet means that this is
//! not the controller any more; an older one that the leader is behind. A broker that is fenced, shutting down or
//! another run of itself than the leader has seen may not come in.
//!
//! The answer may be an error and a change at once: when the new ISR completes a reassignment that takes the leader
//! away, it is told NEW_LEADER_ELECTED.

use super::result::ApiError;
use super::{Controller, Election, LEADER_NO_CHANGE, LeaderRecoveryState, Outcome, PartitionRegistration, TopicInfo};
use crate::wire::messages::alter_partition_request::{BrokerState, PartitionData};
use crate::wire::messages::alter_partition_response::{PartitionData as PartitionResponse, TopicData as TopicResponse};
use crate::wire::messages::{AlterPartitionRequest, AlterPartitionResponse, BrokerId};
use crate::wire::{ErrorCode, MetadataRecord, VersionedRecord};

impl Controller {
    /// AlterPartition at version 2 or 3.
    ///
    /// # Errors
    /// STALE_BROKER_EPOCH, for the whole request.
    pub fn alter_partition(
        &self,
        request: &AlterPartitionRequest,
    ) -> Result<Outcome<AlterPartitionResponse>, ApiError> {
        self.brokers.check_epoch(request.broker_id.0, request.broker_epoch)?;
        let mut records = Vec::new();
        let topics = request.topics.iter().map(|asked| {
            let topic = self.topics.by_id(asked.topic_id);
            let partitions = asked.partitions.iter().map(|partition| match topic {
                Some(topic) => self.alter_one(request.broker_id.0, topic, partition, &mut records),
                None => refuse(partition, ErrorCode::UNKNOWN_TOPIC_ID),
            });
            TopicResponse::default().with_topic_id(asked.topic_id).with_partitions(partitions.collect())
        });
        let response = AlterPartitionResponse::default().with_topics(topics.collect());
        Ok(Outcome { records, response })
    }

    fn alter_one(
        &self,
        broker: i32,
        topic: &TopicInfo,
        asked: &PartitionData,
        records: &mut Vec<VersionedRecord>,
    ) -> PartitionResponse {
        let Some(partition) = topic.partitions.get(&asked.partition_index) else {
            return refuse(asked, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        };
        let new_isr = new_isr(asked);
        let recovery = match self.check_alter(broker, partition, asked, &new_isr) {
            Ok(recovery) => recovery,
            Err(error) => return refuse(asked, error),
        };
        let mut builder = self.partition_change(topic, partition, |replica| self.brokers.is_active(replica));
        if self.unclean_election_enabled(&topic.name) {
            builder.election = Election::Unclean;
        }
        builder.target_isr = new_isr.iter().map(|(id, _)| *id).collect();
        builder.target_recovery_state = recovery;
        let record = builder.build(topic.id, asked.partition_index, |id| self.brokers.default_directory(id));
        let Some(record) = record else { return granted(asked, partition) };
        let MetadataRecord::PartitionChange(change) = &record.record else { unreachable!("it is a change") };
        let (changed, leader) = (partition.merge(change), change.leader);
        records.push(record);
        if leader != broker && leader != LEADER_NO_CHANGE {
            return refuse(asked, ErrorCode::NEW_LEADER_ELECTED);
        }
        granted(asked, &changed)
    }

    fn check_alter(
        &self,
        broker: i32,
        partition: &PartitionRegistration,
        asked: &PartitionData,
        new_isr: &[(i32, i64)],
    ) -> Result<LeaderRecoveryState, ErrorCode> {
        if asked.leader_epoch > partition.leader_epoch || asked.partition_epoch > partition.partition_epoch {
            return Err(ErrorCode::NOT_CONTROLLER);
        }
        if asked.leader_epoch < partition.leader_epoch {
            return Err(ErrorCode::FENCED_LEADER_EPOCH);
        }
        if broker != partition.leader {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        if asked.partition_epoch < partition.partition_epoch {
            return Err(ErrorCode::INVALID_UPDATE_VERSION);
        }
        let twice = |at: usize| new_isr[..at].iter().any(|other| other.0 == new_isr[at].0);
        let valid = (0..new_isr.len()).all(|at| !twice(at) && partition.replicas.contains(&new_isr[at].0));
        if !valid || !new_isr.iter().any(|(id, _)| *id == partition.leader) {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let recovery =
            LeaderRecoveryState::from_value(asked.leader_recovery_state).ok_or(ErrorCode::INVALID_REQUEST)?;
        let recovers = recovery == LeaderRecoveryState::Recovering;
        if recovers && (new_isr.len() > 1 || partition.leader_recovery_state == LeaderRecoveryState::Recovered) {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        if new_isr.iter().all(|(id, epoch)| self.may_be_in_sync(*id, *epoch)) {
            return Ok(recovery);
        }
        Err(ErrorCode::INELIGIBLE_REPLICA)
    }

    /// Whether a broker may be in an ISR, in the run that has this epoch (-1: whichever).
    fn may_be_in_sync(&self, id: i32, epoch: i64) -> bool {
        let broker = self.brokers.registration(id);
        broker.is_some_and(|broker| broker.is_active() && (epoch == -1 || epoch == broker.epoch))
    }
}

/// The ISR that is asked for: ids and broker epochs, which version 2 does not have.
fn new_isr(asked: &PartitionData) -> Vec<(i32, i64)> {
    let plain = asked.new_isr.iter().map(|id| (id.0, -1));
    let with_epochs = |state: &BrokerState| (state.broker_id.0, state.broker_epoch);
    plain.chain(asked.new_isr_with_epochs.iter().map(with_epochs)).collect()
}

fn refuse(asked: &PartitionData, error: ErrorCode) -> PartitionResponse {
    PartitionResponse::default().with_partition_index(asked.partition_index).with_error_code(error.0)
}

fn granted(asked: &PartitionData, partition: &PartitionRegistration) -> PartitionResponse {
    PartitionResponse::default()
        .with_partition_index(asked.partition_index)
        .with_leader_id(BrokerId(partition.leader))
        .with_leader_epoch(partition.leader_epoch)
        .with_isr(partition.isr.iter().copied().map(BrokerId).collect())
        .with_leader_recovery_state(partition.leader_recovery_state.value())
        .with_partition_epoch(partition.partition_epoch)
}
