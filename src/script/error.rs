//! What is wrong with a script, and where.

use std::fmt;

/// A place in a script: line and column, both from 1, columns counted in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// What is wrong with a script: where, what was found there, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What was found, and what would be right.
    pub message: String,
}

impl Error {
    /// The error `message` at `at`.
    pub fn new(at: Position, message: impl Into<String>) -> Self {
        Self { line: at.line, column: at.column, message: message.into() }
    }

    /// The error as a compiler prints it: `FILE:LINE:COLUMN: what was found, what would be right`.
    pub fn in_file(&self, file: &str) -> String {
        format!("{file}:{self}")
    }
}

/// `LINE:COLUMN: what was found, what would be right`.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for Error {}

/// The known word nearest to `word`, when one is near enough to have been meant.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).collect();
    let reach = (word.len() / 3).clamp(1, 3);
    let (distance, name) =
        known.iter().map(|name| (edits(&word, name), *name)).min_by_key(|(distance, _)| *distance)?;
    (distance <= reach).then_some(name)
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from one word to the other.
fn edits(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        let known = ["cluster", "crash", "run", "show"];
        assert_eq!(nearest("clutser", &known), Some("cluster"));
        assert_eq!(nearest("rnu", &known), Some("run"));
        assert_eq!(nearest("shows", &known), Some("show"));
        assert_eq!(nearest("elephant", &known), None);
    }
}
