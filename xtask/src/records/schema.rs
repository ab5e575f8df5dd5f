//! Kafka's message schemas, as far as records need them.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// A field of a record or of a struct in one.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kafka_name: String,
    pub(super) kind: String,
    /// The first version that has it.
    pub(super) from: i16,
    /// The last version that has it, where that is not the last of all.
    pub(super) to: Option<i16>,
    pub(super) tag: Option<u32>,
    pub(super) nullable: bool,
    /// Whether a version without it may lose its value.
    pub(super) ignorable: bool,
    pub(super) default: String,
    pub(super) fields: Vec<Field>,
}

impl Field {
    /// Whether Kafka's default is what Rust gives the type.
    pub(super) fn has_rusts_default(&self) -> bool {
        let rusts = ["0", "0.0", "false", "None", "StrBytes::new()", "Bytes::new()", "Uuid::nil()", "Vec::new()"];
        rusts.contains(&self.default.as_str())
    }

    /// The condition under which a version has it, unless all have.
    pub(super) fn condition(&self) -> Option<String> {
        match (self.from, self.to) {
            (0, None) => None,
            (from, None) => Some(format!("format.version >= {from}")),
            (from, Some(to)) if from == to => Some(format!("format.version == {from}")),
            (from, Some(to)) => Some(format!("({from}..={to}).contains(&format.version)")),
        }
    }
}

/// A record, or a key or value of one.
pub(super) struct Record {
    pub(super) name: String,
    pub(super) key: i64,
    pub(super) max_version: i16,
    /// The first version in Kafka's flexible encoding, if any is.
    pub(super) flexible_from: Option<i16>,
    pub(super) fields: Vec<Field>,
}

/// Reads a list of schemas.
pub(super) fn read(schema: &str) -> Result<Vec<Record>> {
    let schema: Vec<Value> = serde_json::from_str(schema).context("the schema is not a JSON list")?;
    schema.iter().map(read_record).collect()
}

fn read_record(value: &Value) -> Result<Record> {
    let max_version = last_version(text(value, "validVersions")?)?;
    // Where the schema does not say, all are flexible, as in the metadata log.
    let flexible_from = match value.get("flexibleVersions").and_then(Value::as_str).unwrap_or("0+") {
        "none" => None,
        versions => Some(versions.strip_suffix('+').context("flexible versions that end")?.parse()?),
    };
    Ok(Record {
        name: text(value, "name")?.to_owned(),
        key: value["apiKey"].as_i64().context("apiKey")?,
        max_version,
        flexible_from,
        fields: read_fields(&value["fields"], max_version)?,
    })
}

fn read_fields(value: &Value, max_version: i16) -> Result<Vec<Field>> {
    let fields = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let read = |field: &Value| read_field(field, max_version).with_context(|| format!("field {}", field["name"]));
    fields.iter().map(read).collect()
}

fn read_field(value: &Value, max_version: i16) -> Result<Field> {
    let kafka_name = text(value, "name")?;
    let versions = text(value, "versions")?;
    let nullable = value.get("nullableVersions").is_some();
    let tag = value.get("tag").and_then(Value::as_u64).map(|tag| tag as u32);
    ensure!(tag.is_none() || text(value, "taggedVersions")? == versions, "tagged in some versions only");
    let base = rust_type(text(value, "type")?)?;
    let to = if versions.ends_with('+') { max_version } else { last_version(versions)? };
    Ok(Field {
        name: snake(kafka_name),
        kafka_name: kafka_name.to_owned(),
        default: default_of(value, &base, nullable)?,
        kind: if nullable { format!("Option<{base}>") } else { base },
        from: versions.trim_end_matches('+').split('-').next().expect("one piece at least").parse()?,
        to: (to < max_version).then_some(to),
        tag,
        nullable,
        ignorable: value["ignorable"] == true,
        fields: read_fields(&value["fields"], max_version)?,
    })
}

/// The end of a range of versions: 3 of `0-3`, 1 of `1`.
fn last_version(versions: &str) -> Result<i16> {
    let last = versions.rsplit('-').next().expect("one piece at least");
    last.parse().with_context(|| format!("versions {versions}"))
}

pub(super) fn rust_type(kind: &str) -> Result<String> {
    if let Some(element) = kind.strip_prefix("[]") {
        return Ok(format!("Vec<{}>", rust_type(element)?));
    }
    let kind = match kind {
        "bool" => "bool",
        "bytes" => "Bytes",
        "int8" => "i8",
        "int16" => "i16",
        "uint16" => "u16",
        "int32" => "i32",
        "int64" => "i64",
        "float64" => "f64",
        "uuid" => "Uuid",
        "string" => "StrBytes",
        name => {
            ensure!(name.starts_with(char::is_uppercase), "type {name}");
            name
        }
    };
    Ok(kind.to_owned())
}

/// A field's default in Rust.
fn default_of(value: &Value, kind: &str, nullable: bool) -> Result<String> {
    let given = value.get("default").map(|default| default.as_str().context("a default that is not a text"));
    Ok(match given.transpose()? {
        Some("null") => "None".to_owned(),
        Some(number_or_bool) => number_or_bool.to_owned(),
        None => {
            let zero = match kind {
                "bool" => "false",
                "Bytes" => "Bytes::new()",
                "StrBytes" => "StrBytes::new()",
                "Uuid" => "Uuid::nil()",
                "f64" => "0.0",
                kind if kind.starts_with("Vec<") => "Vec::new()",
                _ => "0",
            };
            if nullable { format!("Some({zero})") } else { zero.to_owned() }
        }
    })
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("{key} is missing"))
}

pub(super) fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
