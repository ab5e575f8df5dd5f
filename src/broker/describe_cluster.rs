//! DescribeCluster: the brokers, and which of them answers for the controller (KIP-700, KIP-1073).

use super::{Broker, Served, str_bytes};
use crate::network::Pending;
use crate::wire::messages::describe_cluster_response::DescribeClusterBroker;
use crate::wire::messages::{DescribeClusterRequest, DescribeClusterResponse};
use crate::wire::{BrokerId, ErrorCode, ResponseKind, StrBytes};

/// What kind of nodes to list: brokers; the other kind is for the controllers' own listener.
const BROKERS: i8 = 1;

impl Broker {
    pub(super) fn describe_cluster(&self, pending: &Pending, request: &DescribeClusterRequest) -> Served {
        if pending.version >= 1 && request.endpoint_type != BROKERS {
            let message = StrBytes::from_static_str(
                "The given endpoint type is not supported yet: the request was sent to a broker, but asks for \
                 controllers.",
            );
            let refused = DescribeClusterResponse::default()
                .with_error_code(ErrorCode::MISMATCHED_ENDPOINT_TYPE.0)
                .with_error_message(Some(message));
            return Served::Now(ResponseKind::DescribeCluster(refused));
        }
        let with_fenced = pending.version >= 2 && request.include_fenced_brokers;
        let listed = self.metadata.brokers().iter().filter(|broker| with_fenced || !broker.fenced);
        let entry = |broker: &crate::cluster::BrokerRegistration| {
            let listener = broker.endpoints.first()?;
            let entry = DescribeClusterBroker::default()
                .with_broker_id(BrokerId(broker.id))
                .with_host(listener.host.clone())
                .with_port(i32::from(listener.port))
                .with_rack(broker.rack.as_deref().map(str_bytes))
                .with_is_fenced(pending.version >= 2 && broker.fenced);
            Some(entry)
        };
        let answer = DescribeClusterResponse::default()
            .with_error_message(None)
            .with_cluster_id(self.cluster_id.clone())
            .with_controller_id(BrokerId(self.id))
            .with_brokers(listed.filter_map(entry).collect());
        Served::Now(ResponseKind::DescribeCluster(answer))
    }
}
