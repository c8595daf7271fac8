//! What is older than the operator wants to keep is removed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::unavailable;
use crate::error::Result;
use crate::store;

/// Mails removed in one statement. Some have 30 MB, and nobody should wait for the disk because of them.
const BATCH: i64 = 100;

/// Rows of each kind that are removed of a deleted project in one statement.
const ROWS: i64 = 500;

/// How long what a deleted project has is kept at most.
const KEPT_OF_DELETED_PROJECTS: Duration = Duration::from_hours(30 * 24);

/// Removes old mails, and all that projects have that were deleted long ago.
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

    /// Removes some mails whose time is over, with their bodies and their histories; says whether there may be more. The
    /// time of a scheduled mail begins when it was to be sent.
    ///
    /// A mail is not over as long as a delivery is under way or waits for a decision, or a webhook is to be told of it.
    /// Audit log and suppressions stay.
    pub async fn remove_old_mails(&self) -> Result<bool> {
        let Some(keep) = self.keep else { return Ok(false) };
        let keep = chrono::Duration::from_std(keep).unwrap_or(chrono::Duration::MAX);
        let before = Utc::now().checked_sub_signed(keep).unwrap_or(DateTime::UNIX_EPOCH);
        let removed = store::retention::remove_before(&self.db, before, BATCH).await;
        removed.map(is_full).map_err(unavailable)
    }

    /// The same for the mails of projects that keep them for less time than the server does.
    pub async fn remove_mails_by_project(&self) -> Result<bool> {
        let mut is_more = false;
        for (project, days) in
            store::projects::with_retention(&self.db).await.map_err(unavailable)?
        {
            let before = Utc::now() - chrono::Duration::days(days.into());
            let removed =
                store::retention::remove_of_project_before(&self.db, project, before, BATCH).await;
            is_more |= removed.map(is_full).map_err(unavailable)?;
        }
        Ok(is_more)
    }

    /// Removes some of what projects have that were deleted long ago; says whether there may be more. What is left of each
    /// is found by itself, so that a node that dies leaves it to the next.
    pub async fn empty_deleted_projects(&self) -> Result<bool> {
        let keep =
            self.keep.map_or(KEPT_OF_DELETED_PROJECTS, |keep| keep.min(KEPT_OF_DELETED_PROJECTS));
        let (mut after, mut is_more) = (Uuid::nil(), false);
        loop {
            let next = store::retention::next_to_empty(&self.db, after, keep.as_secs_f64()).await;
            let Some(project) = next.map_err(unavailable)? else { return Ok(is_more) };
            after = project.as_uuid();
            let mails = store::retention::remove_of_deleted_project(&self.db, project, BATCH).await;
            let has_more_mails = mails.map(is_full).map_err(unavailable)?;
            let others = store::retention::empty_deleted_project(&self.db, project, ROWS).await;
            if others.map_err(unavailable)? > 0 || has_more_mails {
                is_more = true;
            } else {
                let noted = store::retention::note_emptied(&self.db, project).await;
                noted.map_err(unavailable)?;
            }
        }
    }
}

fn is_full(removed: u64) -> bool {
    i64::try_from(removed) == Ok(BATCH)
}
