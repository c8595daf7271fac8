//! Nobody makes a key that may do more than they may themselves, on any way.

use posthaste::domain::permission::Permission;
use posthaste::domain::restrictions::Restrictions;
use serde_json::{Value, json};

use crate::app::{Reply, TestApp, TestKey};
use crate::{entries, letter};

const ACCOUNT: &str = "/v1/account/api-keys";
const PROJECT: &str = "/v1/api-keys";

/// A key of the first project that is held to something in every way there is.
async fn restricted(app: &TestApp) -> TestKey {
    app.key_with(|key| {
        key.permissions = vec![Permission::MailsSend, Permission::KeysRead, Permission::KeysWrite];
        key.restrictions = Restrictions {
            domains: Some(entries(&["example.com"])),
            recipients: Some(entries(&["example.org", "ada@example.net"])),
            ip_allowlist: Some(entries(&["127.0.0.0/8"])),
            ip_allowlist_dry_run: false,
        };
        (key.per_second, key.per_minute) = (Some(1000), Some(10_000));
        key.expires_at = Some("2999-01-01T00:00:00Z".parse().unwrap());
    })
    .await
}

/// Everything in which a key could be wider than [`restricted`], with the field that is told.
fn wider() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"permissions": "full_access"}), "permissions"),
        (json!({"permissions": ["mails:send", "mails:read"]}), "permissions"),
        (json!({"domains": null}), "domains"),
        (json!({"domains": ["example.com", "notexample.com"]}), "domains"),
        (json!({"domains": ["mail.example.com"]}), "domains"),
        (json!({"recipients": null}), "recipients"),
        (json!({"recipients": ["example.net"]}), "recipients"),
        (json!({"recipients": ["bob@example.net"]}), "recipients"),
        (json!({"ipAllowlist": null}), "ipAllowlist"),
        (json!({"ipAllowlist": ["126.0.0.0/7"]}), "ipAllowlist"),
        (json!({"ipAllowlist": ["127.0.0.1", "::1"]}), "ipAllowlist"),
        (json!({"ipAllowlistDryRun": true}), "ipAllowlist"),
        (json!({"expiresAt": null}), "expiresAt"),
        (json!({"expiresAt": "2999-01-01T00:00:00.001Z"}), "expiresAt"),
        (json!({"rateLimit": null}), "rateLimit.perSecond"),
        (json!({"rateLimit": {"perSecond": 1001}}), "rateLimit.perSecond"),
        (json!({"rateLimit": {"perMinute": 10_001}}), "rateLimit.perMinute"),
    ]
}

fn with_name(mut body: Value) -> Value {
    body["name"] = json!("Wider");
    body
}

#[track_caller]
fn assert_exceeds(reply: &Reply, field: &str) {
    reply.assert_refused(403, "KEY_WOULD_EXCEED_CALLER");
    let told = reply.body["error"]["message"].as_str().unwrap();
    assert!(told.contains(field), "{field}: {told}");
}

#[tokio::test]
async fn a_restricted_key_makes_and_changes_no_key_into_a_wider_one() {
    let app = TestApp::start().await;
    let key = restricted(&app).await;
    let own = format!("{PROJECT}/{}", key.id);
    let child = TestKey::made(&app.post(PROJECT, &key, json!({"name": "Child"})).await);
    let child = format!("{PROJECT}/{}", child.id);
    for (body, field) in wider() {
        assert_exceeds(&app.post(PROJECT, &key, with_name(body.clone())).await, field);
        assert_exceeds(&app.patch(&own, &key, body.clone()).await, field);
        assert_exceeds(&app.patch(&child, &key, body).await, field);
    }
    assert_eq!(app.number("SELECT count(*) FROM api_keys").await, 2);
    assert_eq!(app.number("SELECT count(*) FROM api_keys WHERE name = 'Wider'").await, 0);
    let updates = "SELECT count(*) FROM audit_log WHERE action = 'api_key.updated'";
    assert_eq!(app.number(updates).await, 0);
    app.stop().await;
}

#[tokio::test]
async fn what_is_left_out_is_as_wide_as_the_makers_own() {
    let app = TestApp::start().await;
    let key = restricted(&app).await;
    let made = app.post(PROJECT, &key, json!({"name": "Child"})).await.body["data"].clone();
    assert_eq!(made["permissions"], json!(["mails:send", "keys:read", "keys:write"]));
    assert_eq!(made["domains"], json!(["example.com"]));
    assert_eq!(made["recipients"], json!(["example.org", "ada@example.net"]));
    assert_eq!(
        (&made["ipAllowlist"], &made["ipAllowlistDryRun"]),
        (&json!(["127.0.0.0/8"]), &json!(false))
    );
    assert_eq!(made["expiresAt"], "2999-01-01T00:00:00.000Z");
    assert_eq!(made["ownRateLimit"], json!({"perSecond": 1000, "perMinute": 10_000}));

    let narrower = json!({
        "name": "Grandchild", "permissions": ["mails:send"], "domains": [], "recipients": ["bob@example.org"],
        "ipAllowlist": ["::ffff:127.1.0.0/112"], "expiresAt": "2998-01-01T00:00:00Z", "rateLimit": {"perSecond": 1},
    });
    assert_eq!(app.post(PROJECT, &key, narrower).await.status, 201);
    app.stop().await;
}

#[tokio::test]
async fn a_test_key_makes_test_keys_only_and_a_live_one_both() {
    let app = TestApp::start().await;
    let (live, test) = (app.full_key().await, app.test_key().await);
    let body = |mode: &str| json!({"name": "Child", "mode": mode});
    assert_exceeds(&app.post(PROJECT, &test, body("live")).await, "mode");
    let made = app.post(PROJECT, &test, json!({"name": "Child"})).await;
    assert_eq!((made.status, &made.body["data"]["mode"]), (201, &json!("test")));
    let made = app.post(PROJECT, &live, body("test")).await;
    assert_eq!((made.status, &made.body["data"]["mode"]), (201, &json!("test")));

    // To rotate a key is to learn a secret that does what it does.
    let path = format!("{PROJECT}/{}/rotate", live.id);
    assert_exceeds(&app.post(&path, &test, json!({})).await, "mode");
    app.stop().await;
}

#[tokio::test]
async fn a_weak_key_may_stop_a_mighty_one_and_never_use_it() {
    let app = TestApp::start().await;
    let mighty = app.full_key().await;
    let weak = app.key(&[Permission::KeysWrite]).await;
    let path = format!("{PROJECT}/{}", mighty.id);
    assert_exceeds(&app.post(&format!("{path}/rotate"), &weak, json!({})).await, "permissions");
    let off = app
        .patch(&path, &weak, json!({"active": false, "name": "Held", "domains": ["a.example"]}))
        .await;
    assert_eq!((off.status, &off.body["data"]["status"]), (200, &json!("inactive")));
    // Switched off, it can be switched on only by somebody who may do as much.
    assert_exceeds(&app.patch(&path, &weak, json!({"active": true})).await, "permissions");
    assert_eq!(app.delete(&path, &weak).await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn a_key_that_was_stopped_elsewhere_leaves_no_key_behind() {
    let app = TestApp::start().await;
    for change in [
        "revoked_at = now()",
        "active = false",
        "expires_at = now()",
        "permissions = '{mails:send}'",
    ] {
        let key = app.key_with(|key| key.project = None).await;
        let twin = app.account_key().await;
        let own = format!("{ACCOUNT}/{}", key.id);
        assert_eq!(app.get(&own, &key).await.status, 200, "now the node believes in it");
        // Without a notification, so that the node goes on believing.
        app.sql(&format!("UPDATE api_keys SET {change} WHERE id = '{}'", key.id)).await;
        let before = app.number("SELECT count(*) FROM api_keys").await;

        let body = json!({"name": "Left behind", "projectId": app.project.to_string()});
        let other = format!("{ACCOUNT}/{}", twin.id);
        for reply in [
            app.post(ACCOUNT, &key, body).await,
            app.post(&format!("{own}/rotate"), &key, json!({})).await,
            app.patch(&own, &key, json!({"expiresAt": null, "active": true})).await,
            app.patch(&other, &key, json!({"active": false})).await,
            app.delete(&other, &key).await,
        ] {
            let refused = [
                (401, "UNAUTHORIZED"),
                (403, "INSUFFICIENT_PERMISSIONS"),
                (409, "API_KEY_NOT_ACTIVE"),
            ];
            assert!(refused.contains(&(reply.status, reply.code())), "{change}: {}", reply.body);
        }
        assert_eq!(app.number("SELECT count(*) FROM api_keys").await, before);
        assert_eq!(app.get("/v1/api-keys/me", &twin).await.status, 200);
    }
    app.stop().await;
}

#[tokio::test]
async fn people_give_keys_what_their_role_may_and_no_more() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let mut member = app.colleague(&mut owner, "member@example.com", "member").await;
    let mut viewer = app.colleague(&mut owner, "viewer@example.com", "viewer").await;
    let project = app.project.to_string();
    let body = json!({"name": "Key", "projectId": project});
    let refused = viewer.post(&app, ACCOUNT, body.clone()).await;
    refused.assert_refused(403, "INSUFFICIENT_PERMISSIONS");

    let made = member.post(&app, ACCOUNT, body).await;
    let permissions = made.body["data"]["permissions"].as_array().unwrap();
    assert!(permissions.contains(&json!("keys:write")));
    assert!(!permissions.contains(&json!("users:write")));
    assert_eq!(made.body["data"]["createdBy"], "member@example.com");
    app.accepted(&TestKey::made(&made), letter()).await;
    let full = json!({"name": "Key", "projectId": project, "permissions": "full_access"});
    assert_exceeds(&member.post(&app, ACCOUNT, full.clone()).await, "permissions");

    let mighty = TestKey::made(&owner.post(&app, ACCOUNT, full).await);
    let path = format!("{ACCOUNT}/{}", mighty.id);
    let rotated = member.post(&app, &format!("{path}/rotate"), json!({})).await;
    assert_exceeds(&rotated, "permissions");
    let (on, off) = (json!({"active": true}), json!({"active": false}));
    assert_eq!(member.patch(&app, &path, off).await.status, 200);
    assert_exceeds(&member.patch(&app, &path, on.clone()).await, "permissions");
    assert_eq!(owner.patch(&app, &path, on).await.status, 200);
    app.accepted(&mighty, letter()).await;
    app.stop().await;
}

#[tokio::test]
async fn an_allowlist_cannot_lock_its_owner_out() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let key = app.full_key().await;
    let (own, path) = (format!("{PROJECT}/{}", key.id), format!("{ACCOUNT}/{}", key.id));
    let elsewhere = json!({"ipAllowlist": ["203.0.113.0/24"]});
    let trial = json!({"ipAllowlist": ["203.0.113.0/24"], "ipAllowlistDryRun": true});
    let enforced = json!({"ipAllowlistDryRun": false});
    let refused = |reply: &Reply| {
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), ["ipAllowlist"]);
        let told = reply.body["error"]["details"][0]["message"].as_str().unwrap();
        assert!(told.contains("ipAllowlistDryRun"), "{told}");
    };

    // A key that holds itself: never, tried or not.
    refused(&app.patch(&own, &key, elsewhere.clone()).await);
    assert_eq!(app.patch(&own, &key, trial.clone()).await.status, 200);
    refused(&app.patch(&own, &key, enforced.clone()).await);
    let cleared = json!({"ipAllowlist": null, "ipAllowlistDryRun": false});
    assert_eq!(app.patch(&own, &key, cleared).await.status, 200);

    // A person: what was tried before.
    refused(&owner.patch(&app, &path, elsewhere).await);
    assert_eq!(owner.patch(&app, &path, trial).await.status, 200);
    assert_eq!(app.get("/v1/mails", &key).await.status, 200, "a dry run refuses nobody");
    assert_eq!(owner.patch(&app, &path, enforced).await.status, 200);
    app.get("/v1/mails", &key).await.assert_refused(403, "IP_NOT_ALLOWED");

    // A new key is in nobody's hands yet.
    let project = app.project.to_string();
    let body = json!({"name": "Server", "projectId": project, "ipAllowlist": ["203.0.113.9"]});
    assert_eq!(owner.post(&app, ACCOUNT, body).await.status, 201);
    app.stop().await;
}

#[tokio::test]
async fn two_keys_that_change_each_other_at_once_both_get_an_answer() {
    let app = TestApp::start().await;
    let (one, two) = (app.full_key().await, app.full_key().await);
    let (path_of_one, path_of_two) =
        (format!("{PROJECT}/{}", one.id), format!("{PROJECT}/{}", two.id));
    for round in 0..20 {
        let body = json!({"name": format!("Round {round}")});
        let (a, b, c) = tokio::join!(
            app.patch(&path_of_two, &one, body.clone()),
            app.patch(&path_of_one, &two, body.clone()),
            app.send(&one, letter()),
        );
        assert_eq!((a.status, b.status, c.status), (200, 200, 200), "{} {}", a.body, b.body);
    }
    // Each ends the other: only one can have been first.
    let (a, b) = tokio::join!(app.delete(&path_of_two, &one), app.delete(&path_of_one, &two));
    let mut answers = [a.status, b.status];
    answers.sort_unstable();
    assert_eq!(answers, [200, 401], "{} {}", a.body, b.body);
    app.stop().await;
}
