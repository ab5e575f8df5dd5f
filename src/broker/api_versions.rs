//! ApiVersions: what this listener serves, so that a client can pick versions (KIP-35, KIP-511).

use super::{Broker, Served};
use crate::network::Pending;
use crate::wire::messages::ApiVersionsRequest;
use crate::wire::{BROKER_APIS, ResponseKind};

impl Broker {
    pub(super) fn api_versions(&self, pending: &Pending, request: &ApiVersionsRequest) -> Served {
        let features = self.metadata.features();
        let answer = features.api_versions(BROKER_APIS, pending.version, request, self.metadata_offset());
        Served::Now(ResponseKind::ApiVersions(answer))
    }
}
