//! Members subscribe to different topics: partitions are moved until balance (`GeneralAssignmentBuilder`).
//!
//! Claims stay where they may. Every free partition goes to the member with the fewest of those who may have it. Then
//! partitions are moved, one by one, from members with two or more above another who may have them too; a partition
//! that some member had in an older generation goes back to it first, even if that member does not subscribe to it any
//! more: Kafka does not look. If moving made nothing more balanced, it is undone.
//!
//! Kafka asks before each partition whether everything is balanced and goes through every partition to tell. Here the
//! answer is kept until something moves, and sought first at the topic where it was no.

use super::claims::Claims;
use super::cohorts::Cohorts;
use super::movements::Movements;
use super::racks::Racks;
use super::{DEFAULT_GENERATION, remove_first};
use crate::base::Sort;
use crate::client::assignor::AssignError;
use crate::client::assignor::layout::Layout;

struct General<'a> {
    layout: &'a Layout<'a>,
    racks: &'a Racks<'a>,
    cohorts: Cohorts,
    assignment: Vec<Vec<usize>>,
    /// The present owner of each slot.
    owner: Vec<Option<usize>>,
    /// For each slot who had it in the latest of the older generations, and which that was.
    previous: Vec<Option<(usize, i32)>>,
    /// How many members subscribe to each topic.
    subscribers: Vec<usize>,
    /// Members that have all they can get, and nothing that another could get.
    fixed: Vec<bool>,
    movements: Movements,
    /// Whether a claim fell because its owner may not have the partition any more.
    revocation_required: bool,
    /// Whether all is balanced, if that was asked since the last move.
    balanced: Option<bool>,
    /// The topic that was out of balance when last asked.
    unbalanced_topic: usize,
}

/// The slots of each member.
pub(super) fn assign(layout: &Layout<'_>, racks: &Racks<'_>, claims: &Claims) -> Result<Vec<Vec<usize>>, AssignError> {
    let mut subscribers = vec![0; layout.topics.len()];
    (0..layout.members.len()).flat_map(|m| layout.subscribed(m)).for_each(|topic| subscribers[*topic] += 1);
    let mut builder = General {
        layout,
        racks,
        cohorts: Cohorts::new(layout, racks),
        assignment: claims.owned.clone(),
        owner: vec![None; layout.slots()],
        previous: previous_owners(layout, claims),
        subscribers,
        fixed: vec![false; layout.members.len()],
        movements: Movements::default(),
        revocation_required: false,
        balanced: None,
        unbalanced_topic: 0,
    };
    builder.keep_owned();
    builder.balance()?;
    Ok(builder.assignment)
}

/// Who had each slot in the latest generation before the highest.
fn previous_owners(layout: &Layout<'_>, claims: &Claims) -> Vec<Option<(usize, i32)>> {
    let mut previous: Vec<Option<(usize, i32)>> = vec![None; layout.slots()];
    for (member, slots) in claims.claimed.iter().enumerate() {
        let generation = claims.generations[member].unwrap_or(DEFAULT_GENERATION);
        if generation >= claims.max_generation {
            continue;
        }
        for slot in slots {
            if previous[*slot].is_none_or(|(_, latest)| generation > latest) {
                previous[*slot] = Some((member, generation));
            }
        }
    }
    previous
}

impl General<'_> {
    /// Lets the claims stand that may, and puts the members in order.
    fn keep_owned(&mut self) {
        for member in 0..self.assignment.len() {
            let (subscribed, rack) = (self.layout.subscribed(member), self.racks.of_member(member));
            let slots = &mut self.assignment[member];
            let before = slots.len();
            slots.retain(|slot| subscribed.contains(&self.layout.topic_of(*slot)) && !self.racks.mismatch(rack, *slot));
            self.revocation_required |= slots.len() < before;
            slots.iter().for_each(|slot| self.owner[*slot] = Some(member));
            self.cohorts.insert(member, slots.len());
        }
    }

    /// Where Kafka comes to a slot: those first that the fewest members can get.
    fn order(&self, slot: usize) -> (usize, usize, i32) {
        let (topic, index) = self.layout.at(slot);
        (self.subscribers[topic], topic, index)
    }

    /// All partitions in order, and those that nobody owns. As with the constrained algorithm, a kept partition that
    /// does not exist hides those kept that come after it.
    fn all_and_unassigned(&self) -> (Vec<usize>, Vec<usize>) {
        let mut all: Vec<usize> = (0..self.layout.existing()).collect();
        all.order_by_key(|slot| self.order(*slot));
        let mut kept: Vec<usize> = self.assignment.iter().flatten().copied().collect();
        kept.order_by_key(|slot| self.order(*slot));
        let mut kept = kept.into_iter().peekable();
        let unassigned = all.iter().copied().filter(|slot| kept.next_if_eq(slot).is_none()).collect();
        (all, unassigned)
    }

    fn balance(&mut self) -> Result<(), AssignError> {
        let (mut all, mut unassigned) = self.all_and_unassigned();
        let initializing = self.cohorts.extremes().is_none_or(|(_, most)| most == 0);
        let mut free = unassigned.clone();
        if self.racks.active {
            free.retain(|slot| !self.assign_to_first(*slot, true));
        }
        free.into_iter().for_each(|slot| {
            self.assign_to_first(slot, false);
        });
        let may_move = |slot: &usize| self.subscribers[self.layout.topic_of(*slot)] >= 2;
        all.retain(may_move);
        unassigned.retain(may_move);
        self.fix_members();
        let before = self.assignment.clone();
        if !self.revocation_required {
            self.reassign_all(&unassigned)?;
        }
        let moved = self.reassign_all(&all)?;
        if !initializing && moved && self.score(&self.assignment) >= self.score(&before) {
            self.assignment = before;
        }
        Ok(())
    }

    /// Gives a slot to the member with the fewest partitions, within its racks if asked; false if there is none.
    fn assign_to_first(&mut self, slot: usize, within_racks: bool) -> bool {
        let suits = |rack| !within_racks || !self.racks.mismatch(rack, slot);
        let Some(member) = self.cohorts.first(self.layout.topic_of(slot), suits) else { return false };
        self.cohorts.remove(member, self.assignment[member].len());
        self.assignment[member].push(slot);
        self.cohorts.insert(member, self.assignment[member].len());
        self.owner[slot] = Some(member);
        true
    }

    /// Takes out of the order the members that nothing can be moved to or from.
    fn fix_members(&mut self) {
        for member in 0..self.assignment.len() {
            let slots = &self.assignment[member];
            let shared = |slot: &usize| self.subscribers[self.layout.topic_of(*slot)] >= 2;
            if slots.len() >= self.cohorts.capacity(member) && !slots.iter().any(shared) {
                self.cohorts.remove(member, slots.len());
                self.fixed[member] = true;
            }
        }
    }

    /// Moves what can be moved towards balance, over and over until nothing can; whether anything was.
    fn reassign_all(&mut self, slots: &[usize]) -> Result<bool, AssignError> {
        let mut any = false;
        loop {
            let mut modified = false;
            for slot in slots {
                if self.is_balanced() {
                    break;
                }
                modified |= self.reassign(*slot)?;
            }
            any |= modified;
            if !modified {
                return Ok(any);
            }
        }
    }

    /// Moves a slot, or another in its place, if its owner has two more than one who could have it. Kafka looks for
    /// such a one within the slot's racks first and then among all: for what happens next it is the same.
    fn reassign(&mut self, slot: usize) -> Result<bool, AssignError> {
        let topic = self.layout.topic_of(slot);
        let size = self.size(self.owner[slot])?;
        if let Some((previous, _)) = self.previous[slot]
            && size > self.size(Some(previous))? + 1
        {
            self.move_to(slot, topic, previous);
            return Ok(true);
        }
        let Some(first) = self.cohorts.first(topic, |_| true) else { return Ok(false) };
        let better = size > self.assignment[first].len() + 1;
        if better {
            self.move_to(slot, topic, first);
        }
        Ok(better)
    }

    /// How many slots a member has that takes part. Kafka does not expect to ask for another's.
    fn size(&self, member: Option<usize>) -> Result<usize, AssignError> {
        let member = member.filter(|member| !self.fixed[*member]).ok_or(AssignError::NullPointer)?;
        Ok(self.assignment[member].len())
    }

    fn move_to(&mut self, slot: usize, topic: usize, to: usize) {
        let from = self.owner[slot].expect("only an owned slot is moved");
        let slot = self.movements.actual(slot, topic, from, to);
        let from = self.owner[slot].expect("a slot that moved has an owner");
        self.cohorts.remove(from, self.assignment[from].len());
        self.cohorts.remove(to, self.assignment[to].len());
        self.movements.moved(slot, topic, from, to);
        remove_first(&mut self.assignment[from], slot);
        self.assignment[to].push(slot);
        self.owner[slot] = Some(to);
        self.cohorts.insert(to, self.assignment[to].len());
        self.cohorts.insert(from, self.assignment[from].len());
        self.balanced = None;
    }

    /// Whether no member has two more than another who could get one of them.
    fn is_balanced(&mut self) -> bool {
        if let Some(known) = self.balanced {
            return known;
        }
        let even = self.cohorts.extremes().is_none_or(|(fewest, most)| fewest + 1 >= most);
        let topics = self.layout.topics.len();
        let mut in_turn = (self.unbalanced_topic..topics).chain(0..self.unbalanced_topic);
        let found = if even { None } else { in_turn.find(|topic| self.is_unbalanced(*topic)) };
        self.unbalanced_topic = found.unwrap_or(self.unbalanced_topic);
        *self.balanced.insert(found.is_none())
    }

    fn is_unbalanced(&self, topic: usize) -> bool {
        let Some(fewest) = self.cohorts.fewest_below_capacity(topic) else { return false };
        let owners = self.layout.topics[topic].slots().filter_map(|slot| self.owner[slot]);
        owners.into_iter().any(|owner| self.assignment[owner].len() > fewest + 1)
    }

    /// The sum of the differences between any two members that take part: 0 is even. Wraps like Kafka's `int`.
    fn score(&self, assignment: &[Vec<usize>]) -> i32 {
        let taking_part = assignment.iter().zip(&self.fixed).filter(|(_, fixed)| !**fixed);
        let mut sizes: Vec<i64> = taking_part.map(|(slots, _)| slots.len() as i64).collect();
        sizes.order();
        let members = sizes.len() as i64;
        let parts = sizes.iter().zip(0..).map(|(size, at)| size * (2 * at - members + 1));
        parts.sum::<i64>() as i32
    }
}
