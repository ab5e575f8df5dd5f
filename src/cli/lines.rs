//! A file of JSON, one value a line.

use serde_json::Value;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

#[expect(clippy::disallowed_types, reason = "the command line writes its logs to files")]
type File = std::fs::File;

/// A file that is being written.
pub(super) struct JsonLines {
    path: PathBuf,
    file: BufWriter<File>,
}

impl JsonLines {
    pub(super) fn create(path: &Path) -> Result<Self, String> {
        let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    pub(super) fn write(&mut self, lines: impl IntoIterator<Item = Value>) -> Result<(), String> {
        for line in lines {
            writeln!(self.file, "{line}").map_err(|error| cannot_write(&self.path, &error))?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), String> {
        self.file.flush().map_err(|error| cannot_write(&self.path, &error))
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("terrarium: {} cannot be written: {error}", path.display())
}
