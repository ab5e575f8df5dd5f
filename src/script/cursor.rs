//! Reading a command from left to right: shell words where the grammar has words, tokens where it has an expression.

use super::error::{Error, Position};
use super::source::{Char, Source};

/// One shell word, without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) at: Position,
}

impl Word {
    /// The error `message` at this word.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        Error::new(self.at, message)
    }

    /// The part of this word from character `skip` on, where no quotes stand before it.
    pub(super) fn behind(&self, skip: usize) -> Self {
        let text = self.text.chars().skip(skip).collect();
        Self { text, at: Position { line: self.at.line, column: self.at.column + skip as u32 } }
    }
}

/// One token of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a number, a duration, a keyword.
    Word(String),
    /// Something in quotes: always a name.
    Quoted(String),
    /// An operator, a bracket or a comma.
    Sign(&'static str),
    /// The command's end.
    End,
}

/// A place in a command's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    source: &'a Source,
    next: usize,
}

const SIGNS: [&str; 12] = ["!=", "<=", ">=", "==", "=", "<", ">", "(", ")", "{", "}", ","];

/// Whether an expression's names, numbers and durations may hold this character.
fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/')
}

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self { source, next: 0 }
    }

    /// The command's standard input, and where its `<<` stands.
    pub(super) fn stdin(&self) -> Option<&'a (Position, String)> {
        self.source.stdin.as_ref()
    }

    fn peek_char(&self) -> Option<Char> {
        self.source.chars.get(self.next).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek_char().is_some_and(|c| c.c.is_whitespace()) {
            self.next += 1;
        }
    }

    /// The place of what comes next; the command's end when nothing does.
    pub(super) fn position(&mut self) -> Position {
        self.skip_blanks();
        self.peek_char().map_or(self.source.end, |c| c.at)
    }

    /// The text from here to the command's end.
    pub(super) fn rest(&mut self) -> String {
        self.skip_blanks();
        self.source.chars[self.next..].iter().map(|c| c.c).collect()
    }

    /// The text from `start` up to here, blanks at its end left out.
    pub(super) fn text_since(&self, start: Cursor<'_>) -> String {
        let text: String = self.source.chars[start.next..self.next].iter().map(|c| c.c).collect();
        text.trim().to_owned()
    }

    pub(super) fn is_at_end(&mut self) -> bool {
        self.skip_blanks();
        self.next == self.source.chars.len()
    }

    /// The next shell word.
    pub(super) fn word(&mut self) -> Option<Word> {
        self.skip_blanks();
        let at = self.peek_char()?.at;
        let mut text = String::new();
        let mut quote = None;
        while let Some(Char { c, .. }) = self.peek_char() {
            match (quote, c) {
                (None, c) if c.is_whitespace() => break,
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), c) if open == c => quote = None,
                (None | Some('"'), '\\') => text.push_str(&self.escaped(quote.is_some())),
                (_, c) => text.push(c),
            }
            self.next += 1;
        }
        Some(Word { text, at })
    }

    /// What a backslash and the character after it stand for; the cursor ends on the latter. As in a shell, a backslash
    /// between double quotes is itself unless it protects a quote or another backslash.
    fn escaped(&mut self, in_quotes: bool) -> String {
        let Some(next) = self.source.chars.get(self.next + 1) else { return "\\".into() };
        self.next += 1;
        match next.c {
            c if in_quotes && !matches!(c, '"' | '\\') => format!("\\{c}"),
            c => c.to_string(),
        }
    }

    /// The next shell word, which is to be `what`.
    pub(super) fn expect_word(&mut self, what: &str) -> Result<Word, Error> {
        let at = self.position();
        self.word().ok_or_else(|| Error::new(at, format!("the command ends here; {what} is missing")))
    }

    /// The next shell word if it is `text`.
    pub(super) fn take_word(&mut self, text: &str) -> Option<Word> {
        let mut ahead = *self;
        let word = ahead.word().filter(|word| word.text == text)?;
        *self = ahead;
        Some(word)
    }

    /// Nothing may follow.
    pub(super) fn end(&mut self, after: &str) -> Result<(), Error> {
        match self.word() {
            Some(word) => Err(word.error(format!("`{}` after {after}; nothing more belongs there", word.text))),
            None => Ok(()),
        }
    }

    /// The next token of an expression, and its place.
    pub(super) fn token(&mut self) -> Result<(Token, Position), Error> {
        let at = self.position();
        let Some(Char { c, .. }) = self.peek_char() else { return Ok((Token::End, at)) };
        if matches!(c, '"' | '\'') {
            return Ok((Token::Quoted(self.quoted(c)), at));
        }
        let here = &self.source.chars[self.next..];
        let sign = SIGNS.iter().find(|sign| sign.chars().eq(here.iter().take(sign.len()).map(|c| c.c)));
        if let Some(sign) = sign {
            self.next += sign.len();
            return Ok((Token::Sign(sign), at));
        }
        let word: String = here.iter().map(|c| c.c).take_while(|c| is_word_char(*c)).collect();
        if word.is_empty() {
            return Err(Error::new(at, format!("`{c}` has no meaning in an expression")));
        }
        self.next += word.chars().count();
        Ok((Token::Word(word), at))
    }

    /// What stands between quotes, from the opening one on.
    fn quoted(&mut self, quote: char) -> String {
        let mut text = String::new();
        self.next += 1;
        while let Some(Char { c, .. }) = self.peek_char() {
            self.next += 1;
            match c {
                c if c == quote => break,
                '\\' if quote == '"' => {
                    self.next -= 1;
                    text.push_str(&self.escaped(true));
                    self.next += 1;
                }
                c => text.push(c),
            }
        }
        text
    }

    /// The next token of an expression, which stays.
    pub(super) fn peek_token(&self) -> Result<(Token, Position), Error> {
        let mut ahead = *self;
        ahead.token()
    }

    /// Goes past the sign if it comes next.
    pub(super) fn take_sign(&mut self, sign: &str) -> bool {
        let mut ahead = *self;
        let taken = matches!(ahead.token(), Ok((Token::Sign(found), _)) if found == sign);
        if taken {
            *self = ahead;
        }
        taken
    }

    /// Goes past the keyword if it comes next.
    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let mut ahead = *self;
        let taken = matches!(ahead.token(), Ok((Token::Word(found), _)) if found == keyword);
        if taken {
            *self = ahead;
        }
        taken
    }

    /// The sign has to come next.
    pub(super) fn expect_sign(&mut self, sign: &str, why: &str) -> Result<(), Error> {
        if self.take_sign(sign) {
            return Ok(());
        }
        let (found, at) = self.token()?;
        Err(Error::new(at, format!("{found} where `{sign}` {why}")))
    }
}

/// As an error names it.
impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Word(word) => write!(f, "`{word}`"),
            Self::Quoted(text) => write!(f, "\"{text}\""),
            Self::Sign(sign) => write!(f, "`{sign}`"),
            Self::End => f.write_str("the command's end"),
        }
    }
}
