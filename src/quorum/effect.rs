//! What a replica is given to act with, and what it asks of the machine that owns it.

use super::state::{ElectionState, Role};
use crate::base::{Rng, SimTime};
use crate::machine::Mutant;
use crate::wire::{RequestKind, ResponseKind};

/// A request that a replica answers later: a number by which its owner finds the connection again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestToken(pub u64);

/// What a replica asks of its owner. Effects are to be carried out in order and before the next input.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send a request to a node's controller listener. The answer goes to [`handle_response`], its failure to
    /// [`handle_failure`].
    ///
    /// [`handle_response`]: super::Replica::handle_response
    /// [`handle_failure`]: super::Replica::handle_failure
    Send {
        /// The node.
        to: i32,
        /// The request's number.
        correlation_id: i32,
        /// The version that the body is meant for.
        version: i16,
        /// The request.
        body: RequestKind,
    },
    /// Answer a request.
    Respond {
        /// The request.
        request: RequestToken,
        /// The answer, at the request's version.
        body: ResponseKind,
    },
    /// Write the election state to disk (the file `quorum-state`), durably, before anything that follows is sent.
    Persist(ElectionState),
    /// The replica is in a new state. Kafka tells the controller and the broker of another leader at once
    /// (`handleLeaderChange`), and a controller that it leads itself when it has applied the log up to its
    /// [`epoch_start`](super::Replica::epoch_start).
    Changed {
        /// What it is now.
        role: Role,
        /// The quorum's epoch.
        epoch: i32,
        /// The leader of the epoch, as far as it is known.
        leader: Option<i32>,
    },
    /// The high watermark moved: the log is committed up to here, as far as this replica knows.
    HighWatermark(i64),
    /// The end of the log was cut off here, because the leader's log differs.
    Truncated(i64),
    /// The log was replaced by a leader's snapshot that ends here.
    SnapshotTaken(i64),
    /// A graceful shutdown is done.
    Stopped,
    /// Kafka's process ends here with this error; the replica does nothing any more.
    Failed(String),
}

/// What a replica is given with each input.
#[derive(Debug)]
pub struct Turn<'a> {
    pub(super) now: SimTime,
    pub(super) start_ms: i64,
    pub(super) rng: &'a mut Rng,
    pub(super) effects: &'a mut Vec<Effect>,
    mutant: Option<Mutant>,
}

impl<'a> Turn<'a> {
    /// An input at `now` in a world that started at `start_ms` (ms since the Unix epoch). `rng` is the owner's stream.
    pub fn new(now: SimTime, start_ms: i64, rng: &'a mut Rng, effects: &'a mut Vec<Effect>) -> Self {
        Self { now, start_ms, rng, effects, mutant: None }
    }

    /// The same in a world whose machines make a mistake, for tests.
    pub fn with_mutant(self, mutant: Option<Mutant>) -> Self {
        Self { mutant, ..self }
    }

    /// Whether the world's machines make this mistake; never but in a test of the laws.
    pub(super) fn is_mutant(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// A moment as a timestamp: ms since the Unix epoch.
    pub(super) fn wall_clock_ms(&self, at: SimTime) -> i64 {
        self.start_ms + (at.0 / 1_000) as i64
    }

    pub(super) fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}
