//! What a controller's operation comes to: a response, and the records that make it true (`ControllerResult`).

use crate::wire::{ErrorCode, MetadataRecord, StrBytes, VersionedRecord};

/// The answer to a request, and the records that must be in the metadata log before it may be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<T> {
    /// What to append, in this order.
    pub records: Vec<VersionedRecord>,
    /// What to answer when they are committed.
    pub response: T,
}

impl<T> Outcome<T> {
    /// An answer that changes nothing.
    pub fn unchanged(response: T) -> Self {
        Self { records: Vec::new(), response }
    }
}

/// Why something is refused: Kafka's code, and its message where that says more than the code's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The code.
    pub error: ErrorCode,
    /// The message in the response.
    pub message: Option<String>,
}

impl ApiError {
    /// A refusal with a message.
    pub fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self { error, message: Some(message.into()) }
    }

    /// The message as a response has it.
    pub(super) fn text(&self) -> Option<StrBytes> {
        self.message.clone().map(StrBytes::from_string)
    }
}

impl From<ErrorCode> for ApiError {
    fn from(error: ErrorCode) -> Self {
        Self { error, message: None }
    }
}

/// A record at version 0.
pub(super) fn v0(record: impl Into<MetadataRecord>) -> VersionedRecord {
    VersionedRecord::new(record, 0)
}

/// A text of ours as the protocol's.
pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}
