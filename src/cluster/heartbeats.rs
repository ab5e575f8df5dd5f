//! Who is alive (`BrokerHeartbeatManager`, KIP-631): when each broker was heard of last, how far it has read the
//! metadata log, and what its next heartbeat lets it do.
//!
//! This is the one part of the controller that is not in the metadata log. It belongs to the active controller alone;
//! a new one begins with every broker just heard of, so after a failover a dead broker gets a whole session more.
//!
//! A broker is dead when its session (`broker.session.timeout.ms`) has run out, and nothing else makes it so: a broken
//! connection means nothing here. Until then nobody else may register under its id, not even itself restarted.

use crate::base::{OrdMap, SimDuration, SimTime};

/// What a broker is, as far as its heartbeats go (`BrokerControlState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerState {
    /// Registered, but it leads nothing and clients do not see it.
    Fenced,
    /// In service.
    Unfenced,
    /// It wants to stop and waits until the others have taken over.
    ControlledShutdown,
    /// It may stop.
    ShutdownNow,
}

impl BrokerState {
    /// Whether a broker in the state is fenced.
    pub fn is_fenced(self) -> bool {
        matches!(self, Self::Fenced | Self::ShutdownNow)
    }
}

/// What a heartbeat asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeartbeatWish {
    /// How far the broker has read the metadata log.
    pub metadata_offset: i64,
    /// It wants to be, or stay, fenced.
    pub fence: bool,
    /// It wants to stop.
    pub shut_down: bool,
}

/// A broker, as its heartbeats tell of it.
#[derive(Clone, Debug)]
struct Heartbeat {
    fenced: bool,
    metadata_offset: i64,
    /// The offset that the others must have read before the broker may stop; -1 when it does not want to.
    shutdown_offset: i64,
}

/// The heartbeats of all brokers.
#[derive(Clone, Debug)]
pub struct Heartbeats {
    session_timeout: SimDuration,
    brokers: OrdMap<i32, Heartbeat>,
    /// Open sessions: when each broker was heard of last, by id and epoch.
    contacts: OrdMap<(i32, i64), SimTime>,
}

impl Heartbeats {
    /// No broker yet; `session_timeout` is `broker.session.timeout.ms`.
    pub fn new(session_timeout: SimDuration) -> Self {
        Self { session_timeout, brokers: OrdMap::new(), contacts: OrdMap::new() }
    }

    /// A broker is registered: it was just heard of.
    pub fn register(&mut self, id: i32, epoch: i64, fenced: bool, now: SimTime) {
        let known = self.brokers.get(&id).filter(|broker| broker.fenced != fenced);
        let metadata_offset = known.map_or(-1, |broker| broker.metadata_offset);
        self.touch(id, epoch, fenced, metadata_offset, now);
    }

    /// A broker is unregistered.
    pub fn remove(&mut self, id: i32) {
        self.brokers.remove(&id);
    }

    /// A broker was heard of.
    pub fn touch(&mut self, id: i32, epoch: i64, fenced: bool, metadata_offset: i64, now: SimTime) {
        let shutdown_offset = match self.brokers.get(&id) {
            Some(broker) if !fenced => broker.shutdown_offset,
            _ => -1,
        };
        self.brokers.insert(id, Heartbeat { fenced, metadata_offset, shutdown_offset });
        self.contacts.insert((id, epoch), now);
    }

    /// A broker's session has run out.
    pub fn fence(&mut self, id: i32) {
        if let Some(broker) = self.brokers.get_mut(&id) {
            broker.fenced = true;
            broker.shutdown_offset = -1;
        }
    }

    /// Whether a broker with that epoch may still be alive.
    pub fn has_valid_session(&self, id: i32, epoch: i64, now: SimTime) -> bool {
        self.contacts.get(&(id, epoch)).is_some_and(|contact| now <= *contact + self.session_timeout)
    }

    /// Takes out the session that ran out first, if one has: the broker's id and epoch. A broker that is fenced already
    /// comes up too, once.
    pub fn remove_expired(&mut self, now: SimTime) -> Option<(i32, i64)> {
        let (&broker, contact) = self.contacts.iter().min_by_key(|(_, contact)| **contact)?;
        if now <= *contact + self.session_timeout {
            return None;
        }
        self.contacts.remove(&broker);
        Some(broker)
    }

    /// When the next session will have run out, if no heartbeat comes.
    pub fn next_deadline(&self) -> Option<SimTime> {
        let first = self.contacts.values().min()?;
        Some(*first + self.session_timeout + SimDuration::from_micros(1))
    }

    /// A broker was allowed to begin its shutdown by records that end at `offset`.
    pub fn set_shutdown_offset(&mut self, id: i32, offset: i64) {
        if let Some(broker) = self.brokers.get_mut(&id).filter(|broker| !broker.fenced && broker.shutdown_offset < 0) {
            broker.shutdown_offset = offset;
        }
    }

    /// What a broker is and what it becomes by a heartbeat. `register_offset` is where its registration is in the
    /// metadata log: before it has read that far it stays fenced.
    pub fn next_state(
        &self,
        id: i32,
        wish: HeartbeatWish,
        register_offset: i64,
        has_leaderships: impl Fn() -> bool,
    ) -> (BrokerState, BrokerState) {
        let broker = self.brokers.get(&id).expect("a registered broker has a heartbeat state");
        let current = match broker {
            Heartbeat { shutdown_offset, .. } if *shutdown_offset >= 0 => BrokerState::ControlledShutdown,
            Heartbeat { fenced: true, .. } => BrokerState::Fenced,
            _ => BrokerState::Unfenced,
        };
        let next = match current {
            BrokerState::Fenced if wish.shut_down => BrokerState::ShutdownNow,
            BrokerState::Fenced if wish.fence || wish.metadata_offset < register_offset => BrokerState::Fenced,
            BrokerState::Unfenced if wish.fence && wish.shut_down => BrokerState::ShutdownNow,
            BrokerState::Unfenced if wish.fence => BrokerState::Fenced,
            BrokerState::Unfenced if wish.shut_down && has_leaderships() => BrokerState::ControlledShutdown,
            BrokerState::Unfenced if wish.shut_down => BrokerState::ShutdownNow,
            BrokerState::Fenced | BrokerState::Unfenced => BrokerState::Unfenced,
            _ if has_leaderships() || broker.shutdown_offset > self.lowest_active_offset() => {
                BrokerState::ControlledShutdown
            }
            _ => BrokerState::ShutdownNow,
        };
        (current, next)
    }

    /// How far the slowest broker in service has read the metadata log.
    fn lowest_active_offset(&self) -> i64 {
        let active = self.brokers.values().filter(|broker| !broker.fenced && broker.shutdown_offset < 0);
        active.map(|broker| broker.metadata_offset).min().unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: SimDuration = SimDuration::from_secs(1);

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SECOND * seconds
    }

    fn wish(metadata_offset: i64, fence: bool, shut_down: bool) -> HeartbeatWish {
        HeartbeatWish { metadata_offset, fence, shut_down }
    }

    #[test]
    fn sessions_run_out_in_order_and_once() {
        let mut heartbeats = Heartbeats::new(SECOND * 9);
        heartbeats.register(1, 10, true, at(0));
        heartbeats.register(2, 11, true, at(1));
        heartbeats.touch(1, 10, false, 5, at(2));
        assert_eq!(heartbeats.remove_expired(at(10)), None);
        assert!(heartbeats.has_valid_session(2, 11, at(10)));
        assert_eq!(heartbeats.remove_expired(at(12)), Some((2, 11)));
        assert!(!heartbeats.has_valid_session(2, 11, at(12)));
        assert_eq!(heartbeats.remove_expired(at(12)), Some((1, 10)));
        assert_eq!(heartbeats.remove_expired(at(99)), None);
    }

    #[test]
    fn a_broker_is_unfenced_when_it_has_read_its_registration() {
        let mut heartbeats = Heartbeats::new(SECOND * 9);
        heartbeats.register(1, 10, true, at(0));
        let next = |w| heartbeats.next_state(1, w, 12, || false).1;
        assert_eq!(next(wish(11, false, false)), BrokerState::Fenced);
        assert_eq!(next(wish(12, true, false)), BrokerState::Fenced);
        assert_eq!(next(wish(12, false, false)), BrokerState::Unfenced);
        assert_eq!(next(wish(12, true, true)), BrokerState::ShutdownNow);
    }

    #[test]
    fn a_leader_stops_when_the_others_have_read_who_leads_now() {
        let mut heartbeats = Heartbeats::new(SECOND * 9);
        heartbeats.touch(1, 10, false, 20, at(0));
        heartbeats.touch(2, 11, false, 20, at(0));
        assert_eq!(heartbeats.next_state(1, wish(20, false, true), 0, || true).1, BrokerState::ControlledShutdown);
        heartbeats.set_shutdown_offset(1, 25);
        let state = heartbeats.next_state(1, wish(20, false, true), 0, || false);
        assert_eq!(state, (BrokerState::ControlledShutdown, BrokerState::ControlledShutdown));
        heartbeats.touch(2, 11, false, 25, at(2));
        assert_eq!(heartbeats.next_state(1, wish(20, false, true), 0, || false).1, BrokerState::ShutdownNow);
    }
}
