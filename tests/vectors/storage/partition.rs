//! The log's part of a partition: divergence, the high watermark after a restart, appends before the log's start.

use super::{append, batch, empty_log, fill};
use crate::{int, same, text};
use kafka_terrarium::base::{SimTime, TopicPartition};
use kafka_terrarium::storage::{AppendError, Checkpoint, Disk, FetchPosition, Survives};
use kafka_terrarium::wire::records;
use serde_json::{Value, json};

pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let input = &entry["input"];
    if !input["leader_log"].is_null() {
        divergence(input, &entry["expected"])
    } else if !input["checkpointed_hw"].is_null() {
        high_watermark(input, &entry["expected"])
    } else {
        below_log_start(input, &entry["expected"])
    }
}

fn divergence(input: &Value, expected: &Value) -> Result<(), String> {
    let mut log = empty_log();
    for part in input["leader_log"]["appends"].as_array().ok_or("no appends")? {
        same("offset", log.log_end_offset(), int(&part["base"]))?;
        log.begin_leader_epoch(int(&part["epoch"]) as i32);
        append(&mut log, int(&part["count"]) as usize);
    }
    log.begin_leader_epoch(int(&input["leader_log"]["leader_epoch"]) as i32);
    log.set_high_watermark(log.log_end_offset());
    log.advance_log_start(int(&input["log_start_offset"]));
    let last_epoch = input["last_fetched_epoch"].as_i64().map(|epoch| epoch as i32);
    let ours = match log.check_fetch(int(&input["fetch_offset"]), last_epoch) {
        FetchPosition::Sound => ("NONE", Value::Null),
        FetchPosition::OutOfRange => ("OFFSET_OUT_OF_RANGE", Value::Null),
        FetchPosition::Diverging(end) => ("NONE", json!({ "epoch": end.epoch, "end_offset": end.end_offset })),
    };
    same("answer", ours, (text(&expected["error"]), expected["diverging_epoch"].clone()))
}

fn high_watermark(input: &Value, expected: &Value) -> Result<(), String> {
    let tp = TopicPartition::new("t", 0);
    let mut disk = Disk::default();
    disk.create(tp.clone(), 1 << 20);
    disk.set_clock(SimTime(1));
    let log = disk.log_mut(&tp).ok_or("no log")?;
    fill(log, int(&input["leo"]));
    log.set_high_watermark(int(&input["checkpointed_hw"]));
    disk.write_checkpoint(Checkpoint::HighWatermark);
    disk.log_mut(&tp).ok_or("no log")?.set_high_watermark(int(&input["leo"]));
    disk.lose_power(|_, _, bytes| Survives { bytes, zeros: false });
    disk.recover();
    let log = disk.log_mut(&tp).ok_or("no log")?;
    log.begin_leader_epoch(int(&input["becomes_leader_epoch"]) as i32);
    same("log end offset", log.log_end_offset(), int(&input["leo"]))?;
    same("high watermark", log.high_watermark(), int(&expected["hw"]))
}

fn below_log_start(input: &Value, expected: &Value) -> Result<(), String> {
    let mut log = empty_log();
    log.truncate_fully_and_start_at(int(&input["empty_log_start"]));
    let results = expected["results"].as_array().ok_or("no results")?;
    for (part, expected) in input["appends"].as_array().ok_or("no appends")?.iter().zip(results) {
        let base = int(&part["base"]);
        let bytes = records::stamp(&batch(int(&part["count"]) as usize), base, 0);
        let was_empty = log.log_start_offset() == log.log_end_offset();
        let ours = match log.append_as_follower(&bytes, 0) {
            Err(AppendError::Unexpected { .. }) => "UnexpectedAppendOffset".to_string(),
            Ok(Some(_)) if was_empty => {
                format!("ok: log start becomes {}, leo {}", log.log_start_offset(), log.log_end_offset())
            }
            Ok(Some(_)) => format!("ok leo {}", log.log_end_offset()),
            other => format!("{other:?}"),
        };
        same("result", ours.as_str(), text(expected))?;
    }
    Ok(())
}
