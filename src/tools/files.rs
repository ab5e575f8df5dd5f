//! The files that a tool can name, which are none but its standard input.

use super::java::properties;
use super::options::Options;
use crate::client::ConfigError;
use crate::client::admin::{AdminConfig, Throwable};

/// A tool's standard input as a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    stdin: Option<String>,
}

impl Files {
    pub(super) fn new(stdin: Option<String>) -> Self {
        Self { stdin }
    }

    /// A file's text.
    ///
    /// # Errors
    /// `NoSuchFileException`.
    pub(super) fn read(&self, path: &str) -> Result<&str, Throwable> {
        match path {
            "/dev/stdin" => Ok(self.stdin.as_deref().unwrap_or_default()),
            _ => Err(Throwable::new("java.nio.file.NoSuchFileException", path)),
        }
    }
}

/// The admin client configs of the file that an option names (`Utils.loadProps`).
///
/// # Errors
/// When there is no such file.
pub(super) fn command_config(options: &Options, name: &str, files: &Files) -> Result<Vec<(String, String)>, Throwable> {
    match options.one(name)? {
        Some(path) => Ok(properties(files.read(path)?)),
        None => Ok(Vec::new()),
    }
}

/// Sets an admin client up with configs.
///
/// # Errors
/// `ConfigException` for a value that Kafka refuses.
pub(super) fn set_up(config: &mut AdminConfig, configs: &[(String, String)]) -> Result<(), Throwable> {
    let refused = |error: ConfigError| Throwable::new(Throwable::CONFIG, error.to_string());
    configs.iter().try_for_each(|(name, value)| config.set(name, value)).map_err(refused)
}
