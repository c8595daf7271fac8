//! People, their sessions and their links are found by an index, however many there are.

use posthaste::domain::id::{AccountId, SessionId, UserId};
use posthaste::domain::user::SignInAddress;
use posthaste::store::{credentials, one_time_links, sessions, users};
use sqlx::PgConnection;
use uuid::Uuid;

use super::database::TestDatabase;
use super::{A_FEW, GROWN, RUNS_BEFORE_A_PLAN_IS_KEPT, account_key, one_connection, rows_read};

/// Finds people, sessions and links in every way that requests do.
async fn meet(db: &mut PgConnection, account: AccountId, user: UserId) {
    let (digest, email) = ([7; 32], SignInAddress::stored("nobody@example.org".into()));
    sessions::find(&mut *db, &digest, 60.0, 60.0).await.unwrap();
    sessions::touch(&mut *db, SessionId::generate()).await.unwrap();
    sessions::list(&mut *db, user, 60.0, None, 21).await.unwrap();
    sessions::keep_newest(&mut *db, user, 50).await.unwrap();
    sessions::delete_by_digest(&mut *db, &digest).await.unwrap();
    sessions::forget_before(&mut *db, Uuid::nil().into(), 10).await.unwrap();
    credentials::find_by_email(&mut *db, &email).await.unwrap();
    users::list(&mut *db, account, None, 21).await.unwrap();
    users::exist(&mut *db, account).await.unwrap();
    users::delete(&mut *db, account, user).await.unwrap();
    one_time_links::find(&mut *db, &digest).await.unwrap();
    one_time_links::invitations(&mut *db, account, None, 21).await.unwrap();
    one_time_links::delete_resets(&mut *db, user).await.unwrap();
    one_time_links::delete_invitations_by(&mut *db, account, user).await.unwrap();
    one_time_links::forget_before(&mut *db, Uuid::nil().into(), 10).await.unwrap();
}

#[tokio::test]
async fn who_asks_is_found_by_an_index_however_many_there_are() {
    let test = TestDatabase::create().await;
    let pool = one_connection(&test).await;
    let mut connection = pool.acquire().await.unwrap();
    let (account, _) = account_key(&mut connection).await;
    let account = AccountId::from(account.as_uuid());
    for _ in 0..RUNS_BEFORE_A_PLAN_IS_KEPT {
        meet(&mut connection, account, UserId::generate()).await;
    }

    for statement in [
        "INSERT INTO users (id, account_id, email, name, role, password_phc)
         SELECT gen_random_uuid(), $2, n::text, '', 'viewer', '' FROM generate_series(1, $1) AS n",
        "INSERT INTO sessions (id, token_digest, user_id, expires_at, ip, user_agent)
         SELECT id, uuid_send(id), id, now() + interval '1 day', '', '' FROM users WHERE $1 > 0 AND account_id = $2",
        "INSERT INTO one_time_links (id, token_digest, account_id, purpose, user_id, created_by, expires_at)
         SELECT id, uuid_send(id), $2, 'password_reset', id, '', now() + interval '1 day' FROM users WHERE $1 > 0",
    ] {
        let grown = sqlx::query(statement).bind(GROWN).bind(account.as_uuid());
        grown.execute(&mut *connection).await.unwrap();
    }
    let user: Uuid = sqlx::query_scalar("SELECT id FROM users LIMIT 1")
        .fetch_one(&mut *connection)
        .await
        .unwrap();

    let mut transaction = sqlx::Connection::begin(&mut *connection).await.unwrap();
    let before = rows_read(&mut transaction).await;
    meet(&mut transaction, account, user.into()).await;
    let read = rows_read(&mut transaction).await - before;

    assert!(read < A_FEW, "{read} rows were read");
}
