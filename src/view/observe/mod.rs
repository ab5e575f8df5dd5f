//! Looking at a world: after each step, what is different in the scene and what happened.

mod annals;
mod data;
mod groups;
mod hosts;

pub use annals::Annals;

use super::cargo::{TopicNames, cargo, is_metadata};
use super::chronicle::Chapter;
use super::delta::Delta;
use super::narrate::{Before, narrate};
use super::packet::PacketView;
use super::player::{Frame, Position};
use super::scene::{LawView, PartitionView, Scene};
use crate::base::{HostId, SortedSet, TopicPartition};
use crate::check::LawReport;
use crate::machine::Fact;
use crate::sim::{Packet, TraceEvent, TraceKind, World};
use crate::wire::{ApiKey, Message, api_name};

/// Keeps the scene of a world, and makes a frame of each of its steps.
///
/// It looks only at what a step may have changed: the hosts at which something happened, the partitions that a fact
/// names, the clients, the laws.
#[derive(Clone, Debug, Default)]
pub struct Observer {
    scene: Scene,
    names: TopicNames,
    annals: Annals,
}

/// What a step may have changed.
#[derive(Default)]
struct Touched {
    hosts: SortedSet<HostId>,
    brokers: SortedSet<i32>,
    partitions: SortedSet<TopicPartition>,
    topics: bool,
    groups: bool,
}

impl Observer {
    /// The scene as it is after the last frame.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// What it has heard of the trace.
    pub fn annals(&self) -> &Annals {
        &self.annals
    }

    /// The frame of the events since the last one.
    pub fn frame(&mut self, world: &World, events: &[TraceEvent]) -> Frame {
        let mut delta = Delta::default();
        let mut frame = Frame { position: position(world), ..Frame::default() };
        let mut touched = Touched::default();
        for event in events {
            self.event(world, event, &mut touched, &mut delta);
        }
        for host in &touched.hosts {
            self.server(world, *host, &mut delta);
        }
        for id in &touched.brokers {
            self.broker(world, *id, &mut delta);
        }
        if touched.topics {
            self.topics(world, &mut delta);
        }
        let mut before = Before::new();
        for tp in &touched.partitions {
            before.extend(self.scene.partitions.get(tp).map(|view| (tp.clone(), view.clone())));
            self.partition(world, tp, &mut delta);
        }
        let clients_changed = self.clients(world, &mut delta);
        if touched.groups || clients_changed {
            self.groups(world, &mut delta);
        }
        let reports = world.laws();
        let held = |law: &&LawReport| self.scene.laws.iter().all(|known| known.name != law.name || known.holds);
        let mut broken = Chapter::default();
        reports.iter().filter(held).for_each(|law| broken.broken(law, world.now()));
        let laws: Vec<LawView> = reports.into_iter().map(law).collect();
        if laws != self.scene.laws {
            self.scene.laws.clone_from(&laws);
            delta.laws = Some(laws);
        }
        for event in events {
            self.tell(event, &before, &mut frame);
        }
        frame.chapter.marks.extend(broken.marks);
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
        self.controllers(world, &mut delta);
        self.last_record(world);
        self.links(world, &mut delta);
        self.topics(world, &mut delta);
        let all = |(name, topic): (_, &super::scene::TopicView)| {
            let name: std::sync::Arc<str> = std::sync::Arc::clone(name);
            (0..topic.partitions).map(move |p| TopicPartition::new(name.clone(), p)).collect::<Vec<_>>()
        };
        let all: Vec<TopicPartition> = self.scene.topics.iter().flat_map(all).collect();
        for tp in &all {
            self.partition(world, tp, &mut delta);
        }
        self.clients(world, &mut delta);
        self.groups(world, &mut delta);
        self.scene.laws = world.laws().into_iter().map(law).collect();
    }

    fn event(&mut self, world: &World, event: &TraceEvent, touched: &mut Touched, delta: &mut Delta) {
        self.annals.hear(event);
        touched.hosts.extend(event.host);
        touched.groups |= self.concerns_groups(event);
        match (&event.kind, event.host) {
            (TraceKind::Started { .. }, Some(host)) => self.host_started(world, host, delta),
            (TraceKind::Exited, Some(host)) => {
                self.process(world, host, delta);
                self.touch_logs(host, touched);
            }
            // A fault may change any host and any link.
            (TraceKind::Commanded { .. }, _) => {
                let hosts: Vec<u32> = self.scene.hosts.keys().copied().collect();
                hosts.into_iter().for_each(|host| self.process(world, HostId(host), delta));
                self.links(world, delta);
            }
            (TraceKind::Fact(Fact::LogsRecovered { .. }), Some(host)) => self.touch_logs(host, touched),
            (TraceKind::Fact(fact), _) => touch(fact, touched),
            _ => {}
        }
    }

    /// A process came or went: what is left of its logs is what its disk has.
    fn touch_logs(&self, host: HostId, touched: &mut Touched) {
        let Some(id) = self.broker_id(host) else { return };
        let held = self.scene.partitions.iter().filter(|(_, view)| view.replicas.contains(&id));
        touched.partitions.extend(held.map(|(tp, _)| tp.clone()));
    }

    /// Puts messages and sentences of an event into a frame.
    fn tell(&self, event: &TraceEvent, before: &Before, frame: &mut Frame) {
        match &event.kind {
            TraceKind::Sent { packet, message } => frame.sent.push(self.packet(event, packet, message)),
            TraceKind::Lost { sent } => frame.lost.push(*sent),
            TraceKind::Delayed { sent, arrives } => frame.delayed.push((*sent, *arrives)),
            _ => {}
        }
        let line = narrate(event, &self.scene, before);
        frame.chapter.tell(event, line.as_ref(), &self.scene, before);
        frame.lines.extend(line);
    }

    /// Messages and sentences of events that happened before the scene.
    pub fn recall<'a>(&self, events: impl IntoIterator<Item = &'a TraceEvent>) -> Frame {
        let (mut frame, mut before) = (Frame::default(), Before::new());
        for event in events {
            self.tell(event, &before, &mut frame);
            if let TraceKind::Fact(Fact::PartitionChanged { partition, leader, leader_epoch, isr, elr, .. }) =
                &event.kind
            {
                let (leader, leader_epoch, isr, elr) = (*leader, *leader_epoch, isr.clone(), elr.clone());
                let view = PartitionView { leader, leader_epoch, isr, elr, ..PartitionView::default() };
                before.insert(partition.clone(), view);
            }
        }
        frame
    }

    fn packet(&self, event: &TraceEvent, packet: &Packet, message: &Message) -> PacketView {
        let acks = self.scene.producers.values().find(|p| p.host == packet.to.0).map_or(-1, |p| p.acks);
        let (cargo, error) = cargo(message, &self.names, acks);
        let api = ApiKey::try_from(packet.api).ok();
        PacketView {
            id: event.id,
            from: packet.from.0,
            to: packet.to.0,
            api: api.map_or_else(|| "bytes".into(), |api| api_name(api).into()),
            version: packet.version,
            correlation_id: packet.correlation_id,
            response: packet.response,
            sent: event.at,
            arrives: packet.arrives,
            until: Some(packet.arrives),
            size: message.size() as u32,
            cargo,
            error,
            metadata: is_metadata(api, message),
            replication: self.broker_id(packet.from).is_some() && self.broker_id(packet.to).is_some(),
        }
    }
}

/// What a fact may have changed.
fn touch(fact: &Fact, touched: &mut Touched) {
    match fact {
        Fact::PartitionChanged { partition, .. } => {
            touched.topics = true;
            touched.partitions.insert(partition.clone());
        }
        Fact::Appended { partition, .. }
        | Fact::HighWatermark { partition, .. }
        | Fact::Replicated { partition, .. }
        | Fact::Truncated { partition, .. }
        | Fact::BecameLeader { partition, .. }
        | Fact::BecameFollower { partition, .. } => {
            touched.partitions.insert(partition.clone());
        }
        // A config of a topic may have changed.
        Fact::TopicDeleted { .. } | Fact::MetadataCommitted { .. } => touched.topics = true,
        Fact::BrokerRegistered { broker, .. }
        | Fact::BrokerFenced { broker }
        | Fact::BrokerUnfenced { broker }
        | Fact::ControlledShutdown { broker }
        | Fact::BrokerUnregistered { broker } => {
            touched.brokers.insert(*broker);
        }
        _ => {}
    }
}

/// Where in history a world is.
pub fn position(world: &World) -> Position {
    Position { at: world.now(), steps: world.steps(), events: world.event_count(), hash: world.trace_hash() }
}

fn law(report: LawReport) -> LawView {
    LawView {
        name: report.name,
        title: report.title,
        holds: report.breach.is_none(),
        detail: report.breach.map(|breach| breach.what),
    }
}

#[cfg(test)]
mod tests;
