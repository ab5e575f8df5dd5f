//! Records that were promised and cannot be found: what became of them, and which setting allowed it.
//!
//! A record is *missing* when the partition's leader does not have it. It may come back: the replica that has it may
//! yet lead. It is *lost* when other records have been committed in its place, or when no log holds it any more.

use super::window::Span;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What Kafka was told that lets it lose a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Allowance {
    /// The producer asked for acks=1, and the record was acknowledged before it was committed.
    AcksOne,
    /// `unclean.leader.election.enable`: a replica outside ISR and ELR was elected.
    UncleanElection,
    /// Nobody of ISR and ELR was left, and the controller elected the last leader that it knew (KIP-966).
    LastKnownLeader,
    /// A machine lost its power before the record was on its disk (`flush.messages` and `flush.ms` leave flushing to
    /// the operating system).
    PowerLoss,
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AcksOne => "acks=1",
            Self::UncleanElection => "unclean.leader.election.enable=true",
            Self::LastKnownLeader => "the last known leader was elected (KIP-966)",
            Self::PowerLoss => "a power loss before a flush (flush.messages and flush.ms are not set)",
        })
    }
}

/// A record that is missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    pub(super) span: Span,
    /// A high watermark had passed it.
    pub(super) committed: bool,
}

impl Missing {
    /// What allowed its loss, in a sentence's end.
    pub(super) fn explained(&self, allowed: &[Allowance]) -> String {
        if allowed.is_empty() {
            return "no setting allows that".into();
        }
        let names: Vec<String> = allowed.iter().map(Allowance::to_string).collect();
        let isr = match self.span.isr {
            1 if self.span.acked > 0 => "; one replica alone was in sync (min.insync.replicas=1 or acks=1)",
            _ => "",
        };
        format!("allowed by {}{isr}", names.join(" and "))
    }
}

/// The end of a log that went with a machine's power.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) broker: i32,
    /// The log ends here since.
    pub(super) offset: i64,
    /// The partition's leader epoch then.
    pub(super) epoch: i32,
}

impl Cut {
    /// Whether it may have taken these batches.
    pub(super) fn took(&self, span: &Span) -> bool {
        self.offset <= span.last && span.epoch <= self.epoch
    }
}
