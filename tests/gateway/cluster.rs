//! Clusters of several brokers: a port for each, and what clients see when one dies, stops, stands still or goes dark.

use super::client::{Client, all_topics};
use kafka_terrarium::gateway::{Gateway, GatewaySpec};
use kafka_terrarium::session::Session;
use kafka_terrarium::wire::ApiKey;
use kafka_terrarium::wire::messages::MetadataResponse;
use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::time::Duration;

const THREE: &str = "cluster --brokers 3\nkafka-topics.sh --create --topic orders --replication-factor 3\n";

fn cluster() -> Gateway {
    Gateway::start(GatewaySpec { record: true, ..GatewaySpec::new(THREE) }).expect("free ports")
}

fn address(gateway: &Gateway, id: i32) -> String {
    let broker = gateway.ready().brokers.iter().find(|broker| broker.id == id).expect("a broker");
    format!("{}:{}", broker.host, broker.port)
}

fn connect(gateway: &Gateway, id: i32) -> Client {
    Client::connect(&address(gateway, id))
}

fn leader(gateway: &Gateway) -> i32 {
    let shown = gateway.command("show leader(orders-0)").expect("an answer").value;
    shown.expect("a value").to_string().parse().expect("a broker's id")
}

fn known(metadata: &MetadataResponse) -> Vec<(i32, String)> {
    let mut all: Vec<_> = metadata.brokers.iter().map(|b| (b.node_id.0, format!("{}:{}", &*b.host, b.port))).collect();
    all.sort();
    all
}

/// The run ends well, and its record replays.
fn ends_well(gateway: Gateway) {
    let stopped = gateway.stop().expect("it ran well");
    assert!(stopped.summary.is_good(), "{}", stopped.summary);
    let session = Session::from_save(&stopped.save.expect("a record")).expect("the same history");
    assert_eq!(session.summary(), stopped.summary);
}

#[test]
fn every_broker_has_a_port_and_tells_of_the_others() {
    let gateway = cluster();
    let all: Vec<(i32, String)> = (1..=3).map(|id| (id, address(&gateway, id))).collect();
    assert_eq!(gateway.ready().bootstrap, all.iter().map(|(_, a)| a.clone()).collect::<Vec<_>>().join(","));
    for id in 1..=3 {
        assert_eq!(known(&connect(&gateway, id).metadata()), all);
    }
    let leader = leader(&gateway);
    let mut client = connect(&gateway, leader);
    for n in 0..20 {
        assert_eq!(client.produce("on three brokers"), n);
    }
    assert_eq!(client.fetch(0, 0).len(), 20);
    ends_well(gateway);
}

#[test]
fn the_script_s_configs_are_the_brokers() {
    const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    let configs = "--set num.partitions=4 --set default.replication.factor=2";
    let gateway = Gateway::start(GatewaySpec::new(format!("cluster --brokers 3 {configs}\n"))).expect("free ports");
    let mut client = connect(&gateway, 1);
    assert_eq!(client.topic("asked-for"), (UNKNOWN_TOPIC_OR_PARTITION, vec![]), "it is only being created");
    gateway.command("run 1s").expect("time passes");
    assert_eq!(client.topic("asked-for"), (0, vec![2; 4]));
    let never = "cluster --brokers 3 --set auto.create.topics.enable=false\n";
    let gateway = Gateway::start(GatewaySpec::new(never)).expect("free ports");
    let mut client = connect(&gateway, 1);
    for _ in 0..2 {
        assert_eq!(client.topic("asked-for"), (UNKNOWN_TOPIC_OR_PARTITION, vec![]));
        gateway.command("run 1s").expect("time passes");
    }
}

#[test]
fn a_leader_s_crash_is_seen_and_survived() {
    let gateway = cluster();
    let first = leader(&gateway);
    let mut client = connect(&gateway, first);
    assert_eq!(client.produce("before"), 0);
    gateway.command(&format!("crash broker {first}")).expect("it runs");
    assert_eq!(client.receive(), None, "its connections close");
    let refused = TcpStream::connect(address(&gateway, first)).map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(ErrorKind::ConnectionRefused));
    gateway.command("run until leader(orders-0) != none and epoch(orders-0) > 0 within 30s").expect("a new leader");
    let second = leader(&gateway);
    assert_ne!(second, first);
    // The new leader learns it from the metadata log a moment after the controllers have decided it.
    gateway.command("run 1s").expect("time passes");
    let mut client = connect(&gateway, second);
    assert_eq!(client.produce("after"), 1);
    assert_eq!(client.fetch(0, 0), ["before", "after"]);
    gateway.command(&format!("start broker {first}")).expect("it is down");
    gateway.command("run until isr(orders-0) = {1,2,3} within 60s").expect("it comes back");
    gateway.command("run 1s").expect("its socket server starts once it is not fenced any more");
    assert_eq!(known(&connect(&gateway, first).metadata()).len(), 3);
    ends_well(gateway);
}

#[test]
fn a_broker_that_stops_hands_over_first() {
    let gateway = cluster();
    let first = leader(&gateway);
    let mut client = connect(&gateway, first);
    assert_eq!(client.produce("before"), 0);
    gateway.command(&format!("stop broker {first}")).expect("it runs");
    gateway.command("run 10s").expect("time passes");
    let second = leader(&gateway);
    assert_ne!(second, first);
    assert_eq!(client.receive(), None);
    let refused = TcpStream::connect(address(&gateway, first)).map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(ErrorKind::ConnectionRefused));
    assert_eq!(connect(&gateway, second).fetch(0, 0), ["before"]);
    ends_well(gateway);
}

#[test]
fn a_broker_that_stands_still_answers_when_it_goes_on() {
    let gateway = cluster();
    let first = leader(&gateway);
    let mut client = connect(&gateway, first);
    gateway.command(&format!("pause broker {first}")).expect("it runs");
    client.send(ApiKey::Metadata, 9, all_topics());
    // Its kernel takes connections all the same.
    let mut late = connect(&gateway, first);
    late.send(ApiKey::Metadata, 9, all_topics());
    gateway.command("run 1s").expect("time passes");
    for client in [&mut client, &mut late] {
        client.stream.set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout");
        let nothing = client.stream.read(&mut [0; 1]).map_err(|error| error.kind());
        assert_eq!(nothing, Err(ErrorKind::WouldBlock));
        client.stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    }
    gateway.command(&format!("resume broker {first}")).expect("it is paused");
    assert!(client.receive().is_some() && late.receive().is_some());
    ends_well(gateway);
}

#[test]
fn a_machine_without_power_is_silent() {
    let gateway = cluster();
    let first = leader(&gateway);
    let mut before = connect(&gateway, first);
    before.metadata();
    gateway.command(&format!("power-loss broker {first}")).expect("it runs");
    let mut after = connect(&gateway, first);
    for client in [&mut before, &mut after] {
        client.send(ApiKey::Metadata, 9, all_topics());
        client.stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        let nothing = client.stream.read(&mut [0; 1]).map_err(|error| error.kind());
        assert_eq!(nothing, Err(ErrorKind::WouldBlock), "neither an answer nor an end");
    }
    gateway.command("run until epoch(orders-0) > 0 within 30s").expect("a new leader");
    ends_well(gateway);
}
