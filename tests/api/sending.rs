//! What arrives: every field of a request, at the relay, read by a parser that is not ours.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mail_parser::{Address, HeaderValue, Message, MessageParser, MimeHeaders};
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::letter_with;
use crate::smtp_server::{ReceivedMail, SmtpServer};

fn parse(mail: &ReceivedMail) -> Message<'_> {
    MessageParser::default().parse(&mail.data).unwrap()
}

/// `name <address>` of everyone in a header.
fn people(header: Option<&Address>) -> Vec<String> {
    let people = header.map(|header| header.iter().collect::<Vec<_>>()).unwrap_or_default();
    let written = |person: &&mail_parser::Addr| {
        format!("{} <{}>", person.name().unwrap_or_default(), person.address().unwrap())
    };
    people.iter().map(written).collect()
}

fn text(part: Option<std::borrow::Cow<'_, str>>) -> String {
    part.unwrap().trim_end().to_owned()
}

/// Sends one mail to one recipient, and shows it as it arrived.
async fn arrived(members: Value) -> ReceivedMail {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    app.accepted(&key, letter_with(members)).await;
    let mail = server.wait_for(1).await.remove(0);
    app.stop().await;
    mail
}

#[tokio::test]
async fn every_field_arrives_and_blind_recipients_are_seen_by_nobody() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let all_bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mail = json!({
        "from": {"email": "shop@example.com", "name": "Käthe's \"Shop\", Ltd."},
        "to": {"email": "ada@example.org", "name": "Ada Lovelace"},
        "cc": [{"email": "bob@example.org", "name": "Bob"}, {"email": "carol@example.org"}],
        "bcc": [{"email": "dan@example.org", "name": "Dan"}],
        "replyTo": {"email": "support@example.com", "name": "Support"},
        "subject": "Ihre Bestellung Nr. 7 — danke für alles",
        "html": "<p>Grüße, <b>Ada</b></p>\n<p>.</p>",
        "text": "Grüße, Ada\n.\n..\nFrom here",
        "headers": {"X-Entity-Ref-ID": "order-7", "In-Reply-To": "<a@b.example>"},
        "attachments": [
            {"fileName": "all bytes.bin", "content": BASE64_STANDARD.encode(&all_bytes)},
            {"filename": "Übersicht.csv", "content": "YTtiCg==", "contentType": "text/csv",
             "description": "What you bought"},
        ],
    });
    let id = app.accepted(&key, mail).await;
    let received = server.wait_for(4).await;

    let mut envelopes: Vec<_> = received.iter().map(|mail| mail.to.clone()).collect();
    envelopes.sort();
    let everyone = ["ada@example.org", "bob@example.org", "carol@example.org", "dan@example.org"];
    assert_eq!(envelopes, everyone.map(|address| vec![address.to_owned()]));
    assert!(
        received
            .iter()
            .all(|mail| mail.data == received[0].data && mail.from == "shop@example.com")
    );

    let message = parse(&received[0]);
    assert_eq!(people(message.from()), ["Käthe's \"Shop\", Ltd. <shop@example.com>"]);
    assert_eq!(people(message.to()), ["Ada Lovelace <ada@example.org>"]);
    assert_eq!(people(message.cc()), ["Bob <bob@example.org>", " <carol@example.org>"]);
    assert_eq!(people(message.reply_to()), ["Support <support@example.com>"]);
    assert!(message.bcc().is_none());
    assert!(!String::from_utf8_lossy(&received[0].data).contains("dan@"));
    assert_eq!(message.subject(), Some("Ihre Bestellung Nr. 7 — danke für alles"));
    assert_eq!(message.message_id(), Some(format!("{id}@example.com").as_str()));
    assert!(message.date().is_some());
    assert_eq!(text(message.body_text(0)), "Grüße, Ada\r\n.\r\n..\r\nFrom here");
    assert_eq!(text(message.body_html(0)), "<p>Grüße, <b>Ada</b></p>\r\n<p>.</p>");
    let entity = message.header("X-Entity-Ref-ID").and_then(HeaderValue::as_text);
    assert_eq!(entity, Some("order-7"));
    assert_eq!(message.in_reply_to().as_text(), Some("a@b.example"));

    let files: Vec<_> = message.attachments().collect();
    assert_eq!(files.len(), 2);
    assert_eq!(files[0].attachment_name(), Some("all bytes.bin"));
    assert_eq!(files[0].contents(), all_bytes);
    assert_eq!(files[1].attachment_name(), Some("Übersicht.csv"));
    assert_eq!(files[1].contents(), b"a;b\n");
    assert_eq!(files[1].content_type().unwrap().subtype(), Some("csv"));
    assert_eq!(files[1].content_description(), Some("What you bought"));
    assert!(received[0].data.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));

    let mail = app.mail_in(&key, &id, "sent").await;
    assert_eq!(mail["deliveries"].as_array().unwrap().len(), 4);
    app.stop().await;
}

#[tokio::test]
async fn recipients_are_read_as_an_object_a_list_or_text() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    for (to, expected) in [
        (json!({"email": "a@example.org", "name": "A"}), vec!["A <a@example.org>"]),
        (json!([{"email": "a@example.org"}]), vec![" <a@example.org>"]),
        (
            json!([{"email": "a@example.org"}, "B <b@example.org>"]),
            vec![" <a@example.org>", "B <b@example.org>"],
        ),
        (json!("a@example.org"), vec![" <a@example.org>"]),
        (json!("\"Last, First\" <a@example.org>"), vec!["Last, First <a@example.org>"]),
        (
            json!(r#""Ada \"the first\"" <a@example.org>"#),
            vec![r#"Ada "the first" <a@example.org>"#],
        ),
    ] {
        let before = server.received().len();
        app.accepted(&key, letter_with(json!({"to": to}))).await;
        let received = server.wait_for(before + expected.len()).await;
        for mail in &received[before..] {
            assert_eq!(people(parse(mail).to()), expected, "{to}");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn members_that_nobody_knows_are_ignored() {
    let mail = arrived(json!({
        "categories": ["receipts"], "campaignName": "May", "unsubscribe": {"url": "x"}, "__proto__": {"a": 1},
        "trackingClick": false, "trackingOpen": false, "cc": null, "bcc": [], "replyTo": null, "headers": {},
        "attachments": [], "dynamicData": null, "templateId": null, "scheduledAt": null, "onAmbiguous": null,
    }))
    .await;
    assert_eq!(parse(&mail).subject(), Some("Your receipt"));
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let reply = app
        .send(
            &key,
            json!({
                "from": {"email": "shop"}, "to": [{"email": "ada@example.org"}, {"email": "@"}],
                "cc": [{"email": "bob@example.org", "name": "B\nBcc: x@example.org"}],
                "headers": {"Bcc": "x@example.org"}, "attachments": [{"fileName": "a.exe", "content": "aGk="}],
            }),
        )
        .await;
    reply.assert_refused(400, "VALIDATION_FAILED");
    let expected = [
        "to[1].email",
        "cc[0].name",
        "from.email",
        "subject",
        "html",
        "headers.Bcc",
        "attachments[0].fileName",
    ];
    assert_eq!(reply.fields(), expected);
    let nothing = app.send(&key, json!({})).await;
    let mut fields = nothing.fields();
    fields.sort_unstable();
    assert_eq!(fields, ["from", "html", "subject", "to"]);
    app.stop().await;
}

#[tokio::test]
async fn variables_are_filled_in_and_escaped_in_html_only() {
    let mail = arrived(json!({
        "subject": "Order {{order.id}} for {{name}}",
        "html": "<p>{{name}}{{#each order.items}}, {{this}}{{/each}} ({{email}})</p>",
        "text": "{{name}}",
        "dynamicData": {"name": "Ada <3 & Co.", "order": {"id": "#7", "items": ["tea", "<b>"]}},
    }))
    .await;
    let message = parse(&mail);
    assert_eq!(message.subject(), Some("Order #7 for Ada <3 & Co."));
    let html = "<p>Ada &lt;3 &amp; Co., tea, &lt;b&gt; (ada@example.org)</p>";
    assert_eq!(text(message.body_html(0)), html);
    assert_eq!(text(message.body_text(0)), "Ada <3 & Co.");
}

#[tokio::test]
async fn without_values_braces_are_only_braces() {
    let mail = arrived(json!({"subject": "{{name}}", "text": "{{#if broken"})).await;
    assert_eq!(parse(&mail).subject(), Some("{{name}}"));
    assert_eq!(text(parse(&mail).body_text(0)), "{{#if broken");
}

#[tokio::test]
async fn variables_without_a_value_are_left_empty_and_told() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mail =
        json!({"subject": "Hi {{name}}!", "html": "{{order.id}}{{name}}", "dynamicData": {}});
    let id = app.accepted(&key, letter_with(mail)).await;
    let mail = app.mail(&key, &id).await;
    assert_eq!(mail["missingVariables"], json!(["name", "order.id"]));
    assert_eq!(mail["subject"], "Hi !");
    app.stop().await;
}

#[tokio::test]
async fn text_is_made_of_html_where_there_is_none() {
    let mail = arrived(json!({
        "text": null,
        "html": "<style>p { color: red }</style><h1>Hello</h1><p>See <a href=\"https://example.com/7\">your order</a>.</p>",
    }))
    .await;
    let made = text(parse(&mail).body_text(0));
    assert!(made.contains("Hello") && made.contains("https://example.com/7"), "{made}");
    assert!(!made.contains('<') && !made.contains("color"), "{made}");
}

#[tokio::test]
async fn html_of_images_only_gets_no_empty_text_part() {
    let html = "<p><img src=\"https://example.com/sale.png\"></p>";
    let mail = arrived(json!({"text": null, "html": html})).await;
    let message = parse(&mail);
    assert_eq!(message.content_type().and_then(|kind| kind.subtype()), Some("html"));
    assert_eq!(text(message.body_html(0)), html);
}

#[tokio::test]
async fn domains_outside_ascii_go_over_the_wire_in_their_ascii_form() {
    let mail = arrived(json!({"to": {"email": "ada@bücher.example"}})).await;
    assert_eq!(mail.to, ["ada@xn--bcher-kva.example"]);
    assert!(!mail.parameters.contains("SMTPUTF8"));
}

#[tokio::test]
async fn addresses_outside_ascii_are_sent_as_such() {
    let mail = arrived(json!({"to": {"email": "grüße@bücher.example"}})).await;
    assert_eq!(mail.to, ["grüße@xn--bcher-kva.example"]);
    assert!(mail.parameters.contains("SMTPUTF8"));
}
