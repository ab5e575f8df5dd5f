//! Kafka Terrarium: a living Apache Kafka cluster under glass.
//!
//! Brokers, clients, disks and the network are state machines that speak the real Kafka protocol inside one
//! deterministic simulation. The same code runs in a browser tab and natively. ARCHITECTURE.md is the map; each module
//! begins with an essay on its subject.
//!
//! The modules stand in layers, and each imports only what stands above it:
//!
//! | module | holds |
//! |---|---|
//! | [`base`] | virtual time, identifiers, named random streams, murmur2 |
//! | [`wire`] | Kafka's protocol: requests, responses, record batches, error codes |
//! | [`machine`] | the contract between the world and the machines in it |
//! | [`network`] | requests to other nodes: connections, versions, timeouts |
//! | [`storage`] | the simulated disk: logs, page cache and disk apart, crashes and recovery |
//! | [`check`] | the laws: Kafka's promises, checked all the time |
//! | [`quorum`] | Raft for the cluster's metadata log |
//! | [`cluster`] | the controller's state machine: registrations, topics, placement, elections, configs |
//! | [`controller`] | a controller: the active one answers, all replay the log |
//! | [`broker`] | request handling, replication |
//! | [`server`] | a node's process: broker, controller or both |
//! | [`client`] | producer, consumer, admin |
//! | [`tools`] | Kafka's command-line tools: programs over the admin client |
//! | [`sim`] | the world: scheduler, network, commands, trace, snapshots |
//! | [`script`] | the command language: scenario files, tests, the page's terminal |
//! | [`explore`] | random clusters, loads and faults under all laws |
//! | [`session`] | one run as a person uses it, and its save format |
//! | [`view`] | what the page shows, as plain values |
//! | [`save`] | the save store |
//! | [`link`] | messages between page and worker |
//! | `gateway` | the simulated cluster on real sockets |
//! | `web` | the page and the worker in the browser |
//! | `cli` | the native command line |

pub mod base;
pub mod broker;
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
pub mod cluster;
pub mod controller;
pub mod explore;
#[cfg(feature = "cli")]
pub mod gateway;
pub mod link;
pub mod machine;
pub mod network;
pub mod quorum;
pub mod save;
pub mod script;
pub mod server;
pub mod session;
pub mod sim;
pub mod storage;
pub mod tools;
pub mod view;
#[cfg(feature = "web")]
pub mod web;
pub mod wire;
