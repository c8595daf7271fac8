//! Which domains a project may send from, remembered for a moment: every send asks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::future::Cache;
use sqlx::PgPool;

use crate::domain::id::{DomainId, ProjectId};
use crate::error::Result;
use crate::service::away;
use crate::store;

/// How long a domain is believed to be verified that was.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// How long a domain is believed not to be verified that was not: short, since its owner waits for it, and long enough that a
/// flood of refused mails costs next to nothing.
const ABSENT_FOR: Duration = Duration::from_secs(2);

/// Projects remembered.
const REMEMBERED_PROJECTS: u64 = 100_000;

/// The verified domains of every project, as far as they are remembered.
#[derive(Clone)]
pub(super) struct Permitted {
    db: PgPool,
    projects: Cache<ProjectId, Arc<Known>>,
}

struct Known {
    domains: HashMap<String, DomainId>,
    since: Instant,
}

impl Permitted {
    pub(super) fn new(db: PgPool) -> Self {
        let projects =
            Cache::builder().max_capacity(REMEMBERED_PROJECTS).time_to_live(REMEMBERED_FOR).build();
        Self { db, projects }
    }

    /// The domain of this name, if it is verified.
    pub(super) async fn find(&self, project: ProjectId, name: &str) -> Result<Option<DomainId>> {
        let known = self.known(project).await?;
        if let Some(id) = known.domains.get(name) {
            return Ok(Some(*id));
        }
        if known.since.elapsed() < ABSENT_FOR {
            return Ok(None);
        }
        self.forget(project).await;
        Ok(self.known(project).await?.domains.get(name).copied())
    }

    pub(super) async fn forget(&self, project: ProjectId) {
        self.projects.invalidate(&project).await;
    }

    async fn known(&self, project: ProjectId) -> Result<Arc<Known>> {
        let query = async {
            // Before the statement: what it does not see yet is not to be believed for any longer.
            let since = Instant::now();
            let domains = store::domains::verified(&self.db, project).await?;
            Ok(Arc::new(Known { domains: domains.into_iter().collect(), since }))
        };
        let known = self.projects.try_get_with(project, query).await;
        known.map_err(|error: Arc<sqlx::Error>| away(&error))
    }
}
