//! Asking the controller to change ISRs (`AlterPartitionManager`, KIP-497).
//!
//! One request is on its way at a time, with every change that has come up meanwhile. The controller compares the
//! partition epoch: who asks on an outdated view is refused, and learns the truth from the metadata log.

use super::{Broker, Serving};
use crate::base::{ConnId, SimDuration, SimTime, SortedMap, TopicPartition, earlier};
use crate::machine::{Input, Mutant};
use crate::network::ControllerChannel;
use crate::network::controller_channel::{ActiveController, ChannelEvent};
use crate::wire::messages::alter_partition_request::{BrokerState, PartitionData, TopicData};
use crate::wire::messages::{AlterPartitionRequest, AlterPartitionResponse, alter_partition_response};
use crate::wire::{ApiKey, BrokerId, ErrorCode, RequestKind, ResponseKind};
use std::sync::Arc;

/// How long it waits after an error of the whole request.
const RETRY_BACKOFF: SimDuration = SimDuration::from_millis(50);

/// A change that the controller is asked for.
#[derive(Clone, Debug)]
struct Change {
    topic_id: uuid::Uuid,
    leader_epoch: i32,
    partition_epoch: i32,
    isr: Vec<i32>,
    /// Broker epochs of the replicas in `isr`; -1 where it is not known.
    epochs: Vec<i64>,
}

type Changes = SortedMap<TopicPartition, Change>;

/// The changes of ISRs that are under way.
#[derive(Clone, Debug)]
pub(super) struct AlterPartitions {
    /// Each request with the changes that it asks for: which of them still matter is known when the answer comes.
    channel: ControllerChannel<Changes>,
    unsent: Changes,
    in_flight: bool,
    not_before: SimTime,
}

impl AlterPartitions {
    pub(super) fn new(broker: i32, request_timeout: SimDuration) -> Self {
        Self {
            channel: ControllerChannel::new(broker, request_timeout, None),
            unsent: SortedMap::new(),
            in_flight: false,
            not_before: SimTime::ZERO,
        }
    }

    pub(super) fn is_settled(&self, leader: &ActiveController) -> bool {
        self.channel.is_settled(leader)
    }

    pub(super) fn owns(&self, conn: ConnId) -> bool {
        self.channel.owns(conn)
    }

    pub(super) fn next_deadline(&self, leader: &ActiveController) -> Option<SimTime> {
        let retry = (!self.unsent.is_empty() && !self.in_flight).then_some(self.not_before);
        earlier(self.channel.next_deadline(leader), retry)
    }

    /// Takes a change that the controller has not been asked for yet back.
    pub(super) fn forget(&mut self, tp: &TopicPartition) {
        self.unsent.remove(tp);
    }

    pub(super) fn close(&mut self, ctx: &mut crate::machine::Ctx<'_>) {
        self.channel.close(ctx);
    }
}

impl Broker {
    /// Asks for a new ISR of a partition that this broker leads.
    pub(super) fn alter_isr(&mut self, tp: &TopicPartition, isr: Vec<i32>, serving: &mut Serving<'_, '_>) {
        let Some(own_epoch) = self.lifecycle.epoch() else { return };
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        let Some(leader) = partition.leader() else { return };
        let epoch_of = |replica: &i32| {
            let known = leader.followers.get(replica).and_then(|follower| follower.broker_epoch);
            let registered = || self.metadata.brokers().registration(*replica).map(|broker| broker.epoch);
            if *replica == self.id { own_epoch } else { known.or_else(registered).unwrap_or(-1) }
        };
        let change = Change {
            topic_id: partition.topic_id,
            leader_epoch: partition.metadata.leader_epoch,
            partition_epoch: partition.metadata.partition_epoch,
            epochs: isr.iter().map(epoch_of).collect(),
            isr: isr.clone(),
        };
        partition.set_pending_isr(Some(isr));
        self.alter_partitions.unsent.insert(tp.clone(), change);
        self.polled = None;
        self.send_alter_partition(serving);
    }

    /// Sends the changes that have come up, unless a request is on its way.
    pub(super) fn send_alter_partition(&mut self, serving: &mut Serving<'_, '_>) {
        let manager = &mut self.alter_partitions;
        let now = serving.ctx.now();
        if let Some(epoch) = self.lifecycle.epoch()
            && !manager.in_flight
            && !manager.unsent.is_empty()
            && manager.not_before <= now
        {
            let sent = std::mem::take(&mut manager.unsent);
            manager.in_flight = true;
            let body = RequestKind::AlterPartition(request(self.id, epoch, &sent));
            manager.channel.enqueue(sent, ApiKey::AlterPartition, body, now);
        }
        let events = self.alter_partitions.channel.poll(serving.leader, serving.ctx);
        self.alter_partition_events(events, serving);
    }

    pub(super) fn alter_partition_input(&mut self, input: Input, serving: &mut Serving<'_, '_>) {
        let events = self.alter_partitions.channel.handle(input, serving.ctx);
        self.alter_partition_events(events, serving);
    }

    fn alter_partition_events(&mut self, events: Vec<ChannelEvent<Changes>>, serving: &mut Serving<'_, '_>) {
        for event in events {
            let ChannelEvent::Answered(sent, response) = event else { continue };
            let ResponseKind::AlterPartition(body) = &response.body else { continue };
            self.alter_partitions.in_flight = false;
            if ErrorCode(body.error_code) == ErrorCode::NONE {
                for (tp, change) in sent {
                    if let Some(answer) = answer_for(body, &change, tp.partition) {
                        self.isr_altered(&tp, &change, answer, serving);
                    }
                }
            } else {
                // STALE_BROKER_EPOCH and the like: all of it again, a little later.
                let unsent = &mut self.alter_partitions.unsent;
                for (tp, change) in sent {
                    unsent.entry(tp).or_insert(change);
                }
                self.alter_partitions.not_before = serving.ctx.after(RETRY_BACKOFF);
            }
            self.send_alter_partition(serving);
        }
    }

    /// Takes in what the controller made of a change (`handleAlterPartitionUpdate`, `handleAlterPartitionError`).
    fn isr_altered(
        &mut self,
        tp: &TopicPartition,
        change: &Change,
        answer: &alter_partition_response::PartitionData,
        serving: &mut Serving<'_, '_>,
    ) {
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        let is_pending = partition.leader().is_some_and(|leader| leader.pending_isr.as_ref() == Some(&change.isr));
        let known = &partition.metadata;
        if !is_pending || (known.leader_epoch, known.partition_epoch) != (change.leader_epoch, change.partition_epoch) {
            // The metadata log was faster.
            return;
        }
        match ErrorCode(answer.error_code) {
            ErrorCode::NONE => {
                if answer.partition_epoch < partition.metadata.partition_epoch {
                    return;
                }
                let mut metadata = (*partition.metadata).clone();
                metadata.isr = answer.isr.iter().map(|id| id.0).collect();
                metadata.partition_epoch = answer.partition_epoch;
                if let Some(state) = crate::cluster::LeaderRecoveryState::from_value(answer.leader_recovery_state) {
                    metadata.leader_recovery_state = state;
                }
                partition.metadata = Arc::new(metadata);
                partition.set_pending_isr(None);
                self.stir(tp);
                self.advance_high_watermark(tp, serving);
                self.complete_touched(serving);
            }
            ErrorCode::OPERATION_NOT_ATTEMPTED | ErrorCode::INELIGIBLE_REPLICA => partition.set_pending_isr(None),
            // The metadata log will say what is true.
            ErrorCode::FENCED_LEADER_EPOCH
            | ErrorCode::INVALID_UPDATE_VERSION
            | ErrorCode::NEW_LEADER_ELECTED
            | ErrorCode::INVALID_REQUEST
            | ErrorCode::UNKNOWN_TOPIC_ID
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {}
            _ => self.alter_isr(tp, change.isr.clone(), serving),
        }
    }

    /// The mistake of [`Mutant::IsrShrinksAlone`].
    fn shrink_alone(&mut self, tp: &TopicPartition, isr: Vec<i32>, serving: &mut Serving<'_, '_>) {
        let partition = self.partitions.get_mut(tp).expect("it is there");
        Arc::make_mut(&mut partition.metadata).isr = isr;
        self.stir(tp);
        self.advance_high_watermark(tp, serving);
        self.complete_touched(serving);
    }

    /// Looks for followers that have fallen behind, in every partition that this broker leads (`maybeShrinkIsr`).
    pub(super) fn shrink_isrs(&mut self, serving: &mut Serving<'_, '_>) {
        let mut shrunk = Vec::new();
        for (tp, partition) in self.partitions.iter() {
            let Some(log) = serving.disk.log(tp).filter(|_| partition.leader().is_some()) else { continue };
            let isr = self.surrounded(serving.ctx.now(), |around| partition.shrunk_isr(log, around));
            shrunk.extend(isr.map(|isr| (tp.clone(), isr)));
        }
        for (tp, isr) in shrunk {
            if serving.ctx.is_mutant(Mutant::IsrShrinksAlone) {
                self.shrink_alone(&tp, isr, serving);
                continue;
            }
            self.alter_isr(&tp, isr, serving);
        }
    }
}

fn request(broker: i32, epoch: i64, changes: &Changes) -> AlterPartitionRequest {
    let mut topics: SortedMap<uuid::Uuid, Vec<PartitionData>> = SortedMap::new();
    for (tp, change) in changes {
        let state = |(replica, epoch): (&i32, &i64)| {
            BrokerState::default().with_broker_id(BrokerId(*replica)).with_broker_epoch(*epoch)
        };
        let data = PartitionData::default()
            .with_partition_index(tp.partition)
            .with_leader_epoch(change.leader_epoch)
            .with_new_isr_with_epochs(change.isr.iter().zip(&change.epochs).map(state).collect())
            .with_partition_epoch(change.partition_epoch);
        topics.entry(change.topic_id).or_default().push(data);
    }
    let topic = |(id, partitions)| TopicData::default().with_topic_id(id).with_partitions(partitions);
    AlterPartitionRequest::default()
        .with_broker_id(BrokerId(broker))
        .with_broker_epoch(epoch)
        .with_topics(topics.into_iter().map(topic).collect())
}

fn answer_for<'a>(
    body: &'a AlterPartitionResponse,
    change: &Change,
    index: i32,
) -> Option<&'a alter_partition_response::PartitionData> {
    let topic = body.topics.iter().find(|topic| topic.topic_id == change.topic_id)?;
    topic.partitions.iter().find(|partition| partition.partition_index == index)
}
