//! How keys are used: counted in memory while requests are answered, written down every ten seconds.
//!
//! No request waits for a statement. A node that is killed loses what it counted since the last time, which is
//! ten seconds' worth at most; one that stops writes all of it down.

mod counters;
mod reading;

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Builder;

use self::counters::Counters;
use super::people::OwnMails;
use super::put_back::PutBack;
use super::{commit, in_time, unavailable};
use crate::domain::id::ApiKeyId;
use crate::domain::usage::{Observation, Unusual, hour_of};
use crate::error::Result;
use crate::store;

pub use self::reading::{KeysOf, UsageOfKey};

/// How long the log of requests reaches back.
const LOG_KEPT: TimeDelta = TimeDelta::days(7);

/// Rows that are removed in one statement.
const REMOVED_TOGETHER: u64 = 1000;

/// Keys that are looked at together.
const KEYS_TOGETHER: usize = 1000;

/// The past that a jump is held against.
const USUAL: TimeDelta = TimeDelta::days(7);

/// The use of all keys.
pub struct Usage {
    db: PgPool,
    own_mails: OwnMails,
    counters: Counters,
    /// Keys that were used since somebody last looked for what is unusual.
    used: Mutex<HashSet<ApiKeyId>>,
}

impl Usage {
    /// Nothing is counted yet. Those who are responsible for a key are told of what is unusual by `own_mails`.
    pub fn new(db: PgPool, own_mails: OwnMails) -> Self {
        Self { db, own_mails, counters: Counters::new(), used: Mutex::default() }
    }

    /// Counts a request, in some hundred nanoseconds.
    pub fn note(&self, observation: &Observation<'_>) {
        self.counters.note(observation);
    }

    /// Writes down what was counted since the last time: a statement for each table. What could not be written is kept
    /// for the next time; a commit whose end is not known may so be counted twice.
    pub async fn flush(&self) -> Result<()> {
        let taken = self.counters.take();
        if taken.is_empty() {
            return Ok(());
        }
        let taken = PutBack::unless_written(taken, |taken| self.counters.put_back(taken));
        self.write(&taken).await?;
        let taken = taken.written();
        self.used.lock().unwrap_or_else(PoisonError::into_inner).extend(taken.keys());
        Ok(())
    }

    async fn write(&self, taken: &counters::Taken) -> Result<()> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let db = &mut *transaction;
        let additions = taken.additions();
        in_time(store::api_key_hours::add(&mut *db, &additions)).await.map_err(unavailable)?;
        let (requests, blocked, seen) = (taken.requests(), taken.blocked(), taken.networks());
        if !requests.is_empty() {
            let logging = store::api_key_requests::insert(&mut *db, &requests);
            in_time(logging).await.map_err(unavailable)?;
        }
        if !blocked.is_empty() {
            let adding = store::api_key_would_have_blocked::add(&mut *db, &blocked);
            in_time(adding).await.map_err(unavailable)?;
        }
        let noting = store::api_key_networks::note(&mut *db, &seen);
        for new in in_time(noting).await.map_err(unavailable)? {
            let unusual = Unusual::NewNetwork { network: new.network };
            self.raise(&mut *db, new.key, &unusual).await?;
        }
        commit(transaction).await
    }

    /// Looks for what is unusual about the keys that were used on this node since the last time; to be called about
    /// once a minute. Other nodes look at theirs, at the counts of all nodes.
    pub async fn look_for_the_unusual(&self, now: DateTime<Utc>) -> Result<()> {
        let used: Vec<ApiKeyId> =
            self.used.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        let hour = hour_of(now);
        for some in used.chunks(KEYS_TOGETHER) {
            let hours =
                store::api_key_hours::in_hour(&self.db, some, hour).await.map_err(unavailable)?;
            for of_key in hours {
                let mut found: Vec<Unusual> =
                    Unusual::refusals(of_key.requests, of_key.refused).into_iter().collect();
                if of_key.requests >= Unusual::BURST {
                    let (earlier, hours) =
                        store::api_key_hours::between(&self.db, of_key.key, hour - USUAL, hour)
                            .await
                            .map_err(unavailable)?;
                    found.extend(Unusual::jump(of_key.requests, earlier, hours));
                }
                for unusual in found {
                    let mut transaction = self.db.begin().await.map_err(unavailable)?;
                    self.raise(&mut transaction, of_key.key, &unusual).await?;
                    commit(transaction).await?;
                }
            }
        }
        Ok(())
    }

    /// Notes what is unusual, and writes to those who are responsible, in one transaction.
    async fn raise(&self, db: &mut PgConnection, key: ApiKeyId, unusual: &Unusual) -> Result<()> {
        let inserting = store::alerts::insert(&mut *db, key, unusual);
        let noted = in_time(inserting).await.map_err(unavailable)?;
        let Some(noted) = noted else { return Ok(()) };
        tracing::info!(key.id = %key, kind = unusual.kind(), "Noticed unusual use of API key {key}");
        let text = format!(
            "{} ({}): {}\n\nIf that is not as it should be, switch the key off: {}\n",
            noted.name,
            noted.display_key,
            unusual.message(),
            self.own_mails.dashboard(),
        );
        let finding = store::users::responsible(&mut *db, noted.account);
        let responsible = in_time(finding).await.map_err(unavailable)?;
        for address in &responsible {
            self.own_mails
                .write(&mut *db, noted.account, address, "Unusual use of an API key", text.clone())
                .await?;
        }
        Ok(())
    }

    /// Forgets what is too old.
    pub async fn forget_old(&self) -> Result<()> {
        let limit = i64::try_from(REMOVED_TOGETHER).unwrap_or(i64::MAX);
        let first_kept = u64::try_from((Utc::now() - LOG_KEPT).timestamp_millis());
        let first_kept = Builder::from_unix_timestamp_millis(first_kept.unwrap_or(0), &[0; 10]);
        let first_kept = first_kept.into_uuid();
        let db = &self.db;
        while store::api_key_requests::forget_before(db, first_kept, limit)
            .await
            .map_err(unavailable)?
            == REMOVED_TOGETHER
        {}
        while store::api_key_hours::forget_old(db, limit).await.map_err(unavailable)?
            == REMOVED_TOGETHER
        {}
        while store::api_key_would_have_blocked::forget_old(db, limit).await.map_err(unavailable)?
            == REMOVED_TOGETHER
        {}
        Ok(())
    }
}
