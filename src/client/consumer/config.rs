//! A consumer's configs under Kafka's names, with Kafka's defaults, limits and messages (`ConsumerConfig`).

use super::application::{ApplicationConfig, Commits};
use crate::base::SimDuration;
use crate::client::assignor::{Assignor, RebalanceProtocol};
use crate::client::config::{CommonClientConfigs, ConfigError, boolean, int, int_millis, invalid, not_built, one_of};
use serde::{Deserialize, Serialize};

/// A consumer's configs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerConfig {
    /// `group.id`; none: it is in no group, and commits nothing.
    pub group_id: Option<String>,
    /// `group.instance.id`: a static member (KIP-345).
    pub group_instance_id: Option<String>,
    /// `session.timeout.ms`: a member whose coordinator hears nothing for so long is taken out of the group.
    pub session_timeout: SimDuration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: SimDuration,
    /// `max.poll.interval.ms`: a member that does not poll for so long leaves the group; also its rebalance timeout.
    pub max_poll_interval: SimDuration,
    /// `partition.assignment.strategy`, the preferred one first.
    pub assignors: Vec<Strategy>,
    /// `enable.auto.commit`, when it was set; see [`ConsumerConfig::commits_by_itself`].
    pub enable_auto_commit: Option<bool>,
    /// `auto.commit.interval.ms`.
    pub auto_commit_interval: SimDuration,
    /// `auto.offset.reset`.
    pub auto_offset_reset: OffsetReset,
    /// `isolation.level` is `read_committed`.
    pub read_committed: bool,
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: i32,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: i32,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: i32,
    /// `fetch.max.wait.ms`: how long a broker may hold a fetch that has too little to return.
    pub fetch_max_wait: SimDuration,
    /// `max.poll.records`.
    pub max_poll_records: usize,
    /// `check.crcs`: whether the checksum of each batch is looked at.
    pub check_crcs: bool,
    /// `exclude.internal.topics`: whether a pattern leaves out the cluster's own topics.
    pub exclude_internal_topics: bool,
    /// `allow.auto.create.topics`: whether asking for a topic may create it.
    pub allow_auto_create_topics: bool,
    /// What all clients have.
    pub common: CommonClientConfigs,
    /// `default.api.timeout.ms`: how long a call that waits may take.
    pub default_api_timeout: SimDuration,
    /// `client.rack`: where it is; a replica there may be read from (KIP-392). Empty for nowhere.
    pub client_rack: String,
    /// The simulated application: settings of ours, not of Kafka's.
    pub application: ApplicationConfig,
}

/// An element of `partition.assignment.strategy`, by its place in [`Assignor::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strategy(u8);

impl Strategy {
    /// The strategy that an assignor is.
    pub fn of(assignor: Assignor) -> Self {
        let place = Assignor::ALL.iter().position(|known| *known == assignor).expect("ALL has every assignor");
        Self(place as u8)
    }

    /// The assignor.
    pub fn assignor(self) -> Assignor {
        Assignor::ALL[usize::from(self.0) % Assignor::ALL.len()]
    }
}

/// Where a consumer without a position starts: `auto.offset.reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OffsetReset {
    /// At the log's start.
    Earliest,
    /// At the high watermark.
    Latest,
    /// Nowhere: tell the application.
    None,
    /// At the first record that is not older than this, when it is asked for (KIP-1106).
    ByDuration(SimDuration),
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            group_id: None,
            group_instance_id: None,
            session_timeout: SimDuration::from_secs(45),
            heartbeat_interval: SimDuration::from_secs(3),
            max_poll_interval: SimDuration::from_secs(300),
            assignors: vec![Strategy::of(Assignor::Range), Strategy::of(Assignor::CooperativeSticky)],
            enable_auto_commit: None,
            auto_commit_interval: SimDuration::from_secs(5),
            auto_offset_reset: OffsetReset::Latest,
            read_committed: false,
            fetch_min_bytes: 1,
            fetch_max_bytes: 52_428_800,
            max_partition_fetch_bytes: 1_048_576,
            fetch_max_wait: SimDuration::from_millis(500),
            max_poll_records: 500,
            check_crcs: true,
            exclude_internal_topics: true,
            allow_auto_create_topics: true,
            common: CommonClientConfigs::default(),
            default_api_timeout: SimDuration::from_secs(60),
            client_rack: String::new(),
            application: ApplicationConfig::default(),
        }
    }
}

impl ConsumerConfig {
    /// Sets a config by its Kafka name.
    ///
    /// # Errors
    /// A value that Kafka refuses, or a config that this consumer does not have.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let value = value.trim();
        match name {
            "fetch.min.bytes" => self.fetch_min_bytes = int(name, value, 0, i32::MAX)?,
            "fetch.max.bytes" => self.fetch_max_bytes = int(name, value, 0, i32::MAX)?,
            "max.partition.fetch.bytes" => self.max_partition_fetch_bytes = int(name, value, 0, i32::MAX)?,
            "fetch.max.wait.ms" => self.fetch_max_wait = int_millis(name, value)?,
            "max.poll.records" => self.max_poll_records = int(name, value, 1, i32::MAX)? as usize,
            "isolation.level" => {
                one_of(name, value, &["read_committed", "read_uncommitted"])?;
                self.read_committed = value == "read_committed";
            }
            "auto.offset.reset" => self.auto_offset_reset = offset_reset(name, value)?,
            "check.crcs" => self.check_crcs = boolean(name, value)?,
            "exclude.internal.topics" => self.exclude_internal_topics = boolean(name, value)?,
            "allow.auto.create.topics" => self.allow_auto_create_topics = boolean(name, value)?,
            "client.rack" => self.client_rack = value.into(),
            _ => return self.set_of_group(name, value),
        }
        Ok(())
    }

    /// Sets one of the configs of membership and commits.
    fn set_of_group(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        match name {
            "group.id" => self.group_id = Some(value.into()),
            "group.instance.id" => self.group_instance_id = Some(instance_id(name, value)?),
            "group.protocol" => match value.to_ascii_lowercase().as_str() {
                "classic" => {}
                "consumer" => return Err(not_built(name, value)),
                _ => return Err(invalid(name, value, "String must be one of (case insensitive): CONSUMER, CLASSIC")),
            },
            "group.remote.assignor" => {
                return Err(ConfigError(format!("{name} cannot be set when group.protocol=CLASSIC")));
            }
            "session.timeout.ms" => self.session_timeout = any_int_millis(name, value)?,
            "heartbeat.interval.ms" => self.heartbeat_interval = any_int_millis(name, value)?,
            "max.poll.interval.ms" => {
                self.max_poll_interval = SimDuration::from_millis(int(name, value, 1, i32::MAX)? as u64);
            }
            "partition.assignment.strategy" => self.assignors = strategies(value)?,
            "enable.auto.commit" => self.enable_auto_commit = Some(boolean(name, value)?),
            "auto.commit.interval.ms" => self.auto_commit_interval = int_millis(name, value)?,
            _ => return self.set_of_network(name, value),
        }
        Ok(())
    }

    /// Sets one of the configs of timeouts and connections.
    fn set_of_network(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        match name {
            "default.api.timeout.ms" => self.default_api_timeout = int_millis(name, value)?,
            _ => self.common.set(name, value, &DEFAULTS)?,
        }
        Ok(())
    }

    /// Whether it commits its positions by itself: in a group, unless that was switched off or its application commits.
    pub fn commits_by_itself(&self) -> bool {
        let unless_set = self.application.commits == Commits::Never;
        self.group_id.is_some() && self.enable_auto_commit.unwrap_or(unless_set)
    }

    /// The assignors that it offers, the preferred one first.
    pub fn assignors(&self) -> Vec<Assignor> {
        self.assignors.iter().map(|strategy| strategy.assignor()).collect()
    }

    /// How it rebalances: the best protocol that all its assignors have; none without assignors.
    pub fn rebalance_protocol(&self) -> Option<RebalanceProtocol> {
        RebalanceProtocol::of(&self.assignors())
    }

    /// Checks the configs against each other, as Kafka's consumer does when it is made.
    ///
    /// # Errors
    /// Kafka's message.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |text: &str| Err(ConfigError(text.into()));
        match &self.group_id {
            None if self.enable_auto_commit == Some(true) => {
                return refuse("enable.auto.commit cannot be set to true when default group id (null) is used.");
            }
            Some(group) if group.trim().is_empty() => {
                return refuse("The configured group.id should not be an empty string or whitespace.");
            }
            _ => {}
        }
        if self.group_id.is_some() && self.heartbeat_interval >= self.session_timeout {
            return refuse("Heartbeat must be set lower than the session timeout");
        }
        let all = self.assignors();
        let twice = all.iter().enumerate().find(|(at, assignor)| all[..*at].contains(assignor));
        if let Some((_, assignor)) = twice {
            let (name, class) = (assignor.name(), assignor.class_name());
            let text = format!("The assignor name: '{name}' is used in more than one assignor: {class}, {class}");
            return Err(ConfigError(text));
        }
        self.application.validate(self)
    }
}

/// Configs that change nothing here, with the one value that says so: Kafka's default.
const DEFAULTS: [(&str, &str); 3] = [
    ("receive.buffer.bytes", "65536"),
    ("share.acknowledgement.mode", "implicit"),
    ("internal.leave.group.on.close", "true"),
];

/// A span of time of type INT without limits; a negative one is none at all.
fn any_int_millis(name: &str, value: &str) -> Result<SimDuration, ConfigError> {
    let number = int(name, value, i32::MIN, i32::MAX)?;
    Ok(SimDuration::from_millis(u64::try_from(number).unwrap_or(0)))
}

/// The classes of a `partition.assignment.strategy`; an empty list is Kafka's to take.
fn strategies(value: &str) -> Result<Vec<Strategy>, ConfigError> {
    let strategy = |class: &str| {
        let found = Assignor::from_class_name(class).map(Strategy::of);
        found.ok_or_else(|| ConfigError(format!("{class} ClassNotFoundException exception occurred")))
    };
    value.split(',').map(str::trim).filter(|class| !class.is_empty()).map(strategy).collect()
}

/// `group.instance.id` (`JoinGroupRequest.validateGroupInstanceId`: the rules of topics' names).
fn instance_id(name: &str, value: &str) -> Result<String, ConfigError> {
    let why = match value {
        "" => return Err(invalid(name, value, "String must be non-empty")),
        "." | ".." => format!("'{value}' is not allowed"),
        _ if value.len() > 249 => format!("the length of '{value}' is longer than the max allowed length 249"),
        _ if !value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) => {
            format!("'{value}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
        }
        _ => return Ok(value.into()),
    };
    Err(ConfigError(format!("Group instance id is invalid: {why}")))
}

fn offset_reset(name: &str, value: &str) -> Result<OffsetReset, ConfigError> {
    let duration = value.strip_prefix("by_duration:").and_then(iso_duration);
    match (value, duration) {
        ("earliest", _) => Ok(OffsetReset::Earliest),
        ("latest", _) => Ok(OffsetReset::Latest),
        ("none", _) => Ok(OffsetReset::None),
        (_, Some(duration)) => Ok(OffsetReset::ByDuration(duration)),
        _ => {
            let why = format!(
                "Invalid value `{value}` for configuration {name}. The value must be either 'earliest', 'latest', \
                 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'."
            );
            Err(invalid(name, value, &why))
        }
    }
}

/// A duration that is not negative, as `java.time.Duration.parse` reads it: `P1DT2H3M4.5S`.
fn iso_duration(text: &str) -> Option<SimDuration> {
    let text = text.to_ascii_uppercase();
    let (days, times) = match text.strip_prefix('P')?.split_once('T') {
        Some((_, "")) => return None,
        Some((days, times)) => (days.to_owned(), times.to_owned()),
        None => (text[1..].to_owned(), String::new()),
    };
    let (mut total, mut units, mut number) = (0_u64, "DHMS".chars(), String::new());
    for c in days.chars().chain(times.chars()) {
        if c.is_ascii_digit() || c == '.' && !number.contains('.') {
            number.push(c);
            continue;
        }
        // Units come in this order, each once, and days are all that stands before the T.
        units.find(|unit| *unit == c)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
        let unit_us = match c {
            'D' => 86_400_000_000_u64,
            'H' => 3_600_000_000,
            'M' => 60_000_000,
            _ => 1_000_000,
        };
        if whole.is_empty() || !fraction.is_empty() && c != 'S' || fraction.len() > 9 {
            return None;
        }
        let micros: u64 = format!("{fraction:0<6}")[..6].parse().ok()?;
        total = total.checked_add(whole.parse::<u64>().ok()?.checked_mul(unit_us)?)?.checked_add(micros)?;
        number.clear();
    }
    let fits = number.is_empty() && days.chars().all(|c| !"HMS".contains(c)) && !times.contains('D');
    (fits && !(days.is_empty() && times.is_empty())).then_some(SimDuration(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Result<ConsumerConfig, String> {
        let mut config = ConsumerConfig { group_id: Some("g".into()), ..ConsumerConfig::default() };
        pairs.iter().try_for_each(|(name, value)| config.set(name, value)).map_err(|e| e.to_string())?;
        config.validate().map(|()| config).map_err(|e| e.to_string())
    }

    const RANGE: &str = "org.apache.kafka.clients.consumer.RangeAssignor";
    const COOPERATIVE: &str = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";

    /// Each message is what Kafka 4.1.1 says when a consumer is made with these configs.
    #[test]
    fn kafkas_words_for_what_it_refuses() {
        let reset = |value: &str| {
            format!(
                "Invalid value {value} for configuration auto.offset.reset: Invalid value `{value}` for configuration \
                 auto.offset.reset. The value must be either 'earliest', 'latest', 'none' or of the format \
                 'by_duration:<PnDTnHnMn.nS.>'."
            )
        };
        let heartbeat = "Heartbeat must be set lower than the session timeout".to_owned();
        for (pair, message) in [
            (("session.timeout.ms", "3000"), heartbeat.clone()),
            (("session.timeout.ms", "-1"), heartbeat.clone()),
            (("heartbeat.interval.ms", "45000"), heartbeat),
            (
                ("partition.assignment.strategy", "org.apache.kafka.clients.consumer.NopeAssignor"),
                "org.apache.kafka.clients.consumer.NopeAssignor ClassNotFoundException exception occurred".into(),
            ),
            (
                ("partition.assignment.strategy", &format!("{RANGE},{RANGE}")),
                format!("The assignor name: 'range' is used in more than one assignor: {RANGE}, {RANGE}"),
            ),
            (
                ("group.instance.id", ""),
                "Invalid value  for configuration group.instance.id: String must be non-empty".into(),
            ),
            (
                ("group.instance.id", "a/b"),
                "Group instance id is invalid: 'a/b' contains one or more characters other than ASCII alphanumerics, \
                 '.', '_' and '-'"
                    .into(),
            ),
            (("group.instance.id", "."), "Group instance id is invalid: '.' is not allowed".into()),
            (("group.id", ""), "The configured group.id should not be an empty string or whitespace.".into()),
            (("auto.offset.reset", "EARLIEST"), reset("EARLIEST")),
            (("auto.offset.reset", "by_duration:-PT1H"), reset("by_duration:-PT1H")),
            (("auto.offset.reset", "by_duration:"), reset("by_duration:")),
            (
                ("isolation.level", "x"),
                "Invalid value x for configuration isolation.level: String must be one of: read_committed, \
                 read_uncommitted"
                    .into(),
            ),
            (
                ("group.protocol", "nope"),
                "Invalid value nope for configuration group.protocol: String must be one of (case insensitive): \
                 CONSUMER, CLASSIC"
                    .into(),
            ),
            (
                ("group.remote.assignor", "uniform"),
                "group.remote.assignor cannot be set when group.protocol=CLASSIC".into(),
            ),
            (
                ("max.poll.interval.ms", "0"),
                "Invalid value 0 for configuration max.poll.interval.ms: Value must be at least 1".into(),
            ),
            (
                ("auto.commit.interval.ms", "-1"),
                "Invalid value -1 for configuration auto.commit.interval.ms: Value must be at least 0".into(),
            ),
            (
                ("request.timeout.ms", "x"),
                "Invalid value x for configuration request.timeout.ms: Not a number of type INT".into(),
            ),
        ] {
            assert_eq!(set(&[pair]), Err(message), "{pair:?}");
        }
        let mut alone = ConsumerConfig::default();
        alone.set("enable.auto.commit", "true").expect("a value that it takes");
        let message = "enable.auto.commit cannot be set to true when default group id (null) is used.";
        assert_eq!(alone.validate(), Err(ConfigError(message.into())));
    }

    #[test]
    fn one_eager_assignor_makes_a_member_eager() {
        let protocol = |value: &str| {
            let config = set(&[("partition.assignment.strategy", value)]).expect("Kafka takes it");
            config.rebalance_protocol()
        };
        assert_eq!(protocol(COOPERATIVE), Some(RebalanceProtocol::Cooperative));
        assert_eq!(protocol(&format!(" {COOPERATIVE} , {RANGE} ")), Some(RebalanceProtocol::Eager));
        assert_eq!(protocol(""), None);
        assert_eq!(ConsumerConfig::default().rebalance_protocol(), Some(RebalanceProtocol::Eager));
    }

    #[test]
    fn durations_as_java_reads_them() {
        let micros = |text: &str| iso_duration(text).map(|duration| duration.0);
        assert_eq!(micros("PT1H"), Some(3_600_000_000));
        assert_eq!(micros("P1DT2H3M4.5S"), Some(93_784_500_000));
        assert_eq!(micros("p1d"), Some(86_400_000_000));
        for wrong in ["", "P", "PT", "P1H", "PT1D", "PT1S1H", "-PT1H", "PT-1H", "1H", "PT1.5H", "PTS", "PT1"] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
    }
}
