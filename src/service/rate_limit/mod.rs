//! Holds every key to its limits, exactly.
//!
//! Each key has one log of the requests that it was admitted with in the last minute, and both windows are counted on
//! it. GCRA was measured and set aside for this: with a burst of two it admits three requests in one second, and 99
//! in the first minute of a limit of 50. The log costs 16 bytes for each request of the last minute, and no more time.
//!
//! Times are given by the caller, as what has passed since any fixed start on a monotonic clock. A window of a length
//! `w` that ends at `t` holds what was admitted after `t - w` and up to `t`.

mod log;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use self::log::{AdmissionLog, MINUTE, SECOND};
use crate::domain::rate_limit::RateLimit;

/// How many locks the keys are spread over, so that requests of different keys hardly ever wait for each other.
const SHARDS: usize = 64;

/// How one window stands after a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowState {
    /// Requests that the window admits.
    pub limit: NonZeroU32,
    /// Requests that it would still admit at this moment.
    pub remaining: u32,
    /// After this long without a request all of `limit` is there again; zero when it already is.
    pub resets_in: Duration,
}

/// Whether a request may pass, and how its key stands after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request may pass. If not, it has cost nothing.
    pub allowed: bool,
    /// The window of one second.
    pub second: WindowState,
    /// The window of sixty seconds.
    pub minute: WindowState,
    /// Only on a refusal: exactly after this long a request passes, if nobody else uses the key before.
    pub retry_after: Option<Duration>,
}

/// The limits of all keys on this node.
///
/// A key takes about 150 bytes and 16 for each request of its last minute; one that was idle for a minute is forgotten
/// by [`RateLimiter::sweep`], which loses nothing. Past [`RateLimiter::MAX_KEYS`] keys in one minute, keys that are
/// not known yet are refused until one of the others was idle for a minute: the limits never fail open.
#[derive(Debug)]
pub struct RateLimiter {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    keys_per_shard: usize,
}

#[derive(Debug, Default)]
struct Shard {
    logs: HashMap<Uuid, AdmissionLog>,
    /// Until then no key becomes idle, so a full shard need not be searched.
    full_until: Duration,
    /// The latest time that any call has brought.
    latest: Duration,
}

impl RateLimiter {
    /// How many keys are kept at once: about 200 MB of them, reached only when so many are used within one minute.
    pub const MAX_KEYS: usize = 1_000_000;

    /// A limiter that has seen no request.
    pub fn new() -> Self {
        Self::with_capacity(Self::MAX_KEYS)
    }

    fn with_capacity(keys: usize) -> Self {
        Self {
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            hasher: RandomState::new(),
            keys_per_shard: keys.div_ceil(SHARDS),
        }
    }

    /// Decides on one request of a key, or of a session, by its id at the time `now`, and counts it if it may pass.
    ///
    /// Both windows are looked at before either is touched. Other figures than at the last request take effect at
    /// once, and what was admitted under the old ones still counts.
    pub fn check(&self, key: Uuid, limit: RateLimit, now: Duration) -> Decision {
        self.shard_of(key).check(key, limit, now, self.keys_per_shard)
    }

    /// Forgets the keys that were idle for a minute. Meant to be called every few seconds; each shard is locked on
    /// its own, for well under a millisecond.
    pub fn sweep(&self, now: Duration) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let now = shard.advance(now);
            shard.forget_idle(now);
            shard.logs.shrink_to(64);
        }
    }

    fn shard_of(&self, key: Uuid) -> std::sync::MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(key).to_le_bytes();
        self.shards[usize::from(hash[0]) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Shard {
    fn check(&mut self, key: Uuid, limit: RateLimit, now: Duration, capacity: usize) -> Decision {
        let now = self.advance(now);
        if self.logs.len() >= capacity && !self.logs.contains_key(&key) {
            if self.full_until <= now {
                self.forget_idle(now);
            }
            if self.logs.len() >= capacity {
                return self.refuse_as_full(limit, now);
            }
        }
        self.logs.entry(key).or_default().decide(limit, now)
    }

    /// The time to judge by. Threads read the clock before they get the lock, so that one may bring a time at which
    /// requests still counted that another has forgotten by now.
    fn advance(&mut self, now: Duration) -> Duration {
        self.latest = self.latest.max(now);
        self.latest
    }

    fn forget_idle(&mut self, now: Duration) {
        self.logs.retain(|_, log| {
            let is_idle = log.forget_before(now);
            log.give_back_memory();
            !is_idle
        });
        let first_idle = self.logs.values().map(AdmissionLog::idle_from).min();
        self.full_until = first_idle.unwrap_or_default();
    }

    fn refuse_as_full(&self, limit: RateLimit, now: Duration) -> Decision {
        let retry_after = self.full_until.saturating_sub(now);
        let exhausted = |limit, window: Duration| WindowState {
            limit,
            remaining: 0,
            resets_in: retry_after.max(window),
        };
        Decision {
            allowed: false,
            second: exhausted(limit.per_second(), SECOND),
            minute: exhausted(limit.per_minute(), MINUTE),
            retry_after: Some(retry_after),
        }
    }
}

#[cfg(test)]
mod tests;
