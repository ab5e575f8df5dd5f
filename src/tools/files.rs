//! The files that a tool can name, which are none but its standard input.

use super::java::properties;
use super::options::Options;
use crate::base::SimDuration;
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

/// Sets an admin client up with configs; those that it does not have are passed over, as Kafka does.
///
/// # Errors
/// `ConfigException` for a value that is no number, as the cause of the client that cannot be made.
pub(super) fn set_up(config: &mut AdminConfig, configs: &[(String, String)]) -> Result<(), Throwable> {
    for (name, value) in configs {
        let target = match name.as_str() {
            "client.id" => {
                config.client_id.clone_from(value);
                continue;
            }
            "request.timeout.ms" => &mut config.request_timeout,
            "default.api.timeout.ms" => &mut config.default_api_timeout,
            "retry.backoff.ms" => &mut config.retry_backoff,
            "retry.backoff.max.ms" => &mut config.retry_backoff_max,
            "metadata.max.age.ms" => &mut config.metadata_max_age,
            _ => continue,
        };
        let wrong = |why: &str| {
            let message = format!("Invalid value {value} for configuration {name}: {why}");
            Throwable::new("org.apache.kafka.common.config.ConfigException", message)
        };
        let ms: i64 = value.trim().parse().map_err(|_| wrong("Not a number of type INT"))?;
        let ms = u64::try_from(ms).map_err(|_| wrong("Value must be at least 0"))?;
        *target = SimDuration::from_millis(ms);
    }
    Ok(())
}
