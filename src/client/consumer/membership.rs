//! Membership in a classic group (`AbstractCoordinator`): who coordinates it, what state the member is in, and why it
//! joins anew.
//!
//! Java has two threads here. What the application's thread does inside `poll` is in `joining` and `commits`; what the
//! heartbeat thread does at any time, in `heartbeat`. Responses change this state as soon as they come.

use super::heartbeat::Heartbeat;
use super::joining::Join;
use super::{Asked, Consumer, ConsumerConfig};
use crate::base::{Endpoint, SimTime, SortedMap, SortedSet, TopicPartition, exponential_backoff};
use crate::client::assignor::{Assignor, LastAssignment, PartitionsPerTopic, RebalanceProtocol};
use crate::machine::{Ctx, Fact};
use crate::network::NodeId;
use crate::wire::messages::leave_group_request::MemberIdentity;
use crate::wire::messages::{FindCoordinatorRequest, FindCoordinatorResponse, GroupId, LeaveGroupRequest};
use crate::wire::{ApiKey, ErrorCode, RequestKind, StrBytes, Treatment};
use std::sync::Arc;

/// Coordinators are nodes of their own, so that their connections are not those of fetches.
const COORDINATOR_BASE: NodeId = NodeId::MAX;

/// What a member is doing (`MemberState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberState {
    /// It is in no group.
    Unjoined,
    /// JoinGroup is on its way, or about to be.
    PreparingRebalance,
    /// It has joined and waits for its assignment.
    CompletingRebalance,
    /// It has its assignment.
    Stable,
}

/// Which member of which generation one is; -1 and no id before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    pub(super) id: i32,
    pub(super) member_id: Arc<str>,
    pub(super) protocol: Option<Arc<str>>,
}

impl Generation {
    pub(super) fn none() -> Self {
        Self { id: -1, member_id: "".into(), protocol: None }
    }

    /// Whether the heartbeat thread, or an error, has taken it away.
    pub(super) fn is_reset(&self) -> bool {
        self.id == -1 && self.protocol.is_none()
    }
}

/// A member of a group.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    pub(super) group: Arc<str>,
    pub(super) instance: Option<Arc<str>>,
    /// How it rebalances; none: it has no assignor and cannot subscribe.
    pub(super) protocol: Option<RebalanceProtocol>,
    coordinator: Option<NodeId>,
    finding: bool,
    find_not_before: SimTime,
    find_failures: u32,
    pub(super) state: MemberState,
    pub(super) generation: Generation,
    pub(super) rejoin_needed: bool,
    pub(super) rejoin_reason: String,
    pub(super) needs_join_prepare: bool,
    pub(super) join_prepare_until: Option<SimTime>,
    pub(super) join: Join,
    pub(super) join_not_before: SimTime,
    /// The topics of all members, when it leads the group.
    pub(super) group_topics: SortedSet<Arc<str>>,
    pub(super) is_leader: bool,
    /// What the topics were when it last assigned them.
    pub(super) assigned_from: Option<PartitionsPerTopic>,
    /// The topics are not what they were then.
    pub(super) metadata_changed: bool,
    pub(super) joined_topics: Option<SortedSet<Arc<str>>>,
    pub(super) last: SortedMap<Assignor, LastAssignment>,
    pub(super) heartbeat: Heartbeat,
}

impl Membership {
    pub(super) fn new(config: &ConsumerConfig) -> Option<Self> {
        let group = config.group_id.as_deref()?.into();
        Some(Self {
            group,
            instance: config.group_instance_id.as_deref().map(Into::into),
            protocol: config.rebalance_protocol(),
            coordinator: None,
            finding: false,
            find_not_before: SimTime::ZERO,
            find_failures: 0,
            state: MemberState::Unjoined,
            generation: Generation::none(),
            rejoin_needed: true,
            rejoin_reason: String::new(),
            needs_join_prepare: true,
            join_prepare_until: None,
            join: Join::Idle,
            join_not_before: SimTime::ZERO,
            group_topics: SortedSet::new(),
            is_leader: false,
            assigned_from: None,
            metadata_changed: false,
            joined_topics: None,
            last: SortedMap::new(),
            heartbeat: Heartbeat::default(),
        })
    }

    pub(super) fn group_id(&self) -> GroupId {
        GroupId(StrBytes::from_string(self.group.to_string()))
    }

    pub(super) fn instance_id(&self) -> Option<StrBytes> {
        self.instance.as_ref().map(|id| StrBytes::from_string(id.to_string()))
    }

    pub(super) fn member_id(&self) -> StrBytes {
        StrBytes::from_string(self.generation.member_id.to_string())
    }

    /// The name under which it owns partitions: of static members the instance, which outlives the process.
    pub(super) fn owner(&self) -> Arc<str> {
        self.instance.clone().unwrap_or_else(|| self.generation.member_id.clone())
    }

    pub(super) fn is_rebalancing(&self) -> bool {
        matches!(self.state, MemberState::PreparingRebalance | MemberState::CompletingRebalance)
    }

    pub(super) fn request_rejoin(&mut self, reason: impl Into<String>) {
        self.rejoin_reason = reason.into();
        self.rejoin_needed = true;
    }

    /// Forgets its generation, and its member id too or not, and joins anew (`resetStateAndRejoin`).
    pub(super) fn reset_and_rejoin(&mut self, reason: impl Into<String>, forget_member: bool) {
        let member_id = if forget_member { "".into() } else { self.generation.member_id.clone() };
        self.generation = Generation { member_id, ..Generation::none() };
        self.state = MemberState::Unjoined;
        self.request_rejoin(reason);
        self.needs_join_prepare = true;
    }

    /// A response said that it is not who it believes to be.
    pub(super) fn reset_on_error(&mut self, api: &str, error: ErrorCode) {
        // Kafka formats the error as an enum's constant, and the API as one too.
        let reason = format!("encountered {error} from {api} response");
        self.reset_and_rejoin(reason, error != ErrorCode::ILLEGAL_GENERATION);
    }
}

impl Consumer {
    /// The coordinator's node, if it is known and its connection is not broken (`checkAndGetCoordinator`).
    pub(super) fn coordinator(&mut self, ctx: &Ctx<'_>) -> Option<NodeId> {
        let node = self.membership.as_ref()?.coordinator?;
        // Broken, and not to be tried again yet (`NetworkClientUtils.isUnavailable`).
        if self.net.retry_at(node).is_some_and(|at| at > ctx.now()) {
            self.member().coordinator = None;
            return None;
        }
        Some(node)
    }

    pub(super) fn member(&mut self) -> &mut Membership {
        self.membership.as_mut().expect("it is in a group")
    }

    /// Looks for the coordinator unless it is known (`ensureCoordinatorReady`); whether a request can go to it now.
    pub(super) fn coordinator_is_ready(&mut self, ctx: &mut Ctx<'_>) -> Option<NodeId> {
        match self.coordinator(ctx) {
            Some(node) if self.reach(node, ctx) => Some(node),
            Some(_) => None,
            None => {
                self.find_coordinator(ctx);
                None
            }
        }
    }

    fn find_coordinator(&mut self, ctx: &mut Ctx<'_>) {
        let (finding, not_before) = (self.member().finding, self.member().find_not_before);
        if finding {
            return;
        }
        if not_before > ctx.now() {
            return self.wake(not_before);
        }
        let Some(node) = self.net.least_loaded(ctx) else {
            self.net.metadata_mut().request_refresh();
            return self.wait_for_a_broker(ctx);
        };
        let key = StrBytes::from_string(self.member().group.to_string());
        self.net.send(node, ApiKey::FindCoordinator, Some(Asked::Coordinator), ctx, |version| {
            let request = FindCoordinatorRequest::default();
            RequestKind::FindCoordinator(match version {
                0..4 => request.with_key(key),
                _ => request.with_coordinator_keys(vec![key]),
            })
        });
        self.member().finding = true;
    }

    /// No broker can be asked now (`noBrokersAvailable`); one that is being connected to will tell.
    fn wait_for_a_broker(&mut self, ctx: &mut Ctx<'_>) {
        match self.net.reachable_at() {
            None => {}
            Some(at) if at > ctx.now() => self.wake(at),
            Some(_) => {
                self.back_off_finding(ctx);
                let at = self.member().find_not_before;
                self.wake(at);
            }
        }
    }

    pub(super) fn coordinator_found(&mut self, response: &FindCoordinatorResponse, ctx: &mut Ctx<'_>) {
        self.member().finding = false;
        let (error, node, host, port) = match response.coordinators.first() {
            Some(one) => (one.error_code, one.node_id.0, one.host.clone(), one.port),
            None => (response.error_code, response.node_id.0, response.host.clone(), response.port),
        };
        match ErrorCode(error) {
            ErrorCode::NONE => {
                let id = COORDINATOR_BASE - node;
                self.net.add_node(id, Endpoint { host: (*host).into(), port: port as u16 });
                let session_until = ctx.now() + self.config.session_timeout;
                let member = self.member();
                member.coordinator = Some(id);
                member.heartbeat.session_until = session_until;
                // A connection that was broken a moment ago is not tried at once.
                match self.net.retry_at(id).is_some_and(|at| at > ctx.now()) {
                    true => self.back_off_finding(ctx),
                    false => self.member().find_failures = 0,
                }
                self.net.ready(id, ctx);
            }
            error if error.treatment() == Treatment::Fatal => {
                self.coordinator_lookup_failed(error, ctx);
                let message = self.fatal_message(error, "Group coordinator lookup failed: ");
                self.throw(message, ctx);
            }
            error => self.coordinator_lookup_failed(error, ctx),
        }
    }

    pub(super) fn coordinator_lookup_failed(&mut self, error: ErrorCode, ctx: &mut Ctx<'_>) {
        self.member().finding = false;
        self.net.metadata_mut().request_refresh();
        self.back_off_finding(ctx);
        self.fail_waiting_commits(error, ctx);
    }

    fn back_off_finding(&mut self, ctx: &mut Ctx<'_>) {
        let (backoff, max) = (self.config.common.retry_backoff, self.config.common.retry_backoff_max);
        let member = self.member();
        member.find_failures += 1;
        member.find_not_before = ctx.now() + exponential_backoff(member.find_failures, backoff, max, ctx.rng());
    }

    /// The coordinator is another, or nobody knows: the connection is given up, and what was asked on it fails.
    pub(super) fn mark_coordinator_unknown(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(node) = self.member().coordinator.take() {
            for (asked, error) in self.net.give_up(node, ctx) {
                self.request_failed(asked, error, ctx);
            }
        }
    }

    /// Leaves the group, unless it is a static member or in none (`maybeLeaveGroup`). Nobody waits for the answer.
    pub(super) fn leave(&mut self, reason: &str, ctx: &mut Ctx<'_>) {
        let coordinator = self.coordinator(ctx);
        let member = self.member();
        let joined = member.state != MemberState::Unjoined && !member.generation.member_id.is_empty();
        if member.instance.is_none()
            && joined
            && let Some(node) = coordinator
        {
            let (group, member_id) = (member.group_id(), member.member_id());
            let said = StrBytes::from_string(reason.to_owned());
            if self.net.ready(node, ctx) {
                self.net.send(node, ApiKey::LeaveGroup, Some(Asked::Leave), ctx, |version| {
                    let request = LeaveGroupRequest::default().with_group_id(group);
                    RequestKind::LeaveGroup(match version {
                        0..3 => request.with_member_id(member_id),
                        _ => {
                            let identity = MemberIdentity::default().with_member_id(member_id);
                            let identity = if version >= 5 { identity.with_reason(Some(said)) } else { identity };
                            request.with_members(vec![identity])
                        }
                    })
                });
                self.leaving += 1;
                let (group, member) = (self.member().group.clone(), self.member().owner());
                ctx.fact(Fact::LeftGroup { group, member, reason: reason.into() });
            }
        }
        self.member().reset_and_rejoin("consumer pro-actively leaving the group", true);
    }

    /// Kafka's message for an error that nothing can be done about.
    pub(super) fn fatal_message(&self, error: ErrorCode, unexpected: &str) -> String {
        let group = self.membership.as_ref().map_or("", |member| &*member.group);
        match error {
            ErrorCode::GROUP_AUTHORIZATION_FAILED => format!("Not authorized to access group: {group}"),
            ErrorCode::GROUP_MAX_SIZE_REACHED => {
                format!("Consumer group {group} already has the configured maximum number of members.")
            }
            ErrorCode::FENCED_INSTANCE_ID
            | ErrorCode::INCONSISTENT_GROUP_PROTOCOL
            | ErrorCode::INVALID_SESSION_TIMEOUT
            | ErrorCode::INVALID_GROUP_ID
            | ErrorCode::UNSUPPORTED_VERSION => error.message().into(),
            error => format!("{unexpected}{}", error.message()),
        }
    }

    /// Tells the application's rebalance listener.
    pub(super) fn tell_assigned(&mut self, added: Vec<TopicPartition>, ctx: &mut Ctx<'_>) {
        let owned = self.subscription.assigned().into_iter().collect();
        let member = self.member();
        let (group, generation) = (member.group.clone(), member.generation.id);
        ctx.fact(Fact::PartitionsAssigned { group, member: member.owner(), generation, added, owned });
    }

    pub(super) fn tell_revoked(&mut self, partitions: Vec<TopicPartition>, ctx: &mut Ctx<'_>) {
        let member = self.member();
        ctx.fact(Fact::PartitionsRevoked { group: member.group.clone(), member: member.owner(), partitions });
    }

    pub(super) fn tell_lost(&mut self, partitions: Vec<TopicPartition>, ctx: &mut Ctx<'_>) {
        let member = self.member();
        ctx.fact(Fact::PartitionsLost { group: member.group.clone(), member: member.owner(), partitions });
    }

    /// What it has is given up before it leaves (`onLeavePrepare`).
    pub(super) fn drop_assignment(&mut self, ctx: &mut Ctx<'_>) {
        let dropped: Vec<_> = self.subscription.assigned().into_iter().collect();
        if !self.subscription.is_by_group() || dropped.is_empty() {
            return;
        }
        let member = self.member();
        let is_lost = member.generation.id == -1 || member.generation.member_id.is_empty() || member.is_rebalancing();
        match is_lost {
            true => self.tell_lost(dropped, ctx),
            false => self.tell_revoked(dropped, ctx),
        }
        self.subscription.assign(&SortedSet::new());
    }

    /// `unsubscribe()`.
    pub(super) fn unsubscribe(&mut self, ctx: &mut Ctx<'_>) {
        if self.membership.is_some() {
            self.drop_assignment(ctx);
            self.leave("the consumer unsubscribed from all topics", ctx);
        }
        self.subscription.clear();
        self.refresh_wanted();
    }
}
