//! Opens and clicks: what mails tell of their readers, and what programs that pass for readers do.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Reply, Setup, TestApp, TestKey};
use crate::letter_with;
use crate::webhook_endpoint::WebhookEndpoint;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0";

const HTML: &str = "<html><body><a href=\"https://shop.example/order?id=1&amp;x=2#top\">order</a> \
                    <a href='mailto:help@shop.example'>help</a> <a href=\"{{unsubscribe}}\">bye</a></body></html>";

/// A tracked mail that arrived a while ago; its id, and the paths of its image and its one link.
async fn tracked(app: &TestApp, key: &TestKey) -> (String, String, String) {
    let members = json!({"html": HTML, "text": null, "trackingOpen": true, "trackingClick": true});
    let id = app.accepted(key, letter_with(members)).await;
    let html = html(app, key, &id, 0).await;
    let paths = |prefix: &str| -> Vec<String> {
        let start = format!("\"http://{}{prefix}", app.address);
        let found = html.split(&start).skip(1).filter_map(|rest| rest.split_once('"'));
        found.map(|(token, _)| format!("{prefix}{token}")).collect()
    };
    let (images, links) = (paths("/t/o/"), paths("/t/c/"));
    assert_eq!((images.len(), links.len(), paths("/u/").len()), (1, 1, 1), "{html}");
    assert!(images[0].rsplit_once('.').is_some_and(|(_, end)| end == "gif"));
    assert!(html.contains("mailto:help@shop.example"), "{html}");
    // Whoever follows a link within a second is no reader.
    app.sql("UPDATE events SET at = at - interval '1 minute'").await;
    (id, images[0].clone(), links[0].clone())
}

/// The HTML of the captured message.
async fn html(app: &TestApp, key: &TestKey, id: &str, position: usize) -> String {
    app.mail_when(key, id, |mail| mail["status"] != "queued").await;
    let reply = app.get(&format!("/v1/mails/{id}/captured/{position}"), key).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let message = mail_parser::MessageParser::default().parse(&reply.bytes).unwrap();
    message.body_html(0).unwrap().into_owned()
}

async fn ask_as(app: &TestApp, agent: &str, method: Method, path: &str) -> Reply {
    let client = reqwest_without_redirects();
    let request = client.request(method, format!("http://{}{path}", app.address));
    app.ask(request.header("user-agent", agent)).await
}

#[expect(clippy::disallowed_methods, reason = "the server under test has a private address")]
fn reqwest_without_redirects() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    builder.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn engagement(mail: &Value) -> &Value {
    &mail["deliveries"][0]["engagement"]
}

/// The types of a mail's events after those of its delivery.
fn later(mail: &Value) -> Vec<&str> {
    let kinds = mail["events"].as_array().unwrap().iter();
    kinds
        .map(|event| event["type"].as_str().unwrap())
        .filter(|kind| ["opened", "clicked"].contains(kind))
        .collect()
}

#[tokio::test]
async fn a_reader_who_opens_a_mail_and_follows_a_link_is_told_of() {
    let (app, endpoint) =
        (Setup::default().telling_this_machine().start().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    let hook = json!({"url": endpoint.url(), "events": ["email.opened", "email.clicked"]});
    assert_eq!(app.post("/v1/webhooks", &key, hook).await.status, 201);
    let (id, image, link) = tracked(&app, &key).await;

    let pixel = ask_as(&app, FIREFOX, Method::GET, &image).await;
    assert_eq!((pixel.status, pixel.header("content-type")), (200, "image/gif"));
    assert!(pixel.bytes.len() == 43 && pixel.bytes.starts_with(b"GIF89a"));
    assert!(pixel.header("cache-control").contains("no-store"));
    let led = ask_as(&app, FIREFOX, Method::GET, &link).await;
    let target = "https://shop.example/order?id=1&x=2#top";
    assert_eq!((led.status, led.header("location")), (302, target));
    assert_eq!(led.header("referrer-policy"), "no-referrer");

    let mail = app.mail_when(&key, &id, |mail| later(mail).len() == 2).await;
    assert_eq!(mail["deliveries"][0]["status"], "captured");
    let counts = json!({"opens": 1, "clicks": 1, "automatedOpens": 0, "automatedClicks": 0});
    assert_eq!(engagement(&mail), &counts);
    let status = app.get(&format!("/v1/mails/{id}/status"), &key).await.body["data"].clone();
    assert!(status["openedAt"].is_string() && status["clickedAt"].is_string(), "{status}");
    assert_eq!(status["status"], "captured");
    let mut told: Vec<Value> =
        endpoint.wait_for(2).await.iter().map(super::webhook_endpoint::Received::json).collect();
    told.sort_by_key(|told| told["type"].to_string());
    assert_eq!(told[0]["type"], "email.clicked");
    assert_eq!(told[0]["data"]["clickedUrl"], target);
    assert_eq!(told[0]["data"]["to"]["email"], "ada@example.org");
    assert_eq!(told[1]["type"], "email.opened");
    assert_eq!(told[1]["data"]["emailId"], id.as_str());
    app.stop().await;
}

#[tokio::test]
async fn readers_are_told_of_in_resends_words_too() {
    let (app, endpoint) =
        (Setup::default().telling_this_machine().start().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    let hook = json!({"endpoint": endpoint.url(), "events": ["email.opened", "email.clicked"]});
    assert_eq!(app.post("/webhooks", &key, hook).await.status, 201);
    let (id, image, link) = tracked(&app, &key).await;
    ask_as(&app, FIREFOX, Method::GET, &image).await;
    ask_as(&app, FIREFOX, Method::GET, &link).await;
    let mut told: Vec<Value> =
        endpoint.wait_for(2).await.iter().map(super::webhook_endpoint::Received::json).collect();
    told.sort_by_key(|told| told["type"].to_string());
    assert_eq!(
        (&told[0]["type"], &told[1]["type"]),
        (&json!("email.clicked"), &json!("email.opened"))
    );
    assert_eq!(told[0]["data"]["click"]["link"], "https://shop.example/order?id=1&x=2#top");
    assert_eq!(
        (&told[1]["data"]["email_id"], &told[1]["data"]["to"]),
        (&json!(id), &json!(["ada@example.org"]))
    );
    app.stop().await;
}

#[tokio::test]
async fn programs_are_counted_apart_and_told_to_nobody() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let (id, image, link) = tracked(&app, &key).await;
    let proxy =
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";
    for (agent, method, path) in [
        (proxy, Method::GET, &image),
        ("Mozilla/5.0", Method::GET, &image),
        (FIREFOX, Method::HEAD, &image),
        (FIREFOX, Method::HEAD, &link),
        ("Barracuda Sentinel", Method::GET, &link),
    ] {
        let reply = ask_as(&app, agent, method, path).await;
        assert!(matches!(reply.status, 200 | 302), "{agent}");
    }
    // A scanner that passes for a browser follows links before anybody can have read the mail.
    app.sql("UPDATE events SET at = now() + interval '1 minute' WHERE type = 'captured'").await;
    ask_as(&app, FIREFOX, Method::GET, &link).await;
    let counts = json!({"opens": 0, "clicks": 0, "automatedOpens": 3, "automatedClicks": 3});
    let mail = app.mail_when(&key, &id, |mail| engagement(mail) == &counts).await;
    assert!(later(&mail).is_empty());
    let status = app.get(&format!("/v1/mails/{id}/status"), &key).await.body["data"].clone();
    assert!(status["openedAt"].is_null() && status["clickedAt"].is_null(), "{status}");
    app.stop().await;
}

#[tokio::test]
async fn a_flood_of_requests_for_one_link_is_a_few_rows_and_loses_no_count() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let (id, image, link) = tracked(&app, &key).await;
    // What one node counts between two times is told once; here each is a time of its own.
    for times in 1..=12_i64 {
        ask_as(&app, FIREFOX, Method::GET, &link).await;
        app.mail_when(&key, &id, |mail| engagement(mail)["clicks"] == times).await;
    }
    let mail = app.mail(&key, &id).await;
    assert_eq!(later(&mail), ["clicked"; 10]);
    for _ in 0..200 {
        ask_as(&app, FIREFOX, Method::GET, &image).await;
    }
    let mail = app.mail_when(&key, &id, |mail| engagement(mail)["opens"] == 200).await;
    assert!(later(&mail).iter().filter(|kind| **kind == "opened").count() <= 10);
    assert_eq!(app.number("SELECT count(*) FROM engagements").await, 2);
    app.stop().await;
}

#[tokio::test]
async fn what_was_counted_is_written_down_when_a_node_stops() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let (id, image, _) = tracked(&app, &key).await;
    let other = Setup::default().beside(&app).start().await;
    // Links are another node's as well, if both have one SECRET_KEY.
    ask_as(&other, FIREFOX, Method::GET, &image).await;
    other.stop().await;
    assert_eq!(later(&app.mail(&key, &id).await), ["opened"]);
    app.stop().await;
}

#[tokio::test]
async fn a_link_leads_nowhere_that_the_mails_author_did_not_say() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let (_, image, link) = tracked(&app, &key).await;
    let token = |path: &str| path.rsplit('/').next().unwrap().trim_end_matches(".gif").to_owned();
    let mut bent = link.clone();
    bent.pop();
    for path in [
        bent.as_str(),
        "/t/c/x",
        "/t/o/x.gif",
        &format!("/t/c/{}", token(&image)),
        &format!("/t/o/{}.gif", token(&link)),
        &format!("/u/{}", token(&link)),
        "/t/c/https%3A%2F%2Fevil.example",
    ] {
        let reply = ask_as(&app, FIREFOX, Method::GET, path).await;
        assert_eq!((reply.status, reply.header("location")), (404, ""), "{path}");
    }
    // A mail that is gone leads on, and is counted no more.
    app.sql("DELETE FROM mails").await;
    assert_eq!(ask_as(&app, FIREFOX, Method::GET, &link).await.status, 302);
    app.stop().await;
}

#[tokio::test]
async fn the_project_chooses_where_a_mail_says_nothing() {
    let app = TestApp::start().await;
    let (key, account) = (app.full_key().await, app.account_key().await);
    let path = format!("/v1/account/projects/{}", app.project);
    let change = json!({"trackingOpen": true, "trackingClick": true});
    let reply = app.patch(&path, &account, change).await;
    assert_eq!(reply.body["data"]["trackingOpen"], true, "{}", reply.body);
    assert_eq!(app.get(&path, &account).await.body["data"]["trackingClick"], true);
    let link = "<a href=\"https://shop.example/\">x</a>";
    for (members, opens, clicks) in [
        (json!({}), true, true),
        (json!({"trackingOpen": false}), false, true),
        (json!({"trackingOpen": true, "trackingClick": false}), true, false),
        (json!({"trackingOpen": false, "trackingClick": false}), false, false),
    ] {
        let mut mail = letter_with(json!({"html": link}));
        mail.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let id = app.accepted(&key, mail).await;
        let html = html(&app, &key, &id, 0).await;
        assert_eq!((html.contains("/t/o/"), html.contains("/t/c/")), (opens, clicks), "{members}");
        assert_eq!(app.mail(&key, &id).await["html"], link);
    }
    // Text tells nothing.
    let id = app.accepted(&key, letter_with(json!({"text": "https://shop.example/"}))).await;
    app.mail_in(&key, &id, "captured").await;
    let reply = app.get(&format!("/v1/mails/{id}/captured/0"), &key).await;
    assert!(!String::from_utf8(reply.bytes.to_vec()).unwrap().contains("/t/"));
    let logged = "SELECT count(*) FROM audit_log WHERE action = 'project.updated'";
    assert_eq!(app.number(logged).await, 1);
    app.stop().await;
}
