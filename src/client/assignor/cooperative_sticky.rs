//! Cooperative sticky: the same assignment, in two steps (KIP-429).
//!
//! A cooperative member keeps its partitions while it joins. What it is to give up it must revoke before another may
//! have it, so the leader leaves a partition that changes hands out of its new owner's assignment. The old owner sees it
//! missing from its own, revokes it and joins again, and in that second rebalance it is free.
//!
//! The second rebalance is the last where all subscribe alike and no racks are minded. Otherwise it computes anew from
//! what the members have by then and may hold back more; with racks and unequal subscriptions some groups never come to
//! an end, in Kafka 4.1.1 as here.

use super::AssignError;
use super::abstract_sticky::{self, DEFAULT_GENERATION, MemberData, Outcome, Transfers, remove_first};
use super::layout::Layout;
use crate::base::SortedSet;
use crate::wire::consumer_protocol::Subscription;
use bytes::{Buf, Bytes};
use std::borrow::Cow;

/// The user data of a member that was last assigned something in a generation; -1 before.
pub(super) fn user_data(generation: i32) -> Bytes {
    Bytes::copy_from_slice(&generation.to_be_bytes())
}

/// What a member says of itself. Its generation is a field of the subscription since version 2 and stands in the user
/// data for older leaders.
pub(super) fn member_data(subscription: &Subscription) -> MemberData<'_> {
    let said = || subscription.user_data.clone().map(|mut data| data.try_get_i32().unwrap_or(DEFAULT_GENERATION));
    MemberData {
        partitions: Cow::Borrowed(&subscription.owned_partitions),
        generation: subscription.generation_id.or_else(said),
    }
}

/// The slots of each member, without those that another member has still to revoke.
pub(super) fn assign(layout: &mut Layout<'_>, prefer_racks: bool) -> Result<Vec<Vec<usize>>, AssignError> {
    let members = layout.members;
    let data: Vec<MemberData<'_>> = members.iter().map(|member| member_data(&member.subscription)).collect();
    let mut outcome = abstract_sticky::assign(layout, &data, prefer_racks)?;
    let transferring = outcome.transferring.take().unwrap_or_else(|| changing_hands(&outcome));
    for (slot, member) in transferring {
        remove_first(&mut outcome.assignment[member], slot);
    }
    Ok(outcome.assignment)
}

/// The slots that one member is to get and another has still, with those who are to get them. Every claim counts here,
/// whatever its generation: its member may be at work on the partition.
fn changing_hands(outcome: &Outcome) -> Transfers {
    let (mut added, mut revoked) = (Transfers::new(), SortedSet::new());
    for (member, (assigned, claimed)) in outcome.assignment.iter().zip(&outcome.claimed).enumerate() {
        let (has, gets) = (SortedSet::from_iter(claimed), SortedSet::from_iter(assigned));
        added.extend(gets.difference(&has).map(|slot| (**slot, member)));
        revoked.extend(has.difference(&gets).map(|slot| **slot));
    }
    added.retain(|slot, _| revoked.contains(slot));
    added
}
