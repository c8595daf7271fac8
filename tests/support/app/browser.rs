//! People at their browsers: cookies kept, and requests as our own pages make them.

use std::collections::BTreeMap;

use posthaste::service::people;
use reqwest::Method;
use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};

use super::{Reply, TestApp};

/// What the first owner of a test signs in with.
pub const OWNER: &str = "ada@example.com";

/// Everybody's password in tests.
pub const PASSWORD: &str = "correct donkey battery";

/// A browser, with what it keeps.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    /// One that was never here.
    pub fn new() -> Self {
        Self::default()
    }

    /// The cookie of the session; empty without one.
    pub fn session(&self) -> String {
        let cookie = self.cookies.iter().find(|(name, _)| name.ends_with("posthaste_session"));
        cookie.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// What goes behind `Cookie: `.
    pub fn cookie_header(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Keeps the cookies of an answer.
    pub fn keep(&mut self, reply: &Reply) {
        for value in reply.headers.get_all(SET_COOKIE) {
            let text = value.to_str().unwrap();
            let (name, rest) = text.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Asks as a page of ours does.
    pub async fn ask(&mut self, app: &TestApp, method: Method, path: &str, body: Value) -> Reply {
        let reply = app.ask(self.request(app, method, path).json(&body)).await;
        self.keep(&reply);
        reply
    }

    /// A request as a page of ours makes it, still to be described and sent.
    pub fn request(&self, app: &TestApp, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = app.request(method, path).header("sec-fetch-site", "same-origin");
        let cookies = self.cookie_header();
        if cookies.is_empty() { request } else { request.header("cookie", cookies) }
    }

    pub async fn get(&mut self, app: &TestApp, path: &str) -> Reply {
        self.ask(app, Method::GET, path, Value::Null).await
    }

    pub async fn post(&mut self, app: &TestApp, path: &str, body: Value) -> Reply {
        self.ask(app, Method::POST, path, body).await
    }

    pub async fn patch(&mut self, app: &TestApp, path: &str, body: Value) -> Reply {
        self.ask(app, Method::PATCH, path, body).await
    }

    pub async fn delete(&mut self, app: &TestApp, path: &str, body: Value) -> Reply {
        self.ask(app, Method::DELETE, path, body).await
    }

    /// Signs in with everybody's password.
    pub async fn sign_in(&mut self, app: &TestApp, email: &str) -> Reply {
        self.post(app, "/v1/auth/sign-in", json!({"email": email, "password": PASSWORD})).await
    }

    /// Whether somebody is signed in here.
    pub async fn is_signed_in(&mut self, app: &TestApp) -> bool {
        self.get(app, "/v1/auth/me").await.status == 200
    }

    /// Goes through a link with everybody's password.
    pub async fn accept(&mut self, app: &TestApp, token: &str) -> Reply {
        let body = json!({"token": token, "email": OWNER, "name": "Ada", "password": PASSWORD});
        self.post(app, "/v1/auth/links/accept", body).await
    }
}

impl TestApp {
    /// The token of a link for the first owner; nothing once somebody has joined.
    pub async fn set_up_token(&self) -> Option<String> {
        let made = people::make_set_up_link(&self.database.pool, self.account, "a test").await;
        made.unwrap().map(|token| token.reveal())
    }

    /// The first owner, who joins now, at a browser.
    pub async fn owner(&self) -> Browser {
        let token = self.set_up_token().await.expect("nobody has joined");
        let mut browser = Browser::new();
        let reply = browser.accept(self, &token).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        browser
    }

    /// Somebody of this role, whom an owner invites, at another browser.
    pub async fn colleague(&self, owner: &mut Browser, email: &str, role: &str) -> Browser {
        let body = json!({"email": email, "role": role});
        let reply = owner.post(self, "/v1/account/invitations", body).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        let mut browser = Browser::new();
        let reply = browser.accept(self, &token_of(&reply.body["data"]["link"])).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        browser
    }
}

/// What stands behind the `#` of a link.
pub fn token_of(link: &Value) -> String {
    link.as_str().unwrap().split_once('#').unwrap().1.to_owned()
}
