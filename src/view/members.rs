//! What the members of groups do, in plain sentences.

use super::narrate::Weight::{self, Alarm, Notable, Routine};
use super::narrate::offsets;
use crate::base::TopicPartition;
use crate::machine::Fact;

/// The sentence for a fact about a member.
pub(super) fn member_text(fact: &Fact, who: &str) -> Option<(Weight, String)> {
    let all = |partitions: &[TopicPartition]| match partitions {
        [] => "nothing".into(),
        some => some.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(", "),
    };
    let committed = |offsets: &[(TopicPartition, i64)]| {
        let one = |(tp, offset): &(TopicPartition, i64)| format!("{tp} to {offset}");
        offsets.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    Some(match fact {
        Fact::Processed { partition, first_offset, last_offset, .. } => {
            (Routine, format!("{who} has worked on {partition}, {}.", offsets(*first_offset, *last_offset)))
        }
        Fact::JoinedGroup { group, generation, protocol, leads, .. } => {
            let leads = if *leads { ", leads it" } else { "" };
            (Notable, format!("{who} joins generation {generation} of group {group}{leads} ({protocol})."))
        }
        Fact::PartitionsAssigned { added, owned, .. } => {
            (Notable, format!("{who} is assigned {} and now has {}.", all(added), all(owned)))
        }
        Fact::PartitionsRevoked { partitions, .. } => (Notable, format!("{who} gives up {}.", all(partitions))),
        Fact::PartitionsLost { partitions, .. } => (Alarm, format!("{who} has lost {}.", all(partitions))),
        Fact::LeftGroup { group, reason, .. } => (Notable, format!("{who} leaves group {group}: {reason}")),
        Fact::CommitAcknowledged { group, offsets, .. } => {
            (Routine, format!("{who} has committed for group {group}: {}.", committed(offsets)))
        }
        Fact::CommitFailed { offsets, message, .. } => {
            (Alarm, format!("{who} could not commit {}: {message}", committed(offsets)))
        }
        _ => return None,
    })
}
