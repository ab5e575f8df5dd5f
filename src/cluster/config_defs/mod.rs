//! Which configs there are, and what their values must be (Kafka's `ConfigDef`s): the tables, and the check of a value
//! in Kafka's words.

#[rustfmt::skip]
mod broker;
mod built;
#[rustfmt::skip]
mod topic;

pub use built::{broker_config_meaning, is_built_for_brokers, is_built_for_topics, topic_config_meaning};

use std::fmt;

/// A config's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean,
    /// The name of a Java class.
    Class,
    /// A floating-point number.
    Double,
    /// A 32-bit number.
    Int,
    /// Texts with commas between them.
    List,
    /// A 64-bit number.
    Long,
    /// A text that is never shown.
    Password,
    /// A 16-bit number.
    Short,
    /// A text.
    String,
}

/// What a value must be beyond its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Valid {
    /// Anything.
    Any,
    /// This or more.
    AtLeast(i64),
    /// From the one to the other.
    Between(i64, i64),
    /// The same of a floating-point number.
    Fraction(f64, f64),
    /// 1 to 9, or -1.
    GzipLevel,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// One of these, in capitals or not.
    OneOfAnyCase(&'static [&'static str]),
    /// A list, each of it one of these.
    EachOf(&'static [&'static str]),
    /// A text that is not empty.
    NonEmpty,
    /// A text that is there.
    NonNull,
    /// "Non-empty list", says Kafka, and takes an empty one: it is the default.
    NonEmptyList,
    /// `*`, or replicas as `partition:broker`.
    ThrottledReplicas,
    /// `earliest`, `latest` or `by_duration:PnDTnHnMn.nS`.
    OffsetReset,
}

/// Whether a broker config can be changed while the broker runs (KIP-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In the broker's file only.
    ReadOnly,
    /// For one broker.
    PerBroker,
    /// For one broker or for all.
    ClusterWide,
}

/// A config of a broker or controller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BrokerConfigKey {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: ConfigType,
    /// Its default; a few have none.
    pub default: Option<&'static str>,
    /// What a value must be.
    pub valid: Valid,
    /// How it can be changed.
    pub scope: Scope,
}

/// A config of a topic, group or client-metrics subscription.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfigKey {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: ConfigType,
    /// Its default; a few have none.
    pub default: Option<&'static str>,
    /// What a value must be.
    pub valid: Valid,
    /// The broker configs that it falls back to, and what each counts in milliseconds.
    pub synonyms: &'static [(&'static str, i64)],
}

/// The configs of a topic.
pub fn topic_configs() -> &'static [ConfigKey] {
    topic::TOPIC_CONFIGS
}

/// The configs of a topic in the order in which they are checked.
pub fn topic_configs_as_checked() -> impl Iterator<Item = &'static ConfigKey> {
    topic::TOPIC_CHECK_ORDER.iter().map(|name| topic_config(name).expect("both tables have the same names"))
}

/// The configs of a group.
pub fn group_configs() -> &'static [ConfigKey] {
    topic::GROUP_CONFIGS
}

/// The configs of a client-metrics subscription.
pub fn client_metrics_configs() -> &'static [ConfigKey] {
    topic::CLIENT_METRICS_CONFIGS
}

/// The configs of a broker or controller.
pub fn broker_configs() -> &'static [BrokerConfigKey] {
    broker::BROKER_CONFIGS
}

/// The broker config with this name.
pub fn broker_config(name: &str) -> Option<&'static BrokerConfigKey> {
    find(broker::BROKER_CONFIGS, name, |key| key.name)
}

/// The topic config with this name.
pub fn topic_config(name: &str) -> Option<&'static ConfigKey> {
    find(topic::TOPIC_CONFIGS, name, |key| key.name)
}

/// The config with this name in a table that is sorted by name.
pub fn find<T>(table: &'static [T], name: &str, name_of: impl Fn(&T) -> &'static str) -> Option<&'static T> {
    table.binary_search_by(|key| name_of(key).cmp(name)).ok().map(|at| &table[at])
}

impl ConfigKey {
    /// Checks a value.
    ///
    /// # Errors
    /// Kafka's message.
    pub fn check(&self, value: &str) -> Result<(), String> {
        check(self.name, self.kind, self.valid, value)
    }
}

impl BrokerConfigKey {
    /// Checks a value.
    ///
    /// # Errors
    /// Kafka's message.
    pub fn check(&self, value: &str) -> Result<(), String> {
        check(self.name, self.kind, self.valid, value)
    }

    /// Whether DescribeConfigs hides the value.
    pub fn is_sensitive(&self) -> bool {
        self.kind == ConfigType::Password
    }
}

/// The parts of a list's value.
pub fn list_parts(value: &str) -> impl Iterator<Item = &str> {
    let value = value.trim();
    value.split(',').map(str::trim).filter(move |_| !value.is_empty())
}

fn check(name: &str, kind: ConfigType, valid: Valid, value: &str) -> Result<(), String> {
    let value = if kind == ConfigType::Password { value } else { value.trim() };
    let no_number = |kind: &str| invalid(name, value, &format!("Not a number of type {kind}"));
    match kind {
        ConfigType::Boolean if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") => Ok(()),
        ConfigType::Boolean => Err(invalid(name, value, "Expected value to be either true or false")),
        ConfigType::Int => whole(name, valid, value.parse::<i32>().map_err(|_| no_number("INT"))?.into()),
        ConfigType::Long => whole(name, valid, value.parse::<i64>().map_err(|_| no_number("LONG"))?),
        ConfigType::Short => whole(name, valid, value.parse::<i16>().map_err(|_| no_number("SHORT"))?.into()),
        ConfigType::Double => fraction(name, valid, value.parse().map_err(|_| no_number("DOUBLE"))?),
        ConfigType::List => list(name, valid, value),
        ConfigType::Class | ConfigType::Password | ConfigType::String => text(name, valid, value),
    }
}

fn whole(name: &str, valid: Valid, value: i64) -> Result<(), String> {
    let (least, most) = match valid {
        Valid::AtLeast(least) => (least, i64::MAX),
        Valid::Between(least, most) => (least, most),
        Valid::GzipLevel if value == -1 || (1..=9).contains(&value) => return Ok(()),
        Valid::GzipLevel => return Err(invalid(name, value, "Value must be between 1 and 9 or equal to -1")),
        _ => return Ok(()),
    };
    if value < least {
        return Err(invalid(name, value, &format!("Value must be at least {least}")));
    }
    if value > most { Err(invalid(name, value, &format!("Value must be no more than {most}"))) } else { Ok(()) }
}

fn fraction(name: &str, valid: Valid, value: f64) -> Result<(), String> {
    let Valid::Fraction(least, most) = valid else { return Ok(()) };
    let printed = format!("{value:?}");
    if value < least {
        return Err(invalid(name, printed, &format!("Value must be at least {least}")));
    }
    if value > most { Err(invalid(name, printed, &format!("Value must be no more than {most}"))) } else { Ok(()) }
}

fn list(name: &str, valid: Valid, value: &str) -> Result<(), String> {
    match valid {
        Valid::EachOf(these) => match list_parts(value).find(|part| !these.contains(part)) {
            Some(part) => Err(invalid(name, part, &format!("String must be one of: {}", these.join(", ")))),
            None => Ok(()),
        },
        Valid::ThrottledReplicas => {
            let replica = |part: &str| {
                let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                part.split_once(':').is_some_and(|(partition, broker)| number(partition) && number(broker))
            };
            if value == "*" || list_parts(value).all(replica) {
                return Ok(());
            }
            let format = "[partitionId]:[brokerId],[partitionId]:[brokerId],...";
            let what =
                format!("{name} must be the literal '*' or a list of replicas in the following format: {format}");
            Err(invalid(name, format!("[{}]", list_parts(value).collect::<Vec<_>>().join(", ")), &what))
        }
        _ => Ok(()),
    }
}

fn text(name: &str, valid: Valid, value: &str) -> Result<(), String> {
    let one_of = |these: &[&str]| format!("String must be one of: {}", these.join(", "));
    match valid {
        Valid::OneOf(these) if !these.contains(&value) => Err(invalid(name, value, &one_of(these))),
        Valid::OneOfAnyCase(these) if !these.iter().any(|this| this.eq_ignore_ascii_case(value)) => {
            Err(invalid(name, value, &format!("String must be one of (case insensitive): {}", these.join(", "))))
        }
        Valid::NonEmpty if value.is_empty() => Err(invalid(name, value, "String must be non-empty")),
        Valid::OffsetReset if !matches!(value, "earliest" | "latest") && !value.starts_with("by_duration:P") => {
            let which = "The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'";
            Err(invalid(name, value, &format!("Invalid value `{value}` for configuration {name}. {which}.")))
        }
        _ => Ok(()),
    }
}

/// Kafka's message for a value that is not what the config must be.
pub fn invalid(name: &str, value: impl fmt::Display, why: &str) -> String {
    format!("Invalid value {value} for configuration {name}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_complete() {
        assert_eq!((broker_configs().len(), topic_configs().len()), (336, 34));
        assert_eq!((group_configs().len(), client_metrics_configs().len()), (10, 3));
        assert_eq!(topic_configs_as_checked().count(), 34);
        assert!(broker_configs().is_sorted_by_key(|key| key.name));
        for table in [topic_configs(), group_configs(), client_metrics_configs()] {
            assert!(table.is_sorted_by_key(|key| key.name));
        }
    }

    #[test]
    fn every_default_is_valid_and_every_synonym_exists() {
        for key in broker_configs() {
            assert_eq!(key.default.map_or(Ok(()), |default| key.check(default)), Ok(()), "{}", key.name);
        }
        for key in topic_configs().iter().chain(group_configs()).chain(client_metrics_configs()) {
            assert_eq!(key.default.map_or(Ok(()), |default| key.check(default)), Ok(()), "{}", key.name);
            assert!(key.synonyms.iter().all(|(name, _)| broker_config(name).is_some()), "{}", key.name);
        }
    }

    /// As a real 4.1.1 cluster refused them.
    #[test]
    fn refusals_are_kafkas() {
        for (name, value, why) in [
            (
                "segment.bytes",
                "2048",
                "Invalid value 2048 for configuration segment.bytes: Value must be at least 1048576",
            ),
            ("segment.bytes", "abc", "Invalid value abc for configuration segment.bytes: Not a number of type INT"),
            (
                "cleanup.policy",
                "foo",
                "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
            ),
            (
                "min.cleanable.dirty.ratio",
                "2",
                "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
            ),
            (
                "preallocate",
                "x",
                "Invalid value x for configuration preallocate: Expected value to be either true or false",
            ),
            (
                "compression.type",
                "x",
                "Invalid value x for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
            ),
            (
                "compression.gzip.level",
                "11",
                "Invalid value 11 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
            ),
            (
                "retention.ms",
                "99999999999999999999",
                "Invalid value 99999999999999999999 for configuration retention.ms: Not a number of type LONG",
            ),
            (
                "leader.replication.throttled.replicas",
                "x",
                "Invalid value [x] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
            ),
        ] {
            assert_eq!(topic_config(name).unwrap().check(value), Err(why.to_string()));
        }
    }
}
