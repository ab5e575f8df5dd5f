//! The command line as somebody uses it: a real process, its output and its exit status.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a process is started, files are its input")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&path).expect("a folder for the test");
    path
}

struct Ran {
    out: String,
    err: String,
    status: i32,
}

fn terrarium(arguments: &[&str], stdin: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_terrarium"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran { out: text(output.stdout), err: text(output.stderr), status: output.status.code().expect("a status") }
}

/// Runs a script from the standard input.
fn run(script: &str) -> Ran {
    terrarium(&["run", "-"], script)
}

#[test]
fn a_good_run_ends_with_its_summary_and_status_0() {
    let ran = terrarium(
        &["run", "-", "--seed", "7"],
        "cluster --brokers 1\nkafka-topics.sh --create --topic t\nshow leader(t-0)\nexpect laws hold\n",
    );
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(&lines[..4], ["kafka-topics.sh --create --topic t", "Created topic t.", "show leader(t-0)", "1"]);
    let [.., summary, trace] = lines[..] else { panic!("{}", ran.out) };
    assert!(summary.starts_with("seed 7 · 3."), "{summary}");
    assert!(summary.ends_with(" messages · 1 of 1 expectations · laws hold"), "{summary}");
    let hash = trace.strip_prefix("trace ").expect("the last line is the hash");
    assert!(hash.len() == 16 && hash.chars().all(|c| c.is_ascii_hexdigit()), "{hash}");
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
}

#[test]
fn check_judges_the_history() {
    let script = |idempotence: bool| {
        format!(
            "cluster --brokers 1 --controllers 1\nkafka-topics.sh --create --topic t\n\
             producer p --topic t --producer-property enable.idempotence={idempotence} \
             --producer-property request.timeout.ms=2000 --producer-property delivery.timeout.ms=60000\n\
             send p value=a\nrun 1s\ncut broker 1 producer p --one-way\nsend p value=b\nrun 5s\nheal\nrun 60s\n"
        )
    };
    let good = terrarium(&["check", "-"], &script(true));
    assert!(
        good.out.contains("\n2 values sent, 0 read\nno anomaly that Kafka promises against\nseed 1"),
        "{}",
        good.out
    );
    assert_eq!(good.status, 0);
    let bad = terrarium(&["check", "-"], &script(false));
    assert!(bad.out.contains("\nduplicate: 1. A value is there more than once"), "{}", bad.out);
    assert!(bad.out.contains("\n  t-0: b is at @1 and @2 ("), "{}", bad.out);
    assert_eq!(bad.status, 1);
    let json = terrarium(&["check", "-", "--json"], &script(false));
    assert!(json.out.contains(r#""anomalies":[{"allowed":false,"count":1,"name":"duplicate"}]"#), "{}", json.out);
    assert_eq!(run(&script(false)).status, 0, "`run` does not judge");
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let script = "kafka-topics.sh --create --topic t\nproducer p --topic t --rate 20/s --keys uniform:5\nrun 5s\n";
    let with = |seed| terrarium(&["run", "-", "--seed", seed], script).out;
    assert_eq!(with("3"), with("3"));
    assert_ne!(with("3"), with("4"));
    assert_eq!(run(script).out, with("1"), "the default seed");
}

#[test]
fn a_failed_expectation_is_status_1_and_names_what_was_found() {
    let ran = run("kafka-topics.sh --create --topic t\nexpect isr(t-0) = {}\nexpect leo(t-0) = 0\n");
    let found = ran.err.strip_prefix("stdin:2:1: expected isr(t-0) = {}, but isr(t-0) is ").expect("what was found");
    assert!(["{1}\n", "{2}\n", "{3}\n"].contains(&found), "{found}");
    assert!(ran.out.contains(" · 1 of 2 expectations · "), "{}", ran.out);
    assert_eq!(ran.status, 1);
}

#[test]
fn failures_of_every_kind_say_what_was_expected_and_what_was_found() {
    for (script, error) in [
        ("expect leader(t-0) = none", "1:1: expected leader(t-0) = none, but no partition t-0: there are no topics"),
        ("expect acked(p) = 0", "1:1: expected acked(p) = 0, but no producer p: there are no producers"),
        (
            "expect time() > 5s and laws hold",
            "1:1: expected time() > 5s and laws hold, but time() is 3s, all laws hold",
        ),
        ("expect output <<END\nx\nEND", "1:1: expected a tool's output, but no tool ran before"),
        (
            "kafka-topics.sh --list\nexpect output <<END\nx\nEND",
            "2:1: expected line 1 of the output \"x\", but it is \"\"",
        ),
        (
            "kafka-topics.sh --list\nexpect output matches \"x.z\"",
            "2:1: expected output that matches \"x.z\", but it is \"\\n\"",
        ),
        (
            "kafka-topics.sh --list\nexpect error \"no\"",
            "2:1: expected the error \"no\", but the command before did not fail",
        ),
        (
            "send p\nexpect error \"weather\"",
            "2:1: expected the error \"weather\", but it is \"no producer p is running\"",
        ),
        (
            "kafka-topics.sh --create --topic t --partitions 0",
            "1:1: the tool failed, and no `expect error` follows: Error while executing topic command : The partitions \
             must be greater than 0",
        ),
        ("run until time() < 0s within 3s", "1:1: waited for time() < 0s until 6.000 s, but time() is 6s"),
        ("run until time() < 0s", "1:1: waited for time() < 0s until 303.000 s, but time() is 303s"),
        ("at 4s expect time() = 2s", "1:7: expected time() = 2s, but time() is 4s"),
    ] {
        let ran = run(script);
        assert_eq!((ran.err.as_str(), ran.status), (format!("stdin:{error}\n").as_str(), 1), "{script}");
    }
}

#[test]
fn a_wrong_script_is_status_2_with_line_and_column() {
    for (script, error) in [
        ("\n  clutser --brokers 1", "2:3: unknown command `clutser`; did you mean `cluster`?"),
        ("kafka-topic.sh --list", "1:1: unknown command `kafka-topic.sh`; did you mean `kafka-topics.sh`?"),
        ("run 10", "1:5: `10` is no duration; it is a number with a unit: us, ms, s, m or h, such as 250ms or 1.5s"),
        ("run", "1:4: the command ends here; a duration such as `10s`, or `until` and a predicate, is missing"),
        ("show time(\n", "1:11: the command's end where `)` ends what `time(` was given"),
        ("send p value=\"hello", "1:14: a quote \" that does not end on its line"),
        ("expect output <<END\nx\n", "1:15: `<<END` without an end; a line that is `END` alone ends it"),
        ("status \\", "1:8: `\\` says that the line goes on, but the script ends here"),
        ("run 1s \\ \nstatus", "1:8: `\\` followed by blanks; delete the blanks if the line goes on"),
        ("status <<END\nEND", "1:8: `<<` after a command that reads no standard input"),
        ("cluster --broker 1", "1:9: unknown flag `--broker` after `cluster`; did you mean `--brokers`?"),
        ("cluster --brokers", "1:18: the command ends here; how many brokers after `--brokers` is missing"),
        ("cluster --brokers many", "1:19: `many` where a whole number from 1 to 1000 belongs"),
        ("cluster --brokers 1 --brokers 1", "1:21: `--brokers` for the second time"),
        (
            "cluster --network latency=5ms,jiter=1ms",
            "1:31: `jiter` of a network; it is `teaching`, `datacenter`, `wan` or `latency=5ms,jitter=1ms,bandwidth=1Gbit`",
        ),
        ("cluster --controllers 2", "1:23: 2 controllers; a quorum has 1, 3 or 5"),
        ("broker 102", "1:8: 102 is a controller's id"),
        ("cluster --date 2026-02-30", "1:16: `2026-02-30` is no date; write it as 2026-01-01T00:00:00Z"),
        (
            "cluster --set num.partitions=0",
            "1:15: Invalid value 0 for configuration num.partitions: Value must be at least 1",
        ),
        ("status\ncluster", "2:1: `cluster` after other commands; it comes first"),
        ("producer p", "1:11: the command ends here; `--topic` and a topic's name are missing"),
        ("producer p --topic t --rate fast", "1:29: `fast` is no rate; it is a number and a unit, such as 5/s or 30/m"),
        (
            "producer p --topic t --keys none",
            "1:22: `--keys` without `--rate` or `--burst`; it says what the records are that they send",
        ),
        (
            "producer p --topic t --producer-property acks=2",
            "1:47: Invalid value 2 for configuration acks: String must be one of: all, -1, 0, 1",
        ),
        ("send p partition=x", "1:18: `x` where a whole number from 0 to 2147483647 belongs"),
        (
            "send p colour=red",
            "1:8: `colour=` after `send`; it takes key=K, value=V, partition=N, topic=T, timestamp=T, header NAME=VALUE",
        ),
        (
            "send p timestamp=noon",
            "1:18: `noon` is no timestamp; it is a date such as 2026-01-01T00:00:00Z, or milliseconds since 1970",
        ),
        ("send p header h", "1:15: `h` where KEY=VALUE belongs"),
        (
            "producer p --topic t --burst 5",
            "1:30: `5` is no burst; it is a number (1 to 100000) and a duration, such as 100/5s",
        ),
        (
            "producer p --topic t --rate 1/s --value-size 9-3",
            "1:46: `9-3` where a number of bytes from 0 to 16777216 belongs, or two such as 50-200",
        ),
        (
            "producer p --topic t --compression-type brotli",
            "1:41: Invalid value brotli for configuration compression.type: String must be one of: none, gzip, snappy, \
             lz4, zstd",
        ),
        (
            "producer p --topic t --producer-property enable.idempotence=true --producer-property acks=1",
            "1:1: Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee \
             idempotence.",
        ),
        ("expect leader(t-0)", "1:8: `leader(t-0)` is a number; compare it, as in `leader(t-0) = …`"),
        ("expect leader(t-0) = {1}", "1:22: `{1}` is a set, but `leader(t-0)` is a number; compare like with like"),
        ("expect isr(t-0) > {1}", "1:17: neither greater nor less is known of a set; compare with `=` or `!=`"),
        ("expect leader(t) = 1", "1:15: `t` where a partition belongs: a topic, a dash and a number, as in `orders-0`"),
        ("expect leder(t-0) = 1", "1:8: unknown function `leder`; did you mean `leader`?"),
        ("expect leader(t-0) == 1", "1:20: `==`; equality is written `=`"),
        (
            "expect law(gravity) holds",
            "1:12: no law is called `gravity`; the laws are acked-lost, committed-stable, hw-monotonic, no-divergence, \
             one-leader-per-epoch, isr-within-replicas, metadata-agrees, offsets-monotonic, one-owner, \
             committed-within-polled, order-per-key",
        ),
        ("expect output matches \"a(\"", "1:23: `a(` is no regular expression: found open group without closing ')'"),
        ("expect laws hold 7", "1:18: `7` after an expression; `and`, `or` or the command's end belongs there"),
        ("at 5s run 1s", "1:7: `run` behind `at`; `at 12s` takes a command that acts or looks"),
        ("run 2s\nat 1s status", "2:1: `at` a moment that is over: it is 5.000 s already"),
        ("send p value=x", "1:1: no producer p is running"),
        ("show acked(p)", "1:6: no producer p: there are no producers"),
    ] {
        let ran = run(script);
        assert_eq!((ran.err.as_str(), ran.status), (format!("stdin:{error}\n").as_str(), 2), "{script}");
    }
}

#[test]
fn what_is_not_built_yet_is_refused_by_name() {
    for (script, error) in [
        ("kafka-console-producer.sh --topic t", "1:1: `kafka-console-producer.sh` is not built yet"),
        (
            "consumer c --topic t --group g --consumer-property group.protocol=consumer",
            "1:67: group.protocol=consumer is not built yet, or Kafka has no such config",
        ),
    ] {
        let ran = run(script);
        assert_eq!((ran.err.as_str(), ran.status), (format!("stdin:{error}\n").as_str(), 2), "{script}");
        assert_eq!(ran.out, "", "{script}");
    }
}

#[test]
fn a_wrong_command_line_is_status_2() {
    for (arguments, error) in [
        (&[][..], "nothing to do; `terrarium run FILE` runs a script, `terrarium --help` tells more"),
        (&["fly"], "unknown command `fly`; it is `run`, `check`, `explore`, `gateway` or `help`"),
        (
            &["help", "fly"],
            "no help on this: unexpected argument \"fly\"; there is help on `run`, `check`, `explore` and `gateway`",
        ),
        (&["check"], "a script is missing; `terrarium run FILE`, where - is the standard input"),
        (&["explore", "--seeds", "x"], "`x` is no whole number from 0 on"),
        (&["run"], "a script is missing; `terrarium run FILE`, where - is the standard input"),
        (&["run", "a", "b"], "`b` after the script; run takes one"),
        (&["run", "-", "--seed", "x"], "`x` is no seed; a seed is a whole number from 0 on"),
        (&["run", "-", "--seed"], "missing argument for option '--seed'"),
        (
            &["run", "-", "--until", "9"],
            "`9` after `--until`; it takes a number with a unit: us, ms, s, m or h, such as 250ms or 1.5s",
        ),
        (&["run", "-", "--fast"], "invalid option '--fast'; run takes --seed, --until, --trace, --wire and --json"),
        (&["run", "no such file"], "no such file cannot be read: No such file or directory (os error 2)"),
        (
            &["run", "-", "--trace", "no/such/folder"],
            "no/such/folder cannot be written: No such file or directory (os error 2)",
        ),
    ] {
        let ran = terrarium(arguments, "");
        assert_eq!((ran.err.as_str(), ran.status), (format!("terrarium: {error}\n").as_str(), 2), "{arguments:?}");
        assert_eq!(ran.out, "", "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_status_0() {
    for arguments in [
        &["--help"][..],
        &["help"],
        &["help", "run"],
        &["run", "--help"],
        &["help", "gateway"],
        &["gateway", "-h"],
        &["--version"],
        &["-V"],
    ] {
        let ran = terrarium(arguments, "");
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{arguments:?}");
        assert!(ran.out.contains("terrarium"), "{arguments:?}");
    }
}

#[test]
fn errors_name_the_file() {
    let file = folder("named").join("story.terra");
    fs::write(&file, "> A story\n\nstatsu\n").expect("a script");
    let name = file.to_str().expect("a path");
    let ran = terrarium(&["run", name], "");
    assert_eq!(ran.err, format!("{name}:3:1: unknown command `statsu`; did you mean `status`?\n"));
    fs::write(&file, [0xff, 0xfe]).expect("no script");
    let ran = terrarium(&["run", name], "");
    assert_eq!(ran.err, format!("terrarium: {name} is not a script: it is not UTF-8 text\n"));
    assert_eq!(ran.status, 2);
}

#[test]
fn json_is_one_object_and_nothing_else() {
    let script = "kafka-topics.sh --list\nexpect time() = 0s\nexpect laws hold\n";
    let ran = terrarium(&["run", "-", "--json", "--seed", "9"], script);
    assert_eq!(ran.out.lines().count(), 1);
    let object: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(object["seed"], 9);
    assert_eq!(object["expectations"], serde_json::json!({ "met": 1, "failed": 1 }));
    assert_eq!(object["laws_broken"], serde_json::json!([]));
    assert!(object["time_us"].as_u64() > Some(0) && object["messages"].as_u64() > Some(0));
    assert_eq!(object["trace_hash"].as_str().map(str::len), Some(16));
    assert_eq!(object.as_object().map(serde_json::Map::len), Some(6));
    assert_eq!(ran.status, 1);
}

#[test]
fn the_trace_is_one_json_object_a_line() {
    let file = folder("trace").join("trace.jsonl");
    let script = "kafka-topics.sh --create --topic t\nproducer p --topic t\nsend p value=x\nrun until acked(p) = 1\n";
    let ran = terrarium(&["run", "-", "--trace", file.to_str().expect("a path")], script);
    assert_eq!(ran.status, 0);
    let text = fs::read_to_string(&file).expect("the trace");
    let events: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["id"], index, "ids count up");
        assert!(event["t"].is_u64() && event["kind"].is_string(), "{event}");
        assert!(event["cause"].as_u64().is_none_or(|cause| cause < index as u64), "a cause comes before: {event}");
        assert!(event.get("host").is_some() && event.get("name").is_some(), "{event}");
    }
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    for kind in ["started", "commanded", "connecting", "connected", "sent", "received", "appended", "acknowledged"] {
        assert!(kinds.contains(&kind), "{kind} is missing of {kinds:?}");
    }
}

#[test]
fn until_ends_a_run_early_or_lets_it_go_on() {
    let ran = terrarium(&["run", "-", "--until", "5s"], "run 1s\nrun 5s\nexpect time() = 9s\n");
    assert!(ran.out.starts_with("seed 1 · 5.000 s · "), "{}", ran.out);
    assert_eq!(ran.err, "stdin:3:1: not reached: --until ended the run at 5.000 s\n");
    assert_eq!(ran.status, 0);
    let ran = terrarium(&["run", "-", "--until", "4.5s"], "kafka-topics.sh --list\n");
    assert!(ran.out.contains("seed 1 · 4.500 s · "), "{}", ran.out);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
}

#[test]
fn a_reader_that_goes_away_changes_nothing_but_the_output() {
    let script: String = "status\n".repeat(20_000) + "expect time() = 1s\n";
    let mut child = Command::new(env!("CARGO_BIN_EXE_terrarium"))
        .args(["run", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("it reads");
    let mut first = [0; 7];
    child.stdout.take().expect("a pipe").read_exact(&mut first).expect("its first line");
    // The pipe is closed here.
    assert_eq!(&first, b"status\n");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "the status still tells of the failed expectation");
    let err = String::from_utf8(output.stderr).expect("text");
    assert_eq!(err, "stdin:20001:1: expected time() = 1s, but time() is 3s\n");
}

#[test]
fn the_wire_is_one_json_object_a_message() {
    let file = folder("wire").join("wire.jsonl");
    let script = "cluster --brokers 1\nkafka-topics.sh --create --topic t\nproducer p --topic t\nsend p key=k value=v\n\
                  close p\nrun 2s\n";
    let ran = terrarium(&["run", "-", "--wire", file.to_str().expect("a path")], script);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let text = fs::read_to_string(&file).expect("the wire log");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let asked: Vec<&str> = lines
        .iter()
        .filter(|line| line["kind"] == "request" && line["client"] == "p")
        .map(|line| line["api"].as_str().expect("a name"))
        .collect();
    // The bootstrap connection first, a producer id, then a connection to the leader, as Kafka's Java producer does.
    assert_eq!(asked, ["ApiVersions", "Metadata", "InitProducerId", "ApiVersions", "InitProducerId", "Produce"]);
    let produce = lines.iter().find(|line| line["api"] == "Produce" && line["kind"] == "request").expect("a Produce");
    let data = &produce["body"]["TopicData"][0]["PartitionData"][0];
    assert_eq!((&data["Index"], &data["Records"][0]["count"]), (&0.into(), &1.into()));
    assert_eq!((&produce["from"], &produce["to"], &produce["v"]), (&"client".into(), &"1".into(), &13.into()));
    // Each connection is closed by the client, and then by the broker that learns of it.
    let of_client = |line: &&serde_json::Value| line["from"] == "client" || line["to"] == "client";
    let closes: Vec<&serde_json::Value> =
        lines.iter().filter(|line| line["kind"] == "close").filter(of_client).collect();
    assert_eq!((&closes[0]["from"], &closes[closes.len() - 1]["from"]), (&"client".into(), &"1".into()));
}
