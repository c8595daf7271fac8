//! Telling once more.

use chrono::{Duration, Utc};
use serde_json::{Value, json};

use super::{app, entry_when, is_signed, log, webhook};
use crate::letter;
use crate::webhook_endpoint::WebhookEndpoint;

#[tokio::test]
async fn what_a_caller_gives_is_told_as_if_it_had_happened() {
    let (app, endpoint) = (app().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    let hook = webhook(&app, &key, &endpoint, &["email.delivered"]).await;
    // From the page of the upstream API, as it stands there.
    let example: Value = serde_json::from_str(
        r#"{ "event": "email.delivered", "data": { "messageId": "msg_abc123", "to": "recipient@example.com" } }"#,
    )
    .unwrap();
    let reply = app.post(&hook.path("/resend"), &key, example).await;
    assert_eq!(
        (reply.status, &reply.body["message"]),
        (200, &json!("Webhook queued for delivery"))
    );
    let told = endpoint.wait_for(1).await.remove(0);
    assert!(is_signed(&told, &hook.secret));
    assert_eq!(told.header("x-webhook-delivery-id"), reply.body["data"]["jobId"]);
    assert_eq!(told.header("webhook-id"), reply.body["data"]["jobId"]);
    let data = &told.json()["data"];
    assert_eq!(data, &json!({"messageId": "msg_abc123", "to": "recipient@example.com"}));
    app.stop().await;
}

#[tokio::test]
async fn an_entry_of_the_log_is_told_again_under_the_same_id() {
    let (app, endpoint) = (app().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    let hook = webhook(&app, &key, &endpoint, &["email.sent"]).await;
    app.accepted(&key, letter()).await;
    let entry = entry_when(&app, &key, &hook, |entry| entry["success"] == true).await;
    let path = hook.path(&format!("/logs/{}/replay", entry["id"].as_str().unwrap()));
    let reply = app.post(&path, &key, json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let told = endpoint.wait_for(2).await;
    assert_eq!(told[0].header("webhook-id"), told[1].header("webhook-id"));
    assert_eq!(told[0].body, told[1].body);
    assert_eq!(told[1].header("x-webhook-delivery-id"), reply.body["data"]["jobId"]);
    assert_ne!(told[0].header("x-webhook-delivery-id"), told[1].header("x-webhook-delivery-id"));
    assert_eq!(log(&app, &key, &hook).await.len(), 2);

    let nothing = hook.path(&format!("/logs/{}/replay", uuid::Uuid::now_v7()));
    app.post(&nothing, &key, json!({})).await.assert_refused(404, "NOT_FOUND");
    let none = hook.path("/logs/none/replay");
    app.post(&none, &key, json!({})).await.assert_refused(404, "NOT_FOUND");
    app.stop().await;
}

#[tokio::test]
async fn a_span_of_time_is_told_even_if_the_webhook_was_made_later() {
    let (app, endpoint) = (app().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    let stranger = app.key_of(app.another_project().await).await;
    for _ in 0..3 {
        let id = app.accepted(&key, letter()).await;
        app.mail_in(&key, &id, "captured").await;
    }
    let theirs = app.accepted(&stranger, letter()).await;
    app.mail_in(&stranger, &theirs, "captured").await;
    let hook = webhook(&app, &key, &endpoint, &["email.delivered"]).await;

    let resend = async |from: i64, to: i64| {
        let span = json!({"from": Utc::now() + Duration::seconds(from), "to": Utc::now() + Duration::seconds(to)});
        app.post(&hook.path("/replay"), &key, span).await
    };
    let reply = resend(-3600, 60).await;
    assert_eq!(reply.body["data"], json!({"queued": 3, "complete": true}), "{}", reply.body);
    let told = endpoint.wait_for(3).await;
    assert!(told.iter().all(|told| told.kind() == "email.delivered"));
    assert_eq!(resend(-7200, -3600).await.body["data"]["queued"], 0);
    for (from, to) in [(-3600, -3601), (-8 * 86400, 0), (60, 120)] {
        resend(from, to).await.assert_refused(400, "VALIDATION_ERROR");
    }
    let again = resend(-3600, 60).await;
    assert_eq!(again.body["data"]["queued"], 3);
    let mut ids: Vec<_> = endpoint
        .wait_for(6)
        .await
        .iter()
        .map(|told| told.header("webhook-id").to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    let noted = "SELECT count(*) FROM audit_log WHERE action = 'webhook.replayed'";
    assert_eq!(app.number(noted).await, 3);
    app.stop().await;
}
