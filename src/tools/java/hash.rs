//! The order in which a `java.util.HashMap` is walked: bucket by bucket, and in a bucket as the keys came.
//!
//! Tools print maps as they walk them, so their lines stand in this order and no other.

use crate::base::{Sort, TopicPartition};

/// `Object.hashCode`.
pub(in crate::tools) trait JavaHash {
    /// The hash code.
    fn java_hash(&self) -> i32;
}

/// `String.hashCode`.
pub(in crate::tools) fn string_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

impl JavaHash for str {
    fn java_hash(&self) -> i32 {
        string_hash(self)
    }
}

impl JavaHash for String {
    fn java_hash(&self) -> i32 {
        string_hash(self)
    }
}

impl JavaHash for i32 {
    fn java_hash(&self) -> i32 {
        *self
    }
}

impl JavaHash for TopicPartition {
    fn java_hash(&self) -> i32 {
        (31 + self.partition).wrapping_mul(31).wrapping_add(string_hash(&self.topic))
    }
}

impl<T: JavaHash + ?Sized> JavaHash for &T {
    fn java_hash(&self) -> i32 {
        (**self).java_hash()
    }
}

/// The smallest table that `new HashMap()` has.
const DEFAULT_CAPACITY: usize = 16;

/// Entries as a `HashMap` that was filled with them in this order is walked.
pub(in crate::tools) fn hash_order<K: JavaHash, V>(entries: Vec<(K, V)>) -> Vec<(K, V)> {
    in_buckets(entries, DEFAULT_CAPACITY)
}

/// The same of a map that was made for so many entries (`new HashMap<>(n)`).
pub(in crate::tools) fn hash_order_sized<K: JavaHash, V>(entries: Vec<(K, V)>, made_for: usize) -> Vec<(K, V)> {
    in_buckets(entries, made_for.next_power_of_two().max(1))
}

fn in_buckets<K: JavaHash, V>(mut entries: Vec<(K, V)>, made_with: usize) -> Vec<(K, V)> {
    // The table doubles when it is more than three quarters full; keys of one bucket keep their order.
    let mut capacity = made_with;
    while entries.len() * 4 > capacity * 3 {
        capacity *= 2;
    }
    let bucket = |hash: i32| {
        let hash = hash as u32;
        (hash ^ (hash >> 16)) as usize & (capacity - 1)
    };
    entries.order_by_key(|(key, _)| bucket(key.java_hash()));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(keys: &[&str]) -> Vec<String> {
        hash_order(keys.iter().map(|key| (key.to_string(), ())).collect()).into_iter().map(|(key, ())| key).collect()
    }

    /// As Kafka's tools listed the groups and topics of a real cluster.
    #[test]
    fn the_order_is_a_hash_maps() {
        let sorted = [
            "console-consumer-12871",
            "console-consumer-25496",
            "console-consumer-30302",
            "console-consumer-5098",
            "console-consumer-67803",
            "g1",
            "g848",
        ];
        let walked = [
            "console-consumer-12871",
            "console-consumer-67803",
            "console-consumer-5098",
            "console-consumer-30302",
            "g1",
            "g848",
            "console-consumer-25496",
        ];
        assert_eq!(order(&sorted), walked);
        assert_eq!(order(&["cfg", "orders", "quickstart-events"]), ["quickstart-events", "cfg", "orders"]);
    }

    #[test]
    fn a_table_grows_when_it_is_three_quarters_full() {
        let numbers = |n: i32| hash_order_sized((0..n).rev().map(|key| (key, ())).collect(), 1);
        assert_eq!(numbers(3).into_iter().map(|(key, ())| key).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(string_hash("orders"), "orders".java_hash());
        assert_eq!(TopicPartition::new("a", 0).java_hash(), 31 * 31 + 97);
    }
}
