//! What a producer's application sends by itself: how often, with which keys, of what size.

use crate::base::{Rng, SimDuration, SimTime, earlier};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What a producer sends by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// The time between two records of a steady flow.
    pub interval: Option<SimDuration>,
    /// Many records at a time, again and again.
    pub burst: Option<Burst>,
    /// How keys are drawn.
    pub keys: Keys,
    /// Length in bytes of each value, least and most; each length is as likely.
    pub value_size: (usize, usize),
}

/// Records that are sent all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Burst {
    /// How many.
    pub records: u32,
    /// The time from one burst to the next.
    pub interval: SimDuration,
}

/// How a workload draws keys. Keys are called `key-00`, `key-01` …
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keys {
    /// No keys.
    None,
    /// One of this many keys, each as likely.
    Uniform(u32),
    /// One of this many keys, the n-th 1/n^s times as likely as the first.
    Zipf {
        /// How many keys there are.
        keys: u32,
        /// The exponent s in thousandths, from 1 on.
        exponent_thousandths: u32,
    },
    /// One of this many keys, of which the first has a share of its own and the others the rest.
    Hot {
        /// How many keys there are, the hot one included.
        keys: u32,
        /// The hot key's share of the records, in thousandths.
        share_thousandths: u32,
    },
}

impl Workload {
    /// Bytes of a value, least and most, unless somebody says otherwise.
    pub const VALUE_SIZE: (usize, usize) = (100, 100);

    /// A record every `interval`, with values of one size.
    pub fn steady(interval: SimDuration, keys: Keys, value_size: usize) -> Self {
        Self { interval: Some(interval), burst: None, keys, value_size: (value_size, value_size) }
    }
}

impl Keys {
    /// Draws the next key.
    pub fn draw(&self, rng: &mut Rng) -> Option<Bytes> {
        let index = match *self {
            Self::None => return None,
            Self::Uniform(keys) => rng.below(u64::from(keys)),
            Self::Zipf { keys, exponent_thousandths } => zipf(keys, f64::from(exponent_thousandths) / 1e3, rng) - 1,
            Self::Hot { keys, share_thousandths } => match rng.below(1_000) < u64::from(share_thousandths) {
                true => 0,
                false if keys < 2 => 0,
                false => 1 + rng.below(u64::from(keys) - 1),
            },
        };
        Some(format!("key-{index:02}").into())
    }
}

/// A number from 1 to `n` by Zipf's law with this exponent: rejection-inversion (Hörmann and Derflinger 1996), which
/// needs no table however many numbers there are.
fn zipf(n: u32, exponent: f64, rng: &mut Rng) -> u64 {
    // The integral of x^-s and its inverse, written so that an exponent near 1 loses nothing.
    let helper = |x: f64| if libm::fabs(x) > 1e-8 { libm::expm1(x) / x } else { 1.0 + x / 2.0 };
    let helper_inverse = |x: f64| if libm::fabs(x) > 1e-8 { libm::log1p(x) / x } else { 1.0 - x / 2.0 };
    let integral = |x: f64| helper((1.0 - exponent) * libm::log(x)) * libm::log(x);
    let inverse = |y: f64| libm::exp(helper_inverse((y * (1.0 - exponent)).max(-1.0)) * y);
    let weight = |x: f64| libm::exp(-exponent * libm::log(x));
    let (from, to) = (integral(1.5) - 1.0, integral(f64::from(n) + 0.5));
    let sure = 2.0 - inverse(integral(2.5) - weight(2.0));
    loop {
        let unit = rng.below(1 << 53) as f64 / (1u64 << 53) as f64;
        let drawn = to + unit * (from - to);
        let x = inverse(drawn);
        let k = libm::floor(x + 0.5).clamp(1.0, f64::from(n));
        if k - x <= sure || drawn >= integral(k + 0.5) - weight(k) {
            return k as u64;
        }
    }
}

/// A workload as it runs: an application that waits in `send` makes no further records meanwhile.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) workload: Workload,
    next_record_at: Option<SimTime>,
    next_burst_at: Option<SimTime>,
    left_of_burst: u32,
    produced: u64,
}

impl Work {
    pub(super) fn new(workload: Workload) -> Self {
        Self { workload, next_record_at: None, next_burst_at: None, left_of_burst: 0, produced: 0 }
    }

    /// The application begins.
    pub(super) fn start(&mut self, now: SimTime) {
        self.next_record_at = self.workload.interval.map(|_| now);
        self.next_burst_at = self.workload.burst.map(|_| now);
    }

    /// When it makes its next record.
    pub(super) fn next_at(&self) -> Option<SimTime> {
        match self.left_of_burst {
            0 => earlier(self.next_record_at, self.next_burst_at),
            _ => Some(SimTime::ZERO),
        }
    }

    /// Its next record if one is due: key and value.
    pub(super) fn next(&mut self, name: &str, now: SimTime, rng: &mut Rng) -> Option<(Option<Bytes>, Bytes)> {
        let due = |at: Option<SimTime>| at.filter(|at| *at <= now);
        if let (Some(burst), 0, Some(_)) = (self.workload.burst, self.left_of_burst, due(self.next_burst_at)) {
            self.left_of_burst = burst.records;
            self.next_burst_at = Some(now + burst.interval);
        }
        if self.left_of_burst > 0 {
            self.left_of_burst -= 1;
        } else {
            // After a wait it goes on at its pace and does not make up for what it missed.
            let at = due(self.next_record_at)?;
            let interval = self.workload.interval.expect("only a steady flow has a next record");
            self.next_record_at = Some((at + interval).max(now));
        }
        self.produced += 1;
        let (least, most) = self.workload.value_size;
        let size = least + rng.below((most - least) as u64 + 1) as usize;
        Some((self.workload.keys.draw(rng), self.value(name, size)))
    }

    /// A value of `size` bytes: the producer's name and a count, padded or cut.
    fn value(&self, name: &str, size: usize) -> Bytes {
        let mut text = format!("{name} #{}", self.produced).into_bytes();
        text.resize(size, b'.');
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each of the first three of `keys` came in 20,000 draws, in per cent.
    fn shares(keys: Keys) -> [u64; 3] {
        let mut rng = Rng::stream(1, "keys");
        let mut counts = [0; 3];
        for _ in 0..20_000 {
            let key = keys.draw(&mut rng).expect("there are keys");
            let at = (0..3).find(|n| key == format!("key-{n:02}"));
            at.into_iter().for_each(|n| counts[n] += 1);
        }
        counts.map(|count| count / 200)
    }

    #[test]
    fn keys_come_as_often_as_they_should() {
        assert!(shares(Keys::Uniform(4)).iter().all(|share| (24..=26).contains(share)));
        let [hot, other, _] = shares(Keys::Hot { keys: 11, share_thousandths: 800 });
        assert!((79..=81).contains(&hot) && (1..=2).contains(&other));
        // Exponent 1 over 10 keys: 1/2.929, half of it, a third of it.
        let [first, second, third] = shares(Keys::Zipf { keys: 10, exponent_thousandths: 1_000 });
        assert!((33..=35).contains(&first) && (16..=18).contains(&second) && (10..=12).contains(&third));
        // Exponent 2 over a million: 6/pi^2, a quarter of it, a ninth of it.
        let [first, second, third] = shares(Keys::Zipf { keys: 1_000_000, exponent_thousandths: 2_000 });
        assert!((59..=62).contains(&first) && (14..=16).contains(&second) && (6..=7).contains(&third));
        assert_eq!(shares(Keys::Zipf { keys: 1, exponent_thousandths: 500 })[0], 100);
        assert_eq!(shares(Keys::Hot { keys: 1, share_thousandths: 500 })[0], 100);
    }

    #[test]
    fn bursts_and_flow_go_side_by_side() {
        let burst = Some(Burst { records: 3, interval: SimDuration(100) });
        let workload = Workload { burst, ..Workload::steady(SimDuration(40), Keys::None, 20) };
        let mut work = Work::new(Workload { value_size: (20, 30), ..workload });
        let mut rng = Rng::stream(1, "work");
        work.start(SimTime(0));
        let mut counts = Vec::new();
        for now in [0, 40, 80, 100, 120] {
            let records = std::iter::from_fn(|| work.next("p", SimTime(now), &mut rng));
            counts.push(records.inspect(|(_, value)| assert!((20..=30).contains(&value.len()))).count());
        }
        assert_eq!((counts, work.next_at()), (vec![4, 1, 1, 3, 1], Some(SimTime(160))));
    }
}
