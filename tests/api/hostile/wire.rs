//! What no client library would send.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Target;
use crate::app::{PATIENCE, Setup};
use crate::letter;

/// What comes back for these bytes until the server hangs up. It may hang up without a word.
async fn answer_to(target: &Target, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(target.app.address).await.unwrap();
    // The server may have hung up already.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server hangs up");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Checks that an answer is a refusal in the one shape, whoever wrote it.
fn assert_enveloped(name: &str, answer: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{name}: {answer}"));
    let head = head.to_ascii_lowercase();
    assert!(head.contains("\r\ncontent-type: application/json\r\n"), "{name}: {answer}");
    assert!(head.contains("\r\ndate: "), "{name}: {answer}");
    let id = body["requestId"].as_str().unwrap();
    assert!(head.contains(&format!("\r\nx-request-id: {id}")), "{name}: {answer}");
    assert_eq!(body["success"], false, "{name}");
    assert!(body["error"]["code"].is_string() && body["message"].is_string(), "{name}: {answer}");
}

#[tokio::test]
async fn what_is_hardly_http_is_refused_or_hung_up_on() {
    let target = Target::start().await;
    let authorization = format!("Host: x\r\nAuthorization: Bearer {}\r\n", target.key.text());
    let send = format!(
        "POST /v1/mails/send HTTP/1.1\r\n{authorization}Content-Type: application/json\r\n"
    );
    let letter = letter().to_string();
    for (name, request) in [
        ("nothing", String::new()),
        ("noise", "\0\u{1}\u{2}\r\n\r\n".to_owned()),
        ("a TLS greeting", "\u{16}\u{3}\u{1}\0\u{a5}\u{1}\0\0".to_owned()),
        ("another protocol", "EHLO evil.example\r\n".to_owned()),
        ("HTTP/0.9", "GET /v1/mails\r\n".to_owned()),
        ("HTTP/3.0", "GET /v1/mails HTTP/3.0\r\n\r\n".to_owned()),
        (
            "a request for everything",
            "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            "a tunnel",
            "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n".to_owned(),
        ),
        (
            "a proxy's path",
            "GET http://evil.example/v1 HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
                .to_owned(),
        ),
        (
            "a path without a slash",
            "GET v1/mails HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        ("NUL in the path", "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned()),
        ("NUL in a header", "GET / HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n".to_owned()),
        ("a folded header", "GET / HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n".to_owned()),
        ("a header without a name", "GET / HTTP/1.1\r\n: x\r\n\r\n".to_owned()),
        ("a thousand headers", format!("GET / HTTP/1.1\r\n{}\r\n", "X-A: b\r\n".repeat(1000))),
        ("a large header", format!("GET / HTTP/1.1\r\nX-A: {}\r\n\r\n", "b".repeat(1 << 20))),
        ("a large path", format!("GET /{} HTTP/1.1\r\n\r\n", "b".repeat(1 << 20))),
        ("a length below nothing", format!("{send}Content-Length: -1\r\n\r\n{letter}")),
        ("a length that is none", format!("{send}Content-Length: 1x\r\n\r\n{letter}")),
        ("two lengths", format!("{send}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{letter}")),
        (
            "a length out of this world",
            format!("{send}Content-Length: 99999999999999999999\r\n\r\n{letter}"),
        ),
        ("a large length", format!("{send}Content-Length: 99999999999\r\n\r\n{letter}")),
        ("less than its length", format!("{send}Content-Length: 100000\r\n\r\n{letter}")),
        (
            "a chunk that is none",
            format!("{send}Transfer-Encoding: chunked\r\n\r\nZZ\r\n{letter}\r\n0\r\n\r\n"),
        ),
        (
            "chunks without an end",
            format!("{send}Transfer-Encoding: chunked\r\n\r\n5\r\n{{\"to\"\r\n"),
        ),
        ("another transfer encoding", format!("{send}Transfer-Encoding: gzip\r\n\r\n{letter}")),
        ("half of the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM".to_owned()),
        (
            "noise in HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\u{8}noise noise noise".to_owned(),
        ),
    ] {
        let answer = answer_to(&target, request.as_bytes()).await;
        let status = answer.strip_prefix("HTTP/1.1 ").or(answer.strip_prefix("HTTP/1.0 "));
        match status {
            Some(status) => {
                assert!(status.starts_with('4'), "{name}: {answer}");
                assert_enveloped(name, &answer);
            }
            None => assert!(
                !answer.contains("HTTP/1") && !answer.contains("success"),
                "{name}: {answer}"
            ),
        }
    }
    target.assert_unharmed().await;
}

#[tokio::test]
async fn what_no_service_sees_is_refused_in_the_envelope_too() {
    let target = Target::start().await;
    let fields = "X-A: b\r\n".repeat(10_000);
    let long = "b".repeat(100_000);
    for (status, request) in [
        ("400 Bad Request", "\0\u{1}\u{2}\r\n\r\n".to_owned()),
        ("400 Bad Request", "GET / HTTP/3.0\r\n\r\n".to_owned()),
        ("400 Bad Request", "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned()),
        ("400 Bad Request", "GET / HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n".to_owned()),
        ("400 Bad Request", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n".to_owned()),
        ("431 Request Header Fields Too Large", format!("GET / HTTP/1.1\r\n{fields}\r\n")),
        ("431 Request Header Fields Too Large", format!("GET / HTTP/1.1\r\nX: {long}\r\n\r\n")),
    ] {
        let answer = answer_to(&target, request.as_bytes()).await;
        let shown: String = request.chars().take(80).collect();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{shown:?}: {answer}");
        assert_enveloped(&shown, &answer);
        assert!(answer.contains("connection: close"), "{answer}");
    }
    target.assert_unharmed().await;
}

#[tokio::test]
async fn noise_behind_a_good_request_is_refused_by_itself() {
    let target = Target::start().await;
    let good = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = answer_to(&target, format!("{good}{good}noise\0\r\n\r\n").as_bytes()).await;
    let answers: Vec<_> = answer.split("HTTP/1.1 ").skip(1).collect();
    assert_eq!(answers.len(), 3, "{answer}");
    assert!(
        answers[..2].iter().all(|good| good.starts_with("200 OK") && good.ends_with(r#""ok"}"#))
    );
    assert!(answers[2].starts_with("400 Bad Request"), "{answer}");
    assert_enveloped("noise", answers[2]);
    target.assert_unharmed().await;
}

#[tokio::test]
async fn one_host_is_named_and_no_other() {
    let target = Target::start().await;
    for hosts in ["", "Host: a\r\nHost: b\r\n", "Host: a\r\nhost: a\r\n"] {
        let answer =
            answer_to(&target, format!("GET /healthz HTTP/1.1\r\n{hosts}\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{hosts:?}: {answer}");
        assert_enveloped(hosts, &answer);
    }
    for request in [
        "GET /healthz HTTP/1.0\r\n\r\n",
        "GET http://other.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ] {
        let answer = answer_to(&target, request.as_bytes()).await;
        assert!(answer.contains(" 200 OK"), "{request:?}: {answer}");
    }
    target.assert_unharmed().await;
}

#[tokio::test]
async fn what_stands_behind_chunks_is_no_request() {
    let target = Target::start().await;
    let head = format!(
        "POST /v1/mails/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n",
        target.key.text(),
    );
    let letter = letter().to_string();
    let hidden = format!("{head}Content-Length: {}\r\n\r\n{letter}", letter.len());
    for lengths in [
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: x\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
    ] {
        let request = format!("{head}{lengths}\r\n2\r\n{{}}\r\n0\r\n\r\n{hidden}");
        let answer = answer_to(&target, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{lengths:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{lengths:?}: {answer}");
        assert_enveloped(lengths, &answer);
    }
    for chunks in [
        "-1\r\n{}",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n{}",
        "2\n{}\n0\n\n",
        "2\r\n{}XX0\r\n\r\n",
        "2;a\nb\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\nX\0: y\r\n\r\n",
    ] {
        let request = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}{hidden}");
        let answer = answer_to(&target, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{chunks:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{chunks:?}: {answer}");
    }
    target.assert_unharmed().await;
}

#[tokio::test]
async fn a_client_that_has_said_everything_gets_its_answer() {
    let target = Target::start().await;
    let letter = letter().to_string();
    let send = format!(
        "POST /v1/mails/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{letter}",
        target.key.text(),
        letter.len(),
    );
    // It closes its half of the connection while the mail is being stored.
    let answer = answer_to(&target, send.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    target.app.stop().await;
}

#[tokio::test]
async fn a_second_request_hidden_in_the_body_of_the_first_is_not_served() {
    let target = Target::start().await;
    let hidden = format!(
        "POST /v1/mails/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{}",
        target.key.text(),
        letter().to_string().len(),
        letter(),
    );
    let outer = format!(
        "POST /v1/mails/send HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
        hidden.len() + 5,
    );
    let answer = answer_to(&target, outer.as_bytes()).await;
    assert!(!answer.contains(r#""success":true"#), "{answer}");
    target.assert_unharmed().await;
}

#[tokio::test]
async fn clients_that_never_finish_their_bodies_hold_nobody_up() {
    let hurried = Setup::default().with(|settings| settings.shutdown_timeout = Some("1s".into()));
    let app = hurried.start().await;
    let target = Target { key: app.full_key().await, app };
    let head = format!(
        "POST /v1/mails/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n\r\n{{\"to\":",
        target.key.text(),
    );
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(target.app.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    assert_eq!(target.app.get("/v1/mails", &target.key).await.status, 200);
    // Half of them hang up; the other half are there until the node stops, and longer than it waits for them.
    slow.truncate(100);
    target.assert_unharmed().await;
}
