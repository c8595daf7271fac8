//! `MailSage`'s API, by the examples of its documentation.

use serde_json::{Value, json};

use super::{get, post};
use crate::app::TestApp;
use crate::smtp_server::SmtpServer;

fn example() -> Value {
    json!({"recipient": {"email": "user@example.org"}, "subject": "Hello!", "body": "Test email"})
}

#[tokio::test]
async fn the_example_sends_and_its_job_can_be_followed() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let sent = post(&app, "/api/v1/emails/send", key.text(), &example()).await;
    assert_eq!((sent.status, &sent.body["status"]), (202, &json!("queued")), "{}", sent.body);
    let id = sent.body["job_id"].as_str().unwrap();
    let mail = app.mail_in(&key, id, "captured").await;
    assert_eq!((&mail["text"], &mail["html"]), (&json!("Test email"), &Value::Null));
    let job = get(&app, &format!("/api/v1/emails/jobs/{id}/status"), key.text()).await;
    assert_eq!(
        (&job.body["status"], &job.body["progress"]["percentage"]),
        (&json!("completed"), &json!(100))
    );
    app.stop().await;
}

#[tokio::test]
async fn test_keys_never_send() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.test_key().await;
    let mut mail = example();
    mail["body"] = json!("<p>Hi {{name}}</p>");
    mail["recipient"]["variables"] = json!({"name": "Ada"});
    let sent = post(&app, "/api/v1/emails/send", key.text(), &mail).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    let mail = app.mail_in(&key, sent.body["job_id"].as_str().unwrap(), "captured").await;
    assert_eq!((&mail["html"], &mail["test"]), (&json!("<p>Hi Ada</p>"), &json!(true)));
    app.stop().await;
}

#[tokio::test]
async fn mail_that_leaves_needs_a_sender() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let refused = post(&app, "/api/v1/emails/send", key.text(), &example()).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (400, &json!("invalid_parameter")),
        "{}",
        refused.body
    );
    app.post("/v1/senders", &key, json!({"email": "shop@example.com", "name": "Shop"})).await;
    let sent = post(&app, "/api/v1/emails/send", key.text(), &example()).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    assert_eq!(server.wait_for(1).await[0].from, "shop@example.com");
    app.stop().await;
}

#[tokio::test]
async fn refusals_have_the_shape_of_its_documentation() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let bad = post(&app, "/api/v1/emails/send", "ms_live_xxxxxxxxxxxxxxxxxxxx", &example()).await;
    assert_eq!((bad.status, &bad.body["status"]), (401, &json!(401)));
    assert_eq!(bad.body["code"], "invalid_api_key");
    let empty = post(&app, "/api/v1/emails/send", key.text(), &json!({})).await;
    assert_eq!((empty.status, &empty.body["code"]), (400, &json!("missing_required")));
    app.stop().await;
}

#[tokio::test]
async fn a_job_tells_what_became_of_each_recipient() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let recipients = json!([{"email": "ada@example.org"}, {"email": "bounced@example.org"}]);
    let batch = json!({"recipients": recipients, "subject": "Hello!", "body": "Test email"});
    let sent = post(&app, "/api/v1/emails/batch", key.text(), &batch).await;
    assert_eq!((sent.status, &sent.body["recipient_count"]), (202, &json!(2)), "{}", sent.body);
    let job = format!("/api/v1/emails/jobs/{}", sent.body["job_id"].as_str().unwrap());
    let is_over = async || {
        let status = get(&app, &format!("{job}/status"), key.text()).await;
        (status.body["status"] == "completed").then_some(())
    };
    crate::app::eventually(is_over).await.expect("the job ends");
    let deliveries = get(&app, &format!("{job}/deliveries?per_page=1"), key.text()).await;
    assert_eq!(
        (&deliveries.body["pagination"]["total"], &deliveries.body["pagination"]["pages"]),
        (&json!(2), &json!(2)),
        "{}",
        deliveries.body
    );
    let wrong = get(&app, &format!("{job}/deliveries?status=lost&page=0"), key.text()).await;
    assert_eq!((wrong.status, &wrong.body["code"]), (400, &json!("invalid_parameter")));

    let mut mail = example();
    mail["recipient"]["email"] = json!("delayed@example.org");
    let test = app.test_key().await;
    let sent = post(&app, "/api/v1/emails/send", test.text(), &mail).await;
    let id = sent.body["job_id"].as_str().unwrap();
    app.mail_in(&key, id, "deferred").await;
    let job = format!("/api/v1/emails/jobs/{id}");
    let deliveries = get(&app, &format!("{job}/deliveries?status=pending"), key.text()).await;
    let delivery = &deliveries.body["deliveries"][0];
    assert_eq!(
        (&delivery["recipient"], &delivery["attempts"]),
        (&json!("delayed@example.org"), &json!(1))
    );
    assert!(delivery["error_message"].is_string(), "{delivery}");
    let active = get(&app, "/api/v1/emails/jobs/active", key.text()).await;
    assert_eq!(active.body["jobs"][0]["id"], id, "{}", active.body);
    let status = get(&app, &format!("{job}/status"), key.text()).await;
    assert_eq!(
        (&active.body["jobs"][0]["status"], &status.body["status"]),
        (&json!("processing"), &json!("processing"))
    );
    let control = async |action: &str| {
        post(&app, &format!("{job}/control"), key.text(), &json!({"action": action})).await
    };
    let pause = control("pause").await;
    assert_eq!((pause.status, &pause.body["code"]), (400, &json!("invalid_parameter")));
    let stopped = control("stop").await;
    assert_eq!(
        (stopped.status, &stopped.body["status"]),
        (200, &json!("stopped")),
        "{}",
        stopped.body
    );
    let progress = json!({"total": 1, "sent": 0, "failed": 0, "pending": 0, "percentage": 100});
    assert_eq!(stopped.body["progress"], progress);
    assert_eq!(control("stop").await.status, 409);
    app.stop().await;
}

#[tokio::test]
async fn a_batch_is_stopped_mail_by_mail() {
    let app = TestApp::start().await;
    let key = app.test_key().await;
    let recipients = json!([{"email": "delayed@example.org"}, {"email": "delayed+2@example.org"}]);
    let batch = json!({"recipients": recipients, "subject": "Hello!", "body": "Test email"});
    let sent = post(&app, "/api/v1/emails/send/batch", key.text(), &batch).await;
    let job = format!("/api/v1/emails/jobs/{}", sent.body["job_id"].as_str().unwrap());
    let are_delayed = async || {
        let delayed = "SELECT count(*) FROM mails WHERE status = 'deferred'";
        (app.number(delayed).await == 2).then_some(())
    };
    crate::app::eventually(are_delayed).await.expect("both are delayed");
    let stop = json!({"action": "stop"});
    let stopped = post(&app, &format!("{job}/control"), key.text(), &stop).await;
    assert_eq!(
        (stopped.status, &stopped.body["status"]),
        (200, &json!("stopped")),
        "{}",
        stopped.body
    );
    assert_eq!(post(&app, &format!("{job}/control"), key.text(), &stop).await.status, 409);
    app.stop().await;
}

#[tokio::test]
async fn a_template_says_what_a_request_does_not() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let sender = json!({"email": "shop@example.com", "name": "Shop"});
    let sender = app.post("/v1/senders", &key, sender).await;
    let template = json!({
        "templateName": "Welcome", "subject": "Welcome, {{name}}!", "emailTemplate": "<h1>Hello {{name}}</h1>",
        "senderId": sender.body["data"]["sender"]["id"],
    });
    let template = app.post("/v1/templates", &key, template).await;
    let id = ["id", "templateId"].into_iter().find_map(|name| template.body["data"][name].as_str());
    let id = id.unwrap_or_else(|| panic!("{}", template.body));
    let recipient = json!({"email": "user@example.org", "variables": {"name": "Ada"}});
    let from = json!("shop@example.com");
    for (path, mail) in [
        ("/api/v1/emails/send", json!({"recipient": recipient, "template_id": id})),
        (
            "/api/v1/send",
            json!({"to": "user@example.org", "templateId": id, "variables": {"name": "Ada"}, "from_email": "shop@example.com"}),
        ),
    ] {
        let sent = post(&app, path, key.text(), &mail).await;
        assert!(sent.status < 300, "{}", sent.body);
        let id = ["id", "job_id"].into_iter().find_map(|name| sent.body[name].as_str()).unwrap();
        let mail = app.mail(&key, id).await;
        assert_eq!((&mail["subject"], &mail["from"]["email"]), (&json!("Welcome, Ada!"), &from));
    }
    let alone =
        json!({"templateName": "Alone", "subject": "Alone", "emailTemplate": "<h1>Hello</h1>"});
    let alone = app.post("/v1/templates", &key, alone).await;
    let id = ["id", "templateId"].into_iter().find_map(|name| alone.body["data"][name].as_str());
    let sent = json!({"recipient": recipient, "template_id": id.unwrap()});
    let sent = post(&app, "/api/v1/emails/send", key.text(), &sent).await;
    let mail = app.mail(&key, sent.body["job_id"].as_str().unwrap()).await;
    assert_eq!((&mail["subject"], &mail["from"]["email"]), (&json!("Alone"), &from));

    let unknown = json!({"recipient": recipient, "template_id": "A-00000000000000000000"});
    let refused = post(&app, "/api/v1/emails/send", key.text(), &unknown).await;
    assert_eq!((refused.status, &refused.body["code"]), (404, &json!("template_not_found")));
    app.stop().await;
}
