//! Circles of operations that come before each other: by the order of their writes (ww), since one has read what the other
//! wrote (wr), by the order of a process, or by real time (Elle, `elle.txn` and `elle.core`).

use super::order::Order;
use super::{Op, Outcome, is_committed, read_by_ok};
use crate::base::{SortedMap, SortedSet};
use std::collections::VecDeque;

/// A circle of operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// G0 has writes alone, G1c has reads too. With `-process` or `-realtime` behind it, the circle closes only by the
    /// order of a process or by real time.
    pub name: &'static str,
    /// The operations, the first one again at the end.
    pub ops: Vec<usize>,
    /// What leads from each to the next: `ww x a->b`, `wr x a`, `process 3`, `realtime`.
    pub edges: Vec<String>,
}

impl Cycle {
    /// Whether Kafka allows it. It isolates no writes from each other, so circles in which the order of writes counts
    /// are normal; one of reads, processes and time alone is never right.
    pub fn is_allowed(&self) -> bool {
        self.edges.iter().any(|edge| edge.starts_with("ww "))
    }
}

type Edges = SortedMap<usize, SortedMap<usize, String>>;

/// The names of circles of writes and of those that have reads too: alone, by a process' order, by real time.
const WRITES: [&str; 3] = ["G0", "G0-process", "G0-realtime"];
const READS: [&str; 3] = ["G1c", "G1c-process", "G1c-realtime"];

/// One shortest circle of each kind through each operation that is in one, each circle once. Where operations have a
/// circle of a stricter kind among them, no other is looked for.
pub(super) fn cycles(history: &[&Op], order: &Order) -> Vec<Cycle> {
    let (writes, reads) = data(history, order);
    let by = [Edges::new(), by_process(history), by_realtime(history)];
    let mut found = of_kind(WRITES, &[&writes], &by, &[]);
    found.extend(of_kind(READS, &[&reads], &by, &[]));
    let both = of_kind(READS, &[&reads, &writes], &by, &found);
    found.extend(both);
    found
}

/// The circles of some edges: of those alone, then with the order of processes, then with real time.
fn of_kind(names: [&'static str; 3], edges: &[&Edges], by: &[Edges; 3], before: &[Cycle]) -> Vec<Cycle> {
    let mut known: SortedSet<usize> = before.iter().flat_map(|cycle| cycle.ops.iter().copied()).collect();
    let mut found = Vec::new();
    for (name, by) in names.into_iter().zip(by) {
        let all = union(edges.iter().copied().chain([by]));
        for component in components(&all).iter().filter(|component| component.is_disjoint(&known)) {
            found.extend(shortest(name, component, &all));
        }
        known.extend(found.iter().flat_map(|cycle: &Cycle| cycle.ops.iter().copied()));
    }
    found
}

/// All edges together; what is said first of two operations counts.
fn union<'a>(all: impl Iterator<Item = &'a Edges>) -> Edges {
    let mut union = Edges::new();
    for (from, to) in all.flatten() {
        let known = union.entry(*from).or_default();
        for (to, edge) in to {
            known.entry(*to).or_insert_with(|| edge.clone());
        }
    }
    union
}

fn add(edges: &mut Edges, from: usize, to: usize, edge: String) {
    if from != to {
        edges.entry(from).or_default().entry(to).or_insert(edge);
    }
}

/// The order of writes, and of reads after writes.
fn data(history: &[&Op], order: &Order) -> (Edges, Edges) {
    let read = read_by_ok(history);
    let committed: Vec<&&Op> = history.iter().filter(|op| is_committed(op, &read)).collect();
    let writer: SortedMap<(&str, &str), usize> =
        committed.iter().flat_map(|op| op.sends().map(|sent| (sent, op.index))).collect();
    let (mut writes, mut reads) = (Edges::new(), Edges::new());
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

/// Each ok operation of a process with its next.
fn by_process(history: &[&Op]) -> Edges {
    let mut edges = Edges::new();
    let mut last: SortedMap<i64, usize> = SortedMap::new();
    for op in history.iter().filter(|op| op.outcome == Outcome::Ok && op.limits().is_none()) {
        if let Some(before) = last.insert(op.process, op.index) {
            add(&mut edges, before, op.index, format!("process {}", op.process));
        }
    }
    edges
}

/// Each ok operation with those that began after its end, but for what follows from others of these edges. An operation
/// of which nobody knows whether it was done may be done at any time later, so nothing is certain to come after it.
fn by_realtime(history: &[&Op]) -> Edges {
    let work = history.iter().filter(|op| op.outcome != Outcome::Fail && op.limits().is_none());
    let mut moments: SortedMap<(usize, bool), &Op> = SortedMap::new();
    for op in work {
        moments.insert((op.index, true), op);
        if let Some(began) = op.began {
            moments.insert((began.index, false), op);
        }
    }
    let mut edges = Edges::new();
    let mut over: SortedSet<usize> = SortedSet::new();
    let mut before: SortedMap<usize, Vec<usize>> = SortedMap::new();
    for ((_, is_end), op) in moments {
        if !is_end {
            over.iter().for_each(|done| add(&mut edges, *done, op.index, "realtime".into()));
            before.insert(op.index, over.iter().copied().collect());
        } else if op.outcome == Outcome::Ok {
            let implied: SortedSet<usize> = before.remove(&op.index).into_iter().flatten().collect();
            over.retain(|done| !implied.contains(done));
            over.insert(op.index);
        }
    }
    edges
}

/// The sets of operations, of two at least, of which each comes before each other (Tarjan's algorithm).
fn components(edges: &Edges) -> Vec<SortedSet<usize>> {
    let mut search = Search::default();
    for start in edges.keys().rev() {
        search.visit(*start, edges);
    }
    search.found
}

#[derive(Default)]
struct Search {
    /// The order in which each operation was found, and the earliest that it leads back to.
    numbers: SortedMap<usize, (usize, usize)>,
    stack: Vec<usize>,
    on_stack: SortedSet<usize>,
    found: Vec<SortedSet<usize>>,
}

impl Search {
    fn visit(&mut self, start: usize, edges: &Edges) {
        let nexts = |of: usize| edges.get(&of).into_iter().flat_map(SortedMap::keys).copied();
        if self.numbers.contains_key(&start) {
            return;
        }
        self.enter(start);
        let mut way = vec![(start, nexts(start))];
        while let Some((at, rest)) = way.last_mut() {
            let at = *at;
            match rest.next() {
                Some(next) if !self.numbers.contains_key(&next) => {
                    self.enter(next);
                    way.push((next, nexts(next)));
                }
                Some(next) if self.on_stack.contains(&next) => self.lead_back(at, self.numbers[&next].0),
                Some(_) => {}
                None => {
                    way.pop();
                    self.leave(at);
                    if let Some((before, _)) = way.last() {
                        self.lead_back(*before, self.numbers[&at].1);
                    }
                }
            }
        }
    }

    fn enter(&mut self, op: usize) {
        self.numbers.insert(op, (self.numbers.len(), self.numbers.len()));
        self.stack.push(op);
        self.on_stack.insert(op);
    }

    fn lead_back(&mut self, op: usize, to: usize) {
        let (_, earliest) = self.numbers.get_mut(&op).expect("it was entered");
        *earliest = (*earliest).min(to);
    }

    /// All that an operation leads to was seen: if it leads back to nothing before it, it is the first of a component.
    fn leave(&mut self, op: usize) {
        let (number, earliest) = self.numbers[&op];
        if number != earliest {
            return;
        }
        let from = self.stack.iter().rposition(|other| *other == op).expect("it was entered");
        let component: SortedSet<usize> = self.stack.drain(from..).collect();
        self.on_stack.retain(|op| !component.contains(op));
        if component.len() > 1 {
            self.found.push(component);
        }
    }
}

fn shortest(name: &'static str, component: &SortedSet<usize>, edges: &Edges) -> Vec<Cycle> {
    let mut seen: SortedSet<SortedSet<usize>> = SortedSet::new();
    let mut found = Vec::new();
    for start in component.iter().rev() {
        let ops = circle(*start, component, edges);
        if seen.insert(ops.iter().copied().collect()) {
            let edges = ops.windows(2).map(|pair| edges[&pair[0]][&pair[1]].clone()).collect();
            found.push(Cycle { name, ops, edges });
        }
    }
    found
}

/// The shortest way from an operation of a component back to itself.
fn circle(start: usize, component: &SortedSet<usize>, edges: &Edges) -> Vec<usize> {
    let mut came: SortedMap<usize, usize> = SortedMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in edges[&at].keys().filter(|next| component.contains(next)) {
            if *next == start {
                let mut way = vec![start, at];
                let mut back = at;
                while back != start {
                    back = came[&back];
                    way.push(back);
                }
                way.reverse();
                return way;
            }
            if !came.contains_key(next) {
                came.insert(*next, at);
                queue.push_back(*next);
            }
        }
    }
    unreachable!("in a component every operation leads back to itself")
}
