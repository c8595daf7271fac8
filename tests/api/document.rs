//! What the document of the API promises.

use posthaste::domain::id::MailId;
use reqwest::Method;
use serde_json::Value;

use crate::app::TestApp;
use crate::letter;

/// Every operation that the document describes, with its parameters filled in.
async fn operations(app: &TestApp) -> Vec<(Method, String)> {
    let reply = app.ask(app.request(Method::GET, "/openapi.json")).await;
    assert_eq!((reply.status, &reply.body["openapi"]), (200, &Value::from("3.1.0")));
    let mut operations = Vec::new();
    for (path, methods) in reply.body["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            assert!(described["operationId"].is_string(), "{method} {path}");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            operations.push((method, path.clone()));
        }
    }
    operations
}

fn filled_in(path: &str) -> String {
    let path = path.replace("{id}", &MailId::generate().to_string()).replace("{position}", "0");
    assert!(!path.contains('{'), "{path} has a parameter that this test does not know");
    path
}

#[tokio::test]
async fn it_lists_every_route() {
    let app = TestApp::start().await;
    let listed: Vec<_> =
        operations(&app).await.iter().map(|(method, path)| format!("{method} {path}")).collect();
    insta::assert_json_snapshot!(listed, @r#"
    [
      "GET /healthz",
      "GET /readyz",
      "GET /v1/mails",
      "POST /v1/mails/send",
      "GET /v1/mails/{id}",
      "POST /v1/mails/{id}/cancel",
      "GET /v1/mails/{id}/captured/{position}",
      "POST /v1/mails/{id}/retry",
      "GET /v1/mails/{id}/status"
    ]
    "#);
    app.stop().await;
}

#[tokio::test]
async fn no_operation_of_the_api_is_open_to_strangers_or_to_the_powerless() {
    let app = TestApp::start().await;
    let powerless = app.key(&[]).await;
    let guarded: Vec<_> =
        operations(&app).await.into_iter().filter(|(_, path)| path.starts_with("/v1/")).collect();
    assert!(guarded.len() >= 5);
    for (method, path) in guarded {
        let request = || app.request(method.clone(), &filled_in(&path)).json(&letter());
        app.ask(request()).await.assert_refused(401, "UNAUTHORIZED");
        let reply = app.ask(request().bearer_auth(powerless.text())).await;
        assert_eq!(reply.status, 403, "{method} {path}");
        reply.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    }
    assert_eq!(app.mails_stored().await, 0);
    app.stop().await;
}

#[tokio::test]
async fn every_operation_answers_as_it_is_described() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for (method, path) in operations(&app).await {
        let request = app.request(method.clone(), &filled_in(&path)).bearer_auth(key.text());
        let reply = app.ask(request.json(&letter())).await;
        let is_there = [200, 404].contains(&reply.status);
        assert!(is_there, "{method} {path}: {} {}", reply.status, reply.body);
        assert!(reply.status == 200 || reply.code() == "NOT_FOUND", "{method} {path}");
    }
    app.stop().await;
}
