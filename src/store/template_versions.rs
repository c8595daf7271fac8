//! The table `template_versions`.

use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::domain::id::ProjectId;
use crate::domain::template::{KEPT_VERSIONS, TemplateContent, TemplateId, VersionSummary};

/// Where a new version comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The version that it was made from; `None` for the first.
    pub based_on: Option<i32>,
    /// Who made it, in words.
    pub created_by: String,
}

/// Adds a version to a template of a project.
pub async fn insert(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: TemplateId,
    version: i32,
    content: &TemplateContent,
    origin: &Origin,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO template_versions (template_id, version, subject, preview_text, html, text, variables, based_on,
                                       created_by)
        SELECT id, $3, $4, $5, $6, $7, $8, $9, $10
        FROM templates
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2
        "#,
        project as _,
        id as _,
        version,
        content.subject,
        content.preview_text,
        content.html,
        content.text,
        Json(&content.variables) as _,
        origin.based_on,
        origin.created_by,
    )
    .execute(db)
    .await
    .map(drop)
}

/// The versions of a template that are kept, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: TemplateId,
) -> sqlx::Result<Vec<VersionSummary>> {
    sqlx::query_as!(
        VersionSummary,
        r#"
        SELECT version, subject, preview_text, coalesce(octet_length(html), 0) AS "html_bytes!",
               coalesce(octet_length(text), 0) AS "text_bytes!",
               version IS NOT DISTINCT FROM published_version AS "published!", based_on, created_by,
               template_versions.created_at
        FROM templates
        JOIN template_versions ON template_id = templates.id
        WHERE project_id IS NOT DISTINCT FROM $1 AND templates.id = $2
        ORDER BY version DESC
        "#,
        project as _,
        id as _,
    )
    .fetch_all(db)
    .await
}

/// Forgets the versions of a template that are older than those that are kept, but for the published one.
pub async fn forget_old(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: TemplateId,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        DELETE FROM template_versions
        USING templates
        WHERE project_id IS NOT DISTINCT FROM $1 AND templates.id = $2 AND template_id = $2 AND version <= latest_version - $3
              AND version IS DISTINCT FROM published_version
        "#,
        project as _,
        id as _,
        KEPT_VERSIONS,
    )
    .execute(db)
    .await
    .map(drop)
}
