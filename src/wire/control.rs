//! Control records: what the cluster writes into a log for itself.
//!
//! A control batch is marked in its attributes. The key of a record in it is a version and a type, its value a message
//! of that type. Consumers skip the batch; its offsets count.

use super::BrokerId;
use super::messages::leader_change_message::Voter;
use super::messages::{LeaderChangeMessage, SnapshotFooterRecord, SnapshotHeaderRecord};
use super::records::{self, BatchError, Record};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable};

/// Type of a LeaderChange record's key.
const LEADER_CHANGE: i16 = 2;
/// Type of a SnapshotHeader record's key.
const SNAPSHOT_HEADER: i16 = 3;
/// Type of a SnapshotFooter record's key.
const SNAPSHOT_FOOTER: i16 = 4;
/// Version of the key's format.
const KEY_VERSION: i16 = 0;
/// Version of the LeaderChange message while `kraft.version` is 0.
const LEADER_CHANGE_VERSION: i16 = 0;

/// The batch that opens a Raft leader's epoch (KIP-595): one record with the leader, the voters, and those of them that
/// elected it.
pub fn leader_change(timestamp_ms: i64, leader: i32, voters: &[i32], granting: &[i32]) -> Bytes {
    let listed = |ids: &[i32]| ids.iter().map(|id| Voter::default().with_voter_id(*id)).collect::<Vec<_>>();
    let message = LeaderChangeMessage::default()
        .with_version(LEADER_CHANGE_VERSION)
        .with_leader_id(BrokerId(leader))
        .with_voters(listed(voters))
        .with_granting_voters(listed(granting));
    batch(timestamp_ms, LEADER_CHANGE, &message, LEADER_CHANGE_VERSION)
}

/// The batch that opens a snapshot (KIP-630). `timestamp_ms` is that of the last record that the snapshot stands for.
pub fn snapshot_header(timestamp_ms: i64) -> Bytes {
    let message = SnapshotHeaderRecord::default().with_last_contained_log_timestamp(timestamp_ms);
    batch(timestamp_ms, SNAPSHOT_HEADER, &message, 0)
}

/// The batch that ends a snapshot.
pub fn snapshot_footer(timestamp_ms: i64) -> Bytes {
    batch(timestamp_ms, SNAPSHOT_FOOTER, &SnapshotFooterRecord::default(), 0)
}

fn batch(timestamp_ms: i64, kind: i16, message: &impl Encodable, version: i16) -> Bytes {
    let mut key = BytesMut::with_capacity(4);
    key.put_i16(KEY_VERSION);
    key.put_i16(kind);
    let mut value = BytesMut::new();
    message.encode(&mut value, version).expect("every field exists at its version");
    records::build_control(&[Record {
        timestamp_ms,
        key: Some(key.freeze()),
        value: Some(value.freeze()),
        headers: Vec::new(),
    }])
}

/// The LeaderChange message of a control batch, if that is what it holds.
pub fn read_leader_change(batch: &Bytes) -> Result<Option<LeaderChangeMessage>, BatchError> {
    if !records::header(batch)?.is_control() {
        return Ok(None);
    }
    for (_, record) in records::decode(batch)? {
        let (Some(mut key), Some(mut value)) = (record.key, record.value) else { continue };
        if key.len() >= 4 && key.get_i16() == KEY_VERSION && key.get_i16() == LEADER_CHANGE {
            let message = LeaderChangeMessage::decode(&mut value, LEADER_CHANGE_VERSION);
            return message.map(Some).map_err(|_| BatchError::Record("a LeaderChange message does not parse"));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leader_change_is_what_kafka_writes() {
        // The first batch of a new 4.1.1 controller's metadata log.
        let kafkas = "00000000000000000000004f00000001021899191e002000000000000001a1fd8745ac000001a1fd8745acffffffffffff\
                      ffffffffffffffff000000013a0000000800000002260000000000650200000065000200000065000000";
        let batch = leader_change(0x0000_01a1_fd87_45ac, 101, &[101], &[101]);
        let ours: String = records::stamp(&batch, 0, 1).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(ours, kafkas);
        let message = read_leader_change(&batch).unwrap().unwrap();
        assert_eq!((message.leader_id.0, message.voters.len()), (101, 1));
        assert_eq!(read_leader_change(&records::build(&[Record::default()])), Ok(None));
    }
}
