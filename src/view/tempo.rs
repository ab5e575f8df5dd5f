//! Tempo: how fast the picture runs, beside the speed that the person chose. It warps only what is seen; the clock always
//! shows the world's time.
//!
//! Where nothing happens but heartbeats, empty fetches and timeouts it runs ahead; just before something that matters it
//! slows down, and comes back slowly.

use super::chronicle::MarkKind;
use super::packet::PacketView;
use super::player::Frame;

/// How much faster than chosen it runs ahead.
pub(super) const AHEAD: f64 = 64.0;
/// As slow as this speed it gets before something that matters.
const SLOW: f64 = 0.25;
/// In how many milliseconds of the person's time it comes back to the chosen speed.
const BACK_MS: f64 = 400.0;
/// In how many it slows down.
const SLOWING_MS: f64 = 120.0;
/// For how many milliseconds the person's own choice of a speed wins.
const CHOSEN_MS: f64 = 5_000.0;
/// How long the last bit before something happens takes at least, in milliseconds.
const ARRIVE_MS: f64 = 120.0;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tempo {
    /// Whether it does anything.
    pub(super) auto: bool,
    /// By how much the chosen speed is multiplied now.
    factor: f64,
    /// For how long the person's choice still wins.
    chosen_ms: f64,
}

impl Default for Tempo {
    fn default() -> Self {
        Self { auto: true, factor: 1.0, chosen_ms: 0.0 }
    }
}

/// What lies before the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outlook {
    /// Microseconds until something that matters, if that is known.
    pub(super) matter: Option<f64>,
    /// Microseconds until anything at all happens that is not idle; nothing when something is under way.
    pub(super) calm: Option<f64>,
}

impl Outlook {
    /// Looks at what is under way and at what is computed ahead of `now`, until `computed` (microseconds).
    pub(super) fn of<'a>(
        now: f64,
        computed: f64,
        flights: &[PacketView],
        queue: impl Iterator<Item = &'a Frame> + Clone,
    ) -> Self {
        let until = |frame: &Frame| (frame.position.at.0 as f64 - now).max(0.0);
        let matter = queue.clone().find(|frame| frame.chapter.marks.iter().any(|mark| slows(mark.kind))).map(until);
        let busy = flights.iter().any(|packet| !packet.is_idle());
        let stirs = |frame: &&Frame| frame.sent.iter().any(|p| !p.is_idle()) || !frame.chapter.is_empty();
        let calm = queue.into_iter().find(stirs).map_or(computed - now, until);
        Self { matter, calm: (!busy).then_some(calm) }
    }
}

fn slows(kind: MarkKind) -> bool {
    !kind.is_command() && kind != MarkKind::Unfenced
}

impl Tempo {
    /// The person has chosen a speed.
    pub(super) fn chosen(&mut self) {
        (self.chosen_ms, self.factor) = (CHOSEN_MS, 1.0);
    }

    /// By how much the chosen `speed` is multiplied for the next `ms` milliseconds; at speed 1 a millisecond of the
    /// person's is `rate` microseconds of the world's.
    pub(super) fn factor(&mut self, ms: f64, speed: f64, rate: f64, outlook: Outlook) -> f64 {
        self.chosen_ms = (self.chosen_ms - ms).max(0.0);
        if !self.auto || self.chosen_ms > 0.0 {
            self.factor = 1.0;
            return 1.0;
        }
        let slow = (SLOW / speed).min(1.0);
        // A matter is near when at the chosen speed it would come within the time that slowing down takes.
        let near = outlook.matter.is_some_and(|matter| matter <= rate * speed * SLOWING_MS * 2.0);
        let calm = outlook.calm.filter(|_| !near).map_or(1.0, |calm| {
            let arrive = calm / (rate * speed * ARRIVE_MS);
            arrive.clamp(1.0, AHEAD)
        });
        let target = if near { slow } else { calm };
        if target > 1.0 {
            self.factor = target;
        } else {
            let span = if target < self.factor { SLOWING_MS } else { BACK_MS };
            let step = (1.0 - slow).max(0.01) * ms / span;
            // What ran ahead stops running ahead at once.
            self.factor = self.factor.min(1.0);
            self.factor =
                if target < self.factor { (self.factor - step).max(target) } else { (self.factor + step).min(target) };
        }
        self.factor
    }

    /// The factor that was last given.
    pub(super) fn now(self) -> f64 {
        self.factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Microseconds of the world's in a millisecond of the person's at speed 1, as in the teaching network.
    const RATE: f64 = 25_000.0 / 700.0;

    #[test]
    fn it_runs_ahead_where_nothing_happens_and_arrives_gently() {
        let mut tempo = Tempo::default();
        let far = Outlook { matter: None, calm: Some(9e6) };
        assert_eq!(tempo.factor(16.0, 1.0, RATE, far), AHEAD);
        let near = Outlook { matter: None, calm: Some(RATE * 240.0) };
        assert!((tempo.factor(16.0, 1.0, RATE, near) - 2.0).abs() < 1e-9);
        assert_eq!(tempo.factor(16.0, 1.0, RATE, Outlook { matter: None, calm: None }), 1.0, "something is under way");
    }

    #[test]
    fn it_slows_down_before_what_matters_and_comes_back() {
        let mut tempo = Tempo::default();
        let matter = Outlook { matter: Some(1_000.0), calm: None };
        let seen: Vec<f64> = (0..20).map(|_| tempo.factor(16.0, 1.0, RATE, matter)).collect();
        assert!(seen.windows(2).all(|w| w[1] <= w[0]) && seen[19] == 0.25, "{seen:?}");
        let back: Vec<f64> = (0..30).map(|_| tempo.factor(16.0, 1.0, RATE, Outlook::default())).collect();
        assert!(back[10] < 0.8 && back[29] == 1.0, "{back:?}");
        let mut fast = Tempo::default();
        let seen: Vec<f64> = (0..20).map(|_| fast.factor(16.0, 16.0, RATE, matter)).collect();
        assert!((seen[19] * 16.0 - 0.25).abs() < 1e-9, "as slow as that whatever the speed");
    }

    #[test]
    fn the_persons_choice_wins_for_a_while() {
        let mut tempo = Tempo::default();
        tempo.chosen();
        let far = Outlook { matter: None, calm: Some(9e6) };
        assert_eq!(tempo.factor(4_000.0, 1.0, RATE, far), 1.0);
        assert_eq!(tempo.factor(2_000.0, 1.0, RATE, far), AHEAD);
        tempo.auto = false;
        assert_eq!(tempo.factor(16.0, 1.0, RATE, far), 1.0);
    }
}
