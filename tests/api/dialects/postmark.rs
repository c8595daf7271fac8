//! Postmark's way to send.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Reply, TestApp};
use crate::smtp_server::SmtpServer;

fn mail() -> Value {
    json!({
        "From": "a@example.com", "To": "B <b@example.org>, \"C, D\" <c@example.org>", "Cc": "d@example.org",
        "Subject": "s", "TextBody": "t", "HtmlBody": "<b>x</b>", "ReplyTo": "r@example.com", "Tag": "welcome",
        "Metadata": {"k": "v"}, "Headers": [{"Name": "X-A", "Value": "1"}],
        "Attachments": [{"Name": "a.txt", "Content": "aGVsbG8=", "ContentType": "text/plain"}],
        "TrackOpens": true, "TrackLinks": "None", "MessageStream": "outbound",
    })
}

async fn send(app: &TestApp, token: &str, mail: &Value) -> Reply {
    let request = app.request(Method::POST, "/email").header("X-Postmark-Server-Token", token);
    app.ask(request.json(mail)).await
}

#[tokio::test]
async fn a_mail_is_sent_with_a_token_in_its_own_header() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let sent = send(&app, key.text(), &mail()).await;
    assert_eq!((sent.status, &sent.body["ErrorCode"]), (200, &json!(0)), "{}", sent.body);
    assert_eq!((&sent.body["To"], &sent.body["Message"]), (&mail()["To"], &json!("OK")));
    let received = server.wait_for(3).await;
    assert!(String::from_utf8_lossy(&received[0].data).contains("X-A: 1"));
    app.mail(&key, sent.body["MessageID"].as_str().unwrap()).await;
    app.stop().await;
}

#[tokio::test]
async fn refusals_are_a_number_and_a_sentence() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let with = |member: &str, value: Value| {
        let mut mail = mail();
        mail[member] = value;
        mail
    };
    for (token, mail, status, code) in [
        ("POSTMARK_API_TEST", mail(), 401, 10),
        ("", mail(), 401, 10),
        (key.text(), with("To", json!("")), 422, 300),
        (key.text(), with("TemplateId", json!(1)), 422, 300),
        (key.text(), with("Metadata", json!({"k": "x".repeat(81)})), 422, 300),
        (key.text(), json!("x"), 422, 402),
    ] {
        let reply = send(&app, token, &mail).await;
        assert_eq!(
            (reply.status, &reply.body["ErrorCode"]),
            (status, &json!(code)),
            "{}",
            reply.body
        );
        assert!(reply.body["Message"].is_string());
    }
    let keyless = app.ask(app.request(Method::POST, "/email").json(&mail())).await;
    assert_eq!((keyless.status, &keyless.body["ErrorCode"]), (401, &json!(10)));
    assert_eq!(app.mails_stored().await, 0);
    app.stop().await;
}
