//! Any frame as a tree of fields with their places in the bytes.
//!
//! The tree follows Kafka's own message definitions (`schema.txt`), not the crate's types. It serves whoever wants to see
//! a message: the inspector, and the wire log.

use super::message::FrameError;
use super::schema::{Definition, Direction, Kind, REQUEST_HEADER, RESPONSE_HEADER, schema};
use kafka_protocol::messages::ApiKey;
use std::ops::Range;
use uuid::Uuid;

/// A field of a message, or an element of an array.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Kafka's name for it; empty for an element of an array.
    pub name: &'static str,
    /// Where it lies in the frame, its length prefix included.
    pub range: Range<usize>,
    /// What it holds.
    pub value: Value,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number of any width.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// A text.
    Text(String),
    /// An identifier.
    Uuid(Uuid),
    /// Bytes, by their place in the frame.
    Bytes(Range<usize>),
    /// Record batches, by their place in the frame.
    Records(Range<usize>),
    /// An array.
    Array(Vec<Field>),
    /// A structure.
    Struct(Vec<Field>),
}

/// A request frame (without its length prefix) as header and body.
///
/// # Errors
/// Where and why it does not parse.
pub fn request(frame: &[u8]) -> Result<(Vec<Field>, Vec<Field>), FrameError> {
    Reader { frame, at: 0 }.request()
}

/// A response frame (without its length prefix) to a request of `api` at `version`, as header and body.
///
/// # Errors
/// Where and why it does not parse.
pub fn response(frame: &[u8], api: ApiKey, version: i16) -> Result<(Vec<Field>, Vec<Field>), FrameError> {
    let mut reader = Reader { frame, at: 0 };
    let header = reader.message((RESPONSE_HEADER, Direction::Header), api.response_header_version(version))?;
    let body = reader.message((api as i16, Direction::Response), version)?;
    Ok((header, body))
}

/// The body of a request of an API, without its header: as many bytes as it takes.
///
/// # Errors
/// Where and why it does not parse.
pub fn request_body(bytes: &[u8], api_key: i16, version: i16) -> Result<Vec<Field>, FrameError> {
    Reader { frame: bytes, at: 0 }.message((api_key, Direction::Request), version)
}

/// The body of a response to a request of an API, without its header: as many bytes as it takes.
///
/// # Errors
/// Where and why it does not parse.
pub fn response_body(bytes: &[u8], api_key: i16, version: i16) -> Result<Vec<Field>, FrameError> {
    Reader { frame: bytes, at: 0 }.message((api_key, Direction::Response), version)
}

/// Walks a frame.
struct Reader<'a> {
    frame: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn request(&mut self) -> Result<(Vec<Field>, Vec<Field>), FrameError> {
        let frame = self.frame;
        if frame.len() < 8 {
            return Err(FrameError::TooShort(frame.len()));
        }
        let (key, version) = (i16::from_be_bytes([frame[0], frame[1]]), i16::from_be_bytes([frame[2], frame[3]]));
        let api = ApiKey::try_from(key).map_err(|()| FrameError::UnknownApi(key))?;
        let header = self.message((REQUEST_HEADER, Direction::Header), api.request_header_version(version))?;
        let body = self.message((key, Direction::Request), version)?;
        Ok((header, body))
    }

    fn message(&mut self, key: (i16, Direction), version: i16) -> Result<Vec<Field>, FrameError> {
        let schema = schema(key).ok_or(FrameError::UnknownApi(key.0))?;
        self.fields(&schema.fields, version, schema.flexible.contains(&version))
    }

    fn fields(
        &mut self,
        definitions: &'static [Definition],
        version: i16,
        flexible: bool,
    ) -> Result<Vec<Field>, FrameError> {
        let mut fields = Vec::new();
        for definition in definitions.iter().filter(|d| d.versions.contains(&version) && d.tag_at(version).is_none()) {
            fields.push(self.field(definition, version, flexible)?);
        }
        if flexible {
            for _ in 0..self.unsigned_varint()? {
                let (tag, length) = (self.unsigned_varint()?, self.unsigned_varint()? as usize);
                let start = self.at;
                match definitions.iter().find(|d| d.tag_at(version) == Some(tag)) {
                    Some(definition) => fields.push(self.field(definition, version, flexible)?),
                    None => drop(self.take(length)?),
                }
                if self.at != start + length {
                    return Err(self.wrong("a tagged field has another length than it says"));
                }
            }
        }
        Ok(fields)
    }

    fn field(&mut self, definition: &'static Definition, version: i16, flexible: bool) -> Result<Field, FrameError> {
        let start = self.at;
        let flexible = flexible && definition.may_be_compact;
        let nullable = definition.nullable.contains(&version);
        let value = if definition.array {
            match self.length(4, flexible)? {
                None if nullable => Value::Null,
                None => return Err(self.wrong("null where an array must be")),
                // Every element takes a byte at least.
                Some(count) if count > self.frame.len() - self.at => {
                    return Err(self.wrong("an array is longer than its frame"));
                }
                Some(count) => {
                    let elements = (0..count).map(|_| self.element(definition, version, flexible));
                    Value::Array(elements.collect::<Result<_, _>>()?)
                }
            }
        } else if definition.kind == Kind::Struct && nullable && self.int(1)? < 0 {
            Value::Null
        } else {
            self.value(definition, version, flexible, nullable)?
        };
        Ok(Field { name: definition.name, range: start..self.at, value })
    }

    fn element(&mut self, definition: &'static Definition, version: i16, flexible: bool) -> Result<Field, FrameError> {
        let start = self.at;
        let value = self.value(definition, version, flexible, false)?;
        Ok(Field { name: "", range: start..self.at, value })
    }

    fn value(
        &mut self,
        definition: &'static Definition,
        version: i16,
        flexible: bool,
        nullable: bool,
    ) -> Result<Value, FrameError> {
        Ok(match definition.kind {
            Kind::Bool => Value::Bool(self.int(1)? != 0),
            Kind::Int(width) => Value::Int(self.int(width)?),
            Kind::UInt16 => Value::Int(self.int(2)? & 0xffff),
            Kind::Float64 => Value::Float(f64::from_bits(self.int(8)? as u64)),
            Kind::Uuid => Value::Uuid(Uuid::from_slice(self.take(16)?).expect("16 bytes")),
            Kind::Struct => Value::Struct(self.fields(&definition.fields, version, flexible)?),
            Kind::Text | Kind::Bytes | Kind::Records => {
                let width = if definition.kind == Kind::Text { 2 } else { 4 };
                let Some(length) = self.length(width, flexible)? else {
                    return if nullable { Ok(Value::Null) } else { Err(self.wrong("null where a value must be")) };
                };
                let start = self.at;
                let bytes = self.take(length)?;
                match definition.kind {
                    Kind::Text => match std::str::from_utf8(bytes) {
                        Ok(text) => Value::Text(text.to_string()),
                        Err(_) => return Err(self.wrong("a text is not UTF-8")),
                    },
                    Kind::Records => Value::Records(start..start + length),
                    _ => Value::Bytes(start..start + length),
                }
            }
        })
    }

    /// A length: compact (one more than it is, 0 for null), or of `width` bytes (negative for null).
    fn length(&mut self, width: usize, compact: bool) -> Result<Option<usize>, FrameError> {
        let length = if compact { i64::from(self.unsigned_varint()?) - 1 } else { self.int(width)? };
        Ok(usize::try_from(length).ok())
    }

    fn unsigned_varint(&mut self) -> Result<u32, FrameError> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u32::from(byte & 0x7f).wrapping_shl(shift);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.wrong("a number is too long"))
    }

    fn int(&mut self, width: usize) -> Result<i64, FrameError> {
        let bytes = self.take(width)?;
        let sign = if bytes[0] & 0x80 != 0 { -1 } else { 0 };
        Ok(bytes.iter().fold(sign, |value, byte| value << 8 | i64::from(*byte)))
    }

    fn take(&mut self, length: usize) -> Result<&[u8], FrameError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.frame.len());
        let end = end.ok_or_else(|| self.wrong("the frame ends too early"))?;
        let bytes = &self.frame[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    fn wrong(&self, why: &str) -> FrameError {
        FrameError::Malformed(format!("{why}, at byte {}", self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_field_by_field() {
        // Metadata v12 of one topic by name, from the client "py".
        let frame = b"\0\x03\0\x0c\0\0\0\x01\0\x02py\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03t1\0\x01\0\0";
        let (header, body) = request(frame).unwrap();
        assert_eq!((header[3].name, &header[3].value), ("ClientId", &Value::Text("py".into())));
        let Value::Array(topics) = &body[0].value else { panic!("{body:?}") };
        let Value::Struct(topic) = &topics[0].value else { panic!("{topics:?}") };
        assert_eq!((topic[1].name, &topic[1].value), ("Name", &Value::Text("t1".into())));
        assert_eq!(&frame[topic[1].range.clone()], b"\x03t1");
        assert_eq!((body[1].name, &body[1].value), ("AllowAutoTopicCreation", &Value::Bool(true)));
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        // Metadata v1 of two thousand million topics.
        let huge = b"\0\x03\0\x01\0\0\0\x01\xff\xff\x7f\xff\xff\xff";
        let Err(FrameError::Malformed(why)) = request(huge) else { panic!("refused") };
        assert!(why.contains("an array is longer than its frame"), "{why}");
        for frame in [&b"\0\x12\0\x03\0\0\0\x01\0\x05ab"[..], b"\0\x03\0\x01\0\0\0\x01\xff\xff\0\0\0\x01\xff\xff"] {
            assert!(matches!(request(frame), Err(FrameError::Malformed(_))));
        }
    }
}
