//! Receivers that hang, fail, lie or never end cost nobody else anything.

use serde_json::json;

use super::{app, entry_when, hasten, log, webhook, webhook_at};
use crate::app::{Setup, TestApp, eventually};
use crate::letter;
use crate::webhook_endpoint::{Behavior, WebhookEndpoint};

const SENT: &[&str] = &["email.sent"];

#[tokio::test]
async fn endpoints_that_hang_keep_nobody_else_waiting() {
    let (app, good) = (app().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    let bad = WebhookEndpoint::behaving(Behavior::Hang).await;
    for number in 0..40 {
        webhook_at(&app, &key, &format!("{}/{number}", bad.url()), SENT).await;
    }
    // In another project, because a project may well be in its own way.
    let other = app.key_of(app.another_project().await).await;
    let hook = webhook(&app, &other, &good, SENT).await;
    for _ in 0..5 {
        app.accepted(&key, letter()).await;
    }
    bad.wait_for(40).await;
    // All of them have been asked once, and none twice: nothing good is known of them.
    assert_eq!(bad.received().len(), 40);
    for _ in 0..5 {
        app.accepted(&other, letter()).await;
    }
    good.wait_for(5).await;
    assert_eq!(bad.received().len(), 40);
    entry_when(&app, &other, &hook, |entry| entry["success"] == true).await;
    app.stop().await;
}

#[tokio::test]
async fn endpoints_that_fail_in_every_way_keep_nobody_else_waiting() {
    let (app, good) = (app().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    let mut bad = Vec::new();
    for behavior in [
        Behavior::Hang,
        Behavior::Answer(500, "no".into()),
        Behavior::Redirect(good.url()),
        Behavior::Drop,
        Behavior::Babble,
        Behavior::EndlessHead,
        Behavior::EndlessBody,
    ] {
        let endpoint = WebhookEndpoint::behaving(behavior).await;
        webhook(&app, &key, &endpoint, SENT).await;
        bad.push(endpoint);
    }
    let private = webhook_at(&app, &key, "https://example.com/", SENT).await;
    // As if OUTBOUND_ALLOW had been wider when it was made.
    let moved = "UPDATE webhooks SET url = 'http://127.0.0.2:1/' WHERE url LIKE 'https://example%'";
    app.sql(moved).await;
    // Beside them in their own project, and in another.
    let other = app.key_of(app.another_project().await).await;
    let beside = webhook(&app, &key, &good, SENT).await;
    let hook = webhook(&app, &other, &good, SENT).await;
    for _ in 0..20 {
        app.accepted(&key, letter()).await;
    }
    for endpoint in &bad {
        endpoint.wait_for(1).await;
    }
    for _ in 0..5 {
        app.accepted(&other, letter()).await;
    }
    good.wait_for(25).await;
    for (key, hook, told) in [(&key, &beside, 20), (&other, &hook, 5)] {
        let all = async || {
            let log = log(&app, key, hook).await;
            let is_told = log.iter().filter(|entry| entry["success"] == true).count() == told;
            is_told.then_some(())
        };
        eventually(all).await.expect("all of it is told and written down");
    }
    assert_eq!(good.received().len(), 25, "nothing more, although somebody is sent there");
    assert!(log(&app, &key, &private).await.iter().all(|entry| entry["success"] == false));
    app.stop().await;
}

#[tokio::test]
async fn a_hanging_endpoint_is_given_up_after_ten_seconds_and_tried_again() {
    let (app, endpoint) = (app().await, WebhookEndpoint::behaving(Behavior::Hang).await);
    let key = app.full_key().await;
    let hook = webhook(&app, &key, &endpoint, SENT).await;
    app.accepted(&key, letter()).await;
    let failed = entry_when(&app, &key, &hook, |entry| entry["error"].is_string()).await;
    assert_eq!(failed["error"], "there was no answer within 10 seconds");
    assert_eq!((&failed["status"], &failed["statusCode"]), (&json!("pending"), &json!(null)));
    assert!(failed["duration"].as_i64().unwrap() >= 10_000);

    endpoint.behave(Behavior::Answer(204, String::new()));
    hasten(&app).await;
    let done = entry_when(&app, &key, &hook, |entry| entry["success"] == true).await;
    assert_eq!((&done["attempts"], &done["error"]), (&json!(2), &json!(null)));
    let received = endpoint.received();
    for header in ["webhook-id", "x-webhook-delivery-id", "x-webhook-signature"] {
        assert_eq!(received[0].header(header), received[1].header(header), "{header}");
    }
    assert_eq!(received[0].body, received[1].body);
    app.stop().await;
}

/// What the log says of one attempt at an endpoint that behaves so.
async fn attempt(app: &TestApp, behavior: Behavior) -> serde_json::Value {
    let key = app.full_key().await;
    let endpoint = WebhookEndpoint::behaving(behavior).await;
    let hook = webhook(app, &key, &endpoint, SENT).await;
    let data = json!({"event": "email.sent", "data": {"a": 1}});
    assert_eq!(app.post(&hook.path("/resend"), &key, data).await.status, 200);
    entry_when(app, &key, &hook, |entry| entry["duration"].is_i64()).await
}

#[tokio::test]
async fn what_is_no_yes_is_tried_again() {
    let app = app().await;
    for status in [500, 503, 404, 400, 429] {
        let entry = attempt(&app, Behavior::Answer(status, "no".into())).await;
        assert_eq!((&entry["status"], &entry["statusCode"]), (&json!("pending"), &json!(status)));
        assert_eq!(entry["response"], "no");
        assert!(entry["nextAttemptAt"].is_string());
    }
    for behavior in [Behavior::Drop, Behavior::Babble, Behavior::EndlessHead] {
        let entry = attempt(&app, behavior.clone()).await;
        assert_eq!((&entry["status"], &entry["statusCode"]), (&json!("pending"), &json!(null)));
        assert!(entry["error"].as_str().unwrap().contains("did not speak HTTP"), "{behavior:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_and_its_status_counts() {
    let app = app().await;
    let entry = attempt(&app, Behavior::EndlessBody).await;
    assert_eq!((&entry["status"], &entry["statusCode"]), (&json!("delivered"), &json!(200)));
    assert_eq!(entry["response"].as_str().unwrap().len(), 1024);
    let long = attempt(&app, Behavior::Answer(500, "\u{e4}".repeat(100_000))).await;
    assert!(long["response"].as_str().unwrap().len() <= 1030);
    app.stop().await;
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let app = app().await;
    let goal = WebhookEndpoint::start().await;
    for to in [goal.url(), "http://169.254.169.254/latest/meta-data/".to_owned()] {
        let entry = attempt(&app, Behavior::Redirect(to)).await;
        assert_eq!((&entry["status"], &entry["statusCode"]), (&json!("pending"), &json!(302)));
        assert!(entry["error"].as_str().unwrap().contains("redirects are not followed"));
    }
    assert!(goal.received().is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_name_that_means_this_machine_is_not_connected_to_unless_it_was_opened() {
    let endpoint = WebhookEndpoint::start().await;
    let url = format!("http://localhost:{}/", endpoint.address.port());
    let closed = TestApp::start().await;
    let key = closed.full_key().await;
    let hook = webhook_at(&closed, &key, &url, SENT).await;
    closed.accepted(&key, letter()).await;
    let entry = entry_when(&closed, &key, &hook, |entry| entry["error"].is_string()).await;
    let said = entry["error"].as_str().unwrap();
    assert!(said.contains("private or reserved address") && said.contains("OUTBOUND_ALLOW"));
    // What the name means is not told to whoever asks.
    assert!(!said.contains("127.0.0.1") && !said.contains("::1"));
    assert!(endpoint.received().is_empty());
    closed.stop().await;

    let open = Setup::default()
        .with(|settings| settings.outbound_allow = Some("127.0.0.0/8".into()))
        .start()
        .await;
    let key = open.full_key().await;
    webhook_at(&open, &key, &url, SENT).await;
    open.accepted(&key, letter()).await;
    let told = endpoint.wait_for(1).await.remove(0);
    assert_eq!(told.header("host"), format!("localhost:{}", endpoint.address.port()));
    open.stop().await;
}

#[tokio::test]
async fn a_webhook_that_was_stored_with_a_private_address_is_not_told() {
    let endpoint = WebhookEndpoint::start().await;
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let hook = webhook_at(&app, &key, "https://example.com/", SENT).await;
    // As if OUTBOUND_ALLOW had been wider when it was made.
    app.sql(&format!("UPDATE webhooks SET url = '{}'", endpoint.url())).await;
    app.accepted(&key, letter()).await;
    let entry = entry_when(&app, &key, &hook, |entry| entry["error"].is_string()).await;
    assert!(entry["error"].as_str().unwrap().contains("private or reserved"));
    assert!(endpoint.received().is_empty());
    assert_eq!(log(&app, &key, &hook).await.len(), 1);
    app.stop().await;
}
