//! Record batches, format v2: what a producer builds, a log holds and a consumer reads.
//!
//! A batch is a 61-byte header and its records. The checksum (CRC-32C) covers everything from the attributes on, so a
//! broker can stamp the base offset and the leader epoch, which lie before it, without touching the rest. All
//! integers are big-endian; inside a record, lengths and deltas are zig-zag varints. The records, but not the header, may
//! be compressed.

use super::compression::Compression;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::fmt;

/// Length in bytes of a batch header; the shortest batch there is.
pub const HEADER_LEN: usize = 61;
/// Length in bytes of the base offset and the batch length, which the batch length does not count.
const LOG_OVERHEAD: usize = 12;
/// The smallest batch length of any format: a v0 record's overhead.
const MIN_LENGTH: i32 = 14;
/// The format's version.
const MAGIC: i8 = 2;
/// The attribute bit of a control batch.
const CONTROL: i16 = 1 << 5;

const BASE_OFFSET: usize = 0;
const LENGTH: usize = 8;
const LEADER_EPOCH: usize = 12;
const MAGIC_AT: usize = 16;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
const LAST_OFFSET_DELTA: usize = 23;
const BASE_TIMESTAMP: usize = 27;
const MAX_TIMESTAMP: usize = 35;
const PRODUCER_ID: usize = 43;
const PRODUCER_EPOCH: usize = 51;
const BASE_SEQUENCE: usize = 53;
const RECORD_COUNT: usize = 57;

/// A record as a producer hands it over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The key, or none.
    pub key: Option<Bytes>,
    /// The value, or none (a tombstone in a compacted topic).
    pub value: Option<Bytes>,
    /// Headers in order; a key may occur more than once.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// The header of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Length in bytes of the whole batch.
    pub size: usize,
    /// Epoch of the leader that appended it; -1 in a producer's request.
    pub leader_epoch: i32,
    /// The stored checksum.
    pub crc: u32,
    /// Attribute bits: compression (0-2), timestamp type (3), transactional (4), control (5), delete horizon (6).
    pub attributes: i16,
    /// Offset of the last record less the base offset.
    pub last_offset_delta: i32,
    /// Timestamp of the first record, in ms since the Unix epoch.
    pub base_timestamp_ms: i64,
    /// The largest timestamp of a record, in ms since the Unix epoch.
    pub max_timestamp_ms: i64,
    /// The idempotent producer's id, or -1.
    pub producer_id: i64,
    /// The idempotent producer's epoch, or -1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// How many records the batch holds.
    pub record_count: i32,
}

impl BatchHeader {
    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// Offset after the last record.
    pub fn next_offset(&self) -> i64 {
        self.last_offset() + 1
    }

    /// How its records are compressed.
    ///
    /// # Errors
    /// A codec that no Kafka has.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        Compression::of_attributes(self.attributes).ok_or(BatchError::Codec(self.attributes & 7))
    }

    /// Whether its records are the cluster's own and not an application's.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }
}

/// From which idempotent producer a batch is, and where in its sequence the batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStamp {
    /// The producer's id.
    pub producer_id: i64,
    /// The producer's epoch.
    pub epoch: i16,
    /// Sequence number of the first record.
    pub base_sequence: i32,
}

impl ProducerStamp {
    /// What a batch of a producer without idempotence has.
    pub const NONE: Self = Self { producer_id: -1, epoch: -1, base_sequence: -1 };
}

/// Why bytes are not a record batch. Each is CORRUPT_MESSAGE or its kin to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// Fewer bytes than the header, or than the header says.
    Truncated,
    /// A length field that cannot be.
    BadLength(i32),
    /// A format other than v2 (`magic`).
    Magic(i8),
    /// The checksum does not match the content.
    Crc {
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the content.
        computed: u32,
    },
    /// A record does not parse, or the count is wrong.
    Record(&'static str),
    /// The records are compressed with a codec that no Kafka has.
    Codec(i16),
    /// The compressed records are damaged, or too many.
    Decompress(Compression, String),
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the batch is cut short"),
            Self::BadLength(n) if *n < MIN_LENGTH => {
                write!(f, "Record size {n} is less than the minimum record overhead ({MIN_LENGTH})")
            }
            Self::BadLength(n) => write!(f, "a batch length of {n} is less than a batch header's"),
            Self::Magic(m) => write!(f, "Invalid magic found in record: {m}"),
            Self::Crc { stored, computed } => {
                write!(f, "Record is corrupt (stored crc = {stored}, computed crc = {computed})")
            }
            Self::Record(why) => f.write_str(why),
            Self::Codec(id) => write!(f, "Unknown compression type id: {id}"),
            Self::Decompress(codec, why) => write!(f, "records compressed with {codec} do not decompress: {why}"),
        }
    }
}

impl std::error::Error for BatchError {}

/// Reads the header of the batch at the start of `bytes`, and checks that the whole batch is there and its format is
/// v2. The checksum is not checked: see [`check_crc`].
pub fn header(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    if bytes.len() < LOG_OVERHEAD {
        return Err(BatchError::Truncated);
    }
    let length = i32_at(bytes, LENGTH);
    if length < MIN_LENGTH {
        return Err(BatchError::BadLength(length));
    }
    if bytes.len() <= MAGIC_AT {
        return Err(BatchError::Truncated);
    }
    let magic = bytes[MAGIC_AT] as i8;
    if magic != MAGIC {
        return Err(BatchError::Magic(magic));
    }
    if length < (HEADER_LEN - LOG_OVERHEAD) as i32 {
        return Err(BatchError::BadLength(length));
    }
    let size = LOG_OVERHEAD + length as usize;
    if bytes.len() < HEADER_LEN.max(size) {
        return Err(BatchError::Truncated);
    }
    Ok(BatchHeader {
        base_offset: i64_at(bytes, BASE_OFFSET),
        size,
        leader_epoch: i32_at(bytes, LEADER_EPOCH),
        crc: i32_at(bytes, CRC) as u32,
        attributes: i16_at(bytes, ATTRIBUTES),
        last_offset_delta: i32_at(bytes, LAST_OFFSET_DELTA),
        base_timestamp_ms: i64_at(bytes, BASE_TIMESTAMP),
        max_timestamp_ms: i64_at(bytes, MAX_TIMESTAMP),
        producer_id: i64_at(bytes, PRODUCER_ID),
        producer_epoch: i16_at(bytes, PRODUCER_EPOCH),
        base_sequence: i32_at(bytes, BASE_SEQUENCE),
        record_count: i32_at(bytes, RECORD_COUNT),
    })
}

/// Checks the checksum of the batch at the start of `bytes`.
pub fn check_crc(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    let header = header(bytes)?;
    let computed = crc32c::crc32c(&bytes[ATTRIBUTES..header.size]);
    if computed == header.crc { Ok(header) } else { Err(BatchError::Crc { stored: header.crc, computed }) }
}

/// The batch with the offset and leader epoch that a leader gives it; the checksum does not cover them.
pub fn stamp(batch: &Bytes, base_offset: i64, leader_epoch: i32) -> Bytes {
    let mut out = BytesMut::from(&batch[..]);
    out[BASE_OFFSET..LENGTH].copy_from_slice(&base_offset.to_be_bytes());
    out[LEADER_EPOCH..MAGIC_AT].copy_from_slice(&leader_epoch.to_be_bytes());
    out.freeze()
}

/// Splits concatenated batches; a cut-off batch at the end is left out, as a consumer leaves it out of a fetch.
pub fn split(mut bytes: Bytes) -> Result<Vec<(BatchHeader, Bytes)>, BatchError> {
    let mut batches = Vec::new();
    while !bytes.is_empty() {
        match header(&bytes) {
            Ok(header) => batches.push((header, bytes.split_to(header.size))),
            Err(BatchError::Truncated) => break,
            Err(e) => return Err(e),
        }
    }
    Ok(batches)
}

/// Builds an uncompressed batch as a producer without idempotence does.
///
/// # Panics
/// On no records at all: Kafka has no empty producer batches.
pub fn build(records: &[Record]) -> Bytes {
    build_with(records.iter(), Compression::None, 0, ProducerStamp::NONE)
}

/// Builds a batch as a producer does: offsets from 0, no leader epoch, dated by its first record. `level` is the
/// codec's.
///
/// # Panics
/// On no records at all: Kafka has no empty producer batches.
pub fn build_with<'a>(
    records: impl ExactSizeIterator<Item = &'a Record>,
    compression: Compression,
    level: i32,
    stamp: ProducerStamp,
) -> Bytes {
    let count = records.len() as i32;
    let mut out = BytesMut::with_capacity(HEADER_LEN + 64 * records.len());
    out.put_bytes(0, HEADER_LEN);
    let (mut base_timestamp_ms, mut max_timestamp_ms) = (None, i64::MIN);
    for (delta, record) in records.enumerate() {
        let base = *base_timestamp_ms.get_or_insert(record.timestamp_ms);
        max_timestamp_ms = max_timestamp_ms.max(record.timestamp_ms);
        put_record(&mut out, record, record.timestamp_ms.wrapping_sub(base), delta as i64);
    }
    let base_timestamp_ms = base_timestamp_ms.expect("a batch has a record");
    if compression != Compression::None {
        let packed = compression.compress(&out[HEADER_LEN..], level);
        out.truncate(HEADER_LEN);
        out.extend_from_slice(&packed);
    }
    let length = (out.len() - LOG_OVERHEAD) as i32;
    put(&mut out, LENGTH, &length.to_be_bytes());
    put(&mut out, LEADER_EPOCH, &(-1i32).to_be_bytes());
    put(&mut out, MAGIC_AT, &MAGIC.to_be_bytes());
    put(&mut out, ATTRIBUTES, &compression.id().to_be_bytes());
    put(&mut out, LAST_OFFSET_DELTA, &(count - 1).to_be_bytes());
    put(&mut out, BASE_TIMESTAMP, &base_timestamp_ms.to_be_bytes());
    put(&mut out, MAX_TIMESTAMP, &max_timestamp_ms.to_be_bytes());
    put(&mut out, RECORD_COUNT, &count.to_be_bytes());
    put_stamp(&mut out, stamp);
    out.freeze()
}

/// The batch with another producer stamp: the same records, another checksum.
pub fn restamp(batch: &Bytes, stamp: ProducerStamp) -> Bytes {
    let mut out = BytesMut::from(&batch[..]);
    put_stamp(&mut out, stamp);
    out.freeze()
}

fn put(out: &mut BytesMut, at: usize, value: &[u8]) {
    out[at..at + value.len()].copy_from_slice(value);
}

fn put_stamp(out: &mut BytesMut, stamp: ProducerStamp) {
    put(out, PRODUCER_ID, &stamp.producer_id.to_be_bytes());
    put(out, PRODUCER_EPOCH, &stamp.epoch.to_be_bytes());
    put(out, BASE_SEQUENCE, &stamp.base_sequence.to_be_bytes());
    let crc = crc32c::crc32c(&out[ATTRIBUTES..]);
    put(out, CRC, &crc.to_be_bytes());
}

/// Builds a batch as [`build`] does, marked as a control batch.
pub(super) fn build_control(records: &[Record]) -> Bytes {
    let mut out = BytesMut::from(&build(records)[..]);
    out[ATTRIBUTES..LAST_OFFSET_DELTA].copy_from_slice(&CONTROL.to_be_bytes());
    let crc = crc32c::crc32c(&out[ATTRIBUTES..]);
    out[CRC..ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
    out.freeze()
}

/// An upper bound in bytes of what a record adds to a batch, wherever it stands in it
/// (`DefaultRecord.recordSizeUpperBound`).
pub fn size_upper_bound(record: &Record) -> usize {
    /// The longest length, attributes, timestamp delta and offset delta.
    const MAX_RECORD_OVERHEAD: usize = 21;
    MAX_RECORD_OVERHEAD + fields_size(record)
}

/// How many bytes a record takes in a batch, uncompressed (`DefaultRecord.sizeInBytes`).
pub fn record_size(record: &Record, timestamp_delta: i64, offset_delta: i64) -> usize {
    let body = 1 + varint_size(timestamp_delta) + varint_size(offset_delta) + fields_size(record);
    varint_size(body as i64) + body
}

fn fields_size(record: &Record) -> usize {
    let bytes = |b: Option<usize>| b.map_or(1, |length| varint_size(length as i64) + length);
    let header =
        |(key, value): &(String, Option<Bytes>)| bytes(Some(key.len())) + bytes(value.as_ref().map(Bytes::len));
    let (key, value) = (record.key.as_ref().map(Bytes::len), record.value.as_ref().map(Bytes::len));
    let headers: usize = record.headers.iter().map(header).sum();
    bytes(key) + bytes(value) + varint_size(record.headers.len() as i64) + headers
}

/// The records of a batch with their offsets.
pub fn decode(batch: &Bytes) -> Result<Vec<(i64, Record)>, BatchError> {
    let header = header(batch)?;
    let records = match header.compression()? {
        Compression::None => batch.slice(HEADER_LEN..header.size),
        codec => codec.decompress(&batch[HEADER_LEN..header.size])?.into(),
    };
    let own = |part: Option<&[u8]>| part.map(|part| records.slice_ref(part));
    let mut found = Vec::new();
    let mut rest = &records[..];
    for _ in 0..header.record_count {
        let mut headers = Vec::new();
        let seen = get_record(&mut rest, |key, value| headers.push((key.to_owned(), own(value))))?;
        let timestamp_ms = header.base_timestamp_ms.wrapping_add(seen.timestamp_delta);
        let record = Record { timestamp_ms, key: own(seen.key), value: own(seen.value), headers };
        found.push((header.base_offset.wrapping_add(seen.offset_delta), record));
    }
    nothing_follows(rest)?;
    Ok(found)
}

/// Checks that the records of a batch parse, and are as many as it says, without keeping any.
pub fn check_records(batch: &[u8]) -> Result<(), BatchError> {
    look_at_records(batch, |_, _| {})
}

/// Shows the offset and the value of each record of a batch, as far as they parse.
///
/// # Errors
/// They do not all parse, or are not as many as the batch says.
pub fn look_at_records(batch: &[u8], mut seen: impl FnMut(i64, Option<&[u8]>)) -> Result<(), BatchError> {
    let header = header(batch)?;
    let packed = &batch[HEADER_LEN..header.size];
    let unpacked = match header.compression()? {
        Compression::None => None,
        codec => Some(codec.decompress(packed)?),
    };
    let mut rest = unpacked.as_deref().unwrap_or(packed);
    for _ in 0..header.record_count {
        let record = get_record(&mut rest, |_, _| {})?;
        seen(header.base_offset.wrapping_add(record.offset_delta), record.value);
    }
    nothing_follows(rest)
}

fn nothing_follows(rest: &[u8]) -> Result<(), BatchError> {
    if rest.is_empty() { Ok(()) } else { Err(BatchError::Record("bytes follow the last record")) }
}

fn put_record(out: &mut BytesMut, record: &Record, timestamp_delta: i64, offset_delta: i64) {
    let body = 1 + varint_size(timestamp_delta) + varint_size(offset_delta) + fields_size(record);
    put_varint(out, body as i64);
    out.put_i8(0);
    put_varint(out, timestamp_delta);
    put_varint(out, offset_delta);
    put_bytes(out, record.key.as_deref());
    put_bytes(out, record.value.as_deref());
    put_varint(out, record.headers.len() as i64);
    for (key, value) in &record.headers {
        put_bytes(out, Some(key.as_bytes()));
        put_bytes(out, value.as_deref());
    }
}

/// A record where it lies in its batch, without its headers.
struct Seen<'a> {
    timestamp_delta: i64,
    offset_delta: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

/// Takes the next record, and shows its headers to `header`.
fn get_record<'a>(
    rest: &mut &'a [u8],
    mut header: impl FnMut(&'a str, Option<&'a [u8]>),
) -> Result<Seen<'a>, BatchError> {
    let length = get_varint(rest)?;
    if length < 0 || length as usize > rest.len() {
        return Err(BatchError::Record("a record is longer than its batch"));
    }
    let (mut body, after) = rest.split_at(length as usize);
    *rest = after;
    if body.is_empty() {
        return Err(BatchError::Record("a record is empty"));
    }
    body.advance(1);
    let (timestamp_delta, offset_delta) = (get_varint(&mut body)?, get_varint(&mut body)?);
    let (key, value) = (get_bytes(&mut body)?, get_bytes(&mut body)?);
    for _ in 0..get_varint(&mut body)? {
        let key = get_bytes(&mut body)?.ok_or(BatchError::Record("a header has no key"))?;
        let key = std::str::from_utf8(key).map_err(|_| BatchError::Record("a header key is not UTF-8"))?;
        header(key, get_bytes(&mut body)?);
    }
    if !body.is_empty() {
        return Err(BatchError::Record("bytes follow a record's headers"));
    }
    Ok(Seen { timestamp_delta, offset_delta, key, value })
}

fn put_varint(out: &mut BytesMut, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag >= 0x80 {
        out.put_u8(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.put_u8(zigzag as u8);
}

/// How many bytes a number takes as a zig-zag varint.
fn varint_size(value: i64) -> usize {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    (64 - (zigzag | 1).leading_zeros() as usize).div_ceil(7)
}

fn get_varint(rest: &mut &[u8]) -> Result<i64, BatchError> {
    let mut zigzag = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = rest.try_get_u8().map_err(|_| BatchError::Record("a number is cut short"))?;
        zigzag |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
        }
    }
    Err(BatchError::Record("a number is too long"))
}

fn put_bytes(out: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varint(out, -1),
        Some(bytes) => {
            put_varint(out, bytes.len() as i64);
            out.put_slice(bytes);
        }
    }
}

fn get_bytes<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, BatchError> {
    match get_varint(rest)? {
        -1 => Ok(None),
        n if n >= 0 && n as usize <= rest.len() => {
            let (bytes, after) = rest.split_at(n as usize);
            *rest = after;
            Ok(Some(bytes))
        }
        _ => Err(BatchError::Record("a field is longer than its record")),
    }
}

fn i16_at(bytes: &[u8], at: usize) -> i16 {
    i16::from_be_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checking_records_finds_what_decoding_them_finds() {
        let record = |n: i64| Record {
            timestamp_ms: n,
            key: (n % 2 == 0).then(|| Bytes::from_static(b"key")),
            value: Some(Bytes::from_static(b"value")),
            headers: vec![("header".into(), Some(Bytes::from_static(b"h"))), ("none".into(), None)],
        };
        let records: Vec<Record> = (0..3).map(record).collect();
        for compression in [Compression::None, Compression::Gzip] {
            let sound = build_with(records.iter(), compression, 6, ProducerStamp::NONE);
            assert_eq!(check_records(&sound), Ok(()));
            let mut wrong = 0;
            for at in 0..sound.len() {
                for bit in 0..8 {
                    let mut damaged = sound.to_vec();
                    damaged[at] ^= 1 << bit;
                    let found = check_records(&damaged);
                    assert_eq!(found, decode(&damaged.into()).map(drop), "bit {bit} of byte {at}");
                    wrong += usize::from(found.is_err());
                }
            }
            assert!(wrong > 100, "{wrong} of the damaged batches are refused");
        }
    }
}
