//! What is known of the use of a key, for those who look after it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Usage;
use crate::domain::id::{AccountId, AlertId, ApiKeyId, ProjectId};
use crate::domain::usage::{Alert, BlockedAddress, Bucket, EndpointCount, LoggedRequest};
use crate::error::{Error, Result};
use crate::service::{commit, unavailable};
use crate::store;

/// The most addresses that an allowlist would have refused in one answer.
const MOST_ADDRESSES: i64 = 1000;

/// The requests of a key in a stretch of time.
#[derive(Debug)]
pub struct UsageOfKey {
    /// By hour or day, oldest first, without those in which there were none.
    pub buckets: Vec<Bucket>,
    /// By endpoint and status, the most first.
    pub by_endpoint: Vec<EndpointCount>,
}

/// Whose keys a caller may look at: all of an account, or those of one of its projects.
#[derive(Clone, Copy, Debug)]
pub struct KeysOf {
    /// The account.
    pub account: AccountId,
    /// The project, for callers that work in one.
    pub project: Option<ProjectId>,
}

impl Usage {
    /// The requests of a key by `hour` or `day`.
    pub async fn of_key(
        &self,
        whose: KeysOf,
        key: ApiKeyId,
        unit: &str,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<UsageOfKey> {
        self.find(whose, key).await?;
        let buckets = store::api_key_hours::buckets(&self.db, key, unit, from, to)
            .await
            .map_err(unavailable)?;
        let by_endpoint = store::api_key_hours::by_endpoint(&self.db, key, from, to)
            .await
            .map_err(unavailable)?;
        Ok(UsageOfKey { buckets, by_endpoint })
    }

    /// The requests of a key before this one, newest first.
    pub async fn requests(
        &self,
        whose: KeysOf,
        key: ApiKeyId,
        before: Option<Uuid>,
        limit: u16,
    ) -> Result<Vec<LoggedRequest>> {
        self.find(whose, key).await?;
        let before = before.unwrap_or(Uuid::max());
        store::api_key_requests::list(&self.db, key, before, i64::from(limit))
            .await
            .map_err(unavailable)
    }

    /// The addresses that a key's allowlist would have refused if it did more than count, the most requests first.
    pub async fn would_have_blocked(
        &self,
        whose: KeysOf,
        key: ApiKeyId,
    ) -> Result<Vec<BlockedAddress>> {
        self.find(whose, key).await?;
        store::api_key_would_have_blocked::list(&self.db, key, MOST_ADDRESSES)
            .await
            .map_err(unavailable)
    }

    /// Notes about unusual use of an account's keys before this one, newest first: all, or those that nobody has
    /// dismissed.
    pub async fn alerts(
        &self,
        account: AccountId,
        only_open: bool,
        before: Option<AlertId>,
        limit: u16,
    ) -> Result<Vec<Alert>> {
        let (before, limit) = (before.unwrap_or(Uuid::max().into()), i64::from(limit));
        let alerts = if only_open {
            store::alerts::list_open(&self.db, account, before, limit).await
        } else {
            store::alerts::list(&self.db, account, before, limit).await
        };
        alerts.map_err(unavailable)
    }

    /// Notes that somebody has seen an alert.
    pub async fn dismiss_alert(&self, account: AccountId, id: AlertId) -> Result<Alert> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let dismissed = store::alerts::dismiss(&mut *transaction, account, id).await;
        let dismissed = dismissed.map_err(unavailable)?.ok_or(Error::NotFound("alert"))?;
        commit(transaction).await?;
        Ok(dismissed)
    }

    async fn find(&self, whose: KeysOf, key: ApiKeyId) -> Result<()> {
        let exists = store::api_keys::exists(&self.db, whose.account, whose.project, key)
            .await
            .map_err(unavailable)?;
        if exists { Ok(()) } else { Err(Error::NotFound("API key")) }
    }
}
