//! Opens and clicks: counted in memory, and written down together, so that nobody who reads a mail waits for the
//! database, and a flood of requests for one link is one row.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::put_back::PutBack;
use super::{in_time, unavailable};
use crate::domain::engagement::{Engagement, Seen};
use crate::domain::link_token::LinkToken;
use crate::domain::links::Links;
use crate::error::Result;
use crate::store;

/// What is counted at once, at most: some ten megabytes with long links. What has no room is not counted, and a metric
/// says how much that was.
const MOST: usize = 20_000;

/// What one statement writes down.
const BATCH: usize = 500;

/// How often it is told that a recipient opened a mail, or followed a link of it; after that it is only counted.
const MOST_EVENTS: i64 = 10;

/// What recipients do with the mail that they have.
#[derive(Clone)]
pub struct Engagements {
    db: PgPool,
    links: Links,
    seen: Arc<Mutex<HashMap<Seen, Engagement>>>,
}

impl Engagements {
    /// Engagements kept in `db`, by the links that `links` reads.
    pub fn new(db: PgPool, links: Links) -> Self {
        Self { db, links, seen: Arc::default() }
    }

    /// Notes that the message with this image is looked at; whether it is an image of ours.
    pub fn note_open(&self, token: &str, automated: bool, now: DateTime<Utc>) -> bool {
        let Some(LinkToken::Open(place)) = self.links.read(token) else { return false };
        self.note(Seen { place, link: None, automated }, now);
        true
    }

    /// Notes that a link is followed, and answers where it leads; nothing if it is none of ours.
    pub fn note_click(&self, token: &str, automated: bool, now: DateTime<Utc>) -> Option<String> {
        let Some(LinkToken::Click(place, target)) = self.links.read(token) else { return None };
        self.note(Seen { place, link: Some(target.clone()), automated }, now);
        Some(target)
    }

    /// Writes down what was counted since the last time. What cannot be written is kept for the next time.
    pub async fn flush(&self) -> Result<()> {
        let taken: Vec<_> = std::mem::take(&mut *self.counted()).into_iter().collect();
        let mut left = PutBack::unless_written(taken, |left: Vec<_>| {
            for (seen, engagement) in left {
                self.add(seen, engagement);
            }
        });
        while !left.is_empty() {
            let before = left.len().saturating_sub(BATCH);
            let writing = store::engagements::record(&self.db, &left[before..], MOST_EVENTS);
            in_time(writing).await.map_err(unavailable)?;
            left.truncate(before);
        }
        Ok(())
    }

    fn note(&self, seen: Seen, now: DateTime<Utc>) {
        self.add(seen, Engagement { times: 1, first: now, last: now });
    }

    fn add(&self, seen: Seen, engagement: Engagement) {
        let mut counted = self.counted();
        if let Some(known) = counted.get_mut(&seen) {
            known.add(engagement);
        } else if counted.len() < MOST {
            counted.insert(seen, engagement);
        } else {
            drop(counted);
            metrics::counter!("posthaste_engagements_uncounted_total")
                .increment(engagement.times.unsigned_abs());
        }
    }

    fn counted(&self) -> MutexGuard<'_, HashMap<Seen, Engagement>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
