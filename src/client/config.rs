//! What the configs of all clients have in common: how values are read, and Kafka's messages for those that it refuses.

use super::network::NetworkConfig;
use crate::base::{Endpoint, SimDuration};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is wrong with a config: Kafka's own message where Kafka has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// The configs of producers and consumers alike (`CommonClientConfigs`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommonClientConfigs {
    /// `client.id`; none: the client's name in the world.
    pub client_id: Option<String>,
    /// `request.timeout.ms`: how long to wait for a response.
    pub request_timeout: SimDuration,
    /// `retry.backoff.ms`: the first wait before a retry.
    pub retry_backoff: SimDuration,
    /// `retry.backoff.max.ms`: the longest.
    pub retry_backoff_max: SimDuration,
    /// `reconnect.backoff.ms`: the first wait before a broken connection is tried again.
    pub reconnect_backoff: SimDuration,
    /// `reconnect.backoff.max.ms`, when it was set; without it a set `reconnect.backoff.ms` is not doubled.
    pub given_reconnect_backoff_max: Option<SimDuration>,
    /// `metadata.max.age.ms`: how old metadata may grow before it is asked for again.
    pub metadata_max_age: SimDuration,
    /// `metadata.recovery.strategy`: whether the bootstrap servers are asked again when no broker can be reached (KIP-899).
    pub rebootstrap: bool,
    /// `metadata.recovery.rebootstrap.trigger.ms`: and after how long without metadata all the same (KIP-1102).
    pub rebootstrap_trigger: SimDuration,
    /// `bootstrap.servers`; empty: what the world gives every client.
    pub bootstrap: Vec<Endpoint>,
}

impl Default for CommonClientConfigs {
    fn default() -> Self {
        Self {
            client_id: None,
            request_timeout: SimDuration::from_secs(30),
            retry_backoff: SimDuration::from_millis(100),
            retry_backoff_max: SimDuration::from_secs(1),
            reconnect_backoff: SimDuration::from_millis(50),
            given_reconnect_backoff_max: None,
            metadata_max_age: SimDuration::from_secs(300),
            rebootstrap: true,
            rebootstrap_trigger: SimDuration::from_secs(300),
            bootstrap: Vec::new(),
        }
    }
}

/// Configs that change nothing here, with the one value that says so: Kafka's default.
const DEFAULTS: [(&str, &str); 10] = [
    ("client.dns.lookup", "use_all_dns_ips"),
    ("connections.max.idle.ms", "540000"),
    ("enable.metrics.push", "true"),
    ("metrics.num.samples", "2"),
    ("metrics.recording.level", "INFO"),
    ("metrics.sample.window.ms", "30000"),
    ("security.protocol", "PLAINTEXT"),
    ("send.buffer.bytes", "131072"),
    ("socket.connection.setup.timeout.max.ms", "30000"),
    ("socket.connection.setup.timeout.ms", "10000"),
];

impl CommonClientConfigs {
    /// Sets a config by its Kafka name. `defaults` are configs of one kind of client that change nothing here, each
    /// with Kafka's default.
    ///
    /// # Errors
    /// A value that Kafka refuses, or a config that is not built.
    pub(super) fn set(&mut self, name: &str, value: &str, defaults: &[(&str, &str)]) -> Result<(), ConfigError> {
        let is_known =
            self.set_own(name, value)? || DEFAULTS.iter().chain(defaults).any(|known| *known == (name, value));
        if is_known { Ok(()) } else { Err(not_built(name, value)) }
    }

    /// Sets a config by its Kafka name, if it is one of these; whether it is.
    ///
    /// # Errors
    /// A value that Kafka refuses.
    pub(super) fn set_own(&mut self, name: &str, value: &str) -> Result<bool, ConfigError> {
        match name {
            "client.id" => self.client_id = Some(value.into()),
            "request.timeout.ms" => self.request_timeout = int_millis(name, value)?,
            "retry.backoff.ms" => self.retry_backoff = millis(name, value)?,
            "retry.backoff.max.ms" => self.retry_backoff_max = millis(name, value)?,
            "reconnect.backoff.ms" => {
                self.reconnect_backoff = millis(name, value)?;
                self.given_reconnect_backoff_max.get_or_insert(self.reconnect_backoff);
            }
            "reconnect.backoff.max.ms" => self.given_reconnect_backoff_max = Some(millis(name, value)?),
            "metadata.max.age.ms" => self.metadata_max_age = millis(name, value)?,
            "metadata.recovery.strategy" => self.rebootstrap = is_rebootstrap(name, value)?,
            "metadata.recovery.rebootstrap.trigger.ms" => self.rebootstrap_trigger = millis(name, value)?,
            "bootstrap.servers" => self.bootstrap = endpoints(name, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `reconnect.backoff.max.ms`.
    pub fn reconnect_backoff_max(&self) -> SimDuration {
        self.given_reconnect_backoff_max.unwrap_or(SimDuration::from_secs(1))
    }

    /// How a client of this name is connected; `bootstrap` is where it begins when its own configs say nothing.
    pub(super) fn network(&self, name: &str, bootstrap: Vec<Endpoint>) -> NetworkConfig {
        let bootstrap = if self.bootstrap.is_empty() { bootstrap } else { self.bootstrap.clone() };
        NetworkConfig {
            request_timeout: self.request_timeout,
            retry_backoff: self.retry_backoff,
            retry_backoff_max: self.retry_backoff_max,
            reconnect_backoff: self.reconnect_backoff,
            reconnect_backoff_max: self.reconnect_backoff_max(),
            metadata_max_age: self.metadata_max_age,
            rebootstrap_trigger: self.rebootstrap.then_some(self.rebootstrap_trigger),
            ..NetworkConfig::new(self.client_id.as_deref().unwrap_or(name), bootstrap)
        }
    }
}

/// Kafka's message for a value that a config cannot take (`ConfigException`).
pub(super) fn invalid(name: &str, value: &str, why: &str) -> ConfigError {
    ConfigError(format!("Invalid value {value} for configuration {name}: {why}"))
}

pub(super) fn not_built(name: &str, value: &str) -> ConfigError {
    ConfigError(format!("{name}={value} is not built yet, or Kafka has no such config"))
}

/// A config of type INT within bounds (`ConfigDef.Range`).
pub(super) fn int(name: &str, value: &str, least: i32, most: i32) -> Result<i32, ConfigError> {
    match value.parse::<i32>() {
        Err(_) => Err(invalid(name, value, "Not a number of type INT")),
        Ok(number) if number < least => Err(invalid(name, value, &format!("Value must be at least {least}"))),
        Ok(number) if number > most => Err(invalid(name, value, &format!("Value must be no more than {most}"))),
        Ok(number) => Ok(number),
    }
}

/// A config of type LONG.
pub(super) fn long(name: &str, value: &str, least: i64) -> Result<i64, ConfigError> {
    match value.parse::<i64>() {
        Err(_) => Err(invalid(name, value, "Not a number of type LONG")),
        Ok(number) if number < least => Err(invalid(name, value, &format!("Value must be at least {least}"))),
        Ok(number) => Ok(number),
    }
}

/// A config of type BOOLEAN.
pub(super) fn boolean(name: &str, value: &str) -> Result<bool, ConfigError> {
    match value {
        _ if value.eq_ignore_ascii_case("true") => Ok(true),
        _ if value.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(invalid(name, value, "Expected value to be either true or false")),
    }
}

/// A config whose value is one of a few words (`ConfigDef.ValidString`).
pub(super) fn one_of(name: &str, value: &str, words: &[&str]) -> Result<(), ConfigError> {
    match words.contains(&value) {
        true => Ok(()),
        false => Err(invalid(name, value, &format!("String must be one of: {}", words.join(", ")))),
    }
}

/// A span of time of type LONG, at most some thousand years.
pub(super) fn millis(name: &str, value: &str) -> Result<SimDuration, ConfigError> {
    let number = long(name, value, 0)? as u64;
    Ok(SimDuration::from_millis(number.min(u64::from(u32::MAX) * 1_000)))
}

/// `metadata.recovery.strategy`.
pub(super) fn is_rebootstrap(name: &str, value: &str) -> Result<bool, ConfigError> {
    match value.to_ascii_lowercase().as_str() {
        "rebootstrap" => Ok(true),
        "none" => Ok(false),
        _ => Err(invalid(name, value, "String must be one of (case insensitive): REBOOTSTRAP, NONE")),
    }
}

/// A span of time of type INT.
pub(super) fn int_millis(name: &str, value: &str) -> Result<SimDuration, ConfigError> {
    Ok(SimDuration::from_millis(int(name, value, 0, i32::MAX)? as u64))
}

/// `host:port,host:port` (`ClientUtils.parseAndValidateAddresses`).
pub(super) fn endpoints(name: &str, value: &str) -> Result<Vec<Endpoint>, ConfigError> {
    let endpoint = |url: &str| {
        let parts = url.trim().rsplit_once(':').filter(|(host, _)| !host.is_empty());
        let parsed = parts.and_then(|(host, port)| Some(Endpoint { host: host.into(), port: port.parse().ok()? }));
        parsed.ok_or_else(|| ConfigError(format!("Invalid url in {name}: {}", url.trim())))
    };
    value.split(',').filter(|url| !url.trim().is_empty()).map(endpoint).collect()
}
