//! A contact with a list and a note of it.

use crate::appearance::look;
use crate::has_browser;
use crate::page::Page;

#[tokio::test]
async fn a_contact_is_added_noted_of_put_on_a_list_and_deleted() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    page.click("link", "Contacts").await;
    page.see_heading("No contacts yet").await;
    page.click("button", "Lists").await;
    page.click("button", "New list").await;
    page.fill("Name", "Newsletter").await;
    page.click("button", "Make it").await;
    page.see("Newsletter is added.").await;
    look(&page, "contact-lists").await;
    page.click("button", "Properties").await;
    page.click("button", "New property").await;
    page.fill("Name", "plan").await;
    page.fill("Description", "What they pay for").await;
    page.click("button", "Make it").await;
    page.see("plan is added.").await;
    page.see("What they pay for").await;
    look(&page, "contact-properties").await;

    page.click("button", "Contacts").await;
    page.click("button", "Add contact").await;
    page.fill("Address", "ada@example.org").await;
    page.fill("First name", "Ada").await;
    page.fill("Last name", "Lovelace").await;
    page.click("button", "Add").await;
    page.see_heading("ada@example.org").await;
    page.click("button", "Change notes…").await;
    page.fill("plan", "premium").await;
    page.click("button", "Save").await;
    page.see("premium").await;
    page.click("button", "Put on Newsletter").await;
    page.see("On it").await;
    look(&page, "contact").await;
    page.click("button", "Change…").await;
    page.fill("Telephone", "12").await;
    page.click("button", "Save").await;
    page.browser
        .element(
            "the refusal beside the field",
            "return document.querySelector('input[name=mobile][aria-invalid=true]')",
            serde_json::json!([]),
        )
        .await;
    page.fill("Telephone", "+14155552671").await;
    page.click("button", "Save").await;
    page.see("+14155552671").await;

    page.click("link", "Newsletter").await;
    page.see("Ada Lovelace").await;
    assert!(page.place().await.contains("list="));
    look(&page, "contacts").await;
    page.click("link", "ada@example.org").await;
    page.click("button", "Delete…").await;
    page.fill("Type ada@example.org to confirm", "ada@example.org").await;
    page.click("button", "Delete contact").await;
    page.see_heading("No contacts yet").await;
    page.assert_no_complaints(&["400"]).await;
    page.stop().await;
}
