//! What webhooks are told.

use std::collections::BTreeSet;

use serde_json::json;

use super::{app, entry_when, is_signed, log, webhook, webhook_at};
use crate::app::{Setup, eventually};
use crate::smtp_server::{Answer, Rule, SmtpServer, Stage};
use crate::webhook_endpoint::{Received, WebhookEndpoint};
use crate::{letter, letter_with};

const ALL: &[&str] = &[
    "email.sent",
    "email.delivered",
    "email.deferred",
    "email.bounced",
    "email.ambiguous",
    "email.spam_reported",
];

#[tokio::test]
async fn a_webhook_is_told_what_it_asks_for_in_the_shape_of_the_upstream_api() {
    let (app, endpoint) = (app().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    let hook = webhook(&app, &key, &endpoint, &["email.delivered"]).await;
    let named = json!({"to": {"email": "ada@example.org", "name": "Ada \"A\" Lovelace"}});
    let id = app.accepted(&key, letter_with(named)).await;

    let told = endpoint.wait_for(1).await.remove(0);
    assert_eq!(told.line, "POST /hook HTTP/1.1");
    assert!(is_signed(&told, &hook.secret));
    assert_eq!(told.header("content-type"), "application/json");
    assert!(told.header("user-agent").starts_with("Posthaste-Webhooks/"));
    assert_eq!(told.header("x-webhook-event"), "email.delivered");
    let mail = app.mail_in(&key, &id, "captured").await;
    let event = mail["events"].as_array().unwrap().last().unwrap().clone();
    let event_id = event["id"].as_str().unwrap();
    assert_eq!(told.header("webhook-id"), format!("{event_id}-delivered"));
    let (seconds, milliseconds): (i64, i64) = (
        told.header("webhook-timestamp").parse().unwrap(),
        told.header("x-webhook-timestamp").parse().unwrap(),
    );
    assert_eq!(seconds, milliseconds / 1000);
    let expected = format!(
        "{{\"type\":\"email.delivered\",\"createdAt\":{},\"data\":{{\"emailId\":\"{id}\",\"from\":\"shop@example.com\",\
         \"to\":{{\"email\":\"ada@example.org\",\"name\":\"Ada \\\"A\\\" Lovelace\"}},\"subject\":\"Your receipt\",\
         \"test\":false}}}}",
        event["at"],
    );
    assert_eq!(String::from_utf8(told.body).unwrap(), expected);

    let entry = entry_when(&app, &key, &hook, |entry| entry["success"] == true).await;
    assert_eq!(entry["_id"], told.headers["x-webhook-delivery-id"]);
    assert_eq!((&entry["status"], &entry["statusCode"]), (&json!("delivered"), &json!(200)));
    assert_eq!((&entry["attempts"], &entry["response"]), (&json!(1), &json!("thank you")));
    assert_eq!((&entry["emailId"], &entry["eventId"]), (&json!(id), &json!(event_id)));
    assert_eq!(log(&app, &key, &hook).await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn reserved_recipients_play_their_webhooks_too() {
    let (app, endpoint) = (app().await, WebhookEndpoint::start().await);
    let key = app.test_key().await;
    let hook = webhook(&app, &key, &endpoint, ALL).await;
    let mut told = 0;
    for (recipient, kinds) in [
        ("bounced+1@example.com", vec!["email.bounced"]),
        ("complained@example.com", vec!["email.delivered", "email.sent", "email.spam_reported"]),
        ("suppressed@example.com", vec!["email.bounced"]),
        ("delayed@example.com", vec!["email.deferred"]),
        ("ambiguous@example.com", vec!["email.ambiguous"]),
    ] {
        app.accepted(&key, letter_with(json!({"to": recipient}))).await;
        let received = endpoint.wait_for(told + kinds.len()).await.split_off(told);
        told += kinds.len();
        let mut found: Vec<String> = received.iter().map(Received::kind).collect();
        found.sort();
        assert_eq!(found, kinds, "{recipient}");
        let ids: BTreeSet<_> = received.iter().map(|told| told.header("webhook-id")).collect();
        assert_eq!(ids.len(), kinds.len());
        for received in &received {
            assert!(is_signed(received, &hook.secret));
            assert_eq!(received.json()["data"]["test"], true);
            assert_eq!(received.json()["data"]["to"]["email"], recipient);
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn every_recipient_of_a_mail_is_told_of_by_name() {
    let server = SmtpServer::start().await;
    let no_such_user = Answer::reply("550 5.1.1 No such user");
    server.add(Rule::at(Stage::Recipient, no_such_user).only_to("nobody@example.org"));
    let setup = Setup::default().telling_this_machine().delivering_to(&server);
    let (app, endpoint) = (setup.start().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    webhook(&app, &key, &endpoint, &["email.sent", "email.bounced"]).await;
    let recipients = json!({
        "cc": [{"email": "nobody@example.org", "name": "Nobody"}], "bcc": ["dan@example.org"],
    });
    app.accepted(&key, letter_with(recipients.clone())).await;

    let received = endpoint.wait_for(3).await;
    let told = |recipient: &str| {
        let is_it = |told: &&crate::webhook_endpoint::Received| {
            told.json()["data"]["to"]["email"] == recipient
        };
        received.iter().find(is_it).unwrap().json()
    };
    assert_eq!(told("ada@example.org")["type"], "email.sent");
    assert_eq!(told("dan@example.org")["data"]["to"]["name"], json!(null));
    let bounced = told("nobody@example.org");
    assert_eq!(bounced["type"], "email.bounced");
    assert_eq!(bounced["data"]["to"]["name"], "Nobody");
    assert_eq!(bounced["data"]["bounceType"], "Permanent");
    assert_eq!(bounced["data"]["bounceSubType"], "NoEmail");
    assert_eq!(bounced["data"]["reason"], "550 5.1.1 No such user");

    // By now the address is suppressed, which is found out when the mail is accepted.
    app.accepted(&key, letter_with(recipients)).await;
    let again = endpoint.wait_for(6).await.split_off(3);
    let suppressed = again.iter().find(|told| told.kind() == "email.bounced").unwrap().json();
    assert_eq!(suppressed["data"]["bounceSubType"], "Suppressed");
    assert_eq!(suppressed["data"]["to"]["email"], "nobody@example.org");
    app.stop().await;
}

#[tokio::test]
async fn nobody_is_told_what_happens_in_another_project() {
    let (app, endpoint) = (app().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    let stranger = app.key_of(app.another_project().await).await;
    let theirs = webhook(&app, &stranger, &endpoint, ALL).await;
    let mine = WebhookEndpoint::start().await;
    webhook(&app, &key, &mine, ALL).await;
    app.accepted(&key, letter()).await;
    mine.wait_for(2).await;
    assert!(log(&app, &stranger, &theirs).await.is_empty());
    assert!(endpoint.received().is_empty());
    app.stop().await;
}

#[tokio::test]
async fn an_event_names_its_recipient_also_where_somebody_is_named_twice() {
    let (app, endpoint) = (app().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    webhook(&app, &key, &endpoint, &["email.delivered"]).await;
    let named = json!({
        "to": "ada@example.org",
        "cc": [{"email": "Ada@example.org", "name": "Copy"}, {"email": "bob@example.org", "name": "Bob"}],
        "bcc": ["bob@example.org", "carol@example.org"],
    });
    app.accepted(&key, letter_with(named)).await;
    let told = endpoint.wait_for(3).await;
    let named: BTreeSet<(String, bool)> = told
        .iter()
        .map(|told| {
            let told: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
            let to = &told["data"]["to"];
            (to["email"].as_str().unwrap().to_owned(), to["name"] == "Bob")
        })
        .collect();
    let expected =
        [("ada@example.org", false), ("bob@example.org", true), ("carol@example.org", false)];
    assert_eq!(named, expected.map(|(address, is_bob)| (address.to_owned(), is_bob)).into());
    app.stop().await;
}

#[tokio::test]
async fn a_mail_says_which_webhooks_were_told_of_it() {
    let (app, good) = (app().await, WebhookEndpoint::start().await);
    let (key, stranger) = (app.full_key().await, app.key_of(app.another_project().await).await);
    let hook = webhook(&app, &key, &good, &["email.delivered", "email.sent"]).await;
    let nobody = webhook_at(&app, &key, "http://127.0.0.1:9/", &["email.delivered"]).await;
    let id = app.accepted(&key, letter()).await;
    let other = app.accepted(&key, letter()).await;
    good.wait_for(4).await;

    let path = format!("/v1/mails/{id}/webhook-deliveries");
    let look = async || {
        let reply = app.get(&path, &key).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let data = reply.body["data"].clone();
        let logs = data["logs"].as_array().unwrap();
        let is_over = logs.iter().filter(|log| log["success"] == true).count() == 2
            && logs.iter().any(|log| log["attempts"] != 0 && log["success"] == false);
        is_over.then_some(data)
    };
    let data = eventually(look).await.expect("two are told, one cannot be");
    assert_eq!(
        (&data["total"], &data["page"], &data["totalPages"]),
        (&json!(3), &json!(1), &json!(1))
    );
    for log in data["logs"].as_array().unwrap() {
        assert_eq!(log["emailId"], id);
        let told = if log["success"] == true { &hook } else { &nobody };
        assert_eq!(log["webhookId"], told.id);
    }
    let page = app.get(&format!("{path}?limit=1&page=3"), &key).await;
    assert_eq!(page.body["data"]["logs"].as_array().unwrap().len(), 1);
    app.get(&format!("{path}?limit=0"), &key).await.assert_refused(400, "VALIDATION_ERROR");
    app.get(&path, &stranger).await.assert_refused(404, "NOT_FOUND");
    app.get("/v1/mails/x/webhook-deliveries", &key).await.assert_refused(404, "NOT_FOUND");

    app.delete(&nobody.path(""), &key).await;
    assert_eq!(app.get(&path, &key).await.body["data"]["total"], 2);
    let other = app.get(&format!("/v1/mails/{other}/webhook-deliveries"), &key).await;
    assert_eq!(other.body["data"]["total"], 2);
    app.stop().await;
}
