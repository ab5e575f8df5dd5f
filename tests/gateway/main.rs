//! The gateway over real sockets: what clients get, what bad ones get, commands, records of runs, the program.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these tests speak over sockets and start programs"
)]

mod bad;
mod client;
mod cluster;
mod control;
#[path = "../../examples/gateway.rs"]
mod example;
mod program;

use client::{Client, all_topics, api_versions, fetch, produce, values};
use kafka_terrarium::base::SimTime;
use kafka_terrarium::gateway::{Gateway, GatewayError, GatewaySpec};
use kafka_terrarium::session::Session;
use kafka_terrarium::wire::{ApiKey, Response, ResponseKind};
use std::io::Write as _;
use std::time::Duration;

const ORDERS: &str = "cluster --brokers 1 --controllers combined\nkafka-topics.sh --create --topic orders\n";

fn gateway() -> Gateway {
    Gateway::start(GatewaySpec::new(ORDERS)).expect("free ports")
}

fn connect(gateway: &Gateway) -> Client {
    Client::connect(&gateway.ready().bootstrap)
}

#[test]
fn a_client_finds_the_broker_writes_and_reads() {
    let gateway = gateway();
    let mut client = connect(&gateway);
    let ResponseKind::ApiVersions(versions) = client.ask(ApiKey::ApiVersions, 3, api_versions()) else { panic!() };
    assert!(versions.api_keys.len() > 3);
    let metadata = client.metadata();
    let broker = &metadata.brokers[0];
    assert_eq!(format!("{}:{}", broker.host, broker.port), gateway.ready().bootstrap, "clients are told where it is");
    assert_eq!(metadata.topics.len(), 1);
    assert_eq!(client.produce("first"), 0);
    assert_eq!(client.produce("second"), 1);
    assert_eq!(client.fetch(0, 0), ["first", "second"]);
    let stopped = gateway.stop().expect("it ran well");
    assert!(stopped.summary.is_good() && stopped.save.is_none());
    assert_eq!(client.receive(), None, "a stopped gateway closes its connections");
}

#[test]
fn the_example_runs() {
    example::main().expect("it runs well");
}

#[test]
fn requests_of_one_connection_are_answered_in_their_order() {
    let gateway = gateway();
    let mut client = connect(&gateway);
    // A fetch that waits holds up what follows it on its connection, as in Kafka, and nothing else.
    let frames = [
        client.frame(ApiKey::Fetch, 11, fetch(0, 10_000)),
        client.frame(ApiKey::Metadata, 9, all_topics()),
        client.frame(ApiKey::Produce, 9, produce("mine", -1)),
    ];
    client.stream.write_all(&frames.concat()).expect("it takes them");
    let mut other = connect(&gateway);
    assert_eq!(other.produce("wakes it"), 0);
    for (api, version, correlation_id) in [(ApiKey::Fetch, 11, 1), (ApiKey::Metadata, 9, 2), (ApiKey::Produce, 9, 3)] {
        let response = Response::decode(&client.receive().expect("an answer"), api, version).expect("a response");
        assert_eq!(response.correlation_id, correlation_id);
        if let ResponseKind::Fetch(answer) = response.body {
            assert_eq!(values(&answer), ["wakes it"]);
        }
    }
    assert_eq!(client.fetch(0, 0), ["wakes it", "mine"]);
}

#[test]
fn time_passes_with_the_machine_s_and_jumps_when_told() {
    let gateway = gateway();
    let time = || gateway.command("show time()").expect("an answer").time;
    let before = time();
    std::thread::sleep(Duration::from_millis(30));
    let after = time();
    assert!(after.since(before).as_millis() >= 30, "{before} to {after}");
    let mut client = connect(&gateway);
    client.send(ApiKey::Fetch, 11, fetch(0, 3_600_000));
    // What came before this is read before this is answered.
    connect(&gateway).metadata();
    let jumped = gateway.command("run 1h").expect("time passes").time;
    assert!(jumped.since(after).as_millis() >= 3_600_000, "{after} to {jumped}");
    client.receive().expect("an hour is over, and the fetch with it");
    assert!(gateway.command("show time()").expect("an answer").time >= jumped, "and goes on from there");
}

#[test]
fn a_recorded_run_replays_to_the_same_trace_hash() {
    let script = format!("> # Recorded\n{ORDERS}producer p1 --topic orders --rate 50/s\nrun 1s\n");
    let gateway = Gateway::start(GatewaySpec { record: true, ..GatewaySpec::new(script) }).expect("free ports");
    let mut clients: Vec<Client> = (0..4).map(|_| connect(&gateway)).collect();
    let mut written = 0;
    for round in 0..20 {
        for client in &mut clients {
            assert!(client.produce(&format!("round {round}")) >= written);
            written += 1;
        }
        clients[round % 4].fetch(0, 0);
        if round % 5 == 2 {
            clients.remove(0);
            clients.push(connect(&gateway));
            gateway.command("send p1 value=typed").expect("p1 is there");
        }
        if round == 10 {
            gateway.command("run 700ms").expect("time passes");
            gateway.command("at 1h status").expect("it is put off");
            assert_eq!(gateway.command("kafka-topics.sh --list").expect("it lists").out.as_deref(), Some("orders\n"));
        }
        if round == 15 {
            clients[1].stream.write_all(b"nonsense that is no frame").expect("it takes it");
            assert_eq!(clients.remove(1).receive(), None);
            clients.push(connect(&gateway));
        }
    }
    let stopped = gateway.stop().expect("it ran well");
    let session = Session::from_save(&stopped.save.expect("it was recorded")).expect("the same history");
    assert_eq!(session.summary(), stopped.summary);
    assert!(session.world().now() > SimTime(1_700_000));
    assert_eq!(session.title(), Some("Recorded"));
    let frames = session.outside().count();
    assert!(frames > 100, "{frames} inputs from outside");
    assert!(session.source().contains("--network datacenter --date 20"), "{}", session.source());
}

#[test]
fn what_cannot_be_started_is_told() {
    let start = |spec| Gateway::start(spec).err();
    let Some(GatewayError::Script(error)) = start(GatewaySpec::new("> x\nstatsu")) else { panic!("a wrong script") };
    assert_eq!((error.line, error.column), (2, 1));
    let Some(GatewayError::Script(error)) = start(GatewaySpec::new("> x\nstatus\nsend p value=x")) else {
        panic!("a script that cannot go on")
    };
    assert_eq!((error.line, error.column), (3, 1), "by the lines of the script that was given");
    let first = gateway();
    let listen = first.ready().bootstrap.parse().expect("an address");
    let Some(GatewayError::Address(message)) = start(GatewaySpec { listen, ..GatewaySpec::new("") }) else {
        panic!("a port that is taken")
    };
    assert!(message.starts_with(&format!("{listen} cannot be listened on: ")), "{message}");
    let listen = "0.0.0.0:0".parse().expect("an address");
    let Some(GatewayError::Address(message)) = start(GatewaySpec { listen, ..GatewaySpec::new("") }) else {
        panic!("an address to which nobody can connect")
    };
    assert!(message.starts_with("clients cannot connect to 0.0.0.0"), "{message}");
}

#[test]
fn the_script_says_ports_names_and_ids() {
    let cluster = "cluster --brokers 1 --controllers combined --first-id 7";
    // A port that was just given up is free, unless another test is given it in the same moment.
    let (port, gateway) = std::iter::repeat_with(|| gateway().ready().brokers[0].port)
        .take(20)
        .find_map(|port| {
            let script = format!("{cluster}\nbroker 7 --host localhost --port {port} --rack r1\n");
            match Gateway::start(GatewaySpec::new(script)) {
                Err(GatewayError::Address(_)) => None,
                started => Some((port, started.expect("a script that can be played"))),
            }
        })
        .expect("one port of twenty is free again");
    assert_eq!(gateway.ready().bootstrap, format!("localhost:{port}"));
    let metadata = Client::connect(&format!("127.0.0.1:{port}")).metadata();
    let broker = &metadata.brokers[0];
    assert_eq!((broker.node_id.0, &broker.host[..], broker.port), (7, "localhost", i32::from(port)));
    assert_eq!(broker.rack.as_deref(), Some("r1"));
    drop(gateway);
    let spec = GatewaySpec { advertised_host: Some("localhost".into()), ..GatewaySpec::new(ORDERS) };
    let gateway = Gateway::start(spec).expect("free ports");
    assert_eq!(connect(&gateway).metadata().brokers[0].host.as_str(), "localhost");
}
