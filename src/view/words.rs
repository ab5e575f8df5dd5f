//! What stands in words under a replica's tape, and what a picture for people who do not see it says.

use super::scene::{Scene, Standing};
use crate::base::TopicPartition;

/// How much words matter, and in which colour they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Quiet,
    /// Worth knowing.
    Plain,
    /// Not as it should be.
    Warn,
    /// Something will be, or is, gone.
    Bad,
}

/// The words under a replica's tape; none under a leader's, where the readers' marks stand.
pub fn replica_words(scene: &Scene, tp: &TopicPartition, broker: i32) -> Option<(String, Tone)> {
    let replica = scene.replicas.get(&(tp.clone(), broker));
    let standing = scene.standing(tp, broker);
    if let Some((replica, from)) = replica.and_then(|r| Some((r, r.diverges?))) {
        let last = replica.leo - 1;
        let epoch = replica.tail.iter().find(|c| c.offset >= from).map_or(replica.epoch, |c| c.epoch);
        let which = if last > from { format!("{from} to {last}, e{epoch}") } else { format!("{from}, e{epoch}") };
        let when = match standing {
            Standing::Offline { .. } => "cut on return",
            Standing::Deposed => "will be cut",
            _ => "to be cut",
        };
        return Some((format!("{which}: {when}"), Tone::Bad));
    }
    Some(match standing {
        Standing::Leads => return None,
        Standing::Deposed => ("deposed, does not know".into(), Tone::Warn),
        Standing::InSync { behind: 0 } => ("in ISR".into(), Tone::Quiet),
        Standing::InSync { behind } => (format!("in ISR, {behind} behind"), Tone::Quiet),
        Standing::OutOfSync { behind: 0 } => ("out of ISR, caught up".into(), Tone::Warn),
        Standing::OutOfSync { behind } => (format!("out of ISR, {behind} behind"), Tone::Warn),
        Standing::Paused { in_isr: true } => ("paused, still in ISR".into(), Tone::Warn),
        Standing::Paused { in_isr: false } => ("paused, out of ISR".into(), Tone::Warn),
        Standing::Offline { in_elr: true, .. } => ("in ELR: complete below HW".into(), Tone::Plain),
        Standing::Offline { behind: 0, .. } => ("offline".into(), Tone::Plain),
        Standing::Offline { behind, .. } => (format!("offline, {behind} behind"), Tone::Plain),
    })
}

/// The same in a word or two, for where there is little room.
pub fn replica_word(scene: &Scene, tp: &TopicPartition, broker: i32) -> (String, Tone) {
    let diverges = scene.replicas.get(&(tp.clone(), broker)).is_some_and(|r| r.diverges.is_some());
    if diverges {
        return ("to cut".into(), Tone::Bad);
    }
    match scene.standing(tp, broker) {
        Standing::Leads => ("leader".into(), Tone::Plain),
        Standing::Deposed => ("deposed".into(), Tone::Warn),
        Standing::InSync { behind: 0 } => ("in ISR".into(), Tone::Quiet),
        Standing::InSync { behind } => (format!("−{behind}"), Tone::Quiet),
        Standing::OutOfSync { behind } => (format!("out −{behind}"), Tone::Warn),
        Standing::Paused { .. } => ("paused".into(), Tone::Warn),
        Standing::Offline { in_elr: true, .. } => ("ELR".into(), Tone::Plain),
        Standing::Offline { .. } => ("offline".into(), Tone::Plain),
    }
}

/// The state of a partition in a few words for its head.
pub fn partition_words(scene: &Scene, tp: &TopicPartition, now: f64) -> (String, Tone) {
    let Some(partition) = scene.partitions.get(tp) else { return (String::new(), Tone::Quiet) };
    let (in_sync, all) = (partition.isr.len(), partition.replicas.len());
    let election = partition.election.filter(|_| partition.just_elected(now));
    match (partition.leader, election) {
        (None, _) => ("no leader".into(), Tone::Bad),
        _ if scene.hw_held(tp) => ("min ISR not met".into(), Tone::Warn),
        (_, Some(election)) => (format!("leader e{} to e{}", election.from_epoch, partition.leader_epoch), Tone::Plain),
        _ if partition.recovering => ("recovering".into(), Tone::Warn),
        _ if all == 1 => (String::new(), Tone::Quiet),
        _ if in_sync == all => (format!("all {all} in sync"), Tone::Quiet),
        _ => (format!("in sync {in_sync} of {all}"), Tone::Quiet),
    }
}

/// A replica as a sentence: `orders-0 on broker 3, follower, out of ISR, 6 behind, log end 44`.
pub fn replica_sentence(scene: &Scene, tp: &TopicPartition, broker: i32) -> String {
    let Some(replica) = scene.replicas.get(&(tp.clone(), broker)) else {
        return format!("{tp} on broker {broker}, no log yet");
    };
    let role = match scene.standing(tp, broker) {
        Standing::Leads => "leader",
        Standing::Offline { .. } => "offline",
        _ => "follower",
    };
    let words = replica_words(scene, tp, broker).map(|(words, _)| format!(", {words}")).unwrap_or_default();
    // The role has said so already.
    let words = words.replacen(", offline", "", 1);
    let held = if role == "leader" && scene.hw_held(tp) { " held" } else { "" };
    format!("{tp} on broker {broker}, {role}{words}, high watermark {}{held}, log end {}", replica.hw, replica.leo)
}
