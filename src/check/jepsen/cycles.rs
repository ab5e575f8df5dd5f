//! Circles of operations that come before each other: by the order of their writes (ww), or since one has read what the
//! other wrote (wr).

use super::order::Order;
use super::{Op, Outcome, is_committed, read_by_ok};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A circle of operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// G0 has writes alone, which Kafka allows: it isolates no writes from each other. G1c has reads too; one that has
    /// nothing but reads is never right.
    pub name: &'static str,
    /// The operations, the first one again at the end.
    pub ops: Vec<usize>,
    /// What leads from each to the next: `ww x a->b`, `wr x a`.
    pub edges: Vec<String>,
}

type Edges = BTreeMap<usize, BTreeMap<usize, String>>;

/// One shortest circle of each kind through each operation that is in one, each circle once.
pub(super) fn cycles(history: &[&Op], order: &Order) -> Vec<Cycle> {
    let (writes, reads) = edges(history, order);
    let mut both = reads.clone();
    for (from, to) in &writes {
        let known = both.entry(*from).or_default();
        for (to, edge) in to {
            known.entry(*to).or_insert_with(|| edge.clone());
        }
    }
    let mut found: Vec<Cycle> = shortest("G0", &writes);
    found.extend(shortest("G1c", &reads));
    if found.is_empty() {
        found.extend(shortest("G1c", &both));
    }
    found
}

fn edges(history: &[&Op], order: &Order) -> (Edges, Edges) {
    let read = read_by_ok(history);
    let committed: Vec<&&Op> = history.iter().filter(|op| is_committed(op, &read)).collect();
    let writer: BTreeMap<(&str, &str), usize> =
        committed.iter().flat_map(|op| op.sends().map(|sent| (sent, op.index))).collect();
    let (mut writes, mut reads) = (Edges::new(), Edges::new());
    let add = |edges: &mut Edges, from: usize, to: usize, edge: String| {
        if from != to {
            edges.entry(from).or_default().entry(to).or_insert(edge);
        }
    };
    for (key, before, after) in order.successions() {
        if let (Some(from), Some(to)) = (writer.get(&(key, before)), writer.get(&(key, after))) {
            add(&mut writes, *from, *to, format!("ww {key} {before}->{after}"));
        }
    }
    for op in history.iter().filter(|op| op.outcome == Outcome::Ok) {
        for (key, _, value) in op.reads() {
            if let Some(from) = writer.get(&(key, value)) {
                add(&mut reads, *from, op.index, format!("wr {key} {value}"));
            }
        }
    }
    (writes, reads)
}

fn shortest(name: &'static str, edges: &Edges) -> Vec<Cycle> {
    let mut seen: BTreeSet<BTreeSet<usize>> = BTreeSet::new();
    let mut found = Vec::new();
    for start in edges.keys().rev() {
        let Some(ops) = circle(*start, edges) else { continue };
        if seen.insert(ops.iter().copied().collect()) {
            let edges = ops.windows(2).map(|pair| edges[&pair[0]][&pair[1]].clone()).collect();
            found.push(Cycle { name, ops, edges });
        }
    }
    found
}

/// The shortest way from an operation back to itself.
fn circle(start: usize, edges: &Edges) -> Option<Vec<usize>> {
    let mut came: BTreeMap<usize, usize> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in edges.get(&at).into_iter().flat_map(BTreeMap::keys) {
            if *next == start {
                let mut way = vec![start, at];
                let mut back = at;
                while back != start {
                    back = came[&back];
                    way.push(back);
                }
                if at == start {
                    way.truncate(2);
                }
                way.reverse();
                return Some(way);
            }
            if !came.contains_key(next) {
                came.insert(*next, at);
                queue.push_back(*next);
            }
        }
    }
    None
}
