//! Answers to several addresses, in every dialect that has a place for them.

use mail_parser::MessageParser;
use serde_json::{Value, json};

use super::matrix::with_sender;
use super::{asked, get};
use crate::app::{Reply, TestApp};
use crate::letter_with;
use crate::smtp_server::SmtpServer;

const BOTH: [&str; 2] = ["\"Help, Desk\" <help@example.com>", "sales@example.com"];

/// A mail for two to answer, and where it is sent.
fn ways() -> [(&'static str, Value); 7] {
    let objects = json!([{"email": "help@example.com", "name": "Help, Desk"}, {"email": "sales@example.com"}]);
    let from = json!({"email": "shop@example.com"});
    let to = json!([{"email": "ada@example.org"}]);
    let plain =
        json!({"from": "shop@example.com", "to": "ada@example.org", "subject": "s", "text": "t"});
    let resend = |reply_to: &Value| {
        let mut mail = plain.clone();
        mail["reply_to"] = reply_to.clone();
        mail
    };
    [
        ("/v1/mails/send", letter_with(json!({"replyTo": objects}))),
        (
            "/v1/mails/bulk",
            json!({
                "from": from, "recipients": to, "subject": "s", "text": "t", "replyTo": objects,
            }),
        ),
        ("/emails", resend(&json!(BOTH))),
        (
            "/v3/mail/send",
            json!({
                "from": from, "personalizations": [{"to": to}], "subject": "s", "reply_to_list": objects,
                "content": [{"type": "text/plain", "value": "t"}],
            }),
        ),
        (
            "/email",
            json!({
                "From": "shop@example.com", "To": "ada@example.org", "Subject": "s", "TextBody": "t",
                "ReplyTo": BOTH.join(", "),
            }),
        ),
        (
            "/v2/emails",
            json!({"from": from, "to": to, "subject": "s", "text": "t", "reply_to": objects}),
        ),
        (
            "/api/v1/send",
            json!({"to": "ada@example.org", "subject": "s", "text": "t", "reply_to": objects}),
        ),
    ]
}

async fn send(app: &TestApp, key: &str, (path, mail): &(&str, Value)) -> Reply {
    let request = asked(app, path, key, mail);
    app.ask(request.header("x-postmark-server-token", key)).await
}

#[tokio::test]
async fn answers_go_to_everybody_who_is_named() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    with_sender(&app).await;
    let key = app.full_key().await;
    for (count, way) in (1..).zip(&ways()) {
        let reply = send(&app, key.text(), way).await;
        assert!(matches!(reply.status, 200..300), "{}: {}", way.0, reply.body);
        let received = server.wait_for(count).await;
        let message = MessageParser::default().parse(&received[count - 1].data).unwrap();
        let answers = message.reply_to().unwrap();
        let shown: Vec<_> = answers
            .iter()
            .map(|one| (one.name().map(str::to_owned), one.address().unwrap().to_owned()))
            .collect();
        let expected = [
            (Some("Help, Desk".to_owned()), "help@example.com".to_owned()),
            (None, "sales@example.com".to_owned()),
        ];
        assert_eq!(shown, expected, "{}", way.0);
    }
    app.stop().await;
}

#[tokio::test]
async fn where_answers_go_reads_back_as_one_object_or_as_a_list() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let (help, sales) = (
        json!({"email": "help@example.com", "name": "Help, Desk"}),
        json!({"email": "sales@example.com", "name": null}),
    );
    for (given, native, resend) in [
        (json!([]), Value::Null, json!([])),
        (json!(BOTH[0]), help.clone(), json!([BOTH[0]])),
        (json!([BOTH[0]]), help.clone(), json!([BOTH[0]])),
        (json!(BOTH), json!([help, sales]), json!(BOTH)),
    ] {
        let id = app.accepted(&key, letter_with(json!({"replyTo": given}))).await;
        assert_eq!(app.mail(&key, &id).await["replyTo"], native, "{given}");
        let read = get(&app, &format!("/emails/{id}"), key.text()).await;
        assert_eq!(read.body["reply_to"], resend, "{given}");
        let read = get(&app, &format!("/v2/emails/{id}"), key.text()).await;
        assert_eq!(read.body["data"]["reply_to"], native, "{given}");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_same_answers_are_the_same_request_and_others_another() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let ask = async |reply_to: Value| {
        let mail = json!({
            "from": "shop@example.com", "to": "ada@example.org", "subject": "s", "text": "t", "reply_to": reply_to,
        });
        app.ask(asked(&app, "/emails", key.text(), &mail).header("idempotency-key", "k")).await
    };
    let first = ask(json!(BOTH)).await;
    assert_eq!((first.status, &ask(json!(BOTH)).await.body), (200, &first.body));
    let other = ask(json!([BOTH[0]])).await;
    assert_eq!(other.body["name"], "invalid_idempotent_request");
    app.stop().await;
}

#[tokio::test]
async fn too_many_answers_and_bad_ones_are_refused_by_their_place() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let many =
        |count: usize| (0..count).map(|n| json!(format!("a{n}@example.org"))).collect::<Value>();
    app.accepted(&key, letter_with(json!({"replyTo": many(50)}))).await;
    for (reply_to, field) in [
        (many(51), "replyTo"),
        (json!(["help@example.com", "nobody"]), "replyTo[1].email"),
        (
            json!([{"email": "help@example.com", "name": "a\r\nBcc: eve@evil.example"}]),
            "replyTo[0].name",
        ),
    ] {
        let reply = app.send(&key, letter_with(json!({"replyTo": reply_to}))).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), [field]);
    }
    let mut twice = ways()[3].1.clone();
    twice["reply_to"] = json!({"email": "help@example.com"});
    let reply = app.ask(asked(&app, "/v3/mail/send", key.text(), &twice)).await;
    assert_eq!((reply.status, &reply.body["errors"][0]["field"]), (400, &json!("reply_to_list")));
    let postmark = json!({
        "From": "shop@example.com", "To": "ada@example.org", "Subject": "s", "TextBody": "t",
        "ReplyTo": "help@example.com, nobody",
    });
    let reply = send(&app, key.text(), &("/email", postmark)).await;
    assert_eq!((reply.status, &reply.body["ErrorCode"]), (422, &json!(300)));
    assert!(reply.body["Message"].as_str().unwrap().contains("ReplyTo[1]"), "{}", reply.body);
    app.stop().await;
}
