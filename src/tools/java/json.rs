//! JSON as Jackson writes it, and enough of reading it for the files that tools are given.

use std::fmt;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::tools) enum Json {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    Array(Vec<Json>),
    /// Fields in the order in which they are written.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a value.
    ///
    /// # Errors
    /// Where it does not parse.
    pub(in crate::tools) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let value = reader.value()?;
        reader.blanks();
        if reader.at < text.len() { Err(reader.unexpected()) } else { Ok(value) }
    }

    /// An object's field.
    pub(in crate::tools) fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// An array's elements.
    pub(in crate::tools) fn elements(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(text) => quoted(text, f),
            Self::Array(elements) => {
                f.write_str("[")?;
                for (n, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if n == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Object(fields) => {
                f.write_str("{")?;
                for (n, (name, value)) in fields.iter().enumerate() {
                    f.write_str(if n == 0 { "" } else { "," })?;
                    quoted(name, f)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() && (c as u32) < 0x20 => write!(f, "\\u{:04X}", c as u32)?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

/// Deeper than any file that a tool reads.
const MAX_DEPTH: usize = 100;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn unexpected(&self) -> String {
        match self.text[self.at..].chars().next() {
            Some(c) => format!("Unexpected character ('{c}') at {}", self.at),
            None => "Unexpected end-of-input".to_owned(),
        }
    }

    fn blanks(&mut self) {
        self.at += self.text[self.at..].len() - self.text[self.at..].trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        self.blanks();
        let taken = self.text[self.at..].starts_with(token);
        if taken {
            self.at += token.len();
        }
        taken
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn value(&mut self) -> Result<Json, String> {
        self.blanks();
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if self.take(word) {
                return Ok(value);
            }
        }
        match self.text[self.at..].chars().next() {
            Some('"') => self.string().map(Json::Text),
            Some('[') => self.nested(Self::array),
            Some('{') => self.nested(Self::object),
            _ => self.number(),
        }
    }

    fn nested(&mut self, read: impl Fn(&mut Self) -> Result<Json, String>) -> Result<Json, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("Document nesting depth exceeds {MAX_DEPTH}"));
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Result<Json, String> {
        self.expect("[")?;
        let mut elements = Vec::new();
        if self.take("]") {
            return Ok(Json::Array(elements));
        }
        loop {
            elements.push(self.value()?);
            if !self.take(",") {
                break;
            }
        }
        self.expect("]").map(|()| Json::Array(elements))
    }

    fn object(&mut self) -> Result<Json, String> {
        self.expect("{")?;
        let mut fields = Vec::new();
        if self.take("}") {
            return Ok(Json::Object(fields));
        }
        loop {
            self.blanks();
            let name = self.string()?;
            self.expect(":")?;
            fields.push((name, self.value()?));
            if !self.take(",") {
                break;
            }
        }
        self.expect("}").map(|()| Json::Object(fields))
    }

    fn number(&mut self) -> Result<Json, String> {
        let rest = &self.text[self.at..];
        let length = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
        let number = rest[..length].parse().map_err(|_| self.unexpected())?;
        self.at += length;
        Ok(Json::Number(number))
    }

    fn string(&mut self) -> Result<String, String> {
        self.expect("\"")?;
        let mut text = String::new();
        let mut chars = self.text[self.at..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(text);
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('u') => {
                        let code: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                        text.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
                    }
                    Some(other) => text.push(other),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err("Unexpected end-of-input".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written() {
        let text = r#"{"a":[1,-2,null,true],"b":"q\"\\\n","c":{}}"#;
        assert_eq!(Json::parse(text).unwrap().to_string(), text);
        let spaced = Json::parse(" { \"partitions\" : [ {\"topic\": \"t\", \"partition\": 3} ] } ").unwrap();
        assert_eq!(
            spaced.field("partitions").unwrap().elements().unwrap()[0].field("partition"),
            Some(&Json::Number(3))
        );
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for wrong in ["", "{", "[1,]", "{\"a\"}", "tru", "\"open", "1 2", &"[".repeat(1_000)] {
            assert!(Json::parse(wrong).is_err(), "{wrong}");
        }
    }
}
