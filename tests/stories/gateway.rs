//! The same stories as real clients saw them: Kafka's own, at the gateway.
//!
//! `cargo xtask clients --stories` plays them, with clients that start and die as in the recording, and leaves a wire log
//! and the moments of the acts; this test, told where they are in `UPDATE_STORIES`, makes of them the recordings in
//! `tests/stories/gateway`. They are compared with those of the real cluster in all that clients see.

use super::{
    Event, Flow, Rule, STORIES, Sequences, Story, compare, json_lines, recording, reduced, root, sequence, wire,
};
use std::fs;
use std::path::Path;

/// Those that are played.
const PLAYED: [&str; 10] = [
    "first-record",
    "leader-crash",
    "leader-pause",
    "isr-shrink",
    "cut-broker-from-controllers",
    "cut-follower-from-leader",
    "group-classic-eager",
    "group-cooperative",
    "coordinator-crash",
    "static-member",
];

/// What may differ here, and why.
pub(crate) const RULES: &[Rule] = &[Rule {
    reason: "a broker that wakes, or hears late that it leads no more, answers what lay in a socket that its client has \
             closed; where the recording was made, the socket had gone with the client",
    applies: |story, flow, token| {
        let closed = [("leader-pause", "quick"), ("cut-broker-from-controllers", "all")];
        closed.contains(&(story, &flow.client)) && token.text.starts_with("err=NOT_LEADER_OR_FOLLOWER")
    },
}];

const HEAD: &str = "\
# Real clients at the gateway, as `cargo xtask clients --stories` played them; what clients see. Seconds of the world.
# 'r' after the API's version = response. What says nothing new in its act is left out.

";

/// Makes a recording of what a run left: its wire log and the moments of its acts.
fn record(story: &Story, folder: &Path) {
    let mut names = wire::Names::default();
    let wire = json_lines(&folder.join("wire.jsonl"));
    let events = wire.iter().filter_map(|line| wire::event(line, &mut names));
    let events: Vec<Event> = events.filter(|event| !event.client.is_empty()).collect();
    let moment = |line: &serde_json::Value| {
        (line["t"].as_f64().expect("a time"), line["what"].as_str().expect("an act").to_owned())
    };
    let moments: Vec<(f64, String)> = json_lines(&folder.join("moments.jsonl")).iter().map(moment).collect();
    let since = super::acts(story, &moments)[0] + story.since;
    let text = HEAD.to_owned() + &sequence::condensed(&events, &moments, since);
    fs::write(root().join(format!("tests/stories/gateway/{}.txt", story.name)), text)
        .expect("the recording can be written");
}

/// What clients see.
fn of_clients(story: &Story, path: &str) -> Sequences {
    let (events, marks) = recording(path);
    let mut all = reduced(story, events, &marks);
    all.flows
        .retain(|Flow { ends, client, .. }, _| ends.contains("client") && !client.is_empty() && client != "a tool");
    all
}

#[test]
fn real_clients_at_the_gateway_see_what_they_see_at_a_real_cluster() {
    let mut wrong = String::new();
    let mut used = std::collections::BTreeSet::new();
    let rules: Vec<Rule> = super::RULES.iter().chain(RULES).copied().collect();
    for name in PLAYED {
        let story = STORIES.iter().find(|story| story.name == name).expect("a story");
        if let Some(runs) = std::env::var_os("UPDATE_STORIES") {
            record(story, &Path::new(&runs).join(name));
        }
        let theirs = of_clients(story, &format!("tests/stories/{name}.txt"));
        let ours = of_clients(story, &format!("tests/stories/gateway/{name}.txt"));
        let (differences, rules) = compare(story, &theirs, &ours, &rules);
        used.extend(rules);
        differences.iter().for_each(|difference| wrong += &format!("{name}: {difference}\n"));
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    for (at, rule) in RULES.iter().enumerate() {
        assert!(used.contains(&(at + super::RULES.len())), "a rule that matches nothing: {}", rule.reason);
    }
}
