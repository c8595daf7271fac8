//! A new user's first hour: from an empty directory to a key that is refused.

use serde_json::json;

use crate::api_client::{Answer, ApiClient, mail_to};
use crate::appearance::look;
use crate::has_browser;
use crate::page::Page;

/// Makes a key with what the dialog proposes, and answers its secret.
async fn generate(page: &Page, name: &str) -> String {
    page.click("button", "Generate key").await;
    page.fill("Name", name).await;
    page.click("button", "Generate").await;
    let key = page.text("output.key").await;
    assert!(key.starts_with("AS_"), "{key}");
    key
}

fn client(page: &Page, key: &str) -> ApiClient {
    ApiClient::new(&page.server.url(""), key)
}

#[tokio::test]
async fn a_key_is_made_used_rotated_and_deleted() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    page.click("link", "API keys").await;
    let first = generate(&page, "Shop").await;
    let command = page.text(".snippet pre").await;
    assert!(
        command.contains(&first) && command.contains(&page.server.url("/v1/mails/send")),
        "{command}"
    );
    page.click("button", "I have kept it").await;
    page.see_no_more(&first).await;
    let old = client(&page, &first);
    let mut mail = mail_to("ada@example.net");
    mail["html"] = json!("<h1>Good morning</h1><script>document.body.append('It ran')</script>");
    let id = old.send(&mail).await.id();

    page.click("link", "Mails").await;
    page.click("link", "For ada@example.net").await;
    page.see("It is in the capture mailbox").await;
    assert!(page.place().await.starts_with(&format!("/dashboard/mails/{id}?project=")));
    let frame = "return document.querySelector('iframe')";
    let frame = page.browser.element("the preview", frame, json!([])).await;
    assert_eq!(page.browser.text_in_frame(&frame).await, "Good morning");

    page.click("link", "API keys").await;
    page.click("link", "Shop").await;
    page.click("button", "Rotate…").await;
    page.click("button", "Rotate").await;
    let second = page.text("output.key").await;
    assert_ne!(second, first);
    page.click("button", "I have kept it").await;
    let new = client(&page, &second);
    new.send(&mail_to("ada@example.net")).await.id();
    old.send(&mail_to("ada@example.net")).await.id();

    page.click("link", "an older key").await;
    page.see("This key was rotated").await;
    page.click("button", "Delete…").await;
    page.fill("Type Shop to confirm", "Shop").await;
    page.click("button", "Delete key").await;
    page.see("is refused for ever").await;
    let refused = old.send(&mail_to("ada@example.net")).await;
    assert!(matches!(refused, Answer::Refused(401, _)), "{refused:?}");
    new.send(&mail_to("ada@example.net")).await.id();

    page.click("button", "Sign out").await;
    page.see_heading("Sign in").await;
    page.open("/keys").await;
    page.see_heading("Sign in").await;
    page.assert_no_complaints(&["401", "sandboxed"]).await;
    page.stop().await;
}

#[tokio::test]
async fn a_mail_that_is_held_is_decided_upon() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let made =
        json!({"name": "Test", "type": "account", "mode": "test", "permissions": "sending_access"});
    let key = page.ask("POST", "/v1/account/api-keys", made).await;
    let project = page.ask("GET", "/v1/auth/me", json!(null)).await["projects"][0]["id"].clone();
    for address in ["ambiguous+one@example.net", "ambiguous+two@example.net"] {
        let mut mail = mail_to(address);
        mail["onAmbiguous"] = json!("hold");
        let send = crate::api_client::plain().post(page.server.url("/v1/mails/send")).json(&mail);
        let send = send.bearer_auth(key["key"].as_str().unwrap());
        let answer = send.header("x-project-id", project.as_str().unwrap()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }

    page.click("link", "Mails").await;
    page.click("link", "For ambiguous+one@example.net").await;
    page.see("waits for your decision").await;
    page.click("button", "Try again…").await;
    page.click("button", "Try again").await;
    // The page looks again by itself.
    page.see("It is in the capture mailbox").await;

    page.click("link", "Mails").await;
    page.click("link", "For ambiguous+two@example.net").await;
    page.see("waits for your decision").await;
    page.click("button", "Cancel…").await;
    page.click("button", "Cancel the mail").await;
    page.see("It was cancelled; nothing more is sent.").await;
    page.assert_no_complaints(&[]).await;
    page.stop().await;
}

#[tokio::test]
async fn a_key_that_is_held_sends_nothing_until_it_is_let_go() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    page.open("/keys?make=1").await;
    page.fill("Name", "Held").await;
    page.click("option", "Test").await;
    page.click("button", "Restrictions and limits").await;
    page.fill("Recipients", "example.net").await;
    page.click("button", "Generate").await;
    let key = page.text("output.key").await;
    page.click("button", "I have kept it").await;
    let client = client(&page, &key);
    client.send(&mail_to("ada@example.net")).await.id();
    let refused = client.send(&mail_to("ada@example.org")).await;
    assert!(matches!(refused, Answer::Refused(403, _)), "{refused:?}");

    page.click("link", "Held").await;
    page.click("button", "Deactivate…").await;
    page.click("button", "Deactivate").await;
    page.see("Inactive").await;
    let refused = client.send(&mail_to("ada@example.net")).await;
    assert!(matches!(refused, Answer::Refused(401, _)), "{refused:?}");
    page.click("button", "Activate").await;
    page.see("Active").await;
    client.send(&mail_to("ada@example.net")).await.id();
    page.stop().await;
}

#[tokio::test]
async fn a_refusal_is_told_beside_its_field() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    page.open("/keys?make=1").await;
    page.fill("Name", "Shop").await;
    page.click("button", "Restrictions and limits").await;
    page.fill("From domains", "not a domain!").await;
    page.click("button", "Generate").await;
    let script = "const field = document.querySelector('textarea[name=domains][aria-invalid=true]');
        return field && document.activeElement === field
            && document.getElementById(field.getAttribute('aria-describedby').split(' ').at(-1)).innerText";
    let said = page.browser.wait("the word beside the field", script, json!([])).await;
    assert!(said.as_str().unwrap().len() > 10, "{said}");
    page.stop().await;
}

#[tokio::test]
async fn a_mail_that_is_scheduled_is_moved_and_then_sent_at_once() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let made = json!({"name": "Shop", "type": "project", "projectId": page.project().await, "mode": "test"});
    let key = page.ask("POST", "/v1/account/api-keys", made).await;
    let client = client(&page, key["key"].as_str().unwrap());
    let mut mail = mail_to("ada@example.net");
    let later = chrono::Utc::now() + chrono::TimeDelta::days(2);
    mail["scheduledAt"] = json!(later.to_rfc3339_opts(chrono::SecondsFormat::Millis, true));
    let id = client.send(&mail).await.id();

    page.open("/mails").await;
    page.see("to be sent").await;
    page.open(&format!("/mails/{id}")).await;
    page.see("its first attempt comes").await;
    page.see("Attempt 1").await;
    look(&page, "mail-scheduled").await;
    page.click("button", "Move…").await;
    let field = "const field = document.querySelector('input[name=scheduledAt]');
        field.value = arguments[0]; field.dispatchEvent(new Event('input', {bubbles: true}));";
    let sooner = (later - chrono::TimeDelta::days(1)).format("%Y-%m-%dT%H:%M").to_string();
    page.browser.run(field, json!([sooner])).await;
    page.click("button", "Move").await;
    page.see("It has another time now.").await;
    let moved = page.ask_in_project("GET", &format!("/v1/mails/{id}"), json!(null)).await;
    assert!(moved["scheduledAt"].as_str().unwrap() < mail["scheduledAt"].as_str().unwrap());
    page.click("button", "Send now…").await;
    page.click("button", "Send now").await;
    page.see("It is in the capture mailbox").await;
    page.see("Put into the capture mailbox").await;
    page.assert_no_complaints(&["sandboxed"]).await;
    page.stop().await;
}
