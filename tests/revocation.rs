//! Promise 4: once a revocation has answered, the key sends not one more mail, on any node, whether or not the nodes
//! have heard of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "support/api_client.rs"]
mod api_client;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "support/database.rs"]
mod database;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "support/server_process.rs"]
mod server_process;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api_client::{Answer, ApiClient, mail_to};
use database::TestDatabase;
use posthaste::domain::api_key::{KeyMode, Spelling};
use posthaste::domain::audit::Doer;
use posthaste::domain::caller::KeyStatus;
use posthaste::domain::id::{AccountId, ApiKeyId};
use posthaste::domain::permission;
use posthaste::domain::restrictions::Restrictions;
use posthaste::service::keys::{Keys, NewKey, Rejection};
use posthaste::service::pepper::Pepper;
use posthaste::service::projects;
use server_process::Server;
use sqlx::PgPool;
use tokio::task::JoinSet;

/// How many keys are revoked in each test.
const KEYS: usize = 10;

/// Connections that send with one key.
const SENDERS: usize = 8;

/// Mails that are accepted before a key is revoked.
const BEFORE: usize = 40;

/// Requests that each sender makes afterwards.
const AFTERWARDS: usize = 5;

/// How long what must happen may take on a busy machine before the test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// Servers on one database, and somebody who may revoke keys there.
struct Scene {
    database: TestDatabase,
    servers: Vec<Server>,
    keys: Keys,
    account: AccountId,
}

impl Scene {
    async fn of(servers: usize) -> Self {
        let database = TestDatabase::create().await;
        let secret = "k".repeat(64);
        let mut scene = Self {
            servers: Vec::new(),
            keys: Keys::new(database.pool.clone(), Pepper::derive(&secret.as_str().into())),
            account: projects::set_up(&database.pool).await.unwrap().0,
            database,
        };
        for _ in 0..servers {
            let server = Server::new()
                .with("DATABASE_URL", &scene.database.url)
                .with("SECRET_KEY", &secret)
                .with("LOG_LEVEL", "error");
            scene.servers.push(server);
        }
        for server in &mut scene.servers {
            server.start().await;
        }
        scene
    }

    async fn make_key(&self) -> (ApiKeyId, String) {
        let project = projects::list(&self.database.pool, self.account).await.unwrap()[0].id;
        let new = NewKey {
            name: "To be revoked".into(),
            project: Some(project),
            mode: KeyMode::Live,
            spelling: Spelling::Native,
            permissions: permission::preset("sending_access").unwrap(),
            restrictions: Restrictions::default(),
            per_second: None,
            per_minute: None,
            expires_at: None,
            created_by: Doer::server(),
        };
        let (key, token) = self.keys.create(self.account, new).await.unwrap();
        (key.id, token.reveal().to_owned())
    }

    /// Revokes by the command line or in another process's memory (this one's), in turn.
    async fn revoke(&self, id: ApiKeyId, turn: usize) {
        if turn.is_multiple_of(2) {
            self.keys.revoke(self.account, id, Doer::server()).await.unwrap();
        } else {
            self.servers[0].told(&["keys", "revoke", &id.to_string()]).await;
        }
    }

    async fn stored_with(&self, id: ApiKeyId) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM mails WHERE key_id::text = $1")
            .bind(id.to_string())
            .fetch_one(&self.database.pool)
            .await
            .unwrap()
    }

    /// Answers how many requests were refused by the statement that stores mail, because their node believed in the
    /// key.
    async fn revoke_many_keys_under_load(&self) -> usize {
        let mut refused_by_statement = 0;
        for turn in 0..KEYS {
            let (id, key) = self.make_key().await;
            let told = Arc::new(Told::default());
            let mut senders = JoinSet::new();
            for number in 0..SENDERS {
                let server = &self.servers[number % self.servers.len()];
                let client = ApiClient::new(&server.url(""), &key);
                senders.spawn(send_all_the_time(client, number, told.clone()));
            }
            told.wait_for_accepted(BEFORE).await;

            self.revoke(id, turn).await;
            told.revoked.store(true, Ordering::SeqCst);
            let stored = self.stored_with(id).await;

            let afterwards: Vec<_> = senders.join_all().await.into_iter().flatten().collect();
            assert_eq!(afterwards.len(), SENDERS * AFTERWARDS);
            for answer in afterwards {
                let Answer::Refused(401, message) = answer else {
                    panic!("key {turn}: {answer:?}");
                };
                refused_by_statement += usize::from(message.contains("or switched off"));
            }
            assert_eq!(self.stored_with(id).await, stored, "key {turn}: a mail was stored later");
            let accepted = told.accepted.load(Ordering::SeqCst);
            assert_eq!(usize::try_from(stored).unwrap(), accepted, "key {turn}");
        }
        refused_by_statement
    }
}

/// What senders with one key know.
#[derive(Default)]
struct Told {
    accepted: AtomicUsize,
    revoked: AtomicBool,
}

impl Told {
    async fn wait_for_accepted(&self, count: usize) {
        let begun = Instant::now();
        while self.accepted.load(Ordering::SeqCst) < count {
            assert!(begun.elapsed() < PATIENCE, "the mails are not accepted");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Sends until a while after the revocation, and answers what requests were told that began after it.
async fn send_all_the_time(client: ApiClient, sender: usize, told: Arc<Told>) -> Vec<Answer> {
    let mut afterwards = Vec::new();
    while afterwards.len() < AFTERWARDS {
        let began_afterwards = told.revoked.load(Ordering::SeqCst);
        let answer = client.send(&mail_to(&format!("sender-{sender}@example.net"))).await;
        match &answer {
            Answer::Accepted(_) => _ = told.accepted.fetch_add(1, Ordering::SeqCst),
            // Refused a moment before its revocation has answered: that is allowed.
            Answer::Refused(401, _) => {}
            other => panic!("{other:?}"),
        }
        if began_afterwards {
            afterwards.push(answer);
        }
    }
    afterwards
}

/// Ends every connection on which servers listen, all the time.
async fn cut_notifications(pool: PgPool, cuts: Arc<AtomicUsize>) {
    loop {
        let cut: Vec<bool> = sqlx::query_scalar(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND query ILIKE 'LISTEN%'",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        cuts.fetch_add(cut.len(), Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_sends_not_one_more_mail() {
    Scene::of(1).await.revoke_many_keys_under_load().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_sends_not_one_more_mail_on_another_node() {
    Scene::of(2).await.revoke_many_keys_under_load().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_sends_not_one_more_mail_while_no_node_can_hear_of_it() {
    let scene = Scene::of(2).await;
    let cuts = Arc::new(AtomicUsize::new(0));
    let mut cutting = JoinSet::new();
    cutting.spawn(cut_notifications(scene.database.pool.clone(), cuts.clone()));

    let refused_by_statement = scene.revoke_many_keys_under_load().await;

    assert!(refused_by_statement > 0, "every node knew");
    assert!(cutting.try_join_next().is_none(), "the cutting stopped early");
    assert!(cuts.load(Ordering::Relaxed) > 0, "nothing was cut");
}

#[tokio::test]
async fn a_key_that_is_forgotten_while_its_digest_is_renewed_is_not_remembered_as_it_was() {
    let scene = Scene::of(0).await;
    let (id, key) = scene.make_key().await;
    // Another SECRET_KEY, under which the digest has to be made anew.
    let pepper = Pepper::derive(&"l".repeat(64).as_str().into());
    let keys = Keys::new(scene.database.pool.clone(), pepper);
    let token = key.parse().unwrap();
    let mut revoking = scene.database.pool.begin().await.unwrap();
    sqlx::query("UPDATE api_keys SET revoked_at = now() WHERE id = $1")
        .bind(id.as_uuid())
        .execute(&mut *revoking)
        .await
        .unwrap();
    let revoke = async {
        // The digest waits for the row.
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let begun = Instant::now();
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&scene.database.pool).await.unwrap()
            == 0
        {
            assert!(begun.elapsed() < PATIENCE, "nobody waits");
        }
        keys.forget(id).await;
        revoking.commit().await.unwrap();
    };

    let (verified, ()) = tokio::join!(keys.verify(&token), revoke);
    verified.unwrap().unwrap();

    let again = keys.verify(&token).await.unwrap();
    assert_eq!(again.unwrap_err(), Rejection::Ended(KeyStatus::Revoked, id));
}
