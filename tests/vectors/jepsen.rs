//! Histories with what Jepsen's own checker finds in them.

use kafka_terrarium::check::jepsen::{Action, Anomaly, Kind, Moment, Op, Outcome, Step, anomalies};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Checks an entry: of each anomaly that it names, exactly those that it lists; `{}` has none at all but of what is
/// never read in the end.
pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let mut history: Vec<Op> = entry["input"]["history"].as_array().ok_or("no history")?.iter().map(op).collect();
    pair(&mut history);
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let expected = entry["expected"]["errors"].as_object().ok_or("no errors")?;
    // Most histories have no final reads: there it says nothing that a value was not read.
    let counts = |name: &str| name != "unseen" || expected.contains_key(name);
    for (name, anomaly) in anomalies(&history).iter().map(shown).filter(|(name, _)| counts(name)) {
        found.entry(name.into()).or_default().push(anomaly);
    }
    if expected.is_empty() && !found.is_empty() {
        return Err(format!("nothing is wrong, and this was found: {found:?}"));
    }
    for (name, list) in expected {
        let list: Vec<Value> = list.as_array().cloned().unwrap_or_default();
        let ours = found.get(name).cloned().unwrap_or_default();
        let same = list.len() == ours.len() && list.iter().all(|one| ours.iter().any(|own| agrees(one, own)));
        if !same {
            return Err(format!("{name}: expected {list:?}, found {ours:?}"));
        }
    }
    Ok(())
}

/// What the entry says of an anomaly is what we say.
fn agrees(theirs: &Value, ours: &Value) -> bool {
    let Some(fields) = theirs.as_object() else { return false };
    fields.iter().all(|(name, value)| {
        *value == ours[name.as_str()] || name == "count" && value == &json!(ours["offsets"].as_array().map(Vec::len))
    })
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A number where it is one, as the entries have it.
fn plain(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))
}

fn op(line: &Value) -> Op {
    let outcome = match line["type"].as_str() {
        Some("ok") => Outcome::Ok,
        Some("fail") => Outcome::Fail,
        Some("info") => Outcome::Info,
        _ => Outcome::Invoke,
    };
    let values = line["value"].as_array().cloned().unwrap_or_default();
    let f = line["f"].as_str().unwrap_or_default();
    let kind = match f {
        "assign" => Kind::Assign(values.iter().map(text).collect()),
        "subscribe" => Kind::Subscribe(values.iter().map(text).collect()),
        _ => Kind::Work(values.iter().filter_map(action).collect()),
    };
    let (index, process) = (line["index"].as_u64().unwrap_or(0) as usize, line["process"].as_i64().unwrap_or(0));
    let log = line["rebalance-log"].as_array().into_iter().flatten();
    let rebalanced = log.filter_map(|change| change["keys"].as_array()).flatten().map(text).collect();
    let time_us = line["time"].as_u64().unwrap_or(0) / 1_000;
    Op { index, time_us, began: None, process, outcome, kind, is_txn: f == "txn", rebalanced }
}

/// Tells each operation when it began: a process does one after the other.
fn pair(history: &mut [Op]) {
    let mut begun: BTreeMap<i64, Moment> = BTreeMap::new();
    for op in history {
        match op.outcome {
            Outcome::Invoke => drop(begun.insert(op.process, Moment { index: op.index, time_us: op.time_us })),
            _ => op.began = begun.remove(&op.process),
        }
    }
}

fn action(value: &Value) -> Option<Action> {
    let parts = value.as_array()?;
    if parts[0] == "send" {
        let (offset, value) = match parts[2].as_array() {
            Some(pair) => (pair[0].as_i64(), text(&pair[1])),
            None => (None, text(&parts[2])),
        };
        return Some(Action::Send { key: text(&parts[1]), value, offset });
    }
    let pair = |pair: &Value| Some((pair[0].as_i64()?, text(&pair[1])));
    let polled = parts.get(1).and_then(Value::as_object)?;
    let of = |(key, values): (&String, &Value)| {
        let values = values.as_array().map_or(Vec::new(), |values| values.iter().filter_map(pair).collect());
        (key.clone(), values)
    };
    Some(Action::Poll(polled.iter().map(of).collect()))
}

/// An anomaly's name and fields, as the entries have them.
fn shown(anomaly: &Anomaly) -> (&'static str, Value) {
    let all = |values: &[String]| values.iter().map(|value| plain(value)).collect::<Vec<_>>();
    match anomaly {
        Anomaly::InconsistentOffsets { key, offset, index, values } => (
            "inconsistent-offsets",
            json!({"key": plain(key), "offset": offset, "index": index, "values": all(values)}),
        ),
        Anomaly::Duplicate { key, value, offsets } => {
            ("duplicate", json!({"key": plain(key), "value": plain(value), "offsets": offsets}))
        }
        Anomaly::LostWrite { key, value, index, max_read_index, writer, max_read } => (
            "lost-write",
            json!({"key": plain(key), "value": plain(value), "index": index, "max-read-index": max_read_index,
                   "writer": writer, "max-read": max_read}),
        ),
        Anomaly::AbortedRead { key, value, writer, reader } => {
            ("G1a", json!({"key": plain(key), "value": plain(value), "writer": writer, "reader": reader}))
        }
        Anomaly::PrecommittedRead { key, value, op } => {
            ("precommitted-read", json!({"key": plain(key), "value": plain(value), "op": op}))
        }
        Anomaly::Step { what, key, values, delta, skipped, ops } => {
            let name = match what {
                Step::IntPollSkip => "int-poll-skip",
                Step::IntNonmonotonicPoll => "int-nonmonotonic-poll",
                Step::IntSendSkip => "int-send-skip",
                Step::IntNonmonotonicSend => "int-nonmonotonic-send",
                Step::PollSkip => "poll-skip",
                Step::NonmonotonicPoll => "nonmonotonic-poll",
                Step::NonmonotonicSend => "nonmonotonic-send",
            };
            let (values, skipped) = (all(values), all(skipped));
            (
                name,
                json!({"key": plain(key), "values": values, "delta": delta, "skipped": skipped, "ops": ops, "op": ops[0]}),
            )
        }
        Anomaly::Cycle(cycle) => (cycle.name, json!({"cycle": cycle.ops, "edges": cycle.edges})),
        Anomaly::Unseen { key, value } => ("unseen", json!({"key": plain(key), "value": plain(value)})),
    }
}
