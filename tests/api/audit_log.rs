//! What was done to keys and projects, by whom and from where; and never a secret.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, TestKey};

const ACCOUNT: &str = "/v1/account/api-keys";
const LOG: &str = "/v1/account/audit-log";

async fn entries(app: &TestApp, key: &TestKey, query: &str) -> Vec<Value> {
    let reply = app.get(&format!("{LOG}?{query}"), key).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    reply.body["data"]["entries"].as_array().unwrap().clone()
}

fn actions(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_life_of_a_key_can_be_read() {
    let app = TestApp::start().await;
    let boss = app.account_key().await;
    let body = json!({"name": "App", "projectId": app.project.to_string(), "permissions": "sending_access"});
    let key = TestKey::made(&app.post(ACCOUNT, &boss, body).await);
    let path = format!("{ACCOUNT}/{}", key.id);
    let change = json!({"name": "Shop", "domains": ["example.com"], "active": false});
    app.patch(&path, &boss, change).await;
    app.patch(&path, &boss, json!({"active": true})).await;
    app.patch(&path, &boss, json!({"active": true, "name": "Shop"})).await;
    let twin = TestKey::made(&app.post(&format!("{path}/rotate"), &boss, json!({})).await);
    app.delete(&path, &boss).await;

    let told = entries(&app, &boss, &format!("subjectId={}", key.id)).await;
    let expected = [
        "api_key.revoked",
        "api_key.rotated",
        "api_key.activated",
        "api_key.deactivated",
        "api_key.updated",
        "api_key.created",
    ];
    assert_eq!(actions(&told), expected);
    let mut updated = told[4].clone();
    assert!(updated["actor"]["label"].as_str().unwrap().starts_with("Test (ASA_"));
    updated["actor"]["label"] = json!("[label]");
    insta::assert_json_snapshot!(
        updated,
        {".id" => "[id]", ".at" => "[time]", ".actor.id" => "[actor]", ".subject" => "[subject]", ".projectId" => "[project]"},
        @r#"
    {
      "action": "api_key.updated",
      "actor": {
        "id": "[actor]",
        "kind": "api_key",
        "label": "[label]"
      },
      "at": "[time]",
      "details": {
        "domains": {
          "from": null,
          "to": [
            "example.com"
          ]
        },
        "name": {
          "from": "App",
          "to": "Shop"
        }
      },
      "from": "127.0.0.1",
      "id": "[id]",
      "projectId": "[project]",
      "subject": "[subject]"
    }
    "#
    );
    assert_eq!(told[1]["details"]["replacedBy"], twin.id.to_string());
    let created =
        entries(&app, &boss, &format!("subjectId={}&action=api_key.created", twin.id)).await;
    assert_eq!(created[0]["details"]["replaces"], key.id.to_string());

    let all = app.get(&format!("{LOG}?limit=100"), &boss).await;
    let text = String::from_utf8_lossy(&all.bytes);
    let stored: Vec<String> = sqlx::query_scalar("SELECT secret_phc FROM api_keys")
        .fetch_all(&app.database.pool)
        .await
        .unwrap();
    for secret in
        stored.iter().map(String::as_str).chain([key.text(), twin.text(), key.public_id()])
    {
        assert!(!text.contains(secret));
    }
    app.stop().await;
}

#[tokio::test]
async fn the_log_is_narrowed_and_read_page_by_page() {
    let app = TestApp::start().await;
    let boss = app.account_key().await;
    let other = app.another_project().await;
    for number in 0..3 {
        let body = json!({"name": format!("Key {number}"), "projectId": other.to_string()});
        assert_eq!(app.post(ACCOUNT, &boss, body).await.status, 201);
    }
    let of_project = format!("projectId={other}");
    assert_eq!(entries(&app, &boss, &of_project).await.len(), 4);
    assert_eq!(
        entries(&app, &boss, &format!("{of_project}&action=project.created")).await.len(),
        1
    );
    assert_eq!(actions(&entries(&app, &boss, "action=project.created").await), ["project.created"]);
    assert!(entries(&app, &boss, "action=nothing.done").await.is_empty());
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("{LOG}?limit=2{cursor}"), &boss).await.body["data"].clone();
        seen.extend(page["entries"].as_array().unwrap().iter().map(|entry| entry["id"].clone()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    // The account key, the other project, its three keys.
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|one, next| one.as_str() > next.as_str()));
    for query in ["projectId=7", "subjectId=7", "limit=0", "cursor=7", "action=%00", "action=%27"] {
        app.get(&format!("{LOG}?{query}"), &boss).await.assert_refused(400, "VALIDATION_FAILED");
    }
    let project_key = app.full_key().await;
    app.get(LOG, &project_key).await.assert_refused(403, "ACCOUNT_KEY_REQUIRED");
    app.stop().await;
}

#[tokio::test]
async fn what_is_not_done_is_not_in_the_log() {
    let app = TestApp::start().await;
    let boss = app.account_key().await;
    let before = app.number("SELECT count(*) FROM audit_log").await;
    let unknown = format!("{ACCOUNT}/{}", uuid::Uuid::now_v7());
    for (method, path, body) in [
        (Method::POST, ACCOUNT.to_owned(), json!({"name": ""})),
        (
            Method::POST,
            ACCOUNT.to_owned(),
            json!({"name": "a", "projectId": uuid::Uuid::now_v7().to_string()}),
        ),
        (Method::PATCH, unknown.clone(), json!({"name": "a"})),
        (Method::DELETE, unknown, json!({})),
        (Method::PATCH, format!("{ACCOUNT}/{}", boss.id), json!({})),
        (Method::DELETE, format!("/v1/account/projects/{}", app.project), json!({})),
    ] {
        app.ask(app.request(method, &path).bearer_auth(boss.text()).json(&body)).await;
    }
    assert_eq!(app.number("SELECT count(*) FROM audit_log").await, before);
    app.stop().await;
}
