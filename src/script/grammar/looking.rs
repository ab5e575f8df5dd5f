//! Looking: `show` and `expect`.

use super::expression::{expression, predicate};
use super::expression_end;
use crate::script::ast::{Pattern, Statement};
use crate::script::cursor::{Cursor, Word};
use crate::script::error::Error;

/// `show EXPRESSION`.
pub(super) fn show(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let shown = expression(cursor)?;
    expression_end(cursor)?;
    Ok(Statement::Show(shown))
}

/// `expect PREDICATE`, `expect output …`, `expect error "TEXT"`.
pub(super) fn expect(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    if cursor.take_word("output").is_some() {
        return output(cursor);
    }
    if cursor.take_word("error").is_some() {
        let text = cursor.expect_word("a part of the error's message, in quotes,")?;
        cursor.end("`expect error` and its text")?;
        return Ok(Statement::ExpectError(text.text));
    }
    let expected = predicate(cursor)?;
    expression_end(cursor)?;
    Ok(Statement::Expect(expected))
}

fn output(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    if cursor.take_word("matches").is_some() {
        let pattern = cursor.expect_word("a regular expression in quotes")?;
        cursor.end("`expect output matches` and its regular expression")?;
        return Ok(Statement::ExpectOutputMatches(compile(&pattern)?));
    }
    cursor.end("`expect output`, unless it is `matches` and a regular expression")?;
    match cursor.stdin() {
        Some((_, text)) => Ok(Statement::ExpectOutput(text.clone())),
        None => {
            let message = "the command ends here; `<<END` and the output's lines, or `matches \"REGEX\"`, are missing";
            Err(Error::new(cursor.position(), message))
        }
    }
}

fn compile(word: &Word) -> Result<Pattern, Error> {
    // Lines are matched one by one, as everybody who writes `^` or `$` about a tool's output means it.
    regex_lite::RegexBuilder::new(&word.text).multi_line(true).size_limit(1 << 20).build().map(Pattern).map_err(
        |error| {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            word.error(format!("`{}` is no regular expression: {reason}", word.text))
        },
    )
}
