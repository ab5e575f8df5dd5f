//! What the parts of a test run came to, as one table.

use std::fmt::Write;

/// A note ends here, so that the table stays a table.
const WIDEST_NOTE: usize = 100;

/// How one part ended.
#[derive(Debug)]
pub enum Outcome {
    /// All well; the note says what was left out of it, if anything.
    Passed(String),
    /// Not run, and what it would take to run it.
    Skipped(String),
    /// What is wrong; the part's own output, above the table, has the details.
    Failed(String),
}

/// One line of the table.
pub struct Row {
    /// The part's name, as `--only` takes it.
    pub part: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
}

/// Whether the run as a whole is well.
pub fn is_well(rows: &[Row], require_all: bool) -> bool {
    let (_, failed, skipped) = counts(rows);
    failed == 0 && !(require_all && skipped > 0)
}

/// The table, and under it the counts on a line of their own.
pub fn table(rows: &[Row]) -> String {
    let mut text = format!("\n{:<13}{:<9}{:>8}  {}\n", "part", "result", "seconds", "notes");
    for Row { part, outcome, seconds } in rows {
        let (word, note) = match outcome {
            Outcome::Passed(note) => ("ok", note),
            Outcome::Skipped(why) => ("skipped", why),
            Outcome::Failed(why) => ("FAILED", why),
        };
        // The whole of a long error stands with the part's own output.
        let note: String = note.lines().next().unwrap_or_default().chars().take(WIDEST_NOTE).collect();
        let line = format!("{part:<13}{word:<9}{seconds:>8.1}  {note}");
        writeln!(text, "{}", line.trim_end()).expect("writing to a string");
    }
    let (passed, failed, skipped) = counts(rows);
    writeln!(text, "{passed} passed, {failed} failed, {skipped} skipped").expect("writing to a string");
    text
}

fn counts(rows: &[Row]) -> (usize, usize, usize) {
    let count = |is: fn(&Outcome) -> bool| rows.iter().filter(|row| is(&row.outcome)).count();
    (
        count(|outcome| matches!(outcome, Outcome::Passed(_))),
        count(|outcome| matches!(outcome, Outcome::Failed(_))),
        count(|outcome| matches!(outcome, Outcome::Skipped(_))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(outcomes: Vec<Outcome>) -> Vec<Row> {
        outcomes.into_iter().map(|outcome| Row { part: "part", outcome, seconds: 1.25 }).collect()
    }

    #[test]
    fn the_last_line_counts_the_parts() {
        let rows = rows(vec![
            Outcome::Passed(String::new()),
            Outcome::Failed("first\nfurther".into()),
            Outcome::Skipped("install it".into()),
        ]);
        let table = table(&rows);
        assert_eq!(table.lines().last(), Some("1 passed, 1 failed, 1 skipped"));
        assert!(table.contains("install it") && table.contains("first") && !table.contains("further"));
    }

    #[test]
    fn a_skip_fails_only_where_everything_is_required() {
        let skipped = rows(vec![Outcome::Passed(String::new()), Outcome::Skipped("why".into())]);
        assert!(is_well(&skipped, false) && !is_well(&skipped, true));
        assert!(!is_well(&rows(vec![Outcome::Failed("why".into())]), false));
    }
}
