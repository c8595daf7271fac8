//! Lists of keys: filters, pages, and what is pointed out.

use chrono::{TimeDelta, Utc};
use posthaste::domain::api_key::KeyMode;
use posthaste::domain::id::ApiKeyId;
use serde_json::{Value, json};

use crate::app::{TestApp, TestKey};

const ACCOUNT: &str = "/v1/account/api-keys";

/// The names of the keys that a list shows, in its order.
async fn names(app: &TestApp, key: &TestKey, query: &str) -> Vec<String> {
    let reply = app.get(&format!("{ACCOUNT}?{query}"), key).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    let keys = reply.body["data"]["apiKeys"].as_array().unwrap().clone();
    keys.iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect()
}

async fn named(app: &TestApp, name: &str) -> TestKey {
    app.key_with(|key| key.name = name.into()).await
}

/// Makes a key older than it is, in every way in which that is known.
async fn age(app: &TestApp, key: &TestKey, days: i64) -> ApiKeyId {
    let made = Utc::now() - TimeDelta::days(days);
    let id = ApiKeyId::first_at(made);
    app.sql(&format!(
        "UPDATE api_keys SET id = '{id}', created_at = '{}' WHERE id = '{}'",
        made.to_rfc3339(),
        key.id
    ))
    .await;
    id
}

#[tokio::test]
async fn a_list_is_narrowed_by_every_filter_and_by_all_together() {
    let app = TestApp::start().await;
    let boss = app.key_with(|key| (key.project, key.name) = (None, "Boss".into())).await;
    let other = app.another_project().await;
    named(&app, "Active").await;
    app.key_with(|key| (key.mode, key.name) = (KeyMode::Test, "Test mode".into())).await;
    app.key_with(|key| (key.project, key.name) = (Some(other), "Elsewhere".into())).await;
    let (inactive, revoked, expired) =
        (named(&app, "Inactive").await, named(&app, "Revoked").await, named(&app, "Expired").await);
    app.sql(&format!("UPDATE api_keys SET active = false WHERE id = '{}'", inactive.id)).await;
    app.sql(&format!("UPDATE api_keys SET expires_at = now() WHERE id = '{}'", expired.id)).await;
    app.sql(&format!(
        "UPDATE api_keys SET revoked_at = now(), active = false WHERE id = '{}'",
        revoked.id
    ))
    .await;
    app.key_with(|key| {
        (key.name, key.expires_at) = ("Later".into(), Some(Utc::now() + TimeDelta::days(1)));
    })
    .await;

    for (query, expected) in [
        ("", vec!["Later", "Expired", "Inactive", "Elsewhere", "Test mode", "Active", "Boss"]),
        (
            "status=all",
            vec![
                "Later",
                "Expired",
                "Revoked",
                "Inactive",
                "Elsewhere",
                "Test mode",
                "Active",
                "Boss",
            ],
        ),
        ("status=active", vec!["Later", "Elsewhere", "Test mode", "Active", "Boss"]),
        ("status=inactive", vec!["Inactive"]),
        ("status=expired", vec!["Expired"]),
        ("status=revoked", vec!["Revoked"]),
        ("type=account", vec!["Boss"]),
        ("mode=test", vec!["Test mode"]),
        ("mode=test&type=account", vec![]),
        (&format!("projectId={other}"), vec!["Elsewhere"]),
        (&format!("projectId={other}&status=revoked"), vec![]),
        (&format!("projectId={}&mode=live&status=active", app.project), vec!["Later", "Active"]),
        (&format!("projectId={}&type=account", app.project), vec![]),
        // Three letters at least: the public id of some key begins with any one or two.
        ("q=eXp", vec!["Expired"]),
        ("q=%20eLs", vec!["Elsewhere"]),
        (&format!("q=exp&projectId={}", app.project), vec!["Expired"]),
        (&format!("q=exp&projectId={other}"), vec![]),
        ("q=revoked", vec![]),
        ("q=revoked&status=all", vec!["Revoked"]),
        ("q=100%25", vec![]),
        ("q=_", vec![]),
        (&format!("q={}", boss.id), vec!["Boss"]),
        (&format!("q={}", boss.public_id()), vec!["Boss"]),
        (&format!("q={}", &boss.text()[..8]), vec!["Boss"]),
        (&format!("q={}", boss.text()), vec![]),
    ] {
        assert_eq!(names(&app, &boss, query).await, expected, "{query}");
    }
    for query in [
        "status=gone",
        "type=both",
        "mode=dry",
        "projectId=7",
        "attention=all",
        "limit=0",
        "limit=101",
        "cursor=x",
    ] {
        let reply = app.get(&format!("{ACCOUNT}?{query}"), &boss).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), [query.split_once('=').unwrap().0], "{query}");
    }
    for search in ["x".repeat(101), "%00".into(), "a%0Ab".into()] {
        let reply = app.get(&format!("{ACCOUNT}?q={search}"), &boss).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
    }
    app.stop().await;
}

#[tokio::test]
async fn every_key_is_on_exactly_one_page() {
    let app = TestApp::start().await;
    let boss = app.account_key().await;
    app.sql(&format!(
        "INSERT INTO api_keys (id, account_id, project_id, name, type, mode, public_id, display_key, secret_phc, digest,
                               digest_version, permissions, created_by, active)
         SELECT gen_random_uuid(), '{}', '{}', 'Key ' || n, 'project', CASE WHEN n % 3 = 0 THEN 'test' ELSE 'live' END,
                'public' || n, '', '', '', '', '{{}}', '', n % 2 = 0
         FROM generate_series(1, 1200) AS n",
        app.account, app.project
    ))
    .await;
    for (query, most) in
        [("limit=100", 1201), ("limit=100&q=key", 1200), ("limit=7&q=key%201&mode=test", 1200)]
    {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page =
                app.get(&format!("{ACCOUNT}?{query}{cursor}"), &boss).await.body["data"].clone();
            seen.extend(page["apiKeys"].as_array().unwrap().iter().map(|key| key["id"].clone()));
            assert_eq!(page["hasMore"], page["nextCursor"].is_string());
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let all = seen.len();
        assert!(seen.is_sorted_by(|one, next| one.as_str() > next.as_str()), "{query}");
        if query.contains("test") {
            assert!(all > 30 && all < most, "{all}");
        } else {
            assert_eq!(all, most, "{query}");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn keys_that_are_old_or_unused_are_pointed_out() {
    let app = TestApp::start().await;
    let boss = app.key_with(|key| (key.project, key.name) = (None, "Boss".into())).await;
    let (used, unused, young, retired) = (
        named(&app, "Old and used").await,
        named(&app, "Old and unused").await,
        named(&app, "Young").await,
        named(&app, "Old and switched off").await,
    );
    let used = age(&app, &used, 91).await;
    age(&app, &unused, 92).await;
    age(&app, &young, 89).await;
    let retired = age(&app, &retired, 100).await;
    app.sql(&format!("UPDATE api_keys SET active = false WHERE id = '{retired}'")).await;
    app.sql(&format!(
        "INSERT INTO api_key_usage VALUES ('{used}', now() - interval '1 day', '192.0.2.1')"
    ))
    .await;

    assert_eq!(names(&app, &boss, "attention=unused_90_days").await, ["Old and unused"]);
    let old = names(&app, &boss, "attention=older_than_90_days").await;
    assert_eq!(old, ["Old and used", "Old and unused"]);
    assert!(names(&app, &boss, "attention=older_than_90_days&status=inactive").await.is_empty());
    let listed = app.get(ACCOUNT, &boss).await.body["data"]["apiKeys"].clone();
    let attention = |name: &str| {
        let found = listed.as_array().unwrap().iter().find(|key| key["name"] == name).unwrap();
        (found["attention"].clone(), found["lastUsedIp"].clone())
    };
    assert_eq!(attention("Young"), (json!([]), Value::Null));
    assert_eq!(attention("Old and used"), (json!(["older_than_90_days"]), json!("192.0.2.1")));
    assert_eq!(attention("Old and unused").0, json!(["unused_90_days", "older_than_90_days"]));
    assert_eq!(attention("Old and switched off").0, json!([]));
    app.stop().await;
}
