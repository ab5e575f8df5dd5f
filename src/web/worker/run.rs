//! TEMPORARY: a made-up world, until the session lands.
use crate::base::*;
use crate::link::*;
use crate::view::*;
use std::sync::Arc;

pub(super) struct Run { scene: Scene, pos: Position, next: u64, rng: Rng, pending: Vec<(u64, Box<dyn Fn(&mut Run, &mut Frame)>)>, seed: u64 }
pub(super) enum Loading { Part(u16), Ready(Box<Run>) }
pub(super) struct Loader(Option<Run>);
impl Loader { pub(super) fn poll(&mut self, _n: u64) -> Result<Loading, String> { if self.0.is_none() { return Ok(Loading::Part(500)); } Ok(Loading::Ready(Box::new(self.0.take().unwrap()))) } }
impl Run {
    pub(super) fn start(_script: &str, seed: u64) -> Result<Self, String> {
        let mut scene = Scene::default();
        scene.brokers.insert(1, BrokerView { rack: None, listener: "localhost:9092".into() });
        let mut host = |n: &str, role| { let id = scene.hosts.len() as u32; scene.hosts.insert(id, HostView { name: n.into(), role, running: true }); id };
        host("broker 1", Role::Broker(1));
        let a = host("checkout", Role::Producer); let b = host("kiosk", Role::Producer); let c = host("audit", Role::Consumer);
        scene.producers.insert("checkout".into(), ProducerView { host: a, acks: -1, pending: 0, acked: 0, failed: 0 });
        scene.producers.insert("kiosk".into(), ProducerView { host: b, acks: 1, pending: 0, acked: 0, failed: 0 });
        scene.topics.insert("orders".into(), TopicView { partitions: 3, replication_factor: 1 });
        let mut positions = vec![];
        for p in 0..3 { let tp = TopicPartition::new("orders", p);
            scene.partitions.insert(tp.clone(), PartitionView { leader: Some(1), replicas: vec![1], isr: vec![1], ..Default::default() });
            scene.replicas.insert((tp.clone(), 1), ReplicaView::default()); positions.push((tp, 0)); }
        scene.consumers.insert("audit".into(), ConsumerView { host: c, delivered: 0, positions });
        for (n, t) in [("acked-lost", "No acked record lost"), ("hw", "HW never regresses"), ("off", "Offsets never repeat")] { scene.laws.push(LawView { name: n.into(), title: t.into(), holds: true, detail: None }); }
        Ok(Run { scene, pos: Position::default(), next: 10_000, rng: Rng::stream(seed, "x"), pending: vec![], seed })
    }
    pub(super) fn load(_b: &[u8]) -> Result<Loader, String> { Err("fake".into()) }
    pub(super) fn scene(&self) -> &Scene { &self.scene }
    pub(super) fn position(&self) -> Position { self.pos }
    pub(super) fn typical_hop(&self) -> SimDuration { SimDuration::from_millis(25) }
    pub(super) fn seed(&self) -> u64 { self.seed }
    pub(super) fn to_save(&self) -> Vec<u8> { vec![1] }
    pub(super) fn advance(&mut self, to: SimTime, out: &mut Vec<Frame>) -> bool {
        let due = self.pending.iter().map(|p| p.0).chain([self.next]).min().unwrap();
        if due > to.0 { self.pos.at = to; return false; }
        self.step(out); true
    }
    fn packet(&mut self, from: u32, to: u32, api: &str, response: bool, cargo: Cargo) -> PacketView {
        let sent = self.pos.at; let arrives = SimTime(sent.0 + 20_000 + self.rng.below(10_000));
        PacketView { id: EventId(self.pos.events), from, to, api: api.into(), version: 12, correlation_id: 1, response, sent, arrives, size: 130, cargo, error: None }
    }
    pub(super) fn step(&mut self, out: &mut Vec<Frame>) {
        self.pos.steps += 1; self.pos.events += 1; self.pos.hash = self.pos.hash.wrapping_mul(31).wrapping_add(self.pos.events);
        let mut f = Frame::default();
        let before = self.scene.clone();
        let n = (0..self.pending.len()).min_by_key(|i| self.pending[*i].0);
        match n { Some(i) if self.pending[i].0 <= self.next => { let (t, act) = self.pending.remove(i); self.pos.at = SimTime(t); act(self, &mut f); }
            _ => { self.pos.at = SimTime(self.next); self.next += 30_000 + self.rng.below(40_000); self.produce(&mut f); } }
        f.delta = Delta::between(&before, &self.scene); f.position = self.pos; out.push(f);
    }
    fn produce(&mut self, f: &mut Frame) {
        let who: (u32, &'static str, i16) = if self.rng.below(2) == 0 { (1, "checkout", -1) } else { (2, "kiosk", 1) };
        let keys: Vec<Option<Arc<str>>> = (0..1 + self.rng.below(2)).map(|_| Some(format!("key-{:02}", self.rng.below(7)).into())).collect();
        let tp = TopicPartition::new("orders", self.rng.below(3) as i32);
        self.scene.producers.get_mut(who.1).unwrap().pending += keys.len() as u64;
        let p = self.packet(who.0, 0, "Produce", false, Cargo::Data { partitions: vec![tp.clone()], riders: keys.clone(), records: keys.len() as u32 });
        let at = p.arrives.0; f.sent.push(p);
        self.pending.push((at, Box::new(move |run, f| {
            let r = run.scene.replicas.get_mut(&(tp.clone(), 1)).unwrap();
            for k in &keys { r.tail.push(Cell { offset: r.leo, epoch: 0, key: k.clone() }); r.leo += 1; }
            while r.tail.len() > 32 { r.tail.remove(0); }
            f.lines.push(Line { at: run.pos.at, weight: Weight::Routine, text: format!("Broker 1 writes {} to {tp}.", records_text(keys.len() as u64)) });
            let (keys, tp) = (keys.clone(), tp.clone());
            let leo = r.leo;
            run.pending.push((run.pos.at.0 + 4_000, Box::new(move |run, f| {
                run.scene.replicas.get_mut(&(tp.clone(), 1)).unwrap().hw = leo;
                let p = run.packet(0, who.0, "Produce", true, Cargo::Ack { acks: who.2, partitions: vec![tp.clone()] });
                let at = p.arrives.0; f.sent.push(p); let n = keys.len() as u64;
                run.pending.push((at, Box::new(move |run, _| { let v = run.scene.producers.get_mut(who.1).unwrap(); v.pending -= n; v.acked += n; })));
                let p = run.packet(0, 3, "Fetch", true, Cargo::Data { partitions: vec![tp.clone()], riders: keys.clone(), records: keys.len() as u32 });
                let at = p.arrives.0; f.sent.push(p); let tp = tp.clone();
                run.pending.push((at, Box::new(move |run, f| { let c = run.scene.consumers.get_mut("audit").unwrap(); c.delivered += n; for (t, o) in &mut c.positions { if *t == tp { *o = leo.max(*o); } }
                    let p = run.packet(3, 0, "Fetch", false, Cargo::Data { partitions: vec![tp.clone()], riders: vec![], records: 0 }); f.sent.push(p); })));
            })));
        })));
    }
    pub(super) fn command(&mut self, _line: &str, _out: &mut Vec<Frame>) -> Result<String, Refusal> { Err(Refusal { message: "not yet".into(), column: Some(3) }) }
}
impl Worker2 for Run {}
trait Worker2 {}
impl super::Worker {
    pub(super) fn command(&self, id: u32, line: &str) {
        let mut frames = vec![];
        let result = self.run.borrow_mut().as_mut().map(|r| r.command(line, &mut frames));
        if let Some(result) = result { self.tell(&ToPage::Commanded { id, result }); }
    }
}
