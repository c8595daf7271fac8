//! What webhooks of Resend's clients are told, and when.

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::{get, post};
use crate::app::Setup;
use crate::smtp_server::SmtpServer;
use crate::webhook_endpoint::{Received, WebhookEndpoint};
use crate::webhooks::is_signed;

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
async fn a_new_secret_signs_from_then_on() {
    let app = Setup::default().telling_this_machine().start().await;
    let endpoint = WebhookEndpoint::start().await;
    let key = app.full_key().await;
    let asked = json!({"endpoint": endpoint.url(), "events": ["email.sent"]});
    let made = post(&app, "/webhooks", key.text(), &asked).await.body;
    let path = format!("/webhooks/{}", made["id"].as_str().unwrap());
    let rotate = format!("{path}/signing-secret/rotate");
    let stranger = app.key_of(app.another_project().await).await;
    assert_eq!(post(&app, &rotate, stranger.text(), &json!({})).await.status, 404);
    // Its client for Node sends no body at all.
    let rotated = app.ask(app.request(Method::POST, &rotate).bearer_auth(key.text())).await;
    let secret = rotated.body["signing_secret"].as_str().unwrap();
    assert_eq!((rotated.status, &rotated.body["id"]), (200, &made["id"]));
    assert_ne!(secret, made["signing_secret"]);
    assert_eq!(get(&app, &path, key.text()).await.body["signing_secret"], secret);
    let mail =
        json!({"from": "a@example.com", "to": "ada@example.org", "subject": "hi", "text": "t"});
    assert_eq!(post(&app, "/emails", key.text(), &mail).await.status, 200);
    let told = endpoint.wait_for(1).await;
    assert!(is_signed(&told[0], secret));
    let audit = "SELECT count(*) FROM audit_log WHERE action = 'webhook.secret_rotated'";
    assert_eq!(app.number(audit).await, 1);
    app.stop().await;
}

/// The types and recipients that an endpoint was told, in the order of their types.
async fn told(endpoint: &WebhookEndpoint, count: usize) -> Vec<(String, Value)> {
    let told = endpoint.wait_for(count).await;
    let mut told: Vec<_> =
        told.iter().map(|told| (told.kind(), told.json()["data"]["to"].clone())).collect();
    told.sort_by_key(|(kind, _)| kind.clone());
    told
}

#[tokio::test]
async fn who_is_on_the_list_when_a_mail_is_accepted_is_told_of() {
    let server = SmtpServer::start().await;
    let app = Setup::default().telling_this_machine().delivering_to(&server).start().await;
    let endpoint = WebhookEndpoint::start().await;
    let key = app.full_key().await;
    for email in ["eve@example.org", "fay@example.org"] {
        assert_eq!(
            post(&app, "/suppressions", key.text(), &json!({"email": email})).await.status,
            201
        );
    }
    let asked =
        json!({"endpoint": endpoint.url(), "events": ["email.suppressed", "email.delivered"]});
    assert_eq!(post(&app, "/webhooks", key.text(), &asked).await.status, 201);
    let mail = json!({
        "from": "a@example.com", "to": ["ada@example.org", "eve@example.org", "fay@example.org"], "subject": "hi", "text": "t",
    });
    assert_eq!(post(&app, "/emails", key.text(), &mail).await.status, 200);
    assert_eq!(
        told(&endpoint, 3).await,
        [
            ("email.delivered".to_owned(), json!(["ada@example.org"])),
            ("email.suppressed".to_owned(), json!(["eve@example.org"])),
            ("email.suppressed".to_owned(), json!(["fay@example.org"])),
        ]
    );
    app.stop().await;
}

#[tokio::test]
async fn that_a_mail_is_scheduled_is_told_once_and_only_of_mail_that_will_be_sent() {
    let app = Setup::default().telling_this_machine().start().await;
    let endpoint = WebhookEndpoint::start().await;
    let key = app.full_key().await;
    let asked =
        json!({"endpoint": endpoint.url(), "events": ["email.scheduled", "email.suppressed"]});
    let hook =
        post(&app, "/webhooks", key.text(), &asked).await.body["id"].as_str().unwrap().to_owned();
    assert_eq!(
        post(&app, "/suppressions", key.text(), &json!({"email": "eve@example.org"})).await.status,
        201
    );
    let mail = |to: Value, at: Option<&str>| json!({"from": "a@example.com", "to": to, "subject": "hi", "text": "t", "scheduled_at": at});
    let later = Some("in 1 hour");
    for mail in [
        mail(json!("ada@example.org"), None),
        mail(json!(["ada@example.org", "bob@example.org"]), later),
        mail(json!("eve@example.org"), later),
    ] {
        let sent = post(&app, "/emails", key.text(), &mail).await;
        assert_eq!(sent.status, 200, "{}", sent.body);
    }
    let batch =
        json!([mail(json!("cyd@example.org"), later), mail(json!("dan@example.org"), None)]);
    let sent = post(&app, "/emails/batch", key.text(), &batch).await;
    let id = sent.body["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        told(&endpoint, 3).await,
        [
            ("email.scheduled".to_owned(), json!(["ada@example.org"])),
            ("email.scheduled".to_owned(), json!(["cyd@example.org"])),
            ("email.suppressed".to_owned(), json!(["eve@example.org"])),
        ]
    );
    let moved =
        app.patch(&format!("/emails/{id}"), &key, json!({"scheduled_at": "in 2 hours"})).await;
    assert_eq!(moved.status, 200, "{}", moved.body);

    // A replay tells the same under the same id.
    let last = endpoint.wait_for(3).await;
    let of_mail = |told: &Vec<Received>| {
        let of_mail = told.iter().filter(|told| told.json()["data"]["email_id"] == id.as_str());
        of_mail
            .map(|told| (told.header("svix-id").to_owned(), told.body.clone()))
            .collect::<Vec<_>>()
    };
    let span = json!({"from": (Utc::now() - TimeDelta::hours(1)).to_rfc3339()});
    let path = format!("/v1/webhooks/{hook}/replay");
    let replayed = app.post(&path, &key, span).await;
    assert!(replayed.status < 300, "{}", replayed.body);
    let again = endpoint.wait_for(6).await;
    assert_eq!(of_mail(&again), [of_mail(&last), of_mail(&last)].concat());
    app.stop().await;
}
