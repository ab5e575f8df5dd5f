//! What a replica does by itself: its timers, and the requests that its state calls for.

use super::effect::{Effect, Turn};
use super::messages::version_of;
use super::replica::Replica;
use super::state::{Role, State};
use crate::base::SimTime;
use crate::wire::{ApiKey, RequestKind};

/// What a state waits for.
enum Next {
    /// It is another state now, which has to be looked at.
    Again,
    /// It has nothing to do before this time, if ever.
    At(SimTime),
}

/// Later than every deadline.
const NEVER: SimTime = SimTime(u64::MAX);

impl Replica {
    /// Does what is due: sends requests, writes what was appended, ends elections and leaderships whose time is up. Its
    /// owner calls it after every input and when the deadline has come.
    pub fn poll(&mut self, turn: &mut Turn<'_>) {
        self.expire_parked(turn);
        self.wake = None;
        while !self.stopped {
            if self.is_shutdown_done(turn.now) {
                self.stopped = true;
                turn.push(Effect::Stopped);
                return;
            }
            let next = match self.role() {
                Role::Unattached => self.poll_unattached(turn),
                Role::Prospective | Role::Candidate => self.poll_election(turn),
                Role::Leader => self.poll_leader(turn),
                Role::Resigned => self.poll_resigned(turn),
                Role::Follower => self.poll_follower(turn),
            };
            match next {
                Next::Again => {}
                Next::At(at) if at < NEVER => {
                    assert!(at > turn.now, "a {} has something to do and does it not", self.role());
                    self.wake = Some(at.min(self.stopping.unwrap_or(NEVER)));
                    return;
                }
                Next::At(_) => {
                    self.wake = self.stopping;
                    return;
                }
            }
        }
    }

    /// When [`poll`](Self::poll) is to be called next, if nothing else happens.
    pub fn next_deadline(&self) -> Option<SimTime> {
        if self.stopped {
            return None;
        }
        let parked = self.parked.iter().map(|parked| parked.deadline).min();
        self.wake.into_iter().chain(parked).min()
    }

    /// A graceful shutdown is over when somebody else leads, when there is nobody else, or when its time is up.
    fn is_shutdown_done(&self, now: SimTime) -> bool {
        let others_lead = self.leader().is_some_and(|leader| leader != self.config.node_id);
        let alone = !self.config.is_voter() || self.config.is_only_voter();
        self.stopping.is_some_and(|until| until <= now || others_lead || alone)
    }

    /// Sends a request to `node` unless one is in flight or the node is left alone. When to look again.
    pub(super) fn send(
        &mut self,
        node: i32,
        api: ApiKey,
        body: impl FnOnce(&Self) -> RequestKind,
        turn: &mut Turn<'_>,
    ) -> SimTime {
        if let Err(until) = self.connections.ready(node, turn.now) {
            return until;
        }
        let body = body(self);
        let (correlation_id, until) = self.connections.sent(node, turn.now);
        turn.push(Effect::Send { to: node, correlation_id, version: version_of(api), body });
        until
    }

    fn poll_unattached(&mut self, turn: &mut Turn<'_>) -> Next {
        let State::Unattached { election_deadline, .. } = self.state else { unreachable!("a poll of its own state") };
        if !self.config.is_voter() {
            return Next::At(self.fetch_from_any(turn));
        }
        if let Some(until) = self.stopping {
            return Next::At(until);
        }
        let deadline = election_deadline.unwrap_or(NEVER);
        if deadline <= turn.now {
            self.become_prospective(turn);
            return Next::Again;
        }
        // It also looks for a leader that its BeginQuorumEpoch has not reached.
        Next::At(self.fetch_from_any(turn).min(deadline))
    }

    fn poll_election(&mut self, turn: &mut Turn<'_>) -> Next {
        let (State::Prospective { tally, election_deadline, .. } | State::Candidate { tally, election_deadline }) =
            &self.state
        else {
            unreachable!("a poll of its own state")
        };
        let deadline = *election_deadline;
        let pre_vote = self.role() == Role::Prospective;
        if deadline <= turn.now && self.stopping.is_none() {
            if pre_vote {
                self.give_up_prospect(turn);
            } else {
                self.become_prospective(turn);
            }
            return Next::Again;
        }
        let asked = if tally.is_lost() { Vec::new() } else { tally.unanswered() };
        let mut wake = self.stopping.unwrap_or(deadline);
        for voter in asked {
            let key = self.config.voters[&voter].key;
            let body = |replica: &Self| {
                let request = replica.config.vote_request(&key, replica.epoch, replica.end(), pre_vote);
                RequestKind::Vote(request)
            };
            wake = wake.min(self.send(voter, ApiKey::Vote, body, turn));
        }
        Next::At(wake)
    }

    fn poll_leader(&mut self, turn: &mut Turn<'_>) -> Next {
        let State::Leader(leader) = &mut self.state else { unreachable!("a poll of its own state") };
        let check_quorum = leader.check_quorum_deadline().unwrap_or(NEVER);
        if self.stopping.is_some() || leader.resign_requested || check_quorum <= turn.now {
            self.become_resigned(turn);
            return Next::Again;
        }
        let mut wake = check_quorum;
        match leader.accumulator.drain_at() {
            Some(at) if at <= turn.now => self.write_appended(turn),
            Some(at) => wake = wake.min(at),
            None => {}
        }
        Next::At(wake.min(self.announce(turn)))
    }

    /// Writes the batches that wait, and answers the fetches that wait for them.
    fn write_appended(&mut self, turn: &mut Turn<'_>) {
        let State::Leader(leader) = &mut self.state else { unreachable!("a leader drains") };
        for batch in leader.accumulator.drain(turn.now) {
            self.log.append_as_leader(&batch, self.epoch);
        }
        let end = self.log.end_offset();
        leader.set_own_end(end);
        self.advance_high_watermark(turn);
        self.answer_parked(|offset| offset < end, turn);
    }

    /// Tells the voters every half `controller.quorum.fetch.timeout.ms` that this replica leads, whether they know it
    /// or not.
    fn announce(&mut self, turn: &mut Turn<'_>) -> SimTime {
        let State::Leader(leader) = &mut self.state else { unreachable!("a leader announces itself") };
        if leader.next_begin_epoch > turn.now {
            return leader.next_begin_epoch;
        }
        let next = turn.now + self.config.begin_epoch_interval();
        leader.next_begin_epoch = next;
        for voter in self.config.remote_voters().collect::<Vec<_>>() {
            let key = self.config.voters[&voter].key;
            let body =
                |replica: &Self| RequestKind::BeginQuorumEpoch(replica.config.begin_request(&key, replica.epoch));
            self.send(voter, ApiKey::BeginQuorumEpoch, body, turn);
        }
        next
    }

    fn poll_resigned(&mut self, turn: &mut Turn<'_>) -> Next {
        let State::Resigned { unacknowledged, successors, election_deadline } = &self.state else {
            unreachable!("a poll of its own state")
        };
        let deadline = self.stopping.unwrap_or(*election_deadline);
        if deadline <= turn.now {
            self.become_unattached(self.epoch + 1, None, turn);
            return Next::Again;
        }
        let mut wake = deadline;
        let request = self.config.end_request(self.epoch, successors);
        for voter in unacknowledged.iter().copied().collect::<Vec<_>>() {
            let body = |_: &Self| RequestKind::EndQuorumEpoch(request.clone());
            wake = wake.min(self.send(voter, ApiKey::EndQuorumEpoch, body, turn));
        }
        Next::At(wake)
    }

    fn poll_follower(&mut self, turn: &mut Turn<'_>) -> Next {
        let State::Follower { leader, fetch_deadline, update_voter_at, .. } = self.state else {
            unreachable!("a poll of its own state")
        };
        let silent = fetch_deadline <= turn.now;
        if silent && !self.config.is_voter() {
            return Next::At(self.fetch_from_any(turn));
        }
        if silent {
            self.become_prospective(turn);
            return Next::Again;
        }
        let update_voter_at = update_voter_at.unwrap_or(NEVER);
        let wake = match update_voter_at <= turn.now {
            true => self.update_voter(leader, turn),
            false => self.fetch_from(leader, turn).min(update_voter_at),
        };
        Next::At(wake.min(fetch_deadline))
    }

    /// Fetches from the leader; from any node that may know another leader while that one does not answer.
    fn fetch_from(&mut self, leader: i32, turn: &mut Turn<'_>) -> SimTime {
        if self.connections.has_timed_out(leader, turn.now) {
            self.connections.forget(leader);
            return self.fetch_from_any(turn);
        }
        if self.connections.is_backing_off(leader, turn.now) {
            return self.fetch_from_any(turn);
        }
        match self.connections.in_flight(turn.now) {
            Some(until) => until,
            None => self.send_fetch(leader, turn),
        }
    }

    fn fetch_from_any(&mut self, turn: &mut Turn<'_>) -> SimTime {
        let bootstrap = self.config.bootstrap.clone();
        match self.connections.any_of(&bootstrap, turn.now, turn.rng) {
            Ok(node) => {
                let body = |replica: &Self| replica.log_fetch();
                self.send(node, ApiKey::Fetch, body, turn)
            }
            Err(until) => until,
        }
    }

    fn send_fetch(&mut self, leader: i32, turn: &mut Turn<'_>) -> SimTime {
        let State::Follower { download: Some(download), .. } = &self.state else {
            return self.send(leader, ApiKey::Fetch, Self::log_fetch, turn);
        };
        let (id, position) = (download.id, download.received.len() as i64);
        let body =
            |replica: &Self| RequestKind::FetchSnapshot(replica.config.snapshot_request(replica.epoch, id, position));
        self.send(leader, ApiKey::FetchSnapshot, body, turn)
    }

    fn log_fetch(&self) -> RequestKind {
        RequestKind::Fetch(self.config.fetch_request(self.epoch, self.end(), self.high_watermark))
    }
}
