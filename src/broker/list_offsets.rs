//! ListOffsets: where a log starts, ends, or has its first record of a moment.

use super::{Broker, Served};
use crate::base::TopicPartition;
use crate::network::Pending;
use crate::storage::{Disk, Log};
use crate::wire::messages::list_offsets_request::ListOffsetsPartition;
use crate::wire::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use crate::wire::messages::{ListOffsetsRequest, ListOffsetsResponse};
use crate::wire::{ErrorCode, ResponseKind};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
/// The first offset on the broker's own disk: without tiered storage the same as the earliest.
const EARLIEST_LOCAL: i64 = -4;
/// The last offset in tiered storage: without it there is none.
const LATEST_TIERED: i64 = -5;

impl Broker {
    pub(super) fn list_offsets(&mut self, pending: &Pending, request: &ListOffsetsRequest, disk: &Disk) -> Served {
        let consumer = request.replica_id.0 < 0;
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let tp = TopicPartition::new(&**topic.name, asked.partition_index);
                let found = self.find_offset(&tp, asked, consumer, disk);
                answer(asked.partition_index, found, pending.version)
            });
            ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
        });
        let response = ListOffsetsResponse::default().with_topics(topics.collect());
        Served::Now(ResponseKind::ListOffsets(response))
    }

    /// Offset, timestamp and leader epoch; `None` when no record is that late.
    fn find_offset(
        &self,
        tp: &TopicPartition,
        asked: &ListOffsetsPartition,
        consumer: bool,
        disk: &Disk,
    ) -> Result<Option<(i64, i64, i32)>, ErrorCode> {
        let partition = self.replica(tp, asked.current_leader_epoch, true)?;
        let leader = partition.leader().expect("only the leader's replica was asked for");
        let log = disk.log(tp).expect("a leader has the log");
        let end = if consumer { log.high_watermark() } else { log.log_end_offset() };
        // After an election a leader cannot say how much is committed until its high watermark has reached its own
        // epoch: what it says might be less than what was said before (KIP-207).
        let unsettled = consumer && leader.epoch_start_offset > log.high_watermark();
        let leader_epoch = partition.metadata.leader_epoch;
        let epoch_at = |offset| log.batch_at(offset).map_or(leader_epoch, |batch| batch.leader_epoch);
        Ok(match asked.timestamp {
            LATEST if unsettled => return Err(ErrorCode::OFFSET_NOT_AVAILABLE),
            LATEST => Some((end, -1, leader_epoch)),
            EARLIEST | EARLIEST_LOCAL => Some((log.log_start_offset(), -1, epoch_at(log.log_start_offset()))),
            LATEST_TIERED => Some((-1, -1, -1)),
            timestamp_ms => {
                let found = match timestamp_ms {
                    MAX_TIMESTAMP => max_timestamp(log, end),
                    _ => log.offset_for_timestamp(timestamp_ms, end),
                };
                if found.is_none() && unsettled {
                    return Err(ErrorCode::OFFSET_NOT_AVAILABLE);
                }
                found
            }
        })
    }
}

/// The first record that has the log's largest timestamp.
fn max_timestamp(log: &Log, end: i64) -> Option<(i64, i64, i32)> {
    let committed = log.batches_from(log.log_start_offset()).take_while(|batch| batch.last_offset < end);
    let latest = committed.map(|batch| batch.max_timestamp_ms).max()?;
    log.offset_for_timestamp(latest, end)
}

fn answer(index: i32, found: Result<Option<(i64, i64, i32)>, ErrorCode>, version: i16) -> ListOffsetsPartitionResponse {
    let answer = ListOffsetsPartitionResponse::default().with_partition_index(index);
    match found {
        Err(error) => answer.with_error_code(error.0).with_timestamp(-1).with_offset(-1),
        Ok(found) => {
            let (offset, timestamp_ms, epoch) = found.unwrap_or((-1, -1, -1));
            // The epoch came with version 4.
            let epoch = if version >= 4 { epoch } else { -1 };
            answer.with_timestamp(timestamp_ms).with_offset(offset).with_leader_epoch(epoch)
        }
    }
}
