//! What an expression comes to in a world.

use super::ast::Node;
use super::error::Position;
use super::expression::{Comparison, Expression, ExpressionKind, Query, Value};
use crate::base::{HostId, SimDuration, SimTime, TopicPartition};
use crate::sim::{GroupInfo, World};
use crate::storage::Log;
use std::cmp::Ordering;

/// What an expression came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluated {
    /// Its value; `none` where it asks for something that the world does not have.
    pub value: Value,
    /// What it asks for that the world does not have, each with the place of the question.
    pub missing: Vec<(Position, String)>,
}

impl Node {
    /// The host that it names in this world, now.
    ///
    /// # Errors
    /// Why it names none.
    pub(super) fn host(&self, world: &World) -> Result<HostId, String> {
        let mut looker = Looker { world, missing: Vec::new() };
        let host = looker.host(self, Position { line: 0, column: 0 });
        host.ok_or_else(|| looker.missing.swap_remove(0).1)
    }
}

impl Expression {
    /// What it comes to in this world, now.
    pub fn evaluate(&self, world: &World) -> Evaluated {
        let mut looker = Looker { world, missing: Vec::new() };
        let value = looker.value(self);
        Evaluated { value, missing: looker.missing }
    }

    /// Whether it is true in this world, now.
    pub fn holds(&self, world: &World) -> bool {
        self.evaluate(world).value == Value::Truth(true)
    }

    /// Why it does not hold, as a sentence.
    pub(crate) fn why_not(&self, world: &World) -> String {
        format!("waited for {} until {}, but {}", self.text, world.now(), self.findings(world))
    }

    /// The values of all functions in it, as a sentence for one who expected otherwise.
    pub(super) fn findings(&self, world: &World) -> String {
        let mut found = Vec::new();
        self.collect_findings(world, &mut found);
        found.dedup();
        match found.is_empty() {
            true => "it has no function of the world".into(),
            false => found.join(", "),
        }
    }

    fn collect_findings(&self, world: &World, found: &mut Vec<String>) {
        match &self.kind {
            ExpressionKind::Literal(_) => {}
            ExpressionKind::Query(_) => {
                let Evaluated { value, missing } = self.evaluate(world);
                found.push(match missing.into_iter().next() {
                    Some((_, message)) => message,
                    None => format!("{} is {value}", self.text),
                });
            }
            ExpressionKind::Compare { left, right, .. }
            | ExpressionKind::And(left, right)
            | ExpressionKind::Or(left, right) => {
                left.collect_findings(world, found);
                right.collect_findings(world, found);
            }
            ExpressionKind::Not(inner) => inner.collect_findings(world, found),
            ExpressionKind::LawsHold => found.extend(broken_laws(world)),
            ExpressionKind::LawHolds(name) => found.push(law_finding(world, name)),
        }
    }

    /// The moments at which a predicate may come true with nothing happening in the world: those that it compares
    /// `time()` with.
    pub(crate) fn moments(&self) -> Vec<SimTime> {
        match &self.kind {
            ExpressionKind::Compare { left, right, .. } => {
                let sides = [left, right];
                let durations = sides.iter().filter_map(|side| match side.kind {
                    ExpressionKind::Literal(Value::Duration(span)) => Some(SimTime::ZERO + span),
                    _ => None,
                });
                durations.flat_map(|moment| [moment, moment + SimDuration(1)]).collect()
            }
            ExpressionKind::And(left, right) | ExpressionKind::Or(left, right) => {
                let mut all = left.moments();
                all.extend(right.moments());
                all
            }
            ExpressionKind::Not(inner) => inner.moments(),
            _ => Vec::new(),
        }
    }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Value {
    Value::Set(names.map(|name| Value::Name(name.to_owned())).collect())
}

fn broken_laws(world: &World) -> Vec<String> {
    let laws = world.laws();
    if laws.iter().all(|law| law.breach.is_none()) {
        return vec!["all laws hold".into()];
    }
    laws.iter().filter(|law| law.breach.is_some()).map(|law| law_finding(world, &law.name)).collect()
}

fn law_finding(world: &World, name: &str) -> String {
    match world.laws().into_iter().find(|law| law.name == name) {
        None => no_law(world, name),
        Some(law) => match law.breach {
            None => format!("law {name} holds"),
            Some(breach) => format!("law {name} is broken since event {}: {}", breach.event.0, breach.what),
        },
    }
}

fn no_law(world: &World, name: &str) -> String {
    let names: Vec<_> = world.laws().iter().map(|law| law.name.to_string()).collect();
    no_such("law", name, &names)
}

/// `no producer p9: producers are p1, p2`.
fn no_such(kind: &str, name: &str, known: &[String]) -> String {
    match known.is_empty() {
        true => format!("no {kind} {name}: there are no {kind}s"),
        false => format!("no {kind} {name}: {kind}s are {}", known.join(", ")),
    }
}

struct Looker<'a> {
    world: &'a World,
    missing: Vec<(Position, String)>,
}

impl<'a> Looker<'a> {
    fn value(&mut self, expression: &Expression) -> Value {
        match &expression.kind {
            ExpressionKind::Literal(value) => value.clone(),
            ExpressionKind::Query(query) => self.query(query, expression.at),
            ExpressionKind::Compare { operator, left, right } => {
                let (left, right) = (self.value(left), self.value(right));
                Value::Truth(compare(*operator, &left, &right))
            }
            // Both sides are always looked at, so that what is missing does not depend on the other side.
            ExpressionKind::And(left, right) => Value::Truth(self.truth(left) & self.truth(right)),
            ExpressionKind::Or(left, right) => Value::Truth(self.truth(left) | self.truth(right)),
            ExpressionKind::Not(inner) => Value::Truth(!self.truth(inner)),
            ExpressionKind::LawsHold => Value::Truth(self.world.laws().iter().all(|law| law.breach.is_none())),
            ExpressionKind::LawHolds(name) => self.law(name, expression.at),
        }
    }

    fn truth(&mut self, expression: &Expression) -> bool {
        self.value(expression) == Value::Truth(true)
    }

    fn law(&mut self, name: &str, at: Position) -> Value {
        match self.world.laws().iter().find(|law| law.name == name) {
            Some(law) => Value::Truth(law.breach.is_none()),
            None => self.miss(at, no_law(self.world, name)),
        }
    }

    fn miss(&mut self, at: Position, message: String) -> Value {
        self.missing.push((at, message));
        Value::None
    }

    fn query(&mut self, query: &Query, at: Position) -> Value {
        match query {
            Query::Leader(tp) => self.partition(tp, at, |p| p.leader.map_or(Value::None, number)),
            Query::Isr(tp) => self.partition(tp, at, |p| ids(&p.isr)),
            Query::Elr(tp) => self.partition(tp, at, |p| ids(&p.elr)),
            Query::Replicas(tp) => self.partition(tp, at, |p| ids(&p.replicas)),
            Query::Epoch(tp) => self.partition(tp, at, |p| number(p.leader_epoch)),
            Query::PartitionEpoch(tp) => self.partition(tp, at, |p| number(p.partition_epoch)),
            Query::HighWatermark(tp, broker) => self.log(tp, *broker, at, Log::high_watermark),
            Query::LogEnd(tp, broker) => self.log(tp, *broker, at, Log::log_end_offset),
            Query::LogStart(tp, broker) => self.log(tp, *broker, at, Log::log_start_offset),
            Query::LogSize(tp, broker) => self.log(tp, *broker, at, |log| log.size() as i64),
            Query::Acked(name) => self.producer(name, at, |p| count(p.acked())),
            Query::Failed(name) => self.producer(name, at, |p| count(p.failed())),
            Query::LastError(name) if self.world.consumer(name).is_some() => {
                let consumer = self.world.consumer(name).expect("it was just there");
                consumer.last_error().map_or(Value::None, |error| Value::Name(error.into()))
            }
            Query::LastError(name) => {
                self.producer(name, at, |p| p.last_error().map_or(Value::None, |error| Value::Name(error.into())))
            }
            Query::ProducerId(name) => self.producer(name, at, |p| p.producer_id().map_or(Value::None, Value::Number)),
            Query::ProducerEpoch(name) => {
                self.producer(name, at, |p| p.epoch().map_or(Value::None, |epoch| number(i32::from(epoch))))
            }
            Query::BufferAvailable(name) => self.producer(name, at, |p| count(p.buffer_available_bytes())),
            Query::Lost => count(self.world.lost()),
            Query::Delivered(name) => match self.world.consumer(name) {
                Some(consumer) => count(consumer.delivered()),
                None => self.miss(at, no_consumer(self.world, name)),
            },
            Query::NodeState(node) => self.state(node, at),
            Query::Time => Value::Duration(self.world.now().since(SimTime::ZERO)),
            Query::Controller => self.world.active_controller().map_or(Value::None, number),
            Query::Assigned(name) => match self.world.consumer(name) {
                Some(consumer) => {
                    let name = |tp: TopicPartition| Value::Name(tp.to_string());
                    Value::Set(consumer.assigned().into_iter().map(name).collect())
                }
                None => self.miss(at, no_consumer(self.world, name)),
            },
            Query::Topics(name) if self.world.consumer(name).is_some() => {
                let consumer = self.world.consumer(name).expect("it was just there");
                names(consumer.known_topics())
            }
            Query::Topics(name) => self.producer(name, at, |p| names(p.known_topics())),
            Query::Worked(name) => match self.world.consumer(name) {
                Some(consumer) => count(consumer.worked()),
                None => self.miss(at, no_consumer(self.world, name)),
            },
            Query::Position(name, tp) => match self.world.consumer(name) {
                Some(consumer) => {
                    let positions = consumer.positions().into_iter();
                    positions
                        .filter(|(known, _)| known == tp)
                        .map(|(_, at)| Value::Number(at))
                        .next()
                        .unwrap_or(Value::None)
                }
                None => self.miss(at, no_consumer(self.world, name)),
            },
            Query::Duplicates(group) => count(self.world.duplicates(group)),
            Query::Unprocessed(group) => count(self.world.unprocessed(group)),
            Query::Lag(group, tp) => self.group(group, at, |world, info| lag(world, info, tp.as_ref())),
            Query::Committed(group, tp) => {
                self.group(group, at, |_, info| committed(info, tp).map_or(Value::None, Value::Number))
            }
            Query::Members(group) => self.group(group, at, |_, info| {
                Value::Set(info.members.iter().map(|member| Value::Name(member.client.to_string())).collect())
            }),
            Query::Generation(group) => self.group(group, at, |_, info| number(info.generation)),
            Query::GroupState(group) => self.group(group, at, |_, info| Value::Name(info.state.into())),
            Query::Coordinator(group) => self.world.coordinator(group).map_or(Value::None, number),
        }
    }

    fn partition(
        &mut self,
        tp: &TopicPartition,
        at: Position,
        look: impl FnOnce(crate::sim::PartitionInfo) -> Value,
    ) -> Value {
        match self.world.partition(tp) {
            Some(info) => look(info),
            None => self.miss(at, no_partition(self.world, tp)),
        }
    }

    /// What a replica's log says: the leader's, or that of the broker that was named.
    fn log(&mut self, tp: &TopicPartition, broker: Option<i32>, at: Position, look: fn(&Log) -> i64) -> Value {
        let Some(info) = self.world.partition(tp) else {
            return self.miss(at, no_partition(self.world, tp));
        };
        let Some(id) = broker.or(info.leader) else { return Value::None };
        match self.world.replica(id, tp) {
            Some(log) => Value::Number(look(log)),
            None => {
                self.miss(at, format!("broker {id} has no replica of {tp}; its replicas are {}", ids(&info.replicas)))
            }
        }
    }

    fn group(&mut self, name: &str, at: Position, look: impl FnOnce(&World, &GroupInfo) -> Value) -> Value {
        match self.world.group(name) {
            Some(info) => look(self.world, &info),
            None => self.miss(at, no_group(self.world, name)),
        }
    }

    fn producer(&mut self, name: &str, at: Position, look: impl FnOnce(&crate::client::Producer) -> Value) -> Value {
        match self.world.producer(name) {
            Some(producer) => look(producer),
            None => self.miss(at, no_producer(self.world, name)),
        }
    }

    fn state(&mut self, node: &Node, at: Position) -> Value {
        match self.host(node, at) {
            Some(host) => Value::Name(self.world.host_state(host).into()),
            None => Value::None,
        }
    }

    fn host(&mut self, node: &Node, at: Position) -> Option<HostId> {
        let (name, missing) = match node {
            Node::Broker(id) => (format!("broker {id}"), no_such("broker", &id.to_string(), &broker_ids(self.world))),
            Node::Controller(id) => {
                let known: Vec<_> = self.world.controllers().iter().map(|c| c.id.to_string()).collect();
                (controller_host(self.world, *id), no_such("controller", &id.to_string(), &known))
            }
            Node::Producer(name) => (format!("producer {name}"), no_producer(self.world, name)),
            Node::Consumer(name) => (format!("consumer {name}"), no_consumer(self.world, name)),
            Node::Outside => ("outside".into(), "nobody has come from outside: that is what a gateway is for".into()),
            Node::Found(function) => match self.value(function) {
                Value::Number(id) => {
                    let id = i32::try_from(id).ok()?;
                    let is_broker = self.world.brokers().any(|(_, server)| server.id() == id);
                    return self.host(&if is_broker { Node::Broker(id) } else { Node::Controller(id) }, at);
                }
                _ => (String::new(), format!("{} names no host now", function.text)),
            },
        };
        let host = self.world.host_named(&name);
        if host.is_none() {
            self.miss(at, missing);
        }
        host
    }
}

/// The host of a controller: a node of its own, or its broker's.
fn controller_host(world: &World, id: i32) -> String {
    let known = world.controllers().into_iter().find(|controller| controller.id == id);
    known.map(|controller| world.host_name(controller.host).to_owned()).unwrap_or_default()
}

fn no_producer(world: &World, name: &str) -> String {
    let names: Vec<_> = world.producers().map(|(_, producer)| producer.name().to_owned()).collect();
    no_such("producer", name, &names)
}

fn no_consumer(world: &World, name: &str) -> String {
    let names: Vec<_> = world.consumers().map(|(_, consumer)| consumer.name().to_owned()).collect();
    no_such("consumer", name, &names)
}

fn no_group(world: &World, name: &str) -> String {
    let groups: Vec<String> = world.groups().iter().map(|group| group.id.to_string()).collect();
    no_such("group", name, &groups)
}

/// The offset that a group has committed for a partition.
fn committed(group: &GroupInfo, tp: &TopicPartition) -> Option<i64> {
    group.committed.iter().find(|(partition, _)| partition == tp).map(|(_, offset)| *offset)
}

/// How many records lie between what a group has committed and the leader's high watermark: of one partition, or of all
/// for which it has committed an offset. None where it has not.
fn lag(world: &World, group: &GroupInfo, tp: Option<&TopicPartition>) -> Value {
    let of = |(partition, offset): &(TopicPartition, i64)| {
        let leader = world.partition(partition)?.leader?;
        Some(world.replica(leader, partition)?.high_watermark() - offset)
    };
    let asked = group.committed.iter().filter(|(partition, _)| tp.is_none_or(|tp| tp == partition));
    let lags: Vec<Option<i64>> = asked.map(of).collect();
    match lags.is_empty() {
        true => Value::None,
        false => lags.into_iter().sum::<Option<i64>>().map_or(Value::None, Value::Number),
    }
}

fn broker_ids(world: &World) -> Vec<String> {
    world.brokers().map(|(_, broker)| broker.id().to_string()).collect()
}

fn no_partition(world: &World, tp: &TopicPartition) -> String {
    let topics: Vec<_> = world.topics().iter().map(|t| format!("{} ({} partitions)", t.name, t.partitions)).collect();
    match topics.is_empty() {
        true => format!("no partition {tp}: there are no topics"),
        false => format!("no partition {tp}: topics are {}", topics.join(", ")),
    }
}

fn number(n: i32) -> Value {
    Value::Number(i64::from(n))
}

fn count(n: u64) -> Value {
    Value::Number(i64::try_from(n).unwrap_or(i64::MAX))
}

fn ids(ids: &[i32]) -> Value {
    Value::Set(ids.iter().copied().map(number).collect())
}

fn compare(operator: Comparison, left: &Value, right: &Value) -> bool {
    let ordering = match (left, right) {
        (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        (Value::Set(a), Value::Set(b)) => same_members(a, b).then_some(Ordering::Equal),
        (a, b) => (a == b).then_some(Ordering::Equal),
    };
    match operator {
        Comparison::Equal => ordering == Some(Ordering::Equal),
        Comparison::NotEqual => ordering != Some(Ordering::Equal),
        // Neither greater nor less holds of `none`.
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::AtMost => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        Comparison::AtLeast => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
    }
}

fn same_members(a: &[Value], b: &[Value]) -> bool {
    a.iter().all(|member| b.contains(member)) && b.iter().all(|member| a.contains(member))
}
