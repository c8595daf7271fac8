//! Slows down those who try keys that are none.
//!
//! The holder of a right secret is never locked out by the failures of others: to compare a digest costs less than a
//! microsecond, so a caller compares first, and asks here only about attempts that are not known to be good and would
//! cost a query or an Argon2 hash to judge. (Guessing is hopeless at any speed: a secret has 190 bits.)

use std::fmt::Debug;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use moka::Entry;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// Failures from one address that go unpunished at once; after that, as many in a minute. An office behind one address
/// that has a few programs with outdated keys stays below it.
const PER_ADDRESS: NonZeroU32 = NonZeroU32::new(30).expect("it is not zero");

/// The same for one public id, whichever addresses the attempts come from.
const PER_PUBLIC_ID: NonZeroU32 = NonZeroU32::new(10).expect("it is not zero");

/// Addresses, and public ids, whose failures are remembered: some 20 MB for each kind. Beyond that those that failed
/// longest ago are forgotten, so that to be forgotten an attacker needs as many networks as that.
const REMEMBERED: u64 = 100_000;

/// A little more than it takes until failures no longer count. It frees memory and decides nothing.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(2);

/// The length of a public id; of what is longer only so much is looked at.
const PUBLIC_ID_LENGTH: usize = 12;

/// The failed authentications of this node's clients.
///
/// Times are passed in, as counted from any fixed moment by a clock that never goes back.
#[derive(Debug)]
pub struct FailureLimit {
    by_address: Failures<IpAddr>,
    by_public_id: Failures<Box<str>>,
}

impl FailureLimit {
    /// A limit that has seen no failures.
    pub fn new() -> Self {
        Self {
            by_address: Failures::new(PER_ADDRESS, REMEMBERED),
            by_public_id: Failures::new(PER_PUBLIC_ID, REMEMBERED),
        }
    }

    /// Counts a failed authentication: a wrong secret, an unknown id, a malformed key. `public_id` is what the attempt
    /// gave as such, if its key had the shape of one.
    pub fn failed(&self, address: IpAddr, public_id: Option<&str>, now: Duration) {
        self.by_address.count(network(address), now);
        if let Some(public_id) = public_id {
            self.by_public_id.count(shortened(public_id).into(), now);
        }
    }

    /// How long attempts from this address are to be refused: `None` if they are not.
    pub fn address_blocked(&self, address: IpAddr, now: Duration) -> Option<Duration> {
        self.by_address.blocked(network(address), now)
    }

    /// How long attempts at this key are to be refused, wherever they come from: `None` if they are not.
    ///
    /// Strangers can bring that about for any key whose public id they know, and it is shown in lists. So this must
    /// not be asked about an attempt whose secret has been found to be right.
    pub fn public_id_blocked(&self, public_id: &str, now: Duration) -> Option<Duration> {
        self.by_public_id.blocked(shortened(public_id).into(), now)
    }
}

impl Default for FailureLimit {
    fn default() -> Self {
        Self::new()
    }
}

/// Within 64 bits of an IPv6 address one machine can choose freely (RFC 4291, section 2.5.1), so they are counted as
/// one. An IPv4 address is the same in its IPv6 form.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

fn shortened(public_id: &str) -> &str {
    &public_id[..public_id.floor_char_boundary(PUBLIC_ID_LENGTH)]
}

/// Failures by whatever they are held against: a bucket each (GCRA), which `governor` fills and drains.
#[derive(Debug)]
struct Failures<K: Key> {
    limiter: RateLimiter<Question<K>, Buckets<K>, LatestTime, NoOpMiddleware<Nanos>>,
}

/// What failures can be held against.
trait Key: Hash + Eq + Clone + Debug + Send + Sync + 'static {}

impl Key for IpAddr {}
impl Key for Box<str> {}

impl<K: Key> Failures<K> {
    fn new(per_minute: NonZeroU32, remembered: u64) -> Self {
        Self {
            limiter: RateLimiter::new(
                Quota::per_minute(per_minute),
                Buckets::new(remembered),
                LatestTime::default(),
            ),
        }
    }

    fn count(&self, key: K, now: Duration) {
        self.limiter.clock().advance(now);
        // An attempt that came too soon, and was judged all the same, fills the bucket no further.
        let _ = self.limiter.check_key(&Question { key, counts: true });
    }

    fn blocked(&self, key: K, now: Duration) -> Option<Duration> {
        self.limiter.clock().advance(now);
        let refusal = self.limiter.check_key(&Question { key, counts: false }).err()?;
        Some(refusal.wait_time_from(self.limiter.clock().now()))
    }
}

/// `governor` can only ask by taking. Whether this one takes is decided where the buckets are kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question<K> {
    key: K,
    counts: bool,
}

/// The buckets, within bounds.
#[derive(Debug)]
struct Buckets<K: Key>(Cache<K, Nanos>);

impl<K: Key> Buckets<K> {
    fn new(remembered: u64) -> Self {
        let buckets = Cache::builder()
            .max_capacity(remembered)
            // The policy that is meant for caches would turn newcomers away in a flood: just those that fail.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(FORGOTTEN_AFTER);
        Self(buckets.build())
    }
}

impl<K: Key> StateStore for Buckets<K> {
    type Key = Question<K>;

    fn measure_and_replace<T, F, E>(&self, question: &Question<K>, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let Question { key, counts } = question;
        if !counts {
            return decide(self.0.get(key)).map(|(answer, _)| answer);
        }
        let mut answer = None;
        self.0.entry_by_ref(key).and_compute_with(|bucket| {
            match decide(bucket.map(Entry::into_value)) {
                Ok((passed, bucket)) => {
                    answer = Some(Ok(passed));
                    Op::Put(bucket)
                }
                Err(refused) => {
                    answer = Some(Err(refused));
                    Op::Nop
                }
            }
        });
        answer.expect("the cache calls what computes an entry")
    }
}

/// The latest time that any call has brought, in nanoseconds: a clock that goes only where it is taken.
#[derive(Debug, Default)]
struct LatestTime(AtomicU64);

impl LatestTime {
    fn advance(&self, now: Duration) {
        self.0.fetch_max(Nanos::from(now).into(), Ordering::Relaxed);
    }
}

impl Clock for LatestTime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.load(Ordering::Relaxed).into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("it is an address")
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(3600 + count)
    }

    #[test]
    fn thirty_failures_block_an_address_until_it_has_waited() {
        let (limit, attacker) = (FailureLimit::new(), address("203.0.113.7"));
        for _ in 0..30 {
            assert_eq!(limit.address_blocked(attacker, seconds(0)), None);
            limit.failed(attacker, None, seconds(0));
        }
        assert_eq!(limit.address_blocked(attacker, seconds(0)), Some(Duration::from_secs(2)));
        assert_eq!(limit.address_blocked(attacker, seconds(1)), Some(Duration::from_secs(1)));
        assert_eq!(limit.address_blocked(attacker, seconds(2)), None);
        assert_eq!(limit.address_blocked(address("203.0.113.8"), seconds(0)), None);

        limit.failed(attacker, None, seconds(2));
        assert_eq!(limit.address_blocked(attacker, seconds(2)), Some(Duration::from_secs(2)));
    }

    #[test]
    fn asking_costs_nothing() {
        let (limit, client) = (FailureLimit::new(), address("203.0.113.7"));
        for _ in 0..1000 {
            assert_eq!(limit.address_blocked(client, seconds(0)), None);
            assert_eq!(limit.public_id_blocked("a1b2c3d4e5f6", seconds(0)), None);
        }
    }

    #[test]
    fn who_keeps_failing_waits_no_longer_than_who_stops() {
        let (limit, client) = (FailureLimit::new(), address("203.0.113.7"));
        for _ in 0..1000 {
            limit.failed(client, None, seconds(0));
        }
        assert_eq!(limit.address_blocked(client, seconds(0)), Some(Duration::from_secs(2)));
        assert_eq!(limit.address_blocked(client, seconds(2)), None);
    }

    #[test]
    fn a_subscriber_cannot_hop_within_its_ipv6_network() {
        let limit = FailureLimit::new();
        for host in 0..30 {
            limit.failed(address(&format!("2001:db8:0:1::{host:x}")), None, seconds(0));
        }
        assert!(limit.address_blocked(address("2001:db8:0:1:ffff::1"), seconds(0)).is_some());
        assert!(limit.address_blocked(address("2001:db8:0:2::1"), seconds(0)).is_none());
    }

    #[test]
    fn ipv4_is_the_same_in_its_ipv6_form_and_is_no_network() {
        let limit = FailureLimit::new();
        for _ in 0..30 {
            limit.failed(address("::ffff:203.0.113.7"), None, seconds(0));
        }
        assert!(limit.address_blocked(address("203.0.113.7"), seconds(0)).is_some());
        assert!(limit.address_blocked(address("::ffff:203.0.113.8"), seconds(0)).is_none());
    }

    #[test]
    fn a_public_id_is_blocked_whoever_tries_it() {
        let limit = FailureLimit::new();
        for host in 0..10 {
            limit.failed(address(&format!("198.51.100.{host}")), Some("a1b2c3d4e5f6"), seconds(0));
        }
        assert_eq!(
            limit.public_id_blocked("a1b2c3d4e5f6", seconds(0)),
            Some(Duration::from_secs(6))
        );
        assert_eq!(limit.public_id_blocked("a1b2c3d4e5f7", seconds(0)), None);
        assert_eq!(limit.address_blocked(address("198.51.100.1"), seconds(0)), None);
    }

    #[test]
    fn hostile_public_ids_take_no_more_room_than_others() {
        let limit = FailureLimit::new();
        for length in 1..20 {
            let hostile = "ä€😀".repeat(length * 1000);
            limit.failed(address("203.0.113.7"), Some(&hostile), seconds(0));
        }
        let counted: Vec<_> =
            limit.by_public_id.limiter.into_state_store().0.iter().map(|(id, _)| id).collect();
        assert_eq!(counted, [Arc::new(Box::<str>::from("ä€😀ä"))]);
    }

    #[test]
    fn a_flood_of_addresses_stays_within_bounds_and_hides_nobody_in_it() {
        let failures = Failures::new(PER_ADDRESS, 100);
        for number in 0..10_000 {
            failures.count(IpAddr::from(Ipv6Addr::from_bits(number << 64)), seconds(0));
        }
        let newcomer = address("203.0.113.7");
        for _ in 0..30 {
            failures.count(newcomer, seconds(0));
        }
        assert!(failures.blocked(newcomer, seconds(0)).is_some());

        let buckets = failures.limiter.into_state_store().0;
        buckets.run_pending_tasks();
        assert!(buckets.entry_count() <= 100);
    }

    #[test]
    fn failures_at_once_are_all_counted() {
        let (limit, client) = (FailureLimit::new(), address("203.0.113.7"));
        std::thread::scope(|scope| {
            for _ in 0..30 {
                scope.spawn(|| limit.failed(client, None, seconds(0)));
            }
        });
        assert_eq!(limit.address_blocked(client, seconds(0)), Some(Duration::from_secs(2)));
    }
}
