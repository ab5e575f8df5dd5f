//! Histories of running worlds, as clients could tell them, under Jepsen's checker: it knows nothing of brokers and logs,
//! and comes to the same judgement as the laws.

use kafka_terrarium::base::SimTime;
use kafka_terrarium::check::jepsen::{
    Action, Anomaly, Judgement, Kind, Op, Outcome, Step, anomalies, worst_realtime_lag,
};
use kafka_terrarium::script::{Runner, Script, Turn};
use kafka_terrarium::sim::History;

fn sent_values(op: &Op) -> Vec<String> {
    op.sent_values().map(str::to_owned).collect()
}

/// Plays a script to its end: the history, and the world.
fn recorded(script: &str) -> (History, Runner) {
    let script = Script::parse(script).unwrap_or_else(|error| panic!("{error}"));
    let mut runner = Runner::new(script, 1);
    let mut history = History::default();
    while !runner.is_done() {
        assert_ne!(runner.turn(SimTime(u64::MAX)), Turn::Rests);
        runner.world_mut().take_trace().iter().for_each(|event| history.read(event));
    }
    assert_eq!(runner.stopped(), None);
    (history, runner)
}

/// The same, as operations.
fn played(script: &str) -> (Vec<Op>, Runner) {
    let (history, runner) = recorded(script);
    (history.operations(), runner)
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

/// A leader stands still, and wakes while it cannot hear of its successor.
fn zombie() -> String {
    let one =
        "producer p --topic t --rate 20/s --producer-property acks=1 --producer-property enable.idempotence=false";
    let faults = "pause broker 1\nrun 20s\n\
                  cut broker 1 controller 101\ncut broker 1 controller 102\ncut broker 1 controller 103\n\
                  resume broker 1\nrun 1s\nheal\nrun 20s\nclose p\nrun 3s\n";
    script(one, faults)
}

/// A leader that stands still wakes as a zombie and acknowledges what will be cut off, until it hears of its successor;
/// here not for a second.
#[test]
fn a_zombie_s_acknowledgements_are_lost_writes() {
    let (history, runner) = played(&zombie());
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

/// What a scenario comes to when somebody reads all of it in the end.
fn judged(script: &str) -> (Judgement, Runner) {
    let (history, runner) = recorded(script);
    (history.judge(runner.world()), runner)
}

fn count(judgement: &Judgement, name: &str) -> usize {
    judgement.kinds.iter().filter(|kind| kind.name == name).map(|kind| kind.count).sum()
}

/// The final reader tells what is lost from what nobody has read yet.
#[test]
fn only_what_is_lost_is_unseen() {
    let (judgement, runner) = judged(&zombie());
    assert_eq!(count(&judgement, "unseen") as u64, runner.world().lost(), "{judgement}");
    assert!(!judgement.is_good() && judgement.out_of_reach.is_empty());
    // Nobody has read these yet, and nothing is wrong with them.
    let nobody = "cluster --brokers 1 --controllers 1\nkafka-topics.sh --create --topic t --partitions 2\n\
                  producer p --topic t --rate 20/s\nrun 5s\nclose p\nrun 1s\n";
    let (judgement, runner) = judged(nobody);
    assert!(judgement.is_good() && judgement.kinds.is_empty(), "{judgement}");
    assert_eq!(judgement.sent as u64, runner.world().producer("p").expect("it was there").acked());
    // Nor can anything be said of what nobody leads.
    let down = format!("{nobody}crash broker 1\nrun 1s\n");
    let (judgement, _) = judged(&down);
    assert_eq!((judgement.is_good(), judgement.out_of_reach.len()), (true, 2), "{judgement}");
}

/// Members come and go, consumers are started again and seek: what they read again is no anomaly of Kafka's.
#[test]
fn rebalances_restarts_and_seeks_are_no_anomalies() {
    let script = "cluster --brokers 1 --controllers 1 --set offsets.topic.num.partitions=1\n\
                  kafka-topics.sh --create --topic t --partitions 2\n\
                  producer p --topic t --rate 20/s\n\
                  consumer a --topic t --group g --commit sync --consumer-property auto.offset.reset=earliest\n\
                  consumer c --topic t --consumer-property auto.offset.reset=earliest\n\
                  run 8s\nconsumer b --topic t --group g --commit sync\nrun 8s\ncrash consumer a\n\
                  restart consumer a --work 1ms\nrun 50s\nseek c t-0 beginning\nrun 5s\nrestart producer p\nrun 5s\n";
    let (judgement, _) = judged(script);
    assert!(judgement.is_good(), "{judgement}");
    assert!(judgement.read > judgement.sent * 2, "{judgement}");
}

/// A retry without idempotence; and two records that are alike are two.
#[test]
fn a_duplicate_is_told_from_records_that_are_alike() {
    let script = |idempotence: bool| {
        format!(
            "cluster --brokers 1 --controllers 1\nkafka-topics.sh --create --topic t --partitions 1\n\
             producer p --topic t --producer-property acks=all --producer-property enable.idempotence={idempotence} \
             --producer-property request.timeout.ms=2000 --producer-property delivery.timeout.ms=60000\n\
             run 1s\nsend p value=a\nsend p value=a\nrun 1s\nsend p value=a\nrun 1s\n\
             cut broker 1 producer p --one-way\nsend p value=b\nrun 5s\nheal\nrun 60s\n"
        )
    };
    let (twice, _) = judged(&script(false));
    assert!(count(&twice, "duplicate") == 1 && !twice.is_good(), "{twice}");
    let (once, _) = judged(&script(true));
    assert_eq!((once.sent, once.is_good()), (4, true), "{once}");
}
