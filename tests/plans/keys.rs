//! Lists of keys and of the audit log read about a page of rows, however many there are.

use posthaste::domain::api_key::{KeyMode, KeyType};
use posthaste::domain::id::{AccountId, ApiKeyId, ProjectId};
use posthaste::store::api_keys;
use posthaste::store::api_keys::listing::{self, Filter};
use posthaste::store::audit_log;
use sqlx::PgConnection;

use super::database::TestDatabase;
use super::{A_FEW, GROWN, RUNS_BEFORE_A_PLAN_IS_KEPT, account_key, one_connection, rows_read};

/// Every filter that has an index of its own, for all keys.
fn filters() -> Vec<Filter> {
    let all = Filter {
        before: None,
        states: vec!["active", "inactive"],
        expires: vec![true, false],
        expired: None,
        types: KeyType::ALL.to_vec(),
        modes: KeyMode::ALL.to_vec(),
        unused_since: None,
        prefix: None,
    };
    vec![
        Filter { states: vec!["active", "inactive", "revoked"], ..all.clone() },
        Filter { states: vec!["revoked"], ..all.clone() },
        Filter { states: vec!["inactive"], expired: Some(false), ..all.clone() },
        Filter { expires: vec![true], expired: Some(true), ..all.clone() },
        Filter { types: vec![KeyType::Project], ..all.clone() },
        Filter { modes: vec![KeyMode::Test], ..all.clone() },
        Filter { before: Some(ApiKeyId::generate()), ..all.clone() },
        all,
    ]
}

/// Asks for a page of everything.
async fn look(db: &mut PgConnection, account: AccountId, project: ProjectId) {
    for filter in filters() {
        listing::of_account(&mut *db, account, &filter, 21).await.unwrap();
        listing::of_project(&mut *db, account, project, &filter, 21).await.unwrap();
    }
    let few = listing::beginning_with(&mut *db, account, "zebra", 21).await.unwrap();
    assert!(few.is_empty());
    let page = listing::of_account(&mut *db, account, &filters()[0], 21).await.unwrap();
    listing::records(&mut *db, account, &page).await.unwrap();
    listing::among(&mut *db, account, None, &page, &filters()[0], 21).await.unwrap();
    api_keys::lock(&mut *db, account, &page[..page.len().min(2)]).await.unwrap();
    for record in listing::records(&mut *db, account, &page[..page.len().min(1)]).await.unwrap() {
        api_keys::update(&mut *db, &record.key).await.unwrap();
        api_keys::revoke(&mut *db, account, record.key.id).await.unwrap();
    }
    let few = ProjectId::generate();
    api_keys::take_domain_away(&mut *db, account, few, "example.com").await.unwrap();
    let narrowed = audit_log::Filter { subject: Some(project.as_uuid()), ..Default::default() };
    audit_log::list(&mut *db, account, &narrowed, 21).await.unwrap();
    let narrowed = audit_log::Filter { project: Some(project), ..Default::default() };
    audit_log::list(&mut *db, account, &narrowed, 21).await.unwrap();
    let narrowed = audit_log::Filter { action: Some("rare.thing".into()), ..Default::default() };
    audit_log::list(&mut *db, account, &narrowed, 21).await.unwrap();
    audit_log::list(&mut *db, account, &audit_log::Filter::default(), 21).await.unwrap();
}

#[tokio::test]
async fn a_page_of_many_keys_reads_a_page() {
    let test = TestDatabase::create().await;
    let pool = one_connection(&test).await;
    let mut connection = pool.acquire().await.unwrap();
    let (project, _) = account_key(&mut connection).await;
    let account = AccountId::from(project.as_uuid());
    for _ in 0..RUNS_BEFORE_A_PLAN_IS_KEPT {
        look(&mut connection, account, project).await;
        sqlx::query("UPDATE api_keys SET revoked_at = NULL")
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    for statement in [
        "INSERT INTO api_keys (id, account_id, project_id, name, type, mode, public_id, display_key, secret_phc, digest,
                               digest_version, permissions, created_by)
         SELECT gen_random_uuid(), $2, CASE WHEN n % 2 = 0 THEN $2 END, 'key ' || n,
                CASE WHEN n % 2 = 0 THEN 'project' ELSE 'account' END, 'live', 'id' || n, 'AS_' || n, '', '', '', '{}', ''
         FROM generate_series(1, $1) AS n",
        "INSERT INTO audit_log (id, account_id, actor_kind, actor, action, subject_id, subject, details)
         SELECT gen_random_uuid(), $2, '', '', 'often.done', gen_random_uuid(), '', '{}' FROM generate_series(1, $1)",
    ] {
        sqlx::query(statement).bind(GROWN).bind(project.as_uuid()).execute(&mut *connection).await.unwrap();
    }

    let mut transaction = sqlx::Connection::begin(&mut *connection).await.unwrap();
    let before = rows_read(&mut transaction).await;
    look(&mut transaction, account, project).await;
    let read = rows_read(&mut transaction).await - before;

    assert!(read < A_FEW, "{read} rows were read for pages of 21");
}
