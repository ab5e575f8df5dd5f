//! The control port: commands while clients are connected, one JSON answer a line.

use super::{ORDERS, connect};
use kafka_terrarium::gateway::{Gateway, GatewaySpec};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

struct Control {
    lines: BufReader<TcpStream>,
}

impl Control {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the control port");
        stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a timeout");
        Self { lines: BufReader::new(stream) }
    }

    fn send(&mut self, text: &str) {
        self.lines.get_mut().write_all(text.as_bytes()).expect("it takes commands");
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn ask(&mut self, command: &str) -> Value {
        self.send(&format!("{command}\n"));
        self.answer()
    }
}

fn gateway() -> (Gateway, SocketAddr) {
    let control = Some((Ipv4Addr::LOCALHOST, 0).into());
    let gateway = Gateway::start(GatewaySpec { control, ..GatewaySpec::new(ORDERS) }).expect("free ports");
    let address = gateway.ready().control.expect("a control port");
    (gateway, address)
}

#[test]
fn every_command_has_one_answer() {
    let (gateway, address) = gateway();
    let mut control = Control::connect(address);
    let t = |answer: &Value| answer["ok"]["t"].as_f64().unwrap_or_else(|| panic!("{answer}"));
    let shown = control.ask("show leader(orders-0)");
    assert_eq!(shown, json!({ "ok": { "t": t(&shown), "value": 1 } }));
    assert_eq!(control.ask("show isr(orders-0)")["ok"]["value"], json!([1]));
    let listed = control.ask("kafka-topics.sh --list");
    assert_eq!((&listed["ok"]["out"], &listed["ok"]["exit"]), (&json!("orders\n"), &json!(0)));
    let failed = control.ask("kafka-topics.sh --create --topic orders");
    assert_eq!(failed["ok"]["exit"], 1, "{failed}");
    let before = t(&control.ask("show time()"));
    let jumped = control.ask("run 9s");
    let micros = |seconds: f64| (seconds * 1e6).round() as i64;
    assert!(micros(t(&jumped)) >= micros(before) + 9_000_000, "{jumped}");
    assert!(control.ask("status")["ok"]["out"].as_str().is_some_and(|text| text.contains("orders-0 · leader 1")));
    assert_eq!(control.ask("expect leader(orders-0) = 1")["ok"].as_object().map(|ok| ok.len()), Some(1));
    assert!(control.ask("run until time() > 20s within 60s")["ok"].is_object());
    let (message, column) = ("expected leader(orders-0) = 2, but leader(orders-0) is 1", 1);
    let error = json!({ "error": { "message": message, "column": column } });
    assert_eq!(control.ask("expect leader(orders-0) = 2"), error);
    assert_eq!(control.ask("  shwo time()")["error"]["column"], 3);
    // What would take the world back in time is refused.
    let back = control.ask("at 1s status");
    assert!(back["error"]["message"].as_str().is_some_and(|m| m.starts_with("`at` a moment that is over")), "{back}");
    let again = control.ask("cluster --brokers 1");
    assert!(again["error"]["message"].as_str().is_some_and(|m| m.contains("while the world runs")), "{again}");
    let stopped = gateway.stop().expect("it ran well");
    assert_eq!((stopped.summary.met, stopped.summary.failed), (1, 1));
}

/// Every verb of the language, and after each a client of broker 1 is served.
#[test]
fn the_whole_language_is_spoken_while_a_client_is_served() {
    let script = "kafka-topics.sh --create --topic orders --partitions 3 --replication-factor 3";
    let control = Some((Ipv4Addr::LOCALHOST, 0).into());
    let gateway = Gateway::start(GatewaySpec { control, ..GatewaySpec::new(script) }).expect("free ports");
    let mut control = Control::connect(gateway.ready().control.expect("a control port"));
    let mut client = super::Client::connect(&format!("127.0.0.1:{}", gateway.ready().brokers[0].port));
    let done = "producer p --topic orders --rate 5/s|consumer c --topic orders --group g|producer m --topic orders|\
        consumer d --topic orders --manual|run 1s|send m key=a value=hello|poll d|commit c|pause consumer c|\
        resume consumer c|pause broker 2|resume broker 2|cut broker 1 broker 2|heal|cut broker 1 broker 2 --one-way|\
        heal broker 1 broker 2|slow link broker 1 broker 2 --latency 30ms|reset broker 1 broker 2|\
        skew broker 3 +500ms|slow disk broker 2 x10|slow cpu broker 2 x10|stop broker 3|\
        run until state(broker 3) = closed within 30s|start broker 3|crash broker 2|start broker 2|\
        power-loss broker 2|start broker 2|crash controller 101|start controller 101|run 20s|crash producer p|\
        close c|at 1000s status|status|show time()|expect lost() = 0|expect laws hold|kafka-topics.sh --list|\
        expect output matches \"orders\"";
    for command in done.split('|') {
        let answer = control.ask(command);
        assert!(answer["ok"]["t"].is_f64(), "{command}: {answer}");
        assert!(
            client.metadata().topics.iter().any(|topic| topic.name.as_ref().is_some_and(|name| &**name == "orders"))
        );
    }
    let refused = [
        ("drop 1", "message 1 is not under way"),
        ("delay 1 2s", "message 1 is not under way"),
        (
            "broker 4",
            "a broker that joins would have no port here: a gateway has one for each broker that its set-up lines name",
        ),
        ("start broker 1", "broker 1 is running already"),
        ("heal broker 1 broker 9", "no broker 9: brokers are 1, 2, 3"),
    ];
    for (command, message) in refused {
        assert_eq!(control.ask(command)["error"]["message"], message, "{command}");
    }
    assert!(control.ask("expect error \"no broker 9\"")["ok"].is_object());
    assert!(gateway.stop().expect("it ran well").summary.is_good());
}

#[test]
fn answers_come_in_the_order_of_the_commands() {
    let (_gateway, address) = gateway();
    let mut control = Control::connect(address);
    // A tool takes its time; what follows it waits. Blank lines and comments are no commands.
    control.send("kafka-topics.sh --list\n\n# nothing\r\nshow leader(orders-0)\r\nrun \\\n  1s\nsta");
    assert_eq!(control.answer()["ok"]["out"], "orders\n");
    assert_eq!(control.answer()["ok"]["value"], 1);
    assert!(control.answer()["ok"].is_object());
    control.send("tus\n");
    assert!(control.answer()["ok"]["out"].is_string());
    control.send("show leader(orders-0)");
    control.lines.get_ref().shutdown(std::net::Shutdown::Write).expect("it was open");
    assert_eq!(control.answer()["ok"]["value"], 1, "the last line needs no end");
}

#[test]
fn several_give_commands_at_once_while_clients_are_served() {
    let (gateway, address) = gateway();
    std::thread::scope(|scope| {
        for n in 0..4 {
            scope.spawn(move || {
                let mut control = Control::connect(address);
                for round in 0..25 {
                    let topic = format!("t-{n}-{round}");
                    let made = control.ask(&format!("kafka-topics.sh --create --topic {topic}"));
                    assert_eq!(made["ok"]["out"], format!("Created topic {topic}.\n"));
                }
            });
        }
        let mut client = connect(&gateway);
        for n in 0..200 {
            assert_eq!(client.produce("all the while"), n);
        }
    });
    assert_eq!(connect(&gateway).metadata().topics.len(), 101);
}

#[test]
fn faults_reach_those_outside() {
    let (gateway, address) = gateway();
    let mut control = Control::connect(address);
    let mut client = connect(&gateway);
    client.metadata();
    assert!(control.ask("slow link outside broker 1 --latency 40ms")["ok"].is_object());
    let before = gateway.command("show time()").expect("an answer").time;
    client.metadata();
    let after = gateway.command("show time()").expect("an answer").time;
    assert!(after.since(before).as_millis() >= 80, "there and back: {before} to {after}");
    assert!(control.ask("heal")["ok"].is_object());
    client.metadata();
    assert!(control.ask("cut outside broker 1 --one-way")["ok"].is_object());
    client.send(kafka_terrarium::wire::ApiKey::Metadata, 9, super::all_topics());
    assert!(control.ask("run 5s")["ok"].is_object());
    assert!(control.ask("heal outside broker 1")["ok"].is_object());
    assert!(client.receive().is_some(), "it was late, not lost");
    assert!(control.ask("reset outside broker 1")["ok"].is_object());
    assert_eq!(client.receive(), None);
    let refused = control.ask("crash outside");
    assert!(refused["error"]["message"].as_str().is_some_and(|m| m.contains("no process of this world")), "{refused}");
}

#[test]
fn quit_ends_it() {
    let (gateway, address) = gateway();
    assert!(Control::connect(address).ask("quit")["ok"].is_object());
    gateway.wait().expect("it ran well");
}

#[test]
fn a_command_without_end_is_refused() {
    let (_gateway, address) = gateway();
    let mut control = Control::connect(address);
    control.send(&"x".repeat(1 << 20));
    control.send("yyyyyyyyyyyyy");
    assert_eq!(control.answer()["error"]["message"], "a command longer than any script");
}
