//! A session that is watched, and taken back and forth in time.

use super::browse::{Query, Records, browse};
use super::catalogue::{Catalogue, Verdict};
use super::chronicle::Chapter;
use super::delta::Delta;
use super::dissect::Dissection;
use super::observe::{Annals, Observer, position};
use super::player::{Frame, Position};
use super::rebalances::Rebalances;
use super::scene::Scene;
use super::settings::{Owner, Settings};
use super::stored::RecordView;
use super::why::Why;
use crate::base::{EventId, HostId, SimTime, TopicPartition, Vector};
use crate::script::{Error, Line, Reply, Statement};
use crate::session::{Ladder, LoadError, Loading, Session, SessionLoader};
use crate::sim::{TraceEvent, World};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many of the last events are told again at another moment: enough for the lists, and for every message that is
/// still under way.
const RECALLED: usize = 600;
/// Steps between two copies of a young session.
const RUNG_STEPS: u64 = 1_000;
/// How many copies are kept.
const RUNGS: usize = 160;

/// Where somebody wants to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Goal {
    /// To a time; behind the end, to the end.
    Time(SimTime),
    /// To the moment after so many steps of the world.
    Steps(u64),
    /// To the moment before the last command, as if it had never been given.
    Undo,
    /// To where the last undoing began.
    Redo,
    /// Back to a time, where what came after it was computed ahead and nobody has seen it: it is not part of history.
    Unseen(SimTime),
}

/// What somebody wants to know of the moment where a session stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// How configs are set.
    Settings(Owner),
    /// Which configs there are.
    Catalogue(Owner),
    /// Whether a config may have a value: its owner, name and value.
    Value(Owner, String, String),
    /// Whether a line of the script language is right, and changes anything.
    Line(String),
    /// Why an event happened.
    Why(EventId),
    /// The rebalances of a group.
    Rebalances(Arc<str>),
    /// A record, by its partition and offset.
    Record(TopicPartition, i64),
}

/// What there is to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// How configs are set.
    Settings(Settings),
    /// Which configs there are.
    Catalogue(Catalogue),
    /// Whether what is typed would do.
    Verdict(Verdict),
    /// Why an event happened; nothing of one that has not.
    Why(Option<Why>),
    /// The rebalances of a group.
    Rebalances(Rebalances),
    /// A record.
    Record(RecordView),
}

/// A moment of a session, and what must be known of what led to it.
#[derive(Clone, Debug)]
struct Moment {
    session: Session,
    annals: Annals,
    events: Vector<TraceEvent>,
}

/// Another moment, reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sought {
    /// What is different in the scene from the last frame, and the last messages and sentences before it.
    pub frame: Frame,
    /// Where history ends, when this is not its end.
    pub tip: Option<Position>,
    /// How many events the history that is left has; what came after them was undone.
    pub undone: Option<u64>,
}

/// What the last commands were that can be undone and done again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undoable {
    /// The command that undoing takes back.
    pub undo: Option<String>,
    /// The command that comes back.
    pub redo: Option<String>,
}

#[derive(Clone, Debug)]
struct Seeking {
    goal: Goal,
    /// After so many steps, at this time; with neither it is there.
    steps: Option<u64>,
    at: Option<SimTime>,
    moment: Moment,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Watch {
    session: Session,
    observer: Observer,
    events: Vector<TraceEvent>,
    ladder: Ladder<Moment>,
    /// The end of history, while the session stands before it.
    tip: Option<Moment>,
    undone: Vec<(String, Moment)>,
    seeking: Option<Seeking>,
    /// The moments at which the last few stretches of history began: the way back to a picture that lags is short.
    near: Vec<Moment>,
    /// As far as history has been seen, or somebody has given a command: so many steps, this time.
    known: (u64, SimTime),
}

/// How many of those are kept: the picture stands in the last stretch or the one before.
const NEAR: usize = 3;

/// A history that nobody watches step by step, while it is made or loaded.
#[derive(Clone, Debug)]
struct Unwatched {
    annals: Annals,
    events: Vector<TraceEvent>,
    told: Vec<TraceEvent>,
    broken: Chapter,
    breaches: usize,
    ladder: Ladder<Moment>,
}

impl Watch {
    /// A session whose script is let run to its end first: what a scenario says lies behind whoever comes to see it.
    /// Gives the whole history as a chapter, too.
    pub fn start(mut session: Session) -> (Self, Chapter) {
        let mut history = Unwatched::new();
        history.take_in(&session, Vec::new());
        while !session.is_done() && session.stopped().is_none() {
            session.advance_within(SimTime(u64::MAX), 1);
            let events = session.take_trace();
            history.take_in(&session, events);
        }
        Self::survey(session, history)
    }

    fn survey(session: Session, history: Unwatched) -> (Self, Chapter) {
        let mut observer = Observer::default();
        observer.survey(session.world(), history.annals);
        let mut chapter = observer.recall(&history.told).chapter;
        chapter.marks.extend(history.broken.marks);
        let (events, ladder) = (history.events, history.ladder);
        let none = (Vec::new(), Vec::new());
        let known = place(&session);
        let watch =
            Self { session, observer, events, ladder, tip: None, undone: none.0, seeking: None, near: none.1, known };
        (watch, chapter)
    }

    /// The session, at the moment where it stands.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The session at the end of its history.
    pub fn whole(&self) -> &Session {
        self.tip.as_ref().map_or(&self.session, |tip| &tip.session)
    }

    /// Gives the session a title.
    pub fn rename(&mut self, title: &str) {
        self.session.rename(Some(title.to_owned()));
        if let Some(tip) = &mut self.tip {
            tip.session.rename(Some(title.to_owned()));
        }
    }

    /// A message, taken apart, while it is remembered.
    pub fn dissect(&self, id: EventId) -> Option<Dissection> {
        let event = self.events.iter().rev().find(|event| event.id == id)?;
        Dissection::of(event, &self.events)
    }

    /// The answer to a question.
    pub fn answer(&self, question: &Question) -> Answer {
        let (world, annals) = (self.session.world(), self.observer.annals());
        let name = |host: HostId| self.scene().host_name(host.0).to_string();
        match question {
            Question::Settings(owner) => Answer::Settings(Settings::of(world, owner)),
            Question::Catalogue(owner) => Answer::Catalogue(Catalogue::of(owner)),
            Question::Value(owner, name, value) => Answer::Verdict(Verdict::of_value(world, owner, name, value)),
            Question::Line(line) => Answer::Verdict(Verdict::of_line(line)),
            Question::Why(id) => Answer::Why(annals.causes.why(*id, name)),
            Question::Record(tp, offset) => {
                let written = annals.written_by(tp, *offset);
                Answer::Record(RecordView { written, ..RecordView::of(world, tp, *offset) })
            }
            Question::Rebalances(group) => Answer::Rebalances(annals.rebalances.of(group, name)),
        }
    }

    /// Records of a partition's leader.
    pub fn browse(&self, query: &Query) -> Records {
        browse(self.session.world(), query)
    }

    /// The scene.
    pub fn scene(&self) -> &Scene {
        self.observer.scene()
    }

    /// Where in history it stands.
    pub fn position(&self) -> Position {
        position(self.session.world())
    }

    /// Where history ends, when that is later.
    pub fn tip(&self) -> Option<Position> {
        self.tip.as_ref().map(|tip| position(tip.session.world()))
    }

    /// The last messages and sentences before the moment where it stands.
    pub fn recent(&self) -> Frame {
        Frame { chapter: Chapter::default(), ..self.observer.recall(&self.events) }
    }

    /// What can be undone, and done again.
    pub fn undoable(&self) -> Undoable {
        Undoable {
            undo: self.session.log().last().map(|typed| typed.line.clone()),
            redo: self.undone.last().map(|(line, _)| line.clone()),
        }
    }

    /// A stretch of history begins, which will be computed before it is seen.
    pub fn begin_stretch(&mut self) {
        if self.near.len() == NEAR {
            self.near.remove(0);
        }
        self.near.push(self.moment());
    }

    /// Takes one turn towards `to`: the frame, and whether it has arrived.
    pub fn advance(&mut self, to: SimTime) -> (Option<Frame>, bool) {
        let arrived = self.session.advance_within(to, 1);
        (self.frame(), arrived)
    }

    /// Takes one step of the world.
    pub fn step(&mut self) -> Option<Frame> {
        self.session.step();
        self.known = self.known.max(place(&self.session));
        self.frame()
    }

    /// Does what somebody types. In the past that makes another history, and must be asked for: `anew`. How many events
    /// are left of the old one is given then.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub fn command(&mut self, line: &str, anew: bool) -> Result<(Reply, Option<Frame>, Option<u64>), Error> {
        let parsed = Line::parse(line)?;
        let mut forgot = None;
        match parsed.kind {
            Statement::Run(_) | Statement::RunUntil { .. } => {}
            // What only looks changes nothing: it is asked of a copy.
            Statement::Show(_) | Statement::Status if self.tip.is_some() => {
                let reply = self.session.clone().command(line)?;
                return Ok((reply, None, None));
            }
            _ if self.tip.is_some() && !anew => {
                return Err(Error::new(
                    parsed.at,
                    "this is the past: to do something else here replaces what came after",
                ));
            }
            _ => {
                if self.tip.take().is_some() {
                    self.ladder.cut(self.session.world().steps());
                    forgot = Some(self.session.world().event_count());
                }
                self.undone.clear();
            }
        }
        let reply = self.session.command(line);
        self.known = if forgot.is_some() { place(&self.session) } else { self.known.max(place(&self.session)) };
        let frame = self.frame();
        reply.map(|reply| (reply, frame, forgot))
    }

    fn frame(&mut self) -> Option<Frame> {
        let events = self.session.take_trace();
        let frame = self.observer.frame(self.session.world(), &events);
        for event in &events {
            remember(&mut self.events, event.clone());
        }
        if self.tip.as_ref().is_some_and(|tip| !self.session.is_before(&tip.session)) {
            self.tip = None;
        }
        let world = self.session.world();
        let steps = world.steps();
        let (session, observer, events_now) = (&self.session, &self.observer, &self.events);
        self.ladder.note(steps, || Moment {
            session: session.clone(),
            annals: observer.annals().clone(),
            events: events_now.clone(),
        });
        (!events.is_empty() || !frame.delta.is_empty()).then_some(frame)
    }

    fn moment(&self) -> Moment {
        let (session, annals) = (self.session.clone(), self.observer.annals().clone());
        Moment { session, annals, events: self.events.clone() }
    }

    /// Begins to go somewhere else in time; [`Watch::seek_on`] gets there. What was sought before is sought no more.
    pub fn seek(&mut self, goal: Goal) {
        let here = self.moment();
        let whole = self.tip.clone().unwrap_or_else(|| here.clone());
        let (steps, at) = match goal {
            Goal::Time(at) | Goal::Unseen(at) => (None, Some(at)),
            Goal::Steps(steps) => (Some(steps), None),
            Goal::Undo => match self.session.log().last() {
                Some(typed) => (Some(typed.steps), Some(typed.at)),
                None => return,
            },
            Goal::Redo => {
                let Some((_, moment)) = self.undone.last().cloned() else { return };
                self.seeking = Some(Seeking { goal, steps: None, at: None, moment });
                return;
            }
        };
        let end = whole.session.world();
        let behind = |steps: u64, at: SimTime| steps >= end.steps() && at >= end.now();
        if goal != Goal::Undo && behind(steps.unwrap_or(u64::MAX), at.unwrap_or(SimTime(u64::MAX))) {
            self.seeking = Some(Seeking { goal, steps: None, at: None, moment: whole });
            return;
        }
        let last = self.session.log().len().saturating_sub(1);
        let fits = |session: &Session| {
            let world = session.world();
            steps.is_none_or(|steps| world.steps() <= steps)
                && at.is_none_or(|at| world.now() <= at)
                && (goal != Goal::Undo || session.log().len() <= last)
        };
        let rung = self.ladder.last(|moment| fits(&moment.session)).cloned();
        let near = self.near.iter().cloned().chain([here]).filter(|moment| fits(&moment.session));
        let best = rung.into_iter().chain(near).max_by_key(|moment| moment.session.world().steps());
        let Some(mut moment) = best else { return };
        match goal {
            Goal::Undo => moment.session.follow_until(&whole.session, last),
            _ => moment.session.follow(&whole.session),
        }
        self.seeking = Some(Seeking { goal, steps, at, moment });
    }

    /// Whether it is on its way somewhere else.
    pub fn is_seeking(&self) -> bool {
        self.seeking.is_some()
    }

    /// Goes on for at most `turns` turns; the other moment when it is reached.
    pub fn seek_on(&mut self, turns: u64) -> Option<Sought> {
        let mut seeking = self.seeking.take()?;
        for _ in 0..turns {
            if seeking.turn() {
                return Some(self.arrive(seeking));
            }
        }
        self.seeking = Some(seeking);
        None
    }

    fn arrive(&mut self, seeking: Seeking) -> Sought {
        let here = self.moment();
        let old = std::mem::take(&mut self.observer);
        let Moment { mut session, annals, events } = seeking.moment;
        self.near.clear();
        let mut undone = None;
        match seeking.goal {
            Goal::Undo => {
                let line = self.session.log().last().map(|typed| typed.line.clone()).unwrap_or_default();
                self.undone.push((line, self.tip.take().unwrap_or(here)));
                self.ladder.cut(session.world().steps().saturating_sub(1));
                undone = Some(session.world().event_count());
            }
            Goal::Redo => {
                self.undone.pop();
                self.tip = None;
            }
            Goal::Unseen(_) if self.tip.is_none() && place(&session) >= self.known => {
                session.leave();
                self.ladder.cut(session.world().steps());
            }
            Goal::Time(_) | Goal::Steps(_) | Goal::Unseen(_) => {
                let whole = self.tip.take().unwrap_or(here);
                self.tip = session.is_before(&whole.session).then_some(whole);
            }
        }
        let end = place(self.tip.as_ref().map_or(&session, |tip| &tip.session));
        self.known = if undone.is_some() { end } else { self.known.max(end) };
        // A copy has the title of its time.
        session.rename(self.session.title().map(str::to_owned));
        (self.session, self.events) = (session, events);
        self.observer.survey(self.session.world(), annals);
        let delta = Delta::between(old.scene(), self.observer.scene());
        let frame = Frame { position: self.position(), delta, ..self.recent() };
        Sought { frame, tip: self.tip(), undone }
    }
}

/// How far a session is: so many steps, this time.
fn place(session: &Session) -> (u64, SimTime) {
    (session.world().steps(), session.world().now())
}

impl Seeking {
    /// Takes a turn; whether it is there.
    fn turn(&mut self) -> bool {
        let session = &mut self.moment.session;
        let arrived = match (self.steps, self.at) {
            (None, None) => true,
            (Some(steps), at) if session.world().steps() >= steps => at.is_none_or(|at| session.advance_within(at, 1)),
            (Some(_), _) => !session.step(),
            (None, Some(at)) => session.advance_within(at, 1),
        };
        for event in session.take_trace() {
            self.moment.annals.hear(&event);
            remember(&mut self.moment.events, event);
        }
        arrived
    }
}

impl Unwatched {
    fn new() -> Self {
        Self {
            annals: Annals::default(),
            events: Vector::new(),
            told: Vec::new(),
            broken: Chapter::default(),
            breaches: 0,
            ladder: Ladder::new(RUNG_STEPS, RUNGS),
        }
    }

    /// After a turn of the session.
    fn take_in(&mut self, session: &Session, events: Vec<TraceEvent>) {
        for event in events {
            self.annals.hear(&event);
            if Chapter::is_told(&event) {
                self.told.push(event.clone());
            }
            remember(&mut self.events, event);
        }
        let world = session.world();
        self.note_breaches(world);
        let (annals, events) = (&self.annals, &self.events);
        self.ladder.note(world.steps(), || {
            let mut session = session.clone();
            session.leave();
            Moment { session, annals: annals.clone(), events: events.clone() }
        });
    }

    fn note_breaches(&mut self, world: &World) {
        if world.laws_hold() {
            return;
        }
        let broken: Vec<_> = world.laws().into_iter().filter(|law| law.breach.is_some()).collect();
        if broken.len() == self.breaches {
            return;
        }
        self.breaches = broken.len();
        let known: Vec<_> = self.broken.marks.iter().map(|mark| mark.id).collect();
        let fresh = broken.iter().filter(|law| law.breach.as_ref().is_some_and(|b| !known.contains(&b.event)));
        for law in fresh {
            self.broken.broken(law, world.now());
        }
    }
}

fn remember(events: &mut Vector<TraceEvent>, event: TraceEvent) {
    if events.len() == RECALLED {
        events.pop_front();
    }
    events.push_back(event);
}

/// A saved session on its way back.
#[derive(Debug)]
pub struct Replay {
    loader: SessionLoader,
    history: Unwatched,
}

/// How far a replay has come.
#[derive(Debug)]
pub enum Replayed {
    /// So many thousandths.
    Part(u16),
    /// All of it, and its whole history as a chapter.
    Whole(Box<(Watch, Chapter)>),
}

impl Replay {
    /// Begins to replay a save.
    ///
    /// # Errors
    /// When the bytes are no save that this version reads.
    pub fn new(save: &[u8]) -> Result<Self, LoadError> {
        Ok(Self { loader: SessionLoader::new(save)?, history: Unwatched::new() })
    }

    /// Replays for at most `turns` turns.
    ///
    /// # Errors
    /// When the history turns out to be another.
    pub fn go_on(&mut self, turns: u64) -> Result<Replayed, LoadError> {
        let mut part = 0;
        for _ in 0..turns {
            match self.loader.poll(1)? {
                Loading::Fraction(fraction) => {
                    let events = self.loader.take_trace();
                    self.history.take_in(self.loader.session(), events);
                    part = (fraction * 1e3) as u16;
                }
                Loading::Ready(mut session) => {
                    let events = session.take_trace();
                    self.history.take_in(&session, events);
                    let history = std::mem::replace(&mut self.history, Unwatched::new());
                    return Ok(Replayed::Whole(Box::new(Watch::survey(*session, history))));
                }
            }
        }
        Ok(Replayed::Part(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SortedMap;
    use crate::view::player::Player;

    const STORY: &str = "\
cluster --brokers 3 --controllers 1 --network teaching
kafka-topics.sh --create --topic orders --partitions 2 --replication-factor 3 --config min.insync.replicas=2
producer p1 --topic orders --rate 20/s --keys uniform:7 --producer-property acks=all
consumer c1 --topic orders --consumer-property auto.offset.reset=earliest
run 2s
";

    fn start() -> Watch {
        Watch::start(Session::start(STORY, 3).expect("a script")).0
    }

    /// Plays on for so many seconds; what was seen at each step.
    fn play(watch: &mut Watch, seconds: f64) -> SortedMap<u64, (Position, Scene)> {
        let to = watch.session.world().now() + crate::base::SimDuration((seconds * 1e6) as u64);
        let mut seen = SortedMap::new();
        loop {
            let (frame, arrived) = watch.advance(to);
            if let Some(frame) = frame {
                seen.insert(frame.position.steps, (frame.position, watch.scene().clone()));
            }
            if arrived {
                return seen;
            }
        }
    }

    fn go(watch: &mut Watch, goal: Goal) -> Sought {
        watch.seek(goal);
        loop {
            if let Some(sought) = watch.seek_on(100) {
                return sought;
            }
        }
    }

    fn type_line(watch: &mut Watch, line: &str) {
        watch.command(line, false).expect("it can be done");
    }

    #[test]
    fn every_moment_is_found_again_and_the_same_history_follows() {
        let mut watch = start();
        let mut seen = play(&mut watch, 3.0);
        type_line(&mut watch, "crash broker 2");
        seen.extend(play(&mut watch, 14.0));
        type_line(&mut watch, "start broker 2");
        seen.extend(play(&mut watch, 3.0));
        let end = watch.position();
        let mut picture = Player::new(watch.scene().clone(), end, watch.session.world().spec().network.typical_hop());
        for (steps, (position, scene)) in seen.iter().step_by(97) {
            let sought = go(&mut watch, Goal::Steps(*steps));
            assert_eq!((watch.position(), watch.tip(), sought.tip), (*position, Some(end), Some(end)));
            picture.jump(sought);
            // The ghosts of cut records, and how far a process that is gone had come, are known only to whoever saw it.
            let same = |scene: &Scene| {
                let mut same = Scene { cuts: SortedMap::new(), ..scene.clone() };
                for (id, broker) in same.brokers.iter_mut() {
                    if !scene.broker_process(*id).is_up() {
                        (broker.metadata_offset, broker.phase) = Default::default();
                    }
                }
                same
            };
            assert_eq!(same(watch.scene()), same(scene), "{steps}");
            assert_eq!(same(picture.scene()), same(scene), "{steps}");
        }
        go(&mut watch, Goal::Time(SimTime(4_000_000)));
        assert_eq!(watch.session.world().now(), SimTime(4_000_000));
        assert!(watch.session.is_following());
        assert_eq!(watch.whole().log().len(), 2, "a save has it all");
        play(&mut watch, (end.at.0 - 4_000_000) as f64 / 1e6);
        assert_eq!((watch.position(), watch.tip()), (end, None));
        assert_eq!(go(&mut watch, Goal::Time(SimTime(u64::MAX))).tip, None, "there is nothing behind the end");
    }

    #[test]
    fn the_past_is_changed_only_when_that_is_asked_for() {
        let mut watch = start();
        play(&mut watch, 1.0);
        type_line(&mut watch, "crash broker 2");
        play(&mut watch, 12.0);
        let end = watch.position();
        go(&mut watch, Goal::Time(SimTime(end.at.0 - 12_500_000)));
        let here = watch.position();
        let refused = watch.command("crash broker 3", false).expect_err("it is the past");
        assert!(refused.message.contains("the past"), "{}", refused.message);
        let (reply, ..) = watch.command("show time()", false).expect("looking changes nothing");
        assert!(matches!(reply, Reply::Said(_)));
        assert_eq!((watch.position(), watch.tip()), (here, Some(end)));
        let (_, _, left) = watch.command("crash broker 3", true).expect("it was asked for");
        assert_eq!((left, watch.tip()), (Some(here.events), None));
        play(&mut watch, 13.0);
        let lines: Vec<&str> = watch.session.log().iter().map(|typed| typed.line.as_str()).collect();
        assert_eq!(lines, ["crash broker 3"]);
        assert!(watch.scene().broker_process(2).is_up() && !watch.scene().broker_process(3).is_up());
    }

    #[test]
    fn a_command_is_undone_as_if_it_had_never_been_given_and_done_again() {
        let mut watch = start();
        play(&mut watch, 1.0);
        let before = watch.position();
        type_line(&mut watch, "crash broker 2");
        play(&mut watch, 1.0);
        let end = watch.position();
        assert_eq!(watch.undoable(), Undoable { undo: Some("crash broker 2".into()), redo: None });
        let sought = go(&mut watch, Goal::Undo);
        assert_eq!((sought.undone, watch.position(), watch.tip()), (Some(before.events), before, None));
        assert_eq!(watch.undoable(), Undoable { undo: None, redo: Some("crash broker 2".into()) });
        watch.seek(Goal::Undo);
        assert!(!watch.is_seeking(), "nothing is left to undo");
        go(&mut watch, Goal::Redo);
        assert_eq!(watch.position(), end);
        go(&mut watch, Goal::Undo);
        play(&mut watch, 1.0);
        assert!(watch.scene().broker_process(2).is_up());
        type_line(&mut watch, "crash broker 3");
        assert_eq!(watch.undoable().redo, None, "another history has no way back");
    }

    #[test]
    fn what_nobody_saw_is_no_history_but_what_was_known_stays() {
        let mut watch = start();
        let from = watch.session.world().now();
        watch.begin_stretch();
        play(&mut watch, 1.0);
        let half = SimTime(from.0 + 500_000);
        let sought = go(&mut watch, Goal::Unseen(half));
        assert_eq!((sought.tip, watch.tip(), watch.session.world().now()), (None, None, half));
        type_line(&mut watch, "crash broker 2");
        let known = watch.position();
        go(&mut watch, Goal::Time(from));
        watch.begin_stretch();
        play(&mut watch, 1.0);
        assert_eq!(watch.tip(), None, "computed beyond its end");
        go(&mut watch, Goal::Unseen(SimTime(from.0 + 100_000)));
        assert!(watch.tip().is_some_and(|tip| tip.steps >= known.steps), "the command is still to come");
        assert_eq!(watch.whole().log().len(), 1);
    }

    #[test]
    fn a_loaded_session_knows_its_whole_history() {
        let (mut watch, begun) = Watch::start(Session::start(STORY, 3).expect("a script"));
        play(&mut watch, 1.0);
        type_line(&mut watch, "crash broker 2");
        play(&mut watch, 12.0);
        let mut replay = Replay::new(&watch.whole().to_save()).expect("a save");
        let (mut loaded, history) = loop {
            match replay.go_on(500).expect("the same history") {
                Replayed::Whole(whole) => break *whole,
                Replayed::Part(permille) => assert!(permille <= 1_000),
            }
        };
        assert_eq!(loaded.position(), watch.position());
        assert!(history.marks.len() > begun.marks.len() && history.marks.iter().any(|m| m.text == "crash broker 2"));
        assert!(history.turns.iter().any(|(broker, turn)| (*broker, turn.up) == (2, false)));
        go(&mut loaded, Goal::Time(SimTime(1_000_000)));
        go(&mut watch, Goal::Time(SimTime(1_000_000)));
        assert_eq!(loaded.position(), watch.position());
    }
}
