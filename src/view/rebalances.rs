//! The rebalances of groups, request by request: what members and coordinators said to each other, and what came of it,
//! from what began a rebalance to the assignment.

use super::groups::group_text;
use crate::base::{ConnId, EventId, HostId, OrdMap, SimTime, Vector};
use crate::machine::Fact;
use crate::sim::{Packet, TraceEvent, TraceKind};
use crate::wire::{ApiKey, ErrorCode, Message, RequestKind, ResponseKind, api_name};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many rebalances of a group are told, the last ones.
const ROUNDS: usize = 24;
/// How many notes of a group are kept.
const NOTES: usize = 4_000;

/// The rebalances of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebalances {
    /// The group.
    pub group: Arc<str>,
    /// Its rebalances in order.
    pub rounds: Vec<Round>,
}

/// A rebalance: from what began it to the assignment of the next generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// When its first message was sent.
    pub from: SimTime,
    /// When the assignment was in the log, or the group had no members left; none while that is to come.
    pub to: Option<SimTime>,
    /// The generation that came of it, once its members have joined.
    pub generation: Option<i32>,
    /// Why, in Kafka's words, once the coordinator has said so.
    pub reason: Option<String>,
    /// What happened, in order.
    pub notes: Vec<Note>,
}

/// Something that happened in a rebalance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The event.
    pub id: EventId,
    /// When.
    pub at: SimTime,
    /// What, in a sentence.
    pub text: String,
    /// Whether it is a message, which can be taken apart.
    pub is_message: bool,
}

/// What is kept of every group. Copies are cheap.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupNotes {
    /// The group that a request is of which has no answer yet.
    asked: OrdMap<(ConnId, i32), Arc<str>>,
    groups: OrdMap<Arc<str>, Vector<Kept>>,
}

#[derive(Clone, Debug)]
struct Kept {
    id: EventId,
    at: SimTime,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Message { from: HostId, to: HostId, api: i16, response: bool, error: Option<Arc<str>> },
    Fact(HostId, Arc<Fact>),
}

impl GroupNotes {
    /// Takes an event in.
    pub(super) fn hear(&mut self, event: &TraceEvent) {
        match (&event.kind, event.host) {
            (TraceKind::Sent { packet, message }, _) => self.sent(event, packet, message),
            (TraceKind::Fact(fact), Some(host)) => {
                if let Some(group) = group_of(fact) {
                    self.keep(group.clone(), event, What::Fact(host, Arc::new(fact.clone())));
                }
            }
            _ => {}
        }
    }

    fn sent(&mut self, event: &TraceEvent, packet: &Packet, message: &Message) {
        let key = (packet.conn, packet.correlation_id);
        let (from, to, api, response) = (packet.from, packet.to, packet.api, packet.response);
        let (group, error) = match message {
            Message::Request(request) => {
                let Some(group) = asked(&request.body) else { return };
                self.asked.insert(key, group.clone());
                // Most heartbeats say nothing new.
                if matches!(request.body, RequestKind::Heartbeat(_)) {
                    return;
                }
                (group, None)
            }
            Message::Response(response) => {
                let Some(code) = answered(&response.body) else { return };
                let Some(group) = self.asked.remove(&key) else { return };
                let error = ErrorCode(code).name();
                if code == 0 && matches!(response.body, ResponseKind::Heartbeat(_)) {
                    return;
                }
                (group, (code != 0).then(|| Arc::from(error)))
            }
            Message::Frame(_) => return,
        };
        self.keep(group, event, What::Message { from, to, api, response, error });
    }

    fn keep(&mut self, group: Arc<str>, event: &TraceEvent, what: What) {
        let notes = self.groups.entry(group).or_default();
        if notes.len() == NOTES {
            notes.pop_front();
        }
        notes.push_back(Kept { id: event.id, at: event.at, what });
    }

    /// The rebalances of a group; `name` names hosts.
    pub(super) fn of(&self, group: &str, name: impl Fn(HostId) -> String) -> Rebalances {
        let mut rounds: Vec<Round> = Vec::new();
        let mut open = false;
        for kept in self.groups.get(group).into_iter().flatten() {
            // The members' answers to SyncGroup, or to LeaveGroup where nobody is left, come when it is over.
            let belongs = open || kept.is_last_word() && !rounds.is_empty();
            if !belongs {
                rounds.push(Round { from: kept.at, ..Round::default() });
                open = true;
            }
            let round = rounds.last_mut().expect("there is one");
            round.notes.extend(kept.note(&name));
            if let What::Fact(_, fact) = &kept.what {
                open = !round.take(fact, kept.at);
            }
        }
        let skipped = rounds.len().saturating_sub(ROUNDS);
        Rebalances { group: group.into(), rounds: rounds.split_off(skipped) }
    }
}

impl Round {
    /// Takes a fact in; whether it ends the rebalance.
    fn take(&mut self, fact: &Fact, at: SimTime) -> bool {
        match fact {
            Fact::GroupRebalancing { reason, .. } => {
                self.reason.get_or_insert_with(|| reason.clone());
                false
            }
            Fact::GroupGeneration { generation, .. } => {
                self.generation = Some(*generation);
                false
            }
            Fact::GroupAssigned { .. } | Fact::GroupEmpty { .. } => {
                self.to = Some(at);
                true
            }
            _ => false,
        }
    }
}

impl Kept {
    fn is_last_word(&self) -> bool {
        let last = [ApiKey::SyncGroup as i16, ApiKey::LeaveGroup as i16];
        matches!(&self.what, What::Message { api, response: true, .. } if last.contains(api))
    }

    fn note(&self, name: impl Fn(HostId) -> String) -> Option<Note> {
        let text = match &self.what {
            What::Message { from, to, api, response, error } => {
                let api = ApiKey::try_from(*api).map_or_else(|_| "bytes".into(), api_name);
                let (from, to) = (name(*from), name(*to));
                match (response, error) {
                    (false, _) => format!("{from} sends {to} {api}."),
                    (true, None) => format!("{from} answers {to}’s {api}."),
                    (true, Some(error)) => format!("{from} answers {to}’s {api}: {error}."),
                }
            }
            What::Fact(host, fact) => group_text(fact, &name(*host))?.1,
        };
        Some(Note { id: self.id, at: self.at, text, is_message: matches!(self.what, What::Message { .. }) })
    }
}

/// The group that a fact is about, if it belongs into the story of a rebalance.
fn group_of(fact: &Fact) -> Option<&Arc<str>> {
    match fact {
        Fact::GroupRebalancing { group, .. }
        | Fact::GroupGeneration { group, .. }
        | Fact::GroupAssigned { group, .. }
        | Fact::GroupEmpty { group, .. }
        | Fact::MemberJoined { group, .. }
        | Fact::MemberReplaced { group, .. }
        | Fact::MemberRemoved { group, .. } => Some(group),
        _ => None,
    }
}

/// The group that a request is of.
fn asked(body: &RequestKind) -> Option<Arc<str>> {
    let group = match body {
        RequestKind::JoinGroup(body) => &body.group_id,
        RequestKind::SyncGroup(body) => &body.group_id,
        RequestKind::LeaveGroup(body) => &body.group_id,
        RequestKind::Heartbeat(body) => &body.group_id,
        _ => return None,
    };
    Some(group.as_str().into())
}

/// The error code of an answer to such a request.
fn answered(body: &ResponseKind) -> Option<i16> {
    Some(match body {
        ResponseKind::JoinGroup(body) => body.error_code,
        ResponseKind::SyncGroup(body) => body.error_code,
        ResponseKind::LeaveGroup(body) => body.error_code,
        ResponseKind::Heartbeat(body) => body.error_code,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;

    #[test]
    fn each_rebalance_is_told_from_its_first_request_to_the_assignment() {
        let script = "kafka-topics.sh --create --topic t --partitions 3 --replication-factor 3\n\
            consumer c1 --topic t --group g\nrun 15s\nconsumer c2 --topic t --group g\nrun 15s\n\
            close c1\nrun 10s\nclose c2\nrun 5s\n";
        let mut session = Session::start(script, 3).expect("the script is right");
        session.advance_to(SimTime(60_000_000));
        let mut notes = GroupNotes::default();
        session.take_trace().iter().for_each(|event| notes.hear(event));
        let told = notes.of("g", |host| session.world().host_name(host).to_owned());
        let generations: Vec<Option<i32>> = told.rounds.iter().map(|round| round.generation).collect();
        assert_eq!(generations, [Some(1), Some(2), Some(3), None], "{:#?}", told.rounds);
        assert!(told.rounds.iter().all(|round| round.to.is_some_and(|to| to >= round.from)));
        let joins = &told.rounds[1];
        let has = |text: &str| joins.notes.iter().any(|note| note.text.contains(text));
        for text in ["consumer c2 sends", "JoinGroup", "REBALANCE_IN_PROGRESS", "SyncGroup", "is in generation 2"] {
            assert!(has(text), "{text} in {:#?}", joins.notes);
        }
        assert!(joins.notes.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert!(told.rounds[2].notes.iter().any(|note| note.text.contains("LeaveGroup")));
        assert_eq!(notes.of("other", |_| String::new()).rounds, []);
    }
}
