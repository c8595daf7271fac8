//! Whoever has found a key can end it, and learns nothing by trying.

use posthaste::domain::api_key::{ApiKeyToken, KeyMode, KeyType};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Reply, Setup, TestApp};
use crate::letter;

async fn report(app: &TestApp, key: &str) -> Reply {
    let request = app.request(Method::POST, "/v1/api-keys/revoke-leaked");
    app.ask(request.json(&json!({"key": key}))).await
}

/// What does not tell one report from another.
fn told(reply: &Reply) -> (u16, Value) {
    (reply.status, reply.body.clone())
}

#[tokio::test]
async fn a_leaked_key_is_ended_by_whoever_holds_it_and_only_by_them() {
    let app = TestApp::start().await;
    let other = Setup::default().beside(&app).start().await;
    let (key, switched_off) = (app.full_key().await, app.full_key().await);
    app.sql(&format!("UPDATE api_keys SET active = false WHERE id = '{}'", switched_off.id)).await;
    let test_key = app.test_key().await;
    for node in [&app, &other] {
        node.accepted(&key, letter()).await;
    }
    let stranger = ApiKeyToken::generate(KeyType::Project, KeyMode::Live);
    // The public half is no proof, with another secret or in another kind of key.
    let forged = format!("{}x", key.text());
    let unknown = report(&app, stranger.reveal()).await;
    for wrong in [forged.as_str(), "", "AS_", "not a key", &"x".repeat(100_000)] {
        assert_eq!(told(&report(&app, wrong).await), told(&unknown));
    }
    app.accepted(&key, letter()).await;

    let right = report(&app, &format!(" {} ", key.text())).await;
    assert_eq!(told(&right), told(&unknown));
    assert_eq!(told(&report(&app, key.text()).await), told(&unknown), "twice is once");
    assert_eq!(told(&report(&app, switched_off.text()).await), told(&unknown));
    for node in [&app, &other] {
        node.send(&key, letter()).await.assert_refused(401, "UNAUTHORIZED");
    }
    app.accepted(&test_key, letter()).await;
    assert_eq!(app.mails_stored().await, 4);
    let entries =
        "SELECT count(*) FROM audit_log WHERE action = 'api_key.revoked' AND actor_kind = 'holder'
                   AND from_ip = '127.0.0.1'";
    assert_eq!(app.number(entries).await, 2);
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn two_reports_at_once_are_one_revocation() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let (one, two, three) =
        tokio::join!(report(&app, key.text()), report(&app, key.text()), report(&app, key.text()));
    assert_eq!([one.status, two.status, three.status], [200; 3]);
    assert_eq!(
        app.number("SELECT count(*) FROM audit_log WHERE action = 'api_key.revoked'").await,
        1
    );
    app.stop().await;
}

#[tokio::test]
async fn reports_of_one_address_are_limited_and_keep_no_good_key_out() {
    let app = Setup::default().standing_clock().start().await;
    let key = app.full_key().await;
    for _ in 0..30 {
        assert_eq!(report(&app, "AS_nothing").await.status, 200);
    }
    let refused = report(&app, key.text()).await;
    refused.assert_refused(429, "RATE_LIMIT_EXCEEDED");
    app.accepted(&key, letter()).await;
    app.pass(std::time::Duration::from_secs(refused.number("retry-after")));
    assert_eq!(report(&app, key.text()).await.status, 200);
    app.send(&key, letter()).await.assert_refused(401, "UNAUTHORIZED");
    app.stop().await;
}

#[tokio::test]
async fn a_report_without_a_key_is_told_what_is_missing() {
    let app = TestApp::start().await;
    let request = app.request(Method::POST, "/v1/api-keys/revoke-leaked");
    app.ask(request.json(&json!({}))).await.assert_refused(400, "VALIDATION_FAILED");
    let request = app.request(Method::POST, "/v1/api-keys/revoke-leaked");
    app.ask(request.json(&json!({"key": 7}))).await.assert_refused(400, "VALIDATION_FAILED");
    app.stop().await;
}
