//! Checks of the group coordinator: its records, its partitions, classic groups step by step, and offsets.

pub(crate) mod classic;
pub(crate) mod json;
mod lab;
pub(crate) mod offsets;
pub(crate) mod records;

use crate::{int, same, text};
use kafka_terrarium::broker::group::coordinator_partition;
use serde_json::Value;

/// A reason, and the entries that it holds for.
type Rule = (&'static str, fn(&Value) -> bool);

/// Why entries of `group_coordinator_classic` are not checked.
pub(crate) const UNCHECKED_CLASSIC: [Rule; 3] = [
    ("the group is a share group: those are not built", |entry| {
        steps(entry).iter().any(|step| step["state_before"] == "share")
    }),
    ("the test puts the group by hand into a state that no request leads to: Dead, or Empty with members", |entry| {
        steps(entry).iter().any(|step| is_made_by_hand(&step["state_before"]))
    }),
    ("the test begins a rebalance by hand that no request asks for", |entry| {
        steps(entry).windows(2).any(|pair| begins_rebalance_by_hand(&pair[0], &pair[1]))
    }),
];

/// Why entries of `offset_management` are not checked.
pub(crate) const UNCHECKED_OFFSETS: [Rule; 4] = [
    ("consumer groups (KIP-848) are not built", |entry| entry["input"]["group_state"]["type"] == "consumer"),
    ("offsets in transactions (TxnOffsetCommit) are not built", |entry| {
        let pending = &entry["input"]["offsets_before"]["pending_txn_by_producer"];
        entry["input"]["op"] == "txn_offset_commit" || pending.as_object().is_some_and(|pending| !pending.is_empty())
    }),
    ("the test puts the group by hand into a state that no request leads to: Dead, or Empty with members", |entry| {
        is_made_by_hand(&entry["input"]["group_state"])
    }),
    (
        "the test sets by hand which topics a group without members is subscribed to, and the entry does not say",
        |entry| {
            let has_members =
                !entry["input"]["group_state"]["members"].as_object().is_none_or(|members| members.is_empty());
            !has_members && entry["expected"].to_string().contains("GROUP_SUBSCRIBED_TO_TOPIC")
        },
    ),
];

fn steps(entry: &Value) -> &[Value] {
    entry["input"]["steps"].as_array().map_or(&[], Vec::as_slice)
}

fn is_made_by_hand(state: &Value) -> bool {
    let has_members = state["members"].as_object().is_some_and(|members| !members.is_empty());
    state["state"] == "Dead" || state["state"] == "Empty" && has_members
}

/// Whether time alone brings a group back from CompletingRebalance to PreparingRebalance with all its members.
fn begins_rebalance_by_hand(step: &Value, next: &Value) -> bool {
    let before = &step["expected"]["state_after"];
    let after = next["expected"]["groups_after"].as_object().into_iter().flat_map(|groups| groups.values());
    before["state"] == "CompletingRebalance"
        && after
            .into_iter()
            .any(|after| after["state"] == "PreparingRebalance" && after["members"] == before["members"])
}

/// `coordinator_partition`: which partition coordinates an id.
pub(crate) fn partition(entry: &Value) -> Result<(), String> {
    let id = text(&entry["input"]["id"]);
    let partitions = entry["expected"]["partition_for_count"].as_object().ok_or("no partitions")?;
    partitions.iter().try_for_each(|(count, partition)| {
        let count = count.parse().map_err(|_| "not a count")?;
        same("partition", i64::from(coordinator_partition(id, count)), int(partition))
    })
}
