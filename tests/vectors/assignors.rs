//! What a group's leader makes of its members' subscriptions: Kafka's four assignors.

use crate::{int, optional_hex, same, text};
use kafka_terrarium::base::TopicPartition;
use kafka_terrarium::client::assignor::{Assignor, Member, PartitionsPerTopic};
use kafka_terrarium::wire::consumer_protocol::Subscription;
use serde_json::Value;
use std::sync::Arc;

/// One of Kafka's own tests, or a run on random input.
pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let input = &entry["input"];
    // The random ones name their assignor in their id alone.
    let name = input["assignor"].as_str().or_else(|| text(&entry["id"]).split("-random").next());
    let assignor = name.and_then(Assignor::from_name).ok_or("no assignor")?;
    let (members, topics) = (members(input, assignor)?, topics(&input["topics"])?);
    let assigned = assignor
        .assign_preferring(&members, &topics, input["prefer_rack_aware_logic"] == true)
        .map_err(|error| error.to_string())?;
    let expected = &entry["expected"]["assignment"];
    same("members", members.len(), expected.as_object().map_or(0, serde_json::Map::len))?;
    for (member, ours) in members.iter().zip(&assigned) {
        let mut kafkas = list(&expected[&*member.id], partition)?;
        let mut ours = ours.clone();
        // Range goes from topic to topic in the order of a Java hash map; within a topic the order is the assignor's.
        if assignor == Assignor::Range {
            kafkas.sort_by(|a, b| a.topic.cmp(&b.topic));
            ours.sort_by(|a, b| a.topic.cmp(&b.topic));
        }
        same(&member.id, ours, kafkas)?;
    }
    Ok(())
}

/// The members in the order in which Kafka came upon them, where the entry gives it: it decides which of several members
/// keeps one partition above the others' share.
fn members(input: &Value, assignor: Assignor) -> Result<Vec<Member>, String> {
    let subscriptions = input["subscriptions"].as_object().ok_or("no subscriptions")?;
    let ids = match input["members_in_map_order"].as_array() {
        Some(ids) => ids.iter().map(text).collect(),
        None => subscriptions.keys().map(String::as_str).collect::<Vec<_>>(),
    };
    ids.into_iter().map(|id| member(id, &subscriptions[id], assignor)).collect()
}

fn member(id: &str, given: &Value, assignor: Assignor) -> Result<Member, String> {
    let optional = |name: &str| given[name].as_str().map(Arc::from);
    let subscription = Subscription {
        topics: list(&given["topics"], |topic| text(topic).into())?,
        user_data: optional_hex(&given["user_data_hex"]).map(Into::into),
        // A sticky member has no other partitions than its user data says: it joins empty-handed.
        owned_partitions: match &given["owned"] {
            Value::Array(_) if assignor == Assignor::CooperativeSticky => list(&given["owned"], partition)?,
            _ => Vec::new(),
        },
        generation_id: given["generation"].as_i64().map(|generation| generation as i32).filter(|g| *g >= 0),
        rack_id: optional("rack"),
    };
    Ok(Member { id: id.into(), group_instance_id: optional("group_instance_id"), subscription })
}

fn topics(given: &Value) -> Result<PartitionsPerTopic, String> {
    let topics = given.as_object().ok_or("no topics")?;
    let racks = |topic: &Value| -> Result<Vec<Vec<Arc<str>>>, String> {
        let count = topic.as_i64().unwrap_or_else(|| int(&topic["partitions"])) as usize;
        match &topic["replica_racks_by_partition"] {
            Value::Null => Ok(vec![Vec::new(); count]),
            racks => list(racks, |replicas| list(replicas, |rack| text(rack).into()))?.into_iter().collect(),
        }
    };
    topics.iter().map(|(name, topic)| Ok((name.as_str().into(), racks(topic)?))).collect()
}

fn list<T>(values: &Value, read: impl Fn(&Value) -> T) -> Result<Vec<T>, String> {
    Ok(values.as_array().ok_or_else(|| format!("not a list: {values}"))?.iter().map(read).collect())
}

/// `orders-0` as a partition.
fn partition(name: &Value) -> TopicPartition {
    let (topic, index) = text(name).rsplit_once('-').expect("a topic and an index");
    TopicPartition::new(topic, index.parse().expect("an index"))
}
