//! What can be done to the thing that is selected: each offer is a line of the script language, which the page types as
//! anybody could.

use super::browse::quoted;
use super::scene::{HostView, Process, Role, Scene};
use super::select::Selection;
use super::suggest::member_line;

/// Something that can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it is called on a button or in a menu.
    pub label: String,
    /// The icon.
    pub icon: &'static str,
    /// Its tool, if it has one.
    pub tool: Option<Tool>,
    /// The line.
    pub line: String,
    /// Whether it breaks something rather than repairs it.
    pub breaks: bool,
}

/// A tool of the toolbox: what it does depends on the selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// Crash a process.
    Crash,
    /// Start it again.
    Restart,
    /// Make it stand still, or go on.
    Pause,
    /// Cut a link, or heal it.
    Cut,
    /// Make a link slow, or heal it.
    Slow,
}

impl Tool {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Crash, Self::Restart, Self::Pause, Self::Cut, Self::Slow];

    /// Its key.
    pub fn key(self) -> char {
        match self {
            Self::Crash => 'X',
            Self::Restart => 'R',
            Self::Pause => 'Z',
            Self::Cut => 'K',
            Self::Slow => 'L',
        }
    }

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Crash => "Crash",
            Self::Restart => "Restart",
            Self::Pause => "GC pause",
            Self::Cut => "Cut link",
            Self::Slow => "Slow link",
        }
    }

    /// Its icon.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Cut => "cut",
            Self::Slow => "slow",
        }
    }

    /// Whether it needs both ends of a link.
    pub fn wants_link(self) -> bool {
        matches!(self, Self::Cut | Self::Slow)
    }
}

/// How slow a slow link is.
const SLOW: &str = "300ms";

/// What can be done to the selection now.
pub fn offers(selection: &Selection, scene: &Scene) -> Vec<Offer> {
    let mut out = Vec::new();
    match selection {
        Selection::Link(a, b) => link_offers(&mut out, scene, *a, *b),
        Selection::Packet(id) => {
            add(&mut out, None, "slow", "Delay by 2 s", format!("delay {} 2s", id.0), true);
            add(&mut out, None, "x", "Drop", format!("drop {}", id.0), true);
        }
        _ => {
            if let Some(host) = selection.host(scene) {
                host_offers(&mut out, scene, host);
            }
            match selection {
                Selection::Broker(id) if !scene.broker_process(*id).is_up() => {
                    let line = format!("kafka-cluster.sh unregister --id {id}");
                    add(&mut out, None, "x", "Take it off the register, for good", line, true);
                }
                Selection::Partition(tp) | Selection::Replica(tp, _) => topic_offers(&mut out, scene, &tp.topic),
                Selection::Group(id) => group_offers(&mut out, scene, id),
                _ => {}
            }
        }
    }
    out
}

/// The offer of a tool, if it has one for the selection.
pub fn tool_offer(tool: Tool, selection: &Selection, scene: &Scene) -> Option<Offer> {
    offers(selection, scene).into_iter().find(|offer| offer.tool == Some(tool))
}

fn add(out: &mut Vec<Offer>, tool: Option<Tool>, icon: &'static str, label: &str, line: String, breaks: bool) {
    out.push(Offer { label: label.into(), icon, tool, line, breaks });
}

/// The words that name a host in a line.
pub fn node_words(scene: &Scene, host: u32) -> Option<String> {
    let view = scene.hosts.get(&host)?;
    Some(match view.role {
        Role::Broker(id) => format!("broker {id}"),
        Role::Controller(id) => format!("controller {id}"),
        Role::Producer => format!("producer {}", view.name),
        Role::Consumer => format!("consumer {}", view.name),
        Role::Tool => return None,
    })
}

fn topic_offers(out: &mut Vec<Offer>, scene: &Scene, topic: &str) {
    let Some(view) = scene.topics.get(topic).filter(|_| !topic.starts_with("__")) else { return };
    let more = format!("kafka-topics.sh --alter --topic {topic} --partitions {}", view.partitions + 1);
    add(out, None, "plus", &format!("Add a partition to {topic}"), more, false);
    let elect = "kafka-leader-election.sh --election-type preferred --all-topic-partitions".to_owned();
    add(out, None, "elect", "Let preferred replicas lead", elect, false);
    add(out, None, "x", &format!("Delete topic {topic}"), format!("kafka-topics.sh --delete --topic {topic}"), true);
}

fn group_offers(out: &mut Vec<Offer>, scene: &Scene, id: &str) {
    if let Some(line) = member_line(scene, id, None) {
        add(out, None, "plus", "Add a member", line, false);
    }
    let group = quoted(id);
    let tool = "kafka-consumer-groups.sh";
    let reset = format!("{tool} --group {group} --reset-offsets --to-earliest --all-topics --execute");
    add(out, None, "restart", "Reset its offsets to the earliest", reset, true);
    add(out, None, "x", &format!("Delete group {id}"), format!("{tool} --delete --group {group}"), true);
}

fn host_offers(out: &mut Vec<Offer>, scene: &Scene, host: u32) {
    let (Some(node), Some(view)) = (node_words(scene, host), scene.hosts.get(&host)) else { return };
    let server = matches!(view.role, Role::Broker(_) | Role::Controller(_));
    let up = view.process.is_up();
    if !server && view.process != Process::Paused {
        let label = if up { "Close it and start it again" } else { "Start it again" };
        add(out, Some(Tool::Restart), "restart", label, format!("restart {node}"), false);
    }
    if up {
        add(out, Some(Tool::Crash), "crash", &format!("Crash {node}"), format!("crash {node}"), true);
    } else if server {
        add(out, Some(Tool::Restart), "restart", &format!("Start {node}"), format!("start {node}"), false);
    }
    if up && server {
        add(out, None, "power", "Cut its power", format!("power-loss {node}"), true);
    }
    match view.process {
        Process::Running => {
            if server {
                add(out, None, "stop", "Shut it down in order", format!("stop {node}"), true);
            } else {
                add(out, None, "stop", "Close it", format!("close {}", view.name), true);
            }
            add(out, Some(Tool::Pause), "pause", "Pause it, as a long GC does", format!("pause {node}"), true);
            impairments(out, view, &node, server);
        }
        Process::Paused => add(out, Some(Tool::Pause), "play", "Let it go on", format!("resume {node}"), false),
        Process::Crashed | Process::Stopped => {}
    }
}

/// Its clock, disk and processor: made worse, or as they were.
fn impairments(out: &mut Vec<Offer>, view: &HostView, node: &str, server: bool) {
    if view.skew_ms == 0 {
        add(out, None, "clock", "Set its clock 500 ms ahead", format!("skew {node} +500ms"), true);
    } else {
        add(out, None, "clock", "Set its clock right", format!("skew {node} +0ms"), false);
    }
    let disk = server.then_some((view.slow_disk, "disk", "disk"));
    for (slow, what, label) in disk.into_iter().chain([(view.slow_cpu, "cpu", "CPU")]) {
        if slow > 1 {
            let label = format!("Make its {label} as fast as it was");
            add(out, None, what, &label, format!("slow {what} {node} x1"), false);
        } else {
            let label = format!("Make its {label} 10 times slower");
            add(out, None, what, &label, format!("slow {what} {node} x10"), true);
        }
    }
}

fn link_offers(out: &mut Vec<Offer>, scene: &Scene, a: u32, b: u32) {
    let (Some(from), Some(to)) = (node_words(scene, a), node_words(scene, b)) else { return };
    let link = scene.link(a, b);
    let heal = |out: &mut Vec<Offer>, tool| {
        add(out, tool, "check", "Heal the link", format!("heal {from} {to}"), false);
    };
    if link.cut {
        heal(out, Some(Tool::Cut));
    } else {
        add(out, Some(Tool::Cut), "cut", "Cut both ways", format!("cut {from} {to}"), true);
        add(out, None, "cut", &format!("Cut only {from} to {to}"), format!("cut {from} {to} --one-way"), true);
        add(out, None, "cut", &format!("Cut only {to} to {from}"), format!("cut {to} {from} --one-way"), true);
    }
    match link.latency {
        None => {
            let line = format!("slow link {from} {to} --latency {SLOW}");
            add(out, Some(Tool::Slow), "slow", "Make it slow: 300 ms a way", line, true);
        }
        Some(_) if link.cut => {}
        Some(_) => heal(out, Some(Tool::Slow)),
    }
    add(out, None, "reset", "Reset its connections", format!("reset {from} {to}"), true);
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::script;

    #[test]
    fn every_offer_is_a_line_of_the_language() {
        let scene = fixture::two_faults();
        let of = |s: Selection| offers(&s, &scene);
        let all: Vec<Selection> = [Selection::Broker(1), Selection::Broker(2), Selection::Controller(102)]
            .into_iter()
            .chain(scene.hosts.keys().map(|host| Selection::Client(*host)))
            .chain([Selection::link(0, 2), Selection::Packet(crate::base::EventId(211))])
            .chain([Selection::Partition(crate::base::TopicPartition::new("orders", 1))])
            .collect();
        for selection in all {
            let offers = of(selection.clone());
            assert!(!offers.is_empty(), "{selection:?}");
            for offer in offers {
                script::Line::parse(&offer.line).expect("a line of the language");
            }
        }
    }

    #[test]
    fn what_is_offered_follows_the_state() {
        let mut scene = fixture::two_faults();
        let line = |tool, selection: &Selection, scene: &Scene| tool_offer(tool, selection, scene).map(|o| o.line);
        let one = Selection::Broker(1);
        assert_eq!(line(Tool::Crash, &one, &scene).as_deref(), Some("crash broker 1"));
        assert_eq!(line(Tool::Pause, &one, &scene).as_deref(), Some("pause broker 1"));
        assert_eq!(line(Tool::Restart, &one, &scene), None, "it runs");
        assert_eq!(line(Tool::Crash, &Selection::Broker(2), &scene), None, "it is down");
        let all =
            |selection: &Selection| offers(selection, &scene).into_iter().map(|offer| offer.line).collect::<Vec<_>>();
        assert!(all(&Selection::Broker(2)).contains(&"kafka-cluster.sh unregister --id 2".to_owned()));
        assert!(!all(&one).iter().any(|line| line.contains("unregister")), "it runs");
        let topic = Selection::Partition(crate::base::TopicPartition::new("orders", 0));
        assert!(all(&topic).contains(&"kafka-topics.sh --delete --topic orders".to_owned()));
        let host = scene.brokers[&1].host;
        scene.hosts.get_mut(&host).expect("it is there").process = Process::Paused;
        assert_eq!(line(Tool::Pause, &one, &scene).as_deref(), Some("resume broker 1"));
        let link = Selection::link(scene.brokers[&3].host, host);
        assert_eq!(line(Tool::Slow, &link, &scene).as_deref(), Some("heal broker 1 broker 3"), "it is slow already");
        assert_eq!(line(Tool::Cut, &link, &scene).as_deref(), Some("cut broker 1 broker 3"));
        let view = scene.hosts.get_mut(&scene.brokers[&3].host).expect("it is there");
        (view.skew_ms, view.slow_disk, view.slow_cpu) = (500, 10, 10);
        let lines: Vec<String> = offers(&Selection::Broker(3), &scene).into_iter().map(|offer| offer.line).collect();
        for mended in ["skew broker 3 +0ms", "slow disk broker 3 x1", "slow cpu broker 3 x1"] {
            assert!(lines.iter().any(|line| line == mended), "{mended} in {lines:?}");
            script::Line::parse(mended).expect("a line of the language");
        }
        let leader = Selection::Partition(crate::base::TopicPartition::new("orders", 1));
        assert_eq!(line(Tool::Crash, &leader, &scene).as_deref(), Some("crash broker 3"));
    }
}
