//! Why something happened: the events that led to it, one caused by the next, back to a command or as far as is shown.

use crate::base::{EventId, HostId, SimDuration, SimTime, Vector};
use crate::sim::{TraceEvent, TraceKind};
use crate::wire::{ApiKey, api_name};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many links of a chain are shown: what is further back is seldom why.
const SHOWN: usize = 14;

/// Why something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The event that was asked about.
    pub id: EventId,
    /// What led to it, the nearest first; the event itself is among them if it is a message or a command.
    pub links: Vec<Link>,
    /// Whether the chain goes further back than is shown.
    pub more: bool,
    /// The last command before the event, when the chain does not end in one: what is missing has no place in a chain of
    /// what happened, as a heartbeat that never came.
    pub before: Option<(SimTime, Arc<str>)>,
}

/// A link of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The event.
    pub id: EventId,
    /// When.
    pub at: SimTime,
    /// What happened, in a sentence.
    pub text: String,
    /// Whether it is a message.
    pub is_message: bool,
    /// Whether it is a command.
    pub is_command: bool,
    /// How long its host waited after what caused it: a timer ran, or work took so long.
    pub waited: SimDuration,
}

/// Every event of a history with its cause, as little of each as a chain tells. Copies are cheap.
#[derive(Clone, Debug, Default)]
pub(super) struct Causes {
    all: Vector<Deed>,
}

#[derive(Clone, Debug)]
struct Deed {
    at: SimTime,
    cause: Option<EventId>,
    host: Option<HostId>,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Sent {
        api: i16,
        response: bool,
        to: HostId,
    },
    Connects(Option<HostId>),
    Connected,
    Disconnected,
    Started,
    Ended,
    Command(Arc<str>),
    /// Nothing that a chain tells.
    Silent,
}

impl Causes {
    /// Takes an event in; the first is the world's first.
    pub(super) fn hear(&mut self, event: &TraceEvent) {
        let what = match &event.kind {
            TraceKind::Sent { packet, .. } => What::Sent { api: packet.api, response: packet.response, to: packet.to },
            TraceKind::Connecting { to, .. } => What::Connects(*to),
            TraceKind::Connected { .. } => What::Connected,
            TraceKind::Disconnected { .. } => What::Disconnected,
            TraceKind::Started { .. } => What::Started,
            TraceKind::Exited => What::Ended,
            TraceKind::Commanded { line } => What::Command(line.as_str().into()),
            TraceKind::Received { .. } | TraceKind::Lost { .. } | TraceKind::Fact(_) | TraceKind::Delayed { .. } => {
                What::Silent
            }
        };
        if event.id.0 == self.all.len() as u64 {
            self.all.push_back(Deed { at: event.at, cause: event.cause, host: event.host, what });
        }
    }

    /// Why an event happened; `name` names hosts.
    pub(super) fn why(&self, id: EventId, name: impl Fn(HostId) -> String) -> Option<Why> {
        self.deed(id)?;
        let mut why = Why { id, links: Vec::new(), more: false, before: None };
        let mut next = Some(id);
        while let Some((at, deed)) = next.and_then(|id| Some((id, self.deed(id)?))) {
            if why.links.len() == SHOWN {
                why.more = true;
                break;
            }
            if let Some(text) = deed.text(&name) {
                let is_message = matches!(deed.what, What::Sent { .. });
                let is_command = matches!(deed.what, What::Command(_));
                let waited = self.waited(deed);
                why.links.push(Link { id: at, at: deed.at, text, is_message, is_command, waited });
            }
            next = deed.cause;
        }
        if !why.links.last().is_some_and(|link| link.is_command) {
            why.before = self.last_command(id);
        }
        Some(why)
    }

    fn deed(&self, id: EventId) -> Option<&Deed> {
        self.all.get(usize::try_from(id.0).ok()?)
    }

    /// How long a host waited after what caused its deed, when that was its own; what travels does not wait.
    fn waited(&self, deed: &Deed) -> SimDuration {
        match deed.cause.and_then(|cause| self.deed(cause)) {
            Some(cause) if cause.host == deed.host => SimDuration(deed.at.0.saturating_sub(cause.at.0)),
            _ => SimDuration::ZERO,
        }
    }

    fn last_command(&self, before: EventId) -> Option<(SimTime, Arc<str>)> {
        let end = usize::try_from(before.0).ok()?.min(self.all.len());
        self.all.iter().take(end).rev().find_map(|deed| match &deed.what {
            What::Command(line) => Some((deed.at, line.clone())),
            _ => None,
        })
    }
}

impl Deed {
    fn text(&self, name: impl Fn(HostId) -> String) -> Option<String> {
        let who = || capital(&self.host.map_or_else(|| "someone".into(), &name));
        Some(match &self.what {
            What::Sent { api, response, to } => {
                let api = ApiKey::try_from(*api).map_or_else(|_| "bytes".into(), api_name);
                let (who, whom) = (who(), name(*to));
                if *response {
                    format!("{who} answers {whom}’s {api}.")
                } else {
                    format!("{who} sends {whom} {api}.")
                }
            }
            What::Connects(Some(to)) => format!("{} connects to {}.", who(), name(*to)),
            What::Connects(None) => format!("{} tries to connect, and nobody listens there.", who()),
            What::Connected => format!("A connection of {} stands.", self.host.map_or_else(String::new, name)),
            What::Disconnected => format!("A connection of {} is closed.", self.host.map_or_else(String::new, name)),
            What::Started => format!("{} starts.", who()),
            What::Ended => format!("{} ends.", who()),
            What::Command(line) => line.to_string(),
            What::Silent => return None,
        })
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;

    /// A command, and what a machine does because of it and after a while of its own.
    #[test]
    fn a_chain_ends_in_a_command_or_names_the_last_one() {
        let script = "cluster --brokers 1 --controllers combined\nkafka-topics.sh --create --topic t\n\
                      producer p --topic t --rate 2/s\nrun 3s\n";
        let mut session = Session::start(script, 1).expect("the script is right");
        session.advance_to(SimTime(9_000_000));
        let (mut causes, events) = (Causes::default(), session.take_trace());
        events.iter().for_each(|event| causes.hear(event));
        let name = |host: HostId| session.world().host_name(host).to_owned();
        let first =
            |is_it: &dyn Fn(&TraceKind) -> bool| events.iter().find(|e| is_it(&e.kind)).expect("it is there").id;
        let started = first(&|kind| matches!(kind, TraceKind::Started { name } if name == "producer p"));
        let why = causes.why(started, name).expect("it is known");
        assert_eq!(
            why.links.last().map(|link| (link.is_command, link.text.starts_with("producer p"))),
            Some((true, true))
        );
        assert_eq!(why.before, None);
        let answer =
            first(&|kind| matches!(kind, TraceKind::Sent { packet, .. } if packet.api == 0 && packet.response));
        let why = causes.why(answer, name).expect("it is known");
        assert_eq!(why.links[0].text, "Broker 1 answers producer p’s Produce.");
        assert_eq!(why.links[1].text, "Producer p sends broker 1 Produce.");
        let ats: Vec<SimTime> = why.links.iter().map(|link| link.at).collect();
        assert!(ats.is_sorted_by(|a, b| a >= b) && why.links.len() <= SHOWN, "{ats:?}");
        let sent = events.iter().rev().find(|e| matches!(&e.kind, TraceKind::Sent { packet, .. } if packet.api == 0));
        let why = causes.why(sent.expect("it is there").id, name).expect("it is known");
        let ends_in_command = why.links.last().is_some_and(|link| link.is_command);
        assert!(
            ends_in_command || why.before.is_some_and(|(_, line)| line.starts_with("producer p")),
            "{:?}",
            why.links
        );
        assert_eq!(causes.why(EventId(u64::MAX), name), None);
    }
}
