//! `SendMailOS`'s API, by the examples of its documentation.

use serde_json::json;

use super::{asked, get, post};
use crate::app::TestApp;

#[tokio::test]
async fn the_shortest_example_sends_a_mail_that_says_its_subject() {
    let app = TestApp::start().await;
    let key = app.test_key().await;
    let example = json!({"to": "ada@example.org", "subject": "Hello"});
    let sent = post(&app, "/api/v1/send", key.text(), &example).await;
    assert_eq!((sent.status, &sent.body["success"]), (200, &json!(true)), "{}", sent.body);
    let id = sent.body["id"].as_str().unwrap();
    let mail = app.mail_in(&key, id, "captured").await;
    assert_eq!((&mail["subject"], &mail["text"]), (&json!("Hello"), &json!("Hello")));

    let read = get(&app, &format!("/api/v1/messages/{id}"), key.text()).await;
    assert_eq!(read.body["message"]["status"], "captured", "{}", read.body);
    let events = get(&app, &format!("/api/v1/messages/{id}/events"), key.text()).await;
    assert_eq!(events.body["events"][1]["type"], "email.delivered", "{}", events.body);
    app.stop().await;
}

#[tokio::test]
async fn the_author_is_the_one_that_is_named_or_the_first_sender() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let sender = json!({"email": "shop@example.com", "name": "Shop"});
    assert!(app.post("/v1/senders", &key, sender).await.status < 300);
    let named = json!({
        "to": "ada@example.org", "subject": "Hi {{name}}", "html": "<p>{{name}}</p>", "variables": {"name": "Ada"},
        "from_email": "a@example.com", "from_name": "A", "external_id": "7", "metadata": {"k": 1},
        "attachments": [{"filename": "a.txt", "content": "aGVsbG8=", "contentType": "text/plain"}],
    });
    let unnamed = json!({"to": "ada@example.org", "subject": "Hi"});
    for (mail, from) in [(named, "a@example.com"), (unnamed, "shop@example.com")] {
        let sent = post(&app, "/api/v1/messages", key.text(), &mail).await;
        assert_eq!(sent.status, 200, "{}", sent.body);
        let mail = app.mail(&key, sent.body["id"].as_str().unwrap()).await;
        assert_eq!(mail["from"]["email"], from);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_master_key_names_its_workspace_in_the_body_or_a_header() {
    let app = TestApp::start().await;
    let master = app.account_key().await;
    let other = app.another_project().await;
    let mail = json!({"to": "ada@example.org", "subject": "Hello"});
    let mut in_body = mail.clone();
    in_body["workspace_id"] = json!(format!("ws_{other}"));
    let sent = post(&app, "/api/v1/send", master.text(), &in_body).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let in_header = asked(&app, "/api/v1/send", master.text(), &mail);
    let sent = app.ask(in_header.header("X-Workspace-Id", format!("ws_{other}"))).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let there =
        app.number(&format!("SELECT count(*) FROM mails WHERE project_id = '{other}'")).await;
    assert_eq!(there, 2);

    let unnamed = post(&app, "/api/v1/send", master.text(), &mail).await;
    assert_eq!((unnamed.status, &unnamed.body["code"]), (403, &json!("FORBIDDEN")));
    let key = app.full_key().await;
    for (key, workspace) in [(&key, other.to_string()), (&master, "ws_nothing".into())] {
        in_body["workspace_id"] = json!(workspace);
        let refused = post(&app, "/api/v1/send", key.text(), &in_body).await;
        assert_eq!((refused.status, &refused.body["code"]), (403, &json!("FORBIDDEN")));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_bad_key_gets_the_refusal_of_its_documentation() {
    let app = TestApp::start().await;
    let mail = json!({"to": "ada@example.org", "subject": "Hello"});
    let refused = post(&app, "/api/v1/send", "sk_live_your_api_key", &mail).await;
    assert_eq!((refused.status, &refused.body["success"]), (401, &json!(false)));
    assert_eq!(refused.body["code"], "UNAUTHORIZED");
    assert!(refused.body["error"].is_string());
    app.stop().await;
}
