//! What became of the mail of the last days, and what a mail looks like.

use posthaste::store::mail_days;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, TestKey};
use crate::{letter, letter_with};

async fn totals(app: &TestApp, key: &TestKey, project: Option<String>) -> Value {
    let request = app.request(Method::GET, "/v1/account/overview?days=2").bearer_auth(key.text());
    let request = match project {
        Some(project) => request.header("x-project-id", project),
        None => request,
    };
    let reply = app.ask(request).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let by_day = reply.body["data"]["byDay"].as_array().unwrap();
    assert_eq!(by_day.len(), 2);
    for member in ["accepted", "delivered", "captured", "bounced", "failed"] {
        let sum: i64 = by_day.iter().map(|day| day[member].as_i64().unwrap()).sum();
        assert_eq!(reply.body["data"]["totals"][member], sum, "{member}");
    }
    reply.body["data"].clone()
}

#[tokio::test]
async fn every_recipient_counts_once_for_what_became_of_the_mail() {
    let app = TestApp::start().await;
    let (key, owner) = (app.full_key().await, app.account_key().await);
    let other = app.key_of(app.another_project().await).await;
    let test = |to: &str| letter_with(json!({"to": to, "test": true, "onAmbiguous": "hold"}));
    for (to, status) in [
        ("bounced@example.org", "bounced"),
        ("suppressed@example.org", "suppressed"),
        ("delayed@example.org", "deferred"),
        ("ambiguous@example.org", "held"),
    ] {
        let id = app.accepted(&key, test(to)).await;
        app.mail_in(&key, &id, status).await;
    }
    let two = letter_with(json!({"cc": ["bob@example.org"]}));
    let id = app.accepted(&other, two).await;
    app.mail_in(&other, &id, "captured").await;

    let expected = json!({"accepted": 6, "delivered": 0, "captured": 2, "bounced": 1, "failed": 1, "held": 1, "pending": 1});
    for added_up in [false, true, true] {
        if added_up {
            mail_days::add_up(&app.database.pool).await.unwrap();
        }
        let all = totals(&app, &owner, None).await;
        assert_eq!(all["totals"], expected);
        let narrowed = totals(&app, &owner, Some(app.project.to_string())).await;
        assert_eq!(narrowed["totals"]["accepted"], 4);
        for shown in [&all, &narrowed] {
            assert_eq!(shown["attention"].as_array().unwrap().len(), 1, "{shown}");
            assert_eq!(shown["attention"][0]["kind"], "held_mail", "{shown}");
            assert_eq!(shown["attention"][0]["projectId"], app.project.to_string(), "{shown}");
        }
    }
    app.get("/v1/account/overview", &key).await.assert_refused(403, "ACCOUNT_KEY_REQUIRED");
    for days in ["0", "367"] {
        let reply = app.get(&format!("/v1/account/overview?days={days}"), &owner).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
    }
    app.stop().await;
}

#[tokio::test]
async fn adding_up_at_any_moment_loses_nothing_and_counts_nothing_twice() {
    let app = TestApp::start().await;
    let (key, owner) = (app.full_key().await, app.account_key().await);
    let adding = async {
        for _ in 0..100 {
            let (one, other) = tokio::join!(
                mail_days::add_up(&app.database.pool),
                mail_days::add_up(&app.database.pool)
            );
            one.unwrap();
            other.unwrap();
        }
    };
    let sending = async {
        for _ in 0..100 {
            app.accepted(&key, letter()).await;
        }
    };
    let looking = async {
        let mut accepted = 0;
        for _ in 0..50 {
            let now = totals(&app, &owner, None).await["totals"]["accepted"].as_i64().unwrap();
            assert!(now >= accepted);
            accepted = now;
        }
    };
    tokio::join!(adding, sending, looking);
    let all_there = async || {
        let now = totals(&app, &owner, None).await["totals"].clone();
        let expected = json!({"accepted": 100, "delivered": 0, "captured": 100, "bounced": 0, "failed": 0, "held": 0, "pending": 0});
        (now == expected).then_some(())
    };
    assert!(crate::app::eventually(all_there).await.is_some());
    app.stop().await;
}

#[tokio::test]
async fn a_preview_shows_the_mail_and_can_do_nothing() {
    let app = TestApp::start().await;
    let (key, owner) = (app.full_key().await, app.account_key().await);
    let html = "<p onclick=\"alert(1)\">Hi</p><script>alert(1)</script>";
    let id = app.accepted(&key, letter_with(json!({"html": html}))).await;
    let text = app.accepted(&key, letter_with(json!({"text": "1 < 2 & <script>"}))).await;

    let path = format!("/v1/mails/{id}/preview");
    let reply = app.get(&path, &key).await;
    // Links lead into a new window, which the sandbox does not open.
    let html = format!("<base target=\"_blank\">{html}");
    assert_eq!((reply.status, reply.bytes.as_ref()), (200, html.as_bytes()));
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    let policy = reply.header("content-security-policy");
    assert!(policy.starts_with("sandbox; default-src 'none'; img-src data:;"), "{policy}");
    assert!(!policy.contains("allow-"), "{policy}");

    let named = app.get(&format!("{path}?projectId={}", app.project), &owner).await;
    assert_eq!((named.status, named.bytes.as_ref()), (200, html.as_bytes()));
    let reply = app.get(&format!("/v1/mails/{text}/preview"), &key).await;
    let shown = String::from_utf8(reply.bytes.to_vec()).unwrap();
    assert!(shown.contains("1 &lt; 2 &amp; &lt;script&gt;"), "{shown}");

    let other = app.another_project().await;
    app.get(&path, &owner).await.assert_refused(403, "PROJECT_REQUIRED");
    for wrong in [other.to_string(), uuid::Uuid::now_v7().to_string(), "1".into()] {
        let reply = app.get(&format!("{path}?projectId={wrong}"), &owner).await;
        reply.assert_refused(404, "NOT_FOUND");
        let reply = app.get(&format!("{path}?projectId={wrong}"), &key).await;
        reply.assert_refused(404, "NOT_FOUND");
    }
    let stranger = app.key_of(other).await;
    app.get(&path, &stranger).await.assert_refused(404, "NOT_FOUND");
    let powerless = app.key(&[]).await;
    app.get(&path, &powerless).await.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    app.stop().await;
}
