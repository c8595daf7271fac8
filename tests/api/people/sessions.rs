//! Sessions: their cookies, their ends.

use reqwest::Method;
use serde_json::{Value, json};

use super::actions;
use crate::app::{Browser, OWNER, PASSWORD, Setup, TestApp};
use crate::letter_with;

#[tokio::test]
async fn a_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let app = Setup::default()
        .with(|settings| settings.trusted_proxies = Some("127.0.0.1".into()))
        .start()
        .await;
    let token = app.set_up_token().await.unwrap();
    let body = json!({"token": token, "email": OWNER, "password": PASSWORD});
    let ask = async |proto: &str, path: &str, body: &Value| {
        let request = Browser::new().request(&app, Method::POST, path).json(body);
        let request = request.header("x-forwarded-for", "192.0.2.1");
        app.ask(request.header("x-forwarded-proto", proto)).await
    };
    // The password would have travelled in the clear.
    ask("http", "/v1/auth/links/accept", &body).await.assert_refused(403, "HTTPS_REQUIRED");
    let reply = ask("https", "/v1/auth/links/accept", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.header("cache-control"), "no-store");
    let cookies: Vec<_> = reply.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 2);
    for cookie in cookies {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("__Host-posthaste_"), "{cookie}");
        assert!(cookie.contains("; Path=/; Max-Age="), "{cookie}");
        assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    }
    let sign_in = json!({"email": OWNER, "password": PASSWORD});
    ask("http", "/v1/auth/sign-in", &sign_in).await.assert_refused(403, "HTTPS_REQUIRED");

    // The session does not go over plain HTTP, whichever name its cookie has.
    let mut browser = Browser::new();
    browser.keep(&reply);
    let session = browser.session();
    for (proto, name, status) in [
        ("https", "__Host-posthaste_session", 200),
        ("https", "posthaste_session", 401),
        ("http", "__Host-posthaste_session", 403),
        ("http", "posthaste_session", 403),
    ] {
        let request = app.request(Method::GET, "/v1/auth/me");
        let request = request.header("x-forwarded-for", "192.0.2.1");
        let request = request.header("x-forwarded-proto", proto);
        let reply = app.ask(request.header("cookie", format!("{name}={session}"))).await;
        assert_eq!(reply.status, status, "{proto} {name}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_somebody_is_shown_is_kept_by_no_cache() {
    let app = TestApp::start().await;
    let owner = app.owner().await;
    let key = app.full_key().await;
    let id = app.accepted(&key, letter_with(json!({"html": "<p>Hi</p>"}))).await;
    let captured = format!("/v1/mails/{id}/captured/0");
    let is_there = async || (app.get(&captured, &key).await.status == 200).then_some(());
    assert!(crate::app::eventually(is_there).await.is_some());
    for (path, status, said) in [
        ("/v1/auth/me", 200, "no-store"),
        ("/v1/account/api-keys", 200, "no-store"),
        (&captured, 200, "no-store"),
        (&format!("/v1/mails/{id}/preview"), 200, "private, no-store"),
        ("/v1/account/api-keys/nothing", 404, "no-store"),
    ] {
        let request = owner.request(&app, Method::GET, path);
        let reply = app.ask(request.header("x-project-id", app.project.to_string())).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.body);
        assert_eq!(reply.header("cache-control"), said, "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let before = owner.clone();
    let reply = owner.post(&app, "/v1/auth/sign-out", json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(owner.session(), "");
    assert!(!before.clone().is_signed_in(&app).await);
    assert_eq!(app.number("SELECT count(*) FROM sessions").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_session_ends_with_time_and_without_use() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    app.sql("UPDATE sessions SET last_seen_at = now() - interval '7 days' + interval '1 minute'")
        .await;
    assert!(owner.is_signed_in(&app).await);
    // Being used is written down once a minute.
    let seen = "SELECT count(*) FROM sessions WHERE last_seen_at > now() - interval '1 minute'";
    assert_eq!(app.number(seen).await, 1);
    app.sql("UPDATE sessions SET last_seen_at = now() - interval '7 days'").await;
    assert!(!owner.is_signed_in(&app).await);
    app.sql("UPDATE sessions SET last_seen_at = now(), expires_at = now()").await;
    assert!(!owner.is_signed_in(&app).await);
    app.stop().await;
}

#[tokio::test]
async fn a_session_lasts_thirty_days_however_much_it_is_used() {
    let app = TestApp::start().await;
    app.owner().await;
    let days = "SELECT extract(day FROM expires_at - created_at)::bigint FROM sessions";
    assert_eq!(app.number(days).await, 30);
    app.stop().await;
}

#[tokio::test]
async fn people_see_their_sessions_and_end_them() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let (mut second, mut third) = (Browser::new(), Browser::new());
    assert_eq!(second.sign_in(&app, OWNER).await.status, 200);
    assert_eq!(third.sign_in(&app, OWNER).await.status, 200);

    let list = owner.get(&app, "/v1/auth/sessions?limit=2").await;
    let sessions = list.body["data"]["sessions"].as_array().unwrap().clone();
    assert_eq!((sessions.len(), &list.body["data"]["hasMore"]), (2, &json!(true)));
    assert!(sessions.iter().all(|session| session["current"] == false));
    let next = list.body["data"]["nextCursor"].as_str().unwrap();
    let rest = owner.get(&app, &format!("/v1/auth/sessions?cursor={next}")).await;
    assert_eq!(rest.body["data"]["sessions"][0]["current"], true);
    assert_eq!(rest.body["data"]["sessions"][0]["ip"], "127.0.0.1");
    assert!(!list.body.to_string().contains(&second.session()));

    let newest = sessions[0]["id"].as_str().unwrap();
    let reply = owner.delete(&app, &format!("/v1/auth/sessions/{newest}"), Value::Null).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(!third.is_signed_in(&app).await && second.is_signed_in(&app).await);
    let reply = owner.post(&app, "/v1/auth/sessions/end-others", json!({})).await;
    assert_eq!(reply.body["data"]["ended"], 1);
    assert!(!second.is_signed_in(&app).await && owner.is_signed_in(&app).await);
    assert_eq!(actions(&app).await[3..], ["session.ended", "session.ended"]);
    app.stop().await;
}

#[tokio::test]
async fn nobody_ends_or_sees_the_sessions_of_others() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let mut admin = app.colleague(&mut owner, "eve@example.com", "admin").await;
    let list = owner.get(&app, "/v1/auth/sessions").await;
    let own = list.body["data"]["sessions"][0]["id"].as_str().unwrap();
    let reply = admin.delete(&app, &format!("/v1/auth/sessions/{own}"), Value::Null).await;
    reply.assert_refused(404, "NOT_FOUND");
    assert_eq!(
        admin.get(&app, "/v1/auth/sessions").await.body["data"]["sessions"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert!(owner.is_signed_in(&app).await);
    app.stop().await;
}

#[tokio::test]
async fn another_password_ends_all_other_sessions() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let mut second = Browser::new();
    second.sign_in(&app, OWNER).await;
    let mut change = async |current: &str, new: &str| {
        let body = json!({"currentPassword": current, "newPassword": new});
        owner.post(&app, "/v1/auth/password", body).await
    };
    let reply = change("not the password", "another good one").await;
    assert_eq!((reply.status, reply.fields()), (400, vec!["currentPassword"]));
    assert_eq!(change(PASSWORD, "short").await.fields(), ["newPassword"]);
    assert_eq!(change(PASSWORD, "ada@example.com").await.fields(), ["newPassword"]);
    assert!(second.is_signed_in(&app).await);
    let reply = change(PASSWORD, "another good one").await;
    assert_eq!(reply.status, 200, "{}", reply.body);

    assert!(owner.is_signed_in(&app).await && !second.is_signed_in(&app).await);
    second.sign_in(&app, OWNER).await.assert_refused(401, "UNAUTHORIZED");
    let body = json!({"email": OWNER, "password": "another good one"});
    assert_eq!(second.post(&app, "/v1/auth/sign-in", body).await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn nobody_has_more_than_fifty_sessions() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    app.sql(
        "INSERT INTO sessions (id, token_digest, user_id, expires_at, ip, user_agent)
         SELECT ('00000000-0000-7000-8000-' || lpad(number::text, 12, '0'))::uuid, uuid_send(gen_random_uuid()), users.id, now() + interval '1 day', '', ''
         FROM users, generate_series(1, 60) AS number",
    )
    .await;
    // Signing in again in a browser takes the place of its own session.
    assert_eq!(owner.sign_in(&app, OWNER).await.status, 200);
    assert_eq!(app.number("SELECT count(*) FROM sessions").await, 50);
    app.stop().await;
}
