//! Histories beside those of Jepsen's own tests (`tests/vectors/jepsen_checker.json`): what its definitions say of cases
//! that those leave out.

use super::*;

/// A history, an operation a line: how it ended, the process, and its steps. `x:a` sends `a` to `x`, `x:a@3` was told
/// offset 3; `x=a@3,b@4` reads; `reads x y` assigns; `txn` makes a transaction of it; `moved x` was rebalanced.
fn history(text: &str) -> Vec<Op> {
    text.trim().lines().enumerate().map(|(index, line)| op(index, line.trim())).collect()
}

fn op(index: usize, line: &str) -> Op {
    let mut words = line.split_whitespace();
    let outcome = match words.next() {
        Some("ok") => Outcome::Ok,
        Some("fail") => Outcome::Fail,
        Some("info") => Outcome::Info,
        other => panic!("{other:?}"),
    };
    let process = words.next().expect("a process").parse().expect("a number");
    let work = Kind::Work(Vec::new());
    let mut op = Op { index, process, outcome, kind: work, is_txn: false, rebalanced: BTreeSet::new() };
    let words: Vec<&str> = words.collect();
    if words[0] == "reads" {
        op.kind = Kind::Reads(words[1..].iter().map(|key| (*key).to_owned()).collect());
        return op;
    }
    let Kind::Work(actions) = &mut op.kind else { unreachable!("it was set") };
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word {
            "txn" => op.is_txn = true,
            "moved" => {
                op.rebalanced.insert(words.next().expect("a key").to_owned());
            }
            _ => actions.push(action(word)),
        }
    }
    op
}

fn action(word: &str) -> Action {
    let at = |word: &str| -> (String, Option<i64>) {
        match word.split_once('@') {
            Some((value, offset)) => (value.to_owned(), Some(offset.parse().expect("an offset"))),
            None => (word.to_owned(), None),
        }
    };
    if let Some((key, value)) = word.split_once(':') {
        let (value, offset) = at(value);
        return Action::Send { key: key.into(), value, offset };
    }
    let (key, values) = word.split_once('=').expect("a send or a read");
    let read = |word: &str| {
        let (value, offset) = at(word);
        (offset.expect("a read has an offset"), value)
    };
    Action::Poll(BTreeMap::from([(key.to_owned(), values.split(',').map(read).collect())]))
}

/// What is found in a history.
fn found(text: &str) -> Vec<Anomaly> {
    anomalies(&history(text))
}

fn steps(text: &str) -> Vec<(Step, String, i64)> {
    let of = |anomaly: Anomaly| match anomaly {
        Anomaly::Step { what, values, delta, .. } => Some((what, values.join(" "), delta)),
        _ => None,
    };
    found(text).into_iter().filter_map(of).collect()
}

#[test]
fn an_aborted_read_is_one_of_what_certainly_was_not_written() {
    let read = "ok 1 x=a@0,b@1";
    let aborted = Anomaly::AbortedRead { key: "x".into(), value: "b".into(), writer: 1, reader: 2 };
    assert_eq!(found(&format!("ok 0 x:a@0\nfail 0 x:b\n{read}")), [aborted]);
    // Of what nobody knows it may well be there.
    assert_eq!(found(&format!("ok 0 x:a@0\ninfo 0 x:b\n{read}")), []);
    // And a poll whose outcome is unknown has shown nothing to anybody.
    assert_eq!(found("fail 0 x:b\ninfo 1 x=b@1"), []);
}

#[test]
fn a_transaction_does_not_read_what_it_writes() {
    let own = Anomaly::PrecommittedRead { key: "x".into(), value: "a".into(), op: 0 };
    assert_eq!(found("ok 0 txn x:a@0 x=a@0"), [own]);
    assert_eq!(found("ok 0 x:a@0 x=a@0"), [], "who sends without a transaction may");
}

#[test]
fn what_was_acknowledged_and_never_read_is_unseen() {
    let unseen = Anomaly::Unseen { key: "x".into(), value: "b".into() };
    assert_eq!(found("ok 0 x:a@0\nok 0 x:b@1\ninfo 0 x:c\nfail 0 x:d\nok 1 x=a@0"), [unseen]);
    // Not lost: nobody has read beyond it.
    let lost = |text: &str| found(text).iter().any(|anomaly| matches!(anomaly, Anomaly::LostWrite { .. }));
    assert!(!lost("ok 0 x:a@0\nok 0 x:b@1\nok 1 x=a@0"));
    assert!(lost("ok 0 x:a@0\nok 0 x:b@1\nok 1 x=a@0,c@2"));
}

#[test]
fn an_unknown_write_is_lost_when_another_of_the_same_operation_was_read() {
    let lost = |text: &str| -> Vec<String> {
        let value = |anomaly: Anomaly| match anomaly {
            Anomaly::LostWrite { value, .. } => Some(value),
            _ => None,
        };
        found(text).into_iter().filter_map(value).collect()
    };
    let after = "ok 1 x=c@2\nok 1 y=b@0";
    assert_eq!(lost(&format!("info 0 x:a@0 y:b@0\n{after}")), ["a"], "b is there, so a must be");
    assert_eq!(lost(&format!("info 0 x:a@0\nok 2 y:b@0\n{after}")), [""; 0], "it may never have been written");
    // One that was written twice is lost only if both are passed over.
    assert_eq!(lost("ok 0 x:a@0 x:a@5\nok 1 x=c@2"), [""; 0]);
}

#[test]
fn polls_of_every_outcome_say_where_values_are() {
    let conflict =
        |text: &str| found(text).iter().any(|anomaly| matches!(anomaly, Anomaly::InconsistentOffsets { .. }));
    for outcome in ["ok", "info", "fail"] {
        assert!(conflict(&format!("ok 0 x:a@0\n{outcome} 1 x=b@0")), "{outcome}");
    }
    assert!(!conflict("ok 0 x:a@0\nfail 1 x:b@0"), "but not failed sends");
}

#[test]
fn gaps_between_offsets_are_no_skips() {
    // Between them lie records of transactions, or what compaction took.
    assert_eq!(found("ok 0 x:a@0 x:b@7\nok 1 x=a@0,b@7"), []);
    assert_eq!(found("ok 0 x:a@0 x:b@7\nok 1 x=a@0\nok 1 x=b@7"), []);
}

#[test]
fn a_rebalance_within_a_poll_excuses_its_jumps() {
    let log = "ok 0 x:a@0 x:b@1 x:c@2";
    let read = "x=a@0,c@2,c@2";
    let expected = [(Step::IntPollSkip, "a c".into(), 2), (Step::IntNonmonotonicPoll, "c c".into(), 0)];
    assert_eq!(steps(&format!("{log}\nok 1 {read}")), expected);
    assert_eq!(steps(&format!("{log}\nok 1 {read} moved x")), []);
    assert_eq!(steps(&format!("{log}\nok 1 {read} moved y")), expected);
}

#[test]
fn what_a_process_expects_of_its_next_poll() {
    let log = "ok 0 x:a@0 x:b@1 x:c@2";
    let skip = [(Step::PollSkip, "a c".into(), 2)];
    assert_eq!(steps(&format!("{log}\nok 1 x=a@0\nok 1 x=c@2")), skip);
    assert_eq!(steps(&format!("{log}\nok 1 x=a@0\nok 2 x=c@2")), [], "another process has read nothing before");
    // A poll that was undone is repeated, not gone on from.
    assert_eq!(steps(&format!("{log}\nok 1 x=a@0\ninfo 1 x=b@1\nok 1 x=b@1")), []);
    assert_eq!(steps(&format!("{log}\nok 1 x=a@0\ninfo 1 x=b@1\nok 1 x=c@2")), skip);
    // A new assignment is a new beginning, for keys that it leaves out, if it was made.
    assert_eq!(steps(&format!("{log}\nok 1 x=a@0\nok 1 reads y\nok 1 x=c@2")), []);
    assert_eq!(steps(&format!("{log}\nok 1 x=a@0\nok 1 reads x y\nok 1 x=c@2")), skip);
    assert_eq!(steps(&format!("{log}\nok 1 x=a@0\nfail 1 reads y\nok 1 x=c@2")), skip);
}

#[test]
fn circles_of_reads_are_told_from_those_that_need_the_order_of_writes() {
    let cycles = |text: &str| -> Vec<(&'static str, Vec<String>)> {
        let of = |anomaly: Anomaly| match anomaly {
            Anomaly::Cycle(cycle) => Some((cycle.name, cycle.edges)),
            _ => None,
        };
        found(text).into_iter().filter_map(of).collect()
    };
    // Each read what the other wrote.
    let reads = cycles("ok 0 txn x:a@0 y=b@0\nok 1 txn y:b@0 x=a@0");
    assert_eq!(reads, [("G1c", vec!["wr y b".to_owned(), "wr x a".to_owned()])]);
    // One wrote before the other and read what it wrote: only the order of writes closes the circle.
    let mixed = cycles("ok 0 txn x:a@0 y=c@0\nok 1 txn x:b@1 y:c@0");
    assert_eq!(mixed, [("G1c", vec!["wr y c".to_owned(), "ww x a->b".to_owned()])]);
    // Without the read it is no circle, and neither is one of operations that did not happen.
    assert_eq!(cycles("ok 0 txn x:a@0\nok 1 txn x:b@1 y:c@0"), []);
    assert_eq!(cycles("ok 0 txn x:a@0 y=b@0\nfail 1 txn y:b@0 x=a@0"), []);
}
