//! What sticky and cooperative-sticky have in common: Kafka's `AbstractStickyAssignor`.
//!
//! An assignment is to be balanced first and sticky second: as many partitions as possible stay where the members say
//! they have them. What the members say is sorted out first (`claims`). Then there are two algorithms: while all
//! members subscribe to the same topics, every member may get every partition and quotas decide (`constrained`, about
//! linear in partitions); otherwise partitions are moved one by one until none can be moved to a member with fewer
//! (`general`).
//!
//! With racks (KIP-881) both first give away what can stay within a rack, and claims across racks do not stand.

mod claims;
mod cohorts;
mod constrained;
mod general;
mod movements;
mod racks;

use super::AssignError;
use super::layout::Layout;
use crate::base::{SortedMap, TopicPartition};
use claims::Claims;
use racks::Racks;
use std::borrow::Cow;

/// What a member says of itself: `MemberData`.
pub(super) struct MemberData<'a> {
    /// What it had.
    pub(super) partitions: Cow<'a, [TopicPartition]>,
    /// In which generation it had them, if it says so.
    pub(super) generation: Option<i32>,
}

/// The generation of one who names none.
pub(super) const DEFAULT_GENERATION: i32 = -1;

/// A full assignment, before anything is held back.
pub(super) struct Outcome {
    /// The slots of each member.
    pub(super) assignment: Vec<Vec<usize>>,
    /// What each member said it had, as slots.
    pub(super) claimed: Vec<Vec<usize>>,
    /// What changes hands; the general algorithm keeps no such list.
    pub(super) transferring: Option<Transfers>,
}

/// Slots that change hands, with their new owners.
pub(super) type Transfers = SortedMap<usize, usize>;

/// Assigns every partition of the layout.
pub(super) fn assign(
    layout: &mut Layout<'_>,
    data: &[MemberData<'_>],
    prefer_racks: bool,
) -> Result<Outcome, AssignError> {
    let claims = Claims::new(layout, data);
    let racks = Racks::new(layout, prefer_racks);
    let (assignment, transferring) = if claims.equal_subscriptions {
        let (assignment, transferring) = constrained::assign(layout, &racks, &claims)?;
        (assignment, Some(transferring))
    } else {
        (general::assign(layout, &racks, &claims)?, None)
    };
    Ok(Outcome { assignment, claimed: claims.claimed, transferring })
}

/// Removes the first occurrence of a slot.
pub(super) fn remove_first(slots: &mut Vec<usize>, slot: usize) {
    if let Some(at) = slots.iter().position(|other| *other == slot) {
        slots.remove(at);
    }
}
