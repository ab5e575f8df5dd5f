//! The world in plain sentences: present tense, actor first, Kafka's own terms.

use super::groups::group_text;
use super::members::member_text;
use super::packet::records_text;
use super::scene::{PartitionView, Role, Scene, acks_label};
use crate::base::{HostId, SimTime, SortedMap, TopicPartition};
use crate::machine::Fact;
use crate::sim::{Packet, TraceEvent, TraceKind};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A line of the event log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: SimTime,
    /// How much it matters.
    pub weight: Weight,
    /// The sentence.
    pub text: String,
}

/// How much a line of the event log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Weight {
    /// Daily business: spoken at speed 1 and below.
    Routine,
    /// Something new: always spoken.
    Notable,
    /// Something went wrong.
    Alarm,
}

use Weight::{Alarm, Notable, Routine};

/// Partitions as they were before what is told now.
pub type Before = SortedMap<TopicPartition, PartitionView>;

/// The sentence for an event, if it deserves one. `before` are the partitions that it changes, as they were.
pub fn narrate(event: &TraceEvent, scene: &Scene, before: &Before) -> Option<Line> {
    let who = event.host.map_or_else(|| "Someone".into(), |host| name(scene, host));
    let (weight, text) = match &event.kind {
        TraceKind::Started { name } if name == "outside" => {
            (Notable, "Clients from outside the world can connect from now on.".into())
        }
        TraceKind::Started { name } => (Notable, format!("{} starts.", started(scene, event.host, name))),
        TraceKind::Exited => (Notable, format!("{who} ends.")),
        TraceKind::Commanded { line } => (Notable, format!("› {line}")),
        TraceKind::Connecting { to: Some(to), .. } => (Routine, format!("{who} connects to {}.", lower(scene, *to))),
        TraceKind::Connecting { to: None, .. } => {
            (Routine, format!("{who} tries to connect, and nobody listens there."))
        }
        TraceKind::Sent { packet, .. } => (Routine, asks(scene, &who, packet)?),
        TraceKind::Lost { .. } => (Alarm, format!("A message to {} is lost with its connection.", who)),
        TraceKind::Delayed { arrives: None, .. } => (Notable, format!("A message to {who} waits.")),
        TraceKind::Delayed { arrives: Some(_), .. } => (Routine, format!("A message to {who} arrives late.")),
        TraceKind::Fact(fact @ Fact::PartitionChanged { partition, .. }) => {
            partition_text(fact, &who, scene, before.get(partition))?
        }
        TraceKind::Fact(Fact::HighWatermark { partition, from, to }) => {
            water_text(scene, event, partition, *from, *to)?
        }
        TraceKind::Fact(fact) => fact_text(fact, &who)?,
        TraceKind::Connected { .. } | TraceKind::Disconnected { .. } | TraceKind::Received { .. } => return None,
    };
    Some(Line { at: event.at, weight, text })
}

/// Questions about the cluster. Writes and reads are told by what comes of them.
fn asks(scene: &Scene, who: &str, packet: &Packet) -> Option<String> {
    if packet.response {
        return None;
    }
    let whom = lower(scene, packet.to);
    Some(match packet.api {
        2 => format!("{who} asks {whom} for offsets (ListOffsets)."),
        3 => format!("{who} asks {whom} who leads what (Metadata)."),
        8 => format!("{who} tells {whom} how far it has come (OffsetCommit)."),
        9 => format!("{who} asks {whom} how far its group has come (OffsetFetch)."),
        10 => format!("{who} asks {whom} who coordinates its group (FindCoordinator)."),
        11 => format!("{who} asks {whom} to join its group (JoinGroup)."),
        13 => format!("{who} tells {whom} that it leaves its group (LeaveGroup)."),
        14 => format!("{who} asks {whom} for its assignment (SyncGroup)."),
        18 => format!("{who} asks {whom} which API versions it speaks (ApiVersions)."),
        19 => format!("{who} asks {whom} to create a topic (CreateTopics)."),
        22 => format!("{who} asks {whom} for a producer id (InitProducerId)."),
        52 => format!("{who} asks {whom} for its vote (Vote)."),
        54 => format!("{who} tells {whom} that it leads no more (EndQuorumEpoch)."),
        56 => format!("{who} asks {whom} to change an ISR (AlterPartition)."),
        62 => format!("{who} registers with {whom} (BrokerRegistration)."),
        67 => format!("{who} asks {whom} for producer ids (AllocateProducerIds)."),
        _ => return None,
    })
}

fn fact_text(fact: &Fact, who: &str) -> Option<(Weight, String)> {
    Some(match fact {
        Fact::TopicCreated { topic, .. } => (Notable, format!("{who} creates topic {topic}.")),
        Fact::ConfigNotBuilt { name } => {
            (Notable, format!("{who} keeps the config {name}, which is not built yet and changes nothing."))
        }
        Fact::TopicNotCreated { topic, error, message } => {
            (Alarm, format!("{who} cannot have topic {topic} created: {error}, {}.", message.trim_end_matches('.')))
        }
        Fact::TopicDeleted { topic } => (Notable, format!("{who} deletes topic {topic}.")),
        Fact::QuorumRole { .. }
        | Fact::ControllerActive { .. }
        | Fact::ControllerInactive { .. }
        | Fact::MetadataCommitted { .. }
        | Fact::BrokerRegistered { .. }
        | Fact::BrokerFenced { .. }
        | Fact::BrokerUnfenced { .. }
        | Fact::ControlledShutdown { .. }
        | Fact::BrokerUnregistered { .. } => return cluster_text(fact, who),
        Fact::PartitionChanged { .. } | Fact::HighWatermark { .. } => return None,
        Fact::BecameLeader { .. }
        | Fact::BecameFollower { .. }
        | Fact::Replicated { .. }
        | Fact::Truncated { .. }
        | Fact::LogsRecovered { .. } => return replica_text(fact, who),
        Fact::Appended { partition, base_offset, last_offset, .. } => {
            let records = records_text((last_offset - base_offset + 1) as u64);
            (Routine, format!("{who} writes {records} to {partition}, {}.", offsets(*base_offset, *last_offset)))
        }
        Fact::Acknowledged { partition, base_offset, records, acks, .. } => {
            (Routine, acknowledged(who, &partition.to_string(), *base_offset, u64::from(*records), *acks))
        }
        Fact::Polled { partition, first_offset, last_offset, records } => {
            let records = records_text(u64::from(*records));
            (Routine, format!("{who} reads {records} of {partition}, {}.", offsets(*first_offset, *last_offset)))
        }
        Fact::OffsetReset { partition, offset } => {
            (Notable, format!("{who} goes on in {partition} from offset {offset}."))
        }
        Fact::Processed { .. }
        | Fact::JoinedGroup { .. }
        | Fact::PartitionsAssigned { .. }
        | Fact::PartitionsRevoked { .. }
        | Fact::PartitionsLost { .. }
        | Fact::LeftGroup { .. }
        | Fact::CommitAcknowledged { .. }
        | Fact::CommitFailed { .. } => return member_text(fact, who),
        Fact::FrameRefused { reason, .. } => (Alarm, format!("{who} closes a connection: {reason}.")),
        Fact::Refused { partition, error } => (Alarm, format!("{who} refuses a request for {partition}: {error}.")),
        Fact::ProducerIdSet { producer_id: -1, .. } => {
            (Notable, format!("{who} has used up its id's epochs and asks for another id."))
        }
        Fact::ProducerIdSet { producer_id, epoch: 0 } => {
            (Routine, format!("{who} is given producer id {producer_id}, epoch 0."))
        }
        Fact::ProducerIdSet { producer_id, epoch } => {
            let text =
                format!("{who} (producer id {producer_id}) raises its epoch to {epoch} and numbers its batches anew.");
            (Notable, text)
        }
        Fact::SendFailed { topic, records, error } => {
            (Alarm, format!("{who} gives up {} for {topic}: {error}.", records_text(u64::from(*records))))
        }
        Fact::FatalFault { reason } => {
            (Alarm, format!("{who} ends by a fatal fault: {}.", reason.trim_end_matches('.')))
        }
        Fact::CoordinatorLoaded { .. }
        | Fact::CoordinatorUnloaded { .. }
        | Fact::CoordinatorFailed { .. }
        | Fact::MemberJoined { .. }
        | Fact::MemberReplaced { .. }
        | Fact::MemberRemoved { .. }
        | Fact::GroupRebalancing { .. }
        | Fact::GroupGeneration { .. }
        | Fact::GroupAssigned { .. }
        | Fact::GroupEmpty { .. }
        | Fact::OffsetsCommitted { .. } => return group_text(fact, who),
        Fact::ClientError { message } => (Alarm, format!("{who} cannot go on: {}.", message.trim_end_matches('.'))),
    })
}

/// The leader's high watermark; its followers' copies trail it and say nothing new.
fn water_text(scene: &Scene, event: &TraceEvent, tp: &TopicPartition, from: i64, to: i64) -> Option<(Weight, String)> {
    let leader = scene.partitions.get(tp).and_then(|p| p.leader).and_then(|id| scene.brokers.get(&id));
    let by_leader = leader.is_none_or(|broker| event.host == Some(HostId(broker.host)));
    let (weight, moves) = if to > from { (Routine, "rises") } else { (Alarm, "falls") };
    by_leader.then(|| (weight, format!("The high watermark of {tp} {moves} from {from} to {to}.")))
}

/// What the controllers have written of a partition: a new leader, another ISR.
fn partition_text(fact: &Fact, who: &str, scene: &Scene, before: Option<&PartitionView>) -> Option<(Weight, String)> {
    let Fact::PartitionChanged { partition: tp, replicas, leader, leader_epoch, partition_epoch, isr, elr, recovering } =
        fact
    else {
        return None;
    };
    let Some(before) = before else {
        if *partition_epoch > 0 {
            let leader = leader.map_or_else(|| "no leader".into(), |id| format!("leader {id}"));
            return Some((Notable, format!("{tp} has {leader} in epoch {leader_epoch}, ISR {isr:?}.")));
        }
        let leader = leader.map_or_else(|| "nobody leads it".into(), |id| format!("broker {id} leads it"));
        return Some((Routine, format!("{who} puts {tp} on brokers {}; {leader}.", list(replicas))));
    };
    if before.leader_epoch == *leader_epoch && before.leader == *leader {
        return Some(isr_text(tp, before, isr, elr, scene.min_isr(tp)));
    }
    let Some(id) = leader else {
        return Some((Alarm, format!("{tp} has no leader: no replica that may lead is alive.")));
    };
    let made = format!("{who} makes broker {id} the leader of {tp} in epoch {leader_epoch}");
    Some(if *recovering {
        (Alarm, format!("{made}, uncleanly: it may lack committed records."))
    } else {
        (Notable, format!("{made}{}.", after(before, *id)))
    })
}

/// What changed of an ISR while the leader stayed.
fn isr_text(tp: &TopicPartition, before: &PartitionView, isr: &[i32], elr: &[i32], min_isr: i32) -> (Weight, String) {
    let eligible: Vec<i32> = elr.iter().filter(|id| !before.elr.contains(id)).copied().collect();
    let eligible = match eligible[..] {
        [] => String::new(),
        [one] => format!(" Broker {one} stays eligible to lead (ELR)."),
        _ => format!(" Brokers {} stay eligible to lead (ELR).", list(&eligible)),
    };
    let then = &before.isr;
    match isr.len().cmp(&then.len()) {
        Ordering::Less if (isr.len() as i32) < min_isr => {
            let shrinks = format!("The ISR of {tp} shrinks to {isr:?}, below min.insync.replicas {min_isr}");
            let so = "writes with acks=all are refused, and readers see nothing new";
            (Alarm, format!("{shrinks}: {so}.{eligible}"))
        }
        Ordering::Less => (Notable, format!("The ISR of {tp} shrinks from {then:?} to {isr:?}.{eligible}")),
        Ordering::Greater => (Notable, format!("The ISR of {tp} grows from {then:?} to {isr:?}.")),
        Ordering::Equal => (Routine, format!("{tp} has ISR {isr:?} and ELR {elr:?}.")),
    }
}

/// Who led before, where that is somebody else.
fn after(before: &PartitionView, now: i32) -> String {
    match before.leader {
        Some(old) if old != now => format!(", after broker {old}"),
        _ => String::new(),
    }
}

/// `1, 2 and 3`.
fn list(ids: &[i32]) -> String {
    match ids {
        [] => "none".into(),
        [one] => one.to_string(),
        [rest @ .., last] => {
            let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
            format!("{} and {last}", rest.join(", "))
        }
    }
}

/// What the quorum and the active controller tell.
fn cluster_text(fact: &Fact, who: &str) -> Option<(Weight, String)> {
    Some(match fact {
        Fact::QuorumRole { role, epoch, leader } => match (&**role, leader) {
            ("Leader", _) => (Notable, format!("{who} is elected to lead the metadata log in epoch {epoch}.")),
            ("Prospective", _) => (Notable, format!("{who} misses its leader and asks whether it would be voted for.")),
            ("Candidate", _) => (Notable, format!("{who} stands for election in epoch {epoch}.")),
            ("Unattached", _) => (Routine, format!("{who} knows of epoch {epoch} and of no leader in it.")),
            ("Follower", Some(leader)) => (Routine, format!("{who} follows controller {leader}, epoch {epoch}.")),
            _ => (Notable, format!("{who} is {role} in epoch {epoch}.")),
        },
        Fact::ControllerActive { epoch } => (Notable, format!("{who} is the active controller of epoch {epoch}.")),
        Fact::ControllerInactive { epoch } => {
            (Notable, format!("{who} is no longer the active controller of epoch {epoch}."))
        }
        // Twice a second at every node: the quorum's bar shows it.
        Fact::MetadataCommitted { .. } => return None,
        Fact::BrokerRegistered { broker, epoch } => {
            (Notable, format!("{who} registers broker {broker} with broker epoch {epoch}."))
        }
        Fact::BrokerFenced { broker } => {
            (Alarm, format!("{who} fences broker {broker}: it is out of service and leads nothing."))
        }
        Fact::BrokerUnfenced { broker } => (Notable, format!("{who} unfences broker {broker}: it is in service.")),
        Fact::ControlledShutdown { broker } => {
            (Notable, format!("{who} takes broker {broker} out of service: it stops."))
        }
        Fact::BrokerUnregistered { broker } => (Notable, format!("{who} unregisters broker {broker}.")),
        _ => return None,
    })
}

/// What happens to replicas.
fn replica_text(fact: &Fact, who: &str) -> Option<(Weight, String)> {
    Some(match fact {
        Fact::BecameLeader { partition, leader_epoch, start_offset } => {
            (Routine, format!("{who} leads {partition} from offset {start_offset} on, in epoch {leader_epoch}."))
        }
        Fact::BecameFollower { partition, leader, leader_epoch } => {
            (Routine, format!("{who} follows broker {leader} in {partition}, in epoch {leader_epoch}."))
        }
        Fact::Replicated { partition, base_offset, last_offset, .. } => {
            (Routine, format!("{who} copies {} of {partition}.", offsets(*base_offset, *last_offset)))
        }
        Fact::Truncated { partition, from, to } => {
            (Alarm, format!("{who} cuts {partition} back from {from} to {to}: its leader's log differs."))
        }
        Fact::LogsRecovered { clean: true, logs, .. } => {
            (Notable, format!("{who} opens {} as it closed them.", count(i64::from(*logs), "log")))
        }
        Fact::LogsRecovered { logs, truncated_bytes, .. } => {
            let logs = count(i64::from(*logs), "log");
            (Notable, format!("{who} checks {logs} after an unclean end and cuts off {truncated_bytes} bytes."))
        }
        _ => return None,
    })
}

fn acknowledged(who: &str, partition: &str, base: i64, records: u64, acks: i16) -> String {
    let what = offsets(base, base + records as i64 - 1);
    match acks {
        _ if base < 0 && acks != 0 => {
            format!("{who} learns that {partition} has had its {} before.", records_text(records))
        }
        0 => format!("{who} sends {} to {partition} and will not know what became of them.", records_text(records)),
        1 => format!("{who} gets its ack for {partition}, {what}: the leader has written them."),
        _ => format!("{who} gets its ack for {partition}, {what}: every replica in sync holds them."),
    }
}

/// `offset 4`, `offsets 4 to 6`.
pub(super) fn offsets(first: i64, last: i64) -> String {
    if first == last { format!("offset {first}") } else { format!("offsets {first} to {last}") }
}

fn count(n: i64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A host's name at the start of a sentence: clients' names stay as they are written.
fn name(scene: &Scene, host: HostId) -> String {
    match scene.hosts.get(&host.0) {
        Some(h) => match h.role {
            Role::Broker(id) => format!("Broker {id}"),
            Role::Controller(id) => format!("Controller {id}"),
            _ => h.name.to_string(),
        },
        None => "Someone".into(),
    }
}

fn lower(scene: &Scene, host: HostId) -> String {
    scene.host_name(host.0).to_string()
}

fn started(scene: &Scene, host: Option<HostId>, fallback: &str) -> String {
    let known = host.and_then(|host| Some((host, scene.hosts.get(&host.0)?)));
    let Some((host, view)) = known else { return fallback.to_string() };
    match view.role {
        Role::Broker(id) => format!("Broker {id}"),
        Role::Controller(id) => format!("Controller {id}"),
        Role::Producer => {
            let acks = scene.producers.values().find(|p| p.host == host.0).map_or(-1, |p| p.acks);
            format!("Producer {} (acks={})", view.name, acks_label(acks))
        }
        Role::Consumer => format!("Consumer {}", view.name),
        Role::Tool => format!("Tool {}", view.name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::base::EventId;
    use crate::wire::ErrorCode;

    fn told(host: u32, kind: TraceKind) -> Option<String> {
        let scene = fixture::scene(&[("orders", 3)], &["checkout"], &["audit"]);
        let event = TraceEvent { id: EventId(0), at: SimTime(0), cause: None, host: Some(HostId(host)), kind };
        narrate(&event, &scene, &Before::new()).map(|line| line.text)
    }

    /// What is told of a change from `before` (leader, epoch, ISR) in a cluster of three.
    fn changed(before: (Option<i32>, i32, &[i32]), now: (Option<i32>, i32, &[i32]), elr: &[i32]) -> String {
        let scene = fixture::two_faults();
        let (leader, leader_epoch, isr) = before;
        let view = PartitionView { leader, leader_epoch, isr: isr.to_vec(), ..PartitionView::default() };
        let fact = Fact::PartitionChanged {
            partition: orders(),
            replicas: vec![1, 2, 3],
            leader: now.0,
            leader_epoch: now.1,
            partition_epoch: 9,
            isr: now.2.to_vec(),
            elr: elr.to_vec(),
            recovering: false,
        };
        let host = Some(HostId(scene.controllers[&102].host));
        let event = TraceEvent { id: EventId(0), at: SimTime(0), cause: None, host, kind: TraceKind::Fact(fact) };
        narrate(&event, &scene, &Before::from([(orders(), view)])).expect("it is told").text
    }

    #[test]
    fn elections_and_isr_changes_are_told_as_what_they_are() {
        let all = &[1, 2, 3][..];
        assert_eq!(
            changed((Some(2), 4, all), (Some(3), 5, &[3, 1]), &[]),
            "Controller 102 makes broker 3 the leader of orders-0 in epoch 5, after broker 2."
        );
        assert_eq!(
            changed((Some(1), 7, all), (Some(1), 7, &[1, 2]), &[]),
            "The ISR of orders-0 shrinks from [1, 2, 3] to [1, 2]."
        );
        let short = changed((Some(1), 7, &[1, 2]), (Some(1), 7, &[1]), &[2]);
        assert!(short.starts_with("The ISR of orders-0 shrinks to [1], below min.insync.replicas 2: "), "{short}");
        assert!(short.ends_with(" Broker 2 stays eligible to lead (ELR)."), "{short}");
        assert_eq!(
            changed((Some(1), 7, &[1]), (None, 8, &[]), &[]),
            "orders-0 has no leader: no replica that may lead is alive."
        );
        assert_eq!(
            changed((Some(1), 7, &[1]), (Some(1), 7, all), &[]),
            "The ISR of orders-0 grows from [1] to [1, 2, 3]."
        );
    }

    fn fact(host: u32, fact: Fact) -> String {
        told(host, TraceKind::Fact(fact)).expect("every fact is told")
    }

    fn orders() -> TopicPartition {
        TopicPartition::new("orders", 0)
    }

    #[test]
    fn facts_become_sentences() {
        let appended =
            Fact::Appended { partition: orders(), base_offset: 12, last_offset: 13, leader_epoch: 0, crc: 1, size: 99 };
        assert_eq!(fact(0, appended), "Broker 1 writes 2 records to orders-0, offsets 12 to 13.");
        let acked = Fact::Acknowledged {
            partition: orders(),
            topic_id: uuid::Uuid::nil(),
            base_offset: 12,
            records: 1,
            acks: -1,
            crc: 1,
            sequence: (-1, -1, -1),
        };
        assert_eq!(fact(1, acked), "checkout gets its ack for orders-0, offset 12: every replica in sync holds them.");
        let refused = Fact::Refused { partition: orders(), error: ErrorCode(19) };
        assert_eq!(fact(0, refused), "Broker 1 refuses a request for orders-0: NOT_ENOUGH_REPLICAS.");
        let polled = Fact::Polled { partition: orders(), first_offset: 4, last_offset: 4, records: 1 };
        assert_eq!(fact(2, polled), "audit reads 1 record of orders-0, offset 4.");
    }

    #[test]
    fn hosts_and_commands_are_told_and_deliveries_are_not() {
        assert_eq!(
            told(1, TraceKind::Started { name: "x".into() }).as_deref(),
            Some("Producer checkout (acks=all) starts.")
        );
        assert_eq!(told(0, TraceKind::Commanded { line: "status".into() }).as_deref(), Some("› status"));
        assert_eq!(told(0, TraceKind::Received { sent: EventId(1) }), None);
    }
}
