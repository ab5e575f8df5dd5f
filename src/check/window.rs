//! What is committed in a partition and can still go wrong, in a few numbers.
//!
//! Every batch that a leader's high watermark passes is noted: where it lies, and a digest of its place and checksum. A
//! batch is forgotten when every replica knows it to be committed and has it on its disk: nothing takes it away then.
//! Where that does not come (a replica is down for long), old batches are noted together, a span of them with the sum
//! of their digests, so that the window never holds more than [`MAX_SPANS`].

use super::evidence::Evidence;
use crate::base::{SimTime, TopicPartition, Vector};
use crate::storage::{Log, StoredBatch};

/// How many spans a window holds at most.
const MAX_SPANS: usize = 256;

/// Consecutive batches of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Offset of the first record.
    pub(super) base: i64,
    /// Offset of the last.
    pub(super) last: i64,
    /// Sum of the batches' marks.
    pub(super) digest: u64,
    /// The smallest leader epoch in it.
    pub(super) epoch: i32,
    /// How many of its records were acknowledged.
    pub(super) acked: u32,
    /// Some of those only with acks=1.
    pub(super) acks_one: bool,
    /// The smallest ISR with which they were.
    pub(super) isr: u8,
}

impl Span {
    /// One batch.
    pub(super) fn of(batch: &StoredBatch) -> Self {
        Self::new(batch.base_offset, batch.last_offset, batch.crc, batch.leader_epoch)
    }

    /// One batch, by what is known of it.
    pub(super) fn new(base: i64, last: i64, crc: u32, epoch: i32) -> Self {
        Self { base, last, digest: mark(base, crc), epoch, acked: 0, acks_one: false, isr: u8::MAX }
    }

    /// Notes that records of it were acknowledged.
    pub(super) fn acknowledge(&mut self, records: u32, acks: i16, isr: usize) {
        self.acked += records;
        self.acks_one |= acks == 1;
        self.isr = self.isr.min(u8::try_from(isr).unwrap_or(u8::MAX));
    }

    /// Both, which lie side by side.
    fn and(self, next: Self) -> Self {
        Self {
            base: self.base,
            last: next.last,
            digest: self.digest.wrapping_add(next.digest),
            epoch: self.epoch.min(next.epoch),
            acked: self.acked + next.acked,
            acks_one: self.acks_one || next.acks_one,
            isr: self.isr.min(next.isr),
        }
    }

    /// Whether a log holds these very batches; also when its beginning has gone, as retention wills.
    pub(super) fn is_in(&self, log: &Log) -> bool {
        if self.base < log.log_start_offset() {
            return self.last < log.log_end_offset();
        }
        let batches = log.batches_from(self.base).take_while(|batch| batch.base_offset <= self.last);
        let digest = batches.map(|batch| mark(batch.base_offset, batch.crc)).fold(0, u64::wrapping_add);
        digest == self.digest
    }

    /// How many acknowledged records of it a log does not hold that ends within it.
    pub(super) fn acked_beyond(&self, end: i64) -> u32 {
        let beyond = (self.last + 1 - end.max(self.base)).max(0);
        self.acked.min(u32::try_from(beyond).unwrap_or(u32::MAX))
    }
}

/// A batch's mark: where it lies and what it is. Sums of marks tell sets of batches apart.
pub(super) fn mark(base_offset: i64, crc: u32) -> u64 {
    let mut mark = (base_offset as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (u64::from(crc) << 16);
    mark = (mark ^ (mark >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mark ^ (mark >> 27)
}

/// The committed batches of a partition that can still go wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    spans: Vector<Span>,
    /// Offset after the last committed record.
    end: i64,
}

impl Window {
    /// Offset after the last committed record.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// Adds a batch that has been committed.
    pub(super) fn push(&mut self, span: Span) {
        self.end = span.last + 1;
        self.spans.push_back(span);
    }

    /// Whether it is time to forget something.
    pub(super) fn is_full(&self) -> bool {
        self.spans.len() >= MAX_SPANS
    }

    /// Forgets what every replica has safe, and if that is too little, notes old batches together.
    pub(super) fn shrink(&mut self, tp: &TopicPartition, replicas: &[i32], evidence: &dyn Evidence) {
        let now: SimTime = evidence.now();
        let safe = |replica: &i32| evidence.log(*replica, tp).map_or(0, |log| safe_offset(log, now));
        let floor = replicas.iter().map(safe).min().unwrap_or(0);
        let gone = self.spans.iter().take_while(|span| span.last < floor).count();
        self.spans = self.spans.split_off(gone);
        if self.spans.len() <= MAX_SPANS / 2 {
            return;
        }
        let young = self.spans.split_off(MAX_SPANS / 2);
        let mut old = std::mem::take(&mut self.spans).into_iter();
        while let Some(span) = old.next() {
            self.spans.push_back(old.next().map_or(span, |next| span.and(next)));
        }
        self.spans.append(young);
    }

    /// Takes out the first span that a log does not hold, and all behind it.
    pub(super) fn split_where_unlike(&mut self, log: &Log) -> Vec<Span> {
        let Some(at) = self.spans.iter().position(|span| !span.is_in(log)) else { return Vec::new() };
        self.end = self.spans[at].base;
        self.spans.split_off(at).into_iter().collect()
    }

    /// The span that holds an offset, to note an acknowledgement in it.
    pub(super) fn span_at(&mut self, offset: i64) -> Option<&mut Span> {
        let after = self.index_after(offset);
        self.spans.get_mut(after.checked_sub(1)?).filter(|span| offset <= span.last)
    }

    /// How many spans begin at or before an offset.
    fn index_after(&self, offset: i64) -> usize {
        match self.spans.binary_search_by(|span| span.base.cmp(&offset)) {
            Ok(at) => at + 1,
            Err(at) => at,
        }
    }
}

/// Offset below which a replica knows everything to be committed, and has it on its disk.
fn safe_offset(log: &Log, now: SimTime) -> i64 {
    log.high_watermark().min(log.durable_offset(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::records::{self, Record};

    fn log(values: &[&str]) -> Log {
        let mut log = Log::new(1 << 20);
        for value in values {
            let record = Record { value: Some(value.to_string().into()), ..Record::default() };
            let batch = records::build(&[record]);
            log.append_as_leader(&records::check_crc(&batch).unwrap(), &batch, 0);
        }
        log
    }

    #[test]
    fn a_span_is_found_where_it_is() {
        let all = log(&["a", "b", "c"]);
        let spans: Vec<Span> = all.batches_from(0).map(Span::of).collect();
        let both = spans[0].and(spans[1]);
        assert!(both.is_in(&all) && spans[2].is_in(&all));
        assert!(both.is_in(&log(&["a", "b"])) && !spans[2].is_in(&log(&["a", "b"])));
        assert!(!both.is_in(&log(&["a", "x", "c"])) && !both.is_in(&log(&["b", "a", "c"])));
        assert!(!both.is_in(&log(&["a"])));
    }

    #[test]
    fn a_window_stays_small_and_knows_what_is_missing() {
        let mut window = Window::default();
        let values: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let all = log(&values);
        struct Nothing;
        impl Evidence for Nothing {
            fn now(&self) -> SimTime {
                SimTime::ZERO
            }
            fn node(&self, _: crate::base::HostId) -> Option<i32> {
                None
            }
            fn log(&self, _: i32, _: &TopicPartition) -> Option<&Log> {
                None
            }
            fn logs(&self, _: &TopicPartition) -> Vec<&Log> {
                Vec::new()
            }
            fn allows_unclean_election(&self, _: &str) -> bool {
                false
            }
        }
        for batch in all.batches_from(0) {
            window.push(Span::of(batch));
            if window.is_full() {
                window.shrink(&TopicPartition::new("t", 0), &[1], &Nothing);
            }
            assert!(window.spans.len() <= MAX_SPANS);
        }
        assert_eq!(window.end(), 1_000);
        assert_eq!(window.split_where_unlike(&all), []);
        assert_eq!(window.span_at(999).map(|span| (span.base, span.last)), Some((999, 999)));
        assert!(window.span_at(0).is_some_and(|span| span.last > 1), "old batches stand together");
        let missing = window.split_where_unlike(&log(&values[..990]));
        assert_eq!((missing[0].base, missing.last().unwrap().last, window.end()), (990, 999, 990));
    }
}
