//! Kafka's wire protocol, in the types of the `kafka-protocol` crate.
//!
//! Inside a world, messages travel typed: a [`Request`] or [`Response`] at the version that the two ends negotiated,
//! behind an `Arc`, so that the trace, the packet in flight and the receiver share one value. Bytes are made when
//! somebody looks: to know a message's size on a link with a bandwidth, to show it in the inspector, or to hand it to a
//! client outside the simulation. They are then exactly what a real client would see.
//!
//! Record batches are the exception: they are bytes everywhere ([`records`]), because they are bytes in a real log too:
//! a broker checks their checksum and stamps offsets into them but never takes them apart. The crate's own record codec
//! is not used: it keeps headers in a map (Kafka allows a header key twice) and dates a batch by its smallest
//! timestamp where Kafka's producer uses its first.

mod api;
mod bodies;
mod codec;
mod compression;
pub mod consumer_protocol;
pub mod control;
mod error;
mod error_codes;
mod error_response;
mod fields;
mod group_log;
#[rustfmt::skip]
pub mod group_records;
pub mod inspect;
mod message;
mod metadata_log;
#[rustfmt::skip]
pub mod metadata_records;
mod record_codec;
pub mod records;
mod schema;

pub use api::{
    ApiRange, BROKER_APIS, CONTROLLER_APIS, api_name, api_range, api_versions, api_versions_refusal, negotiate,
    range_in,
};
pub use bodies::{RequestKind, ResponseKind};
pub use compression::{CODECS, Compression, MAX_DECOMPRESSED};
pub use error::{ErrorCode, Treatment};
pub use error_response::error_response;
pub use group_log::GroupRecord;
pub use kafka_protocol::messages::{self, ApiKey, BrokerId, TopicName};
pub use kafka_protocol::protocol::StrBytes;
pub use message::{FrameError, Message, Request, Response, request_head};
pub use metadata_log::VersionedRecord;
pub use metadata_records::MetadataRecord;
pub use record_codec::RecordError;
