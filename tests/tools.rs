//! A session at a real cluster, replayed: `tests/tools/session.json` holds command lines that were typed one after the
//! other at Kafka 4.1.1 with three nodes, each a broker and a controller, and what the tools printed. The same lines at
//! a simulated cluster print the same.
//!
//! Between the lines brokers fail, and records are written that a console producer wrote. Where Kafka placed replicas at
//! random, the replay places them alike (`assignment`). What differs from run to run by nature is made equal first
//! ([`comparable`]), and the few lines that cannot be equal are named with the reason ([`UNEQUAL`]).

use kafka_terrarium::base::{HostId, SimDuration};
use kafka_terrarium::client::ProducerConfig;
use kafka_terrarium::sim::{Applied, ClusterSpec, Command, Controllers, Fault, World};
use kafka_terrarium::tools::{Invocation, ToolOutput};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;

const SESSION: &str = include_str!("tools/session.json");

/// What `{bs}` stands for in arguments.
const BOOTSTRAP_SERVER: &str = "bootstrap:9092";

/// Why some lines are not compared, and which.
type Reason = (&'static str, fn(&Value) -> bool);

/// Lines whose output is not compared, each group with its reason.
const UNEQUAL: [Reason; 7] = [
    ("brokers do not serve groups yet", |entry| {
        let of_groups = |arg: &str| arg == "groups" || arg == "--group";
        let tool = text(&entry["tool"]);
        tool == "kafka-consumer-groups" || tool == "kafka-groups" || strings(&entry["args"]).any(of_groups)
    }),
    ("the features of groups, transactions and share groups stay at 0 until these are built", |entry| {
        let ids = ["live-118", "more-217", "more-223", "more-224", "more-230", "more-233", "more-246"];
        is_one_of(entry, &ids)
    }),
    ("DeleteRecords is not built yet, which the recorded session used", |entry| {
        is_one_of(entry, &["live-137", "more-52", "more-57", "more-58"])
    }),
    ("each cluster has its id, its hosts and its files", |entry| {
        is_one_of(entry, &["more-198", "more-202", "more-203", "more-207", "more-125", "more-262"])
    }),
    ("the partitions of a preferred election are listed in an order that is not quite Java's yet", |entry| {
        is_one_of(entry, &["live-149"])
    }),
    ("where replicas are placed, and in which order topics are listed, is by chance", |entry| {
        is_one_of(entry, &["more-34", "more-115"])
    }),
    ("to change configs of an unknown topic is refused without a message by Kafka, with one here", |entry| {
        is_one_of(entry, &["more-126"])
    }),
];

/// Whether a line of the session is one of these.
fn is_one_of(entry: &Value, ids: &[&str]) -> bool {
    ids.contains(&text(&entry["id"]))
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
        for record in step["records"].as_array().expect("records") {
            let part = |at: usize| record[at].as_str().map(str::to_owned);
            let send = Command::Send {
                producer: producer.clone(),
                topic: None,
                key: part(0),
                value: part(1),
                partition: Some(0),
                headers: Vec::new(),
                timestamp_ms: None,
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
                if let Some(at) = args.iter().position(|arg| arg == option).filter(|_| created) {
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
    text = text.replace("/tmp/kafka-logs", "{log dir}");
    text = replaced(&text, r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]", "[{time}]");
    replaced(&text, r"(?s)(?m:^Option +Description\n).*", "{usage}\n")
}

fn replaced(text: &str, expression: &str, with: &str) -> String {
    Regex::new(expression).expect("an expression").replace_all(text, with).into_owned()
}

/// Output without what differs between two runs of Kafka as well.
fn comparable(tool: &str, output: &str) -> String {
    let text = replaced(output, r"TopicId: (\{uuid\}|[A-Za-z0-9_-]{22})", "TopicId: {uuid}");
    let text = replaced(&text, r"\{log dir \d\}", "{log dir}");
    // A client tries the brokers that it is told in an order by chance, and logs those that do not answer.
    let text = replaced(&text, r"(?m)^\[\{time\}\] WARN \[AdminClient.*\n", "");
    match tool {
        // How long the metadata log is, and who leads it, is by chance.
        "kafka-metadata-quorum" => {
            let text = replaced(&text, r"ClusterId: +\S+", "ClusterId: ID");
            replaced(&replaced(&text, r"\d+", "N"), " +", " ")
        }
        "kafka-features" => {
            replaced(&replaced(&text, r"Epoch: \d+", "Epoch: N"), r"Local controller \d", "Local controller N")
        }
        // The offsets of groups are committed at other offsets.
        "kafka-get-offsets" => replaced(&text, r"(?m)^(__consumer_offsets:\d+):\d+$", "$1:N"),
        // The topic was reassigned, which is not built yet.
        "kafka-topics" => replaced(&text, r"(?m)^.*Topic: keyed\t.*\n", ""),
        "kafka-log-dirs" => replaced(&text, r#"\{"partition":"keyed[^}]*\}"#, ""),
        _ => text,
    }
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
                let served = ours.lines().map(plain).filter(|line| !line.ends_with("UNSUPPORTED"));
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
