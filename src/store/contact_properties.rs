//! The table `contact_properties`.

use sqlx::PgExecutor;

use crate::domain::contact_property::{ContactProperty, MOST_PROPERTIES};
use crate::domain::custom_fields::FieldType;
use crate::domain::id::{ContactPropertyId, ProjectId};

/// How many properties a project has.
pub async fn count(db: impl PgExecutor<'_>, project: ProjectId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM contact_properties WHERE project_id = $1"#,
        project as _,
    )
    .fetch_one(db)
    .await
}

/// Makes a property; nothing if the project has one of this name.
pub async fn insert(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    name: &str,
    kind: FieldType,
    description: Option<&str>,
    default_value: Option<&str>,
) -> sqlx::Result<Option<ContactProperty>> {
    sqlx::query_as!(
        ContactProperty,
        r#"
        INSERT INTO contact_properties (id, project_id, name, type, description, default_value)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (project_id, name) DO NOTHING
        RETURNING id AS "id: ContactPropertyId", name, type AS "kind: FieldType", description, default_value, created_at
        "#,
        ContactPropertyId::generate() as _,
        project as _,
        name,
        kind.as_str(),
        description,
        default_value,
    )
    .fetch_optional(db)
    .await
}

/// The properties of a project, by their names.
pub async fn list(
    db: impl PgExecutor<'_>,
    project: ProjectId,
) -> sqlx::Result<Vec<ContactProperty>> {
    sqlx::query_as!(
        ContactProperty,
        r#"
        SELECT id AS "id: ContactPropertyId", name, type AS "kind: FieldType", description, default_value, created_at
        FROM contact_properties
        WHERE project_id = $1
        ORDER BY name
        LIMIT $2
        "#,
        project as _,
        MOST_PROPERTIES,
    )
    .fetch_all(db)
    .await
}

/// One property of a project.
pub async fn find(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    name: &str,
) -> sqlx::Result<Option<ContactProperty>> {
    sqlx::query_as!(
        ContactProperty,
        r#"
        SELECT id AS "id: ContactPropertyId", name, type AS "kind: FieldType", description, default_value, created_at
        FROM contact_properties
        WHERE project_id = $1 AND name = $2
        "#,
        project as _,
        name,
    )
    .fetch_optional(db)
    .await
}

/// Deletes a property and answers its id; what contacts have under its name stays.
pub async fn delete(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    name: &str,
) -> sqlx::Result<Option<ContactPropertyId>> {
    sqlx::query_scalar!(
        r#"DELETE FROM contact_properties WHERE project_id = $1 AND name = $2 RETURNING id AS "id: ContactPropertyId""#,
        project as _,
        name,
    )
    .fetch_optional(db)
    .await
}
