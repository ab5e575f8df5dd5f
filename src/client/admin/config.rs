//! An admin client's configs under Kafka's names, with Kafka's defaults and messages (`AdminClientConfig`).

use super::Throwable;
use crate::base::{Endpoint, SimDuration};
use crate::client::config::{CommonClientConfigs, ConfigError, int_millis};

/// What an admin client is set up with.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// What all clients have.
    pub common: CommonClientConfigs,
    /// `default.api.timeout.ms`, when it was set; see [`AdminConfig::default_api_timeout`].
    pub given_default_api_timeout: Option<SimDuration>,
}

impl AdminConfig {
    /// Kafka's defaults.
    pub fn new(client_id: impl Into<String>, bootstrap: Vec<Endpoint>) -> Self {
        let client_id = Some(client_id.into());
        let common = CommonClientConfigs { client_id, bootstrap, ..CommonClientConfigs::default() };
        Self { common, given_default_api_timeout: None }
    }

    /// Sets a config by its Kafka name. One that it does not have changes nothing: Kafka warns and goes on. Nor does
    /// `bootstrap.servers`: every tool has an option for that, which counts.
    ///
    /// # Errors
    /// A value that Kafka refuses.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let value = value.trim();
        match name {
            "bootstrap.servers" => {}
            "default.api.timeout.ms" => self.given_default_api_timeout = Some(int_millis(name, value)?),
            _ => {
                self.common.set_own(name, value)?;
            }
        }
        Ok(())
    }

    /// `default.api.timeout.ms`: how long a call may take with all its tries. Unless it is set, it grows with
    /// `request.timeout.ms`.
    pub fn default_api_timeout(&self) -> SimDuration {
        self.given_default_api_timeout.unwrap_or(SimDuration::from_secs(60).max(self.common.request_timeout))
    }

    /// Checks the configs against each other, as Kafka's admin client does when it is made.
    ///
    /// # Errors
    /// Kafka's exception.
    pub fn validate(&self) -> Result<(), Throwable> {
        if self.default_api_timeout() >= self.common.request_timeout {
            return Ok(());
        }
        let text =
            "The specified value of default.api.timeout.ms must be no smaller than the value of request.timeout.ms.";
        let cause = Throwable::new(Throwable::CONFIG, text);
        Err(Throwable::new(Throwable::KAFKA, "Failed to create new KafkaAdminClient").caused_by(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Result<AdminConfig, String> {
        let mut config = AdminConfig::new("a", Vec::new());
        pairs.iter().try_for_each(|(name, value)| config.set(name, value)).map_err(|error| error.to_string())?;
        config.validate().map(|()| config).map_err(|thrown| thrown.stack_trace())
    }

    /// What `AdminClient.create` of kafka-clients 4.1.1 does with the same configs.
    #[test]
    fn kafkas_words_for_what_it_refuses() {
        for (pairs, message) in [
            (
                &[("default.api.timeout.ms", "1000")][..],
                "org.apache.kafka.common.KafkaException: Failed to create new KafkaAdminClient\nCaused by: \
                 org.apache.kafka.common.config.ConfigException: The specified value of default.api.timeout.ms must be \
                 no smaller than the value of request.timeout.ms.\n",
            ),
            (
                &[("request.timeout.ms", "x")],
                "Invalid value x for configuration request.timeout.ms: Not a number of type INT",
            ),
            (
                &[("retry.backoff.ms", "x")],
                "Invalid value x for configuration retry.backoff.ms: Not a number of type LONG",
            ),
            (
                &[("default.api.timeout.ms", "-1")],
                "Invalid value -1 for configuration default.api.timeout.ms: Value must be at least 0",
            ),
            (
                &[("metadata.recovery.strategy", "foo")],
                "Invalid value foo for configuration metadata.recovery.strategy: String must be one of (case \
                 insensitive): REBOOTSTRAP, NONE",
            ),
        ] {
            assert_eq!(set(pairs).map(|_| ()), Err(message.into()));
        }
    }

    #[test]
    fn what_is_not_its_own_is_passed_over() {
        let config = set(&[("foo", "bar"), ("bootstrap.servers", "x"), ("request.timeout.ms", " 90000 ")]);
        let config = config.expect("Kafka takes it");
        assert_eq!(config.common.request_timeout, SimDuration::from_secs(90));
        assert_eq!(config.default_api_timeout(), SimDuration::from_secs(90), "no smaller than a request's");
        let both = set(&[("default.api.timeout.ms", "1000"), ("request.timeout.ms", "1000")]);
        assert_eq!(both.expect("Kafka takes it").default_api_timeout(), SimDuration::from_secs(1));
    }
}
