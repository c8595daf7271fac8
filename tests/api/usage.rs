//! How the use of keys is counted, and what is noticed about it.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use posthaste::domain::id::ApiKeyId;
use posthaste::domain::usage::Observation;
use posthaste::service::people::OwnMails;
use posthaste::service::usage::Usage;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{Setup, TestApp, TestKey, eventually};
use crate::letter;

/// The node stops, which writes everything down, and another begins on the same database.
async fn restarted(app: TestApp) -> TestApp {
    let setup = Setup::default().beside(&app);
    app.stop().await;
    setup.start().await
}

async fn data(app: &TestApp, key: &TestKey, path: &str) -> Value {
    let reply = app.get(path, key).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    reply.body["data"].clone()
}

fn sum(usage: &Value, member: &str) -> i64 {
    let buckets = usage["buckets"].as_array().unwrap();
    buckets.iter().map(|bucket| bucket[member].as_i64().unwrap()).sum()
}

#[tokio::test]
async fn the_requests_of_a_key_are_counted_with_those_that_were_refused() {
    let app = TestApp::start().await;
    let (key, reader) = (app.full_key().await, app.account_key().await);
    for _ in 0..3 {
        app.accepted(&key, letter()).await;
    }
    app.send(&key, json!({})).await.assert_refused(400, "VALIDATION_FAILED");
    let foreign = app.another_project().await.to_string();
    let request = app.request(Method::GET, "/v1/mails").bearer_auth(key.text());
    let reply = app.ask(request.header("x-project-id", foreign)).await;
    reply.assert_refused(403, "PROJECT_NOT_ALLOWED");
    app.sql("UPDATE api_keys SET ip_allowlist = '{192.0.2.0/24}' WHERE type = 'project'").await;
    let app = restarted(app).await;
    app.get("/v1/mails", &key).await.assert_refused(403, "IP_NOT_ALLOWED");
    app.sql("UPDATE api_keys SET revoked_at = now() WHERE type = 'project'").await;
    let app = restarted(app).await;
    app.get("/v1/mails", &key).await.assert_refused(401, "UNAUTHORIZED");
    // Only who has the secret is counted.
    let guess = format!("AS_{}{}", key.public_id(), "x".repeat(38));
    let guess = app.request(Method::GET, "/v1/mails").bearer_auth(guess);
    app.ask(guess).await.assert_refused(401, "UNAUTHORIZED");
    let app = restarted(app).await;

    let usage = data(&app, &reader, &format!("/v1/account/api-keys/{}/usage", key.id)).await;
    assert_eq!(usage["buckets"].as_array().unwrap().len(), 24);
    let sums = ["requests", "ok", "refused", "failed"].map(|member| sum(&usage, member));
    assert_eq!(sums, [7, 3, 4, 0], "{usage}");
    assert_eq!(
        usage["byEndpoint"][0],
        json!({"endpoint": "POST /v1/mails/send", "status": 200, "requests": 3})
    );
    let by_day = format!("/v1/account/api-keys/{}/usage?by=day", key.id);
    let by_day = data(&app, &reader, &by_day).await;
    assert_eq!((by_day["buckets"].as_array().unwrap().len(), sum(&by_day, "requests")), (30, 7));

    let log = data(&app, &reader, &format!("/v1/account/api-keys/{}/requests", key.id)).await;
    let log: Vec<_> = log["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| (request["status"].as_i64().unwrap(), request["code"].as_str()))
        .collect();
    assert_eq!(
        log,
        [
            (401, Some("UNAUTHORIZED")),
            (403, Some("IP_NOT_ALLOWED")),
            (403, Some("PROJECT_NOT_ALLOWED")),
            (400, Some("VALIDATION_FAILED")),
            (200, None),
            (200, None),
            (200, None),
        ]
    );
    app.stop().await;
}

#[tokio::test]
async fn the_log_of_a_key_is_read_page_by_page() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let reply = app.get(&format!("/v1/mails/{}", Uuid::now_v7()), &key).await;
        ids.push(reply.header("x-request-id").to_owned());
    }
    ids.reverse();
    let app = restarted(app).await;
    let path = format!("/v1/api-keys/{}/requests?limit=2", key.id);
    let (mut read, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = data(&app, &key, &format!("{path}{cursor}")).await;
        for request in page["requests"].as_array().unwrap() {
            assert_eq!(request["id"], request["requestId"]);
            assert_eq!(
                (&request["method"], &request["endpoint"]),
                (&json!("GET"), &json!("/v1/mails/{id}"))
            );
            assert_eq!(request["ip"], "127.0.0.1");
            read.push(request["id"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(read, ids);
    app.stop().await;
}

#[tokio::test]
async fn refusals_by_the_limit_are_counted() {
    let app = Setup::default().limits(1, 50).standing_clock().start().await;
    let key = app.full_key().await;
    app.get("/v1/mails", &key).await;
    app.get("/v1/mails", &key).await.assert_refused(429, "RATE_LIMIT_EXCEEDED");
    let app = restarted(app).await;
    let usage = data(&app, &key, &format!("/v1/api-keys/{}/usage", key.id)).await;
    assert_eq!((sum(&usage, "ok"), sum(&usage, "refused")), (1, 1));
    app.stop().await;
}

#[tokio::test]
async fn an_allowlist_in_dry_run_tells_whom_it_would_have_refused() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let path = format!("/v1/api-keys/{}/would-have-blocked", key.id);
    assert_eq!(data(&app, &key, &path).await, json!({"addresses": []}));
    let dry = "UPDATE api_keys SET ip_allowlist = '{192.0.2.0/24}', ip_allowlist_dry_run = true";
    app.sql(dry).await;
    let mut app = restarted(app).await;
    for _ in 0..2 {
        app.get("/v1/mails", &key).await;
        app = restarted(app).await;
    }
    let blocked = data(&app, &key, &path).await;
    let address = &blocked["addresses"][0];
    assert_eq!((&address["ip"], &address["requests"]), (&json!("127.0.0.1"), &json!(2)));
    assert!(address["firstSeenAt"].as_str() < address["lastSeenAt"].as_str(), "{blocked}");
    app.stop().await;
}

#[tokio::test]
async fn the_use_of_a_key_is_told_to_its_owners_only() {
    let app = TestApp::start().await;
    let (key, account) = (app.full_key().await, app.account_key().await);
    let stranger = app.key_of(app.another_project().await).await;
    let powerless = app.key(&[]).await;
    for what in ["usage", "requests", "would-have-blocked"] {
        let of_project = format!("/v1/api-keys/{}/{what}", key.id);
        let of_account = format!("/v1/account/api-keys/{}/{what}", key.id);
        data(&app, &key, &of_project).await;
        data(&app, &account, &of_account).await;
        app.get(&of_project, &stranger).await.assert_refused(404, "NOT_FOUND");
        app.get(&of_project, &powerless).await.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
        app.get(&of_project, &account).await.assert_refused(403, "PROJECT_REQUIRED");
        app.get(&of_account, &key).await.assert_refused(403, "ACCOUNT_KEY_REQUIRED");
        // An account key is no key of the project.
        let of_account_key = format!("/v1/api-keys/{}/{what}", account.id);
        app.get(&of_account_key, &key).await.assert_refused(404, "NOT_FOUND");
        app.get(&format!("/v1/api-keys/1/{what}"), &key).await.assert_refused(404, "NOT_FOUND");
    }
    for (query, field) in [
        ("usage?by=minute", "by"),
        ("usage?from=yesterday", "from"),
        ("usage?to=1", "to"),
        ("usage?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
        ("usage?from=2020-01-02T00:00:00Z", "from"),
        ("usage?by=day&from=-262143-01-01T00:00:00Z", "from"),
        ("requests?limit=0", "limit"),
        ("requests?cursor=x", "cursor"),
    ] {
        let reply = app.get(&format!("/v1/api-keys/{}/{query}", key.id), &key).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), [field], "{query}");
    }
    app.stop().await;
}

fn seen(key: ApiKeyId, at: DateTime<Utc>, status: u16, from: [u8; 4]) -> Observation<'static> {
    Observation {
        key,
        request: Uuid::now_v7(),
        at,
        method: "POST",
        route: "/v1/mails/send",
        status,
        code: None,
        from: IpAddr::from(from),
        would_have_blocked: false,
    }
}

/// Counts as a node does, beside the one that runs.
fn counting(app: &TestApp) -> Usage {
    let from = "Posthaste <posthaste@example.com>".parse().unwrap();
    Usage::new(
        app.database.pool.clone(),
        OwnMails::new(Some(from), "https://mail.example.com".into()),
    )
}

async fn alerts(app: &TestApp, key: &TestKey, query: &str) -> Vec<(String, String)> {
    let found = data(app, key, &format!("/v1/account/alerts?{query}")).await;
    let text = |alert: &Value, member: &str| alert[member].as_str().unwrap().to_owned();
    let found = found["alerts"].as_array().unwrap();
    found.iter().map(|alert| (text(alert, "id"), text(alert, "kind"))).collect()
}

#[tokio::test]
async fn what_is_unusual_is_noted_once_a_day() {
    let app = TestApp::start().await;
    let (key, other, owner) = (app.full_key().await, app.full_key().await, app.account_key().await);
    let usage = counting(&app);
    app.sql(&format!(
        "INSERT INTO users (id, account_id, email, name, role, password_phc)
         SELECT gen_random_uuid(), '{}', role || '@example.org', '', role, ''
         FROM UNNEST('{{owner,admin,member,viewer}}'::text[]) AS role",
        app.account
    ))
    .await;
    let now = Utc::now();
    // Two quiet days, from one network.
    for hours in 1..48 {
        usage.note(&seen(key.id, now - TimeDelta::hours(hours), 200, [192, 0, 2, 1]));
    }
    usage.flush().await.unwrap();
    usage.look_for_the_unusual(now).await.unwrap();
    assert_eq!(alerts(&app, &owner, "state=all").await, []);
    app.sql("UPDATE api_key_networks SET first_seen_at = first_seen_at - interval '2 days'").await;

    for _ in 0..2 {
        for request in 0..600 {
            let status = if request % 3 == 0 { 200 } else { 403 };
            usage.note(&seen(key.id, now, status, [192, 0, 2, 2]));
        }
        // A key that is new comes from a new network, and as often as it likes.
        usage.note(&seen(other.id, now, 200, [198, 51, 100, 1]));
        usage.note(&seen(key.id, now, 200, [198, 51, 100, 1]));
        usage.flush().await.unwrap();
        usage.look_for_the_unusual(now).await.unwrap();
    }
    let found = alerts(&app, &owner, "").await;
    let mut kinds: Vec<_> = found.iter().map(|(_, kind)| kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["new_network", "rate_jump", "refusals"]);
    let told = "SELECT count(*) FROM mails WHERE subject = 'Unusual use of an API key' AND to_address LIKE";
    for (to, mails) in [("owner@%", 3), ("admin@%", 3), ("member@%", 0), ("viewer@%", 0)] {
        assert_eq!(app.number(&format!("{told} '{to}'")).await, mails, "{to}");
    }
    let all = data(&app, &owner, "/v1/account/alerts").await;
    assert!(
        all["alerts"].as_array().unwrap().iter().all(|alert| alert["keyId"] == key.id.to_string())
    );
    assert_eq!(alerts(&app, &owner, "limit=2").await, found[..2]);
    let rest = format!("limit=2&cursor={}", found[1].0);
    assert_eq!(alerts(&app, &owner, &rest).await, found[2..]);

    let dismiss = format!("/v1/account/alerts/{}/dismiss", found[0].0);
    let reply = app.post(&dismiss, &owner, json!({})).await;
    assert!(reply.body["data"]["dismissedAt"].is_string(), "{}", reply.body);
    assert_eq!(app.post(&dismiss, &owner, json!({})).await.body, reply.body);
    assert_eq!(alerts(&app, &owner, "state=open").await, found[1..]);
    assert_eq!(alerts(&app, &owner, "state=all").await, found);
    let overview = data(&app, &owner, "/v1/account/overview").await;
    assert_eq!(overview["attention"].as_array().unwrap().len(), 2, "{overview}");
    app.post("/v1/account/alerts/1/dismiss", &owner, json!({}))
        .await
        .assert_refused(404, "NOT_FOUND");
    app.get("/v1/account/alerts", &key).await.assert_refused(403, "ACCOUNT_KEY_REQUIRED");
    app.get("/v1/account/alerts?state=closed", &owner)
        .await
        .assert_refused(400, "VALIDATION_FAILED");
    app.stop().await;
}

#[tokio::test]
async fn two_nodes_that_write_at_once_lose_nothing() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let nodes = [counting(&app), counting(&app)];
    let now = Utc::now();
    for round in 0..20 {
        for node in &nodes {
            for status in [200, 400, 500] {
                node.note(&seen(key.id, now, status, [203, 0, 113, round]));
            }
        }
        let (one, other) = tokio::join!(nodes[0].flush(), nodes[1].flush());
        one.unwrap();
        other.unwrap();
    }
    let usage = data(&app, &key, &format!("/v1/api-keys/{}/usage", key.id)).await;
    let sums = ["ok", "refused", "failed"].map(|member| sum(&usage, member));
    assert_eq!(sums, [40, 40, 40]);
    app.stop().await;
}

#[tokio::test]
async fn what_is_old_is_forgotten() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let usage = counting(&app);
    let long_ago = Utc::now() - TimeDelta::days(91);
    usage.note(&seen(key.id, long_ago, 200, [192, 0, 2, 1]));
    usage.note(&seen(key.id, Utc::now(), 200, [192, 0, 2, 1]));
    usage.flush().await.unwrap();
    app.sql(&format!(
        "INSERT INTO api_key_requests (id, key_id, at, endpoint, status, ip)
         SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, '{0}', now(), '', 200, ''
         FROM generate_series(1, 2500) AS n;
         INSERT INTO api_key_would_have_blocked (key_id, ip, requests, first_seen_at, last_seen_at)
         VALUES ('{0}', '192.0.2.1', 1, now(), now() - interval '31 days'), ('{0}', '192.0.2.2', 1, now(), now())",
        key.id
    ))
    .await;
    usage.forget_old().await.unwrap();
    for table in ["api_key_hours", "api_key_would_have_blocked"] {
        assert_eq!(app.number(&format!("SELECT count(*) FROM {table}")).await, 1, "{table}");
    }
    assert_eq!(app.number("SELECT count(*) FROM api_key_requests").await, 2);
    app.stop().await;
}

#[tokio::test]
async fn what_was_counted_is_written_down_although_something_hangs_when_the_node_stops() {
    let setup = Setup::default().with(|settings| settings.shutdown_timeout = Some("10s".into()));
    let app = setup.start().await;
    let key = app.full_key().await;
    let database = Arc::clone(&app.database);
    let mut blocking = database.pool.begin().await.unwrap();
    let lock = sqlx::query("LOCK TABLE erasures IN ACCESS EXCLUSIVE MODE");
    lock.execute(&mut *blocking).await.unwrap();
    let hanging =
        "SELECT count(*) FROM pg_locks WHERE relation = 'erasures'::regclass AND NOT granted";
    let hangs = async || (app.number(hanging).await > 0).then_some(());
    eventually(hangs).await.expect("somebody waits for the table");

    for _ in 0..5 {
        assert_eq!(app.get("/v1/mails", &key).await.status, 200);
    }
    app.stop().await;
    blocking.rollback().await.unwrap();
    let counted = sqlx::query_scalar("SELECT sum(requests)::bigint FROM api_key_hours");
    let counted: Option<i64> = counted.fetch_one(&database.pool).await.unwrap();
    assert_eq!(counted, Some(5));
}
