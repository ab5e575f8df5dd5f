//! The set-up: `cluster …`, `broker N …` and `controller N …`; and `broker N …` of a broker that joins later.

use super::flags::{self, Flag};
use super::parse_duration;
use crate::base::{Endpoint, SimDuration};
use crate::broker::check_broker_config;
use crate::script::ast::{Stated, Statement};
use crate::script::cursor::{Cursor, Word};
use crate::script::date;
use crate::script::error::Error;
use crate::sim::{BrokerSpec, ClusterSpec, Command, Controllers, FIRST_CONTROLLER_ID, NetworkProfile, NewBroker};
use std::sync::Arc;

const CLUSTER_FLAGS: [&str; 7] =
    ["--brokers", "--controllers", "--racks", "--network", "--date", "--set", "--first-id"];
const BROKER_FLAGS: [&str; 4] = ["--rack", "--host", "--port", "--set"];

/// How many brokers a cluster has that does not say, and how many controllers: enough to replicate and to elect.
const DEFAULT_BROKERS: u16 = 3;

/// More brokers than anybody looks at under glass.
const MAX_BROKERS: i64 = 1_000;

/// The set-up while a script is read.
#[derive(Default)]
pub(super) struct SetUp {
    spec: Option<ClusterSpec>,
    stated: Stated,
    /// A command that is not part of the set-up has been read: the world runs.
    pub(super) over: bool,
}

/// What `cluster` was given.
#[derive(Default)]
struct Given {
    brokers: Option<u16>,
    controllers: Option<Controllers>,
    racks: Option<(Word, Vec<Arc<str>>)>,
    network: Option<NetworkProfile>,
    start_ms: Option<i64>,
    first_id: Option<i32>,
    set: Vec<(String, String)>,
}

impl SetUp {
    /// Reads `cluster …` or `broker …` from behind the verb on.
    pub(super) fn line(&mut self, verb: &Word, cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
        match verb.text.as_str() {
            "cluster" if self.over => Err(verb.error("`cluster` after other commands; it comes first")),
            "cluster" if self.spec.is_some() => Err(verb.error("a second `cluster`; a script has one cluster")),
            "cluster" => self.cluster(cursor),
            "controller" if self.over => Err(verb.error("`controller` after other commands; it belongs to the set-up")),
            "controller" => self.controller(cursor),
            _ => self.broker(cursor),
        }?;
        Ok(Statement::SetUp)
    }

    /// The cluster, the default one when no line described it, and what the lines said of it.
    pub(super) fn finish(self) -> (ClusterSpec, Stated) {
        (self.spec.unwrap_or_else(|| ClusterSpec::new(DEFAULT_BROKERS)), self.stated)
    }

    fn cluster(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        let mut given = Given::default();
        while let Some(flag) = flags::next(cursor, "cluster", &CLUSTER_FLAGS)? {
            given.take(flag, cursor)?;
        }
        (self.stated.network, self.stated.date) = (given.network.is_some(), given.start_ms.is_some());
        self.spec = Some(given.spec()?);
        Ok(())
    }

    /// `controller 101 --set KEY=VALUE`: a controller that is a node of its own.
    fn controller(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        let id = cursor.expect_word("the controller's id")?;
        let number = flags::number(&id, 0, i64::from(i32::MAX))? as i32;
        let spec = self.spec.get_or_insert_with(|| ClusterSpec::new(DEFAULT_BROKERS));
        if check_not_a_controllers(&id, number, spec).is_ok() {
            return Err(id.error(format!("no controller {number} is a node of its own")));
        }
        while let Some(flag) = flags::next(cursor, "controller", &["--set"])? {
            let config = broker_config(&flag.value(cursor, "KEY=VALUE")?)?;
            spec.controller_configs.entry(number).or_default().push(config);
        }
        Ok(())
    }

    fn broker(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        let id = cursor.expect_word("the broker's id")?;
        let number = flags::number(&id, 0, i64::from(i32::MAX))? as i32;
        let spec = self.spec.get_or_insert_with(|| ClusterSpec::new(DEFAULT_BROKERS));
        check_not_a_controllers(&id, number, spec)?;
        let index = match spec.brokers.iter().position(|broker| broker.id == number) {
            Some(index) => index,
            None => {
                let port = spec.brokers.iter().map(|broker| broker.listener.port).max().unwrap_or(9091);
                let listener = Endpoint { host: "localhost".into(), port: port.saturating_add(1) };
                spec.brokers.push(BrokerSpec { id: number, rack: None, listener, configs: Vec::new() });
                spec.brokers.len() - 1
            }
        };
        let broker = &mut spec.brokers[index];
        while let Some(flag) = flags::next(cursor, "broker", &BROKER_FLAGS)? {
            let stated = &mut self.stated;
            match flag.name.text.as_str() {
                "--host" => stated.hosts.insert(number),
                "--port" => stated.ports.insert(number),
                _ => false,
            };
            set_up_broker(broker, flag, cursor)?;
        }
        Ok(())
    }
}

/// Reads `broker N …` of a broker that joins a cluster that runs, from behind the verb on.
pub(super) fn join(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let id = flags::number(&cursor.expect_word("the broker's id")?, 0, i64::from(i32::MAX))? as i32;
    let mut broker = NewBroker { id, ..NewBroker::default() };
    while let Some(flag) = flags::next(cursor, "broker", &BROKER_FLAGS)? {
        match flag.name.text.as_str() {
            "--rack" => broker.rack = Some(flag.value(cursor, "a rack's name")?.text.into()),
            "--host" => broker.host = Some(flag.value(cursor, "a host name")?.text.into()),
            "--port" => broker.port = Some(flags::number(&flag.value(cursor, "a port")?, 1, 65_535)? as u16),
            _ => broker.configs.push(broker_config(&flag.value(cursor, "KEY=VALUE")?)?),
        }
    }
    Ok(Statement::Change(Command::Broker(broker)))
}

fn set_up_broker(broker: &mut BrokerSpec, flag: Flag, cursor: &mut Cursor<'_>) -> Result<(), Error> {
    match flag.name.text.as_str() {
        "--rack" => broker.rack = Some(flag.value(cursor, "a rack's name")?.text.into()),
        "--host" => broker.listener.host = flag.value(cursor, "a host name")?.text.into(),
        "--port" => broker.listener.port = flags::number(&flag.value(cursor, "a port")?, 1, 65_535)? as u16,
        _ => {
            broker.configs.push(broker_config(&flag.value(cursor, "KEY=VALUE")?)?);
        }
    }
    Ok(())
}

/// `KEY=VALUE` that a broker takes.
fn broker_config(word: &Word) -> Result<(String, String), Error> {
    let (key, value) = flags::pair(word)?;
    check_broker_config(&key, &value.text).map_err(|message| word.error(message))?;
    Ok((key, value.text))
}

impl Given {
    fn take(&mut self, flag: Flag, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        let name = flag.name.clone();
        match name.text.as_str() {
            "--brokers" => {
                let count = flags::number(&flag.value(cursor, "how many brokers")?, 1, MAX_BROKERS)?;
                flags::once(&mut self.brokers, count as u16, &name)
            }
            "--controllers" => {
                flags::once(&mut self.controllers, controllers(&flag.value(cursor, "`combined`")?)?, &name)
            }
            "--racks" => {
                let racks = flag.value(cursor, "racks such as a,b,c")?;
                let names = racks.text.split(',').map(Arc::from).collect();
                flags::once(&mut self.racks, (racks, names), &name)
            }
            "--network" => flags::once(&mut self.network, network(&flag.value(cursor, "a network")?)?, &name),
            "--date" => flags::once(&mut self.start_ms, start(&flag.value(cursor, "a date")?)?, &name),
            "--first-id" => {
                let id = flags::number(&flag.value(cursor, "the first broker's id")?, 0, 1_000_000)?;
                flags::once(&mut self.first_id, id as i32, &name)
            }
            _ => {
                self.set.push(broker_config(&flag.value(cursor, "KEY=VALUE")?)?);
                Ok(())
            }
        }
    }

    fn spec(self) -> Result<ClusterSpec, Error> {
        let mut spec = ClusterSpec::new(self.brokers.unwrap_or(DEFAULT_BROKERS));
        spec.controllers = self.controllers.unwrap_or(spec.controllers);
        if let Some((word, racks)) = &self.racks {
            if racks.iter().any(|rack| rack.is_empty()) {
                return Err(word.error(format!("`{}` where rack names with commas between belong", word.text)));
            }
            if racks.len() > spec.brokers.len() {
                let message = format!("{} racks for {} brokers; at most one each", racks.len(), spec.brokers.len());
                return Err(word.error(message));
            }
        }
        spec.network = self.network.unwrap_or(NetworkProfile::TEACHING);
        spec.start_ms = self.start_ms.unwrap_or(ClusterSpec::DEFAULT_START_MS);
        spec.configs = self.set;
        for (index, broker) in spec.brokers.iter_mut().enumerate() {
            broker.id = self.first_id.unwrap_or(1) + index as i32;
            // Racks repeat in order, as brokers are spread over racks in practice.
            broker.rack = self.racks.as_ref().map(|(_, racks)| racks[index % racks.len()].clone());
        }
        Ok(spec)
    }
}

/// Where the controllers run: in the brokers' processes, or as so many nodes of their own. An even number of voters
/// tolerates no more failures than one less.
fn controllers(word: &Word) -> Result<Controllers, Error> {
    match (word.text.as_str(), word.text.parse::<u16>()) {
        ("combined", _) => Ok(Controllers::Combined),
        (_, Ok(count @ (1 | 3 | 5))) => Ok(Controllers::Separate(count)),
        (_, Ok(count)) => Err(word.error(format!("{count} controllers; a quorum has 1, 3 or 5"))),
        _ => Err(word.error(format!("`{}` where `combined` or a number of controllers belongs", word.text))),
    }
}

/// A broker's id must not be that of a controller of its own.
fn check_not_a_controllers(word: &Word, id: i32, spec: &ClusterSpec) -> Result<(), Error> {
    let Controllers::Separate(count) = spec.controllers else { return Ok(()) };
    match (FIRST_CONTROLLER_ID..FIRST_CONTROLLER_ID + i32::from(count)).contains(&id) {
        true => Err(word.error(format!("{id} is a controller's id"))),
        false => Ok(()),
    }
}

/// A profile's name, or `latency=5ms,jitter=1ms,bandwidth=1Gbit` with the latency at least.
fn network(word: &Word) -> Result<NetworkProfile, Error> {
    if let Some(profile) = NetworkProfile::named(&word.text) {
        return Ok(profile);
    }
    let wanted = "`teaching`, `datacenter`, `wan` or `latency=5ms,jitter=1ms,bandwidth=1Gbit`";
    if !word.text.contains('=') {
        return Err(word.error(format!("unknown network `{}`; it is {wanted}", word.text)));
    }
    let (mut latency, mut jitter, mut bandwidth) = (None, None, None);
    let mut skip = 0;
    for part in word.text.split(',') {
        let part_word = Word { text: part.to_owned(), at: word.behind(skip).at };
        skip += part.chars().count() + 1;
        let (key, value) = flags::pair(&part_word)?;
        let key_word = Word { text: key, at: part_word.at };
        match key_word.text.as_str() {
            "latency" => flags::once(&mut latency, parse_duration(&value)?, &key_word)?,
            "jitter" => flags::once(&mut jitter, parse_duration(&value)?, &key_word)?,
            "bandwidth" => flags::once(&mut bandwidth, bandwidth_of(&value)?, &key_word)?,
            other => return Err(key_word.error(format!("`{other}` of a network; it is {wanted}"))),
        }
    }
    let latency = latency.ok_or_else(|| word.error(format!("a network without `latency`; it is {wanted}")))?;
    Ok(NetworkProfile { latency, jitter: jitter.unwrap_or(SimDuration::ZERO), bandwidth_bytes_per_s: bandwidth })
}

/// Bytes a second from bits a second, as networks are measured: `100Mbit`.
fn bandwidth_of(word: &Word) -> Result<u64, Error> {
    let digits = word.text.chars().take_while(char::is_ascii_digit).count();
    let (number, unit) = word.text.split_at(digits);
    let bits: Option<u64> = match unit {
        "bit" => Some(1),
        "kbit" => Some(1_000),
        "Mbit" => Some(1_000_000),
        "Gbit" => Some(1_000_000_000),
        _ => None,
    };
    let rate = bits.zip(number.parse().ok()).and_then(|(unit, n): (u64, u64)| unit.checked_mul(n));
    match rate {
        Some(bits) if bits >= 8 => Ok(bits / 8),
        _ => Err(word.error(format!("`{}` is no bandwidth; it is a number with bit, kbit, Mbit or Gbit", word.text))),
    }
}

fn start(word: &Word) -> Result<i64, Error> {
    date::parse_utc(&word.text)
        .ok_or_else(|| word.error(format!("`{}` is no date; write it as 2026-01-01T00:00:00Z", word.text)))
}
