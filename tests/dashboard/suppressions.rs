//! Addresses that get no mail: put on the list, found, let go; and the groups of mail.

use crate::appearance::look;
use crate::has_browser;
use crate::page::Page;

#[tokio::test]
async fn addresses_join_the_list_and_leave_it() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    page.click("link", "Suppressions").await;
    page.see_heading("Nobody is suppressed").await;
    page.click("button", "Groups").await;
    page.click("button", "New group").await;
    page.fill("Name", "Product news").await;
    page.fill("Description", "What is new, once a month").await;
    page.click("button", "Make it").await;
    page.see("What is new, once a month").await;
    look(&page, "suppression-groups").await;

    page.click("button", "Addresses").await;
    page.click("button", "Suppress…").await;
    page.fill("Addresses", "ada@example.org, ada@").await;
    page.click("button", "Suppress").await;
    page.see("“ada@” is not a valid email address").await;
    page.see_no_more("Request ").await;
    page.fill("Addresses", "ada@example.org\nbob@example.net").await;
    page.click("button", "Suppress").await;
    page.see("2 addresses joined the list.").await;
    page.see("bob@example.net").await;
    look(&page, "suppressions").await;

    page.fill("Search addresses", "ada").await;
    page.see_no_more("bob@example.net").await;
    assert!(page.place().await.contains("q=ada"));
    page.click("button", "Actions for ada@example.org").await;
    page.click("button", "Remove…").await;
    page.click("button", "Remove").await;
    page.see_heading("No address is like that").await;
    page.click("button", "Clear").await;
    page.see("bob@example.net").await;
    page.click("button", "Actions for bob@example.net").await;
    page.click("button", "Erase everywhere…").await;
    look(&page, "dialog-erase").await;
    let forget = "document.querySelector('dialog input[name=keepSuppressions]').click()";
    page.browser.run(forget, serde_json::json!([])).await;
    page.fill("Type bob@example.net to confirm", "bob@example.net").await;
    page.click("button", "Erase").await;
    page.see_heading("It is erased").await;
    page.click("button", "Close").await;
    page.see_heading("Nobody is suppressed").await;

    page.click("button", "Groups").await;
    page.click("button", "Actions for Product news").await;
    page.click("button", "Delete…").await;
    page.fill("Type Product news to confirm", "Product news").await;
    page.click("button", "Delete group").await;
    page.see("Product news is deleted.").await;
    page.assert_no_complaints(&["400"]).await;
    page.stop().await;
}
