//! `SendMailOS`'s API, by the examples of its documentation.

use serde_json::json;

use super::{asked, get, post};
use crate::app::TestApp;

#[tokio::test]
async fn the_shortest_example_sends_a_mail_that_says_its_subject() {
    let app = TestApp::start().await;
    let key = app.test_key().await;
    let example = json!({"to": "ada@example.org", "subject": "Hello"});
    let sent = post(&app, "/api/v1/send", key.text(), &example).await;
    assert_eq!((sent.status, &sent.body["success"]), (200, &json!(true)), "{}", sent.body);
    let id = sent.body["id"].as_str().unwrap();
    let mail = app.mail_in(&key, id, "captured").await;
    assert_eq!((&mail["subject"], &mail["text"]), (&json!("Hello"), &json!("Hello")));

    let read = get(&app, &format!("/api/v1/messages/{id}"), key.text()).await;
    assert_eq!(read.body["message"]["status"], "captured", "{}", read.body);
    let events = get(&app, &format!("/api/v1/messages/{id}/events"), key.text()).await;
    assert_eq!(events.body["events"][1]["type"], "email.delivered", "{}", events.body);
    app.stop().await;
}

#[tokio::test]
async fn the_author_is_the_one_that_is_named_or_the_first_sender() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let sender = json!({"email": "shop@example.com", "name": "Shop"});
    assert!(app.post("/v1/senders", &key, sender).await.status < 300);
    let named = json!({
        "to": "ada@example.org", "subject": "Hi {{name}}", "html": "<p>{{name}}</p>", "variables": {"name": "Ada"},
        "from_email": "a@example.com", "from_name": "A", "external_id": "7", "metadata": {"k": 1},
        "attachments": [{"filename": "a.txt", "content": "aGVsbG8=", "contentType": "text/plain"}],
    });
    let unnamed = json!({"to": "ada@example.org", "subject": "Hi"});
    for (mail, from) in [(named, "a@example.com"), (unnamed, "shop@example.com")] {
        let sent = post(&app, "/api/v1/messages", key.text(), &mail).await;
        assert_eq!(sent.status, 200, "{}", sent.body);
        let mail = app.mail(&key, sent.body["id"].as_str().unwrap()).await;
        assert_eq!(mail["from"]["email"], from);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_master_key_names_its_workspace_in_the_body_or_a_header() {
    let app = TestApp::start().await;
    let master = app.account_key().await;
    let other = app.another_project().await;
    let mail = json!({"to": "ada@example.org", "subject": "Hello"});
    let mut in_body = mail.clone();
    in_body["workspace_id"] = json!(format!("ws_{other}"));
    let sent = post(&app, "/api/v1/send", master.text(), &in_body).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let in_header = asked(&app, "/api/v1/send", master.text(), &mail);
    let sent = app.ask(in_header.header("X-Workspace-Id", format!("ws_{other}"))).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let there =
        app.number(&format!("SELECT count(*) FROM mails WHERE project_id = '{other}'")).await;
    assert_eq!(there, 2);

    let unnamed = post(&app, "/api/v1/send", master.text(), &mail).await;
    assert_eq!((unnamed.status, &unnamed.body["code"]), (403, &json!("FORBIDDEN")));
    let key = app.full_key().await;
    for (key, workspace) in [(&key, other.to_string()), (&master, "ws_nothing".into())] {
        in_body["workspace_id"] = json!(workspace);
        let refused = post(&app, "/api/v1/send", key.text(), &in_body).await;
        assert_eq!((refused.status, &refused.body["code"]), (403, &json!("FORBIDDEN")));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_bad_key_gets_the_refusal_of_its_documentation() {
    let app = TestApp::start().await;
    let mail = json!({"to": "ada@example.org", "subject": "Hello"});
    let refused = post(&app, "/api/v1/send", "sk_live_your_api_key", &mail).await;
    assert_eq!((refused.status, &refused.body["success"]), (401, &json!(false)));
    assert_eq!(refused.body["code"], "UNAUTHORIZED");
    assert!(refused.body["error"].is_string());
    app.stop().await;
}

#[tokio::test]
async fn a_domain_is_added_and_listed_in_its_workspace() {
    let app = TestApp::start().await;
    let master = app.account_key().await;
    let other = app.another_project().await;
    let domain = json!({"domain": "client.example.com", "workspace_id": format!("ws_{other}")});
    let added = post(&app, "/api/v1/domains", master.text(), &domain).await;
    assert_eq!((added.status, &added.body["success"]), (201, &json!(true)), "{}", added.body);
    let shown = &added.body["domain"];
    assert_eq!(
        (&shown["domain_name"], &shown["status"]),
        (&json!("client.example.com"), &json!("pending"))
    );
    assert_eq!(shown["dns_records"][1]["type"], "TXT");
    assert!(
        shown["dns_records"][1]["name"]
            .as_str()
            .unwrap()
            .starts_with(shown["dkim_tokens"][0].as_str().unwrap())
    );
    let list = async |workspace: String| {
        let request =
            app.request(reqwest::Method::GET, "/api/v1/domains").bearer_auth(master.text());
        app.ask(request.header("X-Workspace-Id", workspace)).await
    };
    assert_eq!(list(format!("ws_{other}")).await.body["domains"][0]["id"], shown["id"]);
    assert_eq!(list(app.project.to_string()).await.body["domains"], json!([]));
    for (body, status) in [
        (domain, 409),
        (json!({"workspace_id": other.to_string()}), 400),
        (
            json!({"domain": "b.example.com", "external_id": "7", "workspace_id": other.to_string()}),
            400,
        ),
        (json!({"domain": "b.example.com"}), 403),
    ] {
        let refused = post(&app, "/api/v1/domains", master.text(), &body).await;
        assert_eq!(
            (refused.status, &refused.body["success"]),
            (status, &json!(false)),
            "{}",
            refused.body
        );
        assert!(refused.body["error"].is_string() && refused.body["code"].is_string());
    }
    app.stop().await;
}

#[tokio::test]
async fn a_key_of_a_workspace_may_what_its_scopes_say() {
    let app = TestApp::start().await;
    let master = app.account_key().await;
    let workspace = format!("ws_{}", app.project);
    let with_scopes = async |scopes: serde_json::Value| {
        let body = json!({"name": "Client", "workspace_id": workspace, "scopes": scopes});
        post(&app, "/api/v1/api-keys", master.text(), &body).await
    };
    let made = with_scopes(json!(["subscribers:read", "subscribers:write", "messages:read"])).await;
    assert_eq!(
        (made.status, &made.body["api_key"]["workspace_id"]),
        (201, &json!(workspace)),
        "{}",
        made.body
    );
    let key = made.body["key"].as_str().unwrap();
    assert!(key.starts_with("sk_live_"));
    assert_eq!(made.header("cache-control"), "no-store");
    let mail = json!({"to": "ada@example.org", "subject": "Hello"});
    assert_eq!(post(&app, "/api/v1/send", key, &mail).await.status, 403);
    assert_eq!(get(&app, "/v1/contact-lists", key).await.status, 200);

    let sends = with_scopes(json!(null)).await;
    assert_eq!(
        post(&app, "/api/v1/send", sends.body["key"].as_str().unwrap(), &mail).await.status,
        200
    );
    let owner = app.full_key().await;
    let listed = get(&app, "/api/v1/api-keys", owner.text()).await;
    assert_eq!(listed.body["api_keys"].as_array().unwrap().len(), 3, "{}", listed.body);
    assert!(!listed.body.to_string().contains(key));
    let wrong = with_scopes(json!(["campaigns:send"])).await;
    assert_eq!((wrong.status, &wrong.body["code"]), (400, &json!("VALIDATION_FAILED")));
    // Nobody gives more than he has.
    let small = app.key(&[posthaste::domain::permission::Permission::KeysWrite]).await;
    let more = json!({"name": "More", "scopes": ["messages:read"]});
    assert_eq!(post(&app, "/api/v1/api-keys", small.text(), &more).await.status, 403);
    app.stop().await;
}

#[tokio::test]
async fn a_batch_tells_of_each_message() {
    let app = TestApp::start().await;
    let key = app.test_key().await;
    let message = |to: &str| json!({"to": to, "subject": "Hello", "external_id": to});
    let batch = json!({"messages": [message("ada@example.org"), message("nobody"), message("bob@example.org")]});
    let sent = post(&app, "/api/v1/message-batches", key.text(), &batch).await;
    assert_eq!(
        (sent.status, &sent.body["results"][0]["success"]),
        (200, &json!(true)),
        "{}",
        sent.body
    );
    assert_eq!(sent.body["results"][1]["code"], "VALIDATION_FAILED", "{}", sent.body);
    let path = format!("/api/v1/message-batches/{}", sent.body["id"].as_str().unwrap());
    let is_over = async || {
        let found = get(&app, &path, key.text()).await;
        (found.body["batch"]["sent"] == 2).then_some(found)
    };
    let found = crate::app::eventually(is_over).await.expect("both are captured");
    assert_eq!(found.body["messages"][0]["external_id"], "bob@example.org", "{}", found.body);
    assert_eq!(get(&app, "/api/v1/message-batches/nothing", key.text()).await.status, 404);
    for messages in [json!([]), json!(vec![message("ada@example.org"); 101])] {
        let refused =
            post(&app, "/api/v1/message-batches", key.text(), &json!({"messages": messages})).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
    }
    assert_eq!(app.mails_stored().await, 2);
    app.stop().await;
}
