//! Envelopes: how a broker forwards a client's request to the active controller (KIP-590).
//!
//! The request travels as its bytes, header included, with the principal of the client; the response comes back the
//! same way. An answer that says NOT_CONTROLLER is not passed on: the Envelope itself says so, and the broker looks for
//! the active controller.

use super::socket_server::{Enveloped, Pending};
use crate::wire::messages::{EnvelopeRequest, EnvelopeResponse};
use crate::wire::{ApiKey, ApiRange, ErrorCode, FrameError, Request, RequestKind, Response, ResponseKind};
use bytes::Bytes;

/// The principal of a client that has not proved who it is, `User:ANONYMOUS`, as `DefaultKafkaPrincipalBuilder`
/// serialises it: version 0, type, name, no token.
const ANONYMOUS: &[u8] = b"\x00\x00\x05User\x0aANONYMOUS\x00\x00";

/// 127.0.0.1.
const CLIENT_ADDRESS: &[u8] = &[127, 0, 0, 1];

/// The Envelope that holds a client's request.
pub fn seal(request: &Request) -> RequestKind {
    // Without the length prefix.
    let data = request.frame().slice(4..);
    let envelope = EnvelopeRequest::default()
        .with_request_data(data)
        .with_request_principal(Some(Bytes::from_static(ANONYMOUS)))
        .with_client_host_address(Bytes::from_static(CLIENT_ADDRESS));
    RequestKind::Envelope(envelope)
}

/// The request in an Envelope, and what its answer goes to.
///
/// # Errors
/// INVALID_REQUEST for what cannot be read or is not for forwarding.
pub fn open(
    pending: &Pending,
    envelope: &EnvelopeRequest,
    apis: &'static [ApiRange],
) -> Result<(Pending, Request), ErrorCode> {
    let request = Request::decode_for(&envelope.request_data, apis).map_err(|error| match error {
        FrameError::UnsupportedVersion(..) => ErrorCode::UNSUPPORTED_VERSION,
        _ => ErrorCode::INVALID_REQUEST,
    })?;
    if !super::is_forwarded(&request.body) {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let header = Enveloped { version: pending.version, correlation_id: pending.correlation_id };
    let inner = Pending { envelope: Some(header), ..Pending::new(pending.conn, &request) };
    Ok((inner, request))
}

/// The response in its Envelope.
pub(super) fn wrap(envelope: Enveloped, response: Response) -> Response {
    let body = match error_of(&response.body) == ErrorCode::NOT_CONTROLLER {
        true => EnvelopeResponse::default().with_response_data(None).with_error_code(ErrorCode::NOT_CONTROLLER.0),
        false => EnvelopeResponse::default().with_response_data(Some(response.frame().slice(4..))),
    };
    let (version, correlation_id) = (envelope.version, envelope.correlation_id);
    Response { api: ApiKey::Envelope, version, correlation_id, body: ResponseKind::Envelope(body) }
}

/// The response in an Envelope's answer.
///
/// # Errors
/// The Envelope's own error, or UNKNOWN_SERVER_ERROR when it holds no readable response.
pub fn unwrap(answer: &EnvelopeResponse, api: ApiKey, version: i16) -> Result<ResponseKind, ErrorCode> {
    match ErrorCode(answer.error_code) {
        ErrorCode::NONE => {}
        error => return Err(error),
    }
    let data = answer.response_data.as_ref().ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)?;
    Response::decode(data, api, version).map(|response| response.body).map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)
}

/// The error that a controller's response begins with, if it has one; of those with an error for each topic or resource
/// the first.
pub fn error_of(body: &ResponseKind) -> ErrorCode {
    let code = match body {
        ResponseKind::Envelope(body) => body.error_code,
        ResponseKind::BrokerRegistration(body) => body.error_code,
        ResponseKind::BrokerHeartbeat(body) => body.error_code,
        ResponseKind::ControllerRegistration(body) => body.error_code,
        ResponseKind::AlterPartition(body) => body.error_code,
        ResponseKind::AllocateProducerIds(body) => body.error_code,
        ResponseKind::UnregisterBroker(body) => body.error_code,
        ResponseKind::UpdateFeatures(body) => body.error_code,
        ResponseKind::ElectLeaders(body) => body.error_code,
        ResponseKind::CreateTopics(body) => body.topics.first().map_or(0, |topic| topic.error_code),
        ResponseKind::DeleteTopics(body) => body.responses.first().map_or(0, |topic| topic.error_code),
        ResponseKind::CreatePartitions(body) => body.results.first().map_or(0, |topic| topic.error_code),
        ResponseKind::AlterConfigs(body) => body.responses.first().map_or(0, |resource| resource.error_code),
        ResponseKind::IncrementalAlterConfigs(body) => body.responses.first().map_or(0, |resource| resource.error_code),
        _ => 0,
    };
    ErrorCode(code)
}
