//! Positions that are not known from earlier polls: looked up by `auto.offset.reset`, or set by `seek` (`OffsetFetcher`).

use super::application::SeekTo;
use super::fetcher::by_topic;
use super::subscription::FetchState;
use super::{Asked, Consumer, OffsetReset, Position, topic_name};
use crate::base::{SimDuration, SortedMap, SortedSet, TopicPartition};
use crate::machine::{Ctx, Fact};
use crate::wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use crate::wire::messages::{ListOffsetsRequest, ListOffsetsResponse};
use crate::wire::{ApiKey, BrokerId, ErrorCode, RequestKind};
use std::sync::Arc;

impl Consumer {
    /// Partitions for which nothing is committed are reset; without a policy there is nothing to do but to tell the
    /// application (`resetInitializingPositions`).
    pub(super) fn reset_initializing(&mut self, ctx: &mut Ctx<'_>) {
        let reset = self.config.auto_offset_reset;
        let initializing = |position: &Position| position.state == FetchState::Initializing && !position.stuck;
        let mut without = Vec::new();
        for (tp, position) in self.subscription.iter_mut().filter(|(_, position)| initializing(position)) {
            match reset {
                OffsetReset::None => {
                    position.stuck = true;
                    without.push(tp.to_string());
                }
                reset => position.reset(reset),
            }
        }
        for tp in without {
            let message = format!("Undefined offset with no reset policy for partitions: [{tp}]");
            self.partition_exception(message, ctx);
        }
    }

    /// Asks where the partitions without a position start.
    pub(super) fn look_up(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        let awaits = |p: &Position| matches!(p.state, FetchState::AwaitReset(_)) && !p.asking && !p.stuck;
        let leader = |tp: &TopicPartition, _: &Position| self.net.metadata().leader(&tp.topic, tp.partition);
        let due = self.by_node(|p| awaits(p) && p.not_before <= now, leader);
        self.wake_for_backoffs(awaits, now);
        for (leader, partitions) in due {
            if !self.reach(leader, ctx) {
                continue;
            }
            // Kafka sends one request a leader; strategies differ only after a seek.
            let mut by_reset: Vec<(OffsetReset, SortedMap<TopicPartition, i32>)> = Vec::new();
            for (tp, epoch) in partitions {
                let Some(FetchState::AwaitReset(reset)) = self.subscription.get(&tp).map(|p| p.state) else { continue };
                match by_reset.iter_mut().find(|(known, _)| *known == reset) {
                    Some((_, all)) => drop(all.insert(tp, epoch)),
                    None => by_reset.push((reset, SortedMap::from([(tp, epoch)]))),
                }
            }
            for (reset, partitions) in by_reset {
                if self.net.can_send(leader) {
                    self.send_list_offsets(leader, reset, &partitions, ctx);
                }
            }
        }
    }

    fn send_list_offsets(
        &mut self,
        leader: i32,
        reset: OffsetReset,
        partitions: &SortedMap<TopicPartition, i32>,
        ctx: &mut Ctx<'_>,
    ) {
        let timestamp = match reset {
            OffsetReset::Earliest => -2,
            OffsetReset::Latest | OffsetReset::None => -1,
            OffsetReset::ByDuration(SimDuration(us)) => ctx.wall_clock_ms() - (us / 1_000) as i64,
        };
        let asked = |(tp, epoch): (&TopicPartition, &i32)| {
            let partition = ListOffsetsPartition::default()
                .with_partition_index(tp.partition)
                .with_current_leader_epoch(*epoch)
                .with_timestamp(timestamp);
            (tp.topic.clone(), partition)
        };
        let topic = |(name, partitions): (Arc<str>, Vec<ListOffsetsPartition>)| {
            ListOffsetsTopic::default().with_name(topic_name(&name)).with_partitions(partitions)
        };
        let topics = by_topic(partitions.iter().map(asked)).into_iter().map(topic).collect();
        let timeout_ms = self.config.common.request_timeout.as_millis() as i32;
        let isolation = i8::from(self.config.read_committed);
        let tied = Asked::Offsets { partitions: partitions.keys().cloned().collect(), reset };
        self.net.send(leader, ApiKey::ListOffsets, Some(tied), ctx, |version| {
            let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(topics);
            let request = if version >= 2 { request.with_isolation_level(isolation) } else { request };
            RequestKind::ListOffsets(if version >= 10 { request.with_timeout_ms(timeout_ms) } else { request })
        });
        let patience = ctx.now() + self.config.common.request_timeout;
        for tp in partitions.keys() {
            let position = self.subscription.get_mut(tp).expect("it was asked about");
            (position.asking, position.not_before) = (true, patience);
        }
    }

    pub(super) fn looked_up(
        &mut self,
        partitions: &SortedSet<TopicPartition>,
        reset: OffsetReset,
        response: &ListOffsetsResponse,
        ctx: &mut Ctx<'_>,
    ) {
        for tp in partitions {
            let Some(position) = self.subscription.get_mut(tp) else { continue };
            // A seek came in between, or the partition came back with another state.
            if position.state != FetchState::AwaitReset(reset) {
                continue;
            }
            position.asking = false;
            let topic = response.topics.iter().find(|topic| **topic.name == *tp.topic);
            let answer = topic.and_then(|topic| topic.partitions.iter().find(|a| a.partition_index == tp.partition));
            let answer = answer.expect("a response answers every partition of its request");
            match ErrorCode(answer.error_code) {
                // No record is as young as that: it is asked again when an answer would be late.
                ErrorCode::NONE if answer.offset < 0 => {}
                ErrorCode::NONE => self.position_set(tp, answer.offset, ctx),
                error => self.partition_failed(tp, error, ctx),
            }
        }
    }

    /// A position that needs no validation: a leader looked it up just now, or the application chose it.
    fn position_set(&mut self, tp: &TopicPartition, offset: i64, ctx: &mut Ctx<'_>) {
        let leader = self.net.metadata().leader(&tp.topic, tp.partition);
        if let Some(position) = self.subscription.get_mut(tp) {
            position.set(offset, None, leader);
            ctx.fact(Fact::OffsetReset { partition: tp.clone(), offset });
        }
    }

    /// `seek`: what was fetched and not handed over is dropped.
    pub(super) fn seek(&mut self, tp: &TopicPartition, to: SeekTo, ctx: &mut Ctx<'_>) {
        match to {
            SeekTo::Offset(offset) => self.position_set(tp, offset, ctx),
            SeekTo::Beginning => self.subscription.get_mut(tp).into_iter().for_each(|p| p.reset(OffsetReset::Earliest)),
            SeekTo::End => self.subscription.get_mut(tp).into_iter().for_each(|p| p.reset(OffsetReset::Latest)),
        }
    }
}
