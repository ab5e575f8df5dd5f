//! How fast the picture ran over each stretch of the world: the ribbon of tempo. It is about the watching, not about the
//! world, so it is kept with the picture and in no save.

use crate::base::SortedMap;

/// The ribbon's grain, in microseconds of the world.
const GRAIN_US: f64 = 250_000.0;
/// At most so many grains are kept; the oldest go first.
const GRAINS: usize = 20_000;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Ribbon {
    /// The speed by grain: 1 where a hop takes its usual time on screen.
    speeds: SortedMap<u64, f32>,
}

/// A stretch of a timeline with one speed. Places are fractions of its width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// How thick the ribbon is, from 0 at the slowest to 1 at the fastest.
    pub thickness: f64,
}

impl Ribbon {
    /// The picture ran from one moment to another, in microseconds, at a speed.
    pub(super) fn ran(&mut self, from: f64, to: f64, speed: f64) {
        if to <= from {
            return;
        }
        for grain in (from / GRAIN_US) as u64..=(to / GRAIN_US) as u64 {
            self.speeds.insert(grain, speed as f32);
        }
        while self.speeds.len() > GRAINS {
            self.speeds.pop_first();
        }
    }

    /// History goes another way after a moment.
    pub(super) fn cut(&mut self, after: f64) {
        drop(self.speeds.split_off(&((after / GRAIN_US) as u64 + 1)));
    }

    /// The ribbon of a timeline that ends at `end` microseconds, in at most `most` pieces. Where the picture never ran
    /// there is none.
    pub fn pieces(&self, end: f64, most: usize) -> Vec<Piece> {
        let width = (end / most.max(1) as f64).max(GRAIN_US);
        let mut out: Vec<Piece> = Vec::new();
        let mut place: Option<(u64, f32)> = None;
        let mut put = |(n, speed): (u64, f32)| {
            let (from, to) = (n as f64 * width / end, ((n + 1) as f64 * width / end).min(1.0));
            let thickness = thickness(f64::from(speed));
            match out.last_mut().filter(|last| last.thickness == thickness && from - last.to < 1e-9) {
                Some(last) => last.to = to,
                None => out.push(Piece { from, to, thickness }),
            }
        };
        for (grain, speed) in &self.speeds {
            let n = (*grain as f64 * GRAIN_US / width) as u64;
            place = match place {
                // What was slowed for a moment is seen, however long the session is.
                Some((at, slowest)) if at == n => Some((n, slowest.min(*speed))),
                before => {
                    before.into_iter().for_each(&mut put);
                    Some((n, *speed))
                }
            };
        }
        place.into_iter().for_each(&mut put);
        out
    }
}

/// A speed as a part of the ribbon's height, in sixteenths: each doubling is as much thicker.
fn thickness(speed: f64) -> f64 {
    let mut doublings = 0_i32;
    let mut left = speed.clamp(1.0 / 64.0, 4_096.0);
    while left >= 1.5 {
        (left, doublings) = (left / 2.0, doublings + 1);
    }
    while left <= 0.75 {
        (left, doublings) = (left * 2.0, doublings - 1);
    }
    f64::from((doublings + 6).clamp(1, 16)) / 16.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_thin_where_it_was_slow_and_nowhere_where_it_never_ran() {
        let mut ribbon = Ribbon::default();
        ribbon.ran(0.0, 4e6, 1.0);
        ribbon.ran(4e6, 4.9e6, 0.25);
        ribbon.ran(6e6, 8e6, 64.0);
        let pieces = ribbon.pieces(10e6, 40);
        let places: Vec<(f64, f64)> = pieces.iter().map(|p| (p.from, p.to)).collect();
        assert_eq!(places, [(0.0, 0.4), (0.4, 0.5), (0.6, 0.825)]);
        assert!(pieces[1].thickness < pieces[0].thickness && pieces[0].thickness < pieces[2].thickness, "{pieces:?}");
        ribbon.cut(5e6);
        assert_eq!(ribbon.pieces(10e6, 40).len(), 2);
        ribbon.ran(0.0, 5e6, 1.0);
        assert_eq!(ribbon.pieces(10e6, 40).len(), 1, "what is watched again is as it was watched last");
    }

    #[test]
    fn a_long_session_has_few_pieces() {
        let mut ribbon = Ribbon::default();
        for n in 0..3_600 {
            let at = f64::from(n) * 1e6;
            ribbon.ran(at, at + 1e6, if n % 2 == 0 { 0.25 } else { 16.0 });
        }
        assert!(ribbon.pieces(3_600e6, 200).len() <= 200);
    }
}
