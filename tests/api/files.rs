//! Files that a mail carries: within its HTML, beside it, and fetched from where a URL says.

use base64::prelude::*;
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};
use serde_json::{Value, json};

use crate::app::{Setup, TestApp};
use crate::letter_with;
use crate::smtp_server::SmtpServer;
use crate::webhook_endpoint::{Behavior, WebhookEndpoint};

fn file(members: Value) -> Value {
    let mut file = json!({"fileName": "a.png", "content": BASE64_STANDARD.encode("picture")});
    let Value::Object(members) = members else { panic!("members are an object") };
    let file_members = file.as_object_mut().unwrap();
    file_members.extend(members);
    file_members.retain(|_, value| !value.is_null());
    file
}

fn kind(part: &MessagePart<'_>) -> String {
    let kind = part.content_type().unwrap();
    format!("{}/{}", kind.ctype(), kind.subtype().unwrap())
}

/// The parts of a message as they are nested.
fn structure(message: &Message<'_>, part: u32) -> String {
    let part = &message.parts[part as usize];
    let PartType::Multipart(within) = &part.body else { return kind(part) };
    let within: Vec<String> = within.iter().map(|part| structure(message, *part)).collect();
    format!("{}({})", kind(part), within.join(", "))
}

#[tokio::test]
async fn a_mail_arrives_with_pictures_within_its_html_and_files_beside_it() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let picture: Vec<u8> = (0..5000_u32).map(|n| (n % 251) as u8).collect();
    let html = format!("<img src=\"cid:logo@shop\"><img src=\"cid:gone\">{}", "é".repeat(3000));
    let mail = letter_with(json!({
        "html": html, "text": "With a picture",
        "attachments": [
            file(json!({"fileName": "terms.pdf", "content": BASE64_STANDARD.encode("terms")})),
            file(json!({"fileName": "Bücher.png", "content": BASE64_STANDARD.encode(&picture), "contentId": "<logo@shop>"})),
            file(json!({"contentId": "beside", "disposition": "attachment"})),
            file(json!({"fileName": "b.png", "disposition": "inline"})),
        ],
    }));
    let id = app.accepted(&key, mail).await;
    app.mail_in(&key, &id, "sent").await;
    let received = server.wait_for(1).await.remove(0);
    let message = MessageParser::default().parse(&received.data).unwrap();
    assert_eq!(
        structure(&message, 0),
        "multipart/mixed(multipart/related(multipart/alternative(text/plain, text/html), image/png), \
         application/pdf, image/png, image/png)"
    );
    assert!(received.data.split(|byte| *byte == b'\n').all(|line| line.len() <= 999));
    let related = message.parts.iter().find(|part| kind(part) == "multipart/related").unwrap();
    let root = related.content_type().unwrap().attribute("type");
    assert_eq!(root, Some("multipart/alternative"));
    let logo = message.parts.iter().find(|part| part.content_id() == Some("logo@shop")).unwrap();
    assert_eq!(logo.contents(), picture);
    assert_eq!(logo.attachment_name(), Some("Bücher.png"));
    let shown: Vec<&str> =
        message.parts.iter().filter_map(|part| Some(part.content_disposition()?.ctype())).collect();
    assert_eq!(shown, ["inline", "attachment", "attachment", "inline"]);

    // A mail without HTML has nothing that the picture could be within.
    let plain = letter_with(json!({"attachments": [file(json!({"contentId": "logo"}))]}));
    app.accepted(&key, plain).await;
    let received = server.wait_for(2).await.remove(1);
    let message = MessageParser::default().parse(&received.data).unwrap();
    assert_eq!(structure(&message, 0), "multipart/mixed(text/plain, image/png)");
    app.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_by_name() {
    let app = Setup::default().limits(1000, 10_000).start().await;
    let key = app.full_key().await;
    let url = "https://example.com/a.png";
    for (files, fields) in [
        (json!([file(json!({"contentId": "a b"}))]), vec!["attachments[0].contentId"]),
        (json!([file(json!({"contentId": "a>\r\nBcc: x"}))]), vec!["attachments[0].contentId"]),
        (
            json!([file(json!({"contentId": "a"})), file(json!({"contentId": "<a>"}))]),
            vec!["attachments[1].contentId"],
        ),
        (json!([file(json!({"disposition": "form-data"}))]), vec!["attachments[0].disposition"]),
        (json!([file(json!({"content": null}))]), vec!["attachments[0]"]),
        (json!([file(json!({"fileUrl": url}))]), vec!["attachments[0]"]),
        (
            json!([file(json!({"content": null, "fileUrl": "file:///etc/passwd"}))]),
            vec!["attachments[0].fileUrl"],
        ),
        (
            json!([file(json!({"content": null, "fileUrl": "https://a:b@example.com"}))]),
            vec!["attachments[0].fileUrl"],
        ),
        (
            json!([file(json!({"content": null, "fileUrl": url, "fileName": "a.exe"}))]),
            vec!["attachments[0].fileName"],
        ),
    ] {
        let refused = app.send(&key, letter_with(json!({"attachments": files}))).await;
        refused.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(refused.fields(), fields);
    }
    assert_eq!(app.mails_stored().await, 0);
    app.stop().await;
}

fn fetched(urls: &[&str]) -> Value {
    let files: Vec<Value> =
        urls.iter().map(|url| file(json!({"content": null, "fileUrl": url}))).collect();
    letter_with(json!({"attachments": files}))
}

#[tokio::test]
async fn a_file_that_is_named_by_its_url_is_fetched_once_before_the_answer() {
    let server = SmtpServer::start().await;
    let shelf = WebhookEndpoint::behaving(Behavior::Answer(200, "the file".into())).await;
    let app = Setup::default().telling_this_machine().delivering_to(&server).start().await;
    let key = app.full_key().await;
    let ask = |mail: Value| {
        let asked = app.request(reqwest::Method::POST, "/v1/mails/send").bearer_auth(key.text());
        app.ask(asked.header("idempotency-key", "one").json(&mail))
    };
    let mail = fetched(&[&shelf.url()]);
    let first = ask(mail.clone()).await;
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(shelf.received().len(), 1);
    assert_eq!(shelf.received()[0].line, "GET /hook HTTP/1.1");
    let received = server.wait_for(1).await.remove(0);
    let message = MessageParser::default().parse(&received.data).unwrap();
    assert_eq!(message.attachment(0).unwrap().contents(), b"the file");

    // The same request again is answered, whether or not the file is still there.
    shelf.behave(Behavior::Answer(404, String::new()));
    let again = ask(mail.clone()).await;
    assert_eq!(again.body["data"], first.body["data"]);
    let refused = app.send(&key, mail).await;
    refused.assert_refused(400, "VALIDATION_FAILED");

    shelf.behave(Behavior::Answer(200, "the file".into()));
    let bulk = json!({
        "recipients": [{"email": "ada@example.org"}, {"email": "bob@example.org"}],
        "from": {"email": "shop@example.com"}, "subject": "Hello", "text": "Hello {{email}}", "dynamicData": {},
        "attachments": fetched(&[&shelf.url()])["attachments"],
    });
    let before = shelf.received().len();
    let reply = app.post("/v1/mails/bulk", &key, bulk).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(shelf.received().len(), before + 1, "once for all");
    for mail in &server.wait_for(3).await[1..] {
        let message = MessageParser::default().parse(&mail.data).unwrap();
        assert_eq!(message.attachment(0).unwrap().contents(), b"the file");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_fetched_stores_nothing_and_says_why() {
    let shelf = WebhookEndpoint::start().await;
    let app = Setup::default().limits(1000, 10_000).telling_this_machine().start().await;
    let key = app.full_key().await;
    for (behavior, reason) in [
        (Behavior::Answer(404, String::new()), "answers with the status 404"),
        (Behavior::Answer(204, String::new()), "answers with the status 204"),
        (Behavior::Redirect("http://169.254.169.254/".into()), "redirect (302)"),
        (Behavior::Drop, "could not be fetched"),
        (Behavior::Babble, "could not be fetched"),
        (Behavior::EndlessHead, "could not be fetched"),
        (Behavior::EndlessBody, "is too large"),
        (Behavior::Answer(200, "x".repeat(32 * 1024 * 1024)), "is too large"),
    ] {
        shelf.behave(behavior.clone());
        let refused = app.send(&key, fetched(&[&shelf.url()])).await;
        refused.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(refused.fields(), ["attachments[0].fileUrl"]);
        assert!(refused.body.to_string().contains(reason), "{behavior:?}: {}", refused.body);
    }
    let count = shelf.received().len();
    assert_eq!(count, 8, "a redirect is not followed");
    shelf.behave(Behavior::Answer(200, "x".repeat(16 * 1024 * 1024)));
    let url = shelf.url();
    let refused = app.send(&key, fetched(&[&url, &url])).await;
    // Which of them finds no room, and whether both do, depends on who comes when.
    assert!(!refused.fields().is_empty(), "together they are too large: {}", refused.body);
    assert_eq!(app.mails_stored().await, 0);
    app.stop().await;
}

#[tokio::test]
async fn nothing_inside_is_reached_by_the_url_of_a_file() {
    let shelf = WebhookEndpoint::start().await;
    let app = Setup::default().limits(1000, 10_000).start().await;
    let key = app.full_key().await;
    let port = shelf.address.port();
    for host in
        ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "169.254.169.254", "0.0.0.0"]
    {
        let refused = app.send(&key, fetched(&[&format!("http://{host}:{port}/")])).await;
        refused.assert_refused(400, "VALIDATION_FAILED");
        let message = refused.body["error"]["details"][0]["message"].as_str().unwrap();
        assert!(message.contains("private or reserved address"), "{message}");
    }
    assert!(shelf.received().is_empty());
    app.stop().await;
}

#[tokio::test]
async fn the_slow_files_of_one_project_keep_those_of_another_waiting_for_nothing() {
    let (slow, quick) = (
        WebhookEndpoint::behaving(Behavior::Hang).await,
        WebhookEndpoint::behaving(Behavior::Answer(200, "the file".into())).await,
    );
    let app = Setup::default().limits(1000, 10_000).telling_this_machine().start().await;
    let key = app.full_key().await;
    let other = app.key_of(app.another_project().await).await;
    let url = slow.url();
    let ask = || {
        let asked = app.request(reqwest::Method::POST, "/v1/mails/send").bearer_auth(key.text());
        tokio::spawn(asked.json(&fetched(&[&url, &url, &url, &url])).send())
    };
    let hanging: Vec<_> = (0..20).map(|_| ask()).collect();
    let are_under_way = async || (slow.received().len() >= 8).then_some(());
    crate::app::eventually(are_under_way).await.expect("eight files are asked for");
    let sent = app.send(&other, fetched(&[&quick.url()])).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    assert_eq!(slow.received().len(), 8, "a project has eight places");
    assert!(hanging.iter().all(|request| !request.is_finished()), "none was refused for room");
    for request in hanging {
        request.abort();
    }
    app.stop().await;
}
