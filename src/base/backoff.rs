//! How long Kafka waits before it tries again.

use super::{Rng, SimDuration};

/// KIP-580: `backoff` doubles with each failed try up to `max`, then 20 % either way at random (`ExponentialBackoff`).
pub fn exponential_backoff(failures: u32, backoff: SimDuration, max: SimDuration, rng: &mut Rng) -> SimDuration {
    let doubled = backoff.0.saturating_mul(1 << failures.saturating_sub(1).min(20));
    SimDuration(rng.jittered(doubled.min(max.0), 20))
}
