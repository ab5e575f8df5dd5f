//! What Kafka's own code answered, entry by entry.
//!
//! Each file of `tests/vectors` (or of the folder in `TERRARIUM_VECTORS`, where it has the file) is a list of inputs
//! with what Kafka's classes returned for them. Every entry passes or falls under an exception: a rule with its reason,
//! never a list of ids. A rule that matches nothing in the folder here fails the run, so that none outlives its reason.

#![expect(clippy::disallowed_methods, reason = "the vectors are files, and their folder may be given from outside")]

#[path = "vectors/assignors.rs"]
mod assignors;
#[path = "vectors/cli/mod.rs"]
mod cli;
#[path = "client_lab/mod.rs"]
mod client_lab;
#[path = "vectors/consumer_traces.rs"]
mod consumer_traces;
#[path = "vectors/control/mod.rs"]
mod control;
#[path = "vectors/group/mod.rs"]
mod group;
#[path = "vectors/jepsen.rs"]
mod jepsen;
#[expect(dead_code, reason = "the consumer's tests use all of it")]
#[path = "consumer/lab.rs"]
mod lab;
#[path = "vectors/producer.rs"]
mod producer;
#[path = "vectors/quorum.rs"]
mod quorum;
#[path = "vectors/storage/mod.rs"]
mod storage;
#[path = "vectors/wire.rs"]
mod wire;

use bytes::Bytes;
use kafka_terrarium::base::{murmur2, partition_for_key};
use kafka_terrarium::cluster::uuid_text;
use kafka_terrarium::wire::records::{self, BatchHeader, HEADER_LEN, ProducerStamp, Record};
use kafka_terrarium::wire::{Compression, ErrorCode, Treatment};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Check = fn(&Value) -> Result<(), String>;

/// The files that a check exists for.
const CHECKS: [(&str, Check); 31] = [
    ("adaptive_partitioner", producer::load),
    ("cli_arguments", cli::arguments::check),
    ("cli_golden", cli::golden::check),
    ("client_assignors_random", assignors::check),
    ("client_assignors_wire", assignors::wire),
    ("client_cooperative_sticky_assignor", assignors::check),
    ("client_range_assignor", assignors::check),
    ("client_roundrobin_assignor", assignors::check),
    ("client_sticky_assignor", assignors::check),
    ("consumer_coordinator_traces", consumer_traces::check),
    ("coordinator_partition", group::partition),
    ("crc32c", crc32c_vector),
    ("error_codes", error_code),
    ("group_coordinator_classic", group::classic::check),
    ("group_records", group::records::check),
    ("jepsen_checker", jepsen::check),
    ("kraft_controller_replication_control", control::replication_control::check),
    ("kraft_raft_quorum", quorum::check),
    ("leader_election_partition_change", control::partition_change::check),
    ("leader_epoch_cache", storage::epochs::cache),
    ("leader_epoch_truncation", storage::epochs::truncation),
    ("metadata_records", control::metadata_records::check),
    ("murmur2", murmur2_vector),
    ("offset_management", group::offsets::check),
    ("partition_isr_hw_fetch", storage::partition::check),
    ("producer_sequence_state", storage::producers::check),
    ("producer_txn_client_transitions", producer::transition),
    ("record_batches", record_batch),
    ("replica_placement_kraft_striped", control::placement::check),
    ("uuid", uuid),
    ("wire_messages", wire::message),
];

/// A rule by which an entry is not checked.
struct Exception {
    file: &'static str,
    reason: &'static str,
    applies: fn(&Value) -> bool,
}

const EXCEPTIONS: [Exception; 34] = [
    Exception {
        file: "partition_isr_hw_fetch",
        reason: "which replica serves a request of which leader epoch is the broker's affair, not the log's",
        applies: |entry| !entry["input"]["api"].is_null(),
    },
    Exception {
        file: "partition_isr_hw_fetch",
        reason: "the ISR, and the high watermark over it, are the broker's affair, not the log's",
        applies: |entry| !entry["input"]["isr"].is_null() || !entry["input"]["cases"].is_null(),
    },
    Exception {
        file: "partition_isr_hw_fetch",
        reason: "which offset ListOffsets calls the latest is the broker's affair, not the log's",
        applies: |entry| {
            let input = &entry["input"];
            let lists = !input["steps"].is_null() || !input["all_records_in_open_txn"].is_null();
            lists && input["isr"].is_null() && !input["hw"].is_null()
        },
    },
    Exception {
        file: "producer_txn_client_transitions",
        reason: "transactions are not built yet",
        applies: producer::is_of_a_transaction,
    },
    Exception {
        file: "producer_txn_client_transitions",
        reason: "a producer that has given its id up asks for another at once; the entry looks between two turns of \
                 Kafka's sender thread",
        applies: producer::is_between_turns,
    },
    Exception {
        file: "record_batches",
        reason: "record formats v0 and v1: Kafka 4 neither writes nor accepts them (KIP-724)",
        applies: |entry| batches(entry).iter().any(|batch| int(&batch["magic"]) < 2),
    },
    Exception {
        file: "wire_messages",
        reason: "versions and messages that Kafka 4.1 does not serve, as the snapshot behind the vectors had them",
        applies: |entry| entry["served_by_4_1"] != true && !wire::is_of_the_consumer_protocol(entry),
    },
    Exception {
        file: "wire_messages",
        reason: "Produce 0 to 2: advertised but refused since Kafka 4.0 (KAFKA-18659)",
        applies: |entry| {
            entry["served_by_4_1"] == true && entry["input"]["api_key"] == 0 && int(&entry["input"]["version"]) < 3
        },
    },
    controller(0),
    controller(1),
    controller(2),
    controller(3),
    controller(4),
    excepted("cli_arguments", &cli::arguments::UNCHECKED, 0),
    excepted("cli_arguments", &cli::arguments::UNCHECKED, 1),
    excepted("cli_arguments", &cli::arguments::UNCHECKED, 2),
    excepted("cli_golden", &cli::golden::UNCHECKED, 0),
    excepted("cli_golden", &cli::golden::UNCHECKED, 1),
    excepted("cli_golden", &cli::golden::UNCHECKED, 2),
    excepted("cli_golden", &cli::golden::UNCHECKED, 3),
    excepted("consumer_coordinator_traces", &consumer_traces::UNCHECKED, 0),
    excepted("consumer_coordinator_traces", &consumer_traces::UNCHECKED, 1),
    excepted("consumer_coordinator_traces", &consumer_traces::UNCHECKED, 2),
    excepted("consumer_coordinator_traces", &consumer_traces::UNCHECKED, 3),
    excepted("consumer_coordinator_traces", &consumer_traces::UNCHECKED, 4),
    excepted("consumer_coordinator_traces", &consumer_traces::UNCHECKED, 5),
    excepted("consumer_coordinator_traces", &consumer_traces::UNCHECKED, 6),
    classic_group(0),
    classic_group(1),
    classic_group(2),
    offsets(0),
    offsets(1),
    offsets(2),
    offsets(3),
];

/// Why some entries are not checked, and which.
pub(crate) type Rule = (&'static str, fn(&Value) -> bool);

/// One of a file's own rules.
const fn excepted(file: &'static str, rules: &[Rule], at: usize) -> Exception {
    Exception { file, reason: rules[at].0, applies: rules[at].1 }
}

/// One of the rules for the controller's operations.
const fn controller(at: usize) -> Exception {
    let (reason, applies) = control::UNCHECKED[at];
    Exception { file: "kraft_controller_replication_control", reason, applies }
}

/// One of the rules for classic groups.
const fn classic_group(at: usize) -> Exception {
    let (reason, applies) = group::UNCHECKED_CLASSIC[at];
    Exception { file: "group_coordinator_classic", reason, applies }
}

/// One of the rules for committed offsets.
const fn offsets(at: usize) -> Exception {
    let (reason, applies) = group::UNCHECKED_OFFSETS[at];
    Exception { file: "offset_management", reason, applies }
}

/// A rule for entries that only a larger folder has: it need not match anything here.
const BEYOND: [Exception; 1] = [Exception {
    file: "leader_election_partition_change",
    reason: "that snapshot of Kafka elected the last known leader when it was dead and not when it lived (a negation \
             was missing in canElectLastKnownLeader)",
    applies: control::partition_change::elects_a_dead_last_leader,
}];

fn main() -> ExitCode {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let given = std::env::var_os("TERRARIUM_VECTORS").map(PathBuf::from);
    let folder = given.as_ref().unwrap_or(&own);
    let (mut passed, mut excepted, mut failures) = (0, 0, Vec::new());
    let mut used = [0; EXCEPTIONS.len()];
    for (file, check) in CHECKS {
        let path = [folder, &own].map(|folder| folder.join(file).with_extension("json"));
        let path = path.iter().find(|path| path.exists()).unwrap_or(&path[0]);
        let Ok(text) = std::fs::read_to_string(path) else {
            failures.push(format!("{}: cannot be read", path.display()));
            continue;
        };
        let entries: Vec<Value> = serde_json::from_str(&text).expect("a file of vectors is a JSON list");
        for entry in &entries {
            if BEYOND.iter().any(|rule| rule.file == file && (rule.applies)(entry)) {
                excepted += 1;
                continue;
            }
            if let Some(rule) = EXCEPTIONS.iter().position(|rule| rule.file == file && (rule.applies)(entry)) {
                used[rule] += 1;
                excepted += 1;
                continue;
            }
            match check(entry) {
                Ok(()) => passed += 1,
                Err(why) => failures.push(format!("{file} {}: {why}", entry.get("id").unwrap_or(&entry["name"]))),
            }
        }
    }
    BEYOND.iter().for_each(|rule| println!("  any excepted in {}: {}", rule.file, rule.reason));
    for (rule, count) in EXCEPTIONS.iter().zip(used) {
        println!("{count:>5} excepted in {}: {}", rule.file, rule.reason);
        if count == 0 && given.is_none() {
            failures.push(format!("the rule {:?} matches nothing", rule.reason));
        }
    }
    failures.iter().for_each(|failure| println!("FAILED {failure}"));
    println!("vectors: {passed} passed, {} failed, {excepted} excepted", failures.len());
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn crc32c_vector(entry: &Value) -> Result<(), String> {
    same("crc32c", i64::from(crc32c::crc32c(&hex(&entry["input"]["hex"]))), int(&entry["expected"]["crc32c"]))
}

fn uuid(entry: &Value) -> Result<(), String> {
    let bytes: [u8; 16] = hex(&entry["input"]["bytes_hex"]).try_into().map_err(|_| "not 16 bytes")?;
    same("text", uuid_text(uuid::Uuid::from_bytes(bytes)).as_str(), text(&entry["expected"]["string"]))
}

fn error_code(entry: &Value) -> Result<(), String> {
    let code = ErrorCode(int(&entry["code"]) as i16);
    same("name", code.name(), text(&entry["name"]))?;
    let treatment = code.treatment();
    same("retriable", treatment != Treatment::Fatal, entry["retriable"] == true)?;
    let refreshes = treatment == Treatment::RefreshAndRetry;
    same("refresh_metadata", refreshes, entry["refresh_metadata"] == true)
}

fn murmur2_vector(entry: &Value) -> Result<(), String> {
    let key = hex(&entry["input"]["key_hex"]);
    same("murmur2", i64::from(murmur2(&key) as i32), int(&entry["expected"]["murmur2_i32"]))?;
    let partitions = entry["expected"]["partition_for_count"].as_object().ok_or("no partitions")?;
    for (count, partition) in partitions {
        let count: u32 = count.parse().map_err(|_| "not a count")?;
        same("partition", i64::from(partition_for_key(&key, count)), int(partition))?;
    }
    Ok(())
}

fn record_batch(entry: &Value) -> Result<(), String> {
    let bytes = hex(&entry["input"]["hex"]);
    let found = records::split(bytes.into()).map_err(|e| e.to_string())?;
    same("batches", found.len(), batches(entry).len())?;
    for ((header, bytes), expected) in found.iter().zip(batches(entry)) {
        records::check_crc(bytes).map_err(|e| e.to_string())?;
        same("base offset", header.base_offset, int(&expected["base_offset"]))?;
        same("last offset", header.last_offset(), int(&expected["last_offset"]))?;
        same("size", header.size as i64, int(&expected["size_in_bytes"]))?;
        same("base timestamp", header.base_timestamp_ms, int(&expected["base_timestamp"]))?;
        same("max timestamp", header.max_timestamp_ms, int(&expected["max_timestamp"]))?;
        same("leader epoch", i64::from(header.leader_epoch), int(&expected["partition_leader_epoch"]))?;
        same("producer id", header.producer_id, int(&expected["producer_id"]))?;
        same("producer epoch", i64::from(header.producer_epoch), int(&expected["producer_epoch"]))?;
        same("base sequence", i64::from(header.base_sequence), int(&expected["base_sequence"]))?;
        same("crc", i64::from(header.crc), int(&expected["crc32c"]))?;
        let records = records::decode(bytes).map_err(|e| e.to_string())?;
        let expected_records = expected["records"].as_array().ok_or("no records")?;
        same("records", records.len(), expected_records.len())?;
        for ((offset, record), expected) in records.iter().zip(expected_records) {
            same("offset", *offset, int(&expected["offset"]))?;
            same("timestamp", record.timestamp_ms, int(&expected["timestamp"]))?;
            same("key", record.key.as_deref(), optional_hex(&expected["key_hex"]).as_deref())?;
            same("value", record.value.as_deref(), optional_hex(&expected["value_hex"]).as_deref())?;
            same_headers(record, &expected["headers"])?;
        }
        let compression = header.compression().map_err(|e| e.to_string())?;
        same("compression", compression.name(), text(&expected["compression"]))?;
        let plain = header.base_offset == 0 && header.leader_epoch == -1 && header.attributes >> 3 == 0;
        if plain {
            built_anew(header, records.into_iter().map(|(_, record)| record).collect(), bytes)?;
        }
    }
    Ok(())
}

/// A batch as a producer builds it is Kafka's, byte for byte; a compressed one up to what the compressor made.
fn built_anew(header: &BatchHeader, records: Vec<Record>, bytes: &Bytes) -> Result<(), String> {
    let stamp = ProducerStamp {
        producer_id: header.producer_id,
        epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
    };
    let compression = header.compression().map_err(|e| e.to_string())?;
    let again = records::build_with(records.iter(), compression, compression.default_level(), stamp);
    if compression == Compression::None {
        same("bytes built anew", &again[..], &bytes[..])?;
    }
    let end_of_framing = HEADER_LEN + if compression == Compression::Zstd { 4 } else { 7 };
    same("framing", &again[HEADER_LEN..end_of_framing], &bytes[HEADER_LEN..end_of_framing])?;
    let read = records::decode(&again).map_err(|e| e.to_string())?;
    same("records built anew", read.into_iter().map(|(_, record)| record).collect::<Vec<_>>(), records)
}

fn same_headers(record: &Record, expected: &Value) -> Result<(), String> {
    let expected = expected.as_array().map_or(&[][..], Vec::as_slice);
    same("headers", record.headers.len(), expected.len())?;
    for ((key, value), expected) in record.headers.iter().zip(expected) {
        same("header key", key.as_str(), text(&expected["key"]))?;
        same("header value", value.as_deref(), optional_hex(&expected["value_hex"]).as_deref())?;
    }
    Ok(())
}

fn batches(entry: &Value) -> &[Value] {
    entry["expected"]["batches"].as_array().map_or(&[], Vec::as_slice)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, kafkas: T) -> Result<(), String> {
    if ours == kafkas { Ok(()) } else { Err(format!("{what} is {ours:?}, Kafka's {kafkas:?}")) }
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("not a whole number: {value}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

fn optional_hex(value: &Value) -> Option<Vec<u8>> {
    (!value.is_null()).then(|| hex(value))
}

fn hex(value: &Value) -> Vec<u8> {
    let digits = text(value);
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits")).collect()
}
