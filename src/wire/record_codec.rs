//! How the fields of a generated record become bytes. Kafka has two encodings: the flexible one (KIP-482), in which
//! lengths are unsigned varints and optional fields are tagged, and the older one, in which a text's length has 16 bits,
//! any other length 32, and null is the length -1. The metadata log's records have been flexible since version 0; those
//! of `__consumer_offsets` are older, and mostly are not.
//!
//! The protocol crate's own codec of single fields is private to it, so this is ours.

use super::StrBytes;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::fmt;
use uuid::Uuid;

/// Why bytes are not a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The bytes end inside a field.
    Truncated,
    /// A text is not UTF-8.
    NotUtf8,
    /// Null where the field has no null, or a length that no field has.
    Length,
    /// A frame version other than 1.
    Frame(u32),
    /// No record has this api key.
    ApiKey(i16),
    /// A version that the record with this api key does not have.
    Version(i16, i16),
    /// So many bytes follow the record.
    Garbage(usize),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the record ends inside a field"),
            Self::NotUtf8 => f.write_str("a text in the record is not UTF-8"),
            Self::Length => f.write_str("a field of the record has a length that it cannot have"),
            Self::Frame(version) => write!(f, "frame version {version} is not 1"),
            Self::ApiKey(key) => write!(f, "no record has api key {key}"),
            Self::Version(key, version) => write!(f, "the record with api key {key} has no version {version}"),
            Self::Garbage(n) => write!(f, "{n} bytes follow the record"),
        }
    }
}

impl std::error::Error for RecordError {}

/// The version at which a record is written or read, and its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) version: i16,
    pub(super) flexible: bool,
}

impl Format {
    /// A version of a record that has always been flexible.
    pub(super) fn flexible(version: i16) -> Self {
        Self { version, flexible: true }
    }
}

/// A field that can be written and read.
pub(super) trait Wire: Sized {
    fn put(&self, out: &mut BytesMut, format: Format);
    fn get(input: &mut Bytes, format: Format) -> Result<Self, RecordError>;
}

/// A key or value in a coordinator's log (`coordinator-key` and `coordinator-value` in Kafka's schemas).
pub(super) trait CoordinatorMessage: Wire {
    /// Which kind of record it is of. A key begins with it.
    const API_KEY: i16;
    /// The last version that Kafka 4.1 reads. A value begins with its version.
    const MAX_VERSION: i16;
    /// The first version in the flexible encoding; `i16::MAX` where none is.
    const FLEXIBLE_FROM: i16;

    /// How `version` is written.
    fn format(version: i16) -> Format {
        Format { version, flexible: version >= Self::FLEXIBLE_FROM }
    }
}

macro_rules! number {
    ($type:ty, $put:ident, $get:ident) => {
        impl Wire for $type {
            fn put(&self, out: &mut BytesMut, _format: Format) {
                out.$put(*self);
            }
            fn get(input: &mut Bytes, _format: Format) -> Result<Self, RecordError> {
                input.$get().map_err(|_| RecordError::Truncated)
            }
        }
    };
}

number!(i8, put_i8, try_get_i8);
number!(i16, put_i16, try_get_i16);
number!(u16, put_u16, try_get_u16);
number!(i32, put_i32, try_get_i32);
number!(i64, put_i64, try_get_i64);
number!(f64, put_f64, try_get_f64);

impl Wire for bool {
    fn put(&self, out: &mut BytesMut, _format: Format) {
        out.put_u8(u8::from(*self));
    }
    fn get(input: &mut Bytes, format: Format) -> Result<Self, RecordError> {
        Ok(i8::get(input, format)? != 0)
    }
}

impl Wire for Uuid {
    fn put(&self, out: &mut BytesMut, _format: Format) {
        out.put_slice(self.as_bytes());
    }
    fn get(input: &mut Bytes, _format: Format) -> Result<Self, RecordError> {
        Ok(Self::from_u128(input.try_get_u128().map_err(|_| RecordError::Truncated)?))
    }
}

impl Wire for StrBytes {
    fn put(&self, out: &mut BytesMut, format: Format) {
        put_length(out, Some(self.len()), Length::OfText, format);
        out.put_slice(self.as_bytes());
    }
    fn get(input: &mut Bytes, format: Format) -> Result<Self, RecordError> {
        Option::get(input, format)?.ok_or(RecordError::Length)
    }
}

impl Wire for Option<StrBytes> {
    fn put(&self, out: &mut BytesMut, format: Format) {
        match self {
            Some(text) => text.put(out, format),
            None => put_length(out, None, Length::OfText, format),
        }
    }
    fn get(input: &mut Bytes, format: Format) -> Result<Self, RecordError> {
        let Some(length) = get_length(input, Length::OfText, format)? else { return Ok(None) };
        StrBytes::from_utf8(input.split_to(length)).map(Some).map_err(|_| RecordError::NotUtf8)
    }
}

impl Wire for Bytes {
    fn put(&self, out: &mut BytesMut, format: Format) {
        put_length(out, Some(self.len()), Length::OfOthers, format);
        out.put_slice(self);
    }
    fn get(input: &mut Bytes, format: Format) -> Result<Self, RecordError> {
        let length = get_length(input, Length::OfOthers, format)?.ok_or(RecordError::Length)?;
        Ok(input.split_to(length))
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut BytesMut, format: Format) {
        put_length(out, Some(self.len()), Length::OfOthers, format);
        self.iter().for_each(|element| element.put(out, format));
    }
    fn get(input: &mut Bytes, format: Format) -> Result<Self, RecordError> {
        Option::get(input, format)?.ok_or(RecordError::Length)
    }
}

impl<T: Wire> Wire for Option<Vec<T>> {
    fn put(&self, out: &mut BytesMut, format: Format) {
        match self {
            Some(elements) => elements.put(out, format),
            None => put_length(out, None, Length::OfOthers, format),
        }
    }
    fn get(input: &mut Bytes, format: Format) -> Result<Self, RecordError> {
        let Some(length) = get_length(input, Length::OfOthers, format)? else { return Ok(None) };
        (0..length).map(|_| T::get(input, format)).collect::<Result<_, _>>().map(Some)
    }
}

/// The tagged fields at the end of a flexible struct.
#[derive(Default)]
pub(super) struct Tags {
    count: u32,
    bytes: BytesMut,
}

impl Tags {
    /// Adds a field; tags come in ascending order.
    pub(super) fn add(&mut self, tag: u32, value: &impl Wire, format: Format) {
        let mut field = BytesMut::new();
        value.put(&mut field, format);
        put_varint(&mut self.bytes, tag);
        put_varint(&mut self.bytes, field.len() as u32);
        self.bytes.put(field);
        self.count += 1;
    }

    pub(super) fn finish(self, out: &mut BytesMut, format: Format) {
        if format.flexible {
            put_varint(out, self.count);
            out.put(self.bytes);
        }
    }
}

/// Reads the tagged fields at the end of a flexible struct. A tag that the reader does not know it leaves out.
pub(super) fn read_tags(
    input: &mut Bytes,
    format: Format,
    mut take: impl FnMut(u32, &mut Bytes) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    if !format.flexible {
        return Ok(());
    }
    for _ in 0..get_varint(input)? {
        let (tag, size) = (get_varint(input)?, get_varint(input)? as usize);
        if size > input.len() {
            return Err(RecordError::Truncated);
        }
        take(tag, &mut input.split_to(size))?;
    }
    Ok(())
}

/// Whether a field is in the version that is written. A value that would be lost is a mistake of ours.
pub(super) fn only_in(there: bool, is_default: bool, field: &str) -> bool {
    assert!(there || is_default, "the record has {field}, which the version does not");
    there
}

/// What a length counts, which decides its size in the older encoding.
#[derive(Clone, Copy)]
enum Length {
    /// The bytes of a text: 16 bits.
    OfText,
    /// Bytes or elements: 32 bits.
    OfOthers,
}

fn put_length(out: &mut BytesMut, length: Option<usize>, kind: Length, format: Format) {
    match kind {
        _ if format.flexible => put_varint(out, length.map_or(0, |length| length as u32 + 1)),
        Length::OfText => {
            let fits = |length| i16::try_from(length).expect("a text of at most 32,767 bytes");
            out.put_i16(length.map_or(-1, fits));
        }
        Length::OfOthers => out.put_i32(length.map_or(-1, |length| length as i32)),
    }
}

/// Reads a length. What it counts takes a byte at least: a length beyond the input is a lie, and must not allocate.
fn get_length(input: &mut Bytes, kind: Length, format: Format) -> Result<Option<usize>, RecordError> {
    let length = match kind {
        _ if format.flexible => i64::from(get_varint(input)?) - 1,
        Length::OfText => i64::from(i16::get(input, format)?),
        Length::OfOthers => i64::from(i32::get(input, format)?),
    };
    match usize::try_from(length) {
        Ok(length) if length > input.len() => Err(RecordError::Truncated),
        Ok(length) => Ok(Some(length)),
        Err(_) if length == -1 => Ok(None),
        Err(_) => Err(RecordError::Length),
    }
}

pub(super) fn put_varint(out: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

pub(super) fn get_varint(input: &mut Bytes) -> Result<u32, RecordError> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let byte = input.try_get_u8().map_err(|_| RecordError::Truncated)?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(RecordError::Length)
}
