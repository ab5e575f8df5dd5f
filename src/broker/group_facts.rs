//! What a group's coordinator tells the trace.

use super::group::{GroupEvent, Removal};
use crate::base::TopicPartition;
use crate::machine::{Assigned, Fact};
use crate::wire::StrBytes;
use crate::wire::consumer_protocol::Assignment;
use bytes::Bytes;
use std::sync::Arc;

impl GroupEvent {
    /// The fact for the trace.
    pub(super) fn into_fact(self) -> Fact {
        match self {
            Self::PreparingRebalance { group, generation, reason } => {
                Fact::GroupRebalancing { group: text(&group), generation, reason }
            }
            Self::Joined { group, member_id, instance } => Fact::MemberJoined {
                group: text(&group),
                member: text(&member_id),
                instance: instance.as_ref().map(text),
            },
            Self::Replaced { group, instance, old_id, member_id } => Fact::MemberReplaced {
                group: text(&group),
                instance: text(&instance),
                old: text(&old_id),
                member: text(&member_id),
            },
            Self::Stabilized { group, generation, protocol, leader, members } => Fact::GroupGeneration {
                group: text(&group),
                generation,
                protocol: text(&protocol),
                leader: text(&leader),
                members: members.iter().map(text).collect(),
            },
            Self::Assigned { group, generation, is_of_consumers, assignment } => Fact::GroupAssigned {
                group: text(&group),
                generation,
                assignment: assignment
                    .iter()
                    .map(|(member, bytes)| Assigned {
                        member: text(member),
                        partitions: if is_of_consumers { partitions(bytes) } else { Vec::new() },
                    })
                    .collect(),
            },
            Self::Emptied { group, generation } => Fact::GroupEmpty { group: text(&group), generation },
            Self::Removed { group, member_id, why } => {
                let reason = match why {
                    Removal::Left => "it left",
                    Removal::SessionExpired => "its session ran out",
                    Removal::DidNotJoin => "it did not join the next generation in time",
                    Removal::DidNotSync => "it did not ask for its assignment in time",
                };
                Fact::MemberRemoved { group: text(&group), member: text(&member_id), reason: reason.into() }
            }
        }
    }
}

/// The partitions of a consumer's assignment; none of bytes that are none.
fn partitions(assignment: &Bytes) -> Vec<TopicPartition> {
    Assignment::decode(assignment).map(|assignment| assignment.partitions).unwrap_or_default()
}

fn text(text: &StrBytes) -> Arc<str> {
    (**text).into()
}
