//! A broker: serves requests from its listener and keeps partition replicas on its disk.
//!
//! As in Kafka, requests of one connection are served strictly one after the other: while one waits (a fetch for data,
//! a produce for its in-sync replicas), the connection is muted and later requests queue behind it. What waits sits in
//! the purgatory until its condition or its timeout comes.
//!
//! What the broker knows of the cluster it reads in the metadata log (`publish`). It registers and sends heartbeats
//! (`lifecycle`), leads partitions (`partition`, `isr`), follows the leaders of others (`fetcher`), and hands requests
//! that change the cluster to the active controller (`forwarding`). Where it leads a partition of `__consumer_offsets` it
//! coordinates the groups in it (`coordinators`).
//!
//! One file per API, named as Kafka names it; each handler reads the request, changes state, and returns the response
//! body or parks the request. A frame that is not a request ends its connection and touches nothing else.

mod alter_configs;
mod api_versions;
mod auto_topic_creation;
mod config;
mod coordinators;
mod describe_cluster;
mod describe_configs;
mod describe_log_dirs;
mod describe_topic_partitions;
mod fetch;
mod fetch_session;
mod fetcher;
mod fetchers;
mod find_coordinator;
mod forwarding;
pub mod group;
mod group_facts;
mod group_requests;
mod init_producer_id;
mod isr;
mod lifecycle;
mod list_offsets;
mod metadata;
mod offset_fetch;
mod offset_for_leader_epoch;
mod partition;
mod produce;
mod publish;
mod purgatory;
mod tasks;

pub use config::{BrokerConfig, ConfigLayers, TopicConfig, check_broker_config};
pub use lifecycle::BrokerProcess;
pub use partition::{FollowerState, Leader, Partition, PartitionRole};

use crate::base::{ConnId, Endpoint, OrdMap, SimTime, TopicPartition, earlier};
use crate::cluster::config_defs::is_built_for_brokers;
use crate::cluster::{ConfigMap, Controller, ControllerSettings};
use crate::machine::{Ctx, Fact, Input, Mutant};
use crate::network::controller_channel::ActiveController;
use crate::network::{HungUp, Pending, SocketServer, is_forwarded};
use crate::quorum::Replica;
use crate::storage::Disk;
use crate::wire::{BROKER_APIS, Request, RequestKind, ResponseKind, StrBytes};
use auto_topic_creation::AutoTopicCreation;
use coordinators::Coordinators;
use fetch_session::FetchSessions;
use fetchers::Fetchers;
use forwarding::Forwarding;
use init_producer_id::ProducerIds;
use isr::AlterPartitions;
use lifecycle::{Identity, Lifecycle, LifecycleEvent};
use partition::{Partitions, Surroundings};
use purgatory::Purgatory;
use std::sync::Arc;
use uuid::Uuid;

/// A broker's process: everything that a crash loses. Its logs are on its [`Disk`].
#[derive(Clone, Debug)]
pub struct Broker {
    id: i32,
    rack: Option<Arc<str>>,
    cluster_id: StrBytes,
    /// The configs of its file.
    file: Arc<ConfigMap>,
    config: BrokerConfig,
    topic_configs: OrdMap<Arc<str>, Arc<TopicConfig>>,
    /// Its process is a controller's too, which tells the trace what is committed.
    is_combined: bool,
    server: SocketServer,
    lifecycle: Lifecycle,
    /// The cluster's metadata, as far as it has read the log.
    metadata: Controller,
    /// Offset of the next record of the metadata log to take in.
    metadata_offset: i64,
    /// Its logs are open and follow the metadata.
    published: bool,
    partitions: Partitions,
    fetchers: Fetchers,
    alter_partitions: AlterPartitions,
    forwarding: Forwarding,
    auto_topics: AutoTopicCreation,
    purgatory: Purgatory,
    sessions: FetchSessions,
    producer_ids: ProducerIds,
    coordinators: Coordinators,
    tasks: tasks::Tasks,
    polled: Option<Polled>,
}

/// That the channels to the active controller have sent what they had to send, until one of them may have something to do
/// again.
#[derive(Clone, Copy, Debug)]
struct Polled {
    /// The active controller then.
    leader: Option<i32>,
    /// When one of them wants to be woken.
    deadline: Option<SimTime>,
}

/// What a broker is set up with.
#[derive(Clone, Debug)]
pub struct BrokerSetup {
    /// `node.id`.
    pub id: i32,
    /// `broker.rack`.
    pub rack: Option<Arc<str>>,
    /// The advertised listener.
    pub listener: Endpoint,
    /// The cluster's id, as Kafka writes it.
    pub cluster_id: Arc<str>,
    /// Id of its log directory.
    pub log_dir: Uuid,
    /// The configs of its file.
    pub file: Arc<ConfigMap>,
    /// Its process is a controller's too.
    pub is_combined: bool,
}

/// What serving a request came to.
#[allow(clippy::large_enum_variant, reason = "one at a time, and sent off at once")]
enum Served {
    /// The response.
    Now(ResponseKind),
    /// Nothing is ever sent back (acks=0).
    Silent,
    /// It waits, and whoever keeps it has its [`Pending`].
    Parked,
    /// The connection ends, with the reason.
    Hangup(String),
}

/// What a broker reads and changes while it takes an input.
pub struct Serving<'a, 'c> {
    /// Clock, randomness and effects.
    pub ctx: &'a mut Ctx<'c>,
    /// The broker's disk.
    pub disk: &'a mut Disk,
    /// The leader of the metadata log, as far as the broker's replica of it knows.
    pub leader: &'a ActiveController,
}

impl Broker {
    /// A broker whose process starts now. `previous_epoch` is its epoch in its last run, if it was shut down cleanly.
    pub fn new(setup: BrokerSetup, previous_epoch: Option<i64>, ctx: &mut Ctx<'_>) -> Self {
        let config = BrokerConfig::new(&ConfigLayers::file(&setup.file));
        for name in setup.file.keys().filter(|name| !is_built_for_brokers(name)) {
            ctx.fact(Fact::ConfigNotBuilt { name: name.clone() });
        }
        let mut settings = ControllerSettings::new(setup.id, setup.cluster_id.clone());
        settings.static_configs = describe_configs::static_configs(&setup);
        let identity = Identity {
            id: setup.id,
            cluster_id: setup.cluster_id.clone(),
            rack: setup.rack.clone(),
            listener: setup.listener.clone(),
            log_dir: setup.log_dir,
            previous_epoch,
        };
        Self {
            id: setup.id,
            rack: setup.rack,
            cluster_id: StrBytes::from_string(setup.cluster_id.to_string()),
            file: setup.file,
            topic_configs: OrdMap::new(),
            is_combined: setup.is_combined,
            server: SocketServer::new(setup.listener, BROKER_APIS),
            lifecycle: Lifecycle::new(identity, &config, ctx),
            metadata: Controller::new(settings),
            metadata_offset: 0,
            published: false,
            partitions: Partitions::default(),
            fetchers: Fetchers::default(),
            alter_partitions: AlterPartitions::new(setup.id, config.request_timeout),
            forwarding: Forwarding::new(setup.id, config.request_timeout),
            auto_topics: AutoTopicCreation::new(setup.id, config.request_timeout),
            purgatory: Purgatory::default(),
            producer_ids: ProducerIds::new(setup.id, config.request_timeout),
            coordinators: Coordinators::default(),
            sessions: FetchSessions::new(config.fetch_session_slots),
            tasks: tasks::Tasks::new(&config, ctx.now()),
            polled: None,
            config,
        }
    }

    /// `node.id`.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// `broker.rack`.
    pub fn rack(&self) -> Option<&str> {
        self.rack.as_deref()
    }

    /// The advertised listener.
    pub fn listener(&self) -> &Endpoint {
        self.server.listener()
    }

    /// Its configs, as they take effect.
    pub fn config(&self) -> &BrokerConfig {
        &self.config
    }

    /// How far its process has come.
    pub fn process(&self) -> BrokerProcess {
        self.lifecycle.state()
    }

    /// Its epoch: the offset of its registration in the metadata log; none before.
    pub fn epoch(&self) -> Option<i64> {
        self.lifecycle.epoch()
    }

    /// The cluster's metadata, as far as it has read the log.
    pub fn metadata_image(&self) -> &Controller {
        &self.metadata
    }

    /// Offset of the last record of the metadata log that it has taken in; -1 before.
    pub fn metadata_offset(&self) -> i64 {
        self.metadata_offset - 1
    }

    /// The partitions of which it has a replica.
    pub fn partitions(&self) -> impl Iterator<Item = (&TopicPartition, &Partition)> {
        self.partitions.iter()
    }

    /// A partition of which it has a replica.
    pub fn partition(&self, tp: &TopicPartition) -> Option<&Partition> {
        self.partitions.get(tp)
    }

    /// Whether it accepts connections: it is in service, or stopping.
    pub fn is_accepting(&self) -> bool {
        self.lifecycle.state() >= BrokerProcess::Running
    }

    /// How many connections its listener holds.
    pub fn connection_count(&self) -> usize {
        self.server.connection_count()
    }

    /// Whether a connection stands and all that came over it is served, so that a broker would read its socket on.
    pub fn would_read(&self, conn: ConnId) -> bool {
        self.server.would_read(conn)
    }

    /// How many requests wait in the purgatory.
    pub fn parked_requests(&self) -> usize {
        self.purgatory.len()
    }

    /// The coordinator of a group, if this broker has it and has loaded it.
    pub fn group_shard(&self, group: &str) -> Option<&group::GroupShard> {
        self.coordinators.shard(self.partition_of_group(group)).ok()
    }

    /// The coordinators that it has loaded, in the order of their partitions of `__consumer_offsets`.
    pub fn group_shards(&self) -> impl Iterator<Item = &group::GroupShard> {
        self.coordinators.partitions().into_iter().filter_map(|partition| self.coordinators.shard(partition).ok())
    }

    /// How many incremental fetch sessions it keeps.
    pub fn fetch_sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Whether a connection is one of its own.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.server.owns(conn)
            || self.lifecycle.owns(conn)
            || self.alter_partitions.owns(conn)
            || self.forwarding.owns(conn)
            || self.auto_topics.owns(conn)
            || self.producer_ids.owns(conn)
            || self.fetchers.owner(conn).is_some()
    }

    /// Takes an input that concerns its connections, or its deadline. True when it may stop (after
    /// [`Broker::begin_controlled_shutdown`]).
    pub fn handle(&mut self, input: Input, serving: &mut Serving<'_, '_>) -> bool {
        let mut may_stop = false;
        match input {
            Input::Started => {}
            Input::Woken => {
                self.polled = None;
                if self.channels_deadline(serving.leader).is_some_and(|at| at <= serving.ctx.now()) {
                    let events = self.lifecycle.handle(Input::Woken, serving.ctx);
                    may_stop = self.lifecycle_events(events, serving);
                    self.alter_partition_input(Input::Woken, serving);
                    self.forwarding_input(Input::Woken, serving);
                    self.auto_topics_input(Input::Woken, serving);
                    self.producer_ids_input(Input::Woken, serving);
                }
                for source in self.fetchers.due(serving.ctx.now()) {
                    self.fetcher_input(source, Input::Woken, serving);
                }
                self.run_tasks(serving);
                self.poll_coordinators(serving);
                self.expire(serving);
            }
            Input::Accepted(conn, _) => self.server.accept(conn),
            Input::Received(conn, message) if self.server.owns(conn) => {
                self.server.receive(conn, message);
                self.drain(conn, serving);
            }
            Input::Disconnected(conn) if self.server.owns(conn) => {
                self.server.disconnected(conn);
                self.purgatory.forget(conn);
            }
            Input::Connected(conn) | Input::Disconnected(conn) | Input::Received(conn, _) => {
                may_stop = self.own_connection(conn, input, serving);
            }
        }
        self.poll(serving) || may_stop
    }

    /// An input on a connection that it opened itself.
    fn own_connection(&mut self, conn: ConnId, input: Input, serving: &mut Serving<'_, '_>) -> bool {
        if let Some(source) = self.fetchers.owner(conn) {
            self.fetcher_input(source, input, serving);
            return false;
        }
        self.polled = None;
        if self.lifecycle.owns(conn) {
            let events = self.lifecycle.handle(input, serving.ctx);
            return self.lifecycle_events(events, serving);
        }
        if self.alter_partitions.owns(conn) {
            self.alter_partition_input(input, serving);
        } else if self.forwarding.owns(conn) {
            self.forwarding_input(input, serving);
        } else if self.auto_topics.owns(conn) {
            self.auto_topics_input(input, serving);
        } else if self.producer_ids.owns(conn) {
            self.producer_ids_input(input, serving);
        }
        false
    }

    /// More of the metadata log is committed, or another node leads it.
    pub fn metadata_event(&mut self, replica: &Replica, serving: &mut Serving<'_, '_>) -> bool {
        self.polled = None;
        self.take_in_metadata(replica, serving);
        self.poll(serving)
    }

    /// Sends what its parts have to send.
    fn poll(&mut self, serving: &mut Serving<'_, '_>) -> bool {
        let is_due = |polled: &Polled| polled.deadline.is_some_and(|at| at <= serving.ctx.now());
        let may_stop = match self.polled_for(serving.leader) {
            Some(polled) if !is_due(polled) => false,
            _ => self.poll_channels(serving),
        };
        self.poll_fetchers(serving);
        may_stop
    }

    /// That its channels have nothing to do with this leader.
    fn polled_for(&self, leader: &ActiveController) -> Option<&Polled> {
        self.polled.as_ref().filter(|polled| polled.leader == leader.as_ref().map(|(id, _)| *id))
    }

    fn poll_channels(&mut self, serving: &mut Serving<'_, '_>) -> bool {
        let leader = serving.leader;
        // Taken back where something comes up meanwhile.
        self.polled = Some(Polled { leader: leader.as_ref().map(|(id, _)| *id), deadline: None });
        let offset = self.metadata_offset();
        let events = self.lifecycle.poll(serving.leader, offset, serving.ctx);
        let may_stop = self.lifecycle_events(events, serving);
        self.send_alter_partition(serving);
        self.send_forwarded(serving);
        self.send_auto_topics(serving);
        self.send_allocate_producer_ids(serving);
        let is_settled = self.lifecycle.is_settled(leader)
            && self.alter_partitions.is_settled(leader)
            && self.forwarding.is_settled(leader)
            && self.auto_topics.is_settled(leader)
            && self.producer_ids.is_settled(leader);
        let deadline = self.channels_deadline(leader);
        self.polled = self.polled.filter(|_| is_settled).map(|polled| Polled { deadline, ..polled });
        may_stop
    }

    fn lifecycle_events(&mut self, events: Vec<LifecycleEvent>, serving: &mut Serving<'_, '_>) -> bool {
        let mut may_stop = false;
        for event in events {
            match event {
                LifecycleEvent::CaughtUp => {
                    self.publish_first(serving);
                    self.lifecycle.set_ready_to_unfence(serving.ctx.now());
                }
                LifecycleEvent::Unfenced => {}
                LifecycleEvent::MayStop => may_stop = true,
            }
        }
        may_stop
    }

    /// Begins a graceful stop; true when it may stop at once, having nothing to hand over.
    pub fn begin_controlled_shutdown(&mut self, serving: &mut Serving<'_, '_>) -> bool {
        self.polled = None;
        self.lifecycle.begin_controlled_shutdown(serving.ctx.now());
        self.lifecycle.state() == BrokerProcess::ShuttingDown || self.poll(serving)
    }

    /// Stops: closes its connections and its logs.
    pub fn shut_down(&mut self, serving: &mut Serving<'_, '_>) {
        self.lifecycle.shut_down(serving.ctx);
        self.alter_partitions.close(serving.ctx);
        self.forwarding.close(serving.ctx);
        self.auto_topics.close(serving.ctx);
        self.producer_ids.close(serving.ctx);
        for source in self.fetchers.sources().collect::<Vec<_>>() {
            self.fetchers.remove(source).expect("it is there").close(serving.ctx);
        }
        if self.published {
            serving.disk.shut_down(self.lifecycle.epoch().unwrap_or(-1));
        }
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self, leader: &ActiveController) -> Option<SimTime> {
        let channels = self.polled_for(leader).map_or_else(|| self.channels_deadline(leader), |polled| polled.deadline);
        debug_assert_eq!(channels, self.channels_deadline(leader), "a channel has changed unseen");
        let mut deadline = earlier(self.purgatory.next_deadline(), channels);
        deadline = earlier(deadline, self.coordinators.next_deadline());
        deadline = earlier(deadline, self.fetchers.next_deadline());
        earlier(deadline, self.published.then(|| self.tasks.next_deadline()))
    }

    /// When one of its channels to the active controller wants to be woken.
    fn channels_deadline(&self, leader: &ActiveController) -> Option<SimTime> {
        let mut deadline = earlier(self.lifecycle.next_deadline(leader), self.alter_partitions.next_deadline(leader));
        deadline = earlier(deadline, self.forwarding.next_deadline(leader));
        deadline = earlier(deadline, self.auto_topics.next_deadline(leader));
        earlier(deadline, self.producer_ids.next_deadline(leader))
    }

    /// Serves what has queued on a connection, until it is muted or empty.
    fn drain(&mut self, conn: ConnId, serving: &mut Serving<'_, '_>) {
        loop {
            match self.server.next(conn, serving.ctx) {
                Ok(Some(request)) => self.serve(conn, &request, serving),
                Ok(None) => return,
                Err(HungUp) => return self.purgatory.forget(conn),
            }
        }
    }

    fn serve(&mut self, conn: ConnId, request: &Arc<Request>, serving: &mut Serving<'_, '_>) {
        let pending = Pending::new(conn, request);
        if !matches!(request.body, RequestKind::Fetch(_) | RequestKind::Produce(_)) {
            self.polled = None;
        }
        let served = match &request.body {
            RequestKind::ApiVersions(body) => self.api_versions(&pending, body),
            RequestKind::Metadata(body) => self.metadata(&pending, request, body, serving),
            RequestKind::Produce(body) => self.produce(&pending, &request.client_id, body, serving),
            RequestKind::Fetch(body) => self.fetch(&pending, request, body, serving),
            RequestKind::ListOffsets(body) => self.list_offsets(&pending, body, serving.disk),
            RequestKind::InitProducerId(body) => self.init_producer_id(body, serving.ctx.now()),
            RequestKind::OffsetForLeaderEpoch(body) => self.offset_for_leader_epoch(body, serving.disk),
            RequestKind::FindCoordinator(body) => self.find_coordinator(&pending, body, serving),
            RequestKind::JoinGroup(_)
            | RequestKind::SyncGroup(_)
            | RequestKind::Heartbeat(_)
            | RequestKind::LeaveGroup(_) => self.ask_coordinator(&pending, request, serving),
            RequestKind::OffsetCommit(body) => self.offset_commit(&pending, request, body, serving),
            RequestKind::OffsetFetch(body) => self.offset_fetch(&pending, request, body, serving),
            RequestKind::OffsetDelete(body) => self.offset_delete(&pending, request, body, serving),
            RequestKind::DescribeGroups(body) => self.describe_groups(&pending, body),
            RequestKind::ListGroups(body) => self.list_groups(body),
            RequestKind::DeleteGroups(body) => self.delete_groups(&pending, request, body, serving),
            RequestKind::DescribeCluster(body) => self.describe_cluster(&pending, body),
            RequestKind::DescribeConfigs(body) => self.describe_configs(body),
            RequestKind::DescribeLogDirs(body) => self.describe_log_dirs(body, serving.disk),
            RequestKind::DescribeTopicPartitions(body) => self.describe_topic_partitions(body),
            RequestKind::ListConfigResources(body) => self.list_config_resources(&pending, body),
            RequestKind::AlterConfigs(_) | RequestKind::IncrementalAlterConfigs(_) => {
                self.alter_configs(pending.clone(), request, serving)
            }
            body if is_forwarded(body) => self.forward(pending.clone(), request, serving),
            other => unreachable!("the listener serves no such API: {other:?}"),
        };
        match served {
            Served::Now(body) => self.server.respond(&pending, body, serving.ctx),
            Served::Silent => self.server.unmute(conn),
            Served::Parked => {}
            Served::Hangup(reason) => {
                self.server.hang_up(conn, reason, serving.ctx);
                self.purgatory.forget(conn);
            }
        }
    }

    /// Answers a request that waited, and goes on with what queued behind it.
    fn complete(&mut self, pending: &Pending, body: ResponseKind, serving: &mut Serving<'_, '_>) {
        self.server.respond(pending, body, serving.ctx);
        self.drain(pending.conn, serving);
    }

    /// Where another broker listens, if it is registered.
    fn endpoint_of(&self, broker: i32) -> Option<Endpoint> {
        let endpoint = self.metadata.brokers().registration(broker)?.endpoints.first()?;
        Some(Endpoint { host: (*endpoint.host).into(), port: endpoint.port })
    }

    /// Looks at a partition with what its leader has to know beside it.
    fn surrounded<R>(&self, now: SimTime, look: impl FnOnce(&Surroundings<'_>) -> R) -> R {
        let brokers = self.metadata.brokers();
        let is_eligible = |replica: i32, epoch: Option<i64>| {
            let registered = brokers.registration(replica).filter(|broker| broker.is_active());
            // A follower from before KIP-903 does not name its epoch.
            registered.is_some_and(|broker| epoch.is_some_and(|epoch| epoch == -1 || epoch == broker.epoch))
        };
        let lag_time_max = self.config.replica_lag_time_max;
        look(&Surroundings { broker: self.id, now, lag_time_max, is_eligible: &is_eligible })
    }

    /// Moves a leader's high watermark where the mutant of a test wants it.
    fn move_wrongly(&mut self, tp: &TopicPartition, serving: &mut Serving<'_, '_>) {
        let leader = self.partitions.get(tp).and_then(|partition| partition.leader());
        let Some((leader, mutant)) = leader.zip(serving.ctx.mutant()) else { return };
        let log = serving.disk.log_mut(tp).expect("a leader has the log");
        let Some(to) = wrong_high_watermark(leader, log, mutant) else { return };
        let from = log.high_watermark();
        if log.update_high_watermark(to).is_some() {
            serving.ctx.fact(Fact::HighWatermark { partition: tp.clone(), from, to });
            self.touch(tp, to);
            self.coordinators.high_watermark_moved(tp);
        }
    }

    /// Moves a leader's high watermark as far as it may.
    fn advance_high_watermark(&mut self, tp: &TopicPartition, serving: &mut Serving<'_, '_>) {
        let Some(partition) = self.partitions.get(tp) else { return };
        let id = partition.log;
        let Some(log) = serving.disk.get(id) else { return };
        let moved = match partition.leader().zip(serving.ctx.mutant()) {
            Some((leader, mutant)) if wrong_high_watermark(leader, log, mutant).is_some() => {
                return self.move_wrongly(tp, serving);
            }
            _ => self.surrounded(serving.ctx.now(), |around| partition.new_high_watermark(log, around)),
        };
        let Some(to) = moved else { return };
        let log = serving.disk.get_mut(id).expect("it was just there");
        if let Some(from) = log.advance_high_watermark(to) {
            serving.ctx.fact(Fact::HighWatermark { partition: tp.clone(), from, to });
            self.touch(tp, to);
            self.coordinators.high_watermark_moved(tp);
        }
    }
}

/// Where a leader's high watermark goes by mistake.
fn wrong_high_watermark(leader: &Leader, log: &crate::storage::Log, mutant: Mutant) -> Option<i64> {
    let end = log.log_end_offset();
    match mutant {
        Mutant::HighWatermarkIgnoresFollowers => Some(end),
        Mutant::HighWatermarkFollowsSlowest => {
            let ends = leader.followers.values().map(|follower| follower.log_end_offset.max(0));
            Some(ends.min().unwrap_or(end).clamp(log.log_start_offset(), end))
        }
        _ => None,
    }
}

/// A string of ours as the protocol's.
fn str_bytes(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}
