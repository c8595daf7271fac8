//! Telling once more.

use chrono::{Duration, Utc};
use posthaste::domain::id::MailId;
use reqwest::Method;
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

#[tokio::test]
async fn what_happened_to_mail_that_was_scheduled_long_before_is_told_too() {
    let (app, endpoint) = (app().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    for days in [10, 29] {
        let id = app.accepted(&key, letter()).await;
        app.mail_in(&key, &id, "captured").await;
        let earlier = MailId::first_at(Utc::now() - Duration::days(days)).to_string();
        let old = format!("{}{}", &earlier[..13], &id[13..]);
        for (table, column) in [("mails", "id"), ("mail_bodies", "mail_id"), ("events", "mail_id")]
        {
            app.sql(&format!("UPDATE {table} SET {column} = '{old}' WHERE {column} = '{id}'"))
                .await;
        }
    }
    let hook = webhook(&app, &key, &endpoint, &["email.sent"]).await;
    let span =
        json!({"from": Utc::now() - Duration::hours(1), "to": Utc::now() + Duration::minutes(1)});
    let reply = app.post(&hook.path("/replay"), &key, span).await;
    assert_eq!(reply.body["data"], json!({"queued": 2, "complete": true}), "{}", reply.body);
    endpoint.wait_for(2).await;
    app.stop().await;
}

#[tokio::test]
async fn what_happened_to_contacts_while_a_webhook_was_off_is_told_by_a_replay() {
    let (app, endpoint) = (app().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    let hook = webhook(&app, &key, &endpoint, &["contact.created", "email.sent"]).await;
    let switch = async |on: bool| {
        let request = app.request(Method::PUT, &hook.path("")).bearer_auth(key.text());
        assert_eq!(app.ask(request.json(&json!({"isActive": on}))).await.status, 200);
    };
    switch(false).await;
    let contact = json!({"email": "ada@example.org", "firstName": "Ada"});
    app.post("/v1/contacts", &key, contact).await;
    let missed = log(&app, &key, &hook).await.remove(0);
    assert_eq!((&missed["status"], &missed["attempts"]), (&json!("failed"), &json!(0)));
    assert!(missed["error"].as_str().unwrap().contains("switched off"));
    switch(true).await;
    // What a caller gave did not happen.
    let given = json!({"event": "contact.created", "data": {"email": "bob@example.org"}});
    assert_eq!(app.post(&hook.path("/resend"), &key, given).await.status, 200);
    endpoint.wait_for(1).await;

    let span =
        json!({"from": Utc::now() - Duration::hours(1), "to": Utc::now() + Duration::minutes(1)});
    for told in [2, 3] {
        let reply = app.post(&hook.path("/replay"), &key, span.clone()).await;
        assert_eq!(reply.body["data"], json!({"queued": 1, "complete": true}), "{}", reply.body);
        endpoint.wait_for(told).await;
    }
    let again = hook.path(&format!("/logs/{}/replay", missed["id"].as_str().unwrap()));
    assert_eq!(app.post(&again, &key, json!({})).await.status, 200);
    let told = endpoint.wait_for(4).await;
    assert_eq!(told[1].json()["data"]["email"], "ada@example.org");
    for again in &told[2..] {
        assert_eq!(again.header("webhook-id"), missed["id"]);
        assert_eq!(again.body, told[1].body);
    }
    assert!(log(&app, &key, &hook).await.iter().all(|entry| entry["eventId"].is_null()));
    app.stop().await;
}
