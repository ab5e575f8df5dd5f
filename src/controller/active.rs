//! What a controller has while it is the active one: the state with what is not committed yet, who was heard of when,
//! and the answers that wait for their records.

use super::{Node, QuorumController};
use crate::base::{SimTime, SortedMap, earlier};
use crate::cluster::{Controller, FeatureControl, Heartbeats, Outcome};
use crate::machine::{Fact, Mutant};
use crate::network::Pending;
use crate::quorum::Role;
use crate::wire::records::Record;
use crate::wire::{MetadataRecord, ResponseKind, VersionedRecord};

#[derive(Clone, Debug)]
pub(super) struct Active {
    pub(super) epoch: i32,
    /// With the records that are appended and not committed yet.
    pub(super) state: Controller,
    pub(super) heartbeats: Heartbeats,
    /// Offset that the next record gets.
    pub(super) next_write_offset: i64,
    /// Answers by the offset that must be committed first.
    deferred: SortedMap<i64, Vec<(Pending, ResponseKind)>>,
    pub(super) next_no_op: SimTime,
    pub(super) next_fence_check: SimTime,
    pub(super) next_balance: Option<SimTime>,
    pub(super) next_unclean_election: SimTime,
}

impl Active {
    pub(super) fn next_deadline(&self) -> Option<SimTime> {
        let fixed = self.next_no_op.min(self.next_fence_check).min(self.next_unclean_election);
        earlier(Some(fixed), self.next_balance)
    }
}

impl QuorumController {
    /// Becomes the active controller when its replica leads and all that earlier leaders wrote is applied
    /// (`QuorumController.claim`).
    pub(super) fn maybe_claim(&mut self, node: &mut Node<'_, '_>) {
        let replica = node.raft.replica();
        let Some(epoch_start) = replica.epoch_start().filter(|_| replica.role() == Role::Leader) else { return };
        if self.active.is_some() || self.next_offset <= epoch_start {
            return;
        }
        let (epoch, next_write_offset, now) = (replica.epoch(), replica.log().end_offset(), node.ctx.now());
        let config = &self.config;
        let balance = config.auto_leader_rebalance.then_some(now + config.leader_imbalance_check_interval);
        self.active = Some(Active {
            epoch,
            heartbeats: self.committed.begin_heartbeats(config.broker_session_timeout, now),
            state: self.committed.clone(),
            next_write_offset,
            deferred: SortedMap::new(),
            next_no_op: now + config.metadata_max_idle_interval,
            next_fence_check: now + super::tasks::fence_check_interval(config),
            next_balance: balance,
            next_unclean_election: now + config.unclean_leader_election_interval,
        });
        node.ctx.fact(Fact::ControllerActive { epoch });
        if next_write_offset == epoch_start + 1 && epoch_start == 0 {
            // An empty log: the cluster is as it was formatted (`bootstrap.checkpoint`).
            self.append(FeatureControl::bootstrap(self.config.min_insync_replicas), node);
        }
    }

    /// Is the active controller no more: goes back to what is committed, and refuses what waited.
    pub(super) fn renounce(&mut self, node: &mut Node<'_, '_>) {
        let Some(active) = self.active.take() else { return };
        node.ctx.fact(Fact::ControllerInactive { epoch: active.epoch });
        for (pending, body) in active.deferred.into_values().flatten() {
            let refused = super::requests::not_controller(&pending, &body);
            self.server.respond(&pending, refused, node.ctx);
        }
    }

    /// Appends records and replays them; offset of the last. None when the replica leads no more.
    pub(super) fn append(&mut self, mut records: Vec<VersionedRecord>, node: &mut Node<'_, '_>) -> Option<i64> {
        if node.ctx.is_mutant(Mutant::UncleanElectionKeepsIsr) {
            records.iter_mut().for_each(keep_isr);
        }
        let active = self.active.as_mut()?;
        let (epoch, timestamp_ms) = (active.epoch, node.ctx.wall_clock_ms());
        let encode = |record: &VersionedRecord| Record {
            timestamp_ms,
            key: None,
            value: Some(record.encode()),
            headers: Vec::new(),
        };
        let encoded: Vec<Record> = records.iter().map(encode).collect();
        let appended = node.raft.act(node.ctx, node.events, |replica, turn| replica.append(epoch, encoded, turn));
        let last = appended.ok()?;
        assert_eq!(
            last + 1,
            active.next_write_offset + records.len() as i64,
            "only the controller appends: {records:?} at {}",
            node.ctx.now()
        );
        for (offset, record) in (active.next_write_offset..).zip(&records) {
            active.state.replay(&record.record, offset);
        }
        active.next_write_offset = last + 1;
        Some(last)
    }

    /// Appends what an operation came to, and answers when it is committed.
    pub(super) fn finish(&mut self, pending: Pending, outcome: Outcome<ResponseKind>, node: &mut Node<'_, '_>) {
        let wait_for = match outcome.records.is_empty() {
            // What was only read may still rest on records that are not committed, whoever appended them
            // (`deferredEventQueue.highestPendingOffset`).
            true => self
                .active
                .as_ref()
                .map(|active| active.next_write_offset)
                .filter(|next| *next > self.next_offset)
                .map(|next| next - 1),
            false => match self.append(outcome.records, node) {
                Some(last) => Some(last),
                None => {
                    let refused = super::requests::not_controller(&pending, &outcome.response);
                    return self.server.respond(&pending, refused, node.ctx);
                }
            },
        };
        match (wait_for, &mut self.active) {
            (Some(at), Some(active)) => active.deferred.entry(at).or_default().push((pending, outcome.response)),
            _ => self.server.respond(&pending, outcome.response, node.ctx),
        }
    }

    /// Answers what waited for records that are committed by now, and serves what queued behind it.
    pub(super) fn complete_deferred(&mut self, node: &mut Node<'_, '_>) {
        let next_offset = self.next_offset;
        let Some(active) = &mut self.active else { return };
        let later = active.deferred.split_off(&next_offset);
        let ready = std::mem::replace(&mut active.deferred, later);
        let mut conns = Vec::new();
        for (pending, body) in ready.into_values().flatten() {
            conns.push(pending.conn);
            self.server.respond(&pending, body, node.ctx);
        }
        for conn in conns {
            self.drain(conn, node);
        }
    }
}

/// The mistake of [`Mutant::UncleanElectionKeepsIsr`].
fn keep_isr(record: &mut VersionedRecord) {
    if let MetadataRecord::PartitionChange(change) = &mut record.record
        && change.leader_recovery_state == 1
    {
        change.isr = None;
    }
}
