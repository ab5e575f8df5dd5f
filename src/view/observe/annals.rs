//! What a world's trace tells and its state does not: how hosts are called, who became leader when, what brokers
//! believe while others know better.

use crate::base::{EventId, HostId, OrdMap, OrdSet, SimTime, TopicPartition};
use crate::machine::Fact;
use crate::sim::{TraceEvent, TraceKind};
use crate::view::rebalances::GroupNotes;
use crate::view::scene::Election;
use crate::view::why::Causes;
use std::collections::VecDeque;

/// See the module. It hears a trace from its start. Copies are cheap: every snapshot of a session has one.
#[derive(Clone, Debug, Default)]
pub struct Annals {
    command: Option<String>,
    /// Hosts by the order in which they joined, each with the name to call it by: a tool's is that of the command that
    /// started it.
    pub(super) started: OrdMap<HostId, String>,
    /// When each broker was fenced or unfenced last.
    pub(super) fenced_since: OrdMap<i32, SimTime>,
    /// The brokers that were taken off the register and have not come back.
    pub(super) unregistered: OrdSet<i32>,
    /// The last change of leader of each partition that had one.
    pub(super) elections: OrdMap<TopicPartition, Election>,
    /// Who leads each partition, in which epoch.
    leaders: OrdMap<TopicPartition, (Option<i32>, i32)>,
    /// What each broker believes: whether it leads, in which epoch.
    pub(super) beliefs: OrdMap<(TopicPartition, HostId), (bool, i32)>,
    /// The last truncation of each replica: when, from where, to where.
    pub(super) cuts: OrdMap<(TopicPartition, HostId), (SimTime, i64, i64)>,
    /// The last batches that leaders wrote, by partition.
    written: OrdMap<TopicPartition, VecDeque<Batch>>,
    /// The last batches that were acknowledged, by partition.
    acknowledged: OrdMap<TopicPartition, VecDeque<Batch>>,
    /// What caused what.
    pub(in crate::view) causes: Causes,
    /// What groups' rebalances were made of.
    pub(in crate::view) rebalances: GroupNotes,
    /// The last batch that a node saw committed.
    pub(super) committed: Option<(HostId, i64)>,
}

/// A batch that a leader wrote.
#[derive(Clone, Copy, Debug)]
struct Batch {
    base: i64,
    last: i64,
    epoch: i32,
    crc: u32,
    /// The event that wrote it.
    id: EventId,
}

/// How many batches of each partition are remembered: more than a log is ever cut back by while somebody looks.
const BATCHES: usize = 256;

impl Annals {
    /// Takes an event in.
    pub fn hear(&mut self, event: &TraceEvent) {
        self.causes.hear(event);
        self.rebalances.hear(event);
        match (&event.kind, event.host) {
            (TraceKind::Commanded { line }, _) => {
                let word = line.split_whitespace().next().unwrap_or_default();
                self.command = Some(word.trim_end_matches(".sh").to_owned());
            }
            (TraceKind::Started { name }, Some(host)) => {
                let tool = self.command.as_ref().filter(|_| name.starts_with("tool "));
                self.started.insert(host, tool.unwrap_or(name).clone());
            }
            (TraceKind::Fact(fact), Some(host)) => self.fact(fact, host, event),
            _ => {}
        }
    }

    fn fact(&mut self, fact: &Fact, host: HostId, event: &TraceEvent) {
        let (id, at) = (event.id, event.at);
        match fact {
            Fact::BrokerFenced { broker } | Fact::BrokerUnfenced { broker } => {
                self.fenced_since.insert(*broker, at);
            }
            Fact::BrokerUnregistered { broker } => {
                self.unregistered.insert(*broker);
            }
            Fact::BrokerRegistered { broker, .. } => {
                self.unregistered.remove(broker);
            }
            Fact::PartitionChanged { partition, leader, leader_epoch, .. } => {
                self.partition_changed(partition, *leader, *leader_epoch, at);
            }
            Fact::BecameLeader { partition, leader_epoch, .. } => {
                self.beliefs.insert((partition.clone(), host), (true, *leader_epoch));
            }
            Fact::BecameFollower { partition, leader_epoch, .. } => {
                self.beliefs.insert((partition.clone(), host), (false, *leader_epoch));
            }
            Fact::Truncated { partition, from, to } => {
                self.cuts.insert((partition.clone(), host), (at, *to, *from));
            }
            Fact::Appended { partition, base_offset, last_offset, leader_epoch, crc, .. } => {
                let batch = Batch { base: *base_offset, last: *last_offset, epoch: *leader_epoch, crc: *crc, id };
                remember(&mut self.written, partition, batch);
            }
            Fact::Acknowledged { partition, base_offset, crc, .. } => {
                let is_it = |batch: &&Batch| batch.base == *base_offset && batch.crc == *crc;
                let written = self.written.get(partition).and_then(|all| all.iter().rev().find(is_it)).copied();
                if let Some(batch) = written {
                    remember(&mut self.acknowledged, partition, batch);
                }
            }
            Fact::MetadataCommitted { base_offset, .. } => self.committed = Some((host, *base_offset)),
            Fact::TopicDeleted { topic } => {
                let gone = |tp: &TopicPartition| tp.topic == *topic;
                forget(&mut self.elections, gone);
                forget(&mut self.leaders, gone);
                forget(&mut self.beliefs, |(tp, _)| gone(tp));
                forget(&mut self.cuts, |(tp, _)| gone(tp));
                forget(&mut self.written, gone);
                forget(&mut self.acknowledged, gone);
            }
            _ => {}
        }
    }

    /// The event that wrote a record, if its batch is remembered.
    pub(in crate::view) fn written_by(&self, tp: &TopicPartition, offset: i64) -> Option<EventId> {
        let holds = |batch: &&Batch| (batch.base..=batch.last).contains(&offset);
        self.written.get(tp)?.iter().rev().find(holds).map(|batch| batch.id)
    }

    /// Whether the record that this leader epoch wrote at this offset was acknowledged.
    pub(super) fn was_acknowledged(&self, tp: &TopicPartition, offset: i64, epoch: i32) -> bool {
        let holds = |batch: &Batch| batch.epoch == epoch && (batch.base..=batch.last).contains(&offset);
        self.acknowledged.get(tp).is_some_and(|all| all.iter().any(holds))
    }

    fn partition_changed(&mut self, tp: &TopicPartition, leader: Option<i32>, epoch: i32, at: SimTime) {
        let before = self.leaders.insert(tp.clone(), (leader, epoch));
        // The first leader of a partition was appointed, not elected.
        let Some((from, from_epoch)) = before.filter(|(_, from_epoch)| *from_epoch != epoch) else { return };
        // When nobody could lead for a while, the one who led before that is remembered.
        let last = self.elections.get(tp).filter(|_| from.is_none());
        let (from, from_epoch) = last.map_or((from, from_epoch), |e| (e.from, e.from_epoch));
        self.elections.insert(tp.clone(), Election { at, from, from_epoch });
    }
}

fn remember(all: &mut OrdMap<TopicPartition, VecDeque<Batch>>, tp: &TopicPartition, batch: Batch) {
    let list = all.entry(tp.clone()).or_default();
    if list.len() == BATCHES {
        list.pop_front();
    }
    list.push_back(batch);
}

fn forget<K: Ord + Clone, V: Clone>(all: &mut OrdMap<K, V>, gone: impl Fn(&K) -> bool) {
    let keys: Vec<K> = all.keys().filter(|key| gone(key)).cloned().collect();
    for key in keys {
        all.remove(&key);
    }
}
