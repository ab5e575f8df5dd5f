//! What the active controller does by itself, each at its interval (`PeriodicTaskControlManager`).

use super::{ControllerConfig, Node, QuorumController};
use crate::base::SimDuration;
use crate::wire::VersionedRecord;
use crate::wire::metadata_records::NoOpRecord;

/// How often it looks for brokers whose session has run out: 16 times a session (`maybeFenceStaleBrokerPeriodNs`;
/// measured on a live controller: 562 ms of 9 s).
pub(super) fn fence_check_interval(config: &ControllerConfig) -> SimDuration {
    SimDuration((config.broker_session_timeout.0 / 16).max(1_000))
}

impl QuorumController {
    /// Does what is due.
    pub(super) fn run_tasks(&mut self, node: &mut Node<'_, '_>) {
        let now = node.ctx.now();
        if self.active.as_ref().is_some_and(|active| active.next_no_op <= now) {
            self.append(vec![VersionedRecord::new(NoOpRecord {}, 0)], node);
            self.reschedule(|active, config| active.next_no_op = now + config.metadata_max_idle_interval);
        }
        if self.active.as_ref().is_some_and(|active| active.next_fence_check <= now) {
            self.fence_stale_brokers(node);
            self.reschedule(|active, config| active.next_fence_check = now + fence_check_interval(config));
        }
        if self.active.as_ref().is_some_and(|active| active.next_balance.is_some_and(|at| at <= now)) {
            self.elect_until_done(node, |active| active.state.maybe_balance_partition_leaders());
            self.reschedule(|active, config| {
                active.next_balance = Some(now + config.leader_imbalance_check_interval);
            });
        }
        if self.active.as_ref().is_some_and(|active| active.next_unclean_election <= now) {
            self.elect_until_done(node, |active| active.state.maybe_elect_unclean_leaders());
            self.reschedule(|active, config| {
                active.next_unclean_election = now + config.unclean_leader_election_interval;
            });
        }
    }

    fn reschedule(&mut self, set: impl FnOnce(&mut super::Active, &ControllerConfig)) {
        if let Some(active) = &mut self.active {
            set(active, &self.config);
        }
    }

    fn fence_stale_brokers(&mut self, node: &mut Node<'_, '_>) {
        let now = node.ctx.now();
        loop {
            let Some(active) = &mut self.active else { return };
            let outcome = active.state.maybe_fence_stale_broker(&mut active.heartbeats, now);
            let more = outcome.response;
            if !outcome.records.is_empty() {
                self.append(outcome.records, node);
            }
            if !more {
                return;
            }
        }
    }

    fn elect_until_done(
        &mut self,
        node: &mut Node<'_, '_>,
        elect: impl Fn(&super::Active) -> crate::cluster::Outcome<bool>,
    ) {
        loop {
            let Some(active) = &self.active else { return };
            let outcome = elect(active);
            let more = outcome.response && !outcome.records.is_empty();
            if !outcome.records.is_empty() {
                self.append(outcome.records, node);
            }
            if !more {
                return;
            }
        }
    }
}
