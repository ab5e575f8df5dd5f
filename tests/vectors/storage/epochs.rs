//! The leader-epoch cache, operation by operation; and a follower that finds out where its log and its leader's part.

use super::{entries, log_with, pairs};
use crate::{int, same, text};
use kafka_terrarium::storage::{EpochEnd, FetchPosition, LeaderEpochs, Log};
use serde_json::{Value, json};

pub(crate) fn cache(entry: &Value) -> Result<(), String> {
    let mut epochs = LeaderEpochs::default();
    let operations = entry["input"]["ops"].as_array().ok_or("no operations")?;
    let results = entry["expected"]["results"].as_array().ok_or("no results")?;
    for (operation, expected) in operations.iter().zip(results) {
        let ours = operate(&mut epochs, operation)?;
        for (name, value) in ours.as_object().expect("an object") {
            same(&format!("{name} after {operation}"), value, &expected[name])?;
        }
        same(&format!("entries after {operation}"), entries(&epochs), pairs(&expected["entries"]))?;
    }
    Ok(())
}

fn operate(epochs: &mut LeaderEpochs, operation: &Value) -> Result<Value, String> {
    let epoch = || int(&operation["epoch"]) as i32;
    match text(&operation["op"]) {
        "assign" => {
            epochs.assign(epoch(), int(&operation["start_offset"]));
        }
        "truncate_from_end" => {
            epochs.truncate_from_end(int(&operation["end_offset"]));
        }
        "truncate_from_start" => {
            epochs.truncate_from_start(int(&operation["start_offset"]));
        }
        "clear" => epochs.clear(),
        "latest_epoch" => return Ok(json!({ "value": epochs.latest() })),
        "previous_epoch" if operation["epoch"].is_null() => return Ok(json!({ "value": epochs.previous() })),
        "previous_epoch" => return Ok(json!({ "value": epochs.previous_of(epoch()) })),
        "next_epoch" => return Ok(json!({ "value": epochs.next_of(epoch()) })),
        "end_offset_for" => {
            let EpochEnd { epoch, end_offset } = epochs.end_offset_for(epoch(), int(&operation["log_end_offset"]));
            return Ok(json!({ "epoch": epoch, "end_offset": end_offset }));
        }
        other => return Err(format!("an operation that is not known: {other}")),
    }
    Ok(json!({}))
}

pub(crate) fn truncation(entry: &Value) -> Result<(), String> {
    let input = &entry["input"];
    let leader = log_with(&input["leader_epochs"], int(&input["leader_leo"]));
    let mut follower = log_with(&input["follower_epochs"], int(&input["follower_leo"]));
    follower.set_high_watermark(int(&input["follower_hw"]));
    for (mode, rounds) in [
        ("offsets_for_leader_epoch_mode", by_asking as fn(&Log, &mut Log) -> Vec<Value>),
        ("truncate_on_fetch_mode", by_fetching),
    ] {
        let (mut follower, expected) = (follower.clone(), &entry["expected"][mode]);
        same(mode, json!(rounds(&leader, &mut follower)), expected["rounds"].clone())?;
        same("log end offset", follower.log_end_offset(), int(&expected["follower_leo"]))?;
        same("high watermark", follower.high_watermark(), int(&expected["follower_hw"]))?;
        same("epochs", entries(follower.epochs()), pairs(&expected["follower_epochs"]))?;
    }
    Ok(())
}

/// The follower asks for its last epoch's end (OffsetForLeaderEpoch) and truncates, until the logs agree.
fn by_asking(leader: &Log, follower: &mut Log) -> Vec<Value> {
    let mut rounds = Vec::new();
    loop {
        let Some(epoch) = follower.epochs().latest() else {
            let offset = follower.high_watermark();
            follower.truncate_to(offset);
            rounds.push(json!({ "action": "truncate_to_high_watermark", "truncate_to": offset }));
            return rounds;
        };
        let reply = leader.end_offset_for_epoch(epoch);
        let cut = follower.truncation_for(reply);
        follower.truncate_to(cut.offset);
        rounds.push(json!({
            "request_epoch": epoch, "reply_epoch": reply.epoch, "reply_end_offset": reply.end_offset,
            "truncate_to": cut.offset, "completed": cut.completed,
        }));
        if cut.completed {
            return rounds;
        }
    }
}

/// The follower fetches, and truncates when the leader answers with where the logs part.
fn by_fetching(leader: &Log, follower: &mut Log) -> Vec<Value> {
    let mut rounds = Vec::new();
    loop {
        let (offset, epoch) = (follower.log_end_offset(), follower.epochs().latest());
        let mut round = json!({ "fetch_offset": offset, "last_fetched_epoch": epoch });
        let position = leader.check_fetch(offset, epoch);
        let outcome = match (epoch, position) {
            (None, _) => "no epoch: fetch without divergence check",
            (_, FetchPosition::Sound) => "records",
            (_, FetchPosition::OutOfRange) => "out of range",
            (_, FetchPosition::Diverging(_)) => "diverging",
        };
        round["outcome"] = json!(outcome);
        let FetchPosition::Diverging(end) = position else {
            rounds.push(round);
            return rounds;
        };
        let cut = follower.truncation_for(end);
        follower.truncate_to(cut.offset);
        round["diverging_epoch"] = json!(end.epoch);
        round["diverging_end_offset"] = json!(end.end_offset);
        round["truncate_to"] = json!(cut.offset);
        round["completed"] = json!(cut.completed);
        rounds.push(round);
    }
}
