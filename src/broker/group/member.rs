//! A member of a classic group (`ClassicGroupMember`).

use super::effect::RequestToken;
use crate::base::{OrdSet, SortedSet};
use crate::wire::StrBytes;
use crate::wire::group_records::MemberMetadata;
use crate::wire::messages::describe_groups_response::DescribedGroupMember;
use crate::wire::messages::join_group_request::JoinGroupRequestProtocol;
use crate::wire::messages::join_group_response::JoinGroupResponseMember;
use bytes::Bytes;
use std::sync::Arc;

/// A protocol (for consumers: an assignor) that a member offers, and what it says under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// The protocol's name.
    pub name: StrBytes,
    /// The member's metadata for it (for consumers: its subscription).
    pub metadata: Bytes,
}

/// The protocols of a request, in the member's order of preference. Of two with one name the first counts.
pub(super) fn protocols(requested: &[JoinGroupRequestProtocol]) -> Arc<[Protocol]> {
    let mut names = SortedSet::new();
    let first = requested.iter().filter(|protocol| names.insert(&protocol.name));
    first.map(|protocol| Protocol { name: protocol.name.clone(), metadata: protocol.metadata.clone() }).collect()
}

/// A request that waits at its member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parked {
    pub(super) token: RequestToken,
    pub(super) api_version: i16,
}

/// A member of a classic group.
#[derive(Clone, Debug)]
pub struct ClassicMember {
    pub(super) member_id: StrBytes,
    pub(super) group_instance_id: Option<StrBytes>,
    pub(super) client_id: StrBytes,
    pub(super) client_host: StrBytes,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
    pub(super) protocols: Arc<[Protocol]>,
    pub(super) assignment: Bytes,
    pub(super) awaiting_join: Option<Parked>,
    pub(super) awaiting_sync: Option<Parked>,
    /// Whether it has not yet had an answer to its first JoinGroup. It then has no id to send heartbeats with, and is
    /// dropped after the time for new members even though it waits.
    pub(super) is_new: bool,
}

impl ClassicMember {
    /// A member as a group's record has it: under the group's protocol alone.
    pub(super) fn from_record(record: &MemberMetadata, protocol: &StrBytes) -> Self {
        let rebalance_timeout_ms =
            if record.rebalance_timeout == -1 { record.session_timeout } else { record.rebalance_timeout };
        Self {
            member_id: record.member_id.clone(),
            group_instance_id: record.group_instance_id.clone(),
            client_id: record.client_id.clone(),
            client_host: record.client_host.clone(),
            rebalance_timeout_ms,
            session_timeout_ms: record.session_timeout,
            protocols: [Protocol { name: protocol.clone(), metadata: record.subscription.clone() }].into(),
            assignment: record.assignment.clone(),
            awaiting_join: None,
            awaiting_sync: None,
            is_new: false,
        }
    }

    /// The member in a group's record.
    pub(super) fn to_record(&self, protocol: &StrBytes, assignment: Bytes) -> MemberMetadata {
        MemberMetadata {
            member_id: self.member_id.clone(),
            group_instance_id: self.group_instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout: self.rebalance_timeout_ms,
            session_timeout: self.session_timeout_ms,
            subscription: self.metadata(protocol),
            assignment,
        }
    }

    /// The member's id.
    pub fn member_id(&self) -> &StrBytes {
        &self.member_id
    }

    /// `group.instance.id` of a static member (KIP-345).
    pub fn group_instance_id(&self) -> Option<&StrBytes> {
        self.group_instance_id.as_ref()
    }

    /// `client.id` of the client that the id was made for.
    pub fn client_id(&self) -> &StrBytes {
        &self.client_id
    }

    /// The address that it joined from.
    pub fn client_host(&self) -> &StrBytes {
        &self.client_host
    }

    /// How long a rebalance waits for it, in ms.
    pub fn rebalance_timeout_ms(&self) -> i32 {
        self.rebalance_timeout_ms
    }

    /// How long it may go without a heartbeat, in ms.
    pub fn session_timeout_ms(&self) -> i32 {
        self.session_timeout_ms
    }

    /// What it offers, best first. After a coordinator's start: the group's protocol alone.
    pub fn protocols(&self) -> &[Protocol] {
        &self.protocols
    }

    /// What the leader has assigned to it.
    pub fn assignment(&self) -> &Bytes {
        &self.assignment
    }

    /// Whether its JoinGroup waits for the others.
    pub fn is_awaiting_join(&self) -> bool {
        self.awaiting_join.is_some()
    }

    /// Whether its SyncGroup waits for the leader's assignment.
    pub fn is_awaiting_sync(&self) -> bool {
        self.awaiting_sync.is_some()
    }

    /// Whether it is in its first rebalance.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether the coordinator needs no heartbeat of it: it waits for an answer, and its connection is muted.
    pub(super) fn has_satisfied_heartbeat(&self) -> bool {
        !self.is_new && (self.is_awaiting_join() || self.is_awaiting_sync())
    }

    /// Its metadata under a protocol that it offers.
    pub(super) fn metadata(&self, protocol: &StrBytes) -> Bytes {
        let found = self.protocols.iter().find(|offered| offered.name == *protocol);
        found
            .unwrap_or_else(|| panic!("member {} does not support protocol {protocol}", self.member_id))
            .metadata
            .clone()
    }

    /// The protocol that it likes best among the candidates.
    pub(super) fn vote<'a>(&'a self, candidates: &OrdSet<StrBytes>) -> &'a StrBytes {
        let found = self.protocols.iter().find(|offered| candidates.contains(&offered.name));
        &found.unwrap_or_else(|| panic!("member {} supports none of the candidate protocols", self.member_id)).name
    }

    /// The member as a leader's JoinGroup lists it.
    pub(super) fn to_joined(&self, protocol: &StrBytes) -> JoinGroupResponseMember {
        JoinGroupResponseMember::default()
            .with_member_id(self.member_id.clone())
            .with_group_instance_id(self.group_instance_id.clone())
            .with_metadata(self.metadata(protocol))
    }

    /// The member as DescribeGroups shows it; its metadata only where the group has a protocol.
    pub(super) fn describe(&self, protocol: Option<&StrBytes>) -> DescribedGroupMember {
        DescribedGroupMember::default()
            .with_member_id(self.member_id.clone())
            .with_group_instance_id(self.group_instance_id.clone())
            .with_client_id(self.client_id.clone())
            .with_client_host(self.client_host.clone())
            .with_member_metadata(protocol.map(|protocol| self.metadata(protocol)).unwrap_or_default())
            .with_member_assignment(self.assignment.clone())
    }
}
