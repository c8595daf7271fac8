//! Reports by those who would like mail of others to have bounced.

use posthaste::domain::permission::Permission;
use reqwest::Method;

use super::{bouncing, report, reporter, sent, suppressed};
use crate::app::{Setup, TestApp};
use crate::smtp_server::{Answer, Rule, SmtpServer, Stage};

#[tokio::test]
async fn a_return_path_that_was_not_made_here_is_refused() {
    let server = SmtpServer::start().await;
    let app = bouncing(&server).start().await;
    let key = reporter(&app).await;
    let [mut mail] =
        <[_; 1]>::try_from(sent(&app, &server, &key, &["ada@example.org"]).await).ok().unwrap();
    let good = mail.return_path.clone();
    let last = if good.contains("a@") { 'b' } else { 'a' };
    let at = good.find('@').unwrap();
    mail.return_path = format!("{}{last}{}", &good[..at - 2], &good[at - 1..]);
    assert_ne!(mail.return_path, good);
    let refused = report(&app, &key, mail.report("postfix-unknown-user")).await;
    refused.assert_refused(404, "NOT_FOUND");
    assert!(!suppressed(&app, "ada@example.org").await);
    assert_eq!(app.mail(&key, &mail.id).await["status"], "sent");
    app.stop().await;
}

#[tokio::test]
async fn a_mail_of_another_project_does_not_exist() {
    let server = SmtpServer::start().await;
    let app = bouncing(&server).start().await;
    let key = reporter(&app).await;
    let [mail] = &sent(&app, &server, &key, &["ada@example.org"]).await[..] else { panic!() };
    let other = app.another_project().await;
    let foreign = app.key_of(other).await;
    for name in ["postfix-unknown-user", "arf-complaint", "arf-redacted"] {
        report(&app, &foreign, mail.report(name)).await.assert_refused(404, "NOT_FOUND");
    }
    assert!(!suppressed(&app, "ada@example.org").await);
    let powerless = app.key(&[Permission::MailsSend]).await;
    report(&app, &powerless, mail.report("arf-complaint"))
        .await
        .assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_report_is_refused_however_large_it_is() {
    let app = TestApp::start().await;
    let key = reporter(&app).await;
    let nested = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(100_000);
    let headers = "X: y\r\n".repeat(1_000_000);
    for message in [String::new(), "\0\0\0".into(), nested, headers, "x".repeat(30_000_000)] {
        report(&app, &key, message).await.assert_refused(400, "VALIDATION_FAILED");
    }
    report(&app, &key, "x".repeat(50_000_000)).await.assert_refused(413, "PAYLOAD_TOO_LARGE");
    let request = app.request(Method::POST, "/v1/inbound/bounces").bearer_auth(key.text());
    app.ask(request.json(&serde_json::json!({}))).await.assert_refused(400, "VALIDATION_FAILED");
    app.stop().await;
}

#[tokio::test]
async fn the_same_report_many_times_at_once_counts_once() {
    let server = SmtpServer::start().await;
    let app = bouncing(&server).start().await;
    let key = reporter(&app).await;
    let [mail] = &sent(&app, &server, &key, &["ada@example.org"]).await[..] else { panic!() };
    let message = mail.report("postfix-unknown-user");
    let replies = futures_of(20, || report(&app, &key, message.clone())).await;
    let bounced = replies.iter().filter(|reply| reply.body["data"]["learnt"] == "bounced").count();
    assert_eq!((bounced, replies.iter().all(|reply| reply.status == 200)), (1, true));
    assert_eq!(app.number("SELECT count(*) FROM mails WHERE sent = 0 AND failed = 1").await, 1);
    app.stop().await;
}

/// The results of so many at once.
async fn futures_of<F: Future>(number: usize, make: impl Fn() -> F) -> Vec<F::Output> {
    let mut running: Vec<_> = (0..number).map(|_| Box::pin(make())).collect();
    let mut results = Vec::new();
    std::future::poll_fn(|context| {
        running.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(result) => {
                results.push(result);
                false
            }
            std::task::Poll::Pending => true,
        });
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    results
}

#[tokio::test]
async fn mail_that_is_still_being_delivered_has_not_bounced() {
    let server = SmtpServer::start().await;
    let app = bouncing(&server).start().await;
    let key = reporter(&app).await;
    server.add(Rule::at(Stage::Recipient, Answer::reply("451 4.3.0 later")));
    let id = app.accepted(&key, crate::letter()).await;
    app.mail_in(&key, &id, "deferred").await;
    let mail = super::Sent {
        id,
        recipient: "ada@example.org".into(),
        return_path: "shop@example.com".into(),
    };
    let early = report(&app, &key, mail.report("postfix-unknown-user")).await;
    early.assert_refused(409, "DELIVERY_NOT_OVER");
    assert!(!suppressed(&app, "ada@example.org").await);
    app.stop().await;
}

#[tokio::test]
async fn a_report_about_held_mail_decides_it() {
    let server = SmtpServer::start().await;
    server.add(Rule::at(Stage::End, Answer::Close));
    let app = Setup::default().delivering_to(&server).start().await;
    let key = reporter(&app).await;
    let letter = crate::letter_with(serde_json::json!({"onAmbiguous": "hold"}));
    let id = app.accepted(&key, letter).await;
    app.mail_in(&key, &id, "held").await;
    let mail = super::Sent {
        id: id.clone(),
        recipient: "ada@example.org".into(),
        return_path: "shop@example.com".into(),
    };
    assert_eq!(
        report(&app, &key, mail.report("postfix-unknown-user")).await.body["data"]["learnt"],
        "bounced"
    );
    assert_eq!(app.mail(&key, &id).await["status"], "bounced");
    assert_eq!(app.number("SELECT count(*) FROM mails WHERE held = 0 AND failed = 1").await, 1);
    let retry = app
        .post(&format!("/v1/mails/{id}/retry"), &app.full_key().await, serde_json::json!({}))
        .await;
    retry.assert_refused(409, "NOTHING_TO_RETRY");
    app.stop().await;
}
