//! Where hosts are: with `DNS_SERVER`, that server says it, and the guard judges what it says.

use serde_json::json;

use super::{entry_when, hasten, log, webhook_at};
use crate::app::{Setup, TestApp};
use crate::dns_server::{DnsServer, Zone};
use crate::webhook_endpoint::WebhookEndpoint;
use crate::{letter, letter_with};

const SENT: &[&str] = &["email.sent"];

const HOST: &str = "consumer.example";

/// A node that asks `dns`, and may connect to `allowed` on this machine.
async fn asking(dns: &DnsServer, allowed: &str) -> TestApp {
    let (server, allowed) = (dns.address().to_string(), allowed.to_owned());
    let setup = Setup::default().with(|settings| {
        settings.dns_server = Some(server);
        settings.outbound_allow = Some(allowed);
    });
    setup.start().await
}

#[tokio::test]
async fn webhooks_and_files_are_where_the_named_server_says() {
    let (dns, endpoint) = (DnsServer::start().await, WebhookEndpoint::start().await);
    dns.set(HOST, Zone::Addresses(&["127.0.0.1"]));
    let app = asking(&dns, "127.0.0.1").await;
    let key = app.full_key().await;
    let port = endpoint.address.port();
    webhook_at(&app, &key, &format!("http://{HOST}:{port}/"), SENT).await;
    app.accepted(&key, letter()).await;
    let told = endpoint.wait_for(1).await.remove(0);
    assert_eq!(told.header("host"), format!("{HOST}:{port}"));

    // What the machine says of itself needs no server.
    for host in [HOST, "localhost"] {
        let before = endpoint.received().len();
        let file = json!({"fileName": "a.txt", "fileUrl": format!("http://{host}:{port}/a")});
        app.accepted(&key, letter_with(json!({"attachments": [file]}))).await;
        let received = endpoint.wait_for(before + 1).await;
        assert!(received.iter().any(|request| request.line == "GET /a HTTP/1.1"), "{host}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_server_that_says_a_private_address_opens_no_way_inside() {
    let (dns, endpoint) = (DnsServer::start().await, WebhookEndpoint::start().await);
    // What it says first may be connected to, and nobody is there.
    dns.set(HOST, Zone::Addresses(&["127.0.0.2"]));
    let app = asking(&dns, "127.0.0.2").await;
    let key = app.full_key().await;
    let url = format!("http://{HOST}:{}/", endpoint.address.port());
    let hook = webhook_at(&app, &key, &url, SENT).await;
    app.accepted(&key, letter()).await;
    entry_when(&app, &key, &hook, |entry| entry["error"].is_string()).await;

    for addresses in [
        &["127.0.0.1"][..],
        &["::1", "10.0.0.1"],
        &["::ffff:127.0.0.1", "64:ff9b::7f00:1"],
        &["169.254.169.254", "fd00:ec2::254"],
    ] {
        dns.set(HOST, Zone::Addresses(addresses));
        hasten(&app).await;
        let refused = entry_when(&app, &key, &hook, |entry| {
            let said = entry["error"].as_str().unwrap_or_default();
            said.contains("private or reserved address")
        });
        let said = refused.await["error"].to_string();
        assert!(addresses.iter().all(|address| !said.contains(address)), "{said}");
        // The next one must be another attempt.
        app.sql("UPDATE webhook_deliveries SET trouble = NULL").await;
    }
    assert!(endpoint.received().is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_host_that_nobody_knows_is_told_to_who_named_it_and_tried_again() {
    let (dns, endpoint) = (DnsServer::start().await, WebhookEndpoint::start().await);
    let app = asking(&dns, "127.0.0.1").await;
    let key = app.full_key().await;
    let url = format!("http://{HOST}:{}/", endpoint.address.port());
    let hook = webhook_at(&app, &key, &url, SENT).await;
    app.accepted(&key, letter()).await;
    for (zone, words) in [
        (None, "the name has no address"),
        (Some(Zone::Addresses(&[])), "the name has no address"),
        (Some(Zone::Fails), "the DNS server gave no answer"),
        (Some(Zone::Addresses(&[])), "the name has no address"),
        (Some(Zone::FailsForIpv4), "the DNS server gave no answer"),
    ] {
        if let Some(zone) = zone {
            dns.set(HOST, zone);
            app.sql("UPDATE webhook_deliveries SET trouble = NULL").await;
            hasten(&app).await;
        }
        entry_when(&app, &key, &hook, |entry| {
            entry["error"].as_str().is_some_and(|said| said.contains(words))
        })
        .await;
    }
    dns.set(HOST, Zone::Addresses(&["127.0.0.1"]));
    hasten(&app).await;
    endpoint.wait_for(1).await;
    assert_eq!(log(&app, &key, &hook).await.len(), 1);
    app.stop().await;
}
