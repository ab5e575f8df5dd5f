//! The coordinator of classic consumer groups, for one partition of `__consumer_offsets` (`GroupCoordinatorShard`,
//! `GroupMetadataManager`, `ClassicGroup` and `OffsetMetadataManager`).
//!
//! A group belongs to one partition of `__consumer_offsets`, by the hash of its id ([`coordinator_partition`]), and the
//! leader of that partition coordinates it. Everything that must outlive the coordinator is in the partition: a record
//! per group and generation with its members and what they are assigned, a record per committed offset, and tombstones.
//! Whoever leads next reads the partition and goes on in the same generation.
//!
//! # A rebalance
//!
//! | state | what happens | leaves it |
//! |---|---|---|
//! | Empty | nobody is in it; offsets may be committed without joining | by the first JoinGroup |
//! | PreparingRebalance | JoinGroups are parked; heartbeats tell the others to join | when all have, or after the rebalance timeout |
//! | CompletingRebalance | all were answered, the leader with the members; SyncGroups are parked | when the leader's assignment is in the log |
//! | Stable | SyncGroups are answered at once | by a member that comes, goes, falls silent or changes what it offers |
//!
//! - **Nobody is called.** A member hears of a rebalance in the answer to its next heartbeat.
//! - **The coordinator assigns nothing.** It lets the members vote for one of the protocols that all offer, and one of
//!   them, the leader, assigns under it. What is assigned is bytes to the coordinator; it only keeps and hands them out.
//! - **The first of a group waits** for `group.initial.rebalance.delay.ms`, again for each that comes meanwhile, up to the
//!   rebalance timeout (KIP-134); whoever has no id yet is given one and must come back with it (KIP-394), so that a
//!   request that is sent twice is not two members.
//! - **Static members** (KIP-345) keep what they had when they come back within their session: they get a new id, and
//!   whoever had the old one is fenced. A leader that comes back is told to assign nothing (KIP-814).
//! - **A session** is watched from answer to request, not while a request is parked: the connection is muted then.
//!
//! # What is written, what is not
//!
//! As in Kafka a group changes at once and its record follows; but offsets, and which groups there are, change by
//! replaying the records that an operation appends. If the log refuses a write these go back to what they were
//! (the module `timeline` keeps them as of each write that is not committed); what was promised to members stays. Answers
//! that depend on a write wait until the high watermark has passed it, for `offsets.commit.timeout.ms` at most, and so do
//! answers without a write of their own, because they may tell of writes before them. DescribeGroups, ListGroups and
//! OffsetFetch without `requireStable` are answered at once from what is committed.
//!
//! # How it is used
//!
//! A [`GroupShard`] is a value without time, randomness, network or log of its own. Each of its operations takes a
//! [`Turn`] and leaves [`Effect`]s to carry out in order. Its owner
//!
//! 1. on becoming the partition's leader makes a shard, [`replay`](GroupShard::replay)s the log's records up to the high
//!    watermark, calls [`replayed_to_high_watermark`](GroupShard::replayed_to_high_watermark), replays the rest and calls
//!    [`loaded`](GroupShard::loaded). Until then it answers COORDINATOR_LOAD_IN_PROGRESS, or to a Heartbeat nothing but
//!    success. Keys that [`GroupRecord::decode`](crate::wire::GroupRecord::decode) calls unknown are passed over;
//! 2. gives it the requests: [`join_group`](GroupShard::join_group), [`sync_group`](GroupShard::sync_group),
//!    [`heartbeat`](GroupShard::heartbeat), [`leave_group`](GroupShard::leave_group),
//!    [`commit_offsets`](GroupShard::commit_offsets) (whose unknown topics it has answered itself),
//!    [`fetch_offsets`](GroupShard::fetch_offsets), [`fetch_stable_offsets`](GroupShard::fetch_stable_offsets),
//!    [`delete_offsets`](GroupShard::delete_offsets), [`describe_groups`](GroupShard::describe_groups),
//!    [`list_groups`](GroupShard::list_groups), [`delete_groups`](GroupShard::delete_groups). What a client asks of several
//!    groups at once the owner takes apart and puts together;
//! 3. appends what [`Effect::Append`] says, as with acks=1, and reports [`committed`](GroupShard::committed) when the high
//!    watermark passes it, or [`failed`](GroupShard::failed) when the append is refused. Several writes may go into one
//!    batch (`group.coordinator.append.linger.ms`); then they fail together;
//! 4. calls [`poll`](GroupShard::poll) at [`next_deadline`](GroupShard::next_deadline);
//! 5. tells it of [`partitions_deleted`](GroupShard::partitions_deleted), and [`unload`](GroupShard::unload)s it when
//!    another broker leads the partition. Who is not the leader answers NOT_COORDINATOR.
//!
//! Not built: offsets in transactions (TxnOffsetCommit), and the groups of KIP-848.

mod classic;
mod config;
mod describe;
mod effect;
mod heartbeat;
mod join;
mod leave;
mod member;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offsets;
mod partition;
mod rebalance;
mod shard;
mod subscription;
mod sync;
#[cfg(test)]
mod tests;
mod timeline;
mod timers;
mod writes;

pub use classic::{ClassicGroup, ClassicState};
pub use config::GroupConfig;
pub use effect::{
    Effect, GroupEvent, GroupResponse, MemberIdRandom, Removal, RequestContext, RequestToken, Turn, WriteId,
};
pub use member::{ClassicMember, Protocol};
pub use offsets::OffsetAndMetadata;
pub use partition::coordinator_partition;
pub use shard::GroupShard;
