//! Who may decide about a mail that is not there yet, and what they are shown of it.

use chrono::{TimeDelta, Utc};
use posthaste::domain::permission::Permission;
use posthaste::domain::restrictions::Restrictions;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Reply, Setup, TestApp, TestKey};
use crate::smtp_server::{Answer, SmtpServer, Stage};
use crate::{entries, letter_with};

/// A live mail that is to be sent tomorrow.
async fn scheduled(app: &TestApp, key: &TestKey) -> String {
    let at = (Utc::now() + TimeDelta::days(1)).to_rfc3339();
    app.accepted(key, letter_with(json!({"scheduledAt": at}))).await
}

/// Everything that somebody can decide about a mail, natively and in dialects.
async fn decisions(app: &TestApp, key: &TestKey, id: &str) -> Vec<Reply> {
    let path = format!("/v1/mails/{id}");
    let soon = (Utc::now() + TimeDelta::seconds(2)).to_rfc3339();
    let stop = json!({"action": "stop"});
    vec![
        app.patch(&path, key, json!({"scheduledAt": null})).await,
        app.post(&format!("{path}/retry"), key, json!({})).await,
        app.post(&format!("{path}/cancel"), key, json!({})).await,
        app.patch(&format!("/emails/{id}"), key, json!({"scheduled_at": soon})).await,
        app.post(&format!("/emails/{id}/cancel"), key, json!({})).await,
        app.post(&format!("/api/v1/emails/jobs/{id}/control"), key, stop).await,
    ]
}

async fn assert_none_may(app: &TestApp, key: &TestKey, id: &str, code: &str) {
    let replies = decisions(app, key, id).await;
    for reply in &replies {
        assert_eq!(reply.status, 403, "{}", reply.body);
    }
    for native in &replies[..3] {
        native.assert_refused(403, code);
    }
}

#[tokio::test]
async fn keys_in_test_mode_neither_send_nor_stop_live_mail() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let (live, test) = (app.full_key().await, app.test_key().await);
    let id = scheduled(&app, &live).await;
    assert_none_may(&app, &test, &id, "LIVE_KEY_REQUIRED").await;
    assert_eq!(app.mail(&live, &id).await["status"], "scheduled");
    assert_eq!(app.number("SELECT count(*) FROM audit_log WHERE action LIKE 'mail.%'").await, 0);

    // Their own they may decide about, and so may live keys.
    for key in [&test, &live] {
        let own = scheduled(&app, &test).await;
        let path = format!("/v1/mails/{own}");
        assert_eq!(app.patch(&path, key, json!({"scheduledAt": null})).await.status, 200);
        app.mail_in(&live, &own, "captured").await;
    }
    app.stop().await;
    assert_eq!(server.connections().ever, 0);
}

#[tokio::test]
async fn keys_decide_only_about_what_they_could_have_sent() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let full = app.full_key().await;
    let id = scheduled(&app, &full).await;
    let held_to = async |restrictions| app.key_with(|key| key.restrictions = restrictions).await;
    let domains =
        |names: &[&str]| Restrictions { domains: Some(entries(names)), ..Restrictions::default() };
    let recipients = |names: &[&str]| Restrictions {
        recipients: Some(entries(names)),
        ..Restrictions::default()
    };

    for names in [&["example.net"][..], &[]] {
        let key = held_to(domains(names)).await;
        assert_none_may(&app, &key, &id, "FROM_DOMAIN_NOT_ALLOWED").await;
        let key = held_to(recipients(names)).await;
        assert_none_may(&app, &key, &id, "RECIPIENT_NOT_ALLOWED").await;
    }
    assert_eq!(app.mail(&full, &id).await["status"], "scheduled");

    let path = format!("/v1/mails/{id}");
    let later = json!({"scheduledAt": (Utc::now() + TimeDelta::days(2)).to_rfc3339()});
    let key = held_to(domains(&["example.com"])).await;
    assert_eq!(app.patch(&path, &key, later).await.status, 200);
    let key = held_to(recipients(&["ada@example.org"])).await;
    assert_eq!(app.post(&format!("{path}/cancel"), &key, json!({})).await.status, 200);
    app.stop().await;
    assert_eq!(server.connections().ever, 0);
}

#[tokio::test]
async fn live_mail_from_a_domain_that_is_not_proved_is_stopped_but_not_hastened() {
    let server = SmtpServer::start().await;
    server.on(Stage::Recipient, Answer::reply("451 4.3.0 later"));
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let (later, deferred) =
        (scheduled(&app, &key).await, app.accepted(&key, letter_with(json!({}))).await);
    app.mail_in(&key, &deferred, "deferred").await;
    let strict = Setup::default().beside(&app).delivering_to(&server);
    let required = |settings: &mut posthaste::config::Settings| {
        settings.require_verified_domains = Some("on".into());
        settings.role = Some("api".into());
    };
    let strict = strict.with(required).start().await;
    let path = format!("/v1/mails/{later}");
    let moved = strict.patch(&path, &key, json!({"scheduledAt": null})).await;
    moved.assert_refused(403, "DOMAIN_NOT_VERIFIED");
    let retried = strict.post(&format!("/v1/mails/{deferred}/retry"), &key, json!({})).await;
    retried.assert_refused(403, "DOMAIN_NOT_VERIFIED");
    for id in [&later, &deferred] {
        let cancelled = strict.post(&format!("/v1/mails/{id}/cancel"), &key, json!({})).await;
        assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    }
    strict.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn who_may_only_send_is_not_shown_what_others_wrote() {
    let server = SmtpServer::start().await;
    server.on(Stage::Recipient, Answer::reply("451 4.3.0 later"));
    let app = TestApp::delivering_to(&server).await;
    let (full, sender) = (app.full_key().await, app.key(&[Permission::MailsSend]).await);
    let read: &[&str] = &["createdAt", "id", "projectId", "scheduledAt", "status", "test"];
    let shown = |reply: &Reply| -> Vec<String> {
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["data"].as_object().unwrap().keys().cloned().collect()
    };

    let id = scheduled(&app, &full).await;
    let path = format!("/v1/mails/{id}");
    for key in [&sender, &full] {
        let unchanged = app.patch(&path, key, json!({})).await;
        unchanged.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(unchanged.fields(), ["scheduledAt"]);
    }
    let at = (Utc::now() + TimeDelta::days(2)).to_rfc3339();
    let moved = app.patch(&path, &sender, json!({"scheduledAt": at})).await;
    assert_eq!(shown(&moved), read);
    assert_eq!(moved.body["data"]["status"], "scheduled");
    let stopped = app.post(&format!("{path}/cancel"), &sender, json!({})).await;
    assert_eq!(shown(&stopped), read);
    assert_eq!(stopped.body["data"]["status"], "cancelled");

    let deferred = app.accepted(&full, letter_with(json!({}))).await;
    app.mail_in(&full, &deferred, "deferred").await;
    let retry = format!("/v1/mails/{deferred}/retry");
    assert_eq!(shown(&app.post(&retry, &sender, json!({})).await), read);
    let is_tried = |mail: &Value| {
        let delivery = &mail["deliveries"][0];
        delivery["attempts"] == 2 && delivery["status"] == "deferred"
    };
    app.mail_when(&full, &deferred, is_tried).await;
    let whole = app.post(&retry, &full, json!({})).await;
    assert_eq!(whole.body["data"]["subject"], "Your receipt", "{}", whole.body);

    // Nor in the words of others.
    let id = scheduled(&app, &full).await;
    for reply in decisions(&app, &sender, &id).await {
        let told = String::from_utf8_lossy(&reply.bytes);
        for secret in ["Your receipt", "Thank you", "ada@", "shop@"] {
            assert!(!told.contains(secret), "{told}");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn people_decide_about_all_mail_of_their_projects() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = scheduled(&app, &key).await;
    let owner = app.owner().await;
    let cancel = owner.request(&app, Method::POST, &format!("/v1/mails/{id}/cancel"));
    let reply =
        app.ask(cancel.header("x-project-id", app.project.to_string()).json(&json!({}))).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let data: &Value = &reply.body["data"];
    assert_eq!((&data["status"], &data["subject"]), (&json!("cancelled"), &json!("Your receipt")));
    app.stop().await;
}
