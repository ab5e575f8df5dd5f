//! Raft for the cluster's metadata log, as KRaft has it (KIP-595, with pre-votes of KIP-996).
//!
//! A [`Replica`] is one copy of the log `__cluster_metadata-0`: that of a controller, which is a voter, or that of a
//! broker, an observer. The voters elect a leader for each epoch; it alone appends; what a majority of the voters has is
//! committed, and the state machines on top (controllers and brokers) apply it in order.
//!
//! # What is different from the textbook
//!
//! - **Followers fetch.** There is no AppendEntries. A follower asks for what follows its log's end, with the epoch of its
//!   last record; the leader holds the request for up to 500 ms until it has records or a new high watermark. The offset
//!   asked for is the acknowledgement of all before it.
//! - **The leader finds the divergence.** When the follower's (offset, epoch) is not in the leader's log, the answer
//!   names where the leader's log ends that epoch, and the follower cuts its log back to there. This may take several
//!   rounds, each over one epoch.
//! - **A new leader must be made known.** It has nothing to push, so it sends BeginQuorumEpoch to the voters, again every
//!   second, whether they know it or not. Who does not know the leader asks the voters in turn with fetches, and their
//!   errors name it.
//! - **Liveness goes both ways.** A follower that gets no answer for `controller.quorum.fetch.timeout.ms` (2 s) turns
//!   Prospective. A leader that gets no fetches of a majority for one and a half times as long resigns, so that one that is
//!   cut off does not go on believing.
//! - **Two rounds of votes.** A Prospective asks for pre-votes in the epoch that is. A voter that still has answers from a
//!   leader refuses. Only with a majority does the Prospective open the next epoch as Candidate. A voter that was cut off
//!   and comes back so does no harm to a leader that the others follow. Lost elections end by their time
//!   (`controller.quorum.election.timeout.ms`, 1 to 2 s by lot), which spreads the next attempts.
//! - **The high watermark of a new leader is unknown**, in messages -1, until the LeaderChange record with which it opens
//!   its epoch is committed. Only then may anything else be called committed (Raft, section 5.4.2).
//! - **Leaving well.** A leader that stops or is told to resign sends EndQuorumEpoch with the voters in the order of their
//!   logs. The first holds an election at once, the others wait longer and longer
//!   (`controller.quorum.election.backoff.max.ms`).
//! - **A leader that is started again is Resigned** in its old epoch: it may have lost its log's tail, and offset and epoch
//!   must name one record for ever.
//!
//! | state | leaves it |
//! |---|---|
//! | Unattached | by its election timeout to Prospective; by hearing of a leader to Follower |
//! | Prospective | by a majority to Candidate; refused or timed out to Follower of the leader it knew, or to Unattached |
//! | Candidate | by a majority to Leader; timed out to Prospective |
//! | Leader | by a later epoch; by losing its majority, a shutdown or its own wish to Resigned |
//! | Resigned | by its election timeout to Unattached in the next epoch; by hearing of a leader to Follower |
//! | Follower | by its fetch timeout to Prospective; by a later epoch |
//!
//! # How it is used
//!
//! A replica is a value without time, network or disk of its own. Its owner, a machine of the world, calls
//! [`Replica::handle_request`], [`handle_response`](Replica::handle_response) and
//! [`handle_failure`](Replica::handle_failure) with what the network brings, [`append`](Replica::append) with records, and
//! [`poll`](Replica::poll) after each of these and at [`next_deadline`](Replica::next_deadline). Each leaves [`Effect`]s
//! to carry out. What is committed lies in [`Replica::log`] below [`Replica::high_watermark`]. [`Replica::durable`] is
//! what is left when the process ends.
//!
//! Not built: changes of the voters (KIP-853); its fields in messages are filled and checked.

mod config;
mod connections;
mod describe;
mod drive;
mod effect;
mod fetch;
mod leader;
mod log;
mod manager;
mod messages;
mod replica;
mod requests;
mod responses;
mod state;
mod tally;
mod update_voter;

pub use config::{METADATA_TOPIC, METADATA_TOPIC_ID, QuorumConfig, ReplicaKey, Voter};
pub use effect::{Effect, RequestToken, Turn};
pub use leader::Progress;
pub use log::{LogBatch, MetadataLog, OffsetAndEpoch, Validity};
pub use manager::{RaftEvent, RaftManager};
pub use replica::{AppendError, Durable, Replica};
pub use state::{ElectionState, Role};
