//! What a client knows of the cluster: brokers, topics, leaders. As old as its last Metadata response.

use crate::base::{Endpoint, SimDuration, SimTime};
use crate::wire::ErrorCode;
use crate::wire::messages::MetadataResponse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// A client's view of the cluster, and when to refresh it.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    brokers: BTreeMap<i32, Endpoint>,
    controller: Option<i32>,
    topics: BTreeMap<Arc<str>, KnownTopic>,
    errors: BTreeMap<Arc<str>, ErrorCode>,
    wanted: Wanted,
    refreshed_at: Option<SimTime>,
    asked_for: bool,
}

/// Which topics a client asks about.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// These; none at all asks for brokers alone.
    Topics(BTreeSet<Arc<str>>),
    /// Every topic.
    All,
}

impl Default for Wanted {
    fn default() -> Self {
        Self::Topics(BTreeSet::new())
    }
}

/// A topic as the last response had it.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownTopic {
    pub(super) id: Uuid,
    /// Leader (-1: none) and leader epoch of each partition.
    pub(super) partitions: Vec<(i32, i32)>,
}

impl Metadata {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted, ..Self::default() }
    }

    pub(super) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Adds a topic to those asked about; a new one is asked about at once.
    pub(super) fn want(&mut self, topic: &Arc<str>) {
        if let Wanted::Topics(topics) = &mut self.wanted
            && topics.insert(topic.clone())
        {
            self.asked_for = true;
        }
    }

    pub(super) fn set_wanted(&mut self, wanted: Wanted) {
        self.wanted = wanted;
        self.asked_for = true;
    }

    /// Asks for a refresh as soon as the backoff allows.
    pub(super) fn request_refresh(&mut self) {
        self.asked_for = true;
    }

    /// When the next refresh is due.
    pub(super) fn due_at(&self, max_age: SimDuration) -> SimTime {
        match self.refreshed_at {
            None => SimTime::ZERO,
            Some(_) if self.asked_for => SimTime::ZERO,
            Some(at) => at + max_age,
        }
    }

    pub(super) fn is_known(&self) -> bool {
        self.refreshed_at.is_some()
    }

    /// Whether a refresh was asked for and has not come yet.
    pub(super) fn is_stale(&self) -> bool {
        self.asked_for
    }

    pub(super) fn update(&mut self, response: &MetadataResponse, now: SimTime) {
        self.refreshed_at = Some(now);
        self.asked_for = false;
        self.controller = Some(response.controller_id.0).filter(|id| *id >= 0);
        self.brokers = response
            .brokers
            .iter()
            .map(|b| (b.node_id.0, Endpoint { host: (*b.host).into(), port: b.port as u16 }))
            .collect();
        self.topics.clear();
        self.errors.clear();
        for topic in &response.topics {
            let Some(name) = topic.name.as_ref().map(|name| Arc::<str>::from(&***name)) else { continue };
            if topic.error_code != 0 {
                self.errors.insert(name, ErrorCode(topic.error_code));
                continue;
            }
            let mut partitions = vec![(-1, -1); topic.partitions.len()];
            for p in &topic.partitions {
                if let Some(slot) = partitions.get_mut(p.partition_index as usize) {
                    *slot = (p.leader_id.0, p.leader_epoch);
                }
            }
            self.topics.insert(name, KnownTopic { id: topic.topic_id, partitions });
        }
    }

    /// Whether some topic asked about was not described: the client asks again after a backoff.
    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    pub(super) fn error(&self, topic: &str) -> Option<ErrorCode> {
        self.errors.get(topic).copied()
    }

    pub(super) fn brokers(&self) -> &BTreeMap<i32, Endpoint> {
        &self.brokers
    }

    pub(super) fn controller(&self) -> Option<i32> {
        self.controller
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = (&Arc<str>, &KnownTopic)> {
        self.topics.iter()
    }

    pub(super) fn topic(&self, name: &str) -> Option<&KnownTopic> {
        self.topics.get(name)
    }

    /// The leader of a partition and its epoch, if there is one.
    pub(super) fn leader(&self, topic: &str, partition: i32) -> Option<(i32, i32)> {
        let (leader, epoch) = *self.topic(topic)?.partitions.get(usize::try_from(partition).ok()?)?;
        (leader >= 0).then_some((leader, epoch))
    }
}
