//! Which partition of `__consumer_offsets` a group is in, and with it which broker coordinates it: that partition's
//! leader.

/// `String.hashCode` of Java: over UTF-16 units.
pub(super) fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// The partition that coordinates a group (or, in `__transaction_state`, a transactional id) of a topic with
/// `partitions` partitions: the hash's absolute value modulo the count (`GroupCoordinatorService.partitionFor`). As in
/// Kafka, the one hash that has no absolute value counts as 0.
///
/// # Panics
/// When there are no partitions.
pub fn coordinator_partition(id: &str, partitions: i32) -> i32 {
    java_hash(id).checked_abs().unwrap_or(0) % partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_without_an_absolute_value_is_zero() {
        // A text whose hash is -2^31.
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(coordinator_partition("polygenelubricants", 50), 0);
        assert_eq!(coordinator_partition("my-group", 50), 12);
    }
}
