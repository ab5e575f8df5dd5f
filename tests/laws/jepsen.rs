//! Histories of running worlds, as clients could tell them, under Jepsen's checker: it knows nothing of brokers and logs,
//! and comes to the same judgement as the laws.

use bytes::Bytes;
use kafka_terrarium::base::{HostId, SimTime, SortedMap, SortedSet};
use kafka_terrarium::check::jepsen::{Action, Anomaly, Kind, Moment, Op, Outcome, Step, anomalies, worst_realtime_lag};
use kafka_terrarium::machine::Fact;
use kafka_terrarium::script::{Runner, Script, Turn};
use kafka_terrarium::sim::{TraceEvent, TraceKind};
use kafka_terrarium::wire::{Message, RequestKind, ResponseKind, records};

/// Partition and values of a batch that a producer has sent.
type Sent = (String, Vec<String>);

/// What clients did and were told. A batch is an operation of its producer, a poll one of its consumer.
#[derive(Default)]
struct History {
    ops: Vec<Op>,
    /// Batches by their producer and checksum that have no answer yet.
    pending: SortedMap<(HostId, u32), Sent>,
    /// When each value was sent first, by its producer.
    first_sent: SortedMap<(HostId, String), Moment>,
    /// When each consumer's last poll that brought something began, which is when the one before was over, and when it
    /// was over itself.
    polls: SortedMap<HostId, (Option<Moment>, Moment)>,
    /// What consumers were sent, by partition and offset.
    fetched: SortedMap<(HostId, String, i64), String>,
    /// How many operations have begun and ended.
    moments: usize,
    time_us: u64,
}

fn values(batch: &Bytes) -> Vec<(i64, String)> {
    let text = |value: Option<Bytes>| String::from_utf8(value.expect("a value").to_vec()).expect("a text");
    let records = records::decode(batch).expect("records");
    records.into_iter().map(|(offset, record)| (offset, text(record.value))).collect()
}

impl History {
    /// Reads a trace of a world in which all is about the topic `t`.
    fn read(&mut self, event: &TraceEvent) {
        self.time_us = event.at.0;
        match &event.kind {
            TraceKind::Sent { packet, message: Message::Request(request) } => {
                if let RequestKind::Produce(body) = &request.body {
                    for partition in body.topic_data.iter().flat_map(|topic| &topic.partition_data) {
                        let batches = records::split(partition.records.clone().unwrap_or_default()).expect("batches");
                        for (header, batch) in batches {
                            let values: Vec<String> = values(&batch).into_iter().map(|(_, value)| value).collect();
                            let now = self.moment();
                            self.first_sent.entry((packet.from, values[0].clone())).or_insert(now);
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
                let sends: Vec<Action> = sends.collect();
                let began = self.began(host, &sends);
                self.did(host, began, Outcome::Ok, sends);
            }
            Fact::Polled { partition, first_offset, last_offset, .. } => {
                let key = partition.partition.to_string();
                let read = (*first_offset..=*last_offset)
                    .filter_map(|offset| Some((offset, self.fetched.get(&(host, key.clone(), offset))?.clone())));
                let polled = SortedMap::from([(key.clone(), read.collect())]);
                // A poll that brings records of several partitions is told of once for each.
                let began = self.polls.get(&host).and_then(|(began, end)| match end.time_us == self.time_us {
                    true => *began,
                    false => Some(*end),
                });
                self.did(host, began, Outcome::Ok, vec![Action::Poll(polled)]);
                let end = self.moment();
                self.polls.insert(host, (began, end));
            }
            _ => {}
        }
    }

    fn moment(&mut self) -> Moment {
        self.moments += 1;
        Moment { index: self.moments, time_us: self.time_us }
    }

    /// When a batch was begun to be sent.
    fn began(&self, host: HostId, sends: &[Action]) -> Option<Moment> {
        let Some(Action::Send { value, .. }) = sends.first() else { return None };
        self.first_sent.get(&(host, value.clone())).copied()
    }

    fn did(&mut self, host: HostId, began: Option<Moment>, outcome: Outcome, actions: Vec<Action>) {
        let (Moment { index, time_us }, process, kind) = (self.moment(), i64::from(host.0), Kind::Work(actions));
        let rebalanced = SortedSet::new();
        self.ops.push(Op { index, time_us, began, process, outcome, kind, is_txn: false, rebalanced });
    }

    /// What has no answer in the end may have been written. (A batch that was sent anew, with another checksum, has one.)
    fn end(mut self) -> Vec<Op> {
        let told: SortedSet<String> = self.ops.iter().flat_map(sent_values).collect();
        let mut pending: Vec<_> = std::mem::take(&mut self.pending).into_iter().collect();
        pending.sort_by_key(|((host, _), (_, values))| self.first_sent[&(*host, values[0].clone())].index);
        for ((host, _), (key, values)) in pending {
            let untold = values.into_iter().filter(|value| !told.contains(value));
            let sends = untold.map(|value| Action::Send { key: key.clone(), value, offset: None });
            let sends: Vec<Action> = sends.collect();
            let began = self.began(host, &sends);
            self.did(host, began, Outcome::Info, sends);
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

/// Anomalies but those that Kafka allows: others' writes may lie between those of one send. Circles of writes are told
/// all the same: sends of one batch each have none while a partition's records stay.
fn wrong(history: &[Op]) -> Vec<Anomaly> {
    let is_allowed = |anomaly: &Anomaly| matches!(anomaly, Anomaly::Step { what: Step::IntSendSkip, .. });
    anomalies(history).into_iter().filter(|anomaly| !is_allowed(anomaly)).collect()
}

fn worst_lag_ms(history: &[Op]) -> u64 {
    worst_realtime_lag(history).expect("there are polls").lag_us / 1_000
}

/// The circles of a history, and whether Kafka allows them.
fn circles(history: &[Op]) -> Vec<(&'static str, bool)> {
    let circle = |anomaly: Anomaly| match anomaly {
        Anomaly::Cycle(cycle) => Some((cycle.name, cycle.is_allowed())),
        _ => None,
    };
    anomalies(history).into_iter().filter_map(circle).collect()
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
    assert!(worst_lag_ms(&history) < 1_000, "nobody is asked to wait while a leader is missed");
}

/// A leader that stands still wakes as a zombie and acknowledges what will be cut off, until it hears of its successor;
/// here not for a second.
#[test]
fn a_zombie_s_acknowledgements_are_lost_writes() {
    let one =
        "producer p --topic t --rate 20/s --producer-property acks=1 --producer-property enable.idempotence=false";
    let faults = "pause broker 1\nrun 20s\n\
                  cut broker 1 controller 101\ncut broker 1 controller 102\ncut broker 1 controller 103\n\
                  resume broker 1\nrun 1s\nheal\nrun 20s\nclose p\nrun 3s\n";
    let (history, runner) = played(&script(one, faults));
    let wrong = wrong(&history);
    let told = |name: &str| {
        let is = |anomaly: &&Anomaly| match anomaly {
            Anomaly::InconsistentOffsets { .. } => name == "offsets",
            Anomaly::LostWrite { .. } => name == "lost",
            Anomaly::Unseen { .. } => name == "unseen",
            Anomaly::Step { what: Step::NonmonotonicSend, .. } => name == "back",
            Anomaly::Cycle(cycle) => name == cycle.name,
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
    // The producer's own order is against the log's.
    assert!(told("G0-process") > 0);
    assert!(worst_lag_ms(&history) > 19_000, "{} ms: while it stands still nobody reads", worst_lag_ms(&history));
}

/// A reader that is slower than the writers is behind for longer and longer.
#[test]
fn a_slow_application_lags() {
    let lag = |work: &str| {
        let (history, _) = played(&format!(
            "cluster --brokers 1 --controllers 1\n\
             kafka-topics.sh --create --topic t --partitions 1\n\
             producer p --topic t --rate 20/s\n\
             consumer c --topic t {work} --consumer-property auto.offset.reset=earliest \
             --consumer-property max.poll.records=5\n\
             run 30s\n"
        ));
        assert_eq!(circles(&history), [("", false); 0]);
        worst_lag_ms(&history)
    };
    let (fast, slow) = (lag("--work 1ms"), lag("--work 100ms"));
    assert!(fast < 200 && slow > 5_000, "{fast} ms and {slow} ms");
}

/// An unclean election takes away what was read, and gives its offsets to others.
fn after_an_unclean_election(cut: &str) -> Vec<Op> {
    let script = format!(
        "cluster --brokers 2 --controllers 1\n\
         kafka-topics.sh --create --topic t --replica-assignment 1:2 --config unclean.leader.election.enable=true\n\
         consumer c --topic t --consumer-property auto.offset.reset=earliest\n\
         producer z --topic t --producer-property acks=1 --producer-property linger.ms=0\n\
         crash broker 2\n\
         run until isr(t-0) = {{1}} within 30s\n\
         send z value=z0 partition=0\n\
         run until acked(z) = 1 within 5s\n\
         {cut}\n\
         send z value=z1 partition=0\n\
         send z value=z2 partition=0\n\
         send z value=z3 partition=0\n\
         run until delivered(c) = 4 within 30s\n\
         run 1s\n\
         crash consumer c\n\
         crash producer z\n\
         crash broker 1\n\
         run 20s\n\
         start broker 2\n\
         run until leader(t-0) = 2 within 60s\n\
         producer a --topic t --producer-property acks=1\n\
         send a value=a1 partition=0\n\
         run until acked(a) = 1 within 30s\n"
    );
    played(&script).0
}

/// What was acknowledged was over when another record got a lower offset.
#[test]
fn real_time_closes_circles_of_writes_after_an_unclean_election() {
    let history = after_an_unclean_election("");
    assert_eq!(circles(&history), [("G0-realtime", true); 3], "one for each batch of z");
}

/// The producer `z` never hears that its records are there, so nothing is certain to come after them; but what was read
/// of them was over when `a` began.
#[test]
fn real_time_and_processes_close_circles_of_reads_after_an_unclean_election() {
    let mut history = after_an_unclean_election("cut broker 1 producer z --one-way");
    assert_eq!(circles(&history), [("G1c-realtime", true); 3], "one for each batch of z");
    // To Jepsen a process has a producer and a consumer: whoever read them goes on to send.
    let polls = |op: &&Op| matches!(&op.kind, Kind::Work(actions) if matches!(actions[0], Action::Poll(_)));
    let reader = history.iter().find(polls).expect("it has polled").process;
    history.iter_mut().filter(|op| sent_values(op) == ["a1"]).for_each(|op| op.process = reader);
    assert_eq!(circles(&history), [("G1c-process", true); 3]);
}
