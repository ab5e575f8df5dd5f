//! A shard's timers (`CoordinatorTimer`): each has a key, and setting one again moves it.

use crate::base::{OrdMap, SimDuration, SimTime};
use crate::wire::StrBytes;

/// Which timer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKey {
    /// A member's session: the group and the member.
    Heartbeat(StrBytes, StrBytes),
    /// A group's wait for its members to join.
    Join(StrBytes),
    /// A group's wait for its members to sync.
    Sync(StrBytes),
    /// The next search for offsets that have expired.
    Expiration,
}

/// What a timer of the kind [`TimerKey::Join`] or [`TimerKey::Sync`] is about, beside its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimerTask {
    /// Nothing more.
    Plain,
    /// The initial delay of a group (KIP-134): it lasts `delay_ms` and may be renewed for `remaining_ms`.
    InitialDelay { delay_ms: i64, remaining_ms: i64 },
    /// The generation whose members are to sync.
    Generation(i32),
}

#[derive(Clone, Debug)]
struct Entry {
    deadline: SimTime,
    /// Timers that are due at the same moment ring in the order in which they were set.
    number: u64,
    task: TimerTask,
}

/// All timers of a shard.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    by_key: OrdMap<TimerKey, Entry>,
    by_deadline: OrdMap<(SimTime, u64), TimerKey>,
    next_number: u64,
}

impl Timers {
    /// Sets a timer to ring `delay_ms` from `now`.
    pub(super) fn schedule(&mut self, key: TimerKey, now: SimTime, delay_ms: i64, task: TimerTask) {
        self.cancel(&key);
        let deadline = now + SimDuration::from_millis(delay_ms.max(0) as u64);
        let number = self.next_number;
        self.next_number += 1;
        self.by_deadline.insert((deadline, number), key.clone());
        self.by_key.insert(key, Entry { deadline, number, task });
    }

    /// Stops a timer, if it runs.
    pub(super) fn cancel(&mut self, key: &TimerKey) {
        if let Some(entry) = self.by_key.remove(key) {
            self.by_deadline.remove(&(entry.deadline, entry.number));
        }
    }

    /// When the next one rings.
    pub(super) fn next_deadline(&self) -> Option<SimTime> {
        self.by_deadline.get_min().map(|((deadline, _), _)| *deadline)
    }

    /// Takes the next one that is due.
    pub(super) fn pop_due(&mut self, now: SimTime) -> Option<(TimerKey, TimerTask)> {
        let (at, key) = self.by_deadline.get_min().filter(|((deadline, _), _)| *deadline <= now)?;
        let (at, key) = (*at, key.clone());
        self.by_deadline.remove(&at);
        let entry = self.by_key.remove(&key).expect("a timer that rings has an entry");
        Some((key, entry.task))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_is_set_again_moves() {
        let mut timers = Timers::default();
        let key = |name: &'static str| TimerKey::Join(StrBytes::from_static_str(name));
        timers.schedule(key("a"), SimTime::ZERO, 10, TimerTask::Plain);
        timers.schedule(key("b"), SimTime::ZERO, 10, TimerTask::Plain);
        timers.schedule(key("a"), SimTime::ZERO, 10, TimerTask::Generation(3));
        timers.schedule(key("c"), SimTime::ZERO, -5, TimerTask::Plain);
        assert_eq!(timers.pop_due(SimTime::ZERO), Some((key("c"), TimerTask::Plain)));
        assert_eq!(timers.pop_due(SimTime(9_999)), None);
        assert_eq!(timers.next_deadline(), Some(SimTime(10_000)));
        assert_eq!(timers.pop_due(SimTime(10_000)), Some((key("b"), TimerTask::Plain)));
        assert_eq!(timers.pop_due(SimTime(10_000)), Some((key("a"), TimerTask::Generation(3))));
        assert_eq!((timers.pop_due(SimTime(u64::MAX)), timers.next_deadline()), (None, None));
    }
}
