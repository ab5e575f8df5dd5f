//! The timeline: a whole session from its start to its end, with marks of what is worth stopping at and a lane for each
//! partition that says who led it.

use super::chronicle::{Chronicle, Deal, Mark, MarkKind, Reign, Turn};
use super::scene::{Health, Scene};
use crate::base::{SimTime, Sort, SortedSet, TopicPartition};
use std::sync::Arc;

/// How many lanes there are at most; the partitions with most changes are shown.
const LANES: usize = 12;
/// Marks closer than so many pixels are one.
const KNOT: f64 = 34.0;
/// The shortest session that a timeline is made for, in microseconds.
const SHORTEST: f64 = 10e6;

/// A timeline. Places are fractions of its width, from 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// Where it ends, in microseconds.
    pub end: f64,
    /// Marks, those too close to each other as one.
    pub knots: Vec<Knot>,
    /// Who led what.
    pub lanes: Vec<Lane>,
    /// What members of groups had.
    pub members: Vec<MemberLane>,
    /// How many partitions have no lane.
    pub more: usize,
    /// Places and labels of the ruler.
    pub ticks: Vec<(f64, String)>,
}

/// One mark or several.
#[derive(Clone, Debug, PartialEq)]
pub struct Knot {
    /// Its place.
    pub x: f64,
    /// The moment of the gravest of its marks.
    pub at: SimTime,
    /// The gravest of its kinds.
    pub kind: MarkKind,
    /// How many marks.
    pub count: usize,
    /// What the gravest of them says.
    pub text: String,
}

/// A partition over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// The partition.
    pub tp: TopicPartition,
    /// Stretches without gaps from its creation on.
    pub spans: Vec<Span>,
}

/// A member of a group over time.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberLane {
    /// The group.
    pub group: Arc<str>,
    /// The member's client.
    pub name: Arc<str>,
    /// Stretches in which it had something.
    pub spells: Vec<Spell>,
}

/// A stretch in which a member had the same partitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Spell {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Its partitions.
    pub partitions: Vec<TopicPartition>,
    /// Whether the group was rebalanced meanwhile.
    pub rebalances: bool,
}

/// A stretch in which nothing about a partition changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Who led.
    pub leader: Option<i32>,
    /// The leader's epoch.
    pub epoch: i32,
    /// How the partition was.
    pub health: Health,
    /// Whether the leader's process was down, and nobody had been elected yet.
    pub down: bool,
}

/// The timeline of a session that ends at `end` microseconds, for a track of `width` pixels.
pub fn timeline(chronicle: &Chronicle, scene: &Scene, end: f64, width: f64) -> Timeline {
    let end = end.max(SHORTEST);
    let own = |tp: &&TopicPartition| !tp.topic.starts_with("__") && !chronicle.reigns(tp).is_empty();
    let mut shown: Vec<&TopicPartition> = scene.partitions.keys().filter(own).collect();
    let more = shown.len().saturating_sub(LANES);
    if more > 0 {
        shown.order_by_key(|tp| std::cmp::Reverse(chronicle.reigns(tp).len()));
        shown.truncate(LANES);
        shown.order();
    }
    let lane = |tp: &TopicPartition| Lane { tp: tp.clone(), spans: spans(chronicle, tp, end) };
    Timeline {
        end,
        knots: knots(chronicle.marks(), end, width),
        lanes: shown.into_iter().map(lane).collect(),
        members: members(chronicle, end),
        more,
        ticks: ticks(end, width),
    }
}

fn knots(marks: &[Mark], end: f64, width: f64) -> Vec<Knot> {
    let mut out: Vec<Knot> = Vec::new();
    let mut last = f64::NEG_INFINITY;
    for mark in marks {
        let x = mark.at.0 as f64 / end;
        match out.last_mut().filter(|_| (x - last) * width < KNOT) {
            Some(knot) => {
                knot.count += 1;
                if mark.kind > knot.kind {
                    (knot.kind, knot.at) = (mark.kind, mark.at);
                    knot.text.clone_from(&mark.text);
                }
            }
            None => {
                last = x;
                out.push(Knot { x, at: mark.at, kind: mark.kind, count: 1, text: mark.text.clone() });
            }
        }
    }
    out
}

/// The members that have had something, group by group.
fn members(chronicle: &Chronicle, end: f64) -> Vec<MemberLane> {
    let mut out = Vec::new();
    for (group, deals) in chronicle.deals() {
        let named = deals.iter().flat_map(|deal| deal.assigned.iter().flatten()).map(|(name, _)| name);
        let names: SortedSet<&Arc<str>> = named.collect();
        out.extend(names.into_iter().map(|name| MemberLane {
            group: group.clone(),
            name: name.clone(),
            spells: spells(deals, name, end),
        }));
    }
    out.truncate(LANES);
    out
}

fn spells(deals: &[Deal], name: &str, end: f64) -> Vec<Spell> {
    let mut out: Vec<Spell> = Vec::new();
    let mut has: &[TopicPartition] = &[];
    for (n, deal) in deals.iter().enumerate() {
        let dealt = deal.assigned.as_ref();
        if let Some(all) = dealt {
            has = all.iter().find(|(of, _)| &**of == name).map_or(&[], |(_, partitions)| partitions);
        }
        let (from, to) = (deal.at.0 as f64, deals.get(n + 1).map_or(end, |next| next.at.0 as f64));
        if !has.is_empty() && to > from {
            let (from, to, partitions) = (from / end, to / end, has.to_vec());
            out.push(Spell { from, to, partitions, rebalances: dealt.is_none() });
        }
    }
    out
}

fn spans(chronicle: &Chronicle, tp: &TopicPartition, end: f64) -> Vec<Span> {
    let reigns = chronicle.reigns(tp);
    let until = |n: usize| reigns.get(n + 1).map_or(end, |next| next.at.0 as f64);
    let mut out: Vec<Span> = Vec::new();
    for (n, reign) in reigns.iter().enumerate() {
        for span in cut_by_outages(reign, until(n), chronicle) {
            let span = Span { from: span.from / end, to: span.to / end, ..span };
            let same = |last: &&mut Span| {
                (last.leader, last.epoch, last.health, last.down) == (span.leader, span.epoch, span.health, span.down)
            };
            match out.last_mut().filter(same) {
                Some(last) => last.to = span.to,
                None => out.push(span),
            }
        }
    }
    out
}

/// A reign in pieces: with its leader's process up, and down.
fn cut_by_outages(reign: &Reign, until: f64, chronicle: &Chronicle) -> Vec<Span> {
    let turns: &[Turn] = reign.leader.map_or(&[], |leader| chronicle.turns(leader));
    let mut from = reign.at.0 as f64;
    let before = turns.iter().take_while(|turn| turn.at <= reign.at).last();
    let mut down = before.is_some_and(|turn| !turn.up);
    let span = |from, to, down| Span { from, to, leader: reign.leader, epoch: reign.epoch, health: reign.health, down };
    let mut out = Vec::new();
    for turn in turns.iter().filter(|turn| turn.at > reign.at && (turn.at.0 as f64) < until) {
        let at = turn.at.0 as f64;
        out.push(span(from, at, down));
        (from, down) = (at, !turn.up);
    }
    out.push(span(from, until, down));
    out.retain(|span| span.to > span.from);
    out
}

/// A ruler with a label every 90 pixels or more, at round numbers of seconds.
fn ticks(end: f64, width: f64) -> Vec<(f64, String)> {
    let most = (width / 90.0).max(2.0);
    let seconds = end / 1e6;
    let step = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0]
        .into_iter()
        .find(|step| seconds / step <= most)
        .unwrap_or(7_200.0);
    (0..)
        .map(|n| f64::from(n) * step)
        .take_while(|at| *at < seconds * 0.985)
        .map(|at| (at / seconds, format!("{at:.0} s")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::chronicle::Chapter;
    use super::super::fixture;
    use super::*;
    use crate::base::EventId;

    fn reign(id: u64, at: u64, leader: Option<i32>, epoch: i32) -> (TopicPartition, Reign) {
        let health = if leader.is_some() { Health::Whole } else { Health::Offline };
        (TopicPartition::new("orders", 0), Reign { id: EventId(id), at: SimTime(at), leader, epoch, health })
    }

    fn mark(id: u64, at: u64, kind: MarkKind) -> Mark {
        Mark { id: EventId(id), at: SimTime(at), kind, text: format!("{kind:?}") }
    }

    #[test]
    fn a_leader_that_is_down_shows_until_another_is_elected() {
        let scene = fixture::scene(&[("orders", 1)], &[], &[]);
        let mut chronicle = Chronicle::default();
        chronicle.hear(Chapter {
            reigns: vec![reign(1, 2_000_000, Some(1), 0), reign(9, 15_000_000, Some(2), 1)],
            turns: vec![(1, Turn { id: EventId(5), at: SimTime(6_000_000), up: false })],
            ..Chapter::default()
        });
        let timeline = timeline(&chronicle, &scene, 20e6, 1_000.0);
        let spans: Vec<_> = timeline.lanes[0].spans.iter().map(|s| (s.from, s.to, s.leader, s.down)).collect();
        assert_eq!(spans, [(0.1, 0.3, Some(1), false), (0.3, 0.75, Some(1), true), (0.75, 1.0, Some(2), false)]);
    }

    #[test]
    fn a_member_has_what_it_was_dealt_until_it_is_dealt_anew() {
        let mut chronicle = Chronicle::default();
        chronicle.hear(fixture::two_faults_history());
        let lanes = members(&chronicle, 20e6);
        let names: Vec<&str> = lanes.iter().map(|lane| &*lane.name).collect();
        assert_eq!(names, ["aud-1", "bill-1", "bill-2"]);
        let spells: Vec<_> = lanes[1].spells.iter().map(|s| (s.from, s.to, s.partitions.len(), s.rebalances)).collect();
        assert_eq!(spells, [(0.05, 0.61, 2, false), (0.61, 1.0, 2, true)]);
    }

    #[test]
    fn marks_that_collide_are_one_with_the_gravest_kind() {
        let marks = [
            mark(1, 1_000_000, MarkKind::Crash),
            mark(2, 1_050_000, MarkKind::Election),
            mark(3, 9_000_000, MarkKind::IsrGrows),
        ];
        let knots = knots(&marks, 10e6, 1_000.0);
        assert_eq!(
            knots.iter().map(|k| (k.kind, k.count)).collect::<Vec<_>>(),
            [(MarkKind::Crash, 2), (MarkKind::IsrGrows, 1)]
        );
    }

    #[test]
    fn the_ruler_has_room_for_its_labels() {
        for (end, width) in [(10e6, 300.0), (61e6, 900.0), (600e6, 1_000.0), (36_000e6, 400.0)] {
            let ticks = ticks(end, width);
            assert!(ticks.len() >= 2, "{end} {width}");
            assert!(ticks.windows(2).all(|w| (w[1].0 - w[0].0) * width >= 50.0), "{end} {width}: {ticks:?}");
        }
    }
}
