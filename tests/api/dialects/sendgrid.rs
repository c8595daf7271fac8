//! `SendGrid`'s way to send.

use serde_json::{Value, json};

use super::post;
use crate::app::TestApp;
use crate::smtp_server::SmtpServer;

fn mail() -> Value {
    json!({
        "from": {"email": "a@example.com", "name": "A"}, "subject": "s",
        "personalizations": [{"to": [{"email": "b@example.org"}, {"email": "c@example.org"}]}],
        "attachments": [{"content": "aGVsbG8=", "filename": "a.txt", "type": "text/plain", "disposition": "attachment"}],
        "categories": ["x"],
        "content": [{"value": "t", "type": "text/plain"}, {"value": "<b>x</b>", "type": "text/html"}],
        "headers": {"X-A": "1"}, "custom_args": {"k": "v"}, "reply_to": {"email": "r@example.com"},
        "send_at": 1_700_000_000,
    })
}

fn mail_with(member: &str, value: Value) -> Value {
    let mut mail = mail();
    mail[member] = value;
    mail
}

#[tokio::test]
async fn a_mail_is_accepted_with_202_and_no_body() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let sent = post(&app, "/v3/mail/send", key.text(), &mail()).await;
    assert_eq!((sent.status, sent.bytes.len()), (202, 0), "{}", sent.body);
    let received = server.wait_for(2).await;
    assert!(String::from_utf8_lossy(&received[0].data).contains("X-A: 1"));
    let mail = app.mail(&key, sent.header("x-message-id")).await;
    assert_eq!(mail["subject"], "s");
    app.stop().await;
}

#[tokio::test]
async fn in_the_sandbox_nothing_leaves_the_house() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let sandboxed = mail_with("mail_settings", json!({"sandbox_mode": {"enable": true}}));
    let sent = post(&app, "/v3/mail/send", key.text(), &sandboxed).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let mail = app.mail_in(&key, sent.header("x-message-id"), "captured").await;
    assert_eq!(mail["test"], true);
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_field_by_field() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let content = json!([{"type": "text/calendar", "value": "x"}]);
    for (mail, field) in [
        (mail_with("template_id", json!("d-1")), "template_id"),
        (mail_with("asm", json!({"group_id": 1})), "asm"),
        (mail_with("personalizations", json!([])), "personalizations"),
        (mail_with("content", content), "content[0].type"),
        (mail_with("custom_args", json!({"a": "x".repeat(10_001)})), "custom_args"),
        (
            mail_with(
                "personalizations",
                json!([{"to": [{"email": "b@example.org"}], "custom_args": {"a": "x".repeat(10_001)}}]),
            ),
            "personalizations[0].custom_args",
        ),
        (
            mail_with(
                "personalizations",
                json!([{"to": [{"email": "b@example.org"}], "dynamic_template_data": {"a": 1}}]),
            ),
            "personalizations[0].dynamic_template_data",
        ),
        (mail_with("subject", json!("x".repeat(999))), "subject"),
        (mail_with("headers", json!({"X A": "1"})), "headers.X A"),
        (mail_with("send_at", json!(1_700_000_000_000_000_i64)), "send_at"),
        (mail_with("send_at", json!(i64::MAX)), "send_at"),
        (mail_with("sections", json!({"a": "b"})), "sections"),
        (mail_with("substitutions", json!({"a": "b"})), "substitutions"),
        (
            mail_with("mail_settings", json!({"footer": {"enable": true, "text": "x"}})),
            "mail_settings.footer",
        ),
        (
            mail_with("mail_settings", json!({"bcc": {"enable": true, "email": "x@example.org"}})),
            "mail_settings.bcc",
        ),
        (
            mail_with("mail_settings", json!({"bypass_bounce_management": {"enable": true}})),
            "mail_settings.bypass_bounce_management",
        ),
        (mail_with("categories", json!(vec!["x"; 11])), "categories"),
        (mail_with("personalizations", json!([{}])), "personalizations[0].to"),
        (mail_with("from", Value::Null), "from"),
    ] {
        let reply = post(&app, "/v3/mail/send", key.text(), &mail).await;
        assert_eq!(
            (reply.status, &reply.body["errors"][0]["field"]),
            (400, &json!(field)),
            "{}",
            reply.body
        );
        assert!(reply.body["errors"][0]["message"].is_string());
    }
    assert_eq!(app.mails_stored().await, 0);
    app.stop().await;
}

#[tokio::test]
async fn what_all_envelopes_share_is_not_copied_for_each_before_it_is_looked_at() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let envelopes = vec![json!({"to": [{"email": "b@example.org"}]}); 500];
    let long = "x".repeat(8 * 1024 * 1024);
    for (member, value) in [
        ("custom_args", json!({"a": long})),
        ("headers", json!({"X-A": long})),
        ("subject", json!(long)),
        ("from", json!({"email": long})),
        ("reply_to_list", json!([{"email": long}])),
    ] {
        let mut mail = mail_with(member, value);
        mail["personalizations"] = json!(envelopes);
        let reply = post(&app, "/v3/mail/send", key.text(), &mail).await;
        assert_eq!(reply.status, 400, "{member}: {}", reply.body);
        let errors = reply.body["errors"].as_array().unwrap().len();
        assert_eq!(errors, 1, "{member}: told once: {}", reply.body);
    }
    assert_eq!(app.mails_stored().await, 0);
    app.stop().await;
}
