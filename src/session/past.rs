//! Going back: an earlier moment of a run follows the rest of it, until somebody does something else.
//!
//! Truth is the script, the seed and the log; an earlier moment is a copy of the session that was taken then, and what
//! was done to the run since is given to it again at its place. The same history follows, event by event.

use super::Session;
use super::given::in_order;

/// Copies of a run, one every so many steps of its world: never more than a few, evenly spread. Whoever wants to see
/// another moment begins at the last copy before it.
#[derive(Clone, Debug)]
pub struct Ladder<T> {
    every: u64,
    most: usize,
    rungs: Vec<Rung<T>>,
}

#[derive(Clone, Debug)]
struct Rung<T> {
    steps: u64,
    held: T,
}

impl<T: Clone> Ladder<T> {
    /// A ladder of at most `most` copies; of a young run every `every` steps.
    pub fn new(every: u64, most: usize) -> Self {
        Self { every, most, rungs: Vec::new() }
    }

    /// After so many steps: takes a copy if one is due.
    pub fn note(&mut self, steps: u64, copy: impl FnOnce() -> T) {
        if self.rungs.last().is_some_and(|last| steps < last.steps + self.every) {
            return;
        }
        self.rungs.push(Rung { steps, held: copy() });
        if self.rungs.len() > self.most {
            self.every *= 2;
            let mut nth = 0;
            self.rungs.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
        }
    }

    /// The last copy that fits.
    pub fn last(&self, fits: impl Fn(&T) -> bool) -> Option<&T> {
        self.rungs.iter().rev().map(|rung| &rung.held).find(|held| fits(held))
    }

    /// Forgets the copies that were taken after `steps` steps: history goes another way from there.
    pub fn cut(&mut self, steps: u64) {
        self.rungs.retain(|rung| rung.steps <= steps);
    }

    /// How many copies there are.
    pub fn len(&self) -> usize {
        self.rungs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rungs.is_empty()
    }
}

impl Session {
    /// Makes this session, an earlier moment of `whole`, go the same way: what was done to `whole` since is done to it,
    /// each at its place, as time passes.
    pub fn follow(&mut self, whole: &Self) {
        let log = whole.log.iter().skip(self.log.len()).cloned();
        let outside = whole.outside().skip(self.outside().count()).cloned();
        self.ahead = in_order(self.log.len(), log, outside).into();
    }

    /// As [`Session::follow`], but only as far as the command of `whole` with this index, which is not given any more.
    pub fn follow_until(&mut self, whole: &Self, command: usize) {
        let earlier = Self { log: whole.log.iter().take(command).cloned().collect(), ..whole.clone() };
        self.follow(&earlier);
    }

    /// Whether something is still to be done to it because it was done to the run that it follows.
    pub fn is_following(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// From here on it goes its own way.
    pub fn leave(&mut self) {
        self.ahead.clear();
    }

    /// Whether it stands at an earlier moment than `other`, of the same history.
    pub fn is_before(&self, other: &Self) -> bool {
        let place = |s: &Self| (s.world().steps(), s.world().now(), s.log.len(), s.outside().count());
        place(self) < place(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_stays_small_and_even() {
        let mut ladder = Ladder::new(10, 8);
        for steps in 0..1_000u64 {
            ladder.note(steps, || steps);
        }
        assert!(ladder.len() <= 8 && ladder.len() > 3, "{}", ladder.len());
        assert_eq!(ladder.last(|at| *at == 0), Some(&0), "the first copy stays");
        let near = *ladder.last(|at| *at <= 700).expect("there is one");
        assert!(near + 320 > 700, "{near}");
        ladder.cut(500);
        assert!(ladder.last(|_| true).is_some_and(|last| *last <= 500));
    }
}
