//! Templates: kept, changed in versions, and sent.

mod changing;
mod hostile;
mod looking;
mod sending;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Reply, TestApp, TestKey};

/// A template with nothing special about it.
fn welcome() -> Value {
    json!({
        "templateName": "Welcome Email",
        "description": "Welcome email for new users",
        "subject": "Welcome to {{companyName}}, {{firstName}}!",
        "previewText": "We are glad to have you on board",
        "emailTemplate": "<h1>Welcome, {{firstName}}!</h1><p>Thanks for joining {{companyName}}.</p>",
        "templateType": "transactional",
        "builderType": "code",
    })
}

/// The same, but for the members given.
fn welcome_with(members: Value) -> Value {
    let mut template = welcome();
    let Value::Object(members) = members else { panic!("members are an object") };
    template.as_object_mut().unwrap().extend(members);
    template
}

/// Makes a template that must be accepted; its id.
async fn made(app: &TestApp, key: &TestKey, template: Value) -> String {
    let reply = app.post("/v1/templates", key, template).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["data"]["templateId"].as_str().unwrap().to_owned()
}

async fn put(app: &TestApp, key: &TestKey, id: &str, change: Value) -> Reply {
    let request = app.request(Method::PUT, &path(id)).bearer_auth(key.text());
    app.ask(request.json(&change)).await
}

/// Changes a template, which must succeed; what it then is.
async fn changed(app: &TestApp, key: &TestKey, id: &str, change: Value) -> Value {
    let reply = put(app, key, id, change).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["data"].clone()
}

async fn shown(app: &TestApp, key: &TestKey, place: &str) -> Value {
    let reply = app.get(&path(place), key).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["data"].clone()
}

fn path(place: &str) -> String {
    format!("/v1/templates/{place}")
}

/// Every endpoint with a body that it takes, for a template of this id.
fn every_endpoint(id: &str) -> [(Method, String, Value); 13] {
    let of = |rest: &str| format!("/v1/templates/{id}{rest}");
    let to = json!({"to": {"email": "ada@example.org"}, "from": {"email": "shop@example.com"}});
    [
        (Method::POST, "/v1/templates".into(), welcome()),
        (Method::GET, "/v1/templates".into(), json!({})),
        (Method::GET, "/v1/templates/search".into(), json!({})),
        (Method::POST, "/v1/templates/preview".into(), json!({"html": "{{a}}"})),
        (Method::GET, of(""), json!({})),
        (Method::PUT, of(""), json!({"subject": "Changed"})),
        (Method::PATCH, of("/preview-text"), json!({"previewText": "Changed"})),
        (Method::GET, of("/versions"), json!({})),
        (Method::POST, of("/publish"), json!({})),
        (Method::POST, of("/revert"), json!({"version": 1})),
        (Method::POST, of("/preview"), json!({})),
        (Method::POST, of("/test"), to),
        (Method::DELETE, of(""), json!({})),
    ]
}

#[tokio::test]
async fn every_endpoint_answers_its_owner_and_confirms_nothing_to_others() {
    let app = TestApp::start().await;
    let owner = app.full_key().await;
    let other = app.key_of(app.another_project().await).await;
    let id = made(&app, &owner, welcome()).await;
    for (method, path, body) in every_endpoint(&id) {
        let request = || app.request(method.clone(), &path).json(&body);
        if path.contains(&id) {
            let reply = app.ask(request().bearer_auth(other.text())).await;
            let expected = match method {
                Method::DELETE => (400, "DELETE_TEMPLATE_FAILED"),
                _ => (404, "TEMPLATE_NOT_FOUND"),
            };
            reply.assert_refused(expected.0, expected.1);
        }
        let reply = app.ask(request().bearer_auth(owner.text())).await;
        assert_eq!(reply.status, 200, "{method} {path}: {}", reply.body);
        assert_eq!(reply.body["success"], true);
    }
    assert_eq!(app.number("SELECT count(*) FROM templates").await, 1);
    app.get(&path(&id), &owner).await.assert_refused(404, "TEMPLATE_NOT_FOUND");
    app.get(&path("tmpl_abc123"), &owner).await.assert_refused(404, "TEMPLATE_NOT_FOUND");
    app.stop().await;
}

#[tokio::test]
async fn what_is_written_down_names_who_and_which_but_no_words_of_the_mail() {
    let app = TestApp::start().await;
    let key = app.account_key().await;
    let project = app.project.to_string();
    let ask = async |method: Method, path: String, body: Value| {
        let request = app.request(method, &path).bearer_auth(key.text());
        let reply = app.ask(request.header("x-project-id", &project).json(&body)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["data"].clone()
    };
    let template = ask(Method::POST, "/v1/templates".into(), welcome()).await;
    let id = template["templateId"].as_str().unwrap();
    for (method, path, body) in every_endpoint(id).into_iter().skip(5) {
        ask(method, path, body).await;
    }
    let log = app.get("/v1/account/audit-log?limit=100", &key).await.body;
    let entries = log["data"]["entries"].as_array().unwrap();
    let of_templates: Vec<_> = entries
        .iter()
        .filter(|entry| entry["action"].as_str().unwrap().starts_with("template."))
        .collect();
    let actions: Vec<_> =
        of_templates.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        [
            "template.deleted",
            "template.reverted",
            "template.published",
            "template.updated",
            "template.updated",
            "template.created"
        ]
    );
    for entry in of_templates {
        assert_eq!(entry["subject"]["label"], "Welcome Email");
        assert_eq!(entry["details"]["templateId"], id);
        assert!(!entry.to_string().contains("Changed"), "{entry}");
    }
    app.stop().await;
}
