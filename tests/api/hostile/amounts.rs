//! Too much of what would be fine.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::fields::all_are_refused;
use super::{Target, full_letter, spoiled};
use crate::app::{TestApp, eventually};
use crate::{letter, letter_with};

#[tokio::test]
async fn too_much_of_anything_is_refused() {
    let everyone =
        |count: usize| (0..count).map(|n| json!(format!("a{n}@example.org"))).collect::<Value>();
    all_are_refused([
        (letter_with(json!({"to": everyone(51)})), "to".to_owned()),
        (letter_with(json!({"bcc": everyone(50)})), "to".to_owned()),
        (letter_with(json!({"cc": everyone(25), "bcc": everyone(25)})), "to".to_owned()),
        (letter_with(json!({"cc": everyone(100_000)})), "cc".to_owned()),
        (letter_with(json!({"from": everyone(2)})), "from".to_owned()),
        (letter_with(json!({"replyTo": everyone(51)})), "replyTo".to_owned()),
        (letter_with(json!({"to": []})), "to".to_owned()),
        (spoiled("/subject", json!("x".repeat(999))), "subject".to_owned()),
        (spoiled("/subject", json!(" ")), "subject".to_owned()),
        (spoiled("/to/name", json!("x".repeat(257))), "to.name".to_owned()),
        (spoiled("/attachments/0/content", json!("A".repeat(41 << 20))), "attachments".to_owned()),
        (letter_with(json!({"html": "x".repeat(6 << 20)})), "html".to_owned()),
        (
            letter_with(json!({"html": "x".repeat(3 << 20), "text": "x".repeat(3 << 20)})),
            "html".to_owned(),
        ),
        (letter_with(json!({"dynamicData": {"a": "x".repeat(1 << 20)}})), "dynamicData".to_owned()),
        (letter_with(json!({"dynamicData": {"x".repeat(1 << 20): 1}})), "dynamicData".to_owned()),
        (letter_with(json!({"dynamicData": {"a": vec![0; 20_000]}})), "dynamicData".to_owned()),
        (
            letter_with(json!({"dynamicData": {"a": vec![json!({}); 100_000]}})),
            "dynamicData".to_owned(),
        ),
        (letter_with(json!({"attachments": vec![json!({}); 100_000]})), "attachments".to_owned()),
        (letter_with(json!({"templateId": vec![json!({}); 100_000]})), "templateId".to_owned()),
    ])
    .await;
}

#[tokio::test]
async fn what_is_just_not_too_much_is_taken() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for members in [
        json!({"attachments": [{"fileName": "a.bin", "content": "QUJD".repeat(10 << 20)}]}),
        json!({"html": "x".repeat(5 << 20), "text": ""}),
        json!({"dynamicData": {"a": "x".repeat((1 << 20) - 10)}}),
        json!({"dynamicData": {"a": vec![0; 19_000]}}),
    ] {
        app.accepted(&key, letter_with(members)).await;
    }
    app.stop().await;
}

#[tokio::test]
async fn a_stranger_may_not_say_much() {
    let target = Target::start().await;
    let sign_in = |email: String| {
        let request = target.app.request(Method::POST, "/v1/auth/sign-in");
        let body = json!({"email": email, "password": "a password that is wrong"});
        target.app.ask(request.header("sec-fetch-site", "same-origin").json(&body))
    };
    sign_in("x".repeat(300_000)).await.assert_refused(413, "PAYLOAD_TOO_LARGE");
    sign_in("ada@example.org".to_owned()).await.assert_refused(401, "UNAUTHORIZED");
    target.assert_unharmed().await;
}

#[tokio::test]
async fn bodies_that_fill_the_memory_are_refused_for_now_and_small_ones_pass() {
    let target = Target::start().await;
    let head = format!(
        "POST /v1/mails/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 46000000\r\n\r\n",
        target.key.text(),
    );
    let address = target.app.address;
    let mut slow = JoinSet::new();
    for _ in 0..8 {
        let head = head.clone();
        slow.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            // It ends early for those who are refused.
            let _ = stream.write_all(&vec![b' '; 45_000_000]).await;
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.map(|_| answer)
        });
    }
    let refused = slow.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(&refused, b"HTTP/1.1 503");
    let reply = target.app.send(&target.key, letter()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);

    slow.shutdown().await;
    let large = letter_with(json!({"html": "x".repeat(4 << 20)}));
    let taken = async || {
        let reply = target.app.send(&target.key, large.clone()).await;
        if reply.status != 200 {
            reply.assert_refused(503, "SERVICE_UNAVAILABLE");
        }
        (reply.status == 200).then_some(())
    };
    eventually(taken).await.unwrap();
    target.app.stop().await;
}

#[tokio::test]
async fn a_refusal_does_not_send_back_all_that_it_refuses() {
    let target = Target::start().await;
    let long = "x".repeat(1 << 20);
    for mail in [
        json!({"dynamicData": long}),
        json!({"headers": {&long: 7}}),
        json!({"headers": {&long: "v"}}),
        json!({"to": long}),
        json!({"attachments": [{"fileName": long, "content": long, "contentType": long}]}),
        json!({"html": format!("{{{{#{long}}}}}"), "dynamicData": {}}),
        json!({"onAmbiguous": long}),
    ] {
        let reply = target.app.send(&target.key, letter_with(mail)).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert!(reply.bytes.len() < 4000, "{} bytes", reply.bytes.len());
    }
    target.assert_unharmed().await;
}

#[tokio::test]
async fn fifty_recipients_and_twenty_files_are_not_too_much() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mut letter = full_letter();
    letter["to"] = (0..48).map(|n| json!(format!("a{n}@example.org"))).collect();
    letter["attachments"] = vec![letter["attachments"][0].clone(); 20].into();
    letter["subject"] = json!("ä".repeat(998));
    let id = app.accepted(&key, letter).await;
    let mail = app.mail_in(&key, &id, "captured").await;
    assert_eq!(mail["deliveries"].as_array().unwrap().len(), 50);
    app.stop().await;
}
