//! One record, inspected: where its batch lies, which replicas have it, which groups are past it, and what wrote it.

use super::browse::{Format, shown};
use crate::base::{EventId, TopicPartition};
use crate::sim::World;
use crate::storage::StoredBatch;
use crate::wire::records;
use serde::{Deserialize, Serialize};

/// A record, as its partition's leader has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordView {
    /// The partition.
    pub tp: TopicPartition,
    /// The record's offset.
    pub offset: i64,
    /// Names and values; empty when no leader's log has it.
    pub rows: Vec<(String, String)>,
    /// Each replica's broker, and what it has of the record.
    pub replicas: Vec<(String, String)>,
    /// Each group, and whether it has come past the record.
    pub groups: Vec<(String, String)>,
    /// The event that wrote it to the leader's log, while that is remembered.
    pub written: Option<EventId>,
}

/// The names of a batch's codecs, by its attributes.
const CODECS: [&str; 8] = ["none", "gzip", "snappy", "lz4", "zstd", "5", "6", "7"];

impl RecordView {
    /// The record of a partition at an offset.
    pub(super) fn of(world: &World, tp: &TopicPartition, offset: i64) -> Self {
        let nothing = (Vec::new(), Vec::new(), Vec::new());
        let (rows, replicas, groups) = nothing;
        let mut out = Self { tp: tp.clone(), offset, rows, replicas, groups, written: None };
        let Some(info) = world.partition(tp) else { return out };
        let Some(log) = info.leader.and_then(|leader| world.replica(leader, tp)) else { return out };
        let is_it = |batch: &&StoredBatch| (batch.base_offset..=batch.last_offset).contains(&offset);
        let Some(batch) = log.batches_from(offset).take(1).find(is_it) else { return out };
        out.describe(batch, log.high_watermark());
        for broker in &info.replicas {
            let words = match world.replica(*broker, tp) {
                None => "has no log".to_owned(),
                Some(log) => match log.batches_from(offset).take(1).find(is_it) {
                    Some(own) if own.crc != batch.crc => {
                        format!("has another record here, of epoch {}", own.leader_epoch)
                    }
                    Some(_) if offset < log.high_watermark() => "has it, and knows it committed".into(),
                    Some(_) => "has it".into(),
                    None if offset < log.log_start_offset() => "has it no more".into(),
                    None => format!("has not got it yet: its log ends at {}", log.log_end_offset()),
                },
            };
            out.replicas.push((format!("Broker {broker}"), words));
        }
        for group in world.groups() {
            let Some((_, committed)) = group.committed.iter().find(|(of, _)| of == tp) else { continue };
            let words = match *committed > offset {
                true => format!("past it: committed {committed}"),
                false => format!("not past it: committed {committed}"),
            };
            out.groups.push((group.id.to_string(), words));
        }
        out
    }

    fn describe(&mut self, batch: &StoredBatch, hw: i64) {
        let decoded = records::decode(&batch.bytes).unwrap_or_default();
        let found = decoded.into_iter().find(|(at, _)| *at == self.offset).map(|(_, record)| record);
        let (Some(record), Ok(header)) = (found, records::header(&batch.bytes)) else { return };
        let offset = self.offset;
        let mut row = |name: &str, value: String| self.rows.push((name.to_owned(), value));
        row("Offset", offset.to_string());
        row(
            "State",
            if offset < hw {
                format!("committed, below the high watermark {hw}")
            } else {
                format!("not committed: the high watermark is {hw}")
            },
        );
        row("Timestamp", format!("{} ms", record.timestamp_ms));
        row("Key", shown(record.key.as_deref(), Format::Text));
        row("Value", shown(record.value.as_deref(), Format::Text));
        for (name, value) in &record.headers {
            row(&format!("Header {name}"), shown(value.as_deref(), Format::Text));
        }
        row("Leader epoch", header.leader_epoch.to_string());
        row("Batch", format!("offsets {} to {}, {} bytes", batch.base_offset, batch.last_offset, batch.bytes.len()));
        row("Compression", CODECS[usize::from(header.attributes as u16 & 7)].into());
        row("CRC", format!("{:08x}", header.crc));
        if header.producer_id >= 0 {
            row("Producer id", format!("{}, epoch {}", header.producer_id, header.producer_epoch));
            let sequence = i64::from(header.base_sequence) + offset - header.base_offset;
            row("Sequence", sequence.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SimTime;
    use crate::session::Session;

    #[test]
    fn a_record_is_told_with_its_replicas_and_groups() {
        let script = "kafka-topics.sh --create --topic t --partitions 1 --replication-factor 3\n\
            producer p --topic t\nsend p key=k value=v\nsend p value=w\n\
            consumer c --topic t --group g --consumer-property auto.offset.reset=earliest \
            --consumer-property auto.commit.interval.ms=500\nrun 20s\n";
        let mut session = Session::start(script, 1).expect("the script is right");
        session.advance_to(SimTime(40_000_000));
        let tp = TopicPartition::new("t", 0);
        let it = RecordView::of(session.world(), &tp, 0);
        let value = |name: &str| it.rows.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        assert_eq!((value("Key"), value("Value"), value("Sequence")), (Some("k"), Some("v"), Some("0")));
        assert_eq!(value("State"), Some("committed, below the high watermark 2"));
        assert!(it.replicas.iter().all(|(_, words)| words == "has it, and knows it committed"), "{:?}", it.replicas);
        assert_eq!(it.groups, [("g".to_owned(), "past it: committed 2".to_owned())]);
        assert_eq!(RecordView::of(session.world(), &tp, 7).rows, []);
        assert_eq!(RecordView::of(session.world(), &TopicPartition::new("u", 0), 0).rows, []);
    }
}
