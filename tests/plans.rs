//! Postgres keeps the plan of a statement while the tables under it grow; no such plan may read all of a table.

#![expect(clippy::unwrap_used, reason = "helpers outside of tests panic as tests do")]

#[path = "plans/contacts.rs"]
mod contacts;
#[path = "support/database.rs"]
#[expect(dead_code, reason = "each test binary uses a part of it")]
mod database;
#[path = "plans/keys.rs"]
mod keys;
#[path = "plans/people.rs"]
mod people;
#[path = "plans/suppressions.rs"]
mod suppressions;
#[path = "plans/templates.rs"]
mod templates;
#[path = "plans/webhooks.rs"]
mod webhooks;

use posthaste::app::Database;
use posthaste::config::Settings;
use posthaste::domain::id::{ApiKeyId, DeliveryId, MailId, ProjectId};
use posthaste::store::deliveries::{self, Change, Step};
use posthaste::store::mails::search::{self, Stretch};
use posthaste::store::mails::{self, Filter, NewMailRow};
use posthaste::store::retention;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use self::database::TestDatabase;

/// After five runs Postgres decides whether it goes on with one plan for all values.
const RUNS_BEFORE_A_PLAN_IS_KEPT: usize = 6;

/// Rows to which the tables grow before anybody takes statistics.
const GROWN: i64 = 20_000;

/// Rows that one statement about a few mails may look at.
const A_FEW: i64 = 1000;

/// One connection, as the server makes it: prepared statements and their plans belong to a connection.
async fn one_connection(test: &TestDatabase) -> PgPool {
    let settings = Settings {
        database_url: Some(test.url.clone().into()),
        secret_key: Some("a secret key for tests, long enough".into()),
        database_connections: Some("1".into()),
        ..Settings::default()
    };
    Database::open(&settings.validate().unwrap()).await.unwrap().pool
}

fn bounced(id: DeliveryId, token: Uuid) -> Change {
    Change {
        id,
        token,
        attempt: 1,
        step: Step::Failed,
        mail_status: "bounced",
        delay_seconds: 0.0,
        event: Some("bounced"),
        reply: None,
        suppress: Some("ada@example.com".into()),
    }
}

fn mail(project: ProjectId, key: ApiKeyId) -> NewMailRow {
    NewMailRow {
        id: MailId::generate(),
        project,
        key,
        test: false,
        hold: false,
        bypass_suppressions: false,
        from_address: "shop@example.com".into(),
        from_name: None,
        to_name: None,
        recipients: vec![(DeliveryId::generate(), "grace@example.com".into())],
        subject: "Subject".into(),
        missing_variables: Vec::new(),
        details: None,
        body: vec![0; 100],
        idempotency: Some(mails::ClaimedKey {
            key: Uuid::new_v4().to_string(),
            request_digest: vec![0; 32],
            answer: None,
        }),
        shared_body: None,
        first: None,
        due_at: None,
        lease_token: None,
    }
}

/// An account key, whose sends look at the most tables, and a project of its account.
async fn account_key(db: &mut PgConnection) -> (ProjectId, ApiKeyId) {
    let (project, key) = (ProjectId::generate(), ApiKeyId::generate());
    sqlx::query(
        "WITH account AS (INSERT INTO accounts (id, name) VALUES ($1, 'account')),
              project AS (INSERT INTO projects (id, account_id, name) VALUES ($1, $1, 'project'))
         INSERT INTO api_keys (id, account_id, name, type, mode, public_id, display_key, secret_phc, digest,
                               digest_version, permissions, created_by)
         VALUES ($2, $1, 'key', 'account', 'live', 'public', 'display', 'phc', '', '', '{}', 'test')",
    )
    .bind(project.as_uuid())
    .bind(key.as_uuid())
    .execute(db)
    .await
    .unwrap();
    (project, key)
}

/// Lets every table of a mail's way grow.
async fn grow(db: &mut PgConnection, project: ProjectId) {
    for statement in [
        "INSERT INTO projects (id, account_id, name) SELECT gen_random_uuid(), $2, '' FROM generate_series(1, $1)",
        "INSERT INTO api_keys (id, account_id, name, type, mode, public_id, display_key, secret_phc, digest,
                               digest_version, permissions, created_by)
         SELECT gen_random_uuid(), $2, '', 'account', 'live', n::text, '', '', '', '', '{}', ''
         FROM generate_series(1, $1) AS n",
        "INSERT INTO suppressions (project_id, address, reason, mail_id)
         SELECT $2, n::text, 'bounce', $2 FROM generate_series(1, $1) AS n",
        "WITH mail AS (
             INSERT INTO mails (id, project_id, key_id, test, on_ambiguous, status, pending, from_address, to_address,
                                subject, missing_variables)
             SELECT gen_random_uuid(), $2, $2, false, 'retry', 'queued', 1, 'from', 'to', 'subject', '{}'
             FROM generate_series(1, $1)
             RETURNING id
         ),
         body AS (INSERT INTO mail_bodies (mail_id, content) SELECT id, '' FROM mail),
         recipient AS (INSERT INTO mail_recipients (project_id, address, mail_id) SELECT $2, 'to', id FROM mail),
         event AS (INSERT INTO events (id, project_id, mail_id, type) SELECT id, $2, id, 'bounced' FROM mail)
         INSERT INTO deliveries (id, project_id, mail_id, position, hold, due_at, lease_token)
         SELECT gen_random_uuid(), $2, id, 0, false, now() - random() * interval '1 hour', gen_random_uuid() FROM mail",
    ] {
        sqlx::query(statement).bind(GROWN).bind(project.as_uuid()).execute(&mut *db).await.unwrap();
    }
}

/// Uses each statement of a mail's way about one mail.
async fn work(
    db: &mut PgConnection,
    id: DeliveryId,
    token: Uuid,
    (project, key): (ProjectId, ApiKeyId),
) {
    let new = mail(project, key);
    let accepted = new.id;
    assert!(mails::accept(&mut *db, &[new], None, 60.0).await.unwrap()[0].stored);
    mails::for_work(&mut *db, &[MailId::generate()]).await.unwrap();
    deliveries::of_mail(&mut *db, project, MailId::generate()).await.unwrap();
    let due = deliveries::late::DueRow {
        delivery: id,
        mail: accepted,
        address: "nobody@example.org".into(),
    };
    deliveries::late::obstacles(&mut *db, &[due]).await.unwrap();
    mails::suppressed_at_first(&mut *db, project, &[accepted]).await.unwrap();
    deliveries::claim(&mut *db, Uuid::new_v4(), 60.0, 1).await.unwrap();
    deliveries::renew(&mut *db, &[(id, token)], 60.0).await.unwrap();
    deliveries::record(&mut *db, &[bounced(id, token)]).await.unwrap();
    deliveries::release(&mut *db, &[(id, token)]).await.unwrap();
    let long_ago = chrono::DateTime::UNIX_EPOCH;
    retention::remove_before(&mut *db, long_ago, 100).await.unwrap();
    retention::remove_of_project_before(&mut *db, project, long_ago, 100).await.unwrap();
    retention::next_to_empty(&mut *db, Uuid::nil(), 60.0).await.unwrap();
    let nobodys = ProjectId::generate();
    retention::remove_of_deleted_project(&mut *db, nobodys, 100).await.unwrap();
    retention::empty_deleted_project(&mut *db, nobodys, 100).await.unwrap();
    retention::note_emptied(&mut *db, nobodys).await.unwrap();
}

/// Asks for a page of mails in every way that there is.
async fn look_for(
    db: &mut PgConnection,
    project: ProjectId,
    key: ApiKeyId,
    address: &str,
) -> usize {
    let (before, from) = (Uuid::max().into(), Uuid::nil().into());
    let page = Stretch { before, from, limit: 21 };
    let types = ["ambiguous", "bounced", "failed", "suppressed"];
    let mut found = Vec::new();
    found.extend(search::of_project(&mut *db, project, page).await.unwrap());
    found.extend(search::of_test_mode(&mut *db, project, page).await.unwrap());
    found.extend(search::of_key(&mut *db, project, key, page).await.unwrap());
    found.extend(search::from(&mut *db, project, address, page).await.unwrap());
    found.extend(search::to(&mut *db, project, address, page).await.unwrap());
    found.extend(search::unfinished(&mut *db, project, page).await.unwrap());
    found.extend(search::to_which_happened(&mut *db, project, &types, page).await.unwrap());
    found.extend(search::labelled(&mut *db, project, "tag:a", page).await.unwrap());
    let filter = Filter { address: Some("nobody@example.org".into()), ..Filter::default() };
    search::among(&mut *db, project, &found, &filter, 21).await.unwrap();
    found.len()
}

async fn rows_read(db: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint
         FROM pg_stat_xact_user_tables",
    )
    .fetch_one(db)
    .await
    .unwrap()
}

/// Which tables were read, for a message about too many.
async fn read_of(db: &mut PgConnection) -> Vec<(String, i64)> {
    sqlx::query_as(
        "SELECT relname::text, (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
         FROM pg_stat_xact_user_tables
         WHERE coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) > 100",
    )
    .fetch_all(db)
    .await
    .unwrap()
}

#[tokio::test]
async fn plans_that_were_made_on_empty_tables_are_good_for_full_ones() {
    let test = TestDatabase::create().await;
    let pool = one_connection(&test).await;
    let mut connection = pool.acquire().await.unwrap();
    let (project, key) = account_key(&mut connection).await;
    for _ in 0..RUNS_BEFORE_A_PLAN_IS_KEPT {
        work(&mut connection, DeliveryId::generate(), Uuid::new_v4(), (project, key)).await;
    }

    grow(&mut connection, project).await;
    let (id, token): (Uuid, Uuid) =
        sqlx::query_as("SELECT id, lease_token FROM deliveries ORDER BY due_at DESC LIMIT 1")
            .fetch_one(&mut *connection)
            .await
            .unwrap();

    let mut transaction = sqlx::Connection::begin(&mut *connection).await.unwrap();
    let before = rows_read(&mut transaction).await;
    work(&mut transaction, id.into(), token, (project, key)).await;
    let read = rows_read(&mut transaction).await - before;

    assert!(
        read < A_FEW,
        "{read} rows were read for one mail: {:?}",
        read_of(&mut transaction).await
    );
}

#[tokio::test]
async fn a_page_of_mails_costs_the_same_whatever_it_is_narrowed_to() {
    let test = TestDatabase::create().await;
    let pool = one_connection(&test).await;
    let mut connection = pool.acquire().await.unwrap();
    let (project, key) = account_key(&mut connection).await;
    for _ in 0..RUNS_BEFORE_A_PLAN_IS_KEPT {
        look_for(&mut connection, project, key, "to").await;
    }
    grow(&mut connection, project).await;

    let mut transaction = sqlx::Connection::begin(&mut *connection).await.unwrap();
    // Every one of twenty thousand mails passes, or none does.
    for (project, key, address) in [
        (project, project.as_uuid().into(), "to"),
        (project, project.as_uuid().into(), "from"),
        (project, key, "nobody"),
        (ProjectId::generate(), key, "to"),
    ] {
        let before = rows_read(&mut transaction).await;
        let found = look_for(&mut transaction, project, key, address).await;
        let read = rows_read(&mut transaction).await - before;
        assert!(read < A_FEW, "{read} rows were read to find {found} mails of {address}");
    }
}

#[tokio::test]
async fn claims_cost_the_same_however_much_is_scheduled_for_later() {
    let test = TestDatabase::create().await;
    let pool = one_connection(&test).await;
    let mut connection = pool.acquire().await.unwrap();
    let claim = async |db: &mut PgConnection, before: i64| {
        let claimed = deliveries::claim(&mut *db, Uuid::new_v4(), 60.0, 64).await.unwrap();
        (claimed.len(), rows_read(db).await - before)
    };
    for _ in 0..RUNS_BEFORE_A_PLAN_IS_KEPT {
        deliveries::claim(&mut *connection, Uuid::new_v4(), 60.0, 64).await.unwrap();
    }
    for (rows, due) in
        [(GROWN, "now() + random() * interval '30 days' + interval '1 minute'"), (64, "now()")]
    {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "INSERT INTO deliveries (id, project_id, mail_id, position, hold, due_at)
             SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 0, false, {due} FROM generate_series(1, $1)"
        )))
        .bind(rows)
        .execute(&mut *connection)
        .await
        .unwrap();
    }
    let mut transaction = sqlx::Connection::begin(&mut *connection).await.unwrap();
    let before = rows_read(&mut transaction).await;
    let (claimed, read) = claim(&mut transaction, before).await;
    assert_eq!(claimed, 64);
    assert!(read < A_FEW, "{read} rows were read");
    let before = rows_read(&mut transaction).await;
    let (claimed, read) = claim(&mut transaction, before).await;
    assert!(
        (claimed, read) == (0, 0),
        "{claimed} rows were claimed and {read} read where nothing is due"
    );
}
