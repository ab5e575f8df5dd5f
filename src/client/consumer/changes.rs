//! What a consumer is told to be: all of it when it starts, and what is to be different when it is started again.

use super::{Commits, Consumer, ConsumerConfig, Death, Reads};
use crate::base::{Endpoint, SimDuration};
use crate::client::ConfigError;
use serde::{Deserialize, Serialize};

/// Settings of a consumer; what is left open stays as it was, or is as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerChanges {
    /// What it reads; of topics, a group decides which partitions as soon as it is in one.
    pub reads: Option<Reads>,
    /// `group.id`.
    pub group: Option<String>,
    /// How long its application works on each record.
    pub work: Option<SimDuration>,
    /// When its application commits.
    pub commits: Option<Commits>,
    /// It polls only when it is told to.
    pub by_hand: bool,
    /// The value of a record on which it fails.
    pub poison: Option<String>,
    /// When its process dies by itself. That happens once: one that is started again does not, unless it is told to.
    pub dies: Option<Death>,
    /// Configs under Kafka's names.
    pub properties: Vec<(String, String)>,
}

impl ConsumerChanges {
    /// Its configs after them.
    ///
    /// # Errors
    /// What Kafka refuses, in its words.
    pub fn config(&self, before: &ConsumerConfig) -> Result<ConsumerConfig, ConfigError> {
        let mut config = before.clone();
        self.properties.iter().try_for_each(|(name, value)| config.set(name, value))?;
        config.group_id = self.group.clone().or(config.group_id);
        let application = &mut config.application;
        application.work = self.work.unwrap_or(application.work);
        application.commits = self.commits.unwrap_or(application.commits);
        application.by_hand |= self.by_hand;
        application.poison = self.poison.clone().or(application.poison.take());
        application.dies = self.dies;
        config.validate()?;
        Ok(config)
    }

    /// What it reads after them, with these configs; none when that was never said.
    ///
    /// # Errors
    /// What it cannot read without a group.
    pub fn reads(&self, before: Option<&Reads>, config: &ConsumerConfig) -> Result<Option<Reads>, ConfigError> {
        let in_group = config.group_id.is_some();
        match self.reads.as_ref().or(before).cloned() {
            Some(Reads::All(topics)) if in_group => Ok(Some(Reads::Topics(topics))),
            Some(Reads::Pattern(_)) if !in_group => {
                Err(ConfigError("`--include` subscribes, and needs `--group`".into()))
            }
            reads => Ok(reads),
        }
    }
}

impl Consumer {
    /// The same consumer as it is before its start, but for these changes. What it counts begins anew, and what was made
    /// of it by calls is forgotten: it reads what it was told when it started.
    ///
    /// # Errors
    /// Why there is no such consumer.
    pub fn again(&self, changes: &ConsumerChanges, bootstrap: Vec<Endpoint>) -> Result<Self, ConfigError> {
        let config = changes.config(&self.config)?;
        let reads = changes.reads(Some(&self.reads), &config)?.expect("it read something before");
        Ok(Self::new(&self.name, reads, config, bootstrap))
    }
}
