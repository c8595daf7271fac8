//! Webhooks: managing them, what they are told, and what bad ones cost.

mod dispatching;
mod hostile;
mod managing;
mod names;
mod replaying;
mod telling;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::app::{Setup, TestApp, TestKey};
use crate::webhook_endpoint::{Received, WebhookEndpoint};

/// A node that may tell receivers on this machine.
async fn app() -> TestApp {
    Setup::default().telling_this_machine().start().await
}

/// A webhook with its secret.
struct TestWebhook {
    id: String,
    secret: String,
}

impl TestWebhook {
    fn path(&self, rest: &str) -> String {
        format!("/v1/webhooks/{}{rest}", self.id)
    }
}

async fn webhook(
    app: &TestApp,
    key: &TestKey,
    endpoint: &WebhookEndpoint,
    events: &[&str],
) -> TestWebhook {
    webhook_at(app, key, &endpoint.url(), events).await
}

async fn webhook_at(app: &TestApp, key: &TestKey, url: &str, events: &[&str]) -> TestWebhook {
    let reply = app.post("/v1/webhooks", key, json!({"url": url, "events": events})).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let made = &reply.body["data"]["webhook"];
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    TestWebhook { id: text("id"), secret: text("secret") }
}

/// The log of a webhook, newest first.
async fn log(app: &TestApp, key: &TestKey, webhook: &TestWebhook) -> Vec<Value> {
    let reply = app.get(&webhook.path("/logs?limit=100"), key).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["data"]["logs"].as_array().unwrap().clone()
}

/// Waits until the newest entry of the log is as it should be.
async fn entry_when(
    app: &TestApp,
    key: &TestKey,
    webhook: &TestWebhook,
    is_so: impl Fn(&Value) -> bool,
) -> Value {
    let look =
        async || log(app, key, webhook).await.into_iter().next().filter(|entry| is_so(entry));
    match crate::app::eventually(look).await {
        Some(entry) => entry,
        None => panic!("waited in vain: {:#?}", log(app, key, webhook).await),
    }
}

/// Lets what waits be due.
async fn hasten(app: &TestApp) {
    app.sql(
        "UPDATE webhooks SET rests_until = NULL;
         UPDATE webhook_deliveries SET due_at = now() WHERE due_at IS NOT NULL AND lease_token IS NULL",
    )
    .await;
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// Checks both signatures of a request.
pub fn is_signed(received: &Received, secret: &str) -> bool {
    use std::fmt::Write;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    let upstream = received.header("x-webhook-signature").to_owned();
    let expected =
        hmac(secret.as_bytes(), &received.body).iter().fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        });
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let (id, at) = (received.header("webhook-id"), received.header("webhook-timestamp"));
    let signed = [id.as_bytes(), b".", at.as_bytes(), b".", &received.body].concat();
    let standard = format!("v1,{}", STANDARD.encode(hmac(&key, &signed)));
    upstream == expected && received.header("webhook-signature") == standard
}
