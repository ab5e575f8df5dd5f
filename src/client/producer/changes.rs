//! What a producer is told to be: all of it when it starts, and what is to be different when it is started again.

use super::{Burst, Keys, Producer, ProducerConfig, Workload};
use crate::base::{Endpoint, SimDuration};
use crate::client::ConfigError;
use serde::{Deserialize, Serialize};

/// Settings of a producer; what is left open stays as it was, or is as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerChanges {
    /// The topic that it writes to.
    pub topic: Option<String>,
    /// The time between two records of a steady flow. Flow and bursts are given together: who gives one ends the other.
    pub interval: Option<SimDuration>,
    /// Many records at a time.
    pub burst: Option<Burst>,
    /// How keys are drawn.
    pub keys: Option<Keys>,
    /// Length in bytes of each value, least and most.
    pub value_size: Option<(usize, usize)>,
    /// Configs under Kafka's names.
    pub properties: Vec<(String, String)>,
}

impl ProducerChanges {
    /// Its configs after them.
    ///
    /// # Errors
    /// What Kafka refuses, in its words.
    pub fn config(&self, before: &ProducerConfig) -> Result<ProducerConfig, ConfigError> {
        let mut config = before.clone();
        self.properties.iter().try_for_each(|(name, value)| config.set(name, value))?;
        config.validate()?;
        Ok(config)
    }

    /// What it sends by itself after them.
    ///
    /// # Errors
    /// They say what the records are, and nothing sends any.
    pub fn workload(&self, before: Option<&Workload>) -> Result<Option<Workload>, ConfigError> {
        let (interval, burst) = match before {
            Some(before) if self.interval.is_none() && self.burst.is_none() => (before.interval, before.burst),
            _ => (self.interval, self.burst),
        };
        if interval.is_none() && burst.is_none() {
            let flag = match (&self.keys, self.value_size) {
                (None, None) => return Ok(None),
                (Some(_), _) => "--keys",
                (None, _) => "--value-size",
            };
            let text = format!("`{flag}` without `--rate` or `--burst`; it says what the records are that they send");
            return Err(ConfigError(text));
        }
        let keys = self.keys.clone().or_else(|| Some(before?.keys.clone())).unwrap_or(Keys::None);
        let value_size = self.value_size.or_else(|| Some(before?.value_size)).unwrap_or(Workload::VALUE_SIZE);
        Ok(Some(Workload { interval, burst, keys, value_size }))
    }
}

impl Producer {
    /// The same producer as it is before its start, but for these changes. What it counts begins anew.
    ///
    /// # Errors
    /// Why there is no such producer.
    pub fn again(&self, changes: &ProducerChanges, bootstrap: Vec<Endpoint>) -> Result<Self, ConfigError> {
        let (config, workload) = (changes.config(&self.config)?, changes.workload(self.workload())?);
        let topic = changes.topic.as_deref().unwrap_or(&self.topic);
        Ok(Self::new(&self.name, topic, config, workload, bootstrap))
    }
}
