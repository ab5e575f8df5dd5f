//! DescribeLogDirs: the directory of the broker's logs, and how large each log is (KIP-113).

use super::describe_configs::log_dir;
use super::{Broker, Served, str_bytes};
use crate::base::TopicPartition;
use crate::storage::{Disk, Log};
use crate::wire::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use crate::wire::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use crate::wire::{ResponseKind, TopicName};

impl Broker {
    pub(super) fn describe_log_dirs(&self, request: &DescribeLogDirsRequest, disk: &Disk) -> Served {
        let is_asked = |tp: &TopicPartition| match &request.topics {
            None => true,
            Some(topics) => {
                let mut of_topic = topics.iter().filter(|topic| **topic.topic == *tp.topic);
                of_topic.any(|topic| topic.partitions.contains(&tp.partition))
            }
        };
        let mut topics: Vec<DescribeLogDirsTopic> = Vec::new();
        for (tp, log) in disk.logs().filter(|(tp, _)| is_asked(tp)) {
            if topics.last().is_none_or(|topic| **topic.name != *tp.topic) {
                topics.push(DescribeLogDirsTopic::default().with_name(TopicName(str_bytes(&tp.topic))));
            }
            topics.last_mut().expect("there is one").partitions.push(self.described_log(tp, log));
        }
        // A simulated disk is never full: its volume has no size, which is said as -1 (KIP-827).
        let directory = DescribeLogDirsResult::default()
            .with_log_dir(str_bytes(log_dir(self.is_combined)))
            .with_topics(topics)
            .with_total_bytes(-1)
            .with_usable_bytes(-1);
        Served::Now(ResponseKind::DescribeLogDirs(DescribeLogDirsResponse::default().with_results(vec![directory])))
    }

    fn described_log(&self, tp: &TopicPartition, log: &Log) -> DescribeLogDirsPartition {
        // How far the log is behind what is committed; -1 when the broker has no replica to compare with.
        let lag = |high_watermark: i64| (high_watermark - log.log_end_offset()).max(0);
        let offset_lag = self.partition(tp).map_or(-1, |_| lag(log.high_watermark()));
        DescribeLogDirsPartition::default()
            .with_partition_index(tp.partition)
            .with_partition_size(log.size() as i64)
            .with_offset_lag(offset_lag)
    }
}
