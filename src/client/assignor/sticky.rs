//! Sticky: balanced, and as few partitions as possible change hands. An eager assignor.
//!
//! Before an eager member joins it gives up all its partitions, so its subscription names none. What it had it says in
//! the assignor's user data, whose form knows two versions without a number to tell them: the partitions topic by topic,
//! and since KIP-341 the generation after them.

use super::abstract_sticky::{DEFAULT_GENERATION, MemberData};
use crate::base::{Sort, TopicPartition};
use crate::wire::consumer_protocol::{ConsumerProtocolError, Reader, Subscription, put_partitions};
use bytes::{BufMut, Bytes, BytesMut};
use std::borrow::Cow;

/// The user data of a member that was assigned these partitions in a generation. Kafka names the topics in the order of
/// a hash map; here they are sorted.
pub(super) fn user_data(partitions: &[TopicPartition], generation: i32) -> Bytes {
    let mut by_topic: Vec<&TopicPartition> = partitions.iter().collect();
    by_topic.order_by_key(|tp| &tp.topic);
    let mut out = BytesMut::new();
    put_partitions(&mut out, by_topic);
    out.put_i32(generation);
    out.freeze()
}

/// What a member says in its user data. What does not parse counts as nothing, in no generation.
pub(super) fn member_data(subscription: &Subscription) -> MemberData<'static> {
    let data = subscription.user_data.clone().unwrap_or_default();
    if data.is_empty() {
        return MemberData { partitions: Cow::Owned(Vec::new()), generation: None };
    }
    let (partitions, generation) = parse(data).unwrap_or((Vec::new(), Some(DEFAULT_GENERATION)));
    MemberData { partitions: Cow::Owned(partitions), generation }
}

/// The partitions, and the generation where the data goes on that far.
fn parse(data: Bytes) -> Result<(Vec<TopicPartition>, Option<i32>), ConsumerProtocolError> {
    let mut reader = Reader { rest: data, what: "user data" };
    let partitions = reader.partitions("previous_assignment")?;
    Ok((partitions, reader.int().ok()))
}
