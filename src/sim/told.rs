//! What the cluster's metadata says, told once.
//!
//! The leader of the metadata log tells what its committed records mean. A new leader cannot know how far the one
//! before it had come with that, and tells again what it may have left out; the world keeps what is new.

use crate::base::HostId;
use crate::machine::Fact;

/// How far the metadata log has been told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// The batch that a host holds for committed and may be telling: its first offset and the one after its last.
    batch: Option<(HostId, i64, i64)>,
    /// Offset after the last batch that was told.
    end: i64,
    /// First offset of that batch.
    latest: i64,
}

impl Told {
    /// Whether a fact says what has been said.
    pub(super) fn is_repeated(&mut self, host: HostId, fact: &Fact) -> bool {
        match fact {
            Fact::MetadataCommitted { base_offset, last_offset, .. } => {
                self.batch = Some((host, *base_offset, last_offset + 1));
                false
            }
            Fact::TopicCreated { .. }
            | Fact::TopicDeleted { .. }
            | Fact::PartitionChanged { .. }
            | Fact::BrokerRegistered { .. }
            | Fact::BrokerFenced { .. }
            | Fact::BrokerUnfenced { .. }
            | Fact::ControlledShutdown { .. }
            | Fact::BrokerUnregistered { .. } => {
                let (teller, base, end) = self.batch.expect("a batch is committed before its records are told");
                assert_eq!(teller, host, "a host tells what it has just taken in");
                if base >= self.end {
                    (self.latest, self.end) = (base, end);
                }
                base != self.latest
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_leader_repeats_nothing() {
        let committed =
            |base_offset| Fact::MetadataCommitted { base_offset, last_offset: base_offset + 1, epoch: 0, crc: 0 };
        let fenced = |broker| Fact::BrokerFenced { broker };
        let mut told = Told::default();
        let mut hear = |host, fact: Fact| !told.is_repeated(HostId(host), &fact);
        assert!(hear(0, committed(4)) && hear(0, fenced(1)) && hear(0, fenced(2)));
        assert!(hear(0, committed(6)) && hear(0, fenced(3)));
        assert!(hear(1, committed(4)) && !hear(1, fenced(1)) && !hear(1, fenced(2)));
        assert!(hear(1, committed(8)) && hear(1, fenced(4)));
    }
}
