//! Looking at topics, partitions and replicas.

use super::Observer;
use crate::base::{HostId, SortedMap, TopicPartition};
use crate::cluster::ResourceType;
use crate::cluster::config_defs::is_built_for_topics;
use crate::sim::World;
use crate::storage::Log;
use crate::view::delta::Delta;
use crate::view::scene::{Cell, CutView, PartitionView, ReplicaView, Role, SetConfig, TAIL, TopicView};
use crate::view::token::key_label;
use crate::wire::records;
use std::sync::Arc;

impl Observer {
    /// Looks at every topic; what belonged to one that is gone goes, too.
    pub(super) fn topics(&mut self, world: &World, delta: &mut Delta) {
        let metadata = world.cluster_metadata();
        let mut there = SortedMap::new();
        for topic in world.topics() {
            self.names.insert(topic.id, topic.name.clone());
            let (partitions, replication_factor) = (topic.partitions, topic.replication_factor);
            let min_isr = metadata.map_or(1, |metadata| metadata.min_isr(&topic.name)) as i32;
            let set = metadata.and_then(|m| m.configs().of(ResourceType::Topic, &topic.name));
            let seen = |(name, value): (&Arc<str>, &Arc<str>)| {
                (name.clone(), SetConfig { value: value.clone(), built: is_built_for_topics(name) })
            };
            let configs = set.into_iter().flatten().map(seen).collect();
            there.insert(topic.name, TopicView { partitions, replication_factor, min_isr, configs });
        }
        let gone: Vec<Arc<str>> = self.scene.topics.keys().filter(|name| !there.contains_key(*name)).cloned().collect();
        for (name, view) in there {
            delta.topics.put(&mut self.scene.topics, name, view);
        }
        for name in gone {
            self.forget_topic(&name, delta);
        }
    }

    fn forget_topic(&mut self, name: &Arc<str>, delta: &mut Delta) {
        delta.topics.remove(&mut self.scene.topics, name);
        let of = |tp: &&TopicPartition| tp.topic == *name;
        let partitions: Vec<TopicPartition> = self.scene.partitions.keys().filter(of).cloned().collect();
        for tp in partitions {
            self.count(&tp, &PartitionView::default(), delta);
            delta.partitions.remove(&mut self.scene.partitions, &tp);
        }
        let replicas: Vec<_> = self.scene.replicas.keys().filter(|(tp, _)| tp.topic == *name).cloned().collect();
        for key in replicas {
            delta.cuts.remove(&mut self.scene.cuts, &key);
            delta.replicas.remove(&mut self.scene.replicas, &key);
        }
    }

    /// Looks at a partition: what the controllers have written of it, and each of its logs.
    pub(super) fn partition(&mut self, world: &World, tp: &TopicPartition, delta: &mut Delta) {
        let Some(info) = world.partition(tp) else { return };
        let leader = info.leader.and_then(|id| Some((id, world.replica(id, tp)?)));
        for broker in &info.replicas {
            let Some(log) = world.replica(*broker, tp) else { continue };
            let host = self.scene.brokers.get(broker).map(|b| HostId(b.host));
            let belief = host.and_then(|host| self.annals.beliefs.get(&(tp.clone(), host)));
            let (leads, epoch) = belief.copied().unwrap_or((false, info.leader_epoch));
            let other = leader.filter(|(id, _)| id != broker);
            let diverges = other.and_then(|(_, leader)| divergence(log, leader));
            let view = ReplicaView { leads, epoch, diverges, ..replica(log) };
            self.cut(tp, *broker, host, delta);
            delta.replicas.put(&mut self.scene.replicas, (tp.clone(), *broker), view);
        }
        let view = PartitionView {
            leader: info.leader,
            leader_epoch: info.leader_epoch,
            partition_epoch: info.partition_epoch,
            replicas: info.replicas,
            isr: info.isr,
            elr: info.elr,
            last_known_elr: info.last_known_elr,
            recovering: info.recovering,
            election: self.annals.elections.get(tp).copied(),
        };
        self.count(tp, &view, delta);
        delta.partitions.put(&mut self.scene.partitions, tp.clone(), view);
    }

    /// Notes the last truncation of a replica, with the records that were seen before it. Called before the replica's
    /// new tail replaces the old one.
    fn cut(&mut self, tp: &TopicPartition, broker: i32, host: Option<HostId>, delta: &mut Delta) {
        let key = (tp.clone(), broker);
        let Some((at, from, to)) = host.and_then(|host| self.annals.cuts.get(&(tp.clone(), host)).copied()) else {
            return;
        };
        if self.scene.cuts.get(&key).is_some_and(|cut| (cut.at, cut.from, cut.to) == (at, from, to)) {
            return;
        }
        let seen = self.scene.replicas.get(&key).map(|r| r.tail.as_slice()).unwrap_or_default();
        let mut cells: Vec<Cell> = seen.iter().filter(|cell| (from..to).contains(&cell.offset)).cloned().collect();
        let lost = cells.iter().filter(|cell| self.annals.was_acknowledged(tp, cell.offset, cell.epoch)).count() as u32;
        cells.truncate(8);
        let view = CutView { at, from, to, cells, lost };
        delta.cuts.put(&mut self.scene.cuts, key, view);
    }

    /// Keeps the brokers' counts of what they lead and hold: `view` is about to replace what is known of a partition.
    fn count(&mut self, tp: &TopicPartition, view: &PartitionView, delta: &mut Delta) {
        let nothing = PartitionView::default();
        let old = self.scene.partitions.get(tp).unwrap_or(&nothing);
        if (old.leader, &old.replicas) == (view.leader, &view.replicas) {
            return;
        }
        let mut changes: SortedMap<i32, (i32, i32)> = SortedMap::new();
        for (partition, by) in [(old, -1), (view, 1)] {
            if let Some(leader) = partition.leader {
                changes.entry(leader).or_default().0 += by;
            }
            for broker in &partition.replicas {
                changes.entry(*broker).or_default().1 += by;
            }
        }
        for (id, (leads, holds)) in changes {
            let Some(mut broker) = self.scene.brokers.get(&id).cloned() else { continue };
            broker.leads = broker.leads.saturating_add_signed(leads);
            broker.holds = broker.holds.saturating_add_signed(holds);
            delta.brokers.put(&mut self.scene.brokers, id, broker);
        }
    }

    /// The broker's id, if that is what a host is.
    pub(super) fn broker_id(&self, host: HostId) -> Option<i32> {
        match self.scene.hosts.get(&host.0).map(|h| h.role) {
            Some(Role::Broker(id)) => Some(id),
            _ => None,
        }
    }
}

/// From which offset on a log says something else than its leader's, by the epochs that both know: what a follower
/// finds out step by step through Fetch (KIP-101, KIP-279) is seen here at once.
fn divergence(log: &Log, leader: &Log) -> Option<i64> {
    let end = log.log_end_offset();
    let mut epoch = log.epochs().latest()?;
    loop {
        let theirs = leader.epochs().end_offset_for(epoch, leader.log_end_offset());
        let ours = log.epochs().end_offset_for(epoch, end);
        if theirs.end_offset < 0 || ours.end_offset < 0 {
            // The leader knows no epoch that old: nothing is known to differ.
            return None;
        }
        if theirs.epoch == epoch {
            let at = theirs.end_offset.min(ours.end_offset);
            return (at < end).then_some(at);
        }
        match log.epochs().previous_of(epoch) {
            Some(previous) => epoch = previous,
            None => return Some(theirs.end_offset.min(end)).filter(|at| *at < end),
        }
    }
}

fn replica(log: &Log) -> ReplicaView {
    let mut tail = Vec::new();
    for batch in log.batches_newest_first() {
        if tail.len() >= TAIL {
            break;
        }
        let records = records::decode(&batch.bytes).unwrap_or_default();
        let cell = |(offset, record): (i64, records::Record)| Cell {
            offset,
            epoch: batch.leader_epoch,
            key: record.key.as_deref().map(key_label),
        };
        tail.extend(records.into_iter().rev().map(cell));
    }
    tail.truncate(TAIL);
    tail.reverse();
    let (start, hw, leo) = (log.log_start_offset(), log.high_watermark(), log.log_end_offset());
    ReplicaView { start, hw, leo, tail, ..ReplicaView::default() }
}
