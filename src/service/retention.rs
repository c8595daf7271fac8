//! What is older than the operator wants to keep is removed.

use std::time::Duration;

use chrono::Utc;
use sqlx::PgPool;
use uuid::Builder;

use super::unavailable;
use crate::domain::id::MailId;
use crate::error::Result;
use crate::store;

/// Mails removed in one statement. Some have 30 MB, and nobody should wait for the disk because of them.
const BATCH: i64 = 100;

/// How long the mails of a deleted project are kept at most.
const KEPT_OF_DELETED_PROJECTS: Duration = Duration::from_hours(30 * 24);

/// Removes old mails, and those of projects that were deleted long ago.
#[derive(Clone, Debug)]
pub struct Retention {
    db: PgPool,
    keep: Option<Duration>,
}

impl Retention {
    /// Mails are kept for so long; `None` keeps them for ever.
    pub fn new(db: PgPool, keep: Option<Duration>) -> Self {
        Self { db, keep }
    }

    /// Removes some mails whose time is over, with their bodies and their histories; says whether there may be more.
    ///
    /// A mail of which a delivery is under way or waits for a decision is not over. Audit log and suppressions stay.
    pub async fn remove_old_mails(&self) -> Result<bool> {
        let Some(keep) = self.keep else { return Ok(false) };
        let before = i64::try_from(keep.as_secs())
            .ok()
            .and_then(|seconds| Utc::now().timestamp().checked_sub(seconds))
            .and_then(|seconds| u64::try_from(seconds).ok())
            .unwrap_or_default();
        // The first id of that moment: mails sort by the time at which they came.
        let before = Builder::from_unix_timestamp_millis(before * 1000, &[0; 10]).into_uuid();
        let removed = store::retention::remove_before(&self.db, MailId::from(before), BATCH).await;
        removed.map(is_full).map_err(unavailable)
    }

    /// The same for the mails of projects that keep them for less time than the server does.
    pub async fn remove_mails_by_project(&self) -> Result<bool> {
        let mut is_more = false;
        for (project, days) in
            store::projects::with_retention(&self.db).await.map_err(unavailable)?
        {
            let before = MailId::first_at(Utc::now() - chrono::Duration::days(days.into()));
            let removed =
                store::retention::remove_of_project_before(&self.db, project, before, BATCH).await;
            is_more |= removed.map(is_full).map_err(unavailable)?;
        }
        Ok(is_more)
    }

    /// The same for the mails of deleted projects, in which nobody can decide about a held one any more.
    pub async fn remove_mails_of_deleted_projects(&self) -> Result<bool> {
        let keep =
            self.keep.map_or(KEPT_OF_DELETED_PROJECTS, |keep| keep.min(KEPT_OF_DELETED_PROJECTS));
        let removed =
            store::retention::remove_of_deleted_projects(&self.db, keep.as_secs_f64(), BATCH).await;
        removed.map(is_full).map_err(unavailable)
    }
}

fn is_full(removed: u64) -> bool {
    i64::try_from(removed) == Ok(BATCH)
}
