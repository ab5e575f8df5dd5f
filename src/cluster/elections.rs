//! ElectLeaders (KIP-460), and the elections that the controller holds by itself.
//!
//! Two tasks run again and again: every `leader.imbalance.check.interval.seconds`, with `auto.leader.rebalance.enable`,
//! partitions whose preferred leader is ready but not leading get it back; and every
//! `unclean.leader.election.interval.ms`, partitions without a leader for which `unclean.leader.election.enable` is true
//! get any replica that lives.

use super::result::{ApiError, text};
use super::{Controller, Election, Outcome, TopicInfo};
use crate::wire::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use crate::wire::messages::{ElectLeadersRequest, ElectLeadersResponse, TopicName};
use crate::wire::{ErrorCode, VersionedRecord};

/// How many partitions one round of a periodic election changes (`ReplicationControlManager.MAX_ELECTIONS_PER_…`).
const MAX_ELECTIONS_PER_ROUND: usize = 1_000;

impl Controller {
    /// ElectLeaders.
    ///
    /// # Errors
    /// INVALID_REQUEST for an election type that Kafka does not have.
    pub fn elect_leaders(&self, request: &ElectLeadersRequest) -> Result<Outcome<ElectLeadersResponse>, ApiError> {
        let election = match request.election_type {
            0 => Election::Preferred,
            1 => Election::Unclean,
            other => {
                let message = format!("Unknown election type {other}");
                return Err(ApiError::new(ErrorCode::INVALID_REQUEST, message));
            }
        };
        let mut records = Vec::new();
        let mut results = Vec::new();
        let mut result_of = |topic: &str, partitions: Vec<PartitionResult>| {
            let name = TopicName(text(topic));
            results.push(ReplicaElectionResult::default().with_topic(name).with_partition_result(partitions));
        };
        match &request.topic_partitions {
            Some(topics) => topics.iter().for_each(|asked| {
                let elect = |index: &i32| self.elect_leader(&asked.topic, *index, election, &mut records);
                result_of(&asked.topic, asked.partitions.iter().map(elect).collect());
            }),
            // Of all partitions, those are left out that have nothing to elect.
            None => self.topics.iter_by_name().for_each(|topic| {
                let elect = |index: &i32| self.elect_leader(&topic.name, *index, election, &mut records);
                let elected = topic.partitions.keys().map(elect);
                let needed = elected.filter(|result| result.error_code != ErrorCode::ELECTION_NOT_NEEDED.0);
                result_of(&topic.name, needed.collect());
            }),
        }
        let response = ElectLeadersResponse::default().with_replica_election_results(results);
        Ok(Outcome { records, response })
    }

    fn elect_leader(
        &self,
        topic: &str,
        index: i32,
        election: Election,
        records: &mut Vec<VersionedRecord>,
    ) -> PartitionResult {
        let result = PartitionResult::default().with_partition_id(index);
        match self.try_election(topic, index, election) {
            Ok(record) => {
                records.push(record);
                result.with_error_message(None)
            }
            Err(refused) => result.with_error_code(refused.error.0).with_error_message(refused.text()),
        }
    }

    fn try_election(&self, name: &str, index: i32, election: Election) -> Result<VersionedRecord, ApiError> {
        let unknown = |message: String| ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message);
        let topic = self.topics.by_name(name).ok_or_else(|| unknown(format!("No such topic as {name}")))?;
        let partition = topic.partitions.get(&index);
        let partition = partition.ok_or_else(|| unknown(format!("No such partition as {name}-{index}")))?;
        let with_default = |error: ErrorCode| ApiError::new(error, error.message());
        let (not_needed, unavailable) = match election {
            Election::Preferred => (partition.has_preferred_leader(), ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE),
            _ => (partition.has_leader(), ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE),
        };
        if not_needed {
            return Err(with_default(ErrorCode::ELECTION_NOT_NEEDED));
        }
        self.election_record(topic, index, election).ok_or_else(|| with_default(unavailable))
    }

    fn election_record(&self, topic: &TopicInfo, index: i32, election: Election) -> Option<VersionedRecord> {
        let partition = &topic.partitions[&index];
        let mut builder = self.partition_change(topic, partition, |replica| self.brokers.is_active(replica));
        builder.election = election;
        builder.build(topic.id, index, |id| self.brokers.default_directory(id))
    }

    /// Gives partitions back to their preferred leaders; `true` when there are more than one round takes.
    pub fn maybe_balance_partition_leaders(&self) -> Outcome<bool> {
        self.elect_all(Election::Preferred, |_, partition| !partition.has_preferred_leader())
    }

    /// Elects any living replica where there is no leader and the topic allows it; `true` when there are more than one
    /// round takes.
    pub fn maybe_elect_unclean_leaders(&self) -> Outcome<bool> {
        self.elect_all(Election::Unclean, |topic, partition| {
            !partition.has_leader() && self.unclean_election_enabled(&topic.name)
        })
    }

    /// Whether some partition is not led by its preferred leader.
    pub fn any_partition_imbalanced(&self) -> bool {
        self.topics.iter().any(|topic| topic.partitions.values().any(|partition| !partition.has_preferred_leader()))
    }

    fn elect_all(
        &self,
        election: Election,
        wanted: impl Fn(&TopicInfo, &super::PartitionRegistration) -> bool,
    ) -> Outcome<bool> {
        let mut records = Vec::new();
        for topic in self.topics.iter() {
            for (&index, _) in topic.partitions.iter().filter(|(_, partition)| wanted(topic, partition)) {
                if records.len() == MAX_ELECTIONS_PER_ROUND {
                    return Outcome { records, response: true };
                }
                records.extend(self.election_record(topic, index, election));
            }
        }
        Outcome { records, response: false }
    }
}
