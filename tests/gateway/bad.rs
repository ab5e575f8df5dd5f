//! What clients get that send nonsense, send nothing, read nothing or go away: what Kafka gives them. The others go on.

use super::client::{Client, all_topics, produce};
use super::{connect, gateway};
use kafka_terrarium::gateway::{Gateway, Watcher};
use kafka_terrarium::session::Session;
use kafka_terrarium::sim::TraceEvent;
use kafka_terrarium::wire::ApiKey;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// A client that is served all along.
struct Witness {
    client: Client,
    written: i64,
}

impl Witness {
    fn of(gateway: &Gateway) -> Self {
        Self { client: connect(gateway), written: 0 }
    }

    fn is_served(&mut self) {
        assert_eq!(self.client.produce("as always"), self.written);
        self.written += 1;
    }
}

#[test]
fn nonsense_ends_its_connection_alone() {
    let gateway = gateway();
    let mut witness = Witness::of(&gateway);
    let head =
        |api: i16, version: i16| [&api.to_be_bytes()[..], &version.to_be_bytes(), &[0, 0, 0, 1, 0xff, 0xff]].concat();
    let framed = |body: &[u8]| [&(body.len() as u32).to_be_bytes()[..], body].concat();
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        // Lengths that no frame has: negative, and one above socket.request.max.bytes.
        vec![0xff; 8],
        104_857_601u32.to_be_bytes().to_vec(),
        // An empty frame, half a header, an API that no Kafka has, versions that this one has not.
        framed(b""),
        framed(b"\0\x12"),
        framed(&head(999, 0)),
        framed(&head(3, 14)),
        framed(&head(0, 2)),
        framed(&head(1, 3)),
        // A request without its body, and one with two thousand million topics.
        framed(&head(3, 1)),
        framed(&[&head(3, 1)[..], b"\x7f\xff\xff\xff"].concat()),
    ] {
        let mut client = connect(&gateway);
        client.stream.write_all(&bytes).expect("it takes bytes");
        assert_eq!(client.receive(), None, "{bytes:02x?}");
        witness.is_served();
    }
    assert!(gateway.stop().expect("it ran well").summary.is_good());
}

#[test]
fn the_largest_frame_is_read_and_refused_by_its_content() {
    let gateway = gateway();
    let mut client = connect(&gateway);
    let body = [&b"\0\x03\0\x01\0\0\0\x01\xff\xff\x7f\xff\xff\xff"[..], &vec![0; 104_857_600 - 14]].concat();
    client.stream.write_all(&(body.len() as u32).to_be_bytes()).expect("it takes bytes");
    client.stream.write_all(&body).expect("it takes bytes");
    assert_eq!(client.receive(), None);
    Witness::of(&gateway).is_served();
}

fn gateway_with(configs: &str) -> Gateway {
    let script = super::ORDERS.replacen("cluster ", &format!("cluster {configs} "), 1);
    Gateway::start(kafka_terrarium::gateway::GatewaySpec::new(script)).expect("free ports")
}

#[test]
fn the_broker_s_config_says_how_long_a_request_may_be() {
    let gateway = gateway_with("--set socket.request.max.bytes=2000");
    let mut client = connect(&gateway);
    assert_eq!(client.produce(&"v".repeat(1_000)), 0);
    client.send(ApiKey::Produce, 9, produce(&"v".repeat(2_000), -1));
    assert_eq!(client.receive(), None);
    assert_eq!(connect(&gateway).produce("short"), 1);
}

/// As Kafka does after `connections.max.idle.ms`, ten minutes unless it is set, by the world's clock.
#[test]
fn a_connection_that_does_nothing_for_too_long_is_closed() {
    let gateway = gateway_with("--set connections.max.idle.ms=60000");
    let (mut idle, mut slow, mut busy) = (connect(&gateway), connect(&gateway), connect(&gateway));
    idle.metadata();
    let frame = slow.frame(ApiKey::Metadata, 9, all_topics());
    for n in 0..5 {
        // A slow client's bytes count, as few as they are.
        slow.stream.write_all(&frame[n..=n]).expect("the connection stands");
        busy.metadata();
        gateway.command("run 20s").expect("time passes");
    }
    assert_eq!(idle.receive(), None);
    slow.stream.write_all(&frame[5..]).expect("the connection stands");
    assert!(slow.receive().is_some());
    gateway.command("pause broker 1").expect("it runs");
    gateway.command("run 2m").expect("time passes");
    busy.send(ApiKey::Metadata, 9, all_topics());
    gateway.command("resume broker 1").expect("it is paused");
    assert!(busy.receive().is_some(), "who stood still has not looked");
    assert_eq!(slow.receive(), None, "and now it does");
    assert!(gateway.stop().expect("it ran well").summary.is_good());
}

#[test]
fn half_frames_wait_and_slow_ones_arrive() {
    let gateway = gateway();
    let mut witness = Witness::of(&gateway);
    let (mut half, mut slow) = (connect(&gateway), connect(&gateway));
    let frame = half.frame(ApiKey::Metadata, 9, all_topics());
    half.stream.write_all(&frame[..frame.len() - 1]).expect("it takes bytes");
    let mut announced = connect(&gateway);
    announced.stream.write_all(&100_000_000u32.to_be_bytes()).expect("it takes bytes");
    let frame = slow.frame(ApiKey::Metadata, 9, all_topics());
    for byte in &frame[..] {
        slow.stream.write_all(&[*byte]).expect("it takes a byte");
        witness.is_served();
    }
    assert!(slow.receive().is_some(), "byte by byte it is a request all the same");
    half.stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
    let nothing = half.stream.read(&mut [0; 1]).map_err(|error| error.kind());
    assert_eq!(nothing, Err(ErrorKind::WouldBlock), "half a request is no request");
}

#[test]
fn a_client_that_closes_its_half_still_gets_its_answer() {
    let gateway = gateway();
    let mut client = connect(&gateway);
    client.send(ApiKey::Metadata, 9, all_topics());
    client.stream.shutdown(Shutdown::Write).expect("it was open");
    assert!(client.receive().is_some());
    assert_eq!(client.receive(), None, "then the broker closes too");
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let gateway = gateway();
    let mut witness = Witness::of(&gateway);
    for _ in 0..50 {
        let mut client = connect(&gateway);
        client.send(ApiKey::Metadata, 9, all_topics());
        // Answers that nobody reads: closing makes a reset of it.
        drop(client);
        witness.is_served();
    }
}

/// Counts the connections of broker 1.
struct Connections(Sender<usize>);

impl Watcher for Connections {
    fn events(&mut self, session: &Session, _: &[TraceEvent]) -> Result<(), String> {
        let count = session.world().broker(1).expect("broker 1").connection_count();
        let _ = self.0.send(count);
        Ok(())
    }
}

#[test]
fn the_broker_learns_of_every_end() {
    let (counts, counted) = channel();
    let mut spec = kafka_terrarium::gateway::GatewaySpec::new(super::ORDERS);
    spec.watcher = Some(Box::new(Connections(counts)));
    let gateway = Gateway::start(spec).expect("free ports");
    let mut clients: Vec<Client> = (0..30).map(|_| connect(&gateway)).collect();
    for client in &mut clients {
        client.metadata();
    }
    assert_eq!(counted.try_iter().max(), Some(30));
    drop(clients);
    let gone = std::iter::from_fn(|| counted.recv_timeout(Duration::from_secs(20)).ok());
    assert_eq!(gone.into_iter().find(|count| *count == 0), Some(0));
}

/// While a broker stands still its sockets are not read: a client that goes on writing is held back by its own.
#[test]
fn a_paused_broker_reads_no_more_than_one_request() {
    let gateway = gateway();
    let mut client = connect(&gateway);
    gateway.command("pause broker 1").expect("it runs");
    client.stream.set_write_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let value = "v".repeat(500_000);
    let mut sent = 0;
    let mut pending = Vec::new();
    let blocked = loop {
        let frame = client.frame(ApiKey::Produce, 9, produce(&value, -1));
        let mut rest = &frame[..];
        let error = loop {
            match client.stream.write(rest) {
                Ok(n) if n == rest.len() => break None,
                Ok(n) => rest = &rest[n..],
                Err(error) => break Some(error.kind()),
            }
        };
        sent += 1;
        if let Some(kind) = error {
            pending.extend_from_slice(rest);
            break kind;
        }
        assert!(sent < 200, "100 MB were taken for a broker that stands still");
    };
    assert_eq!(blocked, ErrorKind::WouldBlock);
    gateway.command("resume broker 1").expect("it is paused");
    client.stream.set_write_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    client.stream.write_all(&pending).expect("now it reads on");
    for _ in 0..sent {
        assert!(client.receive().is_some());
    }
    assert_eq!(client.produce("last"), sent);
}

/// A client that does not read its answers is not read either.
#[test]
fn a_client_that_reads_nothing_is_held_back() {
    let gateway = gateway();
    let mut client = connect(&gateway);
    for n in 0..50 {
        assert_eq!(client.produce(&"v".repeat(20_000)), n);
    }
    client.stream.set_write_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let mut asked = 0;
    loop {
        let frame = client.frame(ApiKey::Fetch, 11, super::fetch(0, 0));
        if client.stream.write_all(&frame).is_err() {
            break;
        }
        asked += 1;
        assert!(asked < 1_000_000, "requests are taken whose answers nobody reads");
    }
    Witness { client: connect(&gateway), written: 50 }.is_served();
    for _ in 0..20 {
        assert!(client.receive().expect("an answer").len() > 900_000);
    }
}
