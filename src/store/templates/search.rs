//! Lists of templates.

use sqlx::PgExecutor;

use super::Row;
use crate::domain::id::{ProjectId, SenderId};
use crate::domain::template::{TemplateId, TemplateSummary, TemplateType};

/// What a list of templates is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct TemplateFilter {
    /// In the name, the subject or the id, in any case.
    pub query: Option<String>,
    /// What it is for.
    pub kind: Option<TemplateType>,
    /// The whole name.
    pub name: Option<String>,
    /// In the subject, in any case.
    pub subject: Option<String>,
    /// This one.
    pub id: Option<TemplateId>,
    /// Those of which the query is the whole id.
    pub query_id: Option<TemplateId>,
}

/// By what a list of templates is ordered. Times begin with the latest, words with A.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TemplateOrder {
    /// When they were made.
    #[default]
    CreatedAt,
    /// When they were last changed.
    UpdatedAt,
    /// What they are called.
    Name,
    /// What their mails are about.
    Subject,
}

/// Some templates of a project. It has a thousand at most, so that all of them may be looked at.
pub async fn search(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    filter: &TemplateFilter,
    order: TemplateOrder,
    (limit, offset): (i64, i64),
) -> sqlx::Result<Vec<TemplateSummary>> {
    let order = match order {
        TemplateOrder::CreatedAt => "created_at",
        TemplateOrder::UpdatedAt => "updated_at",
        TemplateOrder::Name => "name",
        TemplateOrder::Subject => "subject",
    };
    let rows = sqlx::query!(
        r#"
        SELECT templates.id AS "id: TemplateId", project_id AS "project: ProjectId", name, alias, description,
               type AS kind, builder, sender_id AS "sender: SenderId", latest_version, published_version, templates.created_at,
               updated_at, subject, preview_text
        FROM templates
        CROSS JOIN LATERAL (
            SELECT subject, preview_text FROM template_versions
            WHERE template_id = templates.id AND version = latest_version OFFSET 0
        ) AS newest
        WHERE project_id = $1
              AND ($2::text IS NULL OR strpos(lower(name), lower($2)) > 0 OR strpos(lower(subject), lower($2)) > 0
                   OR templates.id = $3)
              AND ($4::text IS NULL OR type = $4)
              AND ($5::text IS NULL OR name = $5)
              AND ($6::text IS NULL OR strpos(lower(subject), lower($6)) > 0)
              AND ($7::uuid IS NULL OR templates.id = $7)
        ORDER BY CASE $8 WHEN 'name' THEN lower(name) WHEN 'subject' THEN lower(subject) END,
                 CASE $8 WHEN 'updated_at' THEN updated_at END DESC, templates.id DESC
        LIMIT $9 OFFSET $10
        "#,
        project as _,
        filter.query,
        filter.query_id as _,
        filter.kind.map(TemplateType::as_str),
        filter.name,
        filter.subject,
        filter.id as _,
        order,
        limit,
        offset,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| TemplateSummary {
            subject: row.subject,
            preview_text: row.preview_text,
            template: Row {
                id: row.id,
                project: row.project,
                name: row.name,
                alias: row.alias,
                description: row.description,
                kind: row.kind,
                builder: row.builder,
                sender: row.sender,
                latest: row.latest_version,
                published: row.published_version,
                created_at: row.created_at,
                updated_at: row.updated_at,
            }
            .into(),
        })
        .collect())
}

/// How many templates of a project a search finds.
pub async fn count(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    filter: &TemplateFilter,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!"
        FROM templates
        CROSS JOIN LATERAL (
            SELECT subject, preview_text FROM template_versions
            WHERE template_id = templates.id AND version = latest_version OFFSET 0
        ) AS newest
        WHERE project_id = $1
              AND ($2::text IS NULL OR strpos(lower(name), lower($2)) > 0 OR strpos(lower(subject), lower($2)) > 0
                   OR templates.id = $3)
              AND ($4::text IS NULL OR type = $4)
              AND ($5::text IS NULL OR name = $5)
              AND ($6::text IS NULL OR strpos(lower(subject), lower($6)) > 0)
              AND ($7::uuid IS NULL OR templates.id = $7)
        "#,
        project as _,
        filter.query,
        filter.query_id as _,
        filter.kind.map(TemplateType::as_str),
        filter.name,
        filter.subject,
        filter.id as _,
    )
    .fetch_one(db)
    .await
}
