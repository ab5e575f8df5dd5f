//! All faults end, and the cluster has to become whole again.

use super::Explorer;
use crate::base::{HostId, SimDuration, Sort, SortedSet, TopicPartition};
use crate::broker::BrokerProcess;
use crate::client::Consumer;
use crate::sim::World;
use crate::storage::Log;

/// How often it is looked whether all is well.
const LOOK_EVERY: SimDuration = SimDuration::from_millis(500);
/// How long becoming whole may take at most: connections that nobody closed are given up after 30 s, sessions and
/// backoffs come on top; a consumer learns of a partition that was added after `metadata.max.age.ms`, five minutes.
const MAX_LOOKS: u32 = 700;

/// Ends all faults and waits until all is well; what is not in the end.
pub(super) fn heal(explorer: &mut Explorer<'_>) -> Vec<String> {
    end_faults(explorer);
    wait_until(explorer, |world| in_service(world).is_empty());
    close_producers(explorer);
    wait_until(explorer, |world| {
        in_service(world).is_empty() && clients(world).is_empty() && replicas(world).is_empty()
    });
    let world = explorer.world();
    [in_service(world), clients(world), replicas(world), laws(world)].concat()
}

/// Waits until the cluster is well, and does what an operator would do for it.
fn wait_until(explorer: &mut Explorer<'_>, is_well: impl Fn(&World) -> bool) {
    for look in 0..MAX_LOOKS {
        start_what_is_down(explorer);
        explorer.pass(LOOK_EVERY);
        explorer.runner.world_mut().take_trace();
        if look % 100 == 99 {
            elect_where_nobody_may_lead(explorer);
        }
        if look % 2 == 0 && is_well(explorer.world()) {
            return;
        }
    }
}

fn end_faults(explorer: &mut Explorer<'_>) {
    explorer.act("heal");
    let world = explorer.world();
    let nodes: Vec<String> = world.servers().map(|(host, _)| world.host_name(host).to_owned()).collect();
    for node in &nodes {
        explorer.act(&format!("skew {node} +0ms"));
        explorer.act(&format!("slow disk {node} x1"));
        explorer.act(&format!("slow cpu {node} x1"));
    }
    let world = explorer.world();
    let hosts = world.servers().map(|(host, _)| host);
    let hosts = hosts.chain(world.producers().map(|(host, _)| host)).chain(world.consumers().map(|(host, _)| host));
    let paused = hosts.filter(|host| world.is_paused(*host));
    for host in paused.map(|host| world.host_name(host).to_owned()).collect::<Vec<_>>() {
        explorer.act(&format!("resume {host}"));
    }
}

/// Also what was told to stop, once it has.
fn start_what_is_down(explorer: &mut Explorer<'_>) {
    let world = explorer.world();
    let down = world.servers().filter(|(host, _)| !world.is_running(*host));
    for node in down.map(|(host, _)| world.host_name(host).to_owned()).collect::<Vec<_>>() {
        explorer.act(&format!("start {node}"));
    }
}

/// What an operator would do for partitions with an empty ISR and no eligible leader replicas, which no broker's return
/// brings back: `min.insync.replicas` was changed while nobody led (a ClearElrRecord; a live cluster does the same).
fn elect_where_nobody_may_lead(explorer: &mut Explorer<'_>) {
    let world = explorer.world();
    let stranded = |tp: &TopicPartition| {
        world.partition(tp).is_some_and(|info| info.leader.is_none() && info.isr.is_empty() && info.elr.is_empty())
    };
    for tp in partitions(world).into_iter().filter(stranded).collect::<Vec<_>>() {
        let (topic, index) = (&tp.topic, tp.partition);
        let election = "kafka-leader-election.sh --election-type unclean";
        explorer.act(&format!("{election} --topic {topic} --partition {index}"));
    }
}

fn close_producers(explorer: &mut Explorer<'_>) {
    let names: Vec<String> = explorer.world().producers().map(|(_, producer)| producer.name().to_owned()).collect();
    for name in names {
        explorer.act(&format!("close {name}"));
    }
}

/// Brokers that are not in service, partitions that are not led, ISRs that are not full.
fn in_service(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    for (host, server) in world.brokers() {
        if server.broker().is_none_or(|broker| broker.process() != BrokerProcess::Running) {
            problems.push(format!("{} is not in service", world.host_name(host)));
        }
    }
    if world.active_controller().is_none() {
        problems.push("no controller is active".into());
    }
    for tp in partitions(world) {
        let Some(info) = world.partition(&tp) else { continue };
        let mut isr = info.isr.clone();
        let mut replicas = info.replicas.clone();
        isr.order();
        replicas.order();
        match info.leader {
            None => problems.push(format!("{tp} has no leader: ISR {isr:?}, ELR {:?}", info.elr)),
            Some(leader) if isr != replicas => {
                problems.push(format!("{tp}, led by {leader}, has ISR {isr:?} of {replicas:?}"));
            }
            Some(_) => {}
        }
    }
    problems
}

fn partitions(world: &World) -> Vec<TopicPartition> {
    let all =
        |topic: crate::sim::TopicInfo| (0..topic.partitions).map(move |n| TopicPartition::new(topic.name.clone(), n));
    world.topics().into_iter().flat_map(all).collect()
}

/// Producers that still hold records, consumers that are not at the end.
fn clients(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    for (_, producer) in world.producers().filter(|(_, producer)| producer.pending() > 0) {
        problems.push(format!("producer {} still holds {} records", producer.name(), producer.pending()));
    }
    for (host, consumer) in world.consumers() {
        for tp in partitions(world).into_iter().filter(|tp| consumer.reads_alone(&tp.topic)) {
            problems.extend(behind(world, host, consumer, &tp));
        }
    }
    problems.extend(groups(world));
    problems
}

/// A consumer that is not at a partition's end, and can get there.
fn behind(world: &World, host: HostId, consumer: &Consumer, tp: &TopicPartition) -> Option<String> {
    if follows_a_deleted_topic(world, consumer, tp) {
        return None;
    }
    let position = consumer.positions().into_iter().find(|(known, _)| known == tp).map(|(_, position)| position);
    let end = leaders_log(world, tp).map(Log::high_watermark);
    // Whoever reads from the latest offset on and nothing came has no position yet, or one at the end.
    let is_behind = position.unwrap_or_default() < end.unwrap_or_default();
    is_behind.then(|| format!("{} is at {position:?} of {tp}, which ends at {end:?}", world.host_name(host)))
}

/// Whether a consumer holds a leader epoch that the partition never had: it took a broker's hint about a deleted topic for
/// the topic of the same name that came after it. Kafka's client does the same (`Metadata.updatePartitionLeadership` looks
/// at no topic id) and reads nothing until the epoch has grown beyond that or it is started anew.
fn follows_a_deleted_topic(world: &World, consumer: &Consumer, tp: &TopicPartition) -> bool {
    let epoch = world.partition(tp).map(|info| info.leader_epoch);
    epoch.zip(consumer.leader_epoch(tp)).is_some_and(|(epoch, known)| known > epoch)
}

/// Groups whose partitions are not each with one running member that is at the end.
fn groups(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    let names: SortedSet<&str> = world.consumers().filter_map(|(_, consumer)| consumer.group()).collect();
    for group in names {
        let members: Vec<_> = world.consumers().filter(|(_, consumer)| consumer.group() == Some(group)).collect();
        let topics: SortedSet<&str> = members.iter().flat_map(|(_, c)| c.topics().map(|topic| &**topic)).collect();
        for tp in partitions(world).into_iter().filter(|tp| topics.contains(&*tp.topic)) {
            let owners: Vec<_> = members.iter().filter(|(_, consumer)| consumer.assigned().contains(&tp)).collect();
            match owners[..] {
                [(host, consumer)] => problems.extend(behind(world, *host, consumer, &tp)),
                _ => problems.push(format!("{tp} has {} owners in group {group}", owners.len())),
            }
        }
    }
    problems
}

fn leaders_log<'a>(world: &'a World, tp: &TopicPartition) -> Option<&'a Log> {
    world.replica(world.partition(tp)?.leader?, tp)
}

/// Replicas that are not what their leader is.
fn replicas(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    for tp in partitions(world) {
        let (Some(info), Some(leaders)) = (world.partition(&tp), leaders_log(world, &tp)) else { continue };
        if leaders.high_watermark() != leaders.log_end_offset() {
            let (hw, end) = (leaders.high_watermark(), leaders.log_end_offset());
            problems.push(format!("{tp} ends at {end} and is committed to {hw}"));
        }
        for replica in info.replicas {
            let log = world.replica(replica, &tp);
            if log.is_none_or(|log| content(log) != content(leaders)) {
                let end = log.map(Log::log_end_offset);
                problems.push(format!("{tp} on broker {replica}, to {end:?}, is not what its leader has"));
            }
        }
    }
    problems
}

/// Without the high watermark: a follower learns it with records or when it moves, so in a partition to which nobody
/// writes any more it may stay behind.
fn content(log: &Log) -> impl PartialEq + use<> {
    let batches = log.batches_from(log.log_start_offset());
    let all: Vec<(i64, u32, i32)> = batches.map(|batch| (batch.base_offset, batch.crc, batch.leader_epoch)).collect();
    (log.log_end_offset(), all)
}

/// Laws that are broken; a loss of records counts when nothing allowed it.
fn laws(world: &World) -> Vec<String> {
    let broken = world.laws().into_iter().filter(|law| law.name != "acked-lost");
    let broken = broken.filter_map(|law| Some((law.name, law.breach?)));
    let mut problems: Vec<String> = broken
        .map(|(name, breach)| format!("{name} is broken since event {}: {}", breach.event.0, breach.what))
        .collect();
    if let Some(loss) = world.unexplained_loss() {
        problems.push(format!("acked-lost is broken at event {}: {}", loss.event.0, loss.what));
    }
    problems
}
