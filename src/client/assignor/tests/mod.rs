//! The assignors by example, and what they promise on groups drawn at random.

mod examples;
mod promises;

use super::*;
use crate::wire::consumer_protocol::Subscription;

/// Topics of these lengths, without racks.
fn topics(lengths: &[(&str, usize)]) -> PartitionsPerTopic {
    lengths.iter().map(|(name, length)| ((*name).into(), vec![Vec::new(); *length])).collect()
}

fn member(id: &str, topics: &[&str]) -> Member {
    let topics = topics.iter().map(|topic| (*topic).into()).collect();
    Member { id: id.into(), subscription: Subscription { topics, ..Subscription::default() }, ..Member::default() }
}

/// The member in the next rebalance: it was assigned these partitions in a generation.
fn again(assignor: Assignor, member: &Member, had: &[TopicPartition], generation: i32) -> Member {
    let mut member = member.clone();
    let last = LastAssignment { partitions: Some(had.to_vec()), generation };
    let cooperative = assignor.protocol() == RebalanceProtocol::Cooperative;
    member.subscription.user_data = assignor.user_data(&last);
    member.subscription.owned_partitions = if cooperative { had.to_vec() } else { Vec::new() };
    member.subscription.generation_id = Some(generation);
    member
}

/// `a-0 a-1 b-0` as partitions.
fn partitions(names: &str) -> Vec<TopicPartition> {
    let partition = |name: &str| {
        let (topic, index) = name.rsplit_once('-').expect("a topic and an index");
        TopicPartition::new(topic, index.parse().expect("an index"))
    };
    names.split_whitespace().map(partition).collect()
}

/// Each member's partitions as a text.
fn assigned(assignor: Assignor, members: &[Member], topics: &PartitionsPerTopic) -> Vec<String> {
    let assigned = assignor.assign(members, topics).expect("the claims are of these topics");
    let text = |partitions: Vec<TopicPartition>| {
        let names: Vec<String> = partitions.iter().map(TopicPartition::to_string).collect();
        names.join(" ")
    };
    assigned.into_iter().map(text).collect()
}
