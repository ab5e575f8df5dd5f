//! The states of a replica, and what of them is written to disk.

use super::config::ReplicaKey;
use super::leader::LeaderState;
use super::log::OffsetAndEpoch;
use super::tally::Tally;
use crate::base::{SimTime, SortedSet};
use bytes::BytesMut;
use std::fmt;

/// What a replica remembers of elections over a crash: the file `quorum-state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ElectionState {
    /// The quorum's epoch.
    pub epoch: i32,
    /// Its leader, as far as it is known.
    pub leader: Option<i32>,
    /// Whom this replica gave its vote in that epoch.
    pub voted: Option<ReplicaKey>,
}

/// What a replica is in its quorum's epoch. The names are Kafka's (the metric `current-state` shows them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It knows no leader to follow; it may have voted.
    Unattached,
    /// It has lost its leader and asks the voters whether they would vote for it, without a new epoch (KIP-996).
    Prospective,
    /// It has opened a new epoch, voted for itself, and asks the others for their votes.
    Candidate,
    /// It was elected.
    Leader,
    /// It was the leader of this epoch and is none any more: it gave up, or was started again.
    Resigned,
    /// It fetches from a leader.
    Follower,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A snapshot that a follower is getting piece by piece.
#[derive(Clone, Debug)]
pub(super) struct Download {
    pub(super) id: OffsetAndEpoch,
    pub(super) received: BytesMut,
}

/// A replica's state with what belongs to it alone.
#[derive(Clone, Debug)]
pub(super) enum State {
    Unattached {
        leader: Option<i32>,
        voted: Option<ReplicaKey>,
        /// None for an observer, which holds no elections.
        election_deadline: Option<SimTime>,
    },
    Prospective {
        leader: Option<i32>,
        voted: Option<ReplicaKey>,
        tally: Tally,
        election_deadline: SimTime,
    },
    Candidate {
        tally: Tally,
        election_deadline: SimTime,
    },
    Leader(Box<LeaderState>),
    Resigned {
        unacknowledged: SortedSet<i32>,
        successors: Vec<ReplicaKey>,
        election_deadline: SimTime,
    },
    Follower {
        leader: i32,
        voted: Option<ReplicaKey>,
        fetch_deadline: SimTime,
        has_fetched: bool,
        /// When the leader is to be told of this voter's listeners; none once it has been.
        update_voter_at: Option<SimTime>,
        download: Option<Download>,
    },
}

impl State {
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Unattached { .. } => Role::Unattached,
            Self::Prospective { .. } => Role::Prospective,
            Self::Candidate { .. } => Role::Candidate,
            Self::Leader(_) => Role::Leader,
            Self::Resigned { .. } => Role::Resigned,
            Self::Follower { .. } => Role::Follower,
        }
    }

    /// The leader of the epoch; `own` is this replica.
    pub(super) fn leader(&self, own: i32) -> Option<i32> {
        match self {
            Self::Unattached { leader, .. } | Self::Prospective { leader, .. } => *leader,
            Self::Candidate { .. } => None,
            Self::Leader(_) | Self::Resigned { .. } => Some(own),
            Self::Follower { leader, .. } => Some(*leader),
        }
    }

    /// Whom this replica, `own`, has given its vote in the epoch. A leader does not say: it voted for itself.
    pub(super) fn voted(&self, own: ReplicaKey) -> Option<ReplicaKey> {
        match self {
            Self::Unattached { voted, .. } | Self::Prospective { voted, .. } | Self::Follower { voted, .. } => *voted,
            Self::Candidate { .. } => Some(own),
            Self::Leader(_) | Self::Resigned { .. } => None,
        }
    }

    /// Whether this replica grants `candidate` its vote. `up_to_date` tells that the candidate's log ends no earlier
    /// than its own.
    pub(super) fn grants(&self, candidate: &ReplicaKey, up_to_date: bool, pre_vote: bool) -> bool {
        match self {
            Self::Unattached { leader, voted, .. } | Self::Prospective { leader, voted, .. } => match (voted, leader) {
                _ if pre_vote => up_to_date,
                (Some(voted), _) => voted.fits(candidate),
                (None, Some(_)) => false,
                (None, None) => up_to_date,
            },
            // A follower that has an answer from its leader sees no reason for an election.
            Self::Follower { has_fetched, .. } => pre_vote && up_to_date && !has_fetched,
            Self::Candidate { .. } | Self::Resigned { .. } => pre_vote && up_to_date,
            Self::Leader(_) => false,
        }
    }
}
