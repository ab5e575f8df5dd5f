//! Who takes part in a quorum, and its time limits.

use crate::base::{Endpoint, SimDuration, SortedMap};
use std::sync::Arc;
use uuid::Uuid;

/// Name of the topic whose only partition is the metadata log.
pub const METADATA_TOPIC: &str = "__cluster_metadata";

/// Id of that topic (`Uuid.METADATA_TOPIC_ID`).
pub const METADATA_TOPIC_ID: Uuid = Uuid::from_u128(1);

/// A replica as votes and fetches name it: its node, and the directory in which its log lies.
///
/// In a static quorum (`kraft.version` 0) the directories of the voters are not known, and a voter is known by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaKey {
    /// Id of the node; -1 for an observer without one.
    pub id: i32,
    /// Id of its metadata log's directory, if it is known.
    pub directory: Option<Uuid>,
}

impl ReplicaKey {
    /// The key as a message carries it, where the zero id stands for an unknown directory.
    pub fn new(id: i32, directory: Uuid) -> Self {
        Self { id, directory: (!directory.is_nil()).then_some(directory) }
    }

    /// The directory as a message carries it.
    pub fn directory_id(&self) -> Uuid {
        self.directory.unwrap_or_default()
    }

    /// Whether `other` can be the replica that this key names: an unknown directory fits all.
    pub fn fits(&self, other: &Self) -> bool {
        self.id == other.id && (self.directory.is_none() || self.directory == other.directory)
    }
}

/// A member of the quorum: one of those that elect a leader and whose copies of the log count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Its node and directory.
    pub key: ReplicaKey,
    /// Its controller listener.
    pub endpoint: Endpoint,
}

/// What a replica is started with: its identity, its quorum and the time limits, which are the settings called
/// `controller.quorum.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumConfig {
    /// Its node (`node.id`); -1 for an observer without an id.
    pub node_id: i32,
    /// Its metadata log's directory (`directory.id` in meta.properties).
    pub directory_id: Uuid,
    /// The cluster's id, which requests carry.
    pub cluster_id: Arc<str>,
    /// Name of the log's topic: [`METADATA_TOPIC`].
    pub topic: Arc<str>,
    /// Id of the log's topic: [`METADATA_TOPIC_ID`].
    pub topic_id: Uuid,
    /// The voters by id (`controller.quorum.voters`). They do not change: dynamic quorums (KIP-853) are not built.
    pub voters: SortedMap<i32, Voter>,
    /// Nodes that a replica without a leader asks, one at random each time. The voters, its own node among them, unless
    /// set otherwise (`controller.quorum.bootstrap.servers`).
    pub bootstrap: Vec<i32>,
    /// `controller.quorum.election.timeout.ms`: how long an election may take, and up to as much again by lot.
    pub election_timeout: SimDuration,
    /// `controller.quorum.fetch.timeout.ms`: how long a follower goes without an answer from its leader, and, one and a
    /// half times as long, a leader without fetches of a majority.
    pub fetch_timeout: SimDuration,
    /// `controller.quorum.election.backoff.max.ms`: how long the successor that a resigning leader likes least waits.
    pub election_backoff_max: SimDuration,
    /// `controller.quorum.append.linger.ms`: how long a leader gathers records for a batch.
    pub append_linger: SimDuration,
    /// `controller.quorum.request.timeout.ms`: how long a replica waits for an answer.
    pub request_timeout: SimDuration,
    /// `controller.quorum.retry.backoff.ms`: how long it leaves a node alone after an error.
    pub retry_backoff: SimDuration,
}

impl QuorumConfig {
    /// Kafka's defaults for a node and a static quorum.
    pub fn new(node_id: i32, directory_id: Uuid, cluster_id: impl Into<Arc<str>>, voters: &[(i32, Endpoint)]) -> Self {
        let voter = |(id, endpoint): &(i32, Endpoint)| {
            (*id, Voter { key: ReplicaKey { id: *id, directory: None }, endpoint: endpoint.clone() })
        };
        Self {
            node_id,
            directory_id,
            cluster_id: cluster_id.into(),
            topic: METADATA_TOPIC.into(),
            topic_id: METADATA_TOPIC_ID,
            voters: voters.iter().map(voter).collect(),
            bootstrap: voters.iter().map(|(id, _)| *id).collect(),
            election_timeout: SimDuration::from_millis(1_000),
            fetch_timeout: SimDuration::from_millis(2_000),
            election_backoff_max: SimDuration::from_millis(1_000),
            append_linger: SimDuration::from_millis(25),
            request_timeout: SimDuration::from_millis(2_000),
            retry_backoff: SimDuration::from_millis(20),
        }
    }

    /// This replica's own key.
    pub fn own_key(&self) -> ReplicaKey {
        ReplicaKey::new(self.node_id, self.directory_id)
    }

    /// Whether this replica is a voter; otherwise it is an observer.
    pub fn is_voter(&self) -> bool {
        self.is_voter_key(&self.own_key())
    }

    /// Whether `key` names a voter.
    pub fn is_voter_key(&self, key: &ReplicaKey) -> bool {
        self.voters.get(&key.id).is_some_and(|voter| voter.key.fits(key))
    }

    /// Whether this replica is the only voter.
    pub fn is_only_voter(&self) -> bool {
        self.is_voter() && self.voters.len() == 1
    }

    /// The ids of the other voters.
    pub fn remote_voters(&self) -> impl Iterator<Item = i32> {
        self.voters.keys().copied().filter(|id| *id != self.node_id)
    }

    /// How many voters are a majority.
    pub fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    /// How long a leader goes on without fetches of a majority.
    pub fn check_quorum_timeout(&self) -> SimDuration {
        SimDuration(self.fetch_timeout.0 * 3 / 2)
    }

    /// How long a voter follows a leader before it tells it of its listeners and versions (`UpdateRaftVoter`): "a few
    /// rounds of fetch requests", as `FollowerState.updateVoterPeriodMs` says.
    pub fn update_voter_period(&self) -> SimDuration {
        self.fetch_timeout
    }

    /// How often a leader tells the voters that it leads.
    pub fn begin_epoch_interval(&self) -> SimDuration {
        SimDuration(self.fetch_timeout.0 / 2)
    }
}
