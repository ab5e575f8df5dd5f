//! The script language: no text makes its reader panic, every error points into the text, and what is read means what
//! it says.

#![expect(clippy::disallowed_methods, reason = "golden scripts are files")]

use kafka_terrarium::base::{Rng, SimTime};
use kafka_terrarium::script::{Line, Runner, Said, Script, Statement};
use kafka_terrarium::sim::{ClusterSpec, Controllers};
use std::fs;
use std::path::Path;

/// Pieces of scripts, right and wrong.
const PIECES: [&str; 99] = [
    "cluster",
    "--brokers",
    "1",
    "--racks",
    "a,b",
    "--network",
    "latency=5ms",
    ",jitter=1ms",
    "bandwidth=1Gbit",
    "--set",
    "a=b",
    "--date",
    "2026-01-01T00:00:00Z",
    "broker",
    "2",
    "producer",
    "p1",
    "--topic",
    "orders",
    "--rate",
    "5/s",
    "0/s",
    "--keys",
    "--burst",
    "zipf:9,0.9",
    "hot:3,0.5",
    "uniform:10",
    "--value-size",
    "99999999999999999999",
    "--producer-property",
    "acks=all",
    "consumer",
    "--work",
    "20ms",
    "send",
    "key=K",
    "value=\"a b\"",
    "partition=0",
    "close",
    "run",
    "10s",
    "until",
    "within",
    "at",
    "12s",
    "show",
    "expect",
    "status",
    "output",
    "matches",
    "error",
    "\"a(\"",
    "'",
    "\"",
    "\\",
    "<<END",
    "END",
    "#",
    ">",
    "leader(",
    "orders-0",
    ")",
    "{",
    "}",
    ",",
    "(",
    "not",
    "and",
    "or",
    "=",
    "!=",
    "<",
    "<=",
    "none",
    "laws hold",
    "law(acked-lost)",
    "holds",
    "hw(orders-0, broker 1)",
    "state(leader(orders-0))",
    "time()",
    "crash",
    "slow link",
    "x10",
    "+500ms",
    "-1s",
    "kafka-topics.sh",
    "--create",
    "--list",
    "--partitions",
    "-3",
    "kafka-get-offsets",
    "--time",
    "latest",
    "\u{feff}",
    "ü€𐍈",
    "\u{0}",
    "\u{202e}",
    "9223372036854775808",
    "1.5s",
];
const GAPS: [&str; 8] = [" ", " ", " ", "  ", "\t", "\n", "\r\n", " \\\n"];

fn random_text(rng: &mut Rng) -> String {
    let pick = |rng: &mut Rng, from: &[&'static str]| from[rng.below(from.len() as u64) as usize];
    let mut text = String::new();
    for _ in 0..rng.below(30) {
        text += pick(rng, &PIECES);
        if rng.below(8) > 0 {
            text += pick(rng, &GAPS);
        }
    }
    text
}

/// A text with some characters lost, doubled or replaced.
fn damaged(text: &str, rng: &mut Rng) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=rng.below(4) {
        let at = rng.below(chars.len() as u64) as usize;
        match rng.below(4) {
            0 => drop(chars.remove(at)),
            1 => chars.insert(at, chars[at]),
            2 => chars.truncate(at + 1),
            _ => chars[at] = char::from(rng.below(128) as u8),
        }
        if chars.is_empty() {
            break;
        }
    }
    chars.into_iter().collect()
}

/// Reads a text both ways; an error has to point into it.
fn read(text: &str) {
    for error in [Script::parse(text).err(), Line::parse(text).err()].into_iter().flatten() {
        let lines: Vec<&str> = text.split('\n').collect();
        let line = lines.get(error.line as usize - 1).unwrap_or_else(|| panic!("{error} is no line of {text:?}"));
        let width = line.chars().count() as u32;
        assert!((1..=width + 2).contains(&error.column), "{error} is no column of {line:?} in {text:?}");
        assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error:?}");
    }
}

fn golden() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let paths = fs::read_dir(folder).expect("the golden folder").map(|entry| entry.expect("an entry").path());
    let scripts = paths.filter(|path| path.extension().is_some_and(|extension| extension == "terra"));
    scripts.map(|path| fs::read_to_string(path).expect("a golden script")).collect()
}

/// A controller that is cut off from the other voters leads on until its check of the quorum fails. What it fences
/// meanwhile is committed nowhere, so a request that this decides must not be answered by it: the next controller, where
/// the session of the dead broker has begun afresh, makes the topic.
#[test]
fn an_answer_that_rests_on_what_is_not_committed_waits() {
    let opening = "cluster --brokers 3 --controllers 3 --network datacenter --set broker.session.timeout.ms=2000 \
                   --set broker.heartbeat.interval.ms=400\nrun 3s\n";
    let mut runner = Runner::new(Script::parse(opening).unwrap(), 1);
    runner.finish();
    let active = runner.world().active_controller().expect("a quorum of three has a leader");
    let mut script = format!("{opening}crash broker 3\nrun 500ms\n");
    for other in (101..=103).filter(|id| *id != active) {
        script += &format!("cut controller {active} controller {other}\n");
    }
    script += "run 1600ms\n\
               kafka-topics.sh --create --topic orders --partitions 1 --replication-factor 3\n\
               expect replicas(orders-0) = {1,2,3} and isr(orders-0) = {1,2,3}\n";
    let mut runner = Runner::new(Script::parse(&script).unwrap(), 1);
    runner.finish();
    let said: Vec<String> = runner.outputs().iter().filter_map(|output| output.printed()).collect();
    assert_eq!((runner.stopped(), runner.summary().failed), (None, 0), "{said:?}");
    assert!(said.iter().any(|text| text.contains("Created topic orders.")), "{said:?}");
}

#[test]
fn any_text_is_read_or_refused() {
    let mut rng = Rng::stream(1, "texts");
    for _ in 0..20_000 {
        read(&random_text(&mut rng));
    }
    for text in golden() {
        for _ in 0..300 {
            read(&damaged(&text, &mut rng));
        }
    }
    for deep in ["(", "not ", "state(", "{", "<<", "\\\n", "'", "at 1s "] {
        read(&format!("expect {}", deep.repeat(50_000)));
        read(&deep.repeat(50_000));
    }
    read(&"x".repeat(2_000_000));
}

#[test]
fn any_script_that_is_read_can_be_run() {
    let commands = [
        "kafka-topics.sh --create --topic a --partitions 3",
        "kafka-topics.sh --create --topic b",
        "kafka-topics.sh --list",
        "kafka-topics.sh --create --topic c --partitions 100000",
        "kafka-get-offsets.sh",
        "kafka-get-offsets.sh --topic a",
        "producer p --topic a --rate 50/s --keys uniform:3",
        "producer q --topic b --producer-property acks=0",
        "producer r --topic c --rate 9/s --value-size 0 --producer-property linger.ms=0",
        "consumer c --topic a",
        "consumer d --topic b --work 1s --consumer-property auto.offset.reset=earliest",
        "send p value=x partition=7",
        "send q key=k",
        "send p value=x topic=b timestamp=5 header a=b header a=c",
        "flush p",
        "producer s --topic a --burst 20/1s --keys zipf:5,1.5 --value-size 0-40 --compression-type zstd",
        "show producer-epoch(p)",
        "send q value=x",
        "send r partition=0",
        "close p",
        "close q",
        "close c",
        "run 300ms",
        "run 0s",
        "run until acked(p) > 5 within 1s",
        "at 900ms send q value=late",
        "at 1s kafka-topics.sh --list",
        "status",
        "show time()",
        "expect laws hold",
        "show leader(a-0)",
        "expect error \"x\"",
        "expect output matches \"a\"",
        "consumer e --topic nowhere --consumer-property auto.offset.reset=none",
        "show state(producer p)",
    ];
    let mut rng = Rng::stream(2, "scripts");
    for seed in 0..300 {
        let lines = (0..rng.below(12) + 2).map(|_| commands[rng.below(commands.len() as u64) as usize]);
        let text = lines.collect::<Vec<_>>().join("\n");
        let script = Script::parse(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
        let mut runner = Runner::new(script, seed);
        runner.advance_to(SimTime(5_000_000));
        assert_eq!(runner.summary().laws_broken, Vec::<String>::new(), "seed {seed}:\n{text}");
        assert_eq!(runner.world().now(), SimTime(5_000_000));
    }
}

/// What `show` says of an expression at the start of a world.
fn shown(expression: &str) -> String {
    let script = Script::parse(&format!("show {expression}")).unwrap_or_else(|error| panic!("{error}: {expression}"));
    let mut runner = Runner::new(script, 1);
    runner.finish();
    match runner.outputs().iter().next().map(|output| &output.said) {
        Some(Said::Value(value)) => value.to_string(),
        other => panic!("{other:?}: {expression}"),
    }
}

#[test]
fn expressions_mean_what_they_say() {
    for (expression, value) in [
        ("1 = 1 or 1 = 2 and 1 = 2", "true"),
        ("(1 = 1 or 1 = 2) and 1 = 2", "false"),
        ("not 1 = 2 and 1 = 2", "false"),
        ("not (1 = 2 and 1 = 2)", "true"),
        ("not not 1 = 1", "true"),
        ("2 <= 2 and 2 >= 2 and 1 < 2 and 2 > 1 and 1 != 2", "true"),
        ("{2,3} = {3, 2}", "true"),
        ("{} = {1}", "false"),
        ("{\"a b\", x} = {x,\"a b\"}", "true"),
        ("none = none", "true"),
        ("none = 3", "false"),
        ("none != 3", "true"),
        ("1500ms = 1.5s", "true"),
        ("1m > 59s", "true"),
        ("-5", "-5"),
        ("time()", "3s"),
        ("controller() = 101 or controller() = 102 or controller() = 103", "true"),
        ("state(controller()) = running", "true"),
        ("state(broker 1)", "running"),
        ("lost()", "0"),
        ("laws hold and law(hw-monotonic) holds", "true"),
    ] {
        assert_eq!(shown(expression), value, "{expression}");
    }
}

#[test]
fn a_script_without_a_set_up_has_the_default_cluster() {
    assert_eq!(Script::parse("status").map(|script| script.spec), Ok(ClusterSpec::new(3)));
}

#[test]
fn the_set_up_is_the_clusters_spec() {
    let text = "cluster --brokers 1 --controllers combined --racks east --network latency=5ms,jitter=1ms,bandwidth=1Gbit \
                --date 2026-02-03T04:05:06Z --set num.partitions=3 --first-id 0\n\
                broker 0 --host kafka --port 19092 --set message.max.bytes=2000";
    let spec = Script::parse(text).expect("a set-up").spec;
    let [broker] = &spec.brokers[..] else { panic!("one broker: {spec:?}") };
    assert_eq!(
        (broker.id, broker.rack.as_deref(), broker.listener.to_string().as_str()),
        (0, Some("east"), "kafka:19092")
    );
    let set = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
    assert_eq!(spec.configs, set("num.partitions", "3"), "of every node");
    assert_eq!(broker.configs, set("message.max.bytes", "2000"));
    assert_eq!(spec.controllers, Controllers::Combined);
    assert_eq!((spec.network.latency.0, spec.network.jitter.0), (5_000, 1_000));
    assert_eq!(spec.network.bandwidth_bytes_per_s, Some(125_000_000));
    assert_eq!(spec.start_ms, 1_770_091_506_000);
}

#[test]
fn notes_are_kept_and_the_first_heading_is_the_title() {
    let script = Script::parse("> Before\n> # The title\n>\n  > ## Not this\nstatus").expect("a script");
    assert_eq!(script.title.as_deref(), Some("The title"));
    let notes = script.lines.iter().filter_map(|line| match &line.kind {
        Statement::Note(text) => Some((line.at.line, line.at.column, text.as_str())),
        _ => None,
    });
    assert_eq!(notes.collect::<Vec<_>>(), [(1, 1, "Before"), (2, 1, "# The title"), (3, 1, ""), (4, 3, "## Not this")]);
}
