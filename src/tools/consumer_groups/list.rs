//! `kafka-consumer-groups.sh --list`.

use super::super::java::{hash_order, padded, split};
use super::super::out::Out;
use super::{ConsumerGroups, future, unchecked};
use crate::base::Sort;
use crate::client::admin::{Admin, GroupFilter, GroupListing, Step, Throwable};

/// The states of consumer groups (`GroupState.groupStatesForType`): Java walks this set in an order that changes from
/// run to run.
const STATES: [&str; 7] =
    ["Empty", "Assigning", "CompletingRebalance", "Stable", "Dead", "PreparingRebalance", "Reconciling"];
const TYPES: [&str; 2] = ["Consumer", "Classic"];

/// Consumer groups of both protocols, and those that only commit (`ListGroupsOptions.forConsumerGroups`).
fn consumer_groups() -> GroupFilter {
    GroupFilter {
        protocol_types: vec![String::new(), "consumer".into()],
        states: Vec::new(),
        kinds: vec!["Classic".into(), "Consumer".into()],
    }
}

/// Listings in the order of a map by id.
fn in_map(groups: Vec<GroupListing>) -> Vec<GroupListing> {
    let by_id = groups.into_iter().map(|group| (group.group_id.clone(), group)).collect();
    hash_order(by_id).into_iter().map(|(_, group)| group).collect()
}

/// The ids of all consumer groups.
pub(super) fn group_ids(tool: &ConsumerGroups, admin: &mut Admin<'_, '_>) -> Step<Vec<String>> {
    let groups = unchecked(admin.list_groups(&consumer_groups(), tool.timeout()?))?;
    Ok(in_map(groups).into_iter().map(|group| group.group_id).collect())
}

pub(super) fn list(tool: &ConsumerGroups, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<()> {
    let (with_type, with_state) = (tool.options.has("type"), tool.options.has("state"));
    if !with_type && !with_state {
        group_ids(tool, admin)?.iter().for_each(|id| out.line(id));
        return Ok(());
    }
    let kinds = wanted(tool.options.one("type")?, &TYPES, "types")?;
    let states = wanted(tool.options.one("state")?, &STATES, "state")?;
    let filter = GroupFilter { states, kinds, ..consumer_groups() };
    let groups = in_map(future(admin.list_groups(&filter, tool.timeout()?))?);
    let id_width = groups.iter().map(|group| group.group_id.len()).fold(15, usize::max) + 10;
    let mut row = |id: &str, kind: &str, state: &str| {
        let kind = if with_type { format!(" {}", padded(kind, 20)) } else { String::new() };
        let state = if with_state { format!(" {}", padded(state, 20)) } else { String::new() };
        out.line(format_args!("{}{kind}{state}", padded(id, id_width)));
    };
    row("GROUP", "TYPE", "STATE");
    for group in groups {
        let known = |text: Option<String>| text.unwrap_or_else(|| "Unknown".into());
        row(&group.group_id, &known(group.kind), &known(group.state));
    }
    Ok(())
}

/// A list such as `stable,empty`, each in its right spelling.
fn wanted(list: Option<&str>, valid: &[&str], what: &str) -> Result<Vec<String>, Throwable> {
    let Some(list) = list.filter(|list| !list.is_empty()) else { return Ok(Vec::new()) };
    let mut wanted = Vec::new();
    for word in split(list, ',') {
        let Some(found) = valid.iter().find(|known| known.eq_ignore_ascii_case(word.trim())) else {
            let plural = if what == "types" { "types" } else { "states" };
            let message = format!("Invalid {what} list '{list}'. Valid {plural} are: {}", valid.join(", "));
            return Err(Throwable::new(Throwable::ILLEGAL_ARGUMENT, message));
        };
        wanted.push((*found).to_owned());
    }
    wanted.order();
    wanted.dedup();
    Ok(wanted)
}
