//! The table `templates`.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::domain::id::{ProjectId, SenderId};
use crate::domain::sender::Sender;
use crate::domain::template::{
    BuilderType, ChosenTemplate, MOST_PER_PROJECT, Template, TemplateContent, TemplateId,
    TemplateType, TemplateVersion,
};

pub use search::{TemplateFilter, TemplateOrder, count, search};

mod search;

/// The constraint that keeps a sender whom a template names.
pub const SENDER_CONSTRAINT: &str = "templates_sender";

/// The constraint that gives an alias to one template of a project.
pub const ALIAS_CONSTRAINT: &str = "templates_alias";

struct Row {
    id: TemplateId,
    project: ProjectId,
    name: String,
    alias: Option<String>,
    description: String,
    kind: String,
    builder: String,
    sender: Option<SenderId>,
    latest: i32,
    published: Option<i32>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Template {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            project: row.project,
            name: row.name,
            alias: row.alias,
            description: row.description,
            // The table holds no other names.
            kind: TemplateType::named(&row.kind).unwrap_or_default(),
            builder: BuilderType::named(&row.builder).unwrap_or_default(),
            sender: row.sender,
            latest: row.latest,
            published: row.published,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Makes a template, unless its project is deleted or has as many as it may.
pub async fn insert(db: impl PgExecutor<'_>, template: &Template) -> sqlx::Result<bool> {
    let inserted = sqlx::query!(
        r#"
        INSERT INTO templates (id, project_id, name, description, type, builder, sender_id, latest_version,
                               published_version, alias)
        SELECT $1, id, $3, $4, $5, $6, $7, $8, $9, $11
        FROM projects
        WHERE id = $2 AND deleted_at IS NULL AND (SELECT count(*) FROM templates WHERE project_id = $2) < $10
        "#,
        template.id as _,
        template.project as _,
        template.name,
        template.description,
        template.kind.as_str(),
        template.builder.as_str(),
        template.sender as _,
        template.latest,
        template.published,
        MOST_PER_PROJECT,
        template.alias,
    )
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// A template of a project with what one of its versions says: of the newest, if none is named.
pub async fn find(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: TemplateId,
    version: Option<i32>,
) -> sqlx::Result<Option<TemplateVersion>> {
    let found = sqlx::query!(
        r#"
        SELECT templates.id AS "id: TemplateId", project_id AS "project: ProjectId", name, alias, description,
               type AS kind, builder, sender_id AS "sender: SenderId", latest_version, published_version, templates.created_at,
               updated_at, version, subject, preview_text, html, text,
               variables AS "variables: Json<Map<String, Value>>"
        FROM templates
        JOIN template_versions ON template_id = templates.id AND version = coalesce($3, latest_version)
        WHERE project_id IS NOT DISTINCT FROM $1 AND templates.id = $2
        "#,
        project as _,
        id as _,
        version,
    )
    .fetch_optional(db)
    .await?;
    Ok(found.map(|row| TemplateVersion {
        version: row.version,
        content: TemplateContent {
            subject: row.subject,
            preview_text: row.preview_text,
            html: row.html,
            text: row.text,
            variables: row.variables.0,
        },
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
    }))
}

/// The template of a project that has this alias.
pub async fn of_alias(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    alias: &str,
) -> sqlx::Result<Option<TemplateId>> {
    sqlx::query_scalar!(
        r#"
        SELECT id AS "id: TemplateId" FROM templates WHERE project_id IS NOT DISTINCT FROM $1 AND alias = $2
        "#,
        project as _,
        alias,
    )
    .fetch_optional(db)
    .await
}

/// One template of a project, held so that nobody else changes it until the transaction ends.
pub async fn lock(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: TemplateId,
) -> sqlx::Result<Option<Template>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id AS "id: TemplateId", project_id AS "project: ProjectId", name, alias, description, type AS kind,
               builder, sender_id AS "sender: SenderId", latest_version AS latest, published_version AS published, created_at,
               updated_at
        FROM templates
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2
        FOR UPDATE
        "#,
        project as _,
        id as _,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Template::from))
}

/// Changes everything of a template that may change.
pub async fn update(db: impl PgExecutor<'_>, template: &Template) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        UPDATE templates
        SET name = $3, description = $4, type = $5, sender_id = $6, latest_version = $7, published_version = $8,
            alias = $9, updated_at = now()
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2
        "#,
        template.project as _,
        template.id as _,
        template.name,
        template.description,
        template.kind.as_str(),
        template.sender as _,
        template.latest,
        template.published,
        template.alias,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Deletes a template with its versions; answers its name, for the log.
pub async fn delete(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: TemplateId,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "DELETE FROM templates WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2 RETURNING name",
        project as _,
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// What a mail takes from a template: of the published version, if none is named.
pub async fn chosen(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: TemplateId,
    version: Option<i32>,
) -> sqlx::Result<Option<ChosenTemplate>> {
    let found = sqlx::query!(
        r#"
        SELECT version AS "version?", subject AS "subject?", preview_text AS "preview_text?", html, text,
               senders.id AS "sender?: SenderId", email AS "email?", senders.name AS "sender_name?",
               reply_to AS "reply_to?"
        FROM templates
        LEFT JOIN template_versions ON template_id = templates.id AND version = coalesce($3, published_version)
        LEFT JOIN LATERAL (
            SELECT id, email, name, reply_to FROM senders WHERE project_id IS NOT DISTINCT FROM $1 AND id = sender_id OFFSET 0
        ) AS senders ON true
        WHERE templates.project_id IS NOT DISTINCT FROM $1 AND templates.id = $2
        "#,
        project as _,
        id as _,
        version,
    )
    .fetch_optional(db)
    .await?;
    Ok(found.map(|row| ChosenTemplate {
        version: row.version,
        content: TemplateContent {
            subject: row.subject.unwrap_or_default(),
            preview_text: row.preview_text.unwrap_or_default(),
            html: row.html,
            text: row.text,
            variables: Map::new(),
        },
        sender: row.sender.map(|id| Sender {
            id,
            email: row.email.unwrap_or_default(),
            name: row.sender_name.unwrap_or_default(),
            reply_to: row.reply_to.unwrap_or_default(),
        }),
    }))
}
