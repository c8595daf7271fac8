//! Domains: adding, proving and losing them, and what may be sent from them.

use posthaste::domain::permission::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Reply, Setup, TestApp, TestKey, eventually};
use crate::dns_server::{DnsServer, Zone};
use crate::smtp_server::SmtpServer;
use crate::{letter, letter_with};

/// A node that asks this server, and sends from verified domains only.
fn asking(dns: &DnsServer) -> Setup {
    let address = dns.address().to_string();
    Setup::default().with(|settings| {
        settings.dns_server = Some(address);
        settings.require_verified_domains = Some("on".into());
    })
}

/// Adds a domain that must be accepted.
async fn added(app: &TestApp, key: &TestKey, name: &str) -> Value {
    let reply = app.post("/v1/domains", key, json!({"domain": name})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["data"].clone()
}

/// Sets the records that mail depends on.
fn prove(dns: &DnsServer, domain: &Value) {
    for record in ["ownership", "dkim", "dkimEd25519"] {
        let record = &domain["dnsRecords"][record];
        dns.set_text(record["name"].as_str().unwrap(), record["value"].as_str().unwrap());
    }
}

fn unprove(dns: &DnsServer, domain: &Value) {
    dns.remove(domain["dnsRecords"]["dkim"]["name"].as_str().unwrap());
}

fn path(domain: &Value) -> String {
    format!("/v1/domains/{}", domain["id"].as_str().unwrap())
}

async fn verify(app: &TestApp, key: &TestKey, domain: &Value) -> Reply {
    // Instead of waiting for the next turn.
    app.sql("UPDATE domains SET asked_at = NULL").await;
    app.post(&format!("{}/verify", path(domain)), key, json!({})).await
}

/// A domain that is verified.
async fn verified(app: &TestApp, key: &TestKey, dns: &DnsServer, name: &str) -> Value {
    let domain = added(app, key, name).await;
    prove(dns, &domain);
    let reply = verify(app, key, &domain).await;
    assert_eq!(reply.body["data"]["verificationStatus"], "VERIFIED", "{:#}", reply.body);
    domain
}

/// Waits until the domain, as the worker sees it, is as it should be.
async fn domain_when(
    app: &TestApp,
    key: &TestKey,
    domain: &Value,
    is_so: impl Fn(&Value) -> bool,
) -> Value {
    let path = path(domain);
    let look = async || Some(app.get(&path, key).await.body["data"].clone()).filter(|it| is_so(it));
    eventually(look).await.expect("the domain comes to be as it should")
}

async fn check_is_due(app: &TestApp) {
    app.sql("UPDATE domains SET next_check_at = now()").await;
}

#[tokio::test]
async fn a_domain_is_added_proved_and_sent_from() {
    let dns = DnsServer::start().await;
    let server = SmtpServer::start().await;
    let app = asking(&dns).delivering_to(&server).start().await;
    let key = app.full_key().await;

    let refusal = app.send(&key, letter()).await;
    refusal.assert_refused(403, "DOMAIN_NOT_VERIFIED");
    let words = refusal.body["error"]["message"].as_str().unwrap();
    assert!(words.contains("example.com") && words.contains("POST /v1/domains"), "{words}");

    let domain = added(&app, &key, "Example.COM").await;
    assert_eq!(domain["domainName"], "example.com");
    assert_eq!(domain["verificationStatus"], "PENDING_CONFIGURATION");
    assert_eq!(domain["verificationInProgress"], true);
    let records = &domain["dnsRecords"];
    assert_eq!(records["ownership"]["name"], "_posthaste-verify.example.com");
    assert_eq!(records["ownership"]["status"], "unchecked");
    assert_eq!(records["dmarc"]["value"], "v=DMARC1; p=none;");
    assert!(records["dkim"]["value"].as_str().unwrap().starts_with("v=DKIM1; k=rsa; p=MII"));
    let ed25519 = records["dkimEd25519"]["value"].as_str().unwrap();
    assert!(ed25519.starts_with("v=DKIM1; k=ed25519; p=") && ed25519.len() == 22 + 44, "{ed25519}");

    let reply = verify(&app, &key, &domain).await;
    assert_eq!(reply.body["message"], "Domain verification status updated");
    assert_eq!(reply.body["data"]["verificationStatus"], "PENDING_CONFIGURATION");
    assert_eq!(reply.body["data"]["domain"]["dnsRecords"]["dkim"]["status"], "missing");
    app.send(&key, letter()).await.assert_refused(403, "DOMAIN_NOT_VERIFIED");

    prove(&dns, &domain);
    let reply = verify(&app, &key, &domain).await;
    let data = &reply.body["data"];
    assert_eq!(data["verificationStatus"], "VERIFIED", "{data:#}");
    assert_eq!((&data["ownershipVerified"], &data["dkimEnabled"]), (&json!(true), &json!(true)));
    assert_eq!((&data["mailFromEnabled"], &data["dmarcEnabled"]), (&json!(false), &json!(false)));
    assert!(data["domain"]["verifiedAt"].is_string());

    app.accepted(&key, letter()).await;
    let mail = &server.wait_for(1).await[0];
    let text = String::from_utf8(mail.data.clone()).unwrap();
    assert_eq!(text.matches("DKIM-Signature: ").count(), 2, "{text}");
    assert!(text.starts_with("DKIM-Signature: v=1; a=rsa-sha256;"), "{text}");
    assert!(text.contains("d=example.com;"), "{text}");
    app.stop().await;
}

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
async fn sub_domains_and_look_alikes_are_domains_of_their_own() {
    let dns = DnsServer::start().await;
    let app = asking(&dns).start().await;
    let key = app.full_key().await;
    verified(&app, &key, &dns, "example.com").await;
    verified(&app, &key, &dns, "bücher.example").await;

    for good in ["a@example.com", "a@EXAMPLE.com", "a@bücher.example", "a@xn--bcher-kva.example"] {
        app.accepted(&key, letter_with(json!({"from": {"email": good}}))).await;
    }
    for bad in
        ["a@mail.example.com", "a@notexample.com", "a@example.com.example.org", "a@com.example"]
    {
        let reply = app.send(&key, letter_with(json!({"from": {"email": bad}}))).await;
        reply.assert_refused(403, "DOMAIN_NOT_VERIFIED");
    }
    // Test mail goes nowhere.
    app.accepted(&key, letter_with(json!({"from": {"email": "a@else.example"}, "test": true})))
        .await;
    app.stop().await;
}

#[tokio::test]
async fn every_project_proves_a_domain_for_itself() {
    let dns = DnsServer::start().await;
    let app = asking(&dns).start().await;
    let key = app.full_key().await;
    let domain = verified(&app, &key, &dns, "example.com").await;
    let other = app.key_of(app.another_project().await).await;

    app.get(&path(&domain), &other).await.assert_refused(404, "DOMAIN_NOT_FOUND");
    verify(&app, &other, &domain).await.assert_refused(404, "DOMAIN_NOT_FOUND");
    let delete = app.request(Method::DELETE, &path(&domain)).bearer_auth(other.text());
    app.ask(delete).await.assert_refused(404, "DOMAIN_NOT_FOUND");
    assert_eq!(app.get("/v1/domains", &other).await.body["data"]["domains"], json!([]));
    app.send(&other, letter()).await.assert_refused(403, "DOMAIN_NOT_VERIFIED");

    // The records of one prove nothing for the other, and stand beside each other.
    let second = added(&app, &other, "example.com").await;
    let reply = verify(&app, &other, &second).await;
    let ownership = &reply.body["data"]["domain"]["dnsRecords"]["ownership"];
    assert_eq!(ownership["status"], "different", "{ownership:#}");
    let value =
        |domain: &Value| domain["dnsRecords"]["ownership"]["value"].as_str().unwrap().to_owned();
    prove(&dns, &second);
    dns.set(
        "_posthaste-verify.example.com",
        Zone::Texts(vec![value(&domain), "else".into(), value(&second)]),
    );
    assert_eq!(verify(&app, &other, &second).await.body["data"]["verificationStatus"], "VERIFIED");
    assert_eq!(verify(&app, &key, &domain).await.body["data"]["verificationStatus"], "VERIFIED");
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_domain_or_there_already_is_refused() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for bad in [
        "",
        "com",
        "https://example.com",
        "example.com/",
        "a@example.com",
        "*.example.com",
        "192.0.2.1",
        "[::1]",
        "a b.example",
        "-a.example",
        "example..com",
    ] {
        let reply = app.post("/v1/domains", &key, json!({"domain": bad})).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), ["domain"], "{bad}");
    }
    let long = format!(
        "{}.example",
        ["a".repeat(60), "b".repeat(60), "c".repeat(60), "d".repeat(60)].join(".")
    );
    app.post("/v1/domains", &key, json!({"domain": long}))
        .await
        .assert_refused(400, "VALIDATION_FAILED");
    app.post("/v1/domains", &key, json!({})).await.assert_refused(400, "VALIDATION_FAILED");

    added(&app, &key, "bücher.example").await;
    let again = app.post("/v1/domains", &key, json!({"domain": "XN--BCHER-KVA.example"})).await;
    again.assert_refused(409, "DOMAIN_ALREADY_EXISTS");
    app.stop().await;
}

#[tokio::test]
async fn two_who_add_one_domain_at_once_make_one() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let add = || app.post("/v1/domains", &key, json!({"domain": "example.com"}));
    let (one, two) = tokio::join!(add(), add());
    let mut codes = [one.status, two.status];
    codes.sort_unstable();
    assert_eq!(codes, [200, 409]);
    app.stop().await;
}

#[tokio::test]
async fn domains_are_checked_and_lost_by_themselves() {
    let dns = DnsServer::start().await;
    let app = asking(&dns).start().await;
    let key = app.full_key().await;
    let domain = added(&app, &key, "example.com").await;
    prove(&dns, &domain);
    check_is_due(&app).await;
    domain_when(&app, &key, &domain, |it| it["verificationStatus"] == "VERIFIED").await;
    app.accepted(&key, letter()).await;

    // A server that cannot say is no miss, however often.
    let dkim = domain["dnsRecords"]["dkim"]["name"].as_str().unwrap();
    dns.set(dkim, Zone::Fails);
    for _ in 0..4 {
        check_is_due(&app).await;
        domain_when(&app, &key, &domain, |it| it["dnsRecords"]["dkim"]["status"] == "no_answer")
            .await;
    }
    unprove(&dns, &domain);
    for miss in 1..=3 {
        let checked = app.get(&path(&domain), &key).await.body["data"]["lastCheckedAt"].clone();
        check_is_due(&app).await;
        let seen = domain_when(&app, &key, &domain, |it| it["lastCheckedAt"] != checked).await;
        let status = if miss < 3 { "VERIFIED" } else { "PENDING_CONFIGURATION" };
        assert_eq!(seen["verificationStatus"], status, "after {miss}: {seen:#}");
        let health = app.get(&format!("{}/health", path(&domain)), &key).await.body["data"].clone();
        assert_eq!(health["status"], if miss < 3 { "fair" } else { "poor" }, "{health:#}");
    }
    let lost = app.get(&path(&domain), &key).await.body["data"].clone();
    assert!(lost["lostAt"].is_string());
    app.send(&key, letter()).await.assert_refused(403, "DOMAIN_NOT_VERIFIED");
    let told =
        "SELECT count(*) FROM audit_log WHERE action = 'domain.lost' AND actor_kind = 'server'";
    assert_eq!(app.number(told).await, 1);

    prove(&dns, &domain);
    check_is_due(&app).await;
    domain_when(&app, &key, &domain, |it| it["verificationStatus"] == "VERIFIED").await;
    app.accepted(&key, letter()).await;
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
async fn answers_of_every_kind_are_told_apart() {
    let dns = DnsServer::start().await;
    let app = asking(&dns).start().await;
    let key = app.full_key().await;
    let domain = added(&app, &key, "mail.example.com").await;
    let records = &domain["dnsRecords"];
    let text = |record: &str, field: &str| records[record][field].as_str().unwrap().to_owned();

    // Long ones come by TCP, in several strings.
    dns.set(&text("dkim", "name"), Zone::LongTexts(vec![text("dkim", "value")]));
    dns.set(&text("ownership", "name"), Zone::Garbage);
    dns.set_text(&text("dkimEd25519", "name"), "v=DKIM1; k=ed25519; p=AAAA");
    dns.set("mail.example.com", Zone::Texts(vec!["v=spf1 mx -all".into(), "secret=1".into()]));
    dns.set_text("_dmarc.example.com", "v=DMARC1; p=reject");
    let data = verify(&app, &key, &domain).await.body["data"]["domain"].clone();
    let states: Vec<_> = ["ownership", "dkim", "dkimEd25519", "dmarc"]
        .map(|record| data["dnsRecords"][record]["status"].clone())
        .into();
    assert_eq!(json!(states), json!(["no_answer", "found", "different", "found"]), "{data:#}");
    assert_eq!(data["dnsRecords"]["dkimEd25519"]["found"], json!(["v=DKIM1; k=ed25519; p=AAAA"]));
    assert_eq!((&data["mailFromEnabled"], &data["dmarcEnabled"]), (&json!(true), &json!(true)));
    assert!(!data.to_string().contains("secret=1"), "only what concerns us is shown: {data:#}");

    let health = app.get(&format!("{}/health", path(&domain)), &key).await.body["data"].clone();
    assert_eq!(health["status"], "poor");
    assert!(health["summary"].as_str().unwrap().contains("not verified"), "{health:#}");
    let names: Vec<_> = health["checks"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(
        json!(names),
        json!(["ownership", "dkim", "dkim_ed25519", "spf", "dmarc", "mail_host"])
    );
    assert!(health["checks"].as_array().unwrap().iter().all(|it| it["explanation"] != ""));

    prove(&dns, &domain);
    dns.set("mail.example.com", Zone::Mx("mx.example.com."));
    dns.set_text("_dmarc.mail.example.com", "v=DMARC1; p=none");
    verify(&app, &key, &domain).await;
    let health = app.get(&format!("{}/health", path(&domain)), &key).await.body["data"].clone();
    assert_eq!(health["status"], "fair", "{health:#}");
    assert_eq!(health["checks"][5]["status"], "found", "{health:#}");
    app.stop().await;
}

#[tokio::test]
async fn name_servers_that_say_nothing_cost_ten_seconds_and_nobody_else() {
    let dns = DnsServer::start().await;
    let app = asking(&dns).start().await;
    let key = app.full_key().await;
    let slow = added(&app, &key, "slow.example").await;
    for name in ["ownership", "dkim", "dkimEd25519", "dmarc"] {
        dns.set(slow["dnsRecords"][name]["name"].as_str().unwrap(), Zone::Silent);
    }
    let fast = added(&app, &key, "example.com").await;
    prove(&dns, &fast);
    check_is_due(&app).await;
    domain_when(&app, &key, &fast, |it| it["verificationStatus"] == "VERIFIED").await;
    let slow = domain_when(&app, &key, &slow, |it| it["lastCheckedAt"].is_string()).await;
    assert_eq!(slow["dnsRecords"]["ownership"]["status"], "no_answer");
    app.stop().await;
}

#[tokio::test]
async fn asking_too_often_is_refused() {
    let dns = DnsServer::start().await;
    let app = asking(&dns).start().await;
    let key = app.full_key().await;
    let domain = added(&app, &key, "example.com").await;
    let path = format!("{}/verify", path(&domain));
    let ask = || app.post(&path, &key, json!({}));
    let (one, two) = tokio::join!(ask(), ask());
    let refused = if one.status == 200 { two } else { one };
    refused.assert_refused(429, "RATE_LIMIT_EXCEEDED");
    app.stop().await;
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
async fn reading_domains_does_not_allow_to_change_them() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let reader = app.key(&[Permission::DomainsRead, Permission::SendersRead]).await;
    let domain = added(&app, &key, "example.com").await;
    assert_eq!(app.get(&path(&domain), &reader).await.status, 200);
    for (method, path) in [
        (Method::POST, "/v1/domains".to_owned()),
        (Method::POST, "/v1/senders".to_owned()),
        (Method::POST, format!("{}/verify", path(&domain))),
        (Method::DELETE, path(&domain)),
    ] {
        let request = app.request(method, &path).bearer_auth(reader.text());
        let reply = app.ask(request.json(&json!({"domain": "example.org"}))).await;
        reply.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    }
    app.stop().await;
}

#[tokio::test]
async fn senders_are_added_listed_and_removed() {
    let dns = DnsServer::start().await;
    let app = asking(&dns).start().await;
    let key = app.full_key().await;
    let sender = json!({"email": "hello@example.com", "name": "Example Team", "replyTo": "support@example.com"});
    app.post("/v1/senders", &key, sender.clone()).await.assert_refused(400, "DOMAIN_NOT_VERIFIED");

    verified(&app, &key, &dns, "example.com").await;
    let reply = app.post("/v1/senders", &key, sender.clone()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["message"], "Authenticated sender added successfully");
    assert_eq!(reply.body["data"]["projectId"], app.project.to_string());
    let added = reply.body["data"]["sender"].clone();
    for field in ["email", "name", "replyTo"] {
        assert_eq!(added[field], sender[field]);
    }
    let again = app.post("/v1/senders", &key, json!({"email": "HELLO@example.com"})).await;
    again.assert_refused(409, "AUTHENTICATED_SENDER_ALREADY_EXISTS");
    let bad = json!({"email": "nobody", "name": "x".repeat(201), "replyTo": "nowhere"});
    let bad = app.post("/v1/senders", &key, bad).await;
    assert_eq!(bad.fields(), ["email", "name", "replyTo"]);

    let path = format!("/v1/senders/{}", added["id"].as_str().unwrap());
    assert_eq!(app.get(&path, &key).await.body["data"], added);
    assert_eq!(app.get("/v1/senders", &key).await.body["data"], json!({"senders": [added]}));
    let other = app.key_of(app.another_project().await).await;
    app.get(&path, &other).await.assert_refused(404, "AUTHENTICATED_SENDER_NOT_FOUND");
    let delete =
        |key: &TestKey| app.ask(app.request(Method::DELETE, &path).bearer_auth(key.text()));
    delete(&other).await.assert_refused(404, "AUTHENTICATED_SENDER_NOT_FOUND");
    let removed = delete(&key).await;
    assert_eq!(removed.body["message"], "Authenticated sender deleted successfully");
    delete(&key).await.assert_refused(404, "AUTHENTICATED_SENDER_NOT_FOUND");
    app.stop().await;
}

#[tokio::test]
async fn receiving_mail_for_a_domain_is_refused_in_words() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let domain = added(&app, &key, "example.com").await;
    assert_eq!(domain["inboundEnabledAt"], Value::Null);
    let inbound = |change: &str| format!("{}/inbound/{change}", path(&domain));
    let refused = app.post(&inbound("enable"), &key, json!({})).await;
    refused.assert_refused(400, "INBOUND_NOT_SUPPORTED");
    let same = app.post(&inbound("disable"), &key, json!({})).await;
    assert_eq!((same.status, &same.body["data"]["id"]), (200, &domain["id"]));
    let stranger = app.key_of(app.another_project().await).await;
    for change in ["enable", "disable"] {
        let refused = app.post(&inbound(change), &stranger, json!({})).await;
        refused.assert_refused(404, "DOMAIN_NOT_FOUND");
    }
    app.stop().await;
}

#[tokio::test]
async fn projects_tell_of_their_domains_and_take_them_along() {
    let dns = DnsServer::start().await;
    let app = asking(&dns).start().await;
    let (account, project) = (app.account_key().await, app.another_project().await);
    let key = app.key_of(project).await;
    let domain = verified(&app, &key, &dns, "mail.example.com").await;
    added(&app, &key, "example.org").await;
    added(&app, &app.full_key().await, "example.net").await;
    let place = format!("/v1/account/projects/{project}");
    let expected = json!([
        {"id": domain["id"], "domainName": "mail.example.com", "verificationStatus": "VERIFIED",
         "regionKey": "self-hosted"},
    ]);
    let shown = app.get(&place, &account).await.body["data"]["domains"].clone();
    let names: Vec<_> =
        shown.as_array().unwrap().iter().map(|domain| &domain["domainName"]).collect();
    assert_eq!(names, ["example.org", "mail.example.com"]);
    assert_eq!(shown[1], expected[0]);
    assert_eq!(shown[0]["verificationStatus"], "PENDING_CONFIGURATION");
    let list = app.get("/v1/account/projects", &account).await.body["data"]["projects"].clone();
    let listed = list.as_array().unwrap().iter().find(|one| one["id"] == project.to_string());
    assert_eq!(listed.unwrap()["domains"], shown);
    let changed = app.patch(&place, &account, json!({"name": "Other"})).await;
    assert_eq!(changed.body["data"]["domains"], shown);

    assert_eq!(app.delete(&place, &account).await.status, 200);
    let left = "SELECT count(*) FROM domains WHERE deleted_at IS NULL";
    assert_eq!(app.number(left).await, 1, "nobody asks DNS about domains of deleted projects");
    let kept = "SELECT count(*) FROM domains WHERE next_check_at > now() + interval '47 hours'";
    assert_eq!(app.number(kept).await, 2, "their keys sign what is on its way");
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
