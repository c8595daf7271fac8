//! What the mails of a project tell of their readers unless they say otherwise, remembered for a moment.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use sqlx::PgPool;

use crate::domain::draft::Draft;
use crate::domain::id::ProjectId;
use crate::domain::personal::Tracking;
use crate::error::Result;
use crate::service::away;
use crate::store;

/// How long a choice is remembered.
const REMEMBERED_FOR: Duration = Duration::from_secs(5);

/// Projects remembered.
const REMEMBERED_PROJECTS: u64 = 100_000;

/// The choices of projects.
pub(super) struct TrackingChoices {
    db: PgPool,
    projects: Cache<ProjectId, Tracking>,
}

impl TrackingChoices {
    pub(super) fn new(db: PgPool) -> Self {
        let projects =
            Cache::builder().max_capacity(REMEMBERED_PROJECTS).time_to_live(REMEMBERED_FOR).build();
        Self { db, projects }
    }

    /// What a mail tells: what it says itself, or else what its project says. Only HTML can tell anything.
    pub(super) async fn of(&self, project: ProjectId, draft: &Draft) -> Result<Tracking> {
        if draft.html.is_none() {
            return Ok(Tracking::default());
        }
        let (open, click) = (draft.details.tracking_open, draft.details.tracking_click);
        if let (Some(opens), Some(clicks)) = (open, click) {
            return Ok(Tracking { opens, clicks });
        }
        let chosen = self.projects.try_get_with(project, self.read(project)).await;
        let chosen = chosen.map_err(|error: Arc<sqlx::Error>| away(&error))?;
        Ok(Tracking { opens: open.unwrap_or(chosen.opens), clicks: click.unwrap_or(chosen.clicks) })
    }

    async fn read(&self, project: ProjectId) -> sqlx::Result<Tracking> {
        let row = store::projects::tracking(&self.db, project).await?.unwrap_or_default();
        Ok(Tracking { opens: row.opens, clicks: row.clicks })
    }
}
