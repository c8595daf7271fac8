//! The life of a key: made, shown, changed, rotated, ended, each step through the front door.

use insta::assert_json_snapshot;
use posthaste::domain::permission::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Setup, TestApp, TestKey, eventually};
use crate::letter;

const ACCOUNT: &str = "/v1/account/api-keys";
const PROJECT: &str = "/v1/api-keys";

/// Waits until this node refuses the key, or lets it in again.
async fn until_reading_answers(app: &TestApp, key: &TestKey, status: u16) {
    let look = async || (app.get("/v1/mails", key).await.status == status).then_some(());
    eventually(look).await.expect("the node hears of it");
}

#[tokio::test]
async fn a_key_is_made_shown_once_and_works() {
    let app = TestApp::start().await;
    let account = app.account_key().await;
    let body = json!({"name": " Shop ", "projectId": app.project.to_string(), "permissions": "sending_access"});
    let reply = app.post(ACCOUNT, &account, body).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let made = TestKey::made(&reply);
    assert_json_snapshot!(
        reply.body["data"],
        {
            ".id" => "[id]", ".key" => "[key]", ".displayKey" => "[display]", ".projectId" => "[project]",
            ".createdAt" => "[time]", ".createdBy" => "[by]",
        },
        @r#"
    {
      "attention": [],
      "createdAt": "[time]",
      "createdBy": "[by]",
      "displayKey": "[display]",
      "domains": null,
      "expiresAt": null,
      "id": "[id]",
      "ipAllowlist": null,
      "ipAllowlistDryRun": false,
      "key": "[key]",
      "lastUsedAt": null,
      "lastUsedIp": null,
      "mode": "live",
      "name": "Shop",
      "ownRateLimit": {
        "perMinute": null,
        "perSecond": null
      },
      "permissions": [
        "mails:send"
      ],
      "projectId": "[project]",
      "projectName": "My project",
      "rateLimit": {
        "perMinute": 1000000,
        "perSecond": 1000000
      },
      "recipients": null,
      "replacedBy": null,
      "replaces": null,
      "status": "active",
      "type": "project"
    }
    "#
    );
    app.accepted(&made, letter()).await;

    let path = format!("{ACCOUNT}/{}", made.id);
    let shown = app.get(&path, &account).await;
    assert_eq!(shown.status, 200);
    let secret = made.text().to_owned();
    assert!(!String::from_utf8_lossy(&shown.bytes).contains(&secret));
    assert_eq!(shown.body["data"]["name"], "Shop");
    let listed = app.get(ACCOUNT, &account).await;
    assert_eq!(listed.body["data"]["apiKeys"].as_array().unwrap().len(), 2);
    assert!(!String::from_utf8_lossy(&listed.bytes).contains(&secret));
    app.stop().await;
}

#[tokio::test]
async fn a_deleted_key_sends_nothing_more_and_is_kept_for_the_record() {
    let app = TestApp::start().await;
    let (account, key) = (app.account_key().await, app.full_key().await);
    app.accepted(&key, letter()).await;
    let path = format!("{ACCOUNT}/{}", key.id);

    let deleted = app.delete(&path, &account).await;
    assert_eq!((deleted.status, &deleted.body["data"]["status"]), (200, &json!("revoked")));
    app.send(&key, letter()).await.assert_refused(401, "UNAUTHORIZED");
    assert_eq!(app.get("/v1/mails", &key).await.status, 401, "this node knows at once");
    assert_eq!(app.delete(&path, &account).await.status, 200, "twice is once");
    app.patch(&path, &account, json!({"active": true}))
        .await
        .assert_refused(409, "API_KEY_REVOKED");
    app.post(&format!("{path}/rotate"), &account, json!({}))
        .await
        .assert_refused(409, "API_KEY_NOT_ACTIVE");
    assert_eq!(app.get(&path, &account).await.body["data"]["status"], "revoked");
    let revoked = "SELECT count(*) FROM audit_log WHERE action = 'api_key.revoked'";
    assert_eq!(app.number(revoked).await, 1);
    assert_eq!(app.mails_stored().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_key_that_is_switched_off_sends_nothing_on_any_node_until_it_is_switched_on() {
    let app = TestApp::start().await;
    let other = Setup::default().beside(&app).start().await;
    let (account, key) = (app.account_key().await, app.full_key().await);
    for node in [&app, &other] {
        node.accepted(&key, letter()).await;
    }
    let path = format!("{ACCOUNT}/{}", key.id);

    let off = app.patch(&path, &account, json!({"active": false})).await;
    assert_eq!((off.status, &off.body["data"]["status"]), (200, &json!("inactive")));
    for node in [&app, &other] {
        node.send(&key, letter()).await.assert_refused(401, "UNAUTHORIZED");
    }
    until_reading_answers(&other, &key, 401).await;
    assert_eq!(app.mails_stored().await, 2);

    let on = app.patch(&path, &account, json!({"active": true})).await;
    assert_eq!(on.body["data"]["status"], "active");
    app.accepted(&key, letter()).await;
    until_reading_answers(&other, &key, 200).await;
    other.accepted(&key, letter()).await;
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn what_is_left_out_of_a_change_stays_and_null_clears() {
    let app = TestApp::start().await;
    let (account, key) = (app.account_key().await, app.full_key().await);
    let path = format!("{ACCOUNT}/{}", key.id);
    let change = json!({
        "name": "Renamed", "permissions": ["mails:read", "mails:send", "mails:read"],
        "domains": ["Example.com", "bücher.example", "EXAMPLE.COM"], "recipients": ["Ada@Example.org", "example.net"],
        "ipAllowlist": ["::ffff:127.0.0.0/104", "2001:db8::1"], "ipAllowlistDryRun": true,
        "expiresAt": "2999-01-01T00:00:00+02:00", "rateLimit": {"perSecond": 5},
    });
    let changed = app.patch(&path, &account, change).await.body["data"].clone();
    assert_eq!(changed["permissions"], json!(["mails:send", "mails:read"]));
    assert_eq!(changed["domains"], json!(["example.com", "xn--bcher-kva.example"]));
    assert_eq!(changed["recipients"], json!(["ada@example.org", "example.net"]));
    assert_eq!(changed["ipAllowlist"], json!(["127.0.0.0/8", "2001:db8::1/128"]));
    assert_eq!(changed["expiresAt"], "2998-12-31T22:00:00.000Z");
    assert_eq!(changed["ownRateLimit"], json!({"perSecond": 5, "perMinute": null}));
    assert_eq!(changed["rateLimit"], json!({"perSecond": 5, "perMinute": 1_000_000}));

    let same = app.patch(&path, &account, json!({})).await.body["data"].clone();
    assert_eq!(same["domains"], changed["domains"]);
    let cleared = json!({
        "domains": null, "recipients": null, "ipAllowlist": null, "ipAllowlistDryRun": false, "expiresAt": null,
        "rateLimit": null,
    });
    let cleared = app.patch(&path, &account, cleared).await.body["data"].clone();
    for field in ["domains", "recipients", "ipAllowlist", "expiresAt"] {
        assert_eq!(cleared[field], Value::Null, "{field}");
    }
    assert_eq!(cleared["ownRateLimit"], json!({"perSecond": null, "perMinute": null}));
    assert_eq!(cleared["name"], "Renamed");
    app.stop().await;
}

#[tokio::test]
async fn every_bad_field_of_a_request_is_named() {
    let app = TestApp::start().await;
    let account = app.account_key().await;
    let bad = json!({
        "name": "two\nlines", "type": "personal", "projectId": "seven", "mode": "dry",
        "permissions": ["mails:send", "mails:burn"], "domains": ["*.example.com", "example.com"],
        "recipients": ["\"a b\"@example.com"], "ipAllowlist": ["10.0.0.1/8"], "expiresAt": "2001-01-01T00:00:00Z",
        "rateLimit": {"perSecond": 0, "perMinute": 1_000_001},
    });
    let reply = app.post(ACCOUNT, &account, bad).await;
    reply.assert_refused(400, "VALIDATION_FAILED");
    let fields = [
        "type",
        "mode",
        "projectId",
        "name",
        "rateLimit.perSecond",
        "rateLimit.perMinute",
        "permissions[1]",
        "domains[0]",
        "recipients[0]",
        "ipAllowlist[0]",
        "expiresAt",
    ];
    for field in fields {
        let times = reply.fields().iter().filter(|one| **one == field).count();
        assert_eq!(times, 1, "{field}: {}", reply.body);
    }

    let project = app.project.to_string();
    for (body, field) in [
        (json!({"projectId": project}), "name"),
        (json!({"name": "a"}), "projectId"),
        (json!({"name": "a", "type": "account", "projectId": project}), "projectId"),
        (json!({"name": "a", "projectId": project, "permissions": 7}), "permissions"),
        (json!({"name": "a", "projectId": project, "permissions": "root"}), "permissions"),
        (json!({"name": "a", "projectId": project, "domains": "example.com"}), "domains"),
        (
            json!({"name": "a", "projectId": project, "domains": vec!["example.com"; 101]}),
            "domains",
        ),
        (
            json!({"name": "a", "projectId": project, "rateLimit": {"perSecond": -1}}),
            "rateLimit.perSecond",
        ),
        (json!({"name": "a", "projectId": project, "expiresAt": "tomorrow"}), "expiresAt"),
    ] {
        let reply = app.post(ACCOUNT, &account, body).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), [field], "{}", reply.body);
    }
    let key = app.full_key().await;
    let path = format!("{ACCOUNT}/{}", key.id);
    let reply = app.patch(&path, &account, json!({"type": "account", "mode": "test"})).await;
    assert_eq!(reply.fields(), ["type", "mode"]);
    let made = "SELECT count(*) FROM api_keys";
    assert_eq!(app.number(made).await, 2);
    app.stop().await;
}

#[tokio::test]
async fn a_rotation_makes_a_twin_and_lets_the_old_key_live_for_a_while() {
    let app = TestApp::start().await;
    let account = app.account_key().await;
    let body = json!({"name": "App", "projectId": app.project.to_string(), "permissions": "sending_access",
                      "domains": ["example.com"], "rateLimit": {"perMinute": 70}});
    let old = TestKey::made(&app.post(ACCOUNT, &account, body).await);
    let path = format!("{ACCOUNT}/{}", old.id);

    let reply =
        app.post(&format!("{path}/rotate"), &account, json!({"overlapSeconds": 3600})).await;
    let new = TestKey::made(&reply);
    assert_eq!(reply.body["data"]["replaces"], old.id.to_string());
    assert_eq!(reply.body["data"]["domains"], json!(["example.com"]));
    assert_eq!(reply.body["data"]["ownRateLimit"]["perMinute"], 70);
    let shown = app.get(&path, &account).await.body["data"].clone();
    assert_eq!(shown["replacedBy"], new.id.to_string());
    assert!(shown["expiresAt"].is_string());
    for key in [&old, &new] {
        app.accepted(key, letter()).await;
    }

    // Without a body it is a day, and never longer than the key had.
    let before = shown["expiresAt"].clone();
    let request = app.request(Method::POST, &format!("{path}/rotate"));
    let again = app.ask(request.bearer_auth(account.text())).await;
    assert_eq!(again.status, 201, "{}", again.body);
    assert_eq!(app.get(&path, &account).await.body["data"]["expiresAt"], before);

    let at_once = json!({"overlapSeconds": 0});
    let path = format!("{ACCOUNT}/{}", new.id);
    let newest = TestKey::made(&app.post(&format!("{path}/rotate"), &account, at_once).await);
    let reply = app.send(&new, letter()).await;
    reply.assert_refused(401, "UNAUTHORIZED");
    assert_eq!(reply.body["error"]["message"], "The API key has expired. Make a new key.");
    app.accepted(&newest, letter()).await;
    for overlap in [json!(-1), json!(2_592_001)] {
        let reply =
            app.post(&format!("{path}/rotate"), &account, json!({"overlapSeconds": overlap})).await;
        assert_eq!(reply.fields(), ["overlapSeconds"], "{}", reply.body);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_key_rotates_itself_and_deletes_itself() {
    let app = TestApp::start().await;
    let key = app.key(&[Permission::KeysWrite, Permission::MailsSend]).await;
    let path = format!("{PROJECT}/{}", key.id);
    let twin = TestKey::made(&app.post(&format!("{path}/rotate"), &key, json!({})).await);
    assert_eq!(app.delete(&path, &key).await.status, 200);
    app.send(&key, letter()).await.assert_refused(401, "UNAUTHORIZED");
    app.accepted(&twin, letter()).await;
    app.stop().await;
}

#[tokio::test]
async fn a_key_is_told_what_it_may_do_and_what_is_left() {
    let app = Setup::default().limits(5, 60).standing_clock().start().await;
    let key = app.key(&[]).await;
    let first = app.get("/v1/api-keys/me", &key).await;
    assert_eq!(first.status, 200);
    let data = &first.body["data"];
    assert_eq!((&data["id"], &data["permissions"]), (&json!(key.id), &json!([])));
    assert_eq!((&data["key"], &data["preset"]), (&Value::Null, &Value::Null));
    assert_eq!(data["remaining"]["second"]["remaining"], 4);
    assert_eq!(data["remaining"]["minute"]["limit"], 60);
    assert_eq!(data["remaining"]["minute"]["remaining"], 59);
    assert!(data["remaining"]["minute"]["resetAt"].as_str().unwrap().ends_with('Z'));
    let second = app.get("/v1/api-keys/me", &key).await;
    assert_eq!(second.body["data"]["remaining"]["minute"]["remaining"], 58);

    let account = app.account_key().await;
    let own = app.get("/v1/api-keys/me", &account).await;
    assert_eq!((own.status, &own.body["data"]["preset"]), (200, &json!("full_access")));
    app.stop().await;
}

#[tokio::test]
async fn a_project_key_knows_only_keys_of_its_project() {
    let app = TestApp::start().await;
    let other = app.another_project().await;
    let (key, account, foreign) =
        (app.full_key().await, app.account_key().await, app.key_of(other).await);
    let listed = app.get(PROJECT, &key).await;
    let ids: Vec<_> =
        listed.body["data"]["apiKeys"].as_array().unwrap().iter().map(|key| &key["id"]).collect();
    assert_eq!(ids, [&json!(key.id)]);
    for hidden in [&account, &foreign] {
        let path = format!("{PROJECT}/{}", hidden.id);
        app.get(&path, &key).await.assert_refused(404, "NOT_FOUND");
        app.patch(&path, &key, json!({"name": "Mine"})).await.assert_refused(404, "NOT_FOUND");
        app.delete(&path, &key).await.assert_refused(404, "NOT_FOUND");
        app.post(&format!("{path}/rotate"), &key, json!({})).await.assert_refused(404, "NOT_FOUND");
    }
    app.get(ACCOUNT, &key).await.assert_refused(403, "ACCOUNT_KEY_REQUIRED");
    app.get(PROJECT, &account).await.assert_refused(403, "PROJECT_REQUIRED");
    let made = app.post(PROJECT, &key, json!({"name": "Sister"})).await;
    assert_eq!(made.body["data"]["projectId"], app.project.to_string());
    for (body, field) in [
        (json!({"name": "a", "type": "account"}), "type"),
        (json!({"name": "a", "projectId": other.to_string()}), "projectId"),
    ] {
        let reply = app.post(PROJECT, &key, body).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), [field]);
    }
    app.stop().await;
}
