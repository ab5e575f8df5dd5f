//! What a broker does by itself, each at its interval (`KafkaScheduler`): checkpoints, flushes, looking for followers
//! that have fallen behind.

use super::config::BrokerConfig;
use super::{Broker, Serving};
use crate::base::{SimDuration, SimTime};
use crate::storage::Checkpoint;

/// `log.initial.task.delay.ms`: how long after its start a broker's log tasks begin.
const INITIAL_TASK_DELAY: SimDuration = SimDuration::from_secs(30);

/// When each task is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tasks {
    shrink_isrs: SimTime,
    high_watermarks: SimTime,
    recovery_points: SimTime,
    log_starts: SimTime,
    flush: Option<SimTime>,
}

impl Tasks {
    pub(super) fn new(config: &BrokerConfig, now: SimTime) -> Self {
        let later = now + INITIAL_TASK_DELAY;
        Self {
            shrink_isrs: now + isr_interval(config),
            high_watermarks: now + config.high_watermark_checkpoint_interval,
            recovery_points: later,
            log_starts: later,
            flush: config.flush_scheduler_interval.map(|_| later),
        }
    }

    pub(super) fn next_deadline(&self) -> SimTime {
        let first = self.shrink_isrs.min(self.high_watermarks).min(self.recovery_points).min(self.log_starts);
        self.flush.map_or(first, |flush| first.min(flush))
    }
}

/// The ISR is looked at twice in `replica.lag.time.max.ms`.
fn isr_interval(config: &BrokerConfig) -> SimDuration {
    SimDuration((config.replica_lag_time_max.0 / 2).max(1_000))
}

impl Broker {
    /// Does what is due.
    pub(super) fn run_tasks(&mut self, serving: &mut Serving<'_, '_>) {
        if !self.published {
            return;
        }
        let now = serving.ctx.now();
        if self.tasks.shrink_isrs <= now {
            self.tasks.shrink_isrs = now + isr_interval(&self.config);
            self.shrink_isrs(serving);
        }
        if self.tasks.high_watermarks <= now {
            self.tasks.high_watermarks = now + self.config.high_watermark_checkpoint_interval;
            serving.disk.write_checkpoint(Checkpoint::HighWatermark);
        }
        if self.tasks.recovery_points <= now {
            self.tasks.recovery_points = now + self.config.recovery_point_checkpoint_interval;
            serving.disk.write_checkpoint(Checkpoint::RecoveryPoint);
        }
        if self.tasks.log_starts <= now {
            self.tasks.log_starts = now + self.config.log_start_checkpoint_interval;
            serving.disk.write_checkpoint(Checkpoint::LogStart);
        }
        if self.tasks.flush.is_some_and(|at| at <= now) {
            self.tasks.flush = self.config.flush_scheduler_interval.map(|interval| now + interval);
            serving.disk.flush_due();
        }
    }
}
