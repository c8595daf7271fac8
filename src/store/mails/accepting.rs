//! The one statement that accepts mail.

use sqlx::PgExecutor;

mod columns;
mod rows;

use self::columns::Columns;
pub use self::rows::{AcceptedRow, ClaimedKey, NewMailRow, SharedBodyRow};
use crate::domain::id::MailId;

/// Stores mails with their bodies, deliveries and idempotency records: all that is needed to promise that each will be
/// delivered, in one statement and one commit.
///
/// The rows of the keys are locked against revocation until the commit, and read as they are then; so are the projects
/// that keys of an account send in (ARCHITECTURE.md, revocation). A lease that is stored with a mail lasts `lease_seconds`.
#[expect(clippy::too_many_lines, reason = "it is one statement")]
pub async fn accept(
    db: impl PgExecutor<'_>,
    mails: &[NewMailRow],
    shared: Option<&SharedBodyRow>,
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
                $9::text[], $10::text[], $11::bytea[], $12::text[], $13::bytea[], $14::uuid[], $15::smallint[],
                $21::text[], $22::text[], $23::text[], $24::timestamptz[],
                $25::uuid[], $26::uuid[], $27::text[]
            ) AS mail (
                id, project_id, key_id, test, hold, bypass, from_address, to_address,
                subject, missing_variables, body, idempotency_key, request_digest, lease_token, recipients,
                from_name, to_name, details, due_at,
                shared_id, claimed_by, answer
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
        -- The same for what is sent with keys of an account: whoever deletes a project waits for this commit. Keys of a
        -- project end with it.
        good_project AS MATERIALIZED (
            SELECT id, account_id
            FROM projects
            WHERE id = ANY (ARRAY(SELECT mail.project_id
                                  FROM mail
                                  JOIN good_key ON good_key.id = mail.key_id AND good_key.project_id IS NULL))
              AND deleted_at IS NULL
            ORDER BY id
            FOR SHARE
        ),
        allowed AS MATERIALIZED (
            SELECT mail.*
            FROM mail
            JOIN good_key ON good_key.id = mail.key_id
            WHERE good_key.project_id = mail.project_id
               OR (good_key.project_id IS NULL AND EXISTS (
                       SELECT FROM good_project
                       WHERE good_project.id = mail.project_id AND good_project.account_id = good_key.account_id))
        ),
        claimed AS (
            INSERT INTO idempotency_keys (project_id, key, request_digest, mail_id, recipients, answer)
            SELECT project_id, idempotency_key, request_digest, id, recipients, answer::json
            FROM allowed
            WHERE idempotency_key IS NOT NULL
            ORDER BY project_id, idempotency_key
            ON CONFLICT DO NOTHING
            RETURNING mail_id
        ),
        accepted AS MATERIALIZED (
            SELECT *
            FROM allowed
            WHERE claimed_by IS NULL OR claimed_by IN (SELECT mail_id FROM claimed)
        ),
        suppressed AS MATERIALIZED (
            SELECT recipient.id, recipient.mail_id, recipient.position
            FROM recipient
            JOIN accepted ON accepted.id = recipient.mail_id AND NOT accepted.bypass AND NOT accepted.test
            -- OFFSET 0 makes it a look-up for each recipient: as a join it may be planned to read all of the table.
            WHERE EXISTS (SELECT FROM suppressions
                          WHERE suppressions.project_id = accepted.project_id
                            AND suppressions.address = recipient.address
                            AND suppressions.group_id
                                = ANY (ARRAY['GLOBAL', accepted.details::jsonb ->> 'unsubscribeGroupId'])
                          OFFSET 0)
        ),
        suppressions_by_mail AS (
            SELECT mail_id, array_agg(position ORDER BY position) AS positions
            FROM suppressed
            GROUP BY mail_id
        ),
        stored_mail AS (
            INSERT INTO mails (id, project_id, key_id, test, on_ambiguous, status, pending, failed, from_address,
                               from_name, to_address, to_name, subject, missing_variables, details)
            SELECT id, project_id, key_id, test, CASE WHEN hold THEN 'hold' ELSE 'retry' END,
                   CASE
                       WHEN cardinality(positions) = recipients THEN 'suppressed'
                       WHEN due_at IS NOT NULL THEN 'scheduled'
                       ELSE 'queued'
                   END,
                   recipients - coalesce(cardinality(positions), 0), coalesce(cardinality(positions), 0),
                   from_address, from_name, to_address, to_name, subject,
                   string_to_array(missing_variables, E'\n'), details::jsonb
            FROM accepted
            LEFT JOIN suppressions_by_mail ON mail_id = id
        ),
        stored_body AS (
            INSERT INTO mail_bodies (mail_id, content, shared_id)
            SELECT id, body, shared_id FROM accepted
        ),
        stored_shared_body AS (
            INSERT INTO shared_bodies (id, content, uses)
            SELECT $28::uuid, $29::bytea, count(*) FROM accepted WHERE shared_id = $28 HAVING count(*) > 0
        ),
        stored_label AS (
            INSERT INTO mail_labels (project_id, label, mail_id)
            SELECT DISTINCT project_id, label, id
            FROM accepted
            CROSS JOIN LATERAL mail_labels_of(details::jsonb) AS label
            WHERE details IS NOT NULL
        ),
        stored_recipient AS (
            INSERT INTO mail_recipients (project_id, address, mail_id)
            SELECT project_id, address, mail_id
            FROM recipient
            JOIN accepted ON accepted.id = mail_id
            WHERE position > 0
            ON CONFLICT DO NOTHING
        ),
        stored_delivery AS (
            INSERT INTO deliveries (id, project_id, mail_id, position, hold, attempts, due_at, lease_token)
            SELECT recipient.id, project_id, mail_id, position, hold, (lease_token IS NOT NULL)::integer,
                   coalesce(due_at, now() + CASE WHEN lease_token IS NULL THEN '0' ELSE make_interval(secs => $20) END),
                   lease_token
            FROM recipient
            JOIN accepted ON accepted.id = mail_id
            WHERE recipient.id NOT IN (SELECT id FROM suppressed)
        ),
        stored_event AS (
            INSERT INTO events (id, mail_id, position, type, project_id)
            SELECT suppressed.id, mail_id, position, 'suppressed', project_id
            FROM suppressed
            JOIN accepted ON accepted.id = mail_id
        ),
        told AS (
            INSERT INTO webhook_deliveries (project_id, webhook_id, type, event_id, mail_id, due_at)
            SELECT accepted.project_id, webhook.id, 'email.bounced', suppressed.id, mail_id, now()
            FROM suppressed
            JOIN accepted ON accepted.id = mail_id
            CROSS JOIN LATERAL (
                SELECT id
                FROM webhooks
                WHERE project_id = accepted.project_id AND active AND 'email.bounced' = ANY (events)
                OFFSET 0
            ) AS webhook
        ),
        counted AS (
            INSERT INTO mail_changes (project_id, accepted, failed)
            SELECT project_id, sum(recipients), coalesce(sum(cardinality(positions)), 0)
            FROM accepted
            LEFT JOIN suppressions_by_mail ON mail_id = id
            GROUP BY project_id
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
        columns.from_names as _,
        columns.to_names as _,
        &columns.details as _,
        &columns.due_at as _,
        &columns.shared_bodies as _,
        columns.claims as _,
        &columns.answers as _,
        shared.map(|body| body.id),
        shared.map(|body| body.content.as_slice()),
    )
    .fetch_all(db)
    .await
}
