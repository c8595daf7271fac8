//! The connections to the database break at the worst moments there are, each of them met exactly.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "../support/api_client.rs"]
mod api_client;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/database.rs"]
mod database;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/database_proxy.rs"]
mod database_proxy;
mod outage;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/server_process.rs"]
mod server_process;
#[path = "../support/smtp_server.rs"]
mod smtp_server;

use std::time::{Duration, Instant};

use api_client::{ApiClient, mail_to};
use database::TestDatabase;
use database_proxy::{DatabaseProxy, Moment};
use serde_json::{Value, json};
use server_process::Server;
use smtp_server::{Answer, Rule, SmtpServer, Stage};
use sqlx::AssertSqlSafe;
use tokio::task::JoinSet;
use uuid::Uuid;

/// How long what must happen may take on a busy machine before the test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// Enough at once to have several connections to the database open.
const CROWD: usize = 32;

/// A server whose connections to its database can be cut.
struct Scene {
    relay: SmtpServer,
    database: TestDatabase,
    proxy: DatabaseProxy,
    server: Server,
    key: String,
    client: ApiClient,
}

impl Scene {
    async fn new() -> Self {
        Self::with_leases_of("2").await
    }

    async fn with_leases_of(seconds: &str) -> Self {
        Self::with(&[("LEASE_SECONDS", seconds)]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let relay = SmtpServer::start().await;
        let database = TestDatabase::create().await;
        let proxy = DatabaseProxy::start(&database.options).await;
        let mut server = Server::new()
            .with("DATABASE_URL", proxy.url())
            .with("SECRET_KEY", &"k".repeat(64))
            .with("SMTP_URL", &relay.url());
        for (name, value) in settings {
            server = server.with(name, value);
        }
        server.start().await;
        let key = server.create_key(&[]).await;
        let client = ApiClient::new(&server.url(""), &key);
        Self { relay, database, proxy, server, key, client }
    }

    /// Has every connection of the server's pool in use, so that a cut leaves many dead ones behind.
    async fn send_a_crowd(&self) {
        let mut crowd = JoinSet::new();
        for number in 0..CROWD {
            let client = self.client.clone();
            crowd.spawn(async move {
                client.send(&mail_to(&format!("crowd-{number}@example.net"))).await.id();
            });
        }
        crowd.join_all().await;
        self.relay.wait_for(CROWD).await;
    }

    /// What the sender of a mail is told, word for word.
    async fn answer_to(&self, mail: &Value) -> Value {
        let request = api_client::plain().post(self.server.url("/v1/mails/send"));
        let answer = request.bearer_auth(&self.key).json(mail).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()["data"].take()
    }

    async fn in_state(&self, id: &str, state: &str) -> Value {
        let begun = Instant::now();
        loop {
            // The first ones after a cut may be told to come back.
            if let Some(mail) = self.client.find(id).await
                && mail["status"] == state
            {
                return mail;
            }
            assert!(begun.elapsed() < PATIENCE, "the mail did not become {state}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn times_received(&self, address: &str) -> usize {
        self.relay.received().iter().filter(|mail| mail.to == [address]).count()
    }
}

/// As long as any test waits: a lease that is not given back is noticed.
const FOR_EVER: &str = "60";

fn kinds(mail: &Value) -> Vec<&str> {
    let events = mail["events"].as_array().unwrap();
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_acknowledged_and_delivered_once() {
    for moment in [Moment::After, Moment::Before] {
        let scene = Scene::new().await;
        scene.send_a_crowd().await;
        let address = "lost@example.net";
        scene.proxy.cut_at(address.as_bytes(), moment);

        let answer = scene.answer_to(&mail_to(address)).await;
        assert_eq!(answer["status"], "queued", "{moment:?}: {answer}");
        assert_eq!(answer.get("suppressed"), None, "{moment:?}: {answer}");
        let id = answer["emailId"].as_str().unwrap();

        scene.proxy.wait_for_cuts(1).await;
        let mail = scene.in_state(id, "sent").await;
        assert_eq!(kinds(&mail), ["queued", "sent"], "{moment:?}");
        assert_eq!(scene.times_received(address), 1, "{moment:?}");
        assert_eq!(scene.client.all_mails(None).await.len(), CROWD + 1, "{moment:?}");
    }
}

#[tokio::test]
async fn who_was_suppressed_is_told_by_name_although_the_first_answer_is_lost() {
    for moment in [Moment::After, Moment::Before] {
        let scene = Scene::new().await;
        sqlx::query(
            "INSERT INTO suppressions (project_id, address, reason, mail_id)
             SELECT id, 'gone@example.net', 'bounce', id FROM projects",
        )
        .execute(&scene.database.pool)
        .await
        .unwrap();
        let address = "lost@example.net";
        scene.proxy.cut_at(address.as_bytes(), moment);
        let mut mail = mail_to(address);
        mail["cc"] = json!([{"email": "gone@example.net"}]);

        let answer = scene.answer_to(&mail).await;

        scene.proxy.wait_for_cuts(1).await;
        assert_eq!(answer["suppressed"], json!(["gone@example.net"]), "{moment:?}");
        let mail = scene.in_state(answer["emailId"].as_str().unwrap(), "partially_sent").await;
        assert_eq!(kinds(&mail), ["queued", "suppressed", "sent"], "{moment:?}");
        assert_eq!(scene.times_received(address), 1, "{moment:?}");
    }
}

#[tokio::test]
async fn a_claim_whose_mail_cannot_be_read_is_made_again() {
    let scene = Scene::new().await;
    let address = "claimed@example.net";
    scene.relay.add(Rule::at(Stage::Recipient, Answer::reply("451 4.3.0 later")).times(1));
    let id = scene.client.send(&mail_to(address)).await.id();
    scene.in_state(&id, "deferred").await;

    // The only statement from now on that names the mail is the one that reads it for its second attempt.
    scene.proxy.cut_at(Uuid::parse_str(&id).unwrap().as_bytes(), Moment::Before);
    scene.proxy.wait_for_cuts(1).await;

    let mail = scene.in_state(&id, "sent").await;
    assert_eq!(scene.times_received(address), 1);
    assert_eq!(kinds(&mail), ["queued", "deferred", "sent"], "nothing was in doubt");
}

#[tokio::test]
async fn a_record_whose_answer_is_lost_is_written_once() {
    let scene = Scene::new().await;
    let address = "recorded@example.net";
    scene.relay.add(Rule::at(Stage::End, Answer::reply("250 2.0.0 in-these-words")));
    // They come by in the record of the attempt, and nowhere else.
    scene.proxy.cut_at(b"in-these-words", Moment::After);

    let id = scene.client.send(&mail_to(address)).await.id();
    scene.proxy.wait_for_cuts(1).await;

    let mail = scene.in_state(&id, "sent").await;
    assert_eq!(kinds(&mail), ["queued", "sent"]);
    assert_eq!(scene.times_received(address), 1);
}

#[tokio::test]
async fn a_commit_that_comes_late_is_not_made_twice() {
    let scene = Scene::with_leases_of(FOR_EVER).await;
    scene.send_a_crowd().await;
    for idempotency_key in [None, Some("the same")] {
        let address = format!("late-{}@example.net", idempotency_key.is_some());
        scene.proxy.cut_at(address.as_bytes(), Moment::Late);

        let id = scene.client.send_with(&mail_to(&address), idempotency_key).await.id();

        let mail = scene.in_state(&id, "sent").await;
        assert_eq!(kinds(&mail), ["queued", "sent"], "{idempotency_key:?}");
        assert_eq!(scene.times_received(&address), 1);
    }
    scene.proxy.wait_for_cuts(2).await;
    assert_eq!(scene.client.all_mails(None).await.len(), CROWD + 2);
}

#[tokio::test]
async fn a_connection_that_falls_silent_costs_no_mail() {
    for moment in [Moment::Before, Moment::After] {
        let scene = Scene::with_leases_of(FOR_EVER).await;
        let address = "silent@example.net";
        scene.proxy.silence_at(address.as_bytes(), moment);

        let id = scene.client.send(&mail_to(address)).await.id();

        scene.proxy.wait_for_cuts(1).await;
        let mail = scene.in_state(&id, "sent").await;
        assert_eq!(kinds(&mail), ["queued", "sent"], "{moment:?}");
        assert_eq!(scene.times_received(address), 1, "{moment:?}");
    }
}

#[tokio::test]
async fn a_record_on_a_connection_that_falls_silent_is_written_once() {
    for moment in [Moment::Before, Moment::After] {
        let scene = Scene::with_leases_of(FOR_EVER).await;
        let address = "recorded@example.net";
        scene.relay.add(Rule::at(Stage::End, Answer::reply("250 2.0.0 in-these-words")));
        scene.proxy.silence_at(b"in-these-words", moment);

        let id = scene.client.send(&mail_to(address)).await.id();
        scene.proxy.wait_for_cuts(1).await;

        let mail = scene.in_state(&id, "sent").await;
        assert_eq!(kinds(&mail), ["queued", "sent"], "{moment:?}");
        assert_eq!(scene.times_received(address), 1, "{moment:?}");
    }
}

#[tokio::test]
async fn what_may_have_been_stored_is_not_called_refused_however_long_the_database_is_away() {
    let (stored, not_stored) = tokio::join!(
        send_while_the_database_goes_away(Moment::After),
        send_while_the_database_goes_away(Moment::Before)
    );
    assert_eq!((stored, not_stored), (1, 0));
}

/// Answers how many mails are stored of the one that was sent.
async fn send_while_the_database_goes_away(moment: Moment) -> usize {
    let scene = Scene::new().await;
    let address = "unknown@example.net";
    scene.proxy.cut_for_good_at(address.as_bytes(), moment);

    let mail = mail_to(address);
    let (unknown, refused) = tokio::join!(scene.client.send(&mail), async {
        scene.proxy.wait_for_cuts(1).await;
        scene.client.send(&mail_to("refused@example.net")).await
    });

    assert_eq!(unknown, api_client::Answer::Silence, "{moment:?}");
    assert!(matches!(refused, api_client::Answer::Refused(503, _)), "{refused:?}");
    scene.proxy.mend();
    let begun = Instant::now();
    let afterwards = mail_to("afterwards@example.net");
    while !matches!(scene.client.send(&afterwards).await, api_client::Answer::Accepted(_)) {
        assert!(begun.elapsed() < PATIENCE, "the server does not recover");
    }
    let mails = scene.client.all_mails(None).await;
    let found: Vec<_> = mails.iter().filter(|mail| mail["to"] == address).collect();
    for mail in &found {
        scene.in_state(mail["id"].as_str().unwrap(), "sent").await;
    }
    assert_eq!(scene.times_received(address), found.len());
    assert!(mails.iter().all(|mail| mail["to"] != "refused@example.net"));
    found.len()
}

/// More than there are connections that a cut leaves dead.
const TRIES: usize = 50;

#[tokio::test]
async fn what_was_committed_is_not_called_refused_whatever_it_is() {
    let scene = Scene::new().await;
    let hook = |number| {
        let url = format!("https://lost-{number}.example.com/hook");
        ("/v1/webhooks".to_owned(), json!({"url": url, "events": ["email.opened"]}))
    };
    lose_an_answer(&scene, "webhooks", hook).await;
    let only = |table: &str| {
        sqlx::query_scalar::<_, Uuid>(AssertSqlSafe(format!("SELECT id FROM {table} LIMIT 1")))
    };
    let pool = &scene.database.pool;
    let id = only("webhooks").fetch_one(pool).await.unwrap();
    // A single statement is no better off than many.
    let given = json!({"event": "email.opened", "data": {}});
    let resend = |_| (format!("/v1/webhooks/{id}/resend"), given.clone());
    lose_an_answer(&scene, "webhook_deliveries", resend).await;
    let entry = only("webhook_deliveries").fetch_one(pool).await.unwrap();
    let replay = |_| (format!("/v1/webhooks/{id}/logs/{entry}/replay"), json!({}));
    lose_an_answer(&scene, "webhook_deliveries", replay).await;
}

/// Cuts commits until one of these requests has no answer. Each makes a row of the table.
async fn lose_an_answer(scene: &Scene, table: &str, ask: impl Fn(usize) -> (String, Value)) {
    let client = api_client::plain();
    let count = async || {
        let counting = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let count: i64 =
            sqlx::query_scalar(counting).fetch_one(&scene.database.pool).await.unwrap();
        count
    };
    for number in 0..TRIES {
        // It may meet the transaction of a loop first.
        scene.proxy.cut_at(b"COMMIT\0", Moment::After);
        let ((path, body), before) = (ask(number), count().await);
        let request = client.post(scene.server.url(&path)).bearer_auth(&scene.key).json(&body);

        let answer = request.send().await;

        let made = count().await - before;
        match answer {
            Ok(refusal) if refusal.status() == 503 => assert_eq!(made, 0, "{path}"),
            Ok(success) => assert_eq!((success.status().is_success(), made), (true, 1), "{path}"),
            Err(_) => return assert_eq!(made, 1, "{path}"),
        }
    }
    panic!("no answer was lost");
}

#[tokio::test]
async fn a_decision_that_was_carried_out_is_not_called_refused_when_it_cannot_be_shown() {
    let scene = Scene::new().await;
    let mut mail = mail_to("later@example.net");
    mail["scheduledAt"] = json!(chrono::Utc::now() + chrono::TimeDelta::days(1));
    let id = scene.client.send(&mail).await.id();
    // It is what the history is read by, which nobody has done before.
    let reading = b"SELECT id, position, type, attempt, reply, url, at";
    scene.proxy.cut_for_good_at(reading, Moment::Before);

    let request = api_client::plain().post(scene.server.url(&format!("/v1/mails/{id}/cancel")));
    let answer = request.bearer_auth(&scene.key).send().await;

    scene.proxy.wait_for_cuts(1).await;
    assert!(answer.is_err(), "{answer:?}");
    scene.proxy.mend();
    scene.in_state(&id, "cancelled").await;
}
