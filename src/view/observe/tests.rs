use super::*;
use crate::base::{SimDuration, SimTime};
use crate::session::Session;
use crate::view::scene::{GroupState, GroupView, Holding, Process, RaftRole, Standing};

const FIRST: &str = include_str!("../../../www/scenarios/first.terra");

/// A session with those who watch it.
struct Watched {
    session: Session,
    observer: Observer,
    annals: Annals,
    scene: Scene,
}

impl Watched {
    fn new(script: &str, seed: u64) -> Self {
        let session = Session::start(script, seed).expect("the script is right");
        Self { session, observer: Observer::default(), annals: Annals::default(), scene: Scene::default() }
    }

    /// Watches step by step until so many seconds of the world; every frame's delta, applied one after another, is what
    /// the observer has. Gives how many messages were sent.
    fn until(&mut self, seconds: u64) -> usize {
        let (end, mut sent) = (SimTime::ZERO + SimDuration::from_secs(seconds), 0);
        loop {
            let (rests, messages) = self.step(end);
            sent += messages;
            if rests {
                return sent;
            }
        }
    }

    /// One step, unless `end` comes before it: whether it does, and how many messages were sent.
    fn step(&mut self, end: SimTime) -> (bool, usize) {
        let rests = self.session.advance_within(end, 1);
        let events = self.session.take_trace();
        events.iter().for_each(|event| self.annals.hear(event));
        let frame = self.observer.frame(self.session.world(), &events);
        let sent = frame.sent.len();
        frame.delta.apply(&mut self.scene);
        assert_eq!(&self.scene, self.observer.scene());
        (rests, sent)
    }

    /// Watches until something is to be seen, at most until so many seconds of the world.
    fn until_seen(&mut self, seconds: u64, what: impl Fn(&Scene) -> bool) -> bool {
        let end = SimTime::ZERO + SimDuration::from_secs(seconds);
        while !what(&self.scene) {
            if self.step(end).0 {
                return false;
            }
        }
        true
    }

    /// What somebody sees who looks at the world for the first time.
    fn surveyed(&self) -> Scene {
        let mut fresh = Observer::default();
        fresh.survey(self.session.world(), self.annals.clone());
        fresh.scene().clone()
    }

    fn command(&mut self, line: &str) {
        self.session.command(line).expect("the command can be done");
    }
}

#[test]
fn frames_lead_to_what_the_world_is() {
    let mut w = Watched::new(FIRST, 7);
    let sent = w.until(8);
    assert_eq!(w.surveyed(), w.scene);
    let appended: i64 = w.scene.replicas.values().map(|r| r.leo).sum();
    assert!(appended > 20 && sent > 60, "{appended} records, {sent} messages");
    assert!(w.scene.consumers.values().all(|c| c.delivered > 10) && w.scene.laws.iter().all(|l| l.holds));
}

const CRASH: &str = "\
cluster --brokers 3 --racks a,b,c --network teaching
kafka-topics.sh --create --topic orders --partitions 3 --replication-factor 3 --config min.insync.replicas=2
producer p1 --topic orders --rate 20/s --keys uniform:7 --producer-property acks=all
";

/// A leader dies: its tapes stay, another is elected, the quorum tells of it, and the broker comes back.
#[test]
fn a_failover_is_seen_as_it_happens() {
    let mut w = Watched::new(CRASH, 7);
    w.until(8);
    assert_eq!((w.scene.brokers.len(), w.scene.controllers.len(), w.scene.partitions.len()), (3, 3, 3));
    let active = w.scene.quorum.active.expect("a controller is active");
    assert_eq!(w.scene.controllers[&active].role, RaftRole::Leader);
    for broker in w.scene.brokers.values() {
        assert!(!broker.fenced && broker.epoch.is_some() && (broker.leads, broker.holds) == (1, 3), "{broker:?}");
    }
    assert_eq!(w.scene.topics["orders"].min_isr, 2);
    let led = w.scene.partitions.iter().find(|(_, p)| p.leader == Some(2));
    let tp = led.map(|(tp, _)| tp.clone()).expect("broker 2 leads one");
    w.command("crash broker 2");
    w.until(9);
    assert_eq!((w.scene.broker_process(2), w.scene.partitions[&tp].leader), (Process::Crashed, Some(2)));
    w.until(20);
    let partition = &w.scene.partitions[&tp];
    let election = partition.election.expect("somebody was elected");
    assert_eq!((election.from, election.from_epoch, partition.leader_epoch), (Some(2), 0, 1));
    assert!(partition.leader.is_some_and(|id| id != 2) && w.scene.brokers[&2].fenced);
    assert!(w.scene.brokers[&2].fenced_since > SimTime::ZERO);
    assert!(matches!(w.scene.standing(&tp, 2), Standing::Offline { .. }));
    let dead = &w.scene.replicas[&(tp.clone(), 2)];
    assert!(dead.leads && dead.epoch == 0 && !dead.tail.is_empty(), "its tape shows what it was");
    assert!(w.scene.quorum.record.as_ref().is_some_and(|r| r.offset > 0 && r.words.contains("orders-")));
    w.command("start broker 2");
    w.until(45);
    assert_eq!(w.scene.partitions[&tp].isr.len(), 3);
    assert!(!w.scene.brokers[&2].fenced && w.scene.broker_process(2) == Process::Running);
}

const GROUP: &str = "\
cluster --brokers 3 --network teaching --set offsets.topic.num.partitions=1 --set group.initial.rebalance.delay.ms=500
kafka-topics.sh --create --topic orders --partitions 3 --replication-factor 3
producer p1 --topic orders --rate 20/s --keys uniform:7
consumer c1 --topic orders --group g --consumer-property auto.offset.reset=earliest
consumer c2 --topic orders --group g --consumer-property auto.offset.reset=earliest
";

/// A group from its first member to the loss of its coordinator.
#[test]
fn a_group_is_seen_as_its_coordinator_has_it() {
    let mut w = Watched::new(GROUP, 7);
    assert!(w.until_seen(15, |scene| !scene.groups.is_empty()), "its consumers name it before anybody knows it");
    assert_eq!(w.scene.groups["g"].state, GroupState::Unknown);
    w.until(15);
    let group = &w.scene.groups["g"];
    assert_eq!((group.state, group.members.len(), group.protocol.as_deref()), (GroupState::Stable, 2, Some("range")));
    let dealt: usize = group.members.iter().map(|member| member.assigned.len()).sum();
    assert!(
        dealt == 3 && group.committed.len() == 3 && group.committed.iter().any(|(_, offset)| *offset > 0),
        "{group:?}"
    );
    for (tp, committed) in &group.committed {
        let owner = group.owner(tp).expect("somebody has it");
        let (_, consumer) = w.scene.consumer_of(owner).expect("it is one of ours");
        assert_eq!(w.scene.member_of(consumer), Some(owner));
        assert!(w.scene.holdings(consumer).contains(&(tp.clone(), Holding::Owned)));
        assert!(w.scene.lag(tp, *committed).is_some_and(|lag| lag > 0), "commits are every five seconds");
    }
    assert!(w.scene.group_lag(group) > 0);
    let (generation, coordinator) = (group.generation, group.coordinator.expect("there is one"));
    w.command("consumer c3 --topic orders --group g --consumer-property auto.offset.reset=earliest");
    let joins = w.until_seen(25, |scene| scene.groups["g"].members.iter().any(|member| member.awaits_join));
    assert!(joins && w.scene.groups["g"].state == GroupState::PreparingRebalance);
    let next = |scene: &Scene| {
        scene.consumers.values().any(|c| scene.holdings(c).iter().any(|(_, holding)| *holding == Holding::Assigned))
    };
    assert!(w.until_seen(25, next), "an assignment is on its way to somebody");
    w.until(35);
    let group = &w.scene.groups["g"];
    assert!((group.state, group.members.len()) == (GroupState::Stable, 3) && group.generation > generation);
    assert_eq!(w.surveyed().groups, w.scene.groups);
    w.command(&format!("crash broker {coordinator}"));
    w.until(36);
    assert_eq!(w.scene.groups["g"], GroupView::unknown(Some(coordinator)), "nobody can tell what it has");
    assert_eq!(w.surveyed().groups, w.scene.groups);
    w.until(60);
    let group = &w.scene.groups["g"];
    assert!(group.coordinator.is_some_and(|id| id != coordinator) && group.state == GroupState::Stable, "{group:?}");
    assert_eq!(group.committed.len(), 3);
}

const DEPOSED: &str = "\
cluster --brokers 3 --network teaching
kafka-topics.sh --create --topic orders --partitions 1 --replication-factor 3
producer p1 --topic orders --rate 20/s --keys uniform:7 --producer-property acks=1
";

/// A leader that nobody but its producer reaches writes on; what it wrote is cut when it comes back, and was
/// acknowledged: it is lost.
#[test]
fn what_a_deposed_leader_wrote_diverges_and_is_lost() {
    let mut w = Watched::new(DEPOSED, 3);
    w.until(8);
    let tp = TopicPartition::new("orders", 0);
    let leader = w.scene.partitions[&tp].leader.expect("it has a leader");
    let others = (1..=3).filter(|id| *id != leader).map(|id| format!("broker {id}"));
    for other in others.chain([101, 102, 103].map(|id| format!("controller {id}"))) {
        w.command(&format!("cut broker {leader} {other}"));
    }
    w.until(22);
    assert_eq!(w.scene.standing(&tp, leader), Standing::Deposed);
    assert!(w.scene.replicas[&(tp.clone(), leader)].diverges.is_some(), "it wrote on");
    assert!(w.scene.broker_link(leader, leader % 3 + 1).cut);
    w.command("heal");
    w.until(40);
    let cut = &w.scene.cuts[&(tp.clone(), leader)];
    assert!(cut.to > cut.from && cut.lost > 0 && !cut.cells.is_empty(), "{cut:?}");
    assert!(w.scene.links.is_empty() && w.scene.replicas[&(tp, leader)].diverges.is_none());
}
