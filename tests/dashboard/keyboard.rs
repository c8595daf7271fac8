//! The dialog that makes keys, by somebody who has no mouse.

use serde_json::json;

use crate::has_browser;
use crate::page::Page;

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const DOWN: &str = "\u{e015}";

/// The words of what has the focus.
async fn focus(page: &Page) -> String {
    let script = "
        const one = document.activeElement;
        const label = one.labels?.[0]?.querySelector('b') ?? one.labels?.[0];
        return (one.getAttribute('aria-label') ?? label?.innerText ?? one.innerText ?? '').trim();
    ";
    let words = page.browser.run(script, json!([])).await;
    words.as_str().unwrap_or_default().to_owned()
}

/// Presses Tab until something of these words has the focus.
async fn tab_to(page: &Page, words: &str) {
    let mut passed = Vec::new();
    for _ in 0..40 {
        page.browser.press(&[TAB]).await;
        let now = focus(page).await;
        if now == words {
            return;
        }
        passed.push(now);
    }
    panic!("Tab does not reach {words}, only {passed:?}");
}

#[tokio::test]
async fn a_key_is_made_without_a_mouse() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    page.open("/keys").await;
    page.see("First key").await;
    tab_to(&page, "Generate key").await;
    page.browser.press(&[ENTER]).await;
    page.see_heading("Generate an API key").await;
    assert_eq!(focus(&page).await, "Name");
    page.browser.press(&["S", "h", "o", "p"]).await;

    // Escape gives up and takes the focus back to where it was.
    page.browser.press(&[ESCAPE]).await;
    page.browser
        .wait("the end of the dialog", "return !document.querySelector('dialog')", json!([]))
        .await;
    assert_eq!(focus(&page).await, "Generate key");
    page.browser.press(&[ENTER]).await;
    page.see_heading("Generate an API key").await;

    page.browser.press(&["S", "h", "o", "p"]).await;
    tab_to(&page, "Project key").await;
    tab_to(&page, "Live").await;
    page.browser.press(&[DOWN]).await;
    assert_eq!(focus(&page).await, "Test");
    tab_to(&page, "Restrictions and limits").await;
    page.browser.press(&[ENTER]).await;
    tab_to(&page, "Recipients").await;
    page.browser.press(&["a", ".", "b"]).await;
    tab_to(&page, "Generate").await;
    page.browser.press(&[ENTER]).await;

    page.see_heading("Your new key").await;
    let key = page.text("output.key").await;
    assert!(key.starts_with("AS_test_"), "{key}");
    // Nobody loses a key by one press too many.
    page.browser.press(&[ESCAPE, ESCAPE, ESCAPE]).await;
    assert_eq!(page.text("output.key").await, key);
    tab_to(&page, "Copy key").await;
    tab_to(&page, "Download .txt").await;
    tab_to(&page, "I have kept it").await;
    page.browser.press(&[ENTER]).await;
    page.browser
        .wait("the end of the dialog", "return !document.querySelector('dialog')", json!([]))
        .await;
    assert_eq!(focus(&page).await, "Generate key");

    tab_to(&page, "Actions for Shop").await;
    page.browser.press(&[ENTER]).await;
    page.browser
        .wait("the menu", "return document.querySelector(':popover-open') !== null", json!([]))
        .await;
    assert_eq!(focus(&page).await, "Open");
    page.browser.press(&[DOWN]).await;
    assert_eq!(focus(&page).await, "Rename…");
    page.browser.press(&[ESCAPE]).await;
    assert_eq!(focus(&page).await, "Actions for Shop");
    page.stop().await;
}
