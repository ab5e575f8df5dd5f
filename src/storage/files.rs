//! A log's folder as `ls -l` would show it on a real broker.

use super::log::Log;
use super::segment::Segment;
use crate::base::{SimTime, Sort};

/// A file of a log's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub len: usize,
    /// How many bytes of its content are only in the page cache, and would go with the power.
    pub unflushed: usize,
}

impl Log {
    /// The files of its folder at `now`, by name. (The file `partition.metadata`, which holds the topic's id, belongs to
    /// the broker.)
    pub fn files(&self, now: SimTime) -> Vec<FileInfo> {
        let last = self.segments.len() - 1;
        let segments = self.segments().enumerate();
        let mut files: Vec<FileInfo> =
            segments.flat_map(|(n, segment)| self.segment_files(segment, n == last && !self.closed, now)).collect();
        files.extend(self.producers.snapshots().iter().map(|snapshot| FileInfo {
            name: format!("{:020}.snapshot", snapshot.offset()),
            len: snapshot.file_len(),
            unflushed: if snapshot.is_flushed() { 0 } else { snapshot.file_len() },
        }));
        if self.epochs.latest().is_some() {
            let len = self.epochs.checkpoint().len();
            files.push(FileInfo { name: "leader-epoch-checkpoint".into(), len, unflushed: 0 });
        }
        files.order_by(|a, b| a.name.cmp(&b.name));
        files
    }

    fn segment_files(&self, segment: &Segment, active: bool, now: SimTime) -> [FileInfo; 3] {
        let file = |ending, len, unflushed| FileInfo {
            name: format!("{:020}.{ending}", segment.base_offset()),
            len,
            unflushed: if segment.is_dirty(now, &self.config) { unflushed } else { 0 },
        };
        let room = self.config.segment_index_bytes;
        let (offsets, times) = (segment.offset_index(), segment.time_index());
        [
            file("log", segment.size(), segment.unflushed(now, &self.config)),
            file("index", offsets.file_len(room, active), offsets.unflushed_bytes()),
            file("timeindex", times.file_len(room, active), times.unflushed_bytes()),
        ]
    }
}
