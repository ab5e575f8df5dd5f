//! The order of each key's values, as far as a history tells it.

use super::{Action, Anomaly, Op, Outcome, is_committed, read_by_ok};
use crate::base::{SortedMap, SortedSet};

/// Each key's offsets in order, with their values.
pub(super) struct Order {
    keys: SortedMap<String, Key>,
}

#[derive(Default)]
struct Key {
    /// The values of each offset, in order of the offsets.
    places: Vec<(i64, Vec<String>)>,
    /// The places of each value.
    of: SortedMap<String, Vec<usize>>,
}

impl Order {
    pub(super) fn of(history: &[&Op]) -> Self {
        let read = read_by_ok(history);
        let mut offsets: SortedMap<String, SortedMap<i64, SortedSet<String>>> = SortedMap::new();
        let mut put = |key: &str, offset: i64, value: &str| {
            offsets.entry(key.into()).or_default().entry(offset).or_default().insert(value.into());
        };
        for op in history {
            if op.outcome != Outcome::Fail && is_committed(op, &read) {
                for action in op.actions() {
                    if let Action::Send { key, value, offset: Some(offset) } = action {
                        put(key, *offset, value);
                    }
                }
            }
            op.reads().for_each(|(key, offset, value)| put(key, offset, value));
        }
        let key = |(key, offsets): (String, SortedMap<i64, SortedSet<String>>)| {
            let mut known = Key::default();
            for (index, (offset, values)) in offsets.into_iter().enumerate() {
                values.iter().for_each(|value| known.of.entry(value.clone()).or_default().push(index));
                known.places.push((offset, values.into_iter().collect()));
            }
            (key, known)
        };
        Self { keys: offsets.into_iter().map(key).collect() }
    }

    /// The first place of a value.
    pub(super) fn first(&self, key: &str, value: &str) -> Option<usize> {
        self.keys.get(key)?.of.get(value)?.first().copied()
    }

    /// The last place of a value.
    pub(super) fn last(&self, key: &str, value: &str) -> Option<usize> {
        self.keys.get(key)?.of.get(value)?.last().copied()
    }

    /// The values between two places.
    pub(super) fn between(&self, key: &str, from: usize, to: usize) -> Vec<String> {
        let places = self.keys.get(key).map_or(&[][..], |key| &key.places);
        places.get(from + 1..to).unwrap_or_default().iter().flat_map(|(_, values)| values.clone()).collect()
    }

    /// Of each key, each value with the one that follows it.
    pub(super) fn successions(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.keys.iter().flat_map(|(key, known)| {
            known.places.windows(2).map(move |pair| (key.as_str(), pair[0].1[0].as_str(), pair[1].1[0].as_str()))
        })
    }

    pub(super) fn inconsistent_offsets(&self) -> Vec<Anomaly> {
        let mut found = Vec::new();
        for (key, known) in &self.keys {
            for (index, (offset, values)) in known.places.iter().enumerate().filter(|(_, (_, all))| all.len() > 1) {
                let (key, offset, values) = (key.clone(), *offset, values.clone());
                found.push(Anomaly::InconsistentOffsets { key, offset, index, values });
            }
        }
        found
    }

    pub(super) fn duplicates(&self) -> Vec<Anomaly> {
        let mut found = Vec::new();
        for (key, known) in &self.keys {
            for (value, places) in known.of.iter().filter(|(_, places)| places.len() > 1) {
                let offsets = places.iter().map(|place| known.places[*place].0).collect();
                found.push(Anomaly::Duplicate { key: key.clone(), value: value.clone(), offsets });
            }
        }
        found
    }
}
