//! DescribeConfigs: the configs of topics and of this broker, where each value comes from, and what it hides
//! (`ConfigHelper`).

use super::{Broker, Served, str_bytes};
use crate::cluster::config_defs::{
    self, BrokerConfigKey, ConfigKey, ConfigType, Scope, is_built_for_brokers, is_built_for_topics,
};
use crate::cluster::{ConfigMap, ConfigSource, ResourceType, check_topic_name};
use crate::network::Pending;
use crate::wire::messages::describe_configs_request::DescribeConfigsResource;
use crate::wire::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use crate::wire::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use crate::wire::{ErrorCode, ResponseKind};

/// What a config's documentation says that changes nothing here.
const NOT_BUILT: &str = "Not built yet: the value is kept and changes nothing.";

/// Where a value was found: the config's name there, the value, and the source.
type Found = (String, Option<String>, ConfigSource);

/// How much a request wants to know of each config.
struct Detail {
    synonyms: bool,
    documentation: bool,
}

impl Broker {
    pub(super) fn describe_configs(&self, pending: &Pending, request: &DescribeConfigsRequest) -> Served {
        let detail = Detail {
            synonyms: request.include_synonyms,
            documentation: pending.version >= 3 && request.include_documentation,
        };
        let results = request.resources.iter().map(|resource| self.describe_resource(resource, &detail)).collect();
        Served::Now(ResponseKind::DescribeConfigs(DescribeConfigsResponse::default().with_results(results)))
    }

    fn describe_resource(&self, resource: &DescribeConfigsResource, detail: &Detail) -> DescribeConfigsResult {
        let answer = DescribeConfigsResult::default()
            .with_error_message(None)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        let found = match ResourceType::from_value(resource.resource_type) {
            Some(ResourceType::Topic) => self.describe_topic(&resource.resource_name, detail),
            Some(ResourceType::Broker) => self.describe_broker(&resource.resource_name, detail),
            _ => Err((ErrorCode::INVALID_REQUEST, "Unsupported resource type".to_owned())),
        };
        match found {
            Ok(mut configs) => {
                if let Some(keys) = &resource.configuration_keys {
                    configs.retain(|config| keys.contains(&config.name));
                }
                answer.with_configs(configs)
            }
            Err((error, message)) => {
                let message = (!message.is_empty()).then(|| str_bytes(&message));
                answer.with_error_code(error.0).with_error_message(message)
            }
        }
    }

    fn describe_topic(
        &self,
        name: &str,
        detail: &Detail,
    ) -> Result<Vec<DescribeConfigsResourceResult>, (ErrorCode, String)> {
        check_topic_name(name).map_err(|refused| (refused.error, refused.message.unwrap_or_default()))?;
        if self.metadata.topics().by_name(name).is_none() {
            return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, String::new()));
        }
        let nothing = ConfigMap::new();
        let set = self.metadata.configs().of(ResourceType::Topic, name).unwrap_or(&nothing);
        let shown = config_defs::topic_configs().iter().filter(|key| !key.name.starts_with("internal."));
        let describe = |key: &ConfigKey| {
            let effective = self.metadata.effective_topic_config(key, set);
            let mut synonyms: Vec<Found> = Vec::new();
            if let Some(value) = set.get(key.name) {
                synonyms.push((key.name.to_owned(), Some(value.to_string()), ConfigSource::Topic));
            }
            synonyms.extend(key.synonyms.iter().flat_map(|(name, _)| self.set_on_broker(name)));
            if let Some((name, _)) = key.synonyms.first() {
                let default = config_defs::broker_config(name).and_then(|key| key.default);
                synonyms.push(((*name).to_owned(), default.map(str::to_owned), ConfigSource::Default));
            }
            let note = (!is_built_for_topics(key.name)).then_some(NOT_BUILT);
            let value = effective.value.as_deref();
            entry(key.name, value, effective.source, key.kind, detail, synonyms, note)
        };
        Ok(shown.map(describe).collect())
    }

    fn describe_broker(
        &self,
        name: &str,
        detail: &Detail,
    ) -> Result<Vec<DescribeConfigsResourceResult>, (ErrorCode, String)> {
        let own = self.id.to_string();
        if !name.is_empty() && name != own {
            let message = format!("Unexpected broker id, expected {own} or empty string, but received {name}");
            return Err((ErrorCode::INVALID_REQUEST, message));
        }
        let defaults = self.metadata.configs().of(ResourceType::Broker, "");
        let of_all = |key: &&BrokerConfigKey| defaults.is_some_and(|set| set.contains_key(key.name));
        let shown = config_defs::broker_configs().iter().filter(|key| !name.is_empty() || of_all(key));
        let describe = |key: &BrokerConfigKey| {
            let mut synonyms = self.set_on_broker(key.name);
            if name.is_empty() {
                synonyms.retain(|(_, _, source)| *source == ConfigSource::DynamicDefaultBroker);
            }
            if let Some(default) = key.default {
                synonyms.push((key.name.to_owned(), Some(default.to_owned()), ConfigSource::Default));
            }
            let (value, source) = match synonyms.first() {
                Some((_, value, source)) => (value.clone(), *source),
                None => (None, ConfigSource::Default),
            };
            let note = (!is_built_for_brokers(key.name)).then_some(NOT_BUILT);
            let described = entry(key.name, value.as_deref(), source, key.kind, detail, synonyms, note);
            described.with_read_only(key.scope == Scope::ReadOnly)
        };
        Ok(shown.map(describe).collect())
    }

    /// Where a broker config is set on this broker, what counts most first.
    fn set_on_broker(&self, name: &str) -> Vec<Found> {
        let configs = self.metadata.configs();
        let layers = [
            (configs.of(ResourceType::Broker, &self.id.to_string()), ConfigSource::DynamicBroker),
            (configs.of(ResourceType::Broker, ""), ConfigSource::DynamicDefaultBroker),
            (Some(&*self.file), ConfigSource::StaticBroker),
        ];
        let found = |(set, source): (Option<&ConfigMap>, ConfigSource)| {
            set.and_then(|set| set.get(name)).map(|value| (name.to_owned(), Some(value.to_string()), source))
        };
        layers.into_iter().filter_map(found).collect()
    }
}

#[allow(clippy::too_many_arguments, reason = "the fields of one entry")]
fn entry(
    name: &str,
    value: Option<&str>,
    source: ConfigSource,
    kind: ConfigType,
    detail: &Detail,
    synonyms: Vec<Found>,
    note: Option<&str>,
) -> DescribeConfigsResourceResult {
    let is_sensitive = kind == ConfigType::Password;
    let shown = |value: Option<&str>| value.filter(|_| !is_sensitive).map(str_bytes);
    let synonym = |(name, value, source): Found| {
        DescribeConfigsSynonym::default()
            .with_name(str_bytes(&name))
            .with_value(shown(value.as_deref()))
            .with_source(source as i8)
    };
    let listed = if detail.synonyms { synonyms.into_iter().map(synonym).collect() } else { Vec::new() };
    DescribeConfigsResourceResult::default()
        .with_name(str_bytes(name))
        .with_value(shown(value))
        .with_config_source(source as i8)
        .with_is_sensitive(is_sensitive)
        .with_synonyms(listed)
        .with_config_type(type_number(kind))
        .with_documentation(note.filter(|_| detail.documentation).map(str_bytes))
}

/// A type's number in responses (`ConfigDef.Type` as `DescribeConfigsResponse.ConfigType`).
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
