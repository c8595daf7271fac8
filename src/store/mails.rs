//! The tables `mails` and `mail_bodies`, and the one statement that accepts mail.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::id::{ApiKeyId, DeliveryId, MailId, ProjectId};
use crate::domain::record::MailSummary;

/// A mail as it goes into the accepting statement: a column of it for each field.
#[derive(Debug)]
pub struct NewMailRow {
    /// Names the mail.
    pub id: MailId,
    /// The owner.
    pub project: ProjectId,
    /// The key it was sent with, which the statement checks once more.
    pub key: ApiKeyId,
    /// Whether it ends in the capture mailbox.
    pub test: bool,
    /// Whether a delivery whose end is not known is held instead of tried again.
    pub hold: bool,
    /// Whether suppressed addresses are served all the same.
    pub bypass_suppressions: bool,
    /// The author's address.
    pub from_address: String,
    /// Every recipient's address with its delivery, in the order to, cc, bcc.
    pub recipients: Vec<(DeliveryId, String)>,
    /// The subject.
    pub subject: String,
    /// Variables that the data did not have.
    pub missing_variables: Vec<String>,
    /// The content, packed.
    pub body: Vec<u8>,
    /// The caller's idempotency key and the digest of the request.
    pub idempotency: Option<(String, Vec<u8>)>,
    /// The token under which the deliveries are stored as already leased, if this process delivers them itself.
    pub lease_token: Option<Uuid>,
}

/// What became of one mail in the accepting statement.
#[derive(Debug)]
pub struct AcceptedRow {
    /// The mail.
    pub id: MailId,
    /// Whether the key was still good when the mail was stored. If not, nothing was.
    pub key_good: bool,
    /// Whether the mail was stored. If not although the key was good, its idempotency key is taken.
    pub stored: bool,
    /// When.
    pub accepted_at: DateTime<Utc>,
    /// The recipients who are suppressed, by position; they have no delivery.
    pub suppressed: Vec<i16>,
}

/// Stores mails with their bodies, deliveries, first events and idempotency records: all that is needed to promise
/// that each will be delivered, in one statement and one commit.
///
/// The rows of the keys are locked against revocation until the commit, and read as they are then (promise 4).
#[expect(clippy::too_many_lines, reason = "it is one statement")]
pub async fn accept(
    db: impl PgExecutor<'_>,
    mails: &[NewMailRow],
    lease_seconds: f64,
) -> sqlx::Result<Vec<AcceptedRow>> {
    let columns = Columns::of(mails);
    sqlx::query_as!(
        AcceptedRow,
        r#"
        WITH mail AS (
            SELECT *
            FROM UNNEST(
                $1::uuid[], $2::uuid[], $3::uuid[], $4::boolean[], $5::boolean[], $6::boolean[], $7::text[], $8::text[],
                $9::text[], $10::text[], $11::bytea[], $12::text[], $13::bytea[], $14::uuid[], $15::smallint[]
            ) AS mail (
                id, project_id, key_id, test, hold, bypass, from_address, to_address,
                subject, missing_variables, body, idempotency_key, request_digest, lease_token, recipients
            )
        ),
        recipient AS (
            SELECT *
            FROM UNNEST($16::uuid[], $17::uuid[], $18::smallint[], $19::text[]) AS recipient (id, mail_id, position, address)
        ),
        -- In order, so that two batches never wait for each other. Whoever revokes a key waits for this commit, and a
        -- key revoked while we waited is read as revoked.
        good_key AS MATERIALIZED (
            SELECT id, account_id, project_id
            FROM api_keys
            WHERE id = ANY ($3) AND active AND revoked_at IS NULL
              AND (expires_at IS NULL OR expires_at > clock_timestamp())
            ORDER BY id
            FOR SHARE
        ),
        allowed AS MATERIALIZED (
            SELECT mail.*
            FROM mail
            JOIN good_key ON good_key.id = mail.key_id
            WHERE good_key.project_id = mail.project_id
               OR (good_key.project_id IS NULL AND EXISTS (
                       SELECT FROM projects
                       WHERE projects.id = mail.project_id AND projects.account_id = good_key.account_id
                         AND projects.deleted_at IS NULL
                       OFFSET 0))
        ),
        claimed AS (
            INSERT INTO idempotency_keys (project_id, key, request_digest, mail_id, recipients)
            SELECT project_id, idempotency_key, request_digest, id, recipients
            FROM allowed
            WHERE idempotency_key IS NOT NULL
            ORDER BY project_id, idempotency_key
            ON CONFLICT DO NOTHING
            RETURNING mail_id
        ),
        accepted AS MATERIALIZED (
            SELECT *
            FROM allowed
            WHERE idempotency_key IS NULL OR id IN (SELECT mail_id FROM claimed)
        ),
        suppressed AS MATERIALIZED (
            SELECT recipient.id, recipient.mail_id, recipient.position
            FROM recipient
            JOIN accepted ON accepted.id = recipient.mail_id AND NOT accepted.bypass AND NOT accepted.test
            -- OFFSET 0 makes it a look-up for each recipient: as a join it may be planned to read all of the table.
            WHERE EXISTS (SELECT FROM suppressions
                          WHERE suppressions.project_id = accepted.project_id
                            AND suppressions.address = recipient.address
                          OFFSET 0)
        ),
        suppressions_by_mail AS (
            SELECT mail_id, array_agg(position ORDER BY position) AS positions
            FROM suppressed
            GROUP BY mail_id
        ),
        stored_mail AS (
            INSERT INTO mails (id, project_id, key_id, test, on_ambiguous, status, pending, failed, from_address,
                               to_address, subject, missing_variables)
            SELECT id, project_id, key_id, test, CASE WHEN hold THEN 'hold' ELSE 'retry' END,
                   CASE WHEN cardinality(positions) = recipients THEN 'suppressed' ELSE 'queued' END,
                   recipients - coalesce(cardinality(positions), 0), coalesce(cardinality(positions), 0),
                   from_address, to_address, subject, string_to_array(missing_variables, E'\n')
            FROM accepted
            LEFT JOIN suppressions_by_mail ON mail_id = id
        ),
        stored_body AS (
            INSERT INTO mail_bodies (mail_id, content)
            SELECT id, body FROM accepted
        ),
        stored_delivery AS (
            INSERT INTO deliveries (id, mail_id, position, hold, attempts, due_at, lease_token)
            SELECT recipient.id, mail_id, position, hold, (lease_token IS NOT NULL)::integer,
                   now() + CASE WHEN lease_token IS NULL THEN '0' ELSE make_interval(secs => $20) END, lease_token
            FROM recipient
            JOIN accepted ON accepted.id = mail_id
            WHERE recipient.id NOT IN (SELECT id FROM suppressed)
        ),
        -- The first event of a mail carries the mail's own id.
        stored_event AS (
            INSERT INTO events (id, mail_id, position, type)
            SELECT id, id, NULL, 'queued' FROM accepted
            UNION ALL
            SELECT id, mail_id, position, 'suppressed' FROM suppressed
        )
        SELECT mail.id AS "id!: MailId",
               allowed.id IS NOT NULL AS "key_good!",
               accepted.id IS NOT NULL AS "stored!",
               now() AS "accepted_at!",
               coalesce(suppressions_by_mail.positions, '{}') AS "suppressed!"
        FROM mail
        LEFT JOIN allowed ON allowed.id = mail.id
        LEFT JOIN accepted ON accepted.id = mail.id
        LEFT JOIN suppressions_by_mail ON suppressions_by_mail.mail_id = mail.id
        "#,
        columns.ids as _,
        columns.projects as _,
        columns.keys as _,
        &columns.tests,
        &columns.holds,
        &columns.bypasses,
        columns.from_addresses as _,
        columns.to_addresses as _,
        columns.subjects as _,
        &columns.missing_variables,
        columns.bodies as _,
        columns.idempotency_keys as _,
        columns.request_digests as _,
        columns.lease_tokens as _,
        &columns.recipient_counts,
        columns.delivery_ids as _,
        columns.delivery_mails as _,
        &columns.delivery_positions,
        columns.delivery_addresses as _,
        lease_seconds,
    )
    .fetch_all(db)
    .await
}

/// The rows turned by a quarter, as `UNNEST` wants them.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<MailId>,
    projects: Vec<ProjectId>,
    keys: Vec<ApiKeyId>,
    tests: Vec<bool>,
    holds: Vec<bool>,
    bypasses: Vec<bool>,
    from_addresses: Vec<&'a str>,
    to_addresses: Vec<&'a str>,
    subjects: Vec<&'a str>,
    missing_variables: Vec<String>,
    bodies: Vec<&'a [u8]>,
    idempotency_keys: Vec<Option<&'a str>>,
    request_digests: Vec<Option<&'a [u8]>>,
    lease_tokens: Vec<Option<Uuid>>,
    recipient_counts: Vec<i16>,
    delivery_ids: Vec<DeliveryId>,
    delivery_mails: Vec<MailId>,
    delivery_positions: Vec<i16>,
    delivery_addresses: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(mails: &'a [NewMailRow]) -> Self {
        let mut columns = Self::default();
        for mail in mails {
            columns.ids.push(mail.id);
            columns.projects.push(mail.project);
            columns.keys.push(mail.key);
            columns.tests.push(mail.test);
            columns.holds.push(mail.hold);
            columns.bypasses.push(mail.bypass_suppressions);
            columns.from_addresses.push(&mail.from_address);
            columns.to_addresses.push(mail.recipients.first().map_or("", |(_, address)| address));
            columns.subjects.push(&mail.subject);
            columns.missing_variables.push(mail.missing_variables.join("\n"));
            columns.bodies.push(&mail.body);
            columns.idempotency_keys.push(mail.idempotency.as_ref().map(|(key, _)| key.as_str()));
            columns
                .request_digests
                .push(mail.idempotency.as_ref().map(|(_, digest)| digest.as_slice()));
            columns.lease_tokens.push(mail.lease_token);
            columns.recipient_counts.push(i16::try_from(mail.recipients.len()).unwrap_or(i16::MAX));
            for (position, (delivery, address)) in (0..).zip(&mail.recipients) {
                columns.delivery_ids.push(*delivery);
                columns.delivery_mails.push(mail.id);
                columns.delivery_positions.push(position);
                columns.delivery_addresses.push(address);
            }
        }
        columns
    }
}

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
               from_address, to_address, subject, missing_variables, created_at
        FROM mails
        WHERE project_id = $1 AND id = $2
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
    pub before: Option<MailId>,
    /// Only mails in this state.
    pub status: Option<String>,
    /// Only mails whose first recipient this is.
    pub to_address: Option<String>,
    /// Only mails from this address.
    pub from_address: Option<String>,
    /// Only test mails, or only others.
    pub test: Option<bool>,
}

/// The mails of a project, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    filter: &Filter,
    limit: i64,
) -> sqlx::Result<Vec<MailSummary>> {
    sqlx::query_as!(
        MailSummary,
        r#"
        SELECT id AS "id: MailId", project_id AS "project: ProjectId", test, status, pending, sent, failed, held,
               from_address, to_address, subject, missing_variables, created_at
        FROM mails
        WHERE project_id = $1
          AND id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
          AND ($3::text IS NULL OR status = $3)
          AND ($4::text IS NULL OR to_address = $4)
          AND ($5::text IS NULL OR from_address = $5)
          AND ($6::boolean IS NULL OR test = $6)
        ORDER BY id DESC
        LIMIT $7
        "#,
        project as _,
        filter.before as _,
        filter.status,
        filter.to_address,
        filter.from_address,
        filter.test,
        limit,
    )
    .fetch_all(db)
    .await
}

/// The packed content of a mail.
pub async fn body(db: impl PgExecutor<'_>, id: MailId) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!("SELECT content FROM mail_bodies WHERE mail_id = $1", id as _)
        .fetch_optional(db)
        .await
}

/// What a worker needs to know of a mail.
#[derive(Debug)]
pub struct WorkRow {
    /// The mail.
    pub id: MailId,
    /// Whether it ends in the capture mailbox.
    pub test: bool,
    /// When it was accepted: the date in its header, and the start of the time in which it must arrive.
    pub created_at: DateTime<Utc>,
    /// The content, packed.
    pub body: Vec<u8>,
}

/// The mails that claimed deliveries belong to, with their contents.
pub async fn for_work(db: impl PgExecutor<'_>, ids: &[MailId]) -> sqlx::Result<Vec<WorkRow>> {
    sqlx::query_as!(
        WorkRow,
        r#"
        SELECT mails.id AS "id: MailId", test, created_at, content AS body
        FROM mails
        JOIN mail_bodies ON mail_id = mails.id AND mail_id = ANY ($1)
        WHERE mails.id = ANY ($1)
        "#,
        ids as _,
    )
    .fetch_all(db)
    .await
}

/// Removes mails that came before one, oldest first, with their bodies and their histories; how many it were.
/// Those of which a delivery is under way or held stay.
pub async fn remove_before(
    db: impl PgExecutor<'_>,
    before: MailId,
    limit: i64,
) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        r#"
        WITH old AS (
            SELECT id
            FROM mails
            WHERE id < $1 AND pending = 0 AND held = 0
            ORDER BY id
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        ),
        removed_body AS (
            DELETE FROM mail_bodies WHERE mail_id = ANY (ARRAY(SELECT id FROM old))
        ),
        removed_event AS (
            DELETE FROM events WHERE mail_id = ANY (ARRAY(SELECT id FROM old))
        )
        DELETE FROM mails WHERE id = ANY (ARRAY(SELECT id FROM old))
        "#,
        before as _,
        limit,
    )
    .execute(db)
    .await?;
    Ok(removed.rows_affected())
}

/// Removes mails of projects that were deleted so many seconds ago, with their bodies and their histories; how many it
/// were. Those of which a delivery is under way stay.
pub async fn remove_of_deleted_projects(
    db: impl PgExecutor<'_>,
    deleted_for_seconds: f64,
    limit: i64,
) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        r#"
        WITH gone AS (
            SELECT id FROM projects WHERE deleted_at < now() - make_interval(secs => $1)
        ),
        old AS (
            SELECT id
            FROM mails
            WHERE project_id = ANY (ARRAY(SELECT id FROM gone)) AND pending = 0
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        ),
        removed_body AS (
            DELETE FROM mail_bodies WHERE mail_id = ANY (ARRAY(SELECT id FROM old))
        ),
        removed_event AS (
            DELETE FROM events WHERE mail_id = ANY (ARRAY(SELECT id FROM old))
        )
        DELETE FROM mails WHERE id = ANY (ARRAY(SELECT id FROM old))
        "#,
        deleted_for_seconds,
        limit,
    )
    .execute(db)
    .await?;
    Ok(removed.rows_affected())
}

/// Which of these mails are stored.
pub async fn existing(db: impl PgExecutor<'_>, ids: &[MailId]) -> sqlx::Result<Vec<MailId>> {
    sqlx::query_scalar!(r#"SELECT id AS "id: MailId" FROM mails WHERE id = ANY ($1)"#, ids as _)
        .fetch_all(db)
        .await
}
