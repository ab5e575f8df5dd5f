//! Tables as `printf` makes them: every row begins with a line end, every column but the last is padded.

use super::super::java::padded;
use super::super::out::Out;

/// What stands for a value that is not there.
pub(super) const MISSING: &str = "-";

/// Prints a row.
pub(super) fn row(widths: &[usize], cells: &[String], out: &mut Out) {
    let line: Vec<String> = widths.iter().zip(cells).map(|(width, cell)| padded(cell, *width)).collect();
    out.print(format_args!("\n{}", line.join(" ")));
}

/// A value, or what stands for one that is not there.
pub(super) fn or_missing<T: ToString>(value: Option<T>) -> String {
    value.map_or(MISSING.to_owned(), |value| value.to_string())
}

/// The titles of columns as cells.
pub(super) fn titles(titles: &[&str]) -> Vec<String> {
    titles.iter().map(|title| (*title).to_owned()).collect()
}

/// A column's width: at least `least`.
pub(super) fn widest<'a>(least: usize, cells: impl Iterator<Item = &'a str>) -> usize {
    cells.map(str::len).fold(least, usize::max)
}
