//! The session as the worker runs it: each turn becomes a frame, and what typed commands say finds its way back.

use crate::base::{SimDuration, SimTime};
use crate::link::{Opened, Refusal};
use crate::script::{self, Origin, Output, Reply, Said};
use crate::session::{Loading, Session, SessionLoader};
use crate::sim::TraceEvent;
use crate::view::{Annals, Frame, Observer, Position, position};
use std::collections::{BTreeMap, VecDeque};

/// How many of the last events of a replayed session are told again: enough for the lists, and for every message that
/// is still under way.
const RECALLED: usize = 600;

/// A session and who watches it.
pub(super) struct Run {
    session: Session,
    observer: Observer,
    recent: Frame,
    heard: usize,
    waiting: BTreeMap<Origin, u32>,
}

/// What came of a command.
pub(super) enum Answer {
    /// It is done and said this.
    Said(String),
    /// A tool waits for its answer.
    Later,
}

impl Run {
    /// A new session, its script done: what a scenario says lies behind whoever comes to see it.
    pub(super) fn start(script: &str, seed: u64) -> Result<Self, script::Error> {
        let mut session = Session::start(script, seed)?;
        let mut history = History::default();
        history.take_in(session.take_trace());
        while !session.is_done() && session.stopped().is_none() {
            session.advance_within(SimTime(u64::MAX), 1);
            history.take_in(session.take_trace());
        }
        Ok(Self::watched(session, history))
    }

    fn watched(session: Session, history: History) -> Self {
        let mut observer = Observer::default();
        observer.survey(session.world(), history.annals);
        let recent = observer.recall(&history.events);
        let heard = session.outputs().len();
        Self { session, observer, recent, heard, waiting: BTreeMap::new() }
    }

    /// What the page needs to begin.
    pub(super) fn opened(&self, resumed: bool) -> Opened {
        Opened {
            title: self.session.title().map(str::to_owned),
            scene: self.observer.scene().clone(),
            recent: self.recent.clone(),
            position: self.position(),
            hop: self.typical_hop(),
            seed: self.session.seed(),
            resumed,
        }
    }

    /// Where in history it is.
    pub(super) fn position(&self) -> Position {
        position(self.session.world())
    }

    fn typical_hop(&self) -> SimDuration {
        self.session.world().spec().network.typical_hop()
    }

    /// The session as a save.
    pub(super) fn to_save(&self) -> Vec<u8> {
        self.session.to_save()
    }

    /// Takes one turn towards `to`; `false` when it has arrived.
    pub(super) fn advance(&mut self, to: SimTime, frames: &mut Vec<Frame>) -> bool {
        let arrived = self.session.advance_within(to, 1);
        self.frame(frames);
        !arrived
    }

    /// Takes one step of the world.
    pub(super) fn step(&mut self, frames: &mut Vec<Frame>) {
        self.session.step();
        self.frame(frames);
    }

    fn frame(&mut self, frames: &mut Vec<Frame>) {
        let events = self.session.take_trace();
        let frame = self.observer.frame(self.session.world(), &events);
        if !events.is_empty() || !frame.delta.is_empty() {
            frames.push(frame);
        }
    }

    /// Does what somebody types; `id` is the page's number of it.
    pub(super) fn command(&mut self, id: u32, line: &str, frames: &mut Vec<Frame>) -> Result<Answer, Refusal> {
        let reply = self.session.command(line);
        self.frame(frames);
        match reply {
            Ok(Reply::Done) => Ok(Answer::Said(String::new())),
            Ok(Reply::Said(said)) => said_text(&said).map(Answer::Said),
            Ok(Reply::Waits(origin)) => {
                self.waiting.insert(origin, id);
                Ok(Answer::Later)
            }
            Err(error) => Err(Refusal { message: error.message, column: Some(error.column) }),
        }
    }

    /// What tools that somebody typed have printed since the last call, with the commands' numbers.
    pub(super) fn printed(&mut self) -> Vec<(u32, Result<String, Refusal>)> {
        let outputs = self.session.outputs();
        let fresh: Vec<Output> = outputs.iter().skip(self.heard).cloned().collect();
        self.heard = outputs.len();
        let answer = |output: Output| Some((self.waiting.remove(&output.origin)?, said_text(&output.said)));
        fresh.into_iter().filter_map(answer).collect()
    }

    /// Why the script cannot go on, if it cannot.
    pub(super) fn stopped(&self) -> Option<String> {
        self.session.stopped().map(|error| format!("{}: {}", error.line, error.message))
    }
}

fn said_text(said: &Said) -> Result<String, Refusal> {
    match said {
        Said::Tool(tool) if tool.exit == 0 => Ok(tool.said()),
        Said::Tool(tool) => Err(Refusal { message: tool.said().trim_end().to_owned(), column: None }),
        Said::Value(value) => Ok(value.to_string()),
        Said::Status(text) => Ok(text.clone()),
        Said::Met => Ok("as expected".into()),
        Said::Failed(text) | Said::Refused(text) => Err(Refusal { message: text.clone(), column: None }),
    }
}

/// What is remembered of a history that is replayed.
#[derive(Default)]
struct History {
    annals: Annals,
    events: VecDeque<TraceEvent>,
}

impl History {
    fn take_in(&mut self, events: Vec<TraceEvent>) {
        for event in events {
            self.annals.hear(&event);
            if self.events.len() == RECALLED {
                self.events.pop_front();
            }
            self.events.push_back(event);
        }
    }
}

/// A saved session on its way back.
pub(super) struct Replay {
    loader: SessionLoader,
    history: History,
}

/// How far a replay has come.
pub(super) enum Replayed {
    /// So many thousandths.
    Part(u16),
    /// All of it.
    Whole(Box<Run>),
}

impl Replay {
    /// Begins to replay a save.
    pub(super) fn new(save: &[u8]) -> Result<Self, String> {
        let loader = SessionLoader::new(save).map_err(|error| error.to_string())?;
        Ok(Self { loader, history: History::default() })
    }

    /// Replays for at most `turns` turns.
    pub(super) fn go_on(&mut self, turns: u64) -> Result<Replayed, String> {
        let loading = self.loader.poll(turns).map_err(|error| error.to_string())?;
        match loading {
            Loading::Fraction(part) => {
                self.history.take_in(self.loader.take_trace());
                Ok(Replayed::Part((part * 1e3) as u16))
            }
            Loading::Ready(mut session) => {
                self.history.take_in(session.take_trace());
                Ok(Replayed::Whole(Box::new(Run::watched(*session, std::mem::take(&mut self.history)))))
            }
        }
    }
}
