//! The table `contacts`.

use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::domain::contact::Contact;
use crate::domain::custom_fields::CustomFields;
use crate::domain::id::{ContactId, ContactListId, ProjectId};

/// Makes contacts of which only the addresses are known, in lower case, but for those that there are; answers those that
/// were made. In order, so that two requests never wait for each other.
pub async fn insert_missing(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    emails: &[String],
) -> sqlx::Result<Vec<ContactId>> {
    let ids: Vec<ContactId> = emails.iter().map(|_| ContactId::generate()).collect();
    sqlx::query_scalar!(
        r#"
        INSERT INTO contacts (id, project_id, email)
        SELECT given.id, $1, given.email
        FROM UNNEST($2::uuid[], $3::text[]) AS given (id, email)
        ORDER BY given.email
        ON CONFLICT (project_id, email) DO NOTHING
        RETURNING id AS "id: ContactId"
        "#,
        project as _,
        ids as _,
        emails,
    )
    .fetch_all(db)
    .await
}

/// Defines statements that answer contacts, by what they are narrowed to.
macro_rules! contacts {
    ($($(#[$doc:meta])* $name:ident($($parameter:ident: $type:ty => $bound:expr),*): $narrowed:literal),+ $(,)?) => {
        $(
            $(#[$doc])*
            pub async fn $name(
                db: impl PgExecutor<'_>,
                project: ProjectId,
                $($parameter: $type,)*
            ) -> sqlx::Result<Vec<Contact>> {
                sqlx::query_as!(
                    Contact,
                    r#"
                    SELECT id AS "id: ContactId", project_id AS "project: ProjectId", email, first_name, last_name, user_id,
                           mobile, custom_fields AS "custom_fields: CustomFields",
                           ARRAY(SELECT list_id FROM contact_list_members WHERE contact_id = contacts.id ORDER BY list_id)
                               AS "lists!: Vec<ContactListId>",
                           created_at, updated_at
                    FROM contacts
                    WHERE "# + $narrowed,
                    project as _,
                    $($bound,)*
                )
                .fetch_all(db)
                .await
            }
        )+
    };
}

contacts! {
    /// Contacts by their ids.
    by_ids(ids: &[ContactId] => ids as _): "project_id IS NOT DISTINCT FROM $1 AND id = ANY ($2) ORDER BY id",
    /// Contacts by their addresses, in lower case.
    by_emails(emails: &[String] => emails): "project_id IS NOT DISTINCT FROM $1 AND id = ANY (ARRAY(
             SELECT named.id
             FROM UNNEST($2::text[]) AS given
             CROSS JOIN LATERAL (SELECT id FROM contacts WHERE project_id = $1 AND email = given OFFSET 0) AS named)) ORDER BY email",
    /// The same, and holds them in order, so that nobody else changes them until the transaction ends.
    lock(emails: &[String] => emails): "project_id IS NOT DISTINCT FROM $1 AND id = ANY (ARRAY(
             SELECT named.id
             FROM UNNEST($2::text[]) AS given
             CROSS JOIN LATERAL (SELECT id FROM contacts WHERE project_id = $1 AND email = given OFFSET 0) AS named)) ORDER BY email FOR UPDATE OF contacts",
    /// Contacts whose addresses have a text in them, newest first.
    page(text: &str => text, limit: i64 => limit, offset: i64 => offset):
        "project_id::text = $1::uuid::text AND ($2 = '' OR position($2 IN email) > 0) ORDER BY id DESC LIMIT $3 OFFSET $4",
}

/// Writes what can be changed about contacts.
pub async fn update(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    contacts: &[&Contact],
) -> sqlx::Result<()> {
    let ids: Vec<ContactId> = contacts.iter().map(|contact| contact.id).collect();
    let column = |of: fn(&Contact) -> Option<&str>| -> Vec<Option<&str>> {
        contacts.iter().map(|contact| of(contact)).collect()
    };
    let fields: Vec<Json<&CustomFields>> =
        contacts.iter().map(|contact| Json(&contact.custom_fields)).collect();
    let updated: Vec<_> = contacts.iter().map(|contact| contact.updated_at).collect();
    sqlx::query!(
        r#"
        UPDATE contacts
        SET first_name = given.first_name,
            last_name = given.last_name,
            user_id = given.user_id,
            mobile = given.mobile,
            custom_fields = given.custom_fields,
            updated_at = given.updated_at
        FROM UNNEST(
            $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::timestamptz[]
        ) AS given (id, first_name, last_name, user_id, mobile, custom_fields, updated_at)
        WHERE contacts.project_id IS NOT DISTINCT FROM $1 AND contacts.id = given.id AND contacts.id = ANY ($2)
        "#,
        project as _,
        ids as _,
        column(|contact| contact.first_name.as_deref()) as _,
        column(|contact| contact.last_name.as_deref()) as _,
        column(|contact| contact.user_id.as_deref()) as _,
        column(|contact| contact.mobile.as_deref()) as _,
        fields as _,
        &updated,
    )
    .execute(db)
    .await
    .map(drop)
}

/// A contact that is gone.
#[derive(Debug)]
pub struct Deleted {
    /// What named it.
    pub id: ContactId,
    /// Its address.
    pub email: String,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
}

/// Defines statements that remove contacts, by what they are narrowed to; in order, so that nobody waits for each other.
macro_rules! deletions {
    ($($(#[$doc:meta])* $name:ident($parameter:ident: $type:ty => $bound:expr): $narrowed:literal),+ $(,)?) => {
        $(
            $(#[$doc])*
            pub async fn $name(
                db: impl PgExecutor<'_>,
                project: ProjectId,
                $parameter: $type,
            ) -> sqlx::Result<Vec<Deleted>> {
                sqlx::query_as!(
                    Deleted,
                    r#"
                    WITH found AS MATERIALIZED (
                        SELECT id FROM contacts WHERE "# + $narrowed + r#" ORDER BY email FOR UPDATE
                    )
                    DELETE FROM contacts
                    WHERE project_id IS NOT DISTINCT FROM $1 AND id = ANY (ARRAY(SELECT id FROM found))
                    RETURNING id AS "id: ContactId", email, first_name, last_name
                    "#,
                    project as _,
                    $bound,
                )
                .fetch_all(db)
                .await
            }
        )+
    };
}

deletions! {
    /// Removes a contact by its id.
    delete(id: ContactId => id as _): "project_id IS NOT DISTINCT FROM $1 AND id = $2",
    /// Removes contacts by their addresses, in lower case.
    delete_by_emails(emails: &[String] => emails): "project_id IS NOT DISTINCT FROM $1 AND id = ANY (ARRAY(
             SELECT named.id
             FROM UNNEST($2::text[]) AS given
             CROSS JOIN LATERAL (SELECT id FROM contacts WHERE project_id = $1 AND email = given OFFSET 0) AS named))",
    /// Removes contacts by the project's own name for them, a thousand at most.
    delete_by_user_id(user_id: &str => user_id):
        "project_id IS NOT DISTINCT FROM $1
         AND id = ANY (ARRAY(SELECT id FROM contacts WHERE project_id::text || user_id = $1::uuid::text || $2
                             LIMIT 1000))",
}

/// How many contacts of a project have a text in their addresses, counted up to `most`.
pub async fn count(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    text: &str,
    most: i64,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!"
        FROM (
            SELECT
            FROM contacts
            WHERE project_id::text = $1::uuid::text AND ($2 = '' OR position($2 IN email) > 0)
            ORDER BY id DESC
            LIMIT $3
        ) AS found
        "#,
        project as _,
        text,
        most,
    )
    .fetch_one(db)
    .await
}

/// Which of these addresses, in lower case, get no mail of the project.
pub async fn suppressed(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    emails: &[String],
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"
        SELECT address
        FROM suppressions
        WHERE project_id = $1 AND address = ANY ($2) AND group_id = 'GLOBAL'
        ORDER BY address
        "#,
        project as _,
        emails,
    )
    .fetch_all(db)
    .await
}

/// The groups of a project whose mail an address, in lower case, does not want, by their names: short name and name.
pub async fn unsubscribed_groups(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    email: &str,
) -> sqlx::Result<Vec<(String, String)>> {
    let rows = sqlx::query!(
        r#"
        SELECT group_id, name
        FROM suppression_groups
        WHERE project_id = $1 AND deleted_at IS NULL
          AND group_id = ANY (ARRAY(SELECT group_id FROM suppressions WHERE project_id = $1 AND address = $2))
        ORDER BY name, group_id
        "#,
        project as _,
        email,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.group_id, row.name)).collect())
}
