//! Requests that are repeated when what they name is gone, and batches of which one part names nothing.

use reqwest::Method;
use serde_json::{Value, json};

use super::{asked, get, post};
use crate::app::{Reply, TestApp, TestKey};

/// A template with this sender; its id.
async fn template(app: &TestApp, key: &TestKey) -> String {
    let template = json!({"templateName": "T", "subject": "Hi", "emailTemplate": "<p>Hello</p>"});
    let made = app.post("/v1/templates", key, template).await;
    let id = ["id", "templateId"].into_iter().find_map(|name| made.body["data"][name].as_str());
    id.unwrap_or_else(|| panic!("{}", made.body)).to_owned()
}

async fn ask_once_more(app: &TestApp, key: &TestKey, path: &str, body: &Value) -> Reply {
    app.ask(asked(app, path, key.text(), body).header("idempotency-key", path)).await
}

#[tokio::test]
async fn a_repeated_request_is_answered_although_its_template_or_its_author_is_gone() {
    let app = TestApp::start().await;
    let (key, test) = (app.full_key().await, app.test_key().await);
    // Live keys are captured as well here, so that the author is not needed to be found again.
    let sender = json!({"email": "shop@example.com", "name": "Shop"});
    let sender = app.post("/v1/senders", &key, sender).await;
    let sender = sender.body["data"]["sender"]["id"].as_str().unwrap().to_owned();
    let id = template(&app, &key).await;
    let recipient = json!({"email": "ada@example.org"});
    let resend =
        json!({"from": "shop@example.com", "to": "ada@example.org", "template": {"id": id}});
    let requests = [
        ("/emails", resend.clone()),
        ("/emails/batch", json!([resend])),
        ("/api/v1/emails/send", json!({"recipient": recipient, "template_id": id})),
        ("/api/v1/emails/batch", json!({"recipients": [recipient], "template_id": id})),
        ("/api/v1/send", json!({"to": "ada@example.org", "templateId": id})),
        (
            "/api/v1/message-batches",
            json!({"messages": [{"to": "ada@example.org", "templateId": id}]}),
        ),
    ];
    let mut answers = Vec::new();
    for (path, body) in &requests {
        let first = ask_once_more(&app, &test, path, body).await;
        assert!(first.status < 300, "{path}: {}", first.body);
        answers.push(first);
    }
    assert!(app.delete(&format!("/v1/templates/{id}"), &key).await.status < 300);
    assert!(app.delete(&format!("/v1/senders/{sender}"), &key).await.status < 300);
    for ((path, body), first) in requests.iter().zip(&answers) {
        let again = ask_once_more(&app, &test, path, body).await;
        assert_eq!((again.status, &again.bytes), (first.status, &first.bytes), "{path}");
        assert_eq!(again.header("idempotent-replayed"), "true", "{path}");
        let new = post(&app, path, test.text(), body).await;
        assert!(
            new.status >= 400 || new.body["success"] == false,
            "{path}: {} {}",
            new.status,
            new.body
        );
    }
    assert_eq!(app.mails_stored().await, 6);
    app.stop().await;
}

#[tokio::test]
async fn one_mail_whose_template_is_missing_does_not_refuse_the_others() {
    let app = TestApp::start().await;
    let key = app.test_key().await;
    let unknown = "A-00000000000000000000";
    let batch = json!([
        {"from": "shop@example.com", "to": "ada@example.org", "subject": "s", "text": "t"},
        {"from": "shop@example.com", "to": "ada@example.org", "template": {"id": unknown}},
    ]);
    let permissive = asked(&app, "/emails/batch", key.text(), &batch);
    let sent = app.ask(permissive.header("x-batch-validation", "permissive")).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    assert_eq!(sent.body["data"].as_array().unwrap().len(), 1, "{}", sent.body);
    assert_eq!(sent.body["errors"][0]["index"], 1, "{}", sent.body);
    assert_eq!(post(&app, "/emails/batch", key.text(), &batch).await.status, 404);

    let (good, bad) = (
        json!({"to": "ada@example.org", "subject": "s"}),
        json!({"to": "ada@example.org", "templateId": unknown}),
    );
    let both = json!({"messages": [bad, good]});
    let sent = post(&app, "/api/v1/message-batches", key.text(), &both).await;
    assert_eq!((sent.status, &sent.body["success"]), (200, &json!(true)), "{}", sent.body);
    assert_eq!(sent.body["results"][0]["code"], "TEMPLATE_NOT_FOUND", "{}", sent.body);
    assert_eq!(sent.body["results"][1]["success"], true, "{}", sent.body);
    assert_eq!(app.mails_stored().await, 2);

    // Where nothing is accepted there is no batch.
    let none = json!({"messages": [{"to": "ada@example.org", "templateId": unknown}]});
    let none = post(&app, "/api/v1/message-batches", key.text(), &none).await;
    assert_eq!(none.body["success"], false, "{}", none.body);
    assert!(none.body["batch_id"].is_null() && none.body["id"].is_null(), "{}", none.body);
    let id = sent.body["batch_id"].as_str().unwrap();
    let found = get(&app, &format!("/api/v1/message-batches/{id}"), key.text()).await;
    assert_eq!(found.status, 200, "{}", found.body);
    app.stop().await;
}

#[tokio::test]
async fn a_strict_batch_does_not_get_the_answer_to_a_permissive_one() {
    let app = TestApp::start().await;
    let key = app.test_key().await;
    let batch = json!([
        {"from": "shop@example.com", "to": "ada@example.org", "subject": "s", "text": "t"},
        {"from": "shop@example.com", "to": "nobody", "subject": "s", "text": "t"},
    ]);
    let ask = async |mode: &str| {
        let request = asked(&app, "/emails/batch", key.text(), &batch);
        app.ask(request.header("idempotency-key", "k").header("x-batch-validation", mode)).await
    };
    assert_eq!(ask("permissive").await.status, 200);
    assert!(ask("strict").await.status >= 400);
    assert_eq!(ask("permissive").await.header("idempotent-replayed"), "true");
    assert_eq!(app.mails_stored().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_name_without_an_address_goes_over_the_default_senders() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let sender = json!({"email": "shop@example.com", "name": "Shop"});
    assert!(app.post("/v1/senders", &key, sender).await.status < 300);
    let mail = json!({"to": "ada@example.org", "subject": "Hi", "from_name": "Support"});
    let sent = post(&app, "/api/v1/send", key.text(), &mail).await;
    let mail = app.mail(&key, sent.body["id"].as_str().unwrap()).await;
    assert_eq!(mail["from"], json!({"email": "shop@example.com", "name": "Support"}));
    app.stop().await;
}

#[tokio::test]
async fn headers_that_name_two_projects_are_refused() {
    let app = TestApp::start().await;
    let master = app.account_key().await;
    let (own, other) = (app.project, app.another_project().await);
    for (path, header, body) in [
        ("/api/v1/send", "X-Workspace-Id", json!({"to": "ada@example.org", "subject": "s"})),
        (
            "/v2/emails",
            "X-Account-Id",
            json!({"from": {"email": "a@example.com"}, "to": [{"email": "a@example.org"}], "subject": "s", "text": "t"}),
        ),
    ] {
        let ask = async |ours: String, theirs: String| {
            let request = asked(&app, path, master.text(), &body);
            app.ask(request.header("x-project-id", ours).header(header, theirs)).await
        };
        let refused = ask(own.to_string(), other.to_string()).await;
        assert_eq!(refused.status, 403, "{}", refused.body);
        assert!(refused.body.to_string().contains(header), "{}", refused.body);
        assert!(ask(own.to_string(), own.to_string()).await.status < 300, "{path}");
    }
    assert_eq!(app.mails_stored().await, 2);
    app.stop().await;
}

#[tokio::test]
async fn clients_of_postmark_can_read_what_is_not_there() {
    let app = TestApp::start().await;
    let request = app.request(Method::GET, "/server").header("X-Postmark-Server-Token", "x");
    let reply = app.ask(request).await;
    assert_eq!((reply.status, &reply.body["ErrorCode"]), (404, &json!(404)), "{}", reply.body);
    let native = app.ask(app.request(Method::GET, "/server")).await;
    assert_eq!(native.body["error"]["code"], "NOT_FOUND", "{}", native.body);
    app.stop().await;
}
