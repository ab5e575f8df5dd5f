//! Looking at hosts: brokers, controllers, links, clients.

use super::Observer;
use crate::base::{HostId, SortedMap, SortedSet};
use crate::broker::BrokerProcess;
use crate::client::Consumer;
use crate::cluster::Controller;
use crate::quorum::LogBatch;
use crate::sim::{ControllerInfo, World};
use crate::view::delta::Delta;
use crate::view::records::record_words;
use crate::view::scene::{
    BrokerPhase, BrokerView, ConsumerView, ControllerView, HostView, LinkView, Process, ProducerView, QuorumRecord,
    QuorumView, RaftRole, Role,
};
use crate::wire::MetadataRecord;
use std::sync::Arc;

impl Observer {
    /// A host that is new: who it is.
    pub(super) fn host_started(&mut self, world: &World, host: HostId, delta: &mut Delta) {
        let (mut role, mut called) = (Role::Tool, self.annals.started.get(&host).cloned().unwrap_or_default());
        if let Some((_, server)) = world.servers().find(|(id, _)| *id == host) {
            role = match server.broker_listener() {
                Some(_) => Role::Broker(server.id()),
                None => Role::Controller(server.id()),
            };
        } else if let Some((_, producer)) = world.producers().find(|(id, _)| *id == host) {
            (role, called) = (Role::Producer, producer.name().to_owned());
        } else if let Some((_, consumer)) = world.consumers().find(|(id, _)| *id == host) {
            (role, called) = (Role::Consumer, consumer.name().to_owned());
        }
        let view = HostView {
            name: called.into(),
            role,
            process: process(world, host),
            since: world.host_since(host),
            skew_ms: 0,
            slow_disk: 1,
            slow_cpu: 1,
        };
        delta.hosts.put(&mut self.scene.hosts, host.0, impaired(world, host, view));
        self.server(world, host, delta);
    }

    /// Looks at a host's process.
    pub(super) fn process(&mut self, world: &World, host: HostId, delta: &mut Delta) {
        let Some(mut view) = self.scene.hosts.get(&host.0).cloned() else { return };
        let process = process(world, host);
        if view.process != process {
            (view.process, view.since) = (process, world.host_since(host));
        }
        delta.hosts.put(&mut self.scene.hosts, host.0, impaired(world, host, view));
    }

    /// Looks at a node: what it says as a broker, and as a controller.
    pub(super) fn server(&mut self, world: &World, host: HostId, delta: &mut Delta) {
        match self.scene.hosts.get(&host.0).map(|h| h.role) {
            Some(Role::Broker(id)) => self.broker(world, id, delta),
            Some(Role::Controller(_)) => {}
            _ => return,
        }
        if world.servers().any(|(id, server)| id == host && server.controller_listener().is_some()) {
            self.controllers(world, delta);
        }
    }

    /// Looks at a broker: its own process, and what the controllers have written of it.
    pub(super) fn broker(&mut self, world: &World, id: i32, delta: &mut Delta) {
        let Some((host, server)) = world.brokers().find(|(_, server)| server.id() == id) else { return };
        let known = self.scene.brokers.get(&id).cloned().unwrap_or_default();
        let process = server.broker();
        // One that is off the register, and whose process is gone, has left the cluster.
        if process.is_none() && self.annals.unregistered.contains(&id) {
            return delta.brokers.remove(&mut self.scene.brokers, &id);
        }
        let registration = world.cluster_metadata().and_then(|metadata| metadata.brokers().registration(id));
        let phase = process.map_or(known.phase, |broker| match broker.process() {
            BrokerProcess::Starting => BrokerPhase::Starting,
            BrokerProcess::Recovery => BrokerPhase::Recovery,
            BrokerProcess::Running => BrokerPhase::Running,
            BrokerProcess::PendingControlledShutdown | BrokerProcess::ShuttingDown => BrokerPhase::Stopping,
        });
        let view = BrokerView {
            host: host.0,
            rack: server.rack().map(Into::into),
            listener: server.broker_listener().map(ToString::to_string).unwrap_or_default(),
            epoch: registration.map(|r| r.epoch),
            fenced: registration.is_none_or(|r| r.fenced),
            fenced_since: self.annals.fenced_since.get(&id).copied().unwrap_or_default(),
            phase,
            metadata_offset: process.map_or(known.metadata_offset, |broker| broker.metadata_offset()),
            ..known
        };
        delta.brokers.put(&mut self.scene.brokers, id, view);
    }

    /// Looks at every controller, and at what they have agreed on.
    pub(super) fn controllers(&mut self, world: &World, delta: &mut Delta) {
        let all = world.controllers();
        let newest = all.iter().map(|c| c.epoch).max().unwrap_or(0);
        let active = all.iter().filter(|c| c.is_active && c.epoch == newest).map(|c| c.id).next();
        let hw = all.iter().filter_map(|c| c.high_watermark).max().unwrap_or(0).max(self.scene.quorum.hw);
        for controller in &all {
            let known = self.scene.controllers.get(&controller.id).map(|c| c.role);
            let view = ControllerView {
                host: controller.host.0,
                role: raft_role(controller).or(known).unwrap_or(RaftRole::Unattached),
                epoch: controller.epoch,
                leo: controller.log_end_offset,
                hw: controller.high_watermark,
            };
            delta.controllers.put(&mut self.scene.controllers, controller.id, view);
        }
        let record = self.committed_record(world).or(self.scene.quorum.record.clone());
        let view = QuorumView { active, epoch: newest, hw, record };
        if view != self.scene.quorum {
            self.scene.quorum = view.clone();
            delta.quorum = Some(view);
        }
    }

    /// The last record worth telling of the batch that was committed last, read from the log that has it.
    fn committed_record(&mut self, world: &World) -> Option<QuorumRecord> {
        let (host, base) = self.annals.committed.take()?;
        let (_, server) = world.servers().find(|(id, _)| *id == host)?;
        let batch = server.raft()?.replica().log().batches_from(base).next()?;
        told_of(batch, world.cluster_metadata()?)
    }

    /// The last record worth telling of all that is committed: for a world that was not watched.
    pub(super) fn last_record(&mut self, world: &World) {
        let ends = world.servers().filter_map(|(_, server)| Some(server.raft()?.replica()));
        let Some(replica) = ends.max_by_key(|replica| replica.high_watermark()) else { return };
        let (Some(hw), Some(metadata)) = (replica.high_watermark(), world.cluster_metadata()) else { return };
        let committed = replica.log().batches_from(0).take_while(|batch| batch.header.last_offset() < hw);
        self.scene.quorum.record = committed.filter_map(|batch| told_of(batch, metadata)).last();
    }

    /// Looks at the links that are not as usual.
    pub(super) fn links(&mut self, world: &World, delta: &mut Delta) {
        let of =
            |link: crate::sim::LinkInfo| ((link.from.0, link.to.0), LinkView { cut: link.cut, latency: link.latency });
        let now: SortedMap<(u32, u32), LinkView> = world.unusual_links().map(of).collect();
        let gone: Vec<(u32, u32)> = self.scene.links.keys().filter(|key| !now.contains_key(key)).copied().collect();
        for key in gone {
            delta.links.remove(&mut self.scene.links, &key);
        }
        for (key, view) in now {
            delta.links.put(&mut self.scene.links, key, view);
        }
    }

    /// Clients count without telling the trace, so they are looked at after every step. Gives whether consumers came or
    /// went.
    pub(super) fn clients(&mut self, world: &World, delta: &mut Delta) -> bool {
        let (mut there, mut came) = (SortedSet::new(), false);
        for (host, p) in world.producers() {
            let (acks, pending, acked, failed) = (p.config().acks, p.pending(), p.acked(), p.failed());
            let view = ProducerView { host: host.0, acks, pending, acked, failed };
            delta.producers.put(&mut self.scene.producers, p.name().into(), view);
            there.insert(host.0);
        }
        for (host, c) in world.consumers() {
            let view = consumer(host, c);
            came |= !self.scene.consumers.contains_key(c.name());
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
        came || !consumers.is_empty()
    }
}

fn consumer(host: HostId, c: &Consumer) -> ConsumerView {
    let membership = c.membership();
    ConsumerView {
        host: host.0,
        delivered: c.delivered(),
        positions: c.positions(),
        group: c.group().map(Into::into),
        member: membership.map(|(id, _)| id.into()),
        generation: membership.map_or(-1, |(_, generation)| generation),
        rebalances: c.is_rebalancing(),
        assigned: c.assigned(),
    }
}

fn first<V>((name, _): (&Arc<str>, V)) -> Arc<str> {
    name.clone()
}

/// The view with what of the host is not as usual now.
fn impaired(world: &World, host: HostId, view: HostView) -> HostView {
    let now = world.host_impairments(host);
    HostView { skew_ms: now.skew_us / 1_000, slow_disk: now.slow_disk, slow_cpu: now.slow_cpu, ..view }
}

fn process(world: &World, host: HostId) -> Process {
    match world.host_state(host) {
        "running" => Process::Running,
        "paused" => Process::Paused,
        "crashed" | "dark" => Process::Crashed,
        _ => Process::Stopped,
    }
}

fn raft_role(controller: &ControllerInfo) -> Option<RaftRole> {
    Some(match controller.role.as_deref()? {
        "Leader" => RaftRole::Leader,
        "Follower" => RaftRole::Follower,
        "Candidate" => RaftRole::Candidate,
        "Prospective" => RaftRole::Prospective,
        "Resigned" => RaftRole::Resigned,
        _ => RaftRole::Unattached,
    })
}

/// A partition record that leaves the leader as it is (`PartitionChangeRecord.leader`'s default).
const NO_LEADER_CHANGE: i32 = -2;

/// The record of a batch of the metadata log that is most worth telling.
fn told_of(batch: &LogBatch, metadata: &Controller) -> Option<QuorumRecord> {
    let told = |(offset, record): (i64, crate::wire::VersionedRecord)| {
        let matters = match &record.record {
            MetadataRecord::PartitionChange(r) if r.leader != NO_LEADER_CHANGE => 2,
            MetadataRecord::PartitionChange(_) => 1,
            _ => 0,
        };
        Some((matters, QuorumRecord { offset, words: record_words(&record.record, metadata)? }))
    };
    // A failover is one batch: who leads now says more than that the old leader is fenced.
    let all: Vec<(u8, QuorumRecord)> = batch.metadata_records().into_iter().filter_map(told).collect();
    all.into_iter().max_by_key(|(matters, record)| (*matters, record.offset)).map(|(_, record)| record)
}
