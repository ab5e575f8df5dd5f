//! From a script's text to its commands: lines joined, comments gone, notes and standard input set apart. Every
//! character keeps its place, so that whatever is wrong with it later can be pointed at.

use super::error::{Error, Position};

/// The longest script, in bytes: far beyond any that a person writes, and little enough to read at once.
pub const MAX_SCRIPT_BYTES: usize = 1 << 20;

/// One character and its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Char {
    pub(super) c: char,
    pub(super) at: Position,
}

/// What a script consists of.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A line of notes for the reader, without its `>`.
    Note { at: Position, text: String },
    /// A command.
    Command(Source),
}

/// One command's text.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Its characters, from the first that is not blank to the last; a comment is left out.
    pub(super) chars: Vec<Char>,
    /// Just behind the last one.
    pub(super) end: Position,
    /// What `<<END` brings it, and where the `<<` stands.
    pub(super) stdin: Option<(Position, String)>,
}

/// Takes a script apart.
pub(super) fn read(text: &str) -> Result<Vec<Item>, Error> {
    let start = Position { line: 1, column: 1 };
    if text.len() > MAX_SCRIPT_BYTES {
        let message = format!("a script of {} bytes; at most {MAX_SCRIPT_BYTES} are read", text.len());
        return Err(Error::new(start, message));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let mut reader = Reader { lines, next: 0, ran_out: false };
    let mut items = Vec::new();
    while let Some(item) = reader.item()? {
        items.extend(item);
    }
    Ok(items)
}

/// Whether a command goes on beyond this text: its last line ends with `\`, or its `<<END` has no end yet. For whoever
/// reads commands line by line.
pub fn goes_on(text: &str) -> bool {
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let mut reader = Reader { lines, next: 0, ran_out: false };
    while let Ok(Some(_)) = reader.item() {}
    reader.ran_out
}

struct Reader<'a> {
    lines: Vec<&'a str>,
    next: usize,
    /// The last command has no end.
    ran_out: bool,
}

/// Where the scan of a command stands.
#[derive(Default)]
struct Scan {
    chars: Vec<Char>,
    quote: Option<Char>,
    heredoc: Option<(Position, String)>,
}

/// How a line of a command ends.
enum LineEnd {
    Command,
    GoesOn,
}

impl Reader<'_> {
    /// The next line: what it holds, if anything; nothing at the script's end.
    fn item(&mut self) -> Result<Option<Option<Item>>, Error> {
        let Some(line) = self.lines.get(self.next) else { return Ok(None) };
        let blanks = line.chars().take_while(|c| c.is_whitespace()).count();
        let at = Position { line: self.next as u32 + 1, column: blanks as u32 + 1 };
        let rest = line.trim_start();
        if rest.is_empty() || rest.starts_with('#') {
            self.next += 1;
            return Ok(Some(None));
        }
        if let Some(note) = rest.strip_prefix('>') {
            self.next += 1;
            let text = note.strip_prefix(' ').unwrap_or(note).trim_end().to_owned();
            return Ok(Some(Some(Item::Note { at, text })));
        }
        self.command().map(|source| Some(Some(Item::Command(source))))
    }

    fn command(&mut self) -> Result<Source, Error> {
        let mut scan = Scan::default();
        loop {
            let line = self.next as u32 + 1;
            let text: Vec<char> = self.lines[self.next].chars().collect();
            self.next += 1;
            match scan.line(&text, line)? {
                LineEnd::Command => break,
                LineEnd::GoesOn if self.next < self.lines.len() => {}
                LineEnd::GoesOn => {
                    self.ran_out = true;
                    let at = Position { line, column: text.len() as u32 };
                    return Err(Error::new(at, "`\\` says that the line goes on, but the script ends here"));
                }
            }
        }
        let stdin = match scan.heredoc.take() {
            Some((at, tag)) => Some((at, self.heredoc(at, &tag)?)),
            None => None,
        };
        Ok(scan.finish(stdin))
    }

    /// The lines up to the one that is `tag` alone.
    fn heredoc(&mut self, at: Position, tag: &str) -> Result<String, Error> {
        let mut body = String::new();
        while let Some(line) = self.lines.get(self.next) {
            self.next += 1;
            if *line == tag {
                return Ok(body);
            }
            body.push_str(line);
            body.push('\n');
        }
        self.ran_out = true;
        Err(Error::new(at, format!("`<<{tag}` without an end; a line that is `{tag}` alone ends it")))
    }
}

impl Scan {
    fn line(&mut self, text: &[char], line: u32) -> Result<LineEnd, Error> {
        // A line that goes on goes on with its next word, however far that is indented.
        let goes_on = self.chars.last().is_some_and(|last| last.c.is_whitespace());
        let mut i = if goes_on { text.iter().take_while(|c| c.is_whitespace()).count() } else { 0 };
        while i < text.len() {
            let here = Char { c: text[i], at: Position { line, column: i as u32 + 1 } };
            let after = &text[i + 1..];
            match (self.quote, here.c) {
                (None, '#') if self.at_word_start() => break,
                (None, '<') if self.at_word_start() && after.first() == Some(&'<') => {
                    i += self.heredoc_tag(here.at, after)?;
                    continue;
                }
                (None, '\\') if after.is_empty() => return Ok(LineEnd::GoesOn),
                (None, '\\') if after.iter().all(|c| c.is_whitespace()) => {
                    let message = "`\\` followed by blanks; delete the blanks if the line goes on";
                    return Err(Error::new(here.at, message));
                }
                (None, '\\') | (Some(Char { c: '"', .. }), '\\') if !after.is_empty() => {
                    self.push(here)?;
                    i += 1;
                    self.push(Char { c: text[i], at: Position { line, column: i as u32 + 1 } })?;
                    i += 1;
                    continue;
                }
                (None, '"' | '\'') => self.quote = Some(here),
                (Some(open), c) if open.c == c => self.quote = None,
                _ => {}
            }
            self.push(here)?;
            i += 1;
        }
        match self.quote {
            Some(open) => Err(Error::new(open.at, format!("a quote {} that does not end on its line", open.c))),
            None => Ok(LineEnd::Command),
        }
    }

    fn push(&mut self, c: Char) -> Result<(), Error> {
        match &self.heredoc {
            Some((_, tag)) if !c.c.is_whitespace() => {
                Err(Error::new(c.at, format!("`{}` after `<<{tag}`; `<<{tag}` ends a command", c.c)))
            }
            Some(_) => Ok(()),
            None => {
                self.chars.push(c);
                Ok(())
            }
        }
    }

    fn at_word_start(&self) -> bool {
        self.heredoc.is_some() || self.chars.last().is_none_or(|last| last.c.is_whitespace())
    }

    /// Reads `<<TAG`, of which the first `<` stands at `at`; gives its length.
    fn heredoc_tag(&mut self, at: Position, after: &[char]) -> Result<usize, Error> {
        let tag: String = after[1..].iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').collect();
        if tag.is_empty() {
            return Err(Error::new(
                at,
                "`<<` without a word; write `<<END`, then lines, then a line that is END alone",
            ));
        }
        if self.heredoc.is_some() {
            return Err(Error::new(at, format!("a second `<<{tag}`; a command has one standard input")));
        }
        let length = 2 + tag.len();
        self.heredoc = Some((at, tag));
        Ok(length)
    }

    fn finish(mut self, stdin: Option<(Position, String)>) -> Source {
        while self.chars.last().is_some_and(|last| last.c.is_whitespace()) {
            self.chars.pop();
        }
        let blanks = self.chars.iter().take_while(|c| c.c.is_whitespace()).count();
        self.chars.drain(..blanks);
        let end = match (self.chars.last(), &stdin) {
            (Some(last), _) => Position { line: last.at.line, column: last.at.column + 1 },
            (None, Some((at, _))) => *at,
            (None, None) => Position { line: 1, column: 1 },
        };
        Source { chars: self.chars, end, stdin }
    }
}
