//! Expressions: what can be asked of a world.

use super::ast::Node;
use super::error::Position;
use crate::base::{SimDuration, TopicPartition};
use std::fmt;

/// An expression and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// Where it starts.
    pub at: Position,
    /// Its text.
    pub text: String,
    /// What it is.
    pub kind: ExpressionKind,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpressionKind {
    /// A value as it stands: a number, a duration, a name, `none`, a set in braces.
    Literal(Value),
    /// A function of the world.
    Query(Query),
    /// `LEFT = RIGHT` and its relatives.
    Compare {
        /// How the sides are compared.
        operator: Comparison,
        /// The left side.
        left: Box<Expression>,
        /// The right side.
        right: Box<Expression>,
    },
    /// Both hold.
    And(Box<Expression>, Box<Expression>),
    /// At least one holds.
    Or(Box<Expression>, Box<Expression>),
    /// It does not hold.
    Not(Box<Expression>),
    /// `laws hold`.
    LawsHold,
    /// `law(NAME) holds`.
    LawHolds(String),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// A function of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// `leader(tp)`: the leader's id.
    Leader(TopicPartition),
    /// `isr(tp)`: the in-sync replicas.
    Isr(TopicPartition),
    /// `elr(tp)`: the eligible leader replicas.
    Elr(TopicPartition),
    /// `replicas(tp)`.
    Replicas(TopicPartition),
    /// `epoch(tp)`: the leader epoch.
    Epoch(TopicPartition),
    /// `partition-epoch(tp)`.
    PartitionEpoch(TopicPartition),
    /// `hw(tp[, broker])`: the high watermark, as the leader or that broker knows it.
    HighWatermark(TopicPartition, Option<i32>),
    /// `leo(tp[, broker])`: the log's end offset at the leader or that broker.
    LogEnd(TopicPartition, Option<i32>),
    /// `start(tp[, broker])`: the log's start offset at the leader or that broker.
    LogStart(TopicPartition, Option<i32>),
    /// `size(tp[, broker])`: the log's size in bytes at the leader or that broker.
    LogSize(TopicPartition, Option<i32>),
    /// `last-error(client)`: Kafka's words for why a producer last gave records up, or for the last exception of a consumer.
    LastError(String),
    /// `producer-id(producer)`: the idempotent producer's id.
    ProducerId(String),
    /// `producer-epoch(producer)`: the idempotent producer's epoch.
    ProducerEpoch(String),
    /// `buffer-available(producer)`: how much of its `buffer.memory` is free, in bytes.
    BufferAvailable(String),
    /// `acked(producer)`: how many records were acknowledged to it.
    Acked(String),
    /// `failed(producer)`: how many records it gave up.
    Failed(String),
    /// `lost()`: acknowledged records that are in no committed log.
    Lost,
    /// `delivered(consumer)`: how many records its application got.
    Delivered(String),
    /// `worked(consumer)`: how many records its application has worked on.
    Worked(String),
    /// `position(consumer, tp)`: the offset of the next record that it will be given.
    Position(String, TopicPartition),
    /// `duplicates(group)`: how often a group's applications worked on a record that was worked on before.
    Duplicates(String),
    /// `unprocessed(group)`: records before the committed offset that none of a group's applications worked on.
    Unprocessed(String),
    /// `lag(group[, tp])`: records that a group has yet to commit.
    Lag(String, Option<TopicPartition>),
    /// `committed(group, tp)`: the committed offset.
    Committed(String, TopicPartition),
    /// `assigned(consumer)`: its partitions.
    Assigned(String),
    /// `topics(client)`: the topics of which a producer or consumer has metadata.
    Topics(String),
    /// `members(group)`.
    Members(String),
    /// `generation(group)`: a classic group's generation, a new one's epoch.
    Generation(String),
    /// `state(NODE)`: what a host is doing.
    NodeState(Box<Node>),
    /// `state(group)`.
    GroupState(String),
    /// `time()`: since the world's start.
    Time,
    /// `controller()`: the active controller's id.
    Controller,
    /// `coordinator(group)`: the id of the broker that coordinates the group.
    Coordinator(String),
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `none`: there is no such thing now.
    None,
    /// A count, an offset, an epoch, a host's id.
    Number(i64),
    /// A span of virtual time.
    Duration(SimDuration),
    /// A name or a state.
    Name(String),
    /// Several values, in the order in which the world keeps them, which matters to no comparison.
    Set(Vec<Value>),
    /// Whether a predicate holds.
    Truth(bool),
}

/// As scripts write it: `3`, `12s`, `{2,3}`, `none`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Number(n) => n.fmt(f),
            Self::Duration(d) => d.fmt(f),
            Self::Name(name) => f.write_str(name),
            Self::Truth(truth) => truth.fmt(f),
            Self::Set(members) => {
                f.write_str("{")?;
                for (i, member) in members.iter().enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    write!(f, "{comma}{member}")?;
                }
                f.write_str("}")
            }
        }
    }
}

/// What kind of value an expression has; known without a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Always `none`.
    None,
    /// A number, or `none`.
    Number,
    /// A duration.
    Duration,
    /// A name, or `none`.
    Name,
    /// A set, or `none`.
    Set,
    /// True or false.
    Truth,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Number => "a number",
            Self::Duration => "a duration",
            Self::Name => "a name",
            Self::Set => "a set",
            Self::Truth => "true or false",
        })
    }
}

impl Value {
    /// What kind of value this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::None => Kind::None,
            Self::Number(_) => Kind::Number,
            Self::Duration(_) => Kind::Duration,
            Self::Name(_) => Kind::Name,
            Self::Set(_) => Kind::Set,
            Self::Truth(_) => Kind::Truth,
        }
    }
}

impl Query {
    /// What kind of value it gives.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Isr(_)
            | Self::Elr(_)
            | Self::Replicas(_)
            | Self::Assigned(_)
            | Self::Topics(_)
            | Self::Members(_) => Kind::Set,
            Self::NodeState(_) | Self::GroupState(_) | Self::LastError(_) => Kind::Name,
            Self::Time => Kind::Duration,
            _ => Kind::Number,
        }
    }
}

impl Expression {
    /// What kind of value it has.
    pub fn kind(&self) -> Kind {
        match &self.kind {
            ExpressionKind::Literal(value) => value.kind(),
            ExpressionKind::Query(query) => query.kind(),
            _ => Kind::Truth,
        }
    }
}

impl Comparison {
    /// Whether it asks which of two values is the greater, which only numbers and durations have.
    pub fn is_order(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}
