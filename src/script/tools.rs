//! Kafka's command-line tools in the language: their words and standard input, handed to [`crate::tools`].

use super::built::not_yet;
use super::cursor::{Cursor, Word};
use super::error::Error;
use crate::tools::{Invocation, Reading, ToolOutput};

/// A tool and its arguments, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolCall {
    /// It ends at once with this, without a word to the cluster: its arguments were refused, or it was asked for help.
    Ends(ToolOutput),
    /// It runs in the world.
    Runs(Invocation),
}

/// The tool that a word names, with or without `.sh`.
pub(super) fn name_of(word: &str) -> Option<&'static str> {
    let word = word.strip_suffix(".sh").unwrap_or(word);
    crate::tools::names().find(|tool| *tool == word)
}

/// Reads a tool's arguments.
pub(super) fn read(tool: &'static str, verb: &Word, cursor: &mut Cursor<'_>) -> Result<ToolCall, Error> {
    let stdin = cursor.stdin().map(|(_, text)| text.clone());
    let words: Vec<Word> = std::iter::from_fn(|| cursor.word()).collect();
    let args = words.iter().map(|word| word.text.clone()).collect();
    let invocation = Invocation { tool: tool.to_owned(), args, stdin };
    match invocation.read() {
        Ok(Reading::Ends(output)) => Ok(ToolCall::Ends(output)),
        Ok(Reading::Runs) => Ok(ToolCall::Runs(invocation)),
        Err(missing) => {
            let place = missing.argument.and_then(|argument| words.get(argument)).unwrap_or(verb);
            Err(place.error(not_yet(&missing.what)))
        }
    }
}
