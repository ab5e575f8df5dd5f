//! The cluster spec: what a world is made of at its start.

use crate::base::{Endpoint, SimDuration, SortedMap};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a world is made of at its start. With a seed and a command log it determines everything that follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSpec {
    /// The brokers.
    pub brokers: Vec<BrokerSpec>,
    /// The controllers.
    pub controllers: Controllers,
    /// Configs of single controllers that are nodes of their own, by id, before those of every node.
    pub controller_configs: SortedMap<i32, Vec<(String, String)>>,
    /// Configs of every node that differ from the default, as given by `--set KEY=VALUE`.
    pub configs: Vec<(String, String)>,
    /// How messages travel.
    pub network: NetworkProfile,
    /// The world's start: ms since the Unix epoch.
    pub start_ms: i64,
}

/// One broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerSpec {
    /// `node.id`.
    pub id: i32,
    /// `broker.rack`, or none.
    pub rack: Option<Arc<str>>,
    /// The advertised listener.
    pub listener: Endpoint,
    /// Configs of this broker alone, before those of every node.
    pub configs: Vec<(String, String)>,
}

/// Where the controllers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Controllers {
    /// In the brokers' processes (`process.roles=broker,controller`): the first one, three or five of them.
    Combined,
    /// So many nodes of their own, with ids from 101 on.
    Separate(u16),
}

/// Id of the first controller that is a node of its own.
pub const FIRST_CONTROLLER_ID: i32 = 101;

/// A controller's listener has the port of its broker, or of the first, and this, or the next that is free.
const CONTROLLER_PORT_OFFSET: u16 = 10_000;

/// How messages travel between hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkProfile {
    /// One way, at least.
    pub latency: SimDuration,
    /// Added at random, up to this.
    pub jitter: SimDuration,
    /// Bytes a second on each connection and direction; none is unlimited.
    pub bandwidth_bytes_per_s: Option<u64>,
}

impl NetworkProfile {
    /// Tens of milliseconds a hop, so that a hop is long beside processing and short beside Kafka's timeouts.
    pub const TEACHING: Self = Self::new(20_000, 10_000, 12_500_000);
    /// One data centre: a quarter of a millisecond a hop, 10 Gbit/s.
    pub const DATACENTER: Self = Self::new(250, 100, 1_250_000_000);
    /// Between continents: 75 ms a hop, 100 Mbit/s.
    pub const WAN: Self = Self::new(75_000, 15_000, 12_500_000);

    /// No network at all: what is sent is there.
    pub const NONE: Self = Self { latency: SimDuration::ZERO, jitter: SimDuration::ZERO, bandwidth_bytes_per_s: None };

    const fn new(latency_us: u64, jitter_us: u64, bandwidth: u64) -> Self {
        Self {
            latency: SimDuration(latency_us),
            jitter: SimDuration(jitter_us),
            bandwidth_bytes_per_s: Some(bandwidth),
        }
    }

    /// The profile with this name: `teaching`, `datacenter` or `wan`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "teaching" => Some(Self::TEACHING),
            "datacenter" => Some(Self::DATACENTER),
            "wan" => Some(Self::WAN),
            _ => None,
        }
    }

    /// How long a small message typically takes: the hop that the page shows in 0.7 s at speed 1.
    pub fn typical_hop(&self) -> SimDuration {
        SimDuration(self.latency.0 + self.jitter.0 / 2)
    }
}

impl ClusterSpec {
    /// 2026-01-01T00:00:00Z, the start of a world that does not say otherwise.
    pub const DEFAULT_START_MS: i64 = 1_767_225_600_000;

    /// `brokers` brokers with ids from 1, listening on localhost from port 9092, on the teaching network, and three
    /// controllers of their own.
    pub fn new(brokers: u16) -> Self {
        let broker = |n: u16| BrokerSpec {
            id: i32::from(n) + 1,
            rack: None,
            listener: Endpoint { host: "localhost".into(), port: 9092 + n },
            configs: Vec::new(),
        };
        Self {
            brokers: (0..brokers).map(broker).collect(),
            controllers: Controllers::Separate(3),
            controller_configs: SortedMap::new(),
            configs: Vec::new(),
            network: NetworkProfile::TEACHING,
            start_ms: Self::DEFAULT_START_MS,
        }
    }

    /// One broker, which is its own controller.
    pub fn single() -> Self {
        Self { controllers: Controllers::Combined, ..Self::new(1) }
    }

    /// The controllers: `controller.quorum.voters`. Their listeners are on the first broker's host or on that of their
    /// own broker, on ports that no broker has.
    pub fn voters(&self) -> Vec<(i32, Endpoint)> {
        let own: Vec<(i32, &Endpoint)> = match self.controllers {
            Controllers::Combined => {
                let count = match self.brokers.len() {
                    0..=2 => 1,
                    3..=4 => 3,
                    _ => 5,
                };
                self.brokers.iter().take(count).map(|broker| (broker.id, &broker.listener)).collect()
            }
            Controllers::Separate(count) => {
                let first = &self.brokers.first().expect("a cluster has a broker").listener;
                (0..count).map(|n| (FIRST_CONTROLLER_ID + i32::from(n), first)).collect()
            }
        };
        let mut voters: Vec<(i32, Endpoint)> = Vec::with_capacity(own.len());
        for (id, beside) in own {
            let mut endpoint = Endpoint { port: beside.port.wrapping_add(CONTROLLER_PORT_OFFSET), ..beside.clone() };
            let is_taken = |endpoint: &Endpoint| {
                self.brokers.iter().any(|broker| broker.listener == *endpoint)
                    || voters.iter().any(|(_, other)| other == endpoint)
            };
            while is_taken(&endpoint) {
                endpoint.port = endpoint.port.wrapping_add(1);
            }
            voters.push((id, endpoint));
        }
        voters
    }
}
