//! Bounces as mail servers bring them: over SMTP and LMTP.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{DOMAIN, Sent, bouncing, report, reporter, sent, suppressed};
use crate::app::{PATIENCE, Setup, TestApp, TestKey};
use crate::database::TestDatabase;
use crate::database_link::DatabaseLink;
use crate::smtp_server::SmtpServer;

/// Somebody who brings mail.
struct Visitor<S>(BufReader<S>);

impl Visitor<TcpStream> {
    async fn come(app: &TestApp) -> Self {
        let mut visitor =
            Self(BufReader::new(TcpStream::connect(app.inbound.unwrap()).await.unwrap()));
        assert!(visitor.hear().await.starts_with("220 "));
        visitor
    }

    /// A visitor who has said hello.
    async fn greeted(app: &TestApp) -> Self {
        let mut visitor = Self::come(app).await;
        assert!(visitor.ask("EHLO mx.example.org").await.starts_with("250"));
        visitor
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Visitor<S> {
    /// A whole reply; empty at the end of the connection.
    async fn hear(&mut self) -> String {
        let hearing = async {
            let mut reply = String::new();
            loop {
                let mut line = String::new();
                let length = self.0.read_line(&mut line).await.unwrap_or_default();
                reply.push_str(&line);
                if length == 0 || line.as_bytes().get(3) != Some(&b'-') {
                    return reply;
                }
            }
        };
        timeout(PATIENCE, hearing).await.expect("an answer in time")
    }

    async fn ask(&mut self, line: &str) -> String {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
        self.hear().await
    }

    /// Brings a message; the last reply.
    async fn bring(&mut self, to: &str, message: &str) -> String {
        for command in ["MAIL FROM:<> SIZE=1000", &format!("RCPT TO:<{to}>"), "DATA"] {
            let reply = self.ask(command).await;
            if !reply.starts_with(['2', '3']) {
                return reply;
            }
        }
        let stuffed = message.replace("\r\n.", "\r\n..");
        self.ask(&format!("{stuffed}\r\n.")).await
    }
}

fn listening(server: &SmtpServer) -> Setup {
    bouncing(server).with(|settings| settings.inbound_addr = Some("127.0.0.1:0".into()))
}

async fn one_sent(app: &TestApp, server: &SmtpServer, key: &TestKey) -> Sent {
    sent(app, server, key, &["ada@example.org"]).await.pop().unwrap()
}

#[tokio::test]
async fn a_bounce_is_written_down_when_it_is_answered() {
    let server = SmtpServer::start().await;
    let app = listening(&server).start().await;
    let key = reporter(&app).await;
    for hello in ["EHLO mx.example.org", "LHLO mx.example.org", "HELO mx"] {
        let mail = one_sent(&app, &server, &key).await;
        let mut visitor = Visitor::come(&app).await;
        assert!(visitor.ask(hello).await.starts_with("250"));
        let path = mail.return_path.to_uppercase();
        let reply = visitor.bring(&path, &mail.report("sendmail-quota")).await;
        assert!(reply.starts_with("250 "), "{reply}");
        assert_eq!(app.mail(&key, &mail.id).await["status"], "bounced");
        // The same connection, the same report, and one that is none.
        assert!(visitor.bring(&path, &mail.report("sendmail-quota")).await.starts_with("250 "));
        assert!(visitor.bring(&path, &mail.report("vacation")).await.starts_with("250 "));
        assert_eq!(app.mail(&key, &mail.id).await["events"].as_array().unwrap().len(), 3);
        assert!(visitor.ask("QUIT").await.starts_with("221"));
        assert_eq!(visitor.hear().await, "");
    }
    app.stop().await;
}

#[tokio::test]
async fn commands_may_share_a_packet() {
    let server = SmtpServer::start().await;
    let app = listening(&server).start().await;
    let key = reporter(&app).await;
    let mail = one_sent(&app, &server, &key).await;
    let mut visitor = Visitor::come(&app).await;
    let all = format!(
        "EHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<{}>\r\nDATA\r\n{}\r\n.\r\nQUIT\r\n",
        mail.return_path,
        mail.report("qmail-unknown-user")
    );
    visitor.0.write_all(all.as_bytes()).await.unwrap();
    for start in ["250", "250", "250", "354", "250", "221"] {
        let reply = visitor.hear().await;
        assert!(reply.starts_with(start), "{reply}");
    }
    assert!(suppressed(&app, "ada@example.org").await);
    app.stop().await;
}

#[tokio::test]
async fn nothing_is_taken_for_anybody_else() {
    let server = SmtpServer::start().await;
    let app = listening(&server).start().await;
    let key = reporter(&app).await;
    let mail = one_sent(&app, &server, &key).await;
    let (local, _) = mail.return_path.split_once('@').unwrap();
    let forged = format!("b-{}@{DOMAIN}", "a".repeat(53));
    let elsewhere = format!("{local}@example.org");
    let routed = format!("{local}%example.org@{DOMAIN}");
    let mut visitor = Visitor::greeted(&app).await;
    for address in ["ada@example.org", &forged, &elsewhere, &routed, &format!("ada@{DOMAIN}"), ""] {
        let reply = visitor.bring(address, &mail.report("postfix-unknown-user")).await;
        assert!(reply.starts_with("550 5.1.1"), "{address}: {reply}");
        assert!(visitor.ask("RSET").await.starts_with("250"));
    }
    assert_eq!(app.mail(&key, &mail.id).await["status"], "sent");
    app.stop().await;
}

#[tokio::test]
async fn complaints_are_taken_from_those_who_can_prove_whose_they_are() {
    let server = SmtpServer::start().await;
    let app = listening(&server).start().await;
    let key = reporter(&app).await;
    let mut visitor = Visitor::greeted(&app).await;
    let abuse = format!("abuse@{DOMAIN}");

    let two = sent(&app, &server, &key, &["bob@example.org", "eve@example.org"]).await;
    let one = one_sent(&app, &server, &key).await;
    // Eve knows the Message-ID that Bob got as well.
    let mut forged =
        Sent { return_path: "shop@example.com".into(), ..two.into_iter().next().unwrap() };
    for name in ["arf-complaint", "arf-redacted"] {
        let reply = visitor.bring(&abuse, &forged.report(name)).await;
        assert!(reply.starts_with("550 5.7.0"), "{reply}");
    }
    forged.id = "01a1fdd2-b988-777e-8a67-8b6ca6ad0770".into();
    for (address, message) in [
        (abuse.as_str(), forged.report("arf-redacted")),
        (&abuse, one.report("postfix-unknown-user")),
        ("postmaster", one.report("vacation")),
    ] {
        let reply = visitor.bring(address, &message).await;
        assert!(reply.starts_with("550 5.7.0"), "{reply}");
    }
    assert_eq!(app.number("SELECT count(*) FROM suppressions").await, 0);

    let reply = visitor.bring(&format!("Complaints@{DOMAIN}"), &one.report("arf-complaint")).await;
    assert!(reply.starts_with("250"), "{reply}");
    assert!(suppressed(&app, "ada@example.org").await);
    let shown = app.mail(&key, &one.id).await;
    let explanation = shown["deliveries"][0]["explanation"].as_str().unwrap();
    assert!(
        shown["status"] == "sent" && explanation.contains("complained (abuse)"),
        "{explanation}"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_bounce_that_cannot_be_written_down_is_to_come_again() {
    let server = SmtpServer::start().await;
    let database = TestDatabase::create().await;
    let link = DatabaseLink::to(&database).await;
    let app = listening(&server)
        .on(database)
        .with(|settings| settings.database_url = Some(link.url.clone().into()))
        .start()
        .await;
    let key = reporter(&app).await;
    let mail = one_sent(&app, &server, &key).await;
    let mut visitor = Visitor::greeted(&app).await;
    link.cut();
    let reply = visitor.bring(&mail.return_path, &mail.report("postfix-unknown-user")).await;
    assert!(reply.starts_with("451 "), "{reply}");
    link.mend();
    // Connections that only seem to be there are used up first.
    for _ in 0..9 {
        let reply = visitor.bring(&mail.return_path, &mail.report("postfix-unknown-user")).await;
        if reply.starts_with("250 ") {
            break;
        }
        assert!(reply.starts_with("451 "), "{reply}");
    }
    assert_eq!(app.mail(&key, &mail.id).await["status"], "bounced");
    app.stop().await;
}

#[tokio::test]
async fn hostile_visitors_are_shown_the_door() {
    let server = SmtpServer::start().await;
    let app = listening(&server).start().await;
    let key = reporter(&app).await;
    let mail = one_sent(&app, &server, &key).await;

    let mut visitor = Visitor::greeted(&app).await;
    assert!(visitor.ask(&"x".repeat(10_000)).await.starts_with("500"));
    let mut rest = Vec::new();
    let _ = visitor.0.read_to_end(&mut rest).await;

    let mut visitor = Visitor::come(&app).await;
    for command in [
        "MAIL FROM:<>",
        "RCPT TO:<a@b.example>",
        "DATA",
        "STARTTLS",
        "BDAT 3 LAST",
        "AUTH PLAIN",
        "\0\u{ff}",
    ] {
        assert!(visitor.ask(command).await.starts_with("50"), "{command}");
    }
    while visitor.ask("nonsense").await.starts_with("500") {}

    let mut visitor = Visitor::greeted(&app).await;
    assert!(visitor.ask("MAIL FROM:<> SIZE=100000000").await.starts_with("552"));
    // Nothing but a dot between whole line ends ends a message.
    let message = mail.report("vacation");
    let smuggling = format!("{message}\n.\nMAIL FROM:<>\r\n.\nRCPT TO:<x@y.example>\n.\r\nDATA");
    assert!(visitor.bring(&mail.return_path, &smuggling).await.starts_with("250 "));
    assert!(visitor.ask("NOOP").await.starts_with("250 2.0.0 Yes"));

    // A message that is too large is heard to its bound and no further.
    for command in ["MAIL FROM:<>", &format!("RCPT TO:<{}>", mail.return_path), "DATA"] {
        assert!(visitor.ask(command).await.starts_with(['2', '3']));
    }
    let piece = vec![b'x'; 1024 * 1024];
    let mut sent = 0;
    while sent < 80 && visitor.0.write_all(&piece).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 80 || !visitor.hear().await.starts_with('2'));

    // One address leaves room for others.
    let mut here = Vec::new();
    for _ in 0..32 {
        here.push(Visitor::come(&app).await);
    }
    let mut turned_away =
        Visitor(BufReader::new(TcpStream::connect(app.inbound.unwrap()).await.unwrap()));
    assert!(turned_away.hear().await.starts_with("421"));
    assert_eq!(app.mail(&key, &mail.id).await["status"], "sent");
    app.stop().await;
    for mut visitor in here {
        assert!(visitor.hear().await.starts_with("421"), "who waits is told that we stop");
    }
}

#[tokio::test]
async fn what_was_said_before_the_handshake_does_not_count_after_it() {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("posthaste-inbound-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (cert, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, certificate.cert.pem()).unwrap();
    std::fs::write(&key_file, certificate.signing_key.serialize_pem()).unwrap();
    let server = SmtpServer::start().await;
    let plain = bouncing(&server).start().await;
    let app = listening(&server)
        .beside(&plain)
        .with(|settings| {
            settings.tls_cert = Some(cert.to_str().unwrap().into());
            settings.tls_key = Some(key_file.to_str().unwrap().into());
        })
        .start()
        .await;
    let key = reporter(&plain).await;
    let mail = one_sent(&plain, &server, &key).await;

    let mut injecting = Visitor::greeted(&app).await;
    injecting.0.write_all(b"STARTTLS\r\nMAIL FROM:<>\r\n").await.unwrap();
    assert!(injecting.hear().await.starts_with("220"));
    assert_eq!(injecting.hear().await, "");

    let mut visitor = Visitor::come(&app).await;
    assert!(visitor.ask("EHLO mx").await.contains("STARTTLS"));
    assert!(visitor.ask("MAIL FROM:<>").await.starts_with("250"));
    assert!(visitor.ask("STARTTLS").await.starts_with("220"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let stream = connector.connect(name, visitor.0.into_inner()).await.unwrap();
    let mut visitor = Visitor(BufReader::new(stream));
    assert!(visitor.ask("MAIL FROM:<>").await.starts_with("503"));
    assert!(!visitor.ask("EHLO mx").await.contains("STARTTLS"));
    let reply = visitor.bring(&mail.return_path, &mail.report("postfix-unknown-user")).await;
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(plain.mail(&key, &mail.id).await["status"], "bounced");
    app.stop().await;
    plain.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_mail_that_is_gone_is_no_reason_to_come_again() {
    let server = SmtpServer::start().await;
    let app = listening(&server).start().await;
    let key = reporter(&app).await;
    let mail = one_sent(&app, &server, &key).await;
    app.sql("DELETE FROM mails").await;
    let mut visitor = Visitor::greeted(&app).await;
    let reply = visitor.bring(&mail.return_path, &mail.report("postfix-unknown-user")).await;
    assert!(reply.starts_with("250 "), "{reply}");
    report(&app, &key, mail.report("postfix-unknown-user")).await.assert_refused(404, "NOT_FOUND");
    app.stop().await;
}
