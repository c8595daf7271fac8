//! Names and mails of somebody who wants a script of theirs to run in the browser of somebody else.

use serde_json::{Value, json};

use crate::api_client::{ApiClient, plain};
use crate::has_browser;
use crate::page::Page;

/// Would run in every place where text is taken for HTML, an attribute or an address.
const HOSTILE: &str =
    r#""'><img src=x onerror="top.caught=1"><svg onload="top.caught=1"></svg>{{7*7}}${7*7}"#;

/// The same and more, in a mail, which is HTML and shown as such.
const HOSTILE_MAIL: &str = r#"
    <h1>Offer of the day</h1>
    <script>top.caught = 1; parent.caught = 1</script>
    <img src=x onerror="top.caught=1; parent.caught=1">
    <iframe srcdoc="<script>top.caught=1</script>"></iframe>
    <meta http-equiv="refresh" content="0; url=/dashboard/settings">
    <base href="https://example.com/" target="_top">
    <form action="/v1/auth/sign-out" method="post" target="_top"><button id="b">Go</button></form>
    <a href="javascript:top.caught=1" target="_top">Open</a>
    <style>@import url("//example.com/x.css"); body { background: url("//example.com/y.png") }</style>
"#;

/// Nothing ran, and nothing of a stranger's became an element.
async fn assert_harmless(page: &Page, place: &str) {
    let script = "return [window.caught ?? null, document.querySelectorAll('img, svg[onload], main script').length, location.pathname]";
    let found = page.browser.run(script, json!([])).await;
    let path = place.split('?').next().unwrap();
    assert_eq!(found, json!([Value::Null, 0, format!("/dashboard{path}")]), "{place}");
}

/// Turns the direction of writing round for all that comes after it.
const TURN: char = '\u{202e}';

/// Where the first and the last letter of an address are drawn, wherever the page says it.
const DRAWN: &str = "
    const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    const left = (node, at) => {
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + 1);
        return range.getBoundingClientRect().left;
    };
    const found = [];
    while (walk.nextNode()) {
        const {currentNode: node} = walk;
        const at = node.data.indexOf(arguments[0]);
        if (at >= 0 && node.parentElement.checkVisibility()) found.push(left(node, at) < left(node, at + 5));
    }
    return found.length > 0 && found;
";

#[tokio::test]
async fn no_name_turns_the_address_beside_it_round() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    let project = page.project().await;
    let key = json!({"name": "Shop", "type": "project", "projectId": project, "mode": "test"});
    let key = page.ask("POST", "/v1/account/api-keys", key).await;
    let client = ApiClient::new(&page.server.url(""), key["key"].as_str().unwrap());
    let name = format!("{TURN}moc.knab@ofni");
    let mail = json!({
        "from": {"email": "evil@example.com", "name": name}, "to": {"email": "ada@example.org", "name": name},
        "subject": format!("{TURN}tiderc"), "text": "Hi",
    });
    let id = client.send(&mail).await.id();
    for path in [format!("/mails/{id}"), "/mails".into(), "/mailbox".into()] {
        page.open(&path).await;
        page.see("evil@").await;
        for address in ["evil@example.com", "ada@example.org"] {
            let drawn = page.browser.wait(address, DRAWN, json!([address])).await;
            let drawn = drawn.as_array().unwrap();
            assert!(drawn.iter().all(|in_order| *in_order == json!(true)), "{path}: {address}");
        }
    }
    page.stop().await;
}

#[tokio::test]
async fn no_name_and_no_mail_runs_anything() {
    if !has_browser() {
        return;
    }
    let page = Page::signed_in().await;
    page.ask("PATCH", "/v1/auth/me", json!({"name": HOSTILE})).await;
    let project = page.ask("POST", "/v1/account/projects", json!({"name": HOSTILE})).await;
    let project = project["id"].as_str().unwrap().to_owned();
    let named = json!({"name": HOSTILE, "type": "project", "projectId": project, "permissions": "full_access"});
    let key = page.ask("POST", "/v1/account/api-keys", named).await;
    let key_id = key["id"].as_str().unwrap();
    let client = ApiClient::new(&page.server.url(""), key["key"].as_str().unwrap());
    let mail = json!({
        "from": {"email": "shop@example.com", "name": HOSTILE},
        "to": {"email": "ada@example.org", "name": HOSTILE},
        "subject": HOSTILE.replace("{{7*7}}", ""),
        "html": HOSTILE_MAIL,
        "headers": {"X-Hostile": HOSTILE.replace("{{7*7}}", "")},
        "attachments": [{"fileName": "<img src=x onerror=top.caught=1>.txt", "content": "aGVsbG8="}],
    });
    let id = client.send(&mail).await.id();

    let group = json!({"name": HOSTILE, "description": HOSTILE});
    let list = json!({"name": HOSTILE, "description": HOSTILE});
    let contact = json!({"email": "eve@example.org", "firstName": HOSTILE, "customFields": {"note": HOSTILE}});
    for (path, made) in [
        ("/v1/suppression-groups", group),
        ("/v1/contact-lists", list),
        ("/v1/contacts/email", contact),
    ] {
        let request = plain().post(page.server.url(path)).json(&made);
        let answer = request.bearer_auth(key["key"].as_str().unwrap()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    let places = [
        "/".to_owned(),
        "/keys".to_owned(),
        format!("/keys/{key_id}"),
        "/projects".to_owned(),
        format!("/mails?project={project}"),
        format!("/mails/{id}?project={project}"),
        format!("/mailbox?project={project}"),
        "/team".to_owned(),
        "/audit".to_owned(),
        "/settings".to_owned(),
        format!("/suppressions?view=groups&project={project}"),
        format!("/contacts?project={project}"),
        format!("/contacts?view=lists&project={project}"),
        format!("/contacts?q=%22%3E%3Cimg%20src%3Dx%3E&project={project}"),
        format!("/sign-in?next={}", "%22%3E%3Cimg%20src%3Dx%20onerror%3Dtop.caught%3D1%3E"),
    ];
    for place in &places {
        page.open(place).await;
        page.settled().await;
        assert_harmless(&page, place).await;
    }
    page.open(&places[5]).await;
    page.see("It is in the capture mailbox").await;
    for tab in ["Text", "HTML", "Source", "Preview"] {
        page.click("button", tab).await;
        page.settled().await;
        assert_harmless(&page, &places[5]).await;
    }
    page.stop().await;
}
