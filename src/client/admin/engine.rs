//! Sending calls (`AdminClientRunnable`): nodes chosen, requests sent one at a time per node, failures tried again with
//! a backoff until a call's time is over.
//!
//! A program calls in its own order; each of its calls is a step with a number. Between the steps the client has calls
//! of its own for metadata.

use super::call::{Call, CallState, Pause, Place, Route};
use super::nodes::Nodes;
use super::throwable::{DISCONNECT, Throwable};
use super::{Admin, AdminConfig};
use crate::base::{SimDuration, SimTime, SortedMap, earlier, exponential_backoff};
use crate::machine::{Ctx, Input};
use crate::network::{NetEvent, NetworkClient, NetworkConfig, NodeId};
use crate::wire::messages::MetadataRequest;
use crate::wire::{ApiKey, ApiRange, ErrorCode, Response, ResponseKind, negotiate};
use std::sync::Arc;

/// An admin client's process: its connections, what it knows of the cluster, and the calls that its program has made.
#[derive(Clone, Debug)]
pub struct AdminClient {
    pub(super) config: AdminConfig,
    net: NetworkClient<Id>,
    nodes: Nodes,
    metadata_call: Option<CallState>,
    pub(super) steps: Vec<Step>,
    /// Until when a node that has calls waiting must be ready.
    ready_deadlines: SortedMap<NodeId, SimTime>,
    /// A step ended since the program ran last.
    has_news: bool,
    /// When it last did all that could be done.
    pumped_at: SimTime,
}

/// What a program has come to.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Call(Box<CallState>),
    /// A look at the clock: the moment, and ms since the Unix epoch.
    Moment(SimTime, i64),
}

/// Whose call a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Metadata,
    Step(usize),
}

impl AdminClient {
    /// A client before its first call.
    pub fn new(config: AdminConfig) -> Self {
        let common = &config.common;
        let network = NetworkConfig {
            request_timeout: common.request_timeout,
            reconnect_backoff: common.reconnect_backoff,
            reconnect_backoff_max: common.reconnect_backoff_max(),
            // One request at a time per node: later calls wait in the client, where they can still go elsewhere.
            max_in_flight: 1,
            ..NetworkConfig::new(common.client_id.clone().unwrap_or_default())
        };
        let nodes = Nodes::new(&common.bootstrap, common.retry_backoff, common.metadata_max_age);
        Self {
            config,
            net: NetworkClient::new(network),
            nodes,
            metadata_call: None,
            steps: Vec::new(),
            ready_deadlines: SortedMap::new(),
            has_news: true,
            pumped_at: SimTime::ZERO,
        }
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        for event in self.net.handle(input, ctx) {
            match event {
                NetEvent::Response(_, id, response) => self.answered(id, response, ctx),
                NetEvent::Failed(node, id, _) => self.cancelled(id, node, ctx),
                NetEvent::Disconnected(node) => {
                    self.nodes.request_update();
                    self.unassign(node);
                }
            }
        }
        self.pump(ctx);
    }

    pub(super) fn endpoint(&self, node: NodeId) -> Option<crate::base::Endpoint> {
        self.nodes.endpoint(node).cloned()
    }

    /// Whether a program that waits for its calls can go on.
    pub fn has_news(&self) -> bool {
        self.has_news
    }

    /// Lets a program run from its beginning: `run` gets a handle for its calls.
    pub fn pass<T>(&mut self, ctx: &mut Ctx<'_>, run: impl FnOnce(&mut Admin<'_, '_>) -> T) -> T {
        self.has_news = false;
        let result = run(&mut Admin { client: self, ctx, next: 0, leaders: SortedMap::new() });
        self.pump(ctx);
        result
    }

    /// Closes every connection and forgets every call.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.net.close(ctx);
        self.steps = Vec::new();
        self.metadata_call = None;
        self.ready_deadlines.clear();
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<SimTime> {
        let mut deadline = self.net.next_deadline();
        // What was due when everything possible was done last needs something else to happen first.
        let mut at = |moment: SimTime| {
            if moment > self.pumped_at {
                deadline = earlier(deadline, Some(moment));
            }
        };
        self.calls().for_each(|(_, state)| self.call_wakes(state, &mut at));
        self.ready_deadlines.values().for_each(|moment| at(*moment));
        if self.metadata_call.is_none() && (self.calls().next().is_some()) {
            self.nodes.due_at().into_iter().for_each(at);
        }
        deadline
    }

    /// The moments at which something may become possible for a call.
    fn call_wakes(&self, state: &CallState, at: &mut impl FnMut(SimTime)) {
        at(expires_at(state));
        match state.place {
            Place::Pending => {
                at(state.not_before);
                self.nodes.ids().filter_map(|node| self.net.retry_at(node)).for_each(at);
            }
            Place::ToSend(node) => self.net.retry_at(node).into_iter().for_each(at),
            Place::InFlight(..) | Place::Done(_) => {}
        }
    }

    /// The calls that are not over.
    fn calls(&self) -> impl Iterator<Item = (Id, &CallState)> {
        let steps = self.steps.iter().enumerate().filter_map(|(number, step)| match step {
            Step::Call(state) if !state.is_done() => Some((Id::Step(number), &**state)),
            _ => None,
        });
        self.metadata_call.iter().map(|state| (Id::Metadata, state)).chain(steps)
    }

    fn ids(&self, wanted: impl Fn(&CallState) -> bool) -> Vec<Id> {
        self.calls().filter(|(_, state)| wanted(state)).map(|(id, _)| id).collect()
    }

    fn state(&mut self, id: Id) -> &mut CallState {
        match id {
            Id::Metadata => self.metadata_call.as_mut().expect("it is under way"),
            Id::Step(number) => match &mut self.steps[number] {
                Step::Call(state) => state,
                step => panic!("{step:?} is no call"),
            },
        }
    }

    /// Takes a program's call in.
    pub(super) fn start(&mut self, call: Call, ctx: &mut Ctx<'_>) {
        let not_before = match call.pause {
            Pause::None => SimTime::ZERO,
            Pause::Tick => ctx.after(SimDuration::from_millis(1)),
            Pause::Backoff => ctx.now() + self.backoff(call.tries, ctx),
        };
        let state = CallState::new(call, ctx.now(), self.config.default_api_timeout(), not_before);
        self.steps.push(Step::Call(Box::new(state)));
    }

    fn backoff(&self, failures: u32, ctx: &mut Ctx<'_>) -> SimDuration {
        let common = &self.config.common;
        exponential_backoff(failures, common.retry_backoff, common.retry_backoff_max, ctx.rng())
    }

    /// Does all that can be done now.
    fn pump(&mut self, ctx: &mut Ctx<'_>) {
        self.expire(ctx);
        self.assign(ctx);
        self.fetch_metadata(ctx);
        self.send_ready(ctx);
        self.pumped_at = ctx.now();
    }

    /// Ends calls that were not sent in their time.
    fn expire(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        for id in self.ids(|state| expires_at(state) <= now && !matches!(state.place, Place::InFlight(..))) {
            let state = self.state(id);
            let waits_for = match state.place {
                Place::ToSend(_) => "Timed out waiting to send the call.",
                _ => "Timed out waiting for a node assignment.",
            };
            let message = format!("{waits_for} Call: {}", state.call.name);
            self.fail(id, Throwable::of(ErrorCode::REQUEST_TIMED_OUT, Some(&message)), ctx);
        }
    }

    /// Chooses nodes for calls that have none.
    fn assign(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        for id in self.ids(|state| matches!(state.place, Place::Pending) && state.not_before <= now) {
            let route = self.state(id).call.route;
            if let Some(node) = self.node_for(id, route, ctx) {
                self.state(id).place = Place::ToSend(node);
            }
        }
    }

    fn node_for(&mut self, id: Id, route: Route, ctx: &mut Ctx<'_>) -> Option<NodeId> {
        if id == Id::Metadata {
            return self.least_loaded(ctx).or_else(|| self.rebootstrap(ctx));
        }
        let node = match route {
            _ if !self.nodes.are_known() => None,
            Route::LeastLoaded => return self.least_loaded(ctx),
            Route::Controller => self.nodes.controller(),
            Route::Broker(node) => Some(node).filter(|node| self.nodes.endpoint(*node).is_some()),
        };
        if node.is_none() {
            self.nodes.request_update();
        }
        node
    }

    /// When no broker that is known can be reached, metadata is asked for at the bootstrap servers again (KIP-899).
    fn rebootstrap(&mut self, ctx: &mut Ctx<'_>) -> Option<NodeId> {
        let common = &self.config.common;
        if !common.rebootstrap || self.nodes.ids().any(|node| self.net.in_flight(node).is_some()) {
            return None;
        }
        self.nodes.rebootstrap(&common.bootstrap);
        self.least_loaded(ctx)
    }

    /// A ready node with nothing in flight, else one that is being connected to, else the first from a lot on that may
    /// be connected to (`NetworkClient.leastLoadedNode`).
    fn least_loaded(&self, ctx: &mut Ctx<'_>) -> Option<NodeId> {
        let mut nodes: Vec<NodeId> = self.nodes.ids().collect();
        let start = ctx.rng().below(nodes.len() as u64) as usize;
        nodes.rotate_left(start);
        let idle = nodes.iter().find(|node| self.net.in_flight(**node) == Some(0));
        let connecting = || nodes.iter().find(|node| self.net.is_waiting(**node) && !self.net.is_full(**node));
        let down = || {
            let since = |node: &&NodeId| self.net.retry_at(**node).unwrap_or(SimTime::ZERO);
            let may = nodes.iter().filter(|node| since(node) <= ctx.now() && self.net.in_flight(**node).is_none());
            may.min_by_key(since)
        };
        idle.or_else(connecting).or_else(down).copied()
    }

    fn fetch_metadata(&mut self, ctx: &mut Ctx<'_>) {
        let is_due = self.nodes.due_at().is_some_and(|at| at <= ctx.now());
        if self.metadata_call.is_some() || !is_due || self.calls().next().is_none() {
            return;
        }
        self.nodes.update_pending(ctx.now());
        let request = MetadataRequest::default().with_topics(Some(Vec::new())).with_allow_auto_topic_creation(true);
        let call =
            Call::new("fetchMetadata", Route::LeastLoaded, request).within(Some(self.config.common.request_timeout));
        self.metadata_call = Some(CallState::new(call, ctx.now(), SimDuration::ZERO, SimTime::ZERO));
        self.assign(ctx);
    }

    /// Sends to each node that is ready and has nothing in flight the first call that waits for it.
    fn send_ready(&mut self, ctx: &mut Ctx<'_>) {
        let waiting: Vec<(NodeId, Id)> = self
            .calls()
            .filter_map(|(id, state)| match state.place {
                Place::ToSend(node) => Some((node, id)),
                _ => None,
            })
            .collect();
        for (node, id) in waiting {
            if self.net.is_full(node) {
                self.ready_deadlines.remove(&node);
                continue;
            }
            let Some(endpoint) = self.nodes.endpoint(node).cloned() else {
                self.state(id).place = Place::Pending;
                continue;
            };
            if self.net.ready(node, &endpoint, ctx) {
                self.send(id, node, ctx);
            } else {
                self.wait_for(node, ctx);
            }
        }
    }

    /// A node is not ready. If it is not within `request.timeout.ms`, its calls look for another.
    fn wait_for(&mut self, node: NodeId, ctx: &mut Ctx<'_>) {
        let deadline = *self.ready_deadlines.entry(node).or_insert(ctx.after(self.config.common.request_timeout));
        if deadline <= ctx.now() {
            self.net.disconnect(node, ctx);
            self.unassign(node);
        }
    }

    /// Calls that wait for a node whose connection went may go to another.
    fn unassign(&mut self, node: NodeId) {
        self.ready_deadlines.remove(&node);
        for id in self.ids(|state| matches!(state.place, Place::ToSend(to) if to == node)) {
            self.state(id).place = Place::Pending;
        }
    }

    fn send(&mut self, id: Id, node: NodeId, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        // The time in which the node became ready counts.
        let ready_by = self.ready_deadlines.remove(&node).unwrap_or(now + self.config.common.request_timeout);
        let state = self.state(id);
        let (api, min_version) = (state.call.api, state.call.min_version);
        let timeout = ready_by.min(state.deadline).since(now);
        if let Err(unsupported) = usable(self.net.advertised(node, api), api, min_version) {
            return self.fail(id, unsupported, ctx);
        }
        let call = &self.state(id).call;
        let request = match call.timed {
            Some(timed) => timed(call.request.clone(), timeout.as_millis() as i32),
            None => call.request.clone(),
        };
        let correlation_id = self.net.send_within(timeout, node, api, Some(id), ctx, |_| request);
        self.state(id).place = Place::InFlight(correlation_id);
    }

    fn answered(&mut self, id: Id, response: Arc<Response>, ctx: &mut Ctx<'_>) {
        if id == Id::Metadata {
            let ResponseKind::Metadata(body) = &response.body else {
                panic!("a response of another kind: {response:?}")
            };
            self.metadata_call = None;
            return self.nodes.update(body, ctx.now());
        }
        match (self.state(id).call.check)(&response.body) {
            Ok(()) => self.done(id, Ok(response), ctx),
            Err(thrown) => {
                if thrown.is(ErrorCode::NOT_CONTROLLER) {
                    self.nodes.clear_controller();
                    self.nodes.request_update();
                }
                self.fail(id, thrown, ctx);
            }
        }
    }

    /// A request's connection went, or its response did not come in time.
    fn cancelled(&mut self, id: Id, node: NodeId, ctx: &mut Ctx<'_>) {
        let state = self.state(id);
        let Place::InFlight(correlation_id) = state.place else { panic!("{state:?} was sent") };
        let what = format!("Cancelled {} request with correlation id {correlation_id}", state.call.name);
        let message = format!("{what} due to node {node} being disconnected");
        self.fail(id, Throwable::new(DISCONNECT, message), ctx);
    }

    /// A try failed (`Call.fail`): the call waits for its next, or it is over.
    fn fail(&mut self, id: Id, thrown: Throwable, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        let tries = self.state(id).tries + 1;
        let not_before = now + self.backoff(tries, ctx);
        let state = self.state(id);
        (state.tries, state.not_before) = (tries, not_before);
        if state.deadline <= now {
            let timed_out = timed_out(state, thrown, ctx);
            return self.done(id, Err(timed_out), ctx);
        }
        let returned = state.call.returns_disconnects && thrown.class() == DISCONNECT;
        if !thrown.is_retriable() || returned {
            return self.done(id, Err(thrown), ctx);
        }
        state.place = Place::Pending;
    }

    fn done(&mut self, id: Id, result: Result<Arc<Response>, Throwable>, ctx: &mut Ctx<'_>) {
        if id == Id::Metadata {
            self.metadata_call = None;
            return self.nodes.update_failed();
        }
        self.state(id).end(result, ctx.now());
        self.has_news = true;
    }
}

/// The first moment at which a call has no time left: Kafka counts in milliseconds and lets the last one pass.
fn expires_at(state: &CallState) -> SimTime {
    state.deadline + SimDuration::from_millis(1)
}

/// What is thrown when a call's time is over (`handleTimeoutFailure`).
fn timed_out(state: &CallState, thrown: Throwable, ctx: &Ctx<'_>) -> Throwable {
    if thrown.is(ErrorCode::REQUEST_TIMED_OUT) {
        return thrown;
    }
    let (now, now_ms) = (ctx.now(), ctx.wall_clock_ms());
    let ms = |moment: SimTime| now_ms + (moment.0 as i64 - now.0 as i64) / 1_000;
    let (name, deadline, tries, next) = (&state.call.name, ms(state.deadline), state.tries, ms(state.not_before));
    let call = format!("Call(callName={name}, deadlineMs={deadline}, tries={tries}, nextAllowedTryMs={next})");
    let message = format!("{call} timed out at {now_ms} after {tries} attempt(s)");
    Throwable::of(ErrorCode::REQUEST_TIMED_OUT, Some(&message)).caused_by(thrown)
}

/// Whether an API can be used at all with a node that advertises `theirs` (`NodeApiVersions.latestUsableVersion`).
fn usable(theirs: Option<ApiRange>, api: ApiKey, min_version: i16) -> Result<(), Throwable> {
    let unsupported = |message: String| Err(Throwable::of(ErrorCode::UNSUPPORTED_VERSION, Some(&message)));
    let name = java_name(api);
    let Some(theirs) = theirs else { return unsupported(format!("The node does not support {name}")) };
    let ours = api.valid_versions();
    let ours = ApiRange { api, min: ours.min.max(min_version), max: ours.max };
    if negotiate(ours, theirs).is_some() {
        return Ok(());
    }
    let range = format!("[{},{}]", ours.min, ours.max);
    let supported = format!("[{},{}]", theirs.min, theirs.max);
    unsupported(format!(
        "The node does not support {name} with version in range {range}. The supported range is {supported}."
    ))
}

/// An API's name as Java's `ApiKeys` has it: `DESCRIBE_TOPIC_PARTITIONS`.
pub(super) fn java_name(api: ApiKey) -> String {
    let mut name = String::new();
    for c in crate::wire::api_name(api).chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}
