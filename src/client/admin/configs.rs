//! Configs: describeConfigs, incrementalAlterConfigs, listConfigResources.

use super::{Admin, Call, Route, Step, Throwable, body, check, text, thrown};
use crate::base::SimDuration;
use crate::wire::ErrorCode;
use crate::wire::messages::describe_configs_request::DescribeConfigsResource;
use crate::wire::messages::describe_configs_response::DescribeConfigsResult;
use crate::wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use crate::wire::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest, ListConfigResourcesRequest};

/// What has configs: `ConfigResource.Type` by its id, and a name; the empty name of a broker is every broker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    /// The kind: [`ConfigResource::TOPIC`] and so on.
    pub kind: i8,
    /// The name.
    pub name: String,
}

impl ConfigResource {
    /// A topic.
    pub const TOPIC: i8 = 2;
    /// A broker, or with an empty name all of them.
    pub const BROKER: i8 = 4;
    /// A broker's log levels.
    pub const BROKER_LOGGER: i8 = 8;
    /// A client-metrics subscription (KIP-714).
    pub const CLIENT_METRICS: i8 = 16;
    /// A group (KIP-848).
    pub const GROUP: i8 = 32;

    /// The resource of this kind and name.
    pub fn new(kind: i8, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// The broker that must be asked, if it has to be one alone (`nodeFor`).
    fn node(&self) -> Option<i32> {
        let one = self.kind == Self::BROKER_LOGGER || (self.kind == Self::BROKER && !self.name.is_empty());
        if one { self.name.parse().ok() } else { None }
    }

    fn route(&self) -> Route {
        self.node().map_or(Route::LeastLoaded, Route::Broker)
    }
}

/// A config as DescribeConfigs has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; none when there is none or it is secret.
    pub value: Option<String>,
    /// Where the value comes from: `DescribeConfigsResponse.ConfigSource` by its id.
    pub source: i8,
    /// Whether the value is secret.
    pub is_sensitive: bool,
    /// Where else the value could come from, and what it is there, the first that is set first.
    pub synonyms: Vec<ConfigSynonym>,
}

/// A place that a config's value can come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The config's name there.
    pub name: String,
    /// Its value there.
    pub value: Option<String>,
    /// The place, as [`ConfigEntry::source`].
    pub source: i8,
}

impl ConfigEntry {
    /// The source of a topic's own config.
    pub const TOPIC_CONFIG: i8 = 1;
    /// The source of a broker's own dynamic config.
    pub const DYNAMIC_BROKER_CONFIG: i8 = 2;
    /// The source of a dynamic config of all brokers.
    pub const DYNAMIC_DEFAULT_BROKER_CONFIG: i8 = 3;
    /// The source of what a broker's file says.
    pub const STATIC_BROKER_CONFIG: i8 = 4;
    /// The source of Kafka's default.
    pub const DEFAULT_CONFIG: i8 = 5;
    /// The source of a broker's log level.
    pub const DYNAMIC_BROKER_LOGGER_CONFIG: i8 = 6;
    /// The source of a client-metrics subscription's config.
    pub const CLIENT_METRICS_CONFIG: i8 = 7;
    /// The source of a group's config.
    pub const GROUP_CONFIG: i8 = 8;

    /// Whether the value is Kafka's default.
    pub fn is_default(&self) -> bool {
        self.source == Self::DEFAULT_CONFIG
    }

    /// A source's name in the admin client (`ConfigEntry.ConfigSource`).
    pub fn source_name(source: i8) -> &'static str {
        match source {
            Self::TOPIC_CONFIG => "DYNAMIC_TOPIC_CONFIG",
            Self::DYNAMIC_BROKER_CONFIG => "DYNAMIC_BROKER_CONFIG",
            Self::DYNAMIC_DEFAULT_BROKER_CONFIG => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            Self::STATIC_BROKER_CONFIG => "STATIC_BROKER_CONFIG",
            Self::DEFAULT_CONFIG => "DEFAULT_CONFIG",
            Self::DYNAMIC_BROKER_LOGGER_CONFIG => "DYNAMIC_BROKER_LOGGER_CONFIG",
            Self::CLIENT_METRICS_CONFIG => "DYNAMIC_CLIENT_METRICS_CONFIG",
            Self::GROUP_CONFIG => "DYNAMIC_GROUP_CONFIG",
            _ => "UNKNOWN",
        }
    }
}

/// A change of a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// It gets this value.
    Set(String, String),
    /// It goes back to what it would be without.
    Delete(String),
}

impl Admin<'_, '_> {
    /// The configs of these resources, each by itself (`describeConfigs`). Those of a broker come from that broker, the
    /// others all from one. `patience` is how long the caller waits for its future.
    ///
    /// # Errors
    /// Only [`super::Stop::Pending`].
    pub fn describe_configs(
        &mut self,
        resources: &[ConfigResource],
        with_synonyms: bool,
        patience: Option<SimDuration>,
    ) -> Step<Vec<Result<Vec<ConfigEntry>, Throwable>>> {
        let mut routes: Vec<Route> = Vec::new();
        for route in resources.iter().map(ConfigResource::route) {
            if !routes.contains(&route) {
                routes.push(route);
            }
        }
        let call = |route: &Route| {
            let theirs = resources.iter().filter(|resource| resource.route() == *route);
            let call = Call::new("describeConfigs", *route, describe_request(theirs, with_synonyms));
            match patience {
                Some(patience) => call.awaited(patience),
                None => call,
            }
        };
        let responses = self.call_all(routes.iter().map(call).collect())?;
        let entries = |resource: &ConfigResource| {
            let at = routes.iter().position(|route| *route == resource.route()).expect("every resource has a call");
            let response = responses[at].clone()?;
            let mut results = body!(DescribeConfigs, &response.body).results.iter();
            let found = results.find(|r| r.resource_type == resource.kind && *r.resource_name == *resource.name);
            found.map_or_else(|| Err(unanswered(resource)), described)
        };
        Ok(resources.iter().map(entries).collect())
    }

    /// Changes the configs of a resource (`incrementalAlterConfigs`).
    ///
    /// # Errors
    /// What the call throws, or the refusal.
    pub fn incremental_alter_configs(
        &mut self,
        resource: &ConfigResource,
        changes: &[ConfigChange],
        timeout: SimDuration,
    ) -> Step<()> {
        let change = |change: &ConfigChange| {
            let (name, operation, value) = match change {
                ConfigChange::Set(name, value) => (name, 0, value.as_str()),
                ConfigChange::Delete(name) => (name, 1, ""),
            };
            AlterableConfig::default()
                .with_name(text(name))
                .with_config_operation(operation)
                .with_value(Some(text(value)))
        };
        let resources = AlterConfigsResource::default()
            .with_resource_type(resource.kind)
            .with_resource_name(text(&resource.name))
            .with_configs(changes.iter().map(change).collect());
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resources]);
        let call =
            Call::new("incrementalAlterConfigs", resource.route(), request).within(Some(timeout)).checked(|response| {
                match body!(IncrementalAlterConfigs, response)
                    .responses
                    .iter()
                    .map(|r| r.error_code)
                    .find(|code| *code == ErrorCode::NOT_CONTROLLER.0)
                {
                    Some(code) => check(code, None),
                    None => Ok(()),
                }
            });
        let response = self.call(call)?;
        let mut results = body!(IncrementalAlterConfigs, &response.body).responses.iter();
        let found = results.find(|r| r.resource_type == resource.kind && *r.resource_name == *resource.name);
        let result = found.ok_or_else(|| unanswered(resource))?;
        Ok(check(result.error_code, result.error_message.as_ref())?)
    }

    /// The names of the resources of a kind that have configs (`listConfigResources`, KIP-1142).
    ///
    /// # Errors
    /// What the call throws.
    pub fn list_config_resources(&mut self, kind: i8) -> Step<Vec<String>> {
        let request = ListConfigResourcesRequest::default().with_resource_types(vec![kind]);
        let since = if kind == ConfigResource::CLIENT_METRICS { 0 } else { 1 };
        let call = Call::new("listConfigResources", Route::LeastLoaded, request).since(since);
        let response = self.call(call)?;
        let response = body!(ListConfigResources, &response.body);
        check(response.error_code, None)?;
        let ours = response.config_resources.iter().filter(|resource| resource.resource_type == kind);
        Ok(ours.map(|resource| resource.resource_name.to_string()).collect())
    }
}

fn describe_request<'a>(
    resources: impl Iterator<Item = &'a ConfigResource>,
    with_synonyms: bool,
) -> DescribeConfigsRequest {
    let resource = |resource: &ConfigResource| {
        DescribeConfigsResource::default()
            .with_resource_type(resource.kind)
            .with_resource_name(text(&resource.name))
            .with_configuration_keys(None)
    };
    DescribeConfigsRequest::default()
        .with_resources(resources.map(resource).collect())
        .with_include_synonyms(with_synonyms)
}

fn described(result: &DescribeConfigsResult) -> Result<Vec<ConfigEntry>, Throwable> {
    if let Some(why) = thrown(result.error_code, result.error_message.as_ref()) {
        return Err(why);
    }
    let entry = |c: &crate::wire::messages::describe_configs_response::DescribeConfigsResourceResult| {
        let synonym = |s: &crate::wire::messages::describe_configs_response::DescribeConfigsSynonym| ConfigSynonym {
            name: s.name.to_string(),
            value: s.value.as_ref().map(|value| value.to_string()),
            source: s.source,
        };
        ConfigEntry {
            name: c.name.to_string(),
            value: c.value.as_ref().map(|value| value.to_string()),
            source: c.config_source,
            is_sensitive: c.is_sensitive,
            synonyms: c.synonyms.iter().map(synonym).collect(),
        }
    };
    Ok(result.configs.iter().map(entry).collect())
}

fn unanswered(resource: &ConfigResource) -> Throwable {
    let kind = match resource.kind {
        ConfigResource::TOPIC => "TOPIC",
        ConfigResource::BROKER => "BROKER",
        ConfigResource::BROKER_LOGGER => "BROKER_LOGGER",
        ConfigResource::CLIENT_METRICS => "CLIENT_METRICS",
        _ => "GROUP",
    };
    let resource = format!("ConfigResource(type={kind}, name='{}')", resource.name);
    let message = format!("The node response did not contain a result for config resource {resource}");
    Throwable::new("org.apache.kafka.common.errors.ApiException", message)
}
