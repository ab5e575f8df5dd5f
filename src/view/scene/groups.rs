//! Groups of consumers, as their coordinators have them.

use super::{ConsumerView, Scene};
use crate::base::{Sort, TopicPartition};
use crate::sim::MemberInfo;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A group of consumers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// The broker that coordinates it, or would: the leader of its partition of `__consumer_offsets`.
    pub coordinator: Option<i32>,
    /// How it is.
    pub state: GroupState,
    /// Its generation; -1 while nobody coordinates it.
    pub generation: i32,
    /// What its members have voted for, an assignor; none of a group without members.
    pub protocol: Option<Arc<str>>,
    /// The id of the member that assigns.
    pub leader: Option<Arc<str>>,
    /// Its members in the order of their ids.
    pub members: Vec<MemberInfo>,
    /// Each partition with the committed offset: that of the next record to read.
    pub committed: Vec<(TopicPartition, i64)>,
}

/// How a classic group is, by Kafka's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupState {
    /// No broker has it loaded: its coordinator is down, loads, or is yet to be elected. What it has committed is on
    /// disks, and nobody can tell it.
    #[default]
    Unknown,
    /// It has no members.
    Empty,
    /// It waits for its members to join.
    PreparingRebalance,
    /// All have joined; it waits for its leader's assignment.
    CompletingRebalance,
    /// Every member has its assignment, or can ask for it.
    Stable,
}

/// What a partition is to a consumer in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// It reads it, and the group has it so.
    Owned,
    /// It reads it still, and the group has given it to another or is about to deal anew.
    Revoked,
    /// The group has given it, and the consumer has not taken it yet.
    Assigned,
}

impl GroupState {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }

    /// The state of this name.
    pub fn named(name: &str) -> Self {
        let all = [Self::Empty, Self::PreparingRebalance, Self::CompletingRebalance, Self::Stable];
        all.into_iter().find(|state| state.name() == name).unwrap_or_default()
    }

    /// Whether its members are between two assignments.
    pub fn rebalances(self) -> bool {
        matches!(self, Self::PreparingRebalance | Self::CompletingRebalance)
    }
}

impl GroupView {
    /// A group that no broker has loaded.
    pub fn unknown(coordinator: Option<i32>) -> Self {
        let state = GroupState::Unknown;
        Self { coordinator, state, generation: -1, protocol: None, leader: None, members: vec![], committed: vec![] }
    }

    /// The committed offset of a partition, if there is one.
    pub fn committed(&self, tp: &TopicPartition) -> Option<i64> {
        self.committed.iter().find(|(of, _)| of == tp).map(|(_, offset)| *offset)
    }

    /// Who is assigned a partition.
    pub fn owner(&self, tp: &TopicPartition) -> Option<&MemberInfo> {
        self.members.iter().find(|member| member.assigned.contains(tp))
    }
}

impl Scene {
    /// How many records lie between a committed offset and the leader's high watermark: the lag that Kafka's tool shows.
    /// None where nobody leads.
    pub fn lag(&self, tp: &TopicPartition, committed: i64) -> Option<i64> {
        self.leader_replica(tp).map(|(_, replica)| (replica.hw - committed).max(0))
    }

    /// The lag of a group over all partitions that it has committed, as far as they have leaders.
    pub fn group_lag(&self, group: &GroupView) -> i64 {
        group.committed.iter().filter_map(|(tp, committed)| self.lag(tp, *committed)).sum()
    }

    /// The consumers that are configured to be in a group, by name.
    pub fn consumers_of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = (&'a Arc<str>, &'a ConsumerView)> {
        self.consumers.iter().filter(move |(_, consumer)| consumer.group.as_deref() == Some(group))
    }

    /// The consumer whose process is a member, if it is one of this world's and still knows itself as that member.
    pub fn consumer_of(&self, member: &MemberInfo) -> Option<(&Arc<str>, &ConsumerView)> {
        self.consumers.iter().find(|(_, consumer)| consumer.member.as_deref() == Some(&*member.id))
    }

    /// What its group has of a consumer, once it is a member.
    pub fn member_of(&self, consumer: &ConsumerView) -> Option<&MemberInfo> {
        let (group, id) = (self.groups.get(consumer.group.as_ref()?)?, consumer.member.as_ref()?);
        group.members.iter().find(|member| member.id == *id)
    }

    /// The partitions of a consumer in a group with what each is to it, in order; those of one that reads alone are its
    /// own.
    pub fn holdings(&self, consumer: &ConsumerView) -> Vec<(TopicPartition, Holding)> {
        let owned = |tp: &TopicPartition| (tp.clone(), Holding::Owned);
        let Some(group) = consumer.group.as_ref().and_then(|id| self.groups.get(id)) else {
            return consumer.assigned.iter().map(owned).collect();
        };
        // While nobody knows the group or it has not come to deal anew, nothing is taken from anybody.
        let dealt = group.state == GroupState::Stable;
        let given = self.member_of(consumer).filter(|_| dealt).map(|member| member.assigned.as_slice());
        let holding = |tp: &TopicPartition| match given {
            Some(given) if !given.contains(tp) => (tp.clone(), Holding::Revoked),
            _ => owned(tp),
        };
        let mut all: Vec<(TopicPartition, Holding)> = consumer.assigned.iter().map(holding).collect();
        let next = given.unwrap_or_default().iter().filter(|tp| !consumer.assigned.contains(tp));
        all.extend(next.map(|tp| (tp.clone(), Holding::Assigned)));
        all.order_by(|a, b| a.0.cmp(&b.0));
        all
    }
}
