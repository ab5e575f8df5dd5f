//! A quorum on a table: replicas, a network of queues with virtual time, faults, and what must always hold.
//!
//! Every message goes through its bytes, so that each is one that a real controller could send or read.

use bytes::Bytes;
use kafka_terrarium::base::{Endpoint, Rng, SimDuration, SimTime};
use kafka_terrarium::quorum::{Durable, Effect, QuorumConfig, Replica, RequestToken, Role, Turn};
use kafka_terrarium::wire::records::Record;
use kafka_terrarium::wire::{
    ApiKey, CONTROLLER_APIS, ErrorCode, Request, RequestKind, Response, ResponseKind, StrBytes,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

pub(crate) fn ms(ms: u64) -> SimDuration {
    SimDuration::from_millis(ms)
}

/// What is on its way, and to whom.
#[derive(Clone)]
enum Parcel {
    Request { from: i32, correlation_id: i32, api: ApiKey, version: i16, frame: Bytes },
    Response { from: i32, correlation_id: i32, api: ApiKey, version: i16, frame: Bytes },
    Failure { from: i32, correlation_id: i32 },
}

/// A node: its replica while it runs, its disk while it does not.
struct Node {
    replica: Option<Replica>,
    disk: Durable,
    rng: Rng,
    /// Counts its starts: what was sent to an earlier process does not reach this one.
    life: u32,
    /// Who waits for the answer to a request.
    asked: BTreeMap<u64, (i32, i32, ApiKey, i16)>,
    next_token: u64,
}

pub(crate) struct Lab {
    pub(crate) now: SimTime,
    nodes: BTreeMap<i32, Node>,
    voters: Vec<(i32, Endpoint)>,
    queue: BTreeMap<(SimTime, u64), (i32, u32, Parcel)>,
    sent: u64,
    pub(crate) rng: Rng,
    cut: BTreeSet<(i32, i32)>,
    /// Each epoch's leader.
    pub(crate) leaders: BTreeMap<i32, i32>,
    /// Each committed batch by its base offset: its epoch and checksum, and where it ends.
    committed: BTreeMap<i64, (i32, u32, i64)>,
    /// How often a log was cut back.
    pub(crate) truncations: u32,
    /// The requests as they were sent, for tests that look at them: (time, from, to, request).
    pub(crate) wire: Vec<(SimTime, i32, i32, RequestKind)>,
}

impl Lab {
    /// A quorum of `voters` voters from id 1 with `observers` observers from id 101, not started.
    pub(crate) fn idle(seed: u64, voters: i32, observers: i32) -> Self {
        let endpoint = |id: i32| (id, Endpoint { host: "node".into(), port: 9_000 + id as u16 });
        let node = |id: i32| {
            let rng = Rng::stream(seed, &format!("node {id}"));
            let (disk, asked) = (Durable::default(), BTreeMap::new());
            (id, Node { replica: None, disk, rng, life: 0, asked, next_token: 0 })
        };
        Self {
            now: SimTime::ZERO,
            nodes: (1..=voters).chain(101..101 + observers).map(node).collect(),
            voters: (1..=voters).map(endpoint).collect(),
            queue: BTreeMap::new(),
            sent: 0,
            rng: Rng::stream(seed, "lab"),
            cut: BTreeSet::new(),
            leaders: BTreeMap::new(),
            committed: BTreeMap::new(),
            truncations: 0,
            wire: Vec::new(),
        }
    }

    /// A quorum whose nodes have just started.
    pub(crate) fn new(seed: u64, voters: i32, observers: i32) -> Self {
        let mut lab = Self::idle(seed, voters, observers);
        lab.ids().into_iter().for_each(|id| lab.start(id));
        lab
    }

    pub(crate) fn ids(&self) -> Vec<i32> {
        self.nodes.keys().copied().collect()
    }

    pub(crate) fn replica(&self, id: i32) -> &Replica {
        self.nodes[&id].replica.as_ref().expect("it runs")
    }

    pub(crate) fn is_up(&self, id: i32) -> bool {
        self.nodes[&id].replica.is_some()
    }

    pub(crate) fn config(&self, id: i32) -> Arc<QuorumConfig> {
        Arc::new(QuorumConfig::new(id, Uuid::from_u128(0xd000 + id as u128), "lab", &self.voters))
    }

    /// Starts a node on its disk.
    pub(crate) fn start(&mut self, id: i32) {
        let config = self.config(id);
        let now = self.now;
        let node = self.nodes.get_mut(&id).expect("a node of the lab");
        let mut effects = Vec::new();
        let turn = &mut Turn::new(now, 0, &mut node.rng, &mut effects);
        node.replica = Some(Replica::start(config, node.disk.clone(), turn));
        node.life += 1;
        self.carry_out(id, effects);
        self.input(id, |replica, turn| replica.poll(turn));
    }

    /// Ends a node's process on the spot, at times with the power of its host. Its connections break: who waits for an answer on one learns it.
    pub(crate) fn crash(&mut self, id: i32) {
        let power_lost = self.rng.below(2) == 0;
        let node = self.nodes.get_mut(&id).expect("a node of the lab");
        let replica = node.replica.take().expect("it runs");
        node.disk = if power_lost { replica.durable_after_power_loss() } else { replica.durable() };
        for (to, correlation_id, ..) in std::mem::take(&mut node.asked).into_values() {
            self.post(id, to, Parcel::Failure { from: id, correlation_id });
        }
    }

    /// Stops what two nodes send each other.
    pub(crate) fn cut(&mut self, a: i32, b: i32) {
        self.cut.extend([(a, b), (b, a)]);
    }

    /// Stops what one node sends another, one way.
    pub(crate) fn cut_one_way(&mut self, from: i32, to: i32) {
        self.cut.insert((from, to));
    }

    pub(crate) fn isolate(&mut self, id: i32) {
        self.ids().into_iter().filter(|other| *other != id).for_each(|other| self.cut(id, other));
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
    }

    /// Gives a running replica an input, lets it do what is due, and carries out what it asks for.
    pub(crate) fn input<T>(&mut self, id: i32, f: impl FnOnce(&mut Replica, &mut Turn<'_>) -> T) -> T {
        let now = self.now;
        let node = self.nodes.get_mut(&id).expect("a node of the lab");
        let replica = node.replica.as_mut().expect("it runs");
        let mut effects = Vec::new();
        let mut turn = Turn::new(now, 0, &mut node.rng, &mut effects);
        let result = f(replica, &mut turn);
        replica.poll(&mut turn);
        self.carry_out(id, effects);
        result
    }

    fn carry_out(&mut self, id: i32, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { to, correlation_id, version, body } => {
                    self.send_request(id, to, correlation_id, version, body);
                }
                Effect::Respond { request, body } => self.send_response(id, request, body),
                Effect::Changed { role: Role::Leader, epoch, .. } => self.elected(id, epoch),
                Effect::HighWatermark(offset) => self.committed(id, offset),
                Effect::Failed(why) => panic!("{}: node {id} failed: {why}", self.now),
                Effect::Persist(election) => {
                    let replica = self.nodes[&id].replica.as_ref();
                    assert!(replica.is_none_or(|r| r.epoch() >= election.epoch), "an epoch never falls");
                }
                Effect::Truncated(_) => self.truncations += 1,
                Effect::Changed { .. } | Effect::SnapshotTaken(_) | Effect::Stopped => {}
            }
        }
    }

    fn send_request(&mut self, from: i32, to: i32, correlation_id: i32, version: i16, body: RequestKind) {
        let api = api_of(&body);
        self.wire.push((self.now, from, to, body.clone()));
        let client_id = StrBytes::from_static_str("raft");
        let frame = Request { api, version, correlation_id, client_id, body }.frame().slice(4..);
        if self.is_up(to) {
            self.post(from, to, Parcel::Request { from, correlation_id, api, version, frame });
        } else {
            self.post(to, from, Parcel::Failure { from: to, correlation_id });
        }
    }

    fn send_response(&mut self, from: i32, token: RequestToken, body: ResponseKind) {
        let asked = self.nodes.get_mut(&from).expect("a node of the lab").asked.remove(&token.0);
        let (to, correlation_id, api, version) = asked.expect("a request is answered once");
        let frame = Response { api, version, correlation_id, body }.frame().slice(4..);
        self.post(from, to, Parcel::Response { from, correlation_id, api, version, frame });
    }

    fn post(&mut self, from: i32, to: i32, parcel: Parcel) {
        if !self.cut.contains(&(from, to)) {
            let arrival = self.now + SimDuration(500 + self.rng.below(2_000));
            self.queue.insert((arrival, self.sent), (to, self.nodes[&to].life, parcel));
            self.sent += 1;
        }
    }

    fn elected(&mut self, id: i32, epoch: i32) {
        let other = self.leaders.insert(epoch, id);
        assert!(other.is_none_or(|other| other == id), "epoch {epoch} has two leaders: {other:?} and {id}");
        // While a replica starts, its node does not hold it yet; a quorum of one has only its own disk.
        let Some(replica) = self.nodes[&id].replica.as_ref() else { return };
        for (base, (epoch, crc, _)) in &self.committed {
            let batch = replica.log().batches_from(*base).next();
            let same = batch.is_some_and(|b| b.header.crc == *crc && b.header.leader_epoch == *epoch);
            assert!(same, "{}: leader {id} has not the committed batch at {base}", self.now);
        }
    }

    fn committed(&mut self, id: i32, upto: i64) {
        let Some(replica) = self.nodes[&id].replica.as_ref() else { return };
        assert!(upto <= replica.log().end_offset(), "node {id} calls committed what it has not");
        for batch in replica.log().batches_from(0).take_while(|b| b.header.last_offset() < upto) {
            let h = &batch.header;
            let ours = (h.leader_epoch, h.crc, h.next_offset());
            let known = *self.committed.entry(h.base_offset).or_insert(ours);
            assert_eq!(known, ours, "{}: node {id} has another batch committed at {}", self.now, h.base_offset);
        }
    }

    /// The offset up to which anybody knows the log to be committed.
    pub(crate) fn committed_upto(&self) -> i64 {
        self.committed.last_key_value().map_or(0, |(_, (_, _, next))| *next)
    }

    /// Runs until `span` from now.
    pub(crate) fn run(&mut self, span: SimDuration) {
        let end = self.now + span;
        while let Some(at) = self.next_event().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step();
        }
        self.now = end;
    }

    /// Runs until a condition holds, `limit` at most.
    pub(crate) fn run_until(&mut self, limit: SimDuration, holds: impl Fn(&Self) -> bool) -> SimDuration {
        let start = self.now;
        while !holds(self) {
            assert!(self.now.since(start) < limit, "it does not come to hold in {limit}");
            self.run(ms(1));
        }
        self.now.since(start)
    }

    fn next_event(&self) -> Option<SimTime> {
        let timers = self.nodes.values().filter_map(|node| node.replica.as_ref()?.next_deadline());
        timers.chain(self.queue.keys().map(|(at, _)| *at).next()).min()
    }

    fn step(&mut self) {
        if self.queue.first_key_value().is_some_and(|((at, _), _)| *at <= self.now) {
            let (_, (to, life, parcel)) = self.queue.pop_first().expect("just looked at");
            return self.deliver(to, life, parcel);
        }
        let due = |node: &Node| node.replica.as_ref().and_then(Replica::next_deadline).is_some_and(|at| at <= self.now);
        let id = *self.nodes.iter().find(|(_, node)| due(node)).expect("something is due").0;
        self.input(id, |_, _| ());
    }

    fn deliver(&mut self, to: i32, life: u32, parcel: Parcel) {
        let arrived = self.is_up(to) && self.nodes[&to].life == life;
        match parcel {
            // The connection breaks with the process.
            Parcel::Request { from, correlation_id, .. } if !arrived => {
                self.post(to, from, Parcel::Failure { from: to, correlation_id });
            }
            _ if !arrived => {}
            Parcel::Request { from, correlation_id, api, version, frame } => {
                let request = Request::decode_for(&frame, CONTROLLER_APIS).expect("a request that can be read");
                let node = self.nodes.get_mut(&to).expect("a node of the lab");
                let token = RequestToken(node.next_token);
                node.next_token += 1;
                node.asked.insert(token.0, (from, correlation_id, api, version));
                let known = self.input(to, |replica, turn| replica.handle_request(token, version, &request.body, turn));
                assert!(known, "{api:?} is Raft's");
            }
            Parcel::Response { from, correlation_id, api, version, frame } => {
                let response = Response::decode(&frame, api, version).expect("an answer that can be read");
                self.input(to, |replica, turn| replica.handle_response(from, correlation_id, &response.body, turn));
            }
            Parcel::Failure { from, correlation_id } => {
                let broken = ErrorCode::BROKER_NOT_AVAILABLE;
                self.input(to, |replica, turn| replica.handle_failure(from, correlation_id, broken, turn));
            }
        }
    }

    /// The running leader of the highest epoch.
    pub(crate) fn leader(&self) -> Option<i32> {
        let leads = |id: &i32| self.is_up(*id) && self.replica(*id).role() == Role::Leader;
        self.ids().into_iter().filter(leads).max_by_key(|id| self.replica(*id).epoch())
    }

    /// Runs until one leads and is known to have its epoch's opening committed.
    pub(crate) fn elect(&mut self) -> i32 {
        let settled = |lab: &Self| lab.leader().is_some_and(|id| lab.replica(id).high_watermark().is_some());
        self.run_until(ms(60_000), settled);
        self.leader().expect("just elected")
    }

    /// Appends a record at `leader`, if it leads.
    pub(crate) fn append(&mut self, leader: i32, value: &str) -> Option<i64> {
        let record = Record {
            timestamp_ms: (self.now.0 / 1_000) as i64,
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            ..Record::default()
        };
        let epoch = self.replica(leader).epoch();
        self.input(leader, |replica, turn| replica.append(epoch, vec![record], turn)).ok()
    }

    /// Runs until every running node has all that is committed.
    pub(crate) fn converge(&mut self) {
        // What lingers is not in any log yet.
        self.run(ms(30));
        let done = |lab: &Self| {
            let end = lab.leader().map(|id| lab.replica(id).log().end_offset());
            let reached = |id: &i32| end.is_some() && lab.replica(*id).high_watermark() == end;
            lab.ids().iter().filter(|id| lab.is_up(**id)).all(reached)
        };
        self.run_until(ms(60_000), done);
    }
}

fn api_of(request: &RequestKind) -> ApiKey {
    match request {
        RequestKind::Vote(_) => ApiKey::Vote,
        RequestKind::BeginQuorumEpoch(_) => ApiKey::BeginQuorumEpoch,
        RequestKind::EndQuorumEpoch(_) => ApiKey::EndQuorumEpoch,
        RequestKind::Fetch(_) => ApiKey::Fetch,
        RequestKind::FetchSnapshot(_) => ApiKey::FetchSnapshot,
        RequestKind::UpdateRaftVoter(_) => ApiKey::UpdateRaftVoter,
        other => panic!("a replica does not send {other:?}"),
    }
}
