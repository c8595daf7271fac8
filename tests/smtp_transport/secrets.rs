//! TLS and logging in.

use std::io::{self, Write};
use std::sync::Mutex;

use super::*;

#[tokio::test]
async fn starttls_is_not_given_up_when_it_is_not_offered() {
    let server = Setup::default().with("AUTH PLAIN").login("shop", "secret").start().await;
    let url = server.url().replace("?tls=none", "");
    let transport = transport_to(&url, &Settings::default());
    let reply = not_attempted(deliver(&transport).await);
    assert!(reply.text.contains("STARTTLS"), "{}", reply.text);
    assert!(transport.check().await.is_err());
    assert!(server.heard().iter().all(|heard| heard.line == "EHLO client.example"));
}

#[tokio::test]
async fn starttls_is_not_given_up_when_it_is_refused() {
    let identity = Identity::of("127.0.0.1");
    for mode in ["", "?tls=required", "?tls=opportunistic"] {
        let server = Setup::default().starttls(&identity).login("shop", "secret").start().await;
        server.on(Stage::StartTls, Answer::reply("454 4.7.0 not now"));
        not_attempted(deliver(&trusting(&format!("{}{mode}", server.url()), &identity)).await);
        assert_eq!(server.heard().last().unwrap().line, "STARTTLS");
    }
}

#[tokio::test]
async fn credentials_and_mail_travel_inside_tls() {
    let identity = Identity::of("127.0.0.1");
    let starttls = Setup::default().login("shop", "secret").starttls(&identity).start().await;
    let implicit = Setup::default().login("shop", "secret").implicit_tls(&identity).start().await;
    for server in [&starttls, &implicit] {
        let transport = trusting(&server.url(), &identity);
        let summary = transport.check().await.unwrap();
        assert!(summary.contains("TLS 1.3, logged in, pipelining"), "{summary}");
        let large = large_message();
        sent(deliver_message(&transport, &large).await);
        sent(deliver(&transport).await);
        assert!(server.received()[0].data == large);
        let in_clear: Vec<_> =
            server.heard().into_iter().filter(|heard| !heard.encrypted).collect();
        assert!(
            in_clear
                .iter()
                .all(|heard| matches!(heard.line.as_str(), "EHLO client.example" | "STARTTLS"))
        );
    }
}

#[tokio::test]
async fn a_stranger_certificate_ends_the_connection() {
    let identity = Identity::of("127.0.0.1");
    let other_name = Identity::of("relay.example");
    for (shown, trusted) in [(&identity, &other_name), (&other_name, &other_name)] {
        let starttls = Setup::default().login("shop", "secret").starttls(shown).start().await;
        let implicit = Setup::default().login("shop", "secret").implicit_tls(shown).start().await;
        let opportunistic = format!("{}?tls=opportunistic", starttls.url());
        for url in [starttls.url(), implicit.url(), opportunistic] {
            let reply = not_attempted(deliver(&trusting(&url, trusted)).await);
            assert!(reply.text.contains("certificate"), "{}", reply.text);
        }
        for server in [starttls, implicit] {
            server.wait_for_connections(0).await;
            assert!(server.heard().iter().all(|heard| !heard.line.starts_with("AUTH")));
        }
    }
}

#[tokio::test]
async fn nothing_that_came_before_tls_is_believed_inside_it() {
    let identity = Identity::of("127.0.0.1");
    let server = Setup::default().starttls(&identity).start().await;
    let injected = "220 go ahead\r\n250-test.example\r\n250 PIPELINING";
    server.on(Stage::StartTls, Answer::reply(injected));
    not_attempted(deliver(&trusting(&server.url(), &identity)).await);
    assert!(server.heard().iter().all(|heard| !heard.encrypted));
}

#[tokio::test]
async fn opportunism_goes_without_tls_where_there_is_none() {
    let server = SmtpServer::start().await;
    let url = server.url().replace("none", "opportunistic");
    let identity = Identity::of("127.0.0.1");
    let transport = trusting(&url, &identity);
    assert!(transport.check().await.unwrap().contains("no TLS, no login"));
    sent(deliver(&transport).await);
}

#[tokio::test]
async fn both_ways_of_logging_in_are_known() {
    for mechanism in ["AUTH PLAIN", "AUTH LOGIN", "AUTH=LOGIN", "auth cram-md5 plain"] {
        let server = Setup::default().with(mechanism).login("shop", "secret").start().await;
        sent(deliver(&transport(&server)).await);
    }
    let server = Setup::default().with("AUTH XOAUTH2").login("shop", "secret").start().await;
    let reply = not_attempted(deliver(&transport(&server)).await);
    assert!(reply.text.contains("neither AUTH PLAIN nor AUTH LOGIN"), "{}", reply.text);
}

/// Where a test's log goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn neither_people_nor_passwords_are_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer({
            let log = log.clone();
            move || log.clone()
        })
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let server = Setup::default().with("AUTH PLAIN").login("heinrich", "hunter2").start().await;
    let kept = transport(&server);
    let said = "550 5.1.1 ada@example.org is unknown to heinrich";
    for (stage, answer) in [
        (Stage::Recipient, Answer::reply(said)),
        (Stage::Recipient, Answer::Close),
        (Stage::End, Answer::Close),
        (Stage::Auth, Answer::reply(said)),
        (Stage::Connect, Answer::reply(said)),
    ] {
        sent(deliver(&kept).await);
        server.on(stage, answer);
        deliver(&kept).await;
        deliver(&transport(&server)).await;
        server.behave();
    }

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("Ended a transaction") && log.contains("550"), "{log}");
    for private in ["ada", "shop@", "hello", "Hello", "heinrich", "hunter2", "unknown"] {
        assert!(!log.contains(private), "{private} in {log}");
    }
}
