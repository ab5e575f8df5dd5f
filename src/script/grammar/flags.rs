//! Flags: `--name value`, `--name=value`, `--switch`.

use crate::script::cursor::{Cursor, Word};
use crate::script::error::{Error, nearest};

/// A flag that was read.
pub(super) struct Flag {
    /// Its name with both dashes.
    pub(super) name: Word,
    value: Option<Word>,
}

/// Reads the next word as a flag, which has to be one of `known`; nothing at the command's end.
pub(super) fn next(cursor: &mut Cursor<'_>, verb: &str, known: &[&str]) -> Result<Option<Flag>, Error> {
    let Some(word) = cursor.word() else { return Ok(None) };
    let (name, value) = match word.text.split_once('=') {
        Some((name, _)) if word.text.starts_with("--") => {
            let value = word.behind(name.chars().count() + 1);
            (Word { text: name.to_owned(), at: word.at }, Some(value))
        }
        _ => (word, None),
    };
    if known.contains(&name.text.as_str()) {
        return Ok(Some(Flag { name, value }));
    }
    let found = &name.text;
    let hint = match nearest(found, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("`{verb}` takes {}", known.join(", ")),
    };
    let kind = if found.starts_with('-') { "unknown flag " } else { "" };
    Err(name.error(format!("{kind}`{found}` after `{verb}`; {hint}")))
}

impl Flag {
    /// The flag's value: behind its `=`, or the next word.
    pub(super) fn value(self, cursor: &mut Cursor<'_>, what: &str) -> Result<Word, Error> {
        match self.value {
            Some(value) => Ok(value),
            None => cursor.expect_word(&format!("{what} after `{}`", self.name.text)),
        }
    }

    /// The flag is a switch.
    pub(super) fn no_value(self) -> Result<(), Error> {
        match self.value {
            Some(value) => Err(value.error(format!("`{}` takes no value", self.name.text))),
            None => Ok(()),
        }
    }
}

/// Sets something that may be set once.
pub(super) fn once<T>(slot: &mut Option<T>, value: T, flag: &Word) -> Result<(), Error> {
    match slot.replace(value) {
        Some(_) => Err(flag.error(format!("`{}` for the second time", flag.text))),
        None => Ok(()),
    }
}

/// A whole number within bounds.
pub(super) fn number(word: &Word, least: i64, most: i64) -> Result<i64, Error> {
    match word.text.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(word.error(format!("`{}` where a whole number from {least} to {most} belongs", word.text))),
    }
}

/// `KEY=VALUE`, and the place of the value.
pub(super) fn pair(word: &Word) -> Result<(String, Word), Error> {
    match word.text.split_once('=') {
        Some((key, _)) if !key.is_empty() => Ok((key.to_owned(), word.behind(key.chars().count() + 1))),
        _ => Err(word.error(format!("`{}` where KEY=VALUE belongs", word.text))),
    }
}

/// A name of a client or host: letters, digits, `_`, `-` and `.`.
pub(super) fn name(word: Word, what: &str) -> Result<String, Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let starts = word.text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    if starts && word.text.chars().all(fits) && word.text.len() <= 64 {
        return Ok(word.text);
    }
    let message = format!("`{}` where {what} belongs: letters, digits, `_`, `-` and `.`, at most 64", word.text);
    Err(word.error(message))
}
