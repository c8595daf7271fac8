//! Lists that are empty, as programs in PHP write what they have nothing of.

use reqwest::Method;
use serde_json::{Value, json};

use super::post;
use crate::app::TestApp;

#[tokio::test]
async fn what_is_an_empty_list_is_as_good_as_left_out() {
    let app = TestApp::start().await;
    let key = app.test_key().await;
    let laravel = json!({
        "bcc": [], "cc": [], "from": "Shop <shop@example.com>", "headers": [], "html": "<p>Hello</p>", "reply_to": [],
        "subject": "s", "text": null, "to": ["ada@example.org"], "attachments": [], "tags": [],
    });
    let sendgrid = json!({
        "from": {"email": "shop@example.com"}, "subject": "s", "content": [{"type": "text/plain", "value": "t"}],
        "personalizations": [{"to": [{"email": "ada@example.org"}], "custom_args": [], "substitutions": [], "headers": []}],
        "headers": [], "custom_args": [], "reply_to_list": [], "categories": [], "sections": {}, "mail_settings": null,
        "attachments": [{"content": "aGVsbG8=", "filename": ""}],
    });
    let tosend = json!({
        "from": {"email": "shop@example.com"}, "to": [{"email": "ada@example.org"}], "subject": "s", "text": "t",
        "headers": [], "tags": [], "reply_to": [], "cc": [],
    });
    let sendmailos =
        json!({"to": "ada@example.org", "subject": "s", "variables": [], "metadata": []});
    let mailsage = json!({"recipient": {"email": "ada@example.org", "variables": []}, "subject": "s", "body": "t"});
    let native = json!({
        "from": {"email": "shop@example.com"}, "to": {"email": "ada@example.org"}, "subject": "s", "text": "t",
        "headers": [], "metadata": [], "dynamicData": [], "replyTo": [], "tags": [],
    });
    for (path, body) in [
        ("/emails", laravel),
        ("/v3/mail/send", sendgrid),
        ("/v2/emails", tosend),
        ("/api/v1/send", sendmailos),
        ("/api/v1/emails/send", mailsage),
        ("/v1/mails/send", native),
    ] {
        let sent = post(&app, path, key.text(), &body).await;
        assert!(sent.status < 300, "{path}: {} {}", sent.status, sent.body);
    }
    let postmark = json!({
        "From": "shop@example.com", "To": "ada@example.org", "Subject": "s", "TextBody": "t", "Metadata": [], "Headers": [],
        "Attachments": [{"Name": "", "Content": "aGVsbG8=", "ContentType": "text/plain"}],
    });
    let request = app.request(Method::POST, "/email").header("X-Postmark-Server-Token", key.text());
    let sent = app.ask(request.json(&postmark)).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    assert_eq!(app.mails_stored().await, 7);
    app.stop().await;
}

#[tokio::test]
async fn a_list_with_something_in_it_is_no_object() {
    let app = TestApp::start().await;
    let key = app.test_key().await;
    let mail = |member: &str, value: Value| {
        let mut mail =
            json!({"from": "a@example.com", "to": "ada@example.org", "subject": "s", "text": "t"});
        mail[member] = value;
        mail
    };
    for (path, body) in [
        ("/emails", mail("headers", json!([["X-A", "1"]]))),
        ("/emails", mail("tags", json!([["name", "value"]]))),
        ("/emails", mail("template", json!(["id", {}]))),
        ("/emails", json!([null, null])),
        ("/emails/batch", json!([[null, null]])),
        (
            "/v1/mails/send",
            json!([{"email": "ada@example.org"}, null, null, {"email": "a@example.com"}]),
        ),
        ("/v1/mails/send", mail("metadata", json!(["a"]))),
        ("/v1/recipients/erase", json!(["nobody@example.org", true])),
        ("/v2/emails", json!([{"email": "a@example.com"}, [{"email": "ada@example.org"}]])),
        ("/v3/mail/send", json!([{"email": "a@example.com"}])),
    ] {
        let refused = post(&app, path, key.text(), &body).await;
        assert!(
            (400..500).contains(&refused.status),
            "{path}: {} {}",
            refused.status,
            refused.body
        );
    }
    assert_eq!(app.mails_stored().await, 0);
    assert_eq!(app.number("SELECT count(*) FROM erasures").await, 0);
    app.stop().await;
}
