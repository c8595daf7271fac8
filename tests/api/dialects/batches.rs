//! Several mails by one request, in every dialect that has it.

use serde_json::{Value, json};

use super::{asked, get, post};
use crate::app::{TestApp, TestKey};

fn resend(to: &str) -> Value {
    json!({"from": "shop@example.com", "to": [to], "subject": format!("for {to}"), "html": "<b>x</b>",
           "attachments": [{"filename": format!("{to}.txt"), "content": "aGVsbG8="}]})
}

#[tokio::test]
async fn a_strict_batch_of_resend_is_stored_as_a_whole_or_not_at_all() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let good = json!([resend("a@example.org"), resend("b@example.org")]);
    let send = async |mails: &Value| {
        let request = asked(&app, "/emails/batch", key.text(), mails);
        app.ask(request.header("x-batch-validation", "strict").header("idempotency-key", "b/1"))
            .await
    };
    let (first, again) = (send(&good).await, send(&good).await);
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(first.bytes, again.bytes);
    assert_eq!(again.header("idempotent-replayed"), "true");
    for (place, to) in ["a@example.org", "b@example.org"].into_iter().enumerate() {
        let mail = app.mail(&key, first.body["data"][place]["id"].as_str().unwrap()).await;
        assert_eq!(mail["subject"], format!("for {to}"));
        assert_eq!(mail["attachments"][0]["fileName"], format!("{to}.txt"));
        assert_eq!(mail["batchId"].as_str().map(str::len), Some(36), "{mail}");
    }
    let conflict = send(&json!([resend("c@example.org")])).await;
    assert_eq!(
        (conflict.status, &conflict.body["name"]),
        (409, &json!("invalid_idempotent_request"))
    );

    let half = json!([resend("a@example.org"), resend("nobody")]);
    let refused = post(&app, "/emails/batch", key.text(), &half).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(refused.body["message"].as_str().unwrap().contains("[1].to"), "{}", refused.body);
    for amount in [0, 101] {
        let mails = Value::from(vec![resend("a@example.org"); amount]);
        assert_eq!(post(&app, "/emails/batch", key.text(), &mails).await.status, 422);
    }
    assert_eq!(app.mails_stored().await, 2);

    let request = asked(&app, "/emails/batch", key.text(), &half);
    let part = app.ask(request.header("x-batch-validation", "permissive")).await;
    assert_eq!((part.status, &part.body["errors"][0]["index"]), (200, &json!(1)), "{}", part.body);
    assert_eq!((part.body["data"].as_array().unwrap().len(), app.mails_stored().await), (1, 3));
    app.stop().await;
}

#[tokio::test]
async fn each_mail_of_postmark_and_tosend_gets_an_answer_of_its_own() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mail =
        |to: &str| json!({"From": "shop@example.com", "To": to, "Subject": "s", "TextBody": "t"});
    let sent =
        post(&app, "/email/batch", key.text(), &json!([mail("a@example.org"), mail("x")])).await;
    assert_eq!((sent.status, &sent.body[0]["ErrorCode"]), (200, &json!(0)), "{}", sent.body);
    assert_eq!(
        (&sent.body[0]["To"], &sent.body[1]["ErrorCode"]),
        (&json!("a@example.org"), &json!(300))
    );
    let none = post(&app, "/email/batch", key.text(), &json!([mail("x")])).await;
    assert_eq!((none.status, &none.body[0]["ErrorCode"]), (200, &json!(300)), "{}", none.body);

    let mail = |to: &str| json!({"from": {"email": "shop@example.com"}, "to": [{"email": to}], "subject": "s", "text": "t"});
    let good = json!({"emails": [mail("a@example.org"), mail("b@example.org")]});
    let sent = post(&app, "/v2/emails/batch", key.text(), &good).await;
    assert_eq!(
        (sent.status, &sent.body["results"][1]["status"]),
        (200, &json!("success")),
        "{}",
        sent.body
    );
    let half = json!([mail("a@example.org"), mail("x")]);
    let part = post(&app, "/v2/emails/batch", key.text(), &half).await;
    assert_eq!(
        (part.status, &part.body["results"][1]["status"]),
        (207, &json!("error")),
        "{}",
        part.body
    );
    assert_eq!(part.body["results"][1]["status_code"], 422);
    let empty = post(&app, "/v2/emails/batch", key.text(), &json!({})).await;
    assert!(empty.body["errors"]["emails"]["required"].is_string(), "{}", empty.body);
    assert_eq!(app.mails_stored().await, 4);
    app.stop().await;
}

#[tokio::test]
async fn personalizations_of_sendgrid_become_separate_mails() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mut mail = json!({
        "from": {"email": "shop@example.com"}, "subject": "s", "content": [{"type": "text/plain", "value": "t"}],
        "headers": {"X-A": "1"}, "custom_args": {"k": "1", "l": "1"},
        "personalizations": [
            {"to": [{"email": "a@example.org"}]},
            {"to": [{"email": "b@example.org"}], "subject": "other", "custom_args": {"k": "2"}},
        ],
    });
    let sent = post(&app, "/v3/mail/send", key.text(), &mail).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    let list = app.get("/v1/mails", &key).await;
    let mut subjects: Vec<_> = list.body["data"]["mails"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mail| mail["subject"].clone())
        .collect();
    subjects.sort_by_key(ToString::to_string);
    assert_eq!(subjects, ["other", "s"]);
    mail["personalizations"][1]["to"][0]["email"] = json!("nobody");
    let refused = post(&app, "/v3/mail/send", key.text(), &mail).await;
    assert_eq!(
        refused.body["errors"][0]["field"], "personalizations[1].to[0].email",
        "{}",
        refused.body
    );
    assert_eq!(app.mails_stored().await, 2);
    app.stop().await;
}

#[tokio::test]
async fn a_batch_of_mailsage_is_one_job_at_either_path() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let batch = json!({
        "recipients": [
            {"email": "a@example.org", "variables": {"name": "Ada"}}, {"email": "b@example.org", "variables": {"name": "Bob"}},
        ],
        "subject": "Hi {{name}}", "body": "Hello {{name}}",
    });
    for path in ["/api/v1/emails/batch", "/api/v1/emails/send/batch"] {
        let sent = post(&app, path, key.text(), &batch).await;
        assert_eq!((sent.status, &sent.body["recipient_count"]), (202, &json!(2)), "{}", sent.body);
        let status =
            format!("/api/v1/emails/jobs/{}/status", sent.body["job_id"].as_str().unwrap());
        let is_over = async || {
            let job = get(&app, &status, key.text()).await;
            (job.body["status"] == "completed").then_some(job)
        };
        let job = crate::app::eventually(is_over).await.expect("the job completes");
        assert_eq!(job.body["progress"]["sent"], 2, "{}", job.body);
    }
    app.stop().await;
}

#[tokio::test]
async fn nobody_sees_the_job_of_another_project() {
    let app = TestApp::start().await;
    let (key, other) = (app.full_key().await, app.another_project().await);
    let stranger: TestKey = app.key_of(other).await;
    let mail = json!({"recipient": {"email": "a@example.org"}, "subject": "s", "body": "t"});
    let sent = post(&app, "/api/v1/emails/send", key.text(), &mail).await;
    let id = sent.body["job_id"].as_str().unwrap();
    for path in [
        format!("/api/v1/emails/jobs/{id}/status"),
        format!("/emails/{id}"),
        format!("/api/v1/messages/{id}"),
        format!("/api/v1/messages/{id}/events"),
    ] {
        assert_eq!(get(&app, &path, stranger.text()).await.status, 404, "{path}");
    }
    assert_eq!(
        post(&app, &format!("/emails/{id}/cancel"), stranger.text(), &json!({})).await.status,
        404
    );
    app.stop().await;
}
