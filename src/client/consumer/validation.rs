//! Validation of positions (KIP-320, `OffsetsForLeaderEpochUtils` and `SubscriptionState`).
//!
//! A consumer remembers the leader epoch of the last record that it handed over. When another leader comes, that leader's
//! log may lack records which the old one served, and have others at their offsets. So before it fetches from it, the
//! consumer asks where that epoch ends in the new leader's log; an end before its position is a truncation, which it
//! goes back to, or tells its application when `auto.offset.reset` is `none`.

use super::fetcher::{by_topic, name_of};
use super::subscription::FetchState;
use super::{Asked, Consumer, FetchFrom, OffsetReset, Position, topic_name};
use crate::base::{Endpoint, OrdMap, SortedMap, TopicPartition};
use crate::client::metadata::LeaderHint;
use crate::machine::{Ctx, Fact};
use crate::wire::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use crate::wire::messages::offset_for_leader_epoch_response::EpochEndOffset;
use crate::wire::messages::{FetchResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, fetch_response};
use crate::wire::{ApiKey, BrokerId, ErrorCode, RequestKind};
use std::sync::Arc;

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
        (self.state == FetchState::AwaitValidation).then_some(Doubtful { offset, epoch, leader })
    }
}

impl Consumer {
    /// Compares each position's leader with what is known now (`maybeValidatePositionForCurrentLeader`).
    pub(super) fn follow_leaders(&mut self) {
        for (tp, position) in self.subscription.iter_mut() {
            let Some(leader) = self.net.metadata().leader(&tp.topic, tp.partition) else { continue };
            let Some(offset) = position.offset.filter(|_| position.leader != Some(leader)) else { continue };
            position.leader = Some(leader);
            position.read_replica = None;
            let in_doubt = position.offset_epoch.is_some() && leader.1 >= 0;
            position.state = if in_doubt { FetchState::AwaitValidation } else { FetchState::Fetching };
            if in_doubt {
                position.buffered.clear();
                position.fetched_to = offset;
            }
        }
    }

    /// Goes by what a broker that does not lead said of the leader beside its error (KIP-951).
    pub(super) fn follow_hints(&mut self, response: &FetchResponse, wanted: &OrdMap<TopicPartition, FetchFrom>) {
        let mut hints = Vec::new();
        for topic in &response.responses {
            for answer in &topic.partitions {
                let error = ErrorCode(answer.error_code);
                let told = matches!(error, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH);
                let (leader, epoch) = (answer.current_leader.leader_id.0, answer.current_leader.leader_epoch);
                if told
                    && leader != -1
                    && epoch != -1
                    && let Some(topic) = name_of(topic, wanted)
                {
                    hints.push(LeaderHint { topic, partition: answer.partition_index, leader, epoch });
                }
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
        let waits = |p: &Position| p.doubt().is_some() && !p.asking && !p.stuck;
        let leader = |tp: &TopicPartition, _: &Position| self.net.metadata().leader(&tp.topic, tp.partition);
        let due = self.by_node(|p| waits(p) && p.not_before <= now, leader);
        self.wake_for_backoffs(waits, now);
        for (leader, partitions) in due {
            if !self.reach(leader, ctx) {
                continue;
            }
            let doubt = |(tp, _): (TopicPartition, i32)| {
                let doubtful = self.subscription.get(&tp).and_then(Position::doubt)?;
                Some((tp, doubtful))
            };
            let positions: SortedMap<TopicPartition, Doubtful> = partitions.into_iter().filter_map(doubt).collect();
            let asked = |(tp, doubtful): (&TopicPartition, &Doubtful)| {
                let partition = OffsetForLeaderPartition::default()
                    .with_partition(tp.partition)
                    .with_current_leader_epoch(doubtful.leader.1)
                    .with_leader_epoch(doubtful.epoch);
                (tp.topic.clone(), partition)
            };
            let topic = |(name, partitions): (Arc<str>, Vec<OffsetForLeaderPartition>)| {
                OffsetForLeaderTopic::default().with_topic(topic_name(&name)).with_partitions(partitions)
            };
            let topics = by_topic(positions.iter().map(asked)).into_iter().map(topic).collect();
            let tied = Asked::Validation { positions: positions.clone() };
            self.net.send(leader, ApiKey::OffsetForLeaderEpoch, Some(tied), ctx, |version| {
                let request = OffsetForLeaderEpochRequest::default().with_topics(topics);
                let request = if version >= 3 { request.with_replica_id(BrokerId(-1)) } else { request };
                RequestKind::OffsetForLeaderEpoch(request)
            });
            for tp in positions.keys() {
                self.subscription.get_mut(tp).into_iter().for_each(|position| position.asking = true);
            }
        }
    }

    pub(super) fn validated(
        &mut self,
        positions: &SortedMap<TopicPartition, Doubtful>,
        response: &OffsetForLeaderEpochResponse,
        ctx: &mut Ctx<'_>,
    ) {
        for (tp, doubtful) in positions {
            let Some(position) = self.subscription.get_mut(tp) else { continue };
            position.asking = false;
            // Another leader came meanwhile: the answer says nothing of that one's log.
            if position.doubt() != Some(*doubtful) {
                continue;
            }
            let topic = response.topics.iter().find(|topic| **topic.topic == *tp.topic);
            let answer = topic.and_then(|topic| topic.partitions.iter().find(|a| a.partition == tp.partition));
            let answer = answer.expect("a response answers every partition of its request");
            match ErrorCode(answer.error_code) {
                ErrorCode::NONE => self.complete_validation(tp, doubtful.offset, answer, ctx),
                error => self.partition_failed(tp, error, ctx),
            }
        }
    }

    /// Goes on where the position was, or where the logs part (`maybeCompleteValidation`).
    fn complete_validation(&mut self, tp: &TopicPartition, offset: i64, end: &EpochEndOffset, ctx: &mut Ctx<'_>) {
        let reset = self.config.auto_offset_reset;
        let unknown = end.end_offset < 0 || end.leader_epoch < 0;
        let Some(position) = self.subscription.get_mut(tp) else { return };
        position.failures = 0;
        if !unknown && end.end_offset >= offset {
            position.state = FetchState::Fetching;
        } else if reset == OffsetReset::None {
            position.stuck = true;
            let (epoch, offset) = (end.leader_epoch, end.end_offset);
            let divergent = match unknown {
                true => String::new(),
                false => format!("{tp}=OffsetAndMetadata{{offset={offset}, leaderEpoch={epoch}, metadata=''}}"),
            };
            let message = format!("Truncated partitions detected with divergent offsets {{{divergent}}}");
            self.partition_exception(message, ctx);
        } else if unknown {
            position.reset(reset);
        } else {
            let leader = position.leader;
            position.set(end.end_offset, None, leader);
            position.offset_epoch = Some(end.leader_epoch);
            ctx.fact(Fact::OffsetReset { partition: tp.clone(), offset: end.end_offset });
        }
    }
}
