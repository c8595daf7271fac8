//! What other sites make a browser do, and what is told to nobody.

use posthaste::service::people;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Browser, OWNER, PASSWORD, Setup, TestApp, eventually};
use crate::database::TestDatabase;
use crate::database_link::DatabaseLink;
use crate::letter;

/// Every operation of the document that changes something, its parameters filled in.
async fn writes(app: &TestApp) -> Vec<(Method, String)> {
    let document = app.ask(app.request(Method::GET, "/openapi.json")).await.body;
    let mut writes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let id = "01a1fc94-0000-7000-8000-000000000000";
        let filled: String = path
            .split('/')
            .map(|part| if part.starts_with('{') { id } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for method in methods.as_object().unwrap().keys().filter(|method| *method != "get") {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            writes.push((method, filled.clone()));
        }
    }
    assert!(writes.len() >= 15, "{writes:?}");
    writes
}

/// What anybody may ask for, who comes from our own pages.
const OPEN: [&str; 4] = [
    "/v1/auth/links/accept",
    "/v1/auth/links/inspect",
    "/v1/auth/password-reset",
    "/v1/auth/sign-in",
];

#[tokio::test]
async fn what_people_do_with_themselves_is_closed_to_strangers_and_keys() {
    let app = TestApp::start().await;
    let key = app.account_key().await;
    let mut closed = 0;
    for (method, path) in writes(&app).await {
        if !path.starts_with("/v1/auth/") || OPEN.contains(&path.as_str()) {
            continue;
        }
        let request = || Browser::new().request(&app, method.clone(), &path).json(&letter());
        app.ask(request()).await.assert_refused(401, "UNAUTHORIZED");
        app.ask(request().bearer_auth(key.text())).await.assert_refused(403, "SESSION_REQUIRED");
        closed += 1;
    }
    assert!(closed >= 8, "{closed}");
    app.stop().await;
}

/// Counts what a write could change.
async fn state(app: &TestApp) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in
        ["users", "sessions", "one_time_links", "mails", "audit_log", "projects", "api_keys"]
    {
        counts.push(app.number(&format!("SELECT count(*) FROM {table}")).await);
    }
    counts
}

#[tokio::test]
async fn no_other_site_makes_a_browser_change_anything() {
    let app = TestApp::start().await;
    let owner = app.owner().await;
    let before = state(&app).await;
    let own = format!("http://{}", app.address);
    let foreign: &[&[(&str, &str)]] = &[
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        &[("sec-fetch-site", "same-site"), ("origin", &own)],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:1")],
        &[("referer", &own)],
        &[],
    ];
    for (method, path) in writes(&app).await {
        // Open to whoever holds a leaked key or a signed notification, with neither cookie nor session.
        if path.ends_with("/revoke-leaked") || path == "/v1/inbound/ses" {
            continue;
        }
        for lines in foreign {
            let request =
                app.request(method.clone(), &path).header("cookie", owner.cookie_header());
            let request =
                lines.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let request = request.header("x-project-id", app.project.to_string());
            let reply = app.ask(request.json(&letter())).await;
            assert_eq!(
                (reply.status, reply.code()),
                (403, "CROSS_SITE_REQUEST"),
                "{method} {path} {lines:?}"
            );
        }
    }
    assert_eq!(state(&app).await, before);

    // A form needs no leave from anybody; it is refused for its type, were it from our own page.
    let request = owner.request(&app, Method::POST, "/v1/auth/sessions/end-others");
    assert_eq!(app.ask(request).await.status, 200);
    for (origin, status) in [(own.as_str(), 200), ("https://evil.example", 403)] {
        let request = app.request(Method::PATCH, "/v1/auth/me");
        let request = request.header("cookie", owner.cookie_header()).header("origin", origin);
        assert_eq!(app.ask(request.json(&json!({"name": "x"}))).await.status, status, "{origin}");
    }
    app.stop().await;
}

#[tokio::test]
async fn nobody_is_signed_in_by_another_site() {
    let app = TestApp::start().await;
    app.owner().await;
    let body = json!({"email": OWNER, "password": PASSWORD});
    for lines in
        [&[("sec-fetch-site", "cross-site")][..], &[("origin", "https://evil.example")], &[]]
    {
        let request = app.request(Method::POST, "/v1/auth/sign-in").json(&body);
        let request =
            lines.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let reply = app.ask(request).await;
        reply.assert_refused(403, "CROSS_SITE_REQUEST");
        assert!(reply.headers.get("set-cookie").is_none());
    }
    let request = app.request(Method::POST, "/v1/auth/sign-in");
    let form = request
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("email=ada@example.com");
    app.ask(form).await.assert_refused(415, "UNSUPPORTED_MEDIA_TYPE");
    app.stop().await;
}

#[tokio::test]
async fn no_other_site_reads_an_answer() {
    let app = TestApp::start().await;
    let owner = app.owner().await;
    for method in [Method::GET, Method::OPTIONS, Method::POST] {
        let request = app.request(method.clone(), "/v1/auth/me");
        let request = request
            .header("cookie", owner.cookie_header())
            .header("origin", "https://evil.example")
            .header("access-control-request-method", "PATCH");
        let reply = app.ask(request).await;
        let opened = reply.headers.keys().find(|name| name.as_str().starts_with("access-control"));
        assert_eq!(opened, None, "{method}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_key_that_is_sent_counts_whatever_cookies_go_with_it() {
    let app = TestApp::start().await;
    let owner = app.owner().await;
    let key = app.key(&[]).await;
    let request = owner.request(&app, Method::GET, "/v1/account/users").bearer_auth(key.text());
    app.ask(request).await.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    let request = owner.request(&app, Method::GET, "/v1/auth/me").bearer_auth("AS_wrong");
    app.ask(request).await.assert_refused(401, "UNAUTHORIZED");
    app.stop().await;
}

#[tokio::test]
async fn made_up_cookies_are_nobody() {
    let app = TestApp::start().await;
    let owner = app.owner().await;
    let good = owner.session();
    let long = "x".repeat(5000);
    for made_up in [
        "",
        "x",
        &good[1..],
        &format!("{good}="),
        &good.to_lowercase(),
        &long,
        "%00",
        "' OR 1=1 --",
    ] {
        let mut browser = Browser::new();
        browser.cookies.insert("posthaste_session".into(), made_up.into());
        let reply = browser.get(&app, "/v1/auth/me").await;
        reply.assert_refused(401, "UNAUTHORIZED");
    }
    // Of two, somebody else has set one.
    let request = app.request(Method::GET, "/v1/auth/me");
    let cookies = format!("posthaste_session={good}; posthaste_session={good}");
    app.ask(request.header("cookie", cookies)).await.assert_refused(401, "UNAUTHORIZED");
    app.stop().await;
}

#[tokio::test]
async fn bodies_that_are_none_are_told_what_is_wrong() {
    let app = TestApp::start().await;
    let mut browser = Browser::new();
    for (path, body, field) in [
        ("/v1/auth/sign-in", json!({"email": "x", "password": 7}), "password"),
        ("/v1/auth/sign-in", json!({"email": ["x"], "password": "x"}), "email"),
        ("/v1/auth/links/accept", json!({"token": "x", "password": {}}), "password"),
    ] {
        let reply = browser.post(&app, path, body).await;
        assert_eq!((reply.status, reply.fields()), (400, vec![field]), "{}", reply.body);
    }
    let huge = json!({"email": "x", "password": "x".repeat(2 << 20)});
    let reply = browser.post(&app, "/v1/auth/sign-in", huge).await;
    reply.assert_refused(413, "PAYLOAD_TOO_LARGE");
    for body in [Value::Null, json!([]), json!("x"), json!({})] {
        let reply = browser.post(&app, "/v1/auth/sign-in", body).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_page_that_asks_who_is_signed_in_guesses_no_keys() {
    let app = Setup::default().standing_clock().start().await;
    for _ in 0..40 {
        Browser::new().get(&app, "/v1/auth/me").await.assert_refused(401, "UNAUTHORIZED");
    }
    let fresh = app.full_key().await;
    assert_eq!(app.get("/v1/mails", &fresh).await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn a_database_that_is_away_signs_nobody_in_or_out() {
    let database = TestDatabase::create().await;
    let link = DatabaseLink::to(&database).await;
    let url = link.url.clone();
    let setup = Setup::default().on(database).standing_clock();
    let app = setup.with(|settings| settings.database_url = Some(url.into())).start().await;
    let mut owner = app.owner().await;
    let email = OWNER.parse().unwrap();
    let reset = people::make_reset_link(&app.database.pool, app.account, &email).await.unwrap();

    link.cut();
    owner.get(&app, "/v1/auth/me").await.assert_refused(503, "SERVICE_UNAVAILABLE");
    owner.accept(&app, &reset.reveal()).await.assert_refused(503, "SERVICE_UNAVAILABLE");
    // Nobody is told that the password was wrong, and nobody's attempts are used up.
    for _ in 0..12 {
        let reply = Browser::new().sign_in(&app, OWNER).await;
        reply.assert_refused(503, "SERVICE_UNAVAILABLE");
    }
    link.mend();
    let back = async || owner.clone().is_signed_in(&app).await.then_some(());
    eventually(back).await.expect("the database is back");
    assert_eq!(Browser::new().sign_in(&app, OWNER).await.status, 200);
    assert_eq!(owner.accept(&app, &reset.reveal()).await.status, 200);
    app.stop().await;
}
