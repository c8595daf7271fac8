//! The page on which recipients choose what they get: for everybody, on whatever they read their mail with.

use serde_json::{Value, json};

use crate::api_client::{ApiClient, plain};
use crate::appearance::look_at;
use crate::has_browser;
use crate::page::Page;
use crate::webdriver::PATIENCE;

/// A desk, and the narrowest window in which WCAG 2.2 (1.4.10, reflow) wants a page to work.
const SIZES: &[(u32, u32)] = &[(1280, 860), (320, 640)];

/// Sends a mail of one kind of several; the link in it.
async fn link_in_a_mail(page: &Page) -> String {
    let mut groups = Vec::new();
    for (name, description) in [
        ("Product news", "What is new, once a month"),
        ("Tips and tricks for people with a very long name for their kinds of mail", ""),
        (
            "Receipts",
            "One for each order, with Donaudampfschifffahrtsgesellschaftskapitänsmützen in them",
        ),
    ] {
        let group = json!({"name": name, "description": description});
        groups.push(page.ask_in_project("POST", "/v1/suppression-groups", group).await);
    }
    let project = page.project().await;
    let named = json!({"name": "Shop", "type": "project", "projectId": project, "permissions": "full_access"});
    let key = page.ask("POST", "/v1/account/api-keys", named).await;
    let key = key["key"].as_str().unwrap();
    let mail = json!({
        "from": {"email": "shop@example.com"},
        "to": {"email": "a.person.with.quite.a.long.address.indeed@mail.department.example.org"},
        "subject": "News", "text": "News", "unsubscribeGroupId": groups[0]["groupId"],
    });
    let id = ApiClient::new(&page.server.url(""), key).send(&mail).await.id();
    page.open(&format!("/mailbox/{id}")).await;
    page.see("It is in the capture mailbox").await;
    let captured = page.server.url(&format!("/v1/mails/{id}/captured/0"));
    let message =
        plain().get(captured).bearer_auth(key).send().await.unwrap().text().await.unwrap();
    let (_, rest) = message.split_once("List-Unsubscribe: <").unwrap();
    rest.split_once('>').unwrap().0.to_owned()
}

#[tokio::test]
async fn a_timeline_says_which_link_was_followed() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let project = page.project().await;
    let named = json!({"name": "Shop", "type": "project", "projectId": project, "permissions": "full_access"});
    let key = page.ask("POST", "/v1/account/api-keys", named).await;
    let key = key["key"].as_str().unwrap();
    let target = page.server.url("/healthz?order=1");
    let mail = json!({
        "from": {"email": "shop@example.com"}, "to": {"email": "ada@example.org"}, "subject": "News",
        "html": format!("<a href=\"{target}\">Order</a>"), "trackingClick": true,
    });
    let id = ApiClient::new(&page.server.url(""), key).send(&mail).await.id();
    page.open(&format!("/mailbox/{id}")).await;
    page.see("It is in the capture mailbox").await;
    let captured = page.server.url(&format!("/v1/mails/{id}/captured/0"));
    let message = plain().get(captured).bearer_auth(key).send().await.unwrap();
    let message = message.bytes().await.unwrap();
    let message = mail_parser::MessageParser::default().parse(&message).unwrap();
    let html = message.body_html(0).unwrap().into_owned();
    let link = html.split('"').nth(1).unwrap();

    // Whoever follows a link within a second is no reader, so it is followed until somebody is.
    let followed = "return [...document.querySelectorAll('.timeline li')].some((one) =>
        one.innerText.includes('Clicked') && one.innerText.includes(arguments[0]))";
    let begun = std::time::Instant::now();
    while page.browser.run(followed, json!([target])).await != json!(true) {
        assert!(begun.elapsed() < PATIENCE, "no click is told");
        let reader = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0";
        plain().get(link).header("user-agent", reader).send().await.unwrap();
        page.open(&format!("/mailbox/{id}")).await;
        page.settled().await;
    }
    page.stop().await;
}

#[tokio::test]
async fn recipients_choose_what_they_get_on_a_page_for_everybody() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let link = link_in_a_mail(&page).await;
    page.browser.open(&link).await;
    page.see("You get “Product news”.").await;
    look_at(&page, "preferences", SIZES).await;

    page.click("button", "Unsubscribe").await;
    page.see("You are unsubscribed.").await;
    look_at(&page, "preferences-unsubscribed", SIZES).await;
    page.click("button", "Subscribe again").await;
    page.see("You get this mail again.").await;

    // With the keyboard alone: from the first kind to the button below the last.
    page.browser.run("document.querySelector('input[type=checkbox]').focus()", json!([])).await;
    page.browser.press(&[" "]).await;
    let chosen =
        "return [...document.querySelectorAll('input[type=checkbox]')].map((one) => one.checked)";
    assert_eq!(page.browser.run(chosen, json!([])).await, json!([false, true, true]));
    page.click("button", "Save your choice").await;
    page.see("Your choice is saved.").await;
    assert_eq!(page.browser.run(chosen, json!([])).await, json!([false, true, true]));

    page.click("button", "Unsubscribe from everything").await;
    page.see("You get no more mail from this sender.").await;
    look_at(&page, "preferences-nothing", SIZES).await;
    page.click("button", "Get mail again").await;
    page.see("You get this mail again.").await;

    page.browser.open(&link[..link.len() - 9]).await;
    page.see("This link is not complete").await;
    look_at(&page, "preferences-no-link", SIZES).await;
    page.assert_no_complaints(&["404"]).await;
    assert_eq!(page.browser.run("return window.caught ?? null", json!([])).await, Value::Null);
    page.stop().await;
}
