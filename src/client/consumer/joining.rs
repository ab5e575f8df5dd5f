//! Rebalances, as the application's thread goes through them inside `poll` (`ConsumerCoordinator.poll`,
//! `joinGroupIfNeeded`): commit, give up what has to be given up, join, assign when one leads, take the assignment.

use super::commits::Commit;
use super::membership::{Generation, MemberState};
use super::{Asked, Consumer};
use crate::base::{SimDuration, SortedSet, TopicPartition};
use crate::client::assignor::{
    self, Assignor, LastAssignment, Member, PartitionsPerTopic, RebalanceProtocol, read_members, subscribed_topics,
};
use crate::machine::{Ctx, Fact, Mutant};
use crate::network::NodeId;
use crate::wire::consumer_protocol::{Assignment, CONSUMER_PROTOCOL_VERSION, Subscription};
use crate::wire::messages::join_group_request::JoinGroupRequestProtocol;
use crate::wire::messages::sync_group_request::SyncGroupRequestAssignment;
use crate::wire::messages::{JoinGroupRequest, JoinGroupResponse, SyncGroupRequest, SyncGroupResponse};
use crate::wire::{ApiKey, ErrorCode, RequestKind, StrBytes, Treatment};
use bytes::Bytes;
use std::sync::Arc;

/// `JOIN_GROUP_TIMEOUT_LAPSE`: a join may take this much longer than the rebalance timeout.
const JOIN_GROUP_TIMEOUT_LAPSE: SimDuration = SimDuration::from_secs(5);

const PROTOCOL_TYPE: &str = "consumer";

/// How far a join is (`joinFuture`).
#[derive(Clone, Debug)]
pub(super) enum Join {
    /// None is under way.
    Idle,
    /// JoinGroup is to be sent as soon as the coordinator can be reached.
    Wanted,
    /// JoinGroup or SyncGroup is on its way.
    InFlight,
    /// It leads, and waits for metadata that it has asked for.
    Leading(Vec<Member>, Assignor),
    /// It has its assignment.
    Done(Bytes),
    /// It failed.
    Failed(JoinFailure),
}

/// Why a join failed.
#[derive(Clone, Debug)]
pub(super) struct JoinFailure {
    /// The name of Kafka's exception: part of the next join's reason.
    exception: String,
    then: Then,
}

#[derive(Clone, Debug)]
enum Then {
    AtOnce,
    AfterBackoff,
    Throw(String),
}

/// The exception that an error code becomes in Java: `NotCoordinatorException` of NOT_COORDINATOR.
fn exception(error: ErrorCode) -> String {
    let special = match error {
        ErrorCode::NETWORK_EXCEPTION => "DisconnectException",
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => "CoordinatorLoadInProgressException",
        _ => "",
    };
    if !special.is_empty() {
        return special.into();
    }
    let word = |word: &str| word[..1].to_owned() + &word[1..].to_ascii_lowercase();
    error.name().split('_').map(word).collect::<String>() + "Exception"
}

impl JoinFailure {
    fn of(error: ErrorCode) -> Self {
        let then = match error {
            ErrorCode::UNKNOWN_MEMBER_ID
            | ErrorCode::ILLEGAL_GENERATION
            | ErrorCode::REBALANCE_IN_PROGRESS
            | ErrorCode::MEMBER_ID_REQUIRED => Then::AtOnce,
            error if error.treatment() == Treatment::Fatal => Then::Throw(error.message().into()),
            _ => Then::AfterBackoff,
        };
        Self { exception: exception(error), then }
    }

    fn fatal(exception: String, message: String) -> Self {
        Self { exception, then: Then::Throw(message) }
    }
}

impl Consumer {
    /// Rebalances as far as that is needed and possible now; whether the member has its assignment.
    pub(super) fn join_if_needed(&mut self, ctx: &mut Ctx<'_>) -> bool {
        while !self.is_closing() && self.rejoin_needed_or_pending() {
            if self.subscription.is_pattern() && !self.net.metadata().is_known() {
                return false;
            }
            if self.member().join_not_before > ctx.now() {
                let at = self.member().join_not_before;
                self.wake(at);
                return false;
            }
            let Some(node) = self.coordinator_is_ready(ctx) else { return false };
            if self.member().needs_join_prepare && !self.prepare_to_join(ctx) {
                return false;
            }
            self.member().needs_join_prepare = false;
            match std::mem::replace(&mut self.member().join, Join::Idle) {
                Join::Idle => {
                    self.member().state = MemberState::PreparingRebalance;
                    self.member().join = Join::Wanted;
                }
                Join::Wanted => {
                    self.member().join = Join::InFlight;
                    self.send_join(node, ctx);
                    return false;
                }
                waits @ (Join::InFlight | Join::Leading(..)) => {
                    self.member().join = waits;
                    return false;
                }
                Join::Done(assignment) => self.joined(&assignment, ctx),
                Join::Failed(failure) => self.join_failed(failure, ctx),
            }
        }
        !self.is_closing()
    }

    fn rejoin_needed_or_pending(&mut self) -> bool {
        if !self.subscription.is_by_group() {
            return false;
        }
        let Some(member) = &mut self.membership else { return false };
        let subscribed_anew = member.joined_topics.as_ref().is_some_and(|joined| *joined != self.subscription.topics);
        let reason = match (member.metadata_changed, subscribed_anew) {
            (true, _) => "cached metadata has changed",
            (false, true) => "subscription has changed",
            (false, false) => return member.rejoin_needed || !matches!(member.join, Join::Idle),
        };
        if !member.rejoin_needed {
            member.request_rejoin(reason);
        }
        true
    }

    /// What the topics are that it assigned as leader, for `MetadataSnapshot`: racks count for a consumer in a rack.
    fn snapshot(&self) -> PartitionsPerTopic {
        let with_racks = !self.config.client_rack.is_empty();
        let of_group = self.membership.iter().flat_map(|member| &member.group_topics);
        self.net.metadata().partitions_per_topic(of_group.chain(&self.subscription.topics), with_racks)
    }

    /// Compares new metadata with that from which it has assigned.
    pub(super) fn compare_metadata(&mut self) {
        let assigned_from = self.membership.as_ref().and_then(|member| member.assigned_from.as_ref());
        let changed = assigned_from.is_some_and(|known| *known != self.snapshot());
        if let Some(member) = &mut self.membership {
            member.metadata_changed = changed;
        }
    }

    /// Commits, then gives up what has to be given up before it joins (`onJoinPrepare`); false while it waits.
    fn prepare_to_join(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let until = ctx.now() + self.config.max_poll_interval;
        let until = *self.member().join_prepare_until.get_or_insert(until);
        if self.config.commits_by_itself() && until > ctx.now() && !self.committed_before_join(ctx) {
            self.wake(until);
            return false;
        }
        let owned = self.subscription.assigned();
        let member = self.member();
        member.join_prepare_until = None;
        member.is_leader = false;
        member.group_topics.clear();
        let is_reset = member.generation.id == -1 || member.generation.member_id.is_empty();
        let cooperative = member.protocol == Some(RebalanceProtocol::Cooperative);
        if is_reset {
            if !owned.is_empty() {
                self.tell_lost(owned.into_iter().collect(), ctx);
                self.subscription.assign(&SortedSet::new());
            }
        } else if cooperative {
            let topics = self.subscription.topics.clone();
            let (kept, gone): (SortedSet<_>, SortedSet<_>) =
                owned.into_iter().partition(|tp| topics.contains(&tp.topic));
            if !gone.is_empty() {
                self.tell_revoked(gone.into_iter().collect(), ctx);
                self.subscription.assign(&kept);
            }
        } else {
            self.tell_revoked(owned.into_iter().collect(), ctx);
            self.subscription.assign(&SortedSet::new());
        }
        self.commits.before_join = None;
        true
    }

    /// The commit before a join: sent once, and again after errors that may pass; whether it is over.
    fn committed_before_join(&mut self, ctx: &mut Ctx<'_>) -> bool {
        match self.commits.before_join.take() {
            Some(Ok(())) | Some(Err((false, _))) => true,
            Some(Err((true, not_before))) if not_before > ctx.now() => {
                self.commits.before_join = Some(Err((true, not_before)));
                self.wake(not_before);
                false
            }
            None | Some(Err(_)) => {
                if self.commits.is_before_join_in_flight() {
                    return false;
                }
                // What is to be revoked is handed over no more, so that what is committed stays true.
                let by_cooperation = self.member().protocol == Some(RebalanceProtocol::Cooperative);
                let topics = self.subscription.topics.clone();
                for (tp, position) in self.subscription.iter_mut() {
                    position.pending_revocation = !by_cooperation || !topics.contains(&tp.topic);
                }
                let offsets = self.positions_to_commit();
                if offsets.is_empty() {
                    return true;
                }
                self.commit(Commit::BeforeJoin, offsets, ctx);
                matches!(self.commits.before_join, Some(Ok(()) | Err((false, _))))
            }
        }
    }

    fn send_join(&mut self, node: NodeId, ctx: &mut Ctx<'_>) {
        let protocols = self.protocols();
        let timeout = self.config.common.request_timeout.max(self.config.max_poll_interval + JOIN_GROUP_TIMEOUT_LAPSE);
        let (session, rebalance) = (self.config.session_timeout, self.config.max_poll_interval);
        let member = self.member();
        let generation = member.generation.clone();
        let reason: String = member.rejoin_reason.chars().take(255).collect();
        let (group, member_id, instance) = (member.group_id(), member.member_id(), member.instance_id());
        let tied = Asked::Join { generation };
        self.net.send_within(timeout, node, ApiKey::JoinGroup, Some(tied), ctx, |version| {
            let request = JoinGroupRequest::default()
                .with_group_id(group)
                .with_session_timeout_ms(session.as_millis() as i32)
                .with_rebalance_timeout_ms(rebalance.as_millis() as i32)
                .with_member_id(member_id)
                .with_protocol_type(StrBytes::from_static_str(PROTOCOL_TYPE))
                .with_protocols(protocols);
            let request = if version >= 5 { request.with_group_instance_id(instance) } else { request };
            let reason = Some(StrBytes::from_string(reason));
            RequestKind::JoinGroup(if version >= 8 { request.with_reason(reason) } else { request })
        });
    }

    /// What it says of itself, once for each assignor (`ConsumerCoordinator.metadata`).
    fn protocols(&mut self) -> Vec<JoinGroupRequestProtocol> {
        let topics = self.subscription.topics.clone();
        let owned_partitions: Vec<TopicPartition> = self.subscription.assigned().into_iter().collect();
        let rack = Some(&self.config.client_rack).filter(|rack| !rack.is_empty()).map(|rack| rack.as_str().into());
        let assignors = self.config.assignors();
        let member = self.member();
        member.joined_topics = Some(topics.clone());
        let generation = member.generation.id;
        let protocol = |assignor: Assignor| {
            let last = member.last.get(&assignor).cloned().unwrap_or_default();
            let subscription = Subscription {
                topics: topics.iter().cloned().collect(),
                user_data: assignor.user_data(&last),
                owned_partitions: owned_partitions.clone(),
                generation_id: (generation >= 0).then_some(generation),
                rack_id: rack.clone(),
            };
            JoinGroupRequestProtocol::default()
                .with_name(StrBytes::from_static_str(assignor.name()))
                .with_metadata(subscription.encode(CONSUMER_PROTOCOL_VERSION))
        };
        assignors.into_iter().map(protocol).collect()
    }

    pub(super) fn join_answered(&mut self, sent: &Generation, response: &JoinGroupResponse, ctx: &mut Ctx<'_>) {
        let error = ErrorCode(response.error_code);
        if error.is_ok() {
            return self.has_joined(response, ctx);
        }
        let mut failure = JoinFailure::of(error);
        match error {
            ErrorCode::UNKNOWN_MEMBER_ID if self.member().generation == *sent => {
                self.member().reset_on_error("JOIN_GROUP", error);
            }
            ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR => self.mark_coordinator_unknown(ctx),
            ErrorCode::MEMBER_ID_REQUIRED => {
                let member_id: Arc<str> = (*response.member_id).into();
                let member = self.member();
                member.request_rejoin(format!("need to re-join with the given member-id: {member_id}"));
                member.generation = Generation { member_id, ..Generation::none() };
            }
            _ => {}
        }
        if let Then::Throw(message) = &mut failure.then {
            *message = self.fatal_message(error, "Unexpected error in join group response: ");
        }
        self.member().join = Join::Failed(failure);
    }

    fn has_joined(&mut self, response: &JoinGroupResponse, ctx: &mut Ctx<'_>) {
        let consistent = response.protocol_type.as_ref().is_none_or(|kind| &**kind == PROTOCOL_TYPE);
        if !consistent {
            self.member().join = Join::Failed(JoinFailure::of(ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
            return;
        }
        if self.member().state != MemberState::PreparingRebalance {
            // It has left meanwhile.
            let failure = JoinFailure { exception: "UnjoinedGroupException".into(), then: Then::AfterBackoff };
            self.member().join = Join::Failed(failure);
            return;
        }
        let is_leader = response.leader == response.member_id;
        let member = self.member();
        member.state = MemberState::CompletingRebalance;
        member.generation = Generation {
            id: response.generation_id,
            member_id: (*response.member_id).into(),
            protocol: response.protocol_name.as_ref().map(|name| (**name).into()),
        };
        let (group, generation) = (member.group.clone(), member.generation.id);
        let protocol = member.generation.protocol.clone().unwrap_or_default();
        ctx.fact(Fact::JoinedGroup { group, member: member.owner(), generation, protocol, leads: is_leader });
        self.enable_heartbeat(ctx);
        match is_leader {
            true => self.lead(response, ctx),
            false => self.send_sync(Vec::new(), ctx),
        }
    }

    /// It leads the group: it looks at all members' topics, and assigns their partitions (`onLeaderElected`).
    fn lead(&mut self, response: &JoinGroupResponse, ctx: &mut Ctx<'_>) {
        let name = response.protocol_name.as_ref().map_or("", |name| &**name);
        let Some(assignor) = Assignor::from_name(name).filter(|one| self.config.assignors().contains(one)) else {
            let message = format!("Coordinator selected invalid assignment protocol: {name}");
            self.member().join = Join::Failed(JoinFailure::fatal("IllegalStateException".into(), message));
            return;
        };
        let members = match read_members(&response.members) {
            Ok(members) => members,
            Err(error) => {
                let failure = JoinFailure::fatal("SchemaException".into(), error.to_string());
                self.member().join = Join::Failed(failure);
                return;
            }
        };
        self.member().group_topics = subscribed_topics(&members);
        self.member().is_leader = true;
        self.refresh_wanted();
        if response.skip_assignment {
            self.remember_what_was_assigned();
            return self.send_sync(Vec::new(), ctx);
        }
        self.member().join = Join::Leading(members, assignor);
        if !self.net.metadata().is_refresh_requested() {
            self.assign(ctx);
        }
    }

    /// Assigns if it leads. Kafka's leader waits for the next metadata where some is asked for
    /// (`ensureFreshMetadata`), but not until every topic is in it: there may be none of that name.
    pub(super) fn assign(&mut self, ctx: &mut Ctx<'_>) {
        let metadata = self.net.metadata();
        let Some(member) = &self.membership else { return };
        let Join::Leading(members, assignor) = &member.join else { return };
        let topics = metadata.partitions_per_topic(member.group_topics.iter(), true);
        match assignor.perform_assignment(members, &topics) {
            Ok(assignments) => {
                self.remember_what_was_assigned();
                self.send_sync(assignments, ctx);
            }
            Err(error) => {
                let exception = match error {
                    assignor::AssignError::NullPointer => "NullPointerException",
                    assignor::AssignError::IllegalState(_) => "IllegalStateException",
                    assignor::AssignError::Subscription(_) => "SchemaException",
                };
                self.member().join = Join::Failed(JoinFailure::fatal(exception.into(), error.to_string()));
                self.again = true;
            }
        }
    }

    fn remember_what_was_assigned(&mut self) {
        let snapshot = self.snapshot();
        self.member().assigned_from = Some(snapshot);
        self.member().metadata_changed = false;
    }

    fn send_sync(&mut self, assignments: Vec<SyncGroupRequestAssignment>, ctx: &mut Ctx<'_>) {
        let Some(node) = self.coordinator(ctx).filter(|node| self.net.can_send(*node)) else {
            self.member().join = Join::Failed(JoinFailure::of(ErrorCode::COORDINATOR_NOT_AVAILABLE));
            self.again = true;
            return;
        };
        let member = self.member();
        member.join = Join::InFlight;
        let generation = member.generation.clone();
        let request = SyncGroupRequest::default()
            .with_group_id(member.group_id())
            .with_generation_id(generation.id)
            .with_member_id(member.member_id())
            .with_assignments(assignments);
        let instance = member.instance_id();
        let protocol = generation.protocol.as_ref().map(|name| StrBytes::from_string(name.to_string()));
        self.net.send(node, ApiKey::SyncGroup, Some(Asked::Sync { generation }), ctx, |version| {
            let request = if version >= 3 { request.with_group_instance_id(instance) } else { request };
            RequestKind::SyncGroup(match version {
                0..5 => request,
                _ => request
                    .with_protocol_type(Some(StrBytes::from_static_str(PROTOCOL_TYPE)))
                    .with_protocol_name(protocol),
            })
        });
    }

    pub(super) fn sync_answered(&mut self, sent: &Generation, response: &SyncGroupResponse, ctx: &mut Ctx<'_>) {
        let error = ErrorCode(response.error_code);
        let member = self.member();
        if error.is_ok() {
            let kind = response.protocol_type.as_ref().is_none_or(|kind| &**kind == PROTOCOL_TYPE);
            let name =
                response.protocol_name.as_ref().is_none_or(|n| Some(&**n) == member.generation.protocol.as_deref());
            member.join = if member.generation.is_reset() || member.state != MemberState::CompletingRebalance {
                Join::Failed(JoinFailure::of(ErrorCode::ILLEGAL_GENERATION))
            } else if !kind || !name {
                Join::Failed(JoinFailure::of(ErrorCode::INCONSISTENT_GROUP_PROTOCOL))
            } else {
                member.state = MemberState::Stable;
                member.rejoin_reason.clear();
                member.rejoin_needed = false;
                Join::Done(response.assignment.clone())
            };
            return;
        }
        let mut failure = JoinFailure::of(error);
        match error {
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => {
                if member.generation == *sent {
                    member.reset_on_error("SYNC_GROUP", error);
                }
            }
            ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR => self.mark_coordinator_unknown(ctx),
            ErrorCode::REBALANCE_IN_PROGRESS => {}
            error => {
                let message = self.fatal_message(error, "Unexpected error from SyncGroup: ");
                failure.then = Then::Throw(message);
            }
        }
        self.member().join = Join::Failed(failure);
    }

    /// JoinGroup or SyncGroup will not be answered.
    pub(super) fn join_unanswered(&mut self, error: ErrorCode) {
        let member = self.member();
        if matches!(member.join, Join::InFlight) {
            member.join = Join::Failed(JoinFailure::of(error));
        }
    }

    fn join_failed(&mut self, failure: JoinFailure, ctx: &mut Ctx<'_>) {
        let not_before = ctx.now() + self.config.common.retry_backoff;
        let member = self.member();
        if failure.exception != "MemberIdRequiredException" {
            member.request_rejoin(format!("rebalance failed due to {}", failure.exception));
        }
        match failure.then {
            Then::AtOnce => {}
            Then::AfterBackoff => member.join_not_before = not_before,
            Then::Throw(message) => self.throw(message, ctx),
        }
    }

    /// It takes its assignment (`onJoinComplete`).
    fn joined(&mut self, assignment: &Bytes, ctx: &mut Ctx<'_>) {
        let member = self.member();
        member.needs_join_prepare = true;
        if member.generation.is_reset() || member.state != MemberState::Stable {
            let Generation { id, member_id, .. } = &member.generation;
            let reason = format!(
                "rebalance failed since the generation/state was modified by heartbeat thread to Generation{{\
                 generationId={id}, memberId='{member_id}', protocol='null'}}/{} before the rebalance callback \
                 triggered",
                "UNJOINED"
            );
            return member.reset_and_rejoin(reason, true);
        }
        if !member.is_leader {
            (member.assigned_from, member.metadata_changed) = (None, false);
        }
        let assigned: SortedSet<TopicPartition> = match Assignment::decode(assignment) {
            Ok(assignment) => assignment.partitions.into_iter().collect(),
            Err(error) => return self.throw(error.0, ctx),
        };
        let assigned = match ctx.is_mutant(Mutant::MemberTakesEverything) {
            true => {
                self.subscription.topics.iter().flat_map(|topic| self.net.metadata().partitions_of(topic)).collect()
            }
            false => assigned,
        };
        if !self.subscription.is_pattern() && assigned.iter().any(|tp| !self.subscription.topics.contains(&tp.topic)) {
            return self.member().request_rejoin("received assignment does not match the current subscription");
        }
        let owned = self.subscription.assigned();
        let added: Vec<TopicPartition> = assigned.difference(&owned).cloned().collect();
        if self.member().protocol == Some(RebalanceProtocol::Cooperative) {
            let revoked: Vec<TopicPartition> = owned.difference(&assigned).cloned().collect();
            if !revoked.is_empty() {
                self.tell_revoked(revoked, ctx);
                self.member().request_rejoin("need to revoke partitions and re-join");
            }
        }
        let member = self.member();
        if let Some(assignor) = member.generation.protocol.as_deref().and_then(Assignor::from_name) {
            let partitions = Some(assigned.iter().cloned().collect());
            member.last.insert(assignor, LastAssignment { partitions, generation: member.generation.id });
        }
        self.commits.auto_due = ctx.now() + self.config.auto_commit_interval;
        self.subscription.assign(&assigned);
        self.tell_assigned(added, ctx);
        self.again = true;
    }
}
