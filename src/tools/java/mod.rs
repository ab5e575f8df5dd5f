//! What Kafka's tools have from Java, where it shows in what they print: the order of a `HashMap`, padded columns,
//! dates and durations, property files, regular expressions.

mod hash;
mod json;
mod properties;
mod time;

pub(super) use hash::{JavaHash, hash_order, hash_order_sized, string_hash};
pub(super) use json::Json;
pub(super) use properties::properties;
pub(super) use time::{log_time, parse_date_time, parse_duration_ms};

use crate::client::admin::Throwable;

/// `%-Ns`: a text padded on its right to `width` characters.
pub(super) fn padded(text: impl std::fmt::Display, width: usize) -> String {
    format!("{:<width$}", text.to_string())
}

/// `Integer.parseInt`.
///
/// # Errors
/// `NumberFormatException`.
pub(super) fn parse_int(text: &str) -> Result<i32, Throwable> {
    parse_number(text).and_then(|number| i32::try_from(number).map_err(|_| no_number(text)))
}

/// `Short.parseShort`.
///
/// # Errors
/// `NumberFormatException`.
pub(super) fn parse_short(text: &str) -> Result<i16, Throwable> {
    parse_number(text).and_then(|number| i16::try_from(number).map_err(|_| no_number(text)))
}

/// `Long.parseLong`.
///
/// # Errors
/// `NumberFormatException`.
pub(super) fn parse_long(text: &str) -> Result<i64, Throwable> {
    parse_number(text).and_then(|number| i64::try_from(number).map_err(|_| no_number(text)))
}

fn parse_number(text: &str) -> Result<i128, Throwable> {
    // As Java's, Rust's takes a sign; other than Java's it takes no digits of other scripts, which nobody types.
    text.parse().map_err(|_| no_number(text))
}

fn no_number(text: &str) -> Throwable {
    Throwable::new("java.lang.NumberFormatException", format!("For input string: \"{text}\""))
}

/// `String.split(regex)` for a separator: what is empty at the end is left out.
pub(super) fn split<'a>(text: &'a str, separator: char) -> Vec<&'a str> {
    let mut parts: Vec<&'a str> = text.split(separator).collect();
    while parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    if text.chars().all(|c| c == separator) && !text.is_empty() {
        parts.clear();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_leaves_out_what_is_empty_at_the_end() {
        assert_eq!(split("a,b,,", ','), ["a", "b"]);
        assert_eq!(split(",a", ','), ["", "a"]);
        assert_eq!(split("", ','), [""]);
        assert_eq!(split(",,", ','), [""; 0]);
    }

    #[test]
    fn numbers_are_javas() {
        assert_eq!(parse_int("-3").ok(), Some(-3));
        let wrong = parse_int("2147483648").unwrap_err();
        assert_eq!(wrong.to_string(), "java.lang.NumberFormatException: For input string: \"2147483648\"");
        assert!(parse_int("").is_err() && parse_long(" 1").is_err());
    }
}
