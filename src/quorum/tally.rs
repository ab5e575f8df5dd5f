//! The votes of one election.

use crate::base::SortedMap;

/// What each voter answered; none while it has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    votes: SortedMap<i32, Option<bool>>,
}

impl Tally {
    /// An election among `voters` in which `own` has voted for itself.
    pub(super) fn new(voters: impl Iterator<Item = i32>, own: i32) -> Self {
        Self { votes: voters.map(|id| (id, (id == own).then_some(true))).collect() }
    }

    /// Notes a voter's answer. An id that is no voter's is passed over.
    pub(super) fn record(&mut self, voter: i32, granted: bool) {
        if let Some(vote) = self.votes.get_mut(&voter) {
            *vote = Some(granted);
        }
    }

    fn count(&self, answer: Option<bool>) -> usize {
        self.votes.values().filter(|vote| **vote == answer).count()
    }

    fn majority(&self) -> usize {
        self.votes.len() / 2 + 1
    }

    /// Whether a majority has granted its vote.
    pub(super) fn is_won(&self) -> bool {
        self.count(Some(true)) >= self.majority()
    }

    /// Whether a majority can no longer be reached.
    pub(super) fn is_lost(&self) -> bool {
        self.count(Some(true)) + self.count(None) < self.majority()
    }

    /// The voters that have not answered.
    pub(super) fn unanswered(&self) -> Vec<i32> {
        self.votes.iter().filter(|(_, vote)| vote.is_none()).map(|(id, _)| *id).collect()
    }

    /// The voters that granted their vote.
    pub(super) fn granting(&self) -> Vec<i32> {
        self.votes.iter().filter(|(_, vote)| **vote == Some(true)).map(|(id, _)| *id).collect()
    }
}
