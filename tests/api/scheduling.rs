//! Mail that is sent at a time of its own.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::app::{Reply, Setup, TestApp, TestKey};
use crate::smtp_server::{Answer, SmtpServer, Stage};
use crate::{letter, letter_with};

fn ahead(by: TimeDelta) -> String {
    (Utc::now() + by).to_rfc3339_opts(SecondsFormat::Millis, true)
}

async fn scheduled(app: &TestApp, key: &TestKey, at: &str) -> String {
    let reply = app.send(key, letter_with(json!({"scheduledAt": at}))).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["data"]["status"], "scheduled");
    reply.body["data"]["emailId"].as_str().unwrap().to_owned()
}

async fn moved(app: &TestApp, key: &TestKey, id: &str, at: Value) -> Reply {
    app.patch(&format!("/v1/mails/{id}"), key, json!({"scheduledAt": at})).await
}

/// Lets the time of a scheduled mail come, and its day go by so far.
async fn come(app: &TestApp, id: &str, overdue: &str) {
    app.sql(&format!(
        "UPDATE mails SET created_at = now() - interval '20 days',
                          details = jsonb_set(details, '{{scheduledAt}}', to_jsonb(now() - interval '{overdue}'))
         WHERE id = '{id}'"
    ))
    .await;
    app.sql(&format!("UPDATE deliveries SET due_at = now() WHERE mail_id = '{id}'")).await;
}

#[tokio::test]
async fn a_scheduled_mail_waits_for_its_time_and_says_so() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let at = ahead(TimeDelta::days(29));
    let id = scheduled(&app, &key, &at).await;

    let mail = app.mail(&key, &id).await;
    assert_eq!((&mail["status"], &mail["scheduledAt"]), (&json!("scheduled"), &json!(at)));
    let delivery = &mail["deliveries"][0];
    assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("scheduled"), &json!(0)));
    assert_eq!(delivery["nextAttemptAt"], at);
    assert!(delivery["explanation"].as_str().unwrap().contains(&at), "{delivery}");
    let status = app.get(&format!("/v1/mails/{id}/status"), &key).await.body;
    assert_eq!(status["data"]["scheduledAt"], at);
    let list = app.get("/v1/mails?status=scheduled", &key).await.body;
    assert_eq!(list["data"]["mails"][0]["id"], id);
    assert_eq!(list["data"]["mails"][0]["scheduledAt"], at);

    // Mail that is due is not kept by it.
    let other = app.accepted(&key, letter()).await;
    app.mail_in(&key, &other, "sent").await;
    assert_eq!(app.number("SELECT count(*) FROM deliveries WHERE attempts = 0").await, 1);

    let reply = moved(&app, &key, &id, Value::Null).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    app.mail_in(&key, &id, "sent").await;
    moved(&app, &key, &id, json!(at)).await.assert_refused(409, "NOT_SCHEDULED");
    app.stop().await;
}

#[tokio::test]
async fn its_day_and_its_date_begin_when_it_was_to_be_sent() {
    let server = SmtpServer::start().await;
    server.on(Stage::Recipient, Answer::reply("451 4.7.1 later"));
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let id = scheduled(&app, &key, &ahead(TimeDelta::days(20))).await;
    come(&app, &id, "1 hour").await;
    let mail = app.mail_in(&key, &id, "deferred").await;
    assert_eq!(mail["deliveries"][0]["attempts"], 1, "{mail}");

    server.behave();
    app.post(&format!("/v1/mails/{id}/retry"), &key, json!({})).await;
    let mail = app.mail_in(&key, &id, "sent").await;
    let message = String::from_utf8(server.received()[0].data.clone()).unwrap();
    let date = message.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap();
    let date = DateTime::parse_from_rfc2822(date).unwrap().to_utc();
    let start = mail["scheduledAt"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert_eq!(date.timestamp(), start.timestamp());
    app.stop().await;
}

#[tokio::test]
async fn a_scheduled_mail_is_moved_and_cancelled_as_long_as_nothing_was_attempted() {
    let app = TestApp::start().await;
    let (key, stranger) = (app.full_key().await, app.key_of(app.another_project().await).await);
    let id = scheduled(&app, &key, &ahead(TimeDelta::hours(1))).await;
    let later = ahead(TimeDelta::days(3));
    let reply = moved(&app, &key, &id, json!(later)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["data"]["scheduledAt"], later);
    assert_eq!(reply.body["data"]["deliveries"][0]["nextAttemptAt"], later);
    let logged = "SELECT count(*) FROM audit_log WHERE action = 'mail.rescheduled'";
    assert_eq!(app.number(logged).await, 1);

    moved(&app, &stranger, &id, json!(later)).await.assert_refused(404, "NOT_FOUND");
    moved(&app, &stranger, "x", json!(later)).await.assert_refused(404, "NOT_FOUND");
    app.post(&format!("/v1/mails/{id}/retry"), &key, json!({}))
        .await
        .assert_refused(409, "NOTHING_TO_RETRY");
    let days = |days| json!(ahead(TimeDelta::days(days)));
    for wrong in [days(-1), days(31), json!("tomorrow"), json!("")] {
        let refused = moved(&app, &key, &id, wrong).await;
        refused.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(refused.fields(), ["scheduledAt"]);
    }
    let unchanged = app.patch(&format!("/v1/mails/{id}"), &key, json!({})).await;
    unchanged.assert_refused(400, "VALIDATION_FAILED");
    assert_eq!(app.mail(&key, &id).await["scheduledAt"], later);

    let reply = app.post(&format!("/v1/mails/{id}/cancel"), &key, json!({})).await;
    assert_eq!(reply.body["data"]["status"], "cancelled", "{}", reply.body);
    moved(&app, &key, &id, Value::Null).await.assert_refused(409, "NOT_SCHEDULED");
    assert_eq!(app.number("SELECT count(*) FROM deliveries").await, 0);

    let plain = app.accepted(&key, letter_with(json!({"test": true}))).await;
    moved(&app, &key, &plain, days(1)).await.assert_refused(409, "NOT_SCHEDULED");
    app.stop().await;
}

#[tokio::test]
async fn a_repeated_request_gets_its_first_answer_even_when_its_time_is_over() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let at = Utc::now() + TimeDelta::milliseconds(1500);
    let mail = letter_with(json!({"scheduledAt": at.to_rfc3339()}));
    let ask = |mail: Value| {
        let request = app.request(reqwest::Method::POST, "/v1/mails/send").bearer_auth(key.text());
        app.ask(request.header("idempotency-key", "one").json(&mail))
    };
    let first = ask(mail.clone()).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let id = first.body["data"]["emailId"].as_str().unwrap();
    app.mail_in(&key, id, "captured").await;
    assert!(Utc::now() > at, "its time has come");

    let again = ask(mail.clone()).await;
    assert_eq!(again.body["data"], first.body["data"]);
    assert_eq!(again.header("idempotent-replayed"), "true");
    for at in [&mail["scheduledAt"], &json!(ahead(TimeDelta::days(31))), &json!("now"), &json!("")]
    {
        let refused = app.send(&key, letter_with(json!({"scheduledAt": at}))).await;
        refused.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(refused.fields(), ["scheduledAt"]);
    }
    app.stop().await;
}

#[tokio::test]
async fn of_cancelling_and_sending_at_one_moment_only_one_happens() {
    let server = SmtpServer::start().await;
    let app = Setup::default().limits(1000, 10_000).delivering_to(&server).start().await;
    let key = app.full_key().await;
    let at = ahead(TimeDelta::hours(1));
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(scheduled(&app, &key, &at).await);
    }
    app.sql("UPDATE deliveries SET due_at = now()").await;
    let mut cancelled = 0;
    for id in &ids {
        app.post(&format!("/v1/mails/{id}/cancel"), &key, json!({})).await;
        let is_over = |mail: &Value| ["sent", "cancelled"].iter().any(|end| mail["status"] == *end);
        let mail = app.mail_when(&key, id, is_over).await;
        cancelled += usize::from(mail["status"] == "cancelled");
    }
    assert_eq!(server.received().len() + cancelled, ids.len());
    app.stop().await;
}
