//! Incremental fetch sessions (KIP-227): a client names its partitions once, then only what changes; the broker answers
//! only about partitions that have something new.
//!
//! A full fetch (session epoch 0) opens a session, if a slot is free; a fetch with epoch -1 closes one. In between every
//! fetch carries the session's id and the next epoch, so that both ends know that they mean the same set. The broker
//! remembers what it last told about each partition and leaves out those of which nothing changed. A partition that
//! brought records goes to the end, so that each gets its turn when a response has no room for all.

use super::fetch::Wanted;
use crate::base::{OrdMap, Rng};
use crate::wire::ErrorCode;
use crate::wire::messages::FetchRequest;
use crate::wire::messages::fetch_response::PartitionData;
use std::sync::Arc;
use uuid::Uuid;

const INITIAL_EPOCH: i32 = 0;
const FINAL_EPOCH: i32 = -1;
/// The first version with sessions.
const FIRST_WITH_SESSIONS: i16 = 7;
/// The first version that names topics by id.
const FIRST_WITH_TOPIC_ID: i16 = 13;

/// A partition as a session names it: by topic name before version 13, by topic id since.
type Key = (Option<Arc<str>>, Uuid, i32);

/// The sessions of a broker.
#[derive(Clone, Debug)]
pub(super) struct FetchSessions {
    /// `max.incremental.fetch.session.cache.slots`.
    slots: usize,
    sessions: OrdMap<i32, Arc<Session>>,
}

#[derive(Clone, Debug)]
struct Session {
    epoch: i32,
    uses_topic_ids: bool,
    next_turn: u64,
    turns: OrdMap<Key, u64>,
    partitions: OrdMap<u64, Cached>,
}

/// A partition of a session, and what the client was last told of it.
#[derive(Clone, Debug)]
struct Cached {
    wanted: Arc<Wanted>,
    high_watermark: i64,
    log_start_offset: i64,
}

/// A partition that a fetch asks for, and its turn in the session.
#[derive(Clone, Debug)]
pub(super) struct InTurn {
    turn: u64,
    pub(super) wanted: Arc<Wanted>,
}

/// How a fetch stands to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionUse {
    /// No session: everything is answered.
    None,
    /// A full fetch that opened this session: everything is answered.
    Opened(i32),
    /// An incremental fetch: only news is answered.
    Incremental(i32),
}

impl SessionUse {
    /// The session id of the response.
    pub(super) fn id(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Opened(id) | Self::Incremental(id) => id,
        }
    }
}

impl FetchSessions {
    pub(super) fn new(slots: usize) -> Self {
        Self { slots, sessions: OrdMap::new() }
    }

    /// How many sessions stand.
    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Finds the session of a fetch and brings it up to date: how the fetch uses it, and the partitions to fetch.
    ///
    /// # Errors
    /// A session that is not there, or not at this epoch.
    pub(super) fn begin(
        &mut self,
        version: i16,
        request: &FetchRequest,
        named: Vec<Arc<Wanted>>,
        forgotten: &[Key],
        rng: &mut Rng,
    ) -> Result<(SessionUse, Vec<InTurn>), ErrorCode> {
        let in_turn =
            |named: Vec<Arc<Wanted>>| (0..).zip(named).map(|(turn, wanted)| InTurn { turn, wanted }).collect();
        if version < FIRST_WITH_SESSIONS {
            return Ok((SessionUse::None, in_turn(named)));
        }
        let (id, epoch) = (request.session_id, request.session_epoch);
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            self.sessions.remove(&id);
            let session = match epoch {
                FINAL_EPOCH => SessionUse::None,
                _ => self.open(version, &named, rng),
            };
            return Ok((session, in_turn(named)));
        }
        let session = self.sessions.get_mut(&id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.uses_topic_ids != (version >= FIRST_WITH_TOPIC_ID) {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        let session = Arc::make_mut(session);
        session.epoch = next_epoch(epoch);
        forgotten.iter().for_each(|key| session.forget(key));
        named.into_iter().for_each(|wanted| session.name(wanted));
        let in_turn = |(turn, cached): (&u64, &Cached)| InTurn { turn: *turn, wanted: cached.wanted.clone() };
        let partitions: Vec<InTurn> = session.partitions.iter().map(in_turn).collect();
        if partitions.is_empty() {
            self.sessions.remove(&id);
            return Ok((SessionUse::None, partitions));
        }
        Ok((SessionUse::Incremental(id), partitions))
    }

    fn open(&mut self, version: i16, named: &[Arc<Wanted>], rng: &mut Rng) -> SessionUse {
        if named.is_empty() || self.sessions.len() >= self.slots {
            return SessionUse::None;
        }
        let mut id = 0;
        while id == 0 || self.sessions.contains_key(&id) {
            id = rng.below(i32::MAX as u64) as i32;
        }
        let mut session = Session {
            epoch: next_epoch(INITIAL_EPOCH),
            uses_topic_ids: version >= FIRST_WITH_TOPIC_ID,
            next_turn: 0,
            turns: OrdMap::new(),
            partitions: OrdMap::new(),
        };
        named.iter().for_each(|wanted| session.name(wanted.clone()));
        self.sessions.insert(id, Arc::new(session));
        SessionUse::Opened(id)
    }

    /// Notes what a client is being told of a partition; whether the response is to mention it.
    pub(super) fn answer(&mut self, session: SessionUse, asked: &InTurn, answer: &PartitionData) -> bool {
        let Some(found) = self.sessions.get_mut(&session.id()) else { return true };
        let Some((turn, cached)) = found.turn_of(asked) else { return true };
        let records = answer.records.as_ref().is_some_and(|records| !records.is_empty());
        let elsewhere = answer.diverging_epoch.epoch >= 0 || answer.preferred_read_replica.0 >= 0;
        let failed = answer.error_code != 0;
        let changed =
            cached.high_watermark != answer.high_watermark || cached.log_start_offset != answer.log_start_offset;
        if records || failed || changed {
            // After an error the next answer is mentioned whatever it is.
            let high_watermark = if failed { -1 } else { answer.high_watermark };
            let key = asked.wanted.key();
            Arc::make_mut(found).told(&key, turn, high_watermark, answer.log_start_offset, records);
        }
        !matches!(session, SessionUse::Incremental(_)) || records || failed || changed || elsewhere
    }
}

impl Session {
    /// The turn of a partition, and what was last told of it. It has the turn that it had when it was asked for, unless
    /// an answer to another fetch came between.
    fn turn_of(&self, asked: &InTurn) -> Option<(u64, &Cached)> {
        let still = self.partitions.get(&asked.turn).filter(|cached| Arc::ptr_eq(&cached.wanted, &asked.wanted));
        let turn = still.map_or_else(|| self.turns.get(&asked.wanted.key()).copied(), |_| Some(asked.turn))?;
        Some((turn, still.or_else(|| self.partitions.get(&turn)).expect("every turn has its partition")))
    }

    fn name(&mut self, wanted: Arc<Wanted>) {
        if let Some(cached) = self.turns.get(&wanted.key()).and_then(|turn| self.partitions.get_mut(turn)) {
            cached.wanted = wanted;
            return;
        }
        self.turns.insert(wanted.key(), self.next_turn);
        self.partitions.insert(self.next_turn, Cached { wanted, high_watermark: -1, log_start_offset: -1 });
        self.next_turn += 1;
    }

    fn forget(&mut self, key: &Key) {
        if let Some(turn) = self.turns.remove(key) {
            self.partitions.remove(&turn);
        }
    }

    fn told(&mut self, key: &Key, turn: u64, high_watermark: i64, log_start_offset: i64, to_the_end: bool) {
        let mut cached = self.partitions.remove(&turn).expect("every turn has its partition");
        cached.high_watermark = high_watermark;
        cached.log_start_offset = log_start_offset;
        let turn = if to_the_end { self.next_turn } else { turn };
        self.next_turn += u64::from(to_the_end);
        self.turns.insert(key.clone(), turn);
        self.partitions.insert(turn, cached);
    }
}

/// Epochs count up from 1 and go round to 1 again.
fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}
