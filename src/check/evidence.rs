//! What the laws may look at besides the facts: the logs, wherever they lie, and the settings that allow a loss.

use crate::base::{HostId, SimTime, TopicPartition};
use crate::storage::Log;

/// A look into a world that changes nothing.
pub trait Evidence {
    /// The clock.
    fn now(&self) -> SimTime;

    /// The `node.id` of a host that is a node of the cluster.
    fn node(&self, host: HostId) -> Option<i32>;

    /// A broker's log of a partition, as it lies on its disk, whether its process runs or not.
    fn log(&self, broker: i32, partition: &TopicPartition) -> Option<&Log>;

    /// Every log of a partition.
    fn logs(&self, partition: &TopicPartition) -> Vec<&Log>;

    /// `unclean.leader.election.enable` of a topic.
    fn allows_unclean_election(&self, topic: &str) -> bool;
}
