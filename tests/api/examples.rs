//! The examples of the upstream documentation work when host and key are changed, and nothing else.

use reqwest::Method;

use crate::app::{Reply, Setup, TestApp, TestKey};
use crate::smtp_server::SmtpServer;

/// From the page on API keys, as it stands there.
const WITH_A_PROJECT_KEY: &str = r#"curl -X POST https://api.autosend.com/v1/mails/send \
  -H "Authorization: Bearer AS_your_project_api_key" \
  -H "Content-Type: application/json" \
  -d '{
    "to": {
      "email": "customer@example.com"
    },
    "from": {
      "email": "hello@mail.yourdomain.com"
    },
    "subject": "Test Email",
    "html": "<p>Hello World!</p>"
  }'
"#;

/// From the same page.
const WITH_AN_ACCOUNT_KEY: &str = r#"curl -X POST https://api.autosend.com/v1/mails/send \
  -H "Authorization: Bearer ASA_your_account_api_key" \
  -H "x-project-id: your_project_id" \
  -H "Content-Type: application/json" \
  -d '{
    "to": {
      "email": "customer@example.com"
    },
    "from": {
      "email": "hello@mail.yourdomain.com"
    },
    "subject": "Test Email",
    "html": "<p>Hello World!</p>"
  }'
"#;

/// What a reader of the page changes.
fn changed(app: &TestApp, example: &str, key: &TestKey) -> String {
    example
        .replace("https://api.autosend.com", &format!("http://{}", app.address))
        .replace("AS_your_project_api_key", key.text())
        .replace("ASA_your_account_api_key", key.text())
        .replace("your_project_id", &app.project.to_string())
}

/// Sends what curl would send.
async fn curl(app: &TestApp, command: &str) -> Reply {
    let (head, rest) = command.split_once("-d '").unwrap();
    let body = rest.rsplit_once('\'').unwrap().0;
    let url = head.split_ascii_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let path = url.strip_prefix(&format!("http://{}", app.address)).unwrap();
    let headers = head.split("-H \"").skip(1).map(|part| part.split_once('"').unwrap().0);
    let request = headers.fold(app.request(Method::POST, path), |request, header| {
        let (name, value) = header.split_once(": ").unwrap();
        request.header(name, value)
    });
    app.ask(request.body(body.to_owned())).await
}

#[tokio::test]
async fn the_examples_with_a_project_and_an_account_key_send_their_mail() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let (project, account) = (app.full_key().await, app.account_key().await);
    for (example, key) in [(WITH_A_PROJECT_KEY, &project), (WITH_AN_ACCOUNT_KEY, &account)] {
        let reply = curl(&app, &changed(&app, example, key)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(
            reply.body,
            { ".data.emailId" => "[id]", ".data.queuedAt" => "[time]" },
            @r#"
        {
          "data": {
            "emailId": "[id]",
            "message": "Email queued successfully.",
            "queuedAt": "[time]",
            "status": "queued",
            "totalRecipients": 1
          },
          "message": "Email queued successfully.",
          "success": true
        }
        "#
        );
        }
    }
    for mail in server.wait_for(2).await {
        assert_eq!(mail.from, "hello@mail.yourdomain.com");
        assert_eq!(mail.to, ["customer@example.com"]);
        let message = mail_parser::MessageParser::default().parse(&mail.data).unwrap();
        assert_eq!(message.subject(), Some("Test Email"));
        assert_eq!(message.body_html(0).unwrap().trim_end(), "<p>Hello World!</p>");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_examples_as_they_stand_there_are_refused_for_their_key() {
    let app = TestApp::start().await;
    for example in [WITH_A_PROJECT_KEY, WITH_AN_ACCOUNT_KEY] {
        let command =
            example.replace("https://api.autosend.com", &format!("http://{}", app.address));
        curl(&app, &command).await.assert_refused(401, "UNAUTHORIZED");
    }
    app.stop().await;
}

#[tokio::test]
async fn where_https_is_required_the_examples_must_use_it() {
    let app =
        Setup::default().with(|settings| settings.require_https = Some("always".into())).start();
    let app = app.await;
    let key = app.full_key().await;
    let reply = curl(&app, &changed(&app, WITH_A_PROJECT_KEY, &key)).await;
    reply.assert_refused(403, "HTTPS_REQUIRED");
    assert_eq!(app.mails_stored().await, 0);
    app.stop().await;
}

#[tokio::test]
async fn paths_that_clients_put_together_badly_are_understood() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for path in ["//v1/mails/send", "/v1//mails/send", "/v1/mails/send/"] {
        let reply = app.post(path, &key, crate::letter()).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    }
    // As the SDKs do it: a content type and an empty body.
    let request = app.request(Method::GET, "/v1/mails/").bearer_auth(key.text());
    assert_eq!(app.ask(request.header("content-type", "application/json")).await.status, 200);
    app.stop().await;
}

/// From the pages on sending one mail and many, as they stand there.
const SEND: &str = r#"{ "to": { "email": "to@example.com", "name": "Jane Smith" }, "cc": [ {"email": "cc1@example.com", "name": "CC User 1"}, {"email": "cc2@example.com", "name": "CC User 2"} ], "bcc": [{"email": "bcc@example.com"}], "from": { "email": "from@yourdomain.com", "name": "Your Company" }, "subject": "Welcome to Our Platform!", "html": "<h1>Welcome, {{name}}!</h1><p>Thanks for signing up.</p>", "dynamicData": { "name": "Jane" }, "replyTo": { "email": "to@example.com" } }"#;
const BULK: &str = r#"{ "recipients": [ { "email": "customer1@example.com", "name": "Jane Smith", "dynamicData": { "firstName": "Jane", "orderNumber": "ORD-123", "orderTotal": "$19.99" } }, { "email": "customer2@example.com", "name": "John Doe", "dynamicData": { "firstName": "John", "orderNumber": "ORD-124", "orderTotal": "$29.99" } } ], "from": { "email": "hello@mail.yourdomain.com", "name": "Your Company" }, "subject": "Welcome to Our Platform!", "html": "<h1>Welcome, {{name}}!</h1><p>Thanks for signing up.</p>", "replyTo": { "email": "support@yourdomain.com" } }"#;

/// What older clients send, whose members the pages do not name any more.
const OLDER: &str = r#"{ "to": { "email": "to@example.com" }, "from": { "email": "from@yourdomain.com" }, "subject": "Hello", "text": "Hello", "categories": ["welcome"], "campaignName": "May", "unsubscribe": {"url": "https://example.com/u", "groupId": "20XWO1"}, "test": true, "trackingClick": false, "trackingOpen": false, "bypassSuppressions": false, "attachments": [{"filename": "a.txt", "content": "aGk=", "description": "a file"}] }"#;

#[tokio::test]
async fn the_examples_of_each_endpoint_for_mails_are_answered_in_the_shape_shown() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let post = async |path: &str, body: &str| {
        let request = app.request(Method::POST, path).bearer_auth(key.text());
        let request = request.header("content-type", "application/json").body(body.to_owned());
        let reply = app.ask(request).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.body["success"], true);
        reply.body["data"].clone()
    };
    // The group that the older example names.
    app.sql(&format!(
        "INSERT INTO suppression_groups (project_id, group_id, id, name, active)
         VALUES ('{0}', '20XWO1', '{0}', 'News', true)",
        app.project
    ))
    .await;
    for (body, recipients) in [(SEND, 4), (OLDER, 1)] {
        let data = post("/v1/mails/send", body).await;
        assert_eq!(data["message"], "Email queued successfully.");
        assert_eq!(data["totalRecipients"], recipients);
        let id = data["emailId"].as_str().unwrap();
        app.mail_in(&key, id, "captured").await;
        let status = app.get(&format!("/v1/mails/{id}/status"), &key).await.body["data"].clone();
        for member in ["id", "projectId", "status", "subject", "recipient", "sender", "sentAt"] {
            assert!(!status[member].is_null(), "{member}: {status}");
        }
        for member in ["deliveredAt", "openedAt", "clickedAt", "bouncedAt"] {
            assert!(status.get(member).is_some(), "{member}: {status}");
        }
    }
    let data = post("/v1/mails/bulk", BULK).await;
    let counts =
        ["totalRecipients", "successCount", "failedCount"].map(|count| data[count].clone());
    assert_eq!(counts, [2, 2, 0]);
    assert!(data["batchId"].as_str().unwrap().parse::<uuid::Uuid>().is_ok(), "{data}");
    app.stop().await;
}
