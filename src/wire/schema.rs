//! Kafka's own message definitions (`schema.txt`): for each message its fields with types and version ranges. The codec
//! writes and reads by them, and the inspector shows by them.

use std::ops::{Deref, RangeInclusive};
use std::sync::OnceLock;

const SCHEMA: &str = include_str!("schema.txt");

/// A message's definition, or a field's.
#[derive(Debug)]
pub(super) struct Definition {
    /// Kafka's name for it.
    pub(super) name: &'static str,
    /// What it is, or each of its elements.
    pub(super) kind: Kind,
    /// Whether it is an array.
    pub(super) array: bool,
    /// The versions that have it.
    pub(super) versions: Versions,
    /// Those at which it may be null.
    pub(super) nullable: Versions,
    tag: Option<(u32, Versions)>,
    /// What a number is when nothing is said of it; told only where it decides whether a tagged field is written.
    pub(super) default: i64,
    /// False for the client id, which is never compact.
    pub(super) may_be_compact: bool,
    /// A structure's fields.
    pub(super) fields: Fields,
}

/// The fields of a message or of a structure, in their order.
#[derive(Debug)]
pub(super) struct Fields {
    all: Vec<Definition>,
    last_version: i16,
    counted: OnceLock<Vec<Counted>>,
}

/// What there is to count of fields at a version.
#[derive(Debug)]
pub(super) struct Counted {
    /// The bytes of those that take as many whatever they hold.
    pub(super) width: usize,
    /// The numbers of the others.
    pub(super) others: Vec<usize>,
}

impl Fields {
    /// What there is to count at a version that Kafka knows; worked out when the first message is counted.
    pub(super) fn counted(&self, version: i16) -> &Counted {
        let at = |version: i16| {
            let here = self.iter().enumerate().filter(|(_, field)| field.versions.contains(&version));
            let (mut width, mut others) = (0, Vec::new());
            for (n, field) in here {
                match field.width().filter(|_| field.tag_at(version).is_none()) {
                    Some(of_it) => width += of_it,
                    None => others.push(n),
                }
            }
            Counted { width, others }
        };
        &self.counted.get_or_init(|| (0..=self.last_version).map(at).collect())[version as usize]
    }
}

impl Deref for Fields {
    type Target = [Definition];

    fn deref(&self) -> &[Definition] {
        &self.all
    }
}

impl Definition {
    /// How many bytes it takes whatever it holds, if that is so.
    pub(super) fn width(&self) -> Option<usize> {
        match self.kind {
            _ if self.array => None,
            Kind::Bool => Some(1),
            Kind::Int(width) => Some(width),
            Kind::UInt16 => Some(2),
            Kind::Float64 => Some(8),
            Kind::Uuid => Some(16),
            Kind::Text | Kind::Bytes | Kind::Records | Kind::Struct => None,
        }
    }

    /// Its tag, where it is a tagged field.
    pub(super) fn tag_at(&self, version: i16) -> Option<u32> {
        self.tag.as_ref().filter(|(_, versions)| versions.contains(&version)).map(|(tag, _)| *tag)
    }
}

pub(super) type Versions = RangeInclusive<i16>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Bool,
    Int(usize),
    UInt16,
    Float64,
    Text,
    Uuid,
    Bytes,
    Records,
    Struct,
}

/// A message by its API key and kind.
#[derive(Debug)]
pub(super) struct Schema {
    /// Its fields.
    pub(super) fields: Fields,
    /// The versions that Kafka 4.1 knows.
    pub(super) valid: Versions,
    /// Those in the flexible encoding (KIP-482).
    pub(super) flexible: Versions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Direction {
    Header,
    Request,
    Response,
}

/// The headers stand in the schema under keys of their own.
pub(super) const REQUEST_HEADER: i16 = -1;
pub(super) const RESPONSE_HEADER: i16 = -2;

/// The definition of a message, if Kafka has one.
pub(super) fn schema(message: (i16, Direction)) -> Option<&'static Schema> {
    let (key, direction) = message;
    schemas().get(place(key))?[direction as usize].as_ref()
}

/// Where the definitions of an API stand: the headers come first.
fn place(key: i16) -> usize {
    usize::try_from(i32::from(key) - i32::from(RESPONSE_HEADER)).unwrap_or(usize::MAX)
}

/// By API and direction: every message that is written or counted looks here.
fn schemas() -> &'static [[Option<Schema>; 3]] {
    static SCHEMAS: OnceLock<Vec<[Option<Schema>; 3]>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let mut lines = SCHEMA.lines().peekable();
        let mut schemas: Vec<[Option<Schema>; 3]> = Vec::new();
        while let Some(line) = lines.next() {
            let words: Vec<&str> = line.split(' ').collect();
            let [name, key, direction, valid, flexible] = words[..] else { panic!("schema: {line}") };
            let key = match name {
                "RequestHeader" => REQUEST_HEADER,
                "ResponseHeader" => RESPONSE_HEADER,
                _ => key.parse().expect("an API key"),
            };
            let direction = match direction {
                "request" => Direction::Request,
                "response" => Direction::Response,
                _ => Direction::Header,
            };
            let valid = versions(valid);
            let fields = fields(&mut lines, 1, *valid.end());
            let schema = Schema { fields, valid, flexible: versions(flexible) };
            schemas.resize_with(schemas.len().max(place(key) + 1), Default::default);
            schemas[place(key)][direction as usize] = Some(schema);
        }
        schemas
    })
}

/// Reads the fields that stand `depth` spaces in: `Name type versions`, then what is special about it.
fn fields(lines: &mut std::iter::Peekable<std::str::Lines<'static>>, depth: usize, last_version: i16) -> Fields {
    let mut all = Vec::new();
    while let Some(line) = lines.next_if(|line| line.len() - line.trim_start().len() == depth) {
        let mut words = line.trim_start().split(' ');
        let mut next = || words.next().unwrap_or_default();
        let (name, kind) = (next(), next());
        let array = kind.starts_with("[]");
        let mut definition = Definition {
            name,
            kind: kind_of(kind.trim_start_matches("[]")),
            array,
            versions: versions(next()),
            nullable: versions("none"),
            tag: None,
            default: 0,
            may_be_compact: true,
            fields: Fields { all: Vec::new(), last_version, counted: OnceLock::new() },
        };
        loop {
            match next() {
                "null" => definition.nullable = versions(next()),
                "tag" => definition.tag = Some((next().parse().expect("a tag"), versions(next()))),
                "default" => definition.default = next().parse().expect("a number"),
                "flexible" => definition.may_be_compact = next() != "none",
                _ => break,
            }
        }
        definition.fields = fields(lines, depth + 1, last_version);
        all.push(definition);
    }
    Fields { all, last_version, counted: OnceLock::new() }
}

fn kind_of(name: &str) -> Kind {
    match name {
        "bool" => Kind::Bool,
        "int8" => Kind::Int(1),
        "int16" => Kind::Int(2),
        "uint16" => Kind::UInt16,
        "int32" => Kind::Int(4),
        "int64" => Kind::Int(8),
        "float64" => Kind::Float64,
        "string" => Kind::Text,
        "uuid" => Kind::Uuid,
        "bytes" => Kind::Bytes,
        "records" => Kind::Records,
        _ => Kind::Struct,
    }
}

/// `3+`, `0-12`, `4` or `none`.
#[expect(clippy::reversed_empty_ranges, reason = "no version lies in an empty range")]
fn versions(text: &str) -> Versions {
    let number = |text: &str| text.parse().expect("a version");
    match text.split_once('-') {
        Some((first, last)) => number(first)..=number(last),
        None if text == "none" => 1..=0,
        None => match text.strip_suffix('+') {
            Some(first) => number(first)..=i16::MAX,
            None => number(text)..=number(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_is_read() {
        let schemas: Vec<&Schema> = schemas().iter().flatten().flatten().collect();
        assert!(schemas.len() > 170, "{}", schemas.len());
        assert!(schemas.iter().all(|schema| schema.fields.iter().all(|field| !field.name.is_empty())));
    }
}
