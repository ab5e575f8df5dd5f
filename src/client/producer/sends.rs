//! The application's side of a producer: records that it hands over, and `send` calls that wait (`KafkaProducer.doSend`).
//!
//! `send` waits for its topic's metadata, and for memory when the buffer is full, `max.block.ms` in all. Each call waits
//! on its own; those that wait for memory get it in their order.

use super::Producer;
use super::accumulator::Appended;
use crate::base::{SimTime, partition_for_key};
use crate::machine::{Ctx, Fact};
use crate::wire::records::{HEADER_LEN, Record, size_upper_bound};
use crate::wire::{ErrorCode, Treatment};
use std::sync::Arc;

/// A record that is handed to a producer, with where it is to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerRecord {
    /// The topic; none is the producer's own.
    pub topic: Option<Arc<str>>,
    /// The partition, when it is not left to the partitioner.
    pub partition: Option<i32>,
    /// Its timestamp in ms since the Unix epoch, when it is not the moment at which it is taken.
    pub timestamp_ms: Option<i64>,
    /// Key, value and headers; its timestamp does not count.
    pub record: Record,
}

/// A call of `send`.
#[derive(Clone, Debug)]
pub(super) struct Send {
    topic: Arc<str>,
    partition: Option<i32>,
    record: Record,
    is_dated: bool,
    since: SimTime,
    /// Since when it waits for memory.
    memory_since: Option<SimTime>,
    /// Whether it is the workload's, which makes no other record meanwhile.
    of_workload: bool,
}

/// What came of trying a call of `send` (again).
enum Tried {
    /// The record is in a batch; whether the sender has something to do now.
    Taken {
        wake: bool,
    },
    /// The topic, or the partition that it wants, is not known.
    NoMetadata,
    NoMemory,
    Failed(ErrorCode, String),
}

impl Producer {
    /// Hands it a record.
    ///
    /// # Errors
    /// Kafka's message for a record whose partition or timestamp is negative, that comes after [`Producer::close`], or that
    /// fails at once. What fails later shows in [`Producer::failed`] alone.
    pub fn send(&mut self, record: ProducerRecord, ctx: &mut Ctx<'_>) -> Result<(), super::SendError> {
        let ProducerRecord { topic, partition, timestamp_ms, record } = record;
        if self.closing {
            return Err(super::SendError("Cannot perform operation after producer has been closed".into()));
        }
        let topic = topic.unwrap_or_else(|| self.topic.clone());
        if let Some(message) = refused(partition, timestamp_ms) {
            self.taken += 1;
            self.give_up(&topic, 1, ErrorCode::INVALID_REQUEST, message.clone(), ctx);
            return Err(super::SendError(message));
        }
        let record = Record { timestamp_ms: timestamp_ms.unwrap_or(0), ..record };
        let (wake, failure) = self.begin_send(topic, partition, record, timestamp_ms.is_some(), false, ctx);
        self.act(wake, ctx);
        failure.map_or(Ok(()), |message| Err(super::SendError(message)))
    }

    /// What is wrong with a record's size (`KafkaProducer.ensureValidRecordSize`).
    fn too_large(&self, record: &Record) -> Option<String> {
        let size = HEADER_LEN + size_upper_bound(record);
        let (most, memory) = (self.config.max_request_size, self.config.buffer_memory);
        let what = if size > most {
            format!("{most}, which is the value of the max.request.size configuration.")
        } else if size as u64 > memory {
            "the total memory buffer you have configured with the buffer.memory configuration.".into()
        } else {
            return None;
        };
        Some(format!("The message is {size} bytes when serialized which is larger than {what}"))
    }

    /// Begins a call of `send`; whether the sender has something to do now, and why the call has failed if it has.
    fn begin_send(
        &mut self,
        topic: Arc<str>,
        partition: Option<i32>,
        record: Record,
        is_dated: bool,
        of_workload: bool,
        ctx: &mut Ctx<'_>,
    ) -> (bool, Option<String>) {
        self.taken += 1;
        let since = ctx.now();
        self.net.metadata_mut().use_topic(&topic, since);
        self.sends.push_back(Send { topic, partition, record, is_dated, since, memory_since: None, of_workload });
        self.try_sends(ctx)
    }

    /// Makes the workload's records that are due; whether the sender has something to do now.
    pub(super) fn do_work(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let mut wake = false;
        while !self.closing
            && !self.is_application_blocked()
            && let Some(work) = &mut self.work
            && let Some((key, value)) = work.next(&self.name, ctx.now(), ctx.rng())
        {
            let record = Record { key, value: Some(value), ..Record::default() };
            wake |= self.begin_send(self.topic.clone(), None, record, false, true, ctx).0;
        }
        wake
    }

    pub(super) fn is_application_blocked(&self) -> bool {
        self.sends.iter().any(|send| send.of_workload)
    }

    /// Tries every call of `send` that waits; whether the sender has something to do now.
    pub(super) fn unblock(&mut self, ctx: &mut Ctx<'_>) -> bool {
        !self.sends.is_empty() && self.try_sends(ctx).0
    }

    /// The same, and why the last of them has failed, if it has.
    fn try_sends(&mut self, ctx: &mut Ctx<'_>) -> (bool, Option<String>) {
        let (mut wake, mut memory, mut failure) = (false, true, None);
        for mut send in std::mem::take(&mut self.sends) {
            let tried = match self.try_send(&mut send, memory, ctx) {
                Tried::NoMetadata | Tried::NoMemory if send.since + self.config.max_block <= ctx.now() => {
                    self.timed_out(&send)
                }
                tried => tried,
            };
            failure = None;
            match tried {
                Tried::Taken { wake: now } => wake |= now,
                Tried::Failed(error, message) => {
                    failure = Some(message.clone());
                    self.give_up(&send.topic, 1, error, message, ctx);
                }
                Tried::NoMetadata => {
                    self.net.metadata_mut().use_topic(&send.topic, ctx.now());
                    self.net.metadata_mut().request_topic(&send.topic);
                    self.sends.push_back(send);
                }
                Tried::NoMemory => {
                    // Whoever begins to wait for memory makes all batches ready.
                    wake |= send.memory_since.is_none();
                    memory = false;
                    send.memory_since.get_or_insert(ctx.now());
                    self.sends.push_back(send);
                }
            }
        }
        (wake, failure)
    }

    fn try_send(&mut self, send: &mut Send, memory: bool, ctx: &mut Ctx<'_>) -> Tried {
        let Some(partitions) = self.net.metadata().topic(&send.topic).map(|topic| topic.partitions.len()) else {
            return match self.net.metadata().error(&send.topic) {
                Some(error) if error.treatment() == Treatment::Fatal => {
                    Tried::Failed(error, format!("Invalid topics: [{}]", send.topic))
                }
                _ => Tried::NoMetadata,
            };
        };
        if send.partition.is_some_and(|partition| partition as usize >= partitions) {
            return Tried::NoMetadata;
        }
        if !send.is_dated {
            send.record.timestamp_ms = ctx.wall_clock_ms();
        }
        let key = send.record.key.as_ref().filter(|_| !self.config.ignore_keys);
        if let Some(round_robin) = &mut self.round_robin
            && send.partition.is_none()
        {
            // Drawn once, however long the call then waits.
            send.partition = Some(round_robin.next(&send.topic, self.net.metadata()));
        }
        let partition = send.partition.or_else(|| key.map(|key| partition_for_key(key, partitions as u32)));
        // Only now: what is too large has taken its turn among the partitions, and has waited for metadata.
        if let Some(text) = self.too_large(&send.record) {
            return Tried::Failed(ErrorCode::MESSAGE_TOO_LARGE, text);
        }
        let needed = self.accumulator.size_for(&send.record);
        if needed as u64 > self.config.buffer_memory {
            let limit = self.config.buffer_memory;
            let text = format!(
                "Attempt to allocate {needed} bytes, but there is a hard limit of {limit} on memory allocations."
            );
            return Tried::Failed(ErrorCode::INVALID_CONFIG, text);
        }
        let (metadata, now) = (self.net.metadata(), ctx.now());
        let what = (partition, &send.record);
        match self.accumulator.append(&send.topic, what, memory, metadata, now, ctx.rng()) {
            Appended::Joined { full } => Tried::Taken { wake: full },
            Appended::Began { full } => Tried::Taken { wake: full || self.began_a_batch(ctx) },
            Appended::NoMemory => Tried::NoMemory,
        }
    }

    /// A batch has begun; whether the sender must look at once. Else it looks when the batch has lingered.
    fn began_a_batch(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let lingers_until = ctx.after(self.config.linger);
        self.sender_at = Some(self.sender_at.map_or(lingers_until, |at| at.min(lingers_until)));
        lingers_until <= ctx.now() || self.accumulator.sends_at_once()
    }

    /// What `send` throws after `max.block.ms`.
    fn timed_out(&self, send: &Send) -> Tried {
        let max_block = self.config.max_block;
        let waited_for_memory = send.memory_since.map(|since| max_block.saturating_sub(since.since(send.since)));
        if let Some(for_memory) = waited_for_memory {
            let (size, total) = (self.accumulator.size_for(&send.record), self.config.buffer_memory);
            let (available, poolable) = (self.accumulator.available_memory(), self.config.batch_size.max(1));
            let text = format!(
                "Failed to allocate {size} bytes within the configured max blocking time {} ms. Total memory: {total} \
                 bytes. Available memory: {available} bytes. Poolable size: {poolable} bytes",
                for_memory.as_millis()
            );
            return Tried::Failed(ErrorCode::REQUEST_TIMED_OUT, text);
        }
        let (topic, ms) = (&send.topic, max_block.as_millis());
        let text = match (self.net.metadata().topic(topic), send.partition) {
            (Some(known), Some(partition)) => format!(
                "Partition {partition} of topic {topic} with partition count {} is not present in metadata after {ms} ms.",
                known.partitions.len()
            ),
            _ => format!("Topic {topic} not present in metadata after {ms} ms."),
        };
        let error = self.net.metadata().error(topic).unwrap_or(ErrorCode::REQUEST_TIMED_OUT);
        Tried::Failed(error, text)
    }

    /// When the next call of `send` has waited for `max.block.ms`.
    pub(super) fn sends_deadline(&self) -> Option<SimTime> {
        self.sends.iter().map(|send| send.since + self.config.max_block).min()
    }

    /// Whether somebody waits for memory.
    pub(super) fn is_exhausted(&self) -> bool {
        self.sends.iter().any(|send| send.memory_since.is_some())
    }

    /// Counts records that are lost to the application, and tells the trace.
    pub(super) fn give_up(
        &mut self,
        topic: &Arc<str>,
        records: u32,
        error: ErrorCode,
        message: String,
        ctx: &mut Ctx<'_>,
    ) {
        self.failed += u64::from(records);
        self.last_error = Some(message);
        ctx.fact(Fact::SendFailed { topic: topic.clone(), records, error });
    }
}

/// Why there is no such record (the constructor of `ProducerRecord`).
fn refused(partition: Option<i32>, timestamp_ms: Option<i64>) -> Option<String> {
    let invalid = |what: &str, value: i64, name: &str| {
        format!("Invalid {what}: {value}. {name} should always be non-negative or null.")
    };
    let timestamp = timestamp_ms.filter(|timestamp| *timestamp < 0);
    let partition = partition.filter(|partition| *partition < 0).map(i64::from);
    let of_partition = || Some(invalid("partition", partition?, "Partition number"));
    timestamp.map(|value| invalid("timestamp", value, "Timestamp")).or_else(of_partition)
}
