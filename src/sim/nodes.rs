//! The cluster's nodes: what each is set up with at the world's start, and brokers that join a cluster that runs.

use super::command::{Applied, CommandError};
use super::host::{Host, Node};
use super::spec::{BrokerSpec, ClusterSpec};
use super::world::World;
use crate::base::{Endpoint, Rng};
use crate::cluster::ConfigMap;
use crate::machine::Input;
use crate::server::{Server, ServerSetup};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A broker that joins a cluster that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewBroker {
    /// `node.id`.
    pub id: i32,
    /// `broker.rack`, or none.
    pub rack: Option<Arc<str>>,
    /// The host name of its listener; none is localhost.
    pub host: Option<Arc<str>>,
    /// The port of its listener; none is the next that is free.
    pub port: Option<u16>,
    /// Configs of this broker alone, before those of every node.
    pub configs: Vec<(String, String)>,
}

impl World {
    /// A broker joins: its process starts, registers, reads the metadata log, and is let into service, as any broker's
    /// does. It holds nothing until partitions are placed on it. The quorum stays as the set-up has it.
    pub(super) fn join(&mut self, line: &str, new: &NewBroker) -> Result<Applied, CommandError> {
        let id = new.id;
        if let Some(host) = self.host_of_node(id) {
            let name = self.host_name(host).to_owned();
            let starts = if self.is_running(host) { String::new() } else { format!("; `start {name}` starts it") };
            return Err(CommandError(format!("there is a {name} already{starts}")));
        }
        let listener = self.free_listener(new)?;
        let broker =
            BrokerSpec { id, rack: new.rack.clone(), listener: listener.clone(), configs: new.configs.clone() };
        let setup = broker_setup(self.spec(), self.seed(), &broker);
        let node = Node::Server(Box::new(Server::new(setup)));
        let cause = self.commanded(line);
        let host = self.add_host_because(Host::new(format!("broker {id}"), node, self.seed(), self.now()), Some(cause));
        Arc::make_mut(&mut self.nodes).insert(id, host);
        self.listeners.insert(listener, host);
        self.with_host(host, Some(cause), |host, ctx| host.handle(Input::Started, ctx));
        Ok(Applied::Done)
    }

    /// Where a broker that joins listens.
    fn free_listener(&self, new: &NewBroker) -> Result<Endpoint, CommandError> {
        let host = new.host.clone().unwrap_or_else(|| "localhost".into());
        let Some(port) = new.port else {
            let ports = self.brokers().filter_map(|(_, server)| Some(server.broker_listener()?.port));
            let mut endpoint = Endpoint { host, port: ports.max().unwrap_or(9091).wrapping_add(1) };
            while self.listeners.contains_key(&endpoint) {
                endpoint.port = endpoint.port.wrapping_add(1);
            }
            return Ok(endpoint);
        };
        let endpoint = Endpoint { host, port };
        match self.listeners.get(&endpoint) {
            Some(other) => Err(CommandError(format!("{} listens at {endpoint} already", self.host_name(*other)))),
            None => Ok(endpoint),
        }
    }
}

/// How many brokers the defaults of internal topics need: they have three replicas.
const SMALLEST_WITH_DEFAULTS: usize = 3;

/// What each node of a cluster is set up with: the controllers of their own first.
pub(super) fn node_setups(spec: &ClusterSpec, seed: u64) -> Vec<ServerSetup> {
    let voters = spec.voters();
    let is_broker = |id: i32| spec.brokers.iter().any(|broker| broker.id == id);
    let controllers = voters.iter().filter(|(id, _)| !is_broker(*id)).map(|(id, _)| {
        let own = spec.controller_configs.get(id).map_or(&[][..], Vec::as_slice);
        node_setup(spec, seed, *id, own)
    });
    let brokers = spec.brokers.iter().map(|broker| broker_setup(spec, seed, broker));
    controllers.chain(brokers).collect()
}

fn broker_setup(spec: &ClusterSpec, seed: u64, broker: &BrokerSpec) -> ServerSetup {
    ServerSetup {
        rack: broker.rack.clone(),
        broker: Some(broker.listener.clone()),
        ..node_setup(spec, seed, broker.id, &broker.configs)
    }
}

fn node_setup(spec: &ClusterSpec, seed: u64, id: i32, own: &[(String, String)]) -> ServerSetup {
    let uuid = |stream: &str| uuid::Builder::from_random_bytes(Rng::stream(seed, stream).bytes16()).into_uuid();
    // The file that comes with Kafka is one for a single node, and says so: else there would be no groups.
    let small = [("offsets.topic.replication.factor".to_owned(), "1".to_owned())];
    let shipped = if spec.brokers.len() < SMALLEST_WITH_DEFAULTS { &small[..] } else { &[] };
    let set = shipped.iter().chain(&spec.configs).chain(own);
    let file: ConfigMap = set.map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect();
    let voters = spec.voters();
    ServerSetup {
        id,
        rack: None,
        broker: None,
        controller: voters.iter().find(|(voter, _)| *voter == id).map(|(_, endpoint)| endpoint.clone()),
        voters,
        cluster_id: crate::cluster::uuid_text(uuid("cluster id")).into(),
        directory_id: uuid(&format!("directory {id}")),
        file: Arc::new(file),
    }
}
