//! Histories beside those of Jepsen's own tests (`tests/vectors/jepsen_checker.json`): what its definitions say of cases
//! that those leave out.

use super::*;
use crate::base::{SortedMap, SortedSet};

/// A history, an operation a line: how it ended, the process, and its steps. `x:a` sends `a` to `x`, `x:a@3` was told
/// offset 3; `x=a@3,b@4` reads, and `x=` reads nothing; `assign x y` and `subscribe x y`; `txn` makes a transaction of it;
/// `moved x` was rebalanced. `begin 0` is when the next operation of process 0 began. A line takes a microsecond.
fn history(text: &str) -> Vec<Op> {
    let mut begun: SortedMap<i64, Moment> = SortedMap::new();
    let mut ops = Vec::new();
    for (index, line) in text.trim().lines().map(str::trim).enumerate() {
        if let Some(process) = line.strip_prefix("begin ") {
            let moment = Moment { index, time_us: index as u64 };
            begun.insert(process.parse().expect("a number"), moment);
        } else {
            let mut op = op(index, line);
            op.began = begun.remove(&op.process);
            ops.push(op);
        }
    }
    ops
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
    let (time_us, rebalanced) = (index as u64, SortedSet::new());
    let mut op = Op { index, time_us, began: None, process, outcome, kind: work, is_txn: false, rebalanced };
    let words: Vec<&str> = words.collect();
    let keys = || words[1..].iter().map(|key| (*key).to_owned()).collect();
    match words[0] {
        "assign" => op.kind = Kind::Assign(keys()),
        "subscribe" => op.kind = Kind::Subscribe(keys()),
        _ => {}
    }
    if op.limits().is_some() {
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
    let values = values.split(',').filter(|word| !word.is_empty()).map(read).collect();
    Action::Poll(SortedMap::from([(key.to_owned(), values)]))
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
    assert_eq!(steps(&format!("{log}\nok 1 x=a@0\nok 1 assign y\nok 1 x=c@2")), []);
    assert_eq!(steps(&format!("{log}\nok 1 x=a@0\nok 1 subscribe x y\nok 1 x=c@2")), skip);
    assert_eq!(steps(&format!("{log}\nok 1 x=a@0\nfail 1 assign y\nok 1 x=c@2")), skip);
}

/// The circles of a history: name, edges, and whether Kafka allows it.
fn cycles(text: &str) -> Vec<(&'static str, String, bool)> {
    let of = |anomaly: Anomaly| match anomaly {
        Anomaly::Cycle(cycle) => Some((cycle.name, cycle.edges.join(", "), cycle.is_allowed())),
        _ => None,
    };
    found(text).into_iter().filter_map(of).collect()
}

#[test]
fn circles_of_reads_are_told_from_those_that_need_the_order_of_writes() {
    // Each read what the other wrote.
    let reads = cycles("ok 0 txn x:a@0 y=b@0\nok 1 txn y:b@0 x=a@0");
    assert_eq!(reads, [("G1c", "wr y b, wr x a".into(), false)]);
    // One wrote before the other and read what it wrote: only the order of writes closes the circle.
    let mixed = cycles("ok 0 txn x:a@0 y=c@0\nok 1 txn x:b@1 y:c@0");
    assert_eq!(mixed, [("G1c", "wr y c, ww x a->b".into(), true)]);
    // Two that wrote to two keys, in opposite orders.
    let writes = cycles("ok 0 txn x:a@0 y:b@1\nok 1 txn x:c@1 y:d@0");
    assert_eq!(writes, [("G0", "ww y d->b, ww x a->c".into(), true)]);
    // Without the read it is no circle, and neither is one of operations that did not happen.
    assert_eq!(cycles("ok 0 txn x:a@0\nok 1 txn x:b@1 y:c@0"), []);
    assert_eq!(cycles("ok 0 txn x:a@0 y=b@0\nfail 1 txn y:b@0 x=a@0"), []);
}

#[test]
fn a_process_order_closes_circles() {
    // It wrote a before b, and the log has them the other way round.
    let writes = cycles("ok 0 x:a@1\nok 0 x:b@0");
    assert_eq!(writes, [("G0-process", "ww x b->a, process 0".into(), true)]);
    // Of two processes nobody knows who was first, and of an operation whose end is unknown neither.
    assert_eq!(cycles("ok 0 x:a@1\nok 1 x:b@0"), []);
    assert_eq!(cycles("ok 1 y=c@0\ninfo 0 x:a@1 y:c@0\nok 0 x:b@0"), []);
    // It read what it wrote only afterwards: no order of writes is needed for that.
    let reads = cycles("ok 0 x=a@0\nok 0 x:a@0");
    assert_eq!(reads, [("G1c-process", "wr x a, process 0".into(), false)]);
    // Another read what it wrote, and it had read what the other wrote thereafter.
    let two = cycles("ok 0 y=b@0\nok 0 x:a@0\nok 1 x=a@0\nok 1 y:b@0");
    assert_eq!(two, [("G1c-process", "wr y b, process 0, wr x a, process 1".into(), false)]);
    // The same with the order of writes in the place of a read.
    let mixed = cycles("ok 0 y=b@0\nok 0 x:a@0\nok 1 x:c@1\nok 1 y:b@0");
    assert_eq!(mixed, [("G1c-process", "wr y b, process 0, ww x a->c, process 1".into(), true)]);
}

#[test]
fn real_time_closes_circles() {
    // The first was over when the second began, and comes after it in the log.
    let writes = cycles("begin 0\nok 0 x:a@1\nbegin 1\nok 1 x:b@0");
    assert_eq!(writes, [("G0-realtime", "ww x b->a, realtime".into(), true)]);
    // While they overlap, or where nobody knows when the second began or whether the first was ever done, none has.
    assert_eq!(cycles("begin 0\nbegin 1\nok 0 x:a@1\nok 1 x:b@0"), []);
    assert_eq!(cycles("begin 0\nok 0 x:a@1\nok 1 x:b@0"), []);
    assert_eq!(cycles("begin 0\ninfo 0 x:a@1 y:c@0\nbegin 1\nok 1 x:b@0\nok 2 y=c@0"), []);
    // A value was read before it was sent.
    let reads = cycles("begin 1\nok 1 x=a@0\nbegin 0\nok 0 x:a@0");
    assert_eq!(reads, [("G1c-realtime", "wr x a, realtime".into(), false)]);
    // One of which nobody knows the end can come late, but not before it began.
    let late = cycles("begin 1\nok 1 x=a@0\nbegin 0\ninfo 0 x:a@0");
    assert_eq!(late, [("G1c-realtime", "wr x a, realtime".into(), false)]);
    // Through an operation that has nothing to do with either, as real time is handed on.
    let through = cycles("begin 0\nok 0 x:a@1\nbegin 2\nok 2 z:c@0\nbegin 1\nok 1 x:b@0");
    assert_eq!(through, [("G0-realtime", "ww x b->a, realtime, realtime".into(), true)]);
    // With the order of writes and a read.
    let mixed = cycles("begin 1\nok 1 y=b@0\nbegin 0\nok 0 x:a@0\nbegin 2\nok 2 x:c@1 y:b@0");
    assert_eq!(mixed[0].0, "G1c-realtime");
}

#[test]
fn a_stricter_circle_hides_looser_ones_among_the_same_operations_alone() {
    // Its own two are G0 already; the pair of another process elsewhere is told by its order.
    let text = "ok 0 txn x:a@0 y:b@1\nok 1 txn x:c@1 y:d@0\nok 2 z:e@1\nok 2 z:f@0";
    let names: Vec<&str> = cycles(text).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["G0", "G0-process"]);
    let own = "ok 0 txn x:a@0 y:b@1\nok 0 txn x:c@1 y:d@0";
    assert_eq!(cycles(own), [("G0", "ww y d->b, ww x a->c".into(), true)]);
}

#[test]
fn a_poll_lags_by_what_was_known_when_it_began() {
    let lags = |text: &str| -> Vec<(String, u64)> {
        realtime_lags(&history(text)).into_iter().map(|lag| (lag.key, lag.lag_us)).collect()
    };
    let at = |key: &str, lag_us: u64| (key.to_owned(), lag_us);
    // Of lines 0 to 6: b was there at 1, and a poll that began at 4 did not bring it.
    let log = "ok 0 x:a@0\nok 0 x:b@1\nbegin 1\nok 1 x=a@0\nbegin 1\nok 1 x=";
    assert_eq!(lags(log), [at("x", 1), at("x", 3)]);
    // What it brings counts, and what came after it began does not.
    assert_eq!(lags("ok 0 x:a@0\nbegin 1\nok 1 x=a@0"), [at("x", 0)]);
    assert_eq!(lags("begin 1\nok 0 x:a@0\nok 1 x="), [at("x", 0)]);
    // A higher offset proves the lower ones; that another has read it proves it as well; a failed send proves nothing.
    assert_eq!(lags("ok 0 x:d@3\nbegin 1\nok 1 x=a@0"), [at("x", 1)]);
    assert_eq!(lags("info 2 x=a@0\nbegin 1\nok 1 x="), [at("x", 1)]);
    assert_eq!(lags("fail 0 x:a@0\nbegin 1\nok 1 x="), [at("x", 0)]);
    // A key that is assigned is read from its beginning, unless it was before; one that is subscribed to may be another's.
    assert_eq!(lags("ok 0 x:a@0\nok 1 assign x y\nbegin 1\nok 1 y="), [at("x", 2), at("y", 0)]);
    assert_eq!(lags("ok 0 x:a@0\nok 1 subscribe x y\nbegin 1\nok 1 y="), [at("y", 0)]);
    let kept = "ok 0 x:a@0\nok 1 x=a@0\nok 1 assign x\nbegin 1\nok 1 x=";
    assert_eq!(lags(kept), [at("x", 0)], "the first poll has no beginning, and so no lag");
    let worst = worst_realtime_lag(&history(log)).expect("there are polls");
    assert_eq!(worst, Lag { process: 1, key: "x".into(), time_us: 4, lag_us: 3 });
    assert_eq!(worst_realtime_lag(&history("ok 0 x:a@0")), None);
}
