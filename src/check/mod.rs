//! The laws: Kafka's promises, checked all the time.
//!
//! A law reads the facts of the trace as they happen, and the logs; it never changes anything, and it knows nothing of
//! brokers or clients. It stands below the world, so that every world carries its laws with it into every snapshot: a
//! law that was broken stays broken, with the first event that broke it.
//!
//! | law | promise |
//! |---|---|
//! | `acked-lost` | a record that was acknowledged is in the leader's log at the offset that was promised |
//! | `hw-monotonic` | a replica's high watermark never goes back |
//! | `offsets-monotonic` | a log gives offsets without gap or repeat, and a consumer's polls go forward |

use crate::base::{EventId, HostId, TopicPartition};
use crate::machine::Fact;
use crate::storage::Log;
use serde::{Deserialize, Serialize};

/// The state of every law.
#[derive(Clone, Debug, Default)]
pub struct Laws {
    lost: u64,
    acked_lost: Option<Breach>,
    high_watermarks: imbl::OrdMap<(HostId, TopicPartition), i64>,
    hw_monotonic: Option<Breach>,
    next_offsets: imbl::OrdMap<(HostId, TopicPartition), i64>,
    next_polled: imbl::OrdMap<(HostId, TopicPartition), i64>,
    offsets_monotonic: Option<Breach>,
}

/// How a law was first broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// The event that broke it.
    pub event: EventId,
    /// What happened, in a sentence.
    pub what: String,
}

/// A law and whether it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LawReport {
    /// Its name in `expect law(NAME) holds`.
    pub name: String,
    /// Its promise in a few words.
    pub title: String,
    /// How it was first broken; none while it holds.
    pub breach: Option<Breach>,
}

/// Every law by name, with its promise in a few words.
pub const LAWS: [(&str, &str); 3] = [
    ("acked-lost", "No acknowledged record lost"),
    ("hw-monotonic", "HW never regresses"),
    ("offsets-monotonic", "Offsets go forward"),
];

impl Laws {
    /// How many acknowledged records are in no committed log.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether every law holds.
    pub fn hold(&self) -> bool {
        self.breaches().iter().all(|breach| breach.is_none())
    }

    /// Each law and whether it holds.
    pub fn report(&self) -> Vec<LawReport> {
        let report = |(&(name, title), breach): (&(&str, &str), &Option<Breach>)| LawReport {
            name: name.into(),
            title: title.into(),
            breach: breach.clone(),
        };
        LAWS.iter().zip(self.breaches()).map(report).collect()
    }

    fn breaches(&self) -> [&Option<Breach>; 3] {
        [&self.acked_lost, &self.hw_monotonic, &self.offsets_monotonic]
    }

    /// Takes in a fact from `host`. `leader_log` finds the log of a partition's leader.
    pub fn observe<'a>(
        &mut self,
        event: EventId,
        host: HostId,
        fact: &Fact,
        leader_log: impl FnOnce(&TopicPartition) -> Option<&'a Log>,
    ) {
        match fact {
            Fact::Acknowledged { partition, base_offset, records, crc, .. } if *base_offset >= 0 => {
                let batch = leader_log(partition).and_then(|log| log.batch_at(*base_offset));
                if batch.is_none_or(|batch| batch.base_offset != *base_offset || batch.crc != *crc) {
                    self.lost += u64::from(*records);
                    let what =
                        format!("{records} acknowledged records at {partition} @{base_offset} are not in its log");
                    breach(&mut self.acked_lost, event, what);
                }
            }
            Fact::HighWatermark { partition, from, to } => {
                let last = self.high_watermarks.insert((host, partition.clone()), *to).unwrap_or(0);
                if *to < last || *from != last {
                    let what = format!("the high watermark of {partition} went from {last} to {to}");
                    breach(&mut self.hw_monotonic, event, what);
                }
            }
            Fact::Appended { partition, base_offset, last_offset, .. } => {
                let next = self.next_offsets.insert((host, partition.clone()), last_offset + 1).unwrap_or(0);
                if *base_offset != next || last_offset < base_offset {
                    let what = format!("{partition} appended {base_offset} to {last_offset} where {next} was next");
                    breach(&mut self.offsets_monotonic, event, what);
                }
            }
            Fact::Polled { partition, first_offset, last_offset, .. } => {
                let next = self.next_polled.insert((host, partition.clone()), last_offset + 1).unwrap_or(0);
                if *first_offset < next {
                    let what = format!("a consumer of {partition} was at {next} and got {first_offset} again");
                    breach(&mut self.offsets_monotonic, event, what);
                }
            }
            // A reset is the one way in which a position may go back.
            Fact::OffsetReset { partition, offset } => {
                self.next_polled.insert((host, partition.clone()), *offset);
            }
            _ => {}
        }
    }
}

fn breach(law: &mut Option<Breach>, event: EventId, what: String) {
    law.get_or_insert(Breach { event, what });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::records::{self, Record};

    fn tp() -> TopicPartition {
        TopicPartition::new("orders", 0)
    }

    fn appended(base_offset: i64, last_offset: i64) -> Fact {
        Fact::Appended { partition: tp(), base_offset, last_offset, leader_epoch: 0, crc: 0, size: 0 }
    }

    fn polled(first_offset: i64, last_offset: i64) -> Fact {
        Fact::Polled { partition: tp(), first_offset, last_offset, records: 1 }
    }

    fn watermark(from: i64, to: i64) -> Fact {
        Fact::HighWatermark { partition: tp(), from, to }
    }

    fn broken_by(facts: &[Fact]) -> Vec<String> {
        let mut laws = Laws::default();
        for (n, fact) in facts.iter().enumerate() {
            laws.observe(EventId(n as u64), HostId(0), fact, |_| None);
        }
        assert_eq!(laws.hold(), laws.report().iter().all(|law| law.breach.is_none()));
        laws.report().into_iter().filter(|law| law.breach.is_some()).map(|law| law.name).collect()
    }

    #[test]
    fn each_law_can_break() {
        assert_eq!(broken_by(&[appended(0, 1), appended(2, 2), watermark(0, 2), polled(0, 1)]), [""; 0]);
        assert_eq!(broken_by(&[appended(0, 1), appended(1, 2)]), ["offsets-monotonic"]);
        assert_eq!(broken_by(&[appended(0, 1), appended(3, 3)]), ["offsets-monotonic"]);
        assert_eq!(broken_by(&[polled(4, 5), polled(5, 6)]), ["offsets-monotonic"]);
        assert_eq!(broken_by(&[watermark(0, 2), watermark(2, 1)]), ["hw-monotonic"]);
        assert_eq!(broken_by(&[watermark(0, 2), watermark(1, 3)]), ["hw-monotonic"]);
    }

    #[test]
    fn an_acknowledged_batch_must_be_in_the_log() {
        let mut log = Log::new(1 << 20);
        let batch = records::build(&[Record::default()]);
        let header = records::check_crc(&batch).unwrap();
        log.append_as_leader(&header, &batch, 0);
        let acknowledged =
            |base_offset, crc| Fact::Acknowledged { partition: tp(), base_offset, records: 1, acks: 1, crc };
        let lost = |fact: Fact| {
            let mut laws = Laws::default();
            laws.observe(EventId(0), HostId(0), &fact, |_| Some(&log));
            laws.lost()
        };
        assert_eq!(lost(acknowledged(0, header.crc)), 0);
        assert_eq!(lost(acknowledged(0, header.crc ^ 1)), 1);
        assert_eq!(lost(acknowledged(1, header.crc)), 1);
    }
}
