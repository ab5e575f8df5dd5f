//! DescribeLogDirs: how much of each partition is in which log directory. A broker here has one.

use super::{Broker, Served, str_bytes};
use crate::base::SortedMap;
use crate::storage::Disk;
use crate::wire::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use crate::wire::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use crate::wire::{ResponseKind, TopicName};
use std::sync::Arc;

/// `log.dirs`, Kafka's default: where the one directory would lie.
const LOG_DIR: &str = "/tmp/kafka-logs";

impl Broker {
    pub(super) fn describe_log_dirs(&self, request: &DescribeLogDirsRequest, disk: &Disk) -> Served {
        let is_asked = |topic: &str, index: i32| match &request.topics {
            None => true,
            Some(topics) => topics.iter().any(|t| &**t.topic == topic && t.partitions.contains(&index)),
        };
        let mut topics: SortedMap<Arc<str>, Vec<DescribeLogDirsPartition>> = SortedMap::new();
        for (tp, log) in disk.logs().filter(|(tp, _)| is_asked(&tp.topic, tp.partition)) {
            let partition = DescribeLogDirsPartition::default()
                .with_partition_index(tp.partition)
                .with_partition_size(log.size() as i64)
                .with_offset_lag((log.high_watermark() - log.log_end_offset()).max(0));
            topics.entry(tp.topic.clone()).or_default().push(partition);
        }
        let topic = |(name, partitions): (Arc<str>, Vec<DescribeLogDirsPartition>)| {
            DescribeLogDirsTopic::default().with_name(TopicName(str_bytes(&name))).with_partitions(partitions)
        };
        // How large the volume is, nobody knows.
        let result = DescribeLogDirsResult::default()
            .with_log_dir(str_bytes(LOG_DIR))
            .with_topics(topics.into_iter().map(topic).collect())
            .with_total_bytes(-1)
            .with_usable_bytes(-1);
        Served::Now(ResponseKind::DescribeLogDirs(DescribeLogDirsResponse::default().with_results(vec![result])))
    }
}
