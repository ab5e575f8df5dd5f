//! Validation of positions (KIP-320, `OffsetsForLeaderEpochUtils` and `SubscriptionState`).
//!
//! A consumer remembers the leader epoch of the last record that it handed over. When another leader comes, that leader's
//! log may lack records which the old one served, and have others at their offsets. So before it fetches from it, the
//! consumer asks where that epoch ends in the new leader's log; an end before its position is a truncation, which it
//! goes back to, or tells its application when `auto.offset.reset` is `none`.

use super::{Asked, Consumer, OffsetReset, Position};
use crate::base::{Endpoint, TopicPartition};
use crate::client::metadata::LeaderHint;
use crate::machine::{Ctx, Fact};
use crate::wire::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use crate::wire::messages::offset_for_leader_epoch_response::EpochEndOffset;
use crate::wire::messages::{FetchResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, fetch_response};
use crate::wire::{ApiKey, BrokerId, ErrorCode, RequestKind};
use std::collections::BTreeMap;

/// A position as it was when its validation was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubtful {
    offset: i64,
    epoch: i32,
    leader: (i32, i32),
}

impl Position {
    /// What is to be validated, if the position is in doubt.
    fn doubt(&self) -> Option<Doubtful> {
        let (offset, epoch, leader) = (self.offset?, self.offset_epoch?, self.leader?);
        self.in_doubt.then_some(Doubtful { offset, epoch, leader })
    }
}

impl Consumer {
    /// Compares each position's leader with what is known now (`maybeValidatePositionForCurrentLeader`).
    pub(super) fn follow_leaders(&mut self) {
        for (index, position) in &mut self.partitions {
            let Some(leader) = self.net.metadata().leader(&self.topic, *index) else { continue };
            if position.offset.is_none() || position.leader == Some(leader) {
                continue;
            }
            position.leader = Some(leader);
            position.read_replica = None;
            position.in_doubt = position.offset_epoch.is_some() && leader.1 >= 0;
            if position.in_doubt {
                position.buffered.clear();
                position.fetched_to = position.offset.expect("just looked at");
            }
        }
    }

    /// Goes by what a broker that does not lead said of the leader beside its error (KIP-951).
    pub(super) fn follow_hints(&mut self, response: &FetchResponse) {
        let mut hints = Vec::new();
        for answer in response.responses.iter().flat_map(|topic| &topic.partitions) {
            let error = ErrorCode(answer.error_code);
            let told = matches!(error, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH);
            let (leader, epoch) = (answer.current_leader.leader_id.0, answer.current_leader.leader_epoch);
            if told && leader != -1 && epoch != -1 {
                hints.push(LeaderHint { topic: self.topic.clone(), partition: answer.partition_index, leader, epoch });
            }
        }
        if !hints.is_empty() {
            let node = |node: &fetch_response::NodeEndpoint| {
                (node.node_id.0, Endpoint { host: (*node.host).into(), port: node.port as u16 })
            };
            self.net.follow(hints, response.node_endpoints.iter().map(node).collect());
            self.follow_leaders();
        }
    }

    /// Asks the leaders where the epochs of doubtful positions end.
    pub(super) fn validate(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        let due = |p: &Position| p.doubt().is_some() && !p.validating && !p.stuck && p.not_before <= now;
        for (leader, partitions) in self.by_leader(due) {
            if !self.net.ready(leader, ctx) {
                continue;
            }
            let doubt = |(index, _): &(i32, i32)| (*index, self.partitions[index].doubt().expect("it is due"));
            let positions: BTreeMap<i32, Doubtful> = partitions.iter().map(doubt).collect();
            let asked = |(index, doubtful): (&i32, &Doubtful)| {
                OffsetForLeaderPartition::default()
                    .with_partition(*index)
                    .with_current_leader_epoch(doubtful.leader.1)
                    .with_leader_epoch(doubtful.epoch)
            };
            let topic = OffsetForLeaderTopic::default()
                .with_topic(self.topic_name())
                .with_partitions(positions.iter().map(asked).collect());
            let tied = Asked::Validation { positions: positions.clone() };
            self.net.send(leader, ApiKey::OffsetForLeaderEpoch, Some(tied), ctx, |version| {
                let request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
                let request = if version >= 3 { request.with_replica_id(BrokerId(-1)) } else { request };
                RequestKind::OffsetForLeaderEpoch(request)
            });
            for index in positions.keys() {
                self.position(*index).validating = true;
            }
        }
    }

    pub(super) fn validated(
        &mut self,
        positions: &BTreeMap<i32, Doubtful>,
        response: &OffsetForLeaderEpochResponse,
        ctx: &mut Ctx<'_>,
    ) {
        let answers: Vec<_> = response.topics.iter().flat_map(|topic| &topic.partitions).collect();
        for (index, doubtful) in positions {
            let position = self.position(*index);
            position.validating = false;
            // Another leader came meanwhile: the answer says nothing of that one's log.
            if position.doubt() != Some(*doubtful) {
                continue;
            }
            let answer = answers.iter().find(|answer| answer.partition == *index);
            let answer = answer.expect("a response answers every partition of its request");
            match ErrorCode(answer.error_code) {
                ErrorCode::NONE => self.complete_validation(*index, doubtful.offset, answer, ctx),
                error => self.partition_failed(*index, error, ctx),
            }
        }
    }

    /// Goes on where the position was, or where the logs part (`maybeCompleteValidation`).
    fn complete_validation(&mut self, index: i32, offset: i64, end: &EpochEndOffset, ctx: &mut Ctx<'_>) {
        let resets = self.config.auto_offset_reset != OffsetReset::None;
        let unknown = end.end_offset < 0 || end.leader_epoch < 0;
        let partition = TopicPartition::new(self.topic.clone(), index);
        let position = self.position(index);
        position.failures = 0;
        if !unknown && end.end_offset >= offset {
            position.in_doubt = false;
        } else if !resets {
            position.stuck = true;
            let message = match unknown {
                true => format!("Truncated partitions detected with unknown divergent offset for {partition}"),
                false => format!(
                    "Truncated partitions detected with divergent offsets {{{partition}=OffsetAndMetadata{{\
                     offset={}, leaderEpoch={}, metadata=''}}}}",
                    end.end_offset, end.leader_epoch
                ),
            };
            ctx.fact(Fact::ClientError { message });
        } else if unknown {
            position.in_doubt = false;
            position.offset = None;
            position.offset_epoch = None;
        } else {
            position.in_doubt = false;
            position.offset = Some(end.end_offset);
            position.offset_epoch = Some(end.leader_epoch);
            position.fetched_to = end.end_offset;
            ctx.fact(Fact::OffsetReset { partition, offset: end.end_offset });
        }
    }
}
