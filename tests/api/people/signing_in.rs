//! Signing in, and what those learn who may not.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{actions, user_id};
use crate::app::{Browser, OWNER, PASSWORD, Reply, Setup, TestApp};

/// A node with a clock of its own, that hears of its clients' addresses.
async fn behind_a_proxy() -> TestApp {
    Setup::default()
        .standing_clock()
        .with(|settings| settings.trusted_proxies = Some("127.0.0.1".into()))
        .start()
        .await
}

/// The owner, who joins over TLS.
async fn owner_behind_a_proxy(app: &TestApp) -> Browser {
    let token = app.set_up_token().await.unwrap();
    let mut browser = Browser::new();
    let request = browser.request(app, Method::POST, "/v1/auth/links/accept");
    let request =
        request.header("x-forwarded-for", "192.0.2.1").header("x-forwarded-proto", "https");
    let body = json!({"token": token, "email": OWNER, "password": PASSWORD});
    let reply = app.ask(request.json(&body)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    browser.keep(&reply);
    browser
}

/// Signs in from an address, over TLS.
async fn sign_in_from(
    app: &TestApp,
    browser: &mut Browser,
    address: &str,
    email: &str,
    password: &str,
) -> Reply {
    let request = browser.request(app, Method::POST, "/v1/auth/sign-in");
    let request = request.header("x-forwarded-for", address).header("x-forwarded-proto", "https");
    let reply = app.ask(request.json(&json!({"email": email, "password": password}))).await;
    browser.keep(&reply);
    reply
}

#[tokio::test]
async fn people_sign_in_with_their_address_however_it_is_typed() {
    let app = TestApp::start().await;
    app.owner().await;
    let mut browser = Browser::new();
    let reply = browser.sign_in(&app, " ADA@Example.COM ").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(browser.is_signed_in(&app).await);
    assert_eq!(actions(&app).await, ["user.joined", "user.signed_in"]);
    app.stop().await;
}

#[tokio::test]
async fn whatever_is_wrong_is_told_alike() {
    let app = TestApp::start().await;
    app.owner().await;
    let mut replies = Vec::new();
    for (email, password) in [
        (OWNER, "not the password"),
        (OWNER, ""),
        (OWNER, &"x".repeat(10_000)),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
    ] {
        let body = json!({"email": email, "password": password, "code": "123456"});
        let reply = Browser::new().post(&app, "/v1/auth/sign-in", body).await;
        reply.assert_refused(401, "UNAUTHORIZED");
        assert!(reply.headers.get("set-cookie").is_none());
        let mut told = reply.body.clone();
        told["requestId"] = Value::Null;
        replies.push(told);
    }
    assert!(replies.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(app.number("SELECT count(*) FROM sessions").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_session_is_never_one_that_was_there_before() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let mut attacker = app.colleague(&mut owner, "eve@example.com", "viewer").await;

    // A cookie that somebody else set is not adopted, be it made up or a session of his own.
    for planted in [posthaste::domain::token::Token::generate().reveal(), attacker.session()] {
        let mut victim = Browser::new();
        victim.cookies.insert("posthaste_session".into(), planted.clone());
        assert_eq!(victim.sign_in(&app, OWNER).await.status, 200);
        assert_ne!(victim.session(), planted);
        let mut holder = Browser::new();
        holder.cookies.insert("posthaste_session".into(), planted);
        assert!(!holder.is_signed_in(&app).await);
    }
    // The session that the victim's browser had is over, as it is for everybody who signs in again.
    assert!(!attacker.is_signed_in(&app).await);
    let before = owner.session();
    owner.sign_in(&app, OWNER).await;
    assert_ne!(owner.session(), before);
    owner.cookies.insert("posthaste_session".into(), before);
    assert!(!owner.is_signed_in(&app).await);
    app.stop().await;
}

#[tokio::test]
async fn guessing_is_slowed_down_by_address_and_by_name() {
    let app = behind_a_proxy().await;
    let known = &mut owner_behind_a_proxy(&app).await;

    // Each from another network, so that only the name is counted; and nobody's name is counted as somebody's.
    for email in [OWNER, "nobody@example.com"] {
        for host in 0..10 {
            let address = format!("198.51.100.{host}");
            let reply = sign_in_from(&app, &mut Browser::new(), &address, email, "a guess").await;
            reply.assert_refused(401, "UNAUTHORIZED");
        }
        let reply = sign_in_from(&app, &mut Browser::new(), "198.51.100.99", email, PASSWORD).await;
        reply.assert_refused(429, "RATE_LIMIT_EXCEEDED");
        assert_eq!(reply.number("retry-after"), 60);
    }
    // The owner is not locked out of a browser that he signed in with before, from wherever that is.
    let reply = sign_in_from(&app, known, "203.0.113.7", OWNER, PASSWORD).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    // Nor is anybody for ever.
    app.pass(Duration::from_mins(1));
    let reply = sign_in_from(&app, &mut Browser::new(), "198.51.100.99", OWNER, PASSWORD).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    app.stop().await;
}

#[tokio::test]
async fn one_network_tries_thirty_times_whatever_the_names() {
    let app = behind_a_proxy().await;
    for number in 0..30 {
        let email = format!("nobody{number}@example.com");
        let address = format!("2001:db8:0:1::{number:x}");
        let reply = sign_in_from(&app, &mut Browser::new(), &address, &email, "a guess").await;
        reply.assert_refused(401, "UNAUTHORIZED");
    }
    let mut browser = Browser::new();
    let reply = sign_in_from(&app, &mut browser, "2001:db8:0:1:ffff::1", OWNER, "a guess").await;
    reply.assert_refused(429, "RATE_LIMIT_EXCEEDED");
    let reply = sign_in_from(&app, &mut browser, "2001:db8:0:2::1", OWNER, "a guess").await;
    reply.assert_refused(401, "UNAUTHORIZED");
    app.stop().await;
}

#[tokio::test]
async fn forty_guesses_at_once_are_no_more_than_forty_in_a_row() {
    let app = behind_a_proxy().await;
    let mut browser = Browser::new();
    browser.cookies.insert("__Host-posthaste_browser".into(), "made-up".into());
    let mut guesses = JoinSet::new();
    for number in 0..40 {
        let request = browser.request(&app, Method::POST, "/v1/auth/sign-in");
        let request = request.header("x-forwarded-for", format!("198.51.100.{number}"));
        let request = request.header("x-forwarded-proto", "https");
        guesses.spawn(request.json(&json!({"email": OWNER, "password": "a guess"})).send());
    }
    let answers = guesses.join_all().await;
    let statuses: Vec<u16> =
        answers.into_iter().map(|answer| answer.unwrap().status().as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 30);
    app.stop().await;
}

#[tokio::test]
async fn who_signs_in_is_not_counted() {
    let app = behind_a_proxy().await;
    owner_behind_a_proxy(&app).await;
    for _ in 0..12 {
        let reply = sign_in_from(&app, &mut Browser::new(), "192.0.2.1", OWNER, PASSWORD).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_stolen_session_does_not_guess_the_password() {
    let app = Setup::default().standing_clock().start().await;
    let mut owner = app.owner().await;
    let mut guess = async |path: &str| {
        let body = json!({"currentPassword": "a guess", "newPassword": "something else", "password": "a guess"});
        owner.post(&app, path, body).await.status
    };
    for path in ["/v1/auth/password", "/v1/auth/totp"].into_iter().cycle().take(10) {
        assert_eq!(guess(path).await, 400);
    }
    assert_eq!((guess("/v1/auth/password").await, guess("/v1/auth/totp").await), (429, 429));
    app.pass(Duration::from_secs(30));
    assert_eq!(guess("/v1/auth/password").await, 400);
    app.stop().await;
}

#[tokio::test]
async fn a_removed_person_is_nobody() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let mut colleague = app.colleague(&mut owner, "eve@example.com", "member").await;
    let me = colleague.get(&app, "/v1/auth/me").await;
    let path = format!("/v1/account/users/{}", user_id(&me.body));
    assert_eq!(owner.delete(&app, &path, Value::Null).await.status, 200);
    assert!(!colleague.is_signed_in(&app).await);
    colleague.sign_in(&app, "eve@example.com").await.assert_refused(401, "UNAUTHORIZED");
    app.stop().await;
}
