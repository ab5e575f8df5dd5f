//! What goes wrong, step by step.

use super::{Explorer, chance, one_of};
use crate::base::{EventId, Rng, SimDuration};
use crate::sim::TraceKind;

/// How many steps a walk has at most.
const MAX_STEPS: u64 = 30;

/// A walk through a world.
pub(super) struct Walk<'a, 'b> {
    rng: &'a mut Rng,
    explorer: &'a mut Explorer<'b>,
    /// How dense the steps are: the longest span between two, in ms.
    longest_ms: u64,
    /// The kinds of faults of this walk: those of few kinds find other things than those of all.
    kinds: Vec<Kind>,
    /// The topics by name, and a number for the next new one.
    next_topic: u64,
    /// Clients that were crashed.
    crashed: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Crash,
    PowerLoss,
    Stop,
    Start,
    Pause,
    Resume,
    Cut,
    Heal,
    SlowLink,
    Reset,
    Message,
    Skew,
    Slow,
    Client,
    Admin,
}

const KINDS: [Kind; 15] = [
    Kind::Crash,
    Kind::PowerLoss,
    Kind::Stop,
    Kind::Start,
    Kind::Pause,
    Kind::Resume,
    Kind::Cut,
    Kind::Heal,
    Kind::SlowLink,
    Kind::Reset,
    Kind::Message,
    Kind::Skew,
    Kind::Slow,
    Kind::Client,
    Kind::Admin,
];

impl<'a, 'b> Walk<'a, 'b> {
    pub(super) fn new(rng: &'a mut Rng, explorer: &'a mut Explorer<'b>) -> Self {
        let longest_ms = [200, 1_000, 3_000, 8_000][rng.below(4) as usize];
        let share = [30, 60, 100][rng.below(3) as usize];
        // What ends faults belongs to every walk.
        let ends = [Kind::Start, Kind::Resume, Kind::Heal];
        let chosen = KINDS.into_iter().filter(|kind| ends.contains(kind) || chance(rng, share));
        let kinds = chosen.collect();
        Self { rng, explorer, longest_ms, kinds, next_topic: 10, crashed: Vec::new() }
    }

    /// Walks it to its end.
    pub(super) fn go(mut self) {
        self.explorer.pass(SimDuration::from_millis(self.rng.below(3_000)));
        for _ in 0..5 + self.rng.below(MAX_STEPS - 4) {
            self.step();
            let span = SimDuration(self.rng.below(self.longest_ms * 1_000));
            self.explorer.pass(span);
        }
    }

    fn step(&mut self) {
        let kind = self.kinds[self.rng.below(self.kinds.len() as u64) as usize];
        let line = match kind {
            Kind::Crash => self.node_in("running").map(|node| format!("crash {node}")),
            Kind::PowerLoss => self.node_in("running").map(|node| format!("power-loss {node}")),
            Kind::Stop => self.node_in("running").map(|node| format!("stop {node}")),
            Kind::Start => self.node_that_is_down().map(|node| format!("start {node}")),
            Kind::Pause => self.node_in("running").map(|node| format!("pause {node}")),
            Kind::Resume => self.node_in("paused").map(|node| format!("resume {node}")),
            Kind::Cut => self.pair().map(|(a, b)| format!("cut {a} {b}{}", one_of(self.rng, &["", "", " --one-way"]))),
            Kind::Heal if chance(self.rng, 50) => Some("heal".into()),
            Kind::Heal => self.pair().map(|(a, b)| format!("heal {a} {b}")),
            Kind::SlowLink => self.pair().map(|(a, b)| {
                let latency = one_of(self.rng, &["100ms", "500ms", "2s", "6s"]);
                format!("slow link {a} {b} --latency {latency}")
            }),
            Kind::Reset => self.pair().map(|(a, b)| format!("reset {a} {b}")),
            Kind::Message => self.message().map(|message| match self.rng.below(2) {
                0 => format!("drop {}", message.0),
                _ => format!("delay {} {}ms", message.0, self.rng.below(5_000)),
            }),
            Kind::Skew => {
                let by = one_of(self.rng, &["+500ms", "-500ms", "+30s", "-30s"]);
                self.node_in("running").map(|node| format!("skew {node} {by}"))
            }
            Kind::Slow => {
                let (what, by) = (one_of(self.rng, &["disk", "cpu"]), one_of(self.rng, &["x10", "x100", "x1000"]));
                self.node_in("running").map(|node| format!("slow {what} {node} {by}"))
            }
            Kind::Client => self.client(),
            Kind::Admin => self.admin(),
        };
        if let Some(line) = line {
            self.explorer.act(&line);
        }
    }

    /// The cluster's nodes in a state, as a script names them.
    fn nodes_in(&self, states: &[&str]) -> Vec<String> {
        let world = self.explorer.world();
        let nodes = world.servers().filter(|(host, _)| states.contains(&world.host_state(*host)));
        nodes.map(|(host, _)| world.host_name(host).to_owned()).collect()
    }

    fn node_in(&mut self, state: &str) -> Option<String> {
        let nodes = self.nodes_in(&[state]);
        nodes.get(self.rng.below(nodes.len() as u64) as usize).cloned()
    }

    fn node_that_is_down(&mut self) -> Option<String> {
        let nodes = self.nodes_in(&["crashed", "dark", "closed"]);
        nodes.get(self.rng.below(nodes.len() as u64) as usize).cloned()
    }

    /// Two hosts with a link between them: mostly nodes, now and then a client.
    fn pair(&mut self) -> Option<(String, String)> {
        let mut hosts = self.nodes_in(&["running", "paused", "crashed", "dark", "closed"]);
        let first = hosts.remove(self.rng.below(hosts.len() as u64) as usize);
        if chance(self.rng, 20) {
            hosts = self.clients();
        }
        let second = hosts.get(self.rng.below(hosts.len() as u64) as usize).cloned()?;
        Some(if chance(self.rng, 50) { (first, second) } else { (second, first) })
    }

    fn clients(&self) -> Vec<String> {
        let world = self.explorer.world();
        let hosts = world.producers().map(|(host, _)| host).chain(world.consumers().map(|(host, _)| host));
        hosts.map(|host| world.host_name(host).to_owned()).collect()
    }

    /// A message under way.
    fn message(&mut self) -> Option<EventId> {
        let now = self.explorer.world().now();
        let trace = self.explorer.runner.world_mut().take_trace();
        let under_way: Vec<EventId> = trace
            .iter()
            .filter(|event| matches!(&event.kind, TraceKind::Sent { packet, .. } if packet.arrives > now))
            .map(|event| event.id)
            .collect();
        let gone = |id: &&EventId| !self.explorer.world().is_under_way(**id);
        let under_way: Vec<EventId> = under_way.iter().filter(|id| !gone(id)).copied().collect();
        under_way.get(self.rng.below(under_way.len() as u64) as usize).copied()
    }

    fn client(&mut self) -> Option<String> {
        let clients = self.clients();
        let client = clients.get(self.rng.below(clients.len() as u64) as usize)?;
        let world = self.explorer.world();
        let host = world.host_named(client)?;
        if world.is_paused(host) {
            return Some(format!("resume {client}"));
        }
        let (pause, crash) = (format!("pause {client}"), format!("crash {client}"));
        Some(match self.rng.below(6) {
            0 => {
                self.crashed.push(client.clone());
                crash
            }
            1 => self.crashed.pop().map_or(pause, |crashed| format!("restart {crashed}")),
            2 => match client.starts_with("producer") {
                true => format!("restart {client} --producer-property linger.ms={}", self.rng.below(200)),
                false => format!("restart {client} --consumer-property max.poll.records={}", 1 + self.rng.below(50)),
            },
            _ => pause,
        })
    }

    /// What an administrator does.
    fn admin(&mut self) -> Option<String> {
        let topics = self.explorer.world().topics();
        let topic = topics.get(self.rng.below(topics.len() as u64) as usize);
        let fresh = format!("t{}", self.next_topic);
        self.next_topic += 1;
        Some(match (self.rng.below(7), topic) {
            (0, Some(topic)) => {
                let partitions = topic.partitions + 1 + self.rng.below(2) as i32;
                format!("kafka-topics.sh --alter --topic {} --partitions {partitions}", topic.name)
            }
            (1, Some(topic)) if topics.len() > 1 => format!("kafka-topics.sh --delete --topic {}", topic.name),
            (2, Some(_)) => {
                let kind = one_of(self.rng, &["preferred", "unclean"]);
                format!("kafka-leader-election.sh --election-type {kind} --all-topic-partitions")
            }
            (3, Some(topic)) => {
                let config = one_of(
                    self.rng,
                    &["min.insync.replicas=1", "min.insync.replicas=2", "unclean.leader.election.enable=true"],
                );
                let name = &topic.name;
                format!("kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config {config}")
            }
            _ => {
                let replicas = 1 + self.rng.below(3);
                let partitions = 1 + self.rng.below(3);
                format!(
                    "kafka-topics.sh --create --topic {fresh} --partitions {partitions} --replication-factor {replicas}"
                )
            }
        })
    }
}
