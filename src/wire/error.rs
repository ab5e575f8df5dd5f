//! Error codes: protocol values, not Rust errors. A broker answers with one; a client decides by it.

use std::fmt;

/// An error code of the protocol; 0 is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ErrorCode(pub i16);

/// What a Java client does on an error, by the class of the exception that the code stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Give up: tell the application.
    Fatal,
    /// Try again after a backoff (`RetriableException`).
    Retry,
    /// Refresh metadata, then try again (`InvalidMetadataException`).
    RefreshAndRetry,
}

/// One row of Kafka's table of errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct ErrorInfo {
    pub(super) code: ErrorCode,
    pub(super) name: &'static str,
    pub(super) treat: Treatment,
    pub(super) message: &'static str,
}

impl ErrorCode {
    fn info(self) -> Option<&'static ErrorInfo> {
        let table = super::error_codes::ERRORS;
        table.binary_search_by_key(&self, |info| info.code).ok().map(|at| &table[at])
    }

    /// No error.
    pub fn is_ok(self) -> bool {
        self == Self::NONE
    }

    /// Kafka's name, such as `NOT_LEADER_OR_FOLLOWER`; a code that Kafka 4.1 does not have is `UNKNOWN_SERVER_ERROR`.
    pub fn name(self) -> &'static str {
        self.info().map_or("UNKNOWN_SERVER_ERROR", |info| info.name)
    }

    /// Kafka's default message for the code.
    pub fn message(self) -> &'static str {
        self.info().map_or("", |info| info.message)
    }

    /// What a client does about it.
    pub fn treatment(self) -> Treatment {
        self.info().map_or(Treatment::Fatal, |info| info.treat)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_complete() {
        let codes: Vec<i16> = super::super::error_codes::ERRORS.iter().map(|e| e.code.0).collect();
        assert!(codes.is_sorted() && codes.len() == 135, "{} codes", codes.len());
        assert_eq!(ErrorCode(6).name(), "NOT_LEADER_OR_FOLLOWER");
        assert_eq!(ErrorCode(6).treatment(), Treatment::RefreshAndRetry);
        assert_eq!(ErrorCode(7).treatment(), Treatment::Retry);
        assert_eq!(ErrorCode(10).treatment(), Treatment::Fatal);
        assert_eq!(ErrorCode(32_000).name(), "UNKNOWN_SERVER_ERROR");
    }
}
