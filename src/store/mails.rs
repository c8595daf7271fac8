//! The tables `mails` and `mail_bodies`.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::id::{ApiKeyId, MailId, ProjectId};
use crate::domain::mail_details::MailDetails;
use crate::domain::record::MailSummary;

mod accepting;
pub mod search;

pub use accepting::{AcceptedRow, ClaimedKey, NewMailRow, SharedBodyRow, accept};

/// Finds a mail, as long as it belongs to the project.
pub async fn find(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: MailId,
) -> sqlx::Result<Option<MailSummary>> {
    sqlx::query_as!(
        MailSummary,
        r#"
        SELECT id AS "id: MailId", project_id AS "project: ProjectId", test, status, pending, sent, failed, held,
               from_address, from_name, to_address, to_name, subject, missing_variables,
               details AS "details: MailDetails", created_at
        FROM mails
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2
        "#,
        project as _,
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// What a list of mails is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only mails before this one, in the order newest first.
    pub cursor: Option<MailId>,
    /// Only this mail.
    pub id: Option<MailId>,
    /// Only mails in one of these states; empty for all.
    pub statuses: Vec<String>,
    /// Only mails of which somebody complained. [`search::among`] does not look at it: it is what finds the mails.
    pub complained: bool,
    /// Only mails to this recipient, in lower case.
    pub to_address: Option<String>,
    /// Only mails from this address.
    pub from_address: Option<String>,
    /// Only mails from or to this address.
    pub address: Option<String>,
    /// Only mails that were sent with this key.
    pub key: Option<ApiKeyId>,
    /// Only mails that were accepted at this time or later.
    pub after: Option<DateTime<Utc>>,
    /// Only mails that were accepted before this time.
    pub before: Option<DateTime<Utc>>,
    /// Only test mails, or only others.
    pub test: Option<bool>,
    /// Only mails with this tag.
    pub tag: Option<String>,
    /// Only mails of this request.
    pub batch: Option<Uuid>,
}

/// The content of a mail, packed.
#[derive(Debug)]
pub struct Body {
    /// Its own.
    pub content: Vec<u8>,
    /// What it shares with other mails.
    pub shared: Option<Vec<u8>>,
}

/// The packed content of a mail.
pub async fn body(db: impl PgExecutor<'_>, id: MailId) -> sqlx::Result<Option<Body>> {
    sqlx::query_as!(
        Body,
        r#"
        SELECT content, (SELECT content FROM shared_bodies WHERE id = shared_id) AS shared
        FROM mail_bodies
        WHERE mail_id = $1
        "#,
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// What a mail has of its own of its content, packed: without what it shares with others.
pub async fn own_body(db: impl PgExecutor<'_>, id: MailId) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!("SELECT content FROM mail_bodies WHERE mail_id = $1", id as _)
        .fetch_optional(db)
        .await
}

/// The recipients who were left out when a mail was accepted.
#[derive(Debug)]
pub struct SuppressedRow {
    /// The mail.
    pub id: MailId,
    /// Their places.
    pub positions: Vec<i16>,
    /// What the mail has of its own of its content, packed.
    pub content: Vec<u8>,
}

/// Those of these mails of which recipients were left out when they were accepted.
pub async fn suppressed_at_first(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    ids: &[MailId],
) -> sqlx::Result<Vec<SuppressedRow>> {
    sqlx::query_as!(
        SuppressedRow,
        r#"
        SELECT mail.id AS "id: MailId", mail.positions AS "positions!",
               (SELECT content FROM mail_bodies WHERE mail_id = mail.id) AS "content!"
        FROM UNNEST($2::uuid[]) AS wanted
        CROSS JOIN LATERAL (
            SELECT id, ARRAY(SELECT position
                             FROM events
                             WHERE mail_id = mails.id AND type = 'suppressed' AND at = mails.created_at
                             OFFSET 0) AS positions
            FROM mails
            WHERE project_id IS NOT DISTINCT FROM $1 AND id = wanted
            OFFSET 0
        ) AS mail
        WHERE cardinality(positions) > 0 AND EXISTS (SELECT FROM mail_bodies WHERE mail_id = mail.id OFFSET 0)
        "#,
        project as _,
        ids as _,
    )
    .fetch_all(db)
    .await
}

/// How large the content of a mail is.
#[derive(Debug)]
pub struct BodyStart {
    /// The mail.
    pub id: MailId,
    /// The first bytes of the packed content, which say how large it is when it is unpacked.
    pub start: Vec<u8>,
    /// The same of what it shares with other mails.
    pub shared_start: Option<Vec<u8>>,
}

/// The first bytes of the contents of these mails: without reading all of them.
pub async fn body_starts(db: impl PgExecutor<'_>, ids: &[MailId]) -> sqlx::Result<Vec<BodyStart>> {
    sqlx::query_as!(
        BodyStart,
        r#"
        SELECT mail_id AS "id: MailId", substring(content FROM 1 FOR 8) AS "start!",
               (SELECT substring(content FROM 1 FOR 8) FROM shared_bodies WHERE id = shared_id) AS shared_start
        FROM mail_bodies
        WHERE mail_id = ANY ($1)
        "#,
        ids as _,
    )
    .fetch_all(db)
    .await
}

/// What a worker needs to know of a mail.
#[derive(Debug)]
pub struct WorkRow {
    /// The mail.
    pub id: MailId,
    /// Whether it ends in the capture mailbox.
    pub test: bool,
    /// When it was to be sent: the date in its header, and the start of the time in which it must arrive.
    pub starts_at: DateTime<Utc>,
    /// Whether that was later than when it was accepted.
    pub scheduled: bool,
    /// The content, packed.
    pub body: Vec<u8>,
    /// What it shares with other mails, packed.
    pub shared: Option<Vec<u8>>,
}

/// The mails that claimed deliveries belong to, with their contents.
pub async fn for_work(db: impl PgExecutor<'_>, ids: &[MailId]) -> sqlx::Result<Vec<WorkRow>> {
    sqlx::query_as!(
        WorkRow,
        r#"
        SELECT mails.id AS "id: MailId", test, content AS body,
               (SELECT content FROM shared_bodies WHERE id = shared_id) AS shared,
               coalesce((details->>'scheduledAt')::timestamptz, created_at) AS "starts_at!",
               coalesce(details ? 'scheduledAt', false) AS "scheduled!"
        FROM mails
        JOIN mail_bodies ON mail_id = mails.id AND mail_id = ANY ($1)
        WHERE mails.id = ANY ($1)
        "#,
        ids as _,
    )
    .fetch_all(db)
    .await
}

/// When these mails were to be sent.
pub async fn starts(
    db: impl PgExecutor<'_>,
    ids: &[MailId],
) -> sqlx::Result<Vec<(MailId, DateTime<Utc>)>> {
    let rows = sqlx::query!(
        r#"
        SELECT id AS "id: MailId",
               coalesce((details->>'scheduledAt')::timestamptz, created_at) AS "starts_at!"
        FROM mails
        WHERE id = ANY ($1)
        "#,
        ids as _,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.starts_at)).collect())
}

/// What the accepting statement said of a mail, or would have said.
#[derive(Debug)]
pub struct StoredRow {
    /// The mail.
    pub id: MailId,
    /// When it was stored.
    pub accepted_at: DateTime<Utc>,
    /// The places of the recipients who were left out then.
    pub suppressed: Vec<i16>,
}

/// Those of these mails that are stored.
pub async fn existing(db: impl PgExecutor<'_>, ids: &[MailId]) -> sqlx::Result<Vec<StoredRow>> {
    sqlx::query_as!(
        StoredRow,
        r#"
        SELECT mail.id AS "id: MailId", mail.created_at AS accepted_at, mail.positions AS "suppressed!"
        FROM UNNEST($1::uuid[]) AS wanted
        CROSS JOIN LATERAL (
            SELECT id, created_at, ARRAY(SELECT position
                                         FROM events
                                         WHERE mail_id = mails.id AND type = 'suppressed' AND at = mails.created_at
                                         OFFSET 0) AS positions
            FROM mails
            WHERE id = wanted
            OFFSET 0
        ) AS mail
        "#,
        ids as _,
    )
    .fetch_all(db)
    .await
}

/// What webhooks are told of a mail.
#[derive(Debug)]
pub struct ToldRow {
    /// The mail.
    pub id: MailId,
    /// Whether it was a test.
    pub test: bool,
    /// The author's address.
    pub from_address: String,
    /// The first recipient's address.
    pub to_address: String,
    /// The first recipient's name.
    pub to_name: Option<String>,
    /// The subject.
    pub subject: String,
    /// What else its author said of it.
    pub details: Option<MailDetails>,
    /// When it was to be sent.
    pub starts_at: DateTime<Utc>,
}

/// What webhooks are told of these mails.
pub async fn for_telling(db: impl PgExecutor<'_>, ids: &[MailId]) -> sqlx::Result<Vec<ToldRow>> {
    sqlx::query_as!(
        ToldRow,
        r#"
        SELECT id AS "id: MailId", test, from_address, to_address, to_name, subject,
               details AS "details: MailDetails",
               coalesce((details->>'scheduledAt')::timestamptz, created_at) AS "starts_at!"
        FROM mails
        WHERE id = ANY ($1)
        "#,
        ids as _,
    )
    .fetch_all(db)
    .await
}
