//! The table `engagements`: how often recipients opened mails and followed their links.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::engagement::{Engagement, Seen, Tally};
use crate::domain::id::{EventId, MailId, ProjectId};
use crate::store::webhook_deliveries;

/// Counts what was seen, and writes the first so many times that a recipient did something by themselves into the
/// history of the mail, where webhooks are told of it. What belongs to no mail any more is passed over.
///
/// Each pair of what was seen and of what it belongs to is named once.
pub async fn record(
    db: impl PgExecutor<'_>,
    seen: &[(Seen, Engagement)],
    most_events: i64,
) -> sqlx::Result<()> {
    let event_ids: Vec<EventId> = seen.iter().map(|_| EventId::generate()).collect();
    let mails: Vec<MailId> = seen.iter().map(|(seen, _)| seen.place.mail).collect();
    let positions: Vec<i16> = seen.iter().map(|(seen, _)| seen.place.position).collect();
    let kinds: Vec<&str> = seen.iter().map(|(seen, _)| seen.kind()).collect();
    let automated: Vec<bool> = seen.iter().map(|(seen, _)| seen.automated).collect();
    let links: Vec<Vec<u8>> = seen.iter().map(|(seen, _)| seen.link_digest()).collect();
    let urls: Vec<Option<&str>> = seen.iter().map(|(seen, _)| seen.link.as_deref()).collect();
    let times: Vec<i64> = seen.iter().map(|(_, engagement)| engagement.times).collect();
    let first: Vec<DateTime<Utc>> = seen.iter().map(|(_, engagement)| engagement.first).collect();
    let last: Vec<DateTime<Utc>> = seen.iter().map(|(_, engagement)| engagement.last).collect();
    let (told_kinds, told_types) = webhook_deliveries::told();
    sqlx::query!(
        r#"
        WITH seen AS (
            SELECT *
            FROM UNNEST(
                $1::uuid[], $2::uuid[], $3::smallint[], $4::text[], $5::boolean[], $6::bytea[], $7::text[],
                $8::bigint[], $9::timestamptz[], $10::timestamptz[]
            ) AS seen (event_id, mail_id, position, type, automated, link, url, times, first_at, last_at)
        ),
        -- Whoever follows a link before anybody can have read the mail is a scanner.
        judged AS MATERIALIZED (
            SELECT event_id, mail_id, project_id, position, type, link, url, times, first_at, last_at,
                   automated OR (type = 'clicked' AND EXISTS (
                       SELECT FROM events
                       WHERE events.mail_id = seen.mail_id AND events.position = seen.position
                         AND events.type IN ('sent', 'captured', 'complained')
                         AND seen.first_at < events.at + interval '1 second'
                       OFFSET 0)) AS automated
            FROM seen
            CROSS JOIN LATERAL (SELECT project_id FROM mails WHERE mails.id = seen.mail_id OFFSET 0) AS mail
        ),
        tally AS MATERIALIZED (
            SELECT mail_id, position, type, automated, link, (array_agg(event_id))[1] AS event_id,
                   (array_agg(project_id))[1] AS project_id, min(url) AS url, sum(times)::bigint AS times,
                   min(first_at) AS first_at, max(last_at) AS last_at
            FROM judged
            GROUP BY mail_id, position, type, automated, link
        ),
        -- In order, so that two nodes never wait for each other.
        counted AS (
            INSERT INTO engagements AS known (mail_id, position, type, automated, link, times, first_at, last_at)
            SELECT mail_id, position, type, automated, link, times, first_at, last_at
            FROM tally
            ORDER BY mail_id, position, type, automated, link
            ON CONFLICT (mail_id, position, type, automated, link) DO UPDATE
            SET times = known.times + excluded.times, last_at = greatest(known.last_at, excluded.last_at)
            RETURNING mail_id, position, type, automated, link, times
        ),
        noted AS MATERIALIZED (
            SELECT tally.*
            FROM tally
            JOIN counted USING (mail_id, position, type, automated, link)
            WHERE NOT automated AND counted.times - tally.times < $11
        ),
        history AS (
            INSERT INTO events (id, mail_id, position, type, url, at)
            SELECT event_id, mail_id, position, type, url, first_at FROM noted
        )
        INSERT INTO webhook_deliveries (project_id, webhook_id, type, event_id, mail_id, due_at)
        SELECT noted.project_id, subscription.id, subscription.type, event_id, mail_id, now()
        FROM noted
        CROSS JOIN LATERAL (
            SELECT webhooks.id, told.type
            FROM webhooks
            JOIN UNNEST($12::text[], $13::text[]) AS told (event, type)
              ON told.event = noted.type AND told.type = ANY (events)
            WHERE project_id = noted.project_id AND active
            OFFSET 0
        ) AS subscription
        "#,
        event_ids as _,
        mails as _,
        &positions,
        kinds as _,
        &automated,
        &links,
        urls as _,
        &times,
        &first,
        &last,
        most_events,
        told_kinds as _,
        told_types as _,
    )
    .execute(db)
    .await
    .map(drop)
}

/// How often each recipient of a mail did what.
pub async fn of_mail(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    mail: MailId,
) -> sqlx::Result<Vec<Tally>> {
    sqlx::query_as!(
        Tally,
        r#"
        SELECT position, type AS kind, automated, sum(times)::bigint AS "times!"
        FROM engagements
        WHERE mail_id = $2 AND EXISTS (SELECT FROM mails WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2)
        GROUP BY position, type, automated
        ORDER BY position, type, automated
        "#,
        project as _,
        mail as _,
    )
    .fetch_all(db)
    .await
}
