//! What a client knows of the cluster: brokers, topics, leaders. As old as its last Metadata response.
//!
//! A consumer says which topics it wants. A producer uses topics, and drops those that it has not used for
//! `metadata.max.idle.ms`; for a topic that is new to it, it asks alone (KIP-526, `ProducerMetadata`).

use super::assignor::{PartitionsPerTopic, ReplicaRacks};
use crate::base::{Endpoint, SimDuration, SimTime, SortedMap, SortedSet, TopicPartition};
use crate::wire::messages::MetadataResponse;
use crate::wire::messages::metadata_response::{MetadataResponseBroker, MetadataResponseTopic};
use crate::wire::{ErrorCode, Treatment};
use std::sync::Arc;
use uuid::Uuid;

/// A client's view of the cluster, and when to refresh it.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    brokers: SortedMap<i32, Endpoint>,
    racks: SortedMap<i32, Arc<str>>,
    topics: SortedMap<Arc<str>, KnownTopic>,
    errors: SortedMap<Arc<str>, ErrorCode>,
    wanted: Wanted,
    /// Every topic is asked about, for a pattern.
    wants_all: bool,
    /// A producer's topics.
    used: Option<Used>,
    /// When every wanted topic was last told of.
    refreshed_at: Option<SimTime>,
    needs_full: bool,
    /// Topics are wanted that were never asked about.
    needs_new: bool,
    /// Counts what became wanted: an answer to a request that was made before that is not enough.
    version: u64,
    /// Something is newly wanted: no backoff holds that up.
    urgent: bool,
}

/// The topics that a producer uses.
#[derive(Clone, Debug)]
struct Used {
    /// `metadata.max.idle.ms`.
    max_idle: SimDuration,
    /// When each is dropped unless it is used again.
    expires_at: SortedMap<Arc<str>, SimTime>,
    /// Those of which no answer has told yet, not even that there is no such topic.
    new: Wanted,
}

/// What is asked of a broker.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// None: about every topic.
    pub(super) topics: Option<Wanted>,
    pub(super) asked: Asked,
}

/// What an answer is an answer to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    version: u64,
    /// Only about what is new.
    is_partial: bool,
}

/// A partition's leader as a broker named it beside an error (KIP-951).
#[derive(Clone, Debug)]
pub(super) struct LeaderHint {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    pub(super) leader: i32,
    pub(super) epoch: i32,
}

/// The topics that a client asks about; none at all asks for brokers alone.
pub(super) type Wanted = SortedSet<Arc<str>>;

/// A topic as the last response had it.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownTopic {
    pub(super) id: Uuid,
    /// It is one of the cluster's own.
    pub(super) is_internal: bool,
    /// Leader (-1: none) and leader epoch of each partition.
    pub(super) partitions: Vec<(i32, i32)>,
    /// The brokers that hold each partition.
    replicas: Vec<Vec<i32>>,
}

/// Finds topics for partitions that stand by topic: each is looked for once.
#[derive(Debug)]
pub(super) struct TopicFinder<'a> {
    metadata: &'a Metadata,
    last: Option<(&'a Arc<str>, Option<&'a KnownTopic>)>,
}

impl<'a> TopicFinder<'a> {
    /// A topic that is known.
    pub(super) fn find(&mut self, name: &'a Arc<str>) -> Option<&'a KnownTopic> {
        match self.last {
            Some((last, topic)) if Arc::ptr_eq(last, name) => topic,
            _ => self.last.insert((name, self.metadata.topic(name))).1,
        }
    }
}

impl Metadata {
    /// Metadata of a client that wants these topics. With `max_idle` it is a producer's, which wants what it uses.
    pub(super) fn new(wanted: Wanted, max_idle: Option<SimDuration>) -> Self {
        let of = |max_idle| Used { max_idle, expires_at: SortedMap::new(), new: Wanted::new() };
        Self { wanted, used: max_idle.map(of), ..Self::default() }
    }

    /// A producer uses a topic: it is kept for a while more, and asked about at once if it is new.
    ///
    /// # Panics
    /// On metadata that is no producer's.
    pub(super) fn use_topic(&mut self, topic: &Arc<str>, now: SimTime) {
        let used = self.used.as_mut().expect("a producer's metadata");
        used.expires_at.insert(topic.clone(), now + used.max_idle);
        if self.wanted.insert(topic.clone()) {
            used.new.insert(topic.clone());
            self.ask_for_new();
        }
    }

    /// Asks for a topic that is missed: anew for all, unless an answer about it alone is on its way.
    pub(super) fn request_topic(&mut self, topic: &str) {
        if !self.used.as_ref().is_some_and(|used| used.new.contains(topic)) {
            self.request_refresh();
        }
    }

    fn ask_for_new(&mut self) {
        self.needs_new = true;
        self.urgent = true;
        self.version += 1;
    }

    /// Whether a topic is still wanted; a producer's that was not used for too long is so no more.
    fn retains(&mut self, topic: &str, now: SimTime) -> bool {
        let Some(used) = &mut self.used else { return true };
        let Some(expires_at) = used.expires_at.get(topic) else { return false };
        let retained = used.new.contains(topic) || *expires_at > now;
        if !retained {
            used.expires_at.remove(topic);
            self.wanted.remove(topic);
        }
        retained
    }

    /// From now on these topics are asked about, or all; what is new is asked about at once.
    pub(super) fn want_only(&mut self, topics: Wanted, all: bool) {
        let is_new = topics.iter().any(|topic| !self.wanted.contains(topic)) || all && !self.wants_all;
        (self.wanted, self.wants_all) = (topics, all);
        if is_new {
            self.ask_for_new();
        }
    }

    /// What to ask now; `max_age` is `metadata.max.age.ms`. A producer asks about its new topics alone while what it
    /// knows of the others is fresh.
    pub(super) fn question(&self, max_age: SimDuration, now: SimTime) -> Question {
        let is_fresh = !self.needs_full && self.refreshed_at.is_some_and(|at| at + max_age > now);
        let new = self.used.as_ref().filter(|_| is_fresh).map(|used| used.new.clone());
        let asked = Asked { version: self.version, is_partial: new.is_some() };
        Question { topics: (!self.wants_all).then(|| new.unwrap_or_else(|| self.wanted.clone())), asked }
    }

    /// Whether something new is asked for; only until this is called again.
    pub(super) fn take_urgent(&mut self) -> bool {
        std::mem::take(&mut self.urgent)
    }

    pub(super) fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// Asks for a refresh as soon as the backoff allows.
    pub(super) fn request_refresh(&mut self) {
        self.needs_full = true;
    }

    /// Whether a refresh was asked for that has not come yet.
    pub(super) fn is_refresh_requested(&self) -> bool {
        self.needs_full || self.needs_new
    }

    /// When the next refresh is due.
    pub(super) fn due_at(&self, max_age: SimDuration) -> SimTime {
        match self.refreshed_at {
            None => SimTime::ZERO,
            Some(_) if self.is_refresh_requested() => SimTime::ZERO,
            Some(at) => at + max_age,
        }
    }

    pub(super) fn is_known(&self) -> bool {
        self.refreshed_at.is_some()
    }

    /// Takes a response in. Returns whether anything in it is newer than what was known.
    pub(super) fn update(&mut self, response: &MetadataResponse, asked: Asked, now: SimTime) -> bool {
        self.needs_new = asked.version < self.version;
        if !asked.is_partial {
            self.needs_full = false;
            self.refreshed_at = Some(now);
        }
        self.brokers = response
            .brokers
            .iter()
            .map(|b| (b.node_id.0, Endpoint { host: (*b.host).into(), port: b.port as u16 }))
            .collect();
        let rack = |b: &MetadataResponseBroker| Some((b.node_id.0, b.rack.as_ref()?.to_string().into()));
        self.racks = response.brokers.iter().filter_map(rack).collect();
        let (mut known, mut errors) = (std::mem::take(&mut self.topics), std::mem::take(&mut self.errors));
        let mut progress = false;
        for topic in &response.topics {
            let Some(name) = topic.name.as_ref().map(|name| Arc::<str>::from(&***name)) else { continue };
            errors.remove(&name);
            let before = known.remove(&name);
            if self.retains(&name, now) {
                progress |= self.update_topic(name.clone(), topic, before);
            }
            if let Some(used) = &mut self.used {
                used.new.remove(&name);
            }
        }
        if asked.is_partial {
            known.retain(|name, _| self.retains(name, now));
            errors.retain(|name, _| self.retains(name, now));
            self.topics.append(&mut known);
            self.errors.append(&mut errors);
        }
        progress
    }

    /// Takes in what is told of a topic. A leader of an older epoch than the one known is not believed: another broker
    /// knew better.
    fn update_topic(&mut self, name: Arc<str>, topic: &MetadataResponseTopic, before: Option<KnownTopic>) -> bool {
        let mut ask_again = |error: i16| {
            // Such as a partition without a leader: the answer is asked for anew (`handleMetadataResponse`).
            self.needs_full |= ErrorCode(error).treatment() == Treatment::RefreshAndRetry;
        };
        ask_again(topic.error_code);
        if topic.error_code != 0 {
            self.errors.insert(name, ErrorCode(topic.error_code));
            return false;
        }
        let before = before.filter(|known| known.id == topic.topic_id).unwrap_or_default();
        let mut partitions = vec![(-1, -1); topic.partitions.len()];
        let mut replicas = vec![Vec::new(); topic.partitions.len()];
        let mut progress = false;
        for p in &topic.partitions {
            ask_again(p.error_code);
            let index = p.partition_index as usize;
            let Some(slot) = partitions.get_mut(index) else { continue };
            replicas[index] = p.replica_nodes.iter().map(|node| node.0).collect();
            let (before, told) = (before.partitions.get(index), (p.leader_id.0, p.leader_epoch));
            *slot = before.copied().filter(|(_, epoch)| *epoch > told.1).unwrap_or(told);
            progress |= before.is_none_or(|(_, epoch)| told.1 > *epoch);
        }
        let (id, is_internal) = (topic.topic_id, topic.is_internal);
        self.topics.insert(name, KnownTopic { id, is_internal, partitions, replicas });
        progress
    }

    /// Takes in what a broker that is not the leader said of the leader (KIP-951): a newer leader at a known address.
    ///
    /// A hint goes by the topic's name, as in Kafka (`updatePartitionLeadership`): one about a topic that was deleted is
    /// taken for its successor of the same name, and if its epoch is higher, [`Metadata::update`] believes no answer that
    /// names the true leader until that one's epoch is higher still, the topic is unknown for once, or the client begins
    /// anew at its bootstrap servers.
    pub(super) fn follow(&mut self, hints: Vec<LeaderHint>, nodes: Vec<(i32, Endpoint)>) {
        self.brokers.extend(nodes);
        for hint in hints.into_iter().filter(|hint| self.brokers.contains_key(&hint.leader)) {
            let topic = self.topics.get_mut(&hint.topic);
            let slot = topic.and_then(|topic| topic.partitions.get_mut(usize::try_from(hint.partition).ok()?));
            if let Some(slot) = slot.filter(|(_, epoch)| hint.epoch > *epoch) {
                *slot = (hint.leader, hint.epoch);
            }
        }
    }

    /// Forgets everything but what is wanted: the bootstrap servers are to be asked again (KIP-899).
    pub(super) fn rebootstrap(&mut self) {
        (self.brokers, self.racks) = (SortedMap::new(), SortedMap::new());
        (self.topics, self.errors) = (SortedMap::new(), SortedMap::new());
        self.needs_full = true;
    }

    pub(super) fn error(&self, topic: &str) -> Option<ErrorCode> {
        self.errors.get(topic).copied()
    }

    pub(super) fn brokers(&self) -> &SortedMap<i32, Endpoint> {
        &self.brokers
    }

    /// The rack of a broker, if it has told one.
    pub(super) fn rack(&self, broker: i32) -> Option<&str> {
        self.racks.get(&broker).map(|rack| &**rack)
    }

    pub(super) fn topic(&self, name: &str) -> Option<&KnownTopic> {
        self.topics.get(name)
    }

    /// Finds one topic after the other, for partitions that stand by topic.
    pub(super) fn finder(&self) -> TopicFinder<'_> {
        TopicFinder { metadata: self, last: None }
    }

    /// Every topic that is known, and whether it is one of the cluster's own.
    pub(super) fn topic_names(&self) -> impl Iterator<Item = (&Arc<str>, bool)> {
        self.topics.iter().map(|(name, topic)| (name, topic.is_internal))
    }

    /// How many partitions are known, of all topics.
    pub(super) fn partition_count(&self) -> usize {
        self.topics.values().map(|topic| topic.partitions.len()).sum()
    }

    /// Every partition of a topic that is known.
    pub(super) fn partitions_of(&self, topic: &Arc<str>) -> Vec<TopicPartition> {
        let count = self.topics.get(topic).map_or(0, |known| known.partitions.len() as i32);
        (0..count).map(|index| TopicPartition::new(topic.clone(), index)).collect()
    }

    /// The partitions of some topics, with or without the racks of their replicas, for an assignor. Topics that are not
    /// known are left out.
    pub(super) fn partitions_per_topic<'a>(
        &self,
        topics: impl Iterator<Item = &'a Arc<str>>,
        with_racks: bool,
    ) -> PartitionsPerTopic {
        let racks = |replicas: &Vec<i32>| -> ReplicaRacks {
            let known = replicas.iter().filter_map(|replica| self.racks.get(replica)).cloned();
            if with_racks { known.collect() } else { ReplicaRacks::new() }
        };
        let of = |topic: &Arc<str>| {
            let known = self.topics.get(topic)?;
            Some((topic.clone(), known.replicas.iter().map(racks).collect()))
        };
        topics.filter_map(of).collect()
    }

    /// The leader of a partition and its epoch, if there is one and its address is known.
    pub(super) fn leader(&self, topic: &str, partition: i32) -> Option<(i32, i32)> {
        self.leader_in(self.topic(topic)?, partition)
    }

    /// The same of a topic that was found.
    pub(super) fn leader_in(&self, topic: &KnownTopic, partition: i32) -> Option<(i32, i32)> {
        let (leader, epoch) = *topic.partitions.get(usize::try_from(partition).ok()?)?;
        self.brokers.contains_key(&leader).then_some((leader, epoch))
    }

    /// The newest leader epoch that is known of a partition.
    pub(super) fn leader_epoch(&self, topic: &str, partition: i32) -> Option<i32> {
        let (_, epoch) = *self.topic(topic)?.partitions.get(usize::try_from(partition).ok()?)?;
        (epoch >= 0).then_some(epoch)
    }

    /// The partitions that a node leads, in order.
    pub(super) fn led_by(&self, node: i32) -> Vec<TopicPartition> {
        let of_topic = |(name, topic): (&Arc<str>, &KnownTopic)| {
            let led = topic.partitions.iter().enumerate().filter(|(_, (leader, _))| *leader == node);
            led.map(|(index, _)| TopicPartition::new(name.clone(), index as i32)).collect::<Vec<_>>()
        };
        self.topics.iter().flat_map(of_topic).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::metadata_response::MetadataResponsePartition;
    use crate::wire::{BrokerId, StrBytes, TopicName};

    fn endpoint(port: u16) -> Endpoint {
        Endpoint { host: "localhost".into(), port }
    }

    /// What a broker says of the one partition of the topic "t", with brokers 1 and 2 alive.
    fn response(leader: i32, epoch: i32) -> MetadataResponse {
        let broker = |id: i32| {
            let host = StrBytes::from_static_str("localhost");
            MetadataResponseBroker::default().with_node_id(BrokerId(id)).with_host(host).with_port(9000 + id)
        };
        let partition = MetadataResponsePartition::default().with_leader_id(BrokerId(leader)).with_leader_epoch(epoch);
        let name = Some(TopicName(StrBytes::from_static_str("t")));
        let topic = MetadataResponseTopic::default().with_name(name).with_partitions(vec![partition]);
        MetadataResponse::default().with_brokers(vec![broker(1), broker(2)]).with_topics(vec![topic])
    }

    fn hint(leader: i32, epoch: i32) -> Vec<LeaderHint> {
        vec![LeaderHint { topic: "t".into(), partition: 0, leader, epoch }]
    }

    #[test]
    fn an_older_leader_is_not_believed() {
        let mut metadata = Metadata::default();
        assert!(metadata.update(&response(1, 3), Asked::default(), SimTime::ZERO), "what was unknown is news");
        assert!(!metadata.update(&response(1, 3), Asked::default(), SimTime::ZERO));
        assert!(!metadata.update(&response(2, 2), Asked::default(), SimTime::ZERO));
        assert_eq!(metadata.leader("t", 0), Some((1, 3)));
        assert!(metadata.update(&response(2, 4), Asked::default(), SimTime::ZERO));
        assert_eq!(metadata.leader("t", 0), Some((2, 4)));
    }

    #[test]
    fn a_hint_is_followed_when_it_is_newer_and_has_an_address() {
        let mut metadata = Metadata::default();
        metadata.update(&response(1, 3), Asked::default(), SimTime::ZERO);
        metadata.follow(hint(2, 3), Vec::new());
        assert_eq!(metadata.leader("t", 0), Some((1, 3)), "the same epoch");
        metadata.follow(hint(7, 4), Vec::new());
        assert_eq!(metadata.leader("t", 0), Some((1, 3)), "no address");
        metadata.follow(hint(7, 4), vec![(7, endpoint(9007))]);
        assert_eq!(metadata.leader("t", 0), Some((7, 4)));
        assert_eq!(metadata.brokers().get(&7), Some(&endpoint(9007)));
    }

    fn with_id(mut response: MetadataResponse, id: u128, error: i16) -> MetadataResponse {
        let topic = &mut response.topics[0];
        topic.error_code = error;
        match error {
            0 => topic.topic_id = Uuid::from_u128(id),
            _ => topic.partitions.clear(),
        }
        response
    }

    /// As `Metadata` of kafka-clients 4.1.1 does with the same calls.
    #[test]
    fn a_hint_of_a_deleted_topic_stays_with_its_successor() {
        let mut metadata = Metadata::default();
        metadata.update(&with_id(response(1, 5), 1, 0), Asked::default(), SimTime::ZERO);
        metadata.update(&with_id(response(2, 0), 2, 0), Asked::default(), SimTime::ZERO);
        assert_eq!(metadata.leader("t", 0), Some((2, 0)), "another id: another topic, and its epoch counts");
        metadata.follow(hint(1, 6), Vec::new());
        for _ in 0..3 {
            metadata.update(&with_id(response(2, 0), 2, 0), Asked::default(), SimTime::ZERO);
            assert_eq!(metadata.leader("t", 0), Some((1, 6)));
        }
        let mut again = metadata.clone();
        metadata.update(
            &with_id(response(2, 0), 2, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0),
            Asked::default(),
            SimTime::ZERO,
        );
        metadata.update(&with_id(response(2, 0), 2, 0), Asked::default(), SimTime::ZERO);
        assert_eq!(metadata.leader("t", 0), Some((2, 0)), "it was unknown for once");
        again.rebootstrap();
        again.update(&with_id(response(2, 0), 2, 0), Asked::default(), SimTime::ZERO);
        assert_eq!(again.leader("t", 0), Some((2, 0)), "it began anew");
    }

    #[test]
    fn a_leader_without_an_address_is_none() {
        let mut metadata = Metadata::default();
        metadata.update(&response(9, 5), Asked::default(), SimTime::ZERO);
        assert_eq!((metadata.leader("t", 0), metadata.leader_epoch("t", 0)), (None, Some(5)));
    }
}
