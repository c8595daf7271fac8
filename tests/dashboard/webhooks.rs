//! A webhook that is made, tried, ignored by its receiver, told again and switched off.

use serde_json::json;

use crate::api_client::{ApiClient, mail_to};
use crate::appearance::look;
use crate::has_browser;
use crate::page::Page;
use crate::server_process::Server;
use crate::webhook_endpoint::{Behavior, WebhookEndpoint};

async fn client(page: &Page) -> ApiClient {
    let key = json!({"name": "Shop", "type": "project", "projectId": page.project().await, "mode": "test"});
    let key = page.ask("POST", "/v1/account/api-keys", key).await;
    ApiClient::new(&page.server.url(""), key["key"].as_str().unwrap())
}

#[tokio::test]
async fn a_webhook_is_made_tried_told_again_and_deleted() {
    if !has_browser() {
        return;
    }
    let endpoint = WebhookEndpoint::start().await;
    let page = Page::signed_in_on(Server::new().with("OUTBOUND_ALLOW", "127.0.0.1")).await;
    let client = client(&page).await;
    page.click("link", "Webhooks").await;
    page.click("button", "New webhook").await;
    page.fill("URL", &endpoint.url()).await;
    page.click("button", "Make webhook").await;
    page.see_heading("Your new webhook").await;
    let secret = page.text("dialog .copyable code").await;
    assert!(secret.starts_with("whsec_"), "{secret}");
    page.click("button", "Go to the webhook").await;
    page.see("It was told nothing yet.").await;
    assert!(!page.text("main").await.contains(&secret));
    page.click("button", "Show secret").await;
    page.see(&secret).await;

    page.click("button", "Try…").await;
    page.fill("Data", "{no JSON").await;
    page.click("button", "Tell it").await;
    page.see("Is no JSON: ").await;
    page.fill("Data", r#"{"emailId": "one that never was"}"#).await;
    page.click("button", "Tell it").await;
    page.see("Taken").await;
    let told = endpoint.wait_for(1).await;
    assert_eq!(told[0].json()["data"]["emailId"], json!("one that never was"));

    endpoint.behave(Behavior::Answer(500, "<b>not now</b>".into()));
    client.send(&mail_to("ada@example.net")).await.id();
    page.browser.run("location.reload()", json!([])).await;
    page.see("Tried again").await;
    page.see("The endpoint answered 500.").await;
    page.see("failed one after the other").await;
    page.click("button", "What it said").await;
    page.see("<b>not now</b>").await;
    look(&page, "webhook-failing").await;

    endpoint.behave(Behavior::Answer(200, String::new()));
    let before = endpoint.received().len();
    page.click("button", "More actions").await;
    page.click("button", "Tell a span of time again…").await;
    look(&page, "dialog-replay").await;
    page.click("button", "Tell again").await;
    page.see("1 event is told again.").await;
    endpoint.wait_for(before + 1).await;

    page.click("button", "Change…").await;
    page.click("button", "Save").await;
    page.see("The webhook is changed.").await;
    page.click("button", "More actions").await;
    page.click("button", "Switch off…").await;
    page.click("button", "Switch off").await;
    page.see("It is switched off and told nothing.").await;
    page.click("link", "Webhooks").await;
    page.see("Switched off").await;
    look(&page, "webhooks").await;
    page.click("link", &endpoint.url()).await;
    page.click("button", "Switch on").await;
    page.see("Active").await;
    page.click("button", "Delete…").await;
    let host = endpoint.address.to_string();
    page.fill(&format!("Type {host} to confirm"), &host).await;
    page.click("button", "Delete webhook").await;
    page.see_heading("No webhooks yet").await;
    page.assert_no_complaints(&[]).await;
    page.stop().await;
}

#[tokio::test]
async fn a_webhook_that_was_switched_off_by_the_server_says_why() {
    if !has_browser() {
        return;
    }
    let endpoint = WebhookEndpoint::behaving(Behavior::Answer(410, "gone".into())).await;
    let page = Page::signed_in_on(Server::new().with("OUTBOUND_ALLOW", "127.0.0.1")).await;
    let client = client(&page).await;
    let wanted = json!({"url": endpoint.url(), "events": ["email.delivered"]});
    let made = page.ask_in_project("POST", "/v1/webhooks", wanted).await;
    let mail = client.send(&mail_to("ada@example.net")).await.id();
    endpoint.wait_for(1).await;
    page.open(&format!("/webhooks/{}", made["webhook"]["id"].as_str().unwrap())).await;
    page.see("Given up").await;
    page.browser.run("location.reload()", json!([])).await;
    page.see("The server switched it off.").await;
    page.see("410").await;
    look(&page, "webhook-disabled").await;
    page.open(&format!("/mails/{mail}")).await;
    page.see_heading("Webhooks told").await;
    page.see(&endpoint.url()).await;
    look(&page, "mail-told").await;
    page.stop().await;
}
