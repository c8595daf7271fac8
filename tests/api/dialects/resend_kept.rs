//! Webhooks, templates and suppressions, managed as Resend's clients do. Those clients themselves are run by
//! `.ci/check-clients`.

use reqwest::Method;
use serde_json::json;

use super::{get, post};
use crate::app::{Setup, TestApp};
use crate::webhook_endpoint::WebhookEndpoint;

#[tokio::test]
async fn a_webhook_is_told_what_resend_tells_and_nothing_else() {
    let app = Setup::default().telling_this_machine().start().await;
    let endpoint = WebhookEndpoint::start().await;
    let key = app.full_key().await;
    let asked =
        json!({"endpoint": endpoint.url(), "events": ["email.suppressed", "email.bounced"]});
    let made = post(&app, "/webhooks", key.text(), &asked).await;
    assert_eq!(made.status, 201, "{}", made.body);
    for recipient in ["ada@example.org", "bounced@example.org", "suppressed@example.org"] {
        let mail = json!({"from": "a@example.com", "to": recipient, "subject": "hi", "text": "t"});
        assert_eq!(post(&app, "/emails", key.text(), &mail).await.status, 200);
    }
    let told = endpoint.wait_for(2).await;
    let mut types = Vec::new();
    for request in &told {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["data"]["to"].as_array().unwrap().len(), 1);
        for name in ["id", "timestamp", "signature"] {
            assert_eq!(
                request.header(&format!("svix-{name}")),
                request.header(&format!("webhook-{name}"))
            );
        }
        assert_eq!(request.header("x-webhook-event"), body["type"].as_str().unwrap());
        types.push(body["type"].as_str().unwrap().to_owned());
    }
    types.sort();
    assert_eq!(types, ["email.bounced", "email.suppressed"]);
    app.stop().await;
}

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
        ("/templates", json!({"name": "T", "html": "x", "subject": "s", "alias": "t"})),
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
    for path in ["/templates?limit=0", "/suppressions?before=x", "/webhooks?after=x"] {
        assert_eq!(get(&app, path, key.text()).await.status, 422, "{path}");
    }
    app.stop().await;
}
