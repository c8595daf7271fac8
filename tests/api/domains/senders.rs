//! The addresses that mail is sent from.

use reqwest::Method;
use serde_json::json;

use super::{asking, verified};
use crate::app::TestKey;
use crate::dns_server::DnsServer;

#[tokio::test]
async fn senders_are_added_listed_and_removed() {
    let dns = DnsServer::start().await;
    let app = asking(&dns).start().await;
    let key = app.full_key().await;
    let sender = json!({"email": "hello@example.com", "name": "Example Team", "replyTo": "support@example.com"});
    app.post("/v1/senders", &key, sender.clone()).await.assert_refused(400, "DOMAIN_NOT_VERIFIED");

    verified(&app, &key, &dns, "example.com").await;
    let reply = app.post("/v1/senders", &key, sender.clone()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["message"], "Authenticated sender added successfully");
    assert_eq!(reply.body["data"]["projectId"], app.project.to_string());
    let added = reply.body["data"]["sender"].clone();
    for field in ["email", "name", "replyTo"] {
        assert_eq!(added[field], sender[field]);
    }
    let again = app.post("/v1/senders", &key, json!({"email": "HELLO@example.com"})).await;
    again.assert_refused(409, "AUTHENTICATED_SENDER_ALREADY_EXISTS");
    let bad = json!({"email": "nobody", "name": "x".repeat(201), "replyTo": "nowhere"});
    let bad = app.post("/v1/senders", &key, bad).await;
    assert_eq!(bad.fields(), ["email", "name", "replyTo"]);

    let path = format!("/v1/senders/{}", added["id"].as_str().unwrap());
    assert_eq!(app.get(&path, &key).await.body["data"], added);
    assert_eq!(app.get("/v1/senders", &key).await.body["data"], json!({"senders": [added]}));
    let other = app.key_of(app.another_project().await).await;
    app.get(&path, &other).await.assert_refused(404, "AUTHENTICATED_SENDER_NOT_FOUND");
    let delete =
        |key: &TestKey| app.ask(app.request(Method::DELETE, &path).bearer_auth(key.text()));
    delete(&other).await.assert_refused(404, "AUTHENTICATED_SENDER_NOT_FOUND");
    let removed = delete(&key).await;
    assert_eq!(removed.body["message"], "Authenticated sender deleted successfully");
    delete(&key).await.assert_refused(404, "AUTHENTICATED_SENDER_NOT_FOUND");
    app.stop().await;
}
