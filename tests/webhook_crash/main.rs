//! The server is killed after a webhook was told and before that was recorded: it is told once more, and can know.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/api_client.rs"]
mod api_client;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/server_process.rs"]
mod server_process;
#[path = "../support/webhook_endpoint.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod webhook_endpoint;

use api_client::{ApiClient, mail_to, plain};
use serde_json::{Value, json};
use server_process::Server;
use webhook_endpoint::{Behavior, WebhookEndpoint};

#[tokio::test]
async fn what_was_told_and_not_recorded_is_told_again_under_the_same_id() {
    let mut server = Server::new().with("OUTBOUND_ALLOW", "127.0.0.1").with("LEASE_SECONDS", "2");
    server.start().await;
    let key = server.create_key(&[]).await;
    let endpoint = WebhookEndpoint::behaving(Behavior::Hang).await;
    let hook = json!({"url": endpoint.url(), "events": ["email.bounced"]});
    let made = plain().post(server.url("/v1/webhooks")).bearer_auth(&key).json(&hook);
    let made: Value = made.send().await.unwrap().json().await.unwrap();
    let id = made["data"]["webhook"]["id"].as_str().unwrap();
    let client = ApiClient::new(&server.url(""), &key);
    client.send(&mail_to("bounced@example.com")).await.id();

    // The request has arrived, and its answer never will.
    endpoint.wait_for(1).await;
    server.kill();
    endpoint.behave(Behavior::Answer(200, String::new()));
    server.start().await;

    let told = endpoint.wait_for(2).await;
    for header in ["webhook-id", "x-webhook-delivery-id", "x-webhook-signature"] {
        assert!(!told[0].header(header).is_empty());
        assert_eq!(told[0].header(header), told[1].header(header), "{header}");
    }
    assert_eq!(told[0].body, told[1].body);
    let recorded = async {
        loop {
            let log = client.get(&format!("/v1/webhooks/{id}/logs")).await;
            if log["logs"][0]["success"] == true {
                break log["logs"].clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let log = tokio::time::timeout(std::time::Duration::from_mins(1), recorded).await.unwrap();
    assert_eq!(log.as_array().unwrap().len(), 1);
    assert_eq!(log[0]["attempts"], 2);
    server.terminate();
    assert!(server.ended().await.success());
}
