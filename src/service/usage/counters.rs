//! The counts of one node between two times that they are written down.
//!
//! Bounded in every direction: by keys, and for each key by what is kept of it. What has no room is not counted, and a
//! metric says how much that was.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use crate::domain::id::ApiKeyId;
use crate::domain::usage::{BlockedAddress, LoggedRequest, Observation, network_of};
use crate::store::api_key_hours::Addition;

/// Keys are spread over so many locks, so that requests hardly ever wait for each other.
const SHARDS: usize = 64;

/// Keys on one of them: 128 000 in all.
const KEYS: usize = 2000;

/// Combinations of hour, endpoint and status for one key.
const COUNTS: usize = 200;

/// Requests of one key that its log gets between two times: the first so many.
pub const LOGGED_OF_KEY: usize = 20;

/// Requests of all keys that the log gets between two times.
const LOGGED: usize = 1000;

/// Networks of one key that are noted between two times.
const NETWORKS: usize = 20;

/// Addresses of one key that an allowlist would have refused, between two times.
const BLOCKED: usize = 100;

/// What is counted now.
pub struct Counters {
    shards: Vec<Mutex<HashMap<ApiKeyId, OfKey>>>,
    logged: AtomicUsize,
}

/// What was counted of one key. Lists are searched from end to end, because they are short.
#[derive(Default)]
struct OfKey {
    counts: Vec<Count>,
    log: Vec<LoggedRequest>,
    networks: Vec<IpNet>,
    blocked: Vec<Blocked>,
}

struct Count {
    /// Hours since the Unix epoch.
    hour: i64,
    /// Method and route.
    endpoint: String,
    status: u16,
    requests: i64,
}

struct Blocked {
    from: IpAddr,
    requests: i64,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
}

impl Counters {
    pub fn new() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, logged: AtomicUsize::new(0) }
    }

    pub fn note(&self, seen: &Observation<'_>) {
        let mut keys = self.shard(seen.key);
        if keys.len() >= KEYS && !keys.contains_key(&seen.key) {
            drop(keys);
            return uncounted(1);
        }
        let of_key = keys.entry(seen.key).or_default();
        of_key.count(seen);
        of_key.note_origin(seen);
        if of_key.log.len() < LOGGED_OF_KEY && self.logged.fetch_add(1, Ordering::Relaxed) < LOGGED
        {
            of_key.log.push(LoggedRequest {
                id: seen.request,
                at: seen.at,
                endpoint: endpoint(seen),
                status: seen.status.cast_signed(),
                code: seen.code.map(ToOwned::to_owned),
                ip: seen.from.to_string(),
            });
        }
    }

    /// Takes everything, and begins anew.
    pub fn take(&self) -> Taken {
        let mut taken = HashMap::new();
        for shard in &self.shards {
            taken.extend(std::mem::take(&mut *lock(shard)));
        }
        self.logged.store(0, Ordering::Relaxed);
        Taken(taken)
    }

    /// Puts back what was taken, as far as there is room for it beside what was counted since.
    pub fn put_back(&self, Taken(taken): Taken) {
        for (key, older) in taken {
            let mut keys = self.shard(key);
            if keys.len() >= KEYS && !keys.contains_key(&key) {
                uncounted(older.counts.iter().map(|count| count.requests.unsigned_abs()).sum());
                continue;
            }
            keys.entry(key).or_default().add(older);
        }
    }

    fn shard(&self, key: ApiKeyId) -> MutexGuard<'_, HashMap<ApiKeyId, OfKey>> {
        // The end of an id is random.
        let (_, low) = key.as_uuid().as_u64_pair();
        let place = usize::try_from(low % SHARDS as u64).unwrap_or_default();
        lock(&self.shards[place])
    }
}

impl OfKey {
    fn count(&mut self, seen: &Observation<'_>) {
        let hour = seen.at.timestamp().div_euclid(3600);
        let is_it = |count: &&mut Count| {
            count.hour == hour
                && count.status == seen.status
                && count.endpoint.split_once(' ') == Some((seen.method, seen.route))
        };
        if let Some(count) = self.counts.iter_mut().find(is_it) {
            count.requests += 1;
        } else if self.counts.len() < COUNTS {
            let endpoint = endpoint(seen);
            self.counts.push(Count { hour, endpoint, status: seen.status, requests: 1 });
        } else {
            uncounted(1);
        }
    }

    fn note_origin(&mut self, seen: &Observation<'_>) {
        let is_known = self.networks.iter().any(|network| network.contains(&seen.from));
        if !is_known && self.networks.len() < NETWORKS {
            self.networks.push(network_of(seen.from));
        }
        if !seen.would_have_blocked {
            return;
        }
        let known = self.blocked.iter_mut().find(|blocked| blocked.from == seen.from);
        if let Some(blocked) = known {
            blocked.requests += 1;
            blocked.last = seen.at;
        } else if self.blocked.len() < BLOCKED {
            let (first, last) = (seen.at, seen.at);
            self.blocked.push(Blocked { from: seen.from, requests: 1, first, last });
        }
    }

    fn add(&mut self, older: Self) {
        for count in older.counts {
            let same = |other: &&mut Count| {
                (other.hour, other.status, &other.endpoint)
                    == (count.hour, count.status, &count.endpoint)
            };
            if let Some(now) = self.counts.iter_mut().find(same) {
                now.requests += count.requests;
            } else if self.counts.len() < COUNTS {
                self.counts.push(count);
            } else {
                uncounted(count.requests.unsigned_abs());
            }
        }
        for blocked in older.blocked {
            let same = |now: &&mut Blocked| now.from == blocked.from;
            if let Some(now) = self.blocked.iter_mut().find(same) {
                now.requests += blocked.requests;
                now.first = now.first.min(blocked.first);
            } else if self.blocked.len() < BLOCKED {
                self.blocked.push(blocked);
            }
        }
        for network in older.networks {
            if self.networks.len() < NETWORKS && !self.networks.contains(&network) {
                self.networks.push(network);
            }
        }
        // The first so many, as always.
        let newer = std::mem::replace(&mut self.log, older.log);
        let room = LOGGED_OF_KEY.saturating_sub(self.log.len());
        self.log.extend(newer.into_iter().take(room));
    }
}

/// What is to be written down.
#[derive(Default)]
pub struct Taken(HashMap<ApiKeyId, OfKey>);

impl Taken {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn keys(&self) -> impl Iterator<Item = ApiKeyId> {
        self.0.keys().copied()
    }

    pub fn additions(&self) -> Vec<Addition> {
        let of_key = |(key, of_key): (&ApiKeyId, &OfKey)| {
            let addition = |count: &Count| Addition {
                key: *key,
                hour: DateTime::from_timestamp(count.hour * 3600, 0).unwrap_or_default(),
                endpoint: count.endpoint.clone(),
                status: count.status.cast_signed(),
                requests: count.requests,
            };
            of_key.counts.iter().map(addition).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of_key).collect()
    }

    pub fn requests(&self) -> Vec<(ApiKeyId, LoggedRequest)> {
        let of_key = |(key, of_key): (&ApiKeyId, &OfKey)| {
            of_key.log.iter().map(|request| (*key, request.clone())).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of_key).collect()
    }

    pub fn networks(&self) -> Vec<(ApiKeyId, String)> {
        let of_key = |(key, of_key): (&ApiKeyId, &OfKey)| {
            of_key.networks.iter().map(|network| (*key, network.to_string())).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of_key).collect()
    }

    pub fn blocked(&self) -> Vec<(ApiKeyId, BlockedAddress)> {
        let of_key = |(key, of_key): (&ApiKeyId, &OfKey)| {
            let address = |blocked: &Blocked| BlockedAddress {
                ip: blocked.from.to_string(),
                requests: blocked.requests,
                first_seen_at: blocked.first,
                last_seen_at: blocked.last,
            };
            of_key.blocked.iter().map(|blocked| (*key, address(blocked))).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of_key).collect()
    }
}

fn endpoint(seen: &Observation<'_>) -> String {
    format!("{} {}", seen.method, seen.route)
}

fn uncounted(requests: u64) {
    metrics::counter!("posthaste_requests_uncounted_total").increment(requests);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::usage::hour_of;

    fn seen(key: ApiKeyId, status: u16, from: [u8; 4]) -> Observation<'static> {
        Observation {
            key,
            request: Uuid::now_v7(),
            at: Utc::now(),
            method: "POST",
            route: "/v1/mails/send",
            status,
            code: None,
            from: from.into(),
            would_have_blocked: true,
        }
    }

    fn sum(taken: &Taken) -> i64 {
        taken.additions().iter().map(|addition| addition.requests).sum()
    }

    #[test]
    fn everything_is_counted_and_a_part_is_logged() {
        let counters = Counters::new();
        let keys: Vec<_> = (0..200).map(|_| ApiKeyId::generate()).collect();
        for key in &keys {
            for request in 0..30 {
                let status = if request % 3 == 0 { 429 } else { 200 };
                counters.note(&seen(*key, status, [203, 0, 113, request]));
            }
        }
        let taken = counters.take();
        assert_eq!(sum(&taken), 6000);
        assert_eq!(taken.keys().count(), 200);
        assert_eq!(taken.requests().len(), LOGGED);
        assert_eq!(taken.networks().len(), 200);
        assert_eq!(taken.blocked().len(), 6000);
        assert!(counters.take().is_empty());
    }

    #[test]
    fn what_could_not_be_written_is_counted_with_the_rest() {
        let counters = Counters::new();
        let key = ApiKeyId::generate();
        counters.note(&seen(key, 200, [203, 0, 113, 1]));
        counters.note(&seen(key, 403, [203, 0, 113, 1]));
        let taken = counters.take();
        counters.note(&seen(key, 200, [203, 0, 113, 1]));
        counters.note(&seen(key, 200, [198, 51, 100, 1]));
        counters.put_back(taken);
        let taken = counters.take();
        assert_eq!(sum(&taken), 4);
        assert_eq!((taken.additions().len(), taken.requests().len()), (2, 4));
        assert_eq!((taken.networks().len(), taken.blocked().len()), (2, 2));
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let counters = Counters::new();
        for number in 0..SHARDS * KEYS + 10_000 {
            let key = ApiKeyId::from(Uuid::from_u128(number as u128));
            counters.note(&seen(key, 200, [203, 0, 113, 1]));
        }
        let taken = counters.take();
        assert_eq!(taken.keys().count(), SHARDS * KEYS);
        counters.put_back(taken);
        let key = ApiKeyId::from(Uuid::from_u128(0));
        for status in 0..1000 {
            let [.., high, low] = usize::from(status).to_be_bytes();
            counters.note(&seen(key, status, [high, low, 0, 1]));
        }
        let taken = counters.take();
        let of_key = &taken.0[&key];
        assert_eq!((of_key.counts.len(), of_key.log.len()), (COUNTS, LOGGED_OF_KEY));
        assert_eq!((of_key.networks.len(), of_key.blocked.len()), (NETWORKS, BLOCKED));
    }

    #[test]
    fn hours_begin_at_their_beginning() {
        let counters = Counters::new();
        let one = seen(ApiKeyId::generate(), 200, [203, 0, 113, 1]);
        counters.note(&one);
        assert_eq!(counters.take().additions()[0].hour, hour_of(one.at));
    }
}
