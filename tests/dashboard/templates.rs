//! A template, from its first words to a mail: written beside its preview, published, taken back, tried.

use serde_json::{Value, json};

use crate::api_client::{ApiClient, mail_to};
use crate::appearance::look;
use crate::has_browser;
use crate::page::Page;

/// What the page in the frame says, and what a style made of its heading.
const SHOWN: &str = "
    const shown = document.querySelector('iframe')?.contentDocument;
    const heading = shown?.querySelector('h1');
    if (!heading || !shown.body.innerText.includes(arguments[0])) return null;
    const {color, backgroundColor} = shown.defaultView.getComputedStyle(heading);
    return [shown.body.innerText.trim(), color, backgroundColor];
";

/// Would run or lead away wherever a mail could do anything.
const HOSTILE: &str = r#"<h1>Offer</h1><script>top.caught = 1</script><img src=x onerror="top.caught = 1">
<svg onload="top.caught = 1"></svg><iframe srcdoc="<script>top.caught = 1</script>"></iframe>
<meta http-equiv="refresh" content="0; url=/dashboard/settings"><base href="https://example.com/" target="_top">
<a id="way-out" href="javascript:top.caught = 1" target="_top">Open</a>
<form action="/v1/auth/sign-out" method="post" target="_top"><button id="way-in">Go</button></form>"#;

async fn shows(page: &Page, words: &str) -> Value {
    page.browser.wait(&format!("a preview with {words}"), SHOWN, json!([words])).await
}

/// Waits until the page in this frame says this.
async fn shows_in(page: &Page, frame: &str, words: &str) {
    let script = "const shown = document.querySelector('iframe')?.contentDocument;
        return shown?.location.pathname.endsWith(arguments[0]) && shown.body.innerText.includes(arguments[1])";
    page.browser.wait(&format!("{words} in {frame}"), script, json!([frame, words])).await;
}

#[tokio::test]
async fn a_template_is_written_published_taken_back_and_tried() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    page.click("link", "Templates").await;
    page.see_heading("No templates yet").await;
    page.click("button", "New template").await;
    page.fill("Name", "Welcome").await;
    page.fill("Subject", "Welcome, {{firstName}}").await;
    page.click("button", "Make it").await;
    page.see("Not published").await;
    shows(&page, "Hello firstName").await;

    let styled = r#"<style>h1 { color: rgb(1, 2, 3) }</style><h1 style="background-color: rgb(4, 5, 6)">Dear {{firstName}}</h1>"#;
    page.fill("HTML", styled).await;
    let shown = shows(&page, "Dear firstName").await;
    assert_eq!(shown, json!(["Dear firstName", "rgb(1, 2, 3)", "rgb(4, 5, 6)"]));
    page.click("button", "Sample data").await;
    page.fill("Sample data", r#"{"firstName": "Ada"}"#).await;
    shows(&page, "Dear Ada").await;
    page.see("Welcome, Ada").await;

    page.click("button", "HTML").await;
    page.fill("HTML", "<h1>Dear</h1>\n<p>{{#if name}}never closed</p>").await;
    page.see("Line 2, column 4").await;
    look(&page, "template-mistake").await;
    page.click("button", "Go there").await;
    let at = "const area = document.querySelector('textarea');
        return document.activeElement === area && area.value.slice(area.selectionStart).startsWith('{{#if')";
    page.browser.wait("the cursor at the mistake", at, json!([])).await;
    page.fill("HTML", styled).await;
    page.see_no_more("Line 2").await;
    page.click("button", "Publish").await;
    page.see("is sent from now on").await;

    page.fill("HTML", "<h1>Hi {{firstName}}</h1>").await;
    page.see("Not saved").await;
    page.click("link", "Mails").await;
    page.see_heading("Mails").await;
    page.click("link", "Templates").await;
    page.click("link", "Welcome").await;
    page.see("Not saved").await;
    page.click("button", "Save draft").await;
    page.see("The draft is saved.").await;
    shows(&page, "Hi Ada").await;
    look(&page, "template").await;
    page.click("button", "Actions for version 1").await;
    page.click("button", "Make a draft of it").await;
    page.see("is a draft that says what version 1 said").await;
    shows(&page, "Hello Ada").await;

    page.click("button", "Try…").await;
    page.fill("To", "ada@example.net").await;
    page.fill("From", "shop@example.com").await;
    look(&page, "dialog-try-template").await;
    page.click("button", "Send it").await;
    page.click("link", "Watch it").await;
    page.see_heading("Welcome, Ada").await;
    page.see("It is in the capture mailbox").await;
    let keys = page.ask("GET", "/v1/account/api-keys", Value::Null).await;
    let names: Vec<&str> = keys["apiKeys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["First key"], "the key of a try lives no longer than the try");

    page.click("link", "Templates").await;
    page.see("Draft: version").await;
    look(&page, "templates").await;
    page.click("link", "Welcome").await;
    page.click("button", "More actions").await;
    page.click("button", "Delete…").await;
    page.fill("Type Welcome to confirm", "Welcome").await;
    page.click("button", "Delete template").await;
    page.see_heading("No templates yet").await;
    page.assert_no_complaints(&["400", "sandboxed"]).await;
    page.stop().await;
}

#[tokio::test]
async fn what_is_in_a_template_runs_nowhere() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let made = json!({"templateName": "<img src=x onerror=top.caught=1>", "subject": "Offer", "emailTemplate": HOSTILE});
    let made = page.ask_in_project("POST", "/v1/templates", made).await;
    let path = format!("/templates/{}", made["templateId"].as_str().unwrap());
    page.open(&path).await;
    shows(&page, "Offer").await;
    let press = "const shown = document.querySelector('iframe').contentDocument;
        for (const id of ['way-out', 'way-in']) shown.getElementById(id).click();";
    let found =
        "return [window.caught ?? null, document.querySelectorAll('img').length, location.pathname,
        document.querySelector('iframe').contentDocument.location.pathname]";
    for frame in ["frame.html", "frame-with-pictures.html"] {
        if frame != "frame.html" {
            page.click("button", "Load pictures").await;
            shows_in(&page, frame, "Offer").await;
        }
        page.browser.run(press, json!([])).await;
        page.settled().await;
        let found = page.browser.run(found, json!([])).await;
        let expected = json!([null, 0, format!("/dashboard{path}"), format!("/dashboard/{frame}")]);
        assert_eq!(found, expected);
    }
    page.open("/settings").await;
    page.see_heading("Settings").await;
    page.stop().await;
}

/// A published template; its id.
async fn published(page: &Page, html: &str) -> String {
    let made = json!({"templateName": "Shared", "subject": "News", "emailTemplate": html});
    let made = page.ask_in_project("POST", "/v1/templates", made).await;
    made["templateId"].as_str().unwrap().to_owned()
}

async fn is_sent(page: &Page, id: &str) -> Value {
    let now = page.ask_in_project("GET", &format!("/v1/templates/{id}"), Value::Null).await;
    now["publishedVersion"].clone()
}

#[tokio::test]
async fn pictures_from_elsewhere_are_loaded_for_those_who_ask_and_files_have_a_place() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let html = r#"<h1>Shop</h1><img src="cid:logo&lt;b&gt;"><img src="https://127.0.0.1:1/a.png">"#;
    let id = published(&page, html).await;
    page.browser.complaints().await;
    page.open(&format!("/templates/{id}")).await;
    shows(&page, "Shop").await;
    let drawn =
        "return document.querySelector('iframe').contentDocument.images[0].naturalWidth > 0";
    page.browser.wait("a place for the file", drawn, json!([])).await;
    let complained_of = async |words: &str| {
        let complaints = page.browser.complaints().await;
        complaints.iter().any(|one| one.contains("/a.png") && one.contains(words))
    };
    assert!(complained_of("Content Security Policy").await, "it is loaded unasked");
    page.click("button", "Load pictures").await;
    shows_in(&page, "frame-with-pictures.html", "Shop").await;
    let over = "return document.querySelector('iframe').contentDocument.images[1].complete";
    page.browser.wait("the end of loading", over, json!([])).await;
    assert!(complained_of("net::ERR_").await, "it is not loaded");
    look(&page, "template-pictures").await;
    page.stop().await;
}

#[tokio::test]
async fn nobody_publishes_or_leaves_out_what_a_colleague_saved_meanwhile() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let id = published(&page, "<h1>One</h1>").await;
    let path = format!("/v1/templates/{id}");
    let save = async |html: &str| {
        let draft = json!({"emailTemplate": html, "publish": false});
        page.ask_in_project("PUT", &path, draft).await;
    };
    save("<h1>Two</h1>").await;
    page.open(&format!("/templates/{id}")).await;
    shows(&page, "Two").await;
    save("<h1>Three, half done</h1>").await;
    page.click("button", "Publish").await;
    page.see("Version 2 is sent from now on.").await;
    assert_eq!(is_sent(&page, &id).await, json!(2));
    page.see("Version 3 is newer than what you see here.").await;

    save("<h1>Four, half done</h1>").await;
    page.fill("HTML", "<h1>Mine</h1>").await;
    page.click("button", "Save draft").await;
    page.see_heading("Somebody saved version 4 meanwhile").await;
    look(&page, "dialog-newer-version").await;
    page.click("button", "Cancel").await;
    page.click("button", "Publish").await;
    page.click("button", "Publish mine").await;
    page.see("Version 5 is sent from now on.").await;
    assert_eq!(is_sent(&page, &id).await, json!(5));
    shows(&page, "Mine").await;
    page.see_no_more("is newer than").await;

    page.click("button", "Actions for version 4").await;
    page.click("button", "Publish…").await;
    page.click("button", "Publish it").await;
    page.see("Version 4 is sent from now on.").await;
    assert_eq!(is_sent(&page, &id).await, json!(4));
    shows(&page, "Mine").await;
    assert!(!page.text("main").await.contains("Not saved"));
    page.stop().await;
}

#[tokio::test]
async fn what_was_typed_is_thrown_away_only_after_asking() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let id = published(&page, "<h1>One</h1>").await;
    let draft = json!({"emailTemplate": "<h1>Two</h1>", "publish": false});
    page.ask_in_project("PUT", &format!("/v1/templates/{id}"), draft).await;
    page.open(&format!("/templates/{id}")).await;
    shows(&page, "Two").await;
    page.fill("HTML", "<h1>Typed</h1>").await;
    shows(&page, "Typed").await;
    for (menu, action) in [
        ("Actions for version 1", "Put it into the editor"),
        ("Actions for version 1", "Make a draft of it"),
        ("More actions", "Undo what is not saved…"),
    ] {
        page.click("button", menu).await;
        page.click("button", action).await;
        page.see_heading("Discard what is not saved?").await;
        page.click("button", "Cancel").await;
        shows(&page, "Typed").await;
    }
    page.click("button", "Actions for version 1").await;
    page.click("button", "Put it into the editor").await;
    page.click("button", "Discard").await;
    shows(&page, "One").await;
    page.stop().await;
}

#[tokio::test]
async fn a_preview_outlives_a_click_on_its_links() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let html = r#"<h1>One</h1><a id="out" href="https://example.com/" target="_self">Out</a>"#;
    let id = published(&page, html).await;
    page.open(&format!("/templates/{id}")).await;
    shows(&page, "One").await;
    let frame = async || {
        let frame = "return document.querySelector('iframe')";
        page.browser.element("the preview", frame, json!([])).await
    };
    page.browser.click_in_frame(&frame().await, "#out").await;
    page.fill("HTML", &html.replace("One", "Two")).await;
    shows(&page, "Two").await;
    // Whatever else leads it away.
    page.browser
        .run("document.querySelector('iframe').src = 'https://example.com/'", json!([]))
        .await;
    page.fill("HTML", &html.replace("One", "Three")).await;
    shows(&page, "Three").await;

    let project = page.project().await;
    let key = json!({"name": "Shop", "type": "project", "projectId": project, "mode": "test"});
    let key = page.ask("POST", "/v1/account/api-keys", key).await;
    let client = ApiClient::new(&page.server.url(""), key["key"].as_str().unwrap());
    for (target, html) in [("", html.replace(" target=\"_self\"", "")), ("_self", html.to_owned())]
    {
        let mut mail = mail_to("ada@example.net");
        mail["html"] = json!(html);
        let id = client.send(&mail).await.id();
        page.open(&format!("/mails/{id}")).await;
        let shown = "return document.querySelector('h1')?.innerText ?? null";
        let first = frame().await;
        assert_eq!(page.browser.wait_in_frame(&first, "the mail", shown).await, json!("One"));
        let mark = "document.querySelector('iframe').dataset.first = 'yes'";
        page.browser.run(mark, json!([])).await;
        page.browser.click_in_frame(&first, "#out").await;
        // A link that insists leads the frame away, and another one takes its place.
        let now = if target.is_empty() { "iframe" } else { "iframe:not([data-first])" };
        let now = format!("return document.querySelector('{now}')");
        let now = page.browser.element("the preview", &now, json!([])).await;
        assert_eq!(page.browser.wait_in_frame(&now, "the mail", shown).await, json!("One"));
    }
    page.stop().await;
}
