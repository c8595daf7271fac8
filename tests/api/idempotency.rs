//! Requests that may be repeated without doing their work twice.

use posthaste::domain::id::ProjectId;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{Reply, Setup, TestApp, TestKey};
use crate::{letter, letter_with};

fn named(app: &TestApp, key: &TestKey, name: &str, body: String) -> reqwest::RequestBuilder {
    app.request(Method::POST, "/v1/mails/send")
        .bearer_auth(key.text())
        .header("idempotency-key", name)
        .header("content-type", "application/json")
        .body(body)
}

async fn send(app: &TestApp, key: &TestKey, name: &str, mail: Value) -> Reply {
    app.ask(named(app, key, name, mail.to_string())).await
}

fn is_replayed(reply: &Reply) -> bool {
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.header("idempotent-replayed") == "true"
}

#[tokio::test]
async fn the_same_request_again_gets_the_first_answer_and_makes_no_second_mail() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mail = letter_with(json!({"cc": [{"email": "bob@example.org"}]}));
    let first = send(&app, &key, "order-7", mail.clone()).await;
    let again = send(&app, &key, "order-7", mail).await;

    assert!(!is_replayed(&first));
    assert!(is_replayed(&again));
    assert_eq!(again.bytes, first.bytes);
    assert_eq!(app.mails_stored().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn without_a_name_the_same_request_again_is_another_mail() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let (first, second) = (app.accepted(&key, letter()).await, app.accepted(&key, letter()).await);
    assert_ne!(first, second);
    app.stop().await;
}

#[tokio::test]
async fn twenty_at_once_on_two_nodes_make_one_mail() {
    let app = TestApp::start().await;
    let other = Setup::default().beside(&app).start().await;
    let key = app.full_key().await;
    let mut asked = JoinSet::new();
    for number in 0..20 {
        let node = if number % 2 == 0 { &app } else { &other };
        let request = named(node, &key, "once", letter().to_string());
        asked.spawn(async move {
            let answer = request.send().await.unwrap();
            let is_replayed = answer.headers().contains_key("idempotent-replayed");
            assert_eq!(answer.status(), 200);
            (is_replayed, answer.text().await.unwrap())
        });
    }
    let answers = asked.join_all().await;

    assert_eq!(answers.iter().filter(|(is_replayed, _)| !is_replayed).count(), 1);
    assert!(answers.iter().all(|(_, body)| *body == answers[0].1), "{answers:#?}");
    assert_eq!(app.mails_stored().await, 1);
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn the_name_of_another_request_is_a_conflict() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    assert!(!is_replayed(&send(&app, &key, "order-7", letter()).await));
    for other in [json!({"subject": "Another"}), json!({"test": true}), json!({"unknown": 1})] {
        let reply = send(&app, &key, "order-7", letter_with(other)).await;
        reply.assert_refused(409, "IDEMPOTENCY_KEY_REUSED");
    }
    assert_eq!(app.mails_stored().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn how_the_same_json_is_written_does_not_matter() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let one = r#"{"from":{"email":"a@example.com","name":"A"},"to":{"email":"b@example.com"},"subject":"Grüße","text":"x"}"#;
    let other = r#"
        { "text": "x", "subject": "Gr\u00fc\u00dfe", "to": { "email": "b@example.com" },
          "from": { "name": "A", "email": "a@example.com" } }"#;
    assert!(!is_replayed(&app.ask(named(&app, &key, "n", one.into())).await));
    assert!(is_replayed(&app.ask(named(&app, &key, "n", other.into())).await));
    app.stop().await;
}

#[tokio::test]
async fn names_belong_to_a_project_and_not_to_a_key() {
    let app = TestApp::start().await;
    let (key, colleague) = (app.full_key().await, app.full_key().await);
    let other: ProjectId = app.another_project().await;
    let stranger = app.key_of(other).await;
    let first = send(&app, &key, "order-7", letter()).await;
    assert!(!is_replayed(&first));
    assert!(is_replayed(&send(&app, &colleague, "order-7", letter()).await));

    let theirs = send(&app, &stranger, "order-7", letter()).await;
    assert!(!is_replayed(&theirs));
    assert_ne!(theirs.body["data"]["emailId"], first.body["data"]["emailId"]);
    app.stop().await;
}

#[tokio::test]
async fn a_test_key_does_not_get_the_answer_of_a_live_one() {
    let app = TestApp::start().await;
    let (live, test) = (app.full_key().await, app.test_key().await);
    assert!(!is_replayed(&send(&app, &live, "order-7", letter()).await));
    let reply = send(&app, &test, "order-7", letter()).await;
    reply.assert_refused(409, "IDEMPOTENCY_KEY_REUSED");
    app.stop().await;
}

#[tokio::test]
async fn refusals_are_not_remembered() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let refused = send(&app, &key, "order-7", letter_with(json!({"to": "nobody"}))).await;
    refused.assert_refused(400, "VALIDATION_FAILED");
    let reads = app.key(&[posthaste::domain::permission::Permission::MailsRead]).await;
    let reply = send(&app, &reads, "order-7", letter()).await;
    reply.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    assert!(!is_replayed(&send(&app, &key, "order-7", letter()).await));
    app.stop().await;
}

#[tokio::test]
async fn a_name_is_free_again_after_a_day() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    assert!(!is_replayed(&send(&app, &key, "order-7", letter()).await));
    app.sql("UPDATE idempotency_keys SET created_at = now() - interval '24 hours'").await;
    let tomorrow = letter_with(json!({"subject": "Another"}));
    assert!(!is_replayed(&send(&app, &key, "order-7", tomorrow.clone()).await));
    assert!(is_replayed(&send(&app, &key, "order-7", tomorrow).await));
    assert_eq!(app.mails_stored().await, 2);
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_name_is_refused_by_name() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let long = "x".repeat(257);
    for name in ["", long.as_str(), "größe", "a\tb"] {
        let reply = send(&app, &key, name, letter()).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), ["Idempotency-Key"], "{name}");
    }
    let twice = named(&app, &key, "one", letter().to_string()).header("idempotency-key", "two");
    assert_eq!(app.ask(twice).await.fields(), ["Idempotency-Key"]);

    let longest = "x".repeat(256);
    assert!(!is_replayed(&send(&app, &key, &longest, letter()).await));
    assert_eq!(app.mails_stored().await, 1);
    app.stop().await;
}
