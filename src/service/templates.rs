//! Templates: made, changed, published and looked at by their owners, and taken by mails.
//!
//! What a template says is in its versions, which never change. One of them is published, and is what mails take. Name,
//! description, type and sender belong to the template itself and count at once.

use serde_json::json;
use sqlx::PgPool;

use super::{commit, in_time, unavailable};
use crate::domain::caller::Caller;
use crate::domain::id::ProjectId;
use crate::domain::template::{
    TemplateAlias, TemplateId, TemplateSummary, TemplateType, TemplateVersion, VersionSummary,
};
use crate::error::{Error, Result};
use crate::store;

pub use self::changing::NewTemplate;
pub use self::previewing::{Filled, Parts};
pub use self::update::TemplateUpdate;
pub use crate::store::templates::{TemplateFilter, TemplateOrder};

mod changing;
mod filling;
mod previewing;
pub mod syntax;
mod update;

/// A template as its owner sees it.
#[derive(Clone, Debug)]
pub struct ShownTemplate {
    /// The template, and what the version says.
    pub version: TemplateVersion,
    /// Its text part, or the one that its HTML makes.
    pub plain_text: Option<String>,
    /// The variables that it asks for; at most 100 of each part.
    pub variables: Vec<String>,
}

impl ShownTemplate {
    fn new(version: TemplateVersion) -> Self {
        let content = &version.content;
        let made = || update::made_text(content.html.as_deref());
        let plain_text = content.text.clone().or_else(made);
        let variables = syntax::variables(content);
        Self { version, plain_text, variables }
    }
}

/// The templates of every project.
#[derive(Clone)]
pub struct Templates {
    db: PgPool,
}

impl Templates {
    /// The templates kept in `db`.
    pub fn new(db: PgPool) -> Self {
        Self { db }
    }

    /// One template with what one of its versions says: the newest, if none is named.
    pub async fn find(
        &self,
        project: ProjectId,
        id: TemplateId,
        version: Option<i32>,
    ) -> Result<ShownTemplate> {
        self.version(project, id, version).await.map(ShownTemplate::new)
    }

    /// The template that has this alias.
    pub async fn of_alias(&self, project: ProjectId, alias: &TemplateAlias) -> Result<TemplateId> {
        in_time(store::templates::of_alias(&self.db, project, alias.as_str()))
            .await
            .map_err(unavailable)?
            .ok_or(Error::NotFound("template"))
    }

    /// The number of the newest version.
    pub async fn latest(&self, project: ProjectId, id: TemplateId) -> Result<i32> {
        Ok(self.version(project, id, None).await?.version)
    }

    /// Some templates of a project.
    pub async fn list(
        &self,
        project: ProjectId,
        kind: Option<TemplateType>,
        (limit, offset): (i64, i64),
    ) -> Result<Vec<TemplateSummary>> {
        let filter = TemplateFilter { kind, ..TemplateFilter::default() };
        let order = TemplateOrder::CreatedAt;
        store::templates::search(&self.db, project, &filter, order, (limit, offset))
            .await
            .map_err(unavailable)
    }

    /// A page of what is looked for, and how much there is of it.
    pub async fn search(
        &self,
        project: ProjectId,
        filter: &TemplateFilter,
        order: TemplateOrder,
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<TemplateSummary>, i64)> {
        let found = store::templates::search(&self.db, project, filter, order, (limit, offset))
            .await
            .map_err(unavailable)?;
        let total =
            store::templates::count(&self.db, project, filter).await.map_err(unavailable)?;
        Ok((found, total))
    }

    /// The versions of a template that are kept, newest first.
    pub async fn versions(
        &self,
        project: ProjectId,
        id: TemplateId,
    ) -> Result<Vec<VersionSummary>> {
        let found =
            store::template_versions::list(&self.db, project, id).await.map_err(unavailable)?;
        // Each template has one.
        if found.is_empty() { Err(Error::NotFound("template")) } else { Ok(found) }
    }

    /// Deletes a template. Mail that was accepted before keeps what it took from it.
    pub async fn delete(&self, caller: &Caller, project: ProjectId, id: TemplateId) -> Result<()> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let name =
            store::templates::delete(&mut *transaction, project, id).await.map_err(unavailable)?;
        let name = name.ok_or_else(not_deleted)?;
        let entry = changing::entry(caller, project, "template.deleted", (id, &name), json!({}));
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(template.id = %id, "Deleted a template");
        Ok(())
    }

    async fn version(
        &self,
        project: ProjectId,
        id: TemplateId,
        version: Option<i32>,
    ) -> Result<TemplateVersion> {
        in_time(store::templates::find(&self.db, project, id, version))
            .await
            .map_err(unavailable)?
            .ok_or(Error::NotFound("template"))
    }
}

/// The published answer to a deletion of what is not there, where everything else says 404.
pub fn not_deleted() -> Error {
    Error::Impossible {
        code: "DELETE_TEMPLATE_FAILED",
        message: "There is no such template, so that none was deleted.".into(),
    }
}
