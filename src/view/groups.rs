//! Groups of consumers in plain sentences.

use super::narrate::Weight::{self, Alarm, Notable, Routine};
use crate::machine::{Assigned, Fact};

/// The length of the UUID at the end of a member's id.
const UUID_LENGTH: usize = 36;

/// As much of the UUID as is shown.
const SHOWN: usize = 4;

/// How many partitions of an assignment or a commit a sentence names.
const NAMED: usize = 6;

/// A member's id without most of its UUID: enough to tell it from others.
pub(super) fn short_member(id: &str) -> String {
    let uuid_at = id.len().checked_sub(UUID_LENGTH).filter(|at| id.is_char_boundary(*at));
    match uuid_at.filter(|at| uuid::Uuid::parse_str(&id[*at..]).is_ok()) {
        Some(at) => id[..at + SHOWN].to_owned(),
        None => id.to_owned(),
    }
}

/// The client that a member's id was made for, or the instance: the id without its UUID.
pub(super) fn member_client(id: &str) -> &str {
    let uuid_at = id.len().checked_sub(UUID_LENGTH).filter(|at| id.is_char_boundary(*at));
    match uuid_at.filter(|at| uuid::Uuid::parse_str(&id[*at..]).is_ok()) {
        Some(at) => id[..at].strip_suffix('-').unwrap_or(id),
        None => id,
    }
}

/// The sentence for a fact about a group.
pub(super) fn group_text(fact: &Fact, who: &str) -> Option<(Weight, String)> {
    Some(match fact {
        Fact::CoordinatorLoaded { groups: 0, .. } => return None,
        Fact::CoordinatorLoaded { partition, groups, offsets } => {
            let groups = if *groups == 1 { "1 group".to_owned() } else { format!("{groups} groups") };
            let offsets = if *offsets == 1 { "1 offset".to_owned() } else { format!("{offsets} offsets") };
            (Notable, format!("{who} has read {partition} and coordinates its {groups} ({offsets})."))
        }
        Fact::CoordinatorUnloaded { partition } => {
            (Routine, format!("{who} does not coordinate the groups of {partition} any more."))
        }
        Fact::CoordinatorFailed { partition, reason } => {
            (Alarm, format!("{who} cannot coordinate the groups of {partition}: {reason}."))
        }
        Fact::MemberJoined { group, member, instance } => {
            let whom = match instance {
                Some(instance) => format!("static member {instance} ({})", short_member(member)),
                None => format!("member {}", short_member(member)),
            };
            (Notable, format!("{who} takes {whom} into group {group}."))
        }
        Fact::MemberReplaced { group, instance, old, member } => {
            let (old, new) = (short_member(old), short_member(member));
            let text = format!("{who} lets static member {instance} of group {group} go on as {new}; {old} is fenced.");
            (Notable, text)
        }
        Fact::MemberRemoved { group, member, reason } => {
            let weight = if &**reason == "it left" { Notable } else { Alarm };
            (weight, format!("Member {} is out of group {group}: {reason}.", short_member(member)))
        }
        Fact::GroupRebalancing { group, reason, .. } => {
            let reason = reason.trim_end_matches('.');
            (Notable, format!("{who} rebalances group {group}, and waits for its members to join: {reason}."))
        }
        Fact::GroupGeneration { group, generation, protocol, leader, members } => {
            let members = if members.len() == 1 { "1 member".to_owned() } else { format!("{} members", members.len()) };
            let leader = short_member(leader);
            let text = format!(
                "Group {group} is in generation {generation} with {members}; {leader} leads and assigns by {protocol}."
            );
            (Notable, text)
        }
        Fact::GroupAssigned { group, generation, assignment } => {
            let assigned = |to: &Assigned| format!("{} {}", short_member(&to.member), listed(to.partitions.iter()));
            let all: Vec<String> = assignment.iter().take(NAMED).map(assigned).collect();
            let more = if assignment.len() > NAMED { "; …" } else { "" };
            (Notable, format!("Group {group} is stable in generation {generation}: {}{more}.", all.join("; ")))
        }
        Fact::GroupEmpty { group, .. } => (Notable, format!("Group {group} has no members any more.")),
        Fact::OffsetsCommitted { group, offsets, .. } => {
            let texts: Vec<String> =
                offsets.iter().map(|(partition, offset)| format!("{partition} at {offset}")).collect();
            (Routine, format!("Group {group} has committed {}.", listed(texts.iter())))
        }
        _ => return None,
    })
}

/// What stands in a list, with commas, up to a number.
fn listed<'a, T: std::fmt::Display + 'a>(all: impl ExactSizeIterator<Item = &'a T>) -> String {
    let count = all.len();
    let named: Vec<String> = all.take(NAMED).map(T::to_string).collect();
    match count {
        0 => "nothing".into(),
        _ if count > NAMED => format!("{} and {} more", named.join(", "), count - NAMED),
        _ => named.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TopicPartition;

    #[test]
    fn members_are_told_apart_by_little() {
        let id = "c1-3f2a0d5c-6f0e-4c6e-9f0a-1c9b3a1a2b3c";
        assert_eq!((short_member(id).as_str(), member_client(id), member_client("x")), ("c1-3f2a", "c1", "x"));
        assert_eq!((short_member(""), short_member("ü".repeat(40).as_str())), (String::new(), "ü".repeat(40)));
    }

    #[test]
    fn long_assignments_are_cut() {
        let partitions: Vec<TopicPartition> = (0..8).map(|index| TopicPartition::new("t", index)).collect();
        let assignment = vec![Assigned { member: "m".into(), partitions }];
        let fact = Fact::GroupAssigned { group: "g".into(), generation: 2, assignment };
        let text = group_text(&fact, "Broker 1").map(|(_, text)| text);
        let expected = "Group g is stable in generation 2: m t-0, t-1, t-2, t-3, t-4, t-5 and 2 more.";
        assert_eq!(text.as_deref(), Some(expected));
    }
}
