//! What the configs of all clients have in common: how values are read, and Kafka's messages for those that it refuses.

use crate::base::{Endpoint, SimDuration};
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
