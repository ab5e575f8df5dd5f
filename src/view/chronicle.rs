//! What a timeline shows of a history: marks of what is worth stopping at, who led what and when, when brokers were
//! down.

use super::groups::member_client;
use super::narrate::{Before, Line};
use super::scene::{Health, PartitionView, Role, Scene};
use crate::base::{EventId, SimTime, Sort, SortedMap, TopicPartition};
use crate::check::LawReport;
use crate::machine::{Assigned, Fact};
use crate::sim::{TraceEvent, TraceKind};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Something worth stopping at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The event.
    pub id: EventId,
    /// When.
    pub at: SimTime,
    /// What kind of thing.
    pub kind: MarkKind,
    /// What happened, in a sentence; a command as it was given.
    pub text: String,
}

/// The kinds of marks, the graver later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MarkKind {
    /// A command of the script or of somebody who typed it.
    Command,
    /// A command that repairs something.
    Repair,
    /// A command that breaks something, but for a crash.
    Fault,
    /// An ISR grew.
    IsrGrows,
    /// The quorum has another active controller.
    Controller,
    /// A broker was let into service.
    Unfenced,
    /// A group is rebalanced.
    Rebalance,
    /// An ISR shrank.
    IsrShrinks,
    /// A partition has another leader.
    Election,
    /// A broker was taken out of service.
    Fenced,
    /// A process was crashed.
    Crash,
    /// A process ended by a fault of its own.
    Halted,
    /// A partition has no leader.
    NoLeader,
    /// A log was cut back.
    Cut,
    /// A law was broken.
    Broken,
}

impl MarkKind {
    /// Whether somebody did it, rather than the cluster.
    pub fn is_command(self) -> bool {
        matches!(self, Self::Command | Self::Repair | Self::Fault | Self::Crash)
    }
}

/// How a partition was led from a moment on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reign {
    /// The event that began it.
    pub id: EventId,
    /// When.
    pub at: SimTime,
    /// The leader, if there was one.
    pub leader: Option<i32>,
    /// The leader's epoch.
    pub epoch: i32,
    /// How the partition was.
    pub health: Health,
}

/// A broker's process came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The event.
    pub id: EventId,
    /// When.
    pub at: SimTime,
    /// Whether it runs from here on.
    pub up: bool,
}

/// What a group's members have from a moment on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deal {
    /// The event that began it.
    pub id: EventId,
    /// When.
    pub at: SimTime,
    /// Each member's client with its partitions; none while the group is rebalanced, and members have what they had until
    /// they hear of it.
    pub assigned: Option<Vec<(Arc<str>, Vec<TopicPartition>)>>,
}

/// A stretch of history, as a timeline shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// Marks, in order.
    pub marks: Vec<Mark>,
    /// Changes of partitions, in order.
    pub reigns: Vec<(TopicPartition, Reign)>,
    /// Brokers' processes that came or went, in order.
    pub turns: Vec<(i32, Turn)>,
    /// What groups have dealt, in order.
    pub deals: Vec<(Arc<str>, Deal)>,
}

impl Chapter {
    /// Whether an event may have a place in a chapter.
    pub fn is_told(event: &TraceEvent) -> bool {
        match &event.kind {
            TraceKind::Commanded { .. } | TraceKind::Started { .. } | TraceKind::Exited => true,
            TraceKind::Fact(fact) => matches!(
                fact,
                Fact::PartitionChanged { .. }
                    | Fact::BrokerFenced { .. }
                    | Fact::BrokerUnfenced { .. }
                    | Fact::ControllerActive { .. }
                    | Fact::Truncated { .. }
                    | Fact::GroupRebalancing { .. }
                    | Fact::GroupAssigned { .. }
                    | Fact::GroupEmpty { .. }
                    | Fact::FatalFault { .. }
            ),
            _ => false,
        }
    }

    /// Puts an event down; `line` is its sentence, `before` are the partitions that it changes, as they were.
    pub fn tell(&mut self, event: &TraceEvent, line: Option<&Line>, scene: &Scene, before: &Before) {
        let broker = |host: Option<crate::base::HostId>| match scene.hosts.get(&host?.0)?.role {
            Role::Broker(id) => Some(id),
            _ => None,
        };
        match &event.kind {
            TraceKind::Started { .. } | TraceKind::Exited => {
                let up = matches!(event.kind, TraceKind::Started { .. });
                let turn = Turn { id: event.id, at: event.at, up };
                self.turns.extend(broker(event.host).map(|id| (id, turn)));
            }
            TraceKind::Fact(Fact::PartitionChanged { partition, leader, leader_epoch, isr, replicas, .. }) => {
                let after = PartitionView {
                    leader: *leader,
                    isr: isr.clone(),
                    replicas: replicas.clone(),
                    ..PartitionView::default()
                };
                let configured = scene.topics.get(&partition.topic).map_or(1, |t| t.min_isr);
                let health = after.health(configured.min(replicas.len().max(1) as i32));
                let reign = Reign { id: event.id, at: event.at, leader: *leader, epoch: *leader_epoch, health };
                self.reigns.push((partition.clone(), reign));
            }
            TraceKind::Fact(fact) => self.deals.extend(deal(event, fact)),
            _ => {}
        }
        if let (Some(kind), Some(line)) = (kind(event, before), line) {
            let text = line.text.trim_start_matches("› ").to_owned();
            self.marks.push(Mark { id: event.id, at: event.at, kind, text });
        }
    }

    /// Puts a law down that was broken at `at`.
    pub fn broken(&mut self, law: &LawReport, at: SimTime) {
        if let Some(breach) = &law.breach {
            let text = format!("{} is broken: {}", law.title, breach.what);
            self.marks.push(Mark { id: breach.event, at, kind: MarkKind::Broken, text });
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.reigns.is_empty() && self.turns.is_empty()
    }
}

fn kind(event: &TraceEvent, before: &Before) -> Option<MarkKind> {
    Some(match &event.kind {
        TraceKind::Commanded { line } => command_kind(line),
        TraceKind::Fact(Fact::BrokerFenced { .. }) => MarkKind::Fenced,
        TraceKind::Fact(Fact::BrokerUnfenced { .. }) => MarkKind::Unfenced,
        TraceKind::Fact(Fact::ControllerActive { .. }) => MarkKind::Controller,
        TraceKind::Fact(Fact::Truncated { .. }) => MarkKind::Cut,
        TraceKind::Fact(Fact::GroupRebalancing { .. }) => MarkKind::Rebalance,
        TraceKind::Fact(Fact::FatalFault { .. }) => MarkKind::Halted,
        TraceKind::Fact(Fact::PartitionChanged { partition, leader, leader_epoch, isr, .. }) => {
            let before = before.get(partition)?;
            match leader {
                None if before.leader.is_some() => MarkKind::NoLeader,
                Some(_) if before.leader_epoch != *leader_epoch && before.leader != *leader => MarkKind::Election,
                _ if isr.len() < before.isr.len() => MarkKind::IsrShrinks,
                _ if isr.len() > before.isr.len() => MarkKind::IsrGrows,
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// What a fact tells of what a group's members have.
fn deal(event: &TraceEvent, fact: &Fact) -> Option<(Arc<str>, Deal)> {
    let (group, assigned) = match fact {
        Fact::GroupRebalancing { group, .. } => (group, None),
        Fact::GroupEmpty { group, .. } => (group, Some(Vec::new())),
        Fact::GroupAssigned { group, assignment, .. } => {
            let of = |to: &Assigned| (member_client(&to.member).into(), to.partitions.clone());
            (group, Some(assignment.iter().map(of).collect()))
        }
        _ => return None,
    };
    Some((group.clone(), Deal { id: event.id, at: event.at, assigned }))
}

/// What kind of thing a command is, by its verb.
fn command_kind(line: &str) -> MarkKind {
    match line.split_whitespace().next().unwrap_or_default() {
        "crash" | "power-loss" => MarkKind::Crash,
        "start" | "heal" | "resume" => MarkKind::Repair,
        "stop" | "pause" | "cut" | "slow" | "reset" | "drop" | "delay" | "skew" => MarkKind::Fault,
        _ => MarkKind::Command,
    }
}

/// A whole history, as a timeline shows it: chapters put together. What it has heard once it does not hear again, so
/// that a stretch that is played a second time leaves it as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chronicle {
    marks: Vec<Mark>,
    reigns: SortedMap<TopicPartition, Vec<Reign>>,
    turns: SortedMap<i32, Vec<Turn>>,
    deals: SortedMap<Arc<str>, Vec<Deal>>,
    /// The number of the first event that it has not heard.
    next: u64,
}

impl Chronicle {
    /// Takes a chapter in.
    pub fn hear(&mut self, chapter: Chapter) {
        let from = EventId(self.next);
        let mut last = None;
        for mark in chapter.marks.into_iter().filter(|mark| mark.id >= from) {
            last = last.max(Some(mark.id));
            self.marks.push(mark);
        }
        for (tp, reign) in chapter.reigns.into_iter().filter(|(_, reign)| reign.id >= from) {
            last = last.max(Some(reign.id));
            self.reigns.entry(tp).or_default().push(reign);
        }
        for (broker, turn) in chapter.turns.into_iter().filter(|(_, turn)| turn.id >= from) {
            last = last.max(Some(turn.id));
            self.turns.entry(broker).or_default().push(turn);
        }
        for (group, deal) in chapter.deals.into_iter().filter(|(_, deal)| deal.id >= from) {
            last = last.max(Some(deal.id));
            self.deals.entry(group).or_default().push(deal);
        }
        if let Some(last) = last {
            self.next = last.0 + 1;
            self.marks.order_by_key(|mark| (mark.at, mark.id));
        }
    }

    /// Forgets what came after the first `events` events, and gives it: history goes another way from there.
    pub fn cut(&mut self, events: u64) -> Chapter {
        let from = EventId(events);
        let mut out = Chapter::default();
        let (kept, gone) = std::mem::take(&mut self.marks).into_iter().partition(|mark: &Mark| mark.id < from);
        (self.marks, out.marks) = (kept, gone);
        for (tp, reigns) in self.reigns.iter_mut() {
            let at = reigns.partition_point(|reign| reign.id < from);
            out.reigns.extend(reigns.split_off(at).into_iter().map(|reign| (tp.clone(), reign)));
        }
        for (broker, turns) in self.turns.iter_mut() {
            let at = turns.partition_point(|turn| turn.id < from);
            out.turns.extend(turns.split_off(at).into_iter().map(|turn| (*broker, turn)));
        }
        for (group, deals) in self.deals.iter_mut() {
            let at = deals.partition_point(|deal| deal.id < from);
            out.deals.extend(deals.split_off(at).into_iter().map(|deal| (group.clone(), deal)));
        }
        self.deals.retain(|_, deals| !deals.is_empty());
        self.reigns.retain(|_, reigns| !reigns.is_empty());
        self.next = self.next.min(events);
        out
    }

    /// All of it.
    pub fn whole(&self) -> Chapter {
        self.clone().cut(0)
    }

    /// All marks, in the order of their times.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// How a partition was led, in order.
    pub fn reigns(&self, tp: &TopicPartition) -> &[Reign] {
        self.reigns.get(tp).map_or(&[], Vec::as_slice)
    }

    /// What each group's members had, in order.
    pub fn deals(&self) -> impl Iterator<Item = (&Arc<str>, &[Deal])> {
        self.deals.iter().map(|(group, deals)| (group, deals.as_slice()))
    }

    /// When a broker's process came and went, in order.
    pub fn turns(&self, broker: i32) -> &[Turn] {
        self.turns.get(&broker).map_or(&[], Vec::as_slice)
    }

    /// The first mark that is later than `now`, in microseconds.
    pub fn next_mark(&self, now: f64) -> Option<&Mark> {
        self.marks.iter().find(|mark| mark.at.0 as f64 > now)
    }

    /// The last mark that is earlier than `now`, in microseconds.
    pub fn previous_mark(&self, now: f64) -> Option<&Mark> {
        self.marks.iter().rev().find(|mark| (mark.at.0 as f64) < now)
    }

    /// The last mark, no later than `now`, whose sentence speaks of `name` as a word.
    pub fn last_about(&self, name: &str, now: f64) -> Option<&Mark> {
        let speaks = |text: &str| {
            text.match_indices(name).any(|(at, _)| {
                let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '-');
                edge(text[..at].chars().next_back()) && edge(text[at + name.len()..].chars().next())
            })
        };
        self.marks.iter().rev().find(|mark| mark.at.0 as f64 <= now && speaks(&mark.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(id: u64, at: u64, text: &str) -> Mark {
        Mark { id: EventId(id), at: SimTime(at), kind: MarkKind::Election, text: text.into() }
    }

    fn reign(id: u64) -> (TopicPartition, Reign) {
        let (at, health) = (SimTime(id * 10), Health::Whole);
        (TopicPartition::new("orders", 0), Reign { id: EventId(id), at, leader: Some(1), epoch: 0, health })
    }

    #[test]
    fn what_is_heard_twice_is_kept_once_and_what_is_cut_comes_back() {
        let chapter = Chapter {
            marks: vec![mark(3, 30, "a"), mark(9, 90, "b")],
            reigns: vec![reign(2), reign(9)],
            turns: vec![(1, Turn { id: EventId(4), at: SimTime(40), up: false })],
            deals: vec![("g".into(), Deal { id: EventId(5), at: SimTime(50), assigned: None })],
        };
        let mut chronicle = Chronicle::default();
        chronicle.hear(chapter.clone());
        let whole = chronicle.clone();
        chronicle.hear(chapter);
        assert_eq!(chronicle, whole);
        let later = chronicle.cut(4);
        assert_eq!((chronicle.marks().len(), later.marks.len(), later.reigns.len(), later.turns.len()), (1, 1, 1, 1));
        assert_eq!((chronicle.deals().count(), later.deals.len()), (0, 1));
        chronicle.hear(later);
        assert_eq!(chronicle, whole);
        assert_eq!(chronicle.next_mark(30.0).map(|m| m.id), Some(EventId(9)));
        assert_eq!(chronicle.previous_mark(30.0), None);
    }

    #[test]
    fn what_was_last_said_of_a_thing_is_found_by_its_whole_name() {
        let mut chronicle = Chronicle::default();
        let marks = vec![mark(1, 10, "Controller 101 fences broker 1: so."), mark(2, 20, "start broker 10")];
        chronicle.hear(Chapter { marks, ..Chapter::default() });
        assert_eq!(chronicle.last_about("broker 1", 99.0).map(|m| m.id), Some(EventId(1)));
        assert_eq!(chronicle.last_about("broker 10", 15.0), None);
    }
}
