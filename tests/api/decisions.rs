//! What a person can still decide about a mail: to try again now, or not any more.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::app::{Reply, Setup, TestApp, TestKey, eventually};
use crate::smtp_server::{Answer, Rule, SmtpServer, Stage};
use crate::{letter, letter_with};

async fn decide(app: &TestApp, key: &TestKey, id: &str, decision: &str) -> Reply {
    app.post(&format!("/v1/mails/{id}/{decision}"), key, json!({})).await
}

/// A test mail that is in this state.
async fn rehearsed(app: &TestApp, key: &TestKey, members: Value, status: &str) -> String {
    let mut mail = letter_with(json!({"test": true}));
    mail.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let id = app.accepted(key, mail).await;
    app.mail_in(key, &id, status).await;
    id
}

fn kinds(mail: &Value) -> Vec<&str> {
    mail["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// Recipients of all mails as the mails count them: pending, sent, failed and held.
async fn recipients(app: &TestApp) -> [i64; 4] {
    let mut counts = [0; 4];
    for (count, column) in counts.iter_mut().zip(["pending", "sent", "failed", "held"]) {
        *count = app.number(&format!("SELECT coalesce(sum({column}), 0)::bigint FROM mails")).await;
    }
    counts
}

/// The same as the days count them, which must never differ.
async fn recipients_by_day(app: &TestApp) -> [i64; 4] {
    let sum = async |what: &str| {
        let query = format!(
            "SELECT coalesce(sum({what}), 0)::bigint
             FROM (SELECT accepted, delivered, captured, bounced, failed, held FROM mail_changes
                   UNION ALL SELECT accepted, delivered, captured, bounced, failed, 0 FROM mail_days
                   UNION ALL SELECT 0, 0, 0, 0, 0, held FROM mail_backlogs) AS counted"
        );
        app.number(&query).await
    };
    let (sent, failed, held) =
        (sum("delivered + captured").await, sum("bounced + failed").await, sum("held").await);
    [sum("accepted").await - sent - failed - held, sent, failed, held]
}

async fn assert_books_agree(app: &TestApp, expected: [i64; 4]) {
    assert_eq!(recipients(app).await, expected);
    assert_eq!(recipients_by_day(app).await, expected);
    assert_eq!(app.number("SELECT count(*) FROM deliveries").await, expected[0]);
}

#[tokio::test]
async fn held_mail_is_sent_when_somebody_says_so() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let to = json!({"to": "ambiguous@example.org", "onAmbiguous": "hold"});
    let id = rehearsed(&app, &key, to, "held").await;
    assert_books_agree(&app, [0, 0, 0, 1]).await;

    let reply = decide(&app, &key, &id, "retry").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["data"]["id"], id);
    let mail = app.mail_in(&key, &id, "captured").await;
    assert_eq!(kinds(&mail), ["queued", "ambiguous", "retried", "captured"]);
    assert_eq!(mail["deliveries"][0]["attempts"], 2);
    assert_books_agree(&app, [0, 1, 0, 0]).await;

    decide(&app, &key, &id, "retry").await.assert_refused(409, "NOTHING_TO_RETRY");
    decide(&app, &key, &id, "cancel").await.assert_refused(409, "NOTHING_TO_CANCEL");
    let logged =
        "SELECT count(*) FROM audit_log WHERE action = 'mail.retried' AND actor_kind = 'api_key'";
    assert_eq!(app.number(logged).await, 1);
    app.stop().await;
}

#[tokio::test]
async fn held_mail_is_given_up_when_somebody_says_so() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let to =
        json!({"to": "ambiguous@example.org", "cc": ["ada@example.org"], "onAmbiguous": "hold"});
    let id = rehearsed(&app, &key, to, "held").await;

    let reply = decide(&app, &key, &id, "cancel").await;
    assert_eq!(reply.body["data"]["status"], "partially_sent", "{}", reply.body);
    assert_eq!(reply.body["data"]["deliveries"][0]["status"], "cancelled");
    assert_books_agree(&app, [0, 1, 1, 0]).await;
    decide(&app, &key, &id, "retry").await.assert_refused(409, "NOTHING_TO_RETRY");
    app.stop().await;
}

#[tokio::test]
async fn a_later_attempt_can_be_made_now() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = rehearsed(&app, &key, json!({"to": "delayed@example.org"}), "deferred").await;
    assert_eq!(decide(&app, &key, &id, "retry").await.status, 200);
    let mail = app.mail_in(&key, &id, "captured").await;
    assert_eq!(kinds(&mail), ["queued", "deferred", "retried", "captured"]);
    app.stop().await;
}

#[tokio::test]
async fn what_waits_is_never_sent_once_it_is_cancelled() {
    let server = SmtpServer::start().await;
    server.add(Rule::at(Stage::Recipient, Answer::reply("451 4.3.0 later")).times(1));
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let id = app.accepted(&key, letter()).await;
    app.mail_in(&key, &id, "deferred").await;

    let reply = decide(&app, &key, &id, "cancel").await;
    assert_eq!((reply.status, &reply.body["data"]["status"]), (200, &json!("cancelled")));
    let delivery = &reply.body["data"]["deliveries"][0];
    assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("cancelled"), &json!(1)));
    assert_eq!(delivery["nextAttemptAt"], Value::Null);
    assert_books_agree(&app, [0, 0, 1, 0]).await;
    let logged = "SELECT count(*) FROM audit_log WHERE action = 'mail.cancelled'";
    assert_eq!(app.number(logged).await, 1);
    app.stop().await;
    assert_eq!(server.received().len(), 0);
}

#[tokio::test]
async fn an_attempt_that_is_being_made_comes_to_its_end_and_no_other_follows() {
    for (answer, status) in [("451 4.3.0 later", "cancelled"), ("250 2.0.0 taken", "sent")] {
        let gate = Arc::new(Semaphore::new(0));
        let server = SmtpServer::start().await;
        server.add(Rule::at(Stage::Mail, Answer::Wait(Arc::clone(&gate))));
        server.add(Rule::at(Stage::End, Answer::reply(answer)));
        let app = TestApp::delivering_to(&server).await;
        let key = app.full_key().await;
        let id = app.accepted(&key, letter()).await;
        server.wait_for_line("MAIL").await;

        let reply = decide(&app, &key, &id, "cancel").await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let delivery = &reply.body["data"]["deliveries"][0];
        assert_eq!(delivery["status"], "sending");
        assert!(delivery["explanation"].as_str().unwrap().contains("cancelled"), "{delivery}");
        assert_eq!(decide(&app, &key, &id, "cancel").await.status, 200);

        gate.add_permits(100);
        let mail = app.mail_in(&key, &id, status).await;
        assert_eq!(mail["deliveries"][0]["attempts"], 1, "{mail:#}");
        let expected = if status == "sent" { [0, 1, 0, 0] } else { [0, 0, 1, 0] };
        assert_books_agree(&app, expected).await;
        app.stop().await;
    }
}

#[tokio::test]
async fn what_waits_for_a_connection_has_not_begun() {
    let gate = Arc::new(Semaphore::new(0));
    let server = SmtpServer::start().await;
    server.add(Rule::at(Stage::Mail, Answer::Wait(Arc::clone(&gate))));
    let app = Setup::default()
        .delivering_to(&server)
        .with(|settings| settings.smtp_connections = Some("1".into()))
        .start()
        .await;
    let key = app.full_key().await;
    let first = app.accepted(&key, letter()).await;
    server.wait_for_line("MAIL").await;
    let second = app.accepted(&key, letter_with(json!({"onAmbiguous": "hold"}))).await;

    let reply = decide(&app, &key, &second, "cancel").await;
    assert_eq!(reply.body["data"]["status"], "cancelled", "{}", reply.body);
    gate.add_permits(100);
    app.mail_in(&key, &first, "sent").await;
    app.mail_in(&key, &second, "cancelled").await;
    assert_books_agree(&app, [0, 1, 1, 0]).await;
    app.stop().await;
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_decision_and_a_worker_at_the_same_moment_agree_on_one_end() {
    let server = SmtpServer::start().await;
    server.add(Rule::at(Stage::Recipient, Answer::reply("451 4.3.0 later")));
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let mut ids = Vec::new();
    for number in 0..40 {
        let to = json!({"to": format!("a{number}@example.org"), "cc": [format!("b{number}@example.org")]});
        ids.push(app.accepted(&key, letter_with(to)).await);
    }
    for id in &ids {
        app.mail_in(&key, id, "deferred").await;
    }
    server.behave();
    app.sql("UPDATE deliveries SET due_at = now()").await;
    let mut asked = JoinSet::new();
    for id in &ids {
        let request = app.request(Method::POST, &format!("/v1/mails/{id}/cancel"));
        asked.spawn(request.bearer_auth(key.text()).send());
    }
    for reply in asked.join_all().await {
        let status = reply.unwrap().status();
        assert!([200, 409].contains(&status.as_u16()), "{status}");
    }

    let mut sent = 0;
    for id in &ids {
        let over = |mail: &Value| {
            let deliveries = mail["deliveries"].as_array().unwrap();
            deliveries.iter().all(|delivery| delivery["nextAttemptAt"].is_null())
        };
        let mail = app.mail_when(&key, id, over).await;
        let ends: Vec<_> = mail["deliveries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|delivery| delivery["status"].as_str().unwrap())
            .collect();
        let here = ends.iter().filter(|end| **end == "sent").count();
        assert!(ends.iter().all(|end| ["sent", "cancelled"].contains(end)), "{mail:#}");
        let expected = ["cancelled", "partially_sent", "sent"][here];
        assert_eq!(mail["status"], expected, "{mail:#}");
        sent += here;
    }
    assert_eq!(server.received().len(), sent);
    let sent = i64::try_from(sent).unwrap();
    assert_books_agree(&app, [0, sent, 80 - sent, 0]).await;
    app.stop().await;
}

#[tokio::test]
async fn two_who_decide_at_once_decide_once() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for (first, second) in [("retry", "retry"), ("cancel", "cancel"), ("retry", "cancel")] {
        let to = json!({"to": "ambiguous@example.org", "onAmbiguous": "hold"});
        let id = rehearsed(&app, &key, to, "held").await;
        let (one, other) =
            tokio::join!(decide(&app, &key, &id, first), decide(&app, &key, &id, second));
        let over =
            |mail: &Value| ["captured", "cancelled"].contains(&mail["status"].as_str().unwrap());
        let mail = app.mail_when(&key, &id, over).await;
        let ends =
            kinds(&mail).iter().filter(|kind| ["captured", "cancelled"].contains(kind)).count();
        assert_eq!(ends, 1, "{mail:#}");
        let retried = kinds(&mail).iter().filter(|kind| **kind == "retried").count();
        assert!(retried <= 1, "{mail:#}");
        assert!(one.status == 200 || other.status == 200);
    }
    let [pending, sent, failed, held] = recipients(&app).await;
    assert_eq!((pending, sent + failed, held), (0, 3, 0));
    assert_books_agree(&app, [pending, sent, failed, held]).await;
    app.stop().await;
}

#[tokio::test]
async fn a_lease_that_ran_out_ends_what_was_cancelled() {
    let server = SmtpServer::start().await;
    server.add(Rule::at(Stage::Recipient, Answer::reply("451 4.3.0 later")));
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let id = app.accepted(&key, letter()).await;
    app.mail_in(&key, &id, "deferred").await;
    // As if another node had begun, been asked to stop, and died.
    app.sql(
        "UPDATE deliveries SET cancelled = true, lease_token = gen_random_uuid(), attempts = attempts + 1, due_at = now()",
    )
    .await;
    let mail = app.mail_in(&key, &id, "cancelled").await;
    assert_eq!(kinds(&mail), ["queued", "deferred", "ambiguous", "cancelled"]);
    assert_books_agree(&app, [0, 0, 1, 0]).await;
    app.stop().await;
    assert_eq!(server.received().len(), 0);
}

#[tokio::test]
async fn nobody_decides_about_the_mail_of_others() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let stranger = app.key_of(app.another_project().await).await;
    let to = json!({"to": "ambiguous@example.org", "onAmbiguous": "hold"});
    let id = rehearsed(&app, &key, to, "held").await;
    for decision in ["retry", "cancel"] {
        decide(&app, &stranger, &id, decision).await.assert_refused(404, "NOT_FOUND");
        decide(&app, &key, "1", decision).await.assert_refused(404, "NOT_FOUND");
    }
    app.mail_in(&key, &id, "held").await;
    app.stop().await;
}

/// A node with one connection to its relay, which a mail takes up; and another mail, which waits for it.
async fn one_that_waits(gate: &Arc<Semaphore>, server: &SmtpServer) -> (TestApp, TestKey, String) {
    server.add(Rule::at(Stage::Mail, Answer::Wait(Arc::clone(gate))));
    let change = |settings: &mut posthaste::config::Settings| {
        settings.smtp_connections = Some("1".into());
        settings.lease_seconds = Some("3".into());
    };
    let app = Setup::default().delivering_to(server).with(change).start().await;
    let key = app.full_key().await;
    app.accepted(&key, letter()).await;
    server.wait_for_line("MAIL").await;
    let second = app.accepted(&key, letter()).await;
    (app, key, second)
}

/// Lets entries of the audit log be refused; with a `condition`, only where it holds.
async fn refuse_entries(app: &TestApp, code: &str, condition: &str) {
    app.sql(&format!(
        "CREATE SEQUENCE tries;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN
             IF {condition} THEN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse()"
    ))
    .await;
}

#[tokio::test]
async fn a_cancel_that_fails_takes_nothing_from_whoever_delivers() {
    let (gate, server) = (Arc::new(Semaphore::new(0)), SmtpServer::start().await);
    let (app, key, id) = one_that_waits(&gate, &server).await;
    refuse_entries(&app, "57014", "true").await;
    decide(&app, &key, &id, "cancel").await.assert_refused(503, "SERVICE_UNAVAILABLE");

    // Neither is the lease left to run out, which would look like an attempt of which nobody knows the end.
    let is_free = async || {
        let free = "SELECT count(*) FROM deliveries WHERE attempts = 0 OR lease_token IS NULL";
        (app.number(free).await == 1).then_some(())
    };
    eventually(is_free).await.expect("the lease is given back");
    gate.add_permits(100);
    let mail = app.mail_in(&key, &id, "sent").await;
    assert_eq!(kinds(&mail), ["queued", "sent"], "{mail:#}");
    assert_books_agree(&app, [0, 2, 0, 0]).await;
    app.stop().await;
}

#[tokio::test]
async fn a_cancel_that_had_to_be_tried_twice_ends_what_waits() {
    let (gate, server) = (Arc::new(Semaphore::new(0)), SmtpServer::start().await);
    let (app, key, id) = one_that_waits(&gate, &server).await;
    refuse_entries(&app, "40P01", "nextval('tries') = 1").await;
    let reply = decide(&app, &key, &id, "cancel").await;
    assert_eq!((reply.status, &reply.body["data"]["status"]), (200, &json!("cancelled")));
    assert_eq!(kinds(&reply.body["data"]), ["queued", "cancelled"]);
    gate.add_permits(100);
    let is_served = async || (server.received().len() == 1).then_some(());
    eventually(is_served).await.expect("the other is sent");
    app.stop().await;
    assert_eq!(server.received().len(), 1);
}
