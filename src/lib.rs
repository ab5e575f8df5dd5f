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
//! | [`storage`] | the simulated disk: logs of segments of record batches |
//! | [`check`] | the laws: Kafka's promises, checked all the time |
//! | [`cluster`] | the controller's state machine: registrations, topics, placement, elections, configs |
//! | [`broker`] | request handling |
//! | [`client`] | producer, consumer, admin |
//! | [`sim`] | the world: scheduler, network, commands, trace, snapshots |

pub mod base;
pub mod broker;
pub mod check;
pub mod client;
pub mod cluster;
pub mod machine;
pub mod sim;
pub mod storage;
pub mod wire;
