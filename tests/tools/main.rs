//! A session at a real cluster, replayed: `tests/tools/session.json` holds command lines that were typed one after the
//! other at Kafka 4.1.1 with three nodes, each a broker and a controller, and what the tools printed. The same lines at
//! a simulated cluster print the same.
//!
//! Between the lines brokers fail, and records are written that a console producer wrote. Where Kafka placed replicas at
//! random, the replay places them alike (`assignment`). What differs from run to run by nature is made equal first
//! ([`comparable`]), and the few lines that cannot be equal are named with the reason ([`UNEQUAL`]).

mod groups;
#[path = "../vectors/cli/lab.rs"]
mod lab;

use kafka_terrarium::base::{HostId, SimDuration};
use kafka_terrarium::client::ProducerConfig;
use kafka_terrarium::sim::{Applied, ClusterSpec, Command, Controllers, Fault, World};
use kafka_terrarium::tools::{Invocation, ToolOutput};
use regex_lite::Regex;
use serde_json::Value;
use std::collections::BTreeSet;

const SESSION: &str = include_str!("session.json");

/// What `{bs}` stands for in arguments.
const BOOTSTRAP_SERVER: &str = "bootstrap:9092";

/// Why some lines are not compared, and which.
type Reason = (&'static str, fn(&Value) -> bool);

/// Lines whose output is not compared, each group with its reason.
const UNEQUAL: [Reason; 3] = [
    ("the groups of the session had members (`groups` plays them)", is_of_groups),
    ("the features of groups, share groups and transactions are not built yet", |entry| {
        let printed = text(&entry["stdout"]);
        printed.contains("group.version") || printed.contains("share.version")
    }),
    ("a topic's first records were deleted, which is not built yet", |entry| text(&entry["stdout"]) == "keyed:0:2\n"),
];

fn is_of_groups(entry: &Value) -> bool {
    matches!(entry["tool"].as_str(), Some("kafka-consumer-groups" | "kafka-groups"))
}

struct Replay {
    world: World,
    producers: usize,
}

impl Replay {
    fn new() -> Self {
        let spec = ClusterSpec { controllers: Controllers::Combined, ..ClusterSpec::new(3) };
        let mut replay = Self { world: World::new(spec, 1), producers: 0 };
        replay.pass(5_000);
        replay
    }

    /// Lets this many milliseconds pass.
    fn pass(&mut self, ms: u64) {
        let until = self.world.now() + SimDuration::from_millis(ms);
        self.world.run_until(until);
    }

    fn node(&self, broker: &Value) -> HostId {
        let id = broker.as_i64().expect("a broker's id");
        self.world.servers().find(|(_, server)| i64::from(server.id()) == id).expect("the broker").0
    }

    /// What happened between the lines.
    fn carry_out(&mut self, step: &Value) {
        match text(&step["do"]) {
            "crash" => self.fault(Fault::Crash(self.node(&step["broker"]))),
            "start" => self.fault(Fault::Start(self.node(&step["broker"]))),
            "produce" => self.produce(step),
            // The first consumer in a group makes the cluster create it.
            "offsets topic" => {
                let configs = ["cleanup.policy=compact", "compression.type=producer", "segment.bytes=104857600"];
                let mut args = vec!["--create", "--topic", "__consumer_offsets"];
                args.extend(configs.iter().flat_map(|config| ["--config", config]));
                args.extend(["--replica-assignment", text(&step["assignment"])]);
                assert_eq!(self.run(Invocation::new("kafka-topics", args)).exit, 0);
            }
            other => panic!("what is {other}?"),
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.world.apply("", &Command::Fault(fault)).expect("a fault");
        self.pass(12_000);
    }

    fn produce(&mut self, step: &Value) {
        let topic = text(&step["topic"]);
        if let Some(assignment) = step["assignment"].as_str() {
            let args = ["--create", "--topic", topic, "--replica-assignment", assignment];
            assert_eq!(self.run(Invocation::new("kafka-topics", args)).exit, 0);
        }
        self.producers += 1;
        let producer = format!("producer-{}", self.producers);
        let mut config = ProducerConfig::default();
        config.set("linger.ms", "1000").expect("a config");
        let start = Command::Producer { name: producer.clone(), topic: topic.into(), config, workload: None };
        self.world.apply("", &start).expect("a producer");
        let records = step["records"].as_array().expect("records");
        let now_ms = ClusterSpec::DEFAULT_START_MS + (self.world.now().0 / 1_000) as i64;
        for (at, record) in records.iter().enumerate() {
            let part = |at: usize| record[at].as_str().map(str::to_owned);
            let send = Command::Send {
                producer: producer.clone(),
                topic: None,
                key: part(0),
                value: part(1),
                partition: Some(0),
                headers: Vec::new(),
                // The console producer took a moment from the first line to the second.
                timestamp_ms: Some(if at == 0 { now_ms } else { now_ms + 5 }),
            };
            self.world.apply("", &send).expect("a record");
        }
        self.pass(3_000);
        self.world.apply("", &Command::Close { client: producer }).expect("a producer closes");
        self.pass(1_000);
    }

    /// Runs a tool to its end, and lets what it caused come about.
    fn run(&mut self, invocation: Invocation) -> ToolOutput {
        let Ok(Applied::Tool(host)) = self.world.apply("", &Command::Tool(invocation)) else { panic!("a tool runs") };
        while self.world.tool_output(host).is_none() {
            assert!(self.world.step(), "the tool waits for ever");
        }
        let output = self.world.tool_output(host).expect("it has ended").clone();
        self.pass(1_000);
        output
    }

    fn replay(&mut self, entry: &Value) -> ToolOutput {
        let mut args: Vec<String> = strings(&entry["args"]).map(|arg| arg.replace("{bs}", BOOTSTRAP_SERVER)).collect();
        if let Some(assignment) = entry["assignment"].as_str() {
            for option in ["--partitions", "--replication-factor"] {
                let created = args.iter().any(|arg| arg == "--create");
                let value_of_topic = args.iter().position(|arg| arg == "--topic").map(|at| at + 1);
                let given = args.iter().enumerate().position(|(at, arg)| arg == option && Some(at) != value_of_topic);
                if let Some(at) = given.filter(|_| created) {
                    args.drain(at..at + 2);
                }
            }
            args.extend(["--replica-assignment".to_owned(), assignment.to_owned()]);
        }
        let stdin = entry["stdin"].as_str().map(str::to_owned);
        self.run(Invocation { tool: text(&entry["tool"]).to_owned(), args, stdin })
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().expect("a list").iter().map(text)
}

/// Our output in the recording's form.
fn recorded_form(printed: &str) -> String {
    let mut text = printed.replace(BOOTSTRAP_SERVER, "{bs}");
    for id in 1..=3 {
        text = text.replace(&format!("localhost:{}", 9091 + id), &format!("{{broker {id}}}"));
        text = text.replace(&format!("localhost:{}", 19_091 + id), &format!("{{controller {id}}}"));
    }
    text = replaced(&text, r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]", "[{time}]");
    replaced(&text, r"(?s)(?m:^Option +Description\n).*", "{usage}\n")
}

fn replaced(text: &str, expression: &str, with: &str) -> String {
    Regex::new(expression).expect("an expression").replace_all(text, with).into_owned()
}

/// Output without what differs between two runs of Kafka as well.
fn comparable(tool: &str, output: &str) -> String {
    let text = replaced(output, r"TopicId: (\{uuid\}|[A-Za-z0-9_-]{22})", "TopicId: {uuid}");
    // A client tries the brokers that it is told in an order by chance, and logs those that do not answer.
    let text = replaced(&text, r"(?m)^\[\{time\}\] WARN \[AdminClient.*\n", "");
    match tool {
        // How long the metadata log is, and who leads it, is by chance.
        "kafka-metadata-quorum" => {
            let text = replaced(&text, r"ClusterId: +\S+", "ClusterId: {id}");
            replaced(&replaced(&text, r"\d+", "N"), " +", " ")
        }
        "kafka-cluster" => replaced(
            &replaced(&text, r"Cluster ID: \S+", "Cluster ID: {id}"),
            r"(localhost|127\.0\.0\.1) +\d+ +",
            "{broker} ",
        ),
        "kafka-features" => {
            replaced(&replaced(&text, r"Epoch: \d+", "Epoch: N"), r"Local controller \d", "Local controller N")
        }
        // The offsets of groups are committed at other offsets.
        "kafka-get-offsets" => replaced(&text, r"(?m)^(__consumer_offsets:\d+):\d+$", "$1:N"),
        // The topic was reassigned, which is not built yet.
        "kafka-topics" => replaced(&text, r"(?m)^.*Topic: keyed\t.*\n", ""),
        "kafka-log-dirs" => {
            let text = replaced(&text, r#","logDir":"[^"]*""#, "");
            replaced(&text, r#",?\{"partition":"keyed[^}]*\}"#, "")
        }
        // Partitions of one bucket of a map stand in the order in which the controller's maps have them.
        "kafka-leader-election" => text.lines().map(sorted_list).collect(),
        // Likewise topics.
        "kafka-configs" => in_sorted_sections(&text),
        _ => text,
    }
}

/// A line that ends in a list, with the list sorted.
fn sorted_list(line: &str) -> String {
    let (before, list) = line.split_once("for partitions ").unwrap_or((line, ""));
    let mut list: Vec<&str> = list.split(", ").collect();
    list.sort_unstable();
    format!("{before}: {}\n", list.join(", "))
}

/// What is said of each topic, sorted by topic.
fn in_sorted_sections(text: &str) -> String {
    let title = "Dynamic configs for topic ";
    let mut sections = text.split(title);
    let before = sections.next().unwrap_or_default();
    let mut sections: Vec<&str> = sections.collect();
    sections.sort_unstable();
    let sections: String = sections.iter().map(|section| format!("{title}{section}")).collect();
    format!("{before}{sections}")
}

/// Broker configs that are set in a file: each cluster has its own.
fn configs_of_files(output: &str) -> BTreeSet<&str> {
    let of_files = output.lines().filter(|line| line.contains("STATIC_BROKER_CONFIG"));
    of_files.filter_map(|line| line.trim().split_once('=')).map(|(name, _)| name).collect()
}

fn without_configs<'a>(output: &'a str, names: &BTreeSet<&str>) -> Vec<&'a str> {
    let is_kept = |line: &&str| line.trim().split_once('=').is_none_or(|(name, _)| !names.contains(name));
    output.lines().filter(is_kept).collect()
}

/// Why the outputs differ, if they do.
fn difference(entry: &Value, ours: &ToolOutput) -> Option<String> {
    let tool = text(&entry["tool"]);
    let mut wrong = String::new();
    for (what, ours, kafkas) in [("stdout", &ours.stdout, &entry["stdout"]), ("stderr", &ours.stderr, &entry["stderr"])]
    {
        let (ours, kafkas) = (comparable(tool, &recorded_form(ours)), comparable(tool, text(kafkas)));
        let is_equal = match tool {
            // What is served is served at Kafka's versions; the rest is not listed.
            "kafka-broker-api-versions" => {
                let plain = |line: &str| line.trim().trim_end_matches(',').to_owned();
                let kafkas: BTreeSet<String> = kafkas.lines().map(plain).collect();
                let served = ours.lines().map(plain).filter(|line| !line.ends_with(": UNSUPPORTED"));
                served.into_iter().all(|line| kafkas.contains(&line))
            }
            "kafka-configs" => {
                let names: BTreeSet<&str> =
                    configs_of_files(&ours).union(&configs_of_files(&kafkas)).copied().collect();
                without_configs(&ours, &names) == without_configs(&kafkas, &names)
            }
            _ => ours == kafkas,
        };
        if !is_equal {
            wrong += &format!("--- {what}, ours:\n{ours}--- Kafka's:\n{kafkas}");
        }
    }
    let exit = entry["exit"].as_i64().expect("a status");
    if i64::from(ours.exit) != exit {
        wrong += &format!("--- exit {}, Kafka's {exit}\n", ours.exit);
    }
    (!wrong.is_empty()).then_some(wrong)
}

#[test]
fn tools_print_what_kafkas_printed_in_the_same_session() {
    let session: Value = serde_json::from_str(SESSION).expect("the session");
    let mut replay = Replay::new();
    let mut wrong = Vec::new();
    let mut in_use = BTreeSet::new();
    for step in session.as_array().expect("steps") {
        if step.get("do").is_some() {
            replay.carry_out(step);
            continue;
        }
        let ours = replay.replay(step);
        let difference = difference(step, &ours);
        let exceptions = UNEQUAL.iter().enumerate().filter(|(_, (_, applies))| applies(step));
        let exceptions: Vec<usize> = exceptions.map(|(at, _)| at).collect();
        match difference {
            Some(_) if !exceptions.is_empty() => in_use.extend(exceptions),
            Some(difference) => {
                let args: Vec<&str> = strings(&step["args"]).collect();
                wrong.push(format!("{}: {} {}\n{difference}", step["id"], step["tool"], args.join(" ")));
            }
            None => {}
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    for (at, (reason, _)) in UNEQUAL.iter().enumerate() {
        assert!(in_use.contains(&at), "nothing differs any more where: {reason}");
    }
}
