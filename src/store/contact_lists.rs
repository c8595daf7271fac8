//! The tables `contact_lists` and `contact_list_members`.

use sqlx::PgExecutor;

use crate::domain::contact_list::{ContactList, MOST_COUNTED, MOST_LISTS};
use crate::domain::id::{ContactId, ContactListId, ProjectId};

/// How many lists a project has.
pub async fn count(db: impl PgExecutor<'_>, project: ProjectId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM contact_lists WHERE project_id = $1"#,
        project as _,
    )
    .fetch_one(db)
    .await
}

/// Makes a list; nothing if the project has one of this name.
pub async fn insert(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    name: &str,
    description: Option<&str>,
) -> sqlx::Result<Option<ContactList>> {
    sqlx::query_as!(
        ContactList,
        r#"
        INSERT INTO contact_lists (id, project_id, name, description)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (project_id, name) DO NOTHING
        RETURNING id AS "id: ContactListId", name, description, 0::bigint AS "contacts!", created_at, updated_at
        "#,
        ContactListId::generate() as _,
        project as _,
        name,
        description,
    )
    .fetch_optional(db)
    .await
}

/// The lists of a project, newest first.
pub async fn list(db: impl PgExecutor<'_>, project: ProjectId) -> sqlx::Result<Vec<ContactList>> {
    sqlx::query_as!(
        ContactList,
        r#"
        SELECT id AS "id: ContactListId", name, description,
               (SELECT count(*)
                FROM (SELECT FROM contact_list_members WHERE list_id = contact_lists.id LIMIT $2) AS member) AS "contacts!",
               created_at, updated_at
        FROM contact_lists
        WHERE project_id = $1
        ORDER BY id DESC
        LIMIT $3
        "#,
        project as _,
        MOST_COUNTED,
        MOST_LISTS,
    )
    .fetch_all(db)
    .await
}

/// One list of a project.
pub async fn find(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: ContactListId,
) -> sqlx::Result<Option<ContactList>> {
    sqlx::query_as!(
        ContactList,
        r#"
        SELECT id AS "id: ContactListId", name, description,
               (SELECT count(*)
                FROM (SELECT FROM contact_list_members WHERE list_id = contact_lists.id LIMIT $3) AS member) AS "contacts!",
               created_at, updated_at
        FROM contact_lists
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2
        "#,
        project as _,
        id as _,
        MOST_COUNTED,
    )
    .fetch_optional(db)
    .await
}

/// Which of these lists the project has, and holds them, so that none is deleted until the transaction ends.
pub async fn hold(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    ids: &[ContactListId],
) -> sqlx::Result<Vec<ContactListId>> {
    sqlx::query_scalar!(
        r#"
        SELECT id AS "id: ContactListId"
        FROM contact_lists
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = ANY ($2)
        ORDER BY id
        FOR KEY SHARE
        "#,
        project as _,
        ids as _,
    )
    .fetch_all(db)
    .await
}

/// Deletes a list; its contacts stay.
pub async fn delete(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: ContactListId,
) -> sqlx::Result<bool> {
    let deleted = sqlx::query!(
        "DELETE FROM contact_lists WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2",
        project as _,
        id as _,
    )
    .execute(db)
    .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Puts contacts onto lists, both of which are the project's and held; answers the pairs that were not there.
pub async fn add(
    db: impl PgExecutor<'_>,
    pairs: &[(ContactListId, ContactId)],
) -> sqlx::Result<Vec<(ContactListId, ContactId)>> {
    let (lists, contacts): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    let added = sqlx::query!(
        r#"
        INSERT INTO contact_list_members (list_id, contact_id)
        SELECT list_id, contact_id
        FROM UNNEST($1::uuid[], $2::uuid[]) AS given (list_id, contact_id)
        ORDER BY list_id, contact_id
        ON CONFLICT DO NOTHING
        RETURNING list_id AS "list: ContactListId", contact_id AS "contact: ContactId"
        "#,
        lists as _,
        contacts as _,
    )
    .fetch_all(db)
    .await?;
    Ok(added.into_iter().map(|row| (row.list, row.contact)).collect())
}

/// Takes contacts off a list of the project; answers those that were on it.
pub async fn remove(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    list: ContactListId,
    contacts: &[ContactId],
) -> sqlx::Result<Vec<ContactId>> {
    sqlx::query_scalar!(
        r#"
        DELETE FROM contact_list_members
        WHERE list_id = (SELECT id FROM contact_lists WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2) AND contact_id = ANY ($3)
        RETURNING contact_id AS "contact: ContactId"
        "#,
        project as _,
        list as _,
        contacts as _,
    )
    .fetch_all(db)
    .await
}

/// A page of the contacts on a list of the project whose addresses have a text in them, newest first.
pub async fn page(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    list: ContactListId,
    text: &str,
    limit: i64,
    offset: i64,
) -> sqlx::Result<Vec<ContactId>> {
    sqlx::query_scalar!(
        r#"
        SELECT contact_id AS "contact: ContactId"
        FROM contact_list_members
        CROSS JOIN LATERAL (
            SELECT email FROM contacts WHERE id = contact_id AND project_id IS NOT DISTINCT FROM $1 OFFSET 0
        ) AS contact
        WHERE list_id = $2 AND ($3 = '' OR position($3 IN email) > 0)
        ORDER BY contact_id DESC
        LIMIT $4 OFFSET $5
        "#,
        project as _,
        list as _,
        text,
        limit,
        offset,
    )
    .fetch_all(db)
    .await
}

/// How many contacts on a list of the project have a text in their addresses, counted up to `most`.
pub async fn count_page(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    list: ContactListId,
    text: &str,
    most: i64,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!"
        FROM (
            SELECT
            FROM contact_list_members
            CROSS JOIN LATERAL (
                SELECT email FROM contacts WHERE id = contact_id AND project_id IS NOT DISTINCT FROM $1 OFFSET 0
            ) AS contact
            WHERE list_id = $2 AND ($3 = '' OR position($3 IN email) > 0)
            LIMIT $4
        ) AS found
        "#,
        project as _,
        list as _,
        text,
        most,
    )
    .fetch_one(db)
    .await
}
