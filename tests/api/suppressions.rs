//! Who gets no mail, and the kinds of mail that recipients can want or not want.

use posthaste::domain::permission::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Reply, TestApp, TestKey};
use crate::{letter, letter_with};

const GROUPS: &str = "/v1/suppression-groups";

/// A group that must be made; its short name.
pub async fn group(app: &TestApp, key: &TestKey, name: &str) -> String {
    let reply = app.post(GROUPS, key, json!({"name": name})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["data"]["groupId"].as_str().unwrap().to_owned()
}

async fn suppress(app: &TestApp, key: &TestKey, body: Value) -> Reply {
    app.post(&format!("{GROUPS}/emails/suppress"), key, body).await
}

async fn unsuppress(app: &TestApp, key: &TestKey, body: Value) -> Reply {
    app.post(&format!("{GROUPS}/emails/unsuppress"), key, body).await
}

/// Entries that a search finds.
pub async fn entries(app: &TestApp, key: &TestKey, search: Value) -> Vec<Value> {
    let reply = app.post(&format!("{GROUPS}/entries"), key, search).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let data = &reply.body["data"];
    let found = data["entries"].as_array().unwrap().clone();
    if data["pagination"]["pages"] == 1 {
        assert_eq!(data["pagination"]["total"], found.len(), "{data}");
    }
    found
}

async fn put(app: &TestApp, key: &TestKey, path: &str, body: Value) -> Reply {
    let request = app.request(Method::PUT, path).bearer_auth(key.text());
    app.ask(request.json(&body)).await
}

#[tokio::test]
async fn a_group_is_made_shown_changed_and_deleted() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let description = "Users who opted out of marketing";
    let new = json!({"name": " Marketing ", "description": description});
    let reply = app.post(GROUPS, &key, new).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let made = reply.body["data"].clone();
    let code = made["groupId"].as_str().unwrap();
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{code}");
    assert_eq!((&made["name"], &made["description"]), (&json!("Marketing"), &json!(description)));
    assert_eq!((&made["isGlobal"], &made["isActive"]), (&json!(false), &json!(true)));
    assert_eq!(made["suppressionCount"], 0);

    let path = format!("{GROUPS}/{code}");
    assert_eq!(app.get(&path, &key).await.body["data"], made);
    assert_eq!(app.get(&path.to_lowercase(), &key).await.body["data"], made);
    let listed = app.get(GROUPS, &key).await.body["data"]["groups"].clone();
    assert_eq!(listed, json!([made]));
    let all = app.get(&format!("{GROUPS}?includeGlobal=true"), &key).await;
    let all = all.body["data"]["groups"].as_array().unwrap().clone();
    assert_eq!((all.len(), &all[1]["groupId"]), (2, &json!("GLOBAL")));
    let global = app.get(&format!("{GROUPS}?onlyGlobal=true"), &key).await;
    assert_eq!(global.body["data"]["groups"], json!([all[1]]));

    let changed = put(&app, &key, &path, json!({"isActive": false})).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.body["data"]["isActive"], false);
    assert_eq!(changed.body["data"]["name"], "Marketing");

    let reply = app.delete(&path, &key).await;
    assert_eq!(
        reply.body,
        json!({"success": true, "message": "Suppression group deleted successfully"})
    );
    app.get(&path, &key).await.assert_refused(404, "GROUP_NOT_FOUND");
    app.delete(&path, &key).await.assert_refused(404, "GROUP_NOT_FOUND");
    put(&app, &key, &path, json!({"name": "x"})).await.assert_refused(404, "GROUP_NOT_FOUND");
    let global = format!("{GROUPS}/global");
    app.delete(&global, &key).await.assert_refused(400, "CANNOT_DELETE_GLOBAL_GROUP");
    put(&app, &key, &global, json!({})).await.assert_refused(400, "CANNOT_UPDATE_GLOBAL_GROUP");
    let actions = "SELECT count(*) FROM audit_log WHERE action LIKE 'suppression_group.%'";
    assert_eq!(app.number(actions).await, 3);
    app.stop().await;
}

#[tokio::test]
async fn every_mistake_about_a_group_or_an_address_is_named() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for (path, body, fields) in [
        ("", json!({}), vec!["name"]),
        ("", json!({"name": "a\nb", "description": "x".repeat(501)}), vec!["description", "name"]),
        ("/entries", json!({"page": 0, "limit": 101}), vec!["page", "limit"]),
        (
            "/entries",
            json!({"groupId": "!", "reason": "SPITE", "email": "x", "search": "\u{0}"}),
            vec!["groupId", "reason", "email", "search"],
        ),
        ("/emails/suppress", json!({}), vec!["emails"]),
        ("/emails/suppress", json!({"emails": []}), vec!["emails"]),
        ("/emails/suppress", json!({"emails": vec!["a@example.org"; 1001]}), vec!["emails"]),
        ("/emails/suppress", json!({"emails": ["a@example.org", "b"]}), vec!["emails[1]"]),
        (
            "/emails/unsuppress",
            json!({"emails": ["b"], "groupId": "?"}),
            vec!["emails[0]", "groupId"],
        ),
    ] {
        let reply = app.post(&format!("{GROUPS}{path}"), &key, body).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), fields, "{path}");
    }
    let unknown = json!({"emails": ["a@example.org"], "groupId": "AB12C3"});
    suppress(&app, &key, unknown).await.assert_refused(404, "GROUP_NOT_FOUND");
    assert_eq!(app.number("SELECT count(*) FROM suppressions").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn addresses_are_suppressed_found_and_let_go() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let news = group(&app, &key, "News").await;
    let both = json!({"emails": ["Ada@Example.org", "ada@example.org", "bob@example.org"], "groupId": news});
    assert_eq!(suppress(&app, &key, both.clone()).await.body["data"], json!({"suppressed": 2}));
    assert_eq!(suppress(&app, &key, both).await.body["data"], json!({"suppressed": 0}));
    let complaint = json!({"emails": ["ada@example.org"], "reason": "COMPLAINT"});
    assert_eq!(suppress(&app, &key, complaint).await.body["data"]["suppressed"], 1);

    let found = entries(&app, &key, json!({})).await;
    assert_eq!(found.len(), 3);
    assert_eq!(
        (&found[0]["email"], &found[0]["groupId"]),
        (&json!("ada@example.org"), &json!("GLOBAL"))
    );
    assert_eq!(found[0]["reason"], "COMPLAINT");
    for (search, count) in [
        (json!({"groupId": news}), 2),
        (json!({"isGlobal": true}), 1),
        (json!({"reason": "MANUAL"}), 2),
        (json!({"email": "ADA@example.org"}), 2),
        (json!({"email": "ada@example.org", "groupId": news}), 1),
        (json!({"search": "Bob"}), 1),
        (json!({"search": "%"}), 0),
        (json!({"startDate": found[0]["createdAt"], "isGlobal": true}), 1),
        (json!({"endDate": "2020-01-01T00:00:00Z"}), 0),
        (json!({"page": 2, "limit": 2}), 1),
    ] {
        assert_eq!(entries(&app, &key, search.clone()).await.len(), count, "{search}");
    }
    let count = app.get(&format!("{GROUPS}/{news}"), &key).await;
    assert_eq!(count.body["data"]["suppressionCount"], 2);

    let stranger = app.key_of(app.another_project().await).await;
    assert!(entries(&app, &stranger, json!({})).await.is_empty());
    let theirs = json!({"emails": ["ada@example.org", "bob@example.org"]});
    assert_eq!(unsuppress(&app, &stranger, theirs).await.body["data"]["unsuppressed"], 0);
    app.get(&format!("{GROUPS}/{news}"), &stranger).await.assert_refused(404, "GROUP_NOT_FOUND");

    let global = json!({"emails": ["ada@example.org"], "isGlobal": true});
    assert_eq!(unsuppress(&app, &key, global).await.body["data"], json!({"unsuppressed": 1}));
    let all = json!({"emails": ["ada@example.org", "bob@example.org", "carol@example.org"]});
    assert_eq!(unsuppress(&app, &key, all).await.body["data"], json!({"unsuppressed": 2}));
    assert!(entries(&app, &key, json!({})).await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_mail_reaches_those_who_want_its_kind() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let (news, receipts) = (group(&app, &key, "News").await, group(&app, &key, "Receipts").await);
    suppress(&app, &key, json!({"emails": ["ada@example.org"], "groupId": news})).await;
    suppress(&app, &key, json!({"emails": ["bob@example.org"]})).await;
    let all = json!({"to": ["ada@example.org", "bob@example.org", "carol@example.org"]});
    let with = |more: Value| {
        let mut mail = letter_with(all.clone());
        mail.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        mail
    };
    for (more, states) in [
        (json!({}), ["captured", "suppressed", "captured"]),
        (json!({"unsubscribeGroupId": ""}), ["captured", "suppressed", "captured"]),
        (json!({"unsubscribeGroupId": receipts}), ["captured", "suppressed", "captured"]),
        (json!({"unsubscribeGroupId": news}), ["suppressed", "suppressed", "captured"]),
        (
            json!({"unsubscribeGroupId": news.to_lowercase()}),
            ["suppressed", "suppressed", "captured"],
        ),
        (json!({"unsubscribeGroupId": news, "bypassSuppressions": true}), ["captured"; 3]),
    ] {
        let id = app.accepted(&key, with(more.clone())).await;
        let mail = app.mail_when(&key, &id, |mail| mail["status"] != "queued").await;
        let found: Vec<&Value> = (0..3).map(|at| &mail["deliveries"][at]["status"]).collect();
        assert_eq!(found, states, "{more}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_mail_names_a_group_of_its_project_that_is_there_and_active() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let stranger = app.key_of(app.another_project().await).await;
    let theirs = group(&app, &stranger, "Theirs").await;
    for unknown in ["AB12C3", &theirs] {
        let mail = letter_with(json!({"unsubscribeGroupId": unknown}));
        app.send(&key, mail).await.assert_refused(404, "GROUP_NOT_FOUND");
    }
    let mail = letter_with(json!({"unsubscribeGroupId": "no id"}));
    assert_eq!(app.send(&key, mail).await.fields(), ["unsubscribeGroupId"]);

    let news = group(&app, &key, "News").await;
    let mail = letter_with(json!({"unsubscribeGroupId": news}));
    put(&app, &key, &format!("{GROUPS}/{news}"), json!({"isActive": false})).await;
    app.send(&key, mail.clone()).await.assert_refused(400, "GROUP_INACTIVE");
    put(&app, &key, &format!("{GROUPS}/{news}"), json!({"isActive": true})).await;
    app.accepted(&key, mail.clone()).await;
    app.delete(&format!("{GROUPS}/{news}"), &key).await;
    app.send(&key, mail).await.assert_refused(404, "GROUP_NOT_FOUND");
    assert_eq!(app.mails_stored().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn reading_suppressions_is_another_permission_than_changing_them() {
    let app = TestApp::start().await;
    let reader = app.key(&[Permission::SuppressionsRead]).await;
    assert_eq!(app.get(GROUPS, &reader).await.status, 200);
    assert!(entries(&app, &reader, json!({})).await.is_empty());
    let refused = suppress(&app, &reader, json!({"emails": ["a@example.org"]})).await;
    refused.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    let refused = app.post(GROUPS, &reader, json!({"name": "News"})).await;
    refused.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    app.send(&reader, letter()).await.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    app.stop().await;
}
