//! What changed between two scenes: the worker sends this, never a whole scene after the first.

use super::scene::{
    BrokerView, ConsumerView, HostView, LawView, PartitionView, ProducerView, ReplicaKey, ReplicaView, Scene, TopicView,
};
use crate::base::TopicPartition;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The change of one map: entries that are new or different, and keys that are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapDelta<K, V> {
    /// New and changed entries.
    pub set: Vec<(K, V)>,
    /// Keys that are gone.
    pub gone: Vec<K>,
}

impl<K, V> Default for MapDelta<K, V> {
    fn default() -> Self {
        Self { set: Vec::new(), gone: Vec::new() }
    }
}

impl<K: Ord + Clone, V: PartialEq + Clone> MapDelta<K, V> {
    /// What turns `old` into `new`.
    pub fn between(old: &BTreeMap<K, V>, new: &BTreeMap<K, V>) -> Self {
        let changed = |(k, v): &(&K, &V)| old.get(k) != Some(v);
        Self {
            set: new.iter().filter(changed).map(|(k, v)| (k.clone(), v.clone())).collect(),
            gone: old.keys().filter(|k| !new.contains_key(k)).cloned().collect(),
        }
    }

    /// Puts an entry into `map` and, if that changes it, into this delta.
    pub fn put(&mut self, map: &mut BTreeMap<K, V>, key: K, value: V) {
        if map.get(&key) == Some(&value) {
            return;
        }
        map.insert(key.clone(), value.clone());
        self.gone.retain(|k| *k != key);
        match self.set.iter_mut().find(|(k, _)| *k == key) {
            Some(entry) => entry.1 = value,
            None => self.set.push((key, value)),
        }
    }

    /// Takes an entry out of `map` and, if it was there, notes so in this delta.
    pub fn remove(&mut self, map: &mut BTreeMap<K, V>, key: &K) {
        if map.remove(key).is_some() {
            self.set.retain(|(k, _)| k != key);
            self.gone.push(key.clone());
        }
    }

    fn apply(self, map: &mut BTreeMap<K, V>) {
        for key in self.gone {
            map.remove(&key);
        }
        map.extend(self.set);
    }

    fn is_empty(&self) -> bool {
        self.set.is_empty() && self.gone.is_empty()
    }
}

/// What changed between two scenes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// Brokers.
    pub brokers: MapDelta<i32, BrokerView>,
    /// Topics.
    pub topics: MapDelta<Arc<str>, TopicView>,
    /// Partitions.
    pub partitions: MapDelta<TopicPartition, PartitionView>,
    /// Replicas.
    pub replicas: MapDelta<ReplicaKey, ReplicaView>,
    /// Producers.
    pub producers: MapDelta<Arc<str>, ProducerView>,
    /// Consumers.
    pub consumers: MapDelta<Arc<str>, ConsumerView>,
    /// Hosts.
    pub hosts: MapDelta<u32, HostView>,
    /// All laws, if any of them changed.
    pub laws: Option<Vec<LawView>>,
}

impl Delta {
    /// What turns `old` into `new`.
    pub fn between(old: &Scene, new: &Scene) -> Self {
        Self {
            brokers: MapDelta::between(&old.brokers, &new.brokers),
            topics: MapDelta::between(&old.topics, &new.topics),
            partitions: MapDelta::between(&old.partitions, &new.partitions),
            replicas: MapDelta::between(&old.replicas, &new.replicas),
            producers: MapDelta::between(&old.producers, &new.producers),
            consumers: MapDelta::between(&old.consumers, &new.consumers),
            hosts: MapDelta::between(&old.hosts, &new.hosts),
            laws: (old.laws != new.laws).then(|| new.laws.clone()),
        }
    }

    /// Makes the change.
    pub fn apply(self, scene: &mut Scene) {
        self.brokers.apply(&mut scene.brokers);
        self.topics.apply(&mut scene.topics);
        self.partitions.apply(&mut scene.partitions);
        self.replicas.apply(&mut scene.replicas);
        self.producers.apply(&mut scene.producers);
        self.consumers.apply(&mut scene.consumers);
        self.hosts.apply(&mut scene.hosts);
        if let Some(laws) = self.laws {
            scene.laws = laws;
        }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.brokers.is_empty()
            && self.topics.is_empty()
            && self.partitions.is_empty()
            && self.replicas.is_empty()
            && self.producers.is_empty()
            && self.consumers.is_empty()
            && self.hosts.is_empty()
            && self.laws.is_none()
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
        let mut map = BTreeMap::from([(1, "a"), (2, "b")]);
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
