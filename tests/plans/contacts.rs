//! To find a contact, a sender or a domain reads a few rows, however many the project has.

use posthaste::domain::id::{ContactId, ContactListId, DomainId, ProjectId, SenderId};
use posthaste::store::{contact_lists, contacts, domains, senders};
use sqlx::PgConnection;
use uuid::Uuid;

use super::database::TestDatabase;
use super::{
    A_FEW, GROWN, RUNS_BEFORE_A_PLAN_IS_KEPT, account_key, one_connection, read_of, rows_read,
};

/// Uses each statement about one contact, one list, one sender and one domain.
async fn use_one(db: &mut PgConnection, project: ProjectId, id: Uuid) {
    let (contact, list) = (ContactId::from(id), ContactListId::from(id));
    let emails = [id.to_string()];
    let found = contacts::by_ids(&mut *db, project, &[contact]).await.unwrap();
    contacts::by_emails(&mut *db, project, &emails).await.unwrap();
    contacts::lock(&mut *db, project, &emails).await.unwrap();
    contacts::update(&mut *db, project, &found.iter().collect::<Vec<_>>()).await.unwrap();
    contacts::page(&mut *db, project, "", 20, 0).await.unwrap();
    contacts::suppressed(&mut *db, project, &emails).await.unwrap();
    contacts::unsubscribed_groups(&mut *db, project, &emails[0]).await.unwrap();
    contact_lists::find(&mut *db, project, list).await.unwrap();
    contact_lists::hold(&mut *db, project, &[list]).await.unwrap();
    contact_lists::page(&mut *db, project, list, "", 20, 0).await.unwrap();
    contact_lists::remove(&mut *db, project, list, &[contact]).await.unwrap();
    contacts::delete_by_emails(&mut *db, project, &emails).await.unwrap();
    contacts::delete_by_user_id(&mut *db, project, &id.to_string()).await.unwrap();
    contacts::delete(&mut *db, project, contact).await.unwrap();
    contact_lists::delete(&mut *db, project, list).await.unwrap();
    let (sender, domain) = (SenderId::from(id), DomainId::from(id));
    senders::find(&mut *db, project, sender).await.unwrap();
    senders::delete(&mut *db, project, sender).await.unwrap();
    domains::find(&mut *db, project, domain).await.unwrap();
    domains::lock(&mut *db, project, domain).await.unwrap();
    domains::ask(&mut *db, project, domain, chrono::TimeDelta::zero()).await.unwrap();
    domains::delete(&mut *db, project, domain, chrono::TimeDelta::zero()).await.unwrap();
}

#[tokio::test]
async fn one_contact_costs_the_same_however_many_the_project_has() {
    let test = TestDatabase::create().await;
    let pool = one_connection(&test).await;
    let mut connection = pool.acquire().await.unwrap();
    let (project, _) = account_key(&mut connection).await;
    for _ in 0..RUNS_BEFORE_A_PLAN_IS_KEPT {
        use_one(&mut connection, project, Uuid::now_v7()).await;
    }
    for statement in [
        "INSERT INTO contacts (id, project_id, email, user_id)
         SELECT id, $2, id::text, id::text FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, $1)) AS new",
        "INSERT INTO contact_lists (id, project_id, name) SELECT id, $2, email FROM contacts WHERE $1 > 0",
        "INSERT INTO contact_list_members (list_id, contact_id) SELECT id, id FROM contacts WHERE $1 > 0 AND $2 <> id",
        "INSERT INTO senders (id, project_id, email_key, email, name, reply_to)
         SELECT id, $2, email, email, '', '' FROM contacts WHERE $1 > 0",
        "INSERT INTO domains (id, account_id, project_id, name, ownership_token, selector, rsa_public, ed25519_public,
                              rsa_private, ed25519_private, next_check_at)
         SELECT id, $2, $2, email, '', '', '', '', '', '', now() FROM contacts WHERE $1 > 0",
    ] {
        let grown = sqlx::query(statement).bind(GROWN).bind(project.as_uuid());
        grown.execute(&mut *connection).await.unwrap();
    }
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM contacts LIMIT 2")
        .fetch_all(&mut *connection)
        .await
        .unwrap();

    let mut transaction = sqlx::Connection::begin(&mut *connection).await.unwrap();
    for id in [ids[0], ids[1], Uuid::now_v7()] {
        let before = rows_read(&mut transaction).await;
        use_one(&mut transaction, project, id).await;
        let read = rows_read(&mut transaction).await - before;
        assert!(read < A_FEW, "{read} rows were read: {:?}", read_of(&mut transaction).await);
    }
}
