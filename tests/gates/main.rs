//! The project's own rules about its sources. Each rule is a function over text, tested on a planted violation, and
//! then applied to the files as they are.

#![allow(clippy::disallowed_methods, reason = "a test reads the sources from the file system")]

mod imports;
mod manifest;
mod tidy;

use std::fs;
use std::path::Path;

/// The project's folder.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Every file below a folder of the project (or the one file that it names): its path from the project's folder,
/// and its text. A file that is not text is left out.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(&Path::new(ROOT).join(folder), folder, &mut found);
    found.sort();
    found
}

fn collect(path: &Path, name: &str, found: &mut Vec<(String, String)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder of the project can be read") {
            let entry = entry.expect("a folder of the project can be read");
            collect(&entry.path(), &format!("{name}/{}", entry.file_name().to_string_lossy()), found);
        }
    } else if let Ok(text) = fs::read_to_string(path) {
        found.push((name.to_owned(), text));
    }
}

/// Fails with every violation, one a line.
#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}
