//! Requests and responses as values and as frames.

use super::api::{ApiRange, BROKER_APIS, range_in};
use super::bodies::{RequestKind, ResponseKind};
use super::codec::{Reader, Writer};
use super::schema::{Direction, REQUEST_HEADER, RESPONSE_HEADER};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::StrBytes;
use std::fmt;
use std::sync::Arc;

/// What a connection carries.
#[derive(Clone, Debug)]
pub enum Message {
    /// A request between machines of the world.
    Request(Arc<Request>),
    /// A response between machines of the world.
    Response(Arc<Response>),
    /// Bytes from outside the world: one frame without its length prefix, not yet looked at.
    Frame(Bytes),
}

/// A request at a version.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The API.
    pub api: ApiKey,
    /// The version at which the body is encoded.
    pub version: i16,
    /// The number by which the response is matched to it.
    pub correlation_id: i32,
    /// The client's name for itself (`client.id`).
    pub client_id: StrBytes,
    /// The body.
    pub body: RequestKind,
}

/// A response to a request, at the request's version.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The request's API.
    pub api: ApiKey,
    /// The request's version.
    pub version: i16,
    /// The request's correlation id.
    pub correlation_id: i32,
    /// The body.
    pub body: ResponseKind,
}

const HEADER_OF_REQUEST: (i16, Direction) = (REQUEST_HEADER, Direction::Header);
const HEADER_OF_RESPONSE: (i16, Direction) = (RESPONSE_HEADER, Direction::Header);

/// Why a frame is not a request that a broker serves. Kafka closes the connection on every one of them but
/// [`FrameError::ApiVersionsVersion`], which is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The frame ends before its header does.
    TooShort(usize),
    /// An API key that no Kafka has, or that this listener does not serve.
    UnknownApi(i16),
    /// A version outside the advertised range.
    UnsupportedVersion(i16, i16),
    /// An ApiVersions request at a version that is not served: answered at version 0 with UNSUPPORTED_VERSION, so that
    /// the client can ask again (KIP-511). Holds the correlation id.
    ApiVersionsVersion(i32),
    /// The header or body does not parse.
    Malformed(String),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort(n) => write!(f, "a frame of {n} bytes ends before its request header does"),
            Self::UnknownApi(key) => write!(f, "API key {key} is not served"),
            Self::UnsupportedVersion(key, version) => write!(f, "API key {key} is not served at version {version}"),
            Self::ApiVersionsVersion(_) => write!(f, "ApiVersions at a version that is not served"),
            Self::Malformed(why) => write!(f, "the frame does not parse: {why}"),
        }
    }
}

impl std::error::Error for FrameError {}

impl Request {
    /// Writes its header, or counts its bytes; how many they are.
    fn header(&self, out: Option<&mut BytesMut>) -> usize {
        let mut header = RequestHeader::default();
        header.request_api_key = self.api as i16;
        header.request_api_version = self.version;
        header.correlation_id = self.correlation_id;
        header.client_id = Some(self.client_id.clone());
        Writer::message(HEADER_OF_REQUEST, self.api.request_header_version(self.version), &header, out)
    }

    /// The request as it goes over a socket, length prefix included.
    pub fn frame(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.size());
        out.put_i32(0);
        self.header(Some(&mut out));
        self.body.encode(&mut out, self.version);
        finish_frame(out)
    }

    /// The length in bytes of [`Request::frame`].
    pub fn size(&self) -> usize {
        4 + self.header(None) + self.body.size(self.version)
    }

    /// Reads a frame (without its length prefix) as a broker's listener does: the header first, then whether the API is
    /// served at that version, then the body. Bytes after the body are ignored, as Kafka ignores them.
    pub fn decode(frame: &Bytes) -> Result<Self, FrameError> {
        Self::decode_for(frame, BROKER_APIS)
    }

    /// Reads a frame as [`Request::decode`] does, for a listener that serves `apis`.
    pub fn decode_for(frame: &Bytes, apis: &[ApiRange]) -> Result<Self, FrameError> {
        if frame.len() < 8 {
            return Err(FrameError::TooShort(frame.len()));
        }
        let mut head = frame.clone();
        let (key, version, correlation_id) = (head.get_i16(), head.get_i16(), head.get_i32());
        let api = ApiKey::try_from(key).map_err(|()| FrameError::UnknownApi(key))?;
        let range = range_in(apis, api).ok_or(FrameError::UnknownApi(key))?;
        let (mut input, mut header) = (Reader::new(frame.clone()), RequestHeader::default());
        input.message(HEADER_OF_REQUEST, api.request_header_version(version), &mut header)?;
        if !(range.min..=range.max).contains(&version) {
            return Err(match api {
                ApiKey::ApiVersions => FrameError::ApiVersionsVersion(correlation_id),
                _ => FrameError::UnsupportedVersion(key, version),
            });
        }
        let body = RequestKind::decode(api, &mut input, version)?;
        Ok(Self { api, version, correlation_id, client_id: header.client_id.unwrap_or_default(), body })
    }
}

impl Response {
    /// The response as it goes over a socket, length prefix included.
    pub fn frame(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.size());
        out.put_i32(0);
        self.header(Some(&mut out));
        self.body.encode(&mut out, self.version);
        finish_frame(out)
    }

    /// The length in bytes of [`Response::frame`].
    pub fn size(&self) -> usize {
        4 + self.header(None) + self.body.size(self.version)
    }

    /// Reads a frame (without its length prefix) as the response to a request of `api` at `version`.
    pub fn decode(frame: &Bytes, api: ApiKey, version: i16) -> Result<Self, FrameError> {
        let (mut input, mut header) = (Reader::new(frame.clone()), ResponseHeader::default());
        input.message(HEADER_OF_RESPONSE, api.response_header_version(version), &mut header)?;
        let body = ResponseKind::decode(api, &mut input, version)?;
        Ok(Self { api, version, correlation_id: header.correlation_id, body })
    }

    /// Writes its header, or counts its bytes; how many they are.
    fn header(&self, out: Option<&mut BytesMut>) -> usize {
        let header = ResponseHeader::default().with_correlation_id(self.correlation_id);
        Writer::message(HEADER_OF_RESPONSE, self.api.response_header_version(self.version), &header, out)
    }
}

impl Message {
    /// The message's length in bytes on the wire, length prefix included.
    pub fn size(&self) -> usize {
        match self {
            Self::Request(request) => request.size(),
            Self::Response(response) => response.size(),
            Self::Frame(bytes) => bytes.len() + 4,
        }
    }
}

/// What a request frame (without its length prefix) says of itself first: API key, version and correlation id. Nothing
/// when the frame is too short or no Kafka has such an API.
pub fn request_head(frame: &[u8]) -> Option<(i16, i16, i32)> {
    let mut head = frame.get(..8)?;
    let (key, version, correlation_id) = (head.get_i16(), head.get_i16(), head.get_i32());
    ApiKey::try_from(key).ok().map(|_| (key, version, correlation_id))
}

fn finish_frame(mut out: BytesMut) -> Bytes {
    let length = out.len() as i32 - 4;
    out[..4].copy_from_slice(&length.to_be_bytes());
    out.freeze()
}
