//! Reports about mail, and what passes for them: over SMTP, and over HTTP.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Where bounces go to.
pub const DOMAIN: &str = "bounces.example.com";

/// The topic of Amazon SNS that is believed.
pub const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:bounces";

/// A bounce that quotes whatever it can.
fn bounce() -> String {
    "From: zqx-daemon@example.org\r\nTo: zqx@example.com\r\nSubject: zqx was not delivered\r\n\
     MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
     --b\r\n\r\nzqx@example.org is unknown.\r\n\
     --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; zqx.example.org\r\n\r\n\
     Final-Recipient: rfc822; zqx@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\
     Diagnostic-Code: smtp; 550 5.1.1 <zqx@example.org> zqx user unknown\r\n\r\n\
     --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: zqx\r\nTo: zqx@example.org\r\n\r\nzqx\r\n--b--\r\n"
        .to_owned()
}

/// Says everything at once, and hears whatever comes back until the end.
async fn say(address: SocketAddr, lines: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may be refused before its end.
    let _ = stream.write_all(lines.as_bytes()).await;
    let _ = stream.shutdown().await;
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard).await;
    String::from_utf8_lossy(&heard).into_owned()
}

/// A line, and whether the server has said yes to it.
async fn ask(stream: &mut TcpStream, line: &str) -> bool {
    stream.write_all(line.as_bytes()).await.unwrap();
    let mut heard = [0; 4096];
    let length = stream.read(&mut heard).await.unwrap();
    matches!(heard[..length].first(), Some(b'2' | b'3'))
}

/// Bounces to these return paths, and visitors who want something else.
pub async fn bring(address: SocketAddr, return_paths: &[String]) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut stream, "").await, "a greeting");
    assert!(ask(&mut stream, "EHLO zqx.example.org\r\n").await);
    for path in return_paths.iter().take(3) {
        assert!(ask(&mut stream, "MAIL FROM:<>\r\n").await);
        assert!(ask(&mut stream, &format!("RCPT TO:<{path}>\r\n")).await, "{path}");
        assert!(ask(&mut stream, "DATA\r\n").await);
        assert!(ask(&mut stream, &format!("{}.\r\n", bounce())).await);
    }
    let path = &return_paths[0];
    let hello = "EHLO zqx.example.org\r\nMAIL FROM:<zqx-sender@example.org>\r\n";
    for lines in [
        format!("{hello}RCPT TO:<zqx-nobody@{DOMAIN}>\r\nRCPT TO:<zqx@example.org>\r\nQUIT\r\n"),
        format!("{hello}RCPT TO:<complaints@{DOMAIN}>\r\nDATA\r\n{}.\r\n", bounce()),
        format!("{hello}RCPT TO:<{path}>\r\nDATA\r\nSubject: zqx\r\n\r\nzqx, and the line breaks"),
        format!("{hello}RCPT TO:<{path}>\r\nDATA\r\nzqx\n.\nMAIL FROM:<zqx@example.org>\r\n.\r\n"),
        "ZQX zqx\r\nVRFY zqx@example.org\r\nEXPN zqx\r\nHELP zqx\r\n".into(),
        "EHLO zqx\r\nAUTH PLAIN enF4AHpxeAB6cXg=\r\nMAIL FROM:<zqx zqx>\r\nRCPT TO:zqx\r\n".into(),
        format!("EHLO {}\r\n", "zqx".repeat(50_000)),
        "GET /zqx HTTP/1.1\r\nHost: zqx\r\n\r\n".into(),
        "\u{16}\u{3}\u{1}zqxzqxzqxzqx\r\n".into(),
        "zqx".into(),
    ] {
        say(address, &lines).await;
    }
}

/// The same over HTTP, from holders of a key and from those who pass for Amazon SNS.
pub async fn post(base: &str, key: &str, return_path: &str) {
    let client = crate::api_client::plain();
    let delivered = format!("Delivered-To: {return_path}\r\n{}", bounce());
    for body in [bounce(), delivered, "zqx".into(), String::new()] {
        let request = client.post(format!("{base}/v1/inbound/bounces")).bearer_auth(key);
        let request = request.header("content-type", "message/rfc822").body(body);
        request.send().await.unwrap();
    }
    let message = json!({
        "notificationType": "Bounce",
        "mail": {"messageId": "zqx", "destination": ["zqx@example.org"], "commonHeaders": {"subject": "zqx"}},
        "bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "zqx@example.org"}]},
    });
    let envelope = |kind: &str, topic: &str, certificate: &str| {
        json!({
            "Type": kind, "MessageId": "zqx", "TopicArn": topic, "Subject": "zqx", "Message": message.to_string(),
            "Timestamp": "2026-11-21T10:00:00.000Z", "Token": "zqx-token",
            "SubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Token=zqx-token",
            "SignatureVersion": "2", "Signature": "enF4", "SigningCertURL": certificate,
        })
        .to_string()
    };
    for body in [
        envelope("Notification", TOPIC, "https://zqx.s3.amazonaws.com/zqx.pem"),
        envelope("SubscriptionConfirmation", TOPIC, "http://127.0.0.1:1/zqx.pem"),
        envelope(
            "Notification",
            "arn:aws:sns:eu-central-1:123456789012:zqx",
            "https://sns.eu-central-1.amazonaws.com/zqx.pem",
        ),
        envelope("Zqx", TOPIC, "zqx"),
        "{\"Type\": \"zqx\"".into(),
        "zqx".into(),
    ] {
        let request = client.post(format!("{base}/v1/inbound/ses?zqx=zqx"));
        let answer = request.header("content-type", "text/plain").body(body).send().await.unwrap();
        assert!(answer.status().is_client_error(), "{}", answer.status());
    }
}
