//! What can be read of mails, and by whom.

use std::collections::BTreeSet;

use mail_parser::MessageParser;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, TestKey};
use crate::smtp_server::SmtpServer;
use crate::{letter, letter_with};

/// The ids on one page, and the cursor to the next.
async fn page(app: &TestApp, key: &TestKey, query: &str) -> (Vec<String>, Option<String>) {
    let reply = app.get(&format!("/v1/mails?{query}"), key).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    let mails = reply.body["data"]["mails"].as_array().unwrap();
    let ids = mails.iter().map(|mail| mail["id"].as_str().unwrap().to_owned()).collect();
    (ids, reply.body["data"]["nextCursor"].as_str().map(ToOwned::to_owned))
}

#[tokio::test]
async fn a_list_is_read_page_by_page_with_no_gap_and_nothing_twice_while_mail_comes_in() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mut sent = Vec::new();
    for _ in 0..45 {
        sent.push(app.accepted(&key, letter()).await);
    }
    sent.reverse();

    let (mut read, mut cursor) = page(&app, &key, "limit=10").await;
    while let Some(next) = cursor {
        app.accepted(&key, letter()).await;
        let (more, following) = page(&app, &key, &format!("limit=10&cursor={next}")).await;
        assert!(more.len() == 10 || following.is_none());
        read.extend(more);
        cursor = following;
    }
    assert_eq!(read, sent);

    assert_eq!(page(&app, &key, "").await.0.len(), 20);
    let exactly_all = page(&app, &key, "limit=49").await;
    assert_eq!((exactly_all.0.len(), exactly_all.1), (49, None));
    app.stop().await;
}

#[tokio::test]
async fn a_list_can_be_narrowed() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let plain = app.accepted(&key, letter()).await;
    let test = app.accepted(&key, letter_with(json!({"test": true}))).await;
    let other = app
        .accepted(&key, letter_with(json!({"to": "Bob@example.org", "from": "News@example.com"})))
        .await;
    let bounced =
        app.accepted(&key, letter_with(json!({"to": "bounced@example.org", "test": true}))).await;
    for id in [&plain, &test, &other] {
        app.mail_in(&key, id, "captured").await;
    }
    app.mail_in(&key, &bounced, "bounced").await;

    for (query, expected) in [
        ("status=bounced", vec![&bounced]),
        ("status=captured", vec![&plain, &test, &other]),
        ("to=bob@EXAMPLE.org", vec![&other]),
        ("from=news@example.com", vec![&other]),
        ("from=NEWS@example.com", vec![&other]),
        ("q=News@Example.COM", vec![&other]),
        ("test=true", vec![&test, &bounced]),
        ("test=false&status=captured&to=ada@example.org", vec![&plain]),
        ("status=held", vec![]),
        ("unknown=1&limit=100", vec![&plain, &test, &other, &bounced]),
    ] {
        let found: BTreeSet<_> = page(&app, &key, query).await.0.into_iter().collect();
        assert_eq!(found, expected.into_iter().cloned().collect(), "{query}");
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=all", "limit"),
        ("cursor=yesterday", "cursor"),
        ("status=lost", "status"),
        ("to=nobody", "to"),
        ("from=%00", "from"),
        ("test=maybe", "test"),
    ] {
        let reply = app.get(&format!("/v1/mails?{query}"), &key).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), [field], "{query}");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_mail_of_another_project_is_not_there() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let stranger = app.key_of(app.another_project().await).await;
    let id = app.accepted(&key, letter()).await;
    app.mail_in(&key, &id, "captured").await;

    for path in ["", "/status", "/captured/0"] {
        let path = format!("/v1/mails/{id}{path}");
        assert_eq!(app.get(&path, &key).await.status, 200);
        let theirs = app.get(&path, &stranger).await;
        theirs.assert_refused(404, "NOT_FOUND");
        // Not a word more than about a mail that never was.
        let nobodys = app.get(&path.replace(&id, &uuid::Uuid::now_v7().to_string()), &key).await;
        assert_eq!(theirs.body["error"], nobodys.body["error"]);
    }
    assert_eq!(page(&app, &stranger, "").await.0, [""; 0]);
    let (after_mine, _) = page(&app, &stranger, &format!("cursor={id}")).await;
    assert_eq!(after_mine, [""; 0]);
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_id_names_no_mail() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for id in ["698afb75ff4bc5466e3a797a", "1", "%00", "%ff", "..%2f..", "'--"] {
        app.get(&format!("/v1/mails/{id}"), &key).await.assert_refused(404, "NOT_FOUND");
        app.get(&format!("/v1/mails/{id}/status"), &key).await.assert_refused(404, "NOT_FOUND");
    }
    let id = app.accepted(&key, letter()).await;
    for position in ["1", "-1", "32768", "x"] {
        let reply = app.get(&format!("/v1/mails/{id}/captured/{position}"), &key).await;
        reply.assert_refused(404, "NOT_FOUND");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_status_has_the_shape_of_the_upstream_api() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let named = json!({"to": {"email": "ada@example.org", "name": "Ada"}});
    let id = app.accepted(&key, letter_with(named)).await;
    app.mail_in(&key, &id, "sent").await;
    let reply = app.get(&format!("/v1/mails/{id}/status"), &key).await;
    assert_eq!(reply.body["data"]["projectId"], app.project.to_string());
    insta::assert_json_snapshot!(
        reply.body,
        { ".data.id" => "[id]", ".data.projectId" => "[id]", ".data.sentAt" => "[time]" },
        @r#"
    {
      "data": {
        "batchId": null,
        "bouncedAt": null,
        "clickedAt": null,
        "deliveredAt": null,
        "id": "[id]",
        "metadata": {},
        "openedAt": null,
        "priority": null,
        "projectId": "[id]",
        "recipient": {
          "email": "ada@example.org",
          "name": "Ada"
        },
        "scheduledAt": null,
        "sender": {
          "email": "shop@example.com",
          "name": null
        },
        "sentAt": "[time]",
        "status": "sent",
        "subject": "Your receipt",
        "tags": [],
        "templateId": null,
        "templateVersion": null,
        "unsubscribeGroupId": null
      },
      "success": true
    }
    "#
    );
    let sent_at = reply.body["data"]["sentAt"].as_str().unwrap();
    assert!(sent_at.len() == 24 && sent_at.ends_with('Z'), "{sent_at}");
    app.stop().await;
}

#[tokio::test]
async fn a_mail_tells_all_that_is_known_of_it() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mail = json!({
        "cc": [{"email": "bob@example.org", "name": "Bob"}], "bcc": ["dan@example.org"], "html": "<p>Hi</p>",
        "attachments": [{"fileName": "a.txt", "content": "aGk="}], "replyTo": "help@example.com",
    });
    let id = app.accepted(&key, letter_with(mail)).await;
    let mail = app.mail_in(&key, &id, "captured").await;

    assert_eq!(mail["from"], json!({"email": "shop@example.com", "name": null}));
    assert_eq!(mail["cc"], json!([{"email": "bob@example.org", "name": "Bob"}]));
    assert_eq!(mail["bcc"], json!([{"email": "dan@example.org", "name": null}]));
    assert_eq!(mail["replyTo"]["email"], "help@example.com");
    assert_eq!((&mail["html"], &mail["text"]), (&json!("<p>Hi</p>"), &json!("Thank you!")));
    let file = json!({"fileName": "a.txt", "contentType": "text/plain; charset=utf-8", "size": 2});
    assert_eq!(mail["attachments"], json!([file]));
    let recipients = ["ada@example.org", "bob@example.org", "dan@example.org"];
    for (delivery, recipient) in mail["deliveries"].as_array().unwrap().iter().zip(recipients) {
        assert_eq!(delivery["recipient"], recipient);
        assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("captured"), &json!(1)));
        assert_eq!(delivery["nextAttemptAt"], Value::Null);
    }
    assert_eq!(mail["events"].as_array().unwrap().len(), 4);
    app.stop().await;
}

#[tokio::test]
async fn a_captured_message_is_the_one_that_would_have_been_sent() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = app.accepted(&key, letter_with(json!({"bcc": ["dan@example.org"]}))).await;
    app.mail_in(&key, &id, "captured").await;
    for position in 0..2 {
        let reply = app.get(&format!("/v1/mails/{id}/captured/{position}"), &key).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, "message/rfc822"));
        let message = MessageParser::default().parse(&reply.bytes[..]).unwrap();
        assert_eq!(message.subject(), Some("Your receipt"));
        assert_eq!(message.message_id(), Some(format!("{id}@example.com").as_str()));
        assert!(!String::from_utf8_lossy(&reply.bytes).contains("dan@"));
    }
    let head = app.request(Method::HEAD, &format!("/v1/mails/{id}")).bearer_auth(key.text());
    let reply = app.ask(head).await;
    assert_eq!((reply.status, reply.bytes.len()), (200, 0));
    app.stop().await;
}
