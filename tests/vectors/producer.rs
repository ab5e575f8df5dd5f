//! The producer's decisions as Kafka's own classes took them.

use super::{int, same, text};
use kafka_terrarium::client::{LoadStats, ProducerState, TransactionManager};
use kafka_terrarium::wire::ErrorCode;
use serde_json::Value;

/// How often each partition is drawn while queues differ (KIP-794).
pub(crate) fn load(entry: &Value) -> Result<(), String> {
    let sizes: Vec<u32> = list(&entry["input"]["queue_sizes"]).map(|size| size as u32).collect();
    let (count, expected) = (sizes.len(), &entry["expected"]);
    let stats = LoadStats::of_queues(&sizes, (0..count as i32).collect(), count);
    same("whether queues count", stats.is_some(), expected["uses_load_stats"] == true)?;
    let Some(stats) = stats else { return Ok(()) };
    let cumulative: Vec<i64> = stats.cumulative.iter().map(|sum| i64::from(*sum)).collect();
    same("cumulative frequencies", cumulative, list(&expected["cumulative_frequency_table"]).collect())?;
    same(
        "end of the range",
        stats.cumulative.last().map(|end| i64::from(*end)),
        expected["load_stats_range_end"].as_i64(),
    )
}

/// Where an error leaves a producer.
pub(crate) fn transition(entry: &Value) -> Result<(), String> {
    let (input, expected) = (&entry["input"], &entry["expected"]);
    let [name] = input["error_codes"].as_array().map_or(&[][..], Vec::as_slice) else {
        return Err("one error at a time".into());
    };
    let error = error_named(text(name))?;
    let mut manager = TransactionManager::default();
    manager.initialize();
    match text(&input["response_api"]) {
        "INIT_PRODUCER_ID" => drop(manager.init_producer_id_answered(error, 1, 0)),
        _ => {
            manager.init_producer_id_answered(ErrorCode::NONE, 1, 0);
            manager.batch_error(error);
        }
    }
    let state = match manager.state() {
        ProducerState::Uninitialized => "UNINITIALIZED",
        ProducerState::Initializing => "INITIALIZING",
        ProducerState::Ready => "READY",
        ProducerState::AbortableError(_) => "ABORTABLE_ERROR",
        ProducerState::FatalError(_) => "FATAL_ERROR",
    };
    same("state", state, text(&expected["state_after"]))
}

fn error_named(name: &str) -> Result<ErrorCode, String> {
    let name = name.strip_prefix("(client-side ").and_then(|name| name.strip_suffix(')')).unwrap_or(name);
    let codes = (-1..200).map(ErrorCode);
    codes.into_iter().find(|code| code.name() == name).ok_or_else(|| format!("no error is called {name}"))
}

/// Whether an entry is of a transaction, which is not built yet.
pub(crate) fn is_of_a_transaction(entry: &Value) -> bool {
    let input = &entry["input"];
    let of_producer = ["INIT_PRODUCER_ID", "PRODUCE"].contains(&text(&input["response_api"]));
    !of_producer || text(&input["state_before"]).ends_with("TRANSACTION")
}

/// Whether an entry looks between two turns of Kafka's sender thread.
pub(crate) fn is_between_turns(entry: &Value) -> bool {
    let uninitialized = |value: &Value| *value == "UNINITIALIZED";
    !is_of_a_transaction(entry)
        && (uninitialized(&entry["input"]["state_before"]) || uninitialized(&entry["expected"]["state_after"]))
}

fn list(value: &Value) -> impl Iterator<Item = i64> {
    value.as_array().map_or(&[][..], Vec::as_slice).iter().map(int)
}
