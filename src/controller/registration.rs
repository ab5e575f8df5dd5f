//! A controller makes itself known to the active one (`ControllerRegistrationManager`, KIP-919).

use super::{Node, QuorumController};
use crate::base::{ConnId, Endpoint, SimDuration, SimTime, earlier, exponential_backoff};
use crate::cluster::supported_features;
use crate::machine::{Ctx, Input};
use crate::network::controller_channel::{ActiveController, ChannelEvent};
use crate::network::{ControllerChannel, envelope};
use crate::wire::messages::ControllerRegistrationRequest;
use crate::wire::messages::controller_registration_request::{Feature, Listener};
use crate::wire::{ApiKey, ErrorCode, RequestKind, StrBytes};
use uuid::Uuid;

const REQUEST_TIMEOUT: SimDuration = SimDuration::from_secs(30);
/// `resendExponentialBackoff`: from 100 ms to 120 s.
const BACKOFF: SimDuration = SimDuration::from_millis(100);
const BACKOFF_MAX: SimDuration = SimDuration::from_secs(120);

#[derive(Clone, Debug)]
pub(super) struct ControllerRegistration {
    node_id: i32,
    listener: Endpoint,
    incarnation_id: Uuid,
    channel: ControllerChannel<()>,
    pending: bool,
    failures: u32,
    not_before: SimTime,
}

impl ControllerRegistration {
    pub(super) fn new(node_id: i32, listener: Endpoint, ctx: &mut Ctx<'_>) -> Self {
        Self {
            node_id,
            listener,
            incarnation_id: uuid::Builder::from_random_bytes(ctx.rng().bytes16()).into_uuid(),
            channel: ControllerChannel::new(node_id, REQUEST_TIMEOUT, None),
            pending: false,
            failures: 0,
            not_before: SimTime::ZERO,
        }
    }

    pub(super) fn owns(&self, conn: ConnId) -> bool {
        self.channel.owns(conn)
    }

    pub(super) fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        for event in self.channel.handle(input, ctx) {
            self.pending = false;
            let ChannelEvent::Answered((), response) = event else { continue };
            if envelope::error_of(&response.body) != ErrorCode::NONE {
                self.failures += 1;
                self.not_before = ctx.now() + exponential_backoff(self.failures, BACKOFF, BACKOFF_MAX, ctx.rng());
            }
        }
    }

    pub(super) fn next_deadline(&self, leader: &ActiveController) -> Option<SimTime> {
        let retry = (self.failures > 0 && !self.pending).then_some(self.not_before);
        earlier(self.channel.next_deadline(leader), retry)
    }

    fn request(&self) -> ControllerRegistrationRequest {
        let listener = Listener::default()
            .with_name(StrBytes::from_static_str("CONTROLLER"))
            .with_host(StrBytes::from_string(self.listener.host.to_string()))
            .with_port(self.listener.port);
        let feature = |feature: crate::wire::metadata_records::BrokerFeature| {
            Feature::default()
                .with_name(feature.name)
                .with_min_supported_version(feature.min_supported_version)
                .with_max_supported_version(feature.max_supported_version)
        };
        ControllerRegistrationRequest::default()
            .with_controller_id(self.node_id)
            .with_incarnation_id(self.incarnation_id)
            .with_listeners(vec![listener])
            .with_features(supported_features().into_iter().map(feature).collect())
    }
}

impl QuorumController {
    /// Registers with the active controller unless this incarnation is registered already. It waits until it has read
    /// the features from the metadata log.
    pub(super) fn register(&mut self, node: &mut Node<'_, '_>) {
        let leader = node.raft.leader();
        let registration = &mut self.registration;
        let known = self.committed.brokers().controller(registration.node_id);
        let is_registered = known == Some(registration.incarnation_id);
        let is_ready = self.committed.features().finalized().count() > 1;
        if !is_registered && is_ready && !registration.pending && registration.not_before <= node.ctx.now() {
            let request = RequestKind::ControllerRegistration(registration.request());
            registration.channel.enqueue((), ApiKey::ControllerRegistration, request, node.ctx.now());
            registration.pending = true;
        }
        registration.channel.poll(&leader, node.ctx);
    }
}
