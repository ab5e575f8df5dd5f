//! What a group's leader makes of its members' subscriptions: Kafka's four assignors.

use crate::{hex, int, optional_hex, same, text};
use bytes::Bytes;
use kafka_terrarium::base::TopicPartition;
use kafka_terrarium::client::assignor::{AssignError, Assignor, Member, PartitionsPerTopic, read_members};
use kafka_terrarium::wire::StrBytes;
use kafka_terrarium::wire::consumer_protocol::{Assignment, Subscription};
use kafka_terrarium::wire::messages::join_group_response::JoinGroupResponseMember;
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

/// Kafka 4.1.1 from the members' bytes to the leader's bytes, on input where no order of a hash map decides.
pub(crate) fn wire(entry: &Value) -> Result<(), String> {
    let (input, expected) = (&entry["input"], &entry["expected"]);
    let assignor = input["assignor"].as_str().and_then(Assignor::from_name).ok_or("no assignor")?;
    let mut joined = Vec::new();
    for member in members(input, assignor)? {
        let version = int(&input["subscriptions"][&*member.id]["version"]) as i16;
        let bytes = member.subscription.encode(version);
        same(&member.id, bytes.to_vec(), hex(&expected["subscription_hex"][&*member.id]))?;
        let instance = member.group_instance_id.map(|id| StrBytes::from(id.to_string()));
        let id = StrBytes::from(member.id.to_string());
        let member = JoinGroupResponseMember::default().with_member_id(id).with_group_instance_id(instance);
        joined.push(member.with_metadata(bytes));
    }
    let members = read_members(&joined).map_err(|error| error.to_string())?;
    let answers = match assignor.perform_assignment(&members, &topics(&input["topics"])?) {
        Ok(answers) => answers,
        Err(AssignError::NullPointer) => return same("error", "NullPointerException", text(&expected["error"])),
        Err(error) => return same("error", error.to_string().as_str(), text(&expected["message"])),
    };
    same("members", answers.len(), expected["assignment_hex"].as_object().map_or(0, serde_json::Map::len))?;
    answers.iter().try_for_each(|answer| {
        let kafkas = Bytes::from(hex(&expected["assignment_hex"][&*answer.member_id]));
        if assignor == Assignor::Range {
            return same(&answer.member_id, by_topic(&answer.assignment)?, by_topic(&kafkas)?);
        }
        same(&answer.member_id, &answer.assignment, &kafkas)
    })
}

/// An assignment's partitions, its topics in order: range goes from topic to topic in the order of a Java hash map.
fn by_topic(assignment: &Bytes) -> Result<Vec<TopicPartition>, String> {
    let mut partitions = Assignment::decode(assignment).map_err(|error| error.to_string())?.partitions;
    partitions.sort_by(|a, b| a.topic.cmp(&b.topic));
    Ok(partitions)
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
            racks => list(racks, |replicas| replicas.as_array().ok_or("no replicas").map(|all| known(all)))?
                .into_iter()
                .collect::<Result<_, _>>()
                .map_err(str::to_owned),
        }
    };
    topics.iter().map(|(name, topic)| Ok((name.as_str().into(), racks(topic)?))).collect()
}

/// The racks of those replicas that have one.
fn known(replicas: &[Value]) -> Vec<Arc<str>> {
    replicas.iter().filter_map(Value::as_str).map(Arc::from).collect()
}

fn list<T>(values: &Value, read: impl Fn(&Value) -> T) -> Result<Vec<T>, String> {
    Ok(values.as_array().ok_or_else(|| format!("not a list: {values}"))?.iter().map(read).collect())
}

/// `orders-0` as a partition.
fn partition(name: &Value) -> TopicPartition {
    let (topic, index) = text(name).rsplit_once('-').expect("a topic and an index");
    TopicPartition::new(topic, index.parse().expect("an index"))
}
