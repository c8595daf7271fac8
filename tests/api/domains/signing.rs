//! The keys of domains, and what is signed with them.

use reqwest::Method;
use serde_json::json;

use super::{added, asking, path, verified};
use crate::app::TestApp;
use crate::dns_server::DnsServer;
use crate::smtp_server::SmtpServer;
use crate::{letter, letter_with};

#[tokio::test]
async fn each_recipients_own_way_to_unsubscribe_is_signed() {
    let dns = DnsServer::start().await;
    let server = SmtpServer::start().await;
    let app = asking(&dns).delivering_to(&server).start().await;
    let key = app.full_key().await;
    verified(&app, &key, &dns, "example.com").await;
    let mail = json!({"to": ["ada@example.org", "bob@example.org"], "text": "{{unsubscribe}}"});
    app.accepted(&key, letter_with(mail)).await;
    let mails = server.wait_for(2).await;
    assert_ne!(mails[0].data, mails[1].data);
    for mail in &mails {
        let text = String::from_utf8(mail.data.clone()).unwrap();
        let (signatures, _) = text.split_once("\r\nDate: ").unwrap();
        let signatures: String = signatures.split_whitespace().collect();
        assert_eq!(
            signatures.matches("List-Unsubscribe:List-Unsubscribe-Post").count(),
            2,
            "{text}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn a_removed_domain_takes_no_more_mail_and_sends_what_it_took() {
    let dns = DnsServer::start().await;
    let server = SmtpServer::start().await;
    let app = asking(&dns).delivering_to(&server).start().await;
    let key = app.full_key().await;
    let domain = verified(&app, &key, &dns, "example.com").await;
    app.accepted(&key, letter()).await;
    let first = server.wait_for(1).await[0].data.clone();

    let reply = app.ask(app.request(Method::DELETE, &path(&domain)).bearer_auth(key.text())).await;
    assert_eq!(reply.body, json!({"success": true, "message": "Domain deleted successfully"}));
    app.send(&key, letter()).await.assert_refused(403, "DOMAIN_NOT_VERIFIED");
    app.get(&path(&domain), &key).await.assert_refused(404, "DOMAIN_NOT_FOUND");

    // As a node does that was not the one that took it: the same bytes, though the domain is gone.
    let second = DnsServer::start().await;
    let beside = asking(&second).delivering_to(&server).beside(&app).start().await;
    app.sql(
        "INSERT INTO deliveries (id, project_id, mail_id, position, hold, due_at)
         SELECT gen_random_uuid(), project_id, id, 0, false, now() FROM mails;
         UPDATE mails SET pending = 1, sent = 0",
    )
    .await;
    assert_eq!(server.wait_for(2).await[1].data, first);
    // It may be added again, with other keys.
    let again = added(&app, &key, "example.com").await;
    assert_ne!(again["dnsRecords"]["dkim"]["name"], domain["dnsRecords"]["dkim"]["name"]);
    app.stop().await;
    beside.stop().await;
}

#[tokio::test]
async fn mail_whose_keys_were_destroyed_or_cannot_be_read_never_goes_out_unsigned() {
    let dns = DnsServer::start().await;
    let server = SmtpServer::start().await;
    let app =
        asking(&dns).delivering_to(&server).with(|settings| settings.role = Some("api".into()));
    let app = app.start().await;
    let key = app.full_key().await;
    verified(&app, &key, &dns, "example.com").await;
    let id = app.accepted(&key, letter()).await;
    let worker = |secret: &str| {
        let secret = secret.to_owned();
        asking(&dns).delivering_to(&server).beside(&app).with(|settings| {
            settings.role = Some("worker".into());
            settings.secret_key = Some(secret.into());
        })
    };
    let stranger = worker("another secret key than the one that encrypted it").start().await;
    let mail = app.mail_in(&key, &id, "deferred").await;
    let words = mail["deliveries"][0]["lastReply"]["text"].as_str().unwrap();
    assert!(words.contains("SECRET_KEY"), "{words}");
    stranger.stop().await;

    app.sql("DELETE FROM domains; UPDATE deliveries SET due_at = now()").await;
    let node = asking(&dns).delivering_to(&server).beside(&app).start().await;
    let mail = app.mail_in(&key, &id, "bounced").await;
    let words = mail["deliveries"][0]["lastReply"]["text"].as_str().unwrap();
    assert!(words.contains("removed from the project"), "{words}");
    assert_eq!(server.connections().ever, 0);
    app.stop().await;
    node.stop().await;
}

#[tokio::test]
async fn keys_are_encrypted_and_never_shown() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let domain = added(&app, &key, "example.com").await;
    // PKCS#1 begins with a sequence (30 82) of a version (02 01 00) and the modulus; what is sealed looks like nothing.
    let readable = "SELECT count(*) FROM domains WHERE substr(rsa_private, 1, 2) = '\\x3082' OR length(rsa_private) < 1000";
    assert_eq!(app.number(readable).await, 0);
    assert!(!domain.to_string().to_lowercase().contains("private"));

    // A key that was moved to another row cannot be read there, which is not told apart from another SECRET_KEY.
    added(&app, &key, "example.org").await;
    app.sql("UPDATE domains SET verified_at = now()").await;
    app.sql(
        "UPDATE domains SET rsa_private = (SELECT rsa_private FROM domains WHERE name = 'example.org')",
    )
    .await;
    let id = app.accepted(&key, letter()).await;
    let mail = app.mail_in(&key, &id, "deferred").await;
    assert!(mail["deliveries"][0]["lastReply"]["text"].as_str().unwrap().contains("SECRET_KEY"));
    app.stop().await;
}

#[tokio::test]
async fn our_own_mails_are_signed_where_the_account_may_send_from_our_domain() {
    let (dns, server) = (DnsServer::start().await, SmtpServer::start().await);
    let app = asking(&dns)
        .delivering_to(&server)
        .with(|settings| settings.system_from = Some("Posthaste <posthaste@example.com>".into()))
        .start()
        .await;
    let account = app.account_key().await;
    let invite = async |email: &str| {
        let body = json!({"email": email, "role": "viewer"});
        let reply = app.post("/v1/account/invitations", &account, body).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        assert_eq!(reply.body["data"]["mailed"], true);
    };
    invite("eve@example.org").await;
    server.wait_for(1).await;
    verified(&app, &app.full_key().await, &dns, "example.com").await;
    invite("bob@example.org").await;
    let signed: Vec<bool> = server
        .wait_for(2)
        .await
        .iter()
        .map(|mail| String::from_utf8_lossy(&mail.data).contains("d=example.com;"))
        .collect();
    assert_eq!(signed, [false, true]);
    app.stop().await;
}
