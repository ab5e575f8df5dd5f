//! The struct of a record, and how it is written and read.

use super::schema::{Field, Record};
use anyhow::Result;
use std::fmt::Write as _;

/// Writes the struct of a record, and after it those of its elements.
pub(super) fn record(out: &mut String, record: &Record) -> Result<()> {
    let doc = format!("`{}`: api key {}, versions 0 to {}.", record.name, record.key, record.max_version);
    structure(out, &record.name, &doc, &record.fields, record.flexible_from.is_some())
}

fn structure(out: &mut String, name: &str, doc: &str, fields: &[Field], flexible: bool) -> Result<()> {
    let derived = fields.iter().all(Field::has_rusts_default);
    let default = if derived { ", Default" } else { "" };
    writeln!(out, "\n/// {doc}\n#[derive(Clone, Debug{default}, PartialEq)]\npub struct {name} {{")?;
    for field in fields {
        let tag = field.tag.map_or(String::new(), |tag| format!(", tag {tag}"));
        let since = match (field.from, field.to) {
            (0, None) => String::new(),
            (from, None) => format!(", since version {from}"),
            (from, Some(to)) if from == to => format!(", version {from} only"),
            (from, Some(to)) => format!(", versions {from} to {to}"),
        };
        writeln!(out, "    /// `{}`{tag}{since}.\n    pub {}: {},", field.kafka_name, field.name, field.kind)?;
    }
    writeln!(out, "}}\n")?;
    if !derived {
        write!(out, "impl Default for {name} {{\n    fn default() -> Self {{\n        Self {{\n")?;
        for field in fields {
            writeln!(out, "            {}: {},", field.name, field.default)?;
        }
        write!(out, "        }}\n    }}\n}}\n\n")?;
    }
    writeln!(out, "impl Wire for {name} {{")?;
    put(out, fields, flexible)?;
    get(out, fields, flexible)?;
    writeln!(out, "}}")?;
    for field in fields.iter().filter(|field| !field.fields.is_empty()) {
        let element = field.kind.trim_start_matches("Vec<").trim_end_matches('>');
        let doc = format!("An element of `{}` in [`{name}`].", field.kafka_name);
        structure(out, element, &doc, &field.fields, flexible)?;
    }
    Ok(())
}

/// Whether a field has its default, as an expression.
fn is_default(field: &Field) -> String {
    let name = &field.name;
    match field.default.as_str() {
        "None" => format!("self.{name}.is_none()"),
        "Vec::new()" => format!("self.{name}.is_empty()"),
        "Uuid::nil()" => format!("self.{name}.is_nil()"),
        "false" => format!("!self.{name}"),
        default => format!("self.{name} == {default}"),
    }
}

fn put(out: &mut String, fields: &[Field], flexible: bool) -> Result<()> {
    writeln!(out, "    fn put(&self, out: &mut BytesMut, format: Format) {{")?;
    for field in fields.iter().filter(|field| field.tag.is_none()) {
        let name = &field.name;
        match field.condition() {
            None => writeln!(out, "        self.{name}.put(out, format);")?,
            Some(there) if field.ignorable => {
                writeln!(out, "        if {there} {{\n            self.{name}.put(out, format);\n        }}")?;
            }
            Some(there) => {
                writeln!(out, "        if only_in({there}, {}, {name:?}) {{", is_default(field))?;
                writeln!(out, "            self.{name}.put(out, format);\n        }}")?;
            }
        }
    }
    let mut tagged: Vec<&Field> = fields.iter().filter(|field| field.tag.is_some()).collect();
    tagged.sort_by_key(|field| field.tag);
    match (flexible, tagged.is_empty()) {
        (false, _) => {}
        (true, true) => writeln!(out, "        Tags::default().finish(out, format);")?,
        (true, false) => {
            writeln!(out, "        let mut tags = Tags::default();")?;
            tagged.into_iter().try_for_each(|field| put_tagged(out, field))?;
            writeln!(out, "        tags.finish(out, format);")?;
        }
    }
    writeln!(out, "    }}\n")?;
    Ok(())
}

fn put_tagged(out: &mut String, field: &Field) -> Result<()> {
    let (name, tag, default) = (&field.name, field.tag.expect("a tag"), &field.default);
    let differs = match default.as_str() {
        "None" => format!("self.{name}.is_some()"),
        "Vec::new()" => format!("!self.{name}.is_empty()"),
        "Uuid::nil()" => format!("!self.{name}.is_nil()"),
        default => format!("self.{name} != {default}"),
    };
    match field.condition() {
        None => writeln!(out, "        if {differs} {{")?,
        Some(there) if field.ignorable => writeln!(out, "        if {there} && {differs} {{")?,
        Some(there) => writeln!(out, "        if {differs} && only_in({there}, false, {name:?}) {{")?,
    }
    writeln!(out, "            tags.add({tag}, &self.{name}, format);\n        }}")?;
    Ok(())
}

fn get(out: &mut String, fields: &[Field], flexible: bool) -> Result<()> {
    let tagged: Vec<&Field> = fields.iter().filter(|field| field.tag.is_some()).collect();
    writeln!(out, "    fn get(input: &mut Bytes, format: Format) -> Result<Self, RecordError> {{")?;
    let is_mut = if tagged.is_empty() { "" } else { "mut " };
    let open = if flexible { format!("let {is_mut}record = Self {{") } else { "Ok(Self {".to_owned() };
    writeln!(out, "        {open}")?;
    for field in fields {
        let value = match (field.tag, field.condition()) {
            (Some(_), _) => field.default.clone(),
            (None, None) => "Wire::get(input, format)?".to_owned(),
            (None, Some(there)) => format!("if {there} {{ Wire::get(input, format)? }} else {{ {} }}", field.default),
        };
        debug_assert!(!field.nullable || field.kind.starts_with("Option<"));
        writeln!(out, "            {}: {value},", field.name)?;
    }
    match (flexible, &tagged[..]) {
        (false, _) => return Ok(writeln!(out, "        }})\n    }}")?),
        (true, []) => writeln!(out, "        }};\n        read_tags(input, format, |_, _| Ok(()))?;")?,
        (true, [field]) => {
            let guard = field.condition().map_or(String::new(), |there| format!(" && {there}"));
            let (tag, name) = (field.tag.expect("a tag"), &field.name);
            writeln!(out, "        }};\n        read_tags(input, format, |tag, value| {{")?;
            writeln!(out, "            if tag == {tag}{guard} {{")?;
            writeln!(out, "                record.{name} = Wire::get(value, format)?;\n            }}")?;
            writeln!(out, "            Ok(())\n        }})?;")?;
        }
        (true, several) => {
            writeln!(out, "        }};\n        read_tags(input, format, |tag, value| {{\n            match tag {{")?;
            for field in several {
                let guard = field.condition().map_or(String::new(), |there| format!(" if {there}"));
                let (tag, name) = (field.tag.expect("a tag"), &field.name);
                writeln!(out, "                {tag}{guard} => record.{name} = Wire::get(value, format)?,")?;
            }
            writeln!(out, "                _ => {{}}\n            }}\n            Ok(())\n        }})?;")?;
        }
    }
    writeln!(out, "        Ok(record)\n    }}")?;
    Ok(())
}
