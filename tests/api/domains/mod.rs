//! Domains: adding, proving and losing them, and what may be sent from them.

mod checking;
mod senders;
mod signing;

use posthaste::domain::permission::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Reply, Setup, TestApp, TestKey};
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
