//! Many mails by one request.

use std::collections::BTreeSet;

use base64::prelude::*;
use posthaste::domain::id::ProjectId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Reply, Setup, TestApp, TestKey};
use crate::entries;
use crate::smtp_server::SmtpServer;

/// The request that the upstream API shows.
fn example() -> Value {
    json!({
        "recipients": [
            {"email": "customer1@example.com", "name": "Jane Smith",
             "dynamicData": {"firstName": "Jane", "orderNumber": "ORD-123", "orderTotal": "$19.99"}},
            {"email": "customer2@example.com", "name": "John Doe",
             "dynamicData": {"firstName": "John", "orderNumber": "ORD-124", "orderTotal": "$29.99"}},
        ],
        "from": {"email": "hello@mail.yourdomain.com", "name": "Your Company"},
        "subject": "Welcome to Our Platform!",
        "html": "<h1>Welcome, {{firstName}}!</h1><p>Thanks for signing up, {{who}}.</p>",
        "dynamicData": {"firstName": "Nobody", "who": "friend"},
        "replyTo": {"email": "support@yourdomain.com"},
    })
}

fn example_with(members: Value) -> Value {
    let mut request = example();
    let Value::Object(members) = members else { panic!("members are an object") };
    request.as_object_mut().unwrap().extend(members);
    request
}

async fn send(app: &TestApp, key: &TestKey, request: Value) -> Reply {
    app.post("/v1/mails/bulk", key, request).await
}

async fn sent(app: &TestApp, key: &TestKey, request: Value) -> Value {
    let reply = send(app, key, request).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["data"].clone()
}

fn ids(data: &Value) -> Vec<String> {
    let results = data["results"].as_array().unwrap();
    results.iter().filter_map(|result| result["emailId"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn each_recipient_gets_a_mail_of_their_own() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let mut request = example();
    request["recipients"][1]["cc"] = json!([{"email": "boss@example.com"}]);
    request["recipients"][1]["bcc"] = json!(["archive@example.com"]);
    let data = sent(&app, &key, request).await;

    let count = |name: &str| data[name].as_i64().unwrap();
    assert_eq!((count("totalRecipients"), count("successCount"), count("failedCount")), (2, 2, 0));
    assert_eq!(data["results"][1]["email"], "customer2@example.com");
    let ids = ids(&data);
    for (id, name) in ids.iter().zip(["Jane", "John"]) {
        let mail = app.mail_in(&key, id, "sent").await;
        assert_eq!(
            mail["html"],
            format!("<h1>Welcome, {name}!</h1><p>Thanks for signing up, friend.</p>")
        );
        assert_eq!(mail["batchId"], data["batchId"]);
        assert_eq!(mail["to"].as_array().unwrap().len(), 1);
    }
    let received: BTreeSet<String> =
        server.received().iter().map(|mail| mail.to[0].clone()).collect();
    let expected =
        ["archive@", "boss@", "customer1@", "customer2@"].map(|who| format!("{who}example.com"));
    assert_eq!(received, expected.into_iter().collect());
    for mail in server.received() {
        let text = String::from_utf8(mail.data).unwrap();
        let is_first = mail.to == ["customer1@example.com"];
        assert_eq!(text.contains("customer1@example.com"), is_first, "{text}");
        assert!(!text.contains("archive@"), "{text}");
    }
    assert_eq!(app.number("SELECT count(*) FROM shared_bodies").await, 0, "their bodies differ");
    app.stop().await;
}

#[tokio::test]
async fn what_does_not_differ_is_stored_once_and_goes_with_the_last_mail() {
    let server = SmtpServer::start().await;
    let app = Setup::default().limits(10_000, 100_000).delivering_to(&server).start().await;
    let key = app.full_key().await;
    let bytes: Vec<u8> =
        (0..300_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    let file = json!([{"fileName": "terms.bin", "content": BASE64_STANDARD.encode(&bytes)}]);
    let recipients: Vec<Value> =
        (0..100).map(|n| json!({"email": format!("c{n}@example.com")})).collect();
    for (html, scheduled) in
        [("<p>Hello</p>", None), ("<p>{{email}}</p>", Some("2026-01-01T00:00:00Z"))]
    {
        let mut request =
            example_with(json!({"recipients": recipients, "html": html, "attachments": file}));
        if scheduled.is_some() {
            // Claimed from the queue instead of being handed over.
            let at = chrono::Utc::now() + chrono::TimeDelta::hours(1);
            request["scheduledAt"] = json!(at.to_rfc3339());
        }
        let data = sent(&app, &key, request).await;
        assert_eq!(app.number("SELECT count(*) FROM shared_bodies WHERE uses = 100").await, 1);
        let stored = app.number("SELECT sum(length(content))::bigint FROM mail_bodies").await;
        assert!(stored < 100_000, "{stored}");
        app.sql("UPDATE deliveries SET due_at = now() WHERE lease_token IS NULL").await;
        let ids = ids(&data);
        for id in &ids {
            let mail = app.mail_in(&key, id, "sent").await;
            assert_eq!(mail["attachments"][0]["size"], bytes.len());
            assert!(mail["html"].as_str().unwrap().len() > 10, "{mail}");
        }
        let encoded = BASE64_STANDARD.encode(&bytes[..57]);
        for mail in server.received() {
            assert!(String::from_utf8_lossy(&mail.data).contains(&encoded));
        }
        let (first, others) = ids.split_first().unwrap();
        let others = others.join("','");
        app.sql(&format!("DELETE FROM mail_bodies WHERE mail_id IN ('{others}')")).await;
        assert_eq!(app.number("SELECT count(*) FROM shared_bodies WHERE uses = 1").await, 1);
        app.sql(&format!("DELETE FROM mail_bodies WHERE mail_id = '{first}'")).await;
        assert_eq!(app.number("SELECT count(*) FROM shared_bodies").await, 0);
        assert_eq!(app.number("SELECT count(*) FROM mail_bodies").await, 0);
    }
    app.stop().await;
}

#[tokio::test]
async fn those_that_cannot_be_sent_are_left_out_and_told_of_unless_all_or_none_is_wanted() {
    let app = TestApp::start().await;
    let key =
        app.key_with(|key| key.restrictions.recipients = Some(entries(&["example.com"]))).await;
    let recipients = json!([
        {"email": "ada@example.com"},
        {"email": "nobody", "name": "a\nb"},
        {"email": "grace@elsewhere.example"},
        {"email": "linus@example.com", "dynamicData": {"firstName": "x".repeat(2000)}},
        {"email": "bob@example.com", "cc": ["x"]},
        {"email": "eve@example.com"},
    ]);
    let request = |partial: Value| {
        example_with(json!({
            "recipients": recipients, "subject": "For {{firstName}}", "partial": partial, "replyTo": null,
        }))
    };
    let refused = send(&app, &key, request(json!(false))).await;
    refused.assert_refused(400, "VALIDATION_FAILED");
    let fields = [
        "recipients[1].email",
        "recipients[1].name",
        "recipients[3].subject",
        "recipients[4].cc[0].email",
    ];
    assert_eq!(refused.fields(), fields);
    assert_eq!(app.mails_stored().await, 0);

    for partial in [json!(true), Value::Null] {
        let data = sent(&app, &key, request(partial)).await;
        assert_eq!((&data["successCount"], &data["failedCount"]), (&json!(2), &json!(4)), "{data}");
        let results = data["results"].as_array().unwrap();
        let codes: Vec<&str> =
            results.iter().map(|result| result["error"]["code"].as_str().unwrap_or("-")).collect();
        let (invalid, forbidden) = ("VALIDATION_FAILED", "RECIPIENT_NOT_ALLOWED");
        assert_eq!(codes, ["-", invalid, forbidden, invalid, invalid, "-"]);
        assert_eq!(results[1]["email"], "nobody");
        assert_eq!(results[1]["error"]["details"][0]["field"], "email");
        app.mail_in(&key, &ids(&data)[1], "captured").await;
    }
    assert_eq!(app.mails_stored().await, 4);

    let only = json!([{"email": "grace@elsewhere.example"}]);
    let request = example_with(json!({"recipients": only}));
    send(&app, &key, request).await.assert_refused(403, "RECIPIENT_NOT_ALLOWED");
    app.stop().await;
}

#[tokio::test]
async fn a_request_that_is_wrong_for_all_is_refused_whole() {
    let app = Setup::default().limits(1000, 10_000).start().await;
    let key = app.full_key().await;
    let many: Vec<Value> =
        (0..101).map(|n| json!({"email": format!("c{n}@example.com")})).collect();
    let crowd: Vec<String> = (0..50).map(|n| format!("c{n}@example.com")).collect();
    let values: Vec<u8> = vec![1; 15_000];
    let heavy = json!({"email": "a@example.com", "dynamicData": {"list": values}});
    for (members, fields) in [
        (json!({"recipients": []}), vec!["recipients"]),
        (json!({"recipients": null}), vec!["recipients"]),
        (json!({"recipients": many}), vec!["recipients"]),
        (json!({"recipients": {"email": "a@example.com"}}), vec!["recipients"]),
        (json!({"recipients": [heavy, heavy]}), vec!["recipients"]),
        (
            json!({"recipients": [{"email": "a@example.com", "cc": crowd}]}),
            vec!["recipients[0].cc"],
        ),
        (
            json!({"from": null, "recipients": [{"email": "@"}]}),
            vec!["from", "recipients[0].email"],
        ),
        (json!({"subject": ""}), vec!["subject"]),
        (json!({"html": "{{#if}"}), vec!["recipients[0].html", "recipients[1].html"]),
        (json!({"headers": {"Bcc": "x"}}), vec!["headers.Bcc"]),
        (json!({"scheduledAt": "2019-01-01T00:00:00Z"}), vec!["scheduledAt"]),
    ] {
        let refused = send(&app, &key, example_with(members)).await;
        refused.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(refused.fields(), fields);
    }
    let five_megabytes = format!("{{{{email}}}}{}", "x".repeat(4_900_000));
    let eight: Vec<Value> = (0..8).map(|n| json!({"email": format!("c{n}@example.com")})).collect();
    let refused =
        send(&app, &key, example_with(json!({"recipients": eight, "html": five_megabytes}))).await;
    assert_eq!((refused.status, refused.fields()), (400, vec!["recipients"]), "{}", refused.body);
    for table in ["mails", "mail_bodies", "shared_bodies", "deliveries", "events"] {
        assert_eq!(app.number(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_results_and_stores_nothing() {
    let app = Setup::default().limits(1000, 10_000).start().await;
    let key = app.full_key().await;
    let ask = |request: Value, name: &'static str| {
        let asked = app.request(Method::POST, "/v1/mails/bulk").bearer_auth(key.text());
        app.ask(asked.header("idempotency-key", name).json(&request))
    };
    let mut request = example();
    request["recipients"].as_array_mut().unwrap().push(json!({"email": "nobody"}));
    let (one, other) = tokio::join!(ask(request.clone(), "one"), ask(request.clone(), "one"));
    assert_eq!((one.status, other.status), (200, 200), "{} {}", one.body, other.body);
    let third = ask(request.clone(), "one").await;
    assert_eq!(one.body["data"], other.body["data"]);
    assert_eq!(one.body["data"], third.body["data"]);
    assert_eq!(third.header("idempotent-replayed"), "true");
    assert_eq!(app.mails_stored().await, 2);

    request["subject"] = json!("Another");
    ask(request, "one").await.assert_refused(409, "IDEMPOTENCY_KEY_REUSED");
    let kept = "SELECT count(*) FROM idempotency_keys WHERE answer::text LIKE '%customer%'";
    assert_eq!(app.number(kept).await, 0, "an answer names nobody");
    app.stop().await;
}

#[tokio::test]
async fn it_is_one_request_against_the_limits_and_ends_with_the_key() {
    let app = Setup::default().limits(2, 50).standing_clock().start().await;
    let key = app.full_key().await;
    assert_eq!(sent(&app, &key, example()).await["successCount"], 2);
    assert_eq!(sent(&app, &key, example()).await["successCount"], 2);
    send(&app, &key, example()).await.assert_refused(429, "RATE_LIMIT_EXCEEDED");
    app.pass(std::time::Duration::from_secs(2));
    app.revoke(&key).await;
    send(&app, &key, example()).await.assert_refused(401, "UNAUTHORIZED");
    assert_eq!(app.mails_stored().await, 4);

    let other: ProjectId = app.another_project().await;
    let stranger = app.key_of(other).await;
    let id = ids(&sent(&app, &stranger, example_with(json!({"test": true}))).await)[0].clone();
    let owner = app.full_key().await;
    app.get(&format!("/v1/mails/{id}"), &owner).await.assert_refused(404, "NOT_FOUND");
    app.stop().await;
}
