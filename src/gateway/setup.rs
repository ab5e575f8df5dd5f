//! The script as the gateway runs it: where its set-up leaves something open, the gateway fills it in.
//!
//! What it fills in it writes into the script, as set-up lines of the language: the run is then a script, a seed and
//! what was done to it, like every other run, and whoever opens its record reads what the cluster was.

use super::port::Port;
use super::{GatewayError, GatewaySpec, ReadyBroker};
use crate::script::{self, Line, Position, Script, Statement, format_utc};
use crate::sim::Command;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// The network between brokers when the script names none: that of one data centre, where real clients expect brokers.
const NETWORK: &str = "datacenter";

/// The script and the brokers' ports, bound.
pub(super) struct SetUp {
    pub(super) script: Composed,
    pub(super) ports: Vec<Port>,
    pub(super) brokers: Vec<ReadyBroker>,
}

/// A script with lines put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Composed {
    pub(super) text: String,
    /// The lines that were put in, by their numbers in the new text.
    added: Vec<u32>,
}

impl Composed {
    /// The place in the script that was given.
    pub(super) fn given(&self, at: Position) -> Position {
        let before = self.added.iter().filter(|line| **line <= at.line).count() as u32;
        Position { line: (at.line - before).max(1), column: at.column }
    }
}

/// Reads the script, binds a port for each broker and completes the script.
pub(super) fn set_up(spec: &GatewaySpec) -> Result<SetUp, GatewayError> {
    let script = Script::parse(&spec.script).map_err(GatewayError::Script)?;
    if let Some(line) = script.lines.iter().find(|line| joins(&line.kind)) {
        return Err(GatewayError::Script(script::Error::new(line.at, NO_PORT)));
    }
    let mut ports = Vec::new();
    let mut brokers = Vec::new();
    let mut next = spec.listen.port();
    for broker in &script.spec.brokers {
        let id = broker.id;
        let port = match script.stated.ports.contains(&id) {
            true => broker.listener.port,
            false => counted(&mut next, &script)?,
        };
        let host = match &spec.advertised_host {
            _ if script.stated.hosts.contains(&id) => broker.listener.host.to_string(),
            Some(host) => host.clone(),
            None => spec.listen.ip().to_string(),
        };
        check_host(&host)?;
        let address = SocketAddr::new(spec.listen.ip(), port);
        let bound = Port::hold(address).map_err(|error| cannot_listen(address, &error))?;
        brokers.push(ReadyBroker { id, host, port: bound.address().port() });
        ports.push(bound);
    }
    let script = compose(&spec.script, &script, &brokers, now_ms());
    Ok(SetUp { script, ports, brokers })
}

/// Why no broker joins the world of a gateway.
pub(super) const NO_PORT: &str =
    "a broker that joins would have no port here: a gateway has one for each broker that its set-up lines name";

/// Whether a statement has a broker join, now or later.
pub(super) fn joins(statement: &Statement) -> bool {
    match statement {
        Statement::Change(Command::Broker(_)) => true,
        Statement::At { then, .. } => joins(&then.kind),
        _ => false,
    }
}

pub(super) fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> GatewayError {
    GatewayError::Address(format!("{address} cannot be listened on: {error}"))
}

/// The next port that the script gives to no broker.
fn counted(next: &mut u16, script: &Script) -> Result<u16, GatewayError> {
    if *next == 0 {
        return Ok(0);
    }
    let taken =
        |port: u16| script.spec.brokers.iter().any(|b| script.stated.ports.contains(&b.id) && b.listener.port == port);
    while taken(*next) {
        *next = next.checked_add(1).ok_or_else(out_of_ports)?;
    }
    let port = *next;
    // Beyond the last port there is none; only a broker that needs it is refused.
    *next = next.checked_add(1).unwrap_or(u16::MAX);
    Ok(port)
}

fn out_of_ports() -> GatewayError {
    GatewayError::Address("the brokers' ports count up beyond 65535; begin lower".into())
}

/// Clients are told this name, so it must be one, and the script must be able to say it.
fn check_host(host: &str) -> Result<(), GatewayError> {
    if host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_unspecified()) {
        let message = format!(
            "clients cannot connect to {host}; say by which name they reach the brokers, with `--advertised-host NAME` \
             or `broker 1 --host NAME`"
        );
        return Err(GatewayError::Address(message));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    match !host.is_empty() && host.chars().all(is_name) {
        true => Ok(()),
        false => Err(GatewayError::Address(format!("`{host}` is no host name"))),
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// Puts into the script what it does not say itself.
fn compose(text: &str, script: &Script, brokers: &[ReadyBroker], now_ms: i64) -> Composed {
    let mut flags = String::new();
    if !script.stated.network {
        flags.push_str(&format!(" --network {NETWORK}"));
    }
    if !script.stated.date {
        flags.push_str(&format!(" --date {}", format_utc(now_ms)));
    }
    let broker = |broker: &ReadyBroker| format!("broker {} --host {} --port {}", broker.id, broker.host, broker.port);
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let mut added = Vec::new();
    let is_set_up = |line: &&Line| line.kind == Statement::SetUp;
    // From behind, so that the places in front stay what they are.
    let after = first_line(script, |line| !is_set_up(&line) && !is_note(line)).unwrap_or(lines.len());
    let brokers: Vec<String> = brokers.iter().map(broker).collect();
    let cluster = script.lines.iter().filter(is_set_up).find(|line| line.text.starts_with("cluster"));
    insert(&mut lines, &mut added, after, brokers);
    match cluster {
        Some(line) => insert_word(&mut lines[line.at.line as usize - 1], line.at.column + 7, &flags),
        None => {
            let before = first_line(script, |line| !is_note(line)).unwrap_or(after);
            insert(&mut lines, &mut added, before, vec![format!("cluster{flags}")]);
        }
    }
    Composed { text: lines.join("\n"), added }
}

fn is_note(line: &Line) -> bool {
    matches!(line.kind, Statement::Note(_))
}

/// The index of the text's line where the first such line of the script begins.
fn first_line(script: &Script, is_it: impl Fn(&Line) -> bool) -> Option<usize> {
    script.lines.iter().find(|line| is_it(line)).map(|line| line.at.line as usize - 1)
}

/// Inserts lines before the one with this index, and notes their numbers.
fn insert(lines: &mut Vec<String>, added: &mut Vec<u32>, index: usize, new: Vec<String>) {
    let count = new.len() as u32;
    added.iter_mut().filter(|line| **line > index as u32).for_each(|line| *line += count);
    added.extend((1..=count).map(|nth| index as u32 + nth));
    lines.splice(index..index, new);
}

/// Inserts a text at a column, counted in characters from 1.
fn insert_word(line: &mut String, column: u32, text: &str) {
    // A byte order mark stands before the first column.
    let marks = usize::from(line.starts_with('\u{feff}'));
    let at = line.char_indices().nth(marks + column as usize - 1).map_or(line.len(), |(at, _)| at);
    line.insert_str(at, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Endpoint;
    use crate::sim::NetworkProfile;

    fn composed(text: &str) -> (Composed, Script) {
        let script = Script::parse(text).expect("a script");
        let broker = |n: i32| ReadyBroker { id: n, host: "127.0.0.1".into(), port: 40_000 + n as u16 };
        let brokers: Vec<_> = script.spec.brokers.iter().map(|b| broker(b.id)).collect();
        let composed = compose(text, &script, &brokers, 1_767_225_600_123);
        let script = Script::parse(&composed.text).expect("still a script");
        (composed, script)
    }

    #[test]
    fn what_a_script_leaves_open_is_written_into_it() {
        let (composed, script) = composed("> # A title\n\n# remark\nkafka-topics.sh --list\nstatus");
        assert_eq!(
            composed.text,
            "> # A title\n\n# remark\ncluster --network datacenter --date 2026-01-01T00:00:00.123Z\n\
             broker 1 --host 127.0.0.1 --port 40001\nbroker 2 --host 127.0.0.1 --port 40002\n\
             broker 3 --host 127.0.0.1 --port 40003\nkafka-topics.sh --list\nstatus"
        );
        let given: Vec<u32> = script.lines.iter().map(|line| composed.given(line.at).line).collect();
        assert_eq!(given, [1, 3, 3, 3, 3, 4, 5], "whose own lines keep their numbers");
        assert_eq!(script.spec.start_ms, 1_767_225_600_123);
        assert_eq!(script.spec.network, NetworkProfile::DATACENTER);
        assert_eq!(script.spec.brokers[0].listener, Endpoint { host: "127.0.0.1".into(), port: 40_001 });
    }

    #[test]
    fn what_a_script_says_itself_stays() {
        let text = "  cluster --network wan \\\n  --first-id 7 --date 2026-02-02 # ü\nbroker 7 --rack a\n";
        let (composed, script) = composed(text);
        let written = [7, 8, 9].map(|n| format!("\nbroker {n} --host 127.0.0.1 --port 4000{n}")).concat();
        assert_eq!(composed.text, format!("{text}{written}"));
        assert_eq!(script.spec.network, NetworkProfile::WAN);
        assert_eq!(script.spec.brokers[0].rack.as_deref(), Some("a"));
    }

    #[test]
    fn flags_go_behind_the_word_cluster() {
        for text in
            ["cluster", "\u{feff}cluster --first-id 3\r\nstatus\r\n", "> ü\n cluster # x\n> y\nbroker 1 --rack r"]
        {
            let (composed, script) = composed(text);
            assert!(composed.text.contains("cluster --network datacenter --date 2026-01-01T00:00:00.123Z"));
            assert_eq!(script.spec.brokers[0].listener.port, 40_000 + script.spec.brokers[0].id as u16);
        }
    }

    #[test]
    fn an_empty_script_becomes_the_default_cluster() {
        let (composed, script) = composed("");
        assert_eq!(script.spec.brokers.len(), 3);
        assert_eq!(composed.given(Position { line: 1, column: 1 }), Position { line: 1, column: 1 });
    }

    #[test]
    fn a_broker_that_joins_is_refused() {
        let refused = |script: &str| match set_up(&GatewaySpec::new(script)).map(drop) {
            Err(GatewayError::Script(error)) => error.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused("status\nbroker 4"), format!("2:1: {NO_PORT}"));
        assert_eq!(refused("at 90s broker 4"), format!("1:1: {NO_PORT}"));
    }

    #[test]
    fn a_name_that_nobody_can_connect_to_is_refused() {
        for host in ["0.0.0.0", "::", "", "two words", "a#b"] {
            assert!(matches!(check_host(host), Err(GatewayError::Address(_))), "{host}");
        }
        for host in ["localhost", "127.0.0.1", "::1", "broker-1.example"] {
            assert_eq!(check_host(host), Ok(()));
        }
    }
}
