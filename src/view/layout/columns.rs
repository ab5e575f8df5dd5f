//! Which partitions are drawn replica by replica, and how richly.

use super::{Layout, Rect, TAB, is_internal};
use crate::base::{Sort, SortedSet, TopicPartition};
use crate::view::scene::{Health, Scene, TAIL};

/// How richly a column is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Record by record.
    Records,
    /// A bar to scale: where the log ends, where the high watermark is.
    Bars,
}

/// A partition's column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The partition.
    pub tp: TopicPartition,
    /// How richly it is drawn.
    pub level: Level,
    /// The head: label, ISR, high watermark.
    pub head: Rect,
    /// The replicas' tapes, tab included, by broker.
    pub tapes: Vec<(i32, Rect)>,
    /// Width of the tab.
    pub tab: f64,
    /// How many record cells a track holds.
    pub cells: usize,
    /// Width of a cell.
    pub cell: f64,
    /// In a crowd: the column's own card, with brokers named in it.
    pub panel: Option<Rect>,
}

impl Column {
    /// Where the track begins: the same on each of its tapes.
    pub fn track_x(&self) -> f64 {
        self.tapes.first().map_or(self.head.x, |(_, r)| r.x) + self.tab
    }

    /// Width of the track.
    pub fn track_w(&self) -> f64 {
        self.cells as f64 * self.cell
    }

    /// The tape of a broker's replica.
    pub fn tape(&self, broker: i32) -> Option<Rect> {
        self.tapes.iter().find(|(id, _)| *id == broker).map(|(_, r)| *r)
    }

    /// Where replication runs down the column, left of its tapes.
    pub fn spine_x(&self) -> f64 {
        let left = self.tapes.first().map_or(self.head.x, |(_, r)| r.x);
        if self.panel.is_some() && self.level == Level::Bars { left - 4.0 } else { left - 6.5 }
    }
}

/// Between a tape's end and the next column; the spine runs in it.
pub(super) const GAP: f64 = 20.0;
/// Between bars.
const BAR_GAP: f64 = 12.0;
/// The tab of a bar.
pub(super) const BAR_TAB: f64 = 16.0;
/// A column of records is at least so wide, gap included: four cells.
const RECORDS: f64 = TAB + 4.0 * CELL + GAP;
/// A column of bars is at least so wide, gap included.
pub(super) const BARS: f64 = 46.0;
/// A cell is at least so wide: two digits.
const CELL: f64 = 18.0;
/// A cell of this width has room for three digits.
const WIDE_CELL: f64 = 22.0;
/// How many records a bar spans.
pub(super) const BAR_RECORDS: usize = 16;
/// At most so many partitions are drawn richer than the field.
pub(super) const PROMOTED: usize = 12;

/// A place for a column: its level and its width, gap included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slot {
    pub(super) level: Level,
    pub(super) width: f64,
}

/// The partitions that the stage may show, in order; Kafka's own only when selected.
pub(super) fn shown(scene: &Scene, selected: Option<&TopicPartition>) -> Vec<TopicPartition> {
    let wanted = |tp: &&TopicPartition| !is_internal(&tp.topic) || selected == Some(*tp);
    scene.partitions.keys().filter(wanted).cloned().collect()
}

/// How the partitions share `width`: places for columns, and what is left for a field when not all have a place.
/// `rows_of_records`: whether rows are high enough for records.
pub(super) fn share(count: usize, of_topic: usize, width: f64, rows_of_records: bool) -> (Vec<Slot>, f64) {
    let records = |n: usize| n as f64 * RECORDS;
    let bars = |n: usize| n as f64 * BARS;
    if count == 0 {
        return (Vec::new(), 0.0);
    }
    if rows_of_records && records(count) <= width {
        return (vec![Slot { level: Level::Records, width: width / count as f64 }; count], 0.0);
    }
    if bars(count) <= width {
        // The selected topic's partitions as records as far as they fit, the others as bars.
        let room = ((width - bars(count)) / (RECORDS - BARS)).floor() as usize;
        let rich = if rows_of_records { room.min(of_topic) } else { 0 };
        return (mixed(rich, count - rich, width), 0.0);
    }
    let field = (width * 0.42).max(120.0);
    let rich = usize::from(rows_of_records && width - field >= RECORDS);
    let left = width - field - records(rich);
    let poor = ((left / BARS).floor().max(0.0) as usize).min(PROMOTED - rich);
    (mixed(rich, poor, width - field), field)
}

/// Places of both levels that fill a width; the records get what the bars leave.
fn mixed(rich: usize, poor: usize, width: f64) -> Vec<Slot> {
    let bar = if rich == 0 { width / poor.max(1) as f64 } else { (width / (3 * rich + poor) as f64).clamp(BARS, 62.0) };
    let wide = (width - poor as f64 * bar) / rich.max(1) as f64;
    let mut out = vec![Slot { level: Level::Records, width: wide }; rich];
    out.extend(vec![Slot { level: Level::Bars, width: bar }; poor]);
    out
}

/// The partitions that take the places, in order, each with its level: first the selected one and its topic's where
/// the level is records, then the worst, then the first.
pub(super) fn promote(
    scene: &Scene,
    shown: &[TopicPartition],
    slots: &[Slot],
    selected: Option<&TopicPartition>,
) -> Vec<(TopicPartition, Slot)> {
    let diverged: SortedSet<&TopicPartition> =
        scene.replicas.iter().filter(|(_, r)| r.diverges.is_some()).map(|((tp, _), _)| tp).collect();
    let topic = selected.map(|tp| &tp.topic).or_else(|| shown.first().map(|tp| &tp.topic));
    let near = |tp: &TopicPartition| selected.map_or(0, |s| (tp.partition - s.partition).unsigned_abs());
    let crowded = slots.len() < shown.len();
    let rank = |tp: &TopicPartition| {
        let ill = if crowded { scene.health(tp).max(ill_if(diverged.contains(tp))) } else { Health::Whole };
        let other_topic = Some(&tp.topic) != topic;
        (selected != Some(tp), std::cmp::Reverse(ill), other_topic, near(tp), tp.clone())
    };
    let mut by_rank: Vec<_> = shown.iter().map(|tp| (rank(tp), tp)).collect();
    by_rank.order_by(|(a, _), (b, _)| a.cmp(b));
    let mut taken: Vec<(TopicPartition, Slot)> =
        by_rank.into_iter().zip(slots).map(|((_, tp), slot)| (tp.clone(), *slot)).collect();
    taken.order_by(|(a, _), (b, _)| a.cmp(b));
    taken
}

fn ill_if(diverged: bool) -> Health {
    if diverged { Health::UnderReplicated } else { Health::Whole }
}

/// The track of a column that is `width` wide with its gap: how many cells of which width.
pub(super) fn track(level: Level, width: f64) -> (usize, f64) {
    let room = match level {
        Level::Records => width - GAP - TAB,
        Level::Bars => width - BAR_GAP - BAR_TAB,
    };
    if level == Level::Bars {
        return (BAR_RECORDS, room / BAR_RECORDS as f64);
    }
    let wide = (room / WIDE_CELL).floor();
    let cells = if wide >= 8.0 { wide } else { (room / CELL).floor() };
    let cells = cells.clamp(3.0, TAIL as f64 - 4.0);
    (cells as usize, (room / cells).min(26.0))
}

impl Layout {
    /// The rest: partitions that may be shown and have no column.
    pub(super) fn without_column(&self, shown: &[TopicPartition]) -> Vec<TopicPartition> {
        let there: SortedSet<&TopicPartition> = self.columns.iter().map(|c| &c.tp).collect();
        shown.iter().filter(|tp| !there.contains(tp)).cloned().collect()
    }
}
