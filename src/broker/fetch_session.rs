//! Incremental fetch sessions (KIP-227): a client names its partitions once, then only what changes; the broker answers
//! only about partitions that have something new.
//!
//! A full fetch (session epoch 0) opens a session, if a slot is free; a fetch with epoch -1 closes one. In between every
//! fetch carries the session's id and the next epoch, so that both ends know that they mean the same set. The broker
//! remembers what it last told about each partition and leaves out those of which nothing changed. A partition that
//! brought records goes to the end, so that each gets its turn when a response has no room for all.
//!
//! Most fetches of a cluster at rest ask for what the one before asked for and find what it found. A session remembers
//! when that is so: it is *quiet* from an answer that told all there was to tell until something happens to one of its
//! partitions, and no fetch looks at them meanwhile. (So only a follower's sessions are: what a consumer finds may change
//! with other things, too.) Whom to wake then is known by the session, so that a fetch that waits need not be entered for
//! each of its partitions.

use super::fetch::Wanted;
use crate::base::{OrdMap, OrdSet, Rng, SimTime, TopicPartition};
use crate::storage::Log;
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
    /// Which sessions have a partition.
    of_partition: OrdSet<(TopicPartition, i32)>,
}

#[derive(Clone, Debug)]
struct Session {
    epoch: i32,
    uses_topic_ids: bool,
    next_turn: u64,
    turns: OrdMap<Key, u64>,
    partitions: OrdMap<u64, Cached>,
    /// The partitions in turn, as its fetches ask for them; none when they have changed since.
    listed: Option<Arc<Vec<InTurn>>>,
    rest: Rest,
    /// The follower that fetched while it was quiet and when it did last, until the partitions are told.
    fetched: Option<(i32, SimTime)>,
    /// The place in the purgatory of its fetch that waits.
    waiting: Option<u64>,
}

/// Whether a session's partitions have to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// Something may have happened to them.
    No,
    /// The last fetch found nothing to return, and nothing has happened since.
    Calm,
    /// Nor is there anything to tell that was not told.
    Quiet,
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

#[cfg(test)]
impl InTurn {
    /// The first partition of a session.
    pub(super) fn first(wanted: Arc<Wanted>) -> Self {
        Self { turn: 0, wanted }
    }
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

/// What a fetch asks for, by name or by its session.
pub(super) struct Begun {
    pub(super) session: SessionUse,
    pub(super) wanted: Arc<Vec<InTurn>>,
    /// Nothing has happened since its session's last fetch, which found nothing and was told all.
    pub(super) is_quiet: bool,
    /// Where another fetch of the session waits, which the session knows no more.
    pub(super) left: Option<u64>,
}

impl Begun {
    fn without_session(named: Vec<Arc<Wanted>>) -> Self {
        let in_turn = (0..).zip(named).map(|(turn, wanted)| InTurn { turn, wanted });
        Self { session: SessionUse::None, wanted: Arc::new(in_turn.collect()), is_quiet: false, left: None }
    }
}

impl FetchSessions {
    pub(super) fn new(slots: usize) -> Self {
        Self { slots, sessions: OrdMap::new(), of_partition: OrdSet::new() }
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
    ) -> Result<Begun, ErrorCode> {
        if version < FIRST_WITH_SESSIONS {
            return Ok(Begun::without_session(named));
        }
        let (id, epoch) = (request.session_id, request.session_epoch);
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            let left = self.remove(id);
            let session = match epoch {
                FINAL_EPOCH => SessionUse::None,
                _ => self.open(version, &named, rng),
            };
            return Ok(Begun { session, left, ..Begun::without_session(named) });
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
        let left = session.waiting.take();
        let mut gone: Vec<Arc<Wanted>> = forgotten.iter().filter_map(|key| session.forget(key)).collect();
        for wanted in named {
            self.of_partition.insert((wanted.tp.clone(), id));
            // It had a name too little, or one too many, before.
            gone.extend(session.name(wanted.clone()).filter(|before| before.tp != wanted.tp));
        }
        for wanted in gone {
            self.of_partition.remove(&(wanted.tp.clone(), id));
        }
        let (wanted, is_quiet) = (session.list(), session.rest == Rest::Quiet);
        if wanted.is_empty() {
            self.remove(id);
            return Ok(Begun { left, ..Begun::without_session(Vec::new()) });
        }
        Ok(Begun { session: SessionUse::Incremental(id), wanted, is_quiet, left })
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
            listed: None,
            rest: Rest::No,
            fetched: None,
            waiting: None,
        };
        for wanted in named {
            self.of_partition.insert((wanted.tp.clone(), id));
            session.name(wanted.clone());
        }
        self.sessions.insert(id, Arc::new(session));
        SessionUse::Opened(id)
    }

    /// Ends a session; where a fetch of it waits.
    fn remove(&mut self, id: i32) -> Option<u64> {
        let session = self.sessions.remove(&id)?;
        for cached in session.partitions.values() {
            self.of_partition.remove(&(cached.wanted.tp.clone(), id));
        }
        session.waiting
    }

    fn get_mut(&mut self, session: SessionUse) -> Option<&mut Session> {
        self.sessions.get_mut(&session.id()).map(Arc::make_mut)
    }

    /// The sessions that have a partition.
    pub(super) fn of_partition(&self, tp: &TopicPartition) -> Vec<i32> {
        let of_it = self.of_partition.range((tp.clone(), i32::MIN)..=(tp.clone(), i32::MAX));
        of_it.map(|(_, id)| *id).collect()
    }

    /// Notes that a follower fetched in its session, which is quiet.
    pub(super) fn fetched_again(&mut self, session: SessionUse, follower: i32, now: SimTime) {
        if let Some(session) = self.get_mut(session) {
            session.fetched = Some((follower, now));
        }
    }

    /// Takes who fetched last in a session while it was quiet, when, and what.
    pub(super) fn take_fetched(&mut self, id: i32) -> Option<(i32, SimTime, Arc<Vec<InTurn>>)> {
        let session = self.sessions.get_mut(&id).filter(|session| session.fetched.is_some()).map(Arc::make_mut)?;
        let (follower, at) = session.fetched.take()?;
        Some((follower, at, session.list()))
    }

    /// Something has happened to a partition of a session. Where a fetch of it waits.
    pub(super) fn stir(&mut self, id: i32) -> Option<u64> {
        let session = self.sessions.get_mut(&id)?;
        if session.rest != Rest::No {
            Arc::make_mut(session).rest = Rest::No;
        }
        session.waiting
    }

    /// Notes whether a fetch found nothing to return in any partition.
    pub(super) fn set_calm(&mut self, session: SessionUse, is_calm: bool) {
        if let Some(session) = self.get_mut(session) {
            session.rest = if is_calm { Rest::Calm } else { Rest::No };
        }
    }

    /// Notes where in the purgatory the fetch of a session waits.
    pub(super) fn set_waiting(&mut self, session: SessionUse, place: u64) {
        if let Some(session) = self.get_mut(session) {
            session.waiting = Some(place);
        }
    }

    /// The fetch of a session is being answered; whether there is nothing to tell.
    pub(super) fn begin_answer(&mut self, session: SessionUse) -> bool {
        self.get_mut(session).is_some_and(|session| {
            session.waiting = None;
            session.rest == Rest::Quiet
        })
    }

    /// All that there is to tell of a session's partitions was told.
    pub(super) fn told_all(&mut self, session: SessionUse) {
        if let Some(session) = self.get_mut(session).filter(|session| session.rest == Rest::Calm) {
            session.rest = Rest::Quiet;
        }
    }

    /// Whether an incremental fetch is told nothing of a partition of which there is nothing to read: its client knows
    /// where the log begins and where the high watermark is.
    pub(super) fn is_known(&self, session: SessionUse, asked: &InTurn, log: &Log) -> bool {
        let SessionUse::Incremental(id) = session else { return false };
        let known = self.sessions.get(&id).and_then(|session| session.turn_of(asked));
        known.is_some_and(|(_, cached)| {
            (cached.high_watermark, cached.log_start_offset) == (log.high_watermark(), log.log_start_offset())
        })
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

    /// Its partitions in turn.
    fn list(&mut self) -> Arc<Vec<InTurn>> {
        let in_turn = |(turn, cached): (&u64, &Cached)| InTurn { turn: *turn, wanted: cached.wanted.clone() };
        self.listed.get_or_insert_with(|| Arc::new(self.partitions.iter().map(in_turn).collect())).clone()
    }

    /// Has a partition from now on; what it had in its place.
    fn name(&mut self, wanted: Arc<Wanted>) -> Option<Arc<Wanted>> {
        (self.rest, self.listed) = (Rest::No, None);
        if let Some(cached) = self.turns.get(&wanted.key()).and_then(|turn| self.partitions.get_mut(turn)) {
            return Some(std::mem::replace(&mut cached.wanted, wanted));
        }
        self.turns.insert(wanted.key(), self.next_turn);
        self.partitions.insert(self.next_turn, Cached { wanted, high_watermark: -1, log_start_offset: -1 });
        self.next_turn += 1;
        None
    }

    fn forget(&mut self, key: &Key) -> Option<Arc<Wanted>> {
        (self.rest, self.listed) = (Rest::No, None);
        let turn = self.turns.remove(key)?;
        self.partitions.remove(&turn).map(|cached| cached.wanted)
    }

    fn told(&mut self, key: &Key, turn: u64, high_watermark: i64, log_start_offset: i64, to_the_end: bool) {
        let told = |cached: &mut Cached| {
            (cached.high_watermark, cached.log_start_offset) = (high_watermark, log_start_offset);
        };
        if !to_the_end {
            return told(self.partitions.get_mut(&turn).expect("every turn has its partition"));
        }
        let mut cached = self.partitions.remove(&turn).expect("every turn has its partition");
        told(&mut cached);
        self.listed = None;
        *self.turns.get_mut(key).expect("every partition has its turn") = self.next_turn;
        self.partitions.insert(self.next_turn, cached);
        self.next_turn += 1;
    }
}

/// Epochs count up from 1 and go round to 1 again.
fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: i16 = 12;

    fn orders(partition: i32) -> TopicPartition {
        TopicPartition::new("orders", partition)
    }

    /// Sessions of which one was opened for two partitions, and what its follower does.
    struct Follower {
        sessions: FetchSessions,
        id: i32,
        epoch: i32,
    }

    impl Follower {
        fn new() -> Self {
            let mut follower = Self { sessions: FetchSessions::new(10), id: 0, epoch: 0 };
            let begun = follower.fetch(&[0, 1], &[]);
            follower.id = begun.session.id();
            assert!(matches!(begun.session, SessionUse::Opened(1..)) && !begun.is_quiet);
            follower
        }

        fn fetch(&mut self, named: &[i32], forgotten: &[i32]) -> Begun {
            let request = FetchRequest::default().with_session_id(self.id).with_session_epoch(self.epoch);
            self.epoch += 1;
            let named = named.iter().map(|partition| Wanted::named(orders(*partition))).collect();
            let forgotten: Vec<Key> = forgotten.iter().map(|n| Wanted::named(orders(*n)).key()).collect();
            let mut rng = Rng::stream(1, "sessions");
            self.sessions.begin(VERSION, &request, named, &forgotten, &mut rng).expect("it is the session's next")
        }

        /// Its fetch finds nothing and is told all.
        fn rest(&mut self) {
            let session = SessionUse::Incremental(self.id);
            self.sessions.set_calm(session, true);
            assert!(!self.sessions.begin_answer(session));
            self.sessions.told_all(session);
        }
    }

    #[test]
    fn a_session_is_quiet_until_something_happens_to_one_of_its_partitions() {
        let mut follower = Follower::new();
        assert!(!follower.fetch(&[], &[]).is_quiet);
        follower.rest();
        let begun = follower.fetch(&[], &[]);
        assert!(begun.is_quiet && begun.wanted.len() == 2);
        follower.sessions.fetched_again(begun.session, 2, SimTime(5));
        assert!(follower.sessions.begin_answer(begun.session));

        assert_eq!(follower.sessions.of_partition(&orders(1)), [follower.id]);
        assert_eq!(follower.sessions.of_partition(&orders(2)), [0; 0]);
        let (who, at, told) = follower.sessions.take_fetched(follower.id).expect("it fetched");
        assert_eq!((who, at, told.len()), (2, SimTime(5), 2));
        assert!(follower.sessions.take_fetched(follower.id).is_none());
        assert_eq!(follower.sessions.stir(follower.id), None);
        assert!(!follower.fetch(&[], &[]).is_quiet);

        // Found nothing, but was not told.
        follower.sessions.set_calm(begun.session, true);
        assert!(!follower.fetch(&[], &[]).is_quiet);
        // Something has happened between the fetch and its answer.
        follower.sessions.set_calm(begun.session, true);
        follower.sessions.stir(follower.id);
        follower.sessions.told_all(begun.session);
        assert!(!follower.fetch(&[], &[]).is_quiet);
    }

    #[test]
    fn a_session_that_names_or_forgets_is_not_quiet_and_has_what_it_has() {
        let mut follower = Follower::new();
        for (named, forgotten, has) in [(&[2][..], &[][..], &[0, 1, 2][..]), (&[], &[0], &[1, 2]), (&[1], &[], &[1, 2])]
        {
            follower.fetch(&[], &[]);
            follower.rest();
            let begun = follower.fetch(named, forgotten);
            assert!(!begun.is_quiet);
            let listed: Vec<i32> = begun.wanted.iter().map(|asked| asked.wanted.tp.partition).collect();
            let watched = (0..4).filter(|n| follower.sessions.of_partition(&orders(*n)) == [follower.id]);
            assert!(watched.eq(has.iter().copied()) && listed == has);
        }
        follower.epoch = FINAL_EPOCH;
        follower.fetch(&[], &[]);
        assert!(follower.sessions.of_partition.is_empty() && follower.sessions.len() == 0);
    }

    #[test]
    fn a_session_leaves_its_fetch_that_waits_when_another_comes() {
        let mut follower = Follower::new();
        let begun = follower.fetch(&[], &[]);
        follower.sessions.set_waiting(begun.session, 7);
        assert_eq!(follower.sessions.stir(follower.id), Some(7));
        assert_eq!(follower.fetch(&[], &[]).left, Some(7));
        assert_eq!(follower.fetch(&[], &[]).left, None);
    }
}
