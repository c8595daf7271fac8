//! Mail that leaves long after it was accepted, when its recipient or its project may have changed their mind.

use chrono::{TimeDelta, Utc};
use posthaste::domain::audit::Doer;
use posthaste::service::projects;
use serde_json::{Value, json};

use crate::app::{Setup, TestApp, TestKey, eventually};
use crate::letter_with;
use crate::smtp_server::{Answer, Rule, SmtpServer, Stage};
use crate::suppressions::group;
use crate::webhook_endpoint::WebhookEndpoint;

async fn scheduled(app: &TestApp, key: &TestKey, members: Value) -> String {
    let mut mail =
        letter_with(json!({"scheduledAt": (Utc::now() + TimeDelta::days(1)).to_rfc3339()}));
    mail.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    app.accepted(key, mail).await
}

async fn suppress(app: &TestApp, key: &TestKey, body: Value) {
    let reply = app.post("/v1/suppression-groups/emails/suppress", key, body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

async fn all_are_due(app: &TestApp) {
    app.sql("UPDATE deliveries SET due_at = now()").await;
}

fn kinds(mail: &Value) -> Vec<&str> {
    mail["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_scheduled_mail_is_not_sent_to_who_was_suppressed_meanwhile() {
    let (server, endpoint) = (SmtpServer::start().await, WebhookEndpoint::start().await);
    let app = Setup::default().delivering_to(&server).telling_this_machine().start().await;
    let key = app.full_key().await;
    let news = group(&app, &key, "News").await;
    let receipts = group(&app, &key, "Receipts").await;
    let hook = json!({"url": endpoint.url(), "events": ["email.bounced"]});
    assert_eq!(app.post("/v1/webhooks", &key, hook).await.status, 201);

    let to = |name: &str| json!({"to": format!("{name}@example.org")});
    let plain = scheduled(&app, &key, to("Ada")).await;
    let with = |name: &str, member: &str, value: Value| {
        let mut members = to(name);
        members[member] = value;
        members
    };
    let of_news = scheduled(&app, &key, with("bob", "unsubscribeGroupId", json!(news))).await;
    let receipt = scheduled(&app, &key, with("bob", "unsubscribeGroupId", json!(receipts))).await;
    let bypassing = scheduled(&app, &key, with("ada", "bypassSuppressions", json!(true))).await;
    let test = scheduled(&app, &key, with("ada", "test", json!(true))).await;
    let two = scheduled(&app, &key, with("carol", "cc", json!(["ada@example.org"]))).await;
    suppress(&app, &key, json!({"emails": ["ada@example.org"]})).await;
    suppress(&app, &key, json!({"emails": ["bob@example.org"], "groupId": news})).await;
    all_are_due(&app).await;

    for (id, status) in [
        (&plain, "suppressed"),
        (&of_news, "suppressed"),
        (&receipt, "sent"),
        (&bypassing, "sent"),
        (&test, "captured"),
        (&two, "partially_sent"),
    ] {
        app.mail_in(&key, id, status).await;
    }
    let mail = app.mail(&key, &plain).await;
    assert_eq!(kinds(&mail), ["queued", "suppressed"]);
    assert_eq!(
        (&mail["deliveries"][0]["status"], &mail["deliveries"][0]["attempts"]),
        (&json!("suppressed"), &json!(0))
    );
    assert_eq!(server.received().len(), 3);
    assert_eq!(app.number("SELECT count(*) FROM deliveries").await, 0);
    let told = endpoint.wait_for(3).await;
    let told: Vec<Value> =
        told.iter().map(|told| serde_json::from_slice(&told.body).unwrap()).collect();
    assert!(told.iter().all(|told| told["data"]["bounceSubType"] == "Suppressed"), "{told:#?}");
    let counted = "SELECT coalesce(sum(failed), 0)::bigint FROM (SELECT failed FROM mail_changes UNION ALL SELECT failed FROM mail_days) AS day";
    assert_eq!(app.number(counted).await, 3);
    app.stop().await;
}

#[tokio::test]
async fn another_attempt_is_not_made_for_who_was_suppressed_since_the_first() {
    let server = SmtpServer::start().await;
    server.on(Stage::Recipient, Answer::reply("451 4.3.0 later"));
    server.add(Rule::at(Stage::End, Answer::KeepThenClose).only_to("grace@example.org"));
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let deferred = app.accepted(&key, letter_with(json!({}))).await;
    app.mail_in(&key, &deferred, "deferred").await;
    server.behave();
    server.add(Rule::at(Stage::End, Answer::KeepThenClose));
    let held = letter_with(json!({"to": "grace@example.org", "onAmbiguous": "hold"}));
    let held = app.accepted(&key, held).await;
    app.mail_in(&key, &held, "held").await;
    server.behave();
    let before = server.received().len();
    suppress(&app, &key, json!({"emails": ["ada@example.org", "grace@example.org"]})).await;

    for id in [&deferred, &held] {
        let reply = app.post(&format!("/v1/mails/{id}/retry"), &key, json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let mail = app.mail_in(&key, id, "suppressed").await;
        assert_eq!(kinds(&mail)[2..], ["retried", "suppressed"]);
    }
    assert_eq!(server.received().len(), before);
    app.stop().await;
}

#[tokio::test]
async fn mail_of_a_project_that_was_deleted_meanwhile_is_cancelled_with_the_reason() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let project = app.another_project().await;
    let key = app.key_of(project).await;
    scheduled(&app, &key, json!({})).await;
    scheduled(&app, &key, json!({"test": true})).await;
    projects::delete(&app.database.pool, app.account, project, Doer::server()).await.unwrap();
    all_are_due(&app).await;

    let ended = "SELECT count(*) FROM mails JOIN events ON mail_id = mails.id
                 WHERE status = 'cancelled' AND type = 'cancelled' AND reply->>'text' LIKE '%project was deleted%'";
    let look = async || (app.number(ended).await == 2).then_some(());
    eventually(look).await.expect("both are cancelled");
    assert_eq!(app.number("SELECT count(*) FROM deliveries").await, 0);
    app.stop().await;
    assert_eq!(server.received().len(), 0);
}

#[tokio::test]
async fn the_day_of_held_mail_begins_anew_when_somebody_decides_to_retry() {
    let server = SmtpServer::start().await;
    server.add(Rule::at(Stage::End, Answer::KeepThenClose).times(1));
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let id = app.accepted(&key, letter_with(json!({"onAmbiguous": "hold"}))).await;
    app.mail_in(&key, &id, "held").await;
    app.sql("UPDATE mails SET created_at = now() - interval '3 days'").await;
    server.on(Stage::Recipient, Answer::reply("451 4.3.0 later"));

    let retry = format!("/v1/mails/{id}/retry");
    assert_eq!(app.post(&retry, &key, json!({})).await.status, 200);
    let mail = app.mail_in(&key, &id, "deferred").await;
    assert_eq!(kinds(&mail)[1..], ["ambiguous", "retried", "deferred"]);

    // From then on it is over after a day again.
    app.sql("UPDATE deliveries SET due_at = now(), retried_at = now() - interval '25 hours'").await;
    app.mail_in(&key, &id, "failed").await;
    app.stop().await;
}

#[tokio::test]
async fn an_answer_says_who_gets_none_and_says_it_again() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    suppress(&app, &key, json!({"emails": ["ada@example.org", "bob@example.org"]})).await;
    let ask = async |path: &str, name: &str, body: &Value| {
        let request = app.request(reqwest::Method::POST, path).bearer_auth(key.text());
        let reply = app.ask(request.header("idempotency-key", name).json(body)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["data"].clone()
    };
    let to = |members: Value| letter_with(members);
    for (name, mail, suppressed, status) in [
        ("none", to(json!({"to": "carol@example.org"})), Value::Null, "queued"),
        (
            "some",
            to(json!({"to": "Carol@example.org", "cc": ["carol@example.org", "Bob@Example.org"]})),
            json!(["bob@example.org"]),
            "queued",
        ),
        (
            "all",
            to(json!({"to": ["ada@example.org", "bob@example.org"]})),
            json!(["ada@example.org", "bob@example.org"]),
            "suppressed",
        ),
        (
            "later",
            to(json!({"to": "ada@example.org", "cc": ["carol@example.org"],
                      "scheduledAt": (Utc::now() + TimeDelta::days(1)).to_rfc3339()})),
            json!(["ada@example.org"]),
            "scheduled",
        ),
        (
            "all the same",
            to(json!({"to": "ada@example.org", "bypassSuppressions": true})),
            Value::Null,
            "queued",
        ),
    ] {
        let first = ask("/v1/mails/send", name, &mail).await;
        assert_eq!(
            (&first["suppressed"], &first["status"]),
            (&suppressed, &json!(status)),
            "{name}"
        );
        assert_eq!(ask("/v1/mails/send", name, &mail).await, first);
    }
    let mut bulk = letter_with(json!({"recipients": [
        {"email": "carol@example.org"},
        {"email": "Ada@example.org", "cc": ["carol@example.org"]},
    ]}));
    bulk.as_object_mut().unwrap().remove("to");
    let first = ask("/v1/mails/bulk", "bulk", &bulk).await;
    assert_eq!(first["results"][0]["suppressed"], Value::Null);
    assert_eq!(first["results"][1]["suppressed"], json!(["ada@example.org"]));
    assert_eq!(ask("/v1/mails/bulk", "bulk", &bulk).await, first);
    app.stop().await;
}

#[tokio::test]
async fn a_group_is_named_in_either_of_its_spellings() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let (news, receipts) = (group(&app, &key, "News").await, group(&app, &key, "Receipts").await);
    suppress(&app, &key, json!({"emails": ["ada@example.org"], "groupId": news})).await;
    let nested =
        |code: &str| json!({"unsubscribe": {"url": "https://example.com/u", "groupId": code}});
    let both = |one: &str, other: &str| {
        let mut members = nested(other);
        members["unsubscribeGroupId"] = json!(one);
        letter_with(members)
    };
    for mail in [letter_with(nested(&news)), both(&news, &news.to_lowercase()), both(&news, " ")] {
        let id = app.accepted(&key, mail).await;
        app.mail_in(&key, &id, "suppressed").await;
    }
    let id = app.accepted(&key, letter_with(nested(&receipts))).await;
    app.mail_in(&key, &id, "captured").await;
    for mail in [both(&news, &receipts), letter_with(nested("no id"))] {
        let refused = app.send(&key, mail).await;
        refused.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(refused.fields(), ["unsubscribe.groupId"]);
    }
    app.send(&key, letter_with(nested("AB12C3"))).await.assert_refused(404, "GROUP_NOT_FOUND");
    app.accepted(&key, letter_with(json!({"unsubscribe": {"url": "https://example.com/u"}}))).await;
    app.stop().await;
}
