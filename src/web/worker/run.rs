//! The session as the worker runs it: each turn becomes a frame, and what typed commands say finds its way back.

use crate::base::{EventId, SimDuration, SimTime, SortedMap};
use crate::link::{Opened, Refusal};
use crate::script::{self, Origin, Output, Reply, Said};
use crate::session::Session;
use crate::view::{
    self, Chapter, Chronicle, Dissection, Frame, Goal, Judging, Position, Query, Question, Records, Replay, Replayed,
    Sought, Undoable, Watch,
};

/// A session and who watches it.
pub(super) struct Run {
    watch: Watch,
    chronicle: Chronicle,
    undone: Vec<Chapter>,
    heard: usize,
    waiting: SortedMap<Origin, u32>,
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
        Ok(Self::of(Watch::start(Session::start(script, seed)?)))
    }

    fn of((watch, history): (Watch, Chapter)) -> Self {
        let heard = watch.session().outputs().len();
        let mut chronicle = Chronicle::default();
        chronicle.hear(history);
        Self { watch, chronicle, undone: Vec::new(), heard, waiting: SortedMap::new() }
    }

    /// What the page needs to begin.
    pub(super) fn opened(&self, resumed: bool) -> Opened {
        let session = self.watch.session();
        Opened {
            title: session.title().map(str::to_owned),
            scene: self.watch.scene().clone(),
            recent: self.watch.recent(),
            history: self.chronicle.whole(),
            position: self.position(),
            hop: self.typical_hop(),
            seed: session.seed(),
            resumed,
        }
    }

    /// Where in history it is.
    pub(super) fn position(&self) -> Position {
        self.watch.position()
    }

    /// Where history ends, if that is later.
    pub(super) fn tip(&self) -> Option<Position> {
        self.watch.tip()
    }

    /// Begins to judge the history up to here.
    pub(super) fn judging(&self) -> Judging {
        self.watch.judging()
    }

    /// What can be undone and done again.
    pub(super) fn undoable(&self) -> Undoable {
        self.watch.undoable()
    }

    fn typical_hop(&self) -> SimDuration {
        self.watch.session().world().spec().network.typical_hop()
    }

    /// The whole session as a save, and where it ends: its trace hash and time.
    pub(super) fn to_save(&self) -> (u64, u64, Vec<u8>) {
        let whole = self.watch.whole();
        (whole.world().trace_hash(), whole.world().now().0, whole.to_save())
    }

    /// The session's title.
    pub(super) fn title(&self) -> String {
        self.watch.session().title().unwrap_or("session").to_owned()
    }

    /// Gives it a title.
    pub(super) fn rename(&mut self, title: &str) {
        self.watch.rename(title);
    }

    /// A message, taken apart.
    pub(super) fn dissect(&self, id: EventId) -> Option<Dissection> {
        self.watch.dissect(id)
    }

    /// Records of a partition's leader.
    pub(super) fn browse(&self, query: &Query) -> Records {
        self.watch.browse(query)
    }

    /// The answer to a question.
    pub(super) fn answer(&self, question: &Question) -> view::Answer {
        self.watch.answer(question)
    }

    /// The moment from which on it is computed ahead of the picture.
    pub(super) fn begin_stretch(&mut self) {
        self.watch.begin_stretch();
    }

    /// Takes one turn towards `to`; `false` when it has arrived.
    pub(super) fn advance(&mut self, to: SimTime, frames: &mut Vec<Frame>) -> bool {
        let (frame, arrived) = self.watch.advance(to);
        self.told(frame, frames);
        !arrived
    }

    /// Takes one step of the world.
    pub(super) fn step(&mut self, frames: &mut Vec<Frame>) {
        let frame = self.watch.step();
        self.told(frame, frames);
    }

    /// Keeps what a timeline shows of a frame.
    fn told(&mut self, frame: Option<Frame>, frames: &mut Vec<Frame>) {
        if let Some(frame) = frame {
            self.chronicle.hear(frame.chapter.clone());
            frames.push(frame);
        }
    }

    /// Begins to go to another moment; `false` when there is none such.
    pub(super) fn seek(&mut self, goal: Goal) -> bool {
        self.watch.seek(goal);
        self.watch.is_seeking()
    }

    /// Goes on for at most `turns` turns; the other moment when it is reached.
    pub(super) fn seek_on(&mut self, goal: Goal, turns: u64) -> Option<Sought> {
        let sought = self.watch.seek_on(turns)?;
        match goal {
            Goal::Undo => self.undone.push(self.chronicle.cut(self.position().events)),
            Goal::Redo => self.undone.pop().into_iter().for_each(|chapter| self.chronicle.hear(chapter)),
            Goal::Unseen(_) if sought.tip.is_none() => drop(self.chronicle.cut(self.position().events)),
            Goal::Unseen(_) | Goal::Time(_) | Goal::Steps(_) => {}
        }
        // What tools print on the way has been printed before.
        self.heard = self.watch.session().outputs().len();
        Some(sought)
    }

    /// Does what somebody types; `id` is the page's number of it. In the past only if it shall be done `anew`; then how
    /// many events of the history are left is given.
    pub(super) fn command(
        &mut self,
        id: u32,
        line: &str,
        anew: bool,
        frames: &mut Vec<Frame>,
    ) -> Result<(Answer, Option<u64>), Refusal> {
        let (reply, frame, forgot) = self
            .watch
            .command(line, anew)
            .map_err(|error| Refusal { message: error.message, column: Some(error.column) })?;
        if let Some(events) = forgot {
            self.chronicle.cut(events);
            self.undone.clear();
        }
        self.told(frame, frames);
        let answer = match reply {
            Reply::Done => Answer::Said(String::new()),
            Reply::Said(said) => Answer::Said(said_text(&said)?),
            Reply::Waits(origin) => {
                self.waiting.insert(origin, id);
                Answer::Later
            }
        };
        Ok((answer, forgot))
    }

    /// What tools that somebody typed have printed since the last call, with the commands' numbers.
    pub(super) fn printed(&mut self) -> Vec<(u32, Result<String, Refusal>)> {
        let outputs = self.watch.session().outputs();
        let fresh: Vec<Output> = outputs.iter().skip(self.heard).cloned().collect();
        self.heard = outputs.len();
        let answer = |output: Output| Some((self.waiting.remove(&output.origin)?, said_text(&output.said)));
        fresh.into_iter().filter_map(answer).collect()
    }

    /// Why the script cannot go on, if it cannot.
    pub(super) fn stopped(&self) -> Option<String> {
        self.watch.session().stopped().map(|error| format!("{}: {}", error.line, error.message))
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

/// A saved session on its way back.
pub(super) struct Loading(Replay);

/// How far loading has come.
pub(super) enum Loaded {
    /// So many thousandths.
    Part(u16),
    /// All of it.
    Whole(Box<Run>),
}

impl Loading {
    /// Begins to replay a save.
    pub(super) fn new(save: &[u8]) -> Result<Self, String> {
        Replay::new(save).map(Self).map_err(|error| error.to_string())
    }

    /// Replays for at most `turns` turns.
    pub(super) fn go_on(&mut self, turns: u64) -> Result<Loaded, String> {
        Ok(match self.0.go_on(turns).map_err(|error| error.to_string())? {
            Replayed::Part(permille) => Loaded::Part(permille),
            Replayed::Whole(watched) => Loaded::Whole(Box::new(Run::of(*watched))),
        })
    }
}
