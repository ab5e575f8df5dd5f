//! What the members of a classic consumer group say to each other through the coordinator: Kafka's `ConsumerProtocol`.
//!
//! A member's JoinGroup carries a [`Subscription`] for each assignor it offers, the leader's SyncGroup an [`Assignment`]
//! for each member. To the coordinator both are bytes. They are not framed like requests: a version comes first, then a
//! message of that version, and whoever reads a version newer than his own reads what he knows of it and leaves the
//! rest.
//!
//! The messages are read and written here and not by the protocol crate, whose decoder reserves memory for whatever
//! length an array claims: these bytes come from any member, and nobody walks them on their way. What each is written
//! as is compared with the crate's.

use crate::base::{Sort, SortedMap, TopicPartition};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::fmt;
use std::sync::Arc;

/// The newest version of both messages: a member writes this one (KIP-881).
pub const CONSUMER_PROTOCOL_VERSION: i16 = 3;

/// Why a subscription or an assignment does not parse: the message of Kafka's exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerProtocolError(pub String);

impl fmt::Display for ConsumerProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConsumerProtocolError {}

/// What a member wants to read, and what it has: `ConsumerProtocolSubscription`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The topics it subscribes to.
    pub topics: Vec<Arc<str>>,
    /// What the member's assignor adds for the leader's.
    pub user_data: Option<Bytes>,
    /// The partitions that the member owns while it joins; from version 1 on (KIP-429).
    pub owned_partitions: Vec<TopicPartition>,
    /// The generation in which it came to own them; from version 2 on (KIP-792). `None` is -1 on the wire.
    pub generation_id: Option<i32>,
    /// `client.rack`; from version 3 on (KIP-881). An empty one is read as none.
    pub rack_id: Option<Arc<str>>,
}

impl Subscription {
    /// The subscription as bytes of a version (0 to 3; a newer one is written as 3): topics and partitions sorted, as
    /// Kafka's clients write them. What the version has no field for is left out.
    ///
    /// # Panics
    /// On a negative version, and on a name of more than 32,767 bytes.
    pub fn encode(&self, version: i16) -> Bytes {
        let mut out = begin(version);
        let mut topics: Vec<&str> = self.topics.iter().map(|topic| &**topic).collect();
        topics.order();
        put_length(&mut out, topics.len());
        topics.iter().for_each(|topic| put_text(&mut out, topic));
        put_user_data(&mut out, self.user_data.as_ref());
        if version >= 1 {
            let mut owned: Vec<&TopicPartition> = self.owned_partitions.iter().collect();
            owned.order();
            put_partitions(&mut out, owned);
        }
        if version >= 2 {
            out.put_i32(self.generation_id.unwrap_or(-1));
        }
        if version >= 3 {
            match &self.rack_id {
                None => out.put_i16(-1),
                Some(rack) => put_text(&mut out, rack),
            }
        }
        out.freeze()
    }

    /// Reads a subscription of any version; one newer than 3 is read as 3.
    ///
    /// # Errors
    /// What does not parse, in Kafka's words.
    pub fn decode(bytes: &Bytes) -> Result<Self, ConsumerProtocolError> {
        let mut reader = Reader { rest: bytes.clone(), what: "subscription" };
        let version = reader.version()?;
        let count = reader.array("topics")?;
        let topics = (0..count).map(|_| reader.text("topics element")).collect::<Result<_, _>>()?;
        let user_data = reader.user_data()?;
        let owned_partitions = if version >= 1 { reader.partitions("ownedPartitions")? } else { Vec::new() };
        let generation = if version >= 2 { reader.int()? } else { -1 };
        let rack = if version >= 3 { reader.nullable_text()? } else { None };
        Ok(Self {
            topics,
            user_data,
            owned_partitions,
            generation_id: (generation >= 0).then_some(generation),
            rack_id: rack.filter(|rack| !rack.is_empty()),
        })
    }
}

/// What a member is to read: `ConsumerProtocolAssignment`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// The member's partitions.
    pub partitions: Vec<TopicPartition>,
    /// What the leader's assignor adds; none of Kafka's own does.
    pub user_data: Option<Bytes>,
}

impl Assignment {
    /// The assignment as bytes of a version (0 to 3; a newer one is written as 3): topics in the order of their first
    /// partition in the list. All versions have the same form.
    ///
    /// # Panics
    /// On a negative version, and on a topic's name of more than 32,767 bytes.
    pub fn encode(&self, version: i16) -> Bytes {
        let mut out = begin(version);
        put_partitions(&mut out, &self.partitions);
        put_user_data(&mut out, self.user_data.as_ref());
        out.freeze()
    }

    /// Reads an assignment of any version.
    ///
    /// # Errors
    /// What does not parse, in Kafka's words.
    pub fn decode(bytes: &Bytes) -> Result<Self, ConsumerProtocolError> {
        let mut reader = Reader { rest: bytes.clone(), what: "assignment" };
        reader.version()?;
        let partitions = reader.partitions("assignedPartitions")?;
        Ok(Self { partitions, user_data: reader.user_data()? })
    }
}

fn begin(version: i16) -> BytesMut {
    assert!(version >= 0, "a version of the consumer protocol is not negative: {version}");
    let mut out = BytesMut::with_capacity(64);
    out.put_i16(version.min(CONSUMER_PROTOCOL_VERSION));
    out
}

fn put_length(out: &mut BytesMut, length: usize) {
    out.put_i32(i32::try_from(length).expect("a list in memory has fewer than 2^31 elements"));
}

fn put_text(out: &mut BytesMut, text: &str) {
    out.put_i16(i16::try_from(text.len()).expect("a name has at most 32,767 bytes"));
    out.put_slice(text.as_bytes());
}

fn put_user_data(out: &mut BytesMut, data: Option<&Bytes>) {
    match data {
        None => out.put_i32(-1),
        Some(data) => {
            put_length(out, data.len());
            out.put_slice(data);
        }
    }
}

/// Writes partitions topic by topic, each topic where its first partition stands, as `[topic [partition]]`.
pub(crate) fn put_partitions<'a>(out: &mut BytesMut, partitions: impl IntoIterator<Item = &'a TopicPartition>) {
    let mut groups: Vec<(&str, Vec<i32>)> = Vec::new();
    let mut places: SortedMap<&str, usize> = SortedMap::new();
    for tp in partitions {
        let place = match groups.last() {
            Some((topic, _)) if *topic == &*tp.topic => groups.len() - 1,
            _ => *places.entry(&tp.topic).or_insert(groups.len()),
        };
        if place == groups.len() {
            groups.push((&tp.topic, Vec::new()));
        }
        groups[place].1.push(tp.partition);
    }
    put_length(out, groups.len());
    for (topic, partitions) in groups {
        put_text(out, topic);
        put_length(out, partitions.len());
        partitions.into_iter().for_each(|partition| out.put_i32(partition));
    }
}

/// Reads fields one after the other. A length that the bytes cannot hold is refused before anything is reserved for it.
pub(crate) struct Reader {
    /// What was not read yet.
    pub(crate) rest: Bytes,
    /// Which message it is, for errors.
    pub(crate) what: &'static str,
}

impl Reader {
    fn version(&mut self) -> Result<i16, ConsumerProtocolError> {
        if self.rest.len() < 2 {
            return Err(ConsumerProtocolError("Buffer underflow while parsing consumer protocol's header".into()));
        }
        match self.rest.get_i16() {
            version if version < 0 => {
                Err(ConsumerProtocolError(format!("Unsupported {} version: {version}", self.what)))
            }
            version => Ok(version),
        }
    }

    pub(crate) fn int(&mut self) -> Result<i32, ConsumerProtocolError> {
        self.rest.try_get_i32().map_err(|_| self.underflow())
    }

    fn text(&mut self, field: &str) -> Result<Arc<str>, ConsumerProtocolError> {
        self.nullable_text()?.ok_or_else(|| null(field))
    }

    fn nullable_text(&mut self) -> Result<Option<Arc<str>>, ConsumerProtocolError> {
        let length = self.rest.try_get_i16().map_err(|_| self.underflow())?;
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        // Bytes that are no UTF-8 become replacement characters, as in Java.
        self.take(length).map(|bytes| Some(String::from_utf8_lossy(&bytes).into()))
    }

    fn user_data(&mut self) -> Result<Option<Bytes>, ConsumerProtocolError> {
        let length = self.int()?;
        usize::try_from(length).map_or(Ok(None), |length| self.take(length).map(Some))
    }

    /// `[topic [partition]]` as partitions.
    pub(crate) fn partitions(&mut self, field: &str) -> Result<Vec<TopicPartition>, ConsumerProtocolError> {
        let mut found = Vec::new();
        for _ in 0..self.array(field)? {
            let topic = self.text("topic")?;
            let count = self.array("partitions")?;
            found.reserve(count);
            for _ in 0..count {
                found.push(TopicPartition { topic: topic.clone(), partition: self.int()? });
            }
        }
        Ok(found)
    }

    /// The length of an array. Every element takes a byte at least.
    fn array(&mut self, field: &str) -> Result<usize, ConsumerProtocolError> {
        let count = usize::try_from(self.int()?).map_err(|_| null(field))?;
        if count > self.rest.len() {
            let text = format!(
                "Tried to allocate a collection of size {count}, but there are only {} bytes remaining.",
                self.rest.len()
            );
            return Err(ConsumerProtocolError(text));
        }
        Ok(count)
    }

    fn take(&mut self, length: usize) -> Result<Bytes, ConsumerProtocolError> {
        let there = self.rest.len();
        if length > there {
            let text = format!("Error reading byte array of {length} byte(s): only {there} byte(s) available");
            return Err(ConsumerProtocolError(text));
        }
        Ok(self.rest.split_to(length))
    }

    fn underflow(&self) -> ConsumerProtocolError {
        ConsumerProtocolError(format!("Buffer underflow while parsing consumer protocol's {}", self.what))
    }
}

fn null(field: &str) -> ConsumerProtocolError {
    ConsumerProtocolError(format!("non-nullable field {field} was serialized as null"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::wire::StrBytes;
    use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as AssignedPartitions;
    use kafka_protocol::messages::consumer_protocol_subscription::TopicPartition as OwnedPartitions;
    use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
    use kafka_protocol::protocol::Encodable;

    fn drawn(rng: &mut Rng) -> Subscription {
        let topics: Vec<Arc<str>> = (0..rng.below(4)).map(|n| format!("topic-{n}").into()).collect();
        let owned = topics.iter().flat_map(|topic| (0..3).map(|p| TopicPartition::new(topic.clone(), p)));
        Subscription {
            owned_partitions: owned.filter(|_| rng.below(2) == 0).collect(),
            topics,
            user_data: (rng.below(2) == 0).then(|| Bytes::copy_from_slice(&rng.bytes16())),
            generation_id: (rng.below(3) > 0).then(|| rng.below(100) as i32),
            rack_id: (rng.below(2) == 0).then(|| "rack".into()),
        }
    }

    fn grouped(partitions: &[TopicPartition]) -> SortedMap<&str, Vec<i32>> {
        let mut groups: SortedMap<&str, Vec<i32>> = SortedMap::new();
        partitions.iter().for_each(|tp| groups.entry(&tp.topic).or_default().push(tp.partition));
        groups
    }

    fn crates_subscription(s: &Subscription, version: i16) -> Bytes {
        let owned = grouped(&s.owned_partitions).into_iter().map(|(topic, partitions)| {
            OwnedPartitions::default().with_topic(StrBytes::from(topic.to_owned()).into()).with_partitions(partitions)
        });
        let message = ConsumerProtocolSubscription::default()
            .with_topics(s.topics.iter().map(|topic| StrBytes::from(topic.to_string())).collect())
            .with_user_data(s.user_data.clone())
            .with_owned_partitions(owned.collect())
            .with_generation_id(s.generation_id.unwrap_or(-1))
            .with_rack_id(s.rack_id.as_ref().map(|rack| StrBytes::from(rack.to_string())));
        written(&message, version)
    }

    fn written(message: &impl Encodable, version: i16) -> Bytes {
        let mut out = BytesMut::new();
        out.put_i16(version);
        message.encode(&mut out, version).expect("the message has this version");
        out.freeze()
    }

    #[test]
    fn both_are_written_as_the_protocol_crate_writes_them_and_read_again() {
        let mut rng = Rng::stream(1, "consumer protocol");
        for n in 0..400 {
            let (version, subscription) = (n % 4, drawn(&mut rng));
            let bytes = subscription.encode(version);
            assert_eq!(bytes, crates_subscription(&subscription, version));
            let mut expected = subscription.clone();
            if version < 1 {
                expected.owned_partitions.clear();
            }
            expected.generation_id = expected.generation_id.filter(|_| version >= 2);
            expected.rack_id = expected.rack_id.filter(|_| version >= 3);
            assert_eq!(Subscription::decode(&bytes), Ok(expected));

            let assignment =
                Assignment { partitions: subscription.owned_partitions.clone(), user_data: subscription.user_data };
            let partitions = grouped(&assignment.partitions).into_iter().map(|(topic, partitions)| {
                let topic = StrBytes::from(topic.to_owned()).into();
                AssignedPartitions::default().with_topic(topic).with_partitions(partitions)
            });
            let message = ConsumerProtocolAssignment::default()
                .with_assigned_partitions(partitions.collect())
                .with_user_data(assignment.user_data.clone());
            assert_eq!(assignment.encode(version), written(&message, version));
            assert_eq!(Assignment::decode(&assignment.encode(version)), Ok(assignment));
        }
    }

    #[test]
    fn an_assignment_names_a_topic_where_its_first_partition_stands() {
        let partitions = [("b", 1), ("a", 0), ("b", 0)].map(|(topic, p)| TopicPartition::new(topic, p));
        let read = Assignment::decode(&Assignment { partitions: partitions.into(), user_data: None }.encode(3));
        let order = [("b", 1), ("b", 0), ("a", 0)].map(|(topic, p)| TopicPartition::new(topic, p));
        assert_eq!(read.map(|read| read.partitions), Ok(order.into()));
    }

    fn unhex(digits: &str) -> Bytes {
        let digits: Vec<u8> = digits.bytes().filter(|digit| *digit != b' ').collect();
        let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).expect("ASCII"), 16).expect("hex digits");
        digits.chunks(2).map(byte).collect()
    }

    /// Each answer is that of Kafka 4.1.1 to the same bytes.
    #[test]
    fn odd_bytes_are_read_as_kafka_reads_them() {
        for (bytes, expected) in [
            ("0001 00000001 0001 61 ffffffff ffffffff", "non-nullable field ownedPartitions was serialized as null"),
            ("0001 ffffffff ffffffff 00000000", "non-nullable field topics was serialized as null"),
            ("0001 00000001 ffff", "non-nullable field topics element was serialized as null"),
            (
                "0001 7fffffff 0001 61",
                "Tried to allocate a collection of size 2147483647, but there are only 3 bytes remaining.",
            ),
            ("0001 00000001 0009 61", "Error reading byte array of 9 byte(s): only 1 byte(s) available"),
            (
                "0003 00000001 0001 61 ffffffff 00000000 00000000",
                "Buffer underflow while parsing consumer protocol's subscription",
            ),
            (
                "0001 00000001 0001 61 ffffffff 00000001 0001 61 ffffffff",
                "non-nullable field partitions was serialized as null",
            ),
            ("ffff", "Unsupported subscription version: -1"),
            ("00", "Buffer underflow while parsing consumer protocol's header"),
        ] {
            let read = Subscription::decode(&unhex(bytes)).map_err(|error| error.0);
            assert_eq!(read, Err(expected.to_owned()), "{bytes}");
        }
        // A version of the future, with an empty rack and a byte that nobody knows.
        let future = Subscription::decode(&unhex("0009 00000001 0001 61 fffffffe 00000000 00000005 0000 99"));
        let expected = Subscription { topics: vec!["a".into()], generation_id: Some(5), ..Subscription::default() };
        assert_eq!(future, Ok(expected));
        // A topic named twice keeps both lists; bytes that are no UTF-8 are replaced.
        let twice = "0001 00000001 0001 ff ffffffff 00000002 0001 61 00000001 00000000 0001 61 00000001 00000001";
        let twice = Subscription::decode(&unhex(twice)).expect("it is well formed");
        assert_eq!(twice.owned_partitions, [TopicPartition::new("a", 0), TopicPartition::new("a", 1)]);
        assert_eq!(&*twice.topics[0], "\u{fffd}");
    }

    #[test]
    fn any_cut_and_any_noise_is_an_error_or_a_value() {
        let mut rng = Rng::stream(2, "consumer protocol");
        for _ in 0..2_000 {
            let mut bytes = drawn(&mut rng).encode(3).to_vec();
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] = rng.below(256) as u8;
            bytes.truncate(rng.below(bytes.len() as u64 + 1) as usize);
            let bytes = Bytes::from(bytes);
            let _ = (Subscription::decode(&bytes), Assignment::decode(&bytes));
        }
    }
}
