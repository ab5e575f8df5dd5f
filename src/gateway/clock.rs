//! The world's time by the machine's clock.

use crate::base::{SimDuration, SimTime};
use std::time::{Duration, Instant};

/// Says what time it is in the world, at one virtual microsecond a microsecond.
pub(super) struct Clock {
    /// At this moment of the machine…
    then: Instant,
    /// … it was this time in the world.
    at: SimTime,
}

impl Clock {
    pub(super) fn start(at: SimTime) -> Self {
        Self { then: Instant::now(), at }
    }

    pub(super) fn now(&self) -> SimTime {
        self.at + SimDuration(self.then.elapsed().as_micros() as u64)
    }

    /// How long until a moment of the world.
    pub(super) fn until(&self, moment: SimTime) -> Duration {
        let now = self.now();
        if moment > now { Duration::from_micros(moment.since(now).0) } else { Duration::ZERO }
    }
}
