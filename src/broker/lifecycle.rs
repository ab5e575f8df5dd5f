//! A broker's registration and heartbeats (`BrokerLifecycleManager`, KIP-631).
//!
//! A broker registers with the active controller, then tells it every `broker.heartbeat.interval.ms` that it lives and
//! how far it has read the metadata log. It is fenced until it has read its own registration and says that it is ready.
//! It holds no lease: a broker that the controller fences learns of it from the metadata log, if at all.

use super::config::BrokerConfig;
use crate::base::{ConnId, Endpoint, SimDuration, SimTime, earlier};
use crate::cluster::supported_features;
use crate::machine::{Ctx, Input};
use crate::network::ControllerChannel;
use crate::network::controller_channel::{ActiveController, ChannelEvent};
use crate::wire::messages::broker_registration_request::{Feature, Listener};
use crate::wire::messages::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
};
use crate::wire::{ApiKey, BrokerId, ErrorCode, RequestKind, ResponseKind, StrBytes};
use std::sync::Arc;
use uuid::Uuid;

/// How soon a broker that is starting asks again whether it may go on.
const STARTING_INTERVAL: SimDuration = SimDuration::from_millis(10);
/// How soon after the first answer to its wish to stop it asks again.
const FIRST_SHUTDOWN_INTERVAL: SimDuration = SimDuration::from_millis(50);
/// `resendExponentialBackoff` begins here and ends at `broker.session.timeout.ms`.
const RESEND_BACKOFF: SimDuration = SimDuration::from_millis(100);

/// How far a broker's process has come (`BrokerState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BrokerProcess {
    /// It registers and reads the metadata log.
    Starting,
    /// It has caught up, opens its logs and waits to be unfenced.
    Recovery,
    /// It is in service.
    Running,
    /// It wants to stop and waits until the others have taken over.
    PendingControlledShutdown,
    /// It stops.
    ShuttingDown,
}

/// What the lifecycle comes to for the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LifecycleEvent {
    /// The controller says that it has caught up with the metadata log: it may open its logs.
    CaughtUp,
    /// It is in service: it may accept connections.
    Unfenced,
    /// It may stop.
    MayStop,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Registration,
    Heartbeat,
}

/// What a broker says of itself when it registers.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) id: i32,
    pub(super) cluster_id: Arc<str>,
    pub(super) rack: Option<Arc<str>>,
    pub(super) listener: Endpoint,
    pub(super) log_dir: Uuid,
    /// The epoch of its last run, if that was shut down cleanly.
    pub(super) previous_epoch: Option<i64>,
}

#[derive(Clone, Debug)]
pub(super) struct Lifecycle {
    state: BrokerProcess,
    identity: Identity,
    incarnation_id: Uuid,
    epoch: Option<i64>,
    channel: ControllerChannel<Asked>,
    in_flight: bool,
    next_at: SimTime,
    ready_to_unfence: bool,
    told_to_wait: bool,
    failures: u32,
    session_timeout: SimDuration,
    heartbeat_interval: SimDuration,
}

impl Lifecycle {
    pub(super) fn new(identity: Identity, config: &BrokerConfig, ctx: &mut Ctx<'_>) -> Self {
        Self {
            state: BrokerProcess::Starting,
            incarnation_id: uuid::Builder::from_random_bytes(ctx.rng().bytes16()).into_uuid(),
            epoch: None,
            channel: ControllerChannel::new(identity.id, config.request_timeout, Some(config.session_timeout)),
            identity,
            in_flight: false,
            next_at: ctx.now(),
            ready_to_unfence: false,
            told_to_wait: false,
            failures: 0,
            session_timeout: config.session_timeout,
            heartbeat_interval: config.heartbeat_interval,
        }
    }

    pub(super) fn state(&self) -> BrokerProcess {
        self.state
    }

    /// The broker's epoch: the offset of its registration; none before.
    pub(super) fn epoch(&self) -> Option<i64> {
        self.epoch
    }

    pub(super) fn is_settled(&self, leader: &ActiveController) -> bool {
        self.channel.is_settled(leader)
    }

    pub(super) fn owns(&self, conn: ConnId) -> bool {
        self.channel.owns(conn)
    }

    /// Its logs are open: it may lead and follow.
    pub(super) fn set_ready_to_unfence(&mut self, now: SimTime) {
        self.ready_to_unfence = true;
        self.next_at = now;
    }

    /// Begins a controlled shutdown.
    pub(super) fn begin_controlled_shutdown(&mut self, now: SimTime) {
        self.state = match self.state {
            BrokerProcess::Running => BrokerProcess::PendingControlledShutdown,
            // It leads nothing yet.
            _ => BrokerProcess::ShuttingDown,
        };
        self.next_at = now;
    }

    /// The broker stops: no more heartbeats.
    pub(super) fn shut_down(&mut self, ctx: &mut Ctx<'_>) {
        self.state = BrokerProcess::ShuttingDown;
        self.channel.close(ctx);
    }

    pub(super) fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) -> Vec<LifecycleEvent> {
        let events = self.channel.handle(input, ctx);
        self.channel_events(events, ctx)
    }

    fn channel_events(&mut self, events: Vec<ChannelEvent<Asked>>, ctx: &mut Ctx<'_>) -> Vec<LifecycleEvent> {
        let mut out = Vec::new();
        for event in events {
            self.in_flight = false;
            match event {
                ChannelEvent::Answered(asked, response) => match (asked, &response.body) {
                    (Asked::Registration, ResponseKind::BrokerRegistration(body)) => self.registered(body, ctx),
                    (Asked::Heartbeat, ResponseKind::BrokerHeartbeat(body)) => {
                        out.extend(self.heartbeat_answered(body, ctx));
                    }
                    (_, other) => panic!("a response of another kind than its request: {other:?}"),
                },
                ChannelEvent::TimedOut(_) => self.failed(ctx),
            }
        }
        out
    }

    /// Sends what is due.
    pub(super) fn poll(
        &mut self,
        leader: &ActiveController,
        metadata_offset: i64,
        ctx: &mut Ctx<'_>,
    ) -> Vec<LifecycleEvent> {
        if !self.in_flight && self.next_at <= ctx.now() && self.state != BrokerProcess::ShuttingDown {
            self.in_flight = true;
            let now = ctx.now();
            match self.epoch {
                None => {
                    let body = RequestKind::BrokerRegistration(self.registration());
                    self.channel.enqueue(Asked::Registration, ApiKey::BrokerRegistration, body, now);
                }
                Some(epoch) => {
                    let body = RequestKind::BrokerHeartbeat(self.heartbeat(epoch, metadata_offset));
                    self.channel.enqueue(Asked::Heartbeat, ApiKey::BrokerHeartbeat, body, now);
                }
            }
        }
        let events = self.channel.poll(leader, ctx);
        self.channel_events(events, ctx)
    }

    pub(super) fn next_deadline(&self, leader: &ActiveController) -> Option<SimTime> {
        let due = (!self.in_flight && self.state != BrokerProcess::ShuttingDown).then_some(self.next_at);
        earlier(self.channel.next_deadline(leader), due)
    }

    fn registration(&self) -> BrokerRegistrationRequest {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let Identity { id, cluster_id, rack, listener, log_dir, previous_epoch } = &self.identity;
        let listener = Listener::default()
            .with_name(StrBytes::from_static_str("PLAINTEXT"))
            .with_host(text(&listener.host))
            .with_port(listener.port);
        let feature = |feature: crate::wire::metadata_records::BrokerFeature| {
            Feature::default()
                .with_name(feature.name)
                .with_min_supported_version(feature.min_supported_version)
                .with_max_supported_version(feature.max_supported_version)
        };
        BrokerRegistrationRequest::default()
            .with_broker_id(BrokerId(*id))
            .with_cluster_id(text(cluster_id))
            .with_incarnation_id(self.incarnation_id)
            .with_listeners(vec![listener])
            .with_features(supported_features().into_iter().map(feature).collect())
            .with_rack(rack.as_deref().map(text))
            .with_log_dirs(vec![*log_dir])
            .with_previous_broker_epoch(previous_epoch.unwrap_or(-1))
    }

    fn heartbeat(&self, epoch: i64, metadata_offset: i64) -> BrokerHeartbeatRequest {
        BrokerHeartbeatRequest::default()
            .with_broker_id(BrokerId(self.identity.id))
            .with_broker_epoch(epoch)
            .with_current_metadata_offset(metadata_offset)
            .with_want_fence(!self.ready_to_unfence)
            .with_want_shut_down(self.state == BrokerProcess::PendingControlledShutdown)
    }

    fn registered(&mut self, body: &BrokerRegistrationResponse, ctx: &mut Ctx<'_>) {
        if ErrorCode(body.error_code) == ErrorCode::NONE {
            self.failures = 0;
            self.epoch = Some(body.broker_epoch);
            self.next_at = ctx.now();
        } else {
            self.failed(ctx);
        }
    }

    fn failed(&mut self, ctx: &mut Ctx<'_>) {
        let doubled = RESEND_BACKOFF.0.saturating_mul(1 << self.failures.min(20)).min(self.session_timeout.0);
        self.failures += 1;
        self.next_at = ctx.now() + SimDuration(ctx.rng().jittered(doubled, 2));
    }

    fn heartbeat_answered(&mut self, body: &BrokerHeartbeatResponse, ctx: &mut Ctx<'_>) -> Option<LifecycleEvent> {
        if ErrorCode(body.error_code) != ErrorCode::NONE {
            self.failed(ctx);
            return None;
        }
        self.failures = 0;
        let (event, wait) = match self.state {
            BrokerProcess::Starting if body.is_caught_up => {
                self.state = BrokerProcess::Recovery;
                (Some(LifecycleEvent::CaughtUp), STARTING_INTERVAL)
            }
            BrokerProcess::Starting => (None, STARTING_INTERVAL),
            BrokerProcess::Recovery if !body.is_fenced => {
                self.state = BrokerProcess::Running;
                (Some(LifecycleEvent::Unfenced), self.heartbeat_interval)
            }
            BrokerProcess::Recovery => (None, STARTING_INTERVAL),
            BrokerProcess::Running | BrokerProcess::ShuttingDown => (None, self.heartbeat_interval),
            BrokerProcess::PendingControlledShutdown if body.should_shut_down => {
                self.state = BrokerProcess::ShuttingDown;
                (Some(LifecycleEvent::MayStop), self.heartbeat_interval)
            }
            BrokerProcess::PendingControlledShutdown if !self.told_to_wait => {
                self.told_to_wait = true;
                (None, FIRST_SHUTDOWN_INTERVAL)
            }
            BrokerProcess::PendingControlledShutdown => (None, self.heartbeat_interval),
        };
        self.next_at = ctx.now() + wait;
        event
    }
}
