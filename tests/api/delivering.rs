//! What becomes of accepted mail when not all goes well, and of mail that is only rehearsed.

use posthaste::config::Settings;
use serde_json::{Value, json};

use crate::app::{Setup, TestApp, TestKey, eventually};
use crate::smtp_server::{Answer, Rule, SmtpServer, Stage};
use crate::{letter, letter_with};

/// A test mail to one address, when it is in this state.
async fn rehearsed(app: &TestApp, key: &TestKey, to: &str, status: &str) -> Value {
    let mail = letter_with(json!({"to": {"email": to}, "test": true}));
    let id = app.accepted(key, mail).await;
    app.mail_in(key, &id, status).await
}

#[tokio::test]
async fn test_mail_plays_the_outcome_that_its_recipient_names() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;

    let captured = rehearsed(&app, &key, "ada@example.org", "captured").await;
    assert_eq!(captured["test"], true);
    let bounced = rehearsed(&app, &key, "bounced+order-7@example.org", "bounced").await;
    assert_eq!(bounced["deliveries"][0]["lastReply"]["enhancedCode"], "5.1.1");
    rehearsed(&app, &key, "suppressed@example.org", "suppressed").await;
    let complained = rehearsed(&app, &key, "Complained@example.org", "captured").await;
    assert_eq!(complained["deliveries"][0]["status"], "complained");

    let delayed = rehearsed(&app, &key, "delayed+1@example.org", "deferred").await;
    assert_eq!(delayed["deliveries"][0]["lastReply"]["code"], 451);
    let ambiguous = rehearsed(&app, &key, "ambiguous@example.org", "deferred").await;
    assert_eq!(ambiguous["events"][1]["type"], "ambiguous");
    // Instead of waiting for its time.
    app.sql("UPDATE deliveries SET due_at = now()").await;
    for mail in [delayed, ambiguous] {
        let mail = app.mail_in(&key, mail["id"].as_str().unwrap(), "captured").await;
        assert_eq!(mail["deliveries"][0]["attempts"], 2);
    }

    let held =
        letter_with(json!({"to": "ambiguous@example.org", "test": true, "onAmbiguous": "hold"}));
    let id = app.accepted(&key, held).await;
    let mail = app.mail_in(&key, &id, "held").await;
    assert_eq!(mail["deliveries"][0]["nextAttemptAt"], Value::Null);
    app.stop().await;
    assert_eq!(server.connections().ever, 0);
}

#[tokio::test]
async fn mail_of_a_test_key_never_reaches_the_relay() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.test_key().await;
    let id = app.accepted(&key, letter_with(json!({"test": false}))).await;
    let mail = app.mail_in(&key, &id, "captured").await;
    assert_eq!(mail["test"], true);
    app.stop().await;
    assert_eq!(server.connections().ever, 0);
}

#[tokio::test]
async fn reserved_names_mean_nothing_in_live_mail_to_a_relay() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let id = app.accepted(&key, letter_with(json!({"to": "bounced@example.org"}))).await;
    app.mail_in(&key, &id, "sent").await;
    assert_eq!(server.received()[0].to, ["bounced@example.org"]);
    app.stop().await;
}

#[tokio::test]
async fn an_address_that_bounced_for_good_is_not_tried_again_unless_it_is_asked_for() {
    let server = SmtpServer::start().await;
    let no_such_user = Answer::reply("550 5.1.1 no such user");
    server.add(Rule::at(Stage::Recipient, no_such_user).only_to("gone@example.org"));
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let to = |address: &str| letter_with(json!({"to": address}));
    let id = app.accepted(&key, to("gone@example.org")).await;
    let mail = app.mail_in(&key, &id, "bounced").await;
    assert_eq!(mail["deliveries"][0]["lastReply"]["text"], "no such user");

    let id = app.accepted(&key, to("GONE@Example.Org")).await;
    let mail = app.mail_in(&key, &id, "suppressed").await;
    assert_eq!(mail["deliveries"][0]["status"], "suppressed");
    assert_eq!(mail["deliveries"][0]["attempts"], 0);

    server.behave();
    let bypassing = letter_with(json!({"to": "gone@example.org", "bypassSuppressions": true}));
    let id = app.accepted(&key, bypassing).await;
    app.mail_in(&key, &id, "sent").await;

    // Another project has nothing to do with it.
    let other = app.key_of(app.another_project().await).await;
    let id = app.accepted(&other, to("gone@example.org")).await;
    app.mail_in(&other, &id, "sent").await;
    assert_eq!(server.received().len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn a_suppressed_recipient_keeps_no_mail_from_the_others() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    app.sql(&format!(
        "INSERT INTO suppressions (project_id, address, reason, mail_id)
         VALUES ('{0}', 'gone@example.org', 'bounce', '{0}')",
        app.project
    ))
    .await;
    let to = json!(["gone@example.org", "ada@example.org"]);
    let id = app.accepted(&key, letter_with(json!({"to": to}))).await;
    let mail = app.mail_in(&key, &id, "partially_sent").await;
    assert_eq!(mail["deliveries"][0]["status"], "suppressed");
    assert_eq!(mail["deliveries"][1]["status"], "sent");
    app.stop().await;
}

#[tokio::test]
async fn a_refused_recipient_keeps_no_mail_from_the_others() {
    let server = SmtpServer::start().await;
    let full = Answer::reply("552 5.2.2 mailbox full");
    server.add(Rule::at(Stage::Recipient, full).only_to("full@example.org"));
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let mail = letter_with(
        json!({"to": "ada@example.org", "cc": ["full@example.org"], "bcc": ["bob@example.org"]}),
    );
    let id = app.accepted(&key, mail).await;
    let mail = app.mail_in(&key, &id, "partially_sent").await;

    let statuses: Vec<_> =
        mail["deliveries"].as_array().unwrap().iter().map(|delivery| &delivery["status"]).collect();
    assert_eq!(statuses, ["sent", "bounced", "sent"]);
    assert_eq!(mail["deliveries"][1]["explanation"], "It was refused for good: mailbox full.");
    let mut reached: Vec<_> = server.received().into_iter().flat_map(|mail| mail.to).collect();
    reached.sort();
    assert_eq!(reached, ["ada@example.org", "bob@example.org"]);
    assert_eq!(app.number("SELECT count(*) FROM suppressions").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_relay_that_says_later_is_asked_again_and_the_mail_says_why() {
    let server = SmtpServer::start().await;
    server
        .add(Rule::at(Stage::Recipient, Answer::reply("451 4.7.1 greylisted, come back")).times(1));
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let id = app.accepted(&key, letter()).await;
    let mail = app.mail_in(&key, &id, "deferred").await;

    let delivery = &mail["deliveries"][0];
    assert_eq!(delivery["status"], "deferred");
    assert_eq!(delivery["attempts"], 1);
    assert_eq!(
        delivery["lastReply"],
        json!({"code": 451, "enhancedCode": "4.7.1", "text": "greylisted, come back"})
    );
    let explanation = delivery["explanation"].as_str().unwrap();
    let start = "Not taken yet (451): greylisted, come back. The next attempt comes in ";
    assert!(explanation.starts_with(start), "{explanation}");
    assert!(delivery["nextAttemptAt"].as_str().unwrap() > mail["createdAt"].as_str().unwrap());

    app.sql("UPDATE deliveries SET due_at = now()").await;
    let mail = app.mail_in(&key, &id, "sent").await;
    assert_eq!(mail["deliveries"][0]["attempts"], 2);
    let kinds: Vec<_> =
        mail["events"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["queued", "deferred", "sent"]);
    app.stop().await;
}

#[tokio::test]
async fn a_relay_that_is_down_costs_no_attempt_and_gets_the_mail_when_it_is_back() {
    let server = SmtpServer::start().await;
    let (address, app) = (server.address(), TestApp::delivering_to(&server).await);
    server.stop().await;
    let key = app.full_key().await;
    let id = app.accepted(&key, letter()).await;
    let waits = |mail: &Value| mail["deliveries"][0]["status"] == "deferred";
    let mail = app.mail_when(&key, &id, waits).await;
    let delivery = &mail["deliveries"][0];
    assert_eq!(delivery["attempts"], 0);
    assert!(delivery["nextAttemptAt"].is_string());
    assert!(delivery["explanation"].as_str().unwrap().starts_with("Not taken yet: "), "{delivery}");

    let server = SmtpServer::start_on(address).await;
    app.sql("UPDATE deliveries SET due_at = now()").await;
    app.mail_in(&key, &id, "sent").await;
    assert_eq!(server.received().len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn whatever_a_relay_says_can_be_written_down() {
    let server = SmtpServer::start().await;
    let odd = "550 5.1.1 no\0such \u{202e}user \x1b[31m \u{fffd}";
    server.add(Rule::at(Stage::Recipient, Answer::reply(odd)));
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let id = app.accepted(&key, letter()).await;
    app.mail_in(&key, &id, "bounced").await;
    app.stop().await;
}

#[tokio::test]
async fn who_is_named_twice_gets_the_mail_once_and_the_headers_stay_as_given() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let reply = app
        .send(
            &key,
            letter_with(json!({
                "to": [{"email": "Ada@example.org", "name": "Ada"}, "bob@bücher.example"],
                "cc": [{"email": "ada@EXAMPLE.org"}, {"email": "carol@example.org"}],
                "bcc": ["dan@example.org", "BOB@xn--bcher-kva.example", "dan@example.org"],
            })),
        )
        .await;
    assert_eq!(reply.body["data"]["totalRecipients"], 4, "{}", reply.body);
    let id = reply.body["data"]["emailId"].as_str().unwrap();

    let mail = app.mail_in(&key, id, "sent").await;
    let recipients = |list: &Value, member: &str| -> Vec<String> {
        let items = list.as_array().unwrap().iter();
        items.filter_map(|item| item[member].as_str().map(String::from)).collect()
    };
    let expected =
        ["Ada@example.org", "bob@xn--bcher-kva.example", "carol@example.org", "dan@example.org"];
    assert_eq!(recipients(&mail["deliveries"], "recipient"), expected);
    assert!(mail["deliveries"].as_array().unwrap().iter().all(|one| one["status"] == "sent"));
    let mut told = recipients(&mail["events"], "recipient");
    told.sort_unstable();
    assert_eq!(told, expected);
    assert_eq!(recipients(&mail["cc"], "email"), ["ada@example.org", "carol@example.org"]);

    let received = server.wait_for(4).await;
    let mut envelopes: Vec<_> = received.iter().flat_map(|mail| mail.to.clone()).collect();
    envelopes.sort_unstable();
    assert_eq!(envelopes, expected);
    let message = String::from_utf8(received[0].data.clone()).unwrap();
    assert!(message.contains("Cc: ada@example.org, carol@example.org\r\n"), "{message}");
    app.stop().await;
    assert_eq!(server.received().len(), 4);
}

#[tokio::test]
async fn each_captured_message_is_found_where_its_delivery_stands() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mail = letter_with(json!({"cc": ["ADA@example.org"], "bcc": ["dan@example.org"]}));
    let id = app.accepted(&key, mail).await;
    let mail = app.mail_in(&key, &id, "captured").await;
    assert_eq!(mail["deliveries"].as_array().unwrap().len(), 2);
    assert_eq!(mail["deliveries"][1]["recipient"], "dan@example.org");
    for (position, status) in [(0, 200), (1, 200), (2, 404)] {
        let reply = app.get(&format!("/v1/mails/{id}/captured/{position}"), &key).await;
        assert_eq!(reply.status, status, "{position}");
    }
    app.stop().await;
}

#[tokio::test]
async fn one_connection_to_the_database_is_enough() {
    let server = SmtpServer::start().await;
    let one = |settings: &mut Settings| settings.database_connections = Some("1".into());
    let app = Setup::default().delivering_to(&server).with(one).start().await;
    let key = app.full_key().await;
    let id = app.accepted(&key, letter()).await;
    app.mail_in(&key, &id, "sent").await;

    // It hears of changed keys all the same.
    app.revoke(&key).await;
    let is_refused = async || (app.get("/v1/mails", &key).await.status == 401).then_some(());
    eventually(is_refused).await.expect("the key is refused");
    app.stop().await;
}
