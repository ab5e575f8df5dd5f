//! What clients did and were told, as they could tell it themselves: the history that Jepsen's checker judges.
//!
//! It is read from a world's trace from its first event on, by whoever wants to know: a world keeps none. A batch is an
//! operation of its producer, a poll one of its consumer. A process that is started again is another. In the end somebody
//! reads every partition from its beginning, as Jepsen does, so that what is lost can be told from what nobody has read
//! yet.
//!
//! Records are known by the batch that brought them. One that a producer sends anew in another batch before it was
//! acknowledged is the same record: it has the same key, value and timestamp.

use super::{TraceEvent, TraceKind, World};
use crate::base::{HostId, Sort, SortedMap, SortedSet, TopicPartition};
use crate::check::jepsen::{Action, Judgement, Kind, Moment, Op, Outcome};
use crate::machine::Fact;
use crate::wire::messages::{FetchResponse, ProduceRequest};
use crate::wire::records::{self, BatchHeader};
use crate::wire::{Message, RequestKind, ResponseKind};
use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// How many values a history has at most. What comes after is not judged.
const MOST: usize = 100_000;
/// How much of a record's value is told.
const SHOWN: usize = 24;

/// A batch, wherever it is met: its checksum and its first timestamp.
type BatchKey = (u32, i64);
/// A record until it is acknowledged: partition, timestamp, key, value.
type Identity = (i32, i64, Option<Bytes>, Option<Bytes>);
/// A partition in what brokers answer.
type Place = (HostId, Uuid, i32);

/// A history as it grows.
#[derive(Clone, Debug, Default)]
pub struct History {
    ops: Vec<Op>,
    /// The clients that run, by their host: name and process.
    clients: SortedMap<HostId, (Arc<str>, i64)>,
    /// The names of all processes.
    names: Vec<Arc<str>>,
    /// The ids that each topic has had, the last one last.
    topics: SortedMap<Arc<str>, Vec<Uuid>>,
    /// The values of each batch that a producer has sent.
    values: SortedMap<BatchKey, Vec<String>>,
    /// Every value.
    known: SortedSet<String>,
    /// Batches without an answer: partition, when they were sent first, and which they are.
    pending: SortedMap<(i64, u32), (Uuid, i32, Moment, BatchKey)>,
    /// Records in those.
    unanswered: SortedMap<(i64, Identity), (String, Moment)>,
    /// What consumers were sent: batches by their first offset, with the last.
    fetched: SortedMap<Place, SortedMap<i64, (i64, BatchKey)>>,
    /// Of each consumer: when its last poll that brought something began, and when it was over.
    polls: SortedMap<i64, (Option<Moment>, Moment)>,
    /// What each process reads.
    reading: SortedMap<i64, SortedSet<String>>,
    /// The last event and its time.
    now: (u64, u64),
}

impl History {
    /// Takes in the next event of a world.
    pub fn read(&mut self, event: &TraceEvent) {
        if self.known.len() > MOST {
            return;
        }
        self.now = (event.id.0, event.at.0);
        match (&event.kind, event.host) {
            (TraceKind::Started { name }, Some(host)) => self.started(host, name),
            (TraceKind::Commanded { line }, _) => self.commanded(line),
            (TraceKind::Sent { packet, message: Message::Request(request) }, _) => {
                if let (RequestKind::Produce(body), Some(process)) = (&request.body, self.process(packet.from)) {
                    self.produced(process, body);
                }
            }
            (TraceKind::Sent { packet, message: Message::Response(response) }, _) => {
                if let (ResponseKind::Fetch(body), true) = (&response.body, self.clients.contains_key(&packet.to)) {
                    self.answered(packet.to, body);
                }
            }
            (TraceKind::Fact(Fact::TopicCreated { topic, id }), _) => {
                self.topics.entry(topic.clone()).or_default().push(*id);
            }
            (TraceKind::Fact(fact), Some(host)) => {
                if let Some(process) = self.process(host) {
                    self.hear(host, process, fact);
                }
            }
            _ => {}
        }
    }

    fn started(&mut self, host: HostId, name: &str) {
        let client = name.strip_prefix("producer ").or_else(|| name.strip_prefix("consumer "));
        if let Some(client) = client {
            let process = self.names.len() as i64;
            self.names.push(client.into());
            self.clients.insert(host, (client.into(), process));
        }
    }

    fn process(&self, host: HostId) -> Option<i64> {
        self.clients.get(&host).map(|(_, process)| *process)
    }

    /// Whoever seeks wants to read elsewhere: it is no anomaly that it does.
    fn commanded(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        if words.next() != Some("seek") {
            return;
        }
        let (name, tp) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let process = self.clients.values().find(|(client, _)| &**client == name).map(|(_, process)| *process);
        if let (Some(process), Some((topic, index))) = (process, tp.rsplit_once('-')) {
            let tp = TopicPartition::new(topic, index.parse().unwrap_or(-1));
            self.forget(process, &[tp]);
        }
    }

    /// A consumer does not go on where it was in these partitions.
    fn forget(&mut self, process: i64, partitions: &[TopicPartition]) {
        let keys: Vec<String> = partitions.iter().map(|tp| self.key(tp)).collect();
        let reading = self.reading.entry(process).or_default();
        reading.retain(|key| !keys.contains(key));
        let kind = Kind::Subscribe(reading.clone());
        self.did(process, None, Outcome::Ok, kind);
    }

    /// A partition's name; one of a topic that was made again is another.
    fn key(&self, tp: &TopicPartition) -> String {
        match self.topics.get(&tp.topic).map_or(1, Vec::len) {
            0 | 1 => tp.to_string(),
            nth => format!("{tp} (topic no. {nth})"),
        }
    }

    fn key_of(&self, id: Uuid, partition: i32) -> Option<String> {
        let (topic, nth) =
            self.topics.iter().find_map(|(topic, ids)| Some((topic, ids.iter().position(|it| *it == id)?)))?;
        let tp = TopicPartition::new(topic.clone(), partition);
        Some(if nth == 0 { tp.to_string() } else { format!("{tp} (topic no. {})", nth + 1) })
    }

    /// The end of an operation is twice its event's number; what begins after it is one more.
    fn begins(&self) -> Moment {
        Moment { index: self.now.0 as usize * 2 + 1, time_us: self.now.1 }
    }

    fn did(&mut self, process: i64, began: Option<Moment>, outcome: Outcome, kind: Kind) {
        let (index, time_us) = (self.now.0 as usize * 2, self.now.1);
        let rebalanced = SortedSet::new();
        self.ops.push(Op { index, time_us, began, process, outcome, kind, is_txn: false, rebalanced });
    }

    fn produced(&mut self, process: i64, body: &ProduceRequest) {
        for topic in &body.topic_data {
            for partition in &topic.partition_data {
                let batches = records::split(partition.records.clone().unwrap_or_default()).unwrap_or_default();
                for (header, batch) in batches {
                    let which = (header.crc, header.base_timestamp_ms);
                    if self.pending.contains_key(&(process, header.crc)) {
                        continue;
                    }
                    let began = self.sent(process, partition.index, which, &batch);
                    self.pending.insert((process, header.crc), (topic.topic_id, partition.index, began, which));
                }
            }
        }
    }

    /// Gives each record of a batch its value; when the first of them was sent first.
    fn sent(&mut self, process: i64, partition: i32, which: BatchKey, batch: &Bytes) -> Moment {
        let now = self.begins();
        let mut first = now;
        let mut values = Vec::new();
        for (_, record) in records::decode(batch).unwrap_or_default() {
            let text = shown(record.value.as_deref());
            let identity = (partition, record.timestamp_ms, record.key, record.value);
            let is_own = |value: &String| !values.contains(value);
            let before = self.unanswered.get(&(process, identity.clone())).filter(|(value, _)| is_own(value)).cloned();
            let (value, since) = before.unwrap_or_else(|| {
                let free = |value: &String| !self.known.contains(value);
                let again = (2..).map(|nth| format!("{text} no. {nth}"));
                let value = std::iter::once(text.clone()).chain(again).find(free).expect("numbers do not end");
                self.known.insert(value.clone());
                (value, now)
            });
            self.unanswered.insert((process, identity), (value.clone(), since));
            first = if since.index < first.index { since } else { first };
            values.push(value);
        }
        self.values.insert(which, values);
        first
    }

    fn answered(&mut self, to: HostId, body: &FetchResponse) {
        for topic in &body.responses {
            for partition in &topic.partitions {
                let batches = records::split(partition.records.clone().unwrap_or_default()).unwrap_or_default();
                let known = self.fetched.entry((to, topic.topic_id, partition.partition_index)).or_default();
                for (header, batch) in batches {
                    let which = (header.crc, header.base_timestamp_ms);
                    let (base, last) = (header.base_offset, header.last_offset());
                    // What is there now takes the place of what was cut off.
                    let before = known.range(..base).next_back().filter(|(_, (end, _))| *end >= base);
                    let gone: Vec<i64> =
                        before.into_iter().chain(known.range(base..=last)).map(|(at, _)| *at).collect();
                    known.retain(|at, _| !gone.contains(at));
                    known.insert(base, (last, which));
                    note(&mut self.values, &header, &batch);
                }
            }
        }
    }

    fn hear(&mut self, host: HostId, process: i64, fact: &Fact) {
        match fact {
            Fact::Acknowledged { base_offset, crc, .. } => self.acknowledged(process, *crc, *base_offset),
            Fact::Polled { partition, first_offset, last_offset, .. } => {
                self.polled(host, process, partition, (*first_offset, *last_offset));
            }
            Fact::PartitionsRevoked { partitions, .. } | Fact::PartitionsLost { partitions, .. } => {
                self.forget(process, partitions);
            }
            _ => {}
        }
    }

    fn acknowledged(&mut self, process: i64, crc: u32, base_offset: i64) {
        let Some((topic, partition, began, which)) = self.pending.remove(&(process, crc)) else { return };
        let (Some(key), Some(values)) = (self.key_of(topic, partition), self.values.get(&which)) else { return };
        let answered: SortedSet<&String> = values.iter().collect();
        self.unanswered.retain(|(of, _), (value, _)| *of != process || !answered.contains(value));
        let send = |(value, offset): (&String, i64)| {
            let offset = Some(offset).filter(|_| base_offset >= 0);
            Action::Send { key: key.clone(), value: value.clone(), offset }
        };
        let sends = values.iter().zip(base_offset..).map(send).collect();
        self.did(process, Some(began), Outcome::Ok, Kind::Work(sends));
    }

    fn polled(&mut self, host: HostId, process: i64, tp: &TopicPartition, (first, last): (i64, i64)) {
        let key = self.key(tp);
        let place = self.topics.get(&tp.topic).and_then(|ids| ids.last()).map(|id| (host, *id, tp.partition));
        let batches = place.and_then(|place| self.fetched.get(&place));
        let mut read = Vec::new();
        let from = batches.and_then(|batches| batches.range(..=first).next_back()).map_or(first, |(base, _)| *base);
        for (base, (end, which)) in batches.into_iter().flat_map(|batches| batches.range(from..=last)) {
            if *end >= first
                && let Some(values) = self.values.get(which)
            {
                let all = (*base..).zip(values.iter().cloned());
                read.extend(all.filter(|(offset, _)| (first..=last).contains(offset)));
            }
        }
        self.reading.entry(process).or_default().insert(key.clone());
        // A poll that brings records of several partitions is told of once for each.
        let began = self.polls.get(&process).and_then(|(began, end)| match end.time_us == self.now.1 {
            true => *began,
            false => Some(*end),
        });
        self.did(process, began, Outcome::Ok, Kind::Work(vec![Action::Poll(SortedMap::from([(key, read)]))]));
        self.polls.insert(process, (began, self.begins()));
    }

    /// What the history comes to, in the world as it is at its end.
    pub fn judge(mut self, world: &World) -> Judgement {
        let until_us = (self.known.len() > MOST).then_some(self.now.1);
        self.end_sends();
        let out_of_reach = match until_us {
            None => self.read_finally(world),
            // Nobody can read now what was there then.
            Some(_) => self.ops.iter().flat_map(Op::keys).map(str::to_owned).collect(),
        };
        let name = |process: i64| self.names.get(process as usize).map_or_else(String::new, ToString::to_string);
        let judgement = Judgement::of(&self.ops, &out_of_reach, name);
        match until_us {
            None => judgement,
            Some(_) => Judgement { until_us, out_of_reach: Vec::new(), ..judgement },
        }
    }

    /// The operations so far.
    pub fn operations(mut self) -> Vec<Op> {
        self.end_sends();
        self.ops
    }

    /// What has no answer may have been written.
    fn end_sends(&mut self) {
        let mut pending: Vec<_> = std::mem::take(&mut self.pending).into_iter().collect();
        pending.order_by_key(|(_, (_, _, began, _))| began.index);
        let mut told: SortedSet<String> = self.ops.iter().flat_map(Op::sent_values).map(str::to_owned).collect();
        for ((process, _), (topic, partition, began, which)) in pending {
            self.now.0 += 1;
            let Some(key) = self.key_of(topic, partition) else { continue };
            let untold = self.values[&which].iter().filter(|value| told.insert((*value).clone()));
            let send = |value: &String| Action::Send { key: key.clone(), value: value.clone(), offset: None };
            let sends = untold.map(send).collect();
            self.did(process, Some(began), Outcome::Info, Kind::Work(sends));
        }
    }

    /// Reads every partition from its beginning; which ones cannot be read.
    fn read_finally(&mut self, world: &World) -> SortedSet<String> {
        let (mut all, mut out_of_reach) = (SortedMap::new(), SortedSet::new());
        for topic in world.topics().iter().filter(|topic| !topic.name.starts_with("__")) {
            for partition in 0..topic.partitions {
                let tp = TopicPartition::new(topic.name.clone(), partition);
                match self.read_all(world, &tp) {
                    Some(values) => drop(all.insert(self.key(&tp), values)),
                    None => drop(out_of_reach.insert(self.key(&tp))),
                }
            }
        }
        out_of_reach
            .extend(self.ops.iter().flat_map(Op::keys).filter(|key| !all.contains_key(*key)).map(str::to_owned));
        let (rebalanced, began) = (all.keys().cloned().collect(), Some(self.begins()));
        self.now.0 += 1;
        self.did(-1, began, Outcome::Ok, Kind::Work(vec![Action::Poll(all)]));
        // Gaps in what it reads are told where they arose.
        self.ops.last_mut().expect("it was just done").rebalanced = rebalanced;
        out_of_reach
    }

    /// What is committed in a partition, as its leader has it.
    fn read_all(&mut self, world: &World, tp: &TopicPartition) -> Option<Vec<(i64, String)>> {
        let leader = world.partition(tp)?.leader.filter(|leader| world.broker_acts(*leader))?;
        let log = world.replica(leader, tp)?;
        let mut all = Vec::new();
        for batch in log.batches_from(log.log_start_offset()) {
            let header = records::header(&batch.bytes).ok()?;
            note(&mut self.values, &header, &batch.bytes);
            let values = &self.values[&(header.crc, header.base_timestamp_ms)];
            all.extend((batch.base_offset..log.high_watermark()).zip(values.iter().cloned()));
        }
        Some(all)
    }
}

/// Gives a batch that no client of this world has sent its values.
fn note(values: &mut SortedMap<BatchKey, Vec<String>>, header: &BatchHeader, batch: &Bytes) {
    values.entry((header.crc, header.base_timestamp_ms)).or_insert_with(|| {
        let records = records::decode(batch).unwrap_or_default().into_iter().zip(0..);
        records
            .map(|((_, record), nth)| format!("{} ({:x}/{nth})", shown(record.value.as_deref()), header.crc))
            .collect()
    });
}

/// A value as text, in short.
fn shown(value: Option<&[u8]>) -> String {
    let text = String::from_utf8_lossy(value.unwrap_or(b"null"));
    let text = text.trim_end_matches('.');
    let end = text.char_indices().nth(SHOWN).map_or(text.len(), |(at, _)| at);
    if end < text.len() { format!("{}…", &text[..end]) } else { text.to_owned() }
}
