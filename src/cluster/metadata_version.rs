//! `metadata.version`: which records and fields the cluster's members understand, and so what a controller may write.

use std::fmt;

/// A level of the feature `metadata.version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataVersion(pub i16);

/// The levels by name, from level 1 on.
const NAMES: [&str; 27] = [
    "3.0-IV1", "3.1-IV0", "3.2-IV0", "3.3-IV0", "3.3-IV1", "3.3-IV2", "3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1",
    "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2", "3.7-IV0", "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0",
    "3.9-IV0", "4.0-IV0", "4.0-IV1", "4.0-IV2", "4.0-IV3", "4.1-IV0", "4.1-IV1",
];

/// The levels from 8 on at which records got fields or there were records of new kinds.
const CHANGED: [i16; 7] = [8, 11, 13, 14, 15, 17, 23];

impl MetadataVersion {
    /// The name of the feature.
    pub const FEATURE: &'static str = "metadata.version";
    /// The lowest level that Kafka 4 can run at: 3.3-IV3.
    pub const MINIMUM: Self = Self(7);
    /// The level of a new 4.1 cluster: 4.1-IV1.
    pub const LATEST: Self = Self(27);

    /// The level called `name`, such as `3.7-IV2`.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().position(|known| *known == name).map(|index| Self(index as i16 + 1))
    }

    /// Whether going from one level to the other adds or takes away what records say (`checkIfMetadataChanged`).
    pub fn changes_metadata(self, other: Self) -> bool {
        let (low, high) = if self < other { (self, other) } else { (other, self) };
        CHANGED.iter().any(|level| low < Self(*level) && Self(*level) <= high)
    }

    fn at_least(self, name: &str) -> bool {
        Self::from_name(name).is_some_and(|level| self >= level)
    }

    /// Whether a partition keeps in mind that its leader recovers from an unclean election (KIP-704).
    pub fn has_leader_recovery(self) -> bool {
        self.at_least("3.2-IV0")
    }

    /// Whether a broker's registration says that it is shutting down (KIP-841).
    pub fn has_controlled_shutdown_state(self) -> bool {
        self.at_least("3.3-IV3")
    }

    /// Whether an ISR that shrinks leaves the leader epoch as it is (KAFKA-15021).
    pub fn keeps_leader_epoch_on_isr_shrink(self) -> bool {
        self.at_least("3.6-IV0")
    }

    /// Whether replicas are assigned to log directories (KIP-858).
    pub fn has_directories(self) -> bool {
        self.at_least("3.7-IV2")
    }

    /// Whether eligible leader replicas may be turned on (KIP-966).
    pub fn may_have_elr(self) -> bool {
        self.at_least("4.0-IV1")
    }

    /// The version of PartitionRecord and PartitionChangeRecord to write.
    pub fn partition_record_version(self) -> i16 {
        match self {
            v if v.may_have_elr() => 2,
            v if v.has_directories() => 1,
            _ => 0,
        }
    }

    /// The version of RegisterBrokerRecord to write.
    pub fn register_broker_record_version(self) -> i16 {
        match self {
            v if v.has_directories() => 3,
            v if v.at_least("3.4-IV0") => 2,
            v if v.has_controlled_shutdown_state() => 1,
            _ => 0,
        }
    }

    /// The version of BrokerRegistrationChangeRecord to write.
    pub fn registration_change_record_version(self) -> i16 {
        match self {
            v if v.has_directories() => 2,
            v if v.has_controlled_shutdown_state() => 1,
            _ => 0,
        }
    }
}

impl fmt::Display for MetadataVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get((self.0 - 1) as usize) {
            Some(name) => f.write_str(name),
            None => write!(f, "level {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_names() {
        assert_eq!(MetadataVersion::LATEST.to_string(), "4.1-IV1");
        assert_eq!(MetadataVersion::MINIMUM.to_string(), "3.3-IV3");
        assert_eq!(MetadataVersion::from_name("4.0-IV3"), Some(MetadataVersion(25)));
        assert_eq!(MetadataVersion::from_name("5.0"), None);
        assert_eq!(MetadataVersion::LATEST.partition_record_version(), 2);
    }
}
