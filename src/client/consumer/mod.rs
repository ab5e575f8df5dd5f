//! The consumer, as Kafka's classic Java consumer behaves (`ClassicKafkaConsumer`).
//!
//! It reads what a group gives it (`membership`, `heartbeat`, `joining`), partitions that it was told, or every partition
//! of a topic. It starts where its group has come to (`commits`), or where `auto.offset.reset` says (`resets`), and
//! fetches from the leaders or the nearest replicas (`fetcher`). A change of leader makes a position doubtful, and it is
//! validated first (`validation`, KIP-320).
//!
//! Everything but heartbeats happens inside `poll`, which the application (`application`) calls when it has worked on
//! what it got. A simulated application polls without end, so `poll` is not a span of time here but a state: whatever
//! comes while the application is in it is acted on at once.

mod application;
mod changes;
mod closing;
mod commits;
mod config;
mod fetcher;
mod heartbeat;
mod joining;
mod membership;
mod resets;
mod subscription;
mod validation;

pub use application::{ApplicationConfig, Call, Commits, Death, SeekTo};
pub use changes::ConsumerChanges;
pub use config::{ConsumerConfig, OffsetReset};
pub use subscription::{Reads, compile_pattern};

use super::earlier;
use super::metadata::Wanted;
use super::network::{NetEvent, NetworkClient, NetworkConfig};
use crate::base::{Endpoint, OrdMap, SimTime, SortedMap, SortedSet, TopicPartition};
use crate::machine::{Ctx, Fact, Input};
use crate::network::{FetchSession, NodeId};
use crate::wire::{ErrorCode, Response, ResponseKind, StrBytes, TopicName};
use application::Application;
use commits::{Commit, Offsets};
use membership::{Generation, Membership};
use std::collections::VecDeque;
use std::sync::Arc;
use subscription::{Position, Subscription};
use uuid::Uuid;
use validation::Doubtful;

/// Where a fetch of a partition begins, the leader epoch that it names, and the topic's id: a topic that was made again is
/// another.
type FetchFrom = (i64, i32, Uuid);

/// How often one moment may be gone through anew: a consumer that always finds something more to do is broken.
const MAX_ROUNDS: u32 = 1_000;

/// A consumer's process.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Arc<str>,
    config: ConsumerConfig,
    /// What it was told to read when it started.
    reads: Reads,
    net: NetworkClient<Asked>,
    subscription: Subscription,
    fetching_from: SortedSet<i32>,
    sessions: SortedMap<i32, FetchSession<TopicPartition, FetchFrom>>,
    membership: Option<Membership>,
    commits: commits::Commits,
    application: Application,
    /// Responses that nobody reads before the application polls again.
    unread: VecDeque<(Asked, Arc<Response>)>,
    delivered: u64,
    closing: Option<closing::Closing>,
    /// LeaveGroup requests that are not answered yet.
    leaving: u32,
    /// An exception has come out of `poll`: the application closes its consumer.
    failed: bool,
    /// The last exception that its application got.
    last_error: Option<String>,
    /// Its process has ended by itself.
    dead: bool,
    /// Something has changed that may make more possible at this moment.
    again: bool,
    wake_at: Option<SimTime>,
}

/// What a request was about.
#[derive(Clone, Debug)]
enum Asked {
    Offsets {
        partitions: SortedSet<TopicPartition>,
        reset: OffsetReset,
    },
    /// The ends of the positions' epochs.
    Validation {
        positions: SortedMap<TopicPartition, Doubtful>,
    },
    Fetch {
        node: i32,
        wanted: OrdMap<TopicPartition, FetchFrom>,
    },
    CloseSession,
    Coordinator,
    Join {
        generation: Generation,
    },
    Sync {
        generation: Generation,
    },
    Heartbeat {
        generation: Generation,
    },
    Leave,
    Commit {
        why: Commit,
        generation: Generation,
        offsets: Offsets,
    },
    /// Committed offsets.
    Committed {
        of: SortedSet<TopicPartition>,
    },
}

impl Consumer {
    /// A consumer that has not started yet.
    pub fn new(name: &str, reads: Reads, config: ConsumerConfig, bootstrap: Vec<Endpoint>) -> Self {
        let network = NetworkConfig {
            max_in_flight: 100,
            allow_auto_topic_creation: config.allow_auto_create_topics,
            ..config.common.network(name, bootstrap)
        };
        let subscription = Subscription::new(reads.clone());
        let mut net = NetworkClient::new(network, Wanted::new());
        net.metadata_mut().want_only(subscription.topics.clone(), subscription.is_pattern());
        Self {
            name: name.into(),
            reads,
            net,
            subscription,
            fetching_from: SortedSet::new(),
            sessions: SortedMap::new(),
            membership: Membership::new(&config),
            commits: commits::Commits::default(),
            application: Application::new(&config.application),
            unread: VecDeque::new(),
            delivered: 0,
            closing: None,
            leaving: 0,
            failed: false,
            last_error: None,
            dead: false,
            again: false,
            wake_at: None,
            config,
        }
    }

    /// Its name and `client.id`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it was told to read when it started.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The topics that it reads, or whose partitions its group may give it.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.subscription.topics.iter()
    }

    /// Whether it reads every partition of a topic by itself.
    pub fn reads_alone(&self, topic: &str) -> bool {
        matches!(self.subscription.reads, Some(Reads::All(_))) && self.subscription.topics.contains(topic)
    }

    /// Its configs.
    pub fn config(&self) -> &ConsumerConfig {
        &self.config
    }

    /// Its group, if it is in one.
    pub fn group(&self) -> Option<&str> {
        self.membership.as_ref().map(|member| &*member.group)
    }

    /// Its member id and generation, while it has them.
    pub fn membership(&self) -> Option<(&str, i32)> {
        let generation = &self.membership.as_ref()?.generation;
        (generation.id >= 0).then_some((&*generation.member_id, generation.id))
    }

    /// Whether its group is in the middle of a rebalance, as far as it knows.
    pub fn is_rebalancing(&self) -> bool {
        self.membership.as_ref().is_some_and(Membership::is_rebalancing)
    }

    /// How many records its polls handed over.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// How many records its application has worked on.
    pub fn worked(&self) -> u64 {
        self.application.worked()
    }

    /// The topics of which it has metadata.
    pub fn known_topics(&self) -> impl Iterator<Item = &str> {
        self.net.metadata().topic_names().map(|(name, _)| &**name)
    }

    /// Kafka's words for the last exception that its application got.
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// The partitions that it reads now.
    pub fn assigned(&self) -> Vec<TopicPartition> {
        self.subscription.assigned().into_iter().collect()
    }

    /// Its position in each partition: offset of the next record to be handed over.
    pub fn positions(&self) -> Vec<(TopicPartition, i64)> {
        self.subscription.iter().filter_map(|(tp, position)| Some((tp.clone(), position.offset?))).collect()
    }

    /// The newest leader epoch that it has heard of a partition.
    pub fn leader_epoch(&self, tp: &TopicPartition) -> Option<i32> {
        self.net.metadata().leader_epoch(&tp.topic, tp.partition)
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        if matches!(input, Input::Started) {
            self.commits.auto_due = ctx.now() + self.config.auto_commit_interval;
        }
        for event in self.net.handle(input, ctx) {
            match event {
                NetEvent::Metadata => self.learn(ctx),
                // Without a heartbeat thread nobody reads what comes while the application works.
                NetEvent::Response(asked @ Asked::Join { .. }, response)
                    if !self.application.is_polling() && !self.heartbeats() && !self.is_closing() =>
                {
                    self.unread.push_back((asked, response));
                }
                NetEvent::Response(asked, response) => self.answered(asked, &response.body, ctx),
                NetEvent::Failed(asked, error) => self.request_failed(asked, error, ctx),
            }
        }
        self.drive(ctx);
    }

    fn learn(&mut self, ctx: &mut Ctx<'_>) {
        let topics = self.subscription.topics.clone();
        self.subscription.learn(self.net.metadata(), &self.config);
        if topics != self.subscription.topics {
            self.refresh_wanted();
        }
        self.assign(ctx);
        self.compare_metadata();
        self.follow_leaders();
    }

    fn answered(&mut self, asked: Asked, body: &ResponseKind, ctx: &mut Ctx<'_>) {
        match (asked, body) {
            (Asked::Offsets { partitions, reset }, ResponseKind::ListOffsets(body)) => {
                self.looked_up(&partitions, reset, body, ctx);
            }
            (Asked::Fetch { node, wanted }, ResponseKind::Fetch(body)) => self.fetched(node, &wanted, body, ctx),
            (Asked::Validation { positions }, ResponseKind::OffsetForLeaderEpoch(body)) => {
                self.validated(&positions, body, ctx);
            }
            (Asked::CloseSession, _) => self.session_closed(),
            (Asked::Coordinator, ResponseKind::FindCoordinator(body)) => self.coordinator_found(body, ctx),
            (Asked::Join { generation }, ResponseKind::JoinGroup(body)) => self.join_answered(&generation, body, ctx),
            (Asked::Sync { generation }, ResponseKind::SyncGroup(body)) => self.sync_answered(&generation, body, ctx),
            (Asked::Heartbeat { generation }, ResponseKind::Heartbeat(body)) => {
                self.heartbeat_answered(&generation, body, ctx);
            }
            (Asked::Leave, _) => self.leaving = self.leaving.saturating_sub(1),
            (Asked::Commit { why, generation, offsets }, ResponseKind::OffsetCommit(body)) => {
                self.commit_answered((why, &generation, &offsets), body, ctx);
            }
            (Asked::Committed { of }, ResponseKind::OffsetFetch(body)) => self.committed_answered(&of, body, ctx),
            (_, other) => panic!("a response of another kind than its request: {other:?}"),
        }
    }

    fn request_failed(&mut self, asked: Asked, error: ErrorCode, ctx: &mut Ctx<'_>) {
        match asked {
            Asked::Offsets { partitions, .. } => partitions.iter().for_each(|tp| self.ask_again(tp, error, ctx)),
            Asked::Validation { positions } => positions.keys().for_each(|tp| self.ask_again(tp, error, ctx)),
            Asked::Fetch { node, wanted } => {
                self.fetching_from.remove(&node);
                self.sessions.entry(node).or_default().failed();
                wanted.keys().for_each(|tp| self.partition_failed(tp, error, ctx));
            }
            Asked::CloseSession => self.session_closed(),
            Asked::Coordinator => self.coordinator_lookup_failed(error, ctx),
            // What goes to the coordinator and fails for want of a connection makes the coordinator unknown, which
            // shows by the connection itself.
            Asked::Join { .. } | Asked::Sync { .. } => self.join_unanswered(error),
            Asked::Heartbeat { .. } => self.heartbeat_failed(ctx),
            Asked::Leave => self.leaving = self.leaving.saturating_sub(1),
            Asked::Commit { why, offsets, .. } => self.commit_unanswered(why, &offsets, error, ctx),
            Asked::Committed { .. } => self.committed_unanswered(ctx),
        }
    }

    /// A lookup or a validation failed: it is tried again.
    fn ask_again(&mut self, tp: &TopicPartition, error: ErrorCode, ctx: &mut Ctx<'_>) {
        self.subscription.get_mut(tp).into_iter().for_each(|position| position.asking = false);
        self.partition_failed(tp, error, ctx);
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<SimTime> {
        if self.dead {
            return None;
        }
        earlier(self.net.next_deadline(), self.wake_at)
    }

    /// It is to be woken at `at`, unless something happens before.
    fn wake(&mut self, at: SimTime) {
        self.wake_at = earlier(self.wake_at, Some(at));
    }

    /// Whether a request can go to a node now; if only time is in the way, it is woken then.
    fn reach(&mut self, node: NodeId, ctx: &mut Ctx<'_>) -> bool {
        let ready = self.net.ready(node, ctx);
        if !ready && let Some(at) = self.net.retry_at(node) {
            self.wake(at);
        }
        ready
    }

    fn drive(&mut self, ctx: &mut Ctx<'_>) {
        for round in 0.. {
            assert!(round < MAX_ROUNDS, "consumer {} finds no rest at {}", self.name, ctx.now());
            if self.dead {
                return;
            }
            (self.again, self.wake_at) = (false, None);
            self.turn(ctx);
            if !self.again {
                break;
            }
        }
        if !self.dead {
            self.net.poll(ctx);
        }
    }

    /// One turn of both threads.
    fn turn(&mut self, ctx: &mut Ctx<'_>) {
        if self.failed && self.closing.is_none() {
            self.begin_closing(ctx);
        }
        if self.closing.is_some() {
            return self.go_on_closing(ctx);
        }
        if let Some(member) = self.membership.as_mut().filter(|_| self.application.is_polling()) {
            member.heartbeat.polled_at = ctx.now();
        }
        self.heartbeat(ctx);
        if self.membership.is_some() {
            self.drive_commits(ctx);
        }
        if self.work(ctx) {
            self.poll(ctx);
        }
    }

    /// What the application's thread does inside `poll`.
    fn poll(&mut self, ctx: &mut Ctx<'_>) {
        // Also of a poll that returns at once, with records that were fetched before.
        if let Some(member) = &mut self.membership {
            member.heartbeat.polled_at = ctx.now();
        }
        while let Some((asked, response)) = self.unread.pop_front() {
            self.answered(asked, &response.body, ctx);
        }
        let is_member = if self.membership.is_some() && self.subscription.is_by_group() {
            self.check_strategy(ctx);
            self.join_if_needed(ctx)
        } else {
            true
        };
        if self.is_closing() {
            self.again = true;
            return;
        }
        if is_member {
            if self.membership.is_some() {
                self.auto_commit(ctx);
            }
            self.update_positions(ctx);
        }
        let records = self.collect(ctx);
        self.fetch(ctx);
        if !records.is_empty() {
            self.hand_over(records, ctx);
            self.again = true;
        }
    }

    /// A subscription needs an assignor.
    fn check_strategy(&mut self, ctx: &mut Ctx<'_>) {
        if self.member().protocol.is_none() {
            let message = "User configured partition.assignment.strategy to empty while trying to subscribe for group \
                           protocol to auto assign partitions";
            self.throw(message.into(), ctx);
        }
    }

    /// Sees to it that every partition has a position (`updateFetchPositions`).
    fn update_positions(&mut self, ctx: &mut Ctx<'_>) {
        if self.subscription.has_all_positions() {
            return;
        }
        self.validate(ctx);
        if self.fetch_committed(ctx) {
            self.reset_initializing(ctx);
            self.look_up(ctx);
        }
    }

    /// An exception comes out of `poll`. Nobody catches it: the application closes its consumer.
    fn throw(&mut self, message: String, ctx: &mut Ctx<'_>) {
        if !self.failed {
            self.last_error = Some(message.clone());
            ctx.fact(Fact::ClientError { message });
            self.failed = true;
            self.again = true;
        }
    }

    /// Whether it does nothing any more but close.
    fn is_closing(&self) -> bool {
        self.closing.is_some() || self.failed || self.dead
    }

    /// Metadata is asked for of these topics from now on.
    fn refresh_wanted(&mut self) {
        let mut topics = self.subscription.topics.clone();
        topics.extend(self.membership.iter().flat_map(|member| member.group_topics.iter().cloned()));
        self.net.metadata_mut().want_only(topics, self.subscription.is_pattern());
    }
}

fn topic_name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}
