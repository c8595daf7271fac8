//! What is written: plausible rows, made by Postgres itself.

/// An id of a time, as `Uuid::now_v7` would have made it then.
pub const TOOLS: &str = r"
    CREATE OR REPLACE FUNCTION pg_temp.id_of(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
        SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(r, 1, 3) || '8'
                || substr(r, 4, 15))::uuid
        FROM (SELECT md5(random()::text || clock_timestamp()::text) AS r) AS drawn
    $$;
    SET synchronous_commit = off;
";

/// Keys of the last 400 days, most of them of one project.
pub const KEYS: &str = r"
    WITH project AS (
        SELECT id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS projects
        FROM projects WHERE account_id = $1 AND deleted_at IS NULL
    ),
    drawn AS (
        SELECT n, now() - random() * interval '400 days' AS at, random() AS kind, random() AS state FROM generate_series(1, $2) AS n
    )
    INSERT INTO api_keys (id, account_id, project_id, name, type, mode, public_id, display_key, secret_phc, digest,
                          digest_version, permissions, active, expires_at, revoked_at, created_at, created_by)
    SELECT pg_temp.id_of(at), $1, CASE WHEN kind < 0.98 THEN project.id END, 'Key ' || n,
           CASE WHEN kind < 0.98 THEN 'project' ELSE 'account' END, CASE WHEN state < 0.2 THEN 'test' ELSE 'live' END,
           'seed' || substr(md5(random()::text || n), 1, 16), 'AS_' || substr(md5(n::text), 1, 5) || '…' || substr(md5(n::text), 6, 4),
           '', '', '', '{mails:send,mails:read}', state > 0.05,
           CASE WHEN state > 0.97 THEN at + interval '1 year' END, CASE WHEN state BETWEEN 0.3 AND 0.4 THEN at + interval '1 day' END,
           at, 'seed'
    FROM drawn
    JOIN project ON project.place = n % projects
";

/// When two thirds of the keys were last used.
pub const KEY_USE: &str = r"
    INSERT INTO api_key_usage (key_id, last_used_at, last_used_ip)
    SELECT id, now() - random() * interval '120 days', '203.0.113.' || (random() * 255)::integer
    FROM api_keys WHERE account_id = $1 AND random() < 0.66
    ON CONFLICT DO NOTHING
";

/// A week of some keys.
pub const KEY_HOURS: &str = r"
    INSERT INTO api_key_hours (key_id, hour, endpoint, status, requests)
    SELECT id, hour, endpoint, status, 1 + (random() * 200)::integer
    FROM (SELECT id FROM api_keys WHERE account_id = $1 ORDER BY id DESC LIMIT 2000) AS recent,
         generate_series(date_trunc('hour', now()) - interval '7 days', now(), interval '1 hour') AS hour,
         (VALUES ('POST /v1/mails/send', 200), ('POST /v1/mails/send', 429), ('GET /v1/mails/{id}', 200)) AS asked (endpoint, status)
    WHERE random() < 0.5
    ON CONFLICT DO NOTHING
";

/// The latest requests of some keys.
pub const KEY_REQUESTS: &str = r"
    INSERT INTO api_key_requests (id, key_id, at, endpoint, status, code, ip)
    SELECT pg_temp.id_of(at), id, at, 'POST /v1/mails/send', CASE WHEN refused THEN 429 ELSE 200 END,
           CASE WHEN refused THEN 'RATE_LIMIT_EXCEEDED' END, '203.0.113.7'
    FROM (SELECT id, now() - random() * interval '7 days' AS at, random() < 0.1 AS refused
          FROM (SELECT id FROM api_keys WHERE account_id = $1 ORDER BY id DESC LIMIT 500) AS recent,
               generate_series(1, 500)) AS drawn
";

/// A note about each of some keys.
pub const ALERTS: &str = r"
    INSERT INTO alerts (id, account_id, key_id, kind, day, message, details, at, dismissed_at)
    SELECT pg_temp.id_of(at), $1, id, kind, at::date, 'Seeded.', '{}', at, CASE WHEN random() < 0.9 THEN now() END
    FROM (SELECT id, kind, now() - random() * interval '30 days' AS at
          FROM (SELECT id FROM api_keys WHERE account_id = $1 ORDER BY id DESC LIMIT 10000) AS recent,
               UNNEST(ARRAY['refusals', 'new_network', 'rate_jump']) AS kind) AS drawn
    ON CONFLICT DO NOTHING
";

/// That each key was made.
pub const AUDIT_LOG: &str = r"
    INSERT INTO audit_log (id, account_id, project_id, actor_kind, actor, action, subject_id, subject, details, created_at)
    SELECT pg_temp.id_of(created_at), account_id, project_id, 'command_line', 'seed', 'api_key.created', id, name, '{}', created_at
    FROM api_keys WHERE account_id = $1
";

/// Those who get mail, and what.
pub const PEOPLE: &str = r"
    CREATE TEMPORARY TABLE IF NOT EXISTS people AS
    SELECT row_number() OVER () - 1 AS place, address, body FROM UNNEST($1::text[], $2::bytea[]) AS person (address, body)
";

/// Keys that mails are sent with: the first project has most of them.
pub const SENDING_KEYS: &str = r"
    CREATE TEMPORARY TABLE IF NOT EXISTS sending AS
    SELECT row_number() OVER () - 1 AS place, id AS key_id,
           coalesce(CASE WHEN random() < 0.3 THEN project_id END,
                    (SELECT id FROM projects WHERE account_id = $1 ORDER BY id LIMIT 1)) AS project_id
    FROM (SELECT * FROM api_keys WHERE account_id = $1 ORDER BY id LIMIT 1000) AS chosen
";

/// Some of the mails of the last 30 days, the oldest first.
pub const DRAW_MAILS: &str = r"
    CREATE TEMPORARY TABLE drawn AS
    SELECT pg_temp.id_of(at) AS id, at, project_id, key_id, address, body, n,
           CASE WHEN fate < 0.95 THEN 'sent' WHEN fate < 0.97 THEN 'captured' WHEN fate < 0.985 THEN 'bounced'
                WHEN fate < 0.99 THEN 'suppressed' WHEN fate < 0.994 THEN 'failed' WHEN fate < 0.995 THEN 'held'
                WHEN fate < 0.998 THEN 'deferred' ELSE 'cancelled' END AS status
    FROM (SELECT n, now() - interval '30 days' * (1 - n::float / $3) AS at, random() AS fate,
                 floor(random() * (SELECT count(*) FROM people))::bigint AS person,
                 floor(random() * (SELECT count(*) FROM sending))::bigint AS key
          FROM generate_series($1, $1 + $2 - 1) AS n) AS numbers
    JOIN people ON people.place = person
    JOIN sending ON sending.place = key
";

/// The drawn mails with all that belongs to them.
pub const MAILS: &[&str] = &[
    r"
    INSERT INTO mails (id, project_id, key_id, test, on_ambiguous, status, pending, sent, failed, held, from_address, from_name,
                       to_address, to_name, subject, missing_variables, created_at)
    SELECT id, project_id, key_id, status = 'captured', CASE WHEN status = 'held' THEN 'hold' ELSE 'retry' END, status,
           (status = 'deferred')::integer, (status IN ('sent', 'captured'))::integer,
           (status IN ('bounced', 'suppressed', 'failed', 'cancelled'))::integer, (status = 'held')::integer,
           CASE WHEN n % 1000 = 0 THEN 'news@example.com' ELSE 'shop@example.com' END, 'The Shop', address, NULL,
           'Your order is on its way', '{}', at
    FROM drawn ORDER BY n
    ",
    "INSERT INTO mail_bodies (mail_id, content) SELECT id, body FROM drawn ORDER BY n",
    "INSERT INTO mail_recipients (project_id, address, mail_id)
     SELECT project_id, 'copies@example.org', id FROM drawn WHERE n % 50 = 0",
    r"
    INSERT INTO events (id, mail_id, position, type, attempt, at, project_id)
    SELECT pg_temp.id_of(at + interval '1 second'), id, 0, CASE status WHEN 'held' THEN 'ambiguous' ELSE status END, 1,
           at + interval '1 second', CASE WHEN status NOT IN ('sent', 'deferred') THEN project_id END
    FROM drawn ORDER BY n
    ",
    r"
    INSERT INTO deliveries (id, project_id, mail_id, position, hold, attempts, due_at)
    SELECT pg_temp.id_of(at), project_id, id, 0, false, 1, now() + interval '1 hour'
    FROM drawn WHERE status = 'deferred'
    ",
    r"
    INSERT INTO mail_changes (project_id, day, accepted, delivered, captured, bounced, failed, held)
    SELECT project_id, (at AT TIME ZONE 'UTC')::date, count(*), count(*) FILTER (WHERE status = 'sent'),
           count(*) FILTER (WHERE status = 'captured'), count(*) FILTER (WHERE status = 'bounced'),
           count(*) FILTER (WHERE status IN ('suppressed', 'failed', 'cancelled')), count(*) FILTER (WHERE status = 'held')
    FROM drawn GROUP BY 1, 2
    ",
    "DROP TABLE drawn",
];
