//! The program as another one starts it: ready line, control, exit status.

use super::client::Client;
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    out: BufReader<ChildStdout>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_terrarium"))
            .arg("gateway")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { stdin: child.stdin.take(), child, out }
    }

    /// Starts with this script on free ports: the program and its bootstrap servers.
    fn with_script(name: &str, script: &str, arguments: &[&str]) -> (Self, String) {
        let file = folder(name).join("script.terra");
        fs::write(&file, script).expect("a script");
        let all = [&[file.to_str().expect("a path"), "--listen", "localhost:0", "--until-eof"], arguments].concat();
        let mut program = Self::start(&all);
        let ready = program.line();
        let bootstrap = ready["ready"]["bootstrap"].as_str().expect("where it listens").to_owned();
        let broker = &ready["ready"]["brokers"][0];
        let first = format!("{}:{}", broker["host"].as_str().expect("a host"), broker["port"]);
        assert!(bootstrap.starts_with(&first), "{first}, {bootstrap}");
        assert!(ready["ready"]["control"].as_str().is_some_and(|address| address.starts_with("127.0.0.1:")));
        (program, bootstrap)
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn ask(&mut self, command: &str) -> Value {
        let stdin = self.stdin.as_mut().expect("a pipe");
        stdin.write_all(format!("{command}\n").as_bytes()).expect("it reads");
        self.line()
    }

    /// Ends its standard input: its last line, its exit status and what it said on the standard error.
    fn end(mut self) -> (Value, Option<i32>, String) {
        drop(self.stdin.take());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("text");
        let (status, err) = self.wait();
        (serde_json::from_str(rest.trim()).unwrap_or(Value::Null), status, err)
    }

    fn wait(&mut self) -> (Option<i32>, String) {
        let mut err = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("text");
        (self.child.wait().expect("it ends").code(), err)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that a failed test leaves behind must not hold up the others.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An empty folder for a test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("gateway").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[test]
fn it_is_started_asked_and_ended() {
    let record = folder("record").join("run.save");
    let path = record.to_str().expect("a path");
    let (mut program, bootstrap) = Program::with_script("ended", super::ORDERS, &["--record", path, "--seed", "5"]);
    assert_eq!(Client::connect(&bootstrap).produce("x"), 0);
    assert_eq!(program.ask("show hw(orders-0)")["ok"]["value"], 1);
    assert!(program.ask("run 9s")["ok"]["t"].as_f64() > Some(9.0));
    let (last, status, err) = program.end();
    assert_eq!((status, &last["stopped"]["seed"]), (Some(0), &5.into()), "{err}");
    assert!(err.contains("Broker 1 creates topic orders"), "{err}");
    let session = kafka_terrarium::session::Session::from_save(&fs::read(record).expect("the record"));
    let hash = format!("{:016x}", session.expect("it replays").summary().trace_hash);
    assert_eq!(last["stopped"]["trace_hash"], hash.as_str());
    assert!(err.ends_with(&format!("trace {hash}\n")), "{err}");
}

#[test]
fn a_failed_expectation_is_status_1() {
    let (program, _) = Program::with_script("failed", "status\nexpect time() > 1h\n", &[]);
    let (last, status, err) = program.end();
    assert_eq!((status, &last["stopped"]["expectations"]["failed"]), (Some(1), &1.into()), "{err}");
    assert!(err.contains("script.terra:2:1: expected time() > 1h, but time() is "), "{err}");
    let (mut program, _) = Program::with_script("failed", "", &["--quiet"]);
    assert!(program.ask("expect time() > 1h")["error"]["message"].is_string());
    assert_eq!(program.end().1, Some(1));
}

#[test]
fn what_is_wrong_is_status_2() {
    let (_holds_it, bootstrap) = Program::with_script("taken", super::ORDERS, &[]);
    let taken = format!("terrarium: {bootstrap} cannot be listened on: ");
    let script = folder("wrong").join("wrong.terra");
    fs::write(&script, "\nstatsu\n").expect("a script");
    let script = script.to_str().expect("a path");
    for (arguments, error) in [
        (&["no such file"][..], "terrarium: no such file cannot be read: "),
        (&[script], &format!("{script}:2:1: unknown command `statsu`; did you mean `status`?\n")),
        (&["--listen", &bootstrap], &taken),
        (&["--listen", "9092"], "terrarium: `9092` after `--listen`; it takes an address and a port, such as "),
        (&["--listen", "0.0.0.0:0"], "terrarium: clients cannot connect to 0.0.0.0; say by which name"),
        (&["--brokers", "3"], "terrarium: invalid option '--brokers'; gateway takes --seed, --listen, "),
        (&["a", "b"], "terrarium: `b` after the script; gateway takes one\n"),
        (&["-", "--until-eof"], "terrarium: `--until-eof` with a script from the standard input"),
    ] {
        let (last, status, err) = Program::start(arguments).end();
        assert!(err.starts_with(error), "{arguments:?}: {err}");
        assert_eq!((status, last), (Some(2), Value::Null), "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_in_good_order() {
    let (mut program, _) = Program::with_script("signal", super::ORDERS, &[]);
    let id = program.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    let (status, err) = program.wait();
    assert_eq!(status, Some(0), "{err}");
}

#[test]
fn it_warns_when_others_can_reach_it() {
    let arguments = ["--listen", "0.0.0.0:0", "--advertised-host", "localhost", "--until-eof"];
    let mut program = Program::start(&arguments);
    let ready = program.line();
    assert!(ready["ready"]["bootstrap"].as_str().is_some_and(|bootstrap| bootstrap.starts_with("localhost:")));
    let (_, status, err) = program.end();
    assert_eq!(status, Some(0));
    assert!(err.contains("WARNING: Kafka clients are taken on 0.0.0.0, not only from this machine"), "{err}");
}

#[test]
fn the_wire_shows_what_clients_outside_sent() {
    let wire = folder("wire").join("wire.jsonl");
    let (program, bootstrap) =
        Program::with_script("wires", super::ORDERS, &["--wire", wire.to_str().expect("a path")]);
    let mut client = Client::connect(&bootstrap);
    client.produce("x");
    client.stream.write_all(b"\0\0\0\x05no!!!").expect("it takes bytes");
    assert_eq!(client.receive(), None);
    assert_eq!(program.end().1, Some(0));
    let text = fs::read_to_string(wire).expect("the wire log");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of_test = |kind: &str, api: &str| {
        lines.iter().find(|line| line["kind"] == kind && line["api"] == api && line["client"] == "test").cloned()
    };
    let request = of_test("request", "Produce").expect("the request is decoded");
    assert_eq!(request["body"]["TopicData"][0]["PartitionData"][0]["Records"][0]["count"], 1);
    assert_eq!((&request["from"], &request["to"]), (&"client".into(), &"1".into()));
    let response = of_test("response", "Produce").expect("the response is there");
    assert_eq!(response["corr"], request["corr"]);
    assert!(lines.iter().any(|line| line["kind"] == "frame" && line["size"] == 9), "bytes that are no request");
}

#[test]
fn a_thousand_idle_connections_are_held() {
    let (program, bootstrap) = Program::with_script("idle", super::ORDERS, &[]);
    let mut idle: Vec<Client> = (0..1_000).map(|_| Client::connect(&bootstrap)).collect();
    let mut client = Client::connect(&bootstrap);
    for n in 0..100 {
        assert_eq!(client.produce("all the while"), n);
    }
    assert_eq!(idle[999].metadata().topics.len(), 1);
    assert_eq!(idle[0].fetch(0, 0).len(), 100);
    drop(idle);
    assert_eq!(client.produce("and after"), 100);
    assert_eq!(program.end().1, Some(0));
}

/// The processor time that a process has used, in ticks of 10 ms.
#[cfg(target_os = "linux")]
fn ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    [11, 12].iter().map(|index| fields[*index].parse::<u64>().expect("ticks")).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_gateway_uses_no_processor_time() {
    let (program, bootstrap) = Program::with_script("sleeps", super::ORDERS, &["--quiet"]);
    let mut waits = Client::connect(&bootstrap);
    waits.send(kafka_terrarium::wire::ApiKey::Fetch, 11, super::fetch(0, 30_000));
    let mut client = Client::connect(&bootstrap);
    client.metadata();
    let before = ticks(program.child.id());
    std::thread::sleep(std::time::Duration::from_secs(2));
    let used = ticks(program.child.id()) - before;
    assert!(used <= 2, "{used} ticks in two seconds in which nothing happens");
}
