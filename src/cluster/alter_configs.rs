//! IncrementalAlterConfigs (KIP-339) and AlterConfigs, and what a new topic's configs must be.
//!
//! The controller checks topics, groups and client-metrics subscriptions by their definitions. Of a broker's configs it
//! checks only the name of the broker: values are checked by a broker before it forwards the request
//! ([`check_dynamic_broker_configs`]), and a name that nobody knows is kept, for it may be a plug-in's. (What a request
//! as a whole must be, no resource or key twice and no nulls, is a broker's check in Kafka too; it is made here, where
//! every request comes by.)

use super::config_defs::{self, Scope};
use super::configs::default_value;
use super::names::check_topic_name;
use super::result::{ApiError, text, v0};
use super::{ConfigMap, Controller, Outcome, ResourceType};
use crate::base::{SortedMap, SortedSet};
use crate::wire::messages::incremental_alter_configs_request::AlterConfigsResource;
use crate::wire::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use crate::wire::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    alter_configs_request as legacy_request, alter_configs_response as legacy_response,
};
use crate::wire::metadata_records::{ClearElrRecord, ConfigRecord};
use crate::wire::{ErrorCode, VersionedRecord};
use std::sync::Arc;

/// The longest value of a config.
const LONGEST_VALUE: usize = i16::MAX as usize;

/// What is done to a config.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ConfigOp<'a> {
    Set(&'a str),
    Delete,
    Append(&'a str),
    Subtract(&'a str),
}

impl Controller {
    /// IncrementalAlterConfigs.
    pub fn incremental_alter_configs(
        &self,
        request: &IncrementalAlterConfigsRequest,
    ) -> Outcome<IncrementalAlterConfigsResponse> {
        let mut records = Vec::new();
        let resource_of = |resource: &AlterConfigsResource| (resource.resource_type, resource.resource_name.clone());
        let responses = request.resources.iter().map(|resource| {
            let response = AlterConfigsResourceResponse::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone());
            let again =
                request.resources.iter().filter(|other| resource_of(other) == resource_of(resource)).count() > 1;
            let altered = if again {
                Err(ApiError::new(ErrorCode::INVALID_REQUEST, "Each resource must appear at most once."))
            } else {
                self.alter_resource(resource)
            };
            match altered {
                Ok(altered) => {
                    records.extend(altered);
                    response.with_error_message(None)
                }
                Err(refused) => response.with_error_code(refused.error.0).with_error_message(refused.text()),
            }
        });
        let response = IncrementalAlterConfigsResponse::default().with_responses(responses.collect());
        if request.validate_only { Outcome::unchanged(response) } else { Outcome { records, response } }
    }

    /// AlterConfigs: what a resource's configs shall be, all of them; one that is not named is deleted.
    pub fn alter_configs(&self, request: &AlterConfigsRequest) -> Outcome<AlterConfigsResponse> {
        let mut records = Vec::new();
        let responses = request.resources.iter().map(|resource| {
            let response = legacy_response::AlterConfigsResourceResponse::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone());
            match self.replace_configs(resource) {
                Ok(altered) => {
                    records.extend(altered);
                    response.with_error_message(None)
                }
                Err(refused) => response.with_error_code(refused.error.0).with_error_message(refused.text()),
            }
        });
        let response = AlterConfigsResponse::default().with_responses(responses.collect());
        if request.validate_only { Outcome::unchanged(response) } else { Outcome { records, response } }
    }

    fn replace_configs(
        &self,
        resource: &legacy_request::AlterConfigsResource,
    ) -> Result<Vec<VersionedRecord>, ApiError> {
        let kind = resource_type(resource.resource_type)?;
        let nulls = resource.configs.iter().filter(|config| config.value.is_none()).map(|config| &*config.name);
        check_no_nulls(nulls.collect())?;
        let named = |name: &str| resource.configs.iter().any(|config| &*config.name == name);
        let set = resource.configs.iter().map(|config| (&*config.name, config.value.as_deref().unwrap_or_default()));
        let mut ops: Vec<(&str, ConfigOp<'_>)> = set.map(|(name, value)| (name, ConfigOp::Set(value))).collect();
        let current = self.configs.of(kind, &resource.resource_name).into_iter().flat_map(|configs| configs.keys());
        ops.extend(current.filter(|name| !named(name)).map(|name| (&**name, ConfigOp::Delete)));
        self.alter(kind, &resource.resource_name, &ops, false)
    }

    fn alter_resource(&self, resource: &AlterConfigsResource) -> Result<Vec<VersionedRecord>, ApiError> {
        let invalid = |message: String| ApiError::new(ErrorCode::INVALID_REQUEST, message);
        let kind = resource_type(resource.resource_type)?;
        let names: SortedSet<&str> = resource.configs.iter().map(|config| &*config.name).collect();
        if names.len() < resource.configs.len() {
            return Err(invalid("Error due to duplicate config keys".into()));
        }
        let nulls = resource.configs.iter().filter(|config| config.config_operation != 1 && config.value.is_none());
        check_no_nulls(nulls.map(|config| &*config.name).collect())?;
        let mut ops = Vec::new();
        for config in &resource.configs {
            let value = config.value.as_deref().unwrap_or_default();
            let op = match config.config_operation {
                0 => ConfigOp::Set(value),
                1 => ConfigOp::Delete,
                2 => ConfigOp::Append(value),
                3 => ConfigOp::Subtract(value),
                _ => return Err(ErrorCode::UNKNOWN_SERVER_ERROR.into()),
            };
            ops.push((&*config.name, op));
        }
        self.alter(kind, &resource.resource_name, &ops, false)
    }

    /// The config records of a topic that is to be created.
    pub(super) fn new_topic_config_records(
        &self,
        topic: &str,
        configs: &SortedMap<&str, Option<&str>>,
    ) -> Result<Vec<VersionedRecord>, ApiError> {
        let nulls: Vec<&str> = configs.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
        if !nulls.is_empty() {
            let message = format!("Null value not supported for topic configs: {}", nulls.join(","));
            return Err(ApiError::new(ErrorCode::INVALID_CONFIG, message));
        }
        let ops: Vec<(&str, ConfigOp<'_>)> =
            configs.iter().filter_map(|(name, value)| Some((*name, ConfigOp::Set((*value)?)))).collect();
        if ops.is_empty() { Ok(Vec::new()) } else { self.alter(ResourceType::Topic, topic, &ops, true) }
    }

    fn alter(
        &self,
        kind: ResourceType,
        name: &str,
        ops: &[(&str, ConfigOp<'_>)],
        is_new: bool,
    ) -> Result<Vec<VersionedRecord>, ApiError> {
        let mut configs = self.configs.of(kind, name).cloned().unwrap_or_default();
        let mut changes: Vec<(&str, Option<Arc<str>>)> = Vec::new();
        for (key, op) in ops {
            let current = configs.get(*key).cloned();
            let value = apply(kind, key, current.as_ref(), op)?;
            // A broker reads its configs anew on a record, changed or not (a password file may have changed).
            if value != current || kind == ResourceType::Broker {
                changes.push((key, value));
            }
        }
        for (key, value) in &changes {
            self.check_min_isr_change(kind, name, key, value.is_some())?;
            match value {
                Some(value) if value.len() > LONGEST_VALUE => {
                    return Err(invalid_config(format!(
                        "The configuration value cannot be added because it exceeds the maximum value size of \
                         {LONGEST_VALUE} bytes."
                    )));
                }
                Some(value) => drop(configs.insert((*key).into(), value.clone())),
                None => drop(configs.remove(*key)),
            }
        }
        self.check_configs(kind, name, &configs)?;
        if !is_new {
            self.check_resource_exists(kind, name)?;
        }
        Ok(self.config_records(kind, name, changes))
    }

    fn config_records(
        &self,
        kind: ResourceType,
        name: &str,
        changes: Vec<(&str, Option<Arc<str>>)>,
    ) -> Vec<VersionedRecord> {
        let clears_elr = changes.iter().any(|(key, _)| self.clears_elr(key));
        let record = |(key, value): (&str, Option<Arc<str>>)| {
            v0(ConfigRecord {
                resource_type: kind as i8,
                resource_name: text(name),
                name: text(key),
                value: value.as_deref().map(text),
            })
        };
        let mut records: Vec<VersionedRecord> = changes.into_iter().map(record).collect();
        if clears_elr {
            let topic_name = if kind == ResourceType::Topic { text(name) } else { text("") };
            records.push(v0(ClearElrRecord { topic_name }));
        }
        records
    }

    /// With eligible leader replicas all brokers must agree on the minimum, so it is set for the cluster, and always.
    fn check_min_isr_change(&self, kind: ResourceType, name: &str, key: &str, is_set: bool) -> Result<(), ApiError> {
        if kind != ResourceType::Broker || !self.clears_elr(key) {
            return Ok(());
        }
        let refuse = |what: &str| Err(invalid_config(format!("{what} while ELR is enabled.")));
        match (name, is_set) {
            ("", true) => Ok(()),
            ("", false) => refuse("Cluster-level min.insync.replicas cannot be removed"),
            _ => refuse("Broker-level min.insync.replicas cannot be altered"),
        }
    }

    /// Checks all configs of a resource as they will be (`ControllerConfigurationValidator`).
    fn check_configs(&self, kind: ResourceType, name: &str, configs: &ConfigMap) -> Result<(), ApiError> {
        let invalid = |message: String| ApiError::new(ErrorCode::INVALID_REQUEST, message);
        match kind {
            ResourceType::Topic if name.is_empty() => Err(invalid("Default topic resources are not allowed.".into())),
            ResourceType::Topic => {
                check_topic_name(name)?;
                check_topic_configs(configs).map_err(invalid_config)
            }
            ResourceType::Broker | ResourceType::BrokerLogger => match name.parse::<i32>() {
                _ if name.is_empty() => Ok(()),
                Ok(id) if id < 0 => Err(invalid("Invalid negative broker ID.".into())),
                Ok(_) => Ok(()),
                Err(_) => Err(invalid("Unable to parse broker name as a base 10 number.".into())),
            },
            ResourceType::ClientMetrics if name.is_empty() => Err(invalid("Subscription name can't be empty".into())),
            ResourceType::ClientMetrics => check_client_metrics_configs(configs),
            ResourceType::Group if name.is_empty() => Err(invalid("Default group resources are not allowed.".into())),
            ResourceType::Group => {
                check_names(configs, config_defs::group_configs(), "group").map_err(invalid_config)?;
                check_values(configs, config_defs::group_configs().iter()).map_err(invalid_config)?;
                self.check_group_bounds(configs).map_err(invalid_config)
            }
        }
    }

    /// A group's sessions and heartbeats stay between what the brokers allow.
    fn check_group_bounds(&self, configs: &ConfigMap) -> Result<(), String> {
        let number = |name: &str| {
            let set = self.settings.static_configs.get(name).map(|value| value.to_string());
            let value = set.or_else(|| config_defs::broker_config(name)?.default.map(str::to_string));
            value.and_then(|value| value.parse::<i64>().ok())
        };
        for (name, value) in configs {
            let Some((kind, rest)) = name.split_once('.') else { continue };
            let Ok(value) = value.trim().parse::<i64>() else { continue };
            for (end, beyond) in [("min", "greater than or equal to"), ("max", "less than or equal to")] {
                let bound_name = format!("group.{kind}.{end}.{rest}");
                let out = |bound| if end == "min" { value < bound } else { value > bound };
                if number(&bound_name).is_some_and(out) {
                    return Err(format!("{name} must be {beyond} {bound_name}"));
                }
            }
        }
        Ok(())
    }

    fn check_resource_exists(&self, kind: ResourceType, name: &str) -> Result<(), ApiError> {
        match kind {
            ResourceType::Topic if self.topics.by_name(name).is_none() => {
                Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.into())
            }
            ResourceType::Broker if !name.is_empty() => {
                let registered = name.parse().is_ok_and(|id| self.brokers.has_node(id));
                let message = || format!("No node with id {name} found.");
                if registered { Ok(()) } else { Err(ApiError::new(ErrorCode::BROKER_ID_NOT_REGISTERED, message())) }
            }
            _ => Ok(()),
        }
    }
}

fn resource_type(value: i8) -> Result<ResourceType, ApiError> {
    match ResourceType::from_value(value) {
        Some(ResourceType::BrokerLogger) | None => {
            Err(ApiError::new(ErrorCode::INVALID_REQUEST, format!("Unknown resource type {value}")))
        }
        Some(kind) => Ok(kind),
    }
}

fn check_no_nulls(nulls: Vec<&str>) -> Result<(), ApiError> {
    if nulls.is_empty() {
        return Ok(());
    }
    let message = format!("Null value not supported for : {}", nulls.join(", "));
    Err(ApiError::new(ErrorCode::INVALID_REQUEST, message))
}

fn invalid_config(message: String) -> ApiError {
    ApiError::new(ErrorCode::INVALID_CONFIG, message)
}

/// A config's value after an operation.
fn apply(
    kind: ResourceType,
    key: &str,
    current: Option<&Arc<str>>,
    op: &ConfigOp<'_>,
) -> Result<Option<Arc<str>>, ApiError> {
    let (given, is_append) = match op {
        ConfigOp::Set(value) => return Ok(Some((*value).into())),
        ConfigOp::Delete => return Ok(None),
        ConfigOp::Append(given) => (given, true),
        ConfigOp::Subtract(given) => (given, false),
    };
    if !Controller::is_list(kind, key) {
        let name = if is_append { "APPEND" } else { "SUBTRACT" };
        return Err(invalid_config(format!("Can't {name} to key {key} because its type is not LIST.")));
    }
    let current = current.map(|value| &**value).or_else(|| default_value(kind, key)).unwrap_or_default();
    let mut parts: Vec<&str> = config_defs::list_parts(current).collect();
    for part in given.split(',') {
        match parts.iter().position(|other| *other == part) {
            None if is_append => parts.push(part),
            Some(at) if !is_append => drop(parts.remove(at)),
            _ => {}
        }
    }
    Ok(Some(parts.join(",").into()))
}

/// Checks that all names are known.
fn check_names(configs: &ConfigMap, table: &'static [config_defs::ConfigKey], what: &str) -> Result<(), String> {
    let unknown = |name: &&Arc<str>| config_defs::find(table, name, |key| key.name).is_none();
    configs.keys().find(unknown).map_or(Ok(()), |name| Err(format!("Unknown {what} config name: {name}")))
}

/// Checks the values, in the order of the definitions.
fn check_values<'a>(
    configs: &ConfigMap,
    mut keys: impl Iterator<Item = &'a config_defs::ConfigKey>,
) -> Result<(), String> {
    keys.try_for_each(|key| configs.get(key.name).map_or(Ok(()), |value| key.check(value)))
}

/// Checks a topic's configs, one by one and together (`LogConfig.validate`).
fn check_topic_configs(configs: &ConfigMap) -> Result<(), String> {
    check_names(configs, config_defs::topic_configs(), "topic")?;
    check_values(configs, config_defs::topic_configs_as_checked())?;
    let number = |name: &str| {
        let value = configs.get(name).map(|value| &**value);
        let value = value.or_else(|| config_defs::topic_config(name)?.default);
        value.and_then(|value| value.trim().parse::<i64>().ok()).expect("it was checked")
    };
    let (least, most) = (number("min.compaction.lag.ms"), number("max.compaction.lag.ms"));
    if least > most {
        return Err(format!(
            "conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})"
        ));
    }
    if configs.get("remote.storage.enable").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        return Err(
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log \
                    storage."
                .into(),
        );
    }
    Ok(())
}

fn check_client_metrics_configs(configs: &ConfigMap) -> Result<(), ApiError> {
    let invalid = |message: String| ApiError::new(ErrorCode::INVALID_REQUEST, message);
    let known = |name: &str| config_defs::find(config_defs::client_metrics_configs(), name, |key| key.name);
    for (name, value) in configs {
        let key = known(name).ok_or_else(|| invalid(format!("Unknown client metrics configuration: {name}")))?;
        key.check(value).map_err(invalid_config)?;
        let interval = value.trim().parse::<i64>().unwrap_or_default();
        if key.name == "interval.ms" && !(100..=3_600_000).contains(&interval) {
            let message = "interval must be between 100 and 3600000 (1 hour)";
            return Err(invalid(format!("Invalid value {value} for interval.ms, {message}")));
        }
    }
    Ok(())
}

/// Checks broker configs that are to change while brokers run, for one broker or (`per_broker` is false) for all, as a
/// broker does before it forwards the request. A name that Kafka does not know passes.
///
/// # Errors
/// INVALID_REQUEST with Kafka's message.
pub fn check_dynamic_broker_configs<'a>(
    per_broker: bool,
    configs: impl IntoIterator<Item = (&'a str, &'a str)> + Clone,
) -> Result<(), ApiError> {
    let invalid = |message: String| ApiError::new(ErrorCode::INVALID_REQUEST, message);
    let in_scope = |scope: Scope| {
        let known = configs.clone().into_iter().filter_map(|(name, _)| config_defs::broker_config(name));
        let names: Vec<&str> = known.filter(|key| key.scope == scope).map(|key| key.name).collect();
        (!names.is_empty()).then(|| format!("Set({})", names.join(", ")))
    };
    if let Some(names) = in_scope(Scope::ReadOnly) {
        return Err(invalid(format!("Cannot update these configs dynamically: {names}")));
    }
    if let Some(names) = in_scope(Scope::PerBroker).filter(|_| !per_broker) {
        let what = "Cannot update these configs at default cluster level, broker id must be specified";
        return Err(invalid(format!("{what}: {names}")));
    }
    configs.into_iter().try_for_each(|(name, value)| match config_defs::broker_config(name) {
        Some(key) => key.check(value).map_err(invalid),
        None => Ok(()),
    })
}
