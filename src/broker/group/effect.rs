//! What a shard is given to act with, and what it asks of the broker that owns it.

use crate::base::{Rng, SimTime};
use crate::wire::messages::delete_groups_response::DeletableGroupResult;
use crate::wire::messages::offset_fetch_response::OffsetFetchResponseGroup;
use crate::wire::messages::{
    HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, OffsetCommitResponse, OffsetDeleteResponse,
    SyncGroupResponse,
};
use crate::wire::{GroupRecord, StrBytes};
use bytes::Bytes;
use uuid::Uuid;

/// A request that a shard may answer later: a number by which its owner finds the connection again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestToken(pub u64);

/// A write to the shard's partition of `__consumer_offsets`, numbered in the order in which writes are to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub u64);

/// Who sent a request.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The request's number.
    pub token: RequestToken,
    /// The version of its API.
    pub api_version: i16,
    /// The client's name for itself (`client.id`), with which the ids of its members begin.
    pub client_id: StrBytes,
    /// The client's address as Java prints it: `/127.0.0.1`.
    pub client_host: StrBytes,
}

/// The answer to a request. Those that a client may ask several coordinators for in one request are parts of a response.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupResponse {
    /// To JoinGroup.
    Join(JoinGroupResponse),
    /// To SyncGroup.
    Sync(SyncGroupResponse),
    /// To Heartbeat.
    Heartbeat(HeartbeatResponse),
    /// To LeaveGroup.
    Leave(LeaveGroupResponse),
    /// To OffsetCommit.
    OffsetCommit(OffsetCommitResponse),
    /// To one group of an OffsetFetch.
    OffsetFetch(OffsetFetchResponseGroup),
    /// To OffsetDelete.
    OffsetDelete(OffsetDeleteResponse),
    /// To the groups of a DeleteGroups that are this shard's.
    DeleteGroups(Vec<DeletableGroupResult>),
}

/// What a shard asks of its owner. Effects are to be carried out in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Append records to the shard's partition, as a producer with acks=1 does. The owner reports with
    /// [`committed`](super::GroupShard::committed) when the high watermark has passed them, or with
    /// [`failed`](super::GroupShard::failed) when the log has refused them.
    Append {
        /// The write's number.
        write: WriteId,
        /// What to append, in this order.
        records: Vec<GroupRecord>,
        /// Whether it must be one batch. Tombstones of what has expired need not be.
        atomic: bool,
    },
    /// Answer a request.
    Respond {
        /// The request.
        request: RequestToken,
        /// The answer, as the request's version has it.
        response: GroupResponse,
    },
    /// Something that happened to a group, for whoever watches.
    Event(GroupEvent),
}

/// What Kafka's coordinator logs of a group's rebalances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupEvent {
    /// The group waits for its members to join.
    PreparingRebalance {
        /// The group.
        group: StrBytes,
        /// Its generation, which ends.
        generation: i32,
        /// Why, in Kafka's words.
        reason: String,
    },
    /// A member is in the group.
    Joined {
        /// The group.
        group: StrBytes,
        /// The member.
        member_id: StrBytes,
        /// Its `group.instance.id`, if it is a static member.
        instance: Option<StrBytes>,
    },
    /// A static member came back: it has a new id, and whoever has the old one is fenced (KIP-345).
    Replaced {
        /// The group.
        group: StrBytes,
        /// The member's `group.instance.id`.
        instance: StrBytes,
        /// The id that it had.
        old_id: StrBytes,
        /// The id that it has.
        member_id: StrBytes,
    },
    /// All have joined, or the time for it is over; the leader now assigns.
    Stabilized {
        /// The group.
        group: StrBytes,
        /// Its new generation.
        generation: i32,
        /// What the members have voted for.
        protocol: StrBytes,
        /// The member that assigns.
        leader: StrBytes,
        /// Its members.
        members: Vec<StrBytes>,
    },
    /// The leader's assignment is in the log, and the members get it.
    Assigned {
        /// The group.
        group: StrBytes,
        /// Its generation.
        generation: i32,
        /// Whether its members are consumers, so that what they are assigned can be read.
        is_of_consumers: bool,
        /// What each member is assigned.
        assignment: Vec<(StrBytes, Bytes)>,
    },
    /// The group has no members any more.
    Emptied {
        /// The group.
        group: StrBytes,
        /// Its new generation.
        generation: i32,
    },
    /// A member is out.
    Removed {
        /// The group.
        group: StrBytes,
        /// The member.
        member_id: StrBytes,
        /// Why.
        why: Removal,
    },
}

/// Why a member is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It left, or an operator sent it away (LeaveGroup).
    Left,
    /// Its session ran out: no heartbeat came for `session.timeout.ms`.
    SessionExpired,
    /// It did not join the next generation before the rebalance timeout.
    DidNotJoin,
    /// It did not ask for its assignment before the rebalance timeout.
    DidNotSync,
}

/// Where the ids of new members come from.
pub trait MemberIdRandom {
    /// The UUID that a new member's id ends with.
    fn member_uuid(&mut self) -> Uuid;
}

impl MemberIdRandom for Rng {
    fn member_uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes16()).into_uuid()
    }
}

/// What a shard is given with each input.
pub struct Turn<'a> {
    pub(super) now: SimTime,
    pub(super) start_ms: i64,
    pub(super) random: &'a mut dyn MemberIdRandom,
    pub(super) effects: &'a mut Vec<Effect>,
}

impl<'a> Turn<'a> {
    /// An input at `now` in a world that started at `start_ms` (ms since the Unix epoch).
    pub fn new(now: SimTime, start_ms: i64, random: &'a mut dyn MemberIdRandom, effects: &'a mut Vec<Effect>) -> Self {
        Self { now, start_ms, random, effects }
    }

    /// The moment as a timestamp: ms since the Unix epoch.
    pub(super) fn now_ms(&self) -> i64 {
        self.start_ms + (self.now.0 / 1_000) as i64
    }

    pub(super) fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}
