//! `leader_election_partition_change`: Kafka's tests of `PartitionChangeBuilder`.

use super::records::to_json;
use super::{Bindings, ints, metadata_version};
use crate::{int, same, text};
use kafka_terrarium::cluster::{
    DIRECTORY_UNASSIGNED, Election, LeaderRecoveryState, PartitionChangeBuilder, PartitionRegistration,
};
use serde_json::Value;

pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let (input, expected) = (&entry["input"], &entry["expected"]);
    let record = &expected["partition_change_record"];
    let mut bindings = Bindings::default();
    let partition = partition(&input["partition"], record, &mut bindings);
    let acceptable = ints(&input["acceptable_leaders"]);
    let is_acceptable = |replica| acceptable.contains(&replica);
    let version = metadata_version(&input["metadata_version"]);
    let mut builder = PartitionChangeBuilder::new(&partition, is_acceptable, version, int(&input["min_isr"]) as usize);
    builder.election = match text(&input["election"]) {
        "PREFERRED" => Election::Preferred,
        "ONLINE" => Election::Online,
        _ => Election::Unclean,
    };
    builder.elr_enabled = input["elr_enabled"] == true;
    builder.use_last_known_leader = input["use_last_known_leader_in_balanced_recovery"] == true;
    builder.target_isr = ints(&input["target_isr"]);
    builder.target_replicas = ints(&input["target_replicas"]);
    builder.target_removing = ints(&input["target_removing"]);
    builder.target_adding = ints(&input["target_adding"]);
    builder.unclean_shutdown_replicas = ints(&input["unclean_shutdown_replicas"]);
    builder.target_recovery_state = recovery_state(&input["target_leader_recovery_state"]);
    if !expected["node"].is_null() {
        let result = builder.elect_leader();
        same("leader", i64::from(result.node), int(&expected["node"]))?;
        return same("unclean", result.unclean, expected["unclean"] == true);
    }
    let topic_id = record["topicId"].as_str().map_or_else(Default::default, |id| bindings.ours(id));
    let partition_id = record["partitionId"].as_i64().unwrap_or_default() as i32;
    let Some(built) = builder.build(topic_id, partition_id, |_| DIRECTORY_UNASSIGNED) else {
        return same("record", &Value::Null, record);
    };
    bindings.same("record", &to_json(&built.record), record)?;
    match &expected["record_version"] {
        Value::Null => Ok(()),
        version => same("version", i64::from(built.version), int(version)),
    }
}

/// Whether the last known leader decides an entry, and Kafka's answer is not what it would be by its own rule.
pub(crate) fn elects_a_dead_last_leader(entry: &Value) -> bool {
    let (input, expected) = (&entry["input"], &entry["expected"]);
    let partition = &input["partition"];
    let [last] = ints(&partition["last_known_elr"])[..] else { return false };
    let nobody_else = [&input["target_isr"], &partition["elr"]].iter().all(|list| ints(list).is_empty());
    if !nobody_else || input["elr_enabled"] != true || input["use_last_known_leader_in_balanced_recovery"] != true {
        return false;
    }
    let leader =
        if expected["node"].is_null() { &expected["partition_change_record"]["leader"] } else { &expected["node"] };
    ints(&input["acceptable_leaders"]).contains(&last) != (leader == last)
}

/// The partition of an entry. Its replicas' directories are not in the entry: where the expected record has them, they
/// are taken from there, so that what is checked is their order.
pub(crate) fn partition(state: &Value, record: &Value, bindings: &mut Bindings) -> PartitionRegistration {
    let replicas = ints(&state["replicas"]);
    let later = ints(&record["replicas"]);
    let directory = |replica: &i32| {
        let at = later.iter().position(|other| other == replica);
        at.and_then(|at| record["directories"][at].as_str()).map_or(DIRECTORY_UNASSIGNED, |id| bindings.ours(id))
    };
    PartitionRegistration {
        directories: replicas.iter().map(directory).collect(),
        replicas,
        isr: ints(&state["isr"]),
        removing_replicas: ints(&state["removing_replicas"]),
        adding_replicas: ints(&state["adding_replicas"]),
        elr: ints(&state["elr"]),
        last_known_elr: ints(&state["last_known_elr"]),
        leader: int(&state["leader"]) as i32,
        leader_recovery_state: recovery_state(&state["leader_recovery_state"]),
        leader_epoch: int(&state["leader_epoch"]) as i32,
        partition_epoch: int(&state["partition_epoch"]) as i32,
    }
}

fn recovery_state(value: &Value) -> LeaderRecoveryState {
    if value == "RECOVERING" { LeaderRecoveryState::Recovering } else { LeaderRecoveryState::Recovered }
}
