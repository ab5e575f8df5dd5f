//! What a client knows of the cluster: brokers, topics, leaders. As old as its last Metadata response.

use super::assignor::{PartitionsPerTopic, ReplicaRacks};
use crate::base::{Endpoint, SimDuration, SimTime, TopicPartition};
use crate::wire::messages::MetadataResponse;
use crate::wire::messages::metadata_response::MetadataResponseBroker;
use crate::wire::{ErrorCode, Treatment};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// A client's view of the cluster, and when to refresh it.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    brokers: BTreeMap<i32, Endpoint>,
    racks: BTreeMap<i32, Arc<str>>,
    topics: BTreeMap<Arc<str>, KnownTopic>,
    errors: BTreeMap<Arc<str>, ErrorCode>,
    wanted: Wanted,
    /// Every topic is asked about, for a pattern.
    wants_all: bool,
    refreshed_at: Option<SimTime>,
    asked_for: bool,
    /// A topic is wanted that was never asked about: no backoff holds that up.
    urgent: bool,
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
pub(super) type Wanted = BTreeSet<Arc<str>>;

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

impl Metadata {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted, ..Self::default() }
    }

    pub(super) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Adds a topic to those asked about; a new one is asked about at once.
    pub(super) fn want(&mut self, topic: &Arc<str>) {
        if self.wanted.insert(topic.clone()) {
            self.asked_for = true;
            self.urgent = true;
        }
    }

    /// From now on these topics are asked about, or all; what is new is asked about at once.
    pub(super) fn want_only(&mut self, topics: Wanted, all: bool) {
        let is_new = topics.iter().any(|topic| !self.wanted.contains(topic)) || all && !self.wants_all;
        (self.wanted, self.wants_all) = (topics, all);
        self.asked_for |= is_new;
        self.urgent |= is_new;
    }

    pub(super) fn wants_all(&self) -> bool {
        self.wants_all
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
        self.asked_for = true;
    }

    /// Whether a refresh was asked for that has not come yet.
    pub(super) fn is_refresh_requested(&self) -> bool {
        self.asked_for
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

    /// Takes a response in. A leader of an older epoch than the one known is not believed: another broker knew better.
    /// Returns whether anything in it is newer than what was known.
    pub(super) fn update(&mut self, response: &MetadataResponse, now: SimTime) -> bool {
        self.refreshed_at = Some(now);
        self.asked_for = false;
        self.brokers = response
            .brokers
            .iter()
            .map(|b| (b.node_id.0, Endpoint { host: (*b.host).into(), port: b.port as u16 }))
            .collect();
        let rack = |b: &MetadataResponseBroker| Some((b.node_id.0, b.rack.as_ref()?.to_string().into()));
        self.racks = response.brokers.iter().filter_map(rack).collect();
        let mut known = std::mem::take(&mut self.topics);
        self.errors.clear();
        let mut progress = false;
        for topic in &response.topics {
            let Some(name) = topic.name.as_ref().map(|name| Arc::<str>::from(&***name)) else { continue };
            if topic.error_code != 0 {
                self.errors.insert(name, ErrorCode(topic.error_code));
                continue;
            }
            let before = known.remove(&name).filter(|known| known.id == topic.topic_id).unwrap_or_default();
            let mut partitions = vec![(-1, -1); topic.partitions.len()];
            let mut replicas = vec![Vec::new(); topic.partitions.len()];
            for p in &topic.partitions {
                // Such as a partition without a leader: the answer is asked for anew (`handleMetadataResponse`).
                self.asked_for |= ErrorCode(p.error_code).treatment() == Treatment::RefreshAndRetry;
                let index = p.partition_index as usize;
                let Some(slot) = partitions.get_mut(index) else { continue };
                replicas[index] = p.replica_nodes.iter().map(|node| node.0).collect();
                let (before, told) = (before.partitions.get(index), (p.leader_id.0, p.leader_epoch));
                *slot = before.copied().filter(|(_, epoch)| *epoch > told.1).unwrap_or(told);
                progress |= before.is_none_or(|(_, epoch)| told.1 > *epoch);
            }
            let (id, is_internal) = (topic.topic_id, topic.is_internal);
            self.topics.insert(name, KnownTopic { id, is_internal, partitions, replicas });
        }
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
        let (wanted, wants_all) = (std::mem::take(&mut self.wanted), self.wants_all);
        *self = Self { wanted, wants_all, asked_for: true, refreshed_at: self.refreshed_at, ..Self::default() };
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

    pub(super) fn topic(&self, name: &str) -> Option<&KnownTopic> {
        self.topics.get(name)
    }

    /// Every topic that is known, and whether it is one of the cluster's own.
    pub(super) fn topic_names(&self) -> impl Iterator<Item = (&Arc<str>, bool)> {
        self.topics.iter().map(|(name, topic)| (name, topic.is_internal))
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
        let (leader, epoch) = *self.topic(topic)?.partitions.get(usize::try_from(partition).ok()?)?;
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
    use crate::wire::messages::metadata_response::{
        MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    };
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
        assert!(metadata.update(&response(1, 3), SimTime::ZERO), "what was unknown is news");
        assert!(!metadata.update(&response(1, 3), SimTime::ZERO));
        assert!(!metadata.update(&response(2, 2), SimTime::ZERO));
        assert_eq!(metadata.leader("t", 0), Some((1, 3)));
        assert!(metadata.update(&response(2, 4), SimTime::ZERO));
        assert_eq!(metadata.leader("t", 0), Some((2, 4)));
    }

    #[test]
    fn a_hint_is_followed_when_it_is_newer_and_has_an_address() {
        let mut metadata = Metadata::default();
        metadata.update(&response(1, 3), SimTime::ZERO);
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
        metadata.update(&with_id(response(1, 5), 1, 0), SimTime::ZERO);
        metadata.update(&with_id(response(2, 0), 2, 0), SimTime::ZERO);
        assert_eq!(metadata.leader("t", 0), Some((2, 0)), "another id: another topic, and its epoch counts");
        metadata.follow(hint(1, 6), Vec::new());
        for _ in 0..3 {
            metadata.update(&with_id(response(2, 0), 2, 0), SimTime::ZERO);
            assert_eq!(metadata.leader("t", 0), Some((1, 6)));
        }
        let mut again = metadata.clone();
        metadata.update(&with_id(response(2, 0), 2, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0), SimTime::ZERO);
        metadata.update(&with_id(response(2, 0), 2, 0), SimTime::ZERO);
        assert_eq!(metadata.leader("t", 0), Some((2, 0)), "it was unknown for once");
        again.rebootstrap();
        again.update(&with_id(response(2, 0), 2, 0), SimTime::ZERO);
        assert_eq!(again.leader("t", 0), Some((2, 0)), "it began anew");
    }

    #[test]
    fn a_leader_without_an_address_is_none() {
        let mut metadata = Metadata::default();
        metadata.update(&response(9, 5), SimTime::ZERO);
        assert_eq!((metadata.leader("t", 0), metadata.leader_epoch("t", 0)), (None, Some(5)));
    }
}
