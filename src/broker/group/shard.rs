//! The shard as a whole: its life from loading to unloading, its timers, and what may be seen of it.

use super::classic::{ClassicGroup, ClassicState};
use super::config::GroupConfig;
use super::effect::{Effect, GroupResponse, RequestToken, Turn, WriteId};
use super::member::Parked;
use super::offsets::OffsetAndMetadata;
use super::timeline::{Incarnation, Timeline};
use super::timers::{TimerKey, TimerTask, Timers};
use super::writes::{Completion, Replay, Writes};
use super::{join, sync};
use crate::base::{OrdSet, SimTime};
use crate::wire::messages::{JoinGroupResponse, SyncGroupResponse};
use crate::wire::{ErrorCode, GroupRecord, StrBytes};

/// The coordinator of the groups in one partition of `__consumer_offsets`.
#[derive(Clone, Debug)]
pub struct GroupShard {
    pub(super) config: GroupConfig,
    pub(super) timeline: Timeline,
    pub(super) writes: Writes,
    pub(super) timers: Timers,
    /// The JoinGroups and SyncGroups that have no answer yet.
    pub(super) waiting: OrdSet<RequestToken>,
}

impl GroupShard {
    /// A shard that has read nothing of its partition yet.
    pub fn new(config: GroupConfig) -> Self {
        Self {
            config,
            timeline: Timeline::default(),
            writes: Writes::default(),
            timers: Timers::default(),
            waiting: OrdSet::new(),
        }
    }

    /// Takes in the next record of the partition while the shard loads.
    pub fn replay(&mut self, record: &GroupRecord) {
        self.timeline.replay(record, None);
    }

    /// What has been replayed so far is committed: the partition's high watermark is here.
    pub fn replayed_to_high_watermark(&mut self) {
        self.timeline.all_committed();
    }

    /// The partition is read to its end: from now on the shard serves. The sessions of all members start afresh.
    ///
    /// Returns the write that stands for what was replayed after [`GroupShard::replayed_to_high_watermark`]: it is to be
    /// reported as [`committed`](GroupShard::committed) when the high watermark has passed the end of what was read.
    pub fn loaded(&mut self, turn: &mut Turn<'_>) -> WriteId {
        let loaded = self.begin_with_loaded();
        let groups: Vec<Incarnation> = self.timeline.now().groups().map(|(_, group)| group).collect();
        for group in groups {
            for member_id in self.timeline.group(group).member_ids() {
                self.schedule_heartbeat(turn, group, &member_id);
            }
            let size = self.timeline.group(group).members().len();
            if size as i64 > i64::from(self.config.max_size) {
                let id = self.timeline.group(group).group_id();
                let reason = format!(
                    "Freshly-loaded group {id} (size {size}) is over capacity {}. \
                     Rebalancing in order to give a chance for consumers to commit offsets",
                    self.config.max_size
                );
                let write = self.prepare_rebalance(turn, group, reason);
                self.append(turn, write);
            }
        }
        self.schedule_expiration(turn);
        loaded
    }

    /// The partition is led by another broker from now on: all that waits is told so. The shard ends here.
    pub fn unload(mut self, turn: &mut Turn<'_>) {
        self.fail_all_writes(turn);
        let groups: Vec<Incarnation> = self.timeline.now().groups().map(|(_, group)| group).collect();
        for group in groups {
            let state = self.timeline.group(group).state();
            for member_id in self.timeline.group(group).member_ids() {
                let members = self.timeline.group_mut(group);
                match state {
                    ClassicState::Empty => {}
                    ClassicState::PreparingRebalance => {
                        let parked = members.take_join(&member_id);
                        self.answer_join(turn, parked, join::refusal(&member_id, ErrorCode::NOT_COORDINATOR));
                    }
                    ClassicState::CompletingRebalance | ClassicState::Stable => {
                        let parked = members.take_sync(&member_id);
                        self.answer_sync(turn, parked, sync::refusal(ErrorCode::NOT_COORDINATOR));
                    }
                }
            }
        }
    }

    /// Does what is due.
    pub fn poll(&mut self, turn: &mut Turn<'_>) {
        while let Some((key, task)) = self.timers.pop_due(turn.now) {
            match key {
                TimerKey::Heartbeat(group, member) => self.expire_heartbeat(turn, &group, &member),
                TimerKey::Join(group) => self.expire_join(turn, &group, task),
                TimerKey::Sync(group) => self.expire_sync(turn, &group, task),
                TimerKey::Expiration => self.clean_up(turn),
            }
        }
        self.expire_writes(turn);
    }

    /// When it wants to be polled next.
    pub fn next_deadline(&self) -> Option<SimTime> {
        let deadlines = [self.timers.next_deadline(), self.writes.next_deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Its settings. Changes take effect with what is done next; timers that run keep their time.
    pub fn config_mut(&mut self) -> &mut GroupConfig {
        &mut self.config
    }

    /// A group, as it is.
    pub fn group(&self, group_id: &StrBytes) -> Option<&ClassicGroup> {
        self.timeline.now().group(group_id).map(|group| self.timeline.group(group))
    }

    /// All groups in the order of their ids, as they are.
    pub fn groups(&self) -> impl Iterator<Item = &ClassicGroup> {
        self.timeline.now().groups().map(|(_, group)| self.timeline.group(group))
    }

    /// The offsets that a group has committed, with those whose write is under way: topic, partition, offset.
    pub fn offsets(&self, group_id: &StrBytes) -> impl Iterator<Item = (&StrBytes, i32, &OffsetAndMetadata)> {
        let topics = self.timeline.now().offsets.of_group(group_id).into_iter().flatten();
        topics.flat_map(|(topic, partitions)| partitions.iter().map(move |(index, offset)| (topic, *index, offset)))
    }

    /// The offsets that a group has committed, as far as they are in the log for good: topic, partition, offset.
    pub fn committed_offsets(&self, group_id: &StrBytes) -> impl Iterator<Item = (&StrBytes, i32, i64)> {
        let topics = self.timeline.committed().offsets.of_group(group_id).into_iter().flatten();
        topics.flat_map(|(topic, partitions)| partitions.iter().map(move |(index, is)| (topic, *index, is.offset)))
    }

    /// How many JoinGroups and SyncGroups wait for an answer.
    pub fn waiting_requests(&self) -> usize {
        self.waiting.len()
    }

    /// Searches for expired offsets again in a while.
    pub(super) fn schedule_expiration(&mut self, turn: &Turn<'_>) {
        let interval_ms = self.config.offsets_retention_check_interval_ms;
        self.timers.schedule(TimerKey::Expiration, turn.now, interval_ms, TimerTask::Plain);
    }

    /// Deletes the offsets that have expired (KIP-211), and the groups that are left without members and offsets.
    fn clean_up(&mut self, turn: &mut Turn<'_>) {
        let groups: Vec<Incarnation> = self.timeline.now().groups().map(|(_, group)| group).collect();
        let mut records = Vec::new();
        for group in groups {
            let all_expired = self.expired_offsets(turn.now_ms(), group, &mut records);
            let group = self.timeline.group(group);
            if all_expired && group.state() == ClassicState::Empty {
                records.push(group.tombstone());
            }
        }
        self.append_records(turn, records, Replay::Now, false, Completion::Nothing);
        self.schedule_expiration(turn);
    }

    /// Answers a JoinGroup that waits. An answer to none is lost.
    pub(super) fn answer_join(&mut self, turn: &mut Turn<'_>, parked: Option<Parked>, mut response: JoinGroupResponse) {
        let Some(Parked { token, api_version }) = parked else { return };
        if self.waiting.remove(&token).is_none() {
            return;
        }
        // No protocol is null since version 7, and was an empty text before.
        response.protocol_name = match response.protocol_name {
            None if api_version < 7 => Some(StrBytes::new()),
            Some(name) if api_version >= 7 && name.is_empty() => None,
            name => name,
        };
        turn.push(Effect::Respond { request: token, response: GroupResponse::Join(response) });
    }

    /// Answers a SyncGroup that waits. An answer to none is lost.
    pub(super) fn answer_sync(&mut self, turn: &mut Turn<'_>, parked: Option<Parked>, response: SyncGroupResponse) {
        let Some(Parked { token, .. }) = parked else { return };
        if self.waiting.remove(&token).is_some() {
            turn.push(Effect::Respond { request: token, response: GroupResponse::Sync(response) });
        }
    }
}
