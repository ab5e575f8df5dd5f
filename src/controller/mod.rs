//! A controller: one member of the quorum that keeps the cluster's metadata (`QuorumController`, `ControllerApis`).
//!
//! Every controller replays the committed part of the metadata log. The one whose replica leads the log, and has
//! applied all that came before, is the active one: it alone answers requests. An operation reads the state and says
//! which records to append; the active controller replays them at once, so that the next operation sees them, and
//! answers when they are committed. When it loses its leadership before that, it goes back to what is committed and
//! refuses what waited with NOT_CONTROLLER.
//!
//! What it does by itself (`PeriodicTask`s): it fences brokers whose sessions have run out, writes a record that says
//! nothing every `metadata.max.idle.interval.ms` so that the log moves on in peace, gives partitions back to their
//! preferred leaders, and elects uncleanly where that is allowed.

mod active;
mod facts;
mod registration;
mod requests;
mod tasks;

use crate::base::{ConnId, Endpoint, SimDuration, SimTime, earlier};
use crate::cluster::{Controller, ControllerSettings};
use crate::machine::{Ctx, Input, Mutant};
use crate::network::{SocketServer, controller_channel::ActiveController};
use crate::quorum::{LogBatch, RaftEvent, RaftManager, Role};
use crate::wire::CONTROLLER_APIS;
use active::Active;
use facts::metadata_facts;
use registration::ControllerRegistration;

/// What a controller is set up with, under the names of Kafka's configs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerConfig {
    /// `broker.session.timeout.ms`.
    pub broker_session_timeout: SimDuration,
    /// `metadata.max.idle.interval.ms`.
    pub metadata_max_idle_interval: SimDuration,
    /// `leader.imbalance.check.interval.seconds`.
    pub leader_imbalance_check_interval: SimDuration,
    /// `auto.leader.rebalance.enable`.
    pub auto_leader_rebalance: bool,
    /// `unclean.leader.election.interval.ms`.
    pub unclean_leader_election_interval: SimDuration,
    /// `min.insync.replicas` with which the cluster is formatted.
    pub min_insync_replicas: i32,
}

impl Default for ControllerConfig {
    fn default() -> Self {
        Self {
            broker_session_timeout: SimDuration::from_secs(9),
            metadata_max_idle_interval: SimDuration::from_millis(500),
            leader_imbalance_check_interval: SimDuration::from_secs(300),
            auto_leader_rebalance: true,
            unclean_leader_election_interval: SimDuration::from_secs(300),
            min_insync_replicas: 1,
        }
    }
}

/// What of the node a controller works with: the clock and effects, and its replica of the metadata log.
pub struct Node<'a, 'c> {
    /// Clock, randomness and effects.
    pub ctx: &'a mut Ctx<'c>,
    /// The node's replica of the metadata log.
    pub raft: &'a mut RaftManager,
    /// What the replica has to tell the node.
    pub events: &'a mut Vec<RaftEvent>,
}

/// A controller's process.
#[derive(Clone, Debug)]
pub struct QuorumController {
    config: ControllerConfig,
    server: SocketServer,
    /// What is committed.
    committed: Controller,
    /// Offset of the next record to apply.
    next_offset: i64,
    /// What it has while it is the active controller.
    active: Option<Active>,
    registration: ControllerRegistration,
}

impl Node<'_, '_> {
    /// Offset below which the metadata log is committed, as far as the node knows.
    fn committed_end(&self) -> Option<i64> {
        let replica = self.raft.replica();
        match self.ctx.is_mutant(Mutant::MetadataAppliedBeforeCommit) {
            true => Some(replica.log().end_offset()),
            false => replica.high_watermark(),
        }
    }
}

impl QuorumController {
    /// A controller that has read nothing yet and serves `listener`.
    pub fn new(settings: ControllerSettings, config: ControllerConfig, listener: Endpoint, ctx: &mut Ctx<'_>) -> Self {
        let registration = ControllerRegistration::new(settings.node_id, listener.clone(), ctx);
        Self {
            config,
            server: SocketServer::new(listener, CONTROLLER_APIS),
            committed: Controller::new(settings),
            next_offset: 0,
            active: None,
            registration,
        }
    }

    /// Its listener.
    pub fn listener(&self) -> &Endpoint {
        self.server.listener()
    }

    /// The committed metadata, as far as it has read the log.
    pub fn metadata(&self) -> &Controller {
        &self.committed
    }

    /// Offset of the next record of the metadata log to apply.
    pub fn metadata_end(&self) -> i64 {
        self.next_offset
    }

    /// Whether it is the active controller, as far as it knows.
    pub fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// Whether a connection is one of its own.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.server.owns(conn) || self.registration.owns(conn)
    }

    /// Takes an input that concerns its connections, or its deadline.
    pub fn handle(&mut self, input: Input, node: &mut Node<'_, '_>) {
        match input {
            Input::Accepted(conn, _) => self.server.accept(conn),
            Input::Received(conn, message) if self.server.owns(conn) => {
                self.server.receive(conn, message);
                self.drain(conn, node);
            }
            Input::Disconnected(conn) if self.server.owns(conn) => {
                self.server.disconnected(conn);
                node.raft.forget(conn);
            }
            Input::Woken => {
                self.registration.handle(Input::Woken, node.ctx);
                self.run_tasks(node);
            }
            other => self.registration.handle(other, node.ctx),
        }
        self.register(node);
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self, leader: &ActiveController) -> Option<SimTime> {
        let tasks = self.active.as_ref().and_then(Active::next_deadline);
        earlier(tasks, self.registration.next_deadline(leader))
    }

    /// Takes in what its replica has to tell: a new leader, or more that is committed.
    pub fn raft_event(&mut self, node: &mut Node<'_, '_>) {
        let replica = node.raft.replica();
        let still_leads = |epoch: i32| replica.role() == Role::Leader && replica.epoch() == epoch;
        if self.active.as_ref().is_some_and(|active| !still_leads(active.epoch)) {
            self.renounce(node);
        }
        self.apply_committed(node);
        self.maybe_claim(node);
        self.register(node);
    }

    /// Applies what is committed and not applied yet.
    fn apply_committed(&mut self, node: &mut Node<'_, '_>) {
        let Some(high_watermark) = node.committed_end() else { return };
        self.load_snapshot(node);
        let leads = node.raft.replica().role() == Role::Leader;
        let log = node.raft.replica().log();
        let batches: Vec<LogBatch> = log
            .batches_from(self.next_offset)
            .take_while(|batch| batch.header.last_offset() < high_watermark)
            .cloned()
            .collect();
        for batch in &batches {
            node.ctx.fact(batch.committed_fact());
            if batch.header.is_control() {
                self.next_offset = batch.header.next_offset();
                continue;
            }
            let mut facts = Vec::new();
            for (offset, record) in batch.metadata_records() {
                facts.extend(metadata_facts(&record.record, &mut self.committed, offset));
            }
            // Also what is committed before it may act as the active one; the world tells each batch once.
            if leads {
                facts.into_iter().for_each(|fact| node.ctx.fact(fact));
            }
            self.next_offset = batch.header.next_offset();
        }
        self.complete_deferred(node);
    }

    /// Begins again from the log's snapshot, when the log before it is gone.
    fn load_snapshot(&mut self, node: &Node<'_, '_>) {
        let log = node.raft.replica().log();
        let Some(id) = log.latest_snapshot().filter(|id| id.offset > self.next_offset) else { return };
        let content = log.snapshot(id).expect("the latest one is there");
        self.committed = Controller::from_snapshot(self.committed.settings.clone(), content);
        self.next_offset = id.offset;
    }
}
