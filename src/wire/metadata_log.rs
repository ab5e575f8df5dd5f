//! A metadata record as the metadata log holds it: the value of a log record, which is a frame version, the record's
//! api key and its version (unsigned varints), and the record (`MetadataRecordSerde`).

use super::metadata_records::MetadataRecord;
use super::record_codec::{RecordError, get_varint, put_varint};
use bytes::{Bytes, BytesMut};

/// The only frame version that Kafka has.
const FRAME_VERSION: u32 = 1;

/// A record at the version at which it is written (`ApiMessageAndVersion`).
#[derive(Clone, Debug, PartialEq)]
pub struct VersionedRecord {
    /// The record.
    pub record: MetadataRecord,
    /// The version.
    pub version: i16,
}

impl VersionedRecord {
    /// `record` at `version`.
    pub fn new(record: impl Into<MetadataRecord>, version: i16) -> Self {
        Self { record: record.into(), version }
    }

    /// The record as the value of a log record.
    ///
    /// # Panics
    /// When the record holds something that its version does not have.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        put_varint(&mut out, FRAME_VERSION);
        put_varint(&mut out, self.record.api_key() as u32);
        put_varint(&mut out, self.version as u32);
        self.record.put(&mut out, self.version);
        out.freeze()
    }

    /// Reads the value of a log record.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(value: &Bytes) -> Result<Self, RecordError> {
        let mut input = value.clone();
        let frame = get_varint(&mut input)?;
        if frame != FRAME_VERSION {
            return Err(RecordError::Frame(frame));
        }
        let api_key = i16::try_from(get_varint(&mut input)?).map_err(|_| RecordError::Length)?;
        let version = i16::try_from(get_varint(&mut input)?).map_err(|_| RecordError::Length)?;
        let record = MetadataRecord::get(api_key, version, &mut input)?;
        if input.is_empty() { Ok(Self { record, version }) } else { Err(RecordError::Garbage(input.len())) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::StrBytes;
    use super::super::metadata_records::*;
    use super::*;
    use uuid::Uuid;

    /// Every kind of record, with something in each of its fields.
    fn samples() -> Vec<VersionedRecord> {
        let (id, name) = (Uuid::from_u128(0x1234_5678), StrBytes::from_static_str("zo\u{eb}"));
        let feature = BrokerFeature { name: name.clone(), min_supported_version: 1, max_supported_version: i16::MAX };
        let endpoint = BrokerEndpoint { name: name.clone(), host: name.clone(), port: 65_535, security_protocol: 2 };
        let register = RegisterBrokerRecord {
            broker_id: 7,
            is_migrating_zk_broker: true,
            incarnation_id: id,
            broker_epoch: i64::MAX,
            end_points: vec![endpoint; 2],
            features: vec![feature],
            rack: Some(name.clone()),
            fenced: false,
            in_controlled_shutdown: true,
            log_dirs: vec![id; 200],
        };
        let partition = PartitionRecord {
            partition_id: 3,
            topic_id: id,
            replicas: (0..300).collect(),
            leader_recovery_state: 1,
            directories: vec![id],
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(vec![i32::MIN]),
            ..Default::default()
        };
        let change = PartitionChangeRecord {
            isr: Some(vec![1]),
            leader: -1,
            replicas: Some(Vec::new()),
            removing_replicas: Some(vec![2]),
            adding_replicas: Some(vec![3]),
            leader_recovery_state: 0,
            directories: Some(vec![id]),
            eligible_leader_replicas: Some(vec![4]),
            last_known_elr: Some(vec![5]),
            ..Default::default()
        };
        let plain_change = PartitionChangeRecord { isr: Some(Vec::new()), ..Default::default() };
        let registration_change = BrokerRegistrationChangeRecord {
            broker_id: 1,
            broker_epoch: 2,
            fenced: -1,
            in_controlled_shutdown: 1,
            log_dirs: vec![id],
        };
        let config = |value| ConfigRecord { resource_type: 2, resource_name: name.clone(), name: name.clone(), value };
        let quota = ClientQuotaRecord {
            entity: vec![EntityData { entity_type: name.clone(), entity_name: None }],
            key: name.clone(),
            value: -0.5,
            remove: true,
        };
        vec![
            VersionedRecord::new(register, 3),
            VersionedRecord::new(RegisterBrokerRecord::default(), 0),
            VersionedRecord::new(partition, 2),
            VersionedRecord::new(change, 2),
            VersionedRecord::new(plain_change, 0),
            VersionedRecord::new(registration_change, 2),
            VersionedRecord::new(config(None), 0),
            VersionedRecord::new(config(Some(StrBytes::new())), 0),
            VersionedRecord::new(quota, 0),
            VersionedRecord::new(ProducerIdsRecord { broker_id: 1, broker_epoch: 2, next_producer_id: 3 }, 0),
            VersionedRecord::new(BeginTransactionRecord { name: Some(name) }, 0),
            VersionedRecord::new(AbortTransactionRecord::default(), 0),
            VersionedRecord::new(NoOpRecord {}, 0),
        ]
    }

    #[test]
    fn records_survive_their_bytes() {
        for record in samples() {
            assert_eq!(VersionedRecord::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn damaged_bytes_are_an_error_and_never_more() {
        for record in samples() {
            let bytes = record.encode();
            for end in 0..bytes.len() {
                assert!(VersionedRecord::decode(&bytes.slice(..end)).is_err(), "{} cut at {end}", record.record.name());
            }
            for at in 0..bytes.len() {
                let mut damaged = bytes.to_vec();
                damaged[at] ^= 0x55;
                let _ = VersionedRecord::decode(&damaged.into());
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let decode = |bytes: &'static [u8]| VersionedRecord::decode(&Bytes::from_static(bytes));
        assert_eq!(decode(&[2, 20, 0, 0]), Err(RecordError::Frame(2)));
        assert_eq!(decode(&[1, 99, 0, 0]), Err(RecordError::ApiKey(99)));
        assert_eq!(decode(&[1, 20, 1, 0]), Err(RecordError::Version(20, 1)));
        assert_eq!(decode(&[1, 20, 0, 0, 0]), Err(RecordError::Garbage(1)));
        assert_eq!(decode(&[1, 20, 0]), Err(RecordError::Truncated));
        // A tag that nobody knows is left out.
        assert!(decode(&[1, 20, 0, 1, 50, 1, 0]).is_ok());
    }

    #[test]
    #[should_panic(expected = "the record has directories, which the version does not")]
    fn a_field_that_the_version_lacks_is_a_mistake() {
        let record = PartitionRecord { directories: vec![Uuid::nil()], ..Default::default() };
        VersionedRecord::new(record, 0).encode();
    }
}
