//! The configs that are set (`ConfigurationControlManager`): of topics, of brokers (one or all, the empty name), of
//! groups and client-metrics subscriptions; and what takes effect where one is not set.

use super::config_defs::{self, ConfigKey, ConfigType};
use super::{Controller, ELR_FEATURE};
use crate::base::{OrdMap, SortedMap};
use crate::wire::metadata_records::ConfigRecord;
use std::sync::Arc;

/// What a config belongs to, with its number in requests and records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceType {
    /// A topic.
    Topic = 2,
    /// A broker, or with an empty name all of them.
    Broker = 4,
    /// A broker's loggers; not for the controller.
    BrokerLogger = 8,
    /// A client-metrics subscription (KIP-714).
    ClientMetrics = 16,
    /// A group (KIP-848).
    Group = 32,
}

impl ResourceType {
    /// The resource type with this number.
    pub fn from_value(value: i8) -> Option<Self> {
        let all = [Self::Topic, Self::Broker, Self::BrokerLogger, Self::ClientMetrics, Self::Group];
        all.into_iter().find(|kind| *kind as i8 == value)
    }
}

/// Where a config's value comes from, with its number in responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// The topic itself.
    Topic = 1,
    /// Set for one broker, while it ran.
    DynamicBroker = 2,
    /// Set for all brokers, while they ran.
    DynamicDefaultBroker = 3,
    /// The broker's file.
    StaticBroker = 4,
    /// Kafka's default.
    Default = 5,
    /// The client-metrics subscription itself.
    ClientMetrics = 7,
    /// The group itself.
    Group = 8,
}

/// A config as it takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveConfig {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: Option<Arc<str>>,
    /// Where that comes from.
    pub source: ConfigSource,
}

/// Configs of one resource that are set.
pub type ConfigMap = SortedMap<Arc<str>, Arc<str>>;

/// All configs that are set.
#[derive(Clone, Debug, Default)]
pub struct ConfigControl {
    set: OrdMap<(ResourceType, Arc<str>), Arc<ConfigMap>>,
}

impl ConfigControl {
    /// What is set on a resource.
    pub fn of(&self, kind: ResourceType, name: &str) -> Option<&ConfigMap> {
        self.set.get(&(kind, Arc::from(name))).map(|configs| &**configs)
    }

    /// Every resource on which configs are set, with them.
    pub fn iter(&self) -> impl Iterator<Item = (&(ResourceType, Arc<str>), &ConfigMap)> {
        self.set.iter().map(|(resource, configs)| (resource, &**configs))
    }

    /// Takes a config in. A resource that has no config left is forgotten.
    pub fn replay(&mut self, record: &ConfigRecord) {
        let Some(kind) = ResourceType::from_value(record.resource_type) else { return };
        let resource = (kind, Arc::from(record.resource_name.as_str()));
        let mut configs = self.set.get(&resource).map(|configs| ConfigMap::clone(configs)).unwrap_or_default();
        match &record.value {
            Some(value) => drop(configs.insert(record.name.as_str().into(), value.as_str().into())),
            None => drop(configs.remove(&*record.name)),
        }
        if configs.is_empty() {
            self.set.remove(&resource);
        } else {
            self.set.insert(resource, Arc::new(configs));
        }
    }

    /// Forgets a resource.
    pub fn remove(&mut self, kind: ResourceType, name: &str) {
        self.set.remove(&(kind, Arc::from(name)));
    }
}

impl Controller {
    /// Every config of a topic on which `set` is set, as it takes effect on this node, by name.
    pub fn effective_topic_configs(&self, set: &ConfigMap) -> Vec<EffectiveConfig> {
        let shown = config_defs::topic_configs().iter().filter(|key| !key.name.starts_with("internal."));
        shown.map(|key| self.effective_topic_config(key, set)).collect()
    }

    /// A config of a topic on which `set` is set, as it takes effect on this node: its own, or else a broker's under one
    /// of its other names, the nearest first, or else Kafka's default.
    pub fn effective_topic_config(&self, key: &ConfigKey, set: &ConfigMap) -> EffectiveConfig {
        let found = |value: Option<Arc<str>>, source| EffectiveConfig { name: key.name, value, source };
        if let Some(value) = set.get(key.name) {
            return found(Some(value.clone()), ConfigSource::Topic);
        }
        let node = self.settings.node_id.to_string();
        let brokers = [
            (self.configs.of(ResourceType::Broker, &node), ConfigSource::DynamicBroker),
            (self.configs.of(ResourceType::Broker, ""), ConfigSource::DynamicDefaultBroker),
            (Some(&self.settings.static_configs), ConfigSource::StaticBroker),
        ];
        for (configs, source) in brokers {
            for (synonym, unit_ms) in key.synonyms {
                if let Some(value) = configs.and_then(|configs| configs.get(*synonym)) {
                    return found(Some(in_milliseconds(value, *unit_ms)), source);
                }
            }
        }
        found(key.default.map(Arc::from), ConfigSource::Default)
    }

    fn topic_value(&self, topic: &str, name: &str) -> Option<Arc<str>> {
        let nothing = ConfigMap::new();
        let set = self.configs.of(ResourceType::Topic, topic).unwrap_or(&nothing);
        self.effective_topic_config(config_defs::topic_config(name).expect("a topic config of Kafka's"), set).value
    }

    /// `min.insync.replicas` of a topic.
    pub fn min_isr(&self, topic: &str) -> usize {
        let value = self.topic_value(topic, "min.insync.replicas");
        value.and_then(|value| value.trim().parse().ok()).unwrap_or(1)
    }

    /// `unclean.leader.election.enable` of a topic.
    pub fn unclean_election_enabled(&self, topic: &str) -> bool {
        let value = self.topic_value(topic, "unclean.leader.election.enable");
        value.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }

    /// Whether a config can be appended to and subtracted from.
    pub(super) fn is_list(kind: ResourceType, name: &str) -> bool {
        config_type(kind, name) == Some(ConfigType::List)
    }

    /// Whether the change of a config takes the eligible leader replicas away: they depend on the minimum.
    pub(super) fn clears_elr(&self, name: &str) -> bool {
        name == "min.insync.replicas" && self.features.level(ELR_FEATURE) >= 1
    }
}

/// A config's definition: what its type is and its default.
fn definition(kind: ResourceType, name: &str) -> Option<(ConfigType, Option<&'static str>)> {
    let table = match kind {
        ResourceType::Broker | ResourceType::BrokerLogger => {
            return config_defs::broker_config(name).map(|key| (key.kind, key.default));
        }
        ResourceType::Topic => config_defs::topic_configs(),
        ResourceType::Group => config_defs::group_configs(),
        ResourceType::ClientMetrics => config_defs::client_metrics_configs(),
    };
    config_defs::find(table, name, |key| key.name).map(|key| (key.kind, key.default))
}

fn config_type(kind: ResourceType, name: &str) -> Option<ConfigType> {
    definition(kind, name).map(|(kind, _)| kind)
}

/// A config's default.
pub(super) fn default_value(kind: ResourceType, name: &str) -> Option<&'static str> {
    definition(kind, name).and_then(|(_, default)| default)
}

fn in_milliseconds(value: &Arc<str>, unit_ms: i64) -> Arc<str> {
    match value.trim().parse::<i64>() {
        Ok(number) if unit_ms != 1 && number >= 0 => number.saturating_mul(unit_ms).to_string().into(),
        _ => value.clone(),
    }
}
