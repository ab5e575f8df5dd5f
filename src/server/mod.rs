//! A node's process (`KafkaRaftServer`, `SharedServer`): a broker, a controller, or both in one, over one replica of the
//! metadata log.
//!
//! What survives the process is kept apart from it: the metadata log with the votes ([`Durable`]), and the broker's
//! [`Disk`], which belongs to the host. A process that ends, by whatever way, leaves a node that can be started again.

use crate::base::{ConnId, Endpoint, Rng, SimDuration, SimTime, earlier};
use crate::broker::{Broker, BrokerSetup, ConfigLayers, Serving};
use crate::cluster::{ConfigMap, Controller, ControllerSettings};
use crate::controller::{ControllerConfig, Node, QuorumController};
use crate::machine::{Ctx, Fact, Input};
use crate::network::controller_channel::ActiveController;
use crate::quorum::{Durable, LogBatch, QuorumConfig, RaftEvent, RaftManager};
use crate::storage::Disk;
use std::sync::Arc;
use uuid::Uuid;

/// How long a controller that stops waits for another to take over (`KafkaRaftClient.shutdown`).
const RAFT_SHUTDOWN_TIMEOUT: SimDuration = SimDuration::from_secs(5);

/// What a node is set up with.
#[derive(Clone, Debug)]
pub struct ServerSetup {
    /// `node.id`.
    pub id: i32,
    /// `broker.rack`.
    pub rack: Option<Arc<str>>,
    /// Where its broker listens; none when it is a controller alone.
    pub broker: Option<Endpoint>,
    /// Where its controller listens; none when it is a broker alone.
    pub controller: Option<Endpoint>,
    /// `controller.quorum.voters`.
    pub voters: Vec<(i32, Endpoint)>,
    /// The cluster's id, as Kafka writes it.
    pub cluster_id: Arc<str>,
    /// Id of its log directory (`directory.id` in meta.properties).
    pub directory_id: Uuid,
    /// The configs of its file, by Kafka's names.
    pub file: Arc<ConfigMap>,
}

/// A node: its process while that runs, and what of it survives.
#[derive(Clone, Debug)]
pub struct Server {
    setup: Arc<ServerSetup>,
    durable: Durable,
    /// Whether the last process ended by a fatal fault.
    halted: bool,
    process: Option<Process>,
}

/// A node's process.
#[derive(Clone, Debug)]
struct Process {
    raft: RaftManager,
    broker: Option<Broker>,
    controller: Option<QuorumController>,
    /// How far a graceful stop has come.
    stopping: Stopping,
    /// The metadata log's end and time at the last snapshot.
    snapshots: Snapshots,
    /// Who leads the metadata log, and when its replica wants to be woken: most inputs are the broker's alone and change
    /// neither.
    leader: ActiveController,
    raft_deadline: Option<SimTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    /// The broker hands over its leaderships.
    Broker,
    /// The replica of the metadata log waits for another leader.
    Raft,
    /// A fatal fault ended the process (Kafka's ProcessTerminatingFaultHandler).
    Halted,
}

/// When the next snapshot of the metadata is due.
#[derive(Clone, Copy, Debug)]
struct Snapshots {
    /// `metadata.log.max.record.bytes.between.snapshots`.
    max_bytes: usize,
    /// `metadata.log.max.snapshot.interval.ms`; none is never.
    max_interval: Option<SimDuration>,
    seen_to: i64,
    bytes: usize,
    last: SimTime,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is killed: what it had written is still in the page cache.
    Crash,
    /// The machine loses its power: what was not on the disk is gone.
    PowerLoss,
}

impl Server {
    /// A node that was never started.
    pub fn new(setup: ServerSetup) -> Self {
        Self { setup: Arc::new(setup), durable: Durable::default(), halted: false, process: None }
    }

    /// `node.id`.
    pub fn id(&self) -> i32 {
        self.setup.id
    }

    /// `broker.rack`.
    pub fn rack(&self) -> Option<&str> {
        self.setup.rack.as_deref()
    }

    /// Where its broker listens, if it is one.
    pub fn broker_listener(&self) -> Option<&Endpoint> {
        self.setup.broker.as_ref()
    }

    /// Where its controller listens, if it is one.
    pub fn controller_listener(&self) -> Option<&Endpoint> {
        self.setup.controller.as_ref()
    }

    /// The configs of its file, by Kafka's names.
    pub fn file(&self) -> &ConfigMap {
        &self.setup.file
    }

    /// Its broker, while the process runs.
    pub fn broker(&self) -> Option<&Broker> {
        self.process.as_ref()?.broker.as_ref()
    }

    /// Its controller, while the process runs.
    pub fn controller(&self) -> Option<&QuorumController> {
        self.process.as_ref()?.controller.as_ref()
    }

    /// Its replica of the metadata log, while the process runs.
    pub fn raft(&self) -> Option<&RaftManager> {
        self.process.as_ref().map(|process| &process.raft)
    }

    /// What of its replica of the metadata log is on its disk.
    pub fn durable(&self) -> Durable {
        self.process.as_ref().map_or_else(|| self.durable.clone(), |process| process.raft.replica().durable())
    }

    /// Whether it listens at an endpoint now.
    pub fn listens(&self, endpoint: &Endpoint) -> bool {
        let Some(process) = &self.process else { return false };
        let broker = process.broker.as_ref().is_some_and(|b| b.is_accepting() && b.listener() == endpoint);
        broker || process.controller.as_ref().is_some_and(|controller| controller.listener() == endpoint)
    }

    /// Takes an input. True when the process has stopped, after [`Server::stop`] or by a fatal fault.
    pub fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>, disk: &mut Disk) -> bool {
        if matches!(input, Input::Started) {
            self.start(ctx, disk);
        }
        let Some(process) = &mut self.process else { return false };
        let stopped = process.handle(input, ctx, disk);
        if stopped {
            self.stopped(disk);
        }
        stopped
    }

    /// Whether the last process ended by a fatal fault.
    pub fn has_halted(&self) -> bool {
        self.halted
    }

    /// Keeps what the process leaves on its disk.
    fn stopped(&mut self, disk: &mut Disk) {
        let Some(process) = self.process.take() else { return };
        self.halted = process.stopping == Stopping::Halted;
        self.durable = process.raft.replica().durable();
        if self.halted {
            disk.crash();
        }
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<SimTime> {
        self.process.as_ref().and_then(Process::next_deadline)
    }

    /// Begins a graceful stop; true when it is done at once.
    pub fn stop(&mut self, ctx: &mut Ctx<'_>, disk: &mut Disk) -> bool {
        let Some(process) = &mut self.process else { return true };
        let stopped = process.stop(ctx, disk);
        if stopped {
            self.stopped(disk);
        }
        stopped
    }

    /// The process ends without a word.
    pub fn end(&mut self, how: End, disk: &mut Disk, rng: &mut Rng) {
        let Some(process) = self.process.take() else { return };
        let replica = process.raft.replica();
        match how {
            End::Crash => {
                self.durable = replica.durable();
                disk.crash();
            }
            End::PowerLoss => {
                self.durable = replica.durable_after_power_loss();
                disk.lose_power_by_chance(rng);
            }
        }
    }

    fn start(&mut self, ctx: &mut Ctx<'_>, disk: &mut Disk) {
        self.halted = false;
        let setup = &self.setup;
        let layers = ConfigLayers::file(&setup.file);
        let (raft, events) =
            RaftManager::start(Arc::new(quorum_config(setup, &layers)), std::mem::take(&mut self.durable), ctx);
        let controller = setup.controller.clone().map(|listener| {
            QuorumController::new(controller_settings(setup, &layers), controller_config(&layers), listener, ctx)
        });
        let broker = setup.broker.clone().map(|listener| {
            let broker = BrokerSetup {
                id: setup.id,
                rack: setup.rack.clone(),
                listener,
                cluster_id: setup.cluster_id.clone(),
                log_dir: setup.directory_id,
                file: setup.file.clone(),
                is_combined: setup.controller.is_some(),
            };
            Broker::new(broker, disk.clean_shutdown(), ctx)
        });
        let interval: u64 = layers.number("metadata.log.max.snapshot.interval.ms");
        let snapshots = Snapshots {
            max_bytes: layers.number("metadata.log.max.record.bytes.between.snapshots"),
            max_interval: (interval > 0).then(|| SimDuration::from_millis(interval)),
            seen_to: 0,
            bytes: 0,
            last: ctx.now(),
        };
        let (stopping, leader, raft_deadline) = (Stopping::No, None, None);
        let mut process = Process { raft, broker, controller, stopping, snapshots, leader, raft_deadline };
        process.raft_events(events, ctx, disk);
        self.process = Some(process);
    }
}

impl Process {
    fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>, disk: &mut Disk) -> bool {
        let mut events = Vec::new();
        let mut stopped = false;
        let conn = conn_of(&input);
        if matches!(input, Input::Woken | Input::Started) {
            let is_due = |at: Option<SimTime>| matches!(input, Input::Started) || at.is_some_and(|at| at <= ctx.now());
            let controller = self.controller.as_ref().and_then(|controller| controller.next_deadline(&self.leader));
            if !is_due(self.raft_deadline) && !is_due(controller) {
                return self.broker_input(Input::Woken, ctx, disk) | (self.stopping == Stopping::Halted);
            }
            self.raft.handle(Input::Woken, ctx, &mut events);
            self.controller_input(Input::Woken, ctx, &mut events);
            self.look_at_raft();
            stopped |= self.broker_input(Input::Woken, ctx, disk);
        } else if conn.is_some_and(|conn| self.raft.owns(conn)) {
            self.raft.handle(input, ctx, &mut events);
        } else if self.is_for_controller(&input) {
            self.controller_input(input, ctx, &mut events);
        } else {
            // Most of what comes: the replica of the metadata log, which is woken when something of it is due, has no part
            // in it.
            return self.broker_input(input, ctx, disk) | (self.stopping == Stopping::Halted);
        }
        // A fault may have come up while the process was being started.
        stopped | self.raft_events(events, ctx, disk) | (self.stopping == Stopping::Halted)
    }

    fn is_for_controller(&self, input: &Input) -> bool {
        let Some(controller) = &self.controller else { return false };
        match input {
            Input::Accepted(_, endpoint) => controller.listener() == endpoint,
            _ => conn_of(input).is_some_and(|conn| controller.owns(conn)),
        }
    }

    fn controller_input(&mut self, input: Input, ctx: &mut Ctx<'_>, events: &mut Vec<RaftEvent>) {
        if let Some(controller) = &mut self.controller {
            controller.handle(input, &mut Node { ctx, raft: &mut self.raft, events });
        }
    }

    /// Lets the broker act; true when the process has stopped.
    fn broker_input(&mut self, input: Input, ctx: &mut Ctx<'_>, disk: &mut Disk) -> bool {
        let Some(broker) = &mut self.broker else { return false };
        let may_stop = broker.handle(input, &mut Serving { ctx, disk, leader: &self.leader });
        may_stop && self.stopping == Stopping::Broker && self.stop_raft(ctx, disk)
    }

    /// Carries to broker and controller what the replica of the metadata log has to tell, until it has no more; true
    /// when the process has stopped.
    fn raft_events(&mut self, events: Vec<RaftEvent>, ctx: &mut Ctx<'_>, disk: &mut Disk) -> bool {
        let mut stopped = false;
        let mut events = std::collections::VecDeque::from(events);
        loop {
            let mut more = Vec::new();
            // What was appended, or asked for, may be due at once.
            self.raft.poll(ctx, &mut more);
            events.extend(more);
            self.look_at_raft();
            let Some(event) = events.pop_front() else { return stopped };
            let mut more = Vec::new();
            match event {
                RaftEvent::Respond(pending, body) => {
                    let mut node = Node { ctx, raft: &mut self.raft, events: &mut more };
                    if let Some(controller) = &mut self.controller {
                        controller.respond(&pending, body, &mut node);
                    }
                }
                RaftEvent::Stopped => {
                    self.raft.close(ctx);
                    stopped = true;
                }
                RaftEvent::Failed(why) => {
                    ctx.fact(Fact::FatalFault { reason: why.into() });
                    self.stopping = Stopping::Halted;
                    return true;
                }
                RaftEvent::Changed { .. } | RaftEvent::Committed => {
                    let mut node = Node { ctx, raft: &mut self.raft, events: &mut more };
                    if let Some(controller) = &mut self.controller {
                        controller.raft_event(&mut node);
                    }
                    stopped |= self.tell_broker(ctx, disk);
                    self.maybe_snapshot(ctx.now(), ctx.wall_clock_ms());
                }
            }
            events.extend(more);
        }
    }

    /// Notes who leads the metadata log and when its replica wants to be woken.
    fn look_at_raft(&mut self) {
        self.leader = self.raft.leader();
        self.raft_deadline = self.raft.next_deadline();
    }

    fn tell_broker(&mut self, ctx: &mut Ctx<'_>, disk: &mut Disk) -> bool {
        let leader = self.raft.leader();
        let Some(broker) = &mut self.broker else { return false };
        let may_stop = broker.metadata_event(self.raft.replica(), &mut Serving { ctx, disk, leader: &leader });
        may_stop && self.stopping == Stopping::Broker && self.stop_raft(ctx, disk)
    }

    /// Begins a graceful stop; true when it is done at once. A broker hands over first, then the controller.
    fn stop(&mut self, ctx: &mut Ctx<'_>, disk: &mut Disk) -> bool {
        if self.stopping != Stopping::No {
            return false;
        }
        let leader = self.raft.leader();
        self.stopping = Stopping::Broker;
        match &mut self.broker {
            Some(broker) => {
                let serving = &mut Serving { ctx, disk, leader: &leader };
                broker.begin_controlled_shutdown(serving) && self.stop_raft(ctx, disk)
            }
            None => self.stop_raft(ctx, disk),
        }
    }

    /// The broker is done: closes it, and lets the replica of the metadata log end.
    fn stop_raft(&mut self, ctx: &mut Ctx<'_>, disk: &mut Disk) -> bool {
        self.stopping = Stopping::Raft;
        let leader = self.raft.leader();
        if let Some(broker) = &mut self.broker {
            broker.shut_down(&mut Serving { ctx, disk, leader: &leader });
        }
        self.broker = None;
        let mut events = Vec::new();
        self.raft.act(ctx, &mut events, |replica, turn| replica.shutdown(RAFT_SHUTDOWN_TIMEOUT, turn));
        self.raft_events(events, ctx, disk)
    }

    /// Takes a snapshot of the metadata when enough of the log has passed since the last (KIP-630).
    fn maybe_snapshot(&mut self, now: SimTime, timestamp_ms: i64) {
        let Some(high_watermark) = self.raft.replica().high_watermark() else { return };
        let log = self.raft.replica().log();
        let seen = log.batches_from(self.snapshots.seen_to.max(log.start_offset()));
        let new = |batch: &&LogBatch| batch.header.last_offset() < high_watermark;
        self.snapshots.bytes += seen.take_while(new).map(|batch| batch.bytes.len()).sum::<usize>();
        self.snapshots.seen_to = self.snapshots.seen_to.max(high_watermark);
        let by_time = self.snapshots.max_interval.is_some_and(|interval| self.snapshots.last + interval <= now);
        if self.snapshots.bytes < self.snapshots.max_bytes && !by_time {
            return;
        }
        let Some((metadata, offset)) = self.metadata() else { return };
        if offset <= log.start_offset() || offset > high_watermark {
            return;
        }
        let content = metadata.to_snapshot(timestamp_ms);
        self.raft.keep_snapshot(offset, content);
        self.snapshots.bytes = 0;
        self.snapshots.last = now;
    }

    /// The committed metadata with the offset up to which it goes.
    fn metadata(&self) -> Option<(&Controller, i64)> {
        match (&self.controller, &self.broker) {
            (Some(controller), _) => Some((controller.metadata(), controller.metadata_end())),
            (None, Some(broker)) => Some((broker.metadata_image(), broker.metadata_offset() + 1)),
            (None, None) => None,
        }
    }

    fn next_deadline(&self) -> Option<SimTime> {
        let mut deadline = self.raft_deadline;
        if let Some(controller) = &self.controller {
            deadline = earlier(deadline, controller.next_deadline(&self.leader));
        }
        if let Some(broker) = &self.broker {
            deadline = earlier(deadline, broker.next_deadline(&self.leader));
        }
        deadline
    }
}

fn conn_of(input: &Input) -> Option<ConnId> {
    match input {
        Input::Started | Input::Woken => None,
        Input::Connected(conn) | Input::Accepted(conn, _) | Input::Disconnected(conn) | Input::Received(conn, _) => {
            Some(*conn)
        }
    }
}

fn quorum_config(setup: &ServerSetup, layers: &ConfigLayers<'_>) -> QuorumConfig {
    QuorumConfig {
        election_timeout: layers.millis("controller.quorum.election.timeout.ms"),
        fetch_timeout: layers.millis("controller.quorum.fetch.timeout.ms"),
        election_backoff_max: layers.millis("controller.quorum.election.backoff.max.ms"),
        append_linger: layers.millis("controller.quorum.append.linger.ms"),
        request_timeout: layers.millis("controller.quorum.request.timeout.ms"),
        retry_backoff: layers.millis("controller.quorum.retry.backoff.ms"),
        ..QuorumConfig::new(setup.id, setup.directory_id, setup.cluster_id.clone(), &setup.voters)
    }
}

fn controller_config(layers: &ConfigLayers<'_>) -> ControllerConfig {
    ControllerConfig {
        broker_session_timeout: layers.millis("broker.session.timeout.ms"),
        metadata_max_idle_interval: layers.millis("metadata.max.idle.interval.ms"),
        leader_imbalance_check_interval: layers.seconds("leader.imbalance.check.interval.seconds"),
        auto_leader_rebalance: layers.truth("auto.leader.rebalance.enable"),
        unclean_leader_election_interval: layers.millis("unclean.leader.election.interval.ms"),
        min_insync_replicas: layers.number("min.insync.replicas"),
    }
}

fn controller_settings(setup: &ServerSetup, layers: &ConfigLayers<'_>) -> ControllerSettings {
    ControllerSettings {
        num_partitions: layers.number("num.partitions"),
        default_replication_factor: layers.number("default.replication.factor"),
        delete_topic_enable: layers.truth("delete.topic.enable"),
        static_configs: (*setup.file).clone(),
        ..ControllerSettings::new(setup.id, setup.cluster_id.clone())
    }
}
