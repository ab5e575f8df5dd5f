//! `kafka-cluster.sh` (`ClusterTool`).

use super::arguments::{Argument, Arguments, Grammar, Parser, flag, int, text};
use super::files::{Files, set_up};
use super::java::{padded, properties};
use super::out::Out;
use super::{Program, Refusal, future};
use crate::base::Sort;
use crate::client::admin::{Admin, AdminConfig, ClusterNode, Step, Throwable, caught};
use crate::wire::ErrorCode;
use std::sync::Arc;

const SERVER: Argument = text(&["--bootstrap-server", "-b"], "The brokers to connect to; may be left out here.");
const CONTROLLER: Argument = text(&["--bootstrap-controller", "-C"], "The controllers to connect to.").unbuilt();
const CONFIG: Argument =
    text(&["--config", "-c"], "A file of admin client configs; /dev/stdin is what `<<END` brings.");

const GRAMMAR: Grammar = Grammar {
    tool: "kafka-cluster",
    main: Parser {
        name: "",
        usage: "kafka-cluster [-h] {cluster-id,unregister,list-endpoints} ...",
        about: "Looks at a cluster as a whole.",
        arguments: &[],
        built: true,
    },
    commands: &[
        Parser {
            name: "cluster-id",
            usage: "kafka-cluster cluster-id [-h] [--config CONFIG]
                     (--bootstrap-server BOOTSTRAP_SERVER |
                     --bootstrap-controller BOOTSTRAP_CONTROLLER)",
            about: "Print the cluster's id.",
            arguments: &[SERVER, CONTROLLER, CONFIG],
            built: true,
        },
        Parser {
            name: "unregister",
            usage: "kafka-cluster unregister [-h] [--config CONFIG] --id ID
                     (--bootstrap-server BOOTSTRAP_SERVER |
                     --bootstrap-controller BOOTSTRAP_CONTROLLER)",
            about: "Take a broker off the register.",
            arguments: &[SERVER, CONTROLLER, CONFIG, int(&["--id", "-i"], "The broker's id.").required()],
            built: true,
        },
        Parser {
            name: "list-endpoints",
            usage: "kafka-cluster list-endpoints [-h] [--config CONFIG]
                     [--include-fenced-brokers]
                     (--bootstrap-server BOOTSTRAP_SERVER |
                     --bootstrap-controller BOOTSTRAP_CONTROLLER)",
            about: "List the brokers and where they listen.",
            arguments: &[SERVER, CONTROLLER, CONFIG, flag(&["--include-fenced-brokers"], "Fenced brokers too.")],
            built: true,
        },
    ],
    help_exit: 1,
};

#[derive(Debug)]
struct Cluster {
    arguments: Arguments,
    files: Files,
}

/// Reads the tool's arguments.
pub(super) fn read(args: &[String], files: &Files) -> Result<Arc<dyn Program>, Refusal> {
    Ok(Arc::new(Cluster { arguments: GRAMMAR.read(args)?, files: files.clone() }))
}

impl Program for Cluster {
    fn configure(&self, config: &mut AdminConfig) -> Result<(), Throwable> {
        match self.arguments.one("--config") {
            Some(path) => set_up(config, &properties(self.files.read(path)?)),
            None => Ok(()),
        }
    }

    fn run(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32> {
        match self.arguments.command {
            "cluster-id" => match future(admin.describe_cluster(false))?.cluster_id {
                Some(id) => out.line(format_args!("Cluster ID: {id}")),
                None => out.line("No cluster ID found. The Kafka version is probably too old."),
            },
            "unregister" => self.unregister(admin, out)?,
            _ => self.list_endpoints(admin, out)?,
        }
        Ok(0)
    }
}

impl Cluster {
    fn unregister(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<()> {
        let id: i32 = self.arguments.one("--id").and_then(|id| id.parse().ok()).expect("it was read as a number");
        match caught(admin.unregister_broker(id))? {
            Ok(()) => out.line(format_args!("Broker {id} is no longer registered.")),
            Err(why) if why.is(ErrorCode::UNSUPPORTED_VERSION) => {
                out.line("The target cluster does not support the broker unregistration API.");
            }
            Err(why) => {
                let (_, now_ms) = admin.clock();
                if why.error().is_some() && !why.is(ErrorCode::REQUEST_TIMED_OUT) {
                    let who = "[AdminClient clientId=adminclient-1] Unregister broker request for broker ID";
                    let text = format!("{who} {id} failed: {}", why.message());
                    out.log(now_ms, "ERROR", text, "org.apache.kafka.clients.admin.KafkaAdminClient");
                }
                return Err(Throwable::around(Throwable::EXECUTION, why).into());
            }
        }
        Ok(())
    }

    fn list_endpoints(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<()> {
        let cluster = match caught(admin.describe_cluster(self.arguments.has("--include-fenced-brokers")))? {
            Ok(cluster) => cluster,
            Err(why) if why.is(ErrorCode::UNSUPPORTED_VERSION) => {
                out.line(why.message());
                return Ok(());
            }
            Err(why) => return Err(Throwable::around(Throwable::EXECUTION, why).into()),
        };
        print_endpoints(&cluster.nodes, out);
        Ok(())
    }
}

fn print_endpoints(nodes: &[ClusterNode], out: &mut Out) {
    let mut nodes: Vec<&ClusterNode> = nodes.iter().collect();
    // A map by id, whose numbers are their own hash codes.
    nodes.order_by_key(|node| node.id);
    let host_width = nodes.iter().map(|node| node.host.len()).max().unwrap_or(100);
    let rack_width = nodes.iter().filter_map(|node| node.rack.as_ref()).map(String::len).max().unwrap_or(10);
    let mut row = |id: &str, host: &str, port: &str, rack: &str, state: &str, kind: &str| {
        let (id, host, port) = (padded(id, 10), padded(host, host_width), padded(port, 10));
        let (rack, state, kind) = (padded(rack, rack_width), padded(state, 10), padded(kind, 15));
        out.line(format_args!("{id} {host} {port} {rack} {state} {kind}"));
    };
    row("ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE");
    for node in nodes {
        let state = if node.is_fenced { "fenced" } else { "unfenced" };
        let rack = node.rack.as_deref().unwrap_or("null");
        row(&node.id.to_string(), &node.host, &node.port.to_string(), rack, state, "broker");
    }
}
