//! Webhooks, templates and suppressions, managed as Resend's clients do. Those clients themselves are run by
//! `.ci/check-clients`.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{get, post};
use crate::app::TestApp;

#[tokio::test]
async fn webhooks_of_the_native_api_are_none_of_its_business() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let asked = json!({"url": "https://example.com/", "events": ["email.bounced"]});
    let native = post(&app, "/v1/webhooks", key.text(), &asked).await;
    let id = native.body["data"]["webhook"]["id"].as_str().unwrap();
    let list = get(&app, "/webhooks", key.text()).await;
    assert_eq!(list.body, json!({"object": "list", "has_more": false, "data": []}));
    for method in [Method::GET, Method::DELETE] {
        let request = app.request(method, &format!("/webhooks/{id}")).bearer_auth(key.text());
        assert_eq!(app.ask(request).await.status, 404);
    }
    app.stop().await;
}

#[tokio::test]
async fn what_another_project_keeps_is_not_there() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let stranger = app.key_of(app.another_project().await).await;
    let hook = json!({"endpoint": "https://example.com/", "events": ["email.sent"]});
    let template = json!({"name": "T", "subject": "s", "html": "<p>t</p>"});
    for (resource, body) in [
        ("webhooks", hook),
        ("templates", template),
        ("suppressions", json!({"email": "ada@example.org"})),
    ] {
        let made = post(&app, &format!("/{resource}"), key.text(), &body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let path = format!("/{resource}/{}", made.body["id"].as_str().unwrap());
        for (method, body) in [
            (Method::GET, json!({})),
            (Method::PATCH, json!({"name": "Other"})),
            (Method::DELETE, json!({})),
        ] {
            if resource == "suppressions" && method == Method::PATCH {
                continue;
            }
            let request = app.request(method.clone(), &path).json(&body);
            let reply = app.ask(request.bearer_auth(stranger.text())).await;
            assert_eq!((reply.status, &reply.body["name"]), (404, &json!("not_found")), "{path}");
        }
        assert_eq!(get(&app, &path, key.text()).await.status, 200);
        let list = get(&app, &format!("/{resource}"), stranger.text()).await;
        assert_eq!(list.body["data"], json!([]));
    }
    app.stop().await;
}

#[tokio::test]
async fn hostile_templates_and_lists_are_refused_in_its_shape() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for (path, body) in [
        ("/templates", json!({"name": "T", "html": "<p>{{#if</p>", "subject": "s"})),
        ("/templates", json!({"name": "T", "html": "x", "subject": "s", "alias": "a/b"})),
        (
            "/templates",
            json!({"name": "T", "html": "x", "alias": "0198c8b5-5ad4-7c14-8de3-6f1bd7bb0a41"}),
        ),
        ("/templates", json!({"name": "T", "html": "x", "variables": [{"key": "a b"}]})),
        ("/suppressions/batch/add", json!({"emails": vec!["a@example.org"; 101]})),
        ("/suppressions/batch/add", json!({"emails": ["nobody"]})),
        ("/suppressions/batch/remove", json!({"emails": ["a@example.org"], "ids": ["x"]})),
        ("/webhooks", json!({"endpoint": "http://127.0.0.1/", "events": ["email.sent"]})),
        ("/webhooks", json!({"endpoint": "https://example.com/", "events": ["contact.created"]})),
    ] {
        let reply = post(&app, path, key.text(), &body).await;
        assert_eq!(
            (reply.status, &reply.body["name"]),
            (422, &json!("validation_error")),
            "{path} {body}: {}",
            reply.body
        );
    }
    let forged = json!({"name": "T", "html": "x", "from": "a\r\nBcc: b@example.org"});
    let reply = post(&app, "/templates", key.text(), &forged).await;
    assert_eq!((reply.status, &reply.body["name"]), (422, &json!("invalid_from_address")));
    for path in [
        "/templates?limit=0",
        "/suppressions?before=x",
        "/suppressions?before=0198c8b5-5ad4-7c14-8de3-6f1bd7bb0a41&after=0198c8b5-5ad4-7c14-8de3-6f1bd7bb0a41",
        "/webhooks?after=x",
    ] {
        assert_eq!(get(&app, path, key.text()).await.status, 422, "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_template_is_called_by_its_alias_in_its_own_project_alone() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let stranger = app.key_of(app.another_project().await).await;
    let template =
        |html: &str| json!({"name": "T", "subject": "s", "html": html, "alias": "welcome"});
    let mut ids = Vec::new();
    for (key, html) in [(&key, "<p>ours</p>"), (&stranger, "<p>theirs</p>")] {
        let made = post(&app, "/templates", key.text(), &template(html)).await;
        assert_eq!(made.status, 201, "{}", made.body);
        ids.push(made.body["id"].clone());
        let published = post(&app, "/templates/welcome/publish", key.text(), &json!({})).await;
        assert_eq!(published.body["id"], made.body["id"], "{}", published.body);
    }
    let taken = post(&app, "/templates", key.text(), &template("x")).await;
    assert_eq!((taken.status, &taken.body["name"]), (422, &json!("validation_error")));
    let message = taken.body["message"].as_str().unwrap();
    assert!(message.contains("alias") && !message.contains("theirs"), "{message}");

    let shown = get(&app, "/templates/welcome", stranger.text()).await;
    assert_eq!((&shown.body["id"], &shown.body["alias"]), (&ids[1], &json!("welcome")));
    let listed = get(&app, "/templates", key.text()).await;
    assert_eq!(listed.body["data"][0]["alias"], "welcome");
    let mail =
        json!({"from": "a@example.com", "to": "ada@example.org", "template": {"id": "welcome"}});
    let sent = post(&app, "/emails", key.text(), &mail).await;
    let read =
        get(&app, &format!("/emails/{}", sent.body["id"].as_str().unwrap()), key.text()).await;
    assert_eq!(read.body["html"], "<p>ours</p>");

    let copy = post(&app, "/templates/welcome/duplicate", key.text(), &json!({})).await;
    let copy = copy.body["id"].as_str().unwrap().to_owned();
    let path = format!("/templates/{copy}");
    assert_eq!(get(&app, &path, key.text()).await.body["alias"], Value::Null);
    let steal = app.patch(&path, &key, json!({"alias": "welcome"})).await;
    assert_eq!(steal.status, 422, "{}", steal.body);
    // What is left out stays, and null takes it away.
    assert_eq!(app.patch("/templates/welcome", &key, json!({"name": "Other"})).await.status, 200);
    assert_eq!(get(&app, "/templates/welcome", key.text()).await.body["name"], "Other");
    assert_eq!(app.patch("/templates/welcome", &key, json!({"alias": null})).await.status, 200);
    assert_eq!(get(&app, "/templates/welcome", key.text()).await.status, 404);
    assert_eq!(app.patch(&path, &key, json!({"alias": "welcome"})).await.status, 200);
    assert_eq!(app.delete("/templates/welcome", &key).await.body["deleted"], true);
    assert_eq!(post(&app, "/emails", key.text(), &mail).await.status, 404);
    assert_eq!(get(&app, "/templates/welcome", stranger.text()).await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn ten_templates_that_want_one_alias_at_once_get_it_once() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let template = json!({"name": "T", "subject": "s", "html": "<p>t</p>", "alias": "welcome"});
    let mut asked = JoinSet::new();
    for _ in 0..10 {
        asked.spawn(super::asked(&app, "/templates", key.text(), &template).send());
    }
    let answers = asked.join_all().await.into_iter();
    let mut statuses: Vec<_> = answers.map(|made| made.unwrap().status().as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[201].as_slice(), &[422; 9]].concat());
    app.stop().await;
}

#[tokio::test]
async fn suppressions_are_leafed_through_in_both_directions() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for count in 0..5 {
        let entry = json!({"email": format!("a{count}@example.org")});
        assert_eq!(post(&app, "/suppressions", key.text(), &entry).await.status, 201);
    }
    let page = async |query: &str| {
        let reply = get(&app, &format!("/suppressions?{query}"), key.text()).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let data = reply.body["data"].as_array().unwrap();
        let emails: String =
            data.iter().map(|entry| entry["email"].as_str().unwrap()[1..2].to_owned()).collect();
        let ids: Vec<_> =
            data.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect();
        (emails, reply.body["has_more"].as_bool().unwrap(), ids)
    };
    let (all, _, ids) = page("").await;
    assert_eq!(all, "43210");
    for (query, emails, more) in [
        (format!("limit=2&before={}", ids[4]), "21", true),
        (format!("limit=2&before={}", ids[2]), "43", false),
        (format!("limit=2&before={}", ids[1]), "4", false),
        (format!("before={}", ids[0]), "", false),
        (format!("limit=2&origin=bounce&before={}", ids[4]), "", false),
        (format!("limit=3&after={}", ids[1]), "210", false),
    ] {
        let found = page(&query).await;
        assert_eq!((found.0.as_str(), found.1), (emails, more), "{query}");
    }
    app.stop().await;
}
