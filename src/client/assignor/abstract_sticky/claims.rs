//! Who had what: the members' claims, and which of them stand.
//!
//! Two members may claim one partition: one of them was cut off and has not noticed that it lost it. The claim of the
//! later generation stands. Claims of the same generation cannot both be true, so neither stands (KIP-792).

use super::{DEFAULT_GENERATION, MemberData, remove_first};
use crate::base::SortedSet;
use crate::client::assignor::layout::Layout;

/// The members' claims.
pub(super) struct Claims {
    /// What each member claims, as slots, whatever becomes of it. Topics that are not to be assigned are left out.
    pub(super) claimed: Vec<Vec<usize>>,
    /// Each member's generation, if it names one.
    pub(super) generations: Vec<Option<i32>>,
    /// The highest generation.
    pub(super) max_generation: i32,
    /// The claims that stand.
    pub(super) owned: Vec<Vec<usize>>,
    /// Slots that several members of one generation claimed.
    pub(super) doubly_claimed: Vec<bool>,
    /// Whether all members subscribe to the same topics, so that the constrained algorithm will do.
    pub(super) equal_subscriptions: bool,
}

impl Claims {
    pub(super) fn new(layout: &mut Layout<'_>, data: &[MemberData<'_>]) -> Self {
        let slots = |data: &MemberData<'_>| data.partitions.iter().filter_map(|tp| layout.claimed_slot(tp)).collect();
        let claimed: Vec<Vec<usize>> = data.iter().map(slots).collect();
        let generations: Vec<Option<i32>> = data.iter().map(|data| data.generation).collect();
        let generation = |member: usize| generations[member].unwrap_or(DEFAULT_GENERATION);
        let max_generation = (0..data.len()).map(generation).max().unwrap_or(DEFAULT_GENERATION);
        let mut owned: Vec<Vec<usize>> = vec![Vec::new(); data.len()];
        let mut owner: Vec<Option<usize>> = vec![None; layout.slots()];
        let mut doubly_claimed = vec![false; layout.slots()];
        for (member, slots) in claimed.iter().enumerate() {
            for slot in slots {
                let Some(other) = owner[*slot].replace(member) else {
                    owned[member].push(*slot);
                    continue;
                };
                // Kafka takes the other's generation from its subscription, also where the member's own comes from
                // its user data.
                let others = layout.members[other].subscription.generation_id.unwrap_or(DEFAULT_GENERATION);
                if generation(member) < others {
                    owner[*slot] = Some(other);
                    continue;
                }
                if generation(member) == others {
                    doubly_claimed[*slot] = true;
                } else {
                    owned[member].push(*slot);
                }
                // The other may be the member itself, which then has lost the slot.
                remove_first(&mut owned[other], *slot);
            }
        }
        let equal_subscriptions = are_equal(layout);
        Self { claimed, generations, max_generation, owned, doubly_claimed, equal_subscriptions }
    }
}

/// Whether all members subscribe to the same topics. As Kafka compares them, members without topics do not count as long
/// as only such came before: then the constrained algorithm serves them too, with topics that they do not want. That is
/// so for members whose pattern matches nothing yet.
fn are_equal(layout: &Layout<'_>) -> bool {
    let mut wanted = SortedSet::new();
    let mut compared = SortedSet::new();
    for (at, member) in layout.members.iter().enumerate() {
        let topics = &member.subscription.topics;
        if wanted.is_empty() {
            wanted.extend(topics);
        } else if compared.insert(layout.list_of(at))
            && !(topics.len() == wanted.len() && topics.iter().all(|topic| wanted.contains(topic)))
        {
            return false;
        }
    }
    true
}
