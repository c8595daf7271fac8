//! Slows down those who try one thing after another: attempts are taken before the work, and given back when they were
//! right, so that a thousand at once are no more than a thousand in a row.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// How many names are remembered. Past it those that tried longest ago are forgotten.
const MAX_REMEMBERED: u64 = 100_000;

/// So many attempts at once, and then one in every so long, for each name.
#[derive(Debug)]
pub struct AttemptLimit {
    at_once: u32,
    every: Duration,
    /// When each name has all of its attempts back, since any fixed start on a monotonic clock (a GCRA, whose attempts
    /// can be given back).
    full_at: Cache<Box<str>, Arc<Mutex<Duration>>>,
}

impl AttemptLimit {
    /// A limit that has seen no attempt.
    pub fn new(at_once: u32, every: Duration) -> Self {
        let full_at = Cache::builder()
            .max_capacity(MAX_REMEMBERED)
            // moka's own policy would turn newcomers away in a flood, and they are the ones to be counted.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(every * at_once)
            .build();
        Self { at_once, every, full_at }
    }

    /// Takes an attempt at the time `now`, or says how long to wait for one.
    pub fn take(&self, name: &str, now: Duration) -> Result<(), Duration> {
        let full_at = self.full_at.get_with(name.into(), Arc::default);
        let mut full_at = full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let then = (*full_at).max(now) + self.every;
        let room = now + self.every * self.at_once;
        if let Some(wait) = then.checked_sub(room).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        *full_at = then;
        Ok(())
    }

    /// Gives an attempt back that was right.
    pub fn give_back(&self, name: &str) {
        if let Some(full_at) = self.full_at.get(name) {
            let mut full_at = full_at.lock().unwrap_or_else(PoisonError::into_inner);
            *full_at = full_at.saturating_sub(self.every);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn attempts_come_back_with_time_or_when_they_were_right() {
        let limit = AttemptLimit::new(3, SECOND);
        let now = 100 * SECOND;
        for _ in 0..3 {
            assert_eq!(limit.take("ada", now), Ok(()));
        }
        assert_eq!(limit.take("ada", now), Err(SECOND));
        assert_eq!(limit.take("eve", now), Ok(()));
        limit.give_back("ada");
        assert_eq!(limit.take("ada", now), Ok(()));
        assert_eq!(limit.take("ada", now + SECOND / 2), Err(SECOND / 2));
        assert_eq!(limit.take("ada", now + SECOND), Ok(()));
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_the_figure(gaps in prop::collection::vec(0_u64..3000, 1..200)) {
            let limit = AttemptLimit::new(5, SECOND);
            let (mut now, mut taken) = (Duration::ZERO, 0_u32);
            for gap in gaps {
                now += Duration::from_millis(gap);
                taken += u32::from(limit.take("ada", now).is_ok());
            }
            prop_assert!(f64::from(taken) <= 5.0 + now.as_secs_f64());
        }
    }
}
