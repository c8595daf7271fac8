//! The way back, and what must outlive it: secrets that are shown once, and whose things are shown.

use serde_json::{Value, json};

use crate::api_client::{ApiClient, mail_to};
use crate::has_browser;
use crate::page::Page;

/// Whether leaving the page altogether is asked about first.
const IS_ASKED: &str = "const leaving = new Event('beforeunload', {cancelable: true}); dispatchEvent(leaving); return leaving.defaultPrevented";

#[tokio::test]
async fn the_way_back_takes_no_secret_away_that_is_shown_once() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    page.click("link", "Team").await;
    page.see_heading("Team").await;
    page.click("link", "API keys").await;
    page.click("button", "Generate key").await;
    page.fill("Name", "Shop").await;
    page.click("button", "Generate").await;
    let key = page.text("output.key").await;
    for _ in 0..2 {
        page.browser.back().await;
        assert_eq!(page.text("output.key").await, key);
        assert_eq!(page.place().await, "/dashboard/keys?make=1");
    }
    assert_eq!(page.browser.run(IS_ASKED, json!([])).await, json!(true));
    page.click("button", "I have kept it").await;
    page.see_no_more(&key).await;
    assert_eq!(page.browser.run(IS_ASKED, json!([])).await, json!(false));
    page.browser.back().await;
    page.see_heading("Team").await;

    page.click("button", "Invite").await;
    page.fill("Email", "grace@example.org").await;
    page.click("button", "Invite").await;
    page.see_heading("Invited").await;
    let link = page.text("dialog .copyable code").await;
    page.browser.back().await;
    page.browser.press(&["\u{e00c}"]).await;
    assert_eq!(page.text("dialog .copyable code").await, link);
    page.click("button", "Done").await;
    page.browser.back().await;
    page.see_heading("Overview").await;
    page.stop().await;
}

/// The name of the project that the page says it shows.
const CHOSEN: &str =
    "return document.querySelector('.switcher select').selectedOptions[0].innerText";

#[tokio::test]
async fn the_address_says_whose_things_are_shown() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let project = page.project().await;
    let key = json!({"name": "Shop", "type": "project", "projectId": project, "mode": "test"});
    let key = page.ask("POST", "/v1/account/api-keys", key).await;
    let client = ApiClient::new(&page.server.url(""), key["key"].as_str().unwrap());
    let mail = client.send(&mail_to("ada@example.net")).await.id();
    let other = page.ask("POST", "/v1/account/projects", json!({"name": "Other"})).await;
    let other = other["id"].as_str().unwrap().to_owned();
    page.open(&format!("/mails/{mail}?project={project}")).await;
    page.see_heading("For ada@example.net").await;
    let chosen = page.browser.run(CHOSEN, Value::Array(Vec::new())).await;
    let choose = "const all = document.querySelector('.switcher select');
        all.value = arguments[0]; all.dispatchEvent(new Event('change', {bubbles: true}))";
    page.browser.run(choose, json!([other])).await;
    page.see_heading("No mails yet").await;

    page.browser.back().await;
    page.see_heading("For ada@example.net").await;
    assert_eq!(page.browser.run(CHOSEN, json!([])).await, chosen);
    // A link from elsewhere chooses for what comes after it, too.
    page.open(&format!("/mails?project={other}")).await;
    page.see_heading("No mails yet").await;
    page.open("/settings").await;
    page.see_heading("Settings").await;
    assert_eq!(page.browser.run(CHOSEN, json!([])).await, json!("Other"));
    // The key's mails are where the key is.
    page.open(&format!("/keys/{}", key["id"].as_str().unwrap())).await;
    page.click("link", "Sent with this key").await;
    page.click("link", "For ada@example.net").await;
    page.see_heading("For ada@example.net").await;
    assert_eq!(page.browser.run(CHOSEN, json!([])).await, chosen);
    page.stop().await;
}

#[tokio::test]
async fn the_way_back_leads_to_the_same_place_of_the_list() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let key = json!({"name": "Shop", "type": "account", "mode": "test", "rateLimit": {"perSecond": 1000, "perMinute": 1000}});
    let key = page.ask("POST", "/v1/account/api-keys", key).await;
    let recipients: Vec<Value> =
        (0..60).map(|number| json!({"email": format!("reader{number}@example.net")})).collect();
    let bulk = json!({"from": {"email": "shop@example.com"}, "subject": "News", "text": "Hi", "recipients": recipients});
    let send = crate::api_client::plain().post(page.server.url("/v1/mails/bulk")).json(&bulk);
    let send = send.bearer_auth(key["key"].as_str().unwrap());
    let answer = send.header("x-project-id", page.project().await).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());

    let rows = "return document.querySelectorAll('tbody tr').length === arguments[0]";
    page.click("link", "Mails").await;
    page.browser.wait("the first rows", rows, json!([25])).await;
    page.click("button", "Show more").await;
    page.browser.wait("more rows", rows, json!([50])).await;
    let open = "const link = document.querySelectorAll('td.main a.strong')[45];
        link.scrollIntoView(); const at = scrollY; link.click(); return at";
    let place = page.browser.run(open, json!([])).await;
    page.see("Deliveries").await;
    page.browser.back().await;
    page.browser.wait("the same rows", rows, json!([50])).await;
    let there = "return Math.abs(scrollY - arguments[0]) < 2";
    page.browser.wait("the same place", there, json!([place])).await;
    page.stop().await;
}
