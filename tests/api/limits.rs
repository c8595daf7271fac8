//! How fast a key may go, and how it is told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use posthaste::domain::permission::Permission;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::app::{Reply, Setup, TestApp};
use crate::{letter, letter_with};

async fn app_with_standing_clock() -> TestApp {
    Setup::default().limits(2, 50).standing_clock().start().await
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What the draft's fields say: requests left in this second and in this minute.
fn left(reply: &Reply) -> (u64, u64) {
    assert_eq!(reply.header("ratelimit-policy"), r#""second";q=2;w=1, "minute";q=50;w=60"#);
    let windows = reply.header("ratelimit").split(", ");
    let left = |window: &str| {
        let member = window.split(';').find_map(|part| part.strip_prefix("r="));
        member.unwrap().parse().unwrap()
    };
    let windows: Vec<u64> = windows.map(left).collect();
    (windows[0], windows[1])
}

#[tokio::test]
async fn of_three_requests_at_once_two_pass() {
    let app = app_with_standing_clock().await;
    let key = app.full_key().await;
    let (first, second, third) =
        tokio::join!(app.send(&key, letter()), app.send(&key, letter()), app.send(&key, letter()),);
    let mut statuses = [first.status, second.status, third.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(app.mails_stored().await, 2);
    app.stop().await;
}

#[tokio::test]
async fn a_crowd_on_one_key_gets_through_as_many_as_the_key_may() {
    let app = Setup::default().limits(7, 1000).standing_clock().start().await;
    let key = app.full_key().await;
    let mut asked = JoinSet::new();
    for _ in 0..100 {
        let request = app.request(Method::GET, "/v1/mails").bearer_auth(key.text());
        asked.spawn(async { request.send().await.unwrap().status().as_u16() });
    }
    let statuses = asked.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 7);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 93);
    app.stop().await;
}

#[tokio::test]
async fn a_refusal_tells_every_kind_of_client_when_to_come_back() {
    let app = app_with_standing_clock().await;
    let key = app.full_key().await;
    app.get("/v1/mails", &key).await;
    app.get("/v1/mails", &key).await;
    app.pass(Duration::from_millis(400));
    let (before, refused, after) = (now(), app.get("/v1/mails", &key).await, now());

    refused.assert_refused(429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(refused.number("retry-after"), 1);
    assert_eq!(refused.body["retryAfter"], 1);
    assert_eq!(refused.body["message"], "Rate limit exceeded");
    assert_eq!(refused.number("x-ratelimit-limit"), 2);
    assert_eq!(refused.number("x-ratelimit-remaining"), 0);
    let resets = refused.number("x-ratelimit-reset");
    assert!((before..=after + 2).contains(&resets), "{resets} at {before}");
    assert_eq!(left(&refused), (0, 48));

    // The wait that was told is long enough, and the refused request has cost nothing.
    app.pass(Duration::from_secs(1));
    assert_eq!(left(&app.get("/v1/mails", &key).await), (1, 47));
    app.stop().await;
}

#[tokio::test]
async fn the_fifty_first_request_of_a_minute_is_refused_however_evenly_they_come() {
    let app = app_with_standing_clock().await;
    let key = app.full_key().await;
    for number in 1..=50 {
        let reply = app.get("/v1/mails", &key).await;
        assert_eq!((reply.status, left(&reply).1), (200, 50 - number));
        app.pass(Duration::from_millis(600));
    }

    // Thirty seconds have passed, and the first of the fifty leaves its window in thirty more.
    let refused = app.get("/v1/mails", &key).await;
    refused.assert_refused(429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(refused.number("retry-after"), 30);
    assert_eq!(refused.number("x-ratelimit-limit"), 50);
    assert_eq!(refused.number("x-ratelimit-remaining"), 0);
    assert_eq!(left(&refused), (1, 0));

    app.pass(Duration::from_millis(29_999));
    assert_eq!(app.get("/v1/mails", &key).await.status, 429);
    app.pass(Duration::from_millis(1));
    assert_eq!(app.get("/v1/mails", &key).await.status, 200);
    assert_eq!(app.get("/v1/mails", &key).await.status, 429);
    app.stop().await;
}

#[tokio::test]
async fn every_authenticated_answer_says_how_the_key_stands() {
    let app = app_with_standing_clock().await;
    let (key, powerless) = (app.full_key().await, app.key(&[Permission::ProjectsRead]).await);
    let answers = [
        (200, app.send(&key, letter()).await),
        (400, app.send(&key, letter_with(json!({"to": "nobody"}))).await),
        (404, {
            app.pass(Duration::from_secs(1));
            app.get("/v1/mails/no-such-mail", &key).await
        }),
        (405, {
            let request = app.request(Method::DELETE, "/v1/mails/send").bearer_auth(key.text());
            app.ask(request).await
        }),
        (403, app.get("/v1/mails", &powerless).await),
    ];
    for (status, reply) in answers {
        assert_eq!(reply.status, status, "{}", reply.body);
        assert_eq!(reply.number("x-ratelimit-limit"), 2, "{status}");
        assert_eq!(reply.number("x-ratelimit-remaining"), left(&reply).0, "{status}");
        assert!(reply.number("x-ratelimit-reset") >= now(), "{status}");
    }
    app.stop().await;
}

#[tokio::test]
async fn each_key_has_limits_of_its_own_and_may_have_other_figures() {
    let app = app_with_standing_clock().await;
    let slow = app
        .key_with(|key| {
            key.per_second = Some(1);
            key.per_minute = Some(2);
        })
        .await;
    let key = app.full_key().await;
    assert_eq!(app.get("/v1/mails", &slow).await.status, 200);
    assert_eq!(app.get("/v1/mails", &slow).await.status, 429);
    assert_eq!(app.get("/v1/mails", &key).await.status, 200);
    app.pass(Duration::from_secs(1));
    assert_eq!(app.get("/v1/mails", &slow).await.status, 200);
    app.pass(Duration::from_secs(1));
    let refused = app.get("/v1/mails", &slow).await;
    assert_eq!((refused.status, refused.number("retry-after")), (429, 58));
    app.stop().await;
}

#[tokio::test]
async fn test_keys_may_go_ten_times_as_fast() {
    let app = app_with_standing_clock().await;
    let key = app.test_key().await;
    for _ in 0..20 {
        assert_eq!(app.get("/v1/mails", &key).await.status, 200);
    }
    let refused = app.get("/v1/mails", &key).await;
    refused.assert_refused(429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(refused.header("ratelimit-policy"), r#""second";q=20;w=1, "minute";q=500;w=60"#);
    app.stop().await;
}

#[tokio::test]
async fn a_refused_send_stores_nothing_and_takes_no_idempotency_key() {
    let app = app_with_standing_clock().await;
    let key = app.full_key().await;
    let send = async || {
        let request = app.request(Method::POST, "/v1/mails/send").bearer_auth(key.text());
        app.ask(request.header("idempotency-key", "once").json(&letter())).await
    };
    app.get("/v1/mails", &key).await;
    app.get("/v1/mails", &key).await;
    send().await.assert_refused(429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(app.mails_stored().await, 0);
    app.pass(Duration::from_secs(1));
    let first = send().await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (200, ""));
    app.stop().await;
}
