//! All members subscribe to the same topics: quotas decide (`ConstrainedAssignmentBuilder`).
//!
//! Of n partitions over m members, n mod m get one more than the others. A member keeps what it owned up to its quota;
//! what is left over goes round to those who have less. Which members may keep the one above is settled by the order in
//! which they are looked at.

use super::Transfers;
use super::claims::Claims;
use super::racks::Racks;
use crate::base::{Sort, SortedMap};
use crate::client::assignor::AssignError;
use crate::client::assignor::layout::Layout;
use std::collections::VecDeque;

struct Constrained<'a> {
    layout: &'a Layout<'a>,
    racks: &'a Racks<'a>,
    claims: &'a Claims,
    min_quota: usize,
    max_quota: usize,
    /// How many members are to get more than the lower quota.
    expected_over: usize,
    /// How many have.
    over: usize,
    /// Members below the lower quota.
    under: Vec<usize>,
    /// Members at the lower quota that may get one more.
    at_min: VecDeque<usize>,
    assignment: Vec<Vec<usize>>,
    /// Slots that were taken from an owner, who may yet get them back.
    revoked: SortedMap<usize, usize>,
    transferring: Transfers,
}

/// The slots of each member, and those that change hands with their new owners.
pub(super) fn assign(
    layout: &Layout<'_>,
    racks: &Racks<'_>,
    claims: &Claims,
) -> Result<(Vec<Vec<usize>>, Transfers), AssignError> {
    let (partitions, members) = (layout.existing(), layout.members.len());
    let mut builder = Constrained {
        layout,
        racks,
        claims,
        min_quota: partitions / members,
        max_quota: partitions.div_ceil(members),
        expected_over: partitions % members,
        over: 0,
        under: Vec::new(),
        at_min: VecDeque::new(),
        assignment: vec![Vec::new(); members],
        revoked: SortedMap::new(),
        transferring: Transfers::new(),
    };
    (0..members).for_each(|member| builder.keep_owned(member));
    let mut unassigned = builder.unassigned();
    builder.under.order_by_key(|member| layout.rank[*member]);
    builder.at_min.make_contiguous().order_by_key(|member| layout.rank[*member]);
    racks.sort_by_members(&mut unassigned);
    if racks.active {
        builder.assign_within_racks(&mut unassigned);
    }
    builder.assign_round_robin(&unassigned)?;
    // What is given out is all that the quotas lack, or more where claims to partitions that do not exist hid some.
    assert!(builder.under.is_empty(), "members below their quota while all partitions are given out");
    Ok((builder.assignment, builder.transferring))
}

impl Constrained<'_> {
    /// A member keeps of what it owned what its quota allows, lower indexes first.
    fn keep_owned(&mut self, member: usize) {
        let rack = self.racks.of_member(member);
        let mut owned = self.claims.owned[member].clone();
        for slot in owned.extract_if(.., |slot| self.racks.mismatch(rack, *slot)) {
            self.revoked.insert(slot, member);
        }
        owned.retain(|slot| !self.claims.doubly_claimed[*slot]);
        owned.order_by_key(|slot| {
            let (topic, index) = self.layout.at(*slot);
            (index, topic)
        });
        if owned.len() < self.min_quota {
            self.under.push(member);
        } else if owned.len() >= self.max_quota && self.over < self.expected_over {
            self.over += 1;
            if self.over == self.expected_over {
                self.at_min.clear();
            }
            self.revoke(member, &mut owned, self.max_quota);
        } else {
            self.revoke(member, &mut owned, self.min_quota);
            if self.over < self.expected_over {
                self.at_min.push_back(member);
            }
        }
        self.assignment[member] = owned;
    }

    /// Takes from a member what is above a quota.
    fn revoke(&mut self, member: usize, owned: &mut Vec<usize>, quota: usize) {
        self.revoked.extend(owned.drain(quota..).map(|slot| (slot, member)));
    }

    /// The partitions that nobody kept. Kafka walks all partitions beside those kept, both sorted, and so stops finding
    /// any that was kept once it comes to one that does not exist.
    fn unassigned(&self) -> Vec<usize> {
        let mut kept: Vec<usize> = self.assignment.iter().flatten().copied().collect();
        kept.order_by_key(|slot| self.layout.at(*slot));
        let mut kept = kept.into_iter().peekable();
        (0..self.layout.existing()).filter(|slot| kept.next_if_eq(slot).is_none()).collect()
    }

    /// Round robin over the members below their quota, each partition within its racks; what finds nobody stays.
    fn assign_within_racks(&mut self, unassigned: &mut Vec<usize>) {
        let mut next = 0;
        unassigned.retain(|slot| {
            let member = match self.racks.next_member(*slot, &self.under, next) {
                Some(place) => Some(self.give_under(place, &mut next)),
                None => self.give_at_min(*slot),
            };
            if let Some(member) = member {
                self.give(*slot, member);
            }
            member.is_none()
        });
    }

    /// Chooses the member at a place among those below their quota.
    fn give_under(&mut self, place: usize, next: &mut usize) -> usize {
        let member = self.under[place];
        let count = self.assignment[member].len() + 1;
        let mut following = place + 1;
        if count >= self.min_quota {
            self.under.remove(place);
            following = place;
            if count < self.max_quota && self.over < self.expected_over {
                self.at_min.push_back(member);
            }
        }
        *next = if self.under.is_empty() { 0 } else { following % self.under.len() };
        member
    }

    /// Chooses a member in a partition's racks among those at the lower quota.
    fn give_at_min(&mut self, slot: usize) -> Option<usize> {
        let place = self.racks.next_member(slot, self.at_min.make_contiguous(), 0)?;
        let member = self.at_min[place];
        if self.assignment[member].len() + 1 == self.max_quota {
            self.at_min.remove(place);
            self.over += 1;
            if self.over == self.expected_over {
                self.at_min.clear();
            }
        }
        Some(member)
    }

    /// Round robin over the members below their quota, then one more to each of those at the lower one.
    fn assign_round_robin(&mut self, unassigned: &[usize]) -> Result<(), AssignError> {
        let mut next = 0;
        for slot in unassigned {
            if next >= self.under.len() {
                next = 0;
            }
            let from_under = !self.under.is_empty();
            let member = if from_under { Some(self.under[next]) } else { self.at_min.pop_front() };
            let member =
                member.ok_or(AssignError::IllegalState("No more unfilled consumers to be assigned.".into()))?;
            let count = self.give(*slot, member);
            if from_under && count == self.min_quota {
                self.under.remove(next);
                self.at_min.push_back(member);
            } else {
                next += 1;
                self.over += usize::from(count == self.max_quota);
            }
        }
        Ok(())
    }

    fn give(&mut self, slot: usize, member: usize) -> usize {
        self.assignment[member].push(slot);
        let was_anothers = self.revoked.get(&slot).is_some_and(|owner| *owner != member);
        if was_anothers || self.claims.doubly_claimed[slot] {
            self.transferring.insert(slot, member);
        }
        self.assignment[member].len()
    }
}
