//! Anomalies in words, and what a whole history comes to.

use super::{Anomaly, Lag, Op, Outcome, Step, anomalies, realtime_lags};
use crate::base::{SimTime, Sort, SortedSet};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many anomalies of a kind are told one by one.
const EXAMPLES: usize = 5;

/// How much of a long circle is told.
const EDGES: usize = 6;

/// What a history comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// How many values were sent and acknowledged.
    pub sent: usize,
    /// How many values polls of clients brought.
    pub read: usize,
    /// The anomalies by their kinds, those that Kafka promises against first.
    pub kinds: Vec<Kind>,
    /// The worst lag: who, of which key, and for how many microseconds it had been known that there was more.
    pub worst_lag: Option<Told>,
    /// Where the history was cut off because it is long, in microseconds.
    pub until_us: Option<u64>,
    /// Keys that cannot be read at the end: what is lost or unseen in them cannot be said.
    pub out_of_reach: Vec<String>,
}

/// All anomalies of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// Jepsen's name.
    pub name: String,
    /// What it is.
    pub meaning: String,
    /// Whether Kafka allows it.
    pub is_allowed: bool,
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub examples: Vec<Told>,
}

/// One of them, and where it is to be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// A sentence.
    pub text: String,
    /// When the operations ended that it is about, in microseconds.
    pub times_us: Vec<u64>,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} values sent, {} read", self.sent, self.read)?;
        for kind in &self.kinds {
            let allowed = if kind.is_allowed { ", which Kafka allows" } else { "" };
            writeln!(f, "{}: {}{allowed}. {}", kind.name, kind.count, kind.meaning)?;
            for told in &kind.examples {
                let at: Vec<String> = told.times_us.iter().map(|us| SimTime(*us).to_string()).collect();
                writeln!(f, "  {} ({})", told.text, at.join(", "))?;
            }
        }
        if let Some(lag) = &self.worst_lag {
            writeln!(f, "worst-realtime-lag: {}", lag.text)?;
        }
        if let Some(us) = self.until_us {
            writeln!(f, "the history is long: it was judged up to {}", SimTime(us))?;
        }
        for key in &self.out_of_reach {
            writeln!(f, "{key} cannot be read now: what is lost in it cannot be said")?;
        }
        let good = if self.is_good() { "no anomaly" } else { "anomalies" };
        writeln!(f, "{good} that Kafka promises against")
    }
}

impl Judgement {
    /// Judges a history. `name` names processes; a negative one is nobody's, and its reads are not counted; nothing is
    /// called lost or unseen in keys that are `out_of_reach`.
    pub fn of(history: &[Op], out_of_reach: &SortedSet<String>, name: impl Fn(i64) -> String) -> Self {
        let ok = || history.iter().filter(|op| op.outcome == Outcome::Ok);
        let mut out = Self {
            sent: ok().map(|op| op.sends().count()).sum(),
            read: ok().filter(|op| op.process >= 0).map(|op| op.reads().count()).sum(),
            out_of_reach: out_of_reach.iter().cloned().collect(),
            ..Self::default()
        };
        for anomaly in anomalies(history) {
            match &anomaly {
                Anomaly::LostWrite { key, .. } | Anomaly::Unseen { key, .. } if out_of_reach.contains(key) => continue,
                _ => {}
            }
            let told = Told { text: anomaly.text(), times_us: times(&anomaly.ops(history), history) };
            let (title, meaning) = anomaly.kind();
            let allowed = anomaly.is_allowed();
            match out.kinds.iter_mut().find(|kind| kind.name == title && kind.is_allowed == allowed) {
                Some(kind) => {
                    kind.count += 1;
                    kind.examples.extend(Some(told).filter(|_| kind.count <= EXAMPLES));
                }
                None => out.kinds.push(Kind {
                    name: title.into(),
                    meaning: meaning.into(),
                    is_allowed: allowed,
                    count: 1,
                    examples: vec![told],
                }),
            }
        }
        out.kinds.order_by_key(|kind| kind.is_allowed);
        let lags = realtime_lags(history).into_iter().filter(|lag| lag.process >= 0 && lag.lag_us > 0);
        let worst = lags.reduce(|worst, lag| if lag.lag_us > worst.lag_us { lag } else { worst });
        out.worst_lag = worst.map(|lag| told_of(&lag, history, name));
        out
    }

    /// Whether nothing is in it that Kafka promises against.
    pub fn is_good(&self) -> bool {
        self.kinds.iter().all(|kind| kind.is_allowed)
    }
}

fn told_of(lag: &Lag, history: &[Op], name: impl Fn(i64) -> String) -> Told {
    let Lag { process, key, time_us, lag_us } = lag;
    let (who, ms, at_ms) = (name(*process), lag_us / 1_000, time_us / 1_000);
    let text = format!("{who} polled at {at_ms} ms and had not read what had been in {key} for {ms} ms");
    let op =
        history.iter().find(|op| op.process == *process && op.began.is_some_and(|began| began.time_us == *time_us));
    Told { text, times_us: op.map(|op| op.time_us).into_iter().collect() }
}

/// When the first of some operations ended.
fn times(ops: &[usize], history: &[Op]) -> Vec<u64> {
    let of = |index: &usize| history.iter().find(|op| op.index == *index).map(|op| op.time_us);
    ops.iter().filter_map(of).take(EDGES).collect()
}

impl Anomaly {
    /// Whether Kafka allows it, whatever the settings.
    pub fn is_allowed(&self) -> bool {
        match self {
            Self::Step { what: Step::IntSendSkip, .. } => true,
            Self::Cycle(cycle) => cycle.is_allowed(),
            _ => false,
        }
    }

    /// Jepsen's name for it, and what it is.
    pub fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::InconsistentOffsets { .. } => {
                ("inconsistent-offsets", "One offset has several values: a leader gave it away anew after a loss.")
            }
            Self::Duplicate { .. } => ("duplicate", "A value is there more than once: a retry without idempotence."),
            Self::LostWrite { .. } => (
                "lost-write",
                "It was acknowledged, and whoever reads on does not find it: acks=1, an unclean election or a power loss.",
            ),
            Self::AbortedRead { .. } => ("G1a", "What certainly was not written has been read."),
            Self::PrecommittedRead { .. } => ("precommitted-read", "A transaction has read what it wrote itself."),
            Self::Step { what, .. } => match what {
                Step::IntPollSkip => ("int-poll-skip", "One poll passes over values."),
                Step::IntNonmonotonicPoll => ("int-nonmonotonic-poll", "One poll goes back, or repeats."),
                Step::IntSendSkip => ("int-send-skip", "Others’ values lie between those of one batch."),
                Step::IntNonmonotonicSend => ("int-nonmonotonic-send", "The values of one batch lie in another order."),
                Step::PollSkip => ("poll-skip", "A consumer’s next poll passes over values."),
                Step::NonmonotonicPoll => ("nonmonotonic-poll", "A consumer’s next poll goes back, or repeats."),
                Step::NonmonotonicSend => {
                    ("nonmonotonic-send", "A producer’s later value comes before its earlier one.")
                }
            },
            Self::Cycle(cycle) => {
                let writes = "Writes come before each other in a circle: Kafka isolates none from others.";
                let both = "Writes and reads come before each other in a circle.";
                (cycle.name, if cycle.name.starts_with("G0") { writes } else { both })
            }
            Self::Unseen { .. } => ("unseen", "It was acknowledged, and nobody finds it, even in the end."),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::InconsistentOffsets { key, offset, values, .. } => {
                format!("{key} @{offset} was {}", values.join(", then "))
            }
            Self::Duplicate { key, value, offsets } => {
                let offsets: Vec<String> = offsets.iter().map(|offset| format!("@{offset}")).collect();
                format!("{key}: {value} is at {}", offsets.join(" and "))
            }
            Self::LostWrite { key, value, .. } => format!("{key}: {value} is gone, and others behind it were read"),
            Self::AbortedRead { key, value, .. } | Self::PrecommittedRead { key, value, .. } => {
                format!("{key}: {value} was read")
            }
            Self::Step { key, values: [before, after], skipped, .. } => {
                let over = if skipped.is_empty() { String::new() } else { format!(", over {}", skipped.join(", ")) };
                format!("{key}: from {before} to {after}{over}")
            }
            Self::Cycle(cycle) => {
                let (first, rest) = cycle.edges.split_at(cycle.edges.len().min(EDGES));
                let more = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
                first.join(", ") + &more
            }
            Self::Unseen { key, value } => format!("{key}: {value}"),
        }
    }

    /// The operations that it is about.
    fn ops(&self, history: &[Op]) -> Vec<usize> {
        let of = |key: &str, value: &str| -> Vec<usize> {
            let sends = |op: &&Op| op.sends().any(|sent| sent == (key, value));
            history.iter().filter(sends).map(|op| op.index).collect()
        };
        match self {
            Self::InconsistentOffsets { key, values, .. } => values.iter().flat_map(|value| of(key, value)).collect(),
            Self::Duplicate { key, value, .. } | Self::Unseen { key, value } => of(key, value),
            Self::LostWrite { writer, max_read, .. } => vec![*writer, *max_read],
            Self::AbortedRead { writer, reader, .. } => vec![*writer, *reader],
            Self::PrecommittedRead { op, .. } => vec![*op],
            Self::Step { ops, .. } => ops.clone(),
            Self::Cycle(cycle) => cycle.ops[1..].to_vec(),
        }
    }
}
