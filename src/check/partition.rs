//! The laws of one partition: what the cluster says of it, what its brokers hold themselves for, and what was promised.

use super::evidence::Evidence;
use super::loss::{Allowance, Cut, Missing};
use super::verdicts::{Law, Verdicts};
use super::window::{Span, Window};
use crate::base::{OrdMap, Sort, TopicPartition};
use crate::storage::Log;
use uuid::Uuid;

/// Of how many leader epochs it is remembered who led, and of how many unclean elections and power losses that they
/// were.
const MEMORY: usize = 32;

/// What is known of a partition.
#[derive(Clone, Debug)]
pub(super) struct PartitionLaw {
    topic_id: Uuid,
    known: Known,
    /// Who led in which epoch.
    leaders: Vec<(i32, i32)>,
    views: Vec<View>,
    /// The epoch whose leader's log has been looked through.
    looked_through: i32,
    window: Window,
    /// What was acknowledged and is not committed yet, by place and checksum.
    acked: OrdMap<(i64, u32), Span>,
    missing: OrdMap<(i64, u64), Missing>,
    unclean: Vec<(i32, Allowance)>,
    cuts: Vec<Cut>,
}

/// A partition's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) replicas: Vec<i32>,
    pub(super) leader: Option<i32>,
    pub(super) leader_epoch: i32,
    pub(super) isr: Vec<i32>,
    pub(super) elr: Vec<i32>,
}

/// What a broker's process holds itself for.
#[derive(Clone, Copy, Debug)]
struct View {
    broker: i32,
    epoch: i32,
    leads: bool,
    high_watermark: i64,
    next_offset: i64,
}

/// Where a partition's laws look, and what they find.
pub(super) struct Look<'a> {
    pub(super) tp: &'a TopicPartition,
    pub(super) evidence: &'a dyn Evidence,
    pub(super) verdicts: &'a mut Verdicts,
}

impl<'a> Look<'a> {
    fn log(&self, broker: i32, topic_id: Uuid) -> Option<&'a Log> {
        self.evidence.log(broker, self.tp).filter(|log| log.topic_id() == Some(topic_id))
    }

    fn breach(&mut self, law: Law, what: String) {
        self.verdicts.breach(law, what);
    }
}

impl PartitionLaw {
    pub(super) fn new(topic_id: Uuid, known: Known) -> Self {
        Self {
            topic_id,
            known,
            leaders: Vec::new(),
            views: Vec::new(),
            looked_through: -1,
            window: Window::default(),
            acked: OrdMap::new(),
            missing: OrdMap::new(),
            unclean: Vec::new(),
            cuts: Vec::new(),
        }
    }

    /// The cluster says something new of it.
    pub(super) fn changed(&mut self, new: Known, look: &mut Look<'_>) {
        check_members(&new, look);
        if let Some(leader) = new.leader.filter(|_| new.leader_epoch > self.known.leader_epoch)
            && !self.known.isr.contains(&leader)
            && !self.known.elr.contains(&leader)
        {
            let enabled = look.evidence.allows_unclean_election(&look.tp.topic);
            let why = if enabled { Allowance::UncleanElection } else { Allowance::LastKnownLeader };
            remember(&mut self.unclean, (new.leader_epoch, why));
        }
        self.known = new;
        self.look_through(look);
    }

    /// A broker has learned that it leads.
    pub(super) fn became_leader(&mut self, broker: i32, epoch: i32, start_offset: i64, look: &mut Look<'_>) {
        self.leads(broker, epoch, look);
        self.set_view(View { broker, epoch, leads: true, high_watermark: 0, next_offset: start_offset });
        self.look_through(look);
    }

    pub(super) fn became_follower(&mut self, broker: i32, epoch: i32) {
        self.set_view(View { broker, epoch, leads: false, high_watermark: 0, next_offset: 0 });
    }

    fn set_view(&mut self, view: View) {
        self.views.retain(|known| known.broker != view.broker);
        self.views.push(view);
    }

    /// A broker's process has begun anew, and what it held itself for is over.
    pub(super) fn restarted(&mut self, broker: i32, look: &mut Look<'_>) {
        self.views.retain(|view| view.broker != broker);
        if let Some(log) = look.evidence.log(broker, look.tp) {
            // Recovery cuts off a torn end.
            let cuts = self.cuts.iter_mut().filter(|cut| cut.broker == broker);
            cuts.for_each(|cut| cut.offset = cut.offset.min(log.log_end_offset()));
        }
        self.judge(look);
    }

    /// A machine lost its power, and a log ends earlier since.
    pub(super) fn power_lost(&mut self, broker: i32, offset: i64) {
        remember(&mut self.cuts, Cut { broker, offset, epoch: self.known.leader_epoch });
    }

    /// Whether a broker's facts are about this partition and not about one of a former topic of its name.
    pub(super) fn is_of(&self, broker: i32, look: &Look<'_>) -> bool {
        look.log(broker, self.topic_id).is_some()
    }

    fn leads(&mut self, broker: i32, epoch: i32, look: &mut Look<'_>) {
        match self.leaders.iter().find(|(known, _)| *known == epoch) {
            Some((_, leader)) if *leader != broker => {
                let what = format!("brokers {leader} and {broker} both led {} in epoch {epoch}", look.tp);
                look.breach(Law::OneLeaderPerEpoch, what);
            }
            Some(_) => {}
            None => remember(&mut self.leaders, (epoch, broker)),
        }
    }

    /// A leader wrote a batch.
    pub(super) fn appended(&mut self, broker: i32, base: i64, last: i64, epoch: i32, look: &mut Look<'_>) {
        self.leads(broker, epoch, look);
        let next_offset = last + 1;
        match self.views.iter_mut().find(|view| view.broker == broker) {
            Some(view) if view.leads && view.epoch == epoch => {
                if view.next_offset != base || last < base {
                    let what = format!("{} appended {base} to {last} where {} was next", look.tp, view.next_offset);
                    look.breach(Law::OffsetsMonotonic, what);
                }
                view.next_offset = next_offset;
            }
            _ => self.set_view(View { broker, epoch, leads: true, high_watermark: 0, next_offset }),
        }
    }

    /// A replica's high watermark moved.
    pub(super) fn high_watermark(&mut self, broker: i32, from: i64, to: i64, look: &mut Look<'_>) {
        let Some(view) = self.views.iter_mut().find(|view| view.broker == broker) else { return };
        if !view.leads {
            let epoch = view.epoch;
            return self.check_follower(broker, epoch, from, to, look);
        }
        if to < view.high_watermark.max(from) {
            let what = format!("leader {broker} took the high watermark of {} from {from} to {to}", look.tp);
            look.breach(Law::HwMonotonic, what);
        }
        view.high_watermark = to;
        let is_latest = view.epoch == self.looked_through;
        let Some(log) = look.log(broker, self.topic_id) else { return };
        match self.seated() {
            Some(leader) if leader != broker => self.committed_elsewhere(log, leader, from, to, look),
            Some(_) => self.commit(log, to, look),
            None if is_latest => self.commit(log, to, look),
            None => {}
        }
    }

    /// The high watermark of the partition's leader has passed what its log holds below `to`.
    fn commit(&mut self, log: &Log, to: i64, look: &mut Look<'_>) {
        if to <= self.window.end() {
            return;
        }
        for batch in log.batches_from(self.window.end()).take_while(|batch| batch.last_offset < to) {
            // A batch that the window's end lies in, after retention or a cut.
            if batch.base_offset < self.window.end() {
                continue;
            }
            let acked = self.acked.remove(&(batch.base_offset, batch.crc));
            self.window.push(Span { epoch: batch.leader_epoch, ..acked.unwrap_or_else(|| Span::of(batch)) });
            if self.window.is_full() {
                self.window.shrink(look.tp, &self.known.replicas, look.evidence);
            }
        }
        if self.missing.get_min().is_some_and(|((base, _), _)| *base < to) {
            self.judge(look);
        }
    }

    /// A broker that leads no more, and does not know it, holds something for committed.
    fn committed_elsewhere(&mut self, log: &Log, leader: i32, from: i64, to: i64, look: &mut Look<'_>) {
        let Some(leaders) = look.log(leader, self.topic_id) else { return };
        let batches = log.batches_from(from).take_while(|batch| batch.last_offset < to);
        let unknown: Vec<Span> = batches.map(Span::of).filter(|span| !span.is_in(leaders)).collect();
        for mut span in unknown {
            let acked: Vec<(i64, u32)> =
                self.acked.iter().filter(|(_, known)| known.digest == span.digest).map(|(key, _)| *key).collect();
            acked
                .iter()
                .filter_map(|key| self.acked.remove(key))
                .for_each(|known| span = Span { epoch: span.epoch, ..known });
            self.miss(span, true);
        }
        self.judge(look);
    }

    /// A follower knows more to be committed than before: its leader must have the same.
    fn check_follower(&mut self, broker: i32, epoch: i32, from: i64, to: i64, look: &mut Look<'_>) {
        let Some(leader) = self.seated().filter(|_| epoch == self.known.leader_epoch) else { return };
        let logs = look.log(leader, self.topic_id).zip(look.log(broker, self.topic_id));
        let Some((leaders, followers)) = logs else { return };
        let from = from.max(leaders.log_start_offset()).max(followers.log_start_offset());
        let to = to.min(leaders.high_watermark());
        if from >= to {
            return;
        }
        let below =
            |log: &'_ Log| log.batches_from(from).take_while(|batch| batch.last_offset < to).map(Span::of).collect();
        let (ours, theirs): (Vec<Span>, Vec<Span>) = (below(followers), below(leaders));
        if let Some((own, of_leader)) = ours.iter().zip(&theirs).find(|(a, b)| a != b) {
            let (base, other, tp) = (own.base, of_leader.base, look.tp);
            let what = format!(
                "{tp} @{base} on broker {broker} is not what leader {leader} has @{other}, below the HW of both"
            );
            look.breach(Law::NoDivergence, what);
        }
    }

    /// A follower cut its log off.
    pub(super) fn truncated(&mut self, look: &mut Look<'_>) {
        self.judge(look);
    }

    /// The topic's id.
    pub(super) fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    /// A producer was told that its batch is stored.
    pub(super) fn acknowledged(&mut self, batch: Span, crc: u32, acks: i16, look: &mut Look<'_>) {
        let records = (batch.last + 1 - batch.base) as u32;
        let isr = self.known.isr.len();
        let mut batch = batch;
        batch.acknowledge(records, acks, isr);
        let leaders = self.seated().and_then(|leader| look.log(leader, self.topic_id));
        let (topic_id, sought) = (self.topic_id, batch);
        let holds = move |log: &&Log| log.topic_id() == Some(topic_id) && sought.is_in(log);
        let holder = leaders.filter(holds).or_else(|| look.evidence.logs(look.tp).into_iter().find(holds));
        let stored = holder.and_then(|log| log.batch_at(batch.base));
        // Of a batch that nobody has any more it is known only that an earlier leader wrote it.
        batch.epoch = stored.map_or(self.known.leader_epoch - 1, |stored| stored.leader_epoch);
        match leaders {
            Some(log) if holds(&log) => {
                if batch.base >= self.window.end() {
                    self.acked.insert((batch.base, crc), batch);
                } else if let Some(span) = self.window.span_at(batch.base) {
                    span.acknowledge(records, acks, isr);
                }
            }
            // The leader's log will be looked through when it takes its seat.
            None => drop(self.acked.insert((batch.base, crc), batch)),
            Some(_) => {
                self.miss(batch, false);
                self.judge(look);
            }
        }
    }

    /// The leader, once its process has taken up the lead.
    fn seated(&self) -> Option<i32> {
        let leads = |view: &&View| {
            Some(view.broker) == self.known.leader && view.epoch == self.known.leader_epoch && view.leads
        };
        self.views.iter().find(leads).map(|view| view.broker)
    }

    /// When a new leader has taken its seat: looks for what was promised in its log.
    fn look_through(&mut self, look: &mut Look<'_>) {
        let Some(leader) = self.seated().filter(|_| self.looked_through != self.known.leader_epoch) else { return };
        let Some(log) = look.log(leader, self.topic_id) else { return };
        self.looked_through = self.known.leader_epoch;
        for span in self.window.split_where_unlike(log) {
            self.miss(span, true);
        }
        let gone: Vec<(i64, u32)> =
            self.acked.iter().filter(|(_, span)| !span.is_in(log)).map(|(key, _)| *key).collect();
        for span in gone.iter().filter_map(|key| self.acked.remove(key)).collect::<Vec<_>>() {
            self.miss(span, false);
        }
        self.judge(look);
    }

    fn miss(&mut self, mut span: Span, mut committed: bool) {
        let key = (span.base, span.digest);
        if let Some(known) = self.missing.get(&key) {
            committed |= known.committed;
            let both = [known.span, span];
            span.acked = both[0].acked.max(both[1].acked);
            span.acks_one = both[0].acks_one || both[1].acks_one;
        }
        self.missing.insert(key, Missing { span, committed });
    }

    /// Judges what is missing: found again, lost, or still to be seen.
    fn judge(&mut self, look: &mut Look<'_>) {
        if self.missing.is_empty() {
            return;
        }
        let logs: Vec<&Log> = look.evidence.logs(look.tp);
        let logs: Vec<&Log> = logs.into_iter().filter(|log| log.topic_id() == Some(self.topic_id)).collect();
        let leaders = self.seated().and_then(|leader| look.log(leader, self.topic_id));
        for (key, missing) in self.missing.clone() {
            let span = missing.span;
            if leaders.is_some_and(|log| span.is_in(log)) {
                self.missing.remove(&key);
                if span.acked > 0 && span.base >= self.window.end() {
                    let crc = leaders.and_then(|log| log.batch_at(span.base)).map_or(0, |batch| batch.crc);
                    self.acked.insert((span.base, crc), span);
                }
                continue;
            }
            let replaced =
                leaders.is_some_and(|log| log.high_watermark() > span.base && log.log_end_offset() > span.base);
            if replaced || !logs.iter().any(|log| span.is_in(log)) {
                self.missing.remove(&key);
                let kept = logs.iter().map(|log| log.log_end_offset()).max().filter(|_| !replaced);
                self.lose(missing, kept.unwrap_or(span.base), look);
            }
        }
    }

    /// It is lost, but for what lies before `kept`.
    fn lose(&mut self, missing: Missing, kept: i64, look: &mut Look<'_>) {
        let span = missing.span;
        let mut allowed = Vec::new();
        if !missing.committed && span.acks_one {
            allowed.push(Allowance::AcksOne);
        }
        allowed.extend(self.unclean.iter().filter(|(epoch, _)| *epoch > span.epoch).map(|(_, why)| *why));
        allowed.extend(self.cuts.iter().filter(|cut| cut.took(&span)).map(|_| Allowance::PowerLoss));
        allowed.order();
        allowed.dedup();
        let explained = missing.explained(&allowed);
        if missing.committed && allowed.is_empty() {
            let what = format!("committed records of {} @{} are gone: {explained}", look.tp, span.base);
            look.breach(Law::CommittedStable, what);
        }
        let records = if span.base < kept { span.acked_beyond(kept) } else { span.acked };
        if records > 0 {
            let place = format!("{} @{}", look.tp, span.base);
            look.verdicts.lost(
                records,
                &allowed,
                format!("{records} acknowledged records at {place} are lost: {explained}"),
            );
        }
    }
}

/// ISR, ELR and leader are what they must be to each other.
pub(super) fn check_members(known: &Known, look: &mut Look<'_>) {
    let Known { replicas, leader, isr, elr, .. } = known;
    let inside = |some: &[i32]| some.iter().all(|member| replicas.contains(member));
    let wrong = if !inside(isr) {
        format!("ISR {isr:?} is not within replicas {replicas:?}")
    } else if leader.is_some_and(|leader| !isr.contains(&leader)) {
        format!("the leader, {}, is not in ISR {isr:?}", leader.unwrap_or(-1))
    } else if !inside(elr) {
        format!("ELR {elr:?} is not within replicas {replicas:?}")
    } else if elr.iter().any(|member| isr.contains(member)) {
        format!("ISR {isr:?} and ELR {elr:?} share a member")
    } else {
        return;
    };
    let what = format!("{}: {wrong}", look.tp);
    look.breach(Law::IsrWithinReplicas, what);
}

/// Adds to a list that forgets its oldest.
fn remember<T>(list: &mut Vec<T>, item: T) {
    if list.len() == MEMORY {
        list.remove(0);
    }
    list.push(item);
}
