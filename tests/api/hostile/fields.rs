//! Well-formed JSON with something in it that does not belong there.

use serde_json::{Value, json};

use super::{Target, spoiled};
use crate::letter_with;

/// Sends each line's mail and expects it to be refused for that field, and for no other.
pub(super) async fn all_are_refused(cases: impl IntoIterator<Item = (Value, String)>) {
    let target = Target::start().await;
    for (mail, field) in cases {
        let reply = target.app.send(&target.key, mail.clone()).await;
        let shown: String = mail.to_string().chars().take(300).collect();
        assert_eq!(reply.status, 400, "{field}: {shown} {}", reply.body);
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), [field], "{shown} {}", reply.body);
    }
    target.assert_unharmed().await;
}

#[tokio::test]
async fn a_value_of_another_type_is_refused_in_every_field() {
    let target = Target::start().await;
    for (field, fitting) in [
        ("from", ""),
        ("to", ""),
        ("cc", "list"),
        ("bcc", "list"),
        ("replyTo", ""),
        ("subject", "text"),
        ("html", "text"),
        ("text", "text"),
        ("dynamicData", "object"),
        ("headers", "object"),
        ("attachments", "list"),
        ("onAmbiguous", ""),
        ("test", "bool"),
        ("bypassSuppressions", "bool"),
        ("templateId", "text"),
        ("unsubscribeGroupId", ""),
        ("scheduledAt", ""),
        ("trackingClick", "bool"),
        ("trackingOpen", "bool"),
    ] {
        for (kind, value) in [
            ("number", json!(7)),
            ("bool", json!(true)),
            ("text", json!("x")),
            ("list", json!([])),
            ("object", json!({})),
            ("list", json!([null])),
            ("list", json!([[]])),
            ("number", json!(1e300)),
        ] {
            // What programs in PHP write where there is nothing.
            let may_be_empty = ["dynamicData", "headers", "replyTo"].contains(&field);
            if may_be_empty && value == json!([]) {
                continue;
            }
            if kind == fitting && value != json!([null]) && value != json!([[]]) {
                continue;
            }
            let reply = target.app.send(&target.key, letter_with(json!({field: value}))).await;
            reply.assert_refused(400, "VALIDATION_FAILED");
            let named = reply.fields();
            assert!(named.iter().all(|name| name.starts_with(field)), "{field} {value}: {named:?}");
            assert!(!named.is_empty(), "{field} {value}: {}", reply.body);
        }
    }
    target.assert_unharmed().await;
}

#[tokio::test]
async fn no_field_of_one_line_takes_a_second_one() {
    let poisons = [
        "a\r\nBcc: eve@evil.example",
        "a\nb",
        "a\rb",
        "a\0b",
        "\r\n\r\n<script>",
        "a\u{85}b",
        "a\u{7f}b",
    ];
    let places = [
        ("/subject", "subject"),
        ("/from/name", "from.name"),
        ("/from/email", "from.email"),
        ("/to/name", "to.name"),
        ("/to/email", "to.email"),
        ("/cc/0/name", "cc[0].name"),
        ("/cc/0/email", "cc[0].email"),
        ("/bcc/0/name", "bcc[0].name"),
        ("/bcc/0/email", "bcc[0].email"),
        ("/replyTo/name", "replyTo.name"),
        ("/replyTo/email", "replyTo.email"),
        ("/headers/X-Order", "headers.X-Order"),
        ("/attachments/0/fileName", "attachments[0].fileName"),
        ("/attachments/0/contentType", "attachments[0].contentType"),
        ("/attachments/0/description", "attachments[0].description"),
        ("/onAmbiguous", "onAmbiguous"),
    ];
    let lines = places.into_iter().flat_map(|(path, field)| {
        poisons.map(|poison| (spoiled(path, json!(poison)), field.to_owned()))
    });
    all_are_refused(lines).await;
}

#[tokio::test]
async fn what_is_no_address_to_deliver_to_is_refused() {
    let long = format!("{}@{}com", "a".repeat(60), "abcdefghij.".repeat(18));
    let wrong = [
        "",
        " ",
        "@",
        "ada",
        "a@b",
        "a@[127.0.0.1]",
        "a@[IPv6:::1]",
        "a@127.0.0.1",
        "a@localhost",
        "\"a b\"@example.com",
        "\"x@gmail.com y\"@internal.example",
        "a@example.com, eve@evil.example",
        "a@example.com;eve@evil.example",
        "<a@example.com>",
        "Eve <eve@evil.example> <a@example.com>",
        "a@example.com eve@evil.example",
        "a@exa mple.com",
        "a@example.com>\r\nRCPT TO:<eve@evil.example",
        "a..b@example.com",
        ".a@example.com",
        "a@-x.example",
        "a@x_y.example",
        "a@example.com\u{202e}",
        "a\u{a0}b@example.com",
        "a@example.",
        "a@.example",
        "a@@example.com",
        "a@example.123",
        &long,
    ];
    let lines = wrong.iter().flat_map(|text| {
        [
            ("/to", "to.email"),
            ("/cc/0", "cc[0].email"),
            ("/from", "from.email"),
            ("/replyTo", "replyTo.email"),
        ]
        .map(|(path, field)| (spoiled(path, json!({"email": text})), field.to_owned()))
    });
    all_are_refused(lines).await;
}

#[tokio::test]
async fn headers_of_the_message_itself_cannot_be_set() {
    let reserved = [
        "From",
        "To",
        "Cc",
        "BCC",
        "Subject",
        "Date",
        "Message-ID",
        "Return-Path",
        "Sender",
        "Reply-To",
        "Received",
        "DKIM-Signature",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "X-SES-Configuration-Set",
        "X-SES-Message-Tags",
        "Resent-Bcc",
        "ARC-Seal",
        "Authentication-Results",
        "X A",
        "X:A",
        "Ünicode",
        "X-A:",
        " X-A",
        "X\u{200b}A",
    ];
    let named = |name: &str| (spoiled("/headers", json!({name: "v"})), format!("headers.{name}"));
    let mut lines: Vec<_> = reserved.into_iter().map(named).collect();
    let nameless = spoiled("/headers", json!({"": "v"}));
    let cut_off = spoiled("/headers", json!({"X-A\r\nBcc": "eve@evil.example"}));
    let long = spoiled("/headers", json!({"x".repeat(77): "v"}));
    let twice = spoiled("/headers", json!({"X-A": "1", "x-a": "2"}));
    let many = spoiled("/headers", (0..21).map(|n| (format!("X-{n}"), json!("v"))).collect());
    lines.extend([
        (nameless, "headers.".to_owned()),
        (cut_off, "headers.X-ABcc".to_owned()),
        (long, format!("headers.{}", "x".repeat(77))),
        (twice, "headers".to_owned()),
        (many, "headers".to_owned()),
        (spoiled("/headers/X-Order", json!("x".repeat(1001))), "headers.X-Order".to_owned()),
        (spoiled("/headers/X-Order", json!(["a", "b"])), "headers.X-Order".to_owned()),
        (spoiled("/headers/X-Order", json!(null)), "headers.X-Order".to_owned()),
    ]);
    all_are_refused(lines).await;
}

#[tokio::test]
async fn files_that_run_something_or_are_none_are_refused() {
    let file = |name: &str, value: Value| spoiled(&format!("/attachments/0/{name}"), value);
    let names = [
        "a.exe",
        "A.EXE",
        "a.pdf.js",
        "a.exe.",
        "a.exe ",
        ".bat",
        "a.ps1xml",
        "../a.txt",
        "a/b.txt",
        "a\\b.txt",
        ".",
        "..",
        "",
        " ",
        "a\u{202e}fdp.txt",
    ];
    let kinds = [
        "pdf",
        "multipart/mixed",
        "message/rfc822",
        "text/html; x=\r\nBcc: e",
        "a b/c",
        "text/",
        "/",
    ];
    let contents = ["a", "aGk=aGk=", "data:text/plain;base64,aGk=", "äöü", "aGk\0", "%%%%"];
    let one = json!({"fileName": "a.txt", "content": "aGk="});
    let lines = names
        .map(|name| (file("fileName", json!(name)), "attachments[0].fileName".to_owned()))
        .into_iter()
        .chain(kinds.map(|kind| {
            (file("contentType", json!(kind)), "attachments[0].contentType".to_owned())
        }))
        .chain(
            contents
                .map(|text| (file("content", json!(text)), "attachments[0].content".to_owned())),
        )
        .chain([
            (file("fileName", json!("x".repeat(256))), "attachments[0].fileName".to_owned()),
            (file("description", json!("x".repeat(501))), "attachments[0].description".to_owned()),
            (file("content", Value::Null), "attachments[0]".to_owned()),
            (file("fileName", Value::Null), "attachments[0]".to_owned()),
            (spoiled("/attachments", json!([{}])), "attachments[0]".to_owned()),
            (spoiled("/attachments", json!(vec![one; 21])), "attachments".to_owned()),
        ]);
    all_are_refused(lines).await;
}
