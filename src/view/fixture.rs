//! Hand-made scenes: for tests, and for looking at the stage without a world behind it.

use super::chronicle::{Chapter, Deal, Mark, MarkKind, Reign, Turn};
use super::packet::{Cargo, PacketView};
#[cfg(test)]
use super::scene::LawView;
use super::scene::{
    BrokerView, Cell, ConsumerView, ControllerView, CutView, Election, GroupState, GroupView, Health, HostView,
    LinkView, MemberInfo, PartitionView, Process, ProducerView, QuorumRecord, QuorumView, RaftRole, ReplicaView, Role,
    Scene, TopicView,
};
#[cfg(test)]
use crate::base::Rng;
use crate::base::{EventId, SimDuration, SimTime, TopicPartition};
use std::sync::Arc;

/// One broker, `topics` with their partitions, `producers` and `consumers`.
pub fn scene(topics: &[(&str, i32)], producers: &[&str], consumers: &[&str]) -> Scene {
    let mut scene = Scene::default();
    brokers(&mut scene, 1, &[]);
    let topics: Vec<(&str, i32, usize)> = topics.iter().map(|(name, partitions)| (*name, *partitions, 1)).collect();
    fill(&mut scene, &topics, producers, consumers);
    scene
}

/// A healthy cluster: `brokers` on `racks` in turn, `controllers` apart from them, topics of (name, partitions,
/// replicas), and some clients.
pub fn cluster(
    count: i32,
    controllers: i32,
    racks: &[&str],
    topics: &[(&str, i32, usize)],
    clients: [&[&str]; 2],
) -> Scene {
    let mut scene = Scene::default();
    brokers(&mut scene, count, racks);
    for id in 101..101 + controllers {
        let host = host(&mut scene, &format!("controller {id}"), Role::Controller(id));
        let role = if id == 102 || controllers == 1 { RaftRole::Leader } else { RaftRole::Follower };
        let leo = if role == RaftRole::Leader { 320 } else { 421 - i64::from(id) };
        scene.controllers.insert(id, ControllerView { host, role, epoch: 3, leo, hw: Some(318) });
    }
    if controllers > 0 {
        let record = QuorumRecord { offset: 315, words: "orders-0: leader 1, epoch 0".into() };
        let active = scene.controllers.iter().find(|(_, c)| c.role == RaftRole::Leader).map(|(id, _)| *id);
        scene.quorum = QuorumView { active, epoch: 3, hw: 319, record: Some(record) };
    }
    fill(&mut scene, topics, clients[0], clients[1]);
    scene
}

fn brokers(scene: &mut Scene, count: i32, racks: &[&str]) {
    for id in 1..=count {
        let host = host(scene, &format!("broker {id}"), Role::Broker(id));
        let rack = (!racks.is_empty()).then(|| racks[(id as usize - 1) % racks.len()].into());
        let listener = format!("localhost:{}", 9091 + id);
        let (epoch, metadata_offset) = (Some(10 + i64::from(id)), 318);
        scene.brokers.insert(id, BrokerView { host, rack, listener, epoch, metadata_offset, ..BrokerView::default() });
    }
}

fn fill(scene: &mut Scene, topics: &[(&str, i32, usize)], producers: &[&str], consumers: &[&str]) {
    let ids: Vec<i32> = scene.brokers.keys().copied().collect();
    for (topic, partitions, factor) in topics {
        let factor = (*factor).min(ids.len());
        let min_isr = factor.div_ceil(2) as i32;
        let view = TopicView {
            partitions: *partitions,
            replication_factor: factor as i16,
            min_isr,
            configs: Default::default(),
        };
        scene.topics.insert((*topic).into(), view);
        for p in 0..*partitions {
            let replicas: Vec<i32> = (0..factor).map(|n| ids[(p as usize + n) % ids.len()]).collect();
            partition(scene, &TopicPartition::new(*topic, p), replicas);
        }
    }
    for name in producers {
        let host = host(scene, name, Role::Producer);
        scene.producers.insert((*name).into(), ProducerView { host, acks: -1, pending: 2, acked: 40, failed: 0 });
    }
    for name in consumers {
        let host = host(scene, name, Role::Consumer);
        let positions = scene.partitions.keys().take(12).map(|tp| (tp.clone(), 9)).collect();
        scene
            .consumers
            .insert((*name).into(), ConsumerView { host, delivered: 27, positions, ..ConsumerView::default() });
    }
}

fn partition(scene: &mut Scene, tp: &TopicPartition, replicas: Vec<i32>) {
    let leader = replicas[0];
    for broker in &replicas {
        let mut view = replica(12, if *broker == leader { 10 } else { 9 });
        view.leads = *broker == leader;
        scene.replicas.insert((tp.clone(), *broker), view);
        let broker = scene.brokers.get_mut(broker).expect("replicas are on brokers");
        broker.holds += 1;
        broker.leads += u32::from(broker.epoch == Some(10 + i64::from(leader)));
    }
    let isr = replicas.clone();
    scene.partitions.insert(tp.clone(), PartitionView { leader: Some(leader), isr, replicas, ..Default::default() });
}

/// A replica with records up to `leo`, committed up to `hw`.
pub fn replica(leo: i64, hw: i64) -> ReplicaView {
    let cell = |offset| Cell { offset, epoch: 0, key: Some(format!("key-{:02}", offset % 7).into()) };
    ReplicaView { hw, leo, tail: ((leo - 16).max(0)..leo).map(cell).collect(), ..ReplicaView::default() }
}

fn host(scene: &mut Scene, name: &str, role: Role) -> u32 {
    let id = scene.hosts.len() as u32;
    scene.hosts.insert(
        id,
        HostView {
            name: name.into(),
            role,
            process: Process::Running,
            since: SimTime::ZERO,
            skew_ms: 0,
            slow_disk: 1,
            slow_cpu: 1,
        },
    );
    id
}

/// A broker goes down: its process is as told, it leads nothing and is in no ISR.
pub fn down(scene: &mut Scene, broker: i32, process: Process, since: SimTime) {
    let host = scene.brokers[&broker].host;
    let view = scene.hosts.get_mut(&host).expect("a broker is a host");
    (view.process, view.since) = (process, since);
    if process == Process::Paused {
        return;
    }
    let view = scene.brokers.get_mut(&broker).expect("it was there");
    (view.fenced, view.fenced_since, view.leads) = (true, SimTime(since.0 + 2_000_000), 0);
    for (tp, partition) in scene.partitions.iter_mut().filter(|(_, p)| p.isr.contains(&broker)) {
        partition.isr.retain(|id| *id != broker);
        if partition.leader == Some(broker) {
            let election = Election { at: SimTime(since.0 + 2_000_000), from: Some(broker), from_epoch: 0 };
            partition.leader = partition.isr.first().copied();
            (partition.leader_epoch, partition.election) = (1, Some(election));
            if let Some(replica) = partition.leader.and_then(|id| scene.replicas.get_mut(&(tp.clone(), id))) {
                (replica.leads, replica.epoch) = (true, 1);
            }
        }
    }
}

/// Three brokers, three partitions, two faults: broker 2 crashed, and the link from 1 to 3 is slow.
pub fn two_faults() -> Scene {
    let clients: [&[&str]; 2] = [&["checkout", "kiosk", "sensor"], &["aud-1", "bill-1", "bill-2", "bill-3"]];
    let mut s = cluster(3, 3, &["a", "b", "c"], &[("orders", 3, 3)], clients);
    s.topics.values_mut().for_each(|t| t.min_isr = 2);
    down(&mut s, 2, Process::Crashed, SimTime(9_000_000));
    s.quorum.record = Some(QuorumRecord { offset: 315, words: "orders-1: leader 3, epoch 5".into() });
    s.brokers.values_mut().for_each(|b| b.leads = 0);
    s.brokers.get_mut(&1).expect("broker 1").leads = 1;
    s.brokers.get_mut(&3).expect("broker 3").leads = 2;
    state(&mut s, 0, 1, 7, &[1, 2, 3], &[1]);
    state(&mut s, 1, 3, 5, &[2, 3, 1], &[3, 1]);
    state(&mut s, 2, 3, 2, &[3, 1, 2], &[3, 1]);
    let orders = |p| TopicPartition::new("orders", p);
    s.partitions.get_mut(&orders(0)).expect("orders-0").elr = vec![2];
    let election = Election { at: SimTime(11_000_000), from: Some(2), from_epoch: 4 };
    s.partitions.get_mut(&orders(1)).expect("orders-1").election = Some(election);
    for (p, broker, leads, epoch, hw, leo) in [
        (0, 1, true, 7, 46, 50),
        (0, 2, false, 7, 45, 46),
        (0, 3, false, 7, 44, 44),
        (1, 1, false, 5, 62, 63),
        (1, 2, true, 4, 61, 63),
        (1, 3, true, 5, 63, 64),
        (2, 1, false, 2, 39, 40),
        (2, 2, false, 2, 36, 36),
        (2, 3, true, 2, 40, 41),
    ] {
        let cells = (leo - 20..leo).map(|offset| cart(p, offset, broker)).collect();
        let diverges = (broker == 2 && p == 1).then_some(61);
        let view = ReplicaView { leads, epoch, start: 0, hw, leo, diverges, tail: cells };
        s.replicas.insert((orders(p), broker), view);
    }
    let cells = vec![Cell { offset: 61, epoch: 4, key: Some("cart-03".into()) }];
    let cut = CutView { at: SimTime(11_400_000), from: 61, to: 62, cells, lost: 0 };
    s.cuts.insert((orders(1), 1), cut);
    let slow = LinkView { cut: false, latency: Some(SimDuration::from_millis(300)) };
    let (one, three) = (s.brokers[&1].host, s.brokers[&3].host);
    s.links.insert((one, three), slow);
    clients_of_two_faults(&mut s);
    groups_of_two_faults(&mut s, &orders);
    s
}

/// Consumers form a group: stable, all partitions dealt in turn, committed up to offset 8.
pub fn group(scene: &mut Scene, id: &str, consumers: &[&str]) {
    let tps: Vec<TopicPartition> = scene.partitions.keys().take(24).cloned().collect();
    let mut members = Vec::new();
    for (n, name) in consumers.iter().enumerate() {
        let member: Arc<str> = format!("{name}-3f2a0d5c-6f0e-4c6e-9f0a-1c9b3a1a2b3c").into();
        let assigned: Vec<_> = tps.iter().skip(n).step_by(consumers.len()).cloned().collect();
        let view = scene.consumers.get_mut(*name).expect("it is there");
        (view.group, view.member, view.generation) = (Some(id.into()), Some(member.clone()), 8);
        view.positions = assigned.iter().map(|tp| (tp.clone(), 9)).collect();
        view.assigned.clone_from(&assigned);
        members.push(MemberInfo { id: member, client: (*name).into(), assigned, ..MemberInfo::default() });
    }
    let view = GroupView {
        coordinator: scene.brokers.keys().next().copied(),
        state: if members.is_empty() { GroupState::Empty } else { GroupState::Stable },
        generation: 8,
        protocol: (!members.is_empty()).then(|| "range".into()),
        leader: members.first().map(|member| member.id.clone()),
        members,
        committed: tps.into_iter().map(|tp| (tp, 8)).collect(),
    };
    scene.groups.insert(id.into(), view);
}

/// `bill-3` has just joined: the leader has yet to take a partition from `bill-1`.
fn groups_of_two_faults(s: &mut Scene, orders: &dyn Fn(i32) -> TopicPartition) {
    group(s, "audit", &["aud-1"]);
    group(s, "billing", &["bill-1", "bill-2", "bill-3"]);
    let at = |list: &[(i32, i64)]| list.iter().map(|(p, offset)| (orders(*p), *offset)).collect::<Vec<_>>();
    let committed = [("audit", at(&[(0, 46), (1, 63), (2, 35)])), ("billing", at(&[(0, 43), (1, 60), (2, 37)]))];
    for (id, offsets) in committed {
        s.groups.get_mut(id).expect("it is there").committed = offsets;
    }
    for (name, positions) in [
        ("aud-1", at(&[(0, 46), (1, 63), (2, 37)])),
        ("bill-1", at(&[(0, 44), (2, 38)])),
        ("bill-2", at(&[(1, 62)])),
        ("bill-3", vec![]),
    ] {
        let view = s.consumers.get_mut(name).expect("it is there");
        view.assigned = positions.iter().map(|(tp, _)| tp.clone()).collect();
        (view.positions, view.rebalances) = (positions, name.starts_with("bill"));
    }
    let billing = s.groups.get_mut("billing").expect("it is there");
    (billing.state, billing.generation, billing.coordinator) = (GroupState::CompletingRebalance, 9, Some(3));
    for member in &mut billing.members {
        member.awaits_sync = true;
    }
    billing.members[2].assigned.clear();
}

fn clients_of_two_faults(s: &mut Scene) {
    for (name, acks, pending, failed) in [("checkout", -1, 2, 3), ("kiosk", 1, 1, 0), ("sensor", 0, 3, 0)] {
        let view = s.producers.get_mut(name).expect("it is there");
        (view.acks, view.pending, view.failed, view.acked) = (acks, pending, failed, 61);
    }
}

fn state(scene: &mut Scene, partition: i32, leader: i32, epoch: i32, replicas: &[i32], isr: &[i32]) {
    let view = PartitionView {
        leader: Some(leader),
        leader_epoch: epoch,
        partition_epoch: epoch + 4,
        replicas: replicas.to_vec(),
        isr: isr.to_vec(),
        ..PartitionView::default()
    };
    scene.partitions.insert(TopicPartition::new("orders", partition), view);
}

fn cart(partition: i32, offset: i64, broker: i32) -> Cell {
    let (keys, epoch): (&[u8], i32) = match partition {
        0 => (&[4, 0, 0], 7),
        1 => (&[6, 3, 1, 3, 1], if offset < 61 || broker == 2 { 4 } else { 5 }),
        _ => (&[5, 2, 2], 2),
    };
    let key = keys[(offset as usize + usize::from(partition == 1 && epoch == 5)) % keys.len()];
    Cell { offset, epoch, key: Some(format!("cart-0{key}").into()) }
}

/// A message between two hosts, half way at `now`; `records` ride on it.
pub fn packet(scene: &Scene, id: u64, ends: [&str; 2], api: &str, now: u64, records: &[(&str, &str)]) -> PacketView {
    let host = |name: &str| scene.hosts.iter().find(|(_, h)| &*h.name == name).map_or(u32::MAX, |(id, _)| *id);
    let named = |tp: &str| {
        let (topic, p) = tp.rsplit_once('-').unwrap_or((tp, "0"));
        TopicPartition::new(topic, p.parse().unwrap_or(0))
    };
    let response = api.starts_with('<');
    let cargo = match api.trim_start_matches('<') {
        "Produce" if response => Cargo::Ack { acks: -1, partitions: vec![] },
        "Produce" | "Fetch" => Cargo::Data {
            partitions: records.iter().map(|(tp, _)| named(tp)).collect(),
            riders: records.iter().filter(|(_, key)| !key.is_empty()).map(|(_, key)| Some((*key).into())).collect(),
            records: records.iter().filter(|(_, key)| !key.is_empty()).count() as u32,
        },
        _ => Cargo::Metadata,
    };
    let spread = 9_000 + (id * 2_311) % 12_000;
    PacketView {
        id: EventId(id),
        from: host(ends[0]),
        to: host(ends[1]),
        api: api.trim_start_matches('<').into(),
        version: 12,
        correlation_id: id as i32,
        response,
        sent: SimTime(now - spread),
        arrives: SimTime(now - spread + 25_000),
        until: Some(SimTime(now - spread + 25_000)),
        size: 134,
        cargo,
        error: None,
        metadata: ends.iter().any(|name| name.starts_with("controller")),
        replication: ends.iter().all(|name| name.starts_with("broker")),
    }
}

/// What led to [`two_faults`], as a timeline shows it.
pub fn two_faults_history() -> Chapter {
    let mark = |id: u64, at: u64, kind: MarkKind, text: &str| Mark {
        id: EventId(id),
        at: SimTime(at * 1_000),
        kind,
        text: text.into(),
    };
    let reign = |p: i32, id: u64, at: u64, leader: i32, epoch: i32, health: Health| {
        let reign = Reign { id: EventId(id), at: SimTime(at * 1_000), leader: Some(leader), epoch, health };
        (TopicPartition::new("orders", p), reign)
    };
    Chapter {
        marks: vec![
            mark(10, 3_000, MarkKind::Fault, "slow link broker 3 broker 1 --latency 300ms"),
            mark(20, 6_100, MarkKind::IsrShrinks, "The ISR of orders-0 shrinks from [1, 2, 3] to [1, 2]."),
            mark(30, 9_000, MarkKind::Crash, "crash broker 2"),
            mark(
                40,
                11_000,
                MarkKind::Fenced,
                "Controller 102 fences broker 2: it is out of service and leads nothing.",
            ),
            mark(41, 11_000, MarkKind::Election, "Controller 102 makes broker 3 the leader of orders-1 in epoch 5."),
        ],
        reigns: vec![
            reign(0, 1, 500, 1, 7, Health::Whole),
            reign(1, 2, 500, 2, 4, Health::Whole),
            reign(2, 3, 500, 3, 2, Health::Whole),
            reign(0, 20, 6_100, 1, 7, Health::UnderReplicated),
            reign(0, 42, 11_000, 1, 7, Health::BelowMinIsr),
            reign(1, 41, 11_000, 3, 5, Health::UnderReplicated),
        ],
        turns: vec![(2, Turn { id: EventId(31), at: SimTime(9_000_000), up: false })],
        deals: two_faults_deals(),
    }
}

fn two_faults_deals() -> Vec<(Arc<str>, Deal)> {
    let deal = |group: &str, id: u64, at: u64, all: Option<&[(&str, &[i32])]>| {
        let of = |(name, list): &(&str, &[i32])| {
            ((*name).into(), list.iter().map(|p| TopicPartition::new("orders", *p)).collect())
        };
        let assigned = all.map(|all| all.iter().map(of).collect());
        (group.into(), Deal { id: EventId(id), at: SimTime(at * 1_000), assigned })
    };
    vec![
        deal("billing", 3, 1_000, Some(&[("bill-1", &[0, 2]), ("bill-2", &[1])])),
        deal("audit", 4, 1_600, Some(&[("aud-1", &[0, 1, 2])])),
        deal("billing", 43, 12_200, None),
    ]
}

/// The messages of [`two_faults`] at `now`.
pub fn two_faults_traffic(scene: &Scene, now: u64) -> Vec<PacketView> {
    let p = |id, ends, api, records: &[(&str, &str)]| packet(scene, id, ends, api, now, records);
    let mut refused = p(1, ["broker 1", "checkout"], "<Produce", &[]);
    refused.error = Some("NOT_ENOUGH_REPLICAS".into());
    let mut one = p(2, ["broker 1", "kiosk"], "<Produce", &[]);
    one.cargo = Cargo::Ack { acks: 1, partitions: vec![] };
    vec![
        refused,
        one,
        p(3, ["checkout", "broker 3"], "Produce", &[("orders-1", "cart-01")]),
        p(4, ["sensor", "broker 3"], "Produce", &[("orders-2", "cart-02")]),
        p(5, ["bill-1", "broker 1"], "Fetch", &[("orders-0", "")]),
        p(6, ["broker 3", "bill-2"], "<Fetch", &[("orders-1", "cart-03")]),
        p(7, ["aud-1", "broker 3"], "Fetch", &[("orders-2", "")]),
        p(8, ["broker 1", "broker 3"], "Fetch", &[("orders-1", "")]),
        p(9, ["broker 3", "broker 1"], "<Fetch", &[("orders-2", "cart-05")]),
        p(10, ["broker 1", "controller 102"], "BrokerHeartbeat", &[]),
        p(11, ["broker 3", "controller 102"], "AlterPartition", &[]),
        p(12, ["controller 101", "controller 102"], "Fetch", &[("__cluster_metadata-0", "")]),
        p(13, ["controller 103", "controller 102"], "Vote", &[]),
        p(14, ["bill-3", "broker 3"], "SyncGroup", &[]),
    ]
}

/// A scene by name, its messages, and its moment in microseconds; for looking at the stage.
pub fn named(name: &str) -> Option<(Scene, Vec<PacketView>, u64)> {
    let some: [&[&str]; 2] = [&["checkout", "kiosk", "sensor"], &["audit", "billing"]];
    let racks = ["a", "b", "c"];
    let now = 12_820_000;
    let mut scene = match name {
        "healthy" => cluster(3, 3, &racks, &[("orders", 3, 3)], some),
        "two-faults" => two_faults(),
        "two-topics" => cluster(3, 3, &racks, &[("orders", 3, 3), ("payments", 3, 3)], some),
        "one" => scene(&[("orders", 3)], some[0], some[1]),
        "five" => cluster(5, 5, &racks, &[("orders", 6, 3)], some),
        "ten" => cluster(10, 3, &racks, &[("orders", 12, 3)], some),
        "ten-three" => cluster(10, 3, &racks, &[("orders", 3, 3)], some),
        "matrix" => cluster(3, 3, &racks, &[("orders", 60, 3), ("payments", 40, 3)], some),
        "hundred" => cluster(100, 5, &racks, &[("orders", 400, 3), ("payments", 600, 3)], some),
        "hundred-three" => cluster(100, 3, &racks, &[("orders", 3, 3)], some),
        "vast" => {
            let names: Vec<String> = (1..=100).map(|n| format!("topic-{n:03}")).collect();
            let topics: Vec<(&str, i32, usize)> = names.iter().map(|n| (n.as_str(), 100, 3)).collect();
            cluster(100, 5, &racks, &topics, some)
        }
        _ => return None,
    };
    if name != "two-faults" {
        trouble(&mut scene, name);
    }
    let traffic = match name {
        "two-faults" => two_faults_traffic(&scene, now),
        "hundred" => many(&scene, now, 300),
        _ => many(&scene, now, 8),
    };
    Some((scene, traffic, now))
}

/// A little goes wrong in the larger scenes: a picture of nothing but health shows nothing.
fn trouble(scene: &mut Scene, name: &str) {
    let at = SimTime(8_500_000);
    match name {
        "five" => down(scene, 4, Process::Crashed, at),
        "ten" | "ten-three" => {
            down(scene, 7, Process::Crashed, at);
            down(scene, 3, Process::Paused, at);
        }
        "hundred" | "hundred-three" | "vast" => {
            down(scene, 17, Process::Crashed, at);
            down(scene, 18, Process::Stopped, at);
            down(scene, 60, Process::Paused, at);
        }
        "matrix" => down(scene, 2, Process::Crashed, at),
        _ => {}
    }
}

/// So many messages between clients and brokers, and between brokers.
fn many(scene: &Scene, now: u64, count: u64) -> Vec<PacketView> {
    let producers: Vec<Arc<str>> = scene.producers.keys().cloned().collect();
    let consumers: Vec<Arc<str>> = scene.consumers.keys().cloned().collect();
    let up = |id: &&i32| scene.broker_process(**id).is_up();
    let brokers: Vec<String> = scene.brokers.keys().filter(up).map(|id| format!("broker {id}")).collect();
    (0..count)
        .map(|n| {
            let broker = brokers[(n as usize * 7) % brokers.len()].as_str();
            let other = brokers[(n as usize * 7 + 1) % brokers.len()].as_str();
            let producer = &*producers[n as usize % producers.len()];
            let consumer = &*consumers[n as usize % consumers.len()];
            match n % 4 {
                0 => packet(scene, n, [producer, broker], "Produce", now, &[("orders-0", "key-01")]),
                1 => packet(
                    scene,
                    n,
                    [broker, consumer],
                    "<Fetch",
                    now,
                    &[("orders-1", "key-02"), ("orders-1", "key-03")],
                ),
                2 => packet(scene, n, [other, broker], "<Fetch", now, &[("orders-2", "key-04")]),
                _ => packet(scene, n, [broker, "controller 102"], "BrokerHeartbeat", now, &[]),
            }
        })
        .collect()
}

/// Any scene.
#[cfg(test)]
pub(crate) fn random_scene(rng: &mut Rng) -> Scene {
    let topics: Vec<(String, i32, usize)> = (0..rng.below(4))
        .map(|_| (format!("t{}", rng.below(4)), 1 + rng.below(4) as i32, 1 + rng.below(3) as usize))
        .collect();
    let topics: Vec<(&str, i32, usize)> = topics.iter().map(|(t, n, f)| (t.as_str(), *n, *f)).collect();
    let names = ["a", "b", "c", "d"];
    let (p, c) = (rng.below(5) as usize, rng.below(5) as usize);
    let (brokers, controllers) = (1 + rng.below(4) as i32, rng.below(4) as i32);
    let mut scene = cluster(brokers, controllers, &["a", "b"], &topics, [&names[..p], &names[..c]]);
    for replica in scene.replicas.values_mut() {
        let leo = rng.below(20) as i64;
        *replica = self::replica(leo, rng.below(leo as u64 + 1) as i64);
    }
    for producer in scene.producers.values_mut() {
        (producer.pending, producer.acked) = (rng.below(4), rng.below(4));
    }
    if rng.below(2) == 0 {
        down(&mut scene, 1, Process::Crashed, SimTime(rng.below(9)));
        scene.links.insert((0, rng.below(3) as u32), LinkView { cut: true, latency: None });
    }
    if let Some(of) = [0, c].get(rng.below(3) as usize) {
        group(&mut scene, "g", &names[..*of]);
    }
    if rng.below(2) == 0 {
        let law = LawView { name: "hw".into(), title: "HW".into(), holds: rng.below(2) == 0, detail: None };
        scene.laws.push(law);
        let cut = CutView { at: SimTime(rng.below(5)), from: 1, to: 3, cells: vec![], lost: 0 };
        scene.cuts.insert((TopicPartition::new("t0", 0), 1), cut);
    }
    scene
}
