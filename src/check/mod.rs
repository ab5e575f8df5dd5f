//! The laws: Kafka's promises, checked all the time.
//!
//! A law reads the facts of the trace as they happen, and the logs; it never changes anything, and it knows nothing of
//! how brokers or clients work. It stands below the world, so that every world carries its laws with it into every
//! snapshot: a law that was broken stays broken, with the first event that broke it.
//!
//! | law | promise |
//! |---|---|
//! | `acked-lost` | a record acknowledged with acks=1 or all is in the partition's log, now or when its leader is found |
//! | `committed-stable` | what a leader's high watermark has passed stays as it is under every later leader |
//! | `hw-monotonic` | a leader's high watermark never goes back while it leads |
//! | `no-divergence` | a follower has what its leader has below the high watermarks of both |
//! | `one-leader-per-epoch` | nobody else leads a partition, or the quorum, in the same epoch |
//! | `isr-within-replicas` | the ISR is within the replicas and has the leader; the ELR is outside the ISR |
//! | `metadata-agrees` | a committed batch of the metadata log is the same on all nodes |
//! | `offsets-monotonic` | a leader gives offsets without gap or repeat, and a consumer's polls go forward |
//! | `one-owner` | no two members of a group have the same partition in the same generation |
//! | `committed-within-polled` | a consumer commits no offset beyond what its polls have handed over |
//! | `order-per-key` | what an idempotent producer sends to a partition lies there in the order in which it was sent |
//!
//! Kafka can be told to lose records. Such a loss is a broken `acked-lost` all the same, and it says which setting
//! allowed it ([`Allowance`]); a loss that nothing allowed is told apart ([`Laws::unexplained_loss`]). What an unclean
//! election or a power loss takes away breaks `committed-stable` only when it was neither.
//!
//! What the laws remember is bounded: of each partition the batches that can still be lost (see `window`), of the
//! metadata log the latest hour.

mod evidence;
mod groups;
pub mod jepsen;
mod loss;
mod order;
mod partition;
mod quorum;
mod verdicts;
mod window;

pub use evidence::Evidence;
pub use loss::Allowance;
pub use verdicts::{Breach, LAWS};

use crate::base::{EventId, HostId, OrdMap, TopicPartition};
use crate::machine::Fact;
use groups::Groups;
use order::SendOrder;
use partition::{Known, Look, PartitionLaw};
use quorum::QuorumLaw;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;
use verdicts::{Law, Verdicts};
use window::Span;

/// The state of every law.
#[derive(Clone, Debug, Default)]
pub struct Laws {
    verdicts: Verdicts,
    /// The id of each topic that is or was there, by its name.
    topics: OrdMap<Arc<str>, Uuid>,
    partitions: OrdMap<TopicPartition, Arc<PartitionLaw>>,
    quorum: QuorumLaw,
    next_polled: OrdMap<(HostId, TopicPartition), i64>,
    groups: Groups,
    sends: SendOrder,
}

/// A law and whether it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LawReport {
    /// Its name in `expect law(NAME) holds`.
    pub name: String,
    /// Its promise in a few words.
    pub title: String,
    /// How it was first broken; none while it holds.
    pub breach: Option<Breach>,
}

impl Laws {
    /// How many acknowledged records are in no committed log.
    pub fn lost(&self) -> u64 {
        self.verdicts.lost
    }

    /// How often a group's applications worked on a record that one of them had worked on before.
    pub fn duplicates(&self, group: &str) -> u64 {
        self.groups.duplicates(group)
    }

    /// How many records before its committed offsets none of a group's applications worked on.
    pub fn unprocessed(&self, group: &str) -> u64 {
        self.groups.unprocessed(group)
    }

    /// Why a group's applications worked on records again, or never, as sentences.
    pub fn causes(&self, group: &str) -> Vec<String> {
        self.groups.causes(group)
    }

    /// The first loss of acknowledged records that no setting allowed.
    pub fn unexplained_loss(&self) -> Option<&Breach> {
        self.verdicts.unexplained.as_deref()
    }

    /// Whether every law holds.
    pub fn hold(&self) -> bool {
        self.verdicts.breaches().all(|breach| breach.is_none())
    }

    /// Each law and whether it holds.
    pub fn report(&self) -> Vec<LawReport> {
        let report = |(&(name, title), breach): (&(&str, &str), Option<&Breach>)| LawReport {
            name: name.into(),
            title: title.into(),
            breach: breach.cloned(),
        };
        LAWS.iter().zip(self.verdicts.breaches()).map(report).collect()
    }

    /// A node's machine lost its power at `event`: its logs of these partitions end here now.
    pub fn power_lost(&mut self, event: EventId, broker: i32, ends: &[(TopicPartition, i64)], evidence: &dyn Evidence) {
        self.verdicts.event = event;
        for (tp, end) in ends {
            self.partition(tp, evidence, |law, _| law.power_lost(broker, *end));
        }
    }

    /// Takes in a fact from `host`.
    pub fn observe(&mut self, event: EventId, host: HostId, fact: &Fact, evidence: &dyn Evidence) {
        self.verdicts.event = event;
        self.groups.observe(host, fact, &mut self.verdicts);
        self.sends.observe(fact, &mut self.verdicts);
        match fact {
            Fact::Appended { .. }
            | Fact::HighWatermark { .. }
            | Fact::Truncated { .. }
            | Fact::BecameLeader { .. }
            | Fact::BecameFollower { .. } => self.replica_fact(host, fact, evidence),
            Fact::Acknowledged { partition, topic_id, base_offset, records, acks, crc, .. } if *base_offset >= 0 => {
                let last = base_offset + i64::from(*records) - 1;
                let batch = Span::new(*base_offset, last, *crc, 0);
                self.partition(partition, evidence, |law, look| {
                    // Nothing is promised of a topic that is gone, though another has its name.
                    if law.topic_id() == *topic_id {
                        law.acknowledged(batch, *crc, *acks, look);
                    }
                });
            }
            Fact::Polled { partition, first_offset, last_offset, .. } => {
                self.polled(host, partition, *first_offset, *last_offset);
            }
            // A reset is the one way in which a position may go back.
            Fact::OffsetReset { partition, offset } => {
                self.next_polled.insert((host, partition.clone()), *offset);
            }
            Fact::LogsRecovered { .. } => self.restarted(host, evidence),
            Fact::QuorumRole { role, epoch, .. } if &**role == "Leader" => {
                self.quorum.leads(host, *epoch, &mut self.verdicts);
            }
            Fact::MetadataCommitted { base_offset, last_offset, epoch, crc } => {
                self.quorum.committed(*base_offset, (*last_offset, *epoch, *crc), &mut self.verdicts);
            }
            Fact::TopicCreated { topic, id } => {
                self.topics.insert(topic.clone(), *id);
            }
            Fact::TopicDeleted { topic } => self.forget(topic),
            Fact::PartitionChanged { .. } => self.partition_changed(fact, evidence),
            _ => {}
        }
    }

    fn partition<R>(
        &mut self,
        tp: &TopicPartition,
        evidence: &dyn Evidence,
        act: impl FnOnce(&mut PartitionLaw, &mut Look<'_>) -> R,
    ) -> Option<R> {
        let law = self.partitions.get_mut(tp).map(Arc::make_mut)?;
        Some(act(law, &mut Look { tp, evidence, verdicts: &mut self.verdicts }))
    }

    /// A fact of a broker about its replica.
    fn replica_fact(&mut self, host: HostId, fact: &Fact, evidence: &dyn Evidence) {
        let (Some(tp), Some(broker)) = (partition_of(fact), evidence.node(host)) else { return };
        self.partition(tp, evidence, |law, look| {
            if !law.is_of(broker, look) {
                return;
            }
            match fact {
                Fact::Appended { base_offset, last_offset, leader_epoch, .. } => {
                    law.appended(broker, *base_offset, *last_offset, *leader_epoch, look);
                }
                Fact::HighWatermark { from, to, .. } => law.high_watermark(broker, *from, *to, look),
                Fact::BecameLeader { leader_epoch, start_offset, .. } => {
                    law.became_leader(broker, *leader_epoch, *start_offset, look);
                }
                Fact::BecameFollower { leader_epoch, .. } => law.became_follower(broker, *leader_epoch),
                _ => law.truncated(look),
            }
        });
    }

    fn partition_changed(&mut self, fact: &Fact, evidence: &dyn Evidence) {
        let Fact::PartitionChanged { partition: tp, replicas, leader, leader_epoch, isr, elr, .. } = fact else {
            return;
        };
        let known = Known {
            replicas: replicas.clone(),
            leader: *leader,
            leader_epoch: *leader_epoch,
            isr: isr.clone(),
            elr: elr.clone(),
        };
        if !self.partitions.contains_key(tp)
            && let Some(id) = self.topics.get(&tp.topic)
        {
            let law = PartitionLaw::new(*id, known.clone());
            self.partitions.insert(tp.clone(), Arc::new(law));
        }
        self.partition(tp, evidence, |law, look| law.changed(known, look));
    }

    /// A topic is gone, and what was promised of it with it.
    fn forget(&mut self, topic: &Arc<str>) {
        let range = TopicPartition::new(topic.clone(), 0)..=TopicPartition::new(topic.clone(), i32::MAX);
        for tp in self.partitions.range(range).map(|(tp, _)| tp.clone()).collect::<Vec<_>>() {
            self.partitions.remove(&tp);
        }
    }

    /// A broker's process has opened its logs.
    fn restarted(&mut self, host: HostId, evidence: &dyn Evidence) {
        let Some(broker) = evidence.node(host) else { return };
        for tp in self.partitions.keys().cloned().collect::<Vec<_>>() {
            if evidence.log(broker, &tp).is_some() {
                self.partition(&tp, evidence, |law, look| law.restarted(broker, look));
            }
        }
    }

    fn polled(&mut self, host: HostId, tp: &TopicPartition, first_offset: i64, last_offset: i64) {
        let next = self.next_polled.insert((host, tp.clone()), last_offset + 1).unwrap_or(0);
        if first_offset < next {
            let what = format!("a consumer of {tp} was at {next} and got {first_offset} again");
            self.verdicts.breach(Law::OffsetsMonotonic, what);
        }
    }
}

fn partition_of(fact: &Fact) -> Option<&TopicPartition> {
    match fact {
        Fact::Appended { partition, .. }
        | Fact::HighWatermark { partition, .. }
        | Fact::Truncated { partition, .. }
        | Fact::BecameLeader { partition, .. }
        | Fact::BecameFollower { partition, .. } => Some(partition),
        _ => None,
    }
}
