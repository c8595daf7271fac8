//! What is learnt from reports of the systems that there are.

use serde_json::json;

use super::{DOMAIN, bouncing, kinds, report, reporter, sent, suppressed};
use crate::app::{Setup, TestApp};
use crate::smtp_server::SmtpServer;

#[tokio::test]
async fn reports_of_real_shapes_are_understood() {
    let server = SmtpServer::start().await;
    let app = bouncing(&server).start().await;
    let key = reporter(&app).await;
    for (name, learnt, suppresses, code) in [
        ("postfix-unknown-user", "bounced", true, "5.1.1"),
        ("postfix-delayed", "deferred", false, "4.4.1"),
        ("postfix-expired", "bounced", false, "4.4.1"),
        ("exim-vague", "bounced", false, "5.0.0"),
        ("sendmail-quota", "bounced", false, "5.2.2"),
        ("gmail-unknown-user", "bounced", true, "5.1.1"),
        ("exchange-null-mx", "bounced", true, "5.1.10"),
        ("microsoft-policy", "bounced", false, "5.7.1"),
        ("forwarded-unknown-user", "bounced", false, "5.1.1"),
        ("smtputf8-unknown-user", "bounced", true, "5.1.1"),
        ("qmail-unknown-user", "bounced", true, "5.1.1"),
        ("arf-complaint", "complained", true, ""),
        ("arf-redacted", "complained", true, ""),
    ] {
        let recipient = format!("{name}@example.org");
        let [mail] = &sent(&app, &server, &key, &[&recipient]).await[..] else { panic!() };
        let reply = report(&app, &key, mail.report(name)).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.body);
        let expected = json!({"emailId": mail.id, "recipient": recipient, "learnt": learnt, "suppressed": suppresses});
        assert_eq!(reply.body["data"], expected, "{name}");
        assert_eq!(suppressed(&app, &recipient).await, suppresses, "{name}");

        let shown = app.mail(&key, &mail.id).await;
        assert_eq!(kinds(&shown), ["queued", "sent", learnt], "{name}");
        let said = shown["events"][2]["reply"]["enhancedCode"].as_str().unwrap_or_default();
        assert_eq!(said, code, "{name}");
        assert_eq!(shown["status"], if learnt == "bounced" { "bounced" } else { "sent" }, "{name}");
        assert_eq!(shown["deliveries"][0]["attempts"], 1);

        let again = report(&app, &key, mail.report(name)).await;
        assert_eq!(again.body["data"]["learnt"], "unchanged", "{name}");
        assert_eq!(again.body["data"]["suppressed"], false, "{name}");
        assert_eq!(app.mail(&key, &mail.id).await["events"].as_array().unwrap().len(), 3, "{name}");
    }
    let [mail] = &sent(&app, &server, &key, &["vacation@example.org"]).await[..] else { panic!() };
    report(&app, &key, mail.report("vacation")).await.assert_refused(400, "VALIDATION_FAILED");
    app.stop().await;
}

#[tokio::test]
async fn a_bounce_comes_off_what_was_delivered_and_stops_the_next_mail() {
    let server = SmtpServer::start().await;
    let app = bouncing(&server).start().await;
    let key = reporter(&app).await;
    let mails = sent(&app, &server, &key, &["ada@example.org", "bob@example.org"]).await;
    let [_, bob] = &mails[..] else { panic!() };

    assert_eq!(report(&app, &key, bob.report("postfix-unknown-user")).await.status, 200);
    let shown = app.mail(&key, &bob.id).await;
    assert_eq!(shown["status"], "partially_sent");
    assert_eq!(shown["deliveries"][0]["status"], "sent");
    assert_eq!(shown["deliveries"][1]["status"], "bounced");
    let explanation = shown["deliveries"][1]["explanation"].as_str().unwrap();
    assert!(
        explanation.contains("came back: <bob@example.org>: Recipient address"),
        "{explanation}"
    );
    let counted = |what: &str| {
        format!(
            "SELECT sum({what})::bigint FROM (SELECT accepted, delivered, bounced FROM mail_changes
         UNION ALL SELECT accepted, delivered, bounced FROM mail_days) AS counted"
        )
    };
    for (what, number) in [("accepted", 2), ("delivered", 1), ("bounced", 1)] {
        assert_eq!(app.number(&counted(what)).await, number, "{what}");
    }
    assert_eq!(app.number("SELECT count(*) FROM mails WHERE sent = 1 AND failed = 1").await, 1);

    let next = app.accepted(&key, crate::letter_with(json!({"to": "Bob@example.org"}))).await;
    app.mail_in(&key, &next, "suppressed").await;
    let found = app.get("/v1/mails?status=partially_sent", &app.full_key().await).await;
    assert_eq!(found.body["data"]["mails"][0]["id"], bob.id.as_str());
    app.stop().await;
}

#[tokio::test]
async fn each_delivery_has_a_return_path_of_its_own_at_the_bounce_domain() {
    let server = SmtpServer::start().await;
    let app = bouncing(&server).start().await;
    let key = reporter(&app).await;
    let mails = sent(&app, &server, &key, &["ada@example.org", "bob@example.org"]).await;
    assert_eq!(mails.len(), 2);
    assert_ne!(mails[0].return_path, mails[1].return_path);
    for mail in &mails {
        let (local, domain) = mail.return_path.split_once('@').unwrap();
        assert!(local.starts_with("b-") && local.len() <= 64 && domain == DOMAIN, "{local}");
        let received = server.received();
        assert!(
            !String::from_utf8_lossy(&received[0].data).contains(local),
            "nobody else learns of it"
        );
    }
    app.stop().await;

    let app = TestApp::delivering_to(&server).await;
    let key = reporter(&app).await;
    assert_eq!(
        sent(&app, &server, &key, &["ada@example.org"]).await[0].return_path,
        "shop@example.com"
    );
    app.stop().await;
}

#[tokio::test]
async fn without_a_bounce_domain_the_message_id_finds_the_recipient() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = reporter(&app).await;
    let mails = sent(&app, &server, &key, &["ada@example.org", "bob@example.org"]).await;
    let [_, bob] = &mails[..] else { panic!() };
    let reply = report(&app, &key, bob.report("postfix-unknown-user")).await;
    assert_eq!(reply.body["data"]["recipient"], "bob@example.org", "{}", reply.body);
    // Nobody is named that the mail went to.
    report(&app, &key, bob.report("forwarded-unknown-user")).await.assert_refused(404, "NOT_FOUND");
    app.stop().await;
}

#[tokio::test]
async fn webhooks_are_told_of_what_comes_back() {
    let server = SmtpServer::start().await;
    let endpoint = crate::webhook_endpoint::WebhookEndpoint::start().await;
    let app = Setup::default()
        .delivering_to(&server)
        .telling_this_machine()
        .with(|settings| settings.bounce_domain = Some(DOMAIN.into()))
        .start()
        .await;
    let key = app.full_key().await;
    let events = ["email.bounced", "email.deferred", "email.spam_reported"];
    let hook =
        app.post("/v1/webhooks", &key, json!({"url": endpoint.url(), "events": events})).await;
    assert_eq!(hook.status, 201, "{}", hook.body);
    for name in ["postfix-delayed", "postfix-unknown-user", "arf-complaint"] {
        let [mail] = &sent(&app, &server, &key, &[&format!("{name}@example.org")]).await[..] else {
            panic!()
        };
        assert_eq!(report(&app, &key, mail.report(name)).await.status, 200);
        assert_eq!(report(&app, &key, mail.report(name)).await.status, 200);
    }
    let told = endpoint.wait_for(3).await;
    let data = |kind: &str| {
        let bodies = told
            .iter()
            .map(|request| serde_json::from_slice::<serde_json::Value>(&request.body).unwrap());
        bodies.into_iter().find(|body| body["type"] == kind).unwrap()["data"].clone()
    };
    assert_eq!(data("email.bounced")["bounceType"], "Permanent");
    assert_eq!(data("email.bounced")["bounceSubType"], "NoEmail");
    assert_eq!(data("email.deferred")["to"]["email"], "postfix-delayed@example.org");
    assert_eq!(data("email.spam_reported")["complaintType"], "abuse");
    assert_eq!(app.number("SELECT count(*) FROM webhook_deliveries").await, 3);
    app.stop().await;
}
