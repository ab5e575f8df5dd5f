//! The laws of the metadata log: one leader in an epoch, and the same log on every node.

use super::verdicts::{Law, Verdicts};
use crate::base::{HostId, OrdMap};

/// How many of the latest epochs and batches are remembered: at two batches a second, an hour's.
const MEMORY: usize = 8_192;

/// A committed batch: its last offset, its epoch, its checksum.
type Batch = (i64, i32, u32);

/// What is known of the metadata log.
#[derive(Clone, Debug, Default)]
pub(super) struct QuorumLaw {
    leaders: OrdMap<i32, HostId>,
    committed: OrdMap<i64, Batch>,
}

impl QuorumLaw {
    /// A replica leads the log.
    pub(super) fn leads(&mut self, host: HostId, epoch: i32, verdicts: &mut Verdicts) {
        let leader = *self.leaders.entry(epoch).or_insert(host);
        if leader != host {
            verdicts.breach(Law::OneLeaderPerEpoch, format!("two controllers lead the quorum in epoch {epoch}"));
        }
        forget_oldest(&mut self.leaders);
    }

    /// A node holds a batch for committed.
    pub(super) fn committed(&mut self, base_offset: i64, batch: Batch, verdicts: &mut Verdicts) {
        if self.committed.len() == MEMORY && self.committed.get_min().is_some_and(|(oldest, _)| base_offset < *oldest) {
            return;
        }
        let known = *self.committed.entry(base_offset).or_insert(batch);
        if known != batch {
            let what = format!(
                "the metadata batch at {base_offset} is one of epoch {} on one node and of epoch {} on another",
                known.1, batch.1
            );
            verdicts.breach(Law::MetadataAgrees, what);
        }
        forget_oldest(&mut self.committed);
    }
}

fn forget_oldest<K: Ord + Clone, V: Clone>(map: &mut OrdMap<K, V>) {
    if map.len() > MEMORY
        && let Some(oldest) = map.get_min().map(|(key, _)| key.clone())
    {
        map.remove(&oldest);
    }
}
