//! What goes wrong, as Java's tools print it: an exception with its class, its message and its cause.
//!
//! Tools print a message here, a class there, a whole stack trace elsewhere, so an error has to keep all of them. A
//! stack trace is printed without its frames (`\tat …`): they tell of Java's code, and there is none here.

use crate::wire::{ErrorCode, Treatment};
use std::borrow::Cow;
use std::fmt::{self, Write};

/// A Java exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throwable {
    class: Cow<'static, str>,
    message: Option<String>,
    cause: Option<Box<Throwable>>,
    suppressed: Vec<Throwable>,
    error: Option<ErrorCode>,
}

/// The package of the exceptions that error codes stand for.
const ERRORS: &str = "org.apache.kafka.common.errors";

/// Exceptions of error codes whose class is not the code's name in Java's spelling.
const IRREGULAR: [(ErrorCode, &str); 28] = [
    (ErrorCode::UNKNOWN_SERVER_ERROR, "UnknownServerException"),
    (ErrorCode::CORRUPT_MESSAGE, "CorruptRecordException"),
    (ErrorCode::REQUEST_TIMED_OUT, "TimeoutException"),
    (ErrorCode::MESSAGE_TOO_LARGE, "RecordTooLargeException"),
    (ErrorCode::STALE_CONTROLLER_EPOCH, "ControllerMovedException"),
    (ErrorCode::OFFSET_METADATA_TOO_LARGE, "OffsetMetadataTooLarge"),
    (ErrorCode::NETWORK_EXCEPTION, "NetworkException"),
    (ErrorCode::INVALID_TOPIC_EXCEPTION, "InvalidTopicException"),
    (ErrorCode::RECORD_LIST_TOO_LARGE, "RecordBatchTooLargeException"),
    (ErrorCode::TOPIC_AUTHORIZATION_FAILED, "TopicAuthorizationException"),
    (ErrorCode::GROUP_AUTHORIZATION_FAILED, "GroupAuthorizationException"),
    (ErrorCode::CLUSTER_AUTHORIZATION_FAILED, "ClusterAuthorizationException"),
    (ErrorCode::TOPIC_ALREADY_EXISTS, "TopicExistsException"),
    (ErrorCode::INVALID_CONFIG, "InvalidConfigurationException"),
    (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, "OutOfOrderSequenceException"),
    (ErrorCode::DUPLICATE_SEQUENCE_NUMBER, "DuplicateSequenceException"),
    (ErrorCode::INVALID_PRODUCER_ID_MAPPING, "InvalidPidMappingException"),
    (ErrorCode::INVALID_TRANSACTION_TIMEOUT, "InvalidTxnTimeoutException"),
    (ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "TransactionalIdAuthorizationException"),
    (ErrorCode::KAFKA_STORAGE_ERROR, "KafkaStorageException"),
    (ErrorCode::SASL_AUTHENTICATION_FAILED, "SaslAuthenticationException"),
    (ErrorCode::DELEGATION_TOKEN_AUTH_DISABLED, "DelegationTokenDisabledException"),
    (ErrorCode::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, "UnsupportedByAuthenticationException"),
    (ErrorCode::DELEGATION_TOKEN_AUTHORIZATION_FAILED, "DelegationTokenAuthorizationException"),
    (ErrorCode::NON_EMPTY_GROUP, "GroupNotEmptyException"),
    (ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE, "PrincipalDeserializationException"),
    (ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR, "FetchSessionTopicIdException"),
    (ErrorCode::INVALID_REGULAR_EXPRESSION, "InvalidRegularExpression"),
];

impl Throwable {
    /// `java.lang.IllegalArgumentException`.
    pub const ILLEGAL_ARGUMENT: &'static str = "java.lang.IllegalArgumentException";
    /// `java.lang.RuntimeException`.
    pub const RUNTIME: &'static str = "java.lang.RuntimeException";
    /// `java.util.concurrent.ExecutionException`: what a future throws when what it waited for failed.
    pub const EXECUTION: &'static str = "java.util.concurrent.ExecutionException";
    /// `org.apache.kafka.common.config.ConfigException`.
    pub const CONFIG: &'static str = "org.apache.kafka.common.config.ConfigException";
    /// `org.apache.kafka.common.KafkaException`.
    pub const KAFKA: &'static str = "org.apache.kafka.common.KafkaException";

    /// An exception of a class, named with its package.
    pub fn new(class: &'static str, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..Self::bare(class) }
    }

    /// An exception without a message.
    pub fn bare(class: &'static str) -> Self {
        Self { class: Cow::Borrowed(class), message: None, cause: None, suppressed: Vec::new(), error: None }
    }

    /// An exception around another: its message is the other as a text (`new RuntimeException(cause)`).
    pub fn around(class: &'static str, cause: Self) -> Self {
        Self::new(class, cause.to_string()).caused_by(cause)
    }

    /// The exception of an error code, with the message that came with the code or Kafka's own for it.
    pub fn of(error: ErrorCode, message: Option<&str>) -> Self {
        let message = message.unwrap_or(error.message()).to_owned();
        let class = Cow::Owned(class_of(error));
        Self { class, message: Some(message), cause: None, suppressed: Vec::new(), error: Some(error) }
    }

    /// The same with a cause.
    pub fn caused_by(mut self, cause: Self) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// The same with another that was suppressed for it.
    pub fn suppressing(mut self, other: Self) -> Self {
        self.suppressed.push(other);
        self
    }

    /// Its class with its package.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// `getMessage()` as Java prints it: `null` when there is none.
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or("null")
    }

    /// The error code that it stands for, if it stands for one.
    pub fn error(&self) -> Option<ErrorCode> {
        self.error
    }

    /// Whether it stands for this error code.
    pub fn is(&self, error: ErrorCode) -> bool {
        self.error == Some(error)
    }

    /// Whether a client tries again (`RetriableException`).
    pub fn is_retriable(&self) -> bool {
        self.class == DISCONNECT || self.error.is_some_and(|error| error.treatment() != Treatment::Fatal)
    }

    /// Its stack trace without frames (`Throwable.printStackTrace`), a line end behind it.
    pub fn stack_trace(&self) -> String {
        let mut text = format!("{self}\n");
        for other in &self.suppressed {
            let _ = write!(text, "\tSuppressed: {}", other.stack_trace());
        }
        if let Some(cause) = &self.cause {
            let _ = write!(text, "Caused by: {}", cause.stack_trace());
        }
        text
    }
}

/// The exception of a request whose connection went before its response came.
pub(super) const DISCONNECT: &str = "org.apache.kafka.common.errors.DisconnectException";

/// As `Throwable.toString` has it.
impl fmt::Display for Throwable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.class),
            None => f.write_str(&self.class),
        }
    }
}

impl std::error::Error for Throwable {}

/// The exception's class for a code: the code's name in Java's spelling, or one of the irregular ones.
fn class_of(error: ErrorCode) -> String {
    // A code that Kafka 4.1 does not have is an unknown error of the server's.
    let is_known = error.name() != ErrorCode::UNKNOWN_SERVER_ERROR.name();
    let error = if is_known { error } else { ErrorCode::UNKNOWN_SERVER_ERROR };
    if error == ErrorCode::INVALID_RECORD {
        return "org.apache.kafka.common.InvalidRecordException".into();
    }
    if let Some((_, name)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == error) {
        return format!("{ERRORS}.{name}");
    }
    let capitalized = |word: &str| format!("{}{}", &word[..1], word[1..].to_ascii_lowercase());
    let name: String = error.name().split('_').map(capitalized).collect();
    format!("{ERRORS}.{name}Exception")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_exception() {
        let of = |error| Throwable::of(error, None);
        for (error, class) in [
            (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "UnknownTopicOrPartitionException"),
            (ErrorCode::TOPIC_ALREADY_EXISTS, "TopicExistsException"),
            (ErrorCode::ELECTION_NOT_NEEDED, "ElectionNotNeededException"),
            (ErrorCode(32_000), "UnknownServerException"),
        ] {
            assert_eq!(of(error).class(), format!("org.apache.kafka.common.errors.{class}"));
        }
        assert!(of(ErrorCode::NOT_CONTROLLER).is_retriable() && !of(ErrorCode::INVALID_CONFIG).is_retriable());
    }

    #[test]
    fn a_stack_trace_names_every_cause() {
        let timed_out = Throwable::of(ErrorCode::REQUEST_TIMED_OUT, Some("too late"));
        let around = Throwable::around(Throwable::RUNTIME, Throwable::around(Throwable::EXECUTION, timed_out));
        let class = "org.apache.kafka.common.errors.TimeoutException: too late";
        let execution = format!("java.util.concurrent.ExecutionException: {class}");
        let expected = format!("java.lang.RuntimeException: {execution}\nCaused by: {execution}\nCaused by: {class}\n");
        assert_eq!(around.stack_trace(), expected);
        assert_eq!(Throwable::bare("java.util.concurrent.TimeoutException").message(), "null");
    }
}
