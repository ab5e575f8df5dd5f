//! The lag of groups over time: what was written to each partition and what was committed, as the picture showed them.

use super::gauges::thin;
use super::scene::Scene;
use crate::base::{SortedMap, TopicPartition};
use std::sync::Arc;

/// Over how many microseconds it is judged whether a group catches up.
const JUDGED: f64 = 5e6;

/// Where a partition's high watermark and a group's committed offset were at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LagSample {
    /// Microseconds since the world's start.
    pub at: f64,
    /// The high watermark.
    pub end: i64,
    /// The committed offset.
    pub committed: i64,
}

/// The lags of all groups, over time.
#[derive(Clone, Debug, Default)]
pub struct Lags {
    all: SortedMap<(Arc<str>, TopicPartition), Vec<LagSample>>,
}

/// Whether a group catches up with what is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Drain {
    /// There is no lag.
    Drained,
    /// So many seconds, if it goes on as in the last ones.
    In(f64),
    /// It commits no faster than is written: records a second, both.
    Never {
        /// Written.
        written: f64,
        /// Committed.
        committed: f64,
    },
    /// It has not been looked at for long enough.
    Unknown,
}

impl Lags {
    /// Looks at a scene at `now`, in microseconds.
    pub(super) fn look(&mut self, scene: &Scene, now: f64) {
        for (group, view) in &scene.groups {
            for (tp, committed) in &view.committed {
                let Some((_, leader)) = scene.leader_replica(tp) else { continue };
                let samples = self.all.entry((group.clone(), tp.clone())).or_default();
                samples.push(LagSample { at: now, end: leader.hw, committed: *committed });
                thin(samples);
            }
        }
    }

    /// Forgets what came after a moment: history goes another way from there.
    pub(super) fn cut(&mut self, now: f64) {
        for samples in self.all.values_mut() {
            samples.retain(|sample| sample.at <= now);
        }
    }

    /// The samples of a group's partition, in order.
    pub fn of(&self, group: &str, tp: &TopicPartition) -> &[LagSample] {
        self.all.get(&(Arc::from(group), tp.clone())).map_or(&[], Vec::as_slice)
    }

    /// Whether a group catches up, judged at `now` by the last seconds of what was looked at.
    pub fn drain(&self, group: &str, scene: &Scene, now: f64) -> Drain {
        let lag = scene.groups.get(group).map_or(0, |view| scene.group_lag(view));
        if lag == 0 {
            return Drain::Drained;
        }
        let (mut written, mut committed, mut long_enough) = (0.0, 0.0, false);
        for ((_, _), samples) in self.all.iter().filter(|((of, _), _)| &**of == group) {
            let until = samples.partition_point(|sample| sample.at <= now);
            let from = samples[..until].partition_point(|sample| sample.at < now - JUDGED);
            let [first, .., last] = &samples[from..until] else { continue };
            let seconds = (last.at - first.at) / 1e6;
            long_enough |= seconds >= 1.0;
            if seconds > 0.0 {
                written += (last.end - first.end) as f64 / seconds;
                committed += (last.committed - first.committed) as f64 / seconds;
            }
        }
        match committed - written {
            _ if !long_enough => Drain::Unknown,
            gain if gain > 0.0 => Drain::In(lag as f64 / gain),
            _ => Drain::Never { written, committed },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::scene::GroupView;
    use super::*;

    #[test]
    fn a_group_drains_when_it_commits_faster_than_is_written() {
        let mut scene = fixture::two_faults();
        let tp = TopicPartition::new("orders", 0);
        let start = scene.leader_replica(&tp).map_or(0, |(_, replica)| replica.hw);
        let mut lags = Lags::default();
        // Each second two records are written and `gain` more committed; 40 were not committed at the start.
        let mut play = |gain: i64, lags: &mut Lags| {
            for second in 0..6 {
                let hw = start + 40 + 2 * second;
                let leader = scene.partitions[&tp].leader.expect("it has a leader");
                scene.replicas.get_mut(&(tp.clone(), leader)).expect("it is there").hw = hw;
                let committed = vec![(tp.clone(), start + (2 + gain) * second)];
                scene.groups.insert("g".into(), GroupView { committed, ..GroupView::unknown(None) });
                lags.look(&scene, second as f64 * 1e6);
            }
            lags.drain("g", &scene, 5e6)
        };
        assert_eq!(play(4, &mut lags), Drain::In(5.0), "20 are left and 4 a second are gained");
        lags.cut(-1.0);
        assert_eq!(lags.of("g", &tp), []);
        assert_eq!(play(-1, &mut lags), Drain::Never { written: 2.0, committed: 1.0 });
        assert_eq!(lags.of("g", &tp).len(), 6);
        assert_eq!(Lags::default().drain("g", &scene, 5e6), Drain::Unknown);
        assert_eq!(Lags::default().drain("nobody", &scene, 5e6), Drain::Drained);
    }
}
