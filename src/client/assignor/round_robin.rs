//! Round robin: all partitions of all topics in a row, dealt to the members in turn.
//!
//! A member that does not subscribe to a partition's topic is passed over and loses its turn, so that with unequal
//! subscriptions some members get far more than others. Racks are not minded.

use super::layout::Layout;

/// The slots of each member.
pub(super) fn assign(layout: &Layout<'_>) -> Vec<Vec<usize>> {
    let order = layout.by_identity();
    let wants = wants(layout);
    let mut assignment = vec![Vec::new(); layout.members.len()];
    let mut turns = order.iter().cycle();
    for (number, topic) in layout.topics.iter().enumerate() {
        for slot in topic.slots() {
            let member = turns.find(|member| wants[layout.list_of(**member)][number]);
            assignment[*member.expect("someone subscribes to every topic of the layout")].push(slot);
        }
    }
    assignment
}

/// For each list of topics, whether each topic is in it.
fn wants(layout: &Layout<'_>) -> Vec<Vec<bool>> {
    let mut wants = Vec::new();
    for member in 0..layout.members.len() {
        let list = layout.list_of(member);
        if list == wants.len() {
            let mut row = vec![false; layout.topics.len()];
            layout.subscribed(member).iter().for_each(|topic| row[*topic] = true);
            wants.push(row);
        }
    }
    wants
}
