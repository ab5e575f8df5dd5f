//! Messages to bytes and back, by Kafka's own definitions of them (`schema.txt`).
//!
//! The crate's types have a codec for each message, in which each version of each field is code of its own: a tenth of
//! what the page transfers. Here a message only says where its fields are (`fields.rs`), and one walk over its definition
//! counts, writes or reads it. A build for development compares every message with what the crate makes of it
//! (`bodies.rs`), which also finds a field that is set and that the version does not have.
//!
//! What is read may come from outside: a length that the frame cannot hold is refused before anything is allocated for it.

use super::message::FrameError;
use super::schema::{Definition, Direction, Fields, Schema, schema};
use super::{BrokerId, StrBytes, TopicName};
use crate::base::Sort;
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{GroupId, ProducerId, TransactionalId};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What a field holds.
pub(super) trait Item {
    /// Writes it, or counts its bytes.
    fn write(&self, definition: &Definition, out: &mut Writer<'_>);

    /// Reads it.
    fn read(&mut self, definition: &Definition, input: &mut Reader) -> Result<(), FrameError>;

    /// Whether it holds what it does when nothing is said of it: then it is not written where it is tagged.
    fn is_default(&self, definition: &Definition) -> bool;
}

/// Fields in the order of their definition.
pub(super) trait Structure {
    /// A field.
    fn field(&self, n: usize) -> Option<&dyn Item>;

    /// A field, to be read.
    fn field_mut(&mut self, n: usize) -> Option<&mut dyn Item>;

    /// Tagged fields that the definition does not have. None where no version has tagged fields.
    fn unknown(&self) -> Option<&BTreeMap<i32, Bytes>> {
        None
    }

    /// The same, to be read.
    fn unknown_mut(&mut self) -> Option<&mut BTreeMap<i32, Bytes>> {
        None
    }
}

const FIELD: &str = "fields.rs has every field of the definition";

/// Where a message's bytes go.
pub(super) struct Writer<'a> {
    out: Option<&'a mut BytesMut>,
    size: usize,
    version: i16,
    flexible: bool,
}

impl<'a> Writer<'a> {
    /// Writes a message at a version, or without a place to write it to counts its bytes; how many they are.
    pub(super) fn message(
        message: (i16, Direction),
        version: i16,
        fields: &dyn Structure,
        out: Option<&'a mut BytesMut>,
    ) -> usize {
        let schema = schema(message).filter(|schema| schema.valid.contains(&version)).expect("Kafka has this version");
        let mut writer = Writer { out, size: 0, version, flexible: schema.flexible.contains(&version) };
        writer.fields(&schema.fields, fields);
        writer.size
    }

    fn fields(&mut self, definitions: &Fields, fields: &dyn Structure) {
        let Some(_) = self.out else { return self.count(definitions, fields) };
        let mut tagged = Vec::new();
        for (n, definition) in definitions.iter().enumerate() {
            if definition.versions.contains(&self.version) {
                let field = fields.field(n).expect(FIELD);
                match definition.tag_at(self.version) {
                    None => field.write(definition, self),
                    Some(_) if field.is_default(definition) => {}
                    Some(tag) => tagged.push((tag, n)),
                }
            }
        }
        if self.flexible {
            let unknown = self.tags(tagged.len(), fields);
            tagged.order();
            for (tag, n) in tagged {
                self.tagged(tag, &definitions[n], fields.field(n).expect(FIELD));
            }
            self.unknown(unknown);
        }
    }

    /// Counts fields. Most are numbers, which need not be looked at.
    fn count(&mut self, definitions: &Fields, fields: &dyn Structure) {
        let (counted, mut tags) = (definitions.counted(self.version), 0);
        self.size += counted.width;
        for n in &counted.others {
            let (definition, field) = (&definitions[*n], fields.field(*n).expect(FIELD));
            match definition.tag_at(self.version) {
                None => field.write(definition, self),
                Some(_) if field.is_default(definition) => {}
                Some(tag) => {
                    tags += 1;
                    self.tagged(tag, definition, field);
                }
            }
        }
        if self.flexible {
            let unknown = self.tags(tags, fields);
            self.unknown(unknown);
        }
    }

    /// How many tagged fields follow; those that the definition does not have are given back.
    fn tags<'f>(&mut self, known: usize, fields: &'f dyn Structure) -> Option<&'f BTreeMap<i32, Bytes>> {
        let unknown = fields.unknown().filter(|unknown| !unknown.is_empty());
        self.unsigned_varint(known + unknown.map_or(0, BTreeMap::len));
        unknown
    }

    fn unknown(&mut self, unknown: Option<&BTreeMap<i32, Bytes>>) {
        for (tag, bytes) in unknown.into_iter().flatten() {
            self.unsigned_varint(*tag as usize);
            self.unsigned_varint(bytes.len());
            self.put(bytes);
        }
    }

    /// A field behind its tag and its size.
    fn tagged(&mut self, tag: u32, definition: &Definition, field: &dyn Item) {
        let mut count = Writer { out: None, size: 0, ..*self };
        field.write(definition, &mut count);
        let size = count.size;
        self.unsigned_varint(tag as usize);
        self.unsigned_varint(size);
        match self.out {
            Some(_) => field.write(definition, self),
            None => self.size += size,
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.size += bytes.len();
        if let Some(out) = &mut self.out {
            out.extend_from_slice(bytes);
        }
    }

    fn int(&mut self, value: i64, width: usize) {
        self.put(&value.to_be_bytes()[8 - width..]);
    }

    fn unsigned_varint(&mut self, value: usize) {
        let mut left = value as u32;
        while left >= 0x80 {
            self.put(&[left as u8 | 0x80]);
            left >>= 7;
        }
        self.put(&[left as u8]);
    }

    /// A length, or null: compact, or in `width` bytes.
    fn length(&mut self, definition: &Definition, length: Option<usize>, width: usize) {
        if self.flexible && definition.may_be_compact {
            self.unsigned_varint(length.map_or(0, |length| length + 1));
        } else {
            self.int(length.map_or(-1, |length| length as i64), width);
        }
    }

    /// Bytes behind their length, or null.
    fn bytes(&mut self, definition: &Definition, bytes: Option<&[u8]>, width: usize) {
        self.length(definition, bytes.map(<[u8]>::len), width);
        self.put(bytes.unwrap_or_default());
    }
}

/// Where a message's bytes come from: a frame without its length prefix.
pub(super) struct Reader {
    frame: Bytes,
    at: usize,
    version: i16,
    flexible: bool,
}

impl Reader {
    /// From the beginning of a frame.
    pub(super) fn new(frame: Bytes) -> Self {
        Self { frame, at: 0, version: 0, flexible: false }
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> Bytes {
        self.frame.slice(self.at..)
    }

    /// Reads a message at a version into one that is empty.
    ///
    /// # Errors
    /// Where and why it does not parse.
    pub(super) fn message(
        &mut self,
        message: (i16, Direction),
        version: i16,
        fields: &mut dyn Structure,
    ) -> Result<(), FrameError> {
        let Schema { fields: definitions, valid, flexible } =
            schema(message).ok_or(FrameError::UnknownApi(message.0))?;
        if !valid.contains(&version) {
            return Err(FrameError::Malformed("specified version not supported by this message type".into()));
        }
        (self.version, self.flexible) = (version, flexible.contains(&version));
        self.fields(definitions, fields)
    }

    fn fields(&mut self, definitions: &[Definition], fields: &mut dyn Structure) -> Result<(), FrameError> {
        let version = self.version;
        for (n, definition) in definitions.iter().enumerate() {
            if definition.versions.contains(&version) && definition.tag_at(version).is_none() {
                fields.field_mut(n).expect(FIELD).read(definition, self)?;
            }
        }
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.unsigned_varint()? {
            let (tag, length) = (self.unsigned_varint()?, self.unsigned_varint()? as usize);
            let start = self.at;
            match definitions.iter().position(|definition| definition.tag_at(version) == Some(tag)) {
                Some(n) => fields.field_mut(n).expect(FIELD).read(&definitions[n], self)?,
                None => {
                    let bytes = self.take(length)?;
                    fields.unknown_mut().and_then(|unknown| unknown.insert(tag as i32, bytes));
                }
            }
            if self.at != start + length {
                return Err(self.wrong("a tagged field has another length than it says"));
            }
        }
        Ok(())
    }

    fn take(&mut self, length: usize) -> Result<Bytes, FrameError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.frame.len());
        let end = end.ok_or_else(|| self.wrong("the frame ends too early"))?;
        let bytes = self.frame.slice(self.at..end);
        self.at = end;
        Ok(bytes)
    }

    fn int(&mut self, width: usize) -> Result<i64, FrameError> {
        let Some(bytes) = self.frame.get(self.at..self.at + width) else {
            return Err(self.wrong("the frame ends too early"));
        };
        self.at += width;
        let sign = if bytes[0] & 0x80 != 0 { -1 } else { 0 };
        Ok(bytes.iter().fold(sign, |value, byte| value << 8 | i64::from(*byte)))
    }

    fn unsigned_varint(&mut self) -> Result<u32, FrameError> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let byte = self.int(1)? as u32;
            value |= (byte & 0x7f).wrapping_shl(shift);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.wrong("a number is too long"))
    }

    /// A length: compact (one more than it is, 0 for null), or of `width` bytes (negative for null). None for null.
    fn length(&mut self, definition: &Definition, width: usize) -> Result<Option<usize>, FrameError> {
        let compact = self.flexible && definition.may_be_compact;
        let length = if compact { i64::from(self.unsigned_varint()?) - 1 } else { self.int(width)? };
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if definition.nullable.contains(&self.version) => Ok(None),
            Err(_) if definition.array => Err(self.wrong("null where an array must be")),
            Err(_) => Err(self.wrong("null where a value must be")),
        }
    }

    /// How many elements an array has. Every element takes a byte at least.
    fn count(&mut self, definition: &Definition) -> Result<Option<usize>, FrameError> {
        let count = self.length(definition, 4)?;
        if count.is_some_and(|count| count > self.frame.len() - self.at) {
            return Err(self.wrong("an array is longer than its frame"));
        }
        Ok(count)
    }

    /// Bytes behind their length, or null.
    fn bytes(&mut self, definition: &Definition, width: usize) -> Result<Option<Bytes>, FrameError> {
        self.length(definition, width)?.map(|length| self.take(length)).transpose()
    }

    fn text(&mut self, definition: &Definition) -> Result<Option<StrBytes>, FrameError> {
        let Some(bytes) = self.bytes(definition, 2)? else { return Ok(None) };
        StrBytes::from_utf8(bytes).map(Some).map_err(|_| self.wrong("a text is not UTF-8"))
    }

    fn wrong(&self, why: &str) -> FrameError {
        FrameError::Malformed(format!("{why}, at byte {}", self.at))
    }
}

impl<T: Structure> Item for T {
    fn write(&self, definition: &Definition, out: &mut Writer<'_>) {
        out.fields(&definition.fields, self);
    }

    fn read(&mut self, definition: &Definition, input: &mut Reader) -> Result<(), FrameError> {
        input.fields(&definition.fields, self)
    }

    fn is_default(&self, definition: &Definition) -> bool {
        all_default(self, &definition.fields)
    }
}

fn all_default(fields: &dyn Structure, definitions: &[Definition]) -> bool {
    let mut all = definitions.iter().enumerate();
    all.all(|(n, definition)| fields.field(n).expect(FIELD).is_default(definition))
        && fields.unknown().is_none_or(BTreeMap::is_empty)
}

impl<T: Structure + Default> Item for Option<T> {
    fn write(&self, definition: &Definition, out: &mut Writer<'_>) {
        if definition.nullable.contains(&out.version) {
            out.int(if self.is_some() { 1 } else { -1 }, 1);
        }
        if let Some(fields) = self {
            out.fields(&definition.fields, fields);
        }
    }

    fn read(&mut self, definition: &Definition, input: &mut Reader) -> Result<(), FrameError> {
        *self = None;
        if definition.nullable.contains(&input.version) && input.int(1)? < 0 {
            return Ok(());
        }
        input.fields(&definition.fields, self.insert(T::default()))
    }

    fn is_default(&self, _definition: &Definition) -> bool {
        self.is_none()
    }
}

impl<T: Item + Default> Item for Vec<T> {
    fn write(&self, definition: &Definition, out: &mut Writer<'_>) {
        out.length(definition, Some(self.len()), 4);
        self.iter().for_each(|element| element.write(definition, out));
    }

    fn read(&mut self, definition: &Definition, input: &mut Reader) -> Result<(), FrameError> {
        for _ in 0..input.count(definition)?.unwrap_or_default() {
            self.push(T::default());
            self.last_mut().expect("it was pushed").read(definition, input)?;
        }
        Ok(())
    }

    fn is_default(&self, _definition: &Definition) -> bool {
        self.is_empty()
    }
}

impl<T: Item + Default> Item for Option<Vec<T>> {
    fn write(&self, definition: &Definition, out: &mut Writer<'_>) {
        match self {
            Some(elements) => elements.write(definition, out),
            None => out.length(definition, None, 4),
        }
    }

    fn read(&mut self, definition: &Definition, input: &mut Reader) -> Result<(), FrameError> {
        *self = None;
        let Some(count) = input.count(definition)? else { return Ok(()) };
        let elements = self.insert(Vec::new());
        for _ in 0..count {
            elements.push(T::default());
            elements.last_mut().expect("it was pushed").read(definition, input)?;
        }
        Ok(())
    }

    fn is_default(&self, _definition: &Definition) -> bool {
        self.is_none()
    }
}

macro_rules! numbers {
    ($($type:ty, $width:literal;)*) => {
        $(impl Item for $type {
            fn write(&self, _definition: &Definition, out: &mut Writer<'_>) {
                out.int(i64::from(*self), $width);
            }

            fn read(&mut self, _definition: &Definition, input: &mut Reader) -> Result<(), FrameError> {
                *self = input.int($width)? as $type;
                Ok(())
            }

            fn is_default(&self, definition: &Definition) -> bool {
                i64::from(*self) == definition.default
            }
        })*
    };
}

numbers! { i8, 1; i16, 2; u16, 2; i32, 4; i64, 8; }

impl Item for bool {
    fn write(&self, _definition: &Definition, out: &mut Writer<'_>) {
        out.int(i64::from(*self), 1);
    }

    fn read(&mut self, _definition: &Definition, input: &mut Reader) -> Result<(), FrameError> {
        *self = input.int(1)? != 0;
        Ok(())
    }

    fn is_default(&self, definition: &Definition) -> bool {
        i64::from(*self) == definition.default
    }
}

impl Item for Uuid {
    fn write(&self, _definition: &Definition, out: &mut Writer<'_>) {
        out.put(self.as_bytes());
    }

    fn read(&mut self, _definition: &Definition, input: &mut Reader) -> Result<(), FrameError> {
        *self = Uuid::from_slice(&input.take(16)?).expect("16 bytes");
        Ok(())
    }

    fn is_default(&self, _definition: &Definition) -> bool {
        self.is_nil()
    }
}

impl Item for StrBytes {
    fn write(&self, definition: &Definition, out: &mut Writer<'_>) {
        out.bytes(definition, Some(self.as_bytes()), 2);
    }

    fn read(&mut self, definition: &Definition, input: &mut Reader) -> Result<(), FrameError> {
        *self = input.text(definition)?.unwrap_or_default();
        Ok(())
    }

    fn is_default(&self, _definition: &Definition) -> bool {
        self.is_empty()
    }
}

impl Item for Option<StrBytes> {
    fn write(&self, definition: &Definition, out: &mut Writer<'_>) {
        out.bytes(definition, self.as_ref().map(|text| text.as_bytes()), 2);
    }

    fn read(&mut self, definition: &Definition, input: &mut Reader) -> Result<(), FrameError> {
        *self = input.text(definition)?;
        Ok(())
    }

    fn is_default(&self, _definition: &Definition) -> bool {
        self.is_none()
    }
}

impl Item for Bytes {
    fn write(&self, definition: &Definition, out: &mut Writer<'_>) {
        out.bytes(definition, Some(self), 4);
    }

    fn read(&mut self, definition: &Definition, input: &mut Reader) -> Result<(), FrameError> {
        *self = input.bytes(definition, 4)?.unwrap_or_default();
        Ok(())
    }

    fn is_default(&self, _definition: &Definition) -> bool {
        self.is_empty()
    }
}

impl Item for Option<Bytes> {
    fn write(&self, definition: &Definition, out: &mut Writer<'_>) {
        out.bytes(definition, self.as_deref(), 4);
    }

    fn read(&mut self, definition: &Definition, input: &mut Reader) -> Result<(), FrameError> {
        *self = input.bytes(definition, 4)?;
        Ok(())
    }

    fn is_default(&self, _definition: &Definition) -> bool {
        self.is_none()
    }
}

/// The crate's names for what a number or a text stands for.
macro_rules! named {
    ($($type:ident)*) => {
        $(impl Item for $type {
            fn write(&self, definition: &Definition, out: &mut Writer<'_>) {
                self.0.write(definition, out);
            }

            fn read(&mut self, definition: &Definition, input: &mut Reader) -> Result<(), FrameError> {
                self.0.read(definition, input)
            }

            fn is_default(&self, definition: &Definition) -> bool {
                self.0.is_default(definition)
            }
        })*
    };
}

named! { BrokerId ProducerId GroupId TopicName TransactionalId }

/// Texts of that sort that may be null.
macro_rules! named_or_null {
    ($($type:ident)*) => {
        $(impl Item for Option<$type> {
            fn write(&self, definition: &Definition, out: &mut Writer<'_>) {
                out.bytes(definition, self.as_ref().map(|text| text.as_bytes()), 2);
            }

            fn read(&mut self, definition: &Definition, input: &mut Reader) -> Result<(), FrameError> {
                *self = input.text(definition)?.map($type);
                Ok(())
            }

            fn is_default(&self, _definition: &Definition) -> bool {
                self.is_none()
            }
        })*
    };
}

named_or_null! { TopicName TransactionalId }
