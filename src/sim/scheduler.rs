//! The scheduler: what is to happen, by time and then by the order in which it was planned.

use crate::base::SimTime;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Things of type `T`, each at its time. Two at the same time come out in the order in which they went in.
#[derive(Clone, Debug)]
pub struct Scheduler<T> {
    heap: BinaryHeap<Planned<T>>,
    planned: u64,
}

#[derive(Clone, Debug)]
struct Planned<T> {
    at: SimTime,
    order: u64,
    what: T,
}

impl<T> Scheduler<T> {
    /// Nothing planned.
    pub fn new() -> Self {
        Self { heap: BinaryHeap::new(), planned: 0 }
    }

    /// Plans `what` for `at`.
    pub fn plan(&mut self, at: SimTime, what: T) {
        let order = self.take_turn();
        self.plan_in_turn(at, order, what);
    }

    /// Takes the next turn among what happens at one time, for something that may be planned later.
    pub fn take_turn(&mut self) -> u64 {
        self.planned += 1;
        self.planned - 1
    }

    /// Plans `what` for `at`, in a turn that was taken before.
    pub fn plan_in_turn(&mut self, at: SimTime, order: u64, what: T) {
        self.heap.push(Planned { at, order, what });
    }

    /// The next thing and its time.
    pub fn peek(&self) -> Option<(SimTime, &T)> {
        self.heap.peek().map(|planned| (planned.at, &planned.what))
    }

    /// Takes the next thing.
    pub fn pop(&mut self) -> Option<(SimTime, T)> {
        self.heap.pop().map(|planned| (planned.at, planned.what))
    }

    /// How many things are planned.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<T> Default for Scheduler<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Ord for Planned<T> {
    /// Reversed, because the heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl<T> PartialOrd for Planned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Planned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Planned<T> {}
