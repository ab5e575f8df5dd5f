//! A classic group (`ClassicGroup`): its members, its state, and what may be done in which state. It has no timers and
//! answers nobody; that is the coordinator's.

use super::member::{ClassicMember, Parked, Protocol};
use super::partition::java_hash;
use super::subscription::subscribed_topics;
use crate::base::{OrdMap, OrdSet, SortedMap};
use crate::wire::group_records::{GroupMetadataKey, GroupMetadataValue};
use crate::wire::messages::join_group_response::JoinGroupResponseMember;
use crate::wire::{ErrorCode, GroupRecord, StrBytes};
use bytes::Bytes;
use std::sync::Arc;

/// The protocol type of consumers.
const CONSUMER: &str = "consumer";

/// A group's state. (`Dead` is no state here: a group that is gone is not in the coordinator's map.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassicState {
    /// It has no members. Offsets may still be committed to it by those who do not join.
    Empty,
    /// It waits for its members to join.
    PreparingRebalance,
    /// All have joined; it waits for the leader's assignment.
    CompletingRebalance,
    /// Every member has its assignment, or can ask for it.
    Stable,
}

impl ClassicState {
    /// The name as responses have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }

    fn may_follow(self, before: Self) -> bool {
        match self {
            Self::Empty | Self::CompletingRebalance => before == Self::PreparingRebalance,
            Self::PreparingRebalance => before != Self::PreparingRebalance,
            Self::Stable => before == Self::CompletingRebalance,
        }
    }
}

/// A classic group.
#[derive(Clone, Debug)]
pub struct ClassicGroup {
    pub(super) group_id: StrBytes,
    pub(super) state: ClassicState,
    /// The state before; a new or loaded group has none.
    pub(super) previous: Option<ClassicState>,
    /// Since when it is in its state (ms since the Unix epoch), where that is known.
    pub(super) state_timestamp_ms: Option<i64>,
    pub(super) protocol_type: Option<StrBytes>,
    pub(super) protocol_name: Option<StrBytes>,
    pub(super) generation: i32,
    pub(super) leader: Option<StrBytes>,
    members: OrdMap<StrBytes, Arc<ClassicMember>>,
    /// Member ids by instance id.
    static_members: OrdMap<StrBytes, StrBytes>,
    /// Ids that were given out with MEMBER_ID_REQUIRED and have not joined yet.
    pub(super) pending_join: OrdSet<StrBytes>,
    /// Members that have joined this generation and have not synced yet.
    pub(super) pending_sync: OrdSet<StrBytes>,
    /// How many members' JoinGroup waits.
    awaiting_join: usize,
    /// How many members offer a protocol.
    supported: OrdMap<StrBytes, usize>,
    /// The topics of all members, where they can be read.
    subscribed_topics: Option<OrdSet<StrBytes>>,
    /// Whether a member was added in the initial delay, which then is renewed.
    pub(super) new_member_added: bool,
}

impl ClassicGroup {
    /// A group without members. `state_timestamp_ms` is the present; a group that comes to be because an offset is
    /// committed to it has no time.
    pub(super) fn new(group_id: StrBytes, state_timestamp_ms: Option<i64>) -> Self {
        Self {
            group_id,
            state: ClassicState::Empty,
            previous: None,
            state_timestamp_ms,
            protocol_type: None,
            protocol_name: None,
            generation: 0,
            leader: None,
            members: OrdMap::new(),
            static_members: OrdMap::new(),
            pending_join: OrdSet::new(),
            pending_sync: OrdSet::new(),
            awaiting_join: 0,
            supported: OrdMap::new(),
            subscribed_topics: None,
            new_member_added: false,
        }
    }

    /// The group that a record describes.
    pub(super) fn from_record(group_id: StrBytes, value: &GroupMetadataValue) -> Self {
        let at = value.current_state_timestamp;
        let mut group = Self::new(group_id, (at != -1).then_some(at));
        group.generation = value.generation;
        group.protocol_type = (!value.protocol_type.is_empty()).then(|| value.protocol_type.clone());
        group.protocol_name = value.protocol.clone();
        group.leader = value.leader.clone();
        if !value.members.is_empty() {
            group.state = ClassicState::Stable;
        }
        let protocol = value.protocol.clone().unwrap_or_default();
        value.members.iter().for_each(|member| group.insert(ClassicMember::from_record(member, &protocol)));
        group.subscribed_topics = group.compute_subscribed_topics();
        group
    }

    /// The record of the group, with what each member is assigned.
    pub(super) fn to_record(&self, assignment: impl Fn(&ClassicMember) -> Bytes) -> GroupRecord {
        let member = |member: &Arc<ClassicMember>| {
            let protocol = self.protocol_name.as_ref().expect("a group with members has a protocol");
            member.to_record(protocol, assignment(member))
        };
        let value = GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol_name.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.state_timestamp_ms.unwrap_or(-1),
            members: self.members.values().map(member).collect(),
        };
        GroupRecord::GroupMetadata(GroupMetadataKey { group: self.group_id.clone() }, Some(value))
    }

    /// The record with which a new group begins (`newEmptyGroupMetadataRecord`): as if nobody had joined it yet.
    pub(super) fn to_empty_record(&self) -> GroupRecord {
        let current_state_timestamp = self.state_timestamp_ms.unwrap_or(-1);
        let value = GroupMetadataValue { protocol: None, leader: None, current_state_timestamp, ..Default::default() };
        GroupRecord::GroupMetadata(GroupMetadataKey { group: self.group_id.clone() }, Some(value))
    }

    /// The record that deletes the group.
    pub(super) fn tombstone(&self) -> GroupRecord {
        GroupRecord::GroupMetadata(GroupMetadataKey { group: self.group_id.clone() }, None)
    }

    /// The group's id.
    pub fn group_id(&self) -> &StrBytes {
        &self.group_id
    }

    /// Its state.
    pub fn state(&self) -> ClassicState {
        self.state
    }

    /// Its generation: how often it has been rebalanced.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// What its members are (`consumer`, `connect` …); `None` before the first.
    pub fn protocol_type(&self) -> Option<&StrBytes> {
        self.protocol_type.as_ref()
    }

    /// What the members have voted for; `None` for an empty group.
    pub fn protocol_name(&self) -> Option<&StrBytes> {
        self.protocol_name.as_ref()
    }

    /// The member that assigns.
    pub fn leader(&self) -> Option<&StrBytes> {
        self.leader.as_ref()
    }

    /// The members in the order of their ids.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &ClassicMember> {
        self.members.values().map(|member| &**member)
    }

    /// The member ids of the static members, by instance id.
    pub fn static_members(&self) -> impl Iterator<Item = (&StrBytes, &StrBytes)> {
        self.static_members.iter()
    }

    /// The ids that were given out with MEMBER_ID_REQUIRED (KIP-394) and have not joined yet.
    pub fn pending_members(&self) -> impl Iterator<Item = &StrBytes> {
        self.pending_join.iter()
    }

    /// The members that have joined this generation and have not synced yet.
    pub fn pending_sync_members(&self) -> impl Iterator<Item = &StrBytes> {
        self.pending_sync.iter()
    }

    /// A member.
    pub fn member(&self, member_id: &StrBytes) -> Option<&ClassicMember> {
        self.members.get(member_id).map(|member| &**member)
    }

    pub(super) fn member_mut(&mut self, member_id: &StrBytes) -> Option<&mut ClassicMember> {
        self.members.get_mut(member_id).map(Arc::make_mut)
    }

    pub(super) fn member_ids(&self) -> Vec<StrBytes> {
        self.members.keys().cloned().collect()
    }

    pub(super) fn static_member_id(&self, instance: &StrBytes) -> Option<&StrBytes> {
        self.static_members.get(instance)
    }

    pub(super) fn is_leader(&self, member_id: &StrBytes) -> bool {
        self.leader.as_ref() == Some(member_id)
    }

    /// How many members' JoinGroup waits.
    pub(super) fn awaiting_join(&self) -> usize {
        self.awaiting_join
    }

    /// Whether every member's JoinGroup waits and no id is given out that has not joined.
    pub(super) fn has_all_members_joined(&self) -> bool {
        self.members.len() == self.awaiting_join && self.pending_join.is_empty()
    }

    /// Whether its members are consumers.
    pub fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    /// How long a rebalance waits, in ms: as long as its most patient member asks.
    pub(super) fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0).max(0)
    }

    pub(super) fn can_rebalance(&self) -> bool {
        ClassicState::PreparingRebalance.may_follow(self.state)
    }

    pub(super) fn transition_to(&mut self, state: ClassicState, now_ms: i64) {
        assert!(state.may_follow(self.state), "group {}: {state:?} after {:?}", self.group_id, self.state);
        self.previous = Some(self.state);
        self.state = state;
        self.state_timestamp_ms = Some(now_ms);
    }

    /// Adds a member of `protocol_type`.
    ///
    /// # Panics
    /// When the group cannot have it: [`ClassicGroup::supports`] says whether it can.
    pub(super) fn add(&mut self, member: ClassicMember, protocol_type: &StrBytes) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.clone());
        }
        assert_eq!(self.protocol_type.as_ref(), Some(protocol_type), "one protocol type in a group");
        assert!(self.supports(protocol_type, &member.protocols), "the group supports none of the member's protocols");
        self.insert(member);
    }

    fn insert(&mut self, member: ClassicMember) {
        if let Some(instance) = &member.group_instance_id {
            let before = self.static_members.insert(instance.clone(), member.member_id.clone());
            assert!(before.is_none(), "static member {instance} is in the group already");
        }
        self.leader.get_or_insert_with(|| member.member_id.clone());
        self.count_protocols(&member.protocols, 1);
        self.awaiting_join += usize::from(member.is_awaiting_join());
        self.pending_join.remove(&member.member_id);
        self.members.insert(member.member_id.clone(), Arc::new(member));
    }

    /// Removes a member or a pending one. Where it led, another member leads.
    pub(super) fn remove(&mut self, member_id: &StrBytes) {
        if let Some(member) = self.members.remove(member_id) {
            self.count_protocols(&member.protocols, -1);
            self.awaiting_join -= usize::from(member.is_awaiting_join());
            member.group_instance_id.as_ref().map(|instance| self.static_members.remove(instance));
        }
        if self.is_leader(member_id) {
            self.leader = self.first_member(|_| true);
        }
        self.pending_join.remove(member_id);
        self.pending_sync.remove(member_id);
    }

    /// The member that Java's hash map comes to first: a random one in effect, as their ids are random.
    fn first_member(&self, is_eligible: impl Fn(&ClassicMember) -> bool) -> Option<StrBytes> {
        let eligible = self.members().filter(|member| is_eligible(member)).map(ClassicMember::member_id);
        eligible.min_by_key(|member_id| java_bucket(member_id, self.members.len())).cloned()
    }

    fn count_protocols(&mut self, protocols: &[Protocol], by: isize) {
        for protocol in protocols {
            let count = self.supported.get(&protocol.name).copied().unwrap_or(0).saturating_add_signed(by);
            match count {
                0 => self.supported.remove(&protocol.name),
                count => self.supported.insert(protocol.name.clone(), count),
            };
        }
    }

    /// Makes a member wait for an answer to a JoinGroup, with what that says.
    pub(super) fn update_member(&mut self, member_id: &StrBytes, terms: Terms, awaiting_join: Option<Parked>) -> Terms {
        let member = self.members.get(member_id).expect("a member of the group").clone();
        self.count_protocols(&member.protocols, -1);
        self.count_protocols(&terms.protocols, 1);
        self.awaiting_join -= usize::from(member.is_awaiting_join());
        self.awaiting_join += usize::from(awaiting_join.is_some());
        let member = self.member_mut(member_id).expect("a member of the group");
        member.awaiting_join = awaiting_join;
        Terms {
            protocols: std::mem::replace(&mut member.protocols, terms.protocols),
            rebalance_timeout_ms: std::mem::replace(&mut member.rebalance_timeout_ms, terms.rebalance_timeout_ms),
            session_timeout_ms: std::mem::replace(&mut member.session_timeout_ms, terms.session_timeout_ms),
        }
    }

    /// Takes a member's waiting JoinGroup, to answer it.
    pub(super) fn take_join(&mut self, member_id: &StrBytes) -> Option<Parked> {
        let parked = self.member_mut(member_id)?.awaiting_join.take();
        self.awaiting_join -= usize::from(parked.is_some());
        parked
    }

    /// Takes a member's waiting SyncGroup, to answer it.
    pub(super) fn take_sync(&mut self, member_id: &StrBytes) -> Option<Parked> {
        self.member_mut(member_id)?.awaiting_sync.take()
    }

    /// Gives a static member a new id (KIP-345) and leaves all else as it is. Returns the requests of the old id that
    /// wait, which are to be fenced.
    pub(super) fn replace_static_member(
        &mut self,
        instance: &StrBytes,
        old_id: &StrBytes,
        new_id: &StrBytes,
    ) -> (Option<Parked>, Option<Parked>) {
        let waiting = (self.take_join(old_id), self.take_sync(old_id));
        let mut member = self.members.remove(old_id).expect("the instance's member is in the group");
        let changed = Arc::make_mut(&mut member);
        changed.member_id = new_id.clone();
        changed.is_new = false;
        self.members.insert(new_id.clone(), member);
        if self.is_leader(old_id) {
            self.leader = Some(new_id.clone());
        }
        self.static_members.insert(instance.clone(), new_id.clone());
        waiting
    }

    /// Whether the leader has joined, or else another member that has now leads. `false`: nobody has.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = &self.leader else { return false };
        if self.members.get(leader).is_some_and(|leader| leader.is_awaiting_join()) {
            return true;
        }
        let joined = self.first_member(ClassicMember::is_awaiting_join);
        let elected = joined.is_some();
        if elected {
            self.leader = joined;
        }
        elected
    }

    /// Opens the next generation: with members it has a protocol that all support.
    pub(super) fn init_next_generation(&mut self, now_ms: i64) {
        self.generation += 1;
        let state = if self.members.is_empty() {
            self.protocol_name = None;
            ClassicState::Empty
        } else {
            self.protocol_name = Some(self.select_protocol());
            ClassicState::CompletingRebalance
        };
        self.subscribed_topics = self.compute_subscribed_topics();
        self.transition_to(state, now_ms);
        self.pending_sync.clear();
    }

    /// The vote: each member for the first of its protocols that all support. Of equals that wins which Java's hash map
    /// comes to first, so that a mixed group has the protocol that it has with Kafka.
    ///
    /// # Panics
    /// When the group is empty.
    pub(super) fn select_protocol(&self) -> StrBytes {
        let all = self.members.len();
        let candidates = self.supported.iter().filter(|(_, count)| **count == all).map(|(name, _)| name.clone());
        let candidates = candidates.collect();
        let mut votes = SortedMap::<&StrBytes, usize>::new();
        self.members.values().for_each(|member| *votes.entry(member.vote(&candidates)).or_default() += 1);
        let most = votes.values().max().copied();
        let first = votes.iter().filter(|(_, count)| Some(**count) == most).map(|(name, _)| *name);
        first.min_by_key(|name| java_bucket(name, votes.len())).expect("a group with members").clone()
    }

    /// Whether a member of this type with these protocols can be in the group.
    pub(super) fn supports(&self, protocol_type: &StrBytes, protocols: &[Protocol]) -> bool {
        if self.state == ClassicState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let all = self.members.len();
        let by_all = |protocol: &Protocol| self.supported.get(&protocol.name).copied().unwrap_or(0) == all;
        self.protocol_type.as_ref() == Some(protocol_type) && protocols.iter().any(by_all)
    }

    /// The topics that the members subscribe to; `None` where the coordinator cannot know.
    fn compute_subscribed_topics(&self) -> Option<OrdSet<StrBytes>> {
        if !self.uses_consumer_protocol() {
            return None;
        }
        if self.members.is_empty() {
            return Some(OrdSet::new());
        }
        let protocol = self.protocol_name.as_ref()?;
        let topics = self.members.values().map(|member| subscribed_topics(&member.metadata(protocol)));
        topics.collect::<Option<Vec<_>>>().map(|topics| topics.into_iter().flatten().collect())
    }

    /// Whether the coordinator can read what the members subscribe to.
    pub(super) fn knows_subscribed_topics(&self) -> bool {
        self.subscribed_topics.is_some()
    }

    /// Whether a member may be subscribed to a topic.
    pub fn is_subscribed_to(&self, topic: &StrBytes) -> bool {
        let known = self.subscribed_topics.as_ref().map(|topics| topics.contains(topic));
        known.unwrap_or_else(|| self.uses_consumer_protocol())
    }

    /// Checks who sends a request: the instance must be the member's, the member in the group.
    ///
    /// # Errors
    /// UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID.
    pub(super) fn validate_member(&self, member_id: &StrBytes, instance: Option<&StrBytes>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            let existing = self.static_members.get(instance).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            if existing != member_id {
                return Err(ErrorCode::FENCED_INSTANCE_ID);
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) }
    }

    /// The members as the leader is told them.
    pub(super) fn joined_members(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.protocol_name.as_ref().expect("a group with members has a protocol");
        self.members.values().map(|member| member.to_joined(protocol)).collect()
    }
}

/// What a JoinGroup says of its member.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) protocols: Arc<[Protocol]>,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
}

/// Where Java's `HashMap` of `entries` entries keeps a text, which is the order in which it is gone through.
fn java_bucket(text: &str, entries: usize) -> u32 {
    let mut buckets = 16;
    while entries > buckets as usize * 3 / 4 {
        buckets *= 2;
    }
    let hash = java_hash(text) as u32;
    (hash ^ hash >> 16) & (buckets - 1)
}
