//! What a message carries, as far as its mark shows it.

use super::packet::{Cargo, RIDERS};
use super::token::key_label;
use crate::base::{Sort, SortedMap, TopicPartition};
use crate::quorum::{METADATA_TOPIC, METADATA_TOPIC_ID};
use crate::wire::messages::{FetchRequest, FetchResponse, ProduceRequest, ProduceResponse};
use crate::wire::{ApiKey, ErrorCode, Message, RequestKind, ResponseKind, records};
use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// Topics' names by id: newer requests name topics by id.
pub(super) type TopicNames = SortedMap<Uuid, Arc<str>>;

/// A message's content and the first error in it. `acks` is what the producer at one of its ends asks for.
pub(super) fn cargo(message: &Message, names: &TopicNames, acks: i16) -> (Cargo, Option<String>) {
    match message {
        Message::Request(request) => match &request.body {
            RequestKind::Produce(body) => (produced(body, names), None),
            RequestKind::Fetch(body) => (wanted(body, names), None),
            _ => (Cargo::Metadata, None),
        },
        Message::Response(response) => match &response.body {
            ResponseKind::Produce(body) => acked(body, names, acks),
            ResponseKind::Fetch(body) => fetched(body, names),
            _ => (Cargo::Metadata, None),
        },
        Message::Frame(_) => (Cargo::Metadata, None),
    }
}

/// Whether a message belongs to the metadata log and its quorum; `api` is the one that it is of.
pub(super) fn is_metadata(api: Option<ApiKey>, message: &Message) -> bool {
    let named = |name: &str, id: Uuid| name == METADATA_TOPIC || id == METADATA_TOPIC_ID;
    match message {
        Message::Request(request) => match &request.body {
            RequestKind::Fetch(body) => body.topics.iter().any(|t| named(&t.topic.0, t.topic_id)),
            _ => api.is_some_and(|api| OF_CONTROLLERS.contains(&api)),
        },
        Message::Response(response) => match &response.body {
            ResponseKind::Fetch(body) => body.responses.iter().any(|t| named(&t.topic.0, t.topic_id)),
            _ => api.is_some_and(|api| OF_CONTROLLERS.contains(&api)),
        },
        Message::Frame(_) => false,
    }
}

/// What only controllers answer.
const OF_CONTROLLERS: [ApiKey; 15] = [
    ApiKey::Vote,
    ApiKey::BeginQuorumEpoch,
    ApiKey::EndQuorumEpoch,
    ApiKey::FetchSnapshot,
    ApiKey::AlterPartition,
    ApiKey::Envelope,
    ApiKey::BrokerRegistration,
    ApiKey::BrokerHeartbeat,
    ApiKey::UnregisterBroker,
    ApiKey::AllocateProducerIds,
    ApiKey::ControllerRegistration,
    ApiKey::AssignReplicasToDirs,
    ApiKey::AddRaftVoter,
    ApiKey::RemoveRaftVoter,
    ApiKey::UpdateRaftVoter,
];

fn produced(body: &ProduceRequest, names: &TopicNames) -> Cargo {
    let mut load = Load::default();
    for topic in &body.topic_data {
        for data in &topic.partition_data {
            load.add(named(&topic.name.0, topic.topic_id, names), data.index, data.records.as_ref());
        }
    }
    load.into_cargo()
}

fn wanted(body: &FetchRequest, names: &TopicNames) -> Cargo {
    let of = |topic: &crate::wire::messages::fetch_request::FetchTopic| {
        let name = named(&topic.topic.0, topic.topic_id, names);
        topic.partitions.iter().map(|p| TopicPartition::new(name.clone(), p.partition)).collect::<Vec<_>>()
    };
    let mut partitions: Vec<TopicPartition> = body.topics.iter().flat_map(of).collect();
    partitions.order();
    Cargo::Data { partitions, riders: Vec::new(), records: 0 }
}

fn acked(body: &ProduceResponse, names: &TopicNames, acks: i16) -> (Cargo, Option<String>) {
    let (mut partitions, mut error) = (Vec::new(), None);
    for topic in &body.responses {
        for data in &topic.partition_responses {
            partitions.push(TopicPartition::new(named(&topic.name.0, topic.topic_id, names), data.index));
            error = error.or(name_of(data.error_code));
        }
    }
    (Cargo::Ack { acks, partitions }, error)
}

fn fetched(body: &FetchResponse, names: &TopicNames) -> (Cargo, Option<String>) {
    let (mut load, mut error) = (Load::default(), name_of(body.error_code));
    for topic in &body.responses {
        for data in &topic.partitions {
            error = error.or(name_of(data.error_code));
            if data.records.as_ref().is_some_and(|records| !records.is_empty()) {
                load.add(named(&topic.topic.0, topic.topic_id, names), data.partition_index, data.records.as_ref());
            }
        }
    }
    (load.into_cargo(), error)
}

/// Records on their way.
#[derive(Default)]
struct Load {
    partitions: Vec<TopicPartition>,
    riders: Vec<Option<Arc<str>>>,
    records: u32,
}

impl Load {
    fn add(&mut self, topic: Arc<str>, partition: i32, bytes: Option<&Bytes>) {
        self.partitions.push(TopicPartition::new(topic, partition));
        // A batch that does not parse is a matter of the broker's and the inspector's; here it carries nothing.
        let batches = bytes.and_then(|bytes| records::split(bytes.clone()).ok()).unwrap_or_default();
        for (header, batch) in batches {
            self.records += header.record_count.max(0) as u32;
            if self.riders.len() < RIDERS {
                let keys = records::decode(&batch).unwrap_or_default().into_iter();
                let labels = keys.map(|(_, record)| record.key.as_deref().map(key_label));
                self.riders.extend(labels.take(RIDERS - self.riders.len()));
            }
        }
    }

    fn into_cargo(self) -> Cargo {
        Cargo::Data { partitions: self.partitions, riders: self.riders, records: self.records }
    }
}

fn named(name: &str, id: Uuid, names: &TopicNames) -> Arc<str> {
    match (name, names.get(&id)) {
        ("", Some(name)) => name.clone(),
        // Known from the start: no record of the log creates the topic that the log is.
        ("", None) if id == METADATA_TOPIC_ID => METADATA_TOPIC.into(),
        ("", None) => id.to_string().into(),
        (name, _) => name.into(),
    }
}

fn name_of(code: i16) -> Option<String> {
    let code = ErrorCode(code);
    (!code.is_ok()).then(|| code.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::fetch_request::{FetchPartition, FetchTopic};

    #[test]
    fn a_topic_that_only_has_an_id_is_called_by_its_name_where_one_is_known() {
        let known = Uuid::from_u128(77);
        let names = TopicNames::from([(known, Arc::from("orders"))]);
        let asked = |id| {
            let topic = FetchTopic::default().with_topic_id(id).with_partitions(vec![FetchPartition::default()]);
            let Cargo::Data { partitions, .. } = wanted(&FetchRequest::default().with_topics(vec![topic]), &names)
            else {
                panic!("a fetch is about partitions");
            };
            partitions[0].topic.to_string()
        };
        assert_eq!(asked(known), "orders");
        assert_eq!(asked(METADATA_TOPIC_ID), "__cluster_metadata");
        let unknown = Uuid::from_u128(78);
        assert_eq!(asked(unknown), unknown.to_string());
    }
}
