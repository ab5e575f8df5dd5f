//! What the laws have found so far.

use super::loss::Allowance;
use crate::base::EventId;
use serde::{Deserialize, Serialize};

/// A law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Law {
    AckedLost,
    CommittedStable,
    HwMonotonic,
    NoDivergence,
    OneLeaderPerEpoch,
    IsrWithinReplicas,
    MetadataAgrees,
    OffsetsMonotonic,
    OneOwner,
    CommittedWithinPolled,
    OrderPerKey,
}

/// How many laws there are.
pub(super) const COUNT: usize = 11;

/// Every law by name, with its promise in a few words; in the order of `Law`.
pub const LAWS: [(&str, &str); COUNT] = [
    ("acked-lost", "No acknowledged record lost"),
    ("committed-stable", "Committed data stays"),
    ("hw-monotonic", "HW never regresses"),
    ("no-divergence", "Replicas agree below HW"),
    ("one-leader-per-epoch", "One leader per epoch"),
    ("isr-within-replicas", "ISR within the replicas"),
    ("metadata-agrees", "One metadata log"),
    ("offsets-monotonic", "Offsets go forward"),
    ("one-owner", "One owner per generation"),
    ("committed-within-polled", "Commits only what was polled"),
    ("order-per-key", "Order of each key kept"),
];

/// How a law was first broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// The event that broke it.
    pub event: EventId,
    /// What happened, in a sentence.
    pub what: String,
}

/// The breaches so far, and what was lost.
#[derive(Clone, Debug)]
pub(super) struct Verdicts {
    /// The event that is being looked at.
    pub(super) event: EventId,
    breaches: [Option<Box<Breach>>; COUNT],
    pub(super) lost: u64,
    pub(super) unexplained: Option<Box<Breach>>,
}

impl Default for Verdicts {
    fn default() -> Self {
        Self { event: EventId(0), breaches: [const { None }; COUNT], lost: 0, unexplained: None }
    }
}

impl Verdicts {
    /// Notes that a law is broken; the first breach stays.
    pub(super) fn breach(&mut self, law: Law, what: String) {
        self.breaches[law as usize].get_or_insert_with(|| Box::new(Breach { event: self.event, what }));
    }

    /// Notes that acknowledged records are lost.
    pub(super) fn lost(&mut self, records: u32, allowed: &[Allowance], what: String) {
        self.lost += u64::from(records);
        if allowed.is_empty() {
            self.unexplained.get_or_insert_with(|| Box::new(Breach { event: self.event, what: what.clone() }));
        }
        self.breach(Law::AckedLost, what);
    }

    /// Each law's breach.
    pub(super) fn breaches(&self) -> impl Iterator<Item = Option<&Breach>> {
        self.breaches.iter().map(Option::as_deref)
    }
}
