//! The enum of the metadata log's records, and what is done by a record's kind.

use super::schema::Record;
use anyhow::Result;
use std::fmt::Write as _;

/// Writes the enum of all records.
pub(super) fn dispatch(out: &mut String, records: &[Record]) -> Result<()> {
    writeln!(
        out,
        "\n/// A record of the metadata log.\n#[derive(Clone, Debug, PartialEq)]\npub enum MetadataRecord {{"
    )?;
    let short = |record: &Record| record.name.trim_end_matches("Record").to_owned();
    for record in records {
        writeln!(out, "    /// [`{}`].\n    {}({}),", record.name, short(record), record.name)?;
    }
    writeln!(out, "}}\n\nimpl MetadataRecord {{")?;
    let each = |arm: &dyn Fn(&Record) -> String| records.iter().map(arm).collect::<String>();
    let line = |record: &Record, pattern: &str, result: &str| {
        format!("            Self::{}({pattern}) => {result},\n", short(record))
    };
    let keys = each(&|record| line(record, "_", &record.key.to_string()));
    let maxima = each(&|record| line(record, "_", &record.max_version.to_string()));
    let names = each(&|record| line(record, "_", &format!("{:?}", record.name)));
    let puts = each(&|record| line(record, "record", "record.put(out, format)"));
    let gets = each(&|record| {
        let versions = if record.max_version == 0 { "0".into() } else { format!("0..={}", record.max_version) };
        let get = format!("Self::{}(Wire::get(input, format)?)", short(record));
        format!("            ({}, {versions}) => {get},\n", record.key)
    });
    let known = records.iter().map(|record| record.key.to_string()).collect::<Vec<_>>().join(" | ");
    write!(
        out,
        "    /// The record's api key.
    pub fn api_key(&self) -> i16 {{
        match self {{
{keys}        }}
    }}

    /// The highest version that Kafka 4.1 has of the record.
    pub fn max_version(&self) -> i16 {{
        match self {{
{maxima}        }}
    }}

    /// Kafka's name of the record: `PartitionChangeRecord`.
    pub fn name(&self) -> &'static str {{
        match self {{
{names}        }}
    }}

    pub(super) fn put(&self, out: &mut BytesMut, version: i16) {{
        let format = Format::flexible(version);
        match self {{
{puts}        }}
    }}

    pub(super) fn get(api_key: i16, version: i16, input: &mut Bytes) -> Result<Self, RecordError> {{
        let format = Format::flexible(version);
        Ok(match (api_key, version) {{
{gets}            ({known}, _) => return Err(RecordError::Version(api_key, version)),
            _ => return Err(RecordError::ApiKey(api_key)),
        }})
    }}
}}
"
    )?;
    for record in records {
        let (name, short) = (&record.name, short(record));
        write!(
            out,
            "\nimpl From<{name}> for MetadataRecord {{\n    fn from(record: {name}) -> Self {{\n        \
             Self::{short}(record)\n    }}\n}}\n"
        )?;
    }
    Ok(())
}
