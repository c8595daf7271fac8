//! Every page, light and dark, wide and narrow: nothing that axe finds wrong, nothing cut off, and a picture of each.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::api_client::{Answer, ApiClient};
use crate::has_browser;
use crate::page::{PASSWORD, Page};

const AXE: &str = include_str!("axe/axe.min.js");

/// Asks axe for whatever it finds wrong. Frames are left out: a mail is its author's. Of a theme that differs from the other in
/// nothing but colors, only those are judged.
const JUDGE: &str = r#"
    const done = arguments[arguments.length - 1];
    const colors = {runOnly: {type: "rule", values: ["color-contrast", "link-in-text-block"]}};
    axe.run({exclude: [["iframe"]]}, {resultTypes: ["violations"], ...(matchMedia("(prefers-color-scheme: dark)").matches && colors)}).then(({violations}) => done(
        violations.map(({id, help, nodes}) => [id, help, nodes.slice(0, 4).map(({html, failureSummary}) => [html.slice(0, 200), failureSummary])])
    ), (error) => done([String(error)]));
"#;

/// What is wider than the window, if anything is.
const CUT_OFF: &str = "
    const {scrollWidth} = document.documentElement;
    if (scrollWidth <= innerWidth) return null;
    return [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
        .slice(0, 5).map((one) => `${one.tagName}.${one.className}`).concat(scrollWidth);
";

/// Looks at what the page shows now, in both themes and at both widths.
pub async fn look(page: &Page, name: &str) {
    look_at(page, name, &[(1280, 860), (380, 780)]).await;
}

/// The same in windows of these widths and heights.
pub async fn look_at(page: &Page, name: &str, sizes: &[(u32, u32)]) {
    for theme in ["light", "dark"] {
        page.theme(theme).await;
        for &(width, height) in sizes {
            page.size(width, height).await;
            page.settled().await;
            let cut_off = page.browser.run(CUT_OFF, json!([])).await;
            assert_eq!(cut_off, Value::Null, "{name} at {width} px");
            save(page, &format!("{name}-{width}-{theme}")).await;
            if page.browser.run("return window.axe === undefined", json!([])).await == json!(true) {
                page.browser.run(AXE, json!([])).await;
            }
            let found = page.browser.run_async(JUDGE).await;
            assert_eq!(found, json!([]), "{name}, {theme}, {width} px: {found:#}");
        }
    }
    page.size(1280, 860).await;
    page.theme("light").await;
}

/// Keeps a picture of the whole page under `target/screenshots`.
async fn save(page: &Page, name: &str) {
    let whole = json!({"format": "png", "captureBeyondViewport": true, "optimizeForSpeed": true});
    let picture = page.browser.tools("Page.captureScreenshot", whole).await;
    let picture = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.png")), picture).unwrap();
}

#[tokio::test]
async fn pages_before_sign_in_look_right_to_everybody() {
    if !has_browser() {
        return;
    }
    let page = Page::start().await;
    page.browser.open(&page.set_up_link()).await;
    page.see_heading("Set up Posthaste").await;
    look(&page, "welcome").await;
    for (path, heading, name) in [
        ("/sign-in", "Sign in", "sign-in"),
        ("/forgot", "Forgot your password?", "forgot"),
        ("/welcome", "This link does not work", "link-is-over"),
    ] {
        page.open(path).await;
        page.see_heading(heading).await;
        look(&page, name).await;
    }
    page.assert_no_complaints(&["401", "404"]).await;
    page.stop().await;
}

#[tokio::test]
async fn axe_finds_what_is_wrong() {
    if !has_browser() {
        return;
    }
    let page = Page::start().await;
    page.open("/sign-in").await;
    page.see_heading("Sign in").await;
    let spoil = "document.querySelector('form').append(document.createElement('button'))";
    page.browser.run(spoil, json!([])).await;
    page.browser.run(AXE, json!([])).await;
    let found = page.browser.run_async(JUDGE).await;
    assert_eq!(found[0][0], "button-name", "{found:#}");
    page.stop().await;
}

#[tokio::test]
async fn empty_pages_look_right_to_everybody() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    for (path, heading, name) in [
        ("/", "Send a first mail", "overview"),
        ("/mails", "No mails yet", "mails"),
        ("/mails?q=nobody%40example.org", "No mail is like that", "search"),
        ("/mailbox", "The mailbox is empty", "mailbox"),
        ("/domains", "No domains yet", "domains"),
        ("/webhooks", "No webhooks yet", "webhooks"),
        ("/templates", "No templates yet", "templates"),
        ("/contacts", "No contacts yet", "contacts"),
        ("/contacts?view=properties", "No properties yet", "properties"),
        ("/suppressions", "Nobody is suppressed", "suppressions"),
        ("/keys?q=nothing", "No key is like that", "keys"),
        ("/nowhere", "There is no such page", "nowhere"),
    ] {
        page.open(path).await;
        page.see_heading(heading).await;
        look(&page, &format!("empty-{name}")).await;
    }
    page.stop().await;
}

/// One pixel.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A house that is lived in: keys, mails in several states, somebody invited. Answers a key and three mails.
async fn furnish(page: &Page) -> [String; 4] {
    page.ask("POST", "/v1/account/projects", json!({"name": "Newsletter, staging"})).await;
    let projects = page.ask("GET", "/v1/account/projects", Value::Null).await;
    let project = projects["projects"].as_array().unwrap().last().unwrap()["id"].clone();
    let keys = "/v1/account/api-keys";
    page.ask("POST", keys, json!({"name": "Platform", "type": "account", "mode": "test"})).await;
    let bound = page.ask("POST", keys, json!({
        "name": "Shop, production", "type": "project", "projectId": project, "permissions": ["mails:send", "mails:read"],
        "domains": ["example.com"], "recipients": ["example.net", "ada@example.org"], "ipAllowlist": ["203.0.113.0/24"],
        "ipAllowlistDryRun": true, "rateLimit": {"perSecond": 20, "perMinute": 600}, "expiresAt": "2099-01-01T00:00:00Z",
    }))
    .await;
    let client = ApiClient::new(&page.server.url(""), bound["key"].as_str().unwrap());
    let mail = |to: &str, test: bool| {
        json!({
            "from": {"email": "shop@example.com", "name": "The Shop"},
            "to": {"email": to, "name": "Ada Lovelace"},
            "cc": [{"email": "archive.of.the.accounting.department@example.net"}],
            "subject": "Your receipt for order 4711, with a subject as long as people write them",
            "html": "<img src=\"cid:logo@shop\" width=\"64\" height=\"64\" alt=\"Logo\"><h1>Thank you, {{name}}</h1><p>It is on its way.</p>",
            "dynamicData": {"name": "Ada"}, "test": test, "onAmbiguous": "hold",
            "attachments": [
                {"fileName": "receipt.txt", "content": "aGVsbG8="},
                {"fileName": "logo.png", "contentId": "logo@shop", "content": PICTURE},
            ],
        })
    };
    let captured = client.send(&mail("ada@example.org", false)).await.id();
    client.send(&mail("bounced@example.net", true)).await.id();
    let held = client.send(&mail("ambiguous@example.net", true)).await.id();
    let mut labelled = mail("complained@example.net", true);
    labelled["tags"] = json!(["receipt", "as-long-as-a-tag-may-be-".repeat(3)[..64]]);
    let complained = client.send(&labelled).await.id();
    let refused = client.send(&mail("eve@example.com", false)).await;
    assert!(matches!(refused, Answer::Refused(403, _)), "{refused:?}");
    page.ask(
        "POST",
        "/v1/account/invitations",
        json!({"email": "grace@example.org", "role": "member"}),
    )
    .await;
    [bound["id"].as_str().unwrap().to_owned(), captured, held, complained]
}

#[tokio::test]
async fn full_pages_look_right_to_everybody() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let [key, captured, held, complained] = furnish(&page).await;
    page.open(&format!("/mails/{held}")).await;
    page.see("waits for your decision").await;
    for (path, seen, name) in [
        (format!("/mails/{held}"), "waits for your decision", "mail-held"),
        (format!("/mailbox/{captured}"), "It is in the capture mailbox", "mail-captured"),
        (format!("/mails/{complained}"), "Complained", "mail-complained"),
        ("/mails".to_owned(), "Your receipt for order", "mails"),
        ("/mailbox".to_owned(), "Your receipt for order", "mailbox"),
        ("/keys".to_owned(), "Shop, production", "keys"),
        (format!("/keys/{key}"), "The latest, one by one.", "key"),
        ("/keys/nothing".to_owned(), "Request ", "refusal"),
        ("/".to_owned(), "Recipients by day", "overview"),
        ("/projects".to_owned(), "Newsletter, staging", "projects"),
        ("/team".to_owned(), "grace@example.org", "team"),
        ("/audit".to_owned(), "Person invited", "audit"),
        ("/settings".to_owned(), "This one", "settings"),
    ] {
        page.open(&path).await;
        page.see(seen).await;
        if name == "mail-captured" {
            see_picture(&page).await;
        }
        if name == "mails" {
            let badges = "return [...document.querySelectorAll('td .badge')].filter((one) => one.innerText === 'Complained').length";
            assert_eq!(
                page.browser.run(badges, json!([])).await,
                json!(1),
                "who complained is shown"
            );
        }
        look(&page, name).await;
    }
    page.stop().await;
}

/// Waits until the mail's own picture is drawn in its preview.
async fn see_picture(page: &Page) {
    let frame = "return document.querySelector('.preview iframe')";
    let frame = page.browser.element("the preview", frame, json!([])).await;
    let drawn = "return document.images[0]?.complete && [...document.images].map((one) => one.naturalWidth)";
    assert_eq!(page.browser.wait_in_frame(&frame, "the picture", drawn).await, json!([1]));
}

#[tokio::test]
async fn dialogs_look_right_to_everybody() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    for (path, button, name) in [
        ("/keys", "Generate key", "dialog-generate"),
        ("/projects", "New project", "dialog-project"),
        ("/domains", "Add domain", "dialog-domain"),
        ("/domains", "Add sender", "dialog-sender"),
        ("/webhooks", "New webhook", "dialog-webhook"),
        ("/templates", "New template", "dialog-template"),
        ("/suppressions", "Suppress…", "dialog-suppress"),
        ("/suppressions?view=groups", "New group", "dialog-group"),
        ("/contacts", "Add contact", "dialog-contact"),
        ("/team", "Invite", "dialog-invite"),
        ("/settings", "Turn on…", "dialog-password"),
    ] {
        page.open(path).await;
        page.click("button", button).await;
        look(&page, name).await;
    }
    page.fill("Your password", PASSWORD).await;
    page.click("button", "Continue").await;
    page.see("scan the picture").await;
    page.browser
        .wait("the picture", "return document.querySelector('.qr') !== null", json!([]))
        .await;
    look(&page, "dialog-scan").await;

    page.open("/keys?make=1").await;
    page.click("option", "Custom").await;
    page.click("button", "Restrictions and limits").await;
    let wordless = "return [...document.querySelectorAll('.checks code')].map((one) => one.innerText)
        .filter((code, place) => document.querySelectorAll('.checks .check')[place].innerText.startsWith(code))";
    assert_eq!(page.browser.run(wordless, json!([])).await, json!([]), "permissions without words");
    look(&page, "dialog-generate-all").await;
    page.fill("Name", "Shop").await;
    page.click("button", "Generate").await;
    page.text("output.key").await;
    look(&page, "dialog-secret").await;
    page.click("button", "I have kept it").await;
    page.click("button", "Actions for Shop").await;
    look(&page, "menu").await;
    page.click("button", "Delete…").await;
    look(&page, "dialog-delete").await;
    page.stop().await;
}
