//! A record of a partition of `__consumer_offsets`: its key says which group or which offset it is about, its value what
//! is so from now on, and no value (a tombstone) that there is nothing any more (`CoordinatorRecordSerde`).
//!
//! A key is the kind of record (16 bits) and the key's fields; a value is its version (16 bits) and its fields.

use super::group_records::{GroupMetadataKey, GroupMetadataValue, OffsetCommitKey, OffsetCommitValue};
use super::record_codec::{CoordinatorMessage, RecordError};
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The version at which Kafka 4.1 writes a group.
const GROUP_METADATA_VERSION: i16 = 3;

/// The version at which Kafka 4.1 writes a committed offset.
const OFFSET_COMMIT_VERSION: i16 = 4;

/// The version at which it writes a committed offset with an expiry time of its own, which no other version has.
const OFFSET_COMMIT_EXPIRING_VERSION: i16 = 1;

/// A record that classic groups write.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupRecord {
    /// A committed offset, or that there is none.
    OffsetCommit(OffsetCommitKey, Option<OffsetCommitValue>),
    /// A group with its members, or that there is none.
    GroupMetadata(GroupMetadataKey, Option<GroupMetadataValue>),
}

impl GroupRecord {
    /// The record's key.
    ///
    /// # Panics
    /// When a text in it is too long: see [`GroupRecord::fits`].
    pub fn key(&self) -> Bytes {
        match self {
            Self::OffsetCommit(key, _) => encode_key(key),
            Self::GroupMetadata(key, _) => encode_key(key),
        }
    }

    /// The record's value at the version at which Kafka 4.1 writes it; `None` for a tombstone.
    ///
    /// # Panics
    /// When a text in it is too long: see [`GroupRecord::fits`].
    pub fn value(&self) -> Option<Bytes> {
        self.value_at(match self {
            Self::OffsetCommit(_, Some(value)) if value.expire_timestamp != -1 => OFFSET_COMMIT_EXPIRING_VERSION,
            Self::OffsetCommit(..) => OFFSET_COMMIT_VERSION,
            Self::GroupMetadata(..) => GROUP_METADATA_VERSION,
        })
    }

    /// The record's value at a version from 0 to 4. What the version does not have is left out, as Kafka leaves it out.
    ///
    /// # Panics
    /// When a text in it is too long: see [`GroupRecord::fits`].
    pub fn value_at(&self, version: i16) -> Option<Bytes> {
        match self {
            Self::OffsetCommit(_, value) => value.as_ref().map(|value| encode_value(value, version)),
            Self::GroupMetadata(_, value) => value.as_ref().map(|value| encode_value(value, version)),
        }
    }

    /// Whether every text in it has at most 32,767 bytes, which is what the older versions can count.
    pub fn fits(&self) -> bool {
        let short = |text: &str| text.len() <= i16::MAX as usize;
        match self {
            Self::OffsetCommit(key, value) => {
                short(&key.group) && short(&key.topic) && value.as_ref().is_none_or(|value| short(&value.metadata))
            }
            Self::GroupMetadata(key, value) => {
                let Some(value) = value else { return short(&key.group) };
                let of_group =
                    [Some(&key.group), Some(&value.protocol_type), value.protocol.as_ref(), value.leader.as_ref()];
                let of_members = value.members.iter().flat_map(|member| {
                    let always = [&member.member_id, &member.client_id, &member.client_host];
                    always.into_iter().chain(&member.group_instance_id)
                });
                of_group.into_iter().flatten().chain(of_members).all(|text| short(text))
            }
        }
    }

    /// Reads a record's key and value.
    ///
    /// # Errors
    /// What is wrong with the bytes; [`RecordError::ApiKey`] for a kind of record that is not built, which a coordinator
    /// that loads a log passes over.
    pub fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Self, RecordError> {
        let mut input = key.clone();
        match input.try_get_i16().map_err(|_| RecordError::Truncated)? {
            OffsetCommitKey::API_KEY => Ok(Self::OffsetCommit(decode(input, 0)?, decode_value(value)?)),
            GroupMetadataKey::API_KEY => Ok(Self::GroupMetadata(decode(input, 0)?, decode_value(value)?)),
            other => Err(RecordError::ApiKey(other)),
        }
    }
}

fn encode_key<K: CoordinatorMessage>(key: &K) -> Bytes {
    encode(K::API_KEY, key, 0)
}

fn encode_value<V: CoordinatorMessage>(value: &V, version: i16) -> Bytes {
    assert!((0..=V::MAX_VERSION).contains(&version), "a version from 0 to {}", V::MAX_VERSION);
    encode(version, value, version)
}

fn encode<M: CoordinatorMessage>(prefix: i16, message: &M, version: i16) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(prefix);
    message.put(&mut out, M::format(version));
    out.freeze()
}

fn decode_value<V: CoordinatorMessage>(value: Option<&Bytes>) -> Result<Option<V>, RecordError> {
    let Some(value) = value else { return Ok(None) };
    let mut input = value.clone();
    let version = input.try_get_i16().map_err(|_| RecordError::Truncated)?;
    if !(0..=V::MAX_VERSION).contains(&version) {
        return Err(RecordError::Version(V::API_KEY, version));
    }
    decode(input, version).map(Some)
}

fn decode<M: CoordinatorMessage>(mut input: Bytes, version: i16) -> Result<M, RecordError> {
    let message = M::get(&mut input, M::format(version))?;
    if input.is_empty() { Ok(message) } else { Err(RecordError::Garbage(input.len())) }
}

#[cfg(test)]
mod tests {
    use super::super::StrBytes;
    use super::super::group_records::MemberMetadata;
    use super::*;
    use uuid::Uuid;

    fn text(text: &str) -> StrBytes {
        StrBytes::from_string(text.to_string())
    }

    fn offset(expire_timestamp: i64) -> GroupRecord {
        let key = OffsetCommitKey { group: text("gr\u{fc}n"), topic: text("orders"), partition: 7 };
        let value = OffsetCommitValue {
            offset: i64::MAX,
            leader_epoch: 3,
            metadata: text("m"),
            commit_timestamp: 1_767_225_600_000,
            expire_timestamp,
            topic_id: if expire_timestamp == -1 { Uuid::from_u128(5) } else { Uuid::nil() },
        };
        GroupRecord::OffsetCommit(key, Some(value))
    }

    fn group() -> GroupRecord {
        let member = MemberMetadata {
            member_id: text("c1-00000000-0000-0000-0000-000000000000"),
            group_instance_id: Some(text("i1")),
            client_id: text("c1"),
            client_host: text("/127.0.0.1"),
            rebalance_timeout: 300_000,
            session_timeout: 45_000,
            subscription: Bytes::from_static(&[0, 3, 255]),
            assignment: Bytes::from_static(&[1]),
        };
        let value = GroupMetadataValue {
            protocol_type: text("consumer"),
            generation: 4,
            protocol: Some(text("range")),
            leader: None,
            current_state_timestamp: 12,
            members: vec![member.clone(), MemberMetadata { group_instance_id: None, ..member }],
        };
        GroupRecord::GroupMetadata(GroupMetadataKey { group: text("g") }, Some(value))
    }

    fn samples() -> Vec<GroupRecord> {
        let GroupRecord::OffsetCommit(key, _) = offset(-1) else { unreachable!("an offset") };
        let tombstone = GroupRecord::GroupMetadata(GroupMetadataKey { group: text("") }, None);
        vec![offset(-1), group(), GroupRecord::OffsetCommit(key, None), tombstone]
    }

    #[test]
    fn records_survive_their_bytes() {
        for record in samples() {
            assert_eq!(GroupRecord::decode(&record.key(), record.value().as_ref()), Ok(record));
        }
    }

    /// Kafka writes version 1 where the offset has an expiry time, and loses the leader epoch.
    #[test]
    fn an_offset_with_its_own_expiry_loses_its_leader_epoch() {
        let record = offset(99);
        let GroupRecord::OffsetCommit(_, Some(read)) =
            GroupRecord::decode(&record.key(), record.value().as_ref()).unwrap()
        else {
            panic!("an offset")
        };
        assert_eq!((read.expire_timestamp, read.leader_epoch), (99, -1));
    }

    #[test]
    fn damaged_bytes_are_an_error_and_never_more() {
        for record in samples() {
            let (key, value) = (record.key(), record.value());
            for end in 0..key.len() {
                assert!(GroupRecord::decode(&key.slice(..end), None).is_err(), "a key cut at {end}");
            }
            for version in 0..=4 {
                let Some(value) = record.value_at(version) else { continue };
                for end in 0..value.len() {
                    assert!(GroupRecord::decode(&key, Some(&value.slice(..end))).is_err(), "a value cut at {end}");
                }
            }
            let Some(value) = value else { continue };
            for at in 0..value.len() {
                let mut damaged = value.to_vec();
                damaged[at] ^= 0x55;
                let _ = GroupRecord::decode(&key, Some(&damaged.into()));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let bytes = |bytes: &'static [u8]| Bytes::from_static(bytes);
        assert_eq!(GroupRecord::decode(&bytes(&[0, 3, 0, 0]), None), Err(RecordError::ApiKey(3)));
        let key = samples()[1].key();
        assert_eq!(GroupRecord::decode(&key, Some(&bytes(&[0, 9]))), Err(RecordError::Version(2, 9)));
        assert_eq!(GroupRecord::decode(&bytes(&[0, 2, 0, 0, 1]), None), Err(RecordError::Garbage(1)));
    }

    #[test]
    fn a_text_that_the_log_cannot_hold_does_not_fit() {
        let long = text(&"x".repeat(32_768));
        assert!(samples().iter().all(GroupRecord::fits));
        assert!(!GroupRecord::GroupMetadata(GroupMetadataKey { group: long.clone() }, None).fits());
        let GroupRecord::GroupMetadata(key, Some(mut value)) = group() else { unreachable!("a group") };
        value.members[1].client_id = long;
        assert!(!GroupRecord::GroupMetadata(key, Some(value)).fits());
    }
}
