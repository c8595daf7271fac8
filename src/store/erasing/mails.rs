//! What takes one recipient out of mails, their deliveries and their events.

use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::domain::delivery::Reply;
use crate::domain::id::{EventId, MailId, ProjectId};

/// Removes a mail of which nothing is under way; whether there was one. What other tables have of it goes by triggers.
pub async fn remove(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
) -> sqlx::Result<bool> {
    let removed = sqlx::query!(
        r#"
        DELETE FROM mails WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2
        "#,
        project as _,
        mail as _,
    )
    .execute(db)
    .await?;
    Ok(removed.rows_affected() == 1)
}

/// A mail, and what its author said of it beside its content.
#[derive(Debug)]
pub struct DescribedMail {
    /// The mail.
    pub id: MailId,
    /// As JSON.
    pub details: Option<String>,
}

/// Mails of a project after one, oldest first.
pub async fn list_after(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    after: MailId,
    limit: i64,
) -> sqlx::Result<Vec<DescribedMail>> {
    sqlx::query_as!(
        DescribedMail,
        r#"
        SELECT id AS "id: MailId", details::text AS details
        FROM mails
        WHERE project_id = $1 AND id > $2
        ORDER BY id
        LIMIT $3
        "#,
        project as _,
        after as _,
        limit,
    )
    .fetch_all(db)
    .await
}

/// What a mail says of itself once somebody is forgotten.
#[derive(Debug)]
pub struct RewrittenMail {
    /// Stands for the first recipient, where that was who is forgotten.
    pub to_address: Option<String>,
    /// The subject.
    pub subject: String,
    /// What else its author said of it, as JSON.
    pub details: Option<String>,
    /// The content, packed; nothing where there is none.
    pub body: Option<Vec<u8>>,
    /// The places of who is forgotten among the recipients.
    pub places: Vec<i16>,
}

/// Writes a mail anew, and takes the address, in the form in which addresses are compared, from its recipients.
pub async fn rewrite(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
    address: &str,
    rewritten: &RewrittenMail,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        WITH before AS MATERIALIZED (
            SELECT details FROM mails WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2
        ),
        changed AS (
            UPDATE mails
            SET to_address = coalesce($4, to_address),
                to_name = CASE WHEN $4::text IS NULL THEN to_name END,
                subject = $5,
                details = $6::text::jsonb
            WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2
            RETURNING id
        ),
        changed_body AS (
            UPDATE mail_bodies
            SET content = $7, shared_id = NULL
            WHERE mail_id = ANY (ARRAY(SELECT id FROM changed)) AND $7::bytea IS NOT NULL
        ),
        -- What a tag says is its label as well.
        removed_label AS (
            DELETE FROM mail_labels
            WHERE project_id = $1 AND mail_id = $2
              AND label = ANY (ARRAY(SELECT mail_labels_of(details) FROM before
                                     EXCEPT SELECT mail_labels_of($6::text::jsonb)))
        ),
        added_label AS (
            INSERT INTO mail_labels (project_id, label, mail_id)
            SELECT DISTINCT $1::uuid, label, id
            FROM changed
            CROSS JOIN LATERAL mail_labels_of($6::text::jsonb) AS label
            ON CONFLICT DO NOTHING
        ),
        -- How often the forgotten one opened it, and which links they followed.
        removed_engagement AS (
            DELETE FROM engagements
            WHERE mail_id = ANY (ARRAY(SELECT id FROM changed)) AND position = ANY ($8)
        )
        DELETE FROM mail_recipients WHERE project_id = $1 AND address = $3 AND mail_id = $2
        "#,
        project as _,
        mail as _,
        address,
        rewritten.to_address,
        rewritten.subject,
        rewritten.details,
        rewritten.body,
        &rewritten.places,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Writes what was said in events of a mail anew.
pub async fn rewrite_replies(
    db: impl PgExecutor<'_>,
    mail: MailId,
    replies: &[(EventId, Reply)],
) -> sqlx::Result<()> {
    let ids: Vec<EventId> = replies.iter().map(|(id, _)| *id).collect();
    let texts: Vec<Json<&Reply>> = replies.iter().map(|(_, reply)| Json(reply)).collect();
    sqlx::query!(
        r#"
        UPDATE events
        SET reply = given.reply
        FROM UNNEST($2::uuid[], $3::jsonb[]) AS given (id, reply)
        WHERE events.mail_id = $1 AND events.id = given.id AND events.id = ANY ($2)
        "#,
        mail as _,
        ids as _,
        texts as _,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Writes the links that were followed in a mail anew, by the events that tell of it.
pub async fn rewrite_links(
    db: impl PgExecutor<'_>,
    mail: MailId,
    links: &[(EventId, Option<String>)],
) -> sqlx::Result<()> {
    let ids: Vec<EventId> = links.iter().map(|(id, _)| *id).collect();
    let urls: Vec<Option<&str>> = links.iter().map(|(_, url)| url.as_deref()).collect();
    sqlx::query!(
        r#"
        UPDATE events
        SET url = given.url
        FROM UNNEST($2::uuid[], $3::text[]) AS given (id, url)
        WHERE events.mail_id = $1 AND events.id = given.id AND events.id = ANY ($2)
        "#,
        mail as _,
        ids as _,
        urls as _,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Writes what was said last to deliveries of a mail anew, by the places of their recipients.
pub async fn rewrite_last_replies(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
    replies: &[(i16, Reply)],
) -> sqlx::Result<()> {
    let places: Vec<i16> = replies.iter().map(|(place, _)| *place).collect();
    let texts: Vec<Json<&Reply>> = replies.iter().map(|(_, reply)| Json(reply)).collect();
    sqlx::query!(
        r#"
        UPDATE deliveries
        SET last_reply = given.reply
        FROM UNNEST($3::smallint[], $4::jsonb[]) AS given (position, reply)
        WHERE deliveries.project_id = $1 AND deliveries.mail_id = $2 AND deliveries.position = given.position
        "#,
        project as _,
        mail as _,
        &places,
        texts as _,
    )
    .execute(db)
    .await
    .map(drop)
}
