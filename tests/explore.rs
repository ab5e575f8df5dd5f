//! Random histories are histories like any other: the same from the same seed, and their scripts tell them whole.

use kafka_terrarium::explore::{Finding, explore};
use kafka_terrarium::script::{Runner, Script};

fn explored(seed: u64) -> (Finding, String) {
    let mut script = String::new();
    let finding = explore(seed, &mut script);
    (finding, script)
}

#[test]
fn some_seeds_are_explored_and_all_is_well() {
    for seed in 1..=6 {
        let (finding, script) = explored(seed);
        assert_eq!(finding.problems, [""; 0], "seed {seed}:\n{script}");
        assert!(finding.messages > 500 && script.lines().count() > 10, "{finding:?}\n{script}");
    }
}

#[test]
fn a_seed_is_one_history() {
    let (finding, script) = explored(3);
    assert_eq!((finding.clone(), script), explored(3));
    assert_ne!(finding.trace_hash, explored(4).0.trace_hash);
}

#[test]
fn a_history_can_be_told_again_by_its_script() {
    for seed in [1, 2, 3] {
        let (finding, script) = explored(seed);
        let mut runner = Runner::new(Script::parse(&script).expect("a script"), seed);
        runner.finish();
        assert_eq!(runner.stopped(), None);
        assert_eq!((runner.world().trace_hash(), runner.world().now()), (finding.trace_hash, finding.time), "{script}");
    }
}
