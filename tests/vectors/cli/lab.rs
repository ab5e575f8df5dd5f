//! A tool alone with a cluster of one broker that a test plays: it gets a tool's requests and says what to answer.

use kafka_terrarium::base::{ConnId, Endpoint, Rng, SimTime};
use kafka_terrarium::machine::{Ctx, Effect, Input};
use kafka_terrarium::tools::{Invocation, Tool, ToolOutput};
use kafka_terrarium::wire::messages::api_versions_response::ApiVersion;
use kafka_terrarium::wire::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_terrarium::wire::messages::find_coordinator_response::Coordinator;
use kafka_terrarium::wire::messages::metadata_response::MetadataResponseBroker;
use kafka_terrarium::wire::messages::{
    ApiVersionsResponse, DescribeClusterResponse, FindCoordinatorResponse, ListPartitionReassignmentsResponse,
    MetadataResponse,
};
use kafka_terrarium::wire::{ApiKey, Message, Request, RequestKind, Response, ResponseKind, StrBytes};
use std::collections::VecDeque;
use std::sync::Arc;

/// 2026-01-01T00:00:00Z.
pub(crate) const START_MS: i64 = 1_767_225_600_000;

/// How long a tool may take, in virtual time.
const PATIENCE: SimTime = SimTime(300_000_000);

/// What a lab's cluster answers to a request.
type Answer<'a> = Box<dyn Fn(&RequestKind) -> Option<ResponseKind> + 'a>;

/// A cluster: where its broker is said to listen, and what it answers.
pub(crate) struct Cluster<'a> {
    pub(crate) host: &'a str,
    pub(crate) brokers: Vec<i32>,
    /// APIs that it does not serve.
    pub(crate) lacks: Vec<ApiKey>,
    pub(crate) answer: Answer<'a>,
}

impl<'a> Cluster<'a> {
    /// A cluster of broker 1, which answers what every tool asks; the rest is the test's.
    pub(crate) fn new(answer: impl Fn(&RequestKind) -> Option<ResponseKind> + 'a) -> Self {
        Self { host: "localhost", brokers: vec![1], lacks: Vec::new(), answer: Box::new(answer) }
    }

    fn respond(&self, request: &Request) -> Response {
        let body = (self.answer)(&request.body).or_else(|| self.usual(&request.body));
        let body = body.unwrap_or_else(|| panic!("no answer to {:?}", request.body));
        Response { api: request.api, version: request.version, correlation_id: request.correlation_id, body }
    }

    fn usual(&self, request: &RequestKind) -> Option<ResponseKind> {
        let host = StrBytes::from_string(self.host.to_owned());
        Some(match request {
            RequestKind::ApiVersions(_) => self.api_versions().into(),
            RequestKind::Metadata(_) => {
                let broker = |id: &i32| {
                    MetadataResponseBroker::default().with_node_id((*id).into()).with_host(host.clone()).with_port(9092)
                };
                MetadataResponse::default()
                    .with_brokers(self.brokers.iter().map(broker).collect())
                    .with_controller_id(self.brokers[0].into())
                    .into()
            }
            RequestKind::DescribeCluster(_) => {
                let broker = |id: &i32| {
                    DescribeClusterBroker::default()
                        .with_broker_id((*id).into())
                        .with_host(host.clone())
                        .with_port(9092)
                };
                DescribeClusterResponse::default().with_brokers(self.brokers.iter().map(broker).collect()).into()
            }
            RequestKind::ListPartitionReassignments(_) => ListPartitionReassignmentsResponse::default().into(),
            RequestKind::FindCoordinator(request) => {
                let coordinator = |key: &StrBytes| {
                    Coordinator::default()
                        .with_key(key.clone())
                        .with_node_id(self.brokers[0].into())
                        .with_host(host.clone())
                        .with_port(9092)
                };
                let coordinators = request.coordinator_keys.iter().map(coordinator).collect();
                FindCoordinatorResponse::default().with_coordinators(coordinators).into()
            }
            _ => return None,
        })
    }

    fn api_versions(&self) -> ApiVersionsResponse {
        let served = ApiKey::iter().filter(|api| !self.lacks.contains(api));
        let version = |api: ApiKey| {
            let range = api.valid_versions();
            ApiVersion::default().with_api_key(api as i16).with_min_version(range.min).with_max_version(range.max)
        };
        ApiVersionsResponse::default().with_api_keys(served.map(version).collect())
    }
}

/// Runs a tool in a cluster until it ends; none when it has not in five minutes.
pub(crate) fn run(invocation: Invocation, cluster: Option<&Cluster<'_>>) -> Option<(ToolOutput, SimTime)> {
    let listener = Endpoint { host: "localhost".into(), port: 9092 };
    let mut tool = Tool::new(invocation, vec![listener]);
    let (mut rng, mut next_conn) = (Rng::stream(1, "tool"), 0);
    let mut now = SimTime::ZERO;
    let mut inputs = VecDeque::from([Input::Started]);
    loop {
        let input = match inputs.pop_front() {
            Some(input) => input,
            None => {
                now = tool.next_deadline()?;
                Input::Woken
            }
        };
        let mut effects = Vec::new();
        tool.handle(input, &mut Ctx::new(now, START_MS, &mut rng, &mut next_conn, &mut effects));
        if let Some(output) = tool.output() {
            return Some((output.clone(), now));
        }
        if now > PATIENCE {
            return None;
        }
        inputs.extend(effects.into_iter().filter_map(|effect| consequence(effect, cluster)));
    }
}

/// What comes of what a tool does. Without a cluster nobody listens.
fn consequence(effect: Effect, cluster: Option<&Cluster<'_>>) -> Option<Input> {
    let disconnected = |conn: ConnId| Some(Input::Disconnected(conn));
    match (effect, cluster) {
        (Effect::Connect(conn, _), None) => disconnected(conn),
        (Effect::Connect(conn, _), Some(_)) => Some(Input::Connected(conn)),
        (Effect::Send(conn, Message::Request(request)), Some(cluster)) => {
            Some(Input::Received(conn, Message::Response(Arc::new(cluster.respond(&request)))))
        }
        _ => None,
    }
}
