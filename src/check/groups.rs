//! Groups: who owns what in which generation, how far it was committed, and what applications have worked on.
//!
//! Kafka promises no group that it works on each record once. What it worked on again, and what it never worked on
//! although it committed behind it, is counted here, each with its cause; no law is broken by that.

use super::verdicts::{Law, Verdicts};
use crate::base::{HostId, OrdMap, Sort, TopicPartition};
use crate::machine::Fact;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// How many generations are remembered.
const GENERATIONS: usize = 4;

/// The length of the UUID at the end of a member's id.
const UUID_LENGTH: usize = 36;

/// How many causes are remembered.
const CAUSES: usize = 20;

/// What is known of all groups, and of the consumers in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    groups: OrdMap<Arc<str>, Arc<Group>>,
    /// Each consumer's name in its group, the member's.
    members: OrdMap<HostId, (Arc<str>, Arc<str>)>,
    /// Of each consumer and partition: where it began last, and the furthest that it may commit.
    places: OrdMap<(HostId, TopicPartition), Place>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    began: i64,
    furthest: i64,
}

#[derive(Clone, Debug, Default)]
struct Group {
    /// The owners of each generation's partitions, the latest generation last.
    generations: VecDeque<(i32, OrdMap<TopicPartition, Arc<str>>)>,
    /// The last generation that its coordinator has begun.
    begun: i32,
    partitions: OrdMap<TopicPartition, Done>,
    duplicates: u64,
    causes: VecDeque<Again>,
}

/// Records that were worked on again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Again {
    partition: TopicPartition,
    span: Span,
    /// Who had worked on them.
    before: Arc<str>,
    /// Who did it again, and where that member began to read.
    member: Arc<str>,
    began: i64,
}

/// Offsets, both ends included.
type Span = (i64, i64);

/// What a group has done in a partition.
#[derive(Clone, Debug, Default)]
struct Done {
    /// Where its first member began.
    base: Option<i64>,
    committed: i64,
    /// Where a member began beyond all that was committed or worked on, and what was before it.
    skipped: Option<(Span, Arc<str>)>,
    /// The offsets that were worked on, in order, with who did it last.
    worked: Vec<(Span, Arc<str>)>,
}

impl Done {
    /// Adds what was worked on; which of it had been before, and by whom.
    fn add(&mut self, (first, last): Span, member: &Arc<str>) -> Vec<(Span, Arc<str>)> {
        // The usual case: right behind the last span.
        if let Some((end, who)) = self.worked.last_mut()
            && end.1 + 1 == first
            && who == member
        {
            end.1 = last;
            return Vec::new();
        }
        let (mut again, mut kept) = (Vec::new(), Vec::new());
        for (span, who) in std::mem::take(&mut self.worked) {
            let both = (span.0.max(first), span.1.min(last));
            if both.0 > both.1 {
                kept.push((span, who));
                continue;
            }
            if span.0 < both.0 {
                kept.push(((span.0, both.0 - 1), who.clone()));
            }
            if span.1 > both.1 {
                kept.push(((both.1 + 1, span.1), who.clone()));
            }
            again.push((both, who));
        }
        kept.push(((first, last), member.clone()));
        kept.order();
        for (span, who) in kept {
            match self.worked.last_mut() {
                Some((end, before)) if end.1 + 1 == span.0 && *before == who => end.1 = span.1,
                _ => self.worked.push((span, who)),
            }
        }
        again
    }

    /// How many offsets before the committed one nobody worked on.
    fn unprocessed(&self) -> u64 {
        let Some(base) = self.base.filter(|base| *base < self.committed) else { return 0 };
        let inside = |((from, to), _): &(Span, Arc<str>)| (to.min(&(self.committed - 1)) - from.max(&base) + 1).max(0);
        let worked: i64 = self.worked.iter().map(inside).sum();
        (self.committed - base - worked).max(0) as u64
    }
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, span: (first, last), before, member, began } = self;
        let (before, member) = (name_of(before), name_of(member));
        write!(f, "{partition} @{first} to {last} again: {before} had worked on it, and {member} had begun at {began}")
    }
}

/// A member's id without the UUID at its end.
fn name_of(member: &str) -> &str {
    let at = member.len().checked_sub(UUID_LENGTH + 1).filter(|at| member.is_char_boundary(*at));
    at.filter(|at| uuid::Uuid::parse_str(&member[at + 1..]).is_ok()).map_or(member, |at| &member[..at])
}

impl Groups {
    /// Takes in a fact from `host`.
    pub(super) fn observe(&mut self, host: HostId, fact: &Fact, verdicts: &mut Verdicts) {
        match fact {
            Fact::OffsetReset { partition, offset } => self.began(host, partition, *offset),
            Fact::Polled { partition, last_offset, .. } => {
                let place = self.places.entry((host, partition.clone())).or_default();
                place.furthest = place.furthest.max(last_offset + 1);
            }
            Fact::Processed { group, partition, first_offset, last_offset, .. } => {
                self.processed(host, group, partition, (*first_offset, *last_offset));
            }
            Fact::GroupGeneration { group, generation, .. } => self.group(group).begins(*generation),
            Fact::JoinedGroup { group, member, generation, .. } => {
                self.members.insert(host, (group.clone(), member.clone()));
                self.group(group).joined(*generation);
            }
            Fact::PartitionsAssigned { group, member, generation, owned, .. } => {
                self.group(group).assigned((group, member), *generation, owned, verdicts);
            }
            Fact::PartitionsRevoked { group, member, partitions }
            | Fact::PartitionsLost { group, member, partitions } => {
                self.group(group).gave_up(member, partitions);
            }
            Fact::CommitAcknowledged { group, offsets, .. } => {
                for (tp, offset) in offsets {
                    let furthest = self.places.get(&(host, tp.clone())).map_or(0, |place| place.furthest);
                    if *offset > furthest {
                        let what = format!("{tp} was committed to {offset} by a consumer that was at {furthest}");
                        verdicts.breach(Law::CommittedWithinPolled, what);
                    }
                    self.group(group).partitions.entry(tp.clone()).or_default().committed = *offset;
                }
            }
            _ => {}
        }
    }

    fn group(&mut self, name: &Arc<str>) -> &mut Group {
        Arc::make_mut(self.groups.entry(name.clone()).or_default())
    }

    fn began(&mut self, host: HostId, tp: &TopicPartition, offset: i64) {
        let place = self.places.entry((host, tp.clone())).or_default();
        place.began = offset;
        place.furthest = place.furthest.max(offset);
        if let Some((group, member)) = self.members.get(&host).cloned() {
            let done = self.group(&group).partitions.entry(tp.clone()).or_default();
            let known = done.worked.last().map_or(0, |((_, last), _)| last + 1).max(done.committed);
            if done.base.is_some_and(|base| known.max(base) < offset) {
                done.skipped = Some(((known.max(done.base.unwrap_or(0)), offset - 1), member));
            }
            done.base = Some(done.base.map_or(offset, |base| base.min(offset)));
        }
    }

    fn processed(&mut self, host: HostId, group: &Arc<str>, tp: &TopicPartition, span: Span) {
        let member =
            self.members.get(&host).map_or_else(|| "who was told to read it".into(), |member| member.1.clone());
        let began = self.places.get(&(host, tp.clone())).map_or(0, |place| place.began);
        let group = self.group(group);
        let again = group.partitions.entry(tp.clone()).or_default().add(span, &member);
        for (span, before) in again {
            group.duplicates += (span.1 - span.0 + 1) as u64;
            let new = Again { partition: tp.clone(), span, before, member: member.clone(), began };
            match group.causes.back_mut() {
                Some(last) if last.span.1 + 1 == span.0 && (Again { span, ..last.clone() }) == new => {
                    last.span.1 = span.1
                }
                _ => group.causes.push_back(new),
            }
            if group.causes.len() > CAUSES {
                group.causes.pop_front();
            }
        }
    }

    /// How often a group's applications worked on a record that was worked on before.
    pub(super) fn duplicates(&self, group: &str) -> u64 {
        self.groups.get(group).map_or(0, |group| group.duplicates)
    }

    /// How many records before the committed offsets none of a group's applications worked on.
    pub(super) fn unprocessed(&self, group: &str) -> u64 {
        self.groups.get(group).map_or(0, |group| group.partitions.values().map(Done::unprocessed).sum())
    }

    /// Why records were worked on again, and which were never worked on.
    pub(super) fn causes(&self, group: &str) -> Vec<String> {
        let Some(group) = self.groups.get(group) else { return Vec::new() };
        let skipped = group.partitions.iter().filter(|(_, done)| done.unprocessed() > 0);
        let skipped = skipped.map(|(tp, done)| {
            let (count, committed) = (done.unprocessed(), done.committed);
            match &done.skipped {
                Some(((first, last), member)) => {
                    let member = name_of(member);
                    format!("{tp}: {count} records never: {member} passed over @{first} to {last} (auto.offset.reset)")
                }
                None => format!("{tp}: {count} records never: {committed} was committed before the work was done"),
            }
        });
        group.causes.iter().map(Again::to_string).chain(skipped).collect()
    }
}

impl Group {
    /// Its coordinator begins a generation. One that was before means that nothing is left of the group as it was: it was
    /// deleted, or its log was lost.
    fn begins(&mut self, generation: i32) {
        if generation <= self.begun {
            self.generations.clear();
        }
        self.begun = generation;
    }

    /// A member has joined a generation.
    fn joined(&mut self, generation: i32) {
        if !self.generations.iter().any(|(known, _)| *known == generation) {
            self.generations.push_back((generation, OrdMap::new()));
            if self.generations.len() > GENERATIONS {
                self.generations.pop_front();
            }
        }
    }

    fn assigned(
        &mut self,
        (group, member): (&Arc<str>, &Arc<str>),
        generation: i32,
        owned: &[TopicPartition],
        verdicts: &mut Verdicts,
    ) {
        let Some((_, owners)) = self.generations.iter_mut().find(|(known, _)| *known == generation) else { return };
        for tp in owned {
            match owners.insert(tp.clone(), member.clone()) {
                Some(other) if other != *member => {
                    let what =
                        format!("{tp} belonged to {other} and to {member} in generation {generation} of group {group}");
                    verdicts.breach(Law::OneOwner, what);
                }
                _ => {}
            }
        }
    }

    fn gave_up(&mut self, member: &Arc<str>, partitions: &[TopicPartition]) {
        for (_, owners) in &mut self.generations {
            for tp in partitions {
                if owners.get(tp) == Some(member) {
                    owners.remove(tp);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_worked_on_is_counted_once() {
        let mut done = Done { base: Some(0), committed: 20, ..Done::default() };
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        assert!(done.add((0, 4), &a).is_empty() && done.add((5, 9), &a).is_empty());
        assert_eq!(done.worked, [((0, 9), a.clone())]);
        assert!(done.add((15, 16), &a).is_empty());
        assert_eq!(done.unprocessed(), 8);
        assert_eq!(done.add((8, 15), &b), [((8, 9), a.clone()), ((15, 15), a.clone())]);
        assert_eq!(done.worked, [((0, 7), a.clone()), ((8, 15), b.clone()), ((16, 16), a.clone())]);
        assert_eq!((done.add((9, 10), &a), done.unprocessed()), (vec![((9, 10), b)], 3));
        done.committed = 17;
        assert_eq!(done.unprocessed(), 0);
    }

    #[test]
    fn members_are_named_without_their_uuid() {
        assert_eq!(name_of("c1-14a348ac-1c16-437f-aabb-fccd23c53267"), "c1");
        assert_eq!(name_of("i1"), "i1");
    }
}
