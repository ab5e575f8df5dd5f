//! A coordinator's settings under Kafka's names.

use crate::cluster::config_defs::broker_config;

/// The settings of a broker's group coordinator (`GroupCoordinatorConfig`), as far as classic groups and offsets have
/// any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`: the shortest session that a member may ask for.
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`: the longest.
    pub max_session_timeout_ms: i32,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members after its first (KIP-134).
    pub initial_rebalance_delay_ms: i32,
    /// `group.max.size`: how many members a group may have.
    pub max_size: i32,
    /// `offset.metadata.max.bytes`: the longest text beside a committed offset, in UTF-16 units as Java counts.
    pub offset_metadata_max_bytes: i32,
    /// `offsets.retention.minutes`: how long an offset is kept that nobody uses (KIP-211).
    pub offsets_retention_minutes: i32,
    /// `offsets.retention.check.interval.ms`: how often unused offsets are looked for.
    pub offsets_retention_check_interval_ms: i64,
    /// `offsets.commit.timeout.ms`: how long a write may take to be committed before its request fails.
    pub offsets_commit_timeout_ms: i32,
}

/// The names that [`GroupConfig::set`] knows.
const NAMES: [&str; 8] = [
    "group.min.session.timeout.ms",
    "group.max.session.timeout.ms",
    "group.initial.rebalance.delay.ms",
    "group.max.size",
    "offset.metadata.max.bytes",
    "offsets.retention.minutes",
    "offsets.retention.check.interval.ms",
    "offsets.commit.timeout.ms",
];

impl GroupConfig {
    /// Sets a config by its Kafka name to a value that its definition has found right. `false`: the config is not one
    /// of a coordinator's.
    pub fn set(&mut self, name: &str, value: &str) -> bool {
        match name {
            "group.min.session.timeout.ms" => self.min_session_timeout_ms = checked(value),
            "group.max.session.timeout.ms" => self.max_session_timeout_ms = checked(value),
            "group.initial.rebalance.delay.ms" => self.initial_rebalance_delay_ms = checked(value),
            "group.max.size" => self.max_size = checked(value),
            "offset.metadata.max.bytes" => self.offset_metadata_max_bytes = checked(value),
            "offsets.retention.minutes" => self.offsets_retention_minutes = checked(value),
            "offsets.retention.check.interval.ms" => self.offsets_retention_check_interval_ms = checked(value),
            "offsets.commit.timeout.ms" => self.offsets_commit_timeout_ms = checked(value),
            _ => return false,
        }
        true
    }

    /// The settings that `text` gives by their names; Kafka's default for one that it does not give.
    pub fn new<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Self {
        let mut config = Self::default();
        for (name, value) in NAMES.iter().filter_map(|name| Some((name, text(name)?))) {
            assert!(config.set(name, value), "{name} can be set");
        }
        config
    }

    /// [`GroupConfig::offsets_retention_minutes`] in milliseconds.
    pub(super) fn offsets_retention_ms(&self) -> i64 {
        i64::from(self.offsets_retention_minutes) * 60_000
    }
}

impl Default for GroupConfig {
    /// Kafka's defaults.
    fn default() -> Self {
        let mut config = Self {
            min_session_timeout_ms: 0,
            max_session_timeout_ms: 0,
            initial_rebalance_delay_ms: 0,
            max_size: 0,
            offset_metadata_max_bytes: 0,
            offsets_retention_minutes: 0,
            offsets_retention_check_interval_ms: 0,
            offsets_commit_timeout_ms: 0,
        };
        for name in NAMES {
            let default = broker_config(name).and_then(|key| key.default).expect("Kafka has a default for it");
            assert!(config.set(name, default), "{name} can be set");
        }
        config
    }
}

/// A value that its config's definition has found right.
fn checked<T: std::str::FromStr>(value: &str) -> T {
    value.trim().parse().unwrap_or_else(|_| panic!("{value} was checked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_kafkas() {
        let config = GroupConfig::default();
        assert_eq!((config.min_session_timeout_ms, config.max_session_timeout_ms), (6_000, 1_800_000));
        assert_eq!((config.initial_rebalance_delay_ms, config.max_size), (3_000, i32::MAX));
        assert_eq!((config.offset_metadata_max_bytes, config.offsets_retention_ms()), (4_096, 7 * 24 * 3_600_000));
        assert_eq!((config.offsets_retention_check_interval_ms, config.offsets_commit_timeout_ms), (600_000, 5_000));
    }

    #[test]
    fn only_a_coordinators_configs_can_be_set() {
        let mut config = GroupConfig::default();
        assert!(config.set("group.max.size", "2") && config.max_size == 2);
        assert!(!config.set("num.partitions", "2"));
    }
}
