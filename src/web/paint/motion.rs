//! What moves on the stage by itself, because a number changed: a tape's window, the water level, a record that
//! settles. It follows the numbers within a quarter of a second and never leads them; with reduced motion, at once.

use crate::base::{SortedMap, TopicPartition};
use crate::view::{Column, ReplicaKey, ReplicaView, Scene};

/// A replica's tape as it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Shown {
    /// The offset at the left edge of the track: the same for all replicas of a partition.
    pub(crate) first: f64,
    /// The high watermark.
    pub(crate) hw: f64,
    /// How many records have settled.
    pub(crate) settled: f64,
}

/// All tapes as they are shown, and which ways have been used.
#[derive(Debug, Default)]
pub(crate) struct Motion {
    windows: SortedMap<TopicPartition, f64>,
    replicas: SortedMap<ReplicaKey, (f64, f64)>,
    /// Whether anything has moved since this was last taken.
    pub(crate) moving: bool,
    /// Whether there were so many messages that they are drawn as streams.
    pub(crate) streams: bool,
    /// The ways between clients and rows that have been used: client's host and row, and for how long (in
    /// milliseconds) they stay darker than the rest.
    pub(crate) used: SortedMap<(u32, usize), f64>,
}

impl Motion {
    /// Lets `ms` pass for a column's window. `still` jumps.
    pub(crate) fn window(&mut self, column: &Column, scene: &Scene, ms: f64, still: bool) -> f64 {
        let goal = window_start(column, scene) as f64;
        let shown = self.windows.entry(column.tp.clone()).or_insert(goal);
        let far = (goal - *shown).abs() > 3.0;
        self.moving |= goal != *shown;
        *shown = if still || far { goal } else { approach(*shown, goal, ms / 70.0) };
        *shown
    }

    /// Lets `ms` pass for a replica's tape whose window begins at `first`.
    pub(crate) fn follow(&mut self, key: ReplicaKey, replica: &ReplicaView, first: f64, ms: f64, still: bool) -> Shown {
        let goal = (replica.hw as f64, replica.leo as f64);
        let shown = self.replicas.entry(key).or_insert(goal);
        self.moving |= goal != *shown;
        // Faster than an eye follows, the marks do not trail behind the numbers.
        let far = (goal.1 - shown.1).abs() > 3.0 || (goal.0 - shown.0).abs() > 3.0;
        if still || far {
            *shown = goal;
        } else {
            shown.0 = approach(shown.0, goal.0, ms / 80.0);
            shown.1 = (shown.1 + (ms / 180.0) * (goal.1 - shown.1).max(1.0)).min(goal.1);
        }
        Shown { first, hw: shown.0, settled: shown.1 }
    }

    /// Forgets columns that are not drawn any more.
    pub(crate) fn keep_only(&mut self, columns: &[Column]) {
        let there = |tp: &TopicPartition| columns.iter().any(|c| c.tp == *tp);
        self.windows.retain(|tp, _| there(tp));
        self.replicas.retain(|(tp, _), _| there(tp));
    }
}

/// The offset at the left edge of a column's tracks: the last records of the longest log that matters, the leader's
/// where there is one.
pub(crate) fn window_start(column: &Column, scene: &Scene) -> i64 {
    let all = || column.tapes.iter().filter_map(|(id, _)| scene.replicas.get(&(column.tp.clone(), *id)));
    let leader = scene.leader_replica(&column.tp).map(|(_, r)| r);
    let end = leader.map(|r| r.leo).or_else(|| all().map(|r| r.leo).max()).unwrap_or(0);
    // A log that goes on beyond its leader's end is about to be cut: that end is seen as well.
    let beyond = all().filter(|r| r.diverges.is_some()).map(|r| r.leo).max().unwrap_or(0);
    (end.max(beyond.min(end + 2)) - column.cells as i64).max(0)
}

fn approach(from: f64, to: f64, part: f64) -> f64 {
    let next = from + (to - from) * part.clamp(0.0, 1.0);
    if (to - next).abs() < 0.01 { to } else { next }
}
