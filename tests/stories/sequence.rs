//! What of a story does not hang on chance: for each flow of messages, which kinds of message it has, in the order in
//! which they first appear, and in which act of the story.

use super::wire::Event;
use regex_lite::Regex;
use std::collections::{BTreeMap, BTreeSet};

/// Between whom, about what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Flow {
    /// `2>1`; `client>*` where it is chance whom a client asks.
    pub(crate) ends: String,
    pub(crate) api: String,
    pub(crate) response: bool,
    pub(crate) client: String,
    /// The partition, for messages that speak of partitions.
    pub(crate) partition: String,
}

/// A kind of message, and the act in which it first appeared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) act: usize,
}

/// A story reduced to its flows.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    pub(crate) flows: BTreeMap<Flow, Vec<Token>>,
}

impl std::fmt::Display for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ends, api, response, client, partition } = self;
        let r = if *response { " r" } else { "" };
        write!(f, "{ends} {api}{r} {client} {partition}")
    }
}

/// Reads the lines of a recording. Those that stand for many (`~x12 since`) repeat kinds that were there already.
pub(crate) fn recorded(text: &str) -> (Vec<Event>, Vec<(f64, String)>) {
    let line = Regex::new(r"^\s*(-?\d+\.\d+) (\S+)>(\S+) (\S+) v(\d+)( r)?(?: \(([a-z][^)]*)\))?(?: (.*))?$")
        .expect("a pattern");
    let mark = Regex::new(r"^\s*(-?\d+\.\d+) ======== (.*)$").expect("a pattern");
    let (mut events, mut marks) = (Vec::new(), Vec::new());
    for text in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if let Some(found) = mark.captures(text) {
            marks.push((found[1].parse().expect("a time"), found[2].to_string()));
        } else if let Some(found) = line.captures(text).filter(|_| !text.contains(" ~x")) {
            let part = |at: usize| found.get(at).map_or("", |m| m.as_str()).to_string();
            events.push(Event {
                t: found[1].parse().expect("a time"),
                from: part(2),
                to: part(3),
                api: part(4),
                version: part(5).parse().expect("a version"),
                response: found.get(6).is_some(),
                client: part(7),
                text: part(8),
            });
        }
    }
    (events, marks)
}

/// Writes events as a recording, without what says nothing new in its act. `moments` begin acts; at `since` the
/// comparison begins.
pub(crate) fn condensed(events: &[Event], moments: &[(f64, String)], since: f64) -> String {
    let (patterns, mut lives) = (Patterns::default(), Lives::default());
    let mut seen = BTreeSet::new();
    let mut lines: Vec<(f64, String)> =
        moments.iter().map(|(t, what)| (*t, format!("{t:8.3} ======== {what}\n"))).collect();
    for event in events {
        let Event { t, from, to, api, version, response, client, text } = event;
        let act = moments.iter().map(|(at, _)| *at).chain([since]).filter(|at| at <= t).count();
        let tokens = tokens(event, &patterns, &mut lives);
        if tokens.into_iter().filter(|token| seen.insert((act, flow(event, &token.0), token.1.clone()))).count() > 0 {
            let r = if *response { " r" } else { "" };
            lines.push((*t, format!("{t:8.3} {from}>{to} {api} v{version}{r} ({client}) {}\n", text.trim_end())));
        }
    }
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    lines.into_iter().map(|(_, line)| line).collect()
}

fn flow(event: &Event, partition: &str) -> Flow {
    let client = if event.client.starts_with("adminclient") { "a tool" } else { event.client.as_str() };
    let (ends, api, response) = (ends(event), event.api.clone(), event.response);
    Flow { ends, api, response, client: client.into(), partition: partition.into() }
}

/// Broker epochs by their place in a broker's life: `#1` is what it had before the story, `#2` what it got when it
/// registered in it.
#[derive(Default)]
pub(crate) struct Lives(BTreeMap<String, Vec<String>>);

impl Lives {
    fn begin(&mut self, broker: &str, epoch: &str) {
        self.0.entry(broker.into()).or_default().push(epoch.into());
    }

    fn of(&self, broker: &str, epoch: &str) -> String {
        let later = self.0.get(broker).and_then(|lives| lives.iter().position(|life| life == epoch));
        format!("#{}", later.map_or(1, |at| at + 2))
    }
}

/// The patterns of what messages say.
pub(crate) struct Patterns {
    asked: Regex,
    answered: Regex,
    batch_epoch: Regex,
    doubt: Regex,
    change: Regex,
    member: Regex,
    metadata: Regex,
    epoch: Regex,
    member_id: Regex,
    given_id: Regex,
    offset: Regex,
}

impl Default for Patterns {
    fn default() -> Self {
        let pattern = |text: &str| Regex::new(text).expect("a pattern");
        Self {
            asked: pattern(r"([\w@]+-\d+)@-?\d+((?:/cle\d+)?(?:/lfe\d+)?)"),
            answered: pattern(
                r"([\w@]+-\d+) (err=\w+|hw=-?\d+|base=-?\d+)(?: DIVERGING epoch=(\d+) end=\d+)?( currentLeader=\S+)?((?: ?(?:ctl)?\[[^\]]*\])*)",
            ),
            batch_epoch: pattern(r"(ctl)?\[\d+\+\d+,e(\d+)"),
            doubt: pattern(r"([\w]+-\d+) (err=\w+|epoch=\d+)(?: end=-?\d+)?( cle=\d+)?"),
            change: pattern(r"([\w]+-\d+) (le=.*?newIsr=\[[^\]]*\]|leader=\S+ isr=\[[^\]]*\] pe=\d+|err=\w+)"),
            member: pattern(r"(\d+)\(be(\d+)\)"),
            metadata: pattern(r"(?:(\w+) )?p(\d+):((?:err=\w+ )?L-?\d+/e\d+)"),
            epoch: pattern(r"be=(\d+)"),
            member_id: pattern(r"([\w-]+)~\w{4}"),
            given_id: pattern(r"given member-id: [^']*'?"),
            offset: pattern(r"([\w.]+-\d+)(?:=(none|err=\w+|\d+)| (ok|err=\w+))"),
        }
    }
}

/// What one message says, by partition: the kinds of message that it stands for.
pub(crate) fn tokens(event: &Event, p: &Patterns, lives: &mut Lives) -> Vec<(String, String)> {
    let text = event.text.as_str();
    let whole = |text: String| vec![(String::new(), text.trim().to_string())];
    match (event.api.as_str(), event.response) {
        ("Produce", false) => whole(text.split(' ').next().unwrap_or_default().into()),
        ("Fetch", false) => p.asked.captures_iter(text).map(|found| (log_of(&found[1]), found[2].into())).collect(),
        ("Produce" | "Fetch", true) => p.answered.captures_iter(text).flat_map(|found| answered(&found, p)).collect(),
        ("OffsetForLeaderEpoch", _) => {
            let say = |found: regex_lite::Captures<'_>| {
                let cle = found.get(3).map_or("", |m| m.as_str());
                (found[1].to_string(), format!("{}{cle}", &found[2]))
            };
            p.doubt.captures_iter(text).map(say).collect()
        }
        ("AlterPartition", _) => {
            let mut say = |found: regex_lite::Captures<'_>| {
                let live = |m: &regex_lite::Captures<'_>| format!("{}{}", &m[1], lives.of(&m[1], &m[2]));
                (found[1].to_string(), p.member.replace_all(&found[2], live).into_owned())
            };
            let mut all: Vec<_> = p.change.captures_iter(text).map(&mut say).collect();
            if all.is_empty() {
                all = whole(text.into());
            }
            all
        }
        ("Metadata", true) => {
            let brokers = text.split(']').next().unwrap_or_default();
            let mut all = whole(format!("{brokers}]"));
            let mut topic = String::new();
            for found in p.metadata.captures_iter(text) {
                topic = found.get(1).map_or(topic, |name| name.as_str().into());
                all.push((format!("{topic}-{}", &found[2]), found[3].into()));
            }
            all
        }
        ("BrokerRegistration", false) => {
            let before = text.split_whitespace().find_map(|word| word.strip_prefix("prevBrokerEpoch="));
            let before = before.unwrap_or("-1");
            whole(match before {
                "-1" => "no previous epoch".into(),
                epoch => format!("previous epoch {}", lives.of(&event.from, epoch)),
            })
        }
        ("BrokerRegistration", true) => {
            let epoch = text.split_whitespace().find_map(|word| word.strip_prefix("brokerEpoch="));
            match text.split_whitespace().find(|word| word.starts_with("err=")) {
                Some(error) => whole(error.into()),
                None => {
                    lives.begin(&event.to, epoch.unwrap_or_default());
                    whole("ok".into())
                }
            }
        }
        ("BrokerHeartbeat", false) => {
            let live = p.epoch.captures(text).map_or(String::new(), |found| lives.of(&event.from, &found[1]));
            let wants = text.split(' ').find(|word| word.starts_with("want")).unwrap_or_default();
            whole(format!("{live} {wants}"))
        }
        // How far a fenced broker has come with the metadata when it asks is chance.
        ("BrokerHeartbeat", true) => whole(match text.contains("FENCED") && !text.contains("shouldShutDown") {
            true => "FENCED".into(),
            false => text.into(),
        }),
        ("UpdateRaftVoter", true) => whole(text.split(",host").next().unwrap_or_default().trim_end_matches('}').into()),
        ("ApiVersions", _) | ("Metadata", false) | ("InitProducerId", false) => whole("asked".into()),
        ("InitProducerId", true) => whole(text.split(' ').find(|word| word.starts_with("err=")).unwrap_or("ok").into()),
        ("AllocateProducerIds", response) => whole(if response { "answered" } else { "asked" }.into()),
        // How far the voters' logs were is chance; who is asked what, and what he says, is not.
        ("Vote", _) => {
            let words = text.split_whitespace().filter(|word| {
                !["lastOffset", "preVote=T", "voteGranted"].iter().any(|chance| word.starts_with(chance))
            });
            whole(words.collect::<Vec<_>>().join(" ").replace("=True", "=true").replace("=False", "=false"))
        }
        (
            "FindCoordinator" | "JoinGroup" | "SyncGroup" | "Heartbeat" | "LeaveGroup" | "OffsetCommit" | "OffsetFetch",
            _,
        ) => whole(of_group(event, p)),
        ("ElectLeaders", true) => whole(if text.contains("err=") { "refused".into() } else { "ok".into() }),
        ("ElectLeaders", false) => whole(text.split(' ').next().unwrap_or_default().into()),
        _ => whole(text.into()),
    }
}

/// What members and coordinator say to each other, without the members' random ids. Who leads a group is chance, and how
/// far a partition was read.
fn of_group(event: &Event, p: &Patterns) -> String {
    let text = p.member_id.replace_all(&event.text, "$1");
    let text = p.given_id.replace_all(&text, "given member-id'");
    let word =
        |prefix: &str| text.split_whitespace().find(|word| word.starts_with(prefix)).unwrap_or_default().to_owned();
    let offsets = || {
        let mut all: Vec<String> = p
            .offset
            .captures_iter(&text)
            .map(|found| {
                let told = found.get(2).or(found.get(3)).map_or("", |m| m.as_str());
                let told = if told.parse::<i64>().is_ok() { "some" } else { told };
                format!("{} {told}", &found[1])
            })
            .collect();
        all.sort();
        all.join(" ")
    };
    match (event.api.as_str(), event.response) {
        ("FindCoordinator", false) => "asked".into(),
        ("JoinGroup", true) if text.contains("err=") => word("err="),
        ("JoinGroup", true) => format!("{} {}", word("gen="), word("protocol=")),
        ("SyncGroup", false) => format!("{} {}", word("gen="), word("member=")),
        ("OffsetCommit", false) => format!("{} {} {}", word("gen="), word("member="), offsets()),
        ("OffsetCommit", true) => offsets(),
        ("OffsetFetch", true) if text.trim().starts_with("err=") => word("err="),
        ("OffsetFetch", true) => offsets(),
        ("OffsetFetch", false) => {
            let mut indexes: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
            indexes.sort_unstable();
            indexes.into_iter().collect()
        }
        _ => text.into_owned(),
    }
}

/// Which partitions a fetch or its answer happens to be about is chance; only the metadata log is told apart.
fn log_of(partition: &str) -> String {
    if partition.starts_with('@') { partition.into() } else { "*".into() }
}

fn answered(found: &regex_lite::Captures<'_>, p: &Patterns) -> Vec<(String, String)> {
    let partition = log_of(&found[1]);
    let part = |at: usize| found.get(at).map_or("", |m| m.as_str());
    let mut all = Vec::new();
    if part(2).starts_with("err=") {
        all.push((partition.clone(), format!("{}{}", part(2), part(4))));
    } else if part(2).starts_with("base=") {
        all.push((partition.clone(), "ok".into()));
    } else if !part(3).is_empty() {
        all.push((partition.clone(), format!("DIVERGING epoch={}", part(3))));
    }
    for batch in p.batch_epoch.captures_iter(part(5)) {
        let control = batch.get(1).map_or("", |m| m.as_str());
        let token = (partition.clone(), format!("{control}records e{}", &batch[2]));
        if !all.contains(&token) {
            all.push(token);
        }
    }
    all
}

/// Where a client's choice of broker is chance.
fn ends(event: &Event) -> String {
    let any = matches!(
        event.api.as_str(),
        "ApiVersions" | "Metadata" | "InitProducerId" | "ElectLeaders" | "FindCoordinator"
    );
    let of_group = matches!(
        event.api.as_str(),
        "JoinGroup" | "SyncGroup" | "LeaveGroup" | "Heartbeat" | "OffsetCommit" | "OffsetFetch"
    );
    if of_group {
        return if event.response { "coordinator>client".into() } else { "client>coordinator".into() };
    }
    match (any, event.response) {
        (true, false) => "client>*".into(),
        (true, true) => "*>client".into(),
        _ => format!("{}>{}", event.from, event.to),
    }
}

/// Reduces events to sequences. `marks` are the moments at which acts begin.
pub(crate) fn sequences(events: &[Event], marks: &[f64], since: f64) -> Sequences {
    let (patterns, mut lives) = (Patterns::default(), Lives::default());
    let mut found = Sequences::default();
    for event in events.iter().filter(|event| event.t >= since) {
        let act = marks.iter().filter(|mark| **mark <= event.t).count();
        for (partition, text) in tokens(event, &patterns, &mut lives) {
            if text.is_empty() {
                continue;
            }
            let seen = found.flows.entry(flow(event, &partition)).or_default();
            if !seen.iter().any(|token| token.text == text) {
                seen.push(Token { text, act });
            }
        }
    }
    found
}
