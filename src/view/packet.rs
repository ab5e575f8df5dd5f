//! A message under way: what is drawn of it, and where.

use super::layout::Station;
use super::scene::{Role, Scene, acks_label};
use crate::base::{EventId, SimDuration, SimTime, TopicPartition};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many records are drawn riding on an envelope; the rest is a count.
pub const RIDERS: usize = 3;

/// What brokers ask of a controller, as brokers.
const OF_BROKERS: [&str; 6] = [
    "BrokerHeartbeat",
    "BrokerRegistration",
    "AlterPartition",
    "AllocateProducerIds",
    "AssignReplicasToDirs",
    "Envelope",
];

/// What members of groups ask of coordinators.
const OF_GROUPS: [&str; 8] = [
    "FindCoordinator",
    "JoinGroup",
    "SyncGroup",
    "Heartbeat",
    "LeaveGroup",
    "OffsetCommit",
    "OffsetFetch",
    "ConsumerGroupHeartbeat",
];

/// Error codes by which a coordinator tells a member what to do next, as in any rebalance: nothing is refused.
const SIGNALS: [&str; 2] = ["REBALANCE_IN_PROGRESS", "MEMBER_ID_REQUIRED"];

/// What the page knows of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketView {
    /// The event that sent it.
    pub id: EventId,
    /// The sending host.
    pub from: u32,
    /// The receiving host.
    pub to: u32,
    /// The API's name: `Produce`.
    pub api: Arc<str>,
    /// The API's version.
    pub version: i16,
    /// The correlation id.
    pub correlation_id: i32,
    /// Whether it answers a request.
    pub response: bool,
    /// When it left.
    pub sent: SimTime,
    /// When it arrives if nothing befalls it.
    pub arrives: SimTime,
    /// Until when it is drawn: its arrival, or later when something holds it up; none while nobody knows.
    pub until: Option<SimTime>,
    /// Its length in bytes on the wire.
    pub size: u32,
    /// Kind of content.
    pub cargo: Cargo,
    /// The first error that it carries: Kafka's name.
    pub error: Option<String>,
    /// Whether it belongs to the metadata log and its quorum, rather than to data.
    pub metadata: bool,
    /// Whether it goes between brokers.
    pub replication: bool,
}

/// What a message carries, as far as its mark shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cargo {
    /// Records: keys of the first [`RIDERS`] and how many there are in all; none in an empty fetch.
    Data {
        /// The partitions that it names, in order.
        partitions: Vec<TopicPartition>,
        /// Keys of the first records.
        riders: Vec<Option<Arc<str>>>,
        /// How many records.
        records: u32,
    },
    /// The answer to a write.
    Ack {
        /// The `acks` that the write asked for.
        acks: i16,
        /// The partitions that it names, in order.
        partitions: Vec<TopicPartition>,
    },
    /// Questions about the cluster, and their answers.
    Metadata,
}

impl PacketView {
    /// How much of its way lies behind it at `now`: 0 to 1. A function of nothing else, so that any moment can be
    /// drawn without those before it.
    pub fn progress(&self, now: f64) -> f64 {
        let (sent, arrives) = (self.sent.0 as f64, self.arrives.0 as f64);
        if arrives <= sent { 1.0 } else { ((now - sent) / (arrives - sent)).clamp(0.0, 1.0) }
    }

    /// Whether it is under way at `now`.
    pub fn in_flight(&self, now: f64) -> bool {
        self.sent.0 as f64 <= now && self.until.is_none_or(|until| now < until.0 as f64)
    }

    /// Where its ends are on the stage. In a node that is broker and controller, what belongs to the quorum has its ends
    /// at controllers; a heartbeat goes from the broker to the controller.
    pub fn stations(&self, scene: &Scene) -> Option<(Station, Station)> {
        let controller = |host: u32| scene.controllers.iter().find(|(_, c)| c.host == host).map(|(id, _)| *id);
        let station = |host: u32, as_controller: bool| {
            let role = scene.hosts.get(&host)?.role;
            Some(match role {
                Role::Broker(id) => match controller(host).filter(|_| as_controller) {
                    Some(id) => Station::Controller(id),
                    None => Station::Broker(id),
                },
                Role::Controller(id) => Station::Controller(id),
                _ => Station::Client(host),
            })
        };
        let of_broker = OF_BROKERS.contains(&&*self.api);
        let (asks, answers) = if self.response { (self.to, self.from) } else { (self.from, self.to) };
        let (asks, answers) = (station(asks, self.metadata && !of_broker)?, station(answers, self.metadata)?);
        Some(if self.response { (answers, asks) } else { (asks, answers) })
    }

    /// The partition that it names first.
    pub fn about(&self) -> Option<&TopicPartition> {
        match &self.cargo {
            Cargo::Data { partitions, .. } | Cargo::Ack { partitions, .. } => partitions.first(),
            Cargo::Metadata => None,
        }
    }

    /// Whether it is of the kind that goes to and fro all the time and says nothing new: heartbeats, and fetches of
    /// followers and of the metadata log that carry no records.
    pub fn is_idle(&self) -> bool {
        let empty = matches!(self.cargo, Cargo::Data { records: 0, .. } | Cargo::Metadata);
        let between_servers = self.metadata || self.replication;
        let beats = matches!(&*self.api, "BrokerHeartbeat" | "Heartbeat");
        self.error.is_none() && empty && ((&*self.api == "Fetch" && between_servers) || beats)
    }

    /// Whether it is between a member of a group and the group's coordinator.
    pub fn is_of_group(&self) -> bool {
        OF_GROUPS.contains(&&*self.api)
    }

    /// Whether it carries an error that refuses something.
    pub fn is_refusal(&self) -> bool {
        self.error.as_ref().is_some_and(|error| !SIGNALS.contains(&error.as_str()))
    }

    /// What is written on it: its API, and what a coordinator signals with it.
    pub fn label(&self) -> std::borrow::Cow<'_, str> {
        match self.error.as_deref() {
            Some("REBALANCE_IN_PROGRESS") => "rebalance!".into(),
            Some("MEMBER_ID_REQUIRED") => "member id".into(),
            _ => (&*self.api).into(),
        }
    }

    /// What it carries, in a few words: `2 records for orders-0`.
    pub fn summary(&self) -> String {
        if let Some(error) = &self.error {
            return if self.is_refusal() { format!("refused: {error}") } else { error.clone() };
        }
        match &self.cargo {
            Cargo::Data { records: 0, .. } if self.response => "no new records".into(),
            Cargo::Data { records: 0, partitions, .. } => format!("wants {}", names(partitions)),
            Cargo::Data { records, partitions, .. } => {
                format!("{} {} {}", records_text(u64::from(*records)), self.preposition(), names(partitions))
            }
            Cargo::Ack { acks, partitions } => format!("acks={} for {}", acks_label(*acks), names(partitions)),
            Cargo::Metadata => String::new(),
        }
    }

    /// How long it travels.
    pub fn travel(&self) -> SimDuration {
        self.arrives.since(self.sent)
    }

    fn preposition(&self) -> &'static str {
        if self.response { "of" } else { "for" }
    }
}

/// `1 record`, `2 records`.
pub fn records_text(n: u64) -> String {
    if n == 1 { "1 record".into() } else { format!("{n} records") }
}

fn names(partitions: &[TopicPartition]) -> String {
    match partitions {
        [] => "nothing".into(),
        [one] => one.to_string(),
        [one, rest @ ..] if rest.len() < 3 => rest.iter().fold(one.to_string(), |text, tp| format!("{text}, {tp}")),
        [one, rest @ ..] => format!("{one} and {} more", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sent: u64, arrives: u64) -> PacketView {
        PacketView {
            id: EventId(7),
            from: 1,
            to: 0,
            api: "Produce".into(),
            version: 13,
            correlation_id: 3,
            response: false,
            sent: SimTime(sent),
            arrives: SimTime(arrives),
            until: Some(SimTime(arrives)),
            size: 120,
            cargo: Cargo::Data { partitions: vec![TopicPartition::new("orders", 0)], riders: vec![None], records: 1 },
            error: None,
            metadata: false,
            replication: false,
        }
    }

    #[test]
    fn place_is_a_function_of_sent_arrives_and_now() {
        let p = packet(100, 300);
        assert_eq!([50.0, 100.0, 150.0, 300.0, 900.0].map(|t| p.progress(t)), [0.0, 0.0, 0.25, 1.0, 1.0]);
        assert_eq!([99.0, 100.0, 299.0, 300.0].map(|t| p.in_flight(t)), [false, true, true, false]);
        let held = PacketView { until: None, ..packet(100, 300) };
        assert_eq!((held.progress(900.0), held.in_flight(900.0)), (1.0, true), "it waits where it would arrive");
        assert_eq!(packet(5, 5).progress(5.0), 1.0, "a message that takes no time is there");
    }

    #[test]
    fn summaries_say_what_and_for_whom() {
        let mut p = packet(0, 1);
        assert_eq!(p.summary(), "1 record for orders-0");
        p.error = Some("NOT_ENOUGH_REPLICAS".into());
        assert_eq!(p.summary(), "refused: NOT_ENOUGH_REPLICAS");
        p.error = None;
        p.cargo = Cargo::Ack { acks: -1, partitions: (0..5).map(|n| TopicPartition::new("t", n)).collect() };
        assert_eq!(p.summary(), "acks=all for t-0 and 4 more");
    }
}
