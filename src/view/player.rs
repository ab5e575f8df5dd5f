//! Playback: the page's own clock over what the worker has computed.
//!
//! The worker runs a little ahead and sends frames; the player shows each at its moment. Its time never passes what the
//! worker has computed, so a slow worker slows the picture and blocks nothing. When the player pauses it goes to the
//! end of what is computed: paused, the picture is exactly where the world is, and a command or a step happens where
//! the person sees it happen.

use super::delta::Delta;
use super::narrate::Line;
use super::packet::PacketView;
use super::scene::Scene;
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
    pub const ALL: [(f64, &'static str); 6] =
        [(0.25, "¼×"), (0.5, "½×"), (1.0, "1×"), (4.0, "4×"), (16.0, "16×"), (64.0, "64×")];
    /// Speed 1.
    pub const ONE: Self = Self(2);

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
            shape: 0,
            version: 0,
        }
    }

    /// Takes in messages and sentences from before the scene.
    pub fn recall(&mut self, recent: Frame) {
        let shown = self.shown;
        self.show(recent);
        self.shown = shown;
    }

    /// Lets `real_ms` milliseconds of the person's time pass. Gives the time up to which the worker should compute
    /// now, if it should.
    pub fn tick(&mut self, real_ms: f64) -> Option<SimTime> {
        if !self.playing {
            return None;
        }
        // A tab that slept does not leap.
        let span = real_ms.clamp(0.0, 100.0) * self.rate();
        self.show_until((self.now + span).min(self.computed.at.0 as f64));
        let ahead = AHEAD_MS * self.rate();
        if self.asked || self.computed.at.0 as f64 - self.now > ahead / 2.0 {
            return None;
        }
        self.asked = true;
        Some(SimTime((self.now + ahead) as u64 + 1))
    }

    /// Takes what the worker computed. `done` says that it has answered all that it was asked.
    pub fn receive(&mut self, frames: Vec<Frame>, computed: Position, done: bool) {
        self.queue.extend(frames);
        self.computed = computed;
        if done {
            self.asked = false;
        }
        if !self.playing {
            self.show_all();
        }
    }

    /// Plays.
    pub fn play(&mut self) {
        self.playing = true;
    }

    /// Pauses, where the world is.
    pub fn pause(&mut self) {
        self.playing = false;
        self.show_all();
    }

    /// Chooses a speed.
    pub fn set_speed(&mut self, speed: Speed) {
        self.speed = speed;
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
    }

    fn show(&mut self, frame: Frame) {
        self.shown = frame.position;
        self.shape += u64::from(frame.delta.reshapes(&self.scene));
        self.version += u64::from(!frame.delta.is_empty());
        frame.delta.apply(&mut self.scene);
        self.flights.retain(|p| !frame.lost.contains(&p.id));
        for (id, until) in frame.delayed {
            let delayed = self.flights.iter_mut().chain(self.messages.iter_mut()).filter(|p| p.id == id);
            delayed.for_each(|p| p.until = until);
        }
        for packet in frame.sent {
            if packet.in_flight(self.now) {
                self.flights.push(packet.clone());
            }
            keep(&mut self.messages, packet);
        }
        for line in frame.lines {
            self.line_count += 1;
            keep(&mut self.lines, (self.line_count, line));
        }
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
        player.play();
        let to = player.tick(16.0).expect("it asks for more");
        assert_eq!(player.now(), 0.0);
        assert_eq!(player.tick(16.0), None, "one request at a time");
        player.receive(vec![frame(50, 1), frame(200, 2)], position(to.0, 2), true);
        player.tick(10.0);
        assert_eq!((player.now(), player.position().steps), (100.0, 1));
        player.tick(10.0);
        assert_eq!((player.now(), player.position().steps), (200.0, 2));
        for _ in 0..100 {
            player.tick(100.0);
        }
        assert_eq!(player.now(), to.0 as f64);
    }

    #[test]
    fn pausing_goes_where_the_world_is_and_stays() {
        let mut player = player();
        player.play();
        player.tick(1.0);
        player.receive(vec![frame(500, 1)], position(700, 1), true);
        player.pause();
        assert_eq!((player.now(), player.position()), (700.0, position(700, 1)));
        assert_eq!(player.tick(50.0), None);
        player.receive(vec![frame(900, 2)], position(900, 2), true);
        assert_eq!((player.now(), player.position()), (900.0, position(900, 2)));
    }

    #[test]
    fn speeds_are_ordered_and_bounded() {
        assert_eq!(Speed::ONE.slower().slower().slower().label(), "¼×");
        assert_eq!(Speed::of(64.0).map(|s| s.faster().factor()), Some(64.0));
        assert!(Speed::ALL.windows(2).all(|w| w[0].0 < w[1].0) && Speed::nth(6).is_none());
    }
}
