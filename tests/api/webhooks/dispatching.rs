//! Who tells, how often, and when it ends.

use std::collections::BTreeMap;

use posthaste::service::people::OwnMails;
use posthaste::service::webhooks::Owners;
use reqwest::Method;
use serde_json::json;

use super::{app, entry_when, hasten, log, webhook};
use crate::app::Setup;
use crate::letter;
use crate::webhook_endpoint::{Behavior, WebhookEndpoint};

const SENT: &[&str] = &["email.sent"];

fn failing() -> Behavior {
    Behavior::Answer(500, String::new())
}

#[tokio::test]
async fn two_nodes_tell_everything_once() {
    let (first, endpoint) = (app().await, WebhookEndpoint::start().await);
    let second = Setup::default().telling_this_machine().beside(&first).start().await;
    let key = first.full_key().await;
    let hook = webhook(&first, &key, &endpoint, &["email.sent", "email.delivered"]).await;
    for number in 0..40 {
        let node = if number % 2 == 0 { &first } else { &second };
        node.accepted(&key, letter()).await;
    }
    endpoint.wait_for(80).await;
    let look = async || {
        let logs = log(&first, &key, &hook).await;
        logs.iter().all(|entry| entry["success"] == true).then_some(logs)
    };
    let logs = crate::app::eventually(look).await.unwrap();
    assert_eq!(logs.len(), 80);
    assert!(logs.iter().all(|entry| entry["attempts"] == 1));
    let mut times = BTreeMap::new();
    for told in endpoint.received() {
        *times.entry(told.header("webhook-id").to_owned()).or_insert(0) += 1;
    }
    assert_eq!(times.len(), 80);
    assert!(times.values().all(|count| *count == 1), "{times:?}");
    second.stop().await;
    first.stop().await;
}

#[tokio::test]
async fn a_deleted_webhook_is_told_nothing_more() {
    let (app, endpoint) = (app().await, WebhookEndpoint::behaving(failing()).await);
    let key = app.full_key().await;
    let hook = webhook(&app, &key, &endpoint, SENT).await;
    app.accepted(&key, letter()).await;
    entry_when(&app, &key, &hook, |entry| entry["statusCode"] == 500).await;
    let deletion = app.request(Method::DELETE, &hook.path("")).bearer_auth(key.text());
    assert_eq!(app.ask(deletion).await.status, 200);

    hasten(&app).await;
    app.accepted(&key, letter()).await;
    let look = async || {
        let waiting = "SELECT count(*) FROM webhook_deliveries WHERE due_at IS NOT NULL";
        (app.number(waiting).await == 0).then_some(())
    };
    crate::app::eventually(look).await.unwrap();
    assert_eq!(app.number("SELECT count(*) FROM webhook_deliveries").await, 1);
    assert_eq!(endpoint.received().len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn one_that_is_switched_off_is_told_nothing_until_it_is_on_again() {
    let (app, endpoint) = (app().await, WebhookEndpoint::behaving(failing()).await);
    let key = app.full_key().await;
    let hook = webhook(&app, &key, &endpoint, SENT).await;
    app.accepted(&key, letter()).await;
    entry_when(&app, &key, &hook, |entry| entry["statusCode"] == 500).await;
    let switch = async |on: bool| {
        let request = app.request(Method::PUT, &hook.path("")).bearer_auth(key.text());
        app.ask(request.json(&json!({"isActive": on}))).await.body["data"].clone()
    };
    assert_eq!(switch(false).await["failureCount"], 1);
    hasten(&app).await;
    let ended = entry_when(&app, &key, &hook, |entry| entry["status"] == "failed").await;
    assert!(ended["error"].as_str().unwrap().contains("switched off"));
    app.post(&hook.path("/resend"), &key, json!({"event": "email.sent", "data": {}}))
        .await
        .assert_refused(400, "WEBHOOK_INACTIVE");
    let unheard = app.accepted(&key, letter()).await;
    app.mail_in(&key, &unheard, "captured").await;

    endpoint.behave(Behavior::Answer(200, String::new()));
    let on = switch(true).await;
    assert_eq!((&on["failureCount"], &on["failingSince"]), (&json!(0), &json!(null)));
    app.accepted(&key, letter()).await;
    entry_when(&app, &key, &hook, |entry| entry["success"] == true).await;
    // Once in vain, nothing while it was off, once with success.
    assert_eq!(endpoint.received().len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn what_waits_for_those_that_are_off_or_gone_keeps_nobody_waiting() {
    let (app, endpoint) = (app().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    let off = webhook(&app, &key, &endpoint, SENT).await;
    let switch = app.request(Method::PUT, &off.path("")).bearer_auth(key.text());
    assert_eq!(app.ask(switch.json(&json!({"isActive": false}))).await.status, 200);
    let hook = webhook(&app, &key, &endpoint, SENT).await;
    // Before all others in the order in which webhooks have their turns; claimed one by one, they would take minutes.
    let gone = ["00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"];
    for id in [gone[0], gone[1], &off.id] {
        app.sql(&format!(
            "INSERT INTO webhook_deliveries (project_id, webhook_id, type, payload, due_at)
             SELECT '{}', '{id}', 'email.sent', '{{}}', now() FROM generate_series(1, 5000)",
            app.project
        ))
        .await;
    }
    app.accepted(&key, letter()).await;
    entry_when(&app, &key, &hook, |entry| entry["success"] == true).await;
    let look = async || {
        let waiting = "SELECT count(*) FROM webhook_deliveries WHERE due_at IS NOT NULL";
        (app.number(waiting).await == 0).then_some(())
    };
    crate::app::eventually(look).await.unwrap();
    assert_eq!(endpoint.received().len(), 1);
    for (why, count) in [("was deleted", 10_000), ("is switched off", 5000)] {
        let ended = "SELECT count(*) FROM webhook_deliveries WHERE NOT succeeded AND attempts = 0 AND trouble LIKE";
        assert_eq!(app.number(&format!("{ended} 'The webhook {why}%'")).await, count);
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_over_is_forgotten_whatever_still_waits() {
    let app = app().await;
    app.sql(
        "INSERT INTO webhook_deliveries (id, project_id, webhook_id, type, due_at)
         SELECT ('01600000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, gen_random_uuid(), gen_random_uuid(), 'email.sent',
                CASE WHEN n <= 20 THEN now() + interval '1 hour' END
         FROM generate_series(1, 25) AS n",
    )
    .await;
    let before = posthaste::domain::id::WebhookDeliveryId::generate();
    let forget = async |limit| {
        posthaste::store::webhook_deliveries::log::forget(&app.database.pool, before, limit)
            .await
            .unwrap()
    };
    assert_eq!((forget(3).await, forget(3).await, forget(3).await), (3, 2, 0));
    assert_eq!(app.number("SELECT count(*) FROM webhook_deliveries").await, 20);
    app.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_switched_off_at_once() {
    let gone = Behavior::Answer(410, "bye".into());
    let from = "posthaste@example.com";
    let setup = Setup::default().telling_this_machine();
    let app = setup.with(|settings| settings.system_from = Some(from.into())).start().await;
    let endpoint = WebhookEndpoint::behaving(gone).await;
    let key = app.full_key().await;
    let hook = webhook(&app, &key, &endpoint, SENT).await;
    app.accepted(&key, letter()).await;
    let entry = entry_when(&app, &key, &hook, |entry| entry["status"] == "failed").await;
    assert_eq!((&entry["statusCode"], &entry["attempts"]), (&json!(410), &json!(1)));
    let shown = app.get(&hook.path(""), &key).await.body["data"].clone();
    assert_eq!((&shown["isActive"], &shown["status"]), (&json!(false), &json!("inactive")));
    assert_eq!(shown["disabledReason"], "The endpoint answered 410 Gone.");
    let noted = "SELECT count(*) FROM audit_log WHERE action = 'webhook.disabled' AND actor_kind = 'server'";
    assert_eq!(app.number(noted).await, 1);

    // Whoever is responsible is told once, by whichever node comes first.
    app.sql(&format!(
        "INSERT INTO users (id, account_id, email, name, role, password_phc)
         SELECT gen_random_uuid(), '{}', role || '@example.org', '', role, ''
         FROM UNNEST('{{owner,member}}'::text[]) AS role",
        app.account
    ))
    .await;
    app.sql("UPDATE webhooks SET owners_told = false").await;
    let own_mails = OwnMails::new(from.parse().ok(), "https://mail.example.com".into());
    let owners = Owners::new(app.database.pool.clone(), own_mails);
    let (one, other) = tokio::join!(owners.tell(), owners.tell());
    one.and(other).unwrap();
    owners.tell().await.unwrap();
    let told = "SELECT count(*) FROM mails WHERE subject = 'A webhook was switched off' AND to_address LIKE";
    assert_eq!(app.number(&format!("{told} 'owner@%'")).await, 1);
    assert_eq!(app.number(&format!("{told} 'member@%'")).await, 0);
    app.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_fails_for_three_days_is_switched_off() {
    let (app, endpoint) = (app().await, WebhookEndpoint::behaving(failing()).await);
    let key = app.full_key().await;
    let hook = webhook(&app, &key, &endpoint, SENT).await;
    app.accepted(&key, letter()).await;
    entry_when(&app, &key, &hook, |entry| entry["attempts"] == 1).await;
    let three_days =
        "UPDATE webhooks SET failing_since = now() - interval '3 days 1 minute', failures = 12";
    app.sql(three_days).await;
    hasten(&app).await;
    let is_off = async || {
        let shown = app.get(&hook.path(""), &key).await.body["data"].clone();
        (shown["isActive"] == false).then_some(shown)
    };
    let shown = crate::app::eventually(is_off).await.unwrap();
    assert_eq!(shown["disabledReason"], "The endpoint has failed for three days.");
    assert_eq!(
        app.number("SELECT count(*) FROM audit_log WHERE action = 'webhook.disabled'").await,
        1
    );
    // What it was not told is ended, too.
    hasten(&app).await;
    entry_when(&app, &key, &hook, |entry| entry["status"] == "failed").await;
    app.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_fails_is_left_alone_for_longer_and_longer() {
    let (app, endpoint) = (app().await, WebhookEndpoint::behaving(failing()).await);
    let key = app.full_key().await;
    webhook(&app, &key, &endpoint, SENT).await;
    for _ in 0..20 {
        app.accepted(&key, letter()).await;
    }
    endpoint.wait_for(1).await;
    let rests = async || {
        let seconds = "SELECT coalesce(extract(epoch FROM rests_until - last_failed_at), 0)::bigint FROM webhooks";
        let seconds = app.number(seconds).await;
        (seconds >= 4).then_some(seconds)
    };
    crate::app::eventually(rests).await.unwrap();
    // One at a time, and not twenty.
    assert!(endpoint.received().len() < 10, "{}", endpoint.received().len());
    app.stop().await;
}

#[tokio::test]
async fn a_project_that_is_deleted_tells_nothing_more() {
    let (app, endpoint) = (app().await, WebhookEndpoint::behaving(failing()).await);
    let project = app.another_project().await;
    let key = app.key_of(project).await;
    let hook = webhook(&app, &key, &endpoint, SENT).await;
    app.accepted(&key, letter()).await;
    entry_when(&app, &key, &hook, |entry| entry["statusCode"] == 500).await;
    app.sql(&format!("UPDATE projects SET deleted_at = now() WHERE id = '{project}'")).await;
    hasten(&app).await;
    let look = async || {
        let waiting = "SELECT count(*) FROM webhook_deliveries WHERE due_at IS NOT NULL";
        (app.number(waiting).await == 0).then_some(())
    };
    crate::app::eventually(look).await.unwrap();
    assert_eq!(endpoint.received().len(), 1);
    app.stop().await;
}
