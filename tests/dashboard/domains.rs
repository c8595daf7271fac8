//! A domain, from its name to a signature: added, set up in a DNS of the test's own, verified, deleted.

use serde_json::json;

use crate::appearance::look;
use crate::dns_server::DnsServer;
use crate::has_browser;
use crate::page::Page;
use crate::server_process::Server;

#[tokio::test]
async fn a_domain_is_added_looked_for_verified_and_deleted() {
    if !has_browser() {
        return;
    }
    let dns = DnsServer::start().await;
    let server = Server::new().with("DNS_SERVER", &dns.address().to_string());
    let page = Page::signed_in_on(server).await;
    page.click("link", "Domains").await;
    page.see_heading("No domains yet").await;
    page.click("button", "Add domain").await;
    page.fill("Domain", "https://shop.example.com/").await;
    page.click("button", "Add").await;
    page.browser
        .element(
            "the refusal beside the field",
            "return document.querySelector('input[name=domain][aria-invalid=true]')",
            json!([]),
        )
        .await;
    page.fill("Domain", "shop.example.com").await;
    page.click("button", "Add").await;
    page.see_heading("shop.example.com").await;
    page.see("Waits for DNS").await;

    let listed = page.ask_in_project("GET", "/v1/domains", json!(null)).await;
    let records = &listed["domains"][0]["dnsRecords"];
    let said = |record: &str, part: &str| records[record][part].as_str().unwrap().to_owned();
    let shown = page.text("main").await;
    for record in ["ownership", "dkim", "dkimEd25519", "dmarc"] {
        assert!(shown.contains(&said(record, "name")), "{record}: {shown}");
        assert!(shown.contains(&said(record, "value")), "{record}: {shown}");
    }

    dns.set_text(&said("ownership", "name"), &said("ownership", "value"));
    dns.set_text(&said("dkim", "name"), "v=DKIM1; k=rsa; p=TUFE");
    page.click("button", "Look now").await;
    page.see("Different").await;
    page.see("v=DKIM1; k=rsa; p=TUFE").await;
    page.see("shop.example.com is not verified").await;
    look(&page, "domain-different").await;

    for record in ["dkim", "dkimEd25519", "dmarc"] {
        dns.set_text(&said(record, "name"), &said(record, "value"));
    }
    page.click("button", "Look now").await;
    page.see("shop.example.com is verified.").await;
    page.see_no_more("Different").await;
    look(&page, "domain-verified").await;

    page.click("link", "Domains").await;
    page.see("4 of 4 found").await;
    page.click("button", "Add sender").await;
    page.fill("Address", "hello@shop.example.com").await;
    page.fill("Name", "The Shop").await;
    page.click("button", "Add").await;
    page.see("The Shop").await;
    look(&page, "domains").await;
    page.click("button", "Remove hello@shop.example.com").await;
    page.click("button", "Remove").await;
    page.see("None yet. A sender is").await;

    page.click("button", "Actions for shop.example.com").await;
    page.click("button", "Delete…").await;
    page.fill("Type shop.example.com to confirm", "shop.example.com").await;
    page.click("button", "Delete domain").await;
    page.see_heading("No domains yet").await;
    page.assert_no_complaints(&["400"]).await;
    page.stop().await;
}
