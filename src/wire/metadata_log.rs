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
