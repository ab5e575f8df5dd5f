//! Virtual time: moments and spans, in whole microseconds.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Mul, Sub};
use std::str::FromStr;

/// A moment of the world: microseconds since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SimTime(pub u64);

/// A span of virtual time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SimDuration(pub u64);

impl SimTime {
    /// The world's start.
    pub const ZERO: Self = Self(0);

    /// The span since `earlier`; zero when `earlier` is later than this moment.
    pub fn since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }

    /// Seconds since the world's start.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of whole microseconds.
    pub const fn from_micros(us: u64) -> Self {
        Self(us)
    }

    /// A span of whole milliseconds, the unit of Kafka's `*.ms` settings.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms * 1_000)
    }

    /// A span of whole seconds.
    pub const fn from_secs(s: u64) -> Self {
        Self(s * 1_000_000)
    }

    /// Whole microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// This span less `other`, or zero.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add<SimDuration> for SimTime {
    type Output = Self;
    fn add(self, d: SimDuration) -> Self {
        Self(self.0.saturating_add(d.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, d: SimDuration) {
        *self = *self + d;
    }
}

impl Add for SimDuration {
    type Output = Self;
    fn add(self, d: Self) -> Self {
        Self(self.0.saturating_add(d.0))
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = Self;
    fn sub(self, d: SimDuration) -> Self {
        Self(self.0.saturating_sub(d.0))
    }
}

impl Mul<u64> for SimDuration {
    type Output = Self;
    fn mul(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }
}

/// Seconds with three decimals, as every log line and table of ours prints a moment: `41.200 s`.
impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0 / 1_000_000, self.0 / 1_000 % 1_000)
    }
}

/// The shortest exact form that [`SimDuration::from_str`] reads back: `250ms`, `10s`, `1500us`.
impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            us if us % 1_000_000 == 0 => write!(f, "{}s", us / 1_000_000),
            us if us % 1_000 == 0 => write!(f, "{}ms", us / 1_000),
            us => write!(f, "{us}us"),
        }
    }
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseDurationError;

impl fmt::Display for ParseDurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number with a unit: us, ms, s, m or h, such as 250ms or 1.5s")
    }
}

impl std::error::Error for ParseDurationError {}

/// Reads `250ms`, `10s`, `1.5s`, `2m`, `1h`; a fraction is cut at the microsecond.
impl FromStr for SimDuration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, ParseDurationError> {
        let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(ParseDurationError)?;
        let (number, unit) = text.split_at(unit_at);
        let unit_us: u64 = match unit {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            _ => return Err(ParseDurationError),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if number.ends_with('.') || fraction.len() > 9 {
            return Err(ParseDurationError);
        }
        let whole_us = whole.parse::<u64>().ok().and_then(|n| n.checked_mul(unit_us)).ok_or(ParseDurationError)?;
        let fraction_us = match fraction {
            "" => 0,
            digits => {
                let n: u128 = digits.parse().map_err(|_| ParseDurationError)?;
                (n * u128::from(unit_us) / 10u128.pow(digits.len() as u32)) as u64
            }
        };
        whole_us.checked_add(fraction_us).map(Self).ok_or(ParseDurationError)
    }
}

/// The earlier of two optional moments.
pub fn earlier(a: Option<SimTime>, b: Option<SimTime>) -> Option<SimTime> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, us) in
            [("250ms", 250_000), ("10s", 10_000_000), ("1.5s", 1_500_000), ("2m", 120_000_000), ("7us", 7)]
        {
            assert_eq!(text.parse(), Ok(SimDuration(us)), "{text}");
            assert_eq!(SimDuration(us).to_string().parse(), Ok(SimDuration(us)), "{text}");
        }
        for bad in ["", "10", "ms", "1.s", "-1s", "1 s", "1d", "99999999999999999999s", ".5s", "1.2.3s"] {
            assert_eq!(bad.parse::<SimDuration>(), Err(ParseDurationError), "{bad}");
        }
    }

    #[test]
    fn moments_print_in_milliseconds() {
        assert_eq!(SimTime(41_200_999).to_string(), "41.200 s");
    }
}
