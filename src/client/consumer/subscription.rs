//! What a consumer reads, and where it is in each partition (`SubscriptionState`).

use super::{ConsumerConfig, OffsetReset};
use crate::base::{SimTime, SortedMap, SortedSet, TopicPartition};
use crate::client::metadata::Metadata;
use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// What an application asks its consumer to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reads {
    /// Every partition of these topics, without a group.
    All(Vec<String>),
    /// `subscribe(topics)`: the group decides which partitions.
    Topics(Vec<String>),
    /// `subscribe(pattern)`: of all topics whose whole name matches.
    Pattern(String),
    /// `assign(partitions)`.
    Partitions(Vec<TopicPartition>),
}

/// What of the log a partition's position is waiting for, if anything (`SubscriptionState.FetchStates`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchState {
    /// It has no position: a committed offset is looked for.
    Initializing,
    /// Its position is being looked up.
    AwaitReset(OffsetReset),
    /// Another leader came: the position has to be validated first (KIP-320).
    AwaitValidation,
    /// It has a position to fetch from.
    Fetching,
}

/// A record that was fetched and not handed over yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buffered {
    pub(super) offset: i64,
    pub(super) epoch: i32,
    pub(super) poison: bool,
}

/// Where a consumer is in one partition.
#[derive(Clone, Debug)]
pub(super) struct Position {
    pub(super) state: FetchState,
    /// Offset of the next record to hand over; none until it is looked up.
    pub(super) offset: Option<i64>,
    /// Leader epoch of the last record handed over, or of the committed offset; none before there is any, or after a
    /// lookup.
    pub(super) offset_epoch: Option<i32>,
    /// The leader and its epoch for which the position holds, or is being validated (`FetchPosition.currentLeader`).
    pub(super) leader: Option<(i32, i32)>,
    /// A lookup or a validation is under way.
    pub(super) asking: bool,
    /// The replica that the leader told to read from instead, and until when (KIP-392).
    pub(super) read_replica: Option<(i32, SimTime)>,
    /// Records that were fetched and not handed over yet.
    pub(super) buffered: VecDeque<Buffered>,
    /// Where the next fetch begins: after all that is buffered.
    pub(super) fetched_to: i64,
    pub(super) not_before: SimTime,
    pub(super) failures: u32,
    /// The application does not want to be given anything of it for now.
    pub(super) paused: bool,
    /// It will be revoked as soon as its offset is committed: nothing more is handed over.
    pub(super) pending_revocation: bool,
    /// The application was told that it cannot go on here.
    pub(super) stuck: bool,
}

impl Default for Position {
    fn default() -> Self {
        Self {
            state: FetchState::Initializing,
            offset: None,
            offset_epoch: None,
            leader: None,
            asking: false,
            read_replica: None,
            buffered: VecDeque::new(),
            fetched_to: 0,
            not_before: SimTime::ZERO,
            failures: 0,
            paused: false,
            pending_revocation: false,
            stuck: false,
        }
    }
}

impl Position {
    /// Goes on from an offset; `epoch` is that of the record before it, `leader` who leads now.
    pub(super) fn set(&mut self, offset: i64, epoch: Option<i32>, leader: Option<(i32, i32)>) {
        self.offset = Some(offset);
        self.offset_epoch = epoch;
        self.leader = leader;
        self.fetched_to = offset;
        self.buffered.clear();
        self.failures = 0;
        self.not_before = SimTime::ZERO;
        self.asking = false;
        self.stuck = false;
        let in_doubt = epoch.is_some() && leader.is_some_and(|(_, epoch)| epoch >= 0);
        self.state = if in_doubt { FetchState::AwaitValidation } else { FetchState::Fetching };
    }

    /// Gives its position up; it is looked up anew.
    pub(super) fn reset(&mut self, to: OffsetReset) {
        self.state = FetchState::AwaitReset(to);
        self.offset = None;
        self.offset_epoch = None;
        self.buffered.clear();
        self.asking = false;
        self.stuck = false;
        self.not_before = SimTime::ZERO;
    }

    /// Whether records of it may be fetched and handed over.
    pub(super) fn is_fetchable(&self) -> bool {
        self.state == FetchState::Fetching && !self.paused && !self.pending_revocation && !self.stuck
    }
}

/// What is read, and where.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) reads: Option<Reads>,
    pattern: Option<Regex>,
    /// The topics subscribed to.
    pub(super) topics: SortedSet<Arc<str>>,
    partitions: SortedMap<TopicPartition, Position>,
}

/// A pattern as `Matcher.matches` takes it: the whole name.
///
/// # Errors
/// What is wrong with it.
pub fn compile_pattern(pattern: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| error.to_string())
}

impl Subscription {
    pub(super) fn new(reads: Reads) -> Self {
        let (mut topics, mut pattern, mut partitions) = (SortedSet::new(), None, SortedMap::new());
        match &reads {
            Reads::All(names) | Reads::Topics(names) => {
                topics = names.iter().map(|name| name.as_str().into()).collect()
            }
            Reads::Pattern(text) => pattern = Some(compile_pattern(text).expect("it was compiled when it was read")),
            Reads::Partitions(all) => {
                topics = all.iter().map(|tp| tp.topic.clone()).collect();
                partitions = all.iter().map(|tp| (tp.clone(), Position::default())).collect();
            }
        }
        Self { reads: Some(reads), pattern, topics, partitions }
    }

    /// Whether a group decides which partitions are read (`hasAutoAssignedPartitions`).
    pub(super) fn is_by_group(&self) -> bool {
        matches!(self.reads, Some(Reads::Topics(_) | Reads::Pattern(_)))
    }

    pub(super) fn is_pattern(&self) -> bool {
        self.pattern.is_some()
    }

    /// Takes in new metadata: topics that match, partitions that were added.
    pub(super) fn learn(&mut self, metadata: &Metadata, config: &ConsumerConfig) {
        if let Some(pattern) = &self.pattern {
            let shown = |(name, internal): (&Arc<str>, bool)| {
                (!(internal && config.exclude_internal_topics) && pattern.is_match(name)).then(|| name.clone())
            };
            self.topics = metadata.topic_names().filter_map(shown).collect();
        }
        if matches!(self.reads, Some(Reads::All(_))) {
            for topic in &self.topics {
                let count = metadata.topic(topic).map_or(0, |topic| topic.partitions.len());
                for index in 0..count as i32 {
                    self.partitions.entry(TopicPartition::new(topic.clone(), index)).or_default();
                }
            }
        }
    }

    /// The assignment is this now; partitions that stay keep their positions (`assignFromSubscribed`).
    pub(super) fn assign(&mut self, assigned: &SortedSet<TopicPartition>) {
        self.partitions.retain(|tp, _| assigned.contains(tp));
        for tp in assigned {
            self.partitions.entry(tp.clone()).or_default().pending_revocation = false;
        }
    }

    /// Nothing is read any more.
    pub(super) fn clear(&mut self) {
        *self = Self { reads: None, pattern: None, topics: SortedSet::new(), partitions: SortedMap::new() };
    }

    /// Whether every partition has a position that is in no doubt (`hasAllFetchPositions`).
    pub(super) fn has_all_positions(&self) -> bool {
        self.partitions.values().all(|position| position.state == FetchState::Fetching)
    }

    pub(super) fn assigned(&self) -> SortedSet<TopicPartition> {
        self.partitions.keys().cloned().collect()
    }

    pub(super) fn get(&self, tp: &TopicPartition) -> Option<&Position> {
        self.partitions.get(tp)
    }

    pub(super) fn get_mut(&mut self, tp: &TopicPartition) -> Option<&mut Position> {
        self.partitions.get_mut(tp)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TopicPartition, &Position)> {
        self.partitions.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&TopicPartition, &mut Position)> {
        self.partitions.iter_mut()
    }
}
