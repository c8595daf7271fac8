//! Unsubscribing: the links in mails, the page behind them, and the one request of mail programs (RFC 8058).

use mail_parser::{Message, MessageParser};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Reply, Setup, TestApp, TestKey};
use crate::letter_with;
use crate::smtp_server::SmtpServer;
use crate::suppressions::{entries, group};
use crate::webhook_endpoint::WebhookEndpoint;

/// The captured message of a recipient.
async fn message(app: &TestApp, key: &TestKey, id: &str, position: usize) -> Vec<u8> {
    let is_over = |mail: &Value| mail["status"] != "queued";
    app.mail_when(key, id, is_over).await;
    let reply = app.get(&format!("/v1/mails/{id}/captured/{position}"), key).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.bytes.to_vec()
}

fn parsed(bytes: &[u8]) -> Message<'_> {
    MessageParser::default().parse(bytes).unwrap()
}

/// The path of the link in the header, without the server's address.
fn link(app: &TestApp, bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let field = text.split("\r\nList-Unsubscribe: <").nth(1).expect("the header has a link");
    let (url, _) = field.split_once(">\r\n").unwrap();
    assert!(text.contains("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"), "{text}");
    let path = url.strip_prefix(&format!("http://{}", app.address)).unwrap();
    assert!(path.starts_with("/u/") && !path.contains('@'), "{path}");
    path.to_owned()
}

/// Follows a link as a browser does.
async fn look(app: &TestApp, path: &str) -> Reply {
    app.ask(app.request(Method::GET, path).header("accept", "text/html,*/*")).await
}

/// Sends a form.
async fn submit(app: &TestApp, path: &str, form: &str) -> Reply {
    let request = app
        .request(Method::POST, path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.to_owned());
    app.ask(request).await
}

fn page(reply: &Reply) -> String {
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8", "{}", reply.body);
    String::from_utf8(reply.bytes.to_vec()).unwrap()
}

const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// A mail of a group that was captured; its id and its link.
async fn sent_in(app: &TestApp, key: &TestKey, group: &str) -> (String, String) {
    let id = app.accepted(key, letter_with(json!({"unsubscribeGroupId": group}))).await;
    let path = link(app, &message(app, key, &id, 0).await);
    (id, path)
}

fn kinds(mail: &Value) -> Vec<&str> {
    mail["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_recipient_gets_a_link_of_their_own_and_nobody_elses() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let news = group(&app, &key, "News").await;
    app.accepted(
        &key,
        letter_with(json!({
            "to": ["ada@example.org"], "cc": ["bob@example.org"], "bcc": ["carol@example.org"],
            "unsubscribeGroupId": news,
            "html": "<p>Hello {{name}}</p><a href=\"{{unsubscribe}}\">no more</a>",
            "text": "{{unsubscribe}} {{ unsubscribe_preference }}",
            "dynamicData": {"name": "you"},
        })),
    )
    .await;
    let mut links = Vec::new();
    for mail in server.wait_for(3).await {
        let path = link(&app, &mail.data);
        let url = format!("http://{}{path}", app.address);
        let message = parsed(&mail.data);
        let html = message.body_html(0).unwrap();
        assert!(html.contains(&format!("<p>Hello you</p><a href=\"{url}\">no more</a>")), "{html}");
        let text = message.body_text(0).unwrap();
        assert_eq!(text.trim(), format!("{url} {url}#preferences"));
        assert!(page(&look(&app, &path).await).contains(&format!("{}•••@", &mail.to[0][..1])));
        links.push((mail.to[0].clone(), path));
    }
    links.sort();
    assert!(links.windows(2).all(|pair| pair[0].0 != pair[1].0 && pair[0].1 != pair[1].1));
    assert_eq!(submit(&app, &links[1].1, ONE_CLICK).await.status, 200);
    let entries = entries(&app, &key, json!({})).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (&entries[0]["email"], &entries[0]["reason"]),
        (&json!("bob@example.org"), &json!("UNSUBSCRIBE"))
    );
    app.stop().await;
}

#[tokio::test]
async fn tags_that_are_links_need_no_variables_and_mail_without_any_has_no_header() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = app.accepted(&key, letter_with(json!({
        "text": null, "html": "<p>{{name}} <a href='{{ unsubscribe }}'>bye</a> {{{unsubscribe_preferences}}}</p>",
    }))).await;
    let bytes = message(&app, &key, &id, 0).await;
    let url = format!("http://{}{}", app.address, link(&app, &bytes));
    let html = parsed(&bytes).body_html(0).unwrap().into_owned();
    assert_eq!(
        html.trim(),
        format!("<p>{{{{name}}}} <a href='{url}'>bye</a> {url}#preferences</p>")
    );
    let text = parsed(&bytes).body_text(0).unwrap().into_owned();
    assert!(text.contains(&format!("bye [{url}]")), "{text}");
    // It is all mail of the project that this recipient unsubscribes from.
    let shown = app.mail(&key, &id).await;
    assert!(shown["html"].as_str().unwrap().contains("<a href='{{unsubscribe}}'>"), "{shown}");
    let preview = app.get(&format!("/v1/mails/{id}/preview"), &key).await;
    assert!(String::from_utf8(preview.bytes.to_vec()).unwrap().contains("{{unsubscribe}}"));
    assert_eq!(submit(&app, &link(&app, &bytes), ONE_CLICK).await.status, 200);
    assert_eq!(entries(&app, &key, json!({"isGlobal": true})).await.len(), 1);

    for plain in [
        json!({"to": "bob@example.org", "text": "{{name}}"}),
        json!({"to": "bob@example.org", "text": "{{unsubscribe}}",
               "dynamicData": {"unsubscribe": "https://example.com/bye"}}),
        json!({"to": "bob@example.org", "subject": "{{unsubscribe}}!", "dynamicData": {}}),
    ] {
        let id = app.accepted(&key, letter_with(plain)).await;
        let text = String::from_utf8(message(&app, &key, &id, 0).await).unwrap();
        assert!(
            !text.contains("List-Unsubscribe") && !text.contains("posthaste.invalid"),
            "{text}"
        );
    }
    let many = letter_with(json!({"text": "{{unsubscribe}}".repeat(101)}));
    app.send(&key, many).await.assert_refused(400, "VALIDATION_FAILED");
    app.stop().await;
}

#[tokio::test]
async fn one_request_of_a_mail_program_unsubscribes_once_and_for_ever() {
    let setup = Setup::default().telling_this_machine();
    let (app, endpoint) = (setup.start().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    let events = ["email.group_unsubscribed", "email.group_resubscribed", "email.unsubscribed"];
    let hook = json!({"url": endpoint.url(), "events": events});
    assert_eq!(app.post("/v1/webhooks", &key, hook).await.status, 201);
    let news = group(&app, &key, "News").await;
    let (id, path) = sent_in(&app, &key, &news).await;

    let at_once = (0..12).map(|_| submit(&app, &path, ONE_CLICK));
    for reply in futures(at_once).await {
        assert_eq!(reply.status, 200);
        assert!(page(&reply).contains("You are unsubscribed."));
        assert!(reply.header("set-cookie").is_empty());
    }
    let told = endpoint.wait_for(1).await.remove(0).json();
    assert_eq!(told["type"], "email.group_unsubscribed");
    let data = json!({"email": "ada@example.org", "emailId": id, "unsubscribeGroupId": news});
    assert_eq!(told["data"], data);
    let mail = app.mail(&key, &id).await;
    assert_eq!(kinds(&mail), ["queued", "captured", "group_unsubscribed"]);
    assert_eq!(mail["deliveries"][0]["status"], "captured");
    let next = app.accepted(&key, letter_with(json!({"unsubscribeGroupId": news}))).await;
    app.mail_in(&key, &next, "suppressed").await;
    let other = app.accepted(&key, letter_with(json!({}))).await;
    app.mail_in(&key, &other, "captured").await;

    let multipart = app
        .request(Method::POST, &path)
        .header("content-type", "multipart/form-data; boundary=x")
        .header("accept", "application/json")
        .body("--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n");
    let reply = app.ask(multipart).await;
    assert_eq!(reply.body["data"], json!({"unsubscribed": true, "unsubscribeGroupId": news}));

    // The link outlives the mail.
    app.sql("DELETE FROM mails; DELETE FROM events; DELETE FROM mail_bodies").await;
    assert_eq!(submit(&app, &path, "action=resubscribe").await.status, 200);
    assert!(entries(&app, &key, json!({})).await.is_empty());
    assert_eq!(submit(&app, &path, ONE_CLICK).await.status, 200);
    assert_eq!(entries(&app, &key, json!({"groupId": news})).await.len(), 1);
    let told = endpoint.wait_for(3).await;
    let mut found: Vec<String> = told.iter().map(super::webhook_endpoint::Received::kind).collect();
    found.sort();
    assert_eq!(found, [events[1], events[0], events[0]]);
    assert_eq!(app.number("SELECT count(*) FROM events WHERE type LIKE '%subscribed'").await, 0);
    app.stop().await;
}

/// All of them at once.
async fn futures(all: impl Iterator<Item = impl Future<Output = Reply>>) -> Vec<Reply> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut replies = Vec::new();
    std::future::poll_fn(|context| {
        all.retain_mut(|reply| match reply.as_mut().poll(context) {
            std::task::Poll::Ready(reply) => {
                replies.push(reply);
                false
            }
            std::task::Poll::Pending => true,
        });
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    replies
}

#[tokio::test]
async fn looking_at_the_page_changes_nothing_and_it_needs_nothing_from_anybody() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let news = group(&app, &key, "News & <offers>").await;
    let (_, path) = sent_in(&app, &key, &news).await;
    for method in [Method::GET, Method::HEAD, Method::GET] {
        assert_eq!(app.ask(app.request(method, &path)).await.status, 200);
    }
    let reply = look(&app, &path).await;
    let policy = reply.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    let html = page(&reply);
    assert!(
        html.contains("News &amp; &lt;offers&gt;") && html.contains("a•••@example.org"),
        "{html}"
    );
    assert!(
        !html.contains("<script") && !html.contains("ada@") && !html.contains("src="),
        "{html}"
    );
    // What fills in forms, and what is no form, unsubscribes nobody.
    for form in ["", "action=", "action=x&email=a", "{\"List-Unsubscribe\":\"One-Click\"}"] {
        assert_eq!(submit(&app, &path, form).await.status, 400, "{form}");
    }
    assert!(entries(&app, &key, json!({})).await.is_empty());
    let large = submit(&app, &path, &format!("x={}", "x".repeat(20_000))).await;
    assert_eq!(large.status, 413);
    assert!(page(&large).contains("Nothing was changed"));
    app.stop().await;
}

#[tokio::test]
async fn a_recipient_chooses_which_mail_to_get() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let (news, offers) = (group(&app, &key, "News").await, group(&app, &key, "Offers").await);
    let stopped = group(&app, &key, "Stopped").await;
    let body = json!({"emails": ["ada@example.org"], "groupId": stopped});
    app.post("/v1/suppression-groups/emails/suppress", &key, body).await;
    let stranger = app.key_of(app.another_project().await).await;
    let foreign = group(&app, &stranger, "Foreign").await;
    let (_, path) = sent_in(&app, &key, &news).await;
    assert!(!page(&look(&app, &path).await).contains(&foreign));

    let shown =
        format!("action=choose&shown={news}&shown={offers}&shown={stopped}&shown={foreign}");
    let reply = submit(&app, &path, &format!("{shown}&wanted={news}")).await;
    assert!(page(&reply).contains("Your choice is saved."));
    let unwanted = async || {
        let found = entries(&app, &key, json!({"reason": "UNSUBSCRIBE"})).await;
        let mut groups: Vec<String> =
            found.iter().map(|entry| entry["groupId"].as_str().unwrap().to_owned()).collect();
        groups.sort();
        groups
    };
    assert_eq!(unwanted().await, std::slice::from_ref(&offers));
    // What somebody of the project said stays, whatever a recipient wants; so does what nobody was asked about.
    submit(&app, &path, &format!("{shown}&wanted={offers}&wanted={stopped}")).await;
    assert_eq!(unwanted().await, std::slice::from_ref(&news));
    submit(&app, &path, &format!("action=choose&shown={offers}")).await;
    let mut both = vec![news.clone(), offers.clone()];
    both.sort();
    assert_eq!(unwanted().await, both);
    assert_eq!(entries(&app, &key, json!({"reason": "MANUAL"})).await.len(), 1);
    assert!(entries(&app, &stranger, json!({})).await.is_empty());

    assert!(page(&submit(&app, &path, "action=everything").await).contains("Get mail again"));
    let id = app.accepted(&key, letter_with(json!({}))).await;
    app.mail_in(&key, &id, "suppressed").await;
    submit(&app, &path, "action=resubscribe").await;
    assert_eq!(unwanted().await, std::slice::from_ref(&offers));
    let id = app.accepted(&key, letter_with(json!({}))).await;
    app.mail_in(&key, &id, "captured").await;
    app.stop().await;
}

#[tokio::test]
async fn a_link_of_a_deleted_group_still_says_no() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let news = group(&app, &key, "News").await;
    let (_, path) = sent_in(&app, &key, &news).await;
    app.delete(&format!("/v1/suppression-groups/{news}"), &key).await;
    assert!(page(&look(&app, &path).await).contains("value=\"unsubscribe\""));
    assert!(page(&submit(&app, &path, ONE_CLICK).await).contains("You are unsubscribed."));
    assert_eq!(app.number("SELECT count(*) FROM suppressions").await, 1);
    // Those of deleted groups are nobody's to see.
    assert!(entries(&app, &key, json!({})).await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_link_of_ours_leads_nowhere() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let news = group(&app, &key, "News").await;
    let (_, path) = sent_in(&app, &key, &news).await;
    let mut bent = path.clone();
    bent.pop();
    for wrong in [bent.as_str(), "/u/x", "/u/%00", "/u/..%2f", &format!("/u/{}", "A".repeat(6000))]
    {
        let reply = look(&app, wrong).await;
        assert_eq!(reply.status, 404, "{wrong}");
        assert!(page(&reply).contains("not complete"), "{wrong}");
        assert_eq!(submit(&app, wrong, ONE_CLICK).await.status, 404, "{wrong}");
    }
    assert!(entries(&app, &key, json!({})).await.is_empty());
    app.stop().await;

    // Another node with the same key understands it, one with another does not.
    let other = Setup::default()
        .with(|settings| {
            settings.secret_key = Some("another secret key that is long enough".into());
        })
        .start()
        .await;
    assert_eq!(look(&other, &path).await.status, 404);
    other.stop().await;
}

#[tokio::test]
async fn a_link_of_a_deleted_project_writes_nothing_down_and_says_that_no_mail_comes() {
    let app = TestApp::start().await;
    let project = app.another_project().await;
    let key = app.key_of(project).await;
    let news = group(&app, &key, "News").await;
    let (_, path) = sent_in(&app, &key, &news).await;
    let doer = posthaste::domain::audit::Doer::server();
    posthaste::service::projects::delete(&app.database.pool, app.account, project, doer)
        .await
        .unwrap();

    assert!(page(&look(&app, &path).await).contains("gets no mail from this sender"));
    let choice = format!("action=choose&shown={news}&wanted={news}");
    for form in [ONE_CLICK, "action=everything", "action=resubscribe", &choice] {
        let reply = submit(&app, &path, form).await;
        assert_eq!(reply.status, 200);
        let page = page(&reply);
        assert!(page.contains("gets no mail from this sender") && !page.contains("<button"));
        assert!(!page.contains("You get this mail") && !page.contains("choice is saved"));
    }
    assert_eq!(app.number("SELECT count(*) FROM suppressions").await, 0);
    app.stop().await;
}
