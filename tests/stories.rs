//! Stories in which a real Kafka 4.1.1 cluster was recorded (`tests/stories`), played by the simulation.
//!
//! A recording holds chance: milliseconds, ids of sessions, how records are batched, which broker a client asks. What
//! does not hang on chance is, for each flow of messages (who, to whom, about what), which kinds of message it has, in
//! what order they first appear, and in which act of the story, an act being what lies between two faults. Both sides
//! are reduced to that ([`sequence`]) and compared. What still may differ falls under one of the rules below.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a process is started, files are compared")]

#[path = "stories/gateway.rs"]
mod gateway;
#[path = "stories/sequence.rs"]
mod sequence;
#[path = "stories/wire.rs"]
mod wire;

use sequence::{Flow, Sequences, Token};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use wire::Event;

/// A story, and what of it its recording left out.
struct Story {
    name: &'static str,
    /// What its recording does not show.
    without: &'static [Unseen],
    /// Where it begins: seconds from the first act.
    since: f64,
    /// What begins its acts, in the recording's marks and in our commands; empty: faults.
    acts: &'static [&'static str],
    /// A seed with which what is left to chance falls as it did in the recording: in most stories any.
    seed: u64,
}

/// What recordings were made without, because nothing of it matters to their story.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unseen {
    /// Fetches of the metadata log, and announcements of the quorum's leader.
    Quorum,
    /// What brokers fetch from each other.
    Replication,
    /// Heartbeats of brokers.
    Heartbeats,
    /// The metadata of clients.
    Metadata,
    /// How clients find the coordinator.
    Coordinators,
    /// Fetches and lookups of consumers.
    Reading,
    /// The producer.
    Producer,
    /// Commits.
    Commits,
    /// Changes of the ISR.
    Isr,
}

use Unseen::{Commits, Coordinators, Heartbeats, Isr, Metadata, Producer, Quorum, Reading, Replication};

/// What was left out of the recordings of groups.
const GROUPS: &[Unseen] = &[Quorum, Replication, Heartbeats, Metadata, Coordinators, Reading, Producer];

const STORIES: [Story; 14] = [
    Story {
        name: "first-record",
        without: &[Quorum, Replication, Heartbeats],
        since: PEACE,
        acts: &["producer", "console", "consumer"],
        seed: 1,
    },
    Story { name: "leader-crash", without: &[Quorum], since: PEACE, acts: &[], seed: 1 },
    Story { name: "leader-pause", without: &[Quorum], since: PEACE, acts: &[], seed: 1 },
    Story { name: "isr-shrink", without: &[Quorum], since: PEACE, acts: &[], seed: 1 },
    Story { name: "unclean-election", without: &[Quorum, Metadata], since: PEACE, acts: &[], seed: 1 },
    Story { name: "controller-crash", without: &[], since: PEACE, acts: &[], seed: 10 },
    Story { name: "controlled-shutdown", without: &[Quorum], since: PEACE, acts: &[], seed: 1 },
    Story { name: "cut-broker-from-controllers", without: &[Quorum], since: PEACE, acts: &[], seed: 1 },
    Story { name: "cut-follower-from-leader", without: &[Quorum], since: PEACE, acts: &[], seed: 1 },
    Story {
        name: "group-classic-eager",
        without: GROUPS,
        since: FORMED,
        acts: &["c3 starts", "c4 starts", "SIGKILL", "c3 closes", "consumer c3", "consumer c4", "crash", "close c3"],
        seed: 1,
    },
    Story {
        name: "group-cooperative",
        without: GROUPS,
        since: FORMED,
        acts: &["c3 starts", "c4 starts", "SIGKILL", "c3 closes", "consumer c3", "consumer c4", "crash", "close c3"],
        seed: 1,
    },
    Story { name: "poll-too-slow", without: GROUPS, since: FORMED, acts: &["c1 is busy", "busy c1"], seed: 1 },
    Story {
        name: "static-member",
        without: &[Quorum, Replication, Heartbeats, Metadata, Coordinators, Reading, Producer, Commits],
        since: FORMED,
        acts: &[
            "c1 closes",
            "c1 starts",
            "a second",
            "c1b SIGKILL",
            "close c1",
            "consumer c1b",
            "consumer c2b",
            "crash",
        ],
        seed: 1,
    },
    Story {
        name: "coordinator-crash",
        without: &[Quorum, Replication, Heartbeats, Producer, Isr],
        since: -3.0,
        acts: &["SIGKILL", "start 1", "crash", "start broker"],
        seed: 1,
    },
];

/// What may differ, and why.
#[derive(Clone, Copy)]
struct Rule {
    reason: &'static str,
    applies: fn(&str, &Flow, &Token) -> bool,
}

const RULES: &[Rule] = &[
    Rule {
        reason: "whom a client asks, and whether it has a connection there already, is chance",
        applies: |_, flow, token| flow.api == "ApiVersions" || token.text.starts_with("brokers="),
    },
    Rule {
        reason: "which broker coordinates a group is chance",
        applies: |story, flow, token| {
            story == "first-record" && flow.api == "FindCoordinator" && token.text.contains("node ")
        },
    },
    Rule {
        reason: "whether a member comes before the coordinator has read its partition is chance",
        applies: |_, flow, token| {
            let errors =
                ["NOT_COORDINATOR", "NotCoordinator", "COORDINATOR_LOAD_IN_PROGRESS", "CoordinatorLoadInProgress"];
            flow.ends.contains("coordinator") && errors.iter().any(|error| token.text.contains(error))
        },
    },
    Rule {
        reason: "brokers read the metadata log at moments of their own: a follower that is late is told so, and one \
                 that is early asks a leader that does not know yet that it leads",
        applies: |_, flow, token| {
            flow.api == "Fetch" && flow.response && flow.client.is_empty() && token.text.starts_with("err=")
        },
    },
    Rule {
        reason: "whether a pre-vote comes too early, to a voter that still waits, or too late, to a candidate, is chance",
        applies: |_, flow, token| flow.api == "Vote" && flow.response && token.text.ends_with("granted=false"),
    },
    Rule {
        reason: "two of the four partitions are empty in the recording: none of its keys falls on them",
        applies: |story, flow, token| story == "controlled-shutdown" && flow.api == "Fetch" && token.text == "/cle0",
    },
    Rule {
        reason: "whether a request is on its way to a leader at the moment when leadership moves in peace is chance",
        applies: |story, flow, token| {
            let refused = token.text.starts_with("err=NOT_LEADER_OR_FOLLOWER");
            story == "controlled-shutdown" && flow.api == "Produce" && refused
        },
    },
    Rule {
        reason: "when leadership is handed over in peace, a follower may have fetched a record more than the new leader",
        applies: |story, _, token| {
            matches!(story, "leader-crash" | "controlled-shutdown") && token.text.starts_with("DIVERGING")
        },
    },
];

/// Where most recordings begin: seconds from the first act.
const PEACE: f64 = -0.4;

/// Where those of groups begin: after the group was formed.
const FORMED: f64 = -5.05;

/// Faults less than this apart are one act.
const ONE_ACT: f64 = 1.0;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn json_lines(path: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(path).expect("the program wrote it");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Plays a story: its messages, and what was commanded when.
fn play(name: &str, seed: u64) -> (Vec<Event>, Vec<(f64, String)>) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (wire, trace) = (folder.join(format!("{name}.wire")), folder.join(format!("{name}.trace")));
    Command::new(env!("CARGO_BIN_EXE_terrarium"))
        .arg("run")
        .arg(root().join(format!("tests/golden/story-{name}.terra")))
        .args(["--seed", &seed.to_string()])
        .args([Path::new("--wire"), &wire, Path::new("--trace"), &trace])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the program runs");
    let mut names = wire::Names::default();
    let events: Vec<Event> = json_lines(&wire).iter().filter_map(|line| wire::event(line, &mut names)).collect();
    let commanded = |line: &serde_json::Value| {
        let text = line["line"].as_str()?;
        Some((line["t"].as_f64()? / 1e6, text.to_string()))
    };
    let trace = json_lines(&trace);
    (events, trace.iter().filter(|line| line["kind"] == "commanded").filter_map(commanded).collect())
}

/// When the acts of a story begin: at each fault, or end of one.
fn acts(story: &Story, moments: &[(f64, String)]) -> Vec<f64> {
    let verbs: Vec<&str> = match story.acts {
        [] => "crash pause resume stop start cut heal kafka-leader-election SIG elect one second".split(' ').collect(),
        some => some.to_vec(),
    };
    let mut acts: Vec<f64> = Vec::new();
    for (at, what) in moments {
        let is_fault = verbs.iter().any(|verb| what.starts_with(verb)) && !what.starts_with("started");
        if is_fault && acts.last().is_none_or(|last| at - last > ONE_ACT) {
            acts.push(*at);
        }
    }
    acts
}

/// What the recordings leave out: the tools' own traffic, and between nodes the negotiation of versions.
fn is_left_out(story: &Story, event: &Event) -> bool {
    let tool = event.client.starts_with("adminclient") && event.api != "ElectLeaders";
    let unseen = matches!(event.api.as_str(), "Envelope" | "ControllerRegistration" | "CreateTopics");
    let negotiation = event.api == "ApiVersions" && event.client.is_empty();
    let metadata_log = event.text.contains("@meta") || event.client.is_empty() && event.text.trim().is_empty();
    let is = |unseen: &Unseen| match unseen {
        Quorum => event.api == "BeginQuorumEpoch" || event.api == "Fetch" && metadata_log,
        Replication => event.api == "Fetch" && event.client.is_empty(),
        Heartbeats => event.api == "BrokerHeartbeat",
        Metadata => event.api == "Metadata",
        Coordinators => event.api == "FindCoordinator",
        Reading => event.api == "ListOffsets" || event.api == "Fetch" && !event.client.is_empty(),
        Producer => event.client.starts_with("prod"),
        Commits => event.api == "OffsetCommit",
        Isr => event.api == "AlterPartition",
    };
    tool || unseen || negotiation || story.without.iter().any(is)
}

fn reduced(story: &Story, events: Vec<Event>, moments: &[(f64, String)]) -> Sequences {
    let acts = acts(story, moments);
    let zero = acts.first().copied().expect("a story has a fault");
    let shown: Vec<Event> = events
        .into_iter()
        .map(|event| Event { t: event.t - zero, ..event })
        .filter(|event| !is_left_out(story, event))
        .collect();
    let acts: Vec<f64> = acts.iter().map(|act| act - zero).collect();
    sequence::sequences(&shown, &acts, story.since)
}

/// A flow in which the two differ.
struct Difference {
    flow: Flow,
    recorded: Vec<Token>,
    ours: Vec<Token>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let say = |tokens: &[Token]| {
            tokens.iter().map(|token| format!("{}: {}", token.act, token.text)).collect::<Vec<_>>().join(" | ")
        };
        write!(f, "{}\n    recorded  {}\n    ours      {}", self.flow, say(&self.recorded), say(&self.ours))
    }
}

/// Reads a recording: of a real cluster, or of real clients at the gateway.
fn recording(path: &str) -> (Vec<Event>, Vec<(f64, String)>) {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    sequence::recorded(&text)
}

/// Compares the flows of a recording with ours, but for what falls under a rule; and which rules took something out.
fn compare(
    story: &Story,
    recorded: &Sequences,
    ours: &Sequences,
    rules: &[Rule],
) -> (Vec<Difference>, BTreeSet<usize>) {
    let (mut differences, mut used) = (Vec::new(), BTreeSet::new());
    let flows: BTreeSet<&Flow> = recorded.flows.keys().chain(ours.flows.keys()).collect();
    for flow in flows {
        let (theirs, own) = (tokens(recorded, flow), tokens(ours, flow));
        // What is said in peace is no news.
        let peace: BTreeSet<&str> = theirs.iter().chain(own).filter(|t| t.act == 0).map(|t| &*t.text).collect();
        let mut kept = |all: &[Token]| -> Vec<Token> {
            let is_kept = |token: &&Token| {
                let rules = rules.iter().enumerate().filter(|(_, rule)| (rule.applies)(story.name, flow, token));
                let rules: Vec<usize> = rules.map(|(at, _)| at).collect();
                used.extend(&rules);
                rules.is_empty() && !peace.contains(&*token.text)
            };
            all.iter().filter(is_kept).cloned().collect()
        };
        let (theirs, own) = (kept(theirs), kept(own));
        if theirs != own {
            differences.push(Difference { flow: flow.clone(), recorded: theirs, ours: own });
        }
    }
    (differences, used)
}

fn tokens<'a>(sequences: &'a Sequences, flow: &Flow) -> &'a [Token] {
    sequences.flows.get(flow).map_or(&[], Vec::as_slice)
}

#[test]
fn stories_agree_with_their_recordings() {
    let (mut wrong, mut used) = (String::new(), BTreeSet::new());
    for story in &STORIES {
        let (events, marks) = recording(&format!("tests/stories/{}.txt", story.name));
        let recorded = reduced(story, events, &marks);
        let (events, commands) = play(story.name, story.seed);
        let (differences, rules) = compare(story, &recorded, &reduced(story, events, &commands), RULES);
        used.extend(rules);
        for difference in differences {
            wrong += &format!("{}: {difference}\n", story.name);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    for (at, rule) in RULES.iter().enumerate() {
        assert!(used.contains(&at), "a rule that matches nothing: {}", rule.reason);
    }
}

#[test]
fn every_story_has_its_row() {
    let table = fs::read_to_string(root().join("docs/STORIES.md")).expect("the table");
    for name in STORIES.iter().map(|story| story.name) {
        let row = format!("| [{name}]");
        assert!(table.contains(&row), "docs/STORIES.md has no row `{row}`");
    }
    for rule in RULES.iter().chain(gateway::RULES) {
        assert!(table.contains(rule.reason), "docs/STORIES.md does not have the rule: {}", rule.reason);
    }
}
