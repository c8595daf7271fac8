//! Bodies, headers and paths that are none.

use reqwest::Method;
use serde_json::json;

use super::{Target, full_letter};
use crate::letter;

/// Posts each body and expects this refusal.
async fn all_are_refused(status: u16, cases: impl IntoIterator<Item = (&'static str, Vec<u8>)>) {
    let target = Target::start().await;
    for (name, body) in cases {
        let request = target.app.request(Method::POST, "/v1/mails/send");
        let request =
            request.bearer_auth(target.key.text()).header("content-type", "application/json");
        let reply = target.app.ask(request.body(body)).await;
        assert_eq!(reply.status, status, "{name}: {}", reply.body);
        reply.assert_enveloped();
    }
    target.assert_unharmed().await;
}

fn with_member(member: &str) -> Vec<u8> {
    let letter = letter().to_string();
    format!("{},{member}}}", letter.strip_suffix('}').unwrap()).into_bytes()
}

fn nested(open: &str, close: &str) -> String {
    open.repeat(10_000) + &close.repeat(10_000)
}

#[tokio::test]
async fn what_is_not_one_json_object_is_refused() {
    let good = letter().to_string();
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    all_are_refused(
        400,
        [
            ("nothing", vec![]),
            ("white space", b" \r\n\t".to_vec()),
            ("null", b"null".to_vec()),
            ("a number", b"7".to_vec()),
            ("text", b"\"{}\"".to_vec()),
            ("a list", format!("[{good}]").into_bytes()),
            ("half of it", good.as_bytes()[..good.len() / 2].to_vec()),
            ("without its end", good.as_bytes()[..good.len() - 1].to_vec()),
            ("twice", good.repeat(2).into_bytes()),
            ("more behind it", format!("{good}x").into_bytes()),
            ("NUL behind it", format!("{good}\0").into_bytes()),
            ("a byte order mark", format!("\u{feff}{good}").into_bytes()),
            ("UTF-16", utf16),
            ("gzip", gzip),
            ("a form", b"to=ada@example.org&subject=hi".to_vec()),
            (
                "XML",
                b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>"
                    .to_vec(),
            ),
            ("single quotes", good.replace('"', "'").into_bytes()),
            ("a comma too many", good.replace('}', ",}").into_bytes()),
            ("a comment", format!("/* hi */{good}").into_bytes()),
            ("a name without quotes", b"{to: 1}".to_vec()),
        ],
    )
    .await;
}

#[tokio::test]
async fn members_that_are_no_json_are_refused() {
    let mut latin1 = with_member("\"html\":\"gr");
    latin1.extend(b"\xfc\xdfe\"}");
    all_are_refused(
        400,
        [
            ("Latin-1", latin1),
            ("a lone surrogate", with_member(r#""html":"\ud800""#)),
            ("an unknown escape", with_member(r#""html":"\q""#)),
            ("a bare line break", with_member("\"html\":\"a\nb\"")),
            ("a bare NUL", with_member("\"html\":\"\0\"")),
            ("NaN", with_member(r#""dynamicData":{"a":NaN}"#)),
            ("a number that is too large", with_member(r#""dynamicData":{"a":1e999}"#)),
            ("a member twice", with_member(r#""subject":"Another""#)),
            ("recipients twice", with_member(r#""to":{"email":"eve@evil.example"}"#)),
            ("a member of an address twice", {
                with_member(r#""replyTo":{"email":"a@example.org","email":"eve@evil.example"}"#)
            }),
            ("a header twice", with_member(r#""headers":{"X-A":"1","X-A":"2"}"#)),
            ("both names of a file", {
                with_member(
                    r#""attachments":[{"fileName":"a.txt","filename":"b.txt","content":""}]"#,
                )
            }),
            (
                "deep lists as data",
                with_member(&format!(r#""dynamicData":{{"a":{}}}"#, nested("[", "]"))),
            ),
            ("deep objects as data", {
                with_member(&format!(
                    r#""dynamicData":{}"#,
                    nested(r#"{"a":"#, "}").replace(":}", ":1}")
                ))
            }),
            ("deep lists of copies", with_member(&format!(r#""cc":{}"#, nested("[", "]")))),
            ("a deep template", with_member(&format!(r#""templateId":{}"#, nested("[", "]")))),
            ("deep files", with_member(&format!(r#""attachments":{}"#, nested("[", "]")))),
            ("deep without an end", with_member(&format!(r#""x":{}"#, "[".repeat(1_000_000)))),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_as_such() {
    let text = "x".repeat(60_000_000);
    all_are_refused(413, [("sixty megabytes", with_member(&format!(r#""x":"{text}""#)))]).await;
}

#[tokio::test]
async fn other_content_types_are_refused() {
    let target = Target::start().await;
    for content_type in [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application",
        "application/jsonp",
        "application/json+x",
        "text/html; application/json",
        "*/*",
    ] {
        let request =
            target.app.request(Method::POST, "/v1/mails/send").bearer_auth(target.key.text());
        let request = request.header("content-type", content_type).body(letter().to_string());
        target.app.ask(request).await.assert_refused(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let request = target.app.request(Method::POST, "/v1/mails/send").bearer_auth(target.key.text());
    let reply = target.app.ask(request.body(letter().to_string())).await;
    reply.assert_refused(415, "UNSUPPORTED_MEDIA_TYPE");
    target.assert_unharmed().await;
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_refused_in_the_envelope() {
    let target = Target::start().await;
    let long = format!("/{}", "x".repeat(20_000));
    for (method, path, status) in [
        ("GET", "/dashboard/nothing.js", 404),
        ("GET", "/v1", 404),
        ("POST", "/v1/mail/send", 404),
        ("POST", "/v9/mails/send", 404),
        ("POST", "/V1/MAILS/SEND", 404),
        ("GET", "/v1/mails/../../etc/passwd", 404),
        ("GET", "/v1/mails/%2e%2e/send", 404),
        ("GET", "/.env", 404),
        ("GET", "/%00", 404),
        ("GET", "/%ff%fe", 404),
        ("GET", "/v1/mails/%ff", 404),
        ("GET", "/v1/mails/%00/status", 404),
        ("GET", "/v1/mails/x/captured/99999999999999999999", 404),
        ("GET", &long, 404),
        ("PROPFIND", "/nowhere", 404),
        ("GET", "/v1/mails?limit=99999999999999999999", 400),
        ("GET", "/v1/mails?limit=5&limit=6", 400),
        ("GET", "/v1/mails?cursor=%ff", 400),
        ("GET", "/v1/mails?status=%00", 400),
        ("GET", "/v1/mails?to=%0d%0aBcc:x@example.org", 400),
        ("PUT", "/v1/mails/send", 405),
        ("DELETE", "/v1/mails/send", 405),
        ("PATCH", "/v1/mails/send", 405),
        ("OPTIONS", "/v1/mails/send", 405),
        ("TRACE", "/v1/mails/send", 405),
        ("PURGE", "/v1/mails/send", 405),
        ("POST", "/v1/mails", 405),
        ("DELETE", "/v1/mails", 405),
        ("OPTIONS", "/v1/mails", 405),
        ("TRACE", "/v1/mails", 405),
        ("POST", "/healthz", 405),
        ("DELETE", "/openapi.json", 405),
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = target.app.request(method.clone(), path).bearer_auth(target.key.text());
        let reply = target.app.ask(request).await;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.body);
        reply.assert_enveloped();
        assert!(status != 405 || !reply.header("allow").is_empty(), "{method} {path}");
    }
    let head = target.app.request(Method::HEAD, "/v1/mails/send").bearer_auth(target.key.text());
    let reply = target.app.ask(head).await;
    assert_eq!((reply.status, reply.bytes.len()), (405, 0));
    target.assert_unharmed().await;
}

#[tokio::test]
async fn headers_that_are_no_text_are_refused_where_they_mean_something() {
    let target = Target::start().await;
    let bytes: &[u8] = b"\xff\xfe\x80";
    for (name, status) in [
        ("idempotency-key", 400),
        ("x-project-id", 403),
        ("content-type", 415),
        ("x-request-id", 200),
        ("x-forwarded-for", 200),
    ] {
        let request =
            target.app.request(Method::POST, "/v1/mails/send").bearer_auth(target.key.text());
        let request = request.header(name, bytes);
        let request = if name == "content-type" {
            request.body(full_letter().to_string())
        } else {
            // What must not be stored here, even where the header means nothing.
            request.json(&json!({"to": 1}))
        };
        let reply = target.app.ask(request).await;
        assert_eq!(
            reply.status,
            if status == 200 { 400 } else { status },
            "{name}: {}",
            reply.body
        );
        reply.assert_enveloped();
    }
    let request = target.app.request(Method::POST, "/v1/mails/send").header("authorization", bytes);
    target.app.ask(request.json(&letter())).await.assert_refused(401, "UNAUTHORIZED");
    target.assert_unharmed().await;
}

#[tokio::test]
async fn a_callers_request_id_is_never_ours() {
    let target = Target::start().await;
    let request = target.app.request(Method::GET, "/v1/mails").header("x-request-id", "chosen");
    let reply = target.app.ask(request).await;
    reply.assert_refused(401, "UNAUTHORIZED");
    assert_ne!(reply.header("x-request-id"), "chosen");
    target.assert_unharmed().await;
}
