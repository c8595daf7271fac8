//! Making, changing and deleting webhooks, by the upstream API's own examples.

use reqwest::Method;
use serde_json::{Value, json};

use super::webhook_at;
use crate::app::{Reply, TestApp, TestKey};

/// From the page on creating webhooks, as it stands there.
const CREATE: &str = r#"{ "url": "https://example.com/webhooks/autosend", "events": ["email.delivered", "email.bounced"], "metadata": { "team": "growth" } }"#;

/// From the page on updating them.
const UPDATE: &str =
    r#"{ "events": ["email.delivered", "email.opened", "email.clicked"], "isActive": false }"#;

async fn send(app: &TestApp, method: Method, path: &str, key: &TestKey, body: &str) -> Reply {
    let request = app.request(method, path).bearer_auth(key.text());
    app.ask(request.header("content-type", "application/json").body(body.to_owned())).await
}

/// The words of the audit log about a webhook, oldest first.
async fn audited(app: &TestApp, id: &str) -> Vec<String> {
    sqlx::query_scalar("SELECT action FROM audit_log WHERE subject_id = $1::uuid ORDER BY id")
        .bind(id)
        .fetch_all(&app.database.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_examples_of_the_upstream_api_are_answered_in_its_shapes() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let made = send(&app, Method::POST, "/v1/webhooks", &key, CREATE).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.header("cache-control"), "no-store");
    let webhook = &made.body["data"]["webhook"];
    let secret = webhook["secret"].as_str().unwrap();
    let tail = secret.strip_prefix("whsec_").unwrap();
    assert!(tail.len() == 32 && tail.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(webhook["organizationId"], app.account.to_string());
    assert_eq!(webhook["projectId"], app.project.to_string());
    insta::assert_json_snapshot!(
        made.body,
        {
            ".data.webhook.id" => "[id]", ".data.webhook.organizationId" => "[id]",
            ".data.webhook.projectId" => "[id]", ".data.webhook.secret" => "[secret]",
            ".data.webhook.createdAt" => "[time]", ".data.webhook.updatedAt" => "[time]",
        },
        @r#"
    {
      "data": {
        "webhook": {
          "createdAt": "[time]",
          "disabledReason": null,
          "events": [
            "email.delivered",
            "email.bounced"
          ],
          "failingSince": null,
          "failureCount": 0,
          "id": "[id]",
          "isActive": true,
          "lastDeliveredAt": null,
          "lastFailedAt": null,
          "lastSuccessAt": null,
          "metadata": {
            "team": "growth"
          },
          "organizationId": "[id]",
          "projectId": "[id]",
          "secret": "[secret]",
          "status": "active",
          "updatedAt": "[time]",
          "url": "https://example.com/webhooks/autosend"
        }
      },
      "message": "Webhook created successfully",
      "success": true
    }
    "#
    );
    let id = webhook["id"].as_str().unwrap();
    let path = format!("/v1/webhooks/{id}");

    let mut shown = app.get(&path, &key).await.body["data"].clone();
    assert_eq!(shown["secret"], "***hidden***");
    shown["secret"] = secret.into();
    assert_eq!(&shown, webhook);

    let listed = app.get("/v1/webhooks?isActive=true&page=1&limit=50", &key).await.body;
    let data = &listed["data"];
    assert_eq!(data["webhooks"][0]["id"], id);
    assert_eq!(data["webhooks"][0]["secret"], "***hidden***");
    assert_eq!(data["total"], 1);
    let (page, limit, pages) = (&data["page"], &data["limit"], &data["totalPages"]);
    assert_eq!((page, limit, pages), (&json!(1), &json!(50), &json!(1)));
    let inactive = app.get("/v1/webhooks?isActive=false", &key).await.body;
    assert_eq!(inactive["data"]["webhooks"], json!([]));

    let revealed = app.get(&format!("{path}/reveal"), &key).await;
    assert_eq!(revealed.body, json!({"success": true, "data": {"secret": secret}}));
    assert_eq!(revealed.header("cache-control"), "no-store");

    let changed = send(&app, Method::PUT, &path, &key, UPDATE).await;
    assert_eq!(changed.body["message"], "Webhook updated successfully");
    let data = &changed.body["data"];
    assert_eq!(data["events"], json!(["email.delivered", "email.opened", "email.clicked"]));
    assert_eq!((&data["isActive"], &data["status"]), (&json!(false), &json!("inactive")));
    assert_eq!(data["secret"], "***hidden***");
    assert_eq!(data["url"], webhook["url"]);

    let logs = app.get(&format!("{path}/logs?page=1&limit=50"), &key).await.body;
    let empty = json!({"logs": [], "total": 0, "page": 1, "limit": 50, "totalPages": 0});
    assert_eq!(logs["data"], empty);

    let deleted = send(&app, Method::DELETE, &path, &key, "").await;
    let expected = json!({"success": true, "message": "Webhook deleted successfully"});
    assert_eq!((deleted.status, deleted.body), (200, expected));
    app.get(&path, &key).await.assert_refused(404, "WEBHOOK_NOT_FOUND");
    assert_eq!(
        audited(&app, id).await,
        ["webhook.created", "webhook.secret_revealed", "webhook.updated", "webhook.deleted"]
    );
    app.stop().await;
}

#[tokio::test]
async fn every_bad_field_is_named() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let good = "https://example.com/hook";
    let long = "x".repeat(2048);
    for (body, fields) in [
        (json!({}), vec!["url", "events"]),
        (json!({"url": good, "events": []}), vec!["events"]),
        (json!({"url": "example.com", "events": ["email.sent"]}), vec!["url"]),
        (json!({"url": "ftp://example.com/", "events": ["email.sent"]}), vec!["url"]),
        (json!({"url": "https://u:p@example.com/", "events": ["email.sent"]}), vec!["url"]),
        (json!({"url": format!("{good}/{long}"), "events": ["email.sent"]}), vec!["url"]),
        (
            json!({"url": good, "events": ["email.sent", "email.*", "x"]}),
            vec!["events[1]", "events[2]"],
        ),
        (
            json!({"url": good, "events": ["email.sent"], "metadata": {"a": "x".repeat(4096)}}),
            vec!["metadata"],
        ),
        (json!({"url": good, "events": ["email.sent"], "metadata": {"a": "\0"}}), vec!["metadata"]),
        // Nobody has these addresses but this machine and its neighbors, however they are written.
        (json!({"url": "http://127.0.0.1/", "events": ["email.sent"]}), vec!["url"]),
        (json!({"url": "http://2130706433/", "events": ["email.sent"]}), vec!["url"]),
        (json!({"url": "http://[::ffff:169.254.169.254]/", "events": ["email.sent"]}), vec!["url"]),
        (json!({"url": "http://[fd00:ec2::254]/", "events": ["email.sent"]}), vec!["url"]),
    ] {
        let reply = app.post("/v1/webhooks", &key, body.clone()).await;
        reply.assert_refused(400, "VALIDATION_ERROR");
        assert_eq!(reply.fields(), fields, "{body}");
    }
    let invalid =
        app.post("/v1/webhooks", &key, json!({"url": "x", "events": ["email.sent"]})).await;
    assert_eq!(invalid.body["error"]["message"], "A valid webhook URL is required");

    let webhook = webhook_at(&app, &key, good, &["email.sent"]).await;
    let put = async |body: Value| {
        send(&app, Method::PUT, &webhook.path(""), &key, &body.to_string()).await
    };
    let secret = put(json!({"secret": "whsec_mine", "isActive": false})).await;
    secret.assert_refused(400, "VALIDATION_ERROR");
    assert_eq!(
        secret.body["error"]["message"],
        "Secret cannot be updated. Create a new webhook instead."
    );
    for (body, field) in [
        (json!({"url": "http://10.0.0.1/"}), "url"),
        (json!({"url": "nowhere"}), "url"),
        (json!({"events": []}), "events"),
    ] {
        let reply = put(body).await;
        reply.assert_refused(400, "VALIDATION_ERROR");
        assert_eq!(reply.fields(), [field]);
    }
    for query in ["page=0", "limit=0", "limit=101"] {
        let reply = app.get(&format!("/v1/webhooks?{query}"), &key).await;
        reply.assert_refused(400, "VALIDATION_ERROR");
    }
    let resend = webhook.path("/resend");
    for body in [
        json!({}),
        json!({"event": "email.sent"}),
        json!({"event": "nothing", "data": {}}),
        json!({"event": "email.sent", "data": {"a": "x".repeat(64 * 1024)}}),
        json!({"event": "email.sent", "data": {"a": "\0"}}),
    ] {
        app.post(&resend, &key, body).await.assert_refused(400, "VALIDATION_ERROR");
    }
    let reply = app.post(&resend, &key, json!({"event": "email.bounced", "data": {}})).await;
    reply.assert_refused(400, "WEBHOOK_NOT_SUBSCRIBED");
    assert_eq!(
        reply.body["error"]["message"],
        "Webhook is not subscribed to this event: email.bounced"
    );
    app.stop().await;
}

#[tokio::test]
async fn the_webhook_of_another_project_is_not_there() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let stranger = app.key_of(app.another_project().await).await;
    let webhook = webhook_at(&app, &key, "https://example.com/", &["email.sent"]).await;
    let body = json!({
        "event": "email.sent", "data": {}, "isActive": false, "from": chrono::Utc::now() - chrono::Duration::hours(1),
    })
    .to_string();
    let entry = format!("/logs/{}/replay", uuid::Uuid::now_v7());
    for (method, rest) in [
        (Method::GET, ""),
        (Method::PUT, ""),
        (Method::GET, "/reveal"),
        (Method::GET, "/logs"),
        (Method::POST, "/resend"),
        (Method::POST, "/replay"),
        (Method::POST, entry.as_str()),
        (Method::DELETE, ""),
    ] {
        let path = webhook.path(rest);
        let theirs = send(&app, method.clone(), &path, &stranger, &body).await;
        theirs.assert_refused(404, "WEBHOOK_NOT_FOUND");
        let nobodys = path.replace(&webhook.id, &uuid::Uuid::now_v7().to_string());
        let nobodys = send(&app, method, &nobodys, &key, &body).await;
        assert_eq!(theirs.body["error"], nobodys.body["error"]);
    }
    let listed = app.get("/v1/webhooks", &stranger).await;
    assert_eq!(listed.body["data"]["webhooks"], json!([]));
    assert_eq!(app.get(&webhook.path(""), &key).await.body["data"]["isActive"], true);
    app.stop().await;
}

#[tokio::test]
async fn reading_reveals_no_secret_and_a_stolen_database_neither() {
    use posthaste::domain::permission::Permission;

    let app = TestApp::start().await;
    let key = app.full_key().await;
    let webhook = webhook_at(&app, &key, "https://example.com/", &["email.sent"]).await;
    let reader = app.key(&[Permission::WebhooksRead]).await;
    for rest in ["", "/logs"] {
        let reply = app.get(&webhook.path(rest), &reader).await;
        assert_eq!(reply.status, 200);
        assert!(!reply.body.to_string().contains(&webhook.secret));
    }
    let refused = app.get(&webhook.path("/reveal"), &reader).await;
    refused.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    let stored: String =
        sqlx::query_scalar("SELECT webhooks::text || encode(secret, 'escape') FROM webhooks")
            .fetch_one(&app.database.pool)
            .await
            .unwrap();
    assert!(!stored.contains(&webhook.secret[6..]));
    app.stop().await;
}

#[tokio::test]
async fn a_project_has_a_hundred_webhooks_at_most() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for number in 0..100 {
        webhook_at(&app, &key, &format!("https://example.com/{number}"), &["email.sent"]).await;
    }
    let body = json!({"url": "https://example.com/", "events": ["email.sent"]});
    app.post("/v1/webhooks", &key, body).await.assert_refused(400, "WEBHOOK_LIMIT_REACHED");
    let last = app.get("/v1/webhooks?limit=30&page=4", &key).await.body;
    assert_eq!(last["data"]["webhooks"].as_array().unwrap().len(), 10);
    assert_eq!((&last["data"]["total"], &last["data"]["totalPages"]), (&json!(100), &json!(4)));
    app.stop().await;
}
