//! One replica of the metadata log: its state and how it changes.

use super::config::{QuorumConfig, ReplicaKey};
use super::connections::Connections;
use super::effect::{Effect, RequestToken, Turn};
use super::fetch::ParkedFetch;
use super::leader::{LeaderState, MAX_BATCH_BYTES, Progress};
use super::log::{MetadataLog, OffsetAndEpoch};
use super::state::{ElectionState, Role, State};
use super::tally::Tally;
use crate::base::{SimDuration, SimTime, SortedSet};
use crate::wire::control;
use crate::wire::records::Record;
use std::fmt;
use std::sync::Arc;

/// Why records were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// This replica is not the leader of the epoch that the records are for.
    NotLeader,
    /// There are no records, or more than fit into a batch.
    BadSize,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotLeader => "this replica is not the leader of that epoch",
            Self::BadSize => "records are appended one at least, and 8 MiB at most",
        })
    }
}

impl std::error::Error for AppendError {}

/// What of a replica survives its process.
#[derive(Clone, Debug, Default)]
pub struct Durable {
    /// The file `quorum-state`.
    pub election: ElectionState,
    /// The log.
    pub log: MetadataLog,
}

/// One replica of the metadata log: a voter, or an observer (a broker).
///
/// Its owner hands it requests, answers and records, and calls [`poll`](Self::poll) after each of them and whenever
/// [`next_deadline`](Self::next_deadline) has come.
#[derive(Clone, Debug)]
pub struct Replica {
    pub(super) config: Arc<QuorumConfig>,
    pub(super) epoch: i32,
    pub(super) state: State,
    pub(super) high_watermark: Option<i64>,
    pub(super) log: MetadataLog,
    pub(super) connections: Connections,
    pub(super) parked: Vec<ParkedFetch>,
    pub(super) stopping: Option<SimTime>,
    pub(super) stopped: bool,
    pub(super) wake: Option<SimTime>,
    election: ElectionState,
}

impl Replica {
    /// Starts a replica on what its disk holds, as Kafka's process starts.
    ///
    /// A leader comes back as resigned: it may have lost the tail of its log, and must not give other records the same
    /// offsets in the same epoch.
    pub fn start(config: Arc<QuorumConfig>, disk: Durable, turn: &mut Turn<'_>) -> Self {
        let Durable { election, log } = disk;
        let own = config.own_key();
        let connections = Connections::new(config.request_timeout, config.retry_backoff);
        let state = State::Unattached { leader: None, voted: None, election_deadline: None };
        let mut replica = Self {
            epoch: election.epoch.max(log.last_epoch()),
            state,
            high_watermark: None,
            log,
            connections,
            parked: Vec::new(),
            stopping: None,
            stopped: false,
            wake: Some(turn.now),
            election,
            config,
        };
        let deadline = replica.election_deadline(turn);
        let state = if election.epoch < replica.log.last_epoch() {
            State::Unattached { leader: None, voted: None, election_deadline: Some(deadline) }
        } else if election.leader == Some(own.id) {
            replica.resigned(Vec::new(), deadline)
        } else if election.voted.is_some_and(|voted| voted.fits(&own)) {
            State::Candidate { tally: replica.new_tally(), election_deadline: deadline }
        } else if let Some(leader) = election.leader.filter(|leader| replica.config.voters.contains_key(leader)) {
            replica.follower(leader, election.voted, turn.now)
        } else {
            State::Unattached { leader: election.leader, voted: election.voted, election_deadline: Some(deadline) }
        };
        replica.enter(state, turn);
        replica.start_alone(turn);
        replica
    }

    /// The only voter of a quorum needs nobody to elect it.
    fn start_alone(&mut self, turn: &mut Turn<'_>) {
        if let State::Candidate { tally, .. } = &self.state {
            if tally.is_won() {
                self.become_leader(turn);
            }
        } else if self.config.is_only_voter() {
            self.become_prospective(turn);
        }
    }

    /// What survives if the process ends now.
    pub fn durable(&self) -> Durable {
        Durable { election: self.election, log: self.log.reopened() }
    }

    /// What survives if the host loses its power now.
    pub fn durable_after_power_loss(&self) -> Durable {
        Durable { election: self.election, log: self.log.after_power_loss() }
    }

    /// What it was started with.
    pub fn config(&self) -> &QuorumConfig {
        &self.config
    }

    /// Its state.
    pub fn role(&self) -> Role {
        self.state.role()
    }

    /// The quorum's epoch, as far as it knows.
    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// The epoch's leader, as far as it knows.
    pub fn leader(&self) -> Option<i32> {
        self.state.leader(self.config.node_id)
    }

    /// Whom it has voted for in the epoch; a leader and a resigned one do not say.
    pub fn voted(&self) -> Option<ReplicaKey> {
        self.state.voted(self.config.own_key())
    }

    /// The offset below which everything is committed. None while it is not known: to a new leader until a record of its
    /// own epoch is on a majority, to a follower until such a leader has told it.
    pub fn high_watermark(&self) -> Option<i64> {
        self.high_watermark
    }

    /// The offset of its epoch's first record, if it leads. Kafka's controller becomes active when it has applied that
    /// record, and so all that earlier leaders have committed.
    pub fn epoch_start(&self) -> Option<i64> {
        self.leader_state().map(|leader| leader.epoch_start)
    }

    /// Its log.
    pub fn log(&self) -> &MetadataLog {
        &self.log
    }

    /// Its log, for its owner to keep snapshots in.
    pub fn log_mut(&mut self) -> &mut MetadataLog {
        &mut self.log
    }

    /// Whether it has ended, by a shutdown or an error.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// How far the voters have come, if it leads.
    pub fn voter_progress(&self) -> impl Iterator<Item = &Progress> {
        self.leader_state().into_iter().flat_map(LeaderState::voters)
    }

    /// Appends records as the leader of `epoch` (`controller.quorum.append.linger.ms` later, together with others). The
    /// offset of the last of them; they are committed when the high watermark has passed it while this replica still
    /// leads the epoch.
    pub fn append(&mut self, epoch: i32, records: Vec<Record>, turn: &mut Turn<'_>) -> Result<i64, AppendError> {
        let linger = self.config.append_linger;
        let bytes: usize = records.iter().map(crate::wire::records::size_upper_bound).sum();
        let State::Leader(leader) = &mut self.state else { return Err(AppendError::NotLeader) };
        if epoch != self.epoch || self.stopped {
            return Err(AppendError::NotLeader);
        }
        if records.is_empty() || bytes > MAX_BATCH_BYTES {
            return Err(AppendError::BadSize);
        }
        self.wake = Some(turn.now);
        Ok(leader.accumulator.append(records, turn.now, linger))
    }

    /// Gives up leadership of `epoch`, if it leads it: a controller does so when it cannot go on.
    pub fn resign(&mut self, epoch: i32, turn: &mut Turn<'_>) {
        if let State::Leader(leader) = &mut self.state
            && epoch == self.epoch
        {
            leader.resign_requested = true;
            self.wake = Some(turn.now);
        }
    }

    /// Begins a graceful shutdown: a leader resigns and waits until another leads, at most `timeout`.
    /// [`Effect::Stopped`] follows.
    pub fn shutdown(&mut self, timeout: SimDuration, turn: &mut Turn<'_>) {
        self.stopping.get_or_insert(turn.now + timeout);
        self.wake = Some(turn.now);
    }

    /// Forgets a request whose connection is gone.
    pub fn forget(&mut self, request: RequestToken) {
        self.parked.retain(|parked| parked.request != request);
    }

    pub(super) fn leader_state(&self) -> Option<&LeaderState> {
        match &self.state {
            State::Leader(leader) => Some(leader),
            _ => None,
        }
    }
}

/// Transitions. Those that Kafka forbids are errors of this program or of a peer that breaks the protocol.
impl Replica {
    /// Kafka's process ends with an error.
    pub(super) fn fail(&mut self, why: impl Into<String>, turn: &mut Turn<'_>) {
        self.stopped = true;
        turn.push(Effect::Failed(why.into()));
    }

    /// When an election that begins now is over: `controller.quorum.election.timeout.ms` and up to as much again.
    pub(super) fn election_deadline(&self, turn: &mut Turn<'_>) -> SimTime {
        let timeout = self.config.election_timeout;
        turn.now + timeout + SimDuration(turn.rng.below(timeout.0))
    }

    fn new_tally(&self) -> Tally {
        Tally::new(self.config.voters.keys().copied(), self.config.node_id)
    }

    fn follower(&self, leader: i32, voted: Option<ReplicaKey>, now: SimTime) -> State {
        let fetch_deadline = now + self.config.fetch_timeout;
        // A leader keeps what it is told of voters to itself while their set is static, so each new one is told.
        let update_voter_at = self.config.is_voter().then(|| now + self.config.update_voter_period());
        State::Follower { leader, voted, fetch_deadline, has_fetched: false, update_voter_at, download: None }
    }

    fn resigned(&self, successors: Vec<ReplicaKey>, election_deadline: SimTime) -> State {
        let unacknowledged: SortedSet<i32> = self.config.remote_voters().collect();
        State::Resigned { unacknowledged, successors, election_deadline }
    }

    /// Takes on a state: writes what must survive, and tells the owner.
    fn enter(&mut self, state: State, turn: &mut Turn<'_>) {
        self.state = state;
        let election =
            ElectionState { epoch: self.epoch, leader: self.leader(), voted: self.state.voted(self.config.own_key()) };
        if election != self.election {
            self.election = election;
            turn.push(Effect::Persist(election));
        }
        self.wake = Some(turn.now);
        turn.push(Effect::Changed { role: self.role(), epoch: self.epoch, leader: self.leader() });
    }

    /// To Unattached in `epoch`: a later one, or this one after a Prospective's lost election.
    pub(super) fn become_unattached(&mut self, epoch: i32, leader: Option<i32>, turn: &mut Turn<'_>) {
        let prospective = self.role() == Role::Prospective;
        assert!(
            epoch > self.epoch || (epoch == self.epoch && prospective),
            "from {} in epoch {} to Unattached in epoch {epoch}",
            self.role(),
            self.epoch
        );
        let election_deadline = match &self.state {
            _ if !self.config.is_voter() => None,
            State::Unattached { election_deadline, .. } => *election_deadline,
            State::Candidate { election_deadline, .. } | State::Resigned { election_deadline, .. } => {
                Some(*election_deadline)
            }
            State::Prospective { tally, election_deadline, .. } if !tally.is_lost() => Some(*election_deadline),
            _ => Some(self.election_deadline(turn)),
        };
        let voted = if epoch == self.epoch { self.voted() } else { None };
        self.epoch = epoch;
        self.enter(State::Unattached { leader, voted, election_deadline }, turn);
        self.connections.reset();
    }

    /// Gives its vote in this epoch to a candidate.
    pub(super) fn add_vote(&mut self, candidate: ReplicaKey, turn: &mut Turn<'_>) {
        assert_ne!(candidate.id, self.config.node_id, "a candidate does not ask itself");
        let deadline = self.election_deadline(turn);
        let state = match &self.state {
            State::Unattached { leader, voted: None, .. } => {
                State::Unattached { leader: *leader, voted: Some(candidate), election_deadline: Some(deadline) }
            }
            State::Prospective { leader, voted: None, .. } => State::Prospective {
                leader: *leader,
                voted: Some(candidate),
                tally: self.new_tally(),
                election_deadline: deadline,
            },
            // The same vote asked for again.
            _ => return,
        };
        self.enter(state, turn);
    }

    /// To Follower of `leader` in `epoch`.
    pub(super) fn become_follower(&mut self, epoch: i32, leader: i32, turn: &mut Turn<'_>) {
        if leader == self.config.node_id || !self.config.voters.contains_key(&leader) {
            return self.fail(format!("cannot follow {leader} in epoch {epoch}: it is no other voter"), turn);
        }
        let leads = matches!(self.role(), Role::Follower | Role::Leader);
        assert!(
            epoch > self.epoch || (epoch == self.epoch && !leads),
            "from {} in epoch {} to Follower in epoch {epoch}",
            self.role(),
            self.epoch
        );
        let voted = if epoch == self.epoch { self.voted() } else { None };
        self.epoch = epoch;
        self.enter(self.follower(leader, voted, turn.now), turn);
        self.connections.reset();
        self.refuse_parked(turn);
    }

    /// To Prospective: the leader is silent, or was never known. The epoch stays.
    pub(super) fn become_prospective(&mut self, turn: &mut Turn<'_>) {
        assert!(self.config.is_voter(), "an observer holds no elections");
        assert!(!matches!(self.role(), Role::Leader | Role::Prospective), "from {} to Prospective", self.role());
        let tally = self.new_tally();
        let won = tally.is_won();
        let (leader, voted, election_deadline) = (self.leader(), self.voted(), self.election_deadline(turn));
        self.enter(State::Prospective { leader, voted, tally, election_deadline }, turn);
        if won {
            self.become_candidate(turn);
        } else {
            self.connections.reset();
        }
    }

    /// To Candidate: a majority would vote for this replica, so it opens a new epoch and votes for itself.
    pub(super) fn become_candidate(&mut self, turn: &mut Turn<'_>) {
        assert_eq!(self.role(), Role::Prospective, "only a Prospective becomes Candidate");
        self.epoch += 1;
        let tally = self.new_tally();
        let won = tally.is_won();
        let election_deadline = self.election_deadline(turn);
        self.enter(State::Candidate { tally, election_deadline }, turn);
        if won {
            self.become_leader(turn);
        } else {
            self.connections.reset();
        }
    }

    /// To Leader: opens the epoch with a LeaderChange record. The high watermark is unknown until that is committed,
    /// because what the leader knew of it before may be less than what others have been told.
    pub(super) fn become_leader(&mut self, turn: &mut Turn<'_>) {
        let State::Candidate { tally, .. } = &self.state else {
            panic!("from {} to Leader", self.role());
        };
        assert!(tally.is_won(), "to Leader without a majority of the votes");
        let granting = tally.granting();
        let voters: Vec<i32> = self.config.voters.keys().copied().collect();
        let mut leader = LeaderState::new(&self.config, self.log.end_offset(), granting, turn.now);
        let opening =
            control::leader_change(turn.wall_clock_ms(turn.now), self.config.node_id, &voters, &leader.granting);
        leader.accumulator.append_control(opening, turn.now);
        self.log.begin_epoch(self.epoch);
        self.high_watermark = None;
        self.enter(State::Leader(Box::new(leader)), turn);
        self.connections.reset();
    }

    /// To Resigned: asks the voters to elect another, those with the longest logs first.
    pub(super) fn become_resigned(&mut self, turn: &mut Turn<'_>) {
        self.refuse_parked(turn);
        let successors = self.leader_state().expect("only a leader resigns").successors();
        let deadline = self.election_deadline(turn);
        self.high_watermark = None;
        self.enter(self.resigned(successors, deadline), turn);
        self.connections.reset();
    }

    /// Raises the high watermark to `offset`.
    pub(super) fn commit(&mut self, offset: i64, turn: &mut Turn<'_>) {
        self.high_watermark = Some(offset);
        self.log.commit(offset);
        turn.push(Effect::HighWatermark(offset));
    }

    /// The end of the log, by which votes compare logs.
    pub(super) fn end(&self) -> OffsetAndEpoch {
        self.log.end()
    }
}
