//! A partition as one of its brokers has it (`kafka.cluster.Partition`): what the broker knows of it from the metadata
//! log, and if it leads, how far the followers are and what the ISR is.
//!
//! The ISR is a promise in both directions. A leader may treat a replica as in sync only when the controller has
//! written so, and must go on waiting for one until the controller has taken it out. So a change of the ISR is first
//! *pending*: while a follower is being added, the leader already waits for it (the *maximal* ISR); while one is being
//! removed, it still does (KIP-497).

use super::config::TopicConfig;
use crate::base::{OrdMap, SimDuration, SimTime, Slots, SortedMap, TopicPartition};
use crate::cluster::PartitionRegistration;
use crate::storage::{Log, LogId};
use std::ops::Index;
use std::sync::Arc;
use uuid::Uuid;

/// A partition of which the broker has a replica.
#[derive(Clone, Debug)]
pub struct Partition {
    /// Its topic's id.
    pub topic_id: Uuid,
    /// What the metadata log says, as of the last record that the broker has taken in.
    pub metadata: Arc<PartitionRegistration>,
    /// The topic's configs.
    pub config: Arc<TopicConfig>,
    /// Its log on the broker's disk.
    pub log: LogId,
    /// What the broker is in it.
    pub role: PartitionRole,
}

/// The partitions of which a broker has a replica, by name, and by log without a search.
#[derive(Clone, Debug, Default)]
pub(super) struct Partitions {
    logs: OrdMap<TopicPartition, LogId>,
    by_log: Slots<Arc<Partition>>,
}

impl Partitions {
    pub(super) fn log(&self, tp: &TopicPartition) -> Option<LogId> {
        self.logs.get(tp).copied()
    }

    pub(super) fn get(&self, tp: &TopicPartition) -> Option<&Partition> {
        self.by_log(self.log(tp)?)
    }

    pub(super) fn by_log(&self, log: LogId) -> Option<&Partition> {
        self.by_log.get(log.index()).map(|partition| &**partition)
    }

    pub(super) fn get_mut(&mut self, tp: &TopicPartition) -> Option<&mut Partition> {
        let log = self.log(tp)?;
        self.by_log.get_mut(log.index()).map(Arc::make_mut)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TopicPartition, &Partition)> {
        self.logs.iter().filter_map(|(tp, log)| Some((tp, self.by_log(*log)?)))
    }

    pub(super) fn insert(&mut self, tp: TopicPartition, partition: Partition) {
        self.logs.insert(tp, partition.log);
        self.by_log.insert(partition.log.index(), Arc::new(partition));
    }

    pub(super) fn remove(&mut self, tp: &TopicPartition) {
        if let Some(log) = self.logs.remove(tp) {
            self.by_log.remove(log.index());
        }
    }
}

impl Index<&TopicPartition> for Partitions {
    type Output = Partition;

    fn index(&self, tp: &TopicPartition) -> &Partition {
        self.get(tp).expect("a partition that is there")
    }
}

/// What a broker is in a partition.
#[derive(Clone, Debug)]
pub enum PartitionRole {
    /// It leads.
    Leader(Box<Leader>),
    /// It follows, or there is nobody to follow.
    Follower,
}

/// What a leader knows.
#[derive(Clone, Debug)]
pub struct Leader {
    /// Offset of the first record of its epoch.
    pub epoch_start_offset: i64,
    /// The ISR as it asked the controller to make it, until the answer comes.
    pub pending_isr: Option<Vec<i32>>,
    /// The followers by broker id.
    pub followers: SortedMap<i32, FollowerState>,
}

/// How far a follower is, by its fetches (`Replica`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerState {
    /// It asked for this offset last, so it has all before; -1 before its first fetch.
    pub log_end_offset: i64,
    /// Where its log begins.
    pub log_start_offset: i64,
    /// When it was last known to have had all of the leader's log.
    pub last_caught_up: Option<SimTime>,
    /// When its last fetch came.
    last_fetch: Option<SimTime>,
    /// The leader's log end then.
    last_fetch_leader_log_end_offset: i64,
    /// The broker epoch that its fetches carry; -1 from a broker that does not say (before KIP-903).
    pub broker_epoch: Option<i64>,
}

impl FollowerState {
    /// A follower that this leader has not heard of; one of the ISR counts as caught up now.
    fn new(in_sync: bool, now: SimTime) -> Self {
        Self {
            log_end_offset: -1,
            log_start_offset: -1,
            last_caught_up: in_sync.then_some(now),
            last_fetch: None,
            last_fetch_leader_log_end_offset: 0,
            broker_epoch: None,
        }
    }

    /// Whether it has all of the leader's log, or had within `lag_time_max`.
    pub fn is_caught_up(&self, leader_log_end_offset: i64, now: SimTime, lag_time_max: SimDuration) -> bool {
        self.log_end_offset == leader_log_end_offset || self.last_caught_up.is_some_and(|at| now <= at + lag_time_max)
    }

    /// Takes in a fetch from `offset`.
    fn fetched(&mut self, offset: i64, start: i64, leader_log_end_offset: i64, now: SimTime, broker_epoch: i64) {
        if offset >= leader_log_end_offset {
            self.last_caught_up = self.last_caught_up.max(Some(now));
        } else if offset >= self.last_fetch_leader_log_end_offset {
            // It has now all that there was at its fetch before.
            self.last_caught_up = self.last_caught_up.max(self.last_fetch);
        }
        self.log_start_offset = start;
        self.log_end_offset = offset;
        self.last_fetch_leader_log_end_offset = leader_log_end_offset.max(self.last_fetch_leader_log_end_offset);
        self.last_fetch = Some(now);
        self.broker_epoch = Some(broker_epoch);
    }
}

/// What a leader needs to know beside the partition itself.
pub struct Surroundings<'a> {
    /// The broker.
    pub broker: i32,
    /// The clock.
    pub now: SimTime,
    /// `replica.lag.time.max.ms`.
    pub lag_time_max: SimDuration,
    /// Whether a broker with this epoch may be in an ISR: in service, not shutting down, and that very incarnation.
    pub is_eligible: &'a dyn Fn(i32, Option<i64>) -> bool,
}

impl Partition {
    /// A replica that is new to the broker.
    pub fn new(topic_id: Uuid, metadata: Arc<PartitionRegistration>, config: Arc<TopicConfig>, log: LogId) -> Self {
        Self { topic_id, metadata, config, log, role: PartitionRole::Follower }
    }

    /// The leader's side, if the broker leads.
    pub fn leader(&self) -> Option<&Leader> {
        match &self.role {
            PartitionRole::Leader(leader) => Some(&**leader),
            PartitionRole::Follower => None,
        }
    }

    fn leader_mut(&mut self) -> Option<&mut Leader> {
        match &mut self.role {
            PartitionRole::Leader(leader) => Some(leader),
            PartitionRole::Follower => None,
        }
    }

    /// Leads from now on, or goes on leading with other metadata (`makeLeader`); whether its epoch is new.
    pub fn make_leader(
        &mut self,
        broker: i32,
        metadata: Arc<PartitionRegistration>,
        log: &mut Log,
        now: SimTime,
    ) -> bool {
        let is_new_epoch = self.leader().is_none() || metadata.leader_epoch > self.metadata.leader_epoch;
        if is_new_epoch {
            log.begin_leader_epoch(metadata.leader_epoch);
            let followers = metadata.replicas.iter().filter(|replica| **replica != broker);
            let state = |replica: &i32| (*replica, FollowerState::new(metadata.isr.contains(replica), now));
            let mut followers: SortedMap<i32, FollowerState> = followers.map(state).collect();
            followers.shrink_to_fit();
            let epoch_start_offset = log.log_end_offset();
            self.role = PartitionRole::Leader(Box::new(Leader { epoch_start_offset, pending_isr: None, followers }));
        } else {
            let leader = self.leader_mut().expect("it leads already");
            leader.pending_isr = None;
            let known = std::mem::take(&mut leader.followers);
            let new = |replica: &i32| FollowerState::new(metadata.isr.contains(replica), now);
            let state = |replica: &i32| (*replica, known.get(replica).copied().unwrap_or_else(|| new(replica)));
            leader.followers = metadata.replicas.iter().filter(|replica| **replica != broker).map(state).collect();
        }
        self.metadata = metadata;
        is_new_epoch
    }

    /// Follows from now on (`makeFollower`); whether the epoch is new, so that fetching begins anew.
    pub fn make_follower(&mut self, metadata: Arc<PartitionRegistration>, is_new: bool) -> bool {
        let is_new_epoch = is_new || metadata.leader_epoch > self.metadata.leader_epoch;
        self.role = PartitionRole::Follower;
        self.metadata = metadata;
        is_new_epoch
    }

    /// The replicas that the high watermark waits for: the ISR, with what is being added to it.
    pub fn maximal_isr(&self) -> impl Iterator<Item = i32> {
        let pending = self.leader().and_then(|leader| leader.pending_isr.as_deref()).unwrap_or_default();
        let isr = &self.metadata.isr;
        isr.iter().copied().chain(pending.iter().copied().filter(|replica| !isr.contains(replica)))
    }

    /// Whether the ISR is smaller than `min.insync.replicas`, or than all replicas if those are fewer.
    pub fn is_under_min_isr(&self) -> bool {
        self.metadata.isr.len() < self.config.min_insync_replicas.min(self.metadata.replicas.len())
    }

    /// Takes in a follower's fetch; whether its log end is another one than before, which alone may move the high
    /// watermark (`updateFollowerFetchState`).
    pub fn follower_fetched(
        &mut self,
        replica: i32,
        offset: i64,
        start: i64,
        broker_epoch: i64,
        log_end_offset: i64,
        now: SimTime,
    ) -> bool {
        let Some(leader) = self.leader_mut() else { return false };
        let Some(follower) = leader.followers.get_mut(&replica) else { return false };
        let before = follower.log_end_offset;
        follower.fetched(offset, start, log_end_offset, now, broker_epoch);
        before != offset
    }

    /// Takes in that a follower that had all there is fetched again and again, at last then.
    pub fn follower_fetched_again(&mut self, replica: i32, at: SimTime) {
        let follower = self.leader_mut().and_then(|leader| leader.followers.get_mut(&replica));
        if let Some(follower) = follower {
            follower.last_caught_up = follower.last_caught_up.max(Some(at));
            follower.last_fetch = Some(at);
        }
    }

    /// The ISR with `replica` in it, if that is what to ask the controller for (`maybeExpandIsr`): it is not in it, it
    /// has all that is committed and something of this epoch's start, and it is eligible.
    pub fn expanded_isr(&self, replica: i32, log: &Log, around: &Surroundings<'_>) -> Option<Vec<i32>> {
        let leader = self.leader().filter(|leader| leader.pending_isr.is_none())?;
        let follower = leader.followers.get(&replica)?;
        let in_sync =
            follower.log_end_offset >= log.high_watermark() && follower.log_end_offset >= leader.epoch_start_offset;
        if self.metadata.isr.contains(&replica) || !in_sync || !(around.is_eligible)(replica, follower.broker_epoch) {
            return None;
        }
        let mut isr = self.metadata.isr.clone();
        isr.push(replica);
        Some(isr)
    }

    /// The ISR without those that have fallen behind, if there are any (`maybeShrinkIsr`).
    pub fn shrunk_isr(&self, log: &Log, around: &Surroundings<'_>) -> Option<Vec<i32>> {
        let leader = self.leader().filter(|leader| leader.pending_isr.is_none())?;
        let keeps_up = |replica: &&i32| {
            let follower = leader.followers.get(*replica);
            let caught_up = |f: &FollowerState| f.is_caught_up(log.log_end_offset(), around.now, around.lag_time_max);
            **replica == around.broker || follower.is_some_and(caught_up)
        };
        let isr: Vec<i32> = self.metadata.isr.iter().filter(keeps_up).copied().collect();
        (isr.len() < self.metadata.isr.len()).then_some(isr)
    }

    /// Notes what the controller is asked to make the ISR.
    pub fn set_pending_isr(&mut self, isr: Option<Vec<i32>>) {
        if let Some(leader) = self.leader_mut() {
            leader.pending_isr = isr;
        }
    }

    /// Where the high watermark may be now (`maybeIncrementLeaderHW`): at the smallest log end among the leader, the
    /// maximal ISR, and those that have caught up and wait to be added. It stands still below `min.insync.replicas`
    /// (KIP-966).
    pub fn new_high_watermark(&self, log: &Log, around: &Surroundings<'_>) -> Option<i64> {
        let leader = self.leader()?;
        if self.is_under_min_isr() {
            return None;
        }
        let end = log.log_end_offset();
        let mut high_watermark = end;
        for (replica, follower) in leader.followers.iter() {
            let waits = || {
                self.maximal_isr().any(|in_sync| in_sync == *replica)
                    || (follower.is_caught_up(end, around.now, around.lag_time_max)
                        && (around.is_eligible)(*replica, follower.broker_epoch))
            };
            if follower.log_end_offset < high_watermark && waits() {
                high_watermark = follower.log_end_offset;
            }
        }
        (high_watermark > log.high_watermark()).then_some(high_watermark)
    }
}
