//! The desk: everything the page knows and everything that can be done with it. Components read it, buttons, keys and
//! the JavaScript API call it; it alone talks to the worker.

mod answers;

use super::host::Host;
use super::keep;
use crate::base::{EventId, SimTime, SortedMap};
use crate::check::jepsen::Judgement;
use crate::link::{Kept, Notice, Opened, Refusal, SaveStatus, ToPage, ToWorker};
use crate::view::{
    Catalogue, Dissection, Goal, Player, Query, Question, Rebalances, RecordView, Records, Settings, Sought, Speed,
    Undoable, Verdict, Why,
};
use gloo::timers::callback::Timeout;
use js_sys::Function;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use wasm_bindgen::JsValue;

/// The scenario of a visitor's first session.
pub(crate) const FIRST: &str = include_str!("../../www/scenarios/first.terra");

/// A line of the terminal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Typed {
    /// Its number.
    pub(crate) id: u32,
    /// What was typed.
    pub(crate) line: String,
    /// What came of it, once known.
    pub(crate) answer: Option<Result<String, Refusal>>,
}

/// How far the page has come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// The worker starts.
    Starting,
    /// The saved session is replayed: thousandths.
    Loading(u16),
    /// The session stands.
    Open,
    /// It cannot go on.
    Failed(String),
}

type Waiting = Vec<(Function, Function)>;
type Listener = Rc<dyn Fn(&Event)>;

/// See the module.
pub(crate) struct Desk {
    host: RefCell<Option<Host>>,
    player: RefCell<Option<Player>>,
    phase: RefCell<Phase>,
    seed: Cell<u64>,
    title: RefCell<Option<String>>,
    typed: RefCell<Vec<Typed>>,
    notices: RefCell<Vec<Notice>>,
    save: Cell<Option<SaveStatus>>,
    next_id: Cell<u32>,
    promises: RefCell<SortedMap<u32, (Function, Function)>>,
    until_done: RefCell<Waiting>,
    wants_play: Cell<bool>,
    outstanding: Cell<u32>,
    /// The moment that the worker is on its way to, and the one that is wanted since.
    seeking: Cell<Option<Goal>>,
    wanted: Cell<Option<Goal>>,
    undoable: RefCell<Undoable>,
    /// A line that would change the past, until the person has said whether it shall.
    asking: RefCell<Option<String>>,
    /// Lines given in the past of which the worker has not said yet whether they would change it.
    doubtful: RefCell<Vec<String>>,
    auto_tempo: Cell<bool>,
    dissection: RefCell<Option<Rc<Dissection>>>,
    query: RefCell<Option<Query>>,
    records: RefCell<Option<Rc<Records>>>,
    settings: RefCell<Option<Rc<Settings>>>,
    catalogue: RefCell<Option<Rc<Catalogue>>>,
    verdict: RefCell<Option<Rc<Verdict>>>,
    why: RefCell<Option<Rc<Why>>>,
    rebalances: RefCell<Option<Rc<Rebalances>>>,
    record: RefCell<Option<Rc<RecordView>>>,
    judgement: RefCell<Option<Rc<Judgement>>>,
    /// The message to take apart once the moment that is sought is reached.
    visiting: Cell<Option<EventId>>,
    /// The event whose causes were asked for last.
    puzzled: Cell<Option<EventId>>,
    kept: RefCell<(Vec<Kept>, Option<String>)>,
    listeners: RefCell<Vec<Listener>>,
    life: Life,
    me: Weak<Self>,
}

/// Whether the worker lives.
#[derive(Default)]
struct Life {
    /// Since when it owes an answer, in milliseconds of the page; none while it owes none.
    owes: Cell<Option<f64>>,
    /// Whether it has been asked whether it lives.
    pinged: Cell<bool>,
    /// Whether another is about to be started.
    recovering: Cell<bool>,
    /// When another was started the last time.
    recovered: Cell<Option<f64>>,
}

/// A worker that says nothing for so many milliseconds is asked whether it lives, and after as many again it is taken
/// for dead.
const SILENCE_MS: f64 = 5_000.0;
/// A worker that stops so soon after another has is not replaced again.
const TOO_SOON_MS: f64 = 20_000.0;

/// What listeners of the desk hear.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// Something that is shown has changed.
    Changed,
    /// The session stands.
    Opened,
    /// A step or the end of a computation was shown.
    Advanced,
    /// The person should know something.
    Notice(Notice),
    /// Bytes to be offered as a download.
    Download(String, Vec<u8>),
}

const PLAYING: &str = "terrarium-playing";
const SPEED: &str = "terrarium-tempo";
const AUTO_TEMPO: &str = "terrarium-auto-tempo";
/// How far `the next event worth stopping at` is looked for.
const FAR: crate::base::SimDuration = crate::base::SimDuration::from_secs(120);

impl Desk {
    /// A desk without a worker yet. `wants_play`: whether a new visitor's session begins to play by itself.
    pub(crate) fn new(wants_play: bool) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            me: me.clone(),
            life: Life::default(),
            host: RefCell::new(None),
            player: RefCell::new(None),
            phase: RefCell::new(Phase::Starting),
            seed: Cell::new(0),
            title: RefCell::default(),
            typed: RefCell::default(),
            notices: RefCell::default(),
            save: Cell::new(None),
            next_id: Cell::new(1),
            promises: RefCell::default(),
            until_done: RefCell::default(),
            wants_play: Cell::new(keep::get(PLAYING).unwrap_or(wants_play)),
            outstanding: Cell::new(0),
            seeking: Cell::new(None),
            wanted: Cell::new(None),
            undoable: RefCell::default(),
            asking: RefCell::new(None),
            doubtful: RefCell::default(),
            auto_tempo: Cell::new(keep::get(AUTO_TEMPO).unwrap_or(true)),
            dissection: RefCell::new(None),
            query: RefCell::new(None),
            records: RefCell::new(None),
            settings: RefCell::new(None),
            catalogue: RefCell::new(None),
            verdict: RefCell::new(None),
            why: RefCell::new(None),
            rebalances: RefCell::new(None),
            record: RefCell::new(None),
            judgement: RefCell::new(None),
            visiting: Cell::new(None),
            puzzled: Cell::new(None),
            kept: RefCell::default(),
            listeners: RefCell::default(),
        })
    }

    /// Starts the worker.
    pub(crate) fn start(self: &Rc<Self>) {
        #[cfg(feature = "gallery")]
        if self.exhibit() {
            return;
        }
        let desk = Rc::downgrade(self);
        let told = move |message| {
            if let Some(desk) = desk.upgrade() {
                desk.hear(message);
            }
        };
        match Host::start(told) {
            Ok(host) => {
                self.host.replace(Some(host));
            }
            Err(error) => self.enter(Phase::Failed(format!("This browser does not start workers: {error:?}"))),
        }
    }

    /// Shows the hand-made scene that the address names, if it names one: `?scene=two-faults`.
    #[cfg(feature = "gallery")]
    fn exhibit(&self) -> bool {
        use crate::base::SimDuration;
        use crate::view::{Frame, Position, fixture};
        let query = gloo::utils::window().location().search().unwrap_or_default();
        let name = web_sys::UrlSearchParams::new_with_str(&query).ok().and_then(|q| q.get("scene"));
        let Some((scene, sent, now)) = name.and_then(|name| fixture::named(&name)) else { return false };
        let position = Position { at: SimTime(now), steps: EventId(0).0, ..Position::default() };
        self.open(Opened {
            title: Some("Gallery".into()),
            scene,
            recent: Frame { position, sent, ..Frame::default() },
            history: fixture::two_faults_history(),
            position,
            hop: SimDuration(25_000),
            seed: 0,
            resumed: false,
        });
        self.with_player(Player::pause);
        true
    }

    #[cfg(feature = "gallery")]
    fn with_player(&self, change: impl FnOnce(&mut Player)) {
        if let Some(player) = self.player.borrow_mut().as_mut() {
            change(player);
        }
    }

    /// Calls `listener` with everything that happens from now on.
    pub(crate) fn listen(&self, listener: impl Fn(&Event) + 'static) {
        self.listeners.borrow_mut().push(Rc::new(listener));
    }

    fn say(&self, event: &Event) {
        // A copy: a listener may add another.
        let listeners = self.listeners.borrow().clone();
        for listener in listeners {
            listener(event);
        }
    }

    fn ask(&self, message: &ToWorker) {
        if self.phase() == Phase::Open && self.life.owes.get().is_none() && owes_an_answer(message) {
            self.life.owes.set(Some(now_ms()));
        }
        if matches!(message, ToWorker::Advance { .. } | ToWorker::Find { .. } | ToWorker::Step | ToWorker::Seek { .. })
        {
            self.outstanding.set(self.outstanding.get() + 1);
        }
        if let Some(host) = self.host.borrow().as_ref() {
            host.ask(message);
        }
    }

    fn enter(&self, phase: Phase) {
        self.phase.replace(phase);
        self.say(&Event::Changed);
    }

    fn hear(&self, message: ToPage) {
        self.life.owes.set(None);
        self.life.pinged.set(false);
        match message {
            ToPage::Alive => {}
            ToPage::Ready => self.ask(&ToWorker::Open { script: FIRST.into(), seed: seed_of_address() }),
            ToPage::Loading { permille } => self.enter(Phase::Loading(permille)),
            ToPage::Opened(opened) => self.open(*opened),
            ToPage::Batch { frames, computed, tip, done } => {
                if let Some(player) = self.player.borrow_mut().as_mut() {
                    player.receive(frames, computed, tip, done);
                }
                if done {
                    self.done();
                }
                self.say(&Event::Changed);
            }
            ToPage::Sought { goal, sought } => self.sought(goal, sought.map(|sought| *sought)),
            ToPage::Forgot { events } => {
                // Events have other numbers from here on.
                self.puzzled.set(None);
                if let Some(player) = self.player.borrow_mut().as_mut() {
                    player.forget_after(events);
                }
            }
            ToPage::Undoable(undoable) => {
                self.undoable.replace(undoable);
                self.say(&Event::Changed);
            }
            ToPage::Commanded { id, result } => self.commanded(id, result),
            ToPage::Saved { id, status } => self.saved(id, status),
            ToPage::Notice(notice) => {
                self.say(&Event::Notice(notice.clone()));
                self.notices.borrow_mut().push(notice);
                self.say(&Event::Changed);
            }
            ToPage::Dissected(dissection) => {
                self.dissection.replace(dissection.map(|it| Rc::new(*it)));
                self.say(&Event::Changed);
            }
            ToPage::Records(records) => {
                self.records.replace(Some(Rc::new(*records)));
                self.say(&Event::Changed);
            }
            ToPage::Told(answer) => self.told(*answer),
            ToPage::Judged(judgement) => self.judged(*judgement),
            ToPage::Saves { kept, trouble } => {
                self.kept.replace((kept, trouble));
                self.say(&Event::Changed);
            }
            ToPage::Renamed { title } => {
                self.title.replace(Some(title));
                self.say(&Event::Changed);
            }
            ToPage::Export { key, bytes } => self.say(&Event::Download(key, bytes)),
            ToPage::Failed { message } => self.fail(message),
        }
    }

    /// The first word of a failure is the one that says most: what follows is the browser's echo. A session that stood
    /// goes on with another worker.
    fn fail(&self, message: String) {
        let now = now_ms();
        let too_soon = self.life.recovered.get().is_some_and(|before| now < before + TOO_SOON_MS);
        if self.life.recovering.get() || matches!(self.phase(), Phase::Failed(_)) {
            return;
        }
        if self.phase() != Phase::Open || too_soon {
            return self.enter(Phase::Failed(message));
        }
        self.life.recovering.set(true);
        self.life.recovered.set(Some(now));
        // Not now: it is the old one's own word that is being heard.
        let desk = self.me.clone();
        let recover = move || {
            if let Some(desk) = desk.upgrade() {
                desk.recover(message);
            }
        };
        Timeout::new(0, recover).forget();
    }

    /// Starts another worker, which goes on from what was saved last. Nobody hears what was asked of the first any more.
    fn recover(&self, reason: String) {
        self.life.recovering.set(false);
        self.host.replace(None);
        self.outstanding.set(0);
        self.life.owes.set(None);
        let asked = std::mem::take(&mut *self.promises.borrow_mut()).into_values();
        for (_, refused) in asked.chain(self.until_done.take()) {
            // One who listens and throws does so on his own account.
            let _ = refused.call1(&JsValue::NULL, &js_sys::Error::new(&reason).into());
        }
        for typed in self.typed.borrow_mut().iter_mut().filter(|typed| typed.answer.is_none()) {
            typed.answer = Some(Err(Refusal { message: reason.clone(), column: None }));
        }
        self.notices.borrow_mut().push(Notice::Recovered { reason });
        self.phase.replace(Phase::Starting);
        if let Some(desk) = self.me.upgrade() {
            desk.start();
        }
        self.say(&Event::Changed);
    }

    /// Looks whether the worker lives.
    fn watch_over(&self) {
        let Some(since) = self.life.owes.get().filter(|_| self.phase() == Phase::Open) else { return };
        let silent = now_ms() - since;
        if silent > 2.0 * SILENCE_MS {
            self.fail("The worker did not answer any more; another was started.".into());
        } else if silent > SILENCE_MS && !self.life.pinged.replace(true) {
            self.ask(&ToWorker::Ping);
        }
    }

    fn open(&self, opened: Opened) {
        self.seed.set(opened.seed);
        self.title.replace(opened.title);
        let mut player = Player::new(opened.scene, opened.position, opened.hop);
        player.recall(opened.recent, opened.history);
        player.set_auto_tempo(self.auto_tempo.get());
        self.seeking.take();
        self.wanted.take();
        self.asking.take();
        self.doubtful.take();
        self.puzzled.set(None);
        player.set_speed(keep::get(SPEED).and_then(Speed::nth).unwrap_or(Speed::ONE));
        if self.wants_play.get() {
            player.play();
        }
        self.player.replace(Some(player));
        self.enter(Phase::Open);
        self.say(&Event::Opened);
    }

    /// Something that was asked for is computed.
    fn done(&self) {
        self.outstanding.set(self.outstanding.get().saturating_sub(1));
        if !self.playing() && self.outstanding.get() == 0 {
            for (done, _) in self.until_done.take() {
                // A listener that throws is its own affair.
                let _ = done.call0(&JsValue::NULL);
            }
            self.say(&Event::Advanced);
        }
    }

    fn commanded(&self, id: u32, result: Result<Option<String>, Refusal>) {
        let answer = match result {
            Ok(None) => return,
            Ok(Some(text)) => Ok(text),
            Err(refusal) => Err(refusal),
        };
        if let Some((done, refused)) = self.promises.borrow_mut().remove(&id) {
            // One who listens and throws does so on his own account.
            let _ = match &answer {
                Ok(text) => done.call1(&JsValue::NULL, &text.as_str().into()),
                Err(refusal) => refused.call1(&JsValue::NULL, &js_sys::Error::new(&plain(refusal)).into()),
            };
        }
        if let Some(typed) = self.typed.borrow_mut().iter_mut().find(|t| t.id == id) {
            typed.answer = Some(answer);
        }
        self.say(&Event::Changed);
    }

    fn saved(&self, id: Option<u32>, status: SaveStatus) {
        self.save.set(Some(status));
        if let Some((done, _)) = id.and_then(|id| self.promises.borrow_mut().remove(&id)) {
            let _ = done.call1(&JsValue::NULL, &JsValue::from_bool(status == SaveStatus::Saved));
        }
        self.say(&Event::Changed);
    }

    /// Lets `ms` milliseconds of the person's time pass.
    pub(crate) fn tick(&self, ms: f64) {
        self.watch_over();
        let to = self.player.borrow_mut().as_mut().and_then(|player| player.tick(ms));
        if let Some(to) = to {
            self.ask(&ToWorker::Advance { to });
        }
    }

    /// Plays or pauses.
    pub(crate) fn play(&self, play: bool) {
        if let Some(player) = self.player.borrow_mut().as_mut() {
            if play { player.play() } else { player.pause() }
        }
        self.wants_play.set(play);
        keep::set(PLAYING, play);
        if !play {
            self.pull_back();
            self.ask(&ToWorker::Save { id: 0 });
        }
        self.say(&Event::Changed);
    }

    /// Has the worker go back to where the picture stands: what it computed ahead has not happened.
    fn pull_back(&self) {
        let mut player = self.player.borrow_mut();
        let Some(player) = player.as_mut() else { return };
        player.hold();
        let at = SimTime(player.now() as u64);
        self.ask(&ToWorker::Seek { goal: Goal::Unseen(at) });
    }

    /// Goes to another moment; pauses first. While the worker is on its way to one, the last wish waits.
    pub(crate) fn seek(&self, goal: Goal) {
        if self.playing() {
            self.play(false);
        }
        if self.seeking.get().is_some() {
            self.wanted.set(Some(goal));
        } else {
            self.seeking.set(Some(goal));
            self.ask(&ToWorker::Seek { goal });
        }
    }

    fn sought(&self, goal: Goal, sought: Option<Sought>) {
        if let (Some(player), Some(sought)) = (self.player.borrow_mut().as_mut(), sought) {
            player.jump(sought);
            if goal == Goal::Redo {
                player.redone();
            }
        }
        if !matches!(goal, Goal::Unseen(_)) {
            self.seeking.set(self.wanted.take());
            match self.seeking.get() {
                Some(goal) => self.ask(&ToWorker::Seek { goal }),
                None => self.visiting.take().into_iter().for_each(|id| self.dissect(id)),
            }
        }
        self.done();
        self.say(&Event::Changed);
    }

    /// Goes one step back.
    pub(crate) fn step_back(&self) {
        let steps = self.with(|player| player.position().steps).unwrap_or(0);
        self.seek(Goal::Steps(steps.saturating_sub(1)));
    }

    /// Goes to the next event worth stopping at, or to the one before.
    pub(crate) fn seek_mark(&self, next: bool) {
        let mark = |player: &Player| {
            let (now, chronicle) = (player.now(), player.chronicle());
            let mark = if next { chronicle.next_mark(now) } else { chronicle.previous_mark(now) };
            mark.map(|mark| mark.at)
        };
        match self.with(mark).flatten() {
            Some(at) => self.seek(Goal::Time(at)),
            None if next => {
                if self.playing() {
                    self.play(false);
                }
                let now = self.with(Player::now).unwrap_or_default();
                self.ask(&ToWorker::Find { within: SimTime(now as u64) + FAR });
            }
            None => self.seek(Goal::Time(SimTime::ZERO)),
        }
    }

    /// What can be undone and done again.
    pub(crate) fn undoable(&self) -> Undoable {
        self.undoable.borrow().clone()
    }

    /// Switches running ahead and slowing down on or off.
    pub(crate) fn set_auto_tempo(&self, auto: bool) {
        self.auto_tempo.set(auto);
        keep::set(AUTO_TEMPO, auto);
        if let Some(player) = self.player.borrow_mut().as_mut() {
            player.set_auto_tempo(auto);
        }
        self.say(&Event::Changed);
    }

    /// Makes one step; pauses first.
    pub(crate) fn step(&self) {
        if self.playing() {
            self.play(false);
        }
        self.ask(&ToWorker::Step);
    }

    /// Computes and shows the next `seconds` of the world at once; pauses first.
    pub(crate) fn advance(&self, seconds: f64) {
        if self.playing() {
            self.play(false);
        }
        let now = self.with(Player::now).unwrap_or_default();
        let to = SimTime((now + seconds.max(0.0) * 1e6) as u64);
        self.ask(&ToWorker::Advance { to });
    }

    /// Chooses a speed.
    pub(crate) fn set_speed(&self, speed: Speed) {
        if let Some(player) = self.player.borrow_mut().as_mut() {
            player.set_speed(speed);
        }
        keep::set(SPEED, speed.index());
        self.say(&Event::Changed);
    }

    /// Runs a line of the script language. One that would change the past waits until the person has been asked.
    pub(crate) fn command(&self, line: &str) {
        if self.in_past() {
            self.doubtful.borrow_mut().push(line.to_owned());
            self.question(Question::Line(line.to_owned()));
        } else {
            self.run(line, false);
        }
    }

    /// The line that would change the past and waits for an answer.
    pub(crate) fn asking(&self) -> Option<String> {
        self.asking.borrow().clone()
    }

    /// Whether the past shall be changed.
    pub(crate) fn answer(&self, yes: bool) {
        if let (Some(line), true) = (self.asking.take(), yes) {
            self.run(&line, true);
        }
        self.say(&Event::Changed);
    }

    /// Runs a line of the script language; in the past only if it shall be done `anew`. Gives its number.
    pub(crate) fn run(&self, line: &str, anew: bool) -> u32 {
        if self.playing() {
            // What is done is done where the picture stands, and so time that passes at once passes from there.
            if line.trim_start().starts_with("run ") { self.play(false) } else { self.pull_back() }
        }
        let id = self.fresh_id();
        self.typed.borrow_mut().push(Typed { id, line: line.into(), answer: None });
        self.ask(&ToWorker::Command { id, line: line.into(), anew });
        self.say(&Event::Changed);
        id
    }

    /// Saves; gives the request's number.
    pub(crate) fn save(&self) -> u32 {
        let id = self.fresh_id();
        self.ask(&ToWorker::Save { id });
        id
    }

    /// Begins anew with the first scenario.
    pub(crate) fn restart(&self) {
        self.begin(None, None);
    }

    /// Begins anew with a script, or the first scenario, and a seed, or a fresh one.
    pub(crate) fn begin(&self, script: Option<String>, seed: Option<u64>) {
        self.typed.borrow_mut().clear();
        self.ask(&ToWorker::Restart { script: script.unwrap_or_else(|| FIRST.into()), seed });
    }

    /// The saves that are kept, and why the last wish was not granted.
    pub(crate) fn kept(&self) -> (Vec<Kept>, Option<String>) {
        self.kept.borrow().clone()
    }

    /// Asks for something about saves.
    pub(crate) fn about_saves(&self, wish: &ToWorker) {
        self.ask(wish);
    }

    /// Asks for the bytes of a save that was put aside.
    pub(crate) fn export(&self, key: &str) {
        self.ask(&ToWorker::Export { key: key.into() });
    }

    /// Keeps a promise's ends until the answer with this number comes.
    pub(crate) fn promise(&self, id: u32, done: Function, refused: Function) {
        self.promises.borrow_mut().insert(id, (done, refused));
    }

    /// Keeps a promise's ends until what was asked for is computed and shown.
    pub(crate) fn promise_done(&self, done: Function, refused: Function) {
        self.until_done.borrow_mut().push((done, refused));
    }

    fn fresh_id(&self) -> u32 {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        id
    }

    /// Looks at the player, if the session stands.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Player) -> T) -> Option<T> {
        self.player.borrow().as_ref().map(look)
    }

    /// Whether it plays.
    pub(crate) fn playing(&self) -> bool {
        self.with(Player::playing).unwrap_or(false)
    }

    /// Its speed.
    pub(crate) fn speed(&self) -> Speed {
        self.with(Player::speed).unwrap_or(Speed::ONE)
    }

    /// How far the page has come.
    pub(crate) fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    /// The session's seed.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.get()
    }

    /// The session's title.
    pub(crate) fn title(&self) -> String {
        self.title.borrow().clone().unwrap_or_else(|| "A session".into())
    }

    /// The terminal's lines.
    pub(crate) fn typed(&self) -> Vec<Typed> {
        self.typed.borrow().clone()
    }

    /// What the person should know.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        self.notices.borrow().clone()
    }

    /// How saving stands.
    pub(crate) fn save_status(&self) -> Option<SaveStatus> {
        self.save.get()
    }
}

/// Whether a worker that listens answers this at once, or soon.
fn owes_an_answer(message: &ToWorker) -> bool {
    matches!(
        message,
        ToWorker::Advance { .. }
            | ToWorker::Find { .. }
            | ToWorker::Step
            | ToWorker::Seek { .. }
            | ToWorker::Ping
            | ToWorker::Command { .. }
            | ToWorker::Ask(_)
            | ToWorker::Browse(_)
            | ToWorker::Save { .. }
    )
}

fn now_ms() -> f64 {
    gloo::utils::window().performance().map_or(0.0, |p| p.now())
}

/// A refusal as a sentence with its column.
pub(crate) fn plain(refusal: &Refusal) -> String {
    match refusal.column {
        Some(column) => format!("column {column}: {}", refusal.message),
        None => refusal.message.clone(),
    }
}

/// The seed that the address asks for: `?seed=7`.
fn seed_of_address() -> Option<u64> {
    let query = gloo::utils::window().location().search().ok()?;
    web_sys::UrlSearchParams::new_with_str(&query).ok()?.get("seed")?.parse().ok()
}
