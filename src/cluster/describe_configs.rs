//! DescribeConfigs (`ConfigHelper`): a resource's configs as they take effect on this node, with where each value comes
//! from and what would take effect without it (its synonyms, KIP-226).

use super::config_defs::{self, ConfigType, Scope, is_built_for_brokers, is_built_for_topics, list_parts};
use super::configs::ConfigSource;
use super::names::check_topic_name;
use super::result::{ApiError, text};
use super::{ConfigMap, Controller, ResourceType};
use crate::base::SortedSet;
use crate::wire::ErrorCode;
use crate::wire::messages::describe_configs_request::DescribeConfigsResource;
use crate::wire::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use crate::wire::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use std::sync::Arc;

/// Broker configs that mean the same, in other units: the first that is set takes effect.
const BROKER_SYNONYMS: [&[&str]; 3] = [
    &["log.roll.ms", "log.roll.hours"],
    &["log.roll.jitter.ms", "log.roll.jitter.hours"],
    &["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
];

/// Broker configs that are shown only where they are set (`ConfigDef.defineInternal`).
const INTERNAL: [&str; 20] = [
    "controller.performance.always.log.threshold.ms",
    "controller.performance.sample.period.ms",
    "group.consumer.regex.refresh.interval.ms",
    "group.share.enable",
    "group.share.persister.class.name",
    "internal.metadata.delete.delay.millis",
    "internal.metadata.log.segment.bytes",
    "internal.metadata.max.batch.size.in.bytes",
    "internal.metadata.max.fetch.size.in.bytes",
    "log.initial.task.delay.ms",
    "producer.id.expiration.check.interval.ms",
    "remote.log.manager.task.retry.backoff.max.ms",
    "remote.log.manager.task.retry.backoff.ms",
    "remote.log.manager.task.retry.jitter",
    "server.max.startup.time.ms",
    "share.coordinator.cold.partition.snapshot.interval.ms",
    "share.coordinator.state.topic.prune.interval.ms",
    "unclean.leader.election.interval.ms",
    "unstable.api.versions.enable",
    "unstable.feature.versions.enable",
];

/// The broker configs behind a group's.
const GROUP_DEFAULTS: [(&str, &str); 8] = [
    ("consumer.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"),
    ("consumer.session.timeout.ms", "group.consumer.session.timeout.ms"),
    ("share.heartbeat.interval.ms", "group.share.heartbeat.interval.ms"),
    ("share.record.lock.duration.ms", "group.share.record.lock.duration.ms"),
    ("share.session.timeout.ms", "group.share.session.timeout.ms"),
    ("streams.heartbeat.interval.ms", "group.streams.heartbeat.interval.ms"),
    ("streams.num.standby.replicas", "group.streams.num.standby.replicas"),
    ("streams.session.timeout.ms", "group.streams.session.timeout.ms"),
];

/// What the documentation says of a config that changes nothing here. Kafka's own documentation is left out.
const NOT_BUILT: &str = "Not built yet: the value is kept and changes nothing.";

/// A value that a config has somewhere.
struct Synonym {
    name: Arc<str>,
    value: Option<Arc<str>>,
    source: ConfigSource,
}

/// A config as it takes effect.
struct Described {
    name: Arc<str>,
    kind: Option<ConfigType>,
    value: Option<Arc<str>>,
    synonyms: Vec<Synonym>,
    read_only: bool,
    /// Whether it changes anything.
    is_built: bool,
}

impl Controller {
    /// DescribeConfigs, as the node with these settings answers.
    pub fn describe_configs(&self, request: &DescribeConfigsRequest) -> DescribeConfigsResponse {
        let results = request.resources.iter().map(|resource| {
            // Where there is nothing to say, Kafka's message is empty here, not absent.
            let result = DescribeConfigsResult::default()
                .with_error_message(Some(text("")))
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone());
            match self.describe_resource(resource) {
                Ok(configs) => {
                    let asked = |described: &Described| match &resource.configuration_keys {
                        Some(keys) if !keys.is_empty() => keys.iter().any(|key| **key == *described.name),
                        _ => true,
                    };
                    let shown = configs.into_iter().filter(asked).map(|config| config.entry(request));
                    result.with_configs(shown.collect())
                }
                Err(refused) => {
                    let message = refused.text().unwrap_or_default();
                    result.with_error_code(refused.error.0).with_error_message(Some(message))
                }
            }
        });
        DescribeConfigsResponse::default().with_results(results.collect())
    }

    fn describe_resource(&self, resource: &DescribeConfigsResource) -> Result<Vec<Described>, ApiError> {
        let invalid = |message: String| ApiError::new(ErrorCode::INVALID_REQUEST, message);
        let name = &*resource.resource_name;
        let nothing = ConfigMap::new();
        let set = |kind| self.configs.of(kind, name).unwrap_or(&nothing);
        match ResourceType::from_value(resource.resource_type) {
            Some(ResourceType::Topic) => {
                check_topic_name(name)?;
                self.topics.by_name(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
                Ok(self.describe_topic(set(ResourceType::Topic)))
            }
            Some(ResourceType::Broker) if name.is_empty() => Ok(self.describe_broker_defaults()),
            Some(ResourceType::Broker) => {
                self.check_own_id(name, " or empty string")?;
                Ok(self.describe_broker())
            }
            // A simulated broker writes no log of its own, so it has no loggers.
            Some(ResourceType::BrokerLogger) => self.check_own_id(name, "").map(|()| Vec::new()),
            Some(ResourceType::ClientMetrics) if name.is_empty() => {
                Err(invalid("Client metrics subscription name must not be empty".into()))
            }
            Some(ResourceType::ClientMetrics) => Ok(describe_client_metrics(set(ResourceType::ClientMetrics))),
            Some(ResourceType::Group) if name.is_empty() => Err(invalid("Group name must not be empty".into())),
            Some(ResourceType::Group) => Ok(self.describe_group(set(ResourceType::Group))),
            None => Err(invalid(format!("Unexpected resource type UNKNOWN for resource {name}"))),
        }
    }

    fn check_own_id(&self, name: &str, or: &str) -> Result<(), ApiError> {
        let invalid = |message: String| ApiError::new(ErrorCode::INVALID_REQUEST, message);
        let own = self.settings.node_id;
        match name.parse::<i32>() {
            Ok(id) if id == own => Ok(()),
            Ok(_) => Err(invalid(format!("Unexpected broker id, expected {own}{or}, but received {name}"))),
            Err(_) => Err(invalid(format!("Broker id must be an integer, but it is: {name}"))),
        }
    }

    fn describe_topic(&self, set: &ConfigMap) -> Vec<Described> {
        let describe = |key: &config_defs::ConfigKey, value: Option<Arc<str>>| {
            let value = value.map(|value| printed(key.kind, &value));
            let own = set.get(key.name).map(|_| (ConfigSource::Topic, value.clone()));
            let mut synonyms: Vec<Synonym> = own.into_iter().map(|own| Synonym::own(key.name, own)).collect();
            if let Some((broker_config, _)) = key.synonyms.first() {
                synonyms.extend(self.broker_config_synonyms(broker_config));
            }
            let is_built = is_built_for_topics(key.name);
            Described { name: key.name.into(), kind: Some(key.kind), value, synonyms, read_only: false, is_built }
        };
        let shown = config_defs::topic_configs().iter().filter(|key| !key.name.starts_with("internal."));
        shown.map(|key| describe(key, self.effective_topic_config(key, set).value)).collect()
    }

    fn describe_group(&self, set: &ConfigMap) -> Vec<Described> {
        let describe = |key: &config_defs::ConfigKey| {
            let behind = GROUP_DEFAULTS.iter().find(|(name, _)| *name == key.name).map(|(_, broker)| *broker);
            let default = behind.and_then(|name| self.effective_broker_config(name));
            let value = set.get(key.name).cloned().or(default).or_else(|| key.default.map(Arc::from));
            let value = value.map(|value| printed(key.kind, &value));
            let source = if set.contains_key(key.name) { ConfigSource::Group } else { ConfigSource::Default };
            let synonyms = vec![Synonym::own(key.name, (source, value.clone()))];
            let read_only = false;
            Described { name: key.name.into(), kind: Some(key.kind), value, synonyms, read_only, is_built: false }
        };
        config_defs::group_configs().iter().map(describe).collect()
    }

    /// Every config of this broker, those of its file and those set while it runs that Kafka does not know too.
    fn describe_broker(&self) -> Vec<Described> {
        let shown = config_defs::broker_configs().iter().filter(|key| !INTERNAL.contains(&key.name));
        let known = shown.map(|key| Arc::from(key.name));
        let set = self.broker_layers().into_iter().flat_map(|(configs, _)| configs).flat_map(|configs| configs.keys());
        let names: SortedSet<Arc<str>> = known.chain(set.cloned()).collect();
        let describe = |name: Arc<str>| {
            let key = config_defs::broker_config(&name);
            let value = self.effective_broker_config(&name);
            let synonyms = self.broker_config_synonyms(&name);
            described_broker_config(name, key, value, synonyms)
        };
        names.into_iter().map(describe).collect()
    }

    /// The configs that are set for all brokers.
    fn describe_broker_defaults(&self) -> Vec<Described> {
        let set = self.configs.of(ResourceType::Broker, "").into_iter().flatten();
        let describe = |(name, value): (&Arc<str>, &Arc<str>)| {
            let mut synonyms = self.broker_config_synonyms(name);
            synonyms.retain(|synonym| synonym.source == ConfigSource::DynamicDefaultBroker);
            described_broker_config(name.clone(), config_defs::broker_config(name), Some(value.clone()), synonyms)
        };
        set.map(describe).collect()
    }

    /// Where broker configs come from, the nearest first; Kafka's defaults come after.
    fn broker_layers(&self) -> [(Option<&ConfigMap>, ConfigSource); 3] {
        let own = self.configs.of(ResourceType::Broker, &self.settings.node_id.to_string());
        [
            (own, ConfigSource::DynamicBroker),
            (self.configs.of(ResourceType::Broker, ""), ConfigSource::DynamicDefaultBroker),
            (Some(&self.settings.static_configs), ConfigSource::StaticBroker),
        ]
    }

    /// A broker config as it takes effect: a layer that has it under another name hides it in the layers below.
    fn effective_broker_config(&self, name: &str) -> Option<Arc<str>> {
        for (configs, _) in self.broker_layers() {
            let Some(configs) = configs else { continue };
            if let Some(value) = configs.get(name) {
                return Some(value.clone());
            }
            if same_in_other_units(name).iter().any(|other| configs.contains_key(*other)) {
                break;
            }
        }
        config_defs::broker_config(name).and_then(|key| key.default).map(Arc::from)
    }

    /// All values of a broker config and of those that mean the same, but for such as stand before its own first.
    fn broker_config_synonyms(&self, name: &str) -> Vec<Synonym> {
        let names = same_in_other_units(name);
        let names: Vec<&str> = if names.is_empty() { vec![name] } else { names.to_vec() };
        let mut synonyms = Vec::new();
        for (configs, source) in self.broker_layers() {
            for name in &names {
                let value = configs.and_then(|configs| configs.get(*name));
                synonyms.extend(value.map(|value| Synonym::own(name, (source, Some(value.clone())))));
            }
        }
        for name in &names {
            let default = config_defs::broker_config(name).and_then(|key| key.default);
            synonyms.extend(default.map(|value| Synonym::own(name, (ConfigSource::Default, Some(value.into())))));
        }
        let first = synonyms.iter().position(|synonym| &*synonym.name == name).unwrap_or(synonyms.len());
        synonyms.split_off(first)
    }
}

fn described_broker_config(
    name: Arc<str>,
    key: Option<&config_defs::BrokerConfigKey>,
    value: Option<Arc<str>>,
    synonyms: Vec<Synonym>,
) -> Described {
    let value = value.map(|value| key.map_or(value.clone(), |key| printed(key.kind, &value)));
    let read_only = key.is_none_or(|key| key.scope == Scope::ReadOnly);
    let is_built = is_built_for_brokers(&name);
    Described { name, kind: key.map(|key| key.kind), value, synonyms, read_only, is_built }
}

fn describe_client_metrics(set: &ConfigMap) -> Vec<Described> {
    let describe = |key: &config_defs::ConfigKey| {
        let value = set.get(key.name).cloned().or_else(|| key.default.map(Arc::from));
        let value = value.map(|value| printed(key.kind, &value));
        let own = set.get(key.name).map(|_| (ConfigSource::ClientMetrics, value.clone()));
        let synonyms = own.into_iter().map(|own| Synonym::own(key.name, own)).collect();
        let read_only = false;
        Described { name: key.name.into(), kind: Some(key.kind), value, synonyms, read_only, is_built: false }
    };
    config_defs::client_metrics_configs().iter().map(describe).collect()
}

/// The broker configs that mean the same as this one, itself among them; none if there is no other.
fn same_in_other_units(name: &str) -> &'static [&'static str] {
    if name == "log.flush.interval.ms" {
        return &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"];
    }
    BROKER_SYNONYMS.into_iter().find(|names| names.contains(&name)).unwrap_or_default()
}

impl Synonym {
    fn own(name: &str, (source, value): (ConfigSource, Option<Arc<str>>)) -> Self {
        Self { name: name.into(), value, source }
    }
}

impl Described {
    fn entry(self, request: &DescribeConfigsRequest) -> DescribeConfigsResourceResult {
        // What Kafka does not know may be a plug-in's password.
        let is_sensitive = self.kind.is_none_or(|kind| kind == ConfigType::Password);
        let shown = |value: Option<&Arc<str>>| value.filter(|_| !is_sensitive).map(|value| text(value));
        let source = self.synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source);
        let synonym = |synonym: &Synonym| {
            DescribeConfigsSynonym::default()
                .with_name(text(&synonym.name))
                .with_value(shown(synonym.value.as_ref()))
                .with_source(synonym.source as i8)
        };
        let synonyms = self.synonyms.iter().filter(|_| request.include_synonyms).map(synonym).collect();
        DescribeConfigsResourceResult::default()
            .with_name(text(&self.name))
            .with_value(shown(self.value.as_ref()))
            .with_read_only(self.read_only)
            .with_config_source(source as i8)
            .with_is_sensitive(is_sensitive)
            .with_synonyms(synonyms)
            .with_config_type(self.kind.map_or(0, type_number))
            .with_documentation((request.include_documentation && !self.is_built).then(|| text(NOT_BUILT)))
    }
}

/// A value as Kafka prints it once it has read it (`ConfigDef.convertToString` after `parseType`).
fn printed(kind: ConfigType, value: &Arc<str>) -> Arc<str> {
    let trimmed = value.trim();
    match kind {
        ConfigType::Boolean => trimmed.to_ascii_lowercase().into(),
        ConfigType::Int | ConfigType::Long | ConfigType::Short => {
            trimmed.parse::<i64>().map_or(value.clone(), |number| number.to_string().into())
        }
        ConfigType::Double => trimmed.parse().map_or(value.clone(), |number| double(number).into()),
        ConfigType::List => list_parts(value).collect::<Vec<_>>().join(",").into(),
        ConfigType::Password => value.clone(),
        ConfigType::Class | ConfigType::String => trimmed.into(),
    }
}

/// `Double.toString`.
fn double(number: f64) -> String {
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => text,
    }
}

/// `DescribeConfigsResponse.ConfigType`; 0 is unknown.
fn type_number(kind: ConfigType) -> i8 {
    match kind {
        ConfigType::Boolean => 1,
        ConfigType::String => 2,
        ConfigType::Int => 3,
        ConfigType::Short => 4,
        ConfigType::Long => 5,
        ConfigType::Double => 6,
        ConfigType::List => 7,
        ConfigType::Class => 8,
        ConfigType::Password => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_printed_as_java_prints_them() {
        for (kind, value, text) in [
            (ConfigType::Double, "1.7976931348623157E308", "1.7976931348623157E308"),
            (ConfigType::Double, "0.50", "0.5"),
            (ConfigType::Double, "10000000", "1.0E7"),
            (ConfigType::Boolean, " TRUE ", "true"),
            (ConfigType::Long, "007", "7"),
            (ConfigType::List, "compact, delete", "compact,delete"),
        ] {
            assert_eq!(&*printed(kind, &value.into()), text);
        }
    }

    #[test]
    fn internal_configs_are_configs() {
        assert!(INTERNAL.iter().all(|name| config_defs::broker_config(name).is_some()));
    }
}
