//! What moves on the stage by itself, because a number changed: the tape's window, the water level, a record that
//! settles. It follows the numbers within a quarter of a second and never leads them; with reduced motion, at once.

use crate::base::TopicPartition;
use crate::view::{Column, ReplicaView};
use std::collections::BTreeMap;

/// A tape as it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shown {
    /// The offset at the left edge of the track.
    pub(crate) first: f64,
    /// The high watermark.
    pub(crate) hw: f64,
    /// How many records have settled.
    pub(crate) settled: f64,
}

/// All tapes as they are shown.
#[derive(Debug, Default)]
pub(crate) struct Motion(BTreeMap<TopicPartition, Shown>);

impl Motion {
    /// Lets `ms` pass for a tape and gives how it is shown now. `still` jumps.
    pub(crate) fn follow(&mut self, column: &Column, replica: &ReplicaView, ms: f64, still: bool) -> Shown {
        let goal = Shown {
            first: window_start(column.cells, replica) as f64,
            hw: replica.hw as f64,
            settled: replica.leo as f64,
        };
        let shown = self.0.entry(column.tp.clone()).or_insert(goal);
        // Faster than an eye follows, the marks do not trail behind the numbers.
        let far = (goal.settled - shown.settled).abs() > 3.0 || (goal.hw - shown.hw).abs() > 3.0;
        if still || far {
            *shown = goal;
            return goal;
        }
        shown.first = approach(shown.first, goal.first, ms / 70.0);
        shown.hw = approach(shown.hw, goal.hw, ms / 80.0);
        shown.settled = (shown.settled + (ms / 180.0) * (goal.settled - shown.settled).max(1.0)).min(goal.settled);
        *shown
    }
}

/// The offset at the left edge of a track: the last records, with room for the next.
pub(crate) fn window_start(cells: usize, replica: &ReplicaView) -> i64 {
    (replica.leo - cells as i64 + 1).max(replica.start).max(0)
}

fn approach(from: f64, to: f64, part: f64) -> f64 {
    let next = from + (to - from) * part.clamp(0.0, 1.0);
    if (to - next).abs() < 0.01 { to } else { next }
}
