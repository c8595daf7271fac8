//! Which mails a list is narrowed to: a statement for each thing that an index knows.
//!
//! Each answers the ids of some mails in question, newest first, and [`among`] looks at those for what no index knows.
//! One statement for all would have one plan for all (sessions ask for generic plans), which reads every mail of a
//! project for a filter that few of them pass.

use sqlx::PgExecutor;

use crate::domain::id::{ApiKeyId, MailId, ProjectId};
use crate::domain::mail_details::MailDetails;
use crate::domain::record::MailSummary;

use super::Filter;

/// A stretch of ids, and so of time.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// The first id after it.
    pub before: MailId,
    /// The first id in it.
    pub from: MailId,
    /// At most so many, the newest.
    pub limit: i64,
}

/// All mails.
pub async fn of_project(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    stretch: Stretch,
) -> sqlx::Result<Vec<MailId>> {
    sqlx::query_scalar!(
        r#"
        SELECT id AS "id: MailId"
        FROM mails
        WHERE project_id = $1 AND id < $2 AND id >= $3
        ORDER BY id DESC
        LIMIT $4
        "#,
        project as _,
        stretch.before as _,
        stretch.from as _,
        stretch.limit,
    )
    .fetch_all(db)
    .await
}

/// The mails right after one, oldest first, unlike all other lists.
pub async fn after(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
    limit: i64,
) -> sqlx::Result<Vec<MailId>> {
    sqlx::query_scalar!(
        r#"
        SELECT id AS "id: MailId"
        FROM mails
        WHERE project_id = $1 AND id > $2
        ORDER BY id
        LIMIT $3
        "#,
        project as _,
        mail as _,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Test mails.
pub async fn of_test_mode(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    stretch: Stretch,
) -> sqlx::Result<Vec<MailId>> {
    sqlx::query_scalar!(
        r#"
        SELECT id AS "id: MailId"
        FROM mails
        WHERE test AND project_id = $1 AND id < $2 AND id >= $3
        ORDER BY id DESC
        LIMIT $4
        "#,
        project as _,
        stretch.before as _,
        stretch.from as _,
        stretch.limit,
    )
    .fetch_all(db)
    .await
}

/// Mails that were sent with a key.
pub async fn of_key(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    key: ApiKeyId,
    stretch: Stretch,
) -> sqlx::Result<Vec<MailId>> {
    sqlx::query_scalar!(
        r#"
        SELECT id AS "id: MailId"
        FROM mails
        WHERE project_id = $1 AND key_id = $5 AND id < $2 AND id >= $3
        ORDER BY id DESC
        LIMIT $4
        "#,
        project as _,
        stretch.before as _,
        stretch.from as _,
        stretch.limit,
        key as _,
    )
    .fetch_all(db)
    .await
}

/// Mails from an address, whatever case it is written in.
pub async fn from(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    address: &str,
    stretch: Stretch,
) -> sqlx::Result<Vec<MailId>> {
    sqlx::query_scalar!(
        r#"
        SELECT id AS "id: MailId"
        FROM mails
        -- One stretch of its index, and an order that no other has: planned on an empty table, another would do as well.
        WHERE project_id = $1 AND (lower(from_address), id) < (lower($5), $2)
          AND (lower(from_address), id) >= (lower($5), $3)
        ORDER BY lower(from_address) DESC, id DESC
        LIMIT $4
        "#,
        project as _,
        stretch.before as _,
        stretch.from as _,
        stretch.limit,
        address,
    )
    .fetch_all(db)
    .await
}

/// Mails of which an address, in lower case, is a recipient.
pub async fn to(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    address: &str,
    stretch: Stretch,
) -> sqlx::Result<Vec<MailId>> {
    sqlx::query_scalar!(
        r#"
        SELECT id AS "id!: MailId"
        FROM (
            (SELECT id FROM mails
             WHERE project_id = $1 AND to_address = $5 AND id < $2 AND id >= $3
             ORDER BY id DESC LIMIT $4)
            UNION
            (SELECT mail_id FROM mail_recipients
             WHERE project_id = $1 AND address = $5 AND mail_id < $2 AND mail_id >= $3
             ORDER BY mail_id DESC LIMIT $4)
        ) AS found
        ORDER BY id DESC
        LIMIT $4
        "#,
        project as _,
        stretch.before as _,
        stretch.from as _,
        stretch.limit,
        address,
    )
    .fetch_all(db)
    .await
}

/// Mails some of whose recipients are still to be served.
pub async fn unfinished(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    stretch: Stretch,
) -> sqlx::Result<Vec<MailId>> {
    sqlx::query_scalar!(
        r#"
        SELECT DISTINCT mail_id AS "id: MailId"
        FROM deliveries
        WHERE project_id = $1 AND mail_id < $2 AND mail_id >= $3
        ORDER BY mail_id DESC
        LIMIT $4
        "#,
        project as _,
        stretch.before as _,
        stretch.from as _,
        stretch.limit,
    )
    .fetch_all(db)
    .await
}

/// Mails with a tag, or of a request for many: see the table `mail_labels`.
pub async fn labelled(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    label: &str,
    stretch: Stretch,
) -> sqlx::Result<Vec<MailId>> {
    sqlx::query_scalar!(
        r#"
        SELECT mail_id AS "id: MailId"
        FROM mail_labels
        WHERE project_id = $1 AND label = $5 AND mail_id < $2 AND mail_id >= $3
        ORDER BY mail_id DESC
        LIMIT $4
        "#,
        project as _,
        stretch.before as _,
        stretch.from as _,
        stretch.limit,
        label,
    )
    .fetch_all(db)
    .await
}

/// Mails to which one of these things happened, of those that are indexed: see the table `events`.
pub async fn to_which_happened(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    types: &[&str],
    stretch: Stretch,
) -> sqlx::Result<Vec<MailId>> {
    sqlx::query_scalar!(
        r#"
        SELECT DISTINCT found.mail_id AS "id!: MailId"
        FROM UNNEST($5::text[]) AS wanted (type),
             LATERAL (SELECT DISTINCT mail_id
                      FROM events
                      WHERE project_id = $1 AND events.type = wanted.type AND mail_id < $2 AND mail_id >= $3
                      ORDER BY mail_id DESC
                      LIMIT $4) AS found
        ORDER BY found.mail_id DESC
        LIMIT $4
        "#,
        project as _,
        stretch.before as _,
        stretch.from as _,
        stretch.limit,
        types as _,
    )
    .fetch_all(db)
    .await
}

/// Those of some mails of which somebody complained.
pub async fn complained_of(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    ids: &[MailId],
) -> sqlx::Result<Vec<MailId>> {
    sqlx::query_scalar!(
        r#"
        SELECT wanted.id AS "id!: MailId"
        FROM UNNEST($2::uuid[]) AS wanted (id)
        WHERE EXISTS (SELECT FROM events
                      WHERE project_id = $1 AND type = 'complained' AND mail_id = wanted.id
                      OFFSET 0)
        "#,
        project as _,
        ids as _,
    )
    .fetch_all(db)
    .await
}

/// Those of some mails that pass the whole filter, newest first.
pub async fn among(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    ids: &[MailId],
    filter: &Filter,
    limit: i64,
) -> sqlx::Result<Vec<MailSummary>> {
    sqlx::query_as!(
        MailSummary,
        r#"
        SELECT mail.id AS "id: MailId", project_id AS "project: ProjectId", test, status, pending, sent, failed, held,
               from_address, from_name, to_address, to_name, subject, missing_variables,
               details AS "details: MailDetails", created_at
        FROM UNNEST($2::uuid[]) AS wanted (id),
             LATERAL (
                 SELECT *
                 FROM mails
                 WHERE mails.id = wanted.id AND project_id IS NOT DISTINCT FROM $1
                   AND (cardinality($3::text[]) = 0 OR status = ANY ($3))
                   AND ($4::text IS NULL OR lower(from_address) = lower($4))
                   AND ($5::boolean IS NULL OR test = $5)
                   AND ($6::uuid IS NULL OR key_id = $6)
                   AND ($7::timestamptz IS NULL OR created_at >= $7)
                   AND ($8::timestamptz IS NULL OR created_at < $8)
                   AND ($9::text IS NULL OR to_address = $9 OR EXISTS (
                           SELECT FROM mail_recipients
                           WHERE mail_recipients.project_id = $1 AND address = $9 AND mail_id = wanted.id
                           OFFSET 0))
                   AND ($10::text IS NULL OR lower(from_address) = lower($10) OR to_address = lower($10) OR EXISTS (
                           SELECT FROM mail_recipients
                           WHERE mail_recipients.project_id = $1 AND address = lower($10) AND mail_id = wanted.id
                           OFFSET 0))
                   AND ($12::text IS NULL OR details->'tags' ? $12)
                   AND ($13::uuid IS NULL OR details->>'batchId' = $13::text)
                 -- Makes it a look-up for each id: all in one, they may be planned to be picked from all of the project.
                 OFFSET 0
             ) AS mail
        ORDER BY mail.id DESC
        LIMIT $11
        "#,
        project as _,
        ids as _,
        &filter.statuses,
        filter.from_address,
        filter.test,
        filter.key as _,
        filter.after,
        filter.before,
        filter.to_address,
        filter.address,
        limit,
        filter.tag,
        filter.batch,
    )
    .fetch_all(db)
    .await
}
