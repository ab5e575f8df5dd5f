//! Checkpoints: the trace hash at chosen moments, by which a replay knows that it is the same history.

use crate::base::{SimTime, Vector};
use crate::sim::World;
use serde::{Deserialize, Serialize};

/// The trace hash after so many steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) steps: u64,
    pub(super) at: SimTime,
    pub(super) hash: u64,
}

/// The checkpoints of a run: never more than [`MOST`], evenly spread over its steps.
#[derive(Clone, Debug)]
pub(super) struct Checkpoints {
    every: u64,
    taken: Vector<Checkpoint>,
}

/// Steps between two checkpoints of a young run.
const FIRST_INTERVAL: u64 = 128;
/// How many are kept; then every other one goes and the interval doubles.
const MOST: usize = 1_024;

impl Default for Checkpoints {
    fn default() -> Self {
        Self { every: FIRST_INTERVAL, taken: Vector::new() }
    }
}

impl Checkpoint {
    /// How a world stands now.
    pub(super) fn of(world: &World) -> Self {
        Self { steps: world.steps(), at: world.now(), hash: world.trace_hash() }
    }
}

impl Checkpoints {
    /// After a step: takes a checkpoint if one is due.
    pub(super) fn note(&mut self, world: &World) {
        if !world.steps().is_multiple_of(self.every) {
            return;
        }
        self.taken.push_back(Checkpoint::of(world));
        if self.taken.len() > MOST {
            self.every *= 2;
            let every = self.every;
            self.taken.retain(|checkpoint| checkpoint.steps.is_multiple_of(every));
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Checkpoint> {
        self.taken.iter()
    }
}
