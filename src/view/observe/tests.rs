use super::*;
use crate::base::{SimDuration, SimTime};
use crate::session::Session;
use crate::view::scene::{Process, RaftRole, Standing};

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
            let rests = self.session.advance_within(end, 1);
            let events = self.session.take_trace();
            events.iter().for_each(|event| self.annals.hear(event));
            let frame = self.observer.frame(self.session.world(), &events);
            sent += frame.sent.len();
            frame.delta.apply(&mut self.scene);
            assert_eq!(&self.scene, self.observer.scene());
            if rests {
                return sent;
            }
        }
    }

    fn command(&mut self, line: &str) {
        self.session.command(line).expect("the command can be done");
    }
}

#[test]
fn frames_lead_to_what_the_world_is() {
    let mut w = Watched::new(FIRST, 7);
    let sent = w.until(8);
    let mut fresh = Observer::default();
    fresh.survey(w.session.world(), w.annals);
    assert_eq!(fresh.scene(), &w.scene);
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
