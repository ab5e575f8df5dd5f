//! What becomes of partitions when a broker comes or goes: heartbeats, fencing, shutdown, unregistering.
//!
//! One function decides for all of them: for each partition that a broker's coming or going may touch, who is in the
//! ISR now and who leads. A broker that goes leaves the ISR and its leaderships; one that comes may lead partitions that
//! have no leader; one that comes back without having been shut down also loses its place among the eligible leader
//! replicas, because what it had not flushed is gone.
//!
//! Partitions are gone through by topic id and index. (Kafka goes through a hash table of its own.)

use super::heartbeats::{BrokerState, HeartbeatWish, Heartbeats};
use super::result::{ApiError, v0};
use super::{Controller, Election, LEADER_NONE, Outcome, PartitionChangeBuilder, PartitionRegistration};
use crate::base::SimTime;
use crate::wire::VersionedRecord;
use crate::wire::messages::BrokerHeartbeatRequest;
use crate::wire::metadata_records::{
    BrokerRegistrationChangeRecord, FenceBrokerRecord, UnfenceBrokerRecord, UnregisterBrokerRecord,
};
use uuid::Uuid;

/// What a heartbeat is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatReply {
    /// The broker has read the metadata log up to its registration.
    pub is_caught_up: bool,
    /// It is fenced.
    pub is_fenced: bool,
    /// It is on its way out. When the records are appended, [`Heartbeats::set_shutdown_offset`] follows.
    pub in_controlled_shutdown: bool,
    /// It may stop.
    pub should_shut_down: bool,
}

/// Which broker comes or goes.
#[derive(Clone, Copy, Debug)]
struct Move {
    /// Leaves the ISR and leads no more.
    remove: i32,
    /// May lead although the registry does not say so yet.
    add: i32,
    /// Came back without having been shut down.
    unclean_shutdown: i32,
}

const NOBODY: Move = Move { remove: LEADER_NONE, add: LEADER_NONE, unclean_shutdown: LEADER_NONE };

impl Controller {
    /// BrokerHeartbeat.
    ///
    /// # Errors
    /// STALE_BROKER_EPOCH.
    pub fn process_heartbeat(
        &self,
        request: &BrokerHeartbeatRequest,
        heartbeats: &mut Heartbeats,
        now: SimTime,
    ) -> Result<Outcome<HeartbeatReply>, ApiError> {
        let (id, epoch) = (request.broker_id.0, request.broker_epoch);
        let register_offset = self.brokers.check_epoch(id, epoch)?.register_offset;
        let wish = HeartbeatWish {
            metadata_offset: request.current_metadata_offset,
            fence: request.want_fence,
            shut_down: request.want_shut_down,
        };
        let (current, next) = heartbeats.next_state(id, wish, register_offset, || self.topics.leads_any(id));
        let mut records = Vec::new();
        if current != next {
            match next {
                BrokerState::Fenced | BrokerState::ShutdownNow => self.handle_broker_fenced(id, &mut records),
                BrokerState::Unfenced => self.handle_broker_unfenced(id, epoch, &mut records),
                BrokerState::ControlledShutdown => self.handle_controlled_shutdown(id, epoch, &mut records),
            }
        }
        heartbeats.touch(id, epoch, next.is_fenced(), wish.metadata_offset, now);
        self.handle_directories_offline(id, &request.offline_log_dirs, &mut records);
        let response = HeartbeatReply {
            is_caught_up: wish.metadata_offset >= register_offset,
            is_fenced: next.is_fenced(),
            in_controlled_shutdown: next == BrokerState::ControlledShutdown,
            should_shut_down: next == BrokerState::ShutdownNow,
        };
        Ok(Outcome { records, response })
    }

    /// Fences the broker whose session ran out first, if one has; `true` when another may follow.
    pub fn maybe_fence_stale_broker(&self, heartbeats: &mut Heartbeats, now: SimTime) -> Outcome<bool> {
        let Some((id, epoch)) = heartbeats.remove_expired(now) else { return Outcome::unchanged(false) };
        // The session may be one of an earlier run, or of a broker that is gone.
        if self.brokers.registration(id).is_none_or(|broker| broker.epoch != epoch) {
            return Outcome::unchanged(true);
        }
        let mut records = Vec::new();
        self.handle_broker_fenced(id, &mut records);
        heartbeats.fence(id);
        Outcome { records, response: true }
    }

    /// A broker is no longer in service.
    pub(super) fn handle_broker_fenced(&self, id: i32, records: &mut Vec<VersionedRecord>) {
        let epoch = self.brokers.registration(id).expect("the broker is registered").epoch;
        self.move_partitions(Move { remove: id, ..NOBODY }, |partition| partition.isr.contains(&id), records);
        let record =
            BrokerRegistrationChangeRecord { broker_id: id, broker_epoch: epoch, fenced: 1, ..Default::default() };
        let supported = self.features.metadata_version().registration_change_record_version() > 0;
        records.push(if supported { v0(record) } else { v0(FenceBrokerRecord { id, epoch }) });
    }

    fn handle_broker_unfenced(&self, id: i32, epoch: i64, records: &mut Vec<VersionedRecord>) {
        let record =
            BrokerRegistrationChangeRecord { broker_id: id, broker_epoch: epoch, fenced: -1, ..Default::default() };
        let supported = self.features.metadata_version().registration_change_record_version() > 0;
        records.push(if supported { v0(record) } else { v0(UnfenceBrokerRecord { id, epoch }) });
        self.move_partitions(Move { add: id, ..NOBODY }, |partition| !partition.has_leader(), records);
    }

    fn handle_controlled_shutdown(&self, id: i32, epoch: i64, records: &mut Vec<VersionedRecord>) {
        let known = self.brokers.registration(id).is_some_and(|broker| broker.in_controlled_shutdown);
        if self.features.metadata_version().has_controlled_shutdown_state() && !known {
            let record = BrokerRegistrationChangeRecord {
                broker_id: id,
                broker_epoch: epoch,
                in_controlled_shutdown: 1,
                ..Default::default()
            };
            records.push(VersionedRecord::new(record, 1));
        }
        self.move_partitions(Move { remove: id, ..NOBODY }, |partition| partition.isr.contains(&id), records);
    }

    pub(super) fn handle_broker_unregistered(&self, id: i32, epoch: i64, records: &mut Vec<VersionedRecord>) {
        let gone = Move { remove: id, ..NOBODY };
        self.move_partitions(gone, |partition| partition.isr.contains(&id) || partition.elr.contains(&id), records);
        records.push(v0(UnregisterBrokerRecord { broker_id: id, broker_epoch: epoch }));
    }

    /// A broker registers anew: it stopped, cleanly or not.
    pub(super) fn handle_broker_shutdown(&self, id: i32, clean: bool, records: &mut Vec<VersionedRecord>) {
        if clean || !self.features.metadata_version().may_have_elr() {
            self.move_partitions(Move { remove: id, ..NOBODY }, |partition| partition.isr.contains(&id), records);
        } else {
            let crashed = Move { unclean_shutdown: id, ..NOBODY };
            self.move_partitions(crashed, |p| p.isr.contains(&id) || p.elr.contains(&id), records);
        }
    }

    /// Log directories of a broker have failed: the replicas in them are as good as on a dead broker (KIP-858).
    fn handle_directories_offline(&self, id: i32, offline: &[Uuid], records: &mut Vec<VersionedRecord>) {
        let version = self.features.metadata_version();
        let broker = self.brokers.registration(id).expect("the broker is registered");
        if !version.has_directories() || !broker.directories.iter().any(|directory| offline.contains(directory)) {
            return;
        }
        let lost = |partition: &PartitionRegistration| {
            let directory = partition.directory(id);
            let is_offline = directory.is_some_and(|directory| offline.contains(&directory));
            is_offline && (partition.isr.contains(&id) || partition.leader == id)
        };
        self.move_partitions(Move { remove: id, ..NOBODY }, lost, records);
        let online = broker.directories.iter().copied().filter(|directory| !offline.contains(directory)).collect();
        let record = BrokerRegistrationChangeRecord {
            broker_id: id,
            broker_epoch: broker.epoch,
            log_dirs: online,
            ..Default::default()
        };
        records.push(VersionedRecord::new(record, version.registration_change_record_version()));
    }

    /// The changes of all partitions that `touched` picks.
    fn move_partitions(
        &self,
        who: Move,
        touched: impl Fn(&PartitionRegistration) -> bool,
        records: &mut Vec<VersionedRecord>,
    ) {
        let may_lead = |replica| {
            let stays = replica != who.remove && replica != who.unclean_shutdown;
            stays && (replica == who.add || self.brokers.is_active(replica))
        };
        for topic in self.topics.iter() {
            for (&index, partition) in topic.partitions.iter().filter(|(_, partition)| touched(partition)) {
                let mut builder = self.partition_change(topic, partition, may_lead);
                if self.unclean_election_enabled(&topic.name) {
                    builder.election = Election::Unclean;
                }
                builder.target_isr.retain(|replica| *replica != who.remove && *replica != who.unclean_shutdown);
                if who.unclean_shutdown != LEADER_NONE {
                    builder.unclean_shutdown_replicas = vec![who.unclean_shutdown];
                }
                records.extend(builder.build(topic.id, index, |id| self.brokers.default_directory(id)));
            }
        }
    }

    /// A change of a partition of a topic, in which a broker may lead if it `may_lead` and its directory is online.
    pub(super) fn partition_change<'a>(
        &'a self,
        topic: &super::TopicInfo,
        partition: &'a PartitionRegistration,
        may_lead: impl Fn(i32) -> bool + 'a,
    ) -> PartitionChangeBuilder<'a, impl Fn(i32) -> bool + 'a> {
        let directory_is_online = |replica| {
            let broker = self.brokers.registration(replica);
            partition.directory(replica).is_none_or(|dir| broker.is_none_or(|broker| broker.has_online_directory(dir)))
        };
        let acceptable = move |replica| may_lead(replica) && directory_is_online(replica);
        let min_isr = self.min_isr(&topic.name);
        let version = self.features.metadata_version();
        let mut builder = PartitionChangeBuilder::new(partition, acceptable, version, min_isr);
        builder.elr_enabled = self.features.elr_enabled();
        builder
    }
}
