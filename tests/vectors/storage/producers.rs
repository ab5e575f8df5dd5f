//! What a producer's batch or a transaction's end makes of what a log knows of the producer.

use crate::{int, same, text};
use kafka_terrarium::storage::{
    EndMarker, Origin, ProducerAppend, ProducerEntry, RememberedBatch, SequencedBatch, Verification,
};
use serde_json::{Value, json};

pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let (input, expected) = (&entry["input"], &entry["expected"]);
    let mut append = append_of(input)?;
    let before = &input["state_before"];
    same("state before", state(&before["producer_id"], &append.new), before.clone())?;
    let completed = if input["marker"].is_null() {
        append.batch(&batch_of(&input["batch"])).map(|()| None)
    } else {
        let marker = &input["marker"];
        let end = EndMarker {
            commit: text(&marker["type"]) == "COMMIT",
            coordinator_epoch: int(&marker["coordinator_epoch"]) as i32,
        };
        append.marker(end, int(&marker["producer_epoch"]) as i16, int(&marker["offset"]), 0)
    };
    let error = completed.err().map_or("NONE", |error| error.name());
    same("error", error, text(&expected["error"]))?;
    let Ok(completed) = completed else { return Ok(()) };
    same("state", state(&before["producer_id"], &append.new), expected["state_after"].clone())?;
    let completed = completed.map_or(Value::Null, |transaction| {
        json!({
            "producer_id": before["producer_id"],
            "first_offset": transaction.first_offset,
            "last_offset": transaction.last_offset,
            "aborted": transaction.aborted,
        })
    });
    same("completed transaction", &completed, expected.get("completed_txn").unwrap_or(&Value::Null))
}

/// An append in the middle: what was known before it, and what it has gathered so far.
fn append_of(input: &Value) -> Result<ProducerAppend, String> {
    let before = &input["state_before"];
    let remembered = |batch: &Value| RememberedBatch {
        last_sequence: int(&batch["last_seq"]) as i32,
        last_offset: int(&batch["last_offset"]),
        offset_delta: (int(&batch["last_offset"]) - int(&batch["first_offset"])) as i32,
        timestamp_ms: 0,
    };
    let new = ProducerEntry {
        epoch: int(&before["producer_epoch"]) as i16,
        coordinator_epoch: int(&before["coordinator_epoch"]) as i32,
        last_timestamp_ms: 0,
        transaction_start: before["current_txn_first_offset"].as_i64(),
        batches: before["batches"].as_array().ok_or("no batches")?.iter().map(remembered).collect(),
    };
    let last = int(&input["committed_last_seq"]) as i32;
    let known = RememberedBatch { last_sequence: last, last_offset: 0, offset_delta: 0, timestamp_ms: 0 };
    let known = ProducerEntry {
        epoch: int(&input["committed_producer_epoch"]) as i16,
        batches: if last == -1 { Vec::new() } else { vec![known] },
        ..ProducerEntry::default()
    };
    let origin = match text(&input["origin"]) {
        "CLIENT" => Origin::Client,
        "COORDINATOR" => Origin::Coordinator,
        "REPLICATION" => Origin::Replication,
        other => return Err(format!("an origin that is not known: {other}")),
    };
    let lowest = input["verification_lowest_sequence"].as_i64();
    let verification = lowest.map(|lowest| Verification { lowest_sequence: lowest as i32, epoch_bump: false });
    Ok(ProducerAppend { known, new, origin, verification })
}

fn batch_of(batch: &Value) -> SequencedBatch {
    SequencedBatch {
        epoch: int(&batch["epoch"]) as i16,
        first_sequence: int(&batch["first_seq"]) as i32,
        last_sequence: int(&batch["last_seq"]) as i32,
        first_offset: int(&batch["first_offset"]),
        last_offset: int(&batch["last_offset"]),
        timestamp_ms: 0,
        transactional: batch["transactional"] == true,
    }
}

fn state(producer_id: &Value, entry: &ProducerEntry) -> Value {
    let batch = |batch: &RememberedBatch| {
        json!({
            "first_seq": batch.first_sequence(),
            "last_seq": batch.last_sequence,
            "first_offset": batch.first_offset(),
            "last_offset": batch.last_offset,
        })
    };
    json!({
        "producer_id": producer_id,
        "producer_epoch": entry.epoch,
        "first_seq": entry.batches.first().map_or(-1, RememberedBatch::first_sequence),
        "last_seq": entry.last_sequence(),
        "last_data_offset": entry.batches.last().map_or(-1, |batch| batch.last_offset),
        "coordinator_epoch": entry.coordinator_epoch,
        "current_txn_first_offset": entry.transaction_start,
        "batches": entry.batches.iter().map(batch).collect::<Vec<_>>(),
    })
}
