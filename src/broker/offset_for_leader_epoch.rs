//! OffsetForLeaderEpoch: where an epoch ends in the leader's log. Consumers ask it after a change of leader, to find out
//! whether records that they have read were cut off (KIP-101, KIP-320). Followers learn the same from Fetch.

use super::{Broker, Served};
use crate::base::TopicPartition;
use crate::storage::Disk;
use crate::wire::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use crate::wire::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use crate::wire::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use crate::wire::{ErrorCode, ResponseKind};

impl Broker {
    pub(super) fn offset_for_leader_epoch(&self, request: &OffsetForLeaderEpochRequest, disk: &Disk) -> Served {
        let topic = |topic: &crate::wire::messages::offset_for_leader_epoch_request::OffsetForLeaderTopic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let tp = TopicPartition::new(&**topic.topic, asked.partition);
                self.end_of_epoch(&tp, asked, disk).unwrap_or_else(|error| {
                    EpochEndOffset::default().with_partition(asked.partition).with_error_code(error.0)
                })
            });
            OffsetForLeaderTopicResult::default().with_topic(topic.topic.clone()).with_partitions(partitions.collect())
        };
        let topics = request.topics.iter().map(topic).collect();
        Served::Now(ResponseKind::OffsetForLeaderEpoch(OffsetForLeaderEpochResponse::default().with_topics(topics)))
    }

    fn end_of_epoch(
        &self,
        tp: &TopicPartition,
        asked: &OffsetForLeaderPartition,
        disk: &Disk,
    ) -> Result<EpochEndOffset, ErrorCode> {
        self.replica(tp, asked.current_leader_epoch, true)?;
        let log = disk.log(tp).expect("a leader has the log");
        let end = log.end_offset_for_epoch(asked.leader_epoch);
        Ok(EpochEndOffset::default()
            .with_partition(asked.partition)
            .with_leader_epoch(end.epoch)
            .with_end_offset(end.end_offset))
    }
}
