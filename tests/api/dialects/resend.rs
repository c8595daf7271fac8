//! Resend's API, by captures of what its clients send.

use reqwest::Method;
use serde_json::{Value, json};

use super::{asked, get, post};
use crate::app::{Setup, TestApp};
use crate::smtp_server::SmtpServer;

/// What the client for Node sends when everything is said.
fn everything() -> Value {
    json!({
        "attachments": [{"content": "aGVsbG8=", "filename": "a.txt", "content_type": "text/plain; charset=\"utf-8\""}],
        "bcc": ["b@example.org"], "cc": "c@example.org", "from": "Acme <a@example.com>",
        "headers": {"X-Entity-Ref-ID": "1"}, "html": "<b>x {{y}}</b>", "reply_to": "r@example.com", "subject": "hi",
        "tags": [{"name": "category", "value": "confirm_email"}], "text": "t", "to": ["d@example.org", "e@example.org"],
        "topic_id": "t1",
    })
}

#[tokio::test]
async fn a_mail_is_sent_and_read_again() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let sent = post(&app, "/emails", key.text(), &everything()).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let id = sent.body["id"].as_str().unwrap().to_owned();
    let received = server.wait_for(4).await;
    let message = String::from_utf8_lossy(&received[0].data).into_owned();
    assert!(message.contains("X-Entity-Ref-ID: 1") && message.contains("aGVsbG8="), "{message}");
    assert!(message.contains(&format!("Message-ID: <{id}@example.com>")), "{message}");
    assert!(message.contains("x {{y}}"), "nothing is substituted where nothing was given");

    app.mail_in(&key, &id, "sent").await;
    let read = get(&app, &format!("/emails/{id}"), key.text()).await;
    assert_eq!(read.status, 200);
    for (member, value) in [
        ("object", json!("email")),
        ("message_id", json!(format!("<{id}@example.com>"))),
        ("from", json!("Acme <a@example.com>")),
        ("to", json!(["d@example.org", "e@example.org"])),
        ("cc", json!(["c@example.org"])),
        ("bcc", json!(["b@example.org"])),
        ("reply_to", json!(["r@example.com"])),
        ("subject", json!("hi")),
        ("last_event", json!("delivered")),
        ("scheduled_at", Value::Null),
        ("tags", json!([{"name": "category", "value": "confirm_email"}])),
    ] {
        assert_eq!(read.body[member], value, "{member}");
    }
    let list = get(&app, "/emails?limit=1", key.text()).await;
    assert_eq!((&list.body["object"], &list.body["has_more"]), (&json!("list"), &json!(false)));
    assert_eq!(list.body["data"][0]["id"], id.as_str());
    assert!(list.body["data"][0]["cc"].is_array());
    app.stop().await;
}

#[tokio::test]
async fn bytes_of_a_file_may_be_a_list_and_recipients_a_text() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let mail = json!({
        "from": "a@example.com", "to": "d@example.org", "subject": "hi", "text": "t",
        "attachments": [{"content": [104, 101, 108, 108, 111], "filename": "a.txt"}],
    });
    assert_eq!(post(&app, "//emails", key.text(), &mail).await.status, 200);
    let received = server.wait_for(1).await;
    assert!(String::from_utf8_lossy(&received[0].data).contains("aGVsbG8="));
    app.stop().await;
}

#[tokio::test]
async fn a_scheduled_mail_is_moved_and_cancelled_by_requests_without_a_body() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mail = json!({
        "from": "a@example.com", "to": ["d@example.org"], "subject": "hi", "text": "t", "scheduled_at": "in 5 minutes",
    });
    let sent = post(&app, "/emails", key.text(), &mail).await;
    let id = sent.body["id"].as_str().unwrap_or_else(|| panic!("{}", sent.body)).to_owned();
    let path = format!("/emails/{id}");
    assert_eq!(get(&app, &path, key.text()).await.body["last_event"], "scheduled");

    let moved = app.patch(&path, &key, json!({"scheduled_at": "in 2 days", "id": id})).await;
    assert_eq!((moved.status, &moved.body), (200, &json!({"object": "email", "id": id})));
    let cancel = app.request(Method::POST, &format!("{path}/cancel")).bearer_auth(key.text());
    let cancelled = app.ask(cancel.header("content-type", "application/json")).await;
    assert_eq!((cancelled.status, &cancelled.body), (200, &json!({"object": "email", "id": id})));
    assert_eq!(get(&app, &path, key.text()).await.body["last_event"], "canceled");
    app.stop().await;
}

#[tokio::test]
async fn refusals_are_flat_and_have_names_that_its_clients_know() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let good =
        json!({"from": "a@example.com", "to": "d@example.org", "subject": "hi", "text": "t"});
    let with = |member: &str, value: Value| {
        let mut mail = good.clone();
        mail[member] = value;
        mail
    };
    for (mail, status, name) in [
        (json!({}), 422, "missing_required_field"),
        (with("from", json!("nobody")), 422, "invalid_from_address"),
        (
            with("attachments", json!([{"filename": "a.exe", "content": ""}])),
            422,
            "invalid_attachment",
        ),
        (with("to", json!("nobody")), 422, "validation_error"),
        (with("tags", json!([{"name": "a b", "value": "c"}])), 422, "validation_error"),
        (with("template", json!({"id": "x"})), 404, "not_found"),
        (with("scheduled_at", json!("some day")), 422, "validation_error"),
        (with("scheduled_at", json!("in 99 weeks")), 422, "validation_error"),
        (json!("x"), 400, "validation_error"),
    ] {
        let reply = post(&app, "/emails", key.text(), &mail).await;
        assert_eq!((reply.status, &reply.body["name"]), (status, &json!(name)), "{}", reply.body);
        assert_eq!(reply.body["statusCode"], status);
        assert!(reply.body["message"].is_string());
    }
    let named = asked(&app, "/emails", key.text(), &good).header("idempotency-key", "");
    assert_eq!(app.ask(named).await.body["name"], "invalid_idempotency_key");

    let get = |path: &str| app.request(Method::GET, path).bearer_auth(key.text());
    for (request, status, name) in [
        (get("/emails/nothing"), 404, "not_found"),
        (get("/broadcasts"), 404, "not_found"),
        (app.request(Method::DELETE, "/emails").bearer_auth(key.text()), 405, "method_not_allowed"),
        (app.request(Method::POST, "/emails").json(&good), 401, "missing_api_key"),
        (
            app.request(Method::POST, "/emails").bearer_auth("re_123").json(&good),
            403,
            "invalid_api_key",
        ),
        (get("/emails?before=x"), 422, "validation_error"),
    ] {
        let reply = app.ask(request).await;
        assert_eq!((reply.status, &reply.body["name"]), (status, &json!(name)), "{}", reply.body);
        assert_eq!(reply.header("content-type"), "application/json");
    }
    assert_eq!(app.mails_stored().await, 0);
    app.stop().await;
}

#[tokio::test]
async fn limits_are_told_in_the_headers_that_its_clients_read() {
    let app = Setup::default().limits(1, 50).standing_clock().start().await;
    let key = app.full_key().await;
    let good =
        json!({"from": "a@example.com", "to": "d@example.org", "subject": "hi", "text": "t"});
    let first = post(&app, "/emails", key.text(), &good).await;
    assert_eq!((first.status, first.number("ratelimit-limit")), (200, 1));
    let second = post(&app, "/emails", key.text(), &good).await;
    assert_eq!((second.status, &second.body["name"]), (429, &json!("rate_limit_exceeded")));
    assert_eq!(second.number("ratelimit-remaining"), 0);
    assert_eq!(second.number("ratelimit-reset"), second.number("retry-after"));
    app.stop().await;
}
