//! The cluster as a whole: describeCluster, unregisterBroker, and what each broker says of its API versions.

use super::{Admin, Call, Route, Step, Throwable, body, caught, check};
use crate::wire::messages::{
    ApiVersionsRequest, ApiVersionsResponse, DescribeClusterRequest, MetadataRequest, UnregisterBrokerRequest,
};
use crate::wire::{ErrorCode, StrBytes};

/// A broker of the cluster (`Node`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterNode {
    /// Its id.
    pub id: i32,
    /// The advertised host name.
    pub host: String,
    /// The advertised port.
    pub port: i32,
    /// Its rack, if it has one.
    pub rack: Option<String>,
    /// Whether the controller has fenced it.
    pub is_fenced: bool,
}

/// The cluster: its id and its brokers, in the order of the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// Its brokers.
    pub nodes: Vec<ClusterNode>,
}

/// As Kafka's `Node.toString` has it.
impl std::fmt::Display for ClusterNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, host, port, rack, is_fenced } = self;
        let rack = rack.as_deref().unwrap_or("null");
        write!(f, "{host}:{port} (id: {id} rack: {rack} isFenced: {is_fenced})")
    }
}

/// `EndpointType.BROKER`.
const BROKER_ENDPOINTS: i8 = 1;

impl Admin<'_, '_> {
    /// The cluster's id and brokers (`describeCluster`). Metadata serves where DescribeCluster is not known, unless
    /// fenced brokers are wanted too (KIP-1073).
    ///
    /// # Errors
    /// What the call throws.
    pub fn describe_cluster(&mut self, with_fenced: bool) -> Step<ClusterDescription> {
        let request = DescribeClusterRequest::default()
            .with_endpoint_type(BROKER_ENDPOINTS)
            .with_include_fenced_brokers(with_fenced);
        let since = if with_fenced { 2 } else { 0 };
        let response = match caught(self.call(Call::new("listNodes", Route::LeastLoaded, request).since(since)))? {
            Ok(response) => response,
            Err(why) if why.is(ErrorCode::UNSUPPORTED_VERSION) && !with_fenced => return self.nodes_by_metadata(),
            Err(why) => return Err(why.into()),
        };
        let response = body!(DescribeCluster, &response.body);
        check(response.error_code, response.error_message.as_ref())?;
        let node = |b: &crate::wire::messages::describe_cluster_response::DescribeClusterBroker| ClusterNode {
            id: b.broker_id.0,
            host: b.host.to_string(),
            port: b.port,
            rack: b.rack.as_ref().map(|rack| rack.to_string()),
            is_fenced: b.is_fenced,
        };
        let nodes = response.brokers.iter().map(node).collect();
        Ok(ClusterDescription { cluster_id: Some(response.cluster_id.to_string()), nodes })
    }

    fn nodes_by_metadata(&mut self) -> Step<ClusterDescription> {
        self.nodes_of("listNodes", Some(Vec::new()))
    }

    /// The brokers that Metadata names, asked for with these topics (none: all) by a call of this name.
    pub(super) fn nodes_of(
        &mut self,
        call: &str,
        topics: Option<Vec<crate::wire::messages::metadata_request::MetadataRequestTopic>>,
    ) -> Step<ClusterDescription> {
        let request = MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(true);
        let response = self.call(Call::new(call, Route::LeastLoaded, request))?;
        let response = body!(Metadata, &response.body);
        let node = |b: &crate::wire::messages::metadata_response::MetadataResponseBroker| ClusterNode {
            id: b.node_id.0,
            host: b.host.to_string(),
            port: b.port,
            rack: b.rack.as_ref().map(|rack| rack.to_string()),
            is_fenced: false,
        };
        let cluster_id = response.cluster_id.as_ref().map(|id| id.to_string());
        Ok(ClusterDescription { cluster_id, nodes: response.brokers.iter().map(node).collect() })
    }

    /// Every broker that Metadata of all topics names, as `kafka-broker-api-versions.sh` finds them.
    ///
    /// # Errors
    /// What the call throws.
    pub fn find_all_brokers(&mut self) -> Step<Vec<ClusterNode>> {
        Ok(self.nodes_of("findAllBrokers", None)?.nodes)
    }

    /// What these brokers answer to ApiVersions, each by itself.
    ///
    /// # Errors
    /// Only [`super::Stop::Pending`].
    pub fn api_versions(&mut self, brokers: &[i32]) -> Step<Vec<Result<ApiVersionsResponse, Throwable>>> {
        let call = |broker: &i32| Call::new("apiVersions", Route::Broker(*broker), api_versions_request());
        let responses = self.call_all(brokers.iter().map(call).collect())?;
        let versions = responses.into_iter().map(|response| {
            let response = response?;
            let versions = body!(ApiVersions, &response.body);
            check(versions.error_code, None).map(|()| versions.clone())
        });
        Ok(versions.collect())
    }

    /// Takes a broker off the cluster's register (`unregisterBroker`).
    ///
    /// # Errors
    /// What the call throws, or the controller's refusal.
    pub fn unregister_broker(&mut self, broker: i32) -> Step<()> {
        let request = UnregisterBrokerRequest::default().with_broker_id(broker.into());
        let call = Call::new("unregisterBroker", Route::LeastLoaded, request).checked(|response| {
            let response = body!(UnregisterBroker, response);
            match ErrorCode(response.error_code) {
                ErrorCode::REQUEST_TIMED_OUT => check(response.error_code, response.error_message.as_ref()),
                _ => Ok(()),
            }
        });
        let response = self.call(call)?;
        let response = body!(UnregisterBroker, &response.body);
        Ok(check(response.error_code, response.error_message.as_ref())?)
    }
}

/// The request as every client of Kafka 4.1 makes it (KIP-511).
pub(super) fn api_versions_request() -> ApiVersionsRequest {
    ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str("apache-kafka-java"))
        .with_client_software_version(StrBytes::from_static_str("4.1.1"))
}
