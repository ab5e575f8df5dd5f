//! Jepsen's anomalies of a queue like Kafka's, found in a history of operations (`jepsen.tests.kafka`).
//!
//! A history is what clients did and were told: sends with the offsets that came back, polls with what they brought. It
//! says nothing of how the cluster works, so it can be that of any world. What each anomaly is, and whether Kafka allows
//! it, is said at [`Anomaly`].
//!
//! The order of a key's values is known from the offsets that sends of *ok* operations were told, those of *info*
//! operations of which some value was read by an ok one, and those of all polls. Offsets may have gaps; what counts is
//! a value's place among those that are there.
//!
//! Who came before whom is known of operations of one process, and of operations of which one was over when the other
//! began (real time). Some circles need that to close.

mod cycles;
mod lag;
mod order;
mod telling;
#[cfg(test)]
mod tests;

pub use cycles::Cycle;
pub use lag::{Lag, realtime_lags, worst_realtime_lag};
pub use telling::{Judgement, Kind as KindOfAnomaly, Told};

use crate::base::{SortedMap, SortedSet};
use order::Order;

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has only begun.
    Invoke,
    /// It was done.
    Ok,
    /// It was certainly not done.
    Fail,
    /// Nobody knows whether it was.
    Info,
}

/// A step of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A value was sent to a key.
    Send {
        /// The key: a partition.
        key: String,
        /// The value, unlike all others of the key.
        value: String,
        /// The offset that came back, if one did.
        offset: Option<i64>,
    },
    /// What a poll brought: of each key offsets with values.
    Poll(SortedMap<String, Vec<(i64, String)>>),
}

/// What an operation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sends and polls.
    Work(Vec<Action>),
    /// From now on these keys are read, and no others.
    Assign(SortedSet<String>),
    /// From now on at most these keys are read: its group decides which.
    Subscribe(SortedSet<String>),
}

/// When something happened in a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Its place in the history.
    pub index: usize,
    /// The time, in microseconds; all zero in a history that has no times.
    pub time_us: u64,
}

/// An operation of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// The place of its end in the history.
    pub index: usize,
    /// The time of its end, in microseconds.
    pub time_us: u64,
    /// When it began, if the history tells.
    pub began: Option<Moment>,
    /// Who did it; a process is one producer and one consumer.
    pub process: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// What it is.
    pub kind: Kind,
    /// It is a transaction.
    pub is_txn: bool,
    /// Keys that were given or taken away while it ran.
    pub rebalanced: SortedSet<String>,
}

/// Something that ought not to be in a history. Values are given in the order in which they were sent or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// An offset has several values.
    InconsistentOffsets {
        /// The key.
        key: String,
        /// The offset.
        offset: i64,
        /// Its place among the offsets that are there.
        index: usize,
        /// Its values.
        values: Vec<String>,
    },
    /// A value is at several offsets: without idempotence Kafka allows that.
    Duplicate {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// Its offsets.
        offsets: Vec<i64>,
    },
    /// A value that must be there was passed over by every reader.
    LostWrite {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// Its place.
        index: usize,
        /// The furthest place that was read.
        max_read_index: usize,
        /// The operation that wrote it.
        writer: usize,
        /// The operation that read furthest.
        max_read: usize,
    },
    /// An ok operation read what a failed one had written (G1a).
    AbortedRead {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// Who wrote it.
        writer: usize,
        /// Who read it.
        reader: usize,
    },
    /// A transaction read what it wrote itself.
    PrecommittedRead {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// The operation.
        op: usize,
    },
    /// Two values that follow each other in a poll or a send, or in two of a process, do not in the log.
    Step {
        /// Which anomaly it is.
        what: Step,
        /// The key.
        key: String,
        /// The value before and the value after.
        values: [String; 2],
        /// How far apart their places are: 1 would be right.
        delta: i64,
        /// What lies between.
        skipped: Vec<String>,
        /// The operation, or both.
        ops: Vec<usize>,
    },
    /// Sends and reads that come before each other in a circle.
    Cycle(Cycle),
    /// An acknowledged value that nobody has read in the end.
    Unseen {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
}

/// The anomalies of values that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Within one operation a poll passes over values.
    IntPollSkip,
    /// Within one operation a poll goes back, or repeats.
    IntNonmonotonicPoll,
    /// Within one operation others' values lie between two sends: Kafka allows that.
    IntSendSkip,
    /// Within one operation sends are reordered.
    IntNonmonotonicSend,
    /// A process' next poll passes over values; after a rebalance that is allowed.
    PollSkip,
    /// A process' next poll goes back; after a rebalance that is allowed.
    NonmonotonicPoll,
    /// A process' next send comes before its last.
    NonmonotonicSend,
}

/// Every anomaly in a history.
pub fn anomalies(history: &[Op]) -> Vec<Anomaly> {
    let history: Vec<&Op> = history.iter().filter(|op| op.outcome != Outcome::Invoke).collect();
    let order = Order::of(&history);
    let mut found = order.inconsistent_offsets();
    found.extend(order.duplicates());
    found.extend(lost_writes(&history, &order));
    found.extend(bad_reads(&history));
    found.extend(history.iter().flat_map(|op| within(op, &order)));
    found.extend(across(&history, &order));
    found.extend(cycles::cycles(&history, &order).into_iter().map(Anomaly::Cycle));
    found.extend(unseen(&history));
    found
}

impl Op {
    fn actions(&self) -> &[Action] {
        match &self.kind {
            Kind::Work(actions) => actions,
            Kind::Assign(_) | Kind::Subscribe(_) => &[],
        }
    }

    /// The keys to which it limits its process' reads.
    fn limits(&self) -> Option<&SortedSet<String>> {
        match &self.kind {
            Kind::Work(_) => None,
            Kind::Assign(keys) | Kind::Subscribe(keys) => Some(keys),
        }
    }

    /// The keys to which it sent.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.sends().map(|(key, _)| key)
    }

    /// The values that it sent.
    pub fn sent_values(&self) -> impl Iterator<Item = &str> {
        self.sends().map(|(_, value)| value)
    }

    /// The values that it sent, each with its key.
    fn sends(&self) -> impl Iterator<Item = (&str, &str)> {
        self.actions().iter().filter_map(|action| match action {
            Action::Send { key, value, .. } => Some((key.as_str(), value.as_str())),
            Action::Poll(_) => None,
        })
    }

    /// The values that it read, each with its key and offset.
    fn reads(&self) -> impl Iterator<Item = (&str, i64, &str)> {
        let polls = self.actions().iter().filter_map(|action| match action {
            Action::Poll(all) => Some(all),
            Action::Send { .. } => None,
        });
        polls.flat_map(|all| {
            all.iter().flat_map(|(key, values)| {
                values.iter().map(move |(offset, value)| (key.as_str(), *offset, value.as_str()))
            })
        })
    }
}

/// The values of each key, in the order given.
fn by_key<'a>(values: impl Iterator<Item = (&'a str, &'a str)>) -> SortedMap<&'a str, Vec<&'a str>> {
    let mut keys: SortedMap<&str, Vec<&str>> = SortedMap::new();
    values.for_each(|(key, value)| keys.entry(key).or_default().push(value));
    keys
}

/// All that ok operations have read.
fn read_by_ok<'a>(history: &[&'a Op]) -> SortedSet<(&'a str, &'a str)> {
    let ok = history.iter().filter(|op| op.outcome == Outcome::Ok);
    ok.flat_map(|op| op.reads().map(|(key, _, value)| (key, value))).collect()
}

/// Whether an operation's writes are certainly there: it was done, or somebody has read one of them.
fn is_committed(op: &Op, read: &SortedSet<(&str, &str)>) -> bool {
    op.outcome == Outcome::Ok || op.outcome == Outcome::Info && op.sends().any(|sent| read.contains(&sent))
}

fn lost_writes(history: &[&Op], order: &Order) -> Vec<Anomaly> {
    let read = read_by_ok(history);
    let mut furthest: SortedMap<&str, (usize, usize)> = SortedMap::new();
    for op in history.iter().filter(|op| op.outcome == Outcome::Ok) {
        for (key, _, value) in op.reads() {
            let Some(index) = order.first(key, value) else { continue };
            let known = furthest.entry(key).or_insert((index, op.index));
            if index > known.0 {
                *known = (index, op.index);
            }
        }
    }
    let mut lost = Vec::new();
    for op in history.iter().filter(|op| is_committed(op, &read)) {
        for (key, value) in op.sends().filter(|sent| !read.contains(sent)) {
            let Some(&(max_read_index, max_read)) = furthest.get(key) else { continue };
            let Some(index) = order.last(key, value).filter(|last| *last <= max_read_index) else { continue };
            let (key, value, writer) = (key.into(), value.into(), op.index);
            lost.push(Anomaly::LostWrite { key, value, index, max_read_index, writer, max_read });
        }
    }
    lost
}

/// G1a, and transactions that read their own writes.
fn bad_reads(history: &[&Op]) -> Vec<Anomaly> {
    let failed = history.iter().filter(|op| op.outcome == Outcome::Fail);
    let aborted: SortedMap<(&str, &str), usize> =
        failed.flat_map(|op| op.sends().map(|sent| (sent, op.index))).collect();
    let mut found = Vec::new();
    for op in history.iter().filter(|op| op.outcome == Outcome::Ok) {
        let own: SortedSet<(&str, &str)> = op.sends().collect();
        for (key, _, value) in op.reads() {
            if let Some(&writer) = aborted.get(&(key, value)) {
                found.push(Anomaly::AbortedRead { key: key.into(), value: value.into(), writer, reader: op.index });
            }
            if op.is_txn && own.contains(&(key, value)) {
                found.push(Anomaly::PrecommittedRead { key: key.into(), value: value.into(), op: op.index });
            }
        }
    }
    found
}

fn step(what: Step, key: &str, values: [&str; 2], ops: &[usize], order: &Order) -> Option<Anomaly> {
    let places = (order.first(key, values[0])?, order.first(key, values[1])?);
    let delta = places.1 as i64 - places.0 as i64;
    let is_skip = matches!(what, Step::IntPollSkip | Step::IntSendSkip | Step::PollSkip);
    if is_skip && delta <= 1 || !is_skip && delta >= 1 {
        return None;
    }
    let skipped = if is_skip { order.between(key, places.0, places.1) } else { Vec::new() };
    let values = values.map(str::to_owned);
    Some(Anomaly::Step { what, key: key.into(), values, delta, skipped, ops: ops.to_vec() })
}

/// Anomalies within one operation.
fn within(op: &Op, order: &Order) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (key, values) in by_key(op.reads().map(|(key, _, value)| (key, value))) {
        if op.rebalanced.contains(key) {
            continue;
        }
        for pair in values.windows(2) {
            for what in [Step::IntPollSkip, Step::IntNonmonotonicPoll] {
                found.extend(step(what, key, [pair[0], pair[1]], &[op.index], order));
            }
        }
    }
    for (key, values) in by_key(op.sends()) {
        let known: Vec<&str> = values.into_iter().filter(|value| order.first(key, value).is_some()).collect();
        for pair in known.windows(2) {
            for what in [Step::IntSendSkip, Step::IntNonmonotonicSend] {
                found.extend(step(what, key, [pair[0], pair[1]], &[op.index], order));
            }
        }
    }
    found
}

/// Anomalies between an operation of a process and its next.
fn across(history: &[&Op], order: &Order) -> Vec<Anomaly> {
    type Last<'a> = SortedMap<(i64, &'a str), (usize, &'a str)>;
    let (mut polls, mut sends) = (Last::new(), Last::new());
    let mut found = Vec::new();
    for op in history {
        if let Some(keys) = op.limits() {
            if op.outcome != Outcome::Fail {
                polls.retain(|(process, key), _| *process != op.process || keys.contains(*key));
                sends.retain(|(process, key), _| *process != op.process || keys.contains(*key));
            }
            continue;
        }
        for (key, values) in by_key(op.reads().map(|(key, _, value)| (key, value))) {
            let (first, last) = (values[0], values[values.len() - 1]);
            if let Some(&(before, value)) = polls.get(&(op.process, key)) {
                for what in [Step::PollSkip, Step::NonmonotonicPoll] {
                    found.extend(step(what, key, [value, first], &[before, op.index], order));
                }
            }
            if op.outcome == Outcome::Ok {
                polls.insert((op.process, key), (op.index, last));
            }
        }
        for (key, values) in by_key(op.sends()) {
            let (first, last) = (values[0], values[values.len() - 1]);
            if let Some(&(before, value)) = sends.get(&(op.process, key)) {
                found.extend(step(Step::NonmonotonicSend, key, [value, first], &[before, op.index], order));
            }
            if matches!(op.outcome, Outcome::Ok | Outcome::Info) {
                sends.insert((op.process, key), (op.index, last));
            }
        }
    }
    found
}

fn unseen(history: &[&Op]) -> Vec<Anomaly> {
    let read: SortedSet<(&str, &str)> =
        history.iter().flat_map(|op| op.reads().map(|(key, _, value)| (key, value))).collect();
    let ok = history.iter().filter(|op| op.outcome == Outcome::Ok).flat_map(|op| op.sends());
    let unseen = ok.filter(|sent| !read.contains(sent));
    unseen.map(|(key, value)| Anomaly::Unseen { key: key.into(), value: value.into() }).collect()
}
