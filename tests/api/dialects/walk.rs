//! Every route of every dialect, found where the router is built, so that none can be forgotten: asked without a key, with a
//! bad one, with one that may nothing, and with the ids of another project.

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};

use super::{get, post};
use crate::app::{Setup, TestApp, TestKey};
use crate::letter_with;

/// Needs a key and no permission: it tells what the key is.
const FOR_EVERY_KEY: &str = "/v2/info";

/// Belongs to the account, which a project's key knows nothing of.
const OF_THE_ACCOUNT: &str = "/v2/teams";

/// Every route: what stands in the calls of `.route(…)` in the dialects' sources.
fn routes() -> Vec<(Method, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/dialects");
    let mut found = Vec::new();
    for file in sources(&folder) {
        let text = fs::read_to_string(&file).unwrap();
        for call in text.split(".route(").skip(1) {
            let call = arguments(call);
            let path = call.trim().strip_prefix('"').and_then(|rest| rest.split('"').next());
            let path = path.unwrap_or_else(|| panic!("{}: {call}", file.display()));
            let methods = ["get", "post", "put", "patch", "delete"];
            let before = found.len();
            for method in methods.into_iter().filter(|method| calls(call, method)) {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                found.push((method, path.to_owned()));
            }
            assert!(found.len() > before, "{}: {call} has no method", file.display());
        }
    }
    assert!(found.len() >= 40, "some routes are not seen: {found:?}");
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

/// As far as the parenthesis that closes the call.
fn arguments(call: &str) -> &str {
    let mut depth = 1;
    let end = call.find(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    &call[..end.unwrap()]
}

/// Whether a function of this name is called, which is not the end of another name.
fn calls(text: &str, name: &str) -> bool {
    text.match_indices(&format!("{name}("))
        .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
}

fn is_of_the_account(path: &str) -> bool {
    path.starts_with(OF_THE_ACCOUNT)
}

/// What a dialect answers to a bad key, and to one that may not.
fn told(path: &str) -> (u16, u16) {
    let first = path.split('/').nth(1).unwrap();
    match first {
        "email" => (401, 401),
        "v2" => (403, 403),
        "v3" | "api" => (401, 403),
        _ => (403, 401),
    }
}

#[tokio::test]
async fn every_route_asks_for_a_good_key_and_its_permission() {
    let app = TestApp::start().await;
    let powerless = app.key(&[]).await;
    let stranger = powerless.mistyped();
    for (method, path) in routes() {
        let path = path.replace("{id}", "00000000-0000-7000-8000-000000000000");
        let ask = async |key: Option<&str>| {
            let request = app.request(method.clone(), &path).header("cookie", "session=x");
            let request = match key {
                None => request,
                Some(key) if path.starts_with("/email/") || path == "/email" => {
                    request.header("x-postmark-server-token", key)
                }
                Some(key) => request.bearer_auth(key),
            };
            let reply = app.ask(request.header("content-type", "application/json")).await;
            assert_eq!(reply.header("content-type"), "application/json", "{method} {path}");
            reply.status
        };
        let (bad, may_not) = told(&path);
        assert_eq!(ask(None).await, 401, "{method} {path}");
        assert_eq!(ask(Some(&stranger)).await, bad, "{method} {path}");
        if path != FOR_EVERY_KEY {
            assert_eq!(ask(Some(powerless.text())).await, may_not, "{method} {path}");
        }
    }
    app.stop().await;
}

/// Something of each kind, in the app's first project: its ids by the segment behind which they stand.
async fn things(app: &TestApp, key: &TestKey) -> Vec<(&'static str, String)> {
    let mail = letter_with(json!({"scheduledAt": chrono::Utc::now() + chrono::TimeDelta::days(1)}));
    let mail = app.accepted(key, mail).await;
    let id = |body: &Value| {
        let data = &body["data"];
        let shown = [data, &data["webhook"]].into_iter().find_map(|one| one["id"].as_str());
        shown.map(ToOwned::to_owned)
    };
    let domain = app.post("/v1/domains", key, json!({"domain": "client.example.com"})).await;
    let hook = json!({"url": "https://127.0.0.1/hook", "events": ["email.bounced"]});
    let hook = app.post("/v1/webhooks", key, hook).await;
    vec![
        ("domains", id(&domain.body).unwrap_or_else(|| panic!("{}", domain.body))),
        ("webhooks", id(&hook.body).unwrap_or_else(|| panic!("{}", hook.body))),
        ("api-keys", key.id.to_string()),
        ("teams", app.project.to_string()),
        ("emails", mail.clone()),
        ("messages", mail.clone()),
        ("jobs", mail.clone()),
        ("", mail),
    ]
}

#[tokio::test]
async fn nothing_is_known_of_another_project() {
    let app = Setup::default().telling_this_machine().start().await;
    let owner = app.full_key().await;
    let things = things(&app, &owner).await;
    let other = app.another_project().await;
    let stranger = app.key_of(other).await;
    let mail = &things.last().unwrap().1;
    let before = app.mail(&owner, mail).await;
    for (method, path) in routes().into_iter().filter(|(_, path)| path.contains('{')) {
        let segments: Vec<&str> = path.split('/').collect();
        let place = segments.iter().position(|segment| segment.starts_with('{')).unwrap();
        let id = things.iter().find(|(kind, _)| *kind == segments[place - 1]);
        let id = &id.unwrap_or_else(|| things.last().unwrap()).1;
        let asked = segments
            .iter()
            .map(|segment| if segment.starts_with('{') { id.as_str() } else { segment })
            .collect::<Vec<_>>()
            .join("/");
        let body = json!({
            "action": "stop", "status": "active", "name": "Taken", "url": "https://example.com/taken",
            "scheduled_at": "in 1 hour",
        });
        let mut request = app.request(method.clone(), &asked).bearer_auth(stranger.text());
        if method != Method::GET && method != Method::DELETE {
            request = request.json(&body);
        }
        let reply = app.ask(request).await;
        let expected = if is_of_the_account(&path) { 403 } else { 404 };
        let has_body = method != Method::GET && method != Method::DELETE;
        let is_refused =
            reply.status == expected || (has_body && [400, 422].contains(&reply.status));
        assert!(is_refused, "{method} {asked}: {} {}", reply.status, reply.body);
        assert!(!reply.body.to_string().contains("ada@example.org"), "{method} {asked}");
    }
    assert_eq!(app.mail(&owner, mail).await, before);
    let untouched = [("/v1/domains", "domains"), ("/v1/webhooks", "webhooks")];
    for (path, kind) in untouched {
        let listed = app.get(path, &owner).await;
        let id = &things.iter().find(|(of, _)| *of == kind).unwrap().1;
        assert!(listed.body.to_string().contains(id), "{path}");
        assert!(!listed.body.to_string().contains("taken"), "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn lists_show_nothing_of_another_project() {
    let app = Setup::default().telling_this_machine().start().await;
    let owner = app.full_key().await;
    let things = things(&app, &owner).await;
    let other = app.another_project().await;
    let stranger = app.key_of(other).await;
    let lists = routes().into_iter().filter(|(method, path)| {
        method == Method::GET && !path.contains('{') && !is_of_the_account(path)
    });
    for (_, path) in lists {
        let reply = get(&app, &path, stranger.text()).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        for (_, id) in things.iter().filter(|(kind, _)| *kind != "teams") {
            assert!(!reply.body.to_string().contains(id), "{path}: {}", reply.body);
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn characters_that_the_database_cannot_keep_are_refused() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let nul = "a\0b";
    for (path, mail) in [
        (
            "/v2/emails",
            json!({"from": {"email": "a@example.com"}, "to": [{"email": "b@example.org"}], "subject": "s", "text": "t",
                   "tags": {"k": nul}}),
        ),
        (
            "/v2/emails",
            json!({"from": {"email": "a@example.com"}, "to": [{"email": "b@example.org"}], "subject": "s", "text": "t",
                   "message_hash": nul}),
        ),
        (
            "/email",
            json!({"From": "a@example.com", "To": "b@example.org", "Subject": "s", "TextBody": "t", "Tag": nul}),
        ),
        (
            "/v3/mail/send",
            json!({"from": {"email": "a@example.com"}, "personalizations": [{"to": [{"email": "b@example.org"}]}],
                   "subject": "s", "content": [{"type": "text/plain", "value": "t"}], "categories": [nul]}),
        ),
        (
            "/api/v1/send",
            json!({"from_email": "a@example.com", "to": "b@example.org", "subject": "s", "metadata": {"k": [nul]}}),
        ),
    ] {
        let reply = post(&app, path, key.text(), &mail).await;
        assert!([400, 422].contains(&reply.status), "{path}: {} {}", reply.status, reply.body);
    }
    assert_eq!(app.mails_stored().await, 0);
    app.stop().await;
}
