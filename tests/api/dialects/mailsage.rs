//! `MailSage`'s API, by the examples of its documentation.

use serde_json::{Value, json};

use super::{get, post};
use crate::app::TestApp;
use crate::smtp_server::SmtpServer;

fn example() -> Value {
    json!({"recipient": {"email": "user@example.org"}, "subject": "Hello!", "body": "Test email"})
}

#[tokio::test]
async fn the_example_sends_and_its_job_can_be_followed() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let sent = post(&app, "/api/v1/emails/send", key.text(), &example()).await;
    assert_eq!((sent.status, &sent.body["status"]), (202, &json!("queued")), "{}", sent.body);
    let id = sent.body["job_id"].as_str().unwrap();
    let mail = app.mail_in(&key, id, "captured").await;
    assert_eq!((&mail["text"], &mail["html"]), (&json!("Test email"), &Value::Null));
    let job = get(&app, &format!("/api/v1/emails/jobs/{id}/status"), key.text()).await;
    assert_eq!(
        (&job.body["status"], &job.body["progress"]["percentage"]),
        (&json!("completed"), &json!(100))
    );
    app.stop().await;
}

#[tokio::test]
async fn test_keys_never_send() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.test_key().await;
    let mut mail = example();
    mail["body"] = json!("<p>Hi {{name}}</p>");
    mail["recipient"]["variables"] = json!({"name": "Ada"});
    let sent = post(&app, "/api/v1/emails/send", key.text(), &mail).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    let mail = app.mail_in(&key, sent.body["job_id"].as_str().unwrap(), "captured").await;
    assert_eq!((&mail["html"], &mail["test"]), (&json!("<p>Hi Ada</p>"), &json!(true)));
    app.stop().await;
}

#[tokio::test]
async fn mail_that_leaves_needs_a_sender() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let refused = post(&app, "/api/v1/emails/send", key.text(), &example()).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (400, &json!("invalid_parameter")),
        "{}",
        refused.body
    );
    app.post("/v1/senders", &key, json!({"email": "shop@example.com", "name": "Shop"})).await;
    let sent = post(&app, "/api/v1/emails/send", key.text(), &example()).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    assert_eq!(server.wait_for(1).await[0].from, "shop@example.com");
    app.stop().await;
}

#[tokio::test]
async fn refusals_have_the_shape_of_its_documentation() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let bad = post(&app, "/api/v1/emails/send", "ms_live_xxxxxxxxxxxxxxxxxxxx", &example()).await;
    assert_eq!((bad.status, &bad.body["status"]), (401, &json!(401)));
    assert_eq!(bad.body["code"], "invalid_api_key");
    let empty = post(&app, "/api/v1/emails/send", key.text(), &json!({})).await;
    assert_eq!((empty.status, &empty.body["code"]), (400, &json!("missing_required")));
    app.stop().await;
}
