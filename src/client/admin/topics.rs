//! Topics: listTopics, describeTopics, createTopics, createPartitions, deleteTopics.

use super::{Admin, Call, Route, Step, Stop, Throwable, body, caught, check, thrown, topic_name, unrepresentable};
use crate::base::{Sort, SortedSet};
use crate::wire::messages::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use crate::wire::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig};
use crate::wire::messages::delete_topics_request::DeleteTopicState;
use crate::wire::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use crate::wire::messages::describe_topic_partitions_response::{
    Cursor as NextCursor, DescribeTopicPartitionsResponseTopic,
};
use crate::wire::messages::metadata_request::MetadataRequestTopic;
use crate::wire::messages::metadata_response::MetadataResponseTopic;
use crate::wire::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeTopicPartitionsRequest, MetadataRequest,
    MetadataResponse,
};
use crate::wire::{BrokerId, ErrorCode, RequestKind, StrBytes};
use uuid::Uuid;

/// A topic as a list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicListing {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// Whether it is one of Kafka's own, such as `__consumer_offsets`.
    pub is_internal: bool,
}

/// A topic with its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// Its partitions, by index.
    pub partitions: Vec<TopicPartitionInfo>,
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPartitionInfo {
    /// Its index.
    pub partition: i32,
    /// Its leader, if it has one and that broker is in the cluster.
    pub leader: Option<i32>,
    /// Its replicas, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Its in-sync replicas.
    pub isr: Vec<i32>,
    /// Its eligible leader replicas (KIP-966); none if the broker does not say.
    pub elr: Option<Vec<i32>>,
    /// Its last known eligible leader replicas; none if the broker does not say.
    pub last_known_elr: Option<Vec<i32>>,
}

/// A topic to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; none takes the cluster's `num.partitions`.
    pub partitions: Option<i32>,
    /// How many replicas each; none takes the cluster's `default.replication.factor`.
    pub replication_factor: Option<i16>,
    /// The brokers of each partition; empty leaves them to the controller.
    pub assignments: Vec<Vec<i32>>,
    /// Topic configs.
    pub configs: Vec<(String, String)>,
}

/// A topic, the number of partitions it is to have, and the brokers of each new one if the caller names them.
pub type NewPartitions = (String, i32, Option<Vec<Vec<i32>>>);

impl Admin<'_, '_> {
    /// Every topic, in the order of the response (`listTopics`).
    ///
    /// # Errors
    /// What the call throws.
    pub fn list_topics(&mut self, with_internal: bool) -> Step<Vec<TopicListing>> {
        let request = MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(true);
        let response = self.call(Call::new("listTopics", Route::LeastLoaded, request))?;
        let topics = body!(Metadata, &response.body).topics.iter().filter(|topic| with_internal || !topic.is_internal);
        let listing = |topic: &MetadataResponseTopic| TopicListing {
            name: topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default(),
            id: topic.topic_id,
            is_internal: topic.is_internal,
        };
        Ok(topics.map(listing).collect())
    }

    /// The topics with these names, each described or with what was thrown for it, by name (`describeTopics`). A
    /// response has at most `partition_limit` partitions; as many are asked for as it takes (KIP-966). A broker without
    /// DescribeTopicPartitions is asked for Metadata.
    ///
    /// # Errors
    /// Only [`Stop::Pending`]: what else goes wrong is each topic's.
    pub fn describe_topics(
        &mut self,
        topics: &SortedSet<String>,
        partition_limit: i32,
    ) -> Step<Vec<(String, Result<TopicDescription, Throwable>)>> {
        let (known, unnamed): (Vec<&String>, Vec<&String>) = topics.iter().partition(|topic| !topic.is_empty());
        let mut described: Vec<(String, Result<TopicDescription, Throwable>)> =
            unnamed.into_iter().map(|topic| (topic.clone(), Err(unrepresentable(topic)))).collect();
        if known.is_empty() {
            return Ok(described);
        }
        match caught(self.describe_known_topics(&known, partition_limit))? {
            Ok(topics) => described.extend(topics),
            Err(why) => described.extend(known.into_iter().map(|topic| (topic.clone(), Err(why.clone())))),
        }
        Ok(described)
    }

    /// The same, all of them or what was thrown for the first that could not be described.
    ///
    /// # Errors
    /// What was thrown.
    pub fn describe_all_topics(
        &mut self,
        topics: &SortedSet<String>,
        partition_limit: i32,
    ) -> Step<Vec<TopicDescription>> {
        let described = self.describe_topics(topics, partition_limit)?;
        described.into_iter().map(|(_, topic)| topic.map_err(Stop::from)).collect()
    }

    fn describe_known_topics(
        &mut self,
        topics: &[&String],
        partition_limit: i32,
    ) -> Step<Vec<(String, Result<TopicDescription, Throwable>)>> {
        let nodes: SortedSet<i32> = self.describe_cluster(false)?.nodes.iter().map(|node| node.id).collect();
        let mut pages =
            Pages { nodes, waiting: topics.iter().map(|topic| (*topic).clone()).collect(), ..Pages::default() };
        while !pages.waiting.is_empty() {
            let call = Call::new("describeTopicPartitions", Route::LeastLoaded, pages.request(partition_limit));
            match caught(self.call(call))? {
                Ok(response) => {
                    let response = body!(DescribeTopicPartitions, &response.body);
                    pages.take(&response.topics, response.next_cursor.as_ref());
                }
                Err(why) if why.is(ErrorCode::UNSUPPORTED_VERSION) => return self.describe_by_metadata(topics),
                Err(why) => return Err(why.into()),
            }
        }
        Ok(pages.done)
    }

    fn describe_by_metadata(&mut self, topics: &[&String]) -> Step<Vec<(String, Result<TopicDescription, Throwable>)>> {
        let topic = |name: &&String| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
        let request = MetadataRequest::default()
            .with_topics(Some(topics.iter().map(topic).collect()))
            .with_allow_auto_topic_creation(false);
        let response = self.call(Call::new("describeTopics", Route::LeastLoaded, request))?;
        let response = body!(Metadata, &response.body);
        let describe = |name: &&String| {
            let found =
                response.topics.iter().find(|topic| topic.name.as_ref().is_some_and(|found| ***found == **name));
            let missing = || {
                let message = format!("Topic {name} not found.");
                Throwable::of(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(&message))
            };
            ((**name).clone(), found.ok_or_else(missing).and_then(|topic| from_metadata(response, topic)))
        };
        Ok(topics.iter().map(describe).collect())
    }

    /// The topic with this id (`describeTopics` by id). Ids need Metadata: DescribeTopicPartitions knows names alone.
    ///
    /// # Errors
    /// What the call throws, or that there is none.
    pub fn describe_topic_by_id(&mut self, id: Uuid) -> Step<TopicDescription> {
        let topic = MetadataRequestTopic::default().with_name(None).with_topic_id(id);
        let request = MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(false);
        let response = self.call(Call::new("describeTopicsWithIds", Route::LeastLoaded, request).since(12))?;
        let response = body!(Metadata, &response.body);
        let found = response.topics.iter().find(|topic| topic.topic_id == id && topic.name.is_some());
        let missing = || {
            let message = format!("TopicId {} not found.", crate::base::uuid_text(id));
            Throwable::of(ErrorCode::UNKNOWN_TOPIC_ID, Some(&message))
        };
        Ok(found.ok_or_else(missing).and_then(|topic| from_metadata(response, topic))?)
    }

    /// Makes a topic (`createTopics`).
    ///
    /// # Errors
    /// What the call throws, or the controller's refusal.
    pub fn create_topic(&mut self, topic: &NewTopic) -> Step<()> {
        if topic.name.is_empty() {
            return Err(unrepresentable(&topic.name).into());
        }
        let request = CreateTopicsRequest::default().with_topics(vec![creatable(topic)]);
        let call = Call::new("createTopics", Route::Controller, request)
            .timed(|request, timeout_ms| match request {
                RequestKind::CreateTopics(request) => request.with_timeout_ms(timeout_ms).into(),
                other => other,
            })
            .checked(|response| not_controller(body!(CreateTopics, response).topics.iter().map(|t| t.error_code)));
        let response = self.call(call)?;
        let mut results = body!(CreateTopics, &response.body).topics.iter();
        let result = results.find(|result| **result.name == *topic.name).ok_or_else(|| unanswered(&topic.name))?;
        Ok(check(result.error_code, result.error_message.as_ref())?)
    }

    /// Grows topics to a number of partitions each, `assignments` naming the brokers of the new ones if there are any
    /// (`createPartitions`).
    ///
    /// # Errors
    /// What the call throws, or the first refusal.
    pub fn create_partitions(&mut self, topics: &[NewPartitions]) -> Step<()> {
        let topic = |(name, count, assignments): &NewPartitions| {
            let assignment = |brokers: &Vec<i32>| CreatePartitionsAssignment::default().with_broker_ids(ids(brokers));
            CreatePartitionsTopic::default()
                .with_name(topic_name(name))
                .with_count(*count)
                .with_assignments(assignments.as_ref().map(|list| list.iter().map(assignment).collect()))
        };
        let request = CreatePartitionsRequest::default().with_topics(topics.iter().map(topic).collect());
        let call = Call::new("createPartitions", Route::Controller, request)
            .timed(|request, timeout_ms| match request {
                RequestKind::CreatePartitions(request) => request.with_timeout_ms(timeout_ms).into(),
                other => other,
            })
            .checked(|response| not_controller(body!(CreatePartitions, response).results.iter().map(|r| r.error_code)));
        let response = self.call(call)?;
        let results = &body!(CreatePartitions, &response.body).results;
        for (name, ..) in topics {
            let result = results.iter().find(|result| **result.name == **name).ok_or_else(|| unanswered(name))?;
            check(result.error_code, result.error_message.as_ref())?;
        }
        Ok(())
    }

    /// Deletes topics (`deleteTopics`).
    ///
    /// # Errors
    /// What the call throws, or the first refusal.
    pub fn delete_topics(&mut self, topics: &[String]) -> Step<()> {
        if topics.is_empty() {
            return Ok(());
        }
        let state = |name: &String| DeleteTopicState::default().with_name(Some(topic_name(name)));
        let request = DeleteTopicsRequest::default().with_topics(topics.iter().map(state).collect());
        let call = Call::new("deleteTopics", Route::Controller, request)
            .timed(|request, timeout_ms| match request {
                RequestKind::DeleteTopics(request) => request.with_timeout_ms(timeout_ms).into(),
                other => other,
            })
            .checked(|response| not_controller(body!(DeleteTopics, response).responses.iter().map(|r| r.error_code)));
        let response = self.call(call)?;
        let results = &body!(DeleteTopics, &response.body).responses;
        for name in topics {
            let found = results.iter().find(|result| result.name.as_ref().is_some_and(|found| ***found == **name));
            let result = found.ok_or_else(|| unanswered(name))?;
            check(result.error_code, result.error_message.as_ref())?;
        }
        Ok(())
    }
}

/// Pages of DescribeTopicPartitions, put together.
#[derive(Debug, Default)]
struct Pages {
    /// The brokers of the cluster: a leader that is none of them is no leader.
    nodes: SortedSet<i32>,
    /// The topics that are not described yet, by name.
    waiting: SortedSet<String>,
    /// The topic that the last page broke off in.
    begun: Option<TopicDescription>,
    done: Vec<(String, Result<TopicDescription, Throwable>)>,
}

impl Pages {
    fn request(&self, partition_limit: i32) -> DescribeTopicPartitionsRequest {
        let topic = |name: &String| TopicRequest::default().with_name(topic_name(name));
        let cursor = self.begun.as_ref().map(|topic| {
            let next = topic.partitions.len() as i32;
            Cursor::default().with_topic_name(topic_name(&topic.name)).with_partition_index(next)
        });
        DescribeTopicPartitionsRequest::default()
            .with_topics(self.waiting.iter().map(topic).collect())
            .with_response_partition_limit(partition_limit)
            .with_cursor(cursor)
    }

    fn take(&mut self, topics: &[DescribeTopicPartitionsResponseTopic], next: Option<&NextCursor>) {
        let mut next = next.map(|cursor| cursor.topic_name.to_string());
        let mut broken_off = None;
        for topic in topics {
            let name = topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default();
            if let Some(why) = thrown(topic.error_code, None) {
                next = next.filter(|next| *next != name);
                self.finish(&name, Err(why));
                continue;
            }
            let part = self.described(&name, topic);
            match &mut self.begun {
                Some(begun) if begun.name == name => begun.partitions.extend(part.partitions),
                _ if next.as_ref() == Some(&name) => broken_off = Some(part),
                _ => self.finish(&name, Ok(part)),
            }
        }
        if self.begun.as_ref().is_some_and(|begun| next.as_ref() != Some(&begun.name))
            && let Some(begun) = self.begun.take()
        {
            self.finish(&begun.name.clone(), Ok(begun));
        }
        self.begun = broken_off.or(self.begun.take());
    }

    fn finish(&mut self, name: &str, described: Result<TopicDescription, Throwable>) {
        self.waiting.remove(name);
        self.done.push((name.to_owned(), described));
    }

    fn described(&self, name: &str, topic: &DescribeTopicPartitionsResponseTopic) -> TopicDescription {
        let partition =
            |p: &crate::wire::messages::describe_topic_partitions_response::DescribeTopicPartitionsResponsePartition| {
                TopicPartitionInfo {
                    partition: p.partition_index,
                    leader: Some(p.leader_id.0).filter(|leader| self.nodes.contains(leader)),
                    replicas: numbers(&p.replica_nodes),
                    isr: numbers(&p.isr_nodes),
                    elr: p.eligible_leader_replicas.as_deref().map(numbers),
                    last_known_elr: p.last_known_elr.as_deref().map(numbers),
                }
            };
        TopicDescription {
            name: name.to_owned(),
            id: topic.topic_id,
            is_internal: topic.is_internal,
            partitions: topic.partitions.iter().map(partition).collect(),
        }
    }
}

fn from_metadata(response: &MetadataResponse, topic: &MetadataResponseTopic) -> Result<TopicDescription, Throwable> {
    check(topic.error_code, None)?;
    let is_broker = |id: &i32| response.brokers.iter().any(|broker| broker.node_id.0 == *id);
    let partition = |p: &crate::wire::messages::metadata_response::MetadataResponsePartition| TopicPartitionInfo {
        partition: p.partition_index,
        leader: Some(p.leader_id.0).filter(is_broker),
        replicas: numbers(&p.replica_nodes),
        isr: numbers(&p.isr_nodes),
        elr: None,
        last_known_elr: None,
    };
    let mut partitions: Vec<TopicPartitionInfo> = topic.partitions.iter().map(partition).collect();
    partitions.order_by_key(|p| p.partition);
    let name = topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default();
    Ok(TopicDescription { name, id: topic.topic_id, is_internal: topic.is_internal, partitions })
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let config = |(name, value): &(String, String)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_string(name.clone()))
            .with_value(Some(StrBytes::from_string(value.clone())))
    };
    let assignment = |(partition, brokers): (i32, &Vec<i32>)| {
        CreatableReplicaAssignment::default().with_partition_index(partition).with_broker_ids(ids(brokers))
    };
    CreatableTopic::default()
        .with_name(topic_name(&topic.name))
        .with_num_partitions(topic.partitions.unwrap_or(-1))
        .with_replication_factor(topic.replication_factor.unwrap_or(-1))
        .with_assignments((0..).zip(&topic.assignments).map(assignment).collect())
        .with_configs(topic.configs.iter().map(config).collect())
}

fn ids(brokers: &[i32]) -> Vec<BrokerId> {
    brokers.iter().map(|broker| BrokerId(*broker)).collect()
}

fn numbers(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|broker| broker.0).collect()
}

/// The check of a change: NOT_CONTROLLER anywhere in the answer is no answer (`handleNotControllerError`).
fn not_controller(codes: impl IntoIterator<Item = i16>) -> Result<(), Throwable> {
    match codes.into_iter().any(|code| code == ErrorCode::NOT_CONTROLLER.0) {
        true => Err(Throwable::of(ErrorCode::NOT_CONTROLLER, None)),
        false => Ok(()),
    }
}

fn unanswered(topic: &str) -> Throwable {
    let message = format!("The controller response did not contain a result for topic {topic}");
    Throwable::new("org.apache.kafka.common.errors.ApiException", message)
}
