//! Configs as they are set: of topics, brokers, all brokers, and clients.

use super::browse::quoted;
use super::catalogue::KnownConfig;
use super::client_configs;
use crate::base::SortedMap;
use crate::cluster::{ConfigMap, ConfigSource, ResourceType};
use crate::sim::World;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Whose configs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// A topic's.
    Topic(Arc<str>),
    /// A broker's.
    Broker(i32),
    /// All brokers' where they have none of their own: the cluster-wide defaults.
    Brokers,
    /// A producer's, by its name.
    Producer(Arc<str>),
    /// A consumer's, by its name.
    Consumer(Arc<str>),
}

impl Owner {
    /// The line that sets a config, which kafka-configs.sh does, or for a client starting it again.
    pub fn set_line(&self, name: &str, value: &str) -> String {
        let restart = |kind: &str, client: &str| match name.starts_with("--") {
            true => format!("restart {kind} {client} {name} {}", quoted(value)),
            false => format!("restart {kind} {client} --{kind}-property {}", quoted(&format!("{name}={value}"))),
        };
        match self {
            Self::Producer(client) => restart("producer", client),
            Self::Consumer(client) => restart("consumer", client),
            _ => {
                // A value with commas stands in brackets, as the tool wants it.
                let given = if value.contains(',') { format!("[{value}]") } else { value.to_owned() };
                let given = given.replace('\\', "\\\\").replace('"', "\\\"");
                format!("kafka-configs.sh --alter {} --add-config \"{name}={given}\"", self.entity())
            }
        }
    }

    /// The line that gives a config its default back.
    pub fn reset_line(&self, config: &KnownConfig) -> Option<String> {
        match self {
            Self::Producer(_) | Self::Consumer(_) => {
                config.default.as_ref().map(|default| self.set_line(&config.name, default))
            }
            _ => Some(format!("kafka-configs.sh --alter {} --delete-config {}", self.entity(), config.name)),
        }
    }

    /// The words that name it to kafka-configs.sh.
    fn entity(&self) -> String {
        match self {
            Self::Topic(topic) => format!("--entity-type topics --entity-name {topic}"),
            Self::Broker(id) => format!("--entity-type brokers --entity-name {id}"),
            Self::Brokers | Self::Producer(_) | Self::Consumer(_) => "--entity-type brokers --entity-default".into(),
        }
    }
}

/// Configs as they are set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Whose they are.
    pub owner: Owner,
    /// What is set on it while the cluster runs; for a client, what is in force and not the default.
    pub own: SortedMap<Arc<str>, Arc<str>>,
    /// What holds where nothing is set on it and that is not Kafka's default: the value, and where it is set.
    pub under: SortedMap<Arc<str>, (Arc<str>, Arc<str>)>,
}

impl Settings {
    /// The configs of an owner; nothing of one that is not there.
    pub fn of(world: &World, owner: &Owner) -> Self {
        let mut out = Self { owner: owner.clone(), own: SortedMap::new(), under: SortedMap::new() };
        match owner {
            Owner::Topic(topic) => out.topic(world, topic),
            Owner::Brokers => out.own = set_on(world, ResourceType::Broker, ""),
            Owner::Broker(id) => out.broker(world, *id),
            Owner::Producer(name) => out.client(world.producer_to_be(name).map(client_configs::producer), true),
            Owner::Consumer(name) => out.client(world.consumer_to_be(name).map(client_configs::consumer), false),
        }
        out
    }

    fn topic(&mut self, world: &World, topic: &str) {
        self.own = set_on(world, ResourceType::Topic, topic);
        let effective = world.cluster_metadata().map(|m| m.effective_topic_configs(&ConfigMap::new()));
        for config in effective.into_iter().flatten() {
            let place = match config.source {
                ConfigSource::DynamicBroker | ConfigSource::DynamicDefaultBroker => CLUSTER_WIDE,
                ConfigSource::StaticBroker => FILE,
                _ => continue,
            };
            if let Some(value) = config.value {
                self.under.insert(config.name.into(), (value, place.into()));
            }
        }
    }

    fn client(&mut self, in_force: Option<Vec<(&'static str, String)>>, of_producer: bool) {
        let known = client_configs::known(of_producer);
        let is_default = |name: &str, value: &str| {
            known.iter().any(|config| config.name == name && config.default.as_deref() == Some(value))
        };
        let own = in_force.into_iter().flatten().filter(|(name, value)| !is_default(name, value));
        self.own = own.map(|(name, value)| (name.into(), value.into())).collect();
    }

    fn broker(&mut self, world: &World, id: i32) {
        self.own = set_on(world, ResourceType::Broker, &id.to_string());
        let file = world.brokers().find(|(_, server)| server.id() == id).map(|(_, server)| server.file());
        for (name, value) in file.iter().flat_map(|file| file.iter()) {
            self.under.insert(name.clone(), (value.clone(), FILE.into()));
        }
        for (name, value) in set_on(world, ResourceType::Broker, "") {
            self.under.insert(name, (value, CLUSTER_WIDE.into()));
        }
    }
}

const CLUSTER_WIDE: &str = "the cluster-wide default";
const FILE: &str = "the broker’s file";

fn set_on(world: &World, kind: ResourceType, name: &str) -> SortedMap<Arc<str>, Arc<str>> {
    let set = world.cluster_metadata().and_then(|metadata| metadata.configs().of(kind, name));
    set.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SimTime;
    use crate::session::Session;

    #[test]
    fn what_is_set_and_where() {
        let script = "cluster --brokers 1 --controllers combined --set log.segment.bytes=2097152\n\
            kafka-topics.sh --create --topic t --config flush.messages=9\n\
            kafka-configs.sh --alter --entity-type brokers --entity-default --add-config message.max.bytes=2000000\n\
            kafka-configs.sh --alter --entity-type brokers --entity-name 1 --add-config log.flush.interval.ms=70\n\
            producer p --topic t --producer-property acks=1\nrun 1s\n";
        let mut session = Session::start(script, 1).expect("the script is right");
        session.advance_to(SimTime(9_000_000));
        let of = |owner: Owner| Settings::of(session.world(), &owner);
        let topic = of(Owner::Topic("t".into()));
        assert_eq!(topic.own.get("flush.messages").map(|v| &**v), Some("9"));
        let under = |settings: &Settings, name: &str| {
            settings.under.get(name).map(|(value, place)| format!("{value}, {place}")).unwrap_or_default()
        };
        assert_eq!(under(&topic, "max.message.bytes"), "2000000, the cluster-wide default");
        assert_eq!(under(&topic, "segment.bytes"), "2097152, the broker’s file");
        let broker = of(Owner::Broker(1));
        assert_eq!(broker.own.get("log.flush.interval.ms").map(|v| &**v), Some("70"));
        assert_eq!(under(&broker, "message.max.bytes"), "2000000, the cluster-wide default");
        assert_eq!(under(&broker, "log.segment.bytes"), "2097152, the broker’s file");
        assert_eq!(of(Owner::Brokers).own.get("message.max.bytes").map(|v| &**v), Some("2000000"));
        let producer = of(Owner::Producer("p".into()));
        let own: Vec<(&str, &str)> = producer.own.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(own, [("--topic", "t"), ("acks", "1"), ("enable.idempotence", "false")]);
        assert!(of(Owner::Consumer("nobody".into())).own.is_empty());
    }
}
