//! The partition assignors of classic consumer groups, as Kafka's Java client has them.
//!
//! In a classic group the *leader's client* decides who reads what; the coordinator only passes on what the members sent
//! and what the leader answers. So this is client code: it takes the members' [`Subscription`]s as bytes, with what the
//! leader knows of the topics, and gives each member's [`Assignment`] as bytes. It is pure: no clock, no state, no chance.
//!
//! `range` and `round_robin` start afresh each time. `sticky` and `cooperative_sticky` share an algorithm
//! (`abstract_sticky`) that lets members keep what they have; they differ in how members say what that is, and in that
//! a cooperative group takes two rebalances to move a partition. All but round robin mind racks (KIP-881).
//!
//! *Order.* Kafka goes through the members in the order of a Java `HashMap`, which is that of no name. Where that
//! decides (which of several members keeps one above the others' share, whose word counts first), members are taken here
//! in the order given, and [`read_members`] gives them by member id; topics of one assignment are in the order of their
//! names. Names compare by code point, where Java compares UTF-16 units: that differs beyond U+FFFF alone.
//!
//! *Kafka's flaws are kept.* A member may claim a partition that its topic has no more, since the topic was deleted and
//! made anew with fewer: Kafka looks at the topic's name alone, gives that partition out again and may fail over it. Then
//! [`AssignError`] says what Kafka's client would throw. A Java assignor remembers the highest generation it ever saw,
//! also past the group's end; that is not kept, nor does it change an assignment as long as generations only grow.

mod abstract_sticky;
mod cooperative_sticky;
mod layout;
mod range;
mod round_robin;
mod sticky;
#[cfg(test)]
mod tests;

use crate::base::{Sort, SortedMap, SortedSet, TopicPartition};
use crate::wire::StrBytes;
use crate::wire::consumer_protocol::{Assignment, CONSUMER_PROTOCOL_VERSION, ConsumerProtocolError, Subscription};
use crate::wire::messages::join_group_response::JoinGroupResponseMember;
use crate::wire::messages::sync_group_request::SyncGroupRequestAssignment;
use bytes::Bytes;
use layout::Layout;
use std::fmt;
use std::sync::Arc;

/// One of Kafka's assignors: an element of `partition.assignment.strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// `RangeAssignor`.
    Range,
    /// `RoundRobinAssignor`.
    RoundRobin,
    /// `StickyAssignor`.
    Sticky,
    /// `CooperativeStickyAssignor`.
    CooperativeSticky,
}

/// How a group's members rebalance (KIP-429).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RebalanceProtocol {
    /// Each member gives up all its partitions before it joins.
    Eager,
    /// Each member keeps its partitions and revokes only those it is to lose.
    Cooperative,
}

/// A member of the group as its leader sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its member id.
    pub id: Arc<str>,
    /// `group.instance.id`, if it is a static member (KIP-345).
    pub group_instance_id: Option<Arc<str>>,
    /// What it sent with JoinGroup.
    pub subscription: Subscription,
}

/// The racks of the brokers that hold a partition's replicas, in any order. A broker without a rack, or one that the
/// client does not know, adds none.
pub type ReplicaRacks = Vec<Arc<str>>;

/// What the leader knows of the topics: for each its partitions, from 0 on. Topics that it does not know are not assigned.
pub type PartitionsPerTopic = SortedMap<Arc<str>, Vec<ReplicaRacks>>;

/// What a member's assignor keeps from one assignment to the next, as Kafka's `onAssignment` leaves it. Each assignor that
/// a member offers has its own, and only the one that the group chose learns of an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastAssignment {
    /// The partitions of the last assignment, if there was one.
    pub partitions: Option<Vec<TopicPartition>>,
    /// Its generation; -1 before the first.
    pub generation: i32,
}

impl Default for LastAssignment {
    fn default() -> Self {
        Self { partitions: None, generation: abstract_sticky::DEFAULT_GENERATION }
    }
}

/// Why there is no assignment. Kafka's client throws it from `poll` on the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssignError {
    /// A member's subscription does not parse.
    Subscription(ConsumerProtocolError),
    /// `IllegalStateException` with this message: the members' claims are not of these topics.
    IllegalState(String),
    /// `NullPointerException`: a partition was to go back to a member that can have none of those to be moved.
    NullPointer,
}

impl fmt::Display for AssignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscription(error) => error.fmt(f),
            Self::IllegalState(text) => f.write_str(text),
            Self::NullPointer => f.write_str("NullPointerException in the assignor"),
        }
    }
}

impl std::error::Error for AssignError {}

impl RebalanceProtocol {
    /// The protocol of a member that offers these assignors: the best that all of them support. So one eager assignor in
    /// the list makes the member eager, as in Kafka's default list of range and cooperative-sticky. `None` for an empty
    /// list.
    pub fn of(assignors: &[Assignor]) -> Option<Self> {
        assignors.iter().map(|assignor| assignor.protocol()).min()
    }
}

impl Assignor {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Range, Self::RoundRobin, Self::Sticky, Self::CooperativeSticky];

    /// The assignor's name in JoinGroup.
    pub fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// Its class, as `partition.assignment.strategy` names it.
    pub fn class_name(self) -> &'static str {
        match self {
            Self::Range => "org.apache.kafka.clients.consumer.RangeAssignor",
            Self::RoundRobin => "org.apache.kafka.clients.consumer.RoundRobinAssignor",
            Self::Sticky => "org.apache.kafka.clients.consumer.StickyAssignor",
            Self::CooperativeSticky => "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
        }
    }

    /// The assignor of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// The assignor of a class.
    pub fn from_class_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|assignor| assignor.class_name() == name)
    }

    /// The best protocol that it supports.
    pub fn protocol(self) -> RebalanceProtocol {
        match self {
            Self::CooperativeSticky => RebalanceProtocol::Cooperative,
            Self::Range | Self::RoundRobin | Self::Sticky => RebalanceProtocol::Eager,
        }
    }

    /// What a member adds to its subscription for this assignor: Kafka's `subscriptionUserData`.
    pub fn user_data(self, last: &LastAssignment) -> Option<Bytes> {
        match self {
            Self::Range | Self::RoundRobin => None,
            Self::Sticky => last.partitions.as_ref().map(|partitions| sticky::user_data(partitions, last.generation)),
            Self::CooperativeSticky => Some(cooperative_sticky::user_data(last.generation)),
        }
    }

    /// The partitions of each member, in the order of the members.
    ///
    /// # Errors
    /// Where Kafka's assignor fails on the members' claims. None for range and round robin.
    pub fn assign(
        self,
        members: &[Member],
        topics: &PartitionsPerTopic,
    ) -> Result<Vec<Vec<TopicPartition>>, AssignError> {
        self.assign_preferring(members, topics, false)
    }

    /// Like [`Assignor::assign`]; with `prefer_racks` racks are minded even while every partition has a replica in every
    /// rack. Kafka's clients never do that, but its tests do (`preferRackAwareLogic`).
    ///
    /// # Errors
    /// As there.
    pub fn assign_preferring(
        self,
        members: &[Member],
        topics: &PartitionsPerTopic,
        prefer_racks: bool,
    ) -> Result<Vec<Vec<TopicPartition>>, AssignError> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let mut layout = Layout::new(members, topics);
        let assignment = match self {
            Self::Range => range::assign(&layout, prefer_racks),
            Self::RoundRobin => round_robin::assign(&layout),
            Self::Sticky => {
                let data: Vec<_> = members.iter().map(|m| sticky::member_data(&m.subscription)).collect();
                abstract_sticky::assign(&mut layout, &data, prefer_racks)?.assignment
            }
            Self::CooperativeSticky => cooperative_sticky::assign(&mut layout, prefer_racks)?,
        };
        Ok(layout.named(&assignment))
    }

    /// What the leader sends with SyncGroup: every member's assignment, in the order of the members.
    ///
    /// # Errors
    /// As [`Assignor::assign`].
    pub fn perform_assignment(
        self,
        members: &[Member],
        topics: &PartitionsPerTopic,
    ) -> Result<Vec<SyncGroupRequestAssignment>, AssignError> {
        let assigned = self.assign(members, topics)?;
        let encoded = members.iter().zip(assigned).map(|(member, partitions)| {
            let assignment = Assignment { partitions, user_data: None };
            SyncGroupRequestAssignment::default()
                .with_member_id(StrBytes::from(member.id.to_string()))
                .with_assignment(assignment.encode(CONSUMER_PROTOCOL_VERSION))
        });
        Ok(encoded.collect())
    }
}

/// The members as the leader's JoinGroup response lists them, by member id.
///
/// # Errors
/// A subscription that does not parse.
pub fn read_members(members: &[JoinGroupResponseMember]) -> Result<Vec<Member>, AssignError> {
    let read = |member: &JoinGroupResponseMember| {
        let subscription = Subscription::decode(&member.metadata).map_err(AssignError::Subscription)?;
        let group_instance_id = member.group_instance_id.as_ref().map(|id| Arc::from(&**id));
        Ok(Member { id: (*member.member_id).into(), group_instance_id, subscription })
    };
    let mut members: Vec<Member> = members.iter().map(read).collect::<Result<_, _>>()?;
    members.order_by(|a, b| a.id.cmp(&b.id));
    Ok(members)
}

/// Every topic that some member subscribes to: the leader asks for their metadata before it assigns.
pub fn subscribed_topics(members: &[Member]) -> SortedSet<Arc<str>> {
    members.iter().flat_map(|member| &member.subscription.topics).cloned().collect()
}
