//! Mails that are made from templates.

use posthaste::domain::permission::Permission;
use serde_json::{Value, json};

use super::{changed, made, path, welcome, welcome_with};
use crate::app::{TestApp, TestKey};
use crate::smtp_server::SmtpServer;

/// A request that leaves everything to its template.
fn letter_from(id: &str, members: Value) -> Value {
    let mut letter = json!({
        "to": {"email": "ada@example.org"}, "from": {"email": "shop@example.com"}, "templateId": id,
        "dynamicData": {"firstName": "Ada", "companyName": "A&B"},
    });
    let Value::Object(members) = members else { panic!("members are an object") };
    letter.as_object_mut().unwrap().extend(members);
    letter
}

async fn sent(app: &TestApp, key: &TestKey, letter: Value) -> Value {
    let id = app.accepted(key, letter).await;
    app.mail(key, &id).await
}

#[tokio::test]
async fn a_mail_takes_subject_and_content_from_its_template() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let id = made(&app, &key, welcome()).await;
    app.accepted(&key, letter_from(&id, json!({}))).await;
    let mail = server.wait_for(1).await.remove(0);
    let message = mail_parser::MessageParser::default().parse(&mail.data).unwrap();
    assert_eq!(message.subject(), Some("Welcome to A&B, Ada!"));
    let html = message.body_html(0).unwrap();
    assert!(
        html.contains("We are glad to have you on board</div><h1>Welcome, Ada!</h1>"),
        "{html}"
    );
    assert!(html.contains("joining A&amp;B."), "{html}");
    let text = message.body_text(0).unwrap();
    assert_eq!(text.trim_end(), "Welcome, Ada!\r\n\r\nThanks for joining A&B.", "{text}");
    let details = "SELECT count(*) FROM mails WHERE details->>'templateId' = '{id}' AND (details->>'templateVersion')::int = 1";
    assert_eq!(app.number(&details.replace("{id}", &id)).await, 1);
    app.stop().await;
}

#[tokio::test]
async fn what_the_request_brings_counts_more_than_the_template() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let template = welcome_with(json!({"plainTextTemplate": "Text for {{firstName}}"}));
    let id = made(&app, &key, template).await;

    let mail = sent(&app, &key, letter_from(&id, json!({"subject": "Own {{firstName}}"}))).await;
    assert_eq!((&mail["subject"], &mail["text"]), (&json!("Own Ada"), &json!("Text for Ada")));
    let mail = sent(&app, &key, letter_from(&id, json!({"html": "<p>Own</p>"}))).await;
    assert_eq!((&mail["html"], &mail["text"]), (&json!("<p>Own</p>"), &json!("Own")));
    let mail = sent(&app, &key, letter_from(&id, json!({"text": "Own"}))).await;
    assert_eq!(mail["text"], "Own");
    assert!(mail["html"].as_str().unwrap().contains("Welcome, Ada!"));
    // Braces of a template are nothing for a recipient, whatever the request left out.
    let mail = sent(&app, &key, letter_from(&id, json!({"dynamicData": null}))).await;
    assert_eq!((&mail["subject"], &mail["text"]), (&json!("Welcome to , !"), &json!("Text for ")));
    assert_eq!(mail["missingVariables"], json!(["companyName", "firstName"]));
    app.stop().await;
}

#[tokio::test]
async fn values_are_written_as_they_are_only_by_stored_templates() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let raw = json!({"emailTemplate": "<p>{{{firstName}}}{{& firstName}}{{firstName}}</p>", "previewText": "{{{firstName}}}"});
    let id = made(&app, &key, welcome_with(raw)).await;
    let data = json!({"dynamicData": {"firstName": "<b>x</b>", "companyName": "C"}});
    let mail = sent(&app, &key, letter_from(&id, data.clone())).await;
    let html = mail["html"].as_str().unwrap();
    assert!(html.ends_with("<p><b>x</b><b>x</b>&lt;b&gt;x&lt;/b&gt;</p>"), "{html}");
    assert!(html.contains(">&lt;b&gt;x&lt;/b&gt;</div>"), "{html}");
    for field in ["subject", "html", "text"] {
        let reply = app.send(&key, letter_from(&id, json!({field: "{{{firstName}}}"}))).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), [field]);
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_published_is_sent_at_once_and_drafts_are_not() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = made(&app, &key, json!({"templateName": "T", "subject": "One", "emailTemplate": "<p>1</p>", "publish": false})).await;
    let reply = app.send(&key, letter_from(&id, json!({}))).await;
    reply.assert_refused(400, "TEMPLATE_NOT_PUBLISHED");
    app.post(&path(&format!("{id}/publish")), &key, json!({})).await;
    assert_eq!(sent(&app, &key, letter_from(&id, json!({}))).await["subject"], "One");
    changed(&app, &key, &id, json!({"subject": "Two", "publish": false})).await;
    assert_eq!(sent(&app, &key, letter_from(&id, json!({}))).await["subject"], "One");
    changed(&app, &key, &id, json!({"subject": "Three"})).await;
    assert_eq!(sent(&app, &key, letter_from(&id, json!({}))).await["subject"], "Three");
    app.post(&path(&format!("{id}/publish")), &key, json!({"version": 2})).await;
    assert_eq!(sent(&app, &key, letter_from(&id, json!({}))).await["subject"], "Two");
    app.stop().await;
}

#[tokio::test]
async fn a_template_that_is_not_there_makes_no_mail() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let stranger = app.key_of(app.another_project().await).await;
    let foreign = made(&app, &stranger, welcome()).await;
    let gone = made(&app, &key, welcome()).await;
    let deleted = app.delete(&path(&gone), &key).await;
    assert_eq!(deleted.body, json!({"success": true, "message": "Template successfully deleted."}));
    for id in [foreign.as_str(), &gone, "A-abc123def456ghi789jk", "tmpl_abc123", "../../etc"] {
        let reply = app.send(&key, letter_from(id, json!({}))).await;
        reply.assert_refused(404, "TEMPLATE_NOT_FOUND");
    }
    let empty = made(&app, &key, json!({"templateName": "Empty", "subject": "Empty"})).await;
    let reply = app.send(&key, letter_from(&empty, json!({}))).await;
    reply.assert_refused(400, "VALIDATION_FAILED");
    assert_eq!(reply.fields(), ["templateId"]);
    let reply = app.send(&key, letter_from("", json!({}))).await;
    assert_eq!(reply.fields(), ["subject", "html"]);
    assert_eq!(app.mails_stored().await, 0);
    app.accepted(&key, letter_from(&empty, json!({"text": "Own"}))).await;
    app.stop().await;
}

#[tokio::test]
async fn a_mail_is_from_the_templates_sender_where_the_request_names_none() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let sender = json!({"email": "hello@example.com", "name": "Example Team", "replyTo": "support@example.com"});
    let sender = app.post("/v1/senders", &key, sender).await.body["data"]["sender"]["id"].clone();
    let id = made(&app, &key, welcome_with(json!({"senderId": sender}))).await;
    let mail = sent(&app, &key, letter_from(&id, json!({"from": null}))).await;
    assert_eq!(mail["from"], json!({"email": "hello@example.com", "name": "Example Team"}));
    assert_eq!(mail["replyTo"]["email"], "support@example.com");
    let own = json!({"replyTo": {"email": "own@example.com"}});
    let mail = sent(&app, &key, letter_from(&id, own)).await;
    assert_eq!(mail["from"]["email"], "shop@example.com");
    assert_eq!(mail["replyTo"]["email"], "own@example.com");

    // A key is held to what it may send from, whoever names the author.
    let elsewhere = crate::entries(&["elsewhere.example"]);
    let bound = app.key_with(|key| key.restrictions.domains = Some(elsewhere)).await;
    let reply = app.send(&bound, letter_from(&id, json!({"from": null}))).await;
    reply.assert_refused(403, "FROM_DOMAIN_NOT_ALLOWED");
    let nobody = made(&app, &key, welcome()).await;
    let reply = app.send(&key, letter_from(&nobody, json!({"from": null}))).await;
    reply.assert_refused(400, "VALIDATION_FAILED");
    assert_eq!(reply.fields(), ["from"]);
    app.stop().await;
}

#[tokio::test]
async fn a_repeated_request_is_answered_whatever_became_of_its_template() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = made(&app, &key, welcome()).await;
    let send = async |letter: Value| {
        let request = app.request(reqwest::Method::POST, "/v1/mails/send").bearer_auth(key.text());
        app.ask(request.header("idempotency-key", "once").json(&letter)).await
    };
    let first = send(letter_from(&id, json!({}))).await;
    changed(&app, &key, &id, json!({"subject": "Changed"})).await;
    let second = send(letter_from(&id, json!({}))).await;
    assert_eq!(second.body["data"]["emailId"], first.body["data"]["emailId"]);
    app.delete(&path(&id), &key).await;
    let third = send(letter_from(&id, json!({}))).await;
    assert_eq!(third.body["data"]["emailId"], first.body["data"]["emailId"], "{}", third.body);
    assert_eq!(third.header("idempotent-replayed"), "true");
    let other = send(letter_from(&id, json!({"subject": "Another"}))).await;
    other.assert_refused(409, "IDEMPOTENCY_KEY_REUSED");
    app.stop().await;
}

#[tokio::test]
async fn a_template_is_tried_out_before_it_is_published() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = made(&app, &key, welcome()).await;
    changed(&app, &key, &id, json!({"subject": "Draft for {{firstName}}", "publish": false})).await;
    let test = path(&format!("{id}/test"));
    let body = json!({
        "to": {"email": "ada@example.org"}, "from": {"email": "shop@example.com"}, "dynamicData": {"firstName": "Ada"},
    });
    let reply = app.post(&test, &key, body.clone()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let mail = app.mail(&key, reply.body["data"]["emailId"].as_str().unwrap()).await;
    assert_eq!(mail["subject"], "Draft for Ada");

    assert_eq!(app.post(&test, &key, json!({})).await.fields(), ["to"]);
    let no_author = app.post(&test, &key, json!({"to": "ada@example.org"})).await;
    assert_eq!(no_author.fields(), ["from"]);
    let reader = app.key(&[Permission::TemplatesRead, Permission::TemplatesWrite]).await;
    app.post(&test, &reader, body).await.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(app.mails_stored().await, 1);
    app.stop().await;
}
