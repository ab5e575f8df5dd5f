//! Configs as they are set: of topics, brokers, all brokers, and clients.

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
    /// A producer's or consumer's, by the client's name.
    Client(Arc<str>),
}

/// Configs as they are set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Whose they are.
    pub owner: Owner,
    /// What is set on it while the cluster runs; for a client, every config with the value in force.
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
            Owner::Client(name) => out.own = client(world, name),
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

fn client(world: &World, name: &str) -> SortedMap<Arc<str>, Arc<str>> {
    let producer = world.producer(name).map(|it| client_configs::producer(it.config()));
    let values = producer.or_else(|| Some(client_configs::consumer(world.consumer(name)?.config())));
    values.into_iter().flatten().map(|(name, value)| (name.into(), value.into())).collect()
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
        assert_eq!(of(Owner::Client("p".into())).own.get("acks").map(|v| &**v), Some("1"));
        assert!(of(Owner::Client("nobody".into())).own.is_empty());
    }
}
