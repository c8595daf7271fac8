//! What is claimed from the queue is in memory until it is delivered, and so is bounded by its size.

#![expect(clippy::unwrap_used, reason = "helpers outside of tests panic as tests do")]

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "support/database.rs"]
mod database;

use std::sync::Arc;
use std::time::Duration;

use posthaste::domain::address::Mailbox;
use posthaste::domain::id::{AccountId, ApiKeyId, DeliveryId, MailId};
use posthaste::domain::mail::Content;
use posthaste::domain::packing;
use posthaste::domain::subject::Subject;
use posthaste::service::claims::CLAIM;
use posthaste::service::deliveries::Deliveries;
use posthaste::service::handoff::{Job, Leases};
use posthaste::service::projects;
use posthaste::service::room::Room;
use posthaste::store::mails::{self, NewMailRow};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use self::database::TestDatabase;

const MIB: usize = 1 << 20;

/// A queue with nothing in it.
struct Scene {
    database: TestDatabase,
    account: AccountId,
    deliveries: Deliveries,
}

impl Scene {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let (account, _) = projects::set_up(&database.pool).await.unwrap();
        let deliveries = Deliveries::start(
            database.pool.clone(),
            Arc::new(Leases::new(Duration::from_mins(1))),
            &TaskTracker::new(),
            &CancellationToken::new(),
        );
        Self { database, account, deliveries }
    }

    /// Puts a mail with so much text into the queue.
    async fn queue(&self, bytes: usize) -> MailId {
        let pool = &self.database.pool;
        let project = projects::list(pool, self.account).await.unwrap()[0].id;
        let key = ApiKeyId::generate();
        sqlx::query(
            "INSERT INTO api_keys (id, account_id, project_id, name, type, mode, public_id, display_key, secret_phc,
                                   digest, digest_version, permissions, created_by)
             VALUES ($1, $2, $3, 'key', 'project', 'live', $4, '', '', '', '', '{}', 'test')",
        )
        .bind(key.as_uuid())
        .bind(self.account.as_uuid())
        .bind(project.as_uuid())
        .bind(key.to_string())
        .execute(pool)
        .await
        .unwrap();

        let mailbox = |text: &str| Mailbox { name: None, address: text.parse().unwrap() };
        let content = Content {
            from: mailbox("shop@example.com"),
            to: vec![mailbox("ada@example.org")],
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            subject: Subject::parse("Large").unwrap(),
            html: None,
            text: Some("x".repeat(bytes)),
            headers: Vec::new(),
            attachments: Vec::new(),
            signed_by: None,
            personal: None,
        };
        let id = MailId::generate();
        let row = NewMailRow {
            id,
            project,
            key,
            test: false,
            hold: false,
            bypass_suppressions: false,
            from_address: "shop@example.com".into(),
            from_name: None,
            to_name: None,
            recipients: vec![(DeliveryId::generate(), "ada@example.org".into())],
            subject: "Large".into(),
            missing_variables: Vec::new(),
            details: None,
            body: packing::pack(&content),
            idempotency: None,
            shared_body: None,
            first: None,
            due_at: None,
            lease_token: None,
        };
        assert!(mails::accept(pool, &[row], None, 60.0).await.unwrap()[0].stored);
        id
    }

    async fn number(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.database.pool).await.unwrap()
    }
}

fn names(jobs: &[Job]) -> Vec<MailId> {
    jobs.iter().map(|job| job.mail).collect()
}

#[tokio::test]
async fn no_more_is_claimed_than_there_is_room_for_and_nothing_is_passed_over() {
    let scene = Scene::new().await;
    let room = Room::default();
    let mut queued = Vec::new();
    for bytes in [30 * MIB, 30 * MIB, 30 * MIB, 1, 1] {
        queued.push(scene.queue(bytes).await);
    }

    let first = scene.deliveries.claim(CLAIM, &room).await.unwrap();
    let mut claimed = names(&first.jobs);
    claimed.sort();
    assert_eq!(claimed, queued[..2]);
    let (bytes, recipients) = first.no_room_for.unwrap();
    assert!((30 * MIB..31 * MIB).contains(&bytes), "{bytes}");
    let free = "SELECT count(*) FROM deliveries WHERE lease_token IS NULL AND attempts = 0";
    assert_eq!(scene.number(free).await, 3);

    drop(first.jobs);
    room.wait_for(bytes, recipients).await;
    let second = scene.deliveries.claim(CLAIM, &room).await.unwrap();
    let mut claimed = names(&second.jobs);
    claimed.sort();
    assert_eq!(claimed, queued[2..]);
    assert!(second.no_room_for.is_none());
    assert_eq!(scene.number(free).await, 0);
}

#[tokio::test]
async fn a_lease_that_cannot_be_given_back_is_given_back_later() {
    let scene = Scene::new().await;
    let room = Room::default();
    scene.queue(1).await;
    let claims = scene.deliveries.claim(CLAIM, &room).await.unwrap();
    let leases = claims.jobs[0].deliveries.clone();
    let refuse = "ALTER TABLE deliveries ADD CONSTRAINT refuse CHECK (lease_token IS NOT NULL)";
    sqlx::query(refuse).execute(&scene.database.pool).await.unwrap();
    scene.deliveries.release(&leases).await.unwrap_err();
    sqlx::query("ALTER TABLE deliveries DROP CONSTRAINT refuse")
        .execute(&scene.database.pool)
        .await
        .unwrap();

    scene.deliveries.renew_leases().await.unwrap();

    let free = "SELECT count(*) FROM deliveries WHERE lease_token IS NULL AND attempts = 0";
    assert_eq!(scene.number(free).await, 1);
    let again = scene.deliveries.claim(CLAIM, &room).await.unwrap();
    assert_ne!(again.jobs[0].deliveries[0].token, Uuid::nil());
    assert_eq!(again.jobs[0].deliveries[0].attempt, 1);
    let events = "SELECT count(*) FROM events WHERE type = 'ambiguous'";
    assert_eq!(scene.number(events).await, 0);
}
