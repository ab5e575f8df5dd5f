//! Committed offsets: committing positions, by itself and when the application says so, and starting from what was
//! committed (`ConsumerCoordinator`).
//!
//! By itself a consumer commits inside `poll` and `close`, at most every `auto.commit.interval.ms`, the positions that
//! earlier polls have left: so what is committed was given to the application before.

use super::membership::{Generation, MemberState};
use super::subscription::FetchState;
use super::{Asked, Consumer, OffsetReset};
use crate::base::{SimTime, SortedMap, SortedSet, TopicPartition, exponential_backoff};
use crate::machine::{Ctx, Fact, Mutant};
use crate::network::NodeId;
use crate::wire::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use crate::wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use crate::wire::messages::{OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse};
use crate::wire::{ApiKey, ErrorCode, RequestKind, StrBytes, TopicName, Treatment};
use std::collections::VecDeque;
use std::sync::Arc;

/// Offsets to commit, each with the leader epoch of the record before it, if it is known.
pub(super) type Offsets = SortedMap<TopicPartition, (i64, Option<i32>)>;

/// Why a commit is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Commit {
    /// `auto.commit.interval.ms` is over.
    Auto,
    /// Before the member joins anew.
    BeforeJoin,
    /// `commitAsync`.
    Async,
    /// `commitSync`, or the commit of `close`.
    Sync,
}

/// Commits that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Commits {
    /// When the next commit by itself is due.
    pub(super) auto_due: SimTime,
    /// They wait for the coordinator to be found.
    waiting: VecDeque<(Commit, Offsets)>,
    in_flight: u32,
    before_join_in_flight: bool,
    /// How the commit before a join went; of a failure, whether it may pass, and when it is tried again.
    pub(super) before_join: Option<Result<(), (bool, SimTime)>>,
    sync: Option<SyncCommit>,
    /// An OffsetFetch is under way.
    fetching: bool,
    fetch_not_before: SimTime,
    fetch_failures: u32,
}

/// `commitSync`.
#[derive(Clone, Debug)]
struct SyncCommit {
    offsets: Offsets,
    until: SimTime,
    not_before: SimTime,
    failures: u32,
    in_flight: bool,
}

/// Why a commit failed.
#[derive(Clone, Debug)]
pub(super) struct CommitFailure {
    may_pass: bool,
    message: String,
}

impl CommitFailure {
    fn of(error: ErrorCode) -> Self {
        Self { may_pass: error.treatment() != Treatment::Fatal, message: error.message().into() }
    }

    fn lasting(message: &str) -> Self {
        Self { may_pass: false, message: message.into() }
    }

    /// `CommitFailedException` with its own message.
    fn rebalanced() -> Self {
        Self::lasting(
            "Commit cannot be completed since the group has already rebalanced and assigned the partitions to another \
             member. This means that the time between subsequent calls to poll() was longer than the configured \
             max.poll.interval.ms, which typically implies that the poll loop is spending too much time message \
             processing. You can address this either by increasing max.poll.interval.ms or by reducing the maximum \
             size of batches returned in poll() with max.poll.records.",
        )
    }
}

impl Commits {
    pub(super) fn is_before_join_in_flight(&self) -> bool {
        self.before_join_in_flight
    }

    /// Whether any commit is under way or waits.
    pub(super) fn is_any_pending(&self) -> bool {
        self.in_flight > 0 || !self.waiting.is_empty()
    }

    /// Whether `commitSync` has not returned yet.
    pub(super) fn is_waited_for(&self) -> bool {
        self.sync.is_some()
    }
}

impl Consumer {
    /// The positions that may be committed (`SubscriptionState.allConsumed`).
    pub(super) fn positions_to_commit(&self) -> Offsets {
        let valid = self.subscription.iter().filter(|(_, position)| position.state == FetchState::Fetching);
        let position = |(tp, position): (&TopicPartition, &super::Position)| {
            Some((tp.clone(), (position.offset?, position.offset_epoch)))
        };
        valid.filter_map(position).collect()
    }

    /// Commits by itself, when that is due.
    pub(super) fn auto_commit(&mut self, ctx: &mut Ctx<'_>) {
        if !self.config.commits_by_itself() {
            return;
        }
        if self.commits.auto_due > ctx.now() {
            let due = self.commits.auto_due;
            return self.wake(due);
        }
        self.commits.auto_due = ctx.now() + self.config.auto_commit_interval;
        let due = self.commits.auto_due;
        self.wake(due);
        let mut offsets = self.positions_to_commit();
        if ctx.is_mutant(Mutant::ConsumerCommitsWhatIsFetched) {
            for (tp, (offset, _)) in offsets.iter_mut() {
                *offset = self.subscription.get(tp).map_or(*offset, |position| position.fetched_to);
            }
        }
        self.commit(Commit::Auto, offsets, ctx);
    }

    pub(super) fn commit_async(&mut self, offsets: Offsets, ctx: &mut Ctx<'_>) {
        self.commit(Commit::Async, offsets, ctx);
    }

    /// `commitSync`: the outcome comes to [`Consumer::commit_returned`], or to who closes it.
    pub(super) fn commit_sync(&mut self, offsets: Offsets, ctx: &mut Ctx<'_>) {
        let until = ctx.now() + self.config.default_api_timeout;
        let (not_before, failures) = (SimTime::ZERO, 0);
        self.commits.sync = Some(SyncCommit { offsets, until, not_before, failures, in_flight: false });
        self.again = true;
    }

    /// One turn of `commitSync`, and commits that have waited for the coordinator.
    pub(super) fn drive_commits(&mut self, ctx: &mut Ctx<'_>) {
        if !self.commits.waiting.is_empty()
            && let Some(node) = self.coordinator_is_ready(ctx)
        {
            for (why, offsets) in std::mem::take(&mut self.commits.waiting) {
                self.send_commit(node, why, offsets, ctx);
            }
        }
        let Some(sync) = self.commits.sync.clone() else { return };
        if sync.offsets.is_empty() {
            return self.sync_returns(Ok(()), ctx);
        }
        if sync.until <= ctx.now() {
            let timeout = self.config.default_api_timeout.as_millis();
            let message = format!("Timeout of {timeout}ms expired before successfully committing offsets");
            return self.sync_returns(Err(CommitFailure { may_pass: false, message }), ctx);
        }
        self.wake(sync.until);
        if sync.in_flight {
            return;
        }
        if sync.not_before > ctx.now() {
            return self.wake(sync.not_before);
        }
        if let Some(node) = self.coordinator_is_ready(ctx) {
            self.commits.sync.as_mut().expect("it was looked at").in_flight = true;
            self.send_commit(node, Commit::Sync, sync.offsets, ctx);
        }
    }

    fn sync_returns(&mut self, outcome: Result<(), CommitFailure>, ctx: &mut Ctx<'_>) {
        let Some(sync) = self.commits.sync.take() else { return };
        if let Err(failure) = &outcome {
            self.tell_commit_failed(failure, &sync.offsets, ctx);
            // What goes wrong in `close` is only logged.
            if !self.is_closing() {
                self.last_error = Some(failure.message.clone());
            }
        }
        self.again = true;
        if !self.is_closing() {
            self.commit_returned(outcome.is_ok(), ctx);
        }
    }

    /// Sends a commit, or has it wait until the coordinator is found.
    pub(super) fn commit(&mut self, why: Commit, offsets: Offsets, ctx: &mut Ctx<'_>) {
        if offsets.is_empty() {
            return self.commit_done(why, &offsets, Ok(()), ctx);
        }
        if why == Commit::BeforeJoin {
            self.commits.before_join_in_flight = true;
        }
        match self.coordinator_is_ready(ctx) {
            Some(node) => self.send_commit(node, why, offsets, ctx),
            None => self.commits.waiting.push_back((why, offsets)),
        }
    }

    fn send_commit(&mut self, node: NodeId, why: Commit, offsets: Offsets, ctx: &mut Ctx<'_>) {
        let by_group = self.subscription.is_by_group();
        let member = self.member();
        let (generation, instance) = match by_group {
            true if member.state != MemberState::Stable => {
                let text = match member.is_rebalancing() {
                    true => {
                        "Offset commit cannot be completed since the consumer is undergoing a rebalance for auto \
                         partition assignment. You can try completing the rebalance by calling poll() and then retry \
                         the operation."
                    }
                    false => {
                        "Offset commit cannot be completed since the consumer is not part of an active group for auto \
                         partition assignment; it is likely that the consumer was kicked out of the group."
                    }
                };
                return self.commit_done(why, &offsets, Err(CommitFailure::lasting(text)), ctx);
            }
            true => (member.generation.clone(), member.instance_id()),
            false => (Generation::none(), None),
        };
        let request = OffsetCommitRequest::default()
            .with_group_id(member.group_id())
            .with_generation_id_or_member_epoch(generation.id)
            .with_member_id(StrBytes::from_string(generation.member_id.to_string()))
            .with_topics(commit_topics(&offsets));
        self.commits.in_flight += 1;
        let tied = Asked::Commit { why, generation, offsets };
        self.net.send(node, ApiKey::OffsetCommit, Some(tied), ctx, |version| {
            RequestKind::OffsetCommit(if version >= 7 { request.with_group_instance_id(instance) } else { request })
        });
    }

    pub(super) fn commit_answered(
        &mut self,
        (why, sent, offsets): (Commit, &Generation, &Offsets),
        response: &OffsetCommitResponse,
        ctx: &mut Ctx<'_>,
    ) {
        self.commits.in_flight -= 1;
        let answers = response.topics.iter().flat_map(|topic| &topic.partitions);
        let failed = answers.map(|answer| ErrorCode(answer.error_code)).find(|error| !error.is_ok());
        let outcome = match failed {
            None => Ok(()),
            Some(error) => Err(self.commit_refused(error, sent, ctx)),
        };
        self.commit_done(why, offsets, outcome, ctx);
    }

    /// What a coordinator's refusal means (`OffsetCommitResponseHandler`).
    fn commit_refused(&mut self, error: ErrorCode, sent: &Generation, ctx: &mut Ctx<'_>) -> CommitFailure {
        let member = self.member();
        let is_stale = member.generation != *sent && member.state == MemberState::PreparingRebalance;
        match error {
            ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR | ErrorCode::REQUEST_TIMED_OUT => {
                self.mark_coordinator_unknown(ctx);
                CommitFailure::of(error)
            }
            ErrorCode::FENCED_INSTANCE_ID if member.generation == *sent => CommitFailure::of(error),
            ErrorCode::FENCED_INSTANCE_ID if is_stale => CommitFailure::lasting(
                "Offset commit cannot be completed since the consumer member's old generation is fenced by its group \
                 instance id, it is possible that this consumer has already participated another rebalance and got a \
                 new generation",
            ),
            ErrorCode::FENCED_INSTANCE_ID => CommitFailure::rebalanced(),
            ErrorCode::REBALANCE_IN_PROGRESS => {
                member.request_rejoin("offset commit failed since group is already rebalancing");
                CommitFailure::lasting(
                    "Offset commit cannot be completed since the consumer group is executing a rebalance at the \
                     moment. You can try completing the rebalance by calling poll() and then retry commit again",
                )
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION if is_stale => CommitFailure::lasting(
                "Offset commit cannot be completed since the consumer member's generation is already stale, meaning \
                 it has already participated another rebalance and got a new generation. You can try completing the \
                 rebalance by calling poll() and then retry commit again",
            ),
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => {
                member.reset_on_error("OFFSET_COMMIT", error);
                CommitFailure::rebalanced()
            }
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::OFFSET_METADATA_TOO_LARGE
            | ErrorCode::INVALID_COMMIT_OFFSET_SIZE => CommitFailure::of(error),
            error => {
                let message = self.fatal_message(error, "Unexpected error in commit: ");
                CommitFailure { may_pass: false, message }
            }
        }
    }

    /// A commit will not be answered: its connection went.
    pub(super) fn commit_unanswered(&mut self, why: Commit, offsets: &Offsets, error: ErrorCode, ctx: &mut Ctx<'_>) {
        self.commits.in_flight -= 1;
        self.commit_done(why, offsets, Err(CommitFailure::of(error)), ctx);
    }

    /// The coordinator was not found: what waited for it fails, and may be tried again.
    pub(super) fn fail_waiting_commits(&mut self, error: ErrorCode, ctx: &mut Ctx<'_>) {
        for (why, offsets) in std::mem::take(&mut self.commits.waiting) {
            self.commit_done(why, &offsets, Err(CommitFailure::of(error)), ctx);
        }
    }

    fn commit_done(&mut self, why: Commit, offsets: &Offsets, outcome: Result<(), CommitFailure>, ctx: &mut Ctx<'_>) {
        if outcome.is_ok() && !offsets.is_empty() {
            let member = self.member();
            let (group, generation) = (member.group.clone(), member.generation.id);
            let offsets = offsets.iter().map(|(tp, (offset, _))| (tp.clone(), *offset)).collect();
            ctx.fact(Fact::CommitAcknowledged { group, generation, offsets });
        }
        let soon = ctx.now() + self.config.common.retry_backoff;
        match (why, outcome) {
            (Commit::Sync, Ok(())) => self.sync_returns(Ok(()), ctx),
            (Commit::Sync, Err(failure)) if failure.may_pass => {
                let (backoff, max) = (self.config.common.retry_backoff, self.config.common.retry_backoff_max);
                if let Some(sync) = &mut self.commits.sync {
                    sync.in_flight = false;
                    sync.failures += 1;
                    sync.not_before = ctx.now() + exponential_backoff(sync.failures, backoff, max, ctx.rng());
                }
            }
            (Commit::Sync, Err(failure)) => self.sync_returns(Err(failure), ctx),
            (Commit::BeforeJoin, outcome) => {
                self.commits.before_join_in_flight = false;
                if let Err(failure) = outcome.as_ref()
                    && !failure.may_pass
                {
                    self.tell_commit_failed(failure, offsets, ctx);
                }
                self.commits.before_join = Some(outcome.map_err(|failure| (failure.may_pass, soon)));
                self.again = true;
            }
            (Commit::Auto, Err(failure)) if failure.may_pass => self.commits.auto_due = soon,
            (why, Err(failure)) => {
                if why == Commit::Async {
                    self.last_error = Some(failure.message.clone());
                }
                self.tell_commit_failed(&failure, offsets, ctx);
            }
            (_, Ok(())) => {}
        }
    }

    fn tell_commit_failed(&mut self, failure: &CommitFailure, offsets: &Offsets, ctx: &mut Ctx<'_>) {
        let group = self.member().group.clone();
        let offsets = offsets.iter().map(|(tp, (offset, _))| (tp.clone(), *offset)).collect();
        ctx.fact(Fact::CommitFailed { group, offsets, message: failure.message.clone() });
    }

    /// Asks for the committed offsets of partitions without a position (`initWithCommittedOffsetsIfNeeded`); whether
    /// none is missing any more.
    pub(super) fn fetch_committed(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let initializing = |position: &super::Position| position.state == FetchState::Initializing && !position.stuck;
        let missing: SortedSet<TopicPartition> =
            self.subscription.iter().filter(|(_, position)| initializing(position)).map(|(tp, _)| tp.clone()).collect();
        if missing.is_empty() || self.membership.is_none() {
            return true;
        }
        if self.commits.fetching {
            return false;
        }
        if self.commits.fetch_not_before > ctx.now() {
            let at = self.commits.fetch_not_before;
            self.wake(at);
            return false;
        }
        if let Some(node) = self.coordinator_is_ready(ctx) {
            self.send_offset_fetch(node, &missing, ctx);
        }
        false
    }

    fn send_offset_fetch(&mut self, node: NodeId, missing: &SortedSet<TopicPartition>, ctx: &mut Ctx<'_>) {
        self.commits.fetching = true;
        let group = self.member().group_id();
        let topics = by_topic(missing);
        self.net.send(node, ApiKey::OffsetFetch, Some(Asked::Committed { of: missing.clone() }), ctx, |version| {
            let request = OffsetFetchRequest::default();
            let request = if version >= 7 { request.with_require_stable(true) } else { request };
            let name = |topic: &Arc<str>| TopicName(StrBytes::from_string(topic.to_string()));
            RequestKind::OffsetFetch(if version >= 8 {
                let topic = |(topic, partitions): (Arc<str>, Vec<i32>)| {
                    OffsetFetchRequestTopics::default().with_name(name(&topic)).with_partition_indexes(partitions)
                };
                let topics = Some(topics.into_iter().map(topic).collect());
                request.with_groups(vec![OffsetFetchRequestGroup::default().with_group_id(group).with_topics(topics)])
            } else {
                let topic = |(topic, partitions): (Arc<str>, Vec<i32>)| {
                    OffsetFetchRequestTopic::default().with_name(name(&topic)).with_partition_indexes(partitions)
                };
                request.with_group_id(group).with_topics(Some(topics.into_iter().map(topic).collect()))
            })
        });
    }

    pub(super) fn committed_answered(
        &mut self,
        of: &SortedSet<TopicPartition>,
        response: &OffsetFetchResponse,
        ctx: &mut Ctx<'_>,
    ) {
        self.commits.fetching = false;
        let (error, answers) = committed(response);
        match error {
            ErrorCode::NONE => {}
            ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR => {
                self.mark_coordinator_unknown(ctx);
                return self.back_off_fetching_committed(ctx);
            }
            error if error.treatment() != Treatment::Fatal => return self.back_off_fetching_committed(ctx),
            error => {
                let message = self.fatal_message(error, "Unexpected error in fetch offset response: ");
                return self.throw(message, ctx);
            }
        }
        for (tp, _, _, error) in &answers {
            match *error {
                ErrorCode::NONE => {}
                ErrorCode::UNSTABLE_OFFSET_COMMIT => return self.back_off_fetching_committed(ctx),
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
                    return self.throw(format!("Topic or Partition {tp} does not exist"), ctx);
                }
                error => {
                    let text = "Unexpected error in fetch offset response for partition";
                    return self.throw(format!("{text} {tp}: {}", error.message()), ctx);
                }
            }
        }
        self.commits.fetch_failures = 0;
        for (tp, offset, epoch, _) in answers.into_iter().filter(|(tp, ..)| of.contains(tp)) {
            self.start_from_committed(&tp, offset, epoch, ctx);
        }
        self.again = true;
    }

    /// A partition goes on where its group has come to, or where `auto.offset.reset` says.
    fn start_from_committed(&mut self, tp: &TopicPartition, offset: i64, epoch: i32, ctx: &mut Ctx<'_>) {
        let leader = self.net.metadata().leader(&tp.topic, tp.partition);
        let reset = self.config.auto_offset_reset;
        let Some(position) = self.subscription.get_mut(tp).filter(|p| p.state == FetchState::Initializing) else {
            return;
        };
        if offset >= 0 {
            position.set(offset, (epoch >= 0).then_some(epoch), leader);
            ctx.fact(Fact::OffsetReset { partition: tp.clone(), offset });
        } else if reset == OffsetReset::None {
            let message = format!("Undefined offset with no reset policy for partitions: [{tp}]");
            self.throw(message, ctx);
        } else {
            position.reset(reset);
        }
    }

    pub(super) fn committed_unanswered(&mut self, ctx: &mut Ctx<'_>) {
        self.commits.fetching = false;
        self.back_off_fetching_committed(ctx);
    }

    fn back_off_fetching_committed(&mut self, ctx: &mut Ctx<'_>) {
        let (backoff, max) = (self.config.common.retry_backoff, self.config.common.retry_backoff_max);
        self.commits.fetch_failures += 1;
        let wait = exponential_backoff(self.commits.fetch_failures, backoff, max, ctx.rng());
        self.commits.fetch_not_before = ctx.now() + wait;
    }
}

fn by_topic<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> SortedMap<Arc<str>, Vec<i32>> {
    let mut topics: SortedMap<Arc<str>, Vec<i32>> = SortedMap::new();
    partitions.into_iter().for_each(|tp| topics.entry(tp.topic.clone()).or_default().push(tp.partition));
    topics
}

fn commit_topics(offsets: &Offsets) -> Vec<OffsetCommitRequestTopic> {
    let mut topics: SortedMap<&str, Vec<OffsetCommitRequestPartition>> = SortedMap::new();
    for (tp, (offset, epoch)) in offsets {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(tp.partition)
            .with_committed_offset(*offset)
            .with_committed_leader_epoch(epoch.unwrap_or(-1))
            .with_committed_metadata(Some(StrBytes::from_static_str("")));
        topics.entry(&tp.topic).or_default().push(partition);
    }
    let topic = |(name, partitions): (&str, Vec<OffsetCommitRequestPartition>)| {
        let name = TopicName(StrBytes::from_string(name.to_owned()));
        OffsetCommitRequestTopic::default().with_name(name).with_partitions(partitions)
    };
    topics.into_iter().map(topic).collect()
}

/// The error of an OffsetFetch as a whole, and each partition's offset, leader epoch and error.
fn committed(response: &OffsetFetchResponse) -> (ErrorCode, Vec<(TopicPartition, i64, i32, ErrorCode)>) {
    let mut all = Vec::new();
    let Some(group) = response.groups.first() else {
        for topic in &response.topics {
            for p in &topic.partitions {
                let tp = TopicPartition::new(&**topic.name, p.partition_index);
                all.push((tp, p.committed_offset, p.committed_leader_epoch, ErrorCode(p.error_code)));
            }
        }
        return (ErrorCode(response.error_code), all);
    };
    for topic in &group.topics {
        for p in &topic.partitions {
            let tp = TopicPartition::new(&**topic.name, p.partition_index);
            all.push((tp, p.committed_offset, p.committed_leader_epoch, ErrorCode(p.error_code)));
        }
    }
    (ErrorCode(group.error_code), all)
}
