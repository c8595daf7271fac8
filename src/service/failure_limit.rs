//! Slows down those who guess keys.
//!
//! Failed authentications are counted by the client's address and by the public id of the key that was tried. It never
//! locks the holder of a right secret out: a digest is compared in under a microsecond, so the caller first
//! authenticates, and asks for a block only when that failed (or before it begins work that costs more than a
//! comparison, such as Argon2 or a query).

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// Failures that one address may make at once, and in every minute after that. An office behind one address with a
/// few wrong keys stays below it.
const PER_ADDRESS: NonZeroU32 = NonZeroU32::new(30).expect("thirty is not zero");

/// Failures that one public id may cause at once, and in every minute after that, from all addresses together.
const PER_PUBLIC_ID: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");

/// How many addresses, and how many public ids, are remembered; about 20 MB for each. Past it those that failed
/// longest ago are forgotten, which costs an attacker as many addresses as that.
const MAX_REMEMBERED: u64 = 100_000;

/// The longest public id that a key can have, in bytes: what is longer never belonged to a key.
const MAX_PUBLIC_ID: usize = 12;

/// After a minute a count is as if nothing had happened, so it can be forgotten.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// The failed authentications of the last minute.
#[derive(Debug)]
pub struct FailureLimit {
    clock: GivenClock,
    by_address: Cache<IpAddr, Arc<Failures>>,
    by_public_id: Cache<Box<str>, Arc<Failures>>,
}

impl FailureLimit {
    /// A limit that has seen no failure.
    pub fn new() -> Self {
        Self { clock: GivenClock::default(), by_address: bounded(), by_public_id: bounded() }
    }

    /// Counts a failure from this address, on this public id where the attempt had one, at the time `now` since any
    /// fixed start on a monotonic clock.
    pub fn failed(&self, address: IpAddr, public_id: Option<&str>, now: Duration) {
        self.clock.set(now);
        let by_address = self
            .by_address
            .get_with(network(address), || Arc::new(Failures::new(PER_ADDRESS, &self.clock)));
        by_address.count(now);
        if let Some(public_id) = public_id.filter(|id| id.len() <= MAX_PUBLIC_ID) {
            let by_public_id = self
                .by_public_id
                .get_with(public_id.into(), || Arc::new(Failures::new(PER_PUBLIC_ID, &self.clock)));
            by_public_id.count(now);
        }
    }

    /// How long this address is blocked from `now` on; nothing if it is not.
    pub fn blocked_address(&self, address: IpAddr, now: Duration) -> Option<Duration> {
        self.by_address.get(&network(address))?.blocked(now)
    }

    /// How long this public id is blocked from `now` on; nothing if it is not.
    pub fn blocked_public_id(&self, public_id: &str, now: Duration) -> Option<Duration> {
        self.by_public_id.get(public_id)?.blocked(now)
    }
}

impl Default for FailureLimit {
    fn default() -> Self {
        Self::new()
    }
}

fn bounded<K: std::hash::Hash + Eq + Send + Sync + 'static>() -> Cache<K, Arc<Failures>> {
    Cache::builder()
        .max_capacity(MAX_REMEMBERED)
        // moka's own policy would turn newcomers away in a flood, and they are the ones to be counted.
        .eviction_policy(EvictionPolicy::lru())
        .time_to_idle(REMEMBERED_FOR)
        .build()
}

/// The network that one subscriber holds: an IPv4 address, or 64 bits of an IPv6 one (RFC 6177), within which a single
/// machine can choose its address freely.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// The failures of one address or public id.
#[derive(Debug)]
struct Failures {
    limiter: RateLimiter<NotKeyed, InMemoryState, GivenClock, StateInformationMiddleware>,
    /// Nanoseconds since the start. `governor` has no way to ask without taking a token, so the answer is kept.
    blocked_until: AtomicU64,
}

impl Failures {
    fn new(per_minute: NonZeroU32, clock: &GivenClock) -> Self {
        let limiter = RateLimiter::direct_with_clock(Quota::per_minute(per_minute), clock.clone())
            .with_middleware::<StateInformationMiddleware>();
        Self { limiter, blocked_until: AtomicU64::new(0) }
    }

    fn count(&self, now: Duration) {
        let wait = match self.limiter.check() {
            Ok(state) if state.remaining_burst_capacity() > 0 => return,
            Ok(state) => state.quota().replenish_interval(),
            Err(refused) => refused.wait_time_from(self.limiter.clock().now()),
        };
        self.blocked_until.fetch_max(nanoseconds(now + wait), Ordering::Relaxed);
    }

    fn blocked(&self, now: Duration) -> Option<Duration> {
        let until = Duration::from_nanos(self.blocked_until.load(Ordering::Relaxed));
        until.checked_sub(now).filter(|wait| !wait.is_zero())
    }
}

/// A clock that stands where the callers' times have put it.
#[derive(Clone, Debug, Default)]
struct GivenClock(Arc<AtomicU64>);

impl GivenClock {
    fn set(&self, now: Duration) {
        self.0.fetch_max(nanoseconds(now), Ordering::Relaxed);
    }
}

impl Clock for GivenClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_thirtieth_failure_of_an_address_blocks_it_for_two_seconds() {
        let limit = FailureLimit::new();
        for _ in 0..29 {
            limit.failed(address("192.0.2.1"), None, NOW);
            assert_eq!(limit.blocked_address(address("192.0.2.1"), NOW), None);
        }
        limit.failed(address("192.0.2.1"), None, NOW);
        let wait = limit.blocked_address(address("::ffff:192.0.2.1"), NOW).unwrap();
        assert_eq!(wait, Duration::from_secs(2));
        assert_eq!(limit.blocked_address(address("192.0.2.1"), NOW + wait), None);
        assert_eq!(limit.blocked_address(address("192.0.2.2"), NOW), None);
    }

    #[test]
    fn ipv6_is_counted_by_its_network() {
        let limit = FailureLimit::new();
        for host in 0..30 {
            limit.failed(address(&format!("2001:db8:0:1::{host:x}")), None, NOW);
        }
        assert!(limit.blocked_address(address("2001:db8:0:1:ffff::1"), NOW).is_some());
        assert!(limit.blocked_address(address("2001:db8:0:2::1"), NOW).is_none());
    }

    #[test]
    fn a_public_id_is_counted_over_all_addresses() {
        let limit = FailureLimit::new();
        for host in 0..10 {
            limit.failed(IpAddr::from([192, 0, 2, host]), Some("abcdefghijkl"), NOW);
        }
        assert!(limit.blocked_public_id("abcdefghijkl", NOW).is_some());
        assert!(limit.blocked_public_id("abcdefghijkm", NOW).is_none());
    }

    #[test]
    fn what_cannot_be_a_public_id_is_not_kept() {
        let limit = FailureLimit::new();
        let long = "x".repeat(1 << 20);
        for _ in 0..20 {
            limit.failed(address("192.0.2.1"), Some(&long), NOW);
        }
        assert!(limit.blocked_public_id(&long, NOW).is_none());
    }

    proptest! {
        #[test]
        fn whoever_asks_first_gets_no_more_than_the_figure_and_its_burst(gaps in prop::collection::vec(0u64..3000, 1..300)) {
            let limit = FailureLimit::new();
            let mut now = NOW;
            let mut tried = 0u32;
            for gap in gaps {
                now += Duration::from_millis(gap);
                if limit.blocked_address(address("192.0.2.1"), now).is_none() {
                    limit.failed(address("192.0.2.1"), None, now);
                    tried += 1;
                }
            }
            let minutes = now.saturating_sub(NOW).as_secs_f64() / 60.0;
            prop_assert!(f64::from(tried) <= 30.0 * (minutes + 1.0) + 1.0);
        }
    }
}
