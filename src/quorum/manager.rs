//! A replica of the metadata log on the network (`KafkaRaftManager`, `KafkaNetworkChannel`): it sends the replica's
//! requests, brings it the answers, and keeps what must survive.

use super::{Durable, Effect, QuorumConfig, Replica, RequestToken, Role, Turn};
use crate::base::{ConnId, Endpoint, SimDuration, SimTime, SortedMap, earlier};
use crate::machine::{Ctx, Fact, Input};
use crate::network::controller_channel::ActiveController;
use crate::network::{NetEvent, NetworkClient, NetworkConfig, Pending};
use crate::wire::{ErrorCode, Request, RequestKind, ResponseKind, api_name};
use std::sync::Arc;

/// What the replica's work comes to for the node that it belongs to.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "most of them are the large one, and a box would only cost more")]
pub enum RaftEvent {
    /// Answer a request.
    Respond(Pending, ResponseKind),
    /// The replica is in a new state.
    Changed {
        /// What it is now.
        role: Role,
        /// The quorum's epoch.
        epoch: i32,
        /// The epoch's leader, if it is known.
        leader: Option<i32>,
    },
    /// More of the log is committed, or what is committed was replaced by a snapshot.
    Committed,
    /// A graceful shutdown is done.
    Stopped,
    /// The process ends here with this error.
    Failed(String),
}

/// A request of the replica's that waits for its connection.
#[derive(Clone, Debug)]
struct Unsent {
    to: i32,
    correlation_id: i32,
    body: RequestKind,
    deadline: SimTime,
}

/// A replica of the metadata log with its connections.
#[derive(Clone, Debug)]
pub struct RaftManager {
    config: Arc<QuorumConfig>,
    replica: Replica,
    net: NetworkClient<i32>,
    unsent: Vec<Unsent>,
    waiting: SortedMap<RequestToken, Pending>,
    next_token: u64,
}

impl RaftManager {
    /// Starts the replica on what its disk holds.
    pub fn start(config: Arc<QuorumConfig>, disk: Durable, ctx: &mut Ctx<'_>) -> (Self, Vec<RaftEvent>) {
        let mut effects = Vec::new();
        let replica = {
            let (now, start_ms, mutant) = (ctx.now(), ctx.start_ms(), ctx.mutant());
            let mut turn = Turn::new(now, start_ms, ctx.rng(), &mut effects).with_mutant(mutant);
            Replica::start(config.clone(), disk, &mut turn)
        };
        let network = NetworkConfig {
            request_timeout: config.request_timeout,
            reconnect_backoff: config.retry_backoff,
            reconnect_backoff_max: SimDuration::from_millis(500),
            max_in_flight: 1,
            ..NetworkConfig::new(format!("raft-client-{}", config.node_id))
        };
        let mut raft = Self {
            config,
            replica,
            net: NetworkClient::new(network),
            unsent: Vec::new(),
            waiting: SortedMap::new(),
            next_token: 0,
        };
        let mut events = Vec::new();
        raft.carry_out(effects, ctx, &mut events);
        raft.poll(ctx, &mut events);
        (raft, events)
    }

    /// The replica.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Keeps a snapshot of the committed metadata up to `offset`, in place of the log before it.
    pub fn keep_snapshot(&mut self, offset: i64, content: bytes::Bytes) {
        self.replica.log_mut().keep_snapshot(offset, content);
    }

    /// Who leads the metadata log, and so is or will be the active controller.
    pub fn leader(&self) -> ActiveController {
        let leader = self.replica.leader()?;
        Some((leader, self.config.voters.get(&leader)?.endpoint.clone()))
    }

    /// Whether a connection is its own.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.net.owns(conn)
    }

    /// Takes an input that concerns its connections, or its deadline.
    pub fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>, events: &mut Vec<RaftEvent>) {
        for event in self.net.handle(input, ctx) {
            match event {
                NetEvent::Response(from, correlation_id, response) => self.act(ctx, events, |replica, turn| {
                    replica.handle_response(from, correlation_id, &response.body, turn);
                }),
                NetEvent::Failed(from, correlation_id, _) => self.failed(from, correlation_id, ctx, events),
                NetEvent::Disconnected(node) => self.give_up_unsent(ctx, events, |unsent| unsent.to == node),
            }
        }
        self.poll(ctx, events);
    }

    fn failed(&mut self, from: i32, correlation_id: i32, ctx: &mut Ctx<'_>, events: &mut Vec<RaftEvent>) {
        self.act(ctx, events, |replica, turn| {
            replica.handle_failure(from, correlation_id, ErrorCode::BROKER_NOT_AVAILABLE, turn);
        });
    }

    fn give_up_unsent(&mut self, ctx: &mut Ctx<'_>, events: &mut Vec<RaftEvent>, which: impl Fn(&Unsent) -> bool) {
        let given_up: Vec<Unsent> = self.unsent.extract_if(.., |unsent| which(unsent)).collect();
        for unsent in given_up {
            self.failed(unsent.to, unsent.correlation_id, ctx, events);
        }
    }

    /// Whether a request is one of Raft's own, which [`RaftManager::request`] answers.
    pub fn serves(body: &RequestKind) -> bool {
        use RequestKind as R;
        matches!(
            body,
            R::Vote(_)
                | R::BeginQuorumEpoch(_)
                | R::EndQuorumEpoch(_)
                | R::Fetch(_)
                | R::FetchSnapshot(_)
                | R::DescribeQuorum(_)
                | R::UpdateRaftVoter(_)
        )
    }

    /// Takes a request that came to the node's controller listener.
    pub fn request(&mut self, pending: Pending, request: &Request, ctx: &mut Ctx<'_>, events: &mut Vec<RaftEvent>) {
        let token = RequestToken(self.next_token);
        self.next_token += 1;
        self.waiting.insert(token, pending);
        self.act(ctx, events, |replica, turn| {
            let known = replica.handle_request(token, request.version, &request.body, turn);
            assert!(known, "{} is not Raft's", api_name(request.api));
        });
        self.poll(ctx, events);
    }

    /// A connection to the controller listener is gone: what waited on it is forgotten.
    pub fn forget(&mut self, conn: ConnId) {
        let gone: Vec<RequestToken> =
            self.waiting.iter().filter(|(_, pending)| pending.conn == conn).map(|(token, _)| *token).collect();
        for token in gone {
            self.waiting.remove(&token);
            self.replica.forget(token);
        }
    }

    /// Lets the replica act, and carries out what it asks for.
    pub fn act<R>(
        &mut self,
        ctx: &mut Ctx<'_>,
        events: &mut Vec<RaftEvent>,
        act: impl FnOnce(&mut Replica, &mut Turn<'_>) -> R,
    ) -> R {
        let mut effects = Vec::new();
        let (now, start_ms, mutant) = (ctx.now(), ctx.start_ms(), ctx.mutant());
        let result = act(&mut self.replica, &mut Turn::new(now, start_ms, ctx.rng(), &mut effects).with_mutant(mutant));
        self.carry_out(effects, ctx, events);
        result
    }

    /// Lets the replica do what is due, and sends what can go.
    pub fn poll(&mut self, ctx: &mut Ctx<'_>, events: &mut Vec<RaftEvent>) {
        let now = ctx.now();
        self.give_up_unsent(ctx, events, |unsent| unsent.deadline <= now);
        self.act(ctx, events, |replica, turn| replica.poll(turn));
        self.send(ctx);
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<SimTime> {
        let mut deadline = earlier(self.net.next_deadline(), self.replica.next_deadline());
        for unsent in &self.unsent {
            deadline = earlier(deadline, earlier(Some(unsent.deadline), self.net.retry_at(unsent.to)));
        }
        deadline
    }

    /// Closes its connections.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.net.close(ctx);
    }

    fn carry_out(&mut self, effects: Vec<Effect>, ctx: &mut Ctx<'_>, events: &mut Vec<RaftEvent>) {
        for effect in effects {
            match effect {
                Effect::Send { to, correlation_id, body, .. } => {
                    let deadline = ctx.after(self.config.request_timeout);
                    self.unsent.push(Unsent { to, correlation_id, body, deadline });
                }
                Effect::Respond { request, body } => {
                    if let Some(pending) = self.waiting.remove(&request) {
                        events.push(RaftEvent::Respond(pending, body));
                    }
                }
                // What survives is read from the replica when its process ends.
                Effect::Persist(_) | Effect::Truncated(_) => {}
                Effect::Changed { role, epoch, leader } => {
                    ctx.fact(Fact::QuorumRole { role: role.to_string().into(), epoch, leader });
                    events.push(RaftEvent::Changed { role, epoch, leader });
                }
                Effect::HighWatermark(_) | Effect::SnapshotTaken(_) => events.push(RaftEvent::Committed),
                Effect::Stopped => events.push(RaftEvent::Stopped),
                Effect::Failed(why) => events.push(RaftEvent::Failed(why)),
            }
        }
    }

    /// Sends the requests whose connections stand; opens those that do not.
    fn send(&mut self, ctx: &mut Ctx<'_>) {
        let mut waiting = Vec::new();
        for unsent in std::mem::take(&mut self.unsent) {
            let endpoint = self.endpoint(unsent.to);
            if self.net.ready(unsent.to, &endpoint, ctx) {
                let api = api_of(&unsent.body);
                self.net.send(unsent.to, api, Some(unsent.correlation_id), ctx, |_| unsent.body);
            } else {
                waiting.push(unsent);
            }
        }
        self.unsent = waiting;
    }

    fn endpoint(&self, node: i32) -> Endpoint {
        self.config.voters.get(&node).expect("only voters are asked").endpoint.clone()
    }
}

fn api_of(body: &RequestKind) -> crate::wire::ApiKey {
    use crate::wire::ApiKey;
    match body {
        RequestKind::Vote(_) => ApiKey::Vote,
        RequestKind::BeginQuorumEpoch(_) => ApiKey::BeginQuorumEpoch,
        RequestKind::EndQuorumEpoch(_) => ApiKey::EndQuorumEpoch,
        RequestKind::Fetch(_) => ApiKey::Fetch,
        RequestKind::FetchSnapshot(_) => ApiKey::FetchSnapshot,
        RequestKind::UpdateRaftVoter(_) => ApiKey::UpdateRaftVoter,
        other => panic!("a replica sends no {other:?}"),
    }
}
