//! Getting in, being sent away, and coming back.

use chrono::Utc;
use posthaste::domain::totp::{TotpSecret, step_at};
use serde_json::json;

use crate::appearance::look;
use crate::has_browser;
use crate::page::{OWNER, PASSWORD, Page};

#[tokio::test]
async fn the_first_owner_gets_in_by_a_link_that_leaves_no_trace() {
    if !has_browser() {
        return;
    }
    let page = Page::start().await;
    let link = page.set_up_link();
    page.browser.open(&link).await;
    page.see_heading("Set up Posthaste").await;
    assert_eq!(page.place().await, "/dashboard/welcome");
    page.set_up().await;
    assert_eq!(page.place().await, "/dashboard");
    let secret = link.split_once('#').unwrap().1;
    let kept = "return JSON.stringify([history.state, {...localStorage}, {...sessionStorage}, location.href])";
    let kept = page.browser.run(kept, json!([])).await;
    assert!(!kept.as_str().unwrap().contains(secret), "{kept}");

    page.click("button", "Sign out").await;
    page.see_heading("Sign in").await;
    page.browser.open(&link).await;
    page.see_heading("This link does not work").await;
    page.assert_no_complaints(&["401", "404", "400"]).await;
    page.stop().await;
}

#[tokio::test]
async fn whoever_is_sent_to_sign_in_comes_back_to_the_same_page() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    page.open("/audit?action=user.joined").await;
    page.see("Person joined").await;
    // Ended elsewhere, as a change of the password would.
    page.browser.tools("Network.clearBrowserCookies", json!({})).await;
    page.click("link", "Team").await;
    page.see_heading("Sign in").await;

    page.fill("Email", OWNER).await;
    page.fill("Password", "not the password").await;
    page.click("button", "Sign in").await;
    page.see("Request ").await;
    page.fill("Password", PASSWORD).await;
    page.click("button", "Sign in").await;
    page.see_heading("Team").await;
    assert_eq!(page.place().await, "/dashboard/team");
    page.stop().await;
}

/// The secret that a person would type into an authenticator app.
fn typed(base32: &str) -> TotpSecret {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits = base32.chars().flat_map(|c| {
        let value = alphabet.find(c).unwrap();
        (0..5).rev().map(move |bit| u8::from(value >> bit & 1 == 1))
    });
    let mut byte = || bits.by_ref().take(8).fold(0, |byte, bit| byte << 1 | bit);
    let bytes: Vec<u8> = (0..20).map(|_| byte()).collect();
    TotpSecret::from_bytes(&bytes).unwrap()
}

#[tokio::test]
async fn a_second_step_asks_for_a_code_or_one_of_those_that_were_kept() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    page.open("/settings").await;
    page.click("button", "Turn on…").await;
    page.fill("Your password", PASSWORD).await;
    page.click("button", "Continue").await;
    page.see("scan the picture").await;
    let secret = typed(&page.text("dialog[open] code").await);
    page.fill("Code that the app shows", "12 34").await;
    page.click("button", "Turn on").await;
    page.see("Is not the code").await;
    let step = step_at(Utc::now());
    page.fill("Code that the app shows", &secret.code(step)).await;
    page.click("button", "Turn on").await;
    let kept = page.text("pre.codes").await;
    look(&page, "dialog-recovery-codes").await;
    page.click("button", "I have kept them").await;
    page.see("Turn off…").await;

    // The code that was used is good no more, and an app is as well a little ahead.
    let (ahead, first_kept) = (secret.code(step + 1), kept.lines().next().unwrap());
    for (wrong, right) in [(secret.code(step), ahead.as_str()), ("000 000".into(), first_kept)] {
        page.click("button", "Sign out").await;
        page.see_heading("Sign in").await;
        page.fill("Email", OWNER).await;
        page.fill("Password", PASSWORD).await;
        page.click("button", "Sign in").await;
        page.see_heading("Enter your code").await;
        let focused = "return document.activeElement.labels?.[0]?.innerText.trim() === 'Code'";
        page.browser.wait("the focus in the field", focused, json!([])).await;
        page.fill("Code", &wrong).await;
        page.click("button", "Continue").await;
        page.see("The code is not right").await;
        look(&page, "sign-in-code").await;
        page.fill("Code", right).await;
        page.click("button", "Continue").await;
        page.see_heading("Overview").await;
    }
    page.stop().await;
}

#[tokio::test]
async fn sign_in_leads_to_pages_of_ours_only() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let elsewhere = [
        "https://example.com/dashboard",
        "//example.com/dashboard",
        "/\\example.com/dashboard",
        "\\\\example.com",
        "javascript:document.title='caught'",
        "data:text/html,x",
        "/dashboardx",
        "/v1/mails",
        "/dashboard/../v1/mails",
        "https:example.com",
    ];
    for target in elsewhere {
        page.browser.tools("Network.clearBrowserCookies", json!({})).await;
        let query: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
        page.open(&format!("/sign-in?next={query}")).await;
        page.fill("Email", OWNER).await;
        page.fill("Password", PASSWORD).await;
        page.click("button", "Sign in").await;
        page.see_heading("Overview").await;
        assert_eq!(page.place().await, "/dashboard", "{target}");
    }
    page.stop().await;
}

#[tokio::test]
async fn a_viewer_is_offered_nothing_that_would_be_refused() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let invitation = json!({"email": "vera@example.org", "role": "viewer"});
    let invited = page.ask("POST", "/v1/account/invitations", invitation).await;
    page.click("button", "Sign out").await;
    page.see_heading("Sign in").await;
    page.browser.open(invited["link"].as_str().unwrap()).await;
    page.see("as viewer").await;
    page.fill("Name", "Vera").await;
    page.fill("Password", "nine loud geese flying").await;
    page.click("button", "Join").await;
    page.see_heading("Overview").await;

    let writes = "return [...document.querySelectorAll('main button, main a.button')].map((one) => one.innerText.trim())
        .filter((words) => /key$|project$|domain$|sender$|webhook$|template$|contact$|list$|group$|^Suppress|^Invite|Delete|Rotate|Take back/i.test(words))";
    for (path, heading) in [
        ("/keys", "API keys"),
        ("/projects", "Projects"),
        ("/team", "Team"),
        ("/domains", "Domains"),
        ("/webhooks", "Webhooks"),
        ("/templates", "Templates"),
        ("/contacts", "Contacts"),
        ("/contacts?view=lists", "Contacts"),
        ("/suppressions", "Suppressions"),
        ("/suppressions?view=groups", "Suppressions"),
    ] {
        page.open(path).await;
        page.see_heading(heading).await;
        page.settled().await;
        assert_eq!(page.browser.run(writes, json!([])).await, json!([]), "{path}");
    }
    page.assert_no_complaints(&[]).await;
    page.stop().await;
}

#[tokio::test]
async fn filters_and_the_theme_outlive_a_reload() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    page.open("/settings").await;
    page.see_heading("Settings").await;
    page.browser.run("document.querySelector('[name=theme][value=dark]').click()", json!([])).await;
    page.open("/keys").await;
    page.see("First key").await;
    page.fill("Search keys", "nothing like that").await;
    page.see_heading("No key is like that").await;
    assert_eq!(page.place().await, "/dashboard/keys?q=nothing+like+that");
    page.browser.run("location.reload()", json!([])).await;
    page.see_heading("No key is like that").await;
    page.click("button", "Clear").await;
    page.see("First key").await;
    assert_eq!(page.place().await, "/dashboard/keys");
    let theme = "return document.documentElement.dataset.theme";
    assert_eq!(page.browser.run(theme, json!([])).await, json!("dark"));
    page.stop().await;
}
