//! ApiVersions: what this listener serves, so that a client can pick versions (KIP-35, KIP-511).

use super::{Broker, Pending, Served};
use crate::wire::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use crate::wire::messages::{ApiVersionsRequest, ApiVersionsResponse};
use crate::wire::{ApiKey, ApiRange, BROKER_APIS, ErrorCode, Response, ResponseKind, StrBytes, api_range};

/// The feature `metadata.version`: Kafka 4.1 supports levels 7 to 27 and formats new clusters at 27.
const METADATA_VERSION: (i16, i16) = (7, 27);

impl Broker {
    pub(super) fn api_versions(&self, pending: &Pending, request: &ApiVersionsRequest) -> Served {
        let software = [&request.client_software_name, &request.client_software_version];
        if pending.version >= 3 && !software.into_iter().all(is_software_name) {
            let refused = ApiVersionsResponse::default().with_error_code(ErrorCode::INVALID_REQUEST.0);
            return Served::Now(ResponseKind::ApiVersions(refused));
        }
        let (min, max) = METADATA_VERSION;
        let name = StrBytes::from_static_str("metadata.version");
        let supported =
            SupportedFeatureKey::default().with_name(name.clone()).with_min_version(min).with_max_version(max);
        let finalized =
            FinalizedFeatureKey::default().with_name(name).with_min_version_level(max).with_max_version_level(max);
        let mut response = ApiVersionsResponse::default().with_api_keys(BROKER_APIS.iter().map(entry).collect());
        if pending.version >= 3 {
            response = response
                .with_supported_features(vec![supported])
                .with_finalized_features_epoch(0)
                .with_finalized_features(vec![finalized]);
        }
        Served::Now(ResponseKind::ApiVersions(response))
    }
}

/// The answer to an ApiVersions request at a version that is not served: version 0, UNSUPPORTED_VERSION, and the
/// range of ApiVersions itself, so that the client can ask again.
pub(super) fn unsupported_version(correlation_id: i32) -> Response {
    let own = api_range(ApiKey::ApiVersions).expect("ApiVersions is always served");
    let body = ApiVersionsResponse::default()
        .with_error_code(ErrorCode::UNSUPPORTED_VERSION.0)
        .with_api_keys(vec![entry(&own)]);
    Response { api: ApiKey::ApiVersions, version: 0, correlation_id, body: ResponseKind::ApiVersions(body) }
}

fn entry(range: &ApiRange) -> ApiVersion {
    ApiVersion::default().with_api_key(range.api as i16).with_min_version(range.min).with_max_version(range.max)
}

/// Whether a client's name or version is letters, digits, `-` and `.`, beginning and ending with a letter or digit.
fn is_software_name(text: &StrBytes) -> bool {
    let bytes = text.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}
