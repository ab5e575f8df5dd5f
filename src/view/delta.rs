//! What changed between two scenes: the worker sends this, never a whole scene after the first.

use super::scene::{
    BrokerView, ConsumerView, ControllerView, CutView, GroupView, HostView, LawView, LinkView, PartitionView,
    ProducerView, QuorumView, ReplicaKey, ReplicaView, Scene, TopicView,
};
use crate::base::{SortedMap, SortedSet, TopicPartition};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The change of one map: entries that are new or different, and keys that are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>, V: Deserialize<'de>"))]
pub struct MapDelta<K, V> {
    /// New and changed entries.
    pub set: SortedMap<K, V>,
    /// Keys that are gone.
    pub gone: SortedSet<K>,
}

impl<K, V> Default for MapDelta<K, V> {
    fn default() -> Self {
        Self { set: SortedMap::new(), gone: SortedSet::new() }
    }
}

impl<K: Ord + Clone, V: PartialEq + Clone> MapDelta<K, V> {
    /// What turns `old` into `new`.
    pub fn between(old: &SortedMap<K, V>, new: &SortedMap<K, V>) -> Self {
        let changed = |(k, v): &(&K, &V)| old.get(k) != Some(v);
        Self {
            set: new.iter().filter(changed).map(|(k, v)| (k.clone(), v.clone())).collect(),
            gone: old.keys().filter(|k| !new.contains_key(k)).cloned().collect(),
        }
    }

    /// Puts an entry into `map` and, if that changes it, into this delta.
    pub fn put(&mut self, map: &mut SortedMap<K, V>, key: K, value: V) {
        if map.get(&key) == Some(&value) {
            return;
        }
        map.insert(key.clone(), value.clone());
        self.gone.remove(&key);
        self.set.insert(key, value);
    }

    /// Takes an entry out of `map` and, if it was there, notes so in this delta.
    pub fn remove(&mut self, map: &mut SortedMap<K, V>, key: &K) {
        if map.remove(key).is_some() {
            self.set.remove(key);
            self.gone.insert(key.clone());
        }
    }

    fn apply(self, map: &mut SortedMap<K, V>) {
        if !self.gone.is_empty() {
            map.retain(|key, _| !self.gone.contains(key));
        }
        map.extend(self.set);
    }

    fn is_empty(&self) -> bool {
        self.set.is_empty() && self.gone.is_empty()
    }

    /// Whether it adds or removes entries of `map`.
    fn adds(&self, map: &SortedMap<K, V>) -> bool {
        !self.gone.is_empty() || self.set.keys().any(|k| !map.contains_key(k))
    }
}

/// What changed between two scenes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// Brokers.
    pub brokers: MapDelta<i32, BrokerView>,
    /// Controllers.
    pub controllers: MapDelta<i32, ControllerView>,
    /// The quorum, if it changed.
    pub quorum: Option<QuorumView>,
    /// Topics.
    pub topics: MapDelta<Arc<str>, TopicView>,
    /// Partitions.
    pub partitions: MapDelta<TopicPartition, PartitionView>,
    /// Replicas.
    pub replicas: MapDelta<ReplicaKey, ReplicaView>,
    /// Truncations.
    pub cuts: MapDelta<ReplicaKey, CutView>,
    /// Producers.
    pub producers: MapDelta<Arc<str>, ProducerView>,
    /// Consumers.
    pub consumers: MapDelta<Arc<str>, ConsumerView>,
    /// Groups.
    pub groups: MapDelta<Arc<str>, GroupView>,
    /// Hosts.
    pub hosts: MapDelta<u32, HostView>,
    /// Links.
    pub links: MapDelta<(u32, u32), LinkView>,
    /// All laws, if one changed.
    pub laws: Option<Vec<LawView>>,
}

impl Delta {
    /// What turns `old` into `new`.
    pub fn between(old: &Scene, new: &Scene) -> Self {
        Self {
            brokers: MapDelta::between(&old.brokers, &new.brokers),
            controllers: MapDelta::between(&old.controllers, &new.controllers),
            quorum: (old.quorum != new.quorum).then(|| new.quorum.clone()),
            topics: MapDelta::between(&old.topics, &new.topics),
            partitions: MapDelta::between(&old.partitions, &new.partitions),
            replicas: MapDelta::between(&old.replicas, &new.replicas),
            cuts: MapDelta::between(&old.cuts, &new.cuts),
            producers: MapDelta::between(&old.producers, &new.producers),
            consumers: MapDelta::between(&old.consumers, &new.consumers),
            groups: MapDelta::between(&old.groups, &new.groups),
            hosts: MapDelta::between(&old.hosts, &new.hosts),
            links: MapDelta::between(&old.links, &new.links),
            laws: (old.laws != new.laws).then(|| new.laws.clone()),
        }
    }

    /// Makes the change.
    pub fn apply(self, scene: &mut Scene) {
        self.brokers.apply(&mut scene.brokers);
        self.controllers.apply(&mut scene.controllers);
        self.topics.apply(&mut scene.topics);
        self.partitions.apply(&mut scene.partitions);
        self.replicas.apply(&mut scene.replicas);
        self.cuts.apply(&mut scene.cuts);
        self.producers.apply(&mut scene.producers);
        self.consumers.apply(&mut scene.consumers);
        self.groups.apply(&mut scene.groups);
        self.hosts.apply(&mut scene.hosts);
        self.links.apply(&mut scene.links);
        if let Some(quorum) = self.quorum {
            scene.quorum = quorum;
        }
        if let Some(laws) = self.laws {
            scene.laws = laws;
        }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.brokers.is_empty()
            && self.controllers.is_empty()
            && self.quorum.is_none()
            && self.topics.is_empty()
            && self.partitions.is_empty()
            && self.replicas.is_empty()
            && self.cuts.is_empty()
            && self.producers.is_empty()
            && self.consumers.is_empty()
            && self.groups.is_empty()
            && self.hosts.is_empty()
            && self.links.is_empty()
            && self.laws.is_none()
    }

    /// Whether it may change where things stand: something came or went, or a partition's state is another.
    pub fn reshapes(&self, scene: &Scene) -> bool {
        self.brokers.adds(&scene.brokers)
            || self.controllers.adds(&scene.controllers)
            || !self.topics.is_empty()
            || !self.partitions.is_empty()
            || self.producers.adds(&scene.producers)
            || self.consumers.adds(&scene.consumers)
            || self.groups.adds(&scene.groups)
            || !self.hosts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::random_scene;
    use super::*;
    use crate::base::Rng;

    #[test]
    fn a_delta_turns_one_scene_into_the_other() {
        let mut rng = Rng::stream(11, "scenes");
        for _ in 0..500 {
            let (a, b) = (random_scene(&mut rng), random_scene(&mut rng));
            let mut out = a.clone();
            let delta = Delta::between(&a, &b);
            let bytes = postcard::to_stdvec(&delta).expect("deltas encode");
            let read: Delta = postcard::from_bytes(&bytes).expect("what was encoded decodes");
            read.apply(&mut out);
            assert_eq!(out, b);
            assert!(Delta::between(&b, &out).is_empty());
            assert_eq!(delta.is_empty(), a == b);
        }
    }

    #[test]
    fn putting_and_removing_notes_only_changes() {
        let mut map = SortedMap::from([(1, "a"), (2, "b")]);
        let before = map.clone();
        let mut delta = MapDelta::default();
        delta.put(&mut map, 1, "a");
        assert!(delta.is_empty());
        delta.put(&mut map, 1, "c");
        delta.remove(&mut map, &2);
        delta.remove(&mut map, &3);
        delta.put(&mut map, 3, "d");
        let mut replayed = before;
        delta.apply(&mut replayed);
        assert_eq!(replayed, map);
    }
}
