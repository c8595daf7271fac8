//! What DNS answers, and what becomes of domains by it.

use serde_json::{Value, json};

use super::{added, asking, path, prove, verify};
use crate::app::{TestApp, TestKey, eventually};
use crate::dns_server::{DnsServer, Zone};
use crate::letter;

fn unprove(dns: &DnsServer, domain: &Value) {
    dns.remove(domain["dnsRecords"]["dkim"]["name"].as_str().unwrap());
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
