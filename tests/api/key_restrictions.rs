//! What a key is held to, and what only looks as if it were allowed.

use posthaste::domain::restrictions::Restrictions;
use reqwest::Method;
use serde_json::json;

use crate::app::{Reply, Setup, TestApp, TestKey, eventually};
use crate::{entries, letter, letter_with};

async fn held_to(app: &TestApp, restrictions: Restrictions) -> TestKey {
    app.key_with(|key| key.restrictions = restrictions).await
}

async fn from(app: &TestApp, key: &TestKey, sender: &str) -> Reply {
    app.send(key, letter_with(json!({"from": {"email": sender}}))).await
}

async fn to(app: &TestApp, key: &TestKey, recipient: &str) -> Reply {
    app.send(key, letter_with(json!({"to": {"email": recipient}}))).await
}

#[tokio::test]
async fn a_key_sends_from_its_domains_alone() {
    let app = TestApp::start().await;
    let domains = Some(entries(&["example.com", "bücher.example"]));
    let key = held_to(&app, Restrictions { domains, ..Restrictions::default() }).await;
    let allowed = [
        "a@example.com",
        "a@EXAMPLE.COM",
        "a@bücher.example",
        "a@BÜCHER.example",
        "a@xn--bcher-kva.example",
    ];
    for sender in allowed {
        assert_eq!(from(&app, &key, sender).await.status, 200, "{sender}");
    }
    for sender in [
        "a@notexample.com",
        "a@mail.example.com",
        "a@example.com.evil.example",
        "a@example.co",
        "example.com@evil.example",
        "a@bucher.example",
    ] {
        from(&app, &key, sender).await.assert_refused(403, "FROM_DOMAIN_NOT_ALLOWED");
    }
    for sender in [
        "\"a@example.com\"@evil.example",
        "a@evil.example@example.com",
        "a@example.com\r\n",
        "a@example.com.",
    ] {
        let reply = from(&app, &key, sender).await;
        assert!(reply.status == 400 || reply.status == 200, "{sender}: {}", reply.body);
    }
    let stored = "SELECT count(*) FROM mails WHERE split_part(from_address, '@', 2) NOT IN ('example.com', 'xn--bcher-kva.example')";
    assert_eq!(app.number(stored).await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_key_sends_to_its_recipients_alone_whatever_line_they_stand_in() {
    let app = TestApp::start().await;
    let recipients = Some(entries(&["Ada@Example.org", "example.net"]));
    let key = held_to(&app, Restrictions { recipients, ..Restrictions::default() }).await;
    for recipient in ["ada@example.org", "ADA@EXAMPLE.ORG", "anyone@example.net"] {
        assert_eq!(to(&app, &key, recipient).await.status, 200, "{recipient}");
    }
    for recipient in [
        "bob@example.org",
        "ada+x@example.org",
        "ada@sub.example.org",
        "ada@notexample.net",
        "a@sub.example.net",
        "ada%example.org@evil.example",
        "xada@example.org",
    ] {
        to(&app, &key, recipient).await.assert_refused(403, "RECIPIENT_NOT_ALLOWED");
    }
    to(&app, &key, "\"ada@example.org\"@evil.example")
        .await
        .assert_refused(400, "VALIDATION_FAILED");
    let before = app.mails_stored().await;
    for line in ["cc", "bcc"] {
        let smuggled =
            json!({"to": {"email": "ada@example.org"}, line: [{"email": "eve@evil.example"}]});
        app.send(&key, letter_with(smuggled)).await.assert_refused(403, "RECIPIENT_NOT_ALLOWED");
    }
    assert_eq!(app.mails_stored().await, before);
    app.stop().await;
}

#[tokio::test]
async fn empty_lists_send_nothing() {
    let app = TestApp::start().await;
    let no_domain = Restrictions { domains: Some(Vec::new()), ..Restrictions::default() };
    let no_recipient = Restrictions { recipients: Some(Vec::new()), ..Restrictions::default() };
    for (restrictions, code) in
        [(no_domain, "FROM_DOMAIN_NOT_ALLOWED"), (no_recipient, "RECIPIENT_NOT_ALLOWED")]
    {
        let key = held_to(&app, restrictions).await;
        app.send(&key, letter()).await.assert_refused(403, code);
    }
    // Somebody has written what no program of ours can read: that allows nothing, and not everything.
    let key = app.full_key().await;
    app.sql("UPDATE api_keys SET domains = '{*,\"example com\"}', ip_allowlist = '{127.0.0.1/8}'")
        .await;
    app.send(&key, letter()).await.assert_refused(403, "IP_NOT_ALLOWED");
    app.stop().await;
}

/// A node that believes what proxies on this machine say, so that a test can come from anywhere.
async fn behind_a_proxy() -> TestApp {
    Setup::default()
        .with(|settings| settings.trusted_proxies = Some("127.0.0.1".into()))
        .start()
        .await
}

async fn ask_from(app: &TestApp, key: &TestKey, address: &str) -> Reply {
    let request = app.request(Method::GET, "/v1/api-keys/me").bearer_auth(key.text());
    app.ask(request.header("x-forwarded-for", address).header("x-forwarded-proto", "https")).await
}

#[tokio::test]
async fn a_key_is_used_from_its_networks_alone_in_either_notation() {
    let app = behind_a_proxy().await;
    let ip_allowlist = Some(entries(&["192.0.2.0/25", "::ffff:198.51.100.7", "2001:db8:1::/48"]));
    let key = held_to(&app, Restrictions { ip_allowlist, ..Restrictions::default() }).await;
    for address in [
        "192.0.2.0",
        "192.0.2.127",
        "::ffff:192.0.2.1",
        "198.51.100.7",
        "::ffff:c633:6407",
        "2001:db8:1:ffff::1",
        "[2001:db8:1::1]:4711",
    ] {
        assert_eq!(ask_from(&app, &key, address).await.status, 200, "{address}");
    }
    for address in [
        "192.0.2.128",
        "::ffff:192.0.2.128",
        "198.51.100.8",
        "2001:db8:2::1",
        "::192.0.2.1",
        // Only the last entry was written by a proxy that is believed.
        "192.0.2.1, 203.0.113.1",
    ] {
        ask_from(&app, &key, address).await.assert_refused(403, "IP_NOT_ALLOWED");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_dry_run_refuses_nobody_and_an_enforced_list_refuses_before_anything_else() {
    let app = TestApp::start().await;
    let restrictions = Restrictions {
        ip_allowlist: Some(entries(&["203.0.113.0/24"])),
        ip_allowlist_dry_run: true,
        ..Restrictions::default()
    };
    let key = held_to(&app, restrictions).await;
    app.accepted(&key, letter()).await;
    let account = app.account_key().await;
    let path = format!("/v1/account/api-keys/{}", key.id);
    let enforced = app.patch(&path, &account, json!({"ipAllowlistDryRun": false})).await;
    assert_eq!(enforced.status, 200, "{}", enforced.body);
    app.send(&key, json!({"not": "a mail"})).await.assert_refused(403, "IP_NOT_ALLOWED");
    assert_eq!(app.mails_stored().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_narrowed_key_is_narrow_at_once_here_and_soon_elsewhere() {
    let app = TestApp::start().await;
    let other = Setup::default().beside(&app).start().await;
    let (account, key) = (app.account_key().await, app.full_key().await);
    for node in [&app, &other] {
        node.accepted(&key, letter()).await;
    }
    let path = format!("/v1/account/api-keys/{}", key.id);
    let narrow = json!({"domains": ["example.net"], "permissions": ["mails:send"]});
    assert_eq!(app.patch(&path, &account, narrow).await.status, 200);

    app.send(&key, letter()).await.assert_refused(403, "FROM_DOMAIN_NOT_ALLOWED");
    app.get("/v1/mails", &key).await.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    let is_narrow = async || (other.send(&key, letter()).await.status == 403).then_some(());
    eventually(is_narrow).await.expect("the other node hears of it");
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn limits_that_are_changed_hold_from_the_next_request_on() {
    let app = Setup::default().limits(100, 1000).standing_clock().start().await;
    let (account, key) = (app.account_key().await, app.full_key().await);
    assert_eq!(app.get("/v1/api-keys/me", &key).await.status, 200);
    let path = format!("/v1/account/api-keys/{}", key.id);
    assert_eq!(
        app.patch(&path, &account, json!({"rateLimit": {"perSecond": 2}})).await.status,
        200
    );
    let second = app.get("/v1/api-keys/me", &key).await;
    assert_eq!(second.body["data"]["remaining"]["second"]["remaining"], 0);
    app.get("/v1/api-keys/me", &key).await.assert_refused(429, "RATE_LIMIT_EXCEEDED");
    let wide = json!({"rateLimit": {"perSecond": 50, "perMinute": 60}});
    assert_eq!(app.patch(&path, &account, wide).await.status, 200);
    let third = app.get("/v1/api-keys/me", &key).await;
    assert_eq!(third.body["data"]["rateLimit"], json!({"perSecond": 50, "perMinute": 60}));
    assert_eq!(third.body["data"]["remaining"]["minute"]["remaining"], 57);
    app.stop().await;
}

#[tokio::test]
async fn mail_of_a_test_key_never_leaves_and_stays_that_of_a_test_key() {
    let app = TestApp::start().await;
    let account = app.account_key().await;
    let body = json!({"name": "Tests", "mode": "test", "projectId": app.project.to_string()});
    let key = TestKey::made(&app.post("/v1/account/api-keys", &account, body).await);
    assert!(key.text().starts_with("AS_test_"));
    let id = app.accepted(&key, letter_with(json!({"test": false}))).await;
    assert_eq!(app.mail_in(&key, &id, "captured").await["test"], true);
    app.stop().await;
}

#[tokio::test]
async fn a_key_that_is_held_to_a_deleted_domain_sends_nothing() {
    let app = Setup::default().limits(1000, 10_000).start().await;
    let owner = app.full_key().await;
    let other = app.another_project().await;
    let domain = app.post("/v1/domains", &owner, json!({"domain": "example.com"})).await;
    let domain = domain.body["data"]["id"].as_str().unwrap_or_else(|| panic!("{}", domain.body));
    let domain = domain.to_owned();
    let held_to = async |names: &[&str]| {
        app.key_with(|key| key.restrictions.domains = Some(entries(names))).await
    };
    let (bound, wider) =
        (held_to(&["example.com"]).await, held_to(&["example.com", "example.net"]).await);
    let stranger = app
        .key_with(|key| {
            key.project = Some(other);
            key.restrictions.domains = Some(entries(&["example.com"]));
        })
        .await;
    let letter_from = |from: &str| letter_with(json!({"from": {"email": from}}));
    assert_eq!(app.send(&bound, letter_from("a@example.com")).await.status, 200);

    assert_eq!(app.delete(&format!("/v1/domains/{domain}"), &owner).await.status, 200);
    for key in [&bound, &wider] {
        // Nodes hear of it a moment later.
        let is_refused = async || {
            let reply = app.send(key, letter_from("a@example.com")).await;
            (reply.status == 403).then_some(reply)
        };
        let refused = crate::app::eventually(is_refused).await.expect("the key is narrower");
        refused.assert_refused(403, "FROM_DOMAIN_NOT_ALLOWED");
    }
    assert_eq!(app.send(&wider, letter_from("a@example.net")).await.status, 200);
    assert_eq!(app.send(&stranger, letter_from("a@example.com")).await.status, 200);
    assert_eq!(app.send(&owner, letter_from("a@example.com")).await.status, 200);

    let shown = app.get(&format!("/v1/api-keys/{}", bound.id), &owner).await;
    assert!(shown.body.to_string().contains(r#""domains":[]"#), "{}", shown.body);
    let told = "SELECT count(*) FROM audit_log WHERE action = 'api_key.updated' AND details->'domains'->'from' ? 'example.com'";
    assert_eq!(app.number(told).await, 2);
    // To add the domain once more widens no key.
    assert!(app.post("/v1/domains", &owner, json!({"domain": "example.com"})).await.status < 300);
    assert_eq!(app.send(&bound, letter_from("a@example.com")).await.status, 403);
    app.stop().await;
}
