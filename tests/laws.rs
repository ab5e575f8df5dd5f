//! Every law can be broken: for each there is a scenario in which a mutant, an engine with one mistake, breaks that law
//! and no other, and in which the engine as it is keeps them all. And a loss that Kafka allows names what allowed it.

#[path = "laws/jepsen.rs"]
mod jepsen;

use kafka_terrarium::base::SimTime;
use kafka_terrarium::machine::Mutant;
use kafka_terrarium::script::{Runner, Script, Turn};
use kafka_terrarium::sim::World;

/// Runs a script until a law breaks, or to its end.
fn run(script: &str, seed: u64, mutant: Option<Mutant>) -> Runner {
    let script = Script::parse(script).unwrap_or_else(|error| panic!("{error}\n{script}"));
    let world = World::new(script.spec.clone(), seed);
    let world = match mutant {
        Some(mutant) => world.with_mutant(mutant),
        None => world,
    };
    let mut runner = Runner::in_world(script, world);
    while !runner.is_done() && runner.world().laws_hold() {
        assert_ne!(runner.turn(SimTime(u64::MAX)), Turn::Rests);
    }
    assert_eq!(runner.stopped(), None);
    runner
}

fn broken(runner: &Runner) -> Vec<String> {
    let laws = runner.world().laws().into_iter();
    laws.filter(|law| law.breach.is_some()).map(|law| law.name).collect()
}

fn breach(runner: &Runner, name: &str) -> String {
    let law = runner.world().laws().into_iter().find(|law| law.name == name).expect("a law");
    law.breach.map(|breach| breach.what).unwrap_or_default()
}

/// The mutant breaks this law alone; without it all hold to the script's end.
fn breaks(law: &str, mutant: Mutant, script: &str) {
    let mutated = run(script, 1, Some(mutant));
    assert_eq!(broken(&mutated), [law], "{mutant:?}: {}", breach(&mutated, law));
    let sound = run(script, 1, None);
    assert!(sound.is_done() && broken(&sound).is_empty(), "{:?}: {script}", sound.world().laws());
}

/// Three brokers with one partition led by broker 1 and a producer that asks for no acknowledgements.
fn three(cluster: &str, acks: &str, rest: &str) -> String {
    format!(
        "cluster --brokers 3 --controllers 1 --network latency=20ms {cluster}\n\
         kafka-topics.sh --create --topic t --replica-assignment 1:2:3\n\
         producer p --topic t --rate 50/s --producer-property acks={acks}\n\
         run 3s\n{rest}"
    )
}

#[test]
fn committed_stable_breaks_when_the_watermark_does_not_wait() {
    let script = three("", "0", "crash broker 1\nrun 15s\nstart broker 1\nrun 15s\n");
    breaks("committed-stable", Mutant::HighWatermarkIgnoresFollowers, &script);
}

#[test]
fn committed_stable_breaks_when_followers_go_by_their_watermark() {
    // The followers have the record, and do not know yet that it is committed; the one that comes to lead in the end
    // follows the other, which is dead as well, for some seconds.
    let script = "cluster --brokers 3 --controllers 1 --network latency=20ms\n\
                  kafka-topics.sh --create --topic t --replica-assignment 1:2:3\n\
                  producer p --topic t --producer-property acks=0 --producer-property linger.ms=0\n\
                  run 3s\nsend p value=first\nrun 2s\nsend p value=second\nrun until hw(t-0, 1) = 2 within 1s\n\
                  crash broker 1\nrun 3s\ncrash broker 2\nrun 20s\nsend p value=third\nrun 5s\n";
    breaks("committed-stable", Mutant::FollowerTruncatesToHighWatermark, script);
}

#[test]
fn committed_stable_breaks_when_a_leader_shrinks_the_isr_alone() {
    let faults = "cut broker 1 broker 2\ncut broker 1 broker 3\nrun 8s\ncrash broker 1\nrun 15s\n";
    let script = three("--set replica.lag.time.max.ms=3000", "0", faults);
    breaks("committed-stable", Mutant::IsrShrinksAlone, &script);
}

#[test]
fn acked_lost_breaks_when_followers_are_not_waited_for() {
    let faults = "cut broker 1 broker 2\ncut broker 1 broker 3\nrun 1s\ncrash broker 1\nheal\nrun 15s\n";
    let script = three("", "all", faults);
    breaks("acked-lost", Mutant::AcksAllAnsweredAtOnce, &script);
    let mutated = run(&script, 1, Some(Mutant::AcksAllAnsweredAtOnce));
    assert!(breach(&mutated, "acked-lost").ends_with("no setting allows that"));
    assert!(mutated.world().unexplained_loss().is_some() && mutated.world().lost() > 0);
}

#[test]
fn hw_monotonic_breaks_when_the_watermark_goes_back() {
    let script = three("", "0", "crash broker 1\nrun 15s\n");
    breaks("hw-monotonic", Mutant::HighWatermarkFollowsSlowest, &script);
}

#[test]
fn no_divergence_breaks_when_epochs_are_not_compared() {
    let faults = "cut broker 1 broker 2\ncut broker 1 broker 3\nrun 1s\ncrash broker 1\nheal\nrun 30s\n\
                  start broker 1\nrun 20s\n";
    // One record a batch, so that the leader's log has a batch to go on with wherever the follower's ends.
    let script = three("", "0 --producer-property batch.size=0", faults);
    breaks("no-divergence", Mutant::LeaderIgnoresDivergence, &script);
}

#[test]
fn one_leader_per_epoch_breaks_when_a_deposed_leader_stays() {
    let faults = "crash broker 1\nrun 12s\nstart broker 1\nrun until isr(t-0) = {1,2,3} within 30s\n\
                  kafka-leader-election.sh --election-type preferred --topic t --partition 0\nrun 5s\n";
    breaks("one-leader-per-epoch", Mutant::DeposedLeaderStays, &three("", "0", faults));
}

#[test]
fn one_leader_per_epoch_breaks_when_votes_are_given_away() {
    // Both that are left have to ask for votes at the same time, which is a matter of chance.
    let script = "cluster --brokers 1 --controllers 3 --network latency=150ms\ncrash controller()\nrun 15s\n";
    let broken_by = |mutant: Option<Mutant>| {
        let runs = (1..=12).map(move |seed| run(script, seed, mutant));
        runs.map(|runner| broken(&runner)).filter(|broken| !broken.is_empty()).collect::<Vec<_>>()
    };
    let mutated = broken_by(Some(Mutant::VoteGrantedTwice));
    assert!(!mutated.is_empty() && mutated.iter().all(|laws| *laws == ["one-leader-per-epoch"]), "{mutated:?}");
    assert!(broken_by(None).is_empty());
}

#[test]
fn isr_within_replicas_breaks_when_an_unclean_election_keeps_the_isr() {
    let faults = "crash broker 2\ncrash broker 3\nrun 15s\ncrash broker 1\nrun 15s\nstart broker 2\nrun 15s\n";
    let script = three("--set unclean.leader.election.enable=true", "0", faults);
    breaks("isr-within-replicas", Mutant::UncleanElectionKeepsIsr, &script);
}

#[test]
fn metadata_agrees_breaks_when_metadata_is_taken_in_before_it_is_committed() {
    // Whichever controller leads is cut off for a while and goes on appending.
    let script = |cut_off: i32| {
        let others = (101..=103).filter(|id| *id != cut_off);
        let cuts: String = others.map(|id| format!("cut controller {cut_off} controller {id}\n")).collect();
        format!("cluster --brokers 1 --controllers 3\nrun 2s\n{cuts}run 12s\nheal\nrun 5s\n")
    };
    let broken_by = |mutant: Option<Mutant>| {
        let runs = (101..=103).map(move |id| run(&script(id), 1, mutant));
        runs.map(|runner| broken(&runner)).filter(|broken| !broken.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(broken_by(Some(Mutant::MetadataAppliedBeforeCommit)), [["metadata-agrees"]]);
    assert!(broken_by(None).is_empty());
}

#[test]
fn offsets_monotonic_breaks_when_an_offset_is_given_twice() {
    breaks("offsets-monotonic", Mutant::AppendReusesOffset, &three("", "0", "run 2s\n"));
}

/// A group of two on two partitions of a topic to which much is written.
fn group(consumer: &str) -> String {
    format!(
        "cluster --brokers 1 --controllers combined --set offsets.topic.num.partitions=1 \
         --set offsets.topic.replication.factor=1 --set group.initial.rebalance.delay.ms=500\n\
         kafka-topics.sh --create --topic t --partitions 2\nproducer p --topic t --rate 50/s\n\
         consumer c1 --topic t --group g {consumer}\nconsumer c2 --topic t --group g {consumer}\nrun 15s\n"
    )
}

#[test]
fn one_owner_breaks_when_a_member_takes_everything() {
    breaks("one-owner", Mutant::MemberTakesEverything, &group(""));
}

#[test]
fn committed_within_polled_breaks_when_what_is_fetched_is_committed() {
    let consumer = "--work 50ms --consumer-property max.poll.records=5 --consumer-property auto.commit.interval.ms=500";
    breaks("committed-within-polled", Mutant::ConsumerCommitsWhatIsFetched, &group(consumer));
}

#[test]
fn order_per_key_breaks_when_sequences_are_ignored() {
    // What is under way to the old leader comes back refused when younger records are with the new one already.
    let script = "cluster --brokers 2 --controllers 1 --network latency=10ms\n\
                  kafka-topics.sh --create --topic t --replica-assignment 1:2\n\
                  producer p --topic t --rate 50/s --producer-property linger.ms=0 \
                  --producer-property metadata.max.age.ms=300\n\
                  run 3s\nslow link producer p broker 1 --latency 1s\nrun 1500ms\nstop broker 1\nrun 20s\n";
    breaks("order-per-key", Mutant::LeaderIgnoresSequences, script);
}

/// Runs a script to its end, and tells how `acked-lost` was broken.
fn loss(script: &str) -> (u64, String) {
    let script = Script::parse(script).unwrap_or_else(|error| panic!("{error}\n{script}"));
    let mut runner = Runner::new(script, 1);
    runner.finish();
    assert_eq!(runner.stopped(), None);
    let world = runner.world();
    assert_eq!(world.unexplained_loss(), None);
    assert_eq!(broken(&runner), ["acked-lost"], "{:?}", world.laws());
    (world.lost(), breach(&runner, "acked-lost"))
}

#[test]
fn a_loss_names_what_allowed_it() {
    let cut_off = "cut broker 1 broker 2\ncut broker 1 broker 3\nrun 1s\ncrash broker 1\nheal\nrun 20s\n";
    let (lost, what) = loss(&three("", "1", cut_off));
    assert!((30..=70).contains(&lost) && what.contains("allowed by acks=1"), "{lost}: {what}");

    let alone = "crash broker 2\ncrash broker 3\nrun 15s\ncrash broker 1\nrun 15s\nstart broker 2\nrun 15s\n\
                 start broker 1\nrun 15s\n";
    let (lost, what) = loss(&three("--set unclean.leader.election.enable=true", "all", alone));
    assert!(lost > 100 && what.contains("unclean.leader.election.enable=true"), "{lost}: {what}");
    assert!(what.contains("one replica alone was in sync"), "{what}");

    let script = "cluster --brokers 1 --controllers 1 --network datacenter\nkafka-topics.sh --create --topic t\n\
                  producer p --topic t --rate 50/s --producer-property acks=all\nrun 3s\npower-loss broker 1\n\
                  run 10s\nstart broker 1\nrun 20s\n";
    let (lost, what) = loss(script);
    assert!(lost > 0 && what.contains("a power loss before a flush"), "{lost}: {what}");
}

#[test]
fn nothing_is_lost_with_acks_all_and_two_in_sync() {
    let faults = "crash broker 1\nrun 15s\nstart broker 1\nrun 15s\npause broker 2\nrun 15s\nresume broker 2\nrun 15s\n\
                  stop broker 3\nrun 10s\nstart broker 3\nrun 20s\n";
    let runner = run(&three("--set min.insync.replicas=2", "all", faults), 1, None);
    assert!(runner.is_done() && broken(&runner).is_empty(), "{:?}", runner.world().laws());
    assert!(runner.world().producer("p").is_some_and(|producer| producer.acked() > 3_000));
}
