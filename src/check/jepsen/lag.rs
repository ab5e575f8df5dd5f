//! How far behind readers are: the lower bound that a history proves (`realtime-lag`).
//!
//! When an operation shows that an offset is there, all below it are known to be there too: from then on nobody who has
//! not read them is at the end of the log. A poll that begins later and still does not bring them lags by that long.

use super::{Action, Kind, Op, Outcome};
use crate::base::SortedMap;

/// How far a process was behind the end of a key when a poll began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Who polled.
    pub process: i64,
    /// The key.
    pub key: String,
    /// When the poll began, in microseconds.
    pub time_us: u64,
    /// For how long it had been known by then that there was more than the process had read in the end, in microseconds.
    pub lag_us: u64,
}

/// The lags of each poll, for each key that its process reads. Polls of which the history does not tell when they began
/// have none. A process reads what was assigned to it; of what it subscribed to, what it has read of.
pub fn realtime_lags(history: &[Op]) -> Vec<Lag> {
    let known = Known::of(history);
    let mut read: SortedMap<i64, SortedMap<&str, i64>> = SortedMap::new();
    let mut lags = Vec::new();
    for op in history.iter().filter(|op| op.outcome == Outcome::Ok) {
        let offsets = read.entry(op.process).or_default();
        match &op.kind {
            Kind::Assign(keys) => {
                let kept = |key: &'_ String| offsets.get(key.as_str()).copied().unwrap_or(-1);
                *offsets = keys.iter().map(|key| (key.as_str(), kept(key))).collect();
            }
            Kind::Subscribe(_) => offsets.clear(),
            Kind::Work(actions) if op.is_txn || actions.iter().any(|action| matches!(action, Action::Poll(_))) => {
                for (key, offset) in furthest(op) {
                    let known = offsets.entry(key).or_insert(offset);
                    *known = offset.max(*known);
                }
                let Some(began) = op.began else { continue };
                let of = |(key, offset): (&&str, &i64)| {
                    let since = known.since(key, offset + 1).unwrap_or(u64::MAX);
                    let (process, key, time_us) = (op.process, (*key).to_owned(), began.time_us);
                    Lag { process, key, time_us, lag_us: time_us.saturating_sub(since) }
                };
                lags.extend(offsets.iter().map(of));
            }
            Kind::Work(_) => {}
        }
    }
    lags
}

/// The worst lag of a history, the first of equals; none without polls.
pub fn worst_realtime_lag(history: &[Op]) -> Option<Lag> {
    realtime_lags(history).into_iter().reduce(|worst, lag| if lag.lag_us > worst.lag_us { lag } else { worst })
}

/// The highest offset of each key in an operation; -1 for a key of which a poll brought nothing.
fn furthest(op: &Op) -> SortedMap<&str, i64> {
    let mut furthest = SortedMap::new();
    let mut see = |key, offset: i64| {
        let known = furthest.entry(key).or_insert(-1);
        *known = offset.max(*known);
    };
    for action in op.actions() {
        match action {
            Action::Send { key, offset, .. } => offset.iter().for_each(|offset| see(key.as_str(), *offset)),
            Action::Poll(keys) => keys.iter().for_each(|(key, values)| {
                see(key.as_str(), values.iter().map(|(offset, _)| *offset).max().unwrap_or(-1));
            }),
        }
    }
    furthest
}

/// When it was first known of each key how far it goes: offsets and times, both rising.
struct Known<'a> {
    keys: SortedMap<&'a str, Vec<(i64, u64)>>,
}

impl<'a> Known<'a> {
    fn of(history: &'a [Op]) -> Self {
        let mut keys: SortedMap<&str, Vec<(i64, u64)>> = SortedMap::new();
        for op in history.iter().filter(|op| matches!(op.outcome, Outcome::Ok | Outcome::Info)) {
            for (key, offset) in furthest(op) {
                let known = keys.entry(key).or_default();
                if known.last().map_or(-1, |(highest, _)| *highest) < offset {
                    known.push((offset, op.time_us));
                }
            }
        }
        Self { keys }
    }

    /// Since when it was known that an offset, or a higher one, is there.
    fn since(&self, key: &str, offset: i64) -> Option<u64> {
        let known = self.keys.get(key)?;
        known.get(known.partition_point(|(highest, _)| *highest < offset)).map(|(_, time_us)| *time_us)
    }
}
