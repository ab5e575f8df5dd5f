//! How long Kafka waits before it tries again.

use super::{Rng, SimDuration};

/// KIP-580 (`ExponentialBackoff`): `backoff` doubles with each failed try up to `max`, with 20 % either way at random but
/// never above `max`. A `max` that is not above `backoff` is the wait itself, without randomness.
pub fn exponential_backoff(failures: u32, backoff: SimDuration, max: SimDuration, rng: &mut Rng) -> SimDuration {
    if max.0 <= backoff.0 {
        return max;
    }
    let doubled = backoff.0.saturating_mul(1 << failures.saturating_sub(1).min(20));
    SimDuration(rng.jittered(doubled.min(max.0), 20).min(max.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_the_most() {
        let mut rng = Rng::stream(1, "backoff");
        let (backoff, max) = (SimDuration::from_millis(100), SimDuration::from_secs(1));
        let mut bounds = |failures| {
            let draws = (0..2_000).map(|_| exponential_backoff(failures, backoff, max, &mut rng).as_millis());
            draws.fold((u64::MAX, 0), |(least, most), draw| (least.min(draw), most.max(draw)))
        };
        assert_eq!((bounds(1), bounds(3), bounds(9)), ((80, 119), (320, 479), (800, 1_000)));
        assert_eq!(exponential_backoff(3, max, max, &mut rng), max);
        assert_eq!(exponential_backoff(3, max, backoff, &mut rng), backoff);
    }
}
