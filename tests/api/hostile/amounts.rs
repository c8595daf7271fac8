//! Too much of what would be fine.

use serde_json::{Value, json};

use super::fields::all_are_refused;
use super::{Target, full_letter, spoiled};
use crate::app::TestApp;
use crate::letter_with;

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
        (letter_with(json!({"replyTo": everyone(2)})), "replyTo".to_owned()),
        (letter_with(json!({"to": []})), "to".to_owned()),
        (spoiled("/subject", json!("x".repeat(999))), "subject".to_owned()),
        (spoiled("/subject", json!(" ")), "subject".to_owned()),
        (spoiled("/to/name", json!("x".repeat(257))), "to.name".to_owned()),
        (spoiled("/attachments/0/content", json!("A".repeat(41 << 20))), "attachments".to_owned()),
    ])
    .await;
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
