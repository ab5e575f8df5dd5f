//! Command-line options as Kafka's tools read them (their option parser is JOpt Simple).

use super::ToolOutput;
use crate::script::built::not_yet;
use crate::script::cursor::{Cursor, Word};
use crate::script::error::Error;

/// An option that a tool has.
pub(super) struct Spec {
    /// Its name without dashes.
    pub(super) name: &'static str,
    pub(super) takes_value: bool,
    /// Whether this build has it.
    pub(super) built: bool,
}

/// A switch.
pub(super) const fn switch(name: &'static str) -> Spec {
    Spec { name, takes_value: false, built: true }
}

/// An option with a value.
pub(super) const fn valued(name: &'static str) -> Spec {
    Spec { name, takes_value: true, built: true }
}

/// An option that Kafka has and this build has not.
pub(super) const fn unbuilt(name: &'static str) -> Spec {
    Spec { name, takes_value: false, built: false }
}

/// The options that a tool was given.
pub(super) struct Options {
    given: Vec<(&'static str, Option<Word>)>,
}

/// Why options cannot be used: by the tool's own rules, or because this build lacks something.
pub(super) enum Refusal {
    Tool(String),
    Script(Error),
}

impl Refusal {
    /// What comes of it: the tool's end, in its words, or an error of the script.
    pub(super) fn end(self, print: impl Fn(String) -> ToolOutput) -> Result<super::ToolCall, Error> {
        match self {
            Self::Tool(message) => Ok(super::ToolCall::Ends(print(message))),
            Self::Script(error) => Err(error),
        }
    }
}

impl Options {
    /// Reads options to the command's end. Words that belong to none are passed over, as Kafka's tools do.
    pub(super) fn read(cursor: &mut Cursor<'_>, specs: &[Spec]) -> Result<Self, Refusal> {
        let mut given = Vec::new();
        while let Some(word) = cursor.word() {
            let Some(text) = word.text.strip_prefix("--") else { continue };
            let (name, attached) = match text.split_once('=') {
                Some((name, _)) => (name, Some(word.behind(name.chars().count() + 3))),
                None => (text, None),
            };
            let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
                return Err(Refusal::Tool(format!("{name} is not a recognized option")));
            };
            if !spec.built {
                return Err(Refusal::Script(word.error(not_yet(&format!("`--{name}`")))));
            }
            let value = if spec.takes_value { Some(value(cursor, spec, attached)?) } else { None };
            given.push((spec.name, value));
        }
        Ok(Self { given })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == name)
    }

    /// All values of an option that may be given several times.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.given
            .iter()
            .filter(move |(given, _)| *given == name)
            .filter_map(|(_, value)| Some(value.as_ref()?.text.as_str()))
    }

    /// The value of an option that may be given once.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, String> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            Some(_) => Err(format!("Found multiple arguments for option {name}, but you asked for only one")),
            None => Ok(first),
        }
    }

    /// The error of the script that this option's value is not built yet.
    pub(super) fn value_not_yet(&self, name: &str) -> Option<Error> {
        let word = self.given.iter().find(|(given, _)| *given == name)?.1.as_ref()?;
        Some(word.error(not_yet(&format!("`--{name} {}`", word.text))))
    }

    /// The value of an option that is a 32-bit number.
    pub(super) fn int(&self, name: &str) -> Result<Option<i32>, String> {
        let parse = |text: &str| text.parse().map_err(|_| format!("Cannot parse argument '{text}' of option {name}"));
        self.one(name)?.map(parse).transpose()
    }
}

fn value(cursor: &mut Cursor<'_>, spec: &Spec, attached: Option<Word>) -> Result<Word, Refusal> {
    if let Some(word) = attached {
        return Ok(word);
    }
    let mut ahead = *cursor;
    // Another option is no value, but a negative number is.
    match ahead.word().filter(|word| !word.text.starts_with("--")) {
        Some(word) => {
            *cursor = ahead;
            Ok(word)
        }
        None => Err(Refusal::Tool(format!("Option {} requires an argument", spec.name))),
    }
}
