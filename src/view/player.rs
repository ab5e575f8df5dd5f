//! Playback: the page's own clock over what the worker has computed.
//!
//! The worker runs ahead and sends frames; the player shows each at its moment. Its time never passes what the worker
//! has computed, so a slow worker slows the picture and blocks nothing. When the player pauses, the worker goes back to
//! where the picture stands: paused, the picture is exactly where the world is, and a command or a step happens where
//! the person sees it happen.

use super::chronicle::{Chapter, Chronicle};
use super::delta::Delta;
use super::gauges::Gauges;
use super::narrate::Line;
use super::packet::PacketView;
use super::ribbon::Ribbon;
use super::scene::Scene;
use super::tempo::{self, Outlook, Tempo};
use super::watch::Sought;
use crate::base::{EventId, SimDuration, SimTime};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// What one step of the world changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Where in history the world is after it.
    pub position: Position,
    /// What is different in the scene.
    pub delta: Delta,
    /// Messages that left.
    pub sent: Vec<PacketView>,
    /// Messages that were lost under way.
    pub lost: Vec<EventId>,
    /// Messages that are held up, and until when if that is known.
    pub delayed: Vec<(EventId, Option<SimTime>)>,
    /// Sentences.
    pub lines: Vec<Line>,
    /// What a timeline shows of it.
    pub chapter: Chapter,
}

/// A place in a world's history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// When.
    pub at: SimTime,
    /// How many steps the world has made.
    pub steps: u64,
    /// How many events its trace holds.
    pub events: u64,
    /// The trace's hash.
    pub hash: u64,
}

/// A playback speed, relative to the speed at which a typical hop takes [`HOP_MS`] on screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Speed(usize);

/// How long a typical hop takes on screen at speed 1.
pub const HOP_MS: f64 = 700.0;

impl Speed {
    /// All speeds: factor and label.
    pub const ALL: [(f64, &'static str); 7] =
        [(0.0625, "1/16×"), (0.25, "¼×"), (0.5, "½×"), (1.0, "1×"), (4.0, "4×"), (16.0, "16×"), (64.0, "64×")];
    /// Speed 1.
    pub const ONE: Self = Self(3);

    /// The speed with this place in [`Speed::ALL`].
    pub fn nth(n: usize) -> Option<Self> {
        (n < Self::ALL.len()).then_some(Self(n))
    }

    /// The speed with this factor.
    pub fn of(factor: f64) -> Option<Self> {
        Self::ALL.iter().position(|(f, _)| *f == factor).map(Self)
    }

    /// Its place in [`Speed::ALL`].
    pub fn index(self) -> usize {
        self.0
    }

    /// Its factor.
    pub fn factor(self) -> f64 {
        Self::ALL[self.0].0
    }

    /// Its label.
    pub fn label(self) -> &'static str {
        Self::ALL[self.0].1
    }

    /// The next faster speed, if any.
    pub fn faster(self) -> Self {
        Self((self.0 + 1).min(Self::ALL.len() - 1))
    }

    /// The next slower speed, if any.
    pub fn slower(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// How far ahead of the picture the worker is kept, in milliseconds of the person's time.
const AHEAD_MS: f64 = 160.0;
/// How far ahead it is kept at most for the sake of tempo, in microseconds of the world.
const OUTLOOK_US: f64 = 1.5e6;
/// Messages and lines that are kept for the lists.
const KEPT: usize = 200;

/// The page's playback.
#[derive(Clone, Debug)]
pub struct Player {
    scene: Scene,
    now: f64,
    shown: Position,
    computed: Position,
    queue: VecDeque<Frame>,
    flights: Vec<PacketView>,
    messages: VecDeque<PacketView>,
    lines: VecDeque<(u64, Line)>,
    line_count: u64,
    hop: SimDuration,
    speed: Speed,
    playing: bool,
    asked: bool,
    /// The worker goes back to where the picture stands; until it is there, nothing new is shown.
    held: bool,
    tempo: Tempo,
    chronicle: Chronicle,
    undone: Vec<Chapter>,
    tip: Option<Position>,
    recalled: u64,
    gauges: Gauges,
    ribbon: Ribbon,
    shape: u64,
    version: u64,
}

impl Player {
    /// A player that stands at `position`, where `scene` is; a typical hop takes `hop`.
    pub fn new(scene: Scene, position: Position, hop: SimDuration) -> Self {
        Self {
            scene,
            now: position.at.0 as f64,
            shown: position,
            computed: position,
            queue: VecDeque::new(),
            flights: Vec::new(),
            messages: VecDeque::new(),
            lines: VecDeque::new(),
            line_count: 0,
            hop,
            speed: Speed::ONE,
            playing: false,
            asked: false,
            held: false,
            tempo: Tempo::default(),
            chronicle: Chronicle::default(),
            undone: Vec::new(),
            tip: None,
            recalled: 0,
            gauges: Gauges::default(),
            ribbon: Ribbon::default(),
            shape: 0,
            version: 0,
        }
    }

    /// Takes in messages and sentences from before the scene, and the whole history so far.
    pub fn recall(&mut self, recent: Frame, history: Chapter) {
        let shown = self.shown;
        self.show(recent);
        self.chronicle.hear(history);
        (self.shown, self.recalled) = (shown, self.line_count);
    }

    /// Lets `real_ms` milliseconds of the person's time pass. Gives the time up to which the worker should compute
    /// now, if it should.
    pub fn tick(&mut self, real_ms: f64) -> Option<SimTime> {
        if !self.playing || self.held {
            return None;
        }
        // A tab that slept does not leap.
        let ms = real_ms.clamp(0.0, 100.0);
        let computed = self.computed.at.0 as f64;
        let outlook = Outlook::of(self.now, computed, &self.flights, self.queue.iter());
        let factor = self.tempo.factor(ms, self.speed.factor(), self.rate() / self.speed.factor(), outlook);
        let to = (self.now + ms * self.rate() * factor).min(computed);
        self.ribbon.ran(self.now, to, self.speed.factor() * factor);
        self.show_until(to);
        let ahead = self.ahead();
        if self.asked || computed - self.now > ahead / 2.0 {
            return None;
        }
        self.asked = true;
        Some(SimTime((self.now + ahead) as u64 + 1))
    }

    /// How far ahead of the picture the worker is kept, in microseconds of the world.
    fn ahead(&self) -> f64 {
        let least = AHEAD_MS * self.rate();
        if self.tempo.auto { (least * tempo::AHEAD).min(OUTLOOK_US).max(least) } else { least }
    }

    /// Takes what the worker computed, and where history ends if that is later still. `done` says that it has answered
    /// all that it was asked.
    pub fn receive(&mut self, frames: Vec<Frame>, computed: Position, tip: Option<Position>, done: bool) {
        self.queue.extend(frames);
        (self.computed, self.tip) = (computed, tip);
        if done {
            self.asked = false;
        }
        if !self.playing && !self.held {
            self.show_all();
        }
    }

    /// Plays.
    pub fn play(&mut self) {
        self.playing = true;
    }

    /// Pauses. The worker must now go back to where the picture stands ([`Player::now`]) and say so
    /// ([`Player::jump`]).
    pub fn pause(&mut self) {
        self.playing = false;
    }

    /// Shows nothing new until the worker has gone where it was told to.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// Shows another moment. What was computed ahead of the picture and never seen is not part of history.
    pub fn jump(&mut self, sought: Sought) {
        let Sought { frame, tip, undone } = sought;
        for ahead in self.queue.drain(..) {
            ahead.delta.apply(&mut self.scene);
        }
        if let Some(events) = undone {
            self.undone.push(self.chronicle.cut(events));
            self.gauges.cut(frame.position.at.0 as f64);
            self.ribbon.cut(frame.position.at.0 as f64);
        }
        (self.held, self.asked, self.tip) = (false, false, tip);
        (self.computed, self.shown) = (frame.position, frame.position);
        self.now = frame.position.at.0 as f64;
        self.flights.clear();
        self.messages.clear();
        self.lines.clear();
        self.shape += 1;
        self.show(frame);
        self.recalled = self.line_count;
    }

    /// History goes another way after its first `events` events.
    pub fn forget_after(&mut self, events: u64) {
        self.chronicle.cut(events);
        self.gauges.cut(self.now);
        self.ribbon.cut(self.now);
        (self.undone, self.tip) = (Vec::new(), None);
    }

    /// What was undone last has been done again.
    pub fn redone(&mut self) {
        if let Some(chapter) = self.undone.pop() {
            self.chronicle.hear(chapter);
        }
    }

    /// Chooses a speed.
    pub fn set_speed(&mut self, speed: Speed) {
        self.speed = speed;
        self.tempo.chosen();
    }

    /// Whether it runs ahead where nothing happens and slows down before what matters.
    pub fn set_auto_tempo(&mut self, auto: bool) {
        self.tempo.auto = auto;
    }

    /// How fast the picture ran over each stretch of the world.
    pub fn ribbon(&self) -> &Ribbon {
        &self.ribbon
    }

    /// Whether it runs ahead where nothing happens and slows down before what matters.
    pub fn auto_tempo(&self) -> bool {
        self.tempo.auto
    }

    /// By how much the chosen speed is multiplied now.
    pub fn tempo(&self) -> f64 {
        if self.playing { self.tempo.now() } else { 1.0 }
    }

    /// Microseconds of the world in a millisecond of the person's.
    fn rate(&self) -> f64 {
        self.hop.0.max(1) as f64 / HOP_MS * self.speed.factor()
    }

    fn show_all(&mut self) {
        self.show_until(self.computed.at.0 as f64);
        while let Some(frame) = self.queue.pop_front() {
            self.show(frame);
        }
        self.shown = self.computed;
    }

    fn show_until(&mut self, now: f64) {
        self.now = now;
        while self.queue.front().is_some_and(|f| f.position.at.0 as f64 <= now) {
            let frame = self.queue.pop_front().expect("there is a front");
            self.show(frame);
        }
        self.flights.retain(|p| p.in_flight(now));
        self.gauges.look(&self.scene, now);
    }

    fn show(&mut self, frame: Frame) {
        self.shown = frame.position;
        self.shape += u64::from(frame.delta.reshapes(&self.scene));
        self.version += u64::from(!frame.delta.is_empty());
        frame.delta.apply(&mut self.scene);
        for (id, until) in &frame.delayed {
            let delayed = self.flights.iter_mut().chain(self.messages.iter_mut()).filter(|p| p.id == *id);
            delayed.for_each(|p| p.until = *until);
        }
        for mut packet in frame.sent {
            // A frame that holds more than one step tells of a message and of what befell it.
            let fate = frame.delayed.iter().rev().find(|(id, _)| *id == packet.id);
            packet.until = fate.map_or(packet.until, |(_, until)| *until);
            if packet.in_flight(self.now) {
                self.flights.push(packet.clone());
            }
            keep(&mut self.messages, packet);
        }
        self.flights.retain(|p| !frame.lost.contains(&p.id));
        for line in frame.lines {
            self.line_count += 1;
            keep(&mut self.lines, (self.line_count, line));
        }
        self.chronicle.hear(frame.chapter);
    }

    /// What happened so far, and later where the picture stands in the past.
    pub fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    /// Metrics over time.
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// Where history ends, when this is not its end.
    pub fn tip(&self) -> Option<Position> {
        self.tip.filter(|tip| (tip.steps, tip.at) > (self.shown.steps, self.shown.at))
    }

    /// Where history ends, in microseconds.
    pub fn end(&self) -> f64 {
        self.tip.map_or(self.now, |tip| self.now.max(tip.at.0 as f64))
    }

    /// The number of the last line that was told of something before: it is not news.
    pub fn recalled(&self) -> u64 {
        self.recalled
    }

    /// The scene now.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// A number that changes whenever something may stand elsewhere on the stage; see [`Delta::reshapes`].
    pub fn shape(&self) -> u64 {
        self.shape
    }

    /// A number that changes whenever the scene does.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Microseconds since the world's start.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// Where in history the picture is; its time is that of the last step that is shown.
    pub fn position(&self) -> Position {
        self.shown
    }

    /// Messages under way, oldest first.
    pub fn flights(&self) -> &[PacketView] {
        &self.flights
    }

    /// The last messages, oldest first.
    pub fn messages(&self) -> &VecDeque<PacketView> {
        &self.messages
    }

    /// The last lines of the event log with their numbers, oldest first.
    pub fn lines(&self) -> &VecDeque<(u64, Line)> {
        &self.lines
    }

    /// Whether it plays.
    pub fn playing(&self) -> bool {
        self.playing
    }

    /// Its speed.
    pub fn speed(&self) -> Speed {
        self.speed
    }
}

fn keep<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == KEPT {
        list.pop_front();
    }
    list.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(at: u64, steps: u64) -> Frame {
        Frame { position: position(at, steps), ..Frame::default() }
    }

    fn position(at: u64, steps: u64) -> Position {
        Position { at: SimTime(at), steps, events: steps, hash: steps }
    }

    fn player() -> Player {
        Player::new(Scene::default(), Position::default(), SimDuration::from_millis(7))
    }

    #[test]
    fn time_does_not_pass_what_is_computed_and_one_request_is_out() {
        let mut player = player();
        player.set_auto_tempo(false);
        player.play();
        let to = player.tick(16.0).expect("it asks for more");
        assert_eq!(player.now(), 0.0);
        assert_eq!(player.tick(16.0), None, "one request at a time");
        player.receive(vec![frame(50, 1), frame(200, 2)], position(to.0, 2), None, true);
        player.tick(10.0);
        assert_eq!((player.now(), player.position().steps), (100.0, 1));
        player.tick(10.0);
        assert_eq!((player.now(), player.position().steps), (200.0, 2));
        for _ in 0..100 {
            player.tick(100.0);
        }
        assert_eq!(player.now(), to.0 as f64);
    }

    fn line(at: u64, text: &str) -> Line {
        Line { at: SimTime(at), weight: super::super::narrate::Weight::Routine, text: text.into() }
    }

    #[test]
    fn pausing_stays_where_the_picture_is_and_forgets_what_nobody_saw() {
        let mut player = player();
        player.play();
        player.tick(1.0);
        let ahead = Frame { lines: vec![line(500, "ahead")], ..frame(500, 9) };
        player.receive(vec![frame(5, 8), ahead], position(700, 9), None, true);
        player.tick(1.0);
        let now = player.now();
        player.pause();
        player.hold();
        player.receive(vec![frame(650, 10)], position(700, 10), None, true);
        assert_eq!((player.now(), player.position().steps), (now, 8));
        let back = Frame { lines: vec![line(5, "before")], ..frame(10, 8) };
        player.jump(Sought { frame: back, tip: None, undone: None });
        assert_eq!((player.now(), player.position()), (10.0, position(10, 8)));
        let told: Vec<&str> = player.lines().iter().map(|(_, line)| line.text.as_str()).collect();
        assert_eq!((told, player.recalled()), (vec!["before"], 1));
        assert_eq!(player.tick(50.0), None);
        player.receive(vec![frame(900, 9)], position(900, 9), None, true);
        assert_eq!((player.now(), player.position()), (900.0, position(900, 9)), "a step is shown at once");
    }

    #[test]
    fn a_message_that_was_delayed_before_the_moment_is_under_way_at_it() {
        let scene = super::super::fixture::two_faults();
        let mut packets = super::super::fixture::two_faults_traffic(&scene, 12_820_000);
        packets.truncate(2);
        let (held, lost) = (packets[0].id, packets[1].id);
        let (frame, mut player) = (frame(99_000_000, 3), player());
        let frame = Frame { sent: packets, delayed: vec![(held, None)], lost: vec![lost], ..frame };
        player.jump(Sought { frame, tip: Some(position(99_500_000, 4)), undone: None });
        assert_eq!(player.flights().iter().map(|p| p.id).collect::<Vec<_>>(), [held]);
        assert_eq!((player.tip(), player.end()), (Some(position(99_500_000, 4)), 99_500_000.0));
    }

    #[test]
    fn speeds_are_ordered_and_bounded() {
        assert_eq!(Speed::ONE.slower().slower().slower().slower().label(), "1/16×");
        assert_eq!(Speed::of(64.0).map(|s| s.faster().factor()), Some(64.0));
        assert!(Speed::ALL.windows(2).all(|w| w[0].0 < w[1].0) && Speed::nth(7).is_none());
    }
}
