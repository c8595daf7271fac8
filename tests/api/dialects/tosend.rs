//! `ToSend`'s API, by a capture of what its client for Python sends.

use reqwest::Method;
use serde_json::{Value, json};

use super::post;
use crate::app::TestApp;
use crate::smtp_server::SmtpServer;

fn mail() -> Value {
    json!({
        "from": {"email": "hello@example.com", "name": null},
        "to": [{"email": "u@example.org"}, {"email": "v@example.org", "name": "V"}], "subject": "Hi", "html": "<b>x</b>",
        "text": "x", "cc": [{"email": "c@example.org"}], "bcc": [{"email": "b@example.org"}],
        "reply_to": {"email": "r@example.com", "name": "R"}, "headers": {"X-A": "1"},
        "attachments": [{"type": "text/plain", "name": "a.txt", "content": "aGVsbG8="}], "tags": {"k": "v"},
    })
}

#[tokio::test]
async fn a_mail_is_sent() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let sent = post(&app, "/v2/emails", key.text(), &mail()).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    server.wait_for(4).await;
    app.mail(&key, sent.body["message_id"].as_str().unwrap()).await;

    let mut named = mail();
    named["message_hash"] = json!("order-7");
    let sent = post(&app, "/v2/emails", key.text(), &named).await;
    assert_eq!(sent.body["message_id"], "order-7");
    app.mail(&key, sent.body["email_id"].as_str().unwrap()).await;
    app.stop().await;
}

#[tokio::test]
async fn a_missing_key_is_401_and_a_bad_one_403() {
    let app = TestApp::start().await;
    let keyless = app.ask(app.request(Method::POST, "/v2/emails").json(&mail())).await;
    assert_eq!((keyless.status, &keyless.body["error_type"]), (401, &json!("unauthorized")));
    assert!(keyless.body["errors"]["api_key"]["required"].is_string());
    let bad = post(&app, "/v2/emails", "tsend_0123456789abcdef", &mail()).await;
    assert_eq!((bad.status, &bad.body["error_type"]), (403, &json!("forbidden")));
    assert!(bad.body["errors"]["api_key"]["invalid"].is_string());
    app.stop().await;
}

#[tokio::test]
async fn fields_at_fault_carry_codes() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let reply =
        post(&app, "/v2/emails", key.text(), &json!({"from": {"email": "a@example.com"}})).await;
    assert_eq!((reply.status, &reply.body["error_type"]), (422, &json!("validation_error")));
    for field in ["subject", "content", "to"] {
        assert!(reply.body["errors"][field]["required"].is_string(), "{}", reply.body);
    }
    app.stop().await;
}
