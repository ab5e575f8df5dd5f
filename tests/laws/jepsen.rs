//! Histories of running worlds, as clients could tell them, under Jepsen's checker: it knows nothing of brokers and logs,
//! and comes to the same judgement as the laws.

use bytes::Bytes;
use kafka_terrarium::base::{HostId, SimTime};
use kafka_terrarium::check::jepsen::{Action, Anomaly, Kind, Op, Outcome, Step, anomalies};
use kafka_terrarium::machine::Fact;
use kafka_terrarium::script::{Runner, Script, Turn};
use kafka_terrarium::sim::{TraceEvent, TraceKind};
use kafka_terrarium::wire::{Message, RequestKind, ResponseKind, records};
use std::collections::{BTreeMap, BTreeSet};

/// Partition and values of a batch that a producer has sent.
type Sent = (String, Vec<String>);

/// What clients did and were told. A batch is an operation of its producer, a poll one of its consumer.
#[derive(Default)]
struct History {
    ops: Vec<Op>,
    /// Batches by their producer and checksum that have no answer yet.
    pending: BTreeMap<(HostId, u32), Sent>,
    /// What consumers were sent, by partition and offset.
    fetched: BTreeMap<(HostId, String, i64), String>,
}

fn values(batch: &Bytes) -> Vec<(i64, String)> {
    let text = |value: Option<Bytes>| String::from_utf8(value.expect("a value").to_vec()).expect("a text");
    let records = records::decode(batch).expect("records");
    records.into_iter().map(|(offset, record)| (offset, text(record.value))).collect()
}

impl History {
    /// Reads a trace of a world in which all is about the topic `t`.
    fn read(&mut self, event: &TraceEvent) {
        match &event.kind {
            TraceKind::Sent { packet, message: Message::Request(request) } => {
                if let RequestKind::Produce(body) = &request.body {
                    for partition in body.topic_data.iter().flat_map(|topic| &topic.partition_data) {
                        let batches = records::split(partition.records.clone().unwrap_or_default()).expect("batches");
                        for (header, batch) in batches {
                            let values = values(&batch).into_iter().map(|(_, value)| value).collect();
                            self.pending.insert((packet.from, header.crc), (partition.index.to_string(), values));
                        }
                    }
                }
            }
            TraceKind::Sent { packet, message: Message::Response(response) } => {
                if let ResponseKind::Fetch(body) = &response.body {
                    for partition in body.responses.iter().flat_map(|topic| &topic.partitions) {
                        let batches = records::split(partition.records.clone().unwrap_or_default());
                        let batches = batches.unwrap_or_default();
                        // Of the metadata log, which brokers fetch, nothing is for consumers.
                        for (offset, value) in batches.iter().flat_map(|(_, batch)| plain_values(batch)) {
                            self.fetched.insert((packet.to, partition.partition_index.to_string(), offset), value);
                        }
                    }
                }
            }
            TraceKind::Fact(fact) => self.hear(event.host.expect("a machine's"), fact),
            _ => {}
        }
    }

    fn hear(&mut self, host: HostId, fact: &Fact) {
        match fact {
            Fact::Acknowledged { base_offset, crc, .. } => {
                let (key, values) = self.pending.remove(&(host, *crc)).expect("it was sent");
                let offsets = *base_offset..;
                let sends = offsets.zip(values).map(|(offset, value)| {
                    let offset = Some(offset).filter(|_| *base_offset >= 0);
                    Action::Send { key: key.clone(), value, offset }
                });
                self.did(host, Outcome::Ok, sends.collect());
            }
            Fact::Polled { partition, first_offset, last_offset, .. } => {
                let key = partition.partition.to_string();
                let read = (*first_offset..=*last_offset)
                    .filter_map(|offset| Some((offset, self.fetched.get(&(host, key.clone(), offset))?.clone())));
                let polled = BTreeMap::from([(key.clone(), read.collect())]);
                self.did(host, Outcome::Ok, vec![Action::Poll(polled)]);
            }
            _ => {}
        }
    }

    fn did(&mut self, host: HostId, outcome: Outcome, actions: Vec<Action>) {
        let (index, process) = (self.ops.len(), i64::from(host.0));
        let kind = Kind::Work(actions);
        self.ops.push(Op { index, process, outcome, kind, is_txn: false, rebalanced: BTreeSet::new() });
    }

    /// What has no answer in the end may have been written. (A batch that was sent anew, with another checksum, has one.)
    fn end(mut self) -> Vec<Op> {
        let told: BTreeSet<String> = self.ops.iter().flat_map(sent_values).collect();
        for ((host, _), (key, values)) in std::mem::take(&mut self.pending) {
            let untold = values.into_iter().filter(|value| !told.contains(value));
            let sends = untold.map(|value| Action::Send { key: key.clone(), value, offset: None });
            self.did(host, Outcome::Info, sends.collect());
        }
        self.ops
    }
}

fn sent_values(op: &Op) -> Vec<String> {
    let Kind::Work(actions) = &op.kind else { return Vec::new() };
    let value = |action: &Action| match action {
        Action::Send { value, .. } => Some(value.clone()),
        Action::Poll(_) => None,
    };
    actions.iter().filter_map(value).collect()
}

fn plain_values(batch: &Bytes) -> Vec<(i64, String)> {
    let records = records::decode(batch).unwrap_or_default();
    let text = |value: Option<Bytes>| String::from_utf8(value?.to_vec()).ok();
    records.into_iter().filter_map(|(offset, record)| Some((offset, text(record.value)?))).collect()
}

/// Plays a script to its end: the history, and what the laws say of losses.
fn played(script: &str) -> (Vec<Op>, Runner) {
    let script = Script::parse(script).unwrap_or_else(|error| panic!("{error}"));
    let mut runner = Runner::new(script, 1);
    let mut history = History::default();
    while !runner.is_done() {
        assert_ne!(runner.turn(SimTime(u64::MAX)), Turn::Rests);
        runner.world_mut().take_trace().iter().for_each(|event| history.read(event));
    }
    assert_eq!(runner.stopped(), None);
    (history.end(), runner)
}

/// Anomalies but those that Kafka allows: others' writes may lie between those of one send.
fn wrong(history: &[Op]) -> Vec<Anomaly> {
    let is_allowed = |anomaly: &Anomaly| matches!(anomaly, Anomaly::Step { what: Step::IntSendSkip, .. });
    anomalies(history).into_iter().filter(|anomaly| !is_allowed(anomaly)).collect()
}

fn script(producers: &str, faults: &str) -> String {
    format!(
        "cluster --brokers 3 --controllers 3\n\
         kafka-topics.sh --create --topic t --replica-assignment 1:2:3,2:3:1 --config min.insync.replicas=2\n\
         {producers}\n\
         consumer c1 --topic t --consumer-property auto.offset.reset=earliest\n\
         run 5s\n\
         {faults}\n"
    )
}

fn sends(history: &[Op], outcome: Outcome) -> usize {
    history.iter().filter(|op| op.outcome == outcome).map(|op| sent_values(op).len()).sum()
}

#[test]
fn nothing_is_wrong_with_idempotent_producers_while_leaders_die() {
    let two = "producer p --topic t --rate 20/s --producer-property acks=all\n\
               producer q --topic t --rate 20/s --producer-property acks=all";
    let faults = "crash broker 1\nrun 20s\nstart broker 1\nrun 20s\npower-loss broker 2\nrun 20s\nstart broker 2\nrun 20s\n\
                  close p\nclose q\nrun 3s\n";
    let (history, runner) = played(&script(two, faults));
    assert!(sends(&history, Outcome::Ok) > 2_000, "{} sends", sends(&history, Outcome::Ok));
    assert_eq!(wrong(&history), []);
    assert!(runner.world().laws_hold());
}

/// A leader that stands still wakes as a zombie and acknowledges what will be cut off.
#[test]
fn a_zombie_s_acknowledgements_are_lost_writes() {
    let one =
        "producer p --topic t --rate 20/s --producer-property acks=1 --producer-property enable.idempotence=false";
    let faults = "pause broker 1\nrun 20s\nresume broker 1\nrun 20s\nclose p\nrun 3s\n";
    let (history, runner) = played(&script(one, faults));
    let wrong = wrong(&history);
    let told = |name: &str| {
        let is = |anomaly: &&Anomaly| match anomaly {
            Anomaly::InconsistentOffsets { .. } => name == "offsets",
            Anomaly::LostWrite { .. } => name == "lost",
            Anomaly::Unseen { .. } => name == "unseen",
            Anomaly::Step { what: Step::NonmonotonicSend, .. } => name == "back",
            other => panic!("{other:?}"),
        };
        wrong.iter().filter(is).count()
    };
    let lost = runner.world().lost();
    assert!(lost > 50, "{lost} records");
    assert_eq!(told("unseen") as u64, lost, "what nobody reads in the end is what the laws call lost");
    // Their offsets are given to others, so what follows them comes before them, and is read where they were.
    let [offsets, lost, back] = ["offsets", "lost", "back"].map(told);
    assert!(offsets > 0 && lost > 0 && back > 0, "{offsets}, {lost} and {back}");
}
