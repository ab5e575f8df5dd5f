//! Taking in the metadata log (`MetadataLoader`, `BrokerMetadataPublisher`) and what it means for this broker's replicas
//! (`ReplicaManager.applyDelta`).
//!
//! Nobody tells a broker that it leads or follows: it reads it in the metadata log, which it fetches as an observer of
//! the quorum. So brokers learn of one change at different moments.

use super::config::{BrokerConfig, ConfigLayers, TopicConfig};
use super::partition::Partition;
use super::purgatory::LEADER;
use super::{Broker, BrokerProcess, Serving};
use crate::base::{OrdMap, SortedMap, SortedSet, TopicPartition};
use crate::cluster::{Controller, PartitionRegistration, ResourceType, TopicInfo};
use crate::machine::{Fact, Mutant};
use crate::quorum::{LogBatch, Replica};
use crate::storage::Log;
use crate::wire::MetadataRecord;
use std::sync::Arc;
use uuid::Uuid;

/// The partitions of a topic.
fn partitions_of(topic: &TopicInfo) -> Vec<TopicPartition> {
    topic.partitions.keys().map(|index| TopicPartition::new(topic.name.clone(), *index)).collect()
}

/// What batches of the metadata log have changed, as far as replicas and configs are concerned.
#[derive(Default)]
struct Delta {
    partitions: SortedSet<(Uuid, i32)>,
    /// Topics that are gone, each with its partitions.
    deleted: SortedMap<Uuid, Vec<TopicPartition>>,
    /// Topics whose configs changed.
    configs: SortedSet<Arc<str>>,
    /// Configs of this broker, or of all, changed.
    broker_configs: bool,
}

impl Broker {
    /// Takes in what is committed of the metadata log and not taken in yet.
    pub(super) fn take_in_metadata(&mut self, replica: &Replica, serving: &mut Serving<'_, '_>) {
        let committed = match serving.ctx.is_mutant(Mutant::MetadataAppliedBeforeCommit) {
            true => Some(replica.log().end_offset()),
            false => replica.high_watermark(),
        };
        let Some(high_watermark) = committed else { return };
        let mut delta = Delta::default();
        self.load_snapshot(replica, &mut delta);
        let batches: Vec<LogBatch> = replica
            .log()
            .batches_from(self.metadata_offset)
            .take_while(|batch| batch.header.last_offset() < high_watermark)
            .cloned()
            .collect();
        for batch in &batches {
            if !self.is_combined {
                serving.ctx.fact(batch.committed_fact());
            }
            for (offset, record) in batch.metadata_records() {
                self.note(&record.record, &mut delta);
                self.metadata.replay(&record.record, offset);
            }
            self.metadata_offset = batch.header.next_offset();
        }
        if self.published {
            self.apply(&delta, serving);
        }
    }

    /// Begins again from the log's snapshot, when the log before it is gone.
    fn load_snapshot(&mut self, replica: &Replica, delta: &mut Delta) {
        let log = replica.log();
        let Some(id) = log.latest_snapshot().filter(|id| id.offset > self.metadata_offset) else { return };
        let content = log.snapshot(id).expect("the latest one is there");
        let loaded = Controller::from_snapshot(self.metadata.settings.clone(), content);
        let before = std::mem::replace(&mut self.metadata, loaded);
        self.metadata_offset = id.offset;
        for topic in before.topics().iter().filter(|topic| self.metadata.topics().by_id(topic.id).is_none()) {
            delta.deleted.insert(topic.id, partitions_of(topic));
        }
        for topic in self.metadata.topics().iter() {
            delta.partitions.extend(topic.partitions.keys().map(|index| (topic.id, *index)));
            delta.configs.insert(topic.name.clone());
        }
        delta.broker_configs = true;
    }

    /// Notes what a record will have changed.
    fn note(&self, record: &MetadataRecord, delta: &mut Delta) {
        match record {
            MetadataRecord::Partition(r) => drop(delta.partitions.insert((r.topic_id, r.partition_id))),
            MetadataRecord::PartitionChange(r) => drop(delta.partitions.insert((r.topic_id, r.partition_id))),
            MetadataRecord::RemoveTopic(r) => {
                let topic = self.metadata.topics().by_id(r.topic_id).expect("a topic is there until it is removed");
                delta.deleted.insert(r.topic_id, partitions_of(topic));
                delta.partitions.retain(|(id, _)| *id != r.topic_id);
            }
            // It raises the partition epochs, so leaders have to hear of it.
            MetadataRecord::ClearElr(r) => delta.partitions.extend(self.metadata.topics().with_elr(&r.topic_name)),
            MetadataRecord::Config(r) => match ResourceType::from_value(r.resource_type) {
                Some(ResourceType::Topic) => drop(delta.configs.insert((*r.resource_name).into())),
                Some(ResourceType::Broker) => delta.broker_configs = true,
                _ => {}
            },
            _ => {}
        }
    }

    /// Opens the logs and takes up the replicas for the first time, when the broker has caught up.
    pub(super) fn publish_first(&mut self, serving: &mut Serving<'_, '_>) {
        let recovery = serving.disk.recover();
        if !recovery.logs.is_empty() {
            serving.ctx.fact(Fact::LogsRecovered {
                clean: recovery.clean_shutdown.is_some(),
                logs: recovery.logs.len() as u32,
                truncated_bytes: recovery.logs.iter().map(|(_, log)| log.truncated_bytes as u64).sum(),
            });
        }
        self.published = true;
        self.reconfigure();
        // Logs of topics that were deleted while the broker was away (and made anew under the same name, perhaps).
        // The file partition.metadata tells which topic a log is of.
        let is_stray = |tp: &TopicPartition, log: &Log| !self.is_replica_of(tp, log.topic_id());
        let strays: Vec<TopicPartition> =
            serving.disk.logs().filter(|(tp, log)| is_stray(tp, log)).map(|(tp, _)| tp.clone()).collect();
        for tp in strays {
            serving.disk.delete(&tp);
        }
        let mut delta = Delta::default();
        for topic in self.metadata.topics().iter() {
            delta.partitions.extend(topic.partitions.keys().map(|index| (topic.id, *index)));
        }
        self.apply(&delta, serving);
    }

    fn is_replica_of(&self, tp: &TopicPartition, topic_id: Option<Uuid>) -> bool {
        let topic = self.metadata.topics().by_name(&tp.topic).filter(|topic| Some(topic.id) == topic_id);
        let partition = topic.and_then(|topic| topic.partitions.get(&tp.partition));
        partition.is_some_and(|partition| partition.replicas.contains(&self.id))
    }

    fn reconfigure(&mut self) {
        self.config = BrokerConfig::new(&ConfigLayers::with_dynamic(&self.metadata, &self.file));
    }

    fn apply(&mut self, delta: &Delta, serving: &mut Serving<'_, '_>) {
        if delta.broker_configs {
            self.reconfigure();
        }
        for (topic_id, partitions) in &delta.deleted {
            self.delete_topic(*topic_id, partitions, serving);
        }
        for (topic_id, index) in &delta.partitions {
            let Some(topic) = self.metadata.topics().by_id(*topic_id) else { continue };
            let (name, registration) = (topic.name.clone(), topic.partitions[index].clone());
            self.apply_partition(TopicPartition::new(name, *index), *topic_id, registration, serving);
        }
        self.apply_configs(delta, serving);
        let deleted: Vec<TopicPartition> = delta.deleted.values().flatten().cloned().collect();
        if !deleted.is_empty() {
            self.delete_group_offsets(&deleted, serving);
        }
        self.complete_touched(serving);
    }

    /// Takes in what a partition's metadata says of this broker.
    fn apply_partition(
        &mut self,
        tp: TopicPartition,
        topic_id: Uuid,
        registration: Arc<PartitionRegistration>,
        serving: &mut Serving<'_, '_>,
    ) {
        // A topic was deleted and made anew under the same name.
        if self.partitions.get(&tp).is_some_and(|known| known.topic_id != topic_id) {
            let old = self.partitions[&tp].topic_id;
            self.drop_replica(&tp, old, serving);
        }
        if !registration.replicas.contains(&self.id) {
            if self.partitions.log(&tp).is_some() {
                self.drop_replica(&tp, topic_id, serving);
            }
            return;
        }
        let is_new = self.partitions.log(&tp).is_none();
        if is_new {
            let config = self.topic_config(&tp.topic);
            let log = serving.disk.create_with(tp.clone(), &config.log);
            serving.disk.get_mut(log).expect("it was just made").assign_topic_id(topic_id);
            let partition = Partition::new(topic_id, registration.clone(), config, log);
            self.partitions.insert(tp.clone(), partition);
        } else if registration.partition_epoch < self.partitions[&tp].metadata.partition_epoch {
            // The controller's answer to AlterPartition was faster and says more.
            return;
        }
        let stays = serving.ctx.is_mutant(Mutant::DeposedLeaderStays) && self.partitions[&tp].leader().is_some();
        if registration.leader == self.id || stays {
            self.lead(&tp, topic_id, registration, serving);
        } else {
            self.follow(&tp, topic_id, registration, is_new, serving);
        }
    }

    fn lead(
        &mut self,
        tp: &TopicPartition,
        topic_id: Uuid,
        registration: Arc<PartitionRegistration>,
        serving: &mut Serving<'_, '_>,
    ) {
        self.stop_fetching(topic_id, tp.partition);
        self.alter_partitions.forget(tp);
        self.touch(tp, LEADER);
        let now = serving.ctx.now();
        let log = serving.disk.log_mut(tp).expect("a replica has a log");
        let partition = self.partitions.get_mut(tp).expect("it is there");
        let leader_epoch = registration.leader_epoch;
        if partition.make_leader(self.id, registration, log, now) {
            let start_offset = log.log_end_offset();
            serving.ctx.fact(Fact::BecameLeader { partition: tp.clone(), leader_epoch, start_offset });
        }
        self.advance_high_watermark(tp, serving);
        self.group_partition_led(tp, leader_epoch, serving);
    }

    fn follow(
        &mut self,
        tp: &TopicPartition,
        topic_id: Uuid,
        registration: Arc<PartitionRegistration>,
        is_new: bool,
        serving: &mut Serving<'_, '_>,
    ) {
        self.alter_partitions.forget(tp);
        self.touch(tp, LEADER);
        let (leader, leader_epoch) = (registration.leader, registration.leader_epoch);
        let partition = self.partitions.get_mut(tp).expect("it is there");
        let in_isr = registration.isr.contains(&self.id);
        let is_new_epoch = partition.make_follower(registration, is_new);
        self.group_partition_lost(tp, serving);
        // A broker that is being let go would only be in the leaders' way (`isInControlledShutdown`).
        if self.lifecycle.state() == BrokerProcess::PendingControlledShutdown && (leader < 0 || !in_isr) {
            return self.stop_fetching(topic_id, tp.partition);
        }
        if !is_new_epoch {
            return;
        }
        if serving.ctx.is_mutant(Mutant::FollowerTruncatesToHighWatermark)
            && let Some((end, high_watermark)) = serving.disk.log(tp).map(|l| (l.log_end_offset(), l.high_watermark()))
        {
            self.cut(tp, end, high_watermark, serving);
        }
        self.stop_fetching(topic_id, tp.partition);
        if leader >= 0 {
            self.start_fetching(tp, topic_id, leader, leader_epoch);
            serving.ctx.fact(Fact::BecameFollower { partition: tp.clone(), leader, leader_epoch });
        }
    }

    /// The broker has no replica of a partition any more.
    fn drop_replica(&mut self, tp: &TopicPartition, topic_id: Uuid, serving: &mut Serving<'_, '_>) {
        self.stop_fetching(topic_id, tp.partition);
        self.alter_partitions.forget(tp);
        self.partitions.remove(tp);
        serving.disk.delete(tp);
        self.touch(tp, LEADER);
        self.group_partition_lost(tp, serving);
    }

    fn delete_topic(&mut self, topic_id: Uuid, partitions: &[TopicPartition], serving: &mut Serving<'_, '_>) {
        for tp in partitions {
            if self.partitions.get(tp).is_some_and(|partition| partition.topic_id == topic_id) {
                self.drop_replica(tp, topic_id, serving);
            }
        }
    }

    fn topic_config(&mut self, topic: &Arc<str>) -> Arc<TopicConfig> {
        if let Some(config) = self.topic_configs.get(topic) {
            return config.clone();
        }
        let config = Arc::new(TopicConfig::new(&self.metadata, topic));
        self.topic_configs.insert(topic.clone(), config.clone());
        config
    }

    /// Gives logs and partitions of topics whose configs changed the new ones.
    fn apply_configs(&mut self, delta: &Delta, serving: &mut Serving<'_, '_>) {
        if delta.broker_configs {
            self.topic_configs = OrdMap::new();
        }
        for topic in &delta.configs {
            self.topic_configs.remove(topic);
        }
        let changed = |topic: &Arc<str>| delta.broker_configs || delta.configs.contains(topic);
        let touched: Vec<TopicPartition> =
            self.partitions.iter().map(|(tp, _)| tp).filter(|tp| changed(&tp.topic)).cloned().collect();
        for tp in touched {
            let config = self.topic_config(&tp.topic);
            if self.partitions[&tp].config == config {
                continue;
            }
            if let Some(log) = serving.disk.log_mut(&tp) {
                log.set_config(config.log.clone());
            }
            self.partitions.get_mut(&tp).expect("it is there").config = config;
            // A smaller min.insync.replicas may let the high watermark go.
            self.advance_high_watermark(&tp, serving);
        }
    }
}
