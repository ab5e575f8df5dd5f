//! The contract between the world and the machines in it.
//!
//! A machine (broker, producer, consumer …) is sans-IO: the world hands it an [`Input`] and a [`Ctx`]; the machine
//! changes its own state and leaves [`Effect`]s in the context: connect, send, close, and facts for the trace. It never
//! calls another machine, reads no clock but the one in the context and draws no randomness but from its own stream.
//! Between inputs it says through `next_deadline` when it wants to be woken. All machines have these two functions:
//!
//! ```text
//! fn handle(&mut self, input: Input, ctx: &mut Ctx)        (a broker's also takes its disk)
//! fn next_deadline(&self) -> Option<SimTime>
//! ```
//!
//! This module stands below brokers and clients so that neither needs to know the other or the world.

mod mutant;

pub use mutant::Mutant;

use crate::base::{ConnId, Endpoint, Rng, SimDuration, SimTime, TopicPartition};
use crate::wire::{ErrorCode, Message};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// What happens to a machine.
#[derive(Clone, Debug)]
pub enum Input {
    /// Its process has started.
    Started,
    /// A connection that it asked for stands.
    Connected(ConnId),
    /// Somebody connected to this listener of its.
    Accepted(ConnId, Endpoint),
    /// A connection is gone: refused, reset or closed by the other end.
    Disconnected(ConnId),
    /// A message arrived.
    Received(ConnId, Message),
    /// Its deadline has come.
    Woken,
}

/// What a machine asks of the world.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Open a connection to a listener.
    Connect(ConnId, Endpoint),
    /// Send a message on a connection; on a connection that is gone it is dropped.
    Send(ConnId, Message),
    /// Close a connection.
    Close(ConnId),
    /// Tell the trace.
    Fact(Fact),
    /// The process is done and exits (a tool that has its answer, a closed client).
    Exit,
}

/// What a machine is given to act with.
#[derive(Debug)]
pub struct Ctx<'a> {
    now: SimTime,
    start_ms: i64,
    rng: &'a mut Rng,
    next_conn: &'a mut u32,
    effects: &'a mut Vec<Effect>,
    mutant: Option<Mutant>,
}

impl<'a> Ctx<'a> {
    /// A context at `now` in a world that started at `start_ms` (ms since the Unix epoch).
    pub fn new(
        now: SimTime,
        start_ms: i64,
        rng: &'a mut Rng,
        next_conn: &'a mut u32,
        effects: &'a mut Vec<Effect>,
    ) -> Self {
        Self { now, start_ms, rng, next_conn, effects, mutant: None }
    }

    /// The same in a world whose machines make a mistake, for tests.
    pub fn with_mutant(self, mutant: Option<Mutant>) -> Self {
        Self { mutant, ..self }
    }

    /// Whether the world's machines make this mistake; never but in a test of the laws.
    pub fn is_mutant(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// The mistake that the world's machines make, if any.
    pub fn mutant(&self) -> Option<Mutant> {
        self.mutant
    }

    /// The moment of the input.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// The moment of the world's start by the host's wall clock: ms since the Unix epoch.
    pub fn start_ms(&self) -> i64 {
        self.start_ms
    }

    /// The host's wall clock: ms since the Unix epoch.
    pub fn wall_clock_ms(&self) -> i64 {
        self.start_ms + (self.now.0 / 1_000) as i64
    }

    /// The moment `span` from now.
    pub fn after(&self, span: SimDuration) -> SimTime {
        self.now + span
    }

    /// The machine's own random stream.
    pub fn rng(&mut self) -> &mut Rng {
        self.rng
    }

    /// Opens a connection. [`Input::Connected`] or [`Input::Disconnected`] follows.
    pub fn connect(&mut self, to: Endpoint) -> ConnId {
        let conn = ConnId(*self.next_conn);
        *self.next_conn += 1;
        self.effects.push(Effect::Connect(conn, to));
        conn
    }

    /// Sends a message.
    pub fn send(&mut self, conn: ConnId, message: Message) {
        self.effects.push(Effect::Send(conn, message));
    }

    /// Closes a connection.
    pub fn close(&mut self, conn: ConnId) {
        self.effects.push(Effect::Close(conn));
    }

    /// Ends the machine's process.
    pub fn exit(&mut self) {
        self.effects.push(Effect::Exit);
    }

    /// Tells the trace.
    pub fn fact(&mut self, fact: Fact) {
        self.effects.push(Effect::Fact(fact));
    }
}

/// What a member of a group is assigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assigned {
    /// The member's id.
    pub member: Arc<str>,
    /// Its partitions; none can be read of a group that is not of consumers.
    pub partitions: Vec<TopicPartition>,
}

/// Something that happened inside a machine and that the trace keeps. Checkers, the page and the event log read these;
/// no machine does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// A topic came to be; its partitions follow, each as a [`Fact::PartitionChanged`].
    TopicCreated {
        /// Its name.
        topic: Arc<str>,
        /// Its id.
        id: Uuid,
    },
    /// A leader wrote a batch to its log.
    Appended {
        /// The partition.
        partition: TopicPartition,
        /// Offset of the batch's first record.
        base_offset: i64,
        /// Offset of its last.
        last_offset: i64,
        /// The leader's epoch.
        leader_epoch: i32,
        /// The batch's checksum.
        crc: u32,
        /// The batch's length in bytes.
        size: u32,
    },
    /// A replica's high watermark moved.
    HighWatermark {
        /// The partition.
        partition: TopicPartition,
        /// Where it was.
        from: i64,
        /// Where it is.
        to: i64,
    },
    /// A broker could not serve what came over a connection and closed it.
    FrameRefused {
        /// The connection.
        conn: ConnId,
        /// Why, in a sentence.
        reason: String,
    },
    /// A broker refused a partition's part of a request.
    Refused {
        /// The partition, as the request named it.
        partition: TopicPartition,
        /// Kafka's code.
        error: ErrorCode,
    },
    /// A producer's batch was acknowledged (with acks=0: sent, which is all that its producer will ever know).
    Acknowledged {
        /// The partition.
        partition: TopicPartition,
        /// The topic's id, by which the producer wrote (KIP-516): topics of one name are told apart by it.
        topic_id: Uuid,
        /// Offset of the batch's first record; -1 with acks=0.
        base_offset: i64,
        /// How many records it holds.
        records: u32,
        /// The producer's `acks`: 0, 1, or -1 for all.
        acks: i16,
        /// Checksum of the batch, by which the checkers find it in the logs.
        crc: u32,
        /// An idempotent producer's id and epoch, and the sequence number of the batch's first record; -1 without.
        sequence: (i64, i16, i32),
    },
    /// An idempotent producer was given an id, or raised its own epoch (KIP-360), or gave its id up (-1).
    ProducerIdSet {
        /// The producer's id.
        producer_id: i64,
        /// The producer's epoch.
        epoch: i16,
    },
    /// A producer gave records up.
    SendFailed {
        /// The topic that they were for.
        topic: Arc<str>,
        /// How many.
        records: u32,
        /// The last error.
        error: ErrorCode,
    },
    /// A consumer's poll handed records to its application.
    Polled {
        /// The partition.
        partition: TopicPartition,
        /// Offset of the first.
        first_offset: i64,
        /// Offset of the last.
        last_offset: i64,
        /// How many (a compacted log has gaps).
        records: u32,
    },
    /// A consumer set its position otherwise than by polling: by `auto.offset.reset`, from what its group has committed,
    /// by a seek, or back to where the logs of two leaders part.
    OffsetReset {
        /// The partition.
        partition: TopicPartition,
        /// The new position.
        offset: i64,
    },
    /// The application of a consumer in a group has worked on records.
    Processed {
        /// Its group.
        group: Arc<str>,
        /// The partition.
        partition: TopicPartition,
        /// Offset of the first.
        first_offset: i64,
        /// Offset of the last.
        last_offset: i64,
        /// How many.
        records: u32,
    },
    /// A consumer has joined a new generation of its classic group.
    JoinedGroup {
        /// The group.
        group: Arc<str>,
        /// The member: its instance id, or without one its member id.
        member: Arc<str>,
        /// The generation.
        generation: i32,
        /// The assignor that the group chose.
        protocol: Arc<str>,
        /// It leads the group: it assigns.
        leads: bool,
    },
    /// A consumer takes its assignment (`onPartitionsAssigned`).
    PartitionsAssigned {
        /// The group.
        group: Arc<str>,
        /// The member: its instance id, or without one its member id.
        member: Arc<str>,
        /// The generation.
        generation: i32,
        /// What it did not have before: what its listener is told.
        added: Vec<TopicPartition>,
        /// All that it has now.
        owned: Vec<TopicPartition>,
    },
    /// A consumer gives partitions up (`onPartitionsRevoked`).
    PartitionsRevoked {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: Arc<str>,
        /// What it gives up.
        partitions: Vec<TopicPartition>,
    },
    /// A consumer has lost partitions, and perhaps another has them already (`onPartitionsLost`).
    PartitionsLost {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: Arc<str>,
        /// What it has lost.
        partitions: Vec<TopicPartition>,
    },
    /// A consumer leaves its group.
    LeftGroup {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: Arc<str>,
        /// Why, in Kafka's words.
        reason: Arc<str>,
    },
    /// A consumer was told that what it committed is stored.
    CommitAcknowledged {
        /// The group.
        group: Arc<str>,
        /// The generation; -1 outside of one.
        generation: i32,
        /// Each partition with the offset that its group goes on from.
        offsets: Vec<(TopicPartition, i64)>,
    },
    /// A consumer could not commit.
    CommitFailed {
        /// The group.
        group: Arc<str>,
        /// What was to be committed.
        offsets: Vec<(TopicPartition, i64)>,
        /// Kafka's message.
        message: String,
    },
    /// A replica of the metadata log is in a new state (KIP-595).
    QuorumRole {
        /// What it is now: `Follower`, `Candidate`, `Leader` …
        role: Arc<str>,
        /// The quorum's epoch.
        epoch: i32,
        /// The epoch's leader, as far as it is known.
        leader: Option<i32>,
    },
    /// A controller has become the active one of this epoch.
    ControllerActive {
        /// The epoch.
        epoch: i32,
    },
    /// A controller is the active one no more.
    ControllerInactive {
        /// The epoch in which it was.
        epoch: i32,
    },
    /// A node knows a batch of the metadata log to be committed and has applied it.
    MetadataCommitted {
        /// Offset of the batch's first record.
        base_offset: i64,
        /// Offset of its last.
        last_offset: i64,
        /// Epoch of the leader that wrote it.
        epoch: i32,
        /// The batch's checksum.
        crc: u32,
    },
    /// A broker was registered; told by the active controller, as all that the cluster's metadata says.
    BrokerRegistered {
        /// The broker.
        broker: i32,
        /// Its epoch: the offset of its registration in the metadata log.
        epoch: i64,
    },
    /// A broker was taken out of service: no heartbeat came for `broker.session.timeout.ms`, or it shut down.
    BrokerFenced {
        /// The broker.
        broker: i32,
    },
    /// A broker is in service.
    BrokerUnfenced {
        /// The broker.
        broker: i32,
    },
    /// A broker wants to stop, and its leaderships go to others.
    ControlledShutdown {
        /// The broker.
        broker: i32,
    },
    /// A broker was unregistered.
    BrokerUnregistered {
        /// The broker.
        broker: i32,
    },
    /// A config was set that is known, checked and kept, and changes nothing here.
    ConfigNotBuilt {
        /// Its name.
        name: Arc<str>,
    },
    /// A topic is gone.
    TopicDeleted {
        /// Its name.
        topic: Arc<str>,
    },
    /// The metadata of a partition is new or changed.
    PartitionChanged {
        /// The partition.
        partition: TopicPartition,
        /// All replicas, the preferred leader first.
        replicas: Vec<i32>,
        /// The leader, or none.
        leader: Option<i32>,
        /// Goes up with every change of leader.
        leader_epoch: i32,
        /// Goes up with every change.
        partition_epoch: i32,
        /// The in-sync replicas.
        isr: Vec<i32>,
        /// The eligible leader replicas (KIP-966).
        elr: Vec<i32>,
        /// The leader was elected uncleanly and may lack committed records.
        recovering: bool,
    },
    /// A broker has learned that it leads a partition, and from which offset on.
    BecameLeader {
        /// The partition.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: i32,
        /// Its log's end, where the epoch begins.
        start_offset: i64,
    },
    /// A broker has learned whom to follow in a partition.
    BecameFollower {
        /// The partition.
        partition: TopicPartition,
        /// The leader.
        leader: i32,
        /// The leader's epoch.
        leader_epoch: i32,
    },
    /// A follower wrote what it fetched from its leader.
    Replicated {
        /// The partition.
        partition: TopicPartition,
        /// Offset of the first record.
        base_offset: i64,
        /// Offset of the last.
        last_offset: i64,
        /// How many bytes.
        size: u32,
    },
    /// A follower cut its log off where it parts from its leader's.
    Truncated {
        /// The partition.
        partition: TopicPartition,
        /// The log's end before.
        from: i64,
        /// The log's end now.
        to: i64,
    },
    /// A broker has opened its logs.
    LogsRecovered {
        /// It was shut down cleanly before; else the tail of each log was read and checked.
        clean: bool,
        /// How many logs.
        logs: u32,
        /// Bytes that were cut off because they were not whole or not sound.
        truncated_bytes: u64,
    },
    /// A node's process ends by a fault that Kafka does not survive (its ProcessTerminatingFaultHandler).
    FatalFault {
        /// What Kafka's log says of it.
        reason: Arc<str>,
    },
    /// A broker has read a partition of `__consumer_offsets` that it leads, and coordinates its groups now.
    CoordinatorLoaded {
        /// The partition.
        partition: TopicPartition,
        /// How many groups are in it.
        groups: u32,
        /// How many committed offsets.
        offsets: u32,
    },
    /// A broker does not coordinate the groups of a partition any more: another leads it, or it is gone.
    CoordinatorUnloaded {
        /// The partition.
        partition: TopicPartition,
    },
    /// A broker cannot coordinate the groups of a partition: a record in it cannot be read.
    CoordinatorFailed {
        /// The partition.
        partition: TopicPartition,
        /// Why, in a sentence.
        reason: String,
    },
    /// A member is in a group; told by its coordinator, as all of groups.
    MemberJoined {
        /// The group.
        group: Arc<str>,
        /// The member's id.
        member: Arc<str>,
        /// Its `group.instance.id`, if it is a static member (KIP-345).
        instance: Option<Arc<str>>,
    },
    /// A static member came back under a new id, and whoever has the old one is fenced.
    MemberReplaced {
        /// The group.
        group: Arc<str>,
        /// Its `group.instance.id`.
        instance: Arc<str>,
        /// The id that it had.
        old: Arc<str>,
        /// The id that it has.
        member: Arc<str>,
    },
    /// A member is out.
    MemberRemoved {
        /// The group.
        group: Arc<str>,
        /// The member's id.
        member: Arc<str>,
        /// Why, in words that follow on `because`.
        reason: Arc<str>,
    },
    /// A group is to be rebalanced: it waits for its members to join.
    GroupRebalancing {
        /// The group.
        group: Arc<str>,
        /// Its generation, which ends.
        generation: i32,
        /// Why, in Kafka's words.
        reason: String,
    },
    /// A group's members have joined a new generation, and its leader is to assign.
    GroupGeneration {
        /// The group.
        group: Arc<str>,
        /// The new generation.
        generation: i32,
        /// What the members have voted for: of consumers, an assignor.
        protocol: Arc<str>,
        /// The member that assigns.
        leader: Arc<str>,
        /// The members.
        members: Vec<Arc<str>>,
    },
    /// What a group's leader has assigned is in the log, and the members get it.
    GroupAssigned {
        /// The group.
        group: Arc<str>,
        /// Its generation.
        generation: i32,
        /// What each member is assigned.
        assignment: Vec<Assigned>,
    },
    /// A group has no members any more.
    GroupEmpty {
        /// The group.
        group: Arc<str>,
        /// Its new generation.
        generation: i32,
    },
    /// Offsets of a group are committed: they are in its coordinator's log below the high watermark.
    OffsetsCommitted {
        /// The group.
        group: Arc<str>,
        /// The member that committed; empty of somebody outside of the group.
        member: Arc<str>,
        /// The generation that it named; -1 of somebody outside of the group.
        generation: i32,
        /// Each partition with the offset of the next record to read.
        offsets: Vec<(TopicPartition, i64)>,
    },
    /// A client could not go on and told its application why.
    ClientError {
        /// Kafka's message or a plain sentence.
        message: String,
    },
    /// The controller refused to create a topic that a broker asked for by itself.
    TopicNotCreated {
        /// Its name.
        topic: Arc<str>,
        /// Kafka's code.
        error: ErrorCode,
        /// Kafka's message.
        message: String,
    },
}
