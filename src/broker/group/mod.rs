//! The group coordinator.

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
mod timeline;
mod timers;
mod writes;

pub use classic::{ClassicGroup, ClassicState};
pub use config::GroupConfig;
pub use effect::{Effect, GroupEvent, GroupResponse, MemberIdRandom, RequestContext, RequestToken, Turn, WriteId};
pub use member::{ClassicMember, Protocol};
pub use offsets::OffsetAndMetadata;
pub use partition::coordinator_partition;
pub use shard::GroupShard;
