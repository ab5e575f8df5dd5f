//! The trace hash's hasher.

use serde::{Serialize, ser};
use std::fmt;
use xxhash_rust::xxh3::Xxh3;

/// A running 64-bit XXH3 over the bytes of a world's trace: same history, same value, on every platform.
#[derive(Clone)]
pub struct TraceHasher {
    hash: Box<Xxh3>,
    /// What has happened and is not in the hash yet: a few events are taken in at a time.
    buffer: Vec<u8>,
}

/// Bytes that are taken in together.
const TOGETHER: usize = 1_024;

impl TraceHasher {
    /// The hash of nothing yet.
    pub fn new() -> Self {
        Self { hash: Box::new(Xxh3::new()), buffer: Vec::new() }
    }

    /// Takes in what happened next.
    pub fn update(&mut self, event: &impl Serialize) {
        let Ok(()) = event.serialize(&mut Bytes(&mut self.buffer));
        if self.buffer.len() >= TOGETHER {
            self.hash.update(&self.buffer);
            self.buffer.clear();
        }
    }

    /// The hash of all bytes so far; more may follow.
    pub fn value(&self) -> u64 {
        let mut hash = self.hash.clone();
        hash.update(&self.buffer);
        hash.digest()
    }
}

impl Default for TraceHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TraceHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceHasher({:016x})", self.value())
    }
}

/// Writes what postcard does: numbers in as few bytes as they need, seven bits in each, signed ones zigzag; lengths before
/// what has them; names nowhere. An event is mostly small numbers, and postcard takes three times as long for them.
struct Bytes<'a>(&'a mut Vec<u8>);

impl Bytes<'_> {
    fn number(&mut self, mut value: u64) -> Result<(), Never> {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        Ok(())
    }
}

/// Memory takes everything.
#[derive(Debug)]
enum Never {}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for Never {}

impl ser::Error for Never {
    fn custom<T: fmt::Display>(message: T) -> Self {
        panic!("an event that cannot be written: {message}")
    }
}

macro_rules! numbers {
    ($($method:ident($type:ty) $value:ident => $number:expr;)*) => {
        $(fn $method(self, $value: $type) -> Result<(), Never> {
            self.number($number)
        })*
    };
}

impl ser::Serializer for &mut Bytes<'_> {
    type Ok = ();
    type Error = Never;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    numbers! {
        serialize_u16(u16) value => value.into();
        serialize_u32(u32) value => value.into();
        serialize_u64(u64) value => value;
        serialize_i16(i16) value => ((value << 1) ^ (value >> 15)) as u16 as u64;
        serialize_i32(i32) value => ((value << 1) ^ (value >> 31)) as u32 as u64;
        serialize_i64(i64) value => ((value << 1) ^ (value >> 63)) as u64;
    }

    fn serialize_bool(self, value: bool) -> Result<(), Never> {
        self.serialize_u8(value.into())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Never> {
        self.0.push(value);
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Never> {
        self.serialize_u8(value as u8)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Never> {
        self.0.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Never> {
        self.0.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Never> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Never> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Never> {
        self.number(value.len() as u64)?;
        self.0.extend_from_slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Never> {
        self.serialize_u8(0)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Never> {
        self.0.push(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, variant: u32, _: &'static str) -> Result<(), Never> {
        self.number(variant.into())
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Result<(), Never> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        self.number(variant.into())?;
        value.serialize(self)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self, Never> {
        self.number(len.expect("a sequence knows its length") as u64)?;
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Never> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Never> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &'static str, variant: u32, _: &'static str, _: usize) -> Result<Self, Never> {
        self.number(variant.into())?;
        Ok(self)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self, Never> {
        self.serialize_seq(len)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Never> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &'static str, variant: u32, _: &'static str, _: usize) -> Result<Self, Never> {
        self.number(variant.into())?;
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The parts of what has parts, one after the other.
macro_rules! parts {
    ($($of:ident: $($part:ident($($name:ident)?))+;)*) => {
        $(impl ser::$of for &mut Bytes<'_> {
            type Ok = ();
            type Error = Never;

            $(fn $part<T: ?Sized + Serialize>(&mut self, $($name: &'static str,)? value: &T) -> Result<(), Never> {
                value.serialize(&mut **self)
            })+

            fn end(self) -> Result<(), Never> {
                Ok(())
            }
        })*
    };
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key() serialize_value();
    SerializeStruct: serialize_field(_name);
    SerializeStructVariant: serialize_field(_name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Serialize)]
    enum Sample<'a> {
        Unit,
        Newtype(Option<u64>),
        Tuple(i16, i32, i64),
        Struct { text: &'a str, truth: bool, parts: Vec<(u8, i8)>, map: BTreeMap<u16, char>, id: uuid::Uuid, unit: () },
        Floats([f64; 2], f32),
    }

    #[test]
    fn events_are_written_as_postcard_writes_them() {
        let mut samples = vec![Sample::Unit, Sample::Newtype(None), Sample::Floats([0.1, -2.5e300], 7.25)];
        for bits in 0..64 {
            let number = (1_u64 << bits) - 1;
            let signed = number as i64;
            samples.extend([number, number + 1, !number].map(|number| Sample::Newtype(Some(number))));
            samples.extend([signed, -signed, !signed].map(|it| Sample::Tuple(it as i16, it as i32, it)));
        }
        for (text, len) in [("", 0), ("Schlüssel", 3), ("x", 200)] {
            let parts = (0..len).map(|n| (n as u8, n as i8)).collect();
            let map = (0..len).map(|n| (n * 99, char::from_u32(u32::from(n) + 60).expect("a letter"))).collect();
            let id = uuid::Uuid::from_u128(0x1234_5678_9abc_def0 << 50);
            samples.push(Sample::Struct { text, truth: len > 0, parts, map, id, unit: () });
        }
        for sample in &samples {
            let mut bytes = Vec::new();
            let Ok(()) = sample.serialize(&mut Bytes(&mut bytes));
            assert_eq!(bytes, postcard::to_stdvec(sample).expect("plain data"));
        }
    }

    #[test]
    fn a_hash_does_not_tell_how_its_bytes_came() {
        let (mut hasher, mut all) = (TraceHasher::new(), Xxh3::new());
        for n in 0..3_000_u64 {
            hasher.update(&(n, "event"));
            all.update(&postcard::to_stdvec(&(n, "event")).expect("plain data"));
            if n % 100 == 0 {
                assert_eq!(hasher.value(), all.digest());
            }
        }
    }
}
