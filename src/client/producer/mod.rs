//! The producer: collects records into batches, sends them to partition leaders, and tries again until they are
//! acknowledged or their time is up.
//!
//! It has two halves, as in Kafka. The application's calls of `send` put records into the accumulator and may have to
//! wait for it; the sender takes batches from there to the brokers. One request carries at most one batch a partition to
//! one broker. A batch that failed goes back into its queue. What keeps such retries from duplicating and reordering
//! records is that the producer is idempotent, unless it was told otherwise.
//!
//! Not built yet: transactions.

mod accumulator;
mod batch;
mod changes;
mod config;
mod init_producer_id;
mod partitioner;
mod sender;
mod sends;
mod transaction_manager;
mod workload;

pub use changes::ProducerChanges;
pub use config::ProducerConfig;
pub use partitioner::LoadStats;
pub use sends::ProducerRecord;
pub use transaction_manager::{ProducerState, TransactionManager};
pub use workload::{Burst, Keys, Workload};

use super::metadata::Wanted;
use super::network::{NetEvent, NetworkClient, NetworkConfig};
use crate::base::{Endpoint, SimTime, SortedMap, TopicPartition, Vector, earlier};
use crate::machine::{Ctx, Input};
use crate::wire::ResponseKind;
use accumulator::Accumulator;
use batch::BatchId;
use init_producer_id::Asking;
use partitioner::RoundRobin;
use std::fmt;
use std::sync::Arc;
use workload::Work;

/// A producer's process.
#[derive(Clone, Debug)]
pub struct Producer {
    name: Arc<str>,
    topic: Arc<str>,
    config: Arc<ProducerConfig>,
    work: Option<Work>,
    net: NetworkClient<Tied>,
    accumulator: Accumulator,
    /// The partitioner, when it is not the built-in one.
    round_robin: Option<RoundRobin>,
    /// None without idempotence.
    manager: Option<TransactionManager>,
    asking: Asking,
    /// Calls of `send` that wait, in their order.
    sends: Vector<sends::Send>,
    /// Batches in requests, by partition, in the order in which they were sent.
    in_flight: SortedMap<TopicPartition, Vector<BatchId>>,
    /// How many produce requests wait for their response.
    requests: usize,
    /// When the sender looks again, unless something happens before.
    sender_at: Option<SimTime>,
    taken: u64,
    acked: u64,
    failed: u64,
    last_error: Option<String>,
    closing: bool,
}

/// What a request was about.
#[derive(Clone, Debug)]
enum Tied {
    Produce(Vec<sender::Sent>),
    InitProducerId,
}

/// Why `send` refuses a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError(pub String);

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SendError {}

/// One partition's part of what a producer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionQueue {
    /// Batches that wait to be sent.
    pub queued: usize,
    /// Batches in requests that are not answered yet.
    pub in_flight: usize,
}

impl Producer {
    /// A producer that has not started yet.
    pub fn new(
        name: &str,
        topic: &str,
        config: ProducerConfig,
        workload: Option<Workload>,
        bootstrap: Vec<Endpoint>,
    ) -> Self {
        let config = Arc::new(config);
        let network = NetworkConfig {
            max_in_flight: config.max_in_flight,
            metadata_max_idle: Some(config.metadata_max_idle),
            ..config.common.network(name, bootstrap)
        };
        Self {
            name: name.into(),
            topic: topic.into(),
            work: workload.map(Work::new),
            net: NetworkClient::new(network, Wanted::default()),
            accumulator: Accumulator::new(config.clone()),
            round_robin: config.round_robin_partitioner.then(RoundRobin::default),
            manager: config.is_idempotent().then(TransactionManager::default),
            asking: Asking::InFlight,
            sends: Vector::new(),
            in_flight: SortedMap::new(),
            requests: 0,
            sender_at: None,
            taken: 0,
            acked: 0,
            failed: 0,
            last_error: None,
            closing: false,
            config,
        }
    }

    /// Its name and `client.id`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The topic that it writes to.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Its configs.
    pub fn config(&self) -> &ProducerConfig {
        &self.config
    }

    /// What it sends by itself.
    pub fn workload(&self) -> Option<&Workload> {
        self.work.as_ref().map(|work| &work.workload)
    }

    /// How many records were acknowledged (with acks=0: sent).
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// How many records it gave up.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// How many records it holds: blocked, in batches, or in flight.
    pub fn pending(&self) -> u64 {
        self.taken - self.acked - self.failed
    }

    /// How many calls of `send` wait, for metadata or for memory.
    pub fn blocked(&self) -> usize {
        self.sends.len()
    }

    /// Its id, epoch and sequence numbers; none without idempotence.
    pub fn transaction_manager(&self) -> Option<&TransactionManager> {
        self.manager.as_ref()
    }

    /// The idempotent producer's id, once it has one.
    pub fn producer_id(&self) -> Option<i64> {
        self.manager.as_ref().filter(|manager| manager.has_producer_id()).map(TransactionManager::producer_id)
    }

    /// The idempotent producer's epoch, once it has an id.
    pub fn epoch(&self) -> Option<i16> {
        self.manager.as_ref().filter(|manager| manager.has_producer_id()).map(TransactionManager::epoch)
    }

    /// How much of `buffer.memory` is free, in bytes.
    pub fn buffer_available_bytes(&self) -> u64 {
        self.accumulator.available_memory()
    }

    /// How many batches are in requests that are not answered yet.
    pub fn in_flight(&self) -> usize {
        self.in_flight.values().map(Vector::len).sum()
    }

    /// What it holds for each partition to which it has sent or is to send.
    pub fn queues(&self) -> SortedMap<TopicPartition, PartitionQueue> {
        let mut queues: SortedMap<TopicPartition, PartitionQueue> = SortedMap::new();
        for (partition, queued) in self.accumulator.queues() {
            queues.entry(partition).or_default().queued = queued;
        }
        for (partition, batches) in &self.in_flight {
            queues.entry(partition.clone()).or_default().in_flight = batches.len();
        }
        queues
    }

    /// The topics of which it has metadata.
    pub fn known_topics(&self) -> impl Iterator<Item = &str> {
        self.net.metadata().topic_names().map(|(name, _)| &**name)
    }

    /// Kafka's words for why records were last given up.
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        if let (Input::Started, Some(work)) = (&input, &mut self.work) {
            work.start(ctx.now());
        }
        let woken = matches!(input, Input::Woken);
        let mut wake = !woken || self.sender_at.is_some_and(|at| at <= ctx.now());
        for event in self.net.handle(input, ctx) {
            wake = true;
            match event {
                NetEvent::Metadata => {}
                NetEvent::Response(tied, response) => match (tied, &response.body) {
                    (Tied::Produce(sent), ResponseKind::Produce(body)) => self.answered(&sent, body, ctx),
                    (Tied::InitProducerId, ResponseKind::InitProducerId(body)) => self.got_producer_id(body, ctx),
                    (_, other) => panic!("a response of another kind than its request: {other:?}"),
                },
                NetEvent::Failed(Tied::Produce(sent), error) => self.unanswered(&sent, error, ctx),
                NetEvent::Failed(Tied::InitProducerId, _) => self.got_no_producer_id(ctx),
            }
        }
        self.act(wake, ctx);
    }

    /// Lets the application and the sender go on; the sender only if something is to be done.
    fn act(&mut self, mut wake: bool, ctx: &mut Ctx<'_>) {
        loop {
            wake |= self.unblock(ctx);
            wake |= self.do_work(ctx);
            if !std::mem::take(&mut wake) {
                break;
            }
            let available = self.accumulator.available_memory();
            self.run_sender(ctx);
            // What was given up may have made room for others.
            wake = !self.sends.is_empty() && self.accumulator.available_memory() > available;
        }
        self.net.poll(ctx);
        if self.closing && self.sends.is_empty() && self.requests == 0 && !self.accumulator.has_undrained() {
            self.net.close(ctx);
            ctx.exit();
        }
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<SimTime> {
        let work = self.work.as_ref().filter(|_| !self.closing && !self.is_application_blocked());
        let deadline = earlier(self.net.next_deadline(), work.and_then(Work::next_at));
        earlier(earlier(deadline, self.sends_deadline()), self.sender_at)
    }

    /// Sends all that it holds at once, full or not.
    pub fn flush(&mut self, ctx: &mut Ctx<'_>) {
        self.accumulator.flush();
        self.act(true, ctx);
    }

    /// Sends what it holds and ends.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.closing = true;
        self.act(true, ctx);
    }
}
