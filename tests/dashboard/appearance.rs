//! Every page, light and dark, wide and narrow: nothing that axe finds serious, nothing cut off, and a picture of each.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::has_browser;
use crate::page::Page;

const AXE: &str = include_str!("axe/axe.min.js");

/// Asks axe for what it takes for serious or worse. Frames are left out: a mail is its author's.
const JUDGE: &str = r#"
    const done = arguments[arguments.length - 1];
    axe.run({exclude: [["iframe"]]}, {resultTypes: ["violations"]}).then(({violations}) => done(
        violations.filter(({impact}) => ["serious", "critical"].includes(impact))
            .map(({id, help, nodes}) => [id, help, nodes.slice(0, 4).map(({html, failureSummary}) => [html.slice(0, 200), failureSummary])])
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
async fn look(page: &Page, name: &str) {
    for theme in ["light", "dark"] {
        page.theme(theme).await;
        for (width, height) in [(1280, 860), (380, 780)] {
            page.size(width, height).await;
            page.settled().await;
            let cut_off = page.browser.run(CUT_OFF, json!([])).await;
            assert_eq!(cut_off, Value::Null, "{name} at {width} px");
            save(page, &format!("{name}-{width}-{theme}")).await;
            page.browser.run(AXE, json!([])).await;
            let found = page.browser.run_async(JUDGE).await;
            assert_eq!(found, json!([]), "{name}, {theme}, {width} px: {found:#}");
        }
    }
    page.size(1280, 860).await;
    page.theme("light").await;
}

/// Keeps a picture of the whole page under `target/screenshots`.
async fn save(page: &Page, name: &str) {
    let whole = json!({"format": "png", "captureBeyondViewport": true});
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
async fn empty_pages_look_right_to_everybody() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    for (path, heading) in [
        ("/mails", "Mails"),
        ("/mailbox", "Mailbox"),
        ("/mails?q=nobody%40example.org", "Mails"),
        ("/nowhere", "There is no such page"),
    ] {
        page.open(path).await;
        page.see_heading(heading).await;
        let name: String = path.chars().filter(char::is_ascii_lowercase).collect();
        look(&page, &format!("empty-{name}")).await;
    }
    page.stop().await;
}

#[tokio::test]
async fn full_pages_look_right_to_everybody() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    for (path, heading) in [
        ("/projects", "Projects"),
        ("/team", "Team"),
        ("/audit", "Audit log"),
        ("/settings", "Settings"),
    ] {
        page.open(path).await;
        page.see_heading(heading).await;
        look(&page, path.trim_start_matches('/')).await;
    }
    page.stop().await;
}
