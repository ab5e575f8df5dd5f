//! Looking at a world: after each step, what is different in the scene and what happened.

use super::cargo::{TopicNames, cargo, is_metadata};
use super::delta::Delta;
use super::narrate::narrate;
use super::packet::PacketView;
use super::player::{Frame, Position};
use super::scene::{
    BrokerView, Cell, ConsumerView, HostView, LawView, PartitionView, Process, ProducerView, ReplicaView, Role, Scene,
    TAIL, TopicView,
};
use super::token::key_label;
use crate::base::{HostId, SimTime, TopicPartition};
use crate::check::LawReport;
use crate::machine::Fact;
use crate::sim::{Packet, TraceEvent, TraceKind, World};
use crate::storage::Log;
use crate::wire::{ApiKey, Message, api_name, records};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Keeps the scene of a world, and makes a frame of each of its steps.
///
/// It looks only at what a step may have changed: the partitions that a fact names, the clients, the laws.
#[derive(Clone, Debug, Default)]
pub struct Observer {
    scene: Scene,
    names: TopicNames,
    annals: Annals,
}

/// What a world's trace tells and its state does not: how hosts are called (a tool by the command that started it),
/// and when things happened.
#[derive(Clone, Debug, Default)]
pub struct Annals {
    command: Option<String>,
    started: BTreeMap<HostId, String>,
    since: BTreeMap<HostId, SimTime>,
}

impl Annals {
    /// Takes an event in.
    pub fn hear(&mut self, event: &TraceEvent) {
        match (&event.kind, event.host) {
            (TraceKind::Commanded { line }, _) => {
                let word = line.split_whitespace().next().unwrap_or_default();
                self.command = Some(word.trim_end_matches(".sh").to_owned());
            }
            (TraceKind::Started { name }, Some(host)) => {
                let tool = self.command.as_ref().filter(|_| name.starts_with("tool "));
                self.started.insert(host, tool.unwrap_or(name).clone());
                self.since.insert(host, event.at);
            }
            (TraceKind::Exited, Some(host)) => {
                self.since.insert(host, event.at);
            }
            _ => {}
        }
    }

    fn since(&self, host: HostId) -> SimTime {
        self.since.get(&host).copied().unwrap_or_default()
    }
}

impl Observer {
    /// The scene as it is after the last frame.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// The frame of the events since the last one.
    pub fn frame(&mut self, world: &World, events: &[TraceEvent]) -> Frame {
        let mut delta = Delta::default();
        let mut frame = Frame { position: position(world), ..Frame::default() };
        let mut touched = BTreeSet::new();
        for event in events {
            self.host(world, event, &mut delta);
            if let TraceKind::Fact(fact) = &event.kind {
                self.topic(world, fact, &mut delta, &mut touched);
            }
        }
        for tp in &touched {
            self.partition(world, tp, &mut delta);
        }
        self.clients(world, &mut delta);
        let laws: Vec<LawView> = world.laws().into_iter().map(law).collect();
        if laws != self.scene.laws {
            self.scene.laws.clone_from(&laws);
            delta.laws = Some(laws);
        }
        for event in events {
            self.tell(event, &mut frame);
        }
        frame.delta = delta;
        frame
    }

    /// Looks at everything: for a world whose steps were not watched. `annals` have heard its trace.
    pub fn survey(&mut self, world: &World, annals: Annals) {
        let mut delta = Delta::default();
        self.annals = annals;
        let started: Vec<HostId> = self.annals.started.keys().copied().collect();
        for host in started {
            self.host_started(world, host, &mut delta);
        }
        let mut all = BTreeSet::new();
        for topic in world.topics() {
            all.extend((0..topic.partitions).map(|p| TopicPartition::new(topic.name.clone(), p)));
        }
        self.topics(world, &mut delta);
        for tp in &all {
            self.partition(world, tp, &mut delta);
        }
        self.clients(world, &mut delta);
        self.scene.laws = world.laws().into_iter().map(law).collect();
    }

    fn host(&mut self, world: &World, event: &TraceEvent, delta: &mut Delta) {
        self.annals.hear(event);
        match (&event.kind, event.host) {
            (TraceKind::Started { .. }, Some(host)) => self.host_started(world, host, delta),
            (TraceKind::Exited, Some(host)) => self.process(world, host, event.at, delta),
            // A fault may change any host.
            (TraceKind::Commanded { .. }, _) => {
                let hosts: Vec<u32> = self.scene.hosts.keys().copied().collect();
                hosts.into_iter().for_each(|host| self.process(world, HostId(host), event.at, delta));
            }
            _ => {}
        }
    }

    /// Looks at a host's process; `at` is the moment of whatever may have changed it.
    fn process(&mut self, world: &World, host: HostId, at: SimTime, delta: &mut Delta) {
        let Some(mut view) = self.scene.hosts.get(&host.0).cloned() else { return };
        let process = process(world, host);
        if view.process != process {
            (view.process, view.since) = (process, at);
            delta.hosts.put(&mut self.scene.hosts, host.0, view);
        }
    }

    fn host_started(&mut self, world: &World, host: HostId, delta: &mut Delta) {
        let (mut role, mut called) = (Role::Tool, self.annals.started.get(&host).cloned().unwrap_or_default());
        if let Some((_, broker)) = world.brokers().find(|(id, _)| *id == host) {
            role = Role::Broker(broker.id());
            let rack = broker.rack().map(Into::into);
            let view = BrokerView { host: host.0, rack, listener: broker.listener().to_string(), ..Default::default() };
            delta.brokers.put(&mut self.scene.brokers, broker.id(), view);
        } else if let Some((_, producer)) = world.producers().find(|(id, _)| *id == host) {
            (role, called) = (Role::Producer, producer.name().to_owned());
        } else if let Some((_, consumer)) = world.consumers().find(|(id, _)| *id == host) {
            (role, called) = (Role::Consumer, consumer.name().to_owned());
        }
        let view =
            HostView { name: called.into(), role, process: process(world, host), since: self.annals.since(host) };
        delta.hosts.put(&mut self.scene.hosts, host.0, view);
    }

    fn topic(&mut self, world: &World, fact: &Fact, delta: &mut Delta, touched: &mut BTreeSet<TopicPartition>) {
        match fact {
            Fact::TopicCreated { topic, partitions, .. } => {
                self.topics(world, delta);
                touched.extend((0..*partitions).map(|p| TopicPartition::new(topic.clone(), p)));
            }
            Fact::Appended { partition, .. } | Fact::HighWatermark { partition, .. } => {
                touched.insert(partition.clone());
            }
            _ => {}
        }
    }

    fn topics(&mut self, world: &World, delta: &mut Delta) {
        for topic in world.topics() {
            self.names.insert(topic.id, topic.name.clone());
            let (partitions, replication_factor) = (topic.partitions, topic.replication_factor);
            let view = TopicView { partitions, replication_factor, min_isr: 1 };
            delta.topics.put(&mut self.scene.topics, topic.name, view);
        }
    }

    fn partition(&mut self, world: &World, tp: &TopicPartition, delta: &mut Delta) {
        let Some(info) = world.partition(tp) else { return };
        for broker in &info.replicas {
            if let Some(log) = world.replica(*broker, tp) {
                let key = (tp.clone(), *broker);
                let (leads, epoch) = (info.leader == Some(*broker), info.leader_epoch);
                delta.replicas.put(&mut self.scene.replicas, key, ReplicaView { leads, epoch, ..replica(log) });
            }
        }
        let view = PartitionView {
            leader: info.leader,
            leader_epoch: info.leader_epoch,
            partition_epoch: info.partition_epoch,
            replicas: info.replicas,
            isr: info.isr,
            elr: info.elr,
            ..PartitionView::default()
        };
        self.count(tp, &view, delta);
        delta.partitions.put(&mut self.scene.partitions, tp.clone(), view);
    }

    /// Keeps the brokers' counts of what they lead and hold: `view` is about to replace what is known of a partition.
    fn count(&mut self, tp: &TopicPartition, view: &PartitionView, delta: &mut Delta) {
        let nothing = PartitionView::default();
        let old = self.scene.partitions.get(tp).unwrap_or(&nothing);
        if (old.leader, &old.replicas) == (view.leader, &view.replicas) {
            return;
        }
        let mut changes: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
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
            broker.leads = broker.leads.saturating_add_signed(leads as i32);
            broker.holds = broker.holds.saturating_add_signed(holds as i32);
            delta.brokers.put(&mut self.scene.brokers, id, broker);
        }
    }

    /// Clients count without telling the trace, so they are looked at after every step.
    fn clients(&mut self, world: &World, delta: &mut Delta) {
        let mut there = BTreeSet::new();
        for (host, p) in world.producers() {
            let (acks, pending, acked, failed) = (p.config().acks, p.pending(), p.acked(), p.failed());
            let view = ProducerView { host: host.0, acks, pending, acked, failed };
            delta.producers.put(&mut self.scene.producers, p.name().into(), view);
            there.insert(host.0);
        }
        for (host, c) in world.consumers() {
            let view = ConsumerView { host: host.0, delivered: c.delivered(), positions: c.positions() };
            delta.consumers.put(&mut self.scene.consumers, c.name().into(), view);
            there.insert(host.0);
        }
        let gone = |host: u32| !there.contains(&host);
        let producers: Vec<Arc<str>> = self.scene.producers.iter().filter(|(_, p)| gone(p.host)).map(first).collect();
        for name in &producers {
            delta.producers.remove(&mut self.scene.producers, name);
        }
        let consumers: Vec<Arc<str>> = self.scene.consumers.iter().filter(|(_, c)| gone(c.host)).map(first).collect();
        for name in &consumers {
            delta.consumers.remove(&mut self.scene.consumers, name);
        }
    }

    /// Puts messages and sentences of an event into a frame.
    fn tell(&self, event: &TraceEvent, frame: &mut Frame) {
        match &event.kind {
            TraceKind::Sent { packet, message } => frame.sent.push(self.packet(event, packet, message)),
            TraceKind::Lost { sent } => frame.lost.push(*sent),
            TraceKind::Delayed { sent, arrives } => frame.delayed.push((*sent, *arrives)),
            _ => {}
        }
        frame.lines.extend(narrate(event, &self.scene));
    }

    /// Messages and sentences of events that happened before the scene.
    pub fn recall<'a>(&self, events: impl IntoIterator<Item = &'a TraceEvent>) -> Frame {
        let mut frame = Frame::default();
        for event in events {
            self.tell(event, &mut frame);
        }
        frame
    }

    fn packet(&self, event: &TraceEvent, packet: &Packet, message: &Message) -> PacketView {
        let acks = self.scene.producers.values().find(|p| p.host == packet.to.0).map_or(-1, |p| p.acks);
        let (cargo, error) = cargo(message, &self.names, acks);
        PacketView {
            id: event.id,
            from: packet.from.0,
            to: packet.to.0,
            api: ApiKey::try_from(packet.api).map_or_else(|()| "bytes".into(), |api| api_name(api).into()),
            version: packet.version,
            correlation_id: packet.correlation_id,
            response: packet.response,
            sent: event.at,
            arrives: packet.arrives,
            until: Some(packet.arrives),
            size: message.size() as u32,
            cargo,
            error,
            metadata: is_metadata(ApiKey::try_from(packet.api).ok(), message),
            replication: self.is_broker(packet.from) && self.is_broker(packet.to),
        }
    }

    fn is_broker(&self, host: HostId) -> bool {
        matches!(self.scene.hosts.get(&host.0).map(|h| h.role), Some(Role::Broker(_)))
    }
}

/// Where in history a world is.
pub fn position(world: &World) -> Position {
    Position { at: world.now(), steps: world.steps(), events: world.event_count(), hash: world.trace_hash() }
}

fn first<V>((name, _): (&Arc<str>, V)) -> Arc<str> {
    name.clone()
}

fn law(report: LawReport) -> LawView {
    LawView {
        name: report.name,
        title: report.title,
        holds: report.breach.is_none(),
        detail: report.breach.map(|breach| breach.what),
    }
}

fn process(world: &World, host: HostId) -> Process {
    match world.host_state(host) {
        "running" => Process::Running,
        "paused" => Process::Paused,
        "crashed" => Process::Crashed,
        _ => Process::Stopped,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{SimDuration, SimTime};
    use crate::session::Session;

    const SCRIPT: &str = include_str!("../../www/scenarios/first.terra");

    /// Every frame's delta, applied one after another, gives what a survey of the world gives.
    #[test]
    fn frames_lead_to_what_the_world_is() {
        let mut session = Session::start(SCRIPT, 7).expect("the first scenario is right");
        let (mut observer, mut scene) = (Observer::default(), Scene::default());
        let (mut annals, mut sent) = (Annals::default(), 0);
        let end = SimTime::ZERO + SimDuration::from_secs(3);
        loop {
            let rests = session.advance_within(end, 1);
            let events = session.take_trace();
            events.iter().for_each(|event| annals.hear(event));
            let frame = observer.frame(session.world(), &events);
            sent += frame.sent.len();
            frame.delta.apply(&mut scene);
            assert_eq!(&scene, observer.scene());
            if rests {
                break;
            }
        }
        let mut fresh = Observer::default();
        fresh.survey(session.world(), annals);
        assert_eq!(fresh.scene(), &scene);
        let appended: i64 = scene.replicas.values().map(|r| r.leo).sum();
        assert!(appended > 20 && sent > 60, "{appended} records, {sent} messages");
        assert!(scene.consumers.values().all(|c| c.delivered > 10) && scene.laws.iter().all(|l| l.holds));
    }
}
