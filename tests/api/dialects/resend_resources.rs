//! Domains and keys, managed as Resend's clients do.

use posthaste::domain::permission::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use super::{get, post};
use crate::app::TestApp;

#[tokio::test]
async fn a_domain_is_added_shown_and_deleted() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let added =
        post(&app, "/domains", key.text(), &json!({"name": "example.com", "region": "eu-west-1"}))
            .await;
    assert_eq!(
        (added.status, &added.body["status"]),
        (201, &json!("not_started")),
        "{}",
        added.body
    );
    let id = added.body["id"].as_str().unwrap();
    let shown = get(&app, &format!("/domains/{id}"), key.text()).await;
    assert_eq!(
        (&shown.body["object"], &shown.body["region"]),
        (&json!("domain"), &json!("us-east-1"))
    );
    for record in shown.body["records"].as_array().unwrap() {
        assert!(["SPF", "DKIM"].contains(&record["record"].as_str().unwrap()), "{record}");
        assert!(record["ttl"].is_string() && record["type"] == "TXT", "{record}");
    }
    let list = get(&app, "/domains", key.text()).await;
    assert_eq!((&list.body["has_more"], &list.body["data"][0]["id"]), (&json!(false), &json!(id)));
    assert!(list.body["data"][0].get("records").is_none());
    let again = post(&app, "/domains", key.text(), &json!({"name": "not a domain"})).await;
    assert_eq!(
        (again.status, &again.body["name"]),
        (422, &json!("validation_error")),
        "{}",
        again.body
    );
    let stranger = app.key_of(app.another_project().await).await;
    for asking in [Method::GET, Method::DELETE] {
        let reply = app
            .ask(app.request(asking, &format!("/domains/{id}")).bearer_auth(stranger.text()))
            .await;
        assert_eq!((reply.status, &reply.body["name"]), (404, &json!("not_found")));
    }
    let deleted = app.delete(&format!("/domains/{id}"), &key).await;
    assert_eq!(deleted.body, json!({"object": "domain", "id": id, "deleted": true}));
    app.stop().await;
}

#[tokio::test]
async fn a_key_is_made_for_a_domain_and_revoked() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let domain = post(&app, "/domains", key.text(), &json!({"name": "example.com"})).await;
    let asked = json!({"name": "Production", "permission": "sending_access", "domain_id": domain.body["id"]});
    let made = post(&app, "/api-keys", key.text(), &asked).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let token = made.body["token"].as_str().unwrap();
    assert!(token.starts_with("re_"));
    let send = async |from: &str| {
        let mail = json!({"from": from, "to": "ada@example.org", "subject": "s", "text": "t"});
        post(&app, "/emails", token, &mail).await.status
    };
    assert_eq!((send("a@example.com").await, send("a@example.net").await), (200, 403));
    let restricted = get(&app, "/domains", token).await;
    assert_eq!((restricted.status, &restricted.body["name"]), (401, &json!("restricted_api_key")));

    let id = made.body["id"].as_str().unwrap();
    let list = get(&app, "/api-keys?limit=1", key.text()).await;
    assert_eq!(
        (&list.body["data"][0]["id"], &list.body["has_more"]),
        (&json!(id), &json!(true)),
        "{}",
        list.body
    );
    assert!(!String::from_utf8_lossy(&list.bytes).contains(token));
    let renamed = app.patch(&format!("/api-keys/{id}"), &key, json!({"name": "Other"})).await;
    assert_eq!(renamed.body, json!({"object": "api_key", "id": id}));
    let deleted = app.delete(&format!("/api-keys/{id}"), &key).await;
    assert_eq!(deleted.body, json!({"object": "api_key", "id": id, "deleted": true}));
    assert_eq!(send("a@example.com").await, 403);
    app.stop().await;
}

#[tokio::test]
async fn resources_need_their_permissions_here_too() {
    let app = TestApp::start().await;
    let key = app.key(&[Permission::MailsSend]).await;
    for (method, path) in [
        (Method::GET, "/emails"),
        (Method::GET, "/domains"),
        (Method::POST, "/domains"),
        (Method::GET, "/api-keys"),
        (Method::POST, "/api-keys"),
        (Method::DELETE, "/api-keys/x"),
        (Method::DELETE, "/domains/x"),
        (Method::PATCH, "/domains/x"),
        (Method::POST, "/domains/x/verify"),
        (Method::GET, "/webhooks"),
        (Method::POST, "/webhooks"),
        (Method::GET, "/webhooks/x"),
        (Method::PATCH, "/webhooks/x"),
        (Method::DELETE, "/webhooks/x"),
        (Method::GET, "/templates"),
        (Method::POST, "/templates"),
        (Method::GET, "/templates/x"),
        (Method::PATCH, "/templates/x"),
        (Method::DELETE, "/templates/x"),
        (Method::POST, "/templates/x/publish"),
        (Method::POST, "/templates/x/duplicate"),
        (Method::GET, "/suppressions"),
        (Method::POST, "/suppressions"),
        (Method::GET, "/suppressions/x"),
        (Method::DELETE, "/suppressions/x"),
        (Method::POST, "/suppressions/batch/add"),
        (Method::POST, "/suppressions/batch/remove"),
    ] {
        let ask = async |request: reqwest::RequestBuilder| app.ask(request.json(&json!({}))).await;
        let reply = ask(app.request(method.clone(), path).bearer_auth(key.text())).await;
        assert_eq!(
            (reply.status, &reply.body["name"]),
            (401, &json!("restricted_api_key")),
            "{method} {path}"
        );
        let reply = ask(app.request(method.clone(), path)).await;
        assert_eq!(
            (reply.status, &reply.body["name"]),
            (401, &json!("missing_api_key")),
            "{method} {path}"
        );
        assert_eq!(reply.body["statusCode"], Value::from(401));
    }
    app.stop().await;
}
