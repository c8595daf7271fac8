//! Deliveries that nobody can bring to an end the usual way: whatever happened to their workers or their contents, they
//! end, and say why.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::app::{Setup, TestApp, TestKey, eventually};
use crate::smtp_server::{Answer, Rule, SmtpServer, Stage};
use crate::{letter, letter_with};

/// A mail that waits for its second attempt.
async fn deferred(app: &TestApp, server: &SmtpServer, key: &TestKey, on_ambiguous: &str) -> String {
    server.add(Rule::at(Stage::Recipient, Answer::reply("451 4.3.0 later")).times(1));
    let id = app.accepted(key, letter_with(json!({"onAmbiguous": on_ambiguous}))).await;
    app.mail_in(key, &id, "deferred").await;
    id
}

/// What a worker leaves behind that died with its lease.
async fn abandon(app: &TestApp, times_before: u8, begun_at: &str) {
    app.sql(&format!(
        "UPDATE deliveries
         SET lease_token = gen_random_uuid(), attempts = attempts + 1, due_at = now(), begun_at = {begun_at},
             times_abandoned = {times_before}"
    ))
    .await;
}

fn kinds(mail: &Value) -> Vec<&str> {
    mail["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

fn last_words(mail: &Value) -> &str {
    mail["events"].as_array().unwrap().last().unwrap()["reply"]["text"].as_str().unwrap()
}

#[tokio::test]
async fn a_mail_under_which_worker_after_worker_dies_is_given_up_and_says_so() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;

    let retry = deferred(&app, &server, &key, "retry").await;
    abandon(&app, 9, "NULL").await;
    let mail = app.mail_in(&key, &retry, "failed").await;
    assert_eq!(kinds(&mail), ["queued", "deferred", "ambiguous"]);
    assert!(last_words(&mail).contains("10 times"), "{}", last_words(&mail));

    let hold = deferred(&app, &server, &key, "hold").await;
    abandon(&app, 9, "NULL").await;
    let mail = app.mail_in(&key, &hold, "failed").await;
    assert_eq!(kinds(&mail), ["queued", "deferred", "failed"]);
    assert!(last_words(&mail).contains("before this mail was sent"), "{}", last_words(&mail));

    let old = deferred(&app, &server, &key, "hold").await;
    abandon(&app, 9, "now()").await;
    let mail = app.mail_in(&key, &old, "held").await;
    assert_eq!(kinds(&mail), ["queued", "deferred", "ambiguous"]);

    assert_eq!(server.received().len(), 0);
    assert_eq!(app.number("SELECT count(*) FROM deliveries").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_lease_that_ran_out_is_told_of_as_what_is_known_of_it() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    for (on_ambiguous, events) in [
        ("retry", &["queued", "deferred", "ambiguous", "sent"][..]),
        ("hold", &["queued", "deferred", "sent"][..]),
    ] {
        let id = deferred(&app, &server, &key, on_ambiguous).await;
        abandon(&app, 0, "NULL").await;
        let mail = app.mail_in(&key, &id, "sent").await;
        assert_eq!(kinds(&mail), events, "{on_ambiguous}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_mail_whose_content_cannot_be_read_is_tried_for_a_day_and_fails() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let id = deferred(&app, &server, &key, "retry").await;
    app.sql("UPDATE mail_bodies SET content = substring(content FROM 1 FOR 9)").await;
    app.sql("UPDATE deliveries SET due_at = now()").await;
    let state = |kind: &str| {
        format!(
            "SELECT count(*) FROM events WHERE type = '{kind}' AND reply->>'text' LIKE '%cannot be read%'"
        )
    };
    let deferred_again = state("deferred");
    let is_deferred = async || (app.number(&deferred_again).await == 1).then_some(());
    eventually(is_deferred).await.expect("it is tried again later");

    app.sql("UPDATE mails SET created_at = now() - interval '25 hours'").await;
    app.sql("UPDATE deliveries SET due_at = now()").await;

    let failed = state("failed");
    let has_failed = async || (app.number(&failed).await == 1).then_some(());
    eventually(has_failed).await.expect("it fails in the end");
    let failed = format!("SELECT count(*) FROM mails WHERE status = 'failed' AND id = '{id}'");
    assert_eq!(app.number(&failed).await, 1);
    assert_eq!(app.number("SELECT count(*) FROM deliveries").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_mail_whose_content_is_gone_fails() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    deferred(&app, &server, &key, "retry").await;
    app.sql("DELETE FROM mail_bodies").await;
    app.sql("UPDATE deliveries SET due_at = now()").await;

    let failed = "SELECT count(*) FROM mails WHERE status = 'failed'";
    let has_failed = async || (app.number(failed).await == 1).then_some(());
    eventually(has_failed).await.expect("it fails");
    assert_eq!(app.number("SELECT count(*) FROM deliveries").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_mail_to_be_held_has_not_begun_before_there_is_a_relay() {
    let server = SmtpServer::start().await;
    server.add(Rule::at(Stage::Connect, Answer::Hang));
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let id = app.accepted(&key, letter_with(json!({"onAmbiguous": "hold"}))).await;
    let is_connecting = async || (server.connections().ever > 0).then_some(());
    eventually(is_connecting).await.expect("it connects");

    let begun = "SELECT count(*) FROM deliveries WHERE begun_at IS NOT NULL";
    assert_eq!(app.number(begun).await, 0);

    // What has not begun when the node stops is free for others at once.
    let database = app.database.clone();
    app.stop().await;
    let free: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM deliveries WHERE lease_token IS NULL AND attempts = 0 AND due_at <= now()",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert_eq!(free, 1, "{id}");
}

#[tokio::test]
async fn loops_go_on_when_the_database_has_room_again() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let id = deferred(&app, &server, &key, "retry").await;
    for code in ["53200", "57014", "25006"] {
        app.sql(&format!(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"
        ))
        .await;
        app.sql("CREATE OR REPLACE TRIGGER refuse BEFORE UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION refuse()")
            .await;
        app.sql("CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON mails FOR EACH ROW EXECUTE FUNCTION refuse()")
            .await;
        app.send(&key, letter()).await.assert_refused(503, "SERVICE_UNAVAILABLE");
    }
    app.sql("ALTER TABLE deliveries DISABLE TRIGGER refuse").await;
    app.sql("ALTER TABLE mails DISABLE TRIGGER refuse").await;
    app.sql("UPDATE deliveries SET due_at = now()").await;
    app.mail_in(&key, &id, "sent").await;
    assert_eq!(app.mails_stored().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn the_end_of_a_job_takes_no_lease_from_a_later_attempt_of_the_same_mail() {
    let server = SmtpServer::start().await;
    let [first, second] = [(); 2].map(|()| Arc::new(Semaphore::new(0)));
    server.add(
        Rule::at(Stage::Recipient, Answer::reply("451 4.3.0 later"))
            .only_to("ada@example.org")
            .times(1),
    );
    let slow = |stage, permits: &Arc<Semaphore>| Rule::at(stage, Answer::Wait(Arc::clone(permits)));
    server.add(slow(Stage::Recipient, &first).only_to("bob@example.org"));
    server.add(slow(Stage::End, &second).only_to("ada@example.org"));
    let setup = Setup::default().delivering_to(&server);
    let app = setup.with(|settings| settings.lease_seconds = Some("3".into())).start().await;
    let key = app.full_key().await;
    let to = json!({"to": ["ada@example.org", "bob@example.org"]});
    let id = app.accepted(&key, letter_with(to)).await;
    let is_deferred = |mail: &Value| mail["deliveries"][0]["status"] == "deferred";
    app.mail_when(&key, &id, is_deferred).await;

    // The second attempt for one recipient is under way when the first for the other ends.
    app.sql("UPDATE deliveries SET due_at = now() WHERE lease_token IS NULL").await;
    let asked = || {
        let lines = server.heard();
        lines.iter().filter(|heard| heard.line.starts_with("RCPT TO:<ada@")).count()
    };
    eventually(async || (asked() == 2).then_some(())).await.expect("it is tried again");
    first.add_permits(1);
    let is_sent = |mail: &Value| mail["deliveries"][1]["status"] == "sent";
    app.mail_when(&key, &id, is_sent).await;

    // Whoever lost the lease would see it run out within three seconds.
    let lease = "SELECT extract(epoch FROM due_at)::bigint FROM deliveries";
    let held_until = app.number(lease).await;
    let is_renewed = async || (app.number(lease).await > held_until + 3).then_some(());
    eventually(is_renewed).await.expect("the lease goes on");
    assert_eq!(app.number("SELECT attempts::bigint FROM deliveries").await, 2);
    second.add_permits(9);
    let mail = app.mail_in(&key, &id, "sent").await;
    assert!(!kinds(&mail).contains(&"ambiguous"), "{mail:#}");
    app.stop().await;
    assert_eq!(server.received().len(), 2);
}
