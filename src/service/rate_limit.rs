//! Holds every key to its figures, on this node.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::id::ApiKeyId;
use crate::domain::rate_limit::{AdmissionLog, Decision, RateLimit, WindowState};

/// Locks, so that requests with different keys hardly ever wait for each other.
const SHARDS: usize = 64;

/// How often a shard that is full looks for keys that have fallen idle: each look goes through all of it.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The limits of all keys.
///
/// Times are passed in, as counted from any fixed moment by a clock that never goes back. What has to be remembered
/// of a key is what it was admitted in the last minute: about a hundred bytes and 8 more for each request, and nothing
/// at all once [`RateLimiter::sweep`] finds it idle. `governor` has no part in this, because its buckets are not exact
/// (see [`AdmissionLog`]); it counts failed authentications in [`super::failure_limit`].
#[derive(Debug)]
pub struct RateLimiter {
    shards: Vec<Mutex<Shard>>,
    keys_per_shard: usize,
}

#[derive(Debug, Default)]
struct Shard {
    keys: HashMap<ApiKeyId, AdmissionLog>,
    /// Until then no room is looked for.
    full_until: Duration,
    /// The latest time that any call has brought.
    latest: Duration,
}

impl RateLimiter {
    /// How many keys are remembered at once, unless said otherwise: as many as may send in one minute on one node.
    pub const MAX_KEYS: usize = 1_000_000;

    /// Limits that remember at most about `max_keys` keys.
    ///
    /// Beyond that a key that was not used in the last minute is refused until one of the others has been idle for a
    /// minute. To forget a key in use instead would let it go too fast, and only holders of good keys can get here.
    pub fn new(max_keys: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            keys_per_shard: max_keys.div_ceil(SHARDS),
        }
    }

    /// Decides about a request that comes with `key` at `now`.
    ///
    /// `limit` are the figures that count for this request; other figures at the next one forget nothing.
    pub fn check(&self, key: ApiKeyId, limit: RateLimit, now: Duration) -> Decision {
        let mut shard = self.shard(key);
        let now = shard.advance(now);
        if let Some(log) = shard.keys.get_mut(&key) {
            return log.ask(limit, now);
        }
        match shard.make_room(self.keys_per_shard, now) {
            Ok(()) => shard.keys.entry(key).or_default().ask(limit, now),
            Err(retry_after) => no_room(limit, retry_after),
        }
    }

    /// Forgets the keys that have been idle for a minute. Meant to be called about every half minute.
    pub fn sweep(&self, now: Duration) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            let now = shard.advance(now);
            shard.sweep(now);
        }
    }

    /// Keys remembered at the moment.
    pub fn keys(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).keys.len()).sum()
    }

    fn shard(&self, key: ApiKeyId) -> MutexGuard<'_, Shard> {
        // The last bits of an id are random (RFC 9562, section 5.7); its first ones are the time.
        let [.., last] = key.as_uuid().into_bytes();
        lock(&self.shards[usize::from(last) % SHARDS])
    }
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self::new(Self::MAX_KEYS)
    }
}

impl Shard {
    /// The time to judge by: threads read the clock before they get the lock, so one may bring a time at which
    /// admissions still counted that another has already forgotten.
    fn advance(&mut self, now: Duration) -> Duration {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// Makes sure that one more key fits in, or tells when that is worth another try.
    fn make_room(&mut self, capacity: usize, now: Duration) -> Result<(), Duration> {
        if self.keys.len() < capacity {
            return Ok(());
        }
        if now >= self.full_until {
            let first_idle = self.sweep(now).unwrap_or(now);
            self.full_until = first_idle.max(now + LOOK_AGAIN_AFTER);
        }
        if self.keys.len() < capacity { Ok(()) } else { Err(self.full_until.saturating_sub(now)) }
    }

    /// Tells when the first of the keys that stay will be idle.
    fn sweep(&mut self, now: Duration) -> Option<Duration> {
        let mut first_idle: Option<Duration> = None;
        self.keys.retain(|_, log| {
            let idle_at = log.shed(now);
            first_idle = first_idle.into_iter().chain(idle_at).min();
            idle_at.is_some()
        });
        if self.keys.capacity() > 64.max(self.keys.len() * 4) {
            self.keys.shrink_to(self.keys.len() * 2);
        }
        first_idle
    }
}

fn no_room(limit: RateLimit, retry_after: Duration) -> Decision {
    let full = |figure: u32| WindowState { limit: figure, remaining: 0, resets_in: retry_after };
    Decision {
        allowed: false,
        second: full(limit.per_second().get()),
        minute: full(limit.per_minute().get()),
        retry_after: Some(retry_after),
    }
}

/// A thread that panicked while it held the lock left at worst one admission unwritten.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const START: Duration = Duration::from_hours(1);

    fn limit(per_second: u32, per_minute: u32) -> RateLimit {
        RateLimit::new(per_second, per_minute).expect("these are within bounds")
    }

    fn key(number: u128) -> ApiKeyId {
        Uuid::from_u128(number).into()
    }

    #[test]
    fn a_thousand_threads_on_one_key_get_what_one_gets() {
        for (limit, expected) in [(limit(1000, 50), 50), (limit(2, 50), 2), (limit(500, 2000), 500)]
        {
            let (limiter, key) = (RateLimiter::default(), ApiKeyId::generate());
            let (admitted, together) = (AtomicUsize::new(0), Barrier::new(1000));

            thread::scope(|scope| {
                for _ in 0..1000 {
                    scope.spawn(|| {
                        together.wait();
                        if limiter.check(key, limit, START).allowed {
                            admitted.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });

            assert_eq!(admitted.into_inner(), expected);
        }
    }

    #[test]
    fn keys_do_not_share_their_limits() {
        let limiter = RateLimiter::default();
        for number in 0..1000 {
            assert!(limiter.check(key(number), limit(1, 1), START).allowed);
            assert!(!limiter.check(key(number), limit(1, 1), START).allowed);
        }
    }

    #[test]
    fn idle_keys_are_forgotten_and_others_are_not() {
        let limiter = RateLimiter::default();
        for number in 0..1000 {
            limiter.check(key(number), limit(2, 50), START);
        }
        limiter.check(key(7), limit(2, 50), START + Duration::from_secs(30));

        limiter.sweep(START + Duration::from_mins(1));
        assert_eq!(limiter.keys(), 1);
        limiter.sweep(START + Duration::from_secs(90));
        assert_eq!(limiter.keys(), 0);
    }

    #[test]
    fn when_full_it_refuses_strangers_and_tells_them_when_to_come_back() {
        let limiter = RateLimiter::new(SHARDS);
        let (first, second) = (key(0), key(u128::from(u64::MAX) + 1));
        assert!(limiter.check(first, limit(2, 50), START).allowed);

        let later = START + Duration::from_secs(20);
        let refused = limiter.check(second, limit(2, 50), later);
        assert_eq!(refused.retry_after, Some(Duration::from_secs(40)));
        assert!(limiter.check(first, limit(2, 50), later).allowed);

        // The first came again meanwhile, so there is still no room, and that is found out only now.
        let refused = limiter.check(second, limit(2, 50), START + Duration::from_mins(1));
        assert_eq!(refused.retry_after, Some(Duration::from_secs(20)));
        assert!(limiter.check(second, limit(2, 50), later + Duration::from_mins(1)).allowed);
        assert_eq!(limiter.keys(), 1);
    }

    #[test]
    fn a_late_request_finds_what_a_sweep_forgot() {
        let limiter = RateLimiter::default();
        assert!(limiter.check(key(1), limit(1, 1), START).allowed);

        let minute = Duration::from_mins(1);
        limiter.sweep(START + minute);
        let late = limiter.check(
            key(1),
            limit(1, 1),
            (START + minute).saturating_sub(Duration::from_nanos(1)),
        );
        assert!(late.allowed);
        // It was taken for one at the time of the sweep, so the next minute begins there.
        let next = limiter.check(key(1), limit(1, 1), START + minute);
        assert_eq!(next.retry_after, Some(minute));
    }

    proptest! {
        #[test]
        fn sweeping_changes_no_decision(
            steps in proptest::collection::vec((0..3_u128, 0..70_000_u64, any::<bool>()), 1..200)
        ) {
            let (swept, left_alone) = (RateLimiter::default(), RateLimiter::default());
            let mut now = START;
            for (number, gap, sweep) in steps {
                now += Duration::from_millis(gap / 20);
                if sweep {
                    swept.sweep(now);
                }
                let decision = swept.check(key(number), limit(2, 10), now);
                prop_assert_eq!(decision, left_alone.check(key(number), limit(2, 10), now));
            }
        }
    }
}
