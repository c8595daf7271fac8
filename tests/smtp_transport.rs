//! What becomes of a mail, for everything that a relay can do to it. The relay is real, and so are the sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "support/smtp_server.rs"]
mod smtp_server;

use std::sync::Arc;
use std::time::Duration;

use posthaste::domain::address::EmailAddress;
use posthaste::domain::delivery::{Outcome, Reply};
use posthaste::mail::transport::{Limits, Settings, SmtpTransport, Timeouts};
use smtp_server::{Answer, Identity, Rule, Setup, SmtpServer, Stage};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nHello!\r\n";

/// Every way of sending the commands.
fn setups() -> [Setup; 2] {
    [Setup::default(), Setup::default().without("PIPELINING")]
}

fn transport_to(url: &str, settings: &Settings) -> SmtpTransport {
    SmtpTransport::new(url.parse().unwrap(), "client.example", settings).unwrap()
}

fn transport(server: &SmtpServer) -> SmtpTransport {
    transport_to(&server.url(), &Settings::default())
}

fn limited(server: &SmtpServer, limits: Limits) -> SmtpTransport {
    transport_to(&server.url(), &Settings { limits, ..Settings::default() })
}

fn hurried(server: &SmtpServer, timeouts: Timeouts) -> SmtpTransport {
    transport_to(&server.url(), &Settings { timeouts, ..Settings::default() })
}

fn trusting(url: &str, identity: &Identity) -> SmtpTransport {
    let settings = Settings { extra_roots: vec![identity.root.clone()], ..Settings::default() };
    transport_to(url, &settings)
}

fn address(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

async fn deliver_message(transport: &SmtpTransport, message: &[u8]) -> Outcome {
    transport.deliver(&address("shop@example.com"), &address("ada@example.org"), message).await
}

async fn deliver(transport: &SmtpTransport) -> Outcome {
    deliver_message(transport, MESSAGE).await
}

fn large_message() -> Vec<u8> {
    b".dots at every line start and twenty megabytes of them\r\n".repeat(350_000)
}

#[track_caller]
fn sent(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Sent(reply) => reply,
        other => panic!("not sent but {other:?}"),
    }
}

#[track_caller]
fn deferred(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Deferred(reply) => reply,
        other => panic!("not deferred but {other:?}"),
    }
}

#[track_caller]
fn rejected(outcome: Outcome) -> (Reply, bool) {
    match outcome {
        Outcome::Rejected { reply, hard_bounce } => (reply, hard_bounce),
        other => panic!("not rejected but {other:?}"),
    }
}

#[track_caller]
fn ambiguous(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Ambiguous(reply) => reply,
        other => panic!("not ambiguous but {other:?}"),
    }
}

#[track_caller]
fn not_attempted(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::NotAttempted(reply) => reply,
        other => panic!("not left alone but {other:?}"),
    }
}

mod taken {
    use super::*;

    #[tokio::test]
    async fn a_mail_that_the_relay_takes_is_sent() {
        for setup in setups() {
            let server = setup.start().await;
            let reply = sent(deliver(&transport(&server)).await);
            assert_eq!((reply.code, reply.enhanced.as_deref()), (Some(250), Some("2.0.0")));
            assert_eq!(reply.text, "taken");

            let mail = server.wait_for(1).await.remove(0);
            assert_eq!(mail.from, "shop@example.com");
            assert_eq!(mail.to, ["ada@example.org"]);
            assert_eq!(mail.data, MESSAGE);
            assert_eq!(mail.parameters, format!("SIZE={}", MESSAGE.len()));
        }
    }

    #[tokio::test]
    async fn messages_arrive_as_they_were_given() {
        let server = SmtpServer::start().await;
        let transport = transport(&server);
        for (given, arrived) in [
            (&b".\r\n"[..], &b".\r\n"[..]),
            (b"a\r\n.\r\n..\r\n.b\r\n", b"a\r\n.\r\n..\r\n.b\r\n"),
            (b"no line end", b"no line end\r\n"),
            (b"ends with a dot.", b"ends with a dot.\r\n"),
            (b"a\r\n.", b"a\r\n.\r\n"),
            (b"", b""),
        ] {
            sent(deliver_message(&transport, given).await);
            assert_eq!(server.received().last().unwrap().data, arrived);
        }
        assert_eq!(server.connections().ever, 1);
    }

    #[tokio::test]
    async fn a_message_cannot_smuggle_another() {
        let server = SmtpServer::start().await;
        for line_end in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\r", "\r\n.\n", "\r\n.\r\n"] {
            let message = format!(
                "hi{line_end}MAIL FROM:<evil@example.com>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\nboo"
            );
            sent(deliver_message(&transport(&server), message.as_bytes()).await);
        }
        assert!(server.received().iter().all(|mail| mail.from == "shop@example.com"));
        assert_eq!(server.received().len(), 6);
    }

    #[tokio::test]
    async fn a_large_message_arrives_whole() {
        let server = SmtpServer::start().await;
        let message = large_message();
        sent(deliver_message(&transport(&server), &message).await);
        assert!(server.received()[0].data == message);
    }

    #[tokio::test]
    async fn a_relay_that_dribbles_its_replies_is_understood() {
        for setup in setups() {
            let server = setup.start().await;
            for (stage, reply) in [
                (Stage::Connect, "220-welcome\r\n220 here"),
                (Stage::Hello, "250-test.example\r\n250-SIZE\r\n250 PIPELINING"),
                (Stage::Mail, "250 ok"),
                (Stage::Recipient, "250-well\r\n250"),
                (Stage::Data, "354 go"),
                (Stage::End, "250-2.0.0 a\r\n250 2.0.0 b"),
            ] {
                server.on(stage, Answer::Bytewise(reply.to_owned()));
            }
            assert_eq!(sent(deliver(&transport(&server)).await).text, "a b");
        }
    }

    #[tokio::test]
    async fn text_outside_ascii_goes_only_where_it_is_taken() {
        let server = SmtpServer::start().await;
        sent(deliver_message(&transport(&server), "hé\r\n".as_bytes()).await);
        assert!(server.received()[0].parameters.contains("BODY=8BITMIME"));
        assert!(!server.received()[0].parameters.contains("SMTPUTF8"));

        let seven_bit = Setup::default().without("8BITMIME").start().await;
        let (reply, hard) =
            rejected(deliver_message(&transport(&seven_bit), "hé\r\n".as_bytes()).await);
        assert!(reply.text.contains("8BITMIME") && !hard);
        assert_eq!(seven_bit.received().len(), 0);
    }

    #[tokio::test]
    async fn an_address_outside_ascii_goes_only_where_it_is_taken() {
        // Whether there are such addresses is the domain's decision.
        let Ok(to) = "zoë@example.org".parse::<EmailAddress>() else { return };
        let server = SmtpServer::start().await;
        sent(transport(&server).deliver(&address("shop@example.com"), &to, MESSAGE).await);
        assert_eq!(server.received()[0].to, ["zoë@example.org"]);
        assert!(server.received()[0].parameters.contains("SMTPUTF8"));

        let old = Setup::default().without("SMTPUTF8").start().await;
        let outcome = transport(&old).deliver(&address("shop@example.com"), &to, MESSAGE).await;
        assert!(rejected(outcome).0.text.contains("SMTPUTF8"));
        assert!(old.heard().iter().all(|heard| !heard.line.starts_with("MAIL")));
    }
}

mod refused {
    use super::*;

    const BEFORE_THE_MESSAGE: [Stage; 3] = [Stage::Mail, Stage::Recipient, Stage::Data];

    #[tokio::test]
    async fn a_5xx_rejects_the_mail_and_the_connection_lives_on() {
        for setup in setups() {
            let server = setup.start().await;
            let transport = transport(&server);
            for stage in [Stage::Mail, Stage::Recipient, Stage::Data, Stage::End] {
                server
                    .add(Rule::at(stage, Answer::reply("554-5.7.1 not\r\n554 5.7.1 you")).times(1));
                let (reply, hard) = rejected(deliver(&transport).await);
                assert_eq!(
                    (reply.code, reply.enhanced.as_deref()),
                    (Some(554), Some("5.7.1")),
                    "{stage:?}"
                );
                assert_eq!((reply.text.as_str(), hard), ("not you", false), "{stage:?}");
                sent(deliver(&transport).await);
            }
            assert_eq!((server.received().len(), server.connections().ever), (4, 1));
        }
    }

    #[tokio::test]
    async fn a_4xx_defers_the_mail_and_the_connection_lives_on() {
        for setup in setups() {
            let server = setup.start().await;
            let transport = transport(&server);
            for stage in [Stage::Mail, Stage::Recipient, Stage::Data, Stage::End] {
                server.add(Rule::at(stage, Answer::reply("451 4.3.0 later")).times(1));
                let reply = deferred(deliver(&transport).await);
                assert_eq!(
                    (reply.code, reply.enhanced.as_deref()),
                    (Some(451), Some("4.3.0")),
                    "{stage:?}"
                );
                sent(deliver(&transport).await);
            }
            assert_eq!((server.received().len(), server.connections().ever), (4, 1));
        }
    }

    #[tokio::test]
    async fn a_mailbox_that_does_not_exist_bounces_hard() {
        for setup in setups() {
            let server = setup.start().await;
            let transport = transport(&server);
            for (answer, expected) in [
                ("550 5.1.1 no such user", true),
                ("550 no such user", true),
                ("550 5.7.1 no such user", false),
                ("550 blocked by policy", false),
                ("552 5.2.2 mailbox full", false),
            ] {
                server.add(
                    Rule::at(Stage::Recipient, Answer::reply(answer)).only_to("ada@example.org"),
                );
                assert_eq!(rejected(deliver(&transport).await).1, expected, "{answer}");
            }
            let to = address("bob@example.org");
            sent(transport.deliver(&address("shop@example.com"), &to, MESSAGE).await);
            assert_eq!(server.connections().ever, 1);
        }
    }

    #[tokio::test]
    async fn a_421_defers_the_mail_and_ends_the_connection() {
        for setup in setups() {
            for stage in [Stage::Mail, Stage::Recipient, Stage::Data, Stage::End] {
                let server = setup.clone().start().await;
                let transport = transport(&server);
                server.add(Rule::at(stage, Answer::reply("421 4.3.2 closing")).times(1));
                assert_eq!(deferred(deliver(&transport).await).code, Some(421), "{stage:?}");
                sent(deliver(&transport).await);
                assert_eq!(server.connections().ever, 2, "{stage:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_relay_that_refuses_the_recipient_and_wants_the_message_gets_an_empty_one() {
        let server = SmtpServer::start().await;
        let transport = transport(&server);
        server.add(Rule::at(Stage::Recipient, Answer::reply("550 5.1.1 no")).times(1));
        server.add(Rule::at(Stage::Data, Answer::reply("354 go on")).times(1));
        server.add(Rule::at(Stage::End, Answer::reply("554 5.5.1 nobody wants it")).times(1));
        assert!(rejected(deliver(&transport).await).1);
        server.wait_for_line("QUIT").await;

        sent(deliver(&transport).await);
        assert_eq!((server.received().len(), server.connections().ever), (1, 2));
    }

    #[tokio::test]
    async fn a_relay_that_refuses_the_sender_and_wants_the_message_gets_none() {
        let server = SmtpServer::start().await;
        server.on(Stage::Mail, Answer::reply("451 4.3.0 later"));
        server.on(Stage::Data, Answer::reply("354 go on"));
        assert_eq!(deferred(deliver(&transport(&server)).await).code, Some(451));
        server.wait_for_connections(0).await;
        assert_eq!(server.received().len(), 0);
    }

    #[tokio::test]
    async fn codes_that_mean_nothing_defer_the_mail() {
        for setup in setups() {
            let server = setup.start().await;
            for (stage, answer) in
                [(Stage::Mail, "354 go"), (Stage::Recipient, "334 what"), (Stage::Data, "250 ok")]
            {
                server.add(Rule::at(stage, Answer::reply(answer)).times(1));
                deferred(deliver(&transport(&server)).await);
            }
            assert_eq!(server.received().len(), 0);
        }
    }

    #[tokio::test]
    async fn replies_that_never_end_defer_the_mail() {
        let line = format!("250 {}", "x".repeat(10_000));
        let lines = "250-x\r\n".repeat(10_000);
        for setup in setups() {
            for (stage, answer) in
                BEFORE_THE_MESSAGE.into_iter().flat_map(|stage| [(stage, &line), (stage, &lines)])
            {
                let server = setup.clone().start().await;
                server.on(stage, Answer::reply(answer));
                deferred(deliver(&transport(&server)).await);
                server.wait_for_connections(0).await;
            }
        }
    }
}

mod lost {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_breaks_before_the_end_of_the_message_defers_the_mail() {
        let large = large_message();
        for setup in setups() {
            for stage in [Stage::Mail, Stage::Recipient, Stage::Data, Stage::Message] {
                for answer in [Answer::Close, Answer::Reset] {
                    let server = setup.clone().start().await;
                    server.on(stage, answer);
                    let transport = transport(&server);
                    let reply = deferred(deliver_message(&transport, &large).await);
                    assert_eq!(reply.code, None, "{stage:?}");
                    assert_eq!((server.received().len(), server.connections().ever), (0, 1));
                    server.wait_for_connections(0).await;
                }
            }
        }
    }

    #[tokio::test]
    async fn a_relay_that_falls_silent_before_the_end_of_the_message_defers_the_mail() {
        let large = large_message();
        for setup in setups() {
            for stage in [Stage::Mail, Stage::Recipient, Stage::Data, Stage::Message] {
                let server = setup.clone().start().await;
                server.on(stage, Answer::Hang);
                let timeouts = Timeouts {
                    command: Duration::from_millis(300),
                    attempt: Duration::from_secs(3),
                    ..Timeouts::default()
                };
                deferred(deliver_message(&hurried(&server, timeouts), &large).await);
                assert_eq!(server.received().len(), 0);
            }
        }
    }

    #[tokio::test]
    async fn no_answer_to_the_end_of_the_message_is_ambiguous() {
        for setup in setups() {
            for (answer, taken) in [
                (Answer::KeepThenClose, 1),
                (Answer::KeepThenReset, 1),
                (Answer::KeepThenHang, 1),
                (Answer::Close, 0),
                (Answer::Reset, 0),
                (Answer::Hang, 0),
                (Answer::reply("what was that?"), 0),
                (Answer::reply("354 go on"), 0),
                (Answer::reply("250-it is"), 1),
            ] {
                let server = setup.clone().start().await;
                server.add(Rule::at(Stage::End, answer.clone()).times(1));
                let timeouts =
                    Timeouts { answer: Duration::from_millis(300), ..Timeouts::default() };
                let transport = hurried(&server, timeouts);
                ambiguous(deliver(&transport).await);
                assert_eq!(server.received().len(), taken, "{answer:?}");

                let patient = super::transport(&server);
                sent(deliver(&patient).await);
                server.wait_for_connections(1).await;
            }
        }
    }

    #[tokio::test]
    async fn a_relay_that_has_enough_of_a_message_never_makes_it_ambiguous() {
        let large = large_message();
        let server = SmtpServer::start().await;
        server.on(Stage::Message, Answer::reply("552 5.3.4 too much"));
        match deliver_message(&transport(&server), &large).await {
            Outcome::Rejected { reply, hard_bounce: false } => assert_eq!(reply.code, Some(552)),
            // Its words may be lost with the connection.
            outcome => assert_eq!(deferred(outcome).code, None),
        }
    }
}

mod not_attempted {
    use super::*;

    #[tokio::test]
    async fn a_relay_that_is_not_there_is_the_fault_of_no_mail() {
        let vacant = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}?tls=none", vacant.local_addr().unwrap());
        drop(vacant);
        let reply = not_attempted(deliver(&transport_to(&url, &Settings::default())).await);
        assert!(reply.text.contains("could not be reached"), "{}", reply.text);

        let nowhere = transport_to("smtp://relay.invalid?tls=none", &Settings::default());
        let reply = not_attempted(deliver(&nowhere).await);
        assert!(reply.text.contains("could not be looked up"), "{}", reply.text);
    }

    #[tokio::test]
    async fn a_relay_that_wants_no_session_is_the_fault_of_no_mail() {
        for stage in [Stage::Connect, Stage::Hello] {
            for answer in [
                Answer::reply("421 4.3.2 busy"),
                Answer::reply("554 5.3.2 no mail here"),
                Answer::reply("HTTP/1.1 400 Bad Request"),
                Answer::reply(&"x".repeat(100_000)),
                Answer::Close,
                Answer::Reset,
            ] {
                let server = SmtpServer::start().await;
                server.on(stage, answer);
                not_attempted(deliver(&transport(&server)).await);
                assert!(server.heard().iter().all(|heard| heard.line.starts_with("EHLO")));
            }
        }
    }

    #[tokio::test]
    async fn a_relay_that_says_nothing_is_the_fault_of_no_mail() {
        for stage in [Stage::Connect, Stage::Hello] {
            let server = SmtpServer::start().await;
            server.on(stage, Answer::Hang);
            let timeouts = Timeouts { opening: Duration::from_millis(300), ..Timeouts::default() };
            let reply = not_attempted(deliver(&hurried(&server, timeouts)).await);
            assert!(reply.text.contains("took too long"), "{}", reply.text);
            server.wait_for_connections(0).await;
        }
    }

    #[tokio::test]
    async fn a_wrong_password_is_the_fault_of_no_mail() {
        let server = Setup::default().login("shop", "right").start().await;
        let url = server.url().replace("right", "wr0ng");
        let wrong = transport_to(&url, &Settings::default());
        let reply = not_attempted(deliver(&wrong).await);
        assert_eq!((reply.code, reply.enhanced.as_deref()), (Some(535), Some("5.7.8")));
        assert!(reply.text.contains("SMTP_URL"), "{}", reply.text);

        server.on(Stage::Auth, Answer::reply("535 shop/wr0ng is not known"));
        let reply = not_attempted(deliver(&wrong).await);
        assert!(!reply.text.contains("wr0ng"), "{}", reply.text);
        assert!(wrong.check().await.unwrap_err().to_string().contains("SMTP_URL"));
    }

    #[tokio::test]
    async fn all_connections_busy_for_too_long_is_the_fault_of_no_mail() {
        let server = SmtpServer::start().await;
        server.on(Stage::Mail, Answer::Hang);
        let settings = Settings {
            limits: Limits { connections: 1, ..Limits::default() },
            timeouts: Timeouts { slot: Duration::from_millis(100), ..Timeouts::default() },
            ..Settings::default()
        };
        let transport = transport_to(&server.url(), &settings);
        let busy = tokio::spawn({
            let transport = transport.clone();
            async move { deliver(&transport).await }
        });
        server.wait_for_line("MAIL").await;
        assert!(not_attempted(deliver(&transport).await).text.contains("busy"));
        busy.abort();
    }
}

mod secrets {
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
        let implicit =
            Setup::default().login("shop", "secret").implicit_tls(&identity).start().await;
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
            let implicit =
                Setup::default().login("shop", "secret").implicit_tls(shown).start().await;
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
}

mod connections {
    use super::*;

    #[tokio::test]
    async fn they_are_reused() {
        let server = SmtpServer::start().await;
        let transport = transport(&server);
        for _ in 0..20 {
            sent(deliver(&transport).await);
        }
        assert_eq!(server.connections().ever, 1);
        drop(transport);
        server.wait_for_line("QUIT").await;
        server.wait_for_connections(0).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn there_are_never_more_than_allowed() {
        for setup in setups() {
            let server = setup.start().await;
            let gate = Arc::new(Semaphore::new(0));
            server.on(Stage::Connect, Answer::Wait(gate.clone()));
            let transport =
                limited(&server, Limits { connections: 5, mails: 7, ..Limits::default() });
            let mut deliveries = JoinSet::new();
            for _ in 0..200 {
                let transport = transport.clone();
                deliveries.spawn(async move { deliver(&transport).await });
            }
            server.wait_for_connections(5).await;
            gate.add_permits(1000);
            while let Some(outcome) = deliveries.join_next().await {
                sent(outcome.unwrap());
            }
            assert_eq!(server.received().len(), 200);
            // The relay may see the next connection before it sees the end of the last one.
            assert!(server.connections().most <= 5 + 5, "{:?}", server.connections());
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn there_are_exactly_as_many_as_allowed_while_none_has_to_go() {
        let server = SmtpServer::start().await;
        let gate = Arc::new(Semaphore::new(0));
        server.on(Stage::Connect, Answer::Wait(gate.clone()));
        let transport =
            limited(&server, Limits { connections: 5, mails: 1000, ..Limits::default() });
        let mut deliveries = JoinSet::new();
        for _ in 0..200 {
            let transport = transport.clone();
            deliveries.spawn(async move { deliver(&transport).await });
        }
        server.wait_for_connections(5).await;
        gate.add_permits(1000);
        while let Some(outcome) = deliveries.join_next().await {
            sent(outcome.unwrap());
        }
        assert_eq!((server.connections().most, server.connections().ever), (5, 5));
    }

    #[tokio::test]
    async fn one_that_died_while_idle_is_replaced() {
        let server = SmtpServer::start().await;
        let transport = transport(&server);
        sent(deliver(&transport).await);
        let address = server.address();
        server.stop().await;
        let server = SmtpServer::start_on(address).await;
        sent(deliver(&transport).await);
        assert_eq!(server.received().len(), 1);
    }

    #[tokio::test]
    async fn one_that_dies_at_the_first_command_is_replaced() {
        for setup in setups() {
            for answer in
                [Answer::Close, Answer::Reset, Answer::reply("421 4.4.2 idle for too long")]
            {
                let server = setup.clone().start().await;
                let transport = transport(&server);
                sent(deliver(&transport).await);
                server.add(Rule::at(Stage::Mail, answer).times(1));
                sent(deliver(&transport).await);
                assert_eq!((server.received().len(), server.connections().ever), (2, 2));
            }
        }
    }

    #[tokio::test]
    async fn one_is_replaced_once_only() {
        let server = SmtpServer::start().await;
        let transport = transport(&server);
        sent(deliver(&transport).await);
        server.on(Stage::Mail, Answer::Close);
        deferred(deliver(&transport).await);
        assert_eq!(server.connections().ever, 2);
    }

    #[tokio::test]
    async fn one_that_dies_later_is_not_replaced() {
        for setup in setups() {
            for stage in [Stage::Recipient, Stage::Data] {
                let server = setup.clone().start().await;
                let transport = transport(&server);
                sent(deliver(&transport).await);
                server.add(Rule::at(stage, Answer::Close).times(1));
                deferred(deliver(&transport).await);
                assert_eq!((server.received().len(), server.connections().ever), (1, 1));
            }
        }
    }

    #[tokio::test]
    async fn one_on_which_the_relay_says_too_much_is_not_reused() {
        for (stage, answer) in [
            (Stage::End, "250 2.0.0 taken\r\n250 2.1.0 and the next"),
            (Stage::End, "250 2.0.0 taken\r\n421 4.3.2 closing"),
            (Stage::Data, "550 5.7.1 no\r\n250 2.0.0 forgotten\r\n250 2.1.0 ok"),
        ] {
            let server = SmtpServer::start().await;
            let transport = transport(&server);
            server.add(Rule::at(stage, Answer::reply(answer)).times(1));
            deliver(&transport).await;
            server.add(Rule::at(Stage::Recipient, Answer::reply("550 5.1.1 no")).times(1));
            assert!(rejected(deliver(&transport).await).1, "{answer}");
            assert_eq!(server.connections().ever, 2);
        }
    }

    #[tokio::test]
    async fn one_that_is_worn_is_closed() {
        let server = SmtpServer::start().await;
        let transport = limited(&server, Limits { mails: 2, ..Limits::default() });
        for _ in 0..6 {
            sent(deliver(&transport).await);
        }
        server.wait_for_connections(0).await;
        assert_eq!(server.connections().ever, 3);

        let transport = limited(&server, Limits { age: Duration::ZERO, ..Limits::default() });
        sent(deliver(&transport).await);
        server.wait_for_connections(0).await;
    }

    #[tokio::test]
    async fn one_that_is_idle_for_too_long_is_closed() {
        let server = SmtpServer::start().await;
        let transport =
            limited(&server, Limits { idle: Duration::from_millis(20), ..Limits::default() });
        for ever in 1..3 {
            sent(deliver(&transport).await);
            server.wait_for_line("QUIT").await;
            server.wait_for_connections(0).await;
            assert_eq!(server.connections().ever, ever);
        }
    }

    #[tokio::test]
    async fn one_whose_delivery_was_dropped_is_closed_and_its_place_is_free() {
        for setup in setups() {
            let server = setup.start().await;
            let transport = limited(&server, Limits { connections: 1, ..Limits::default() });
            sent(deliver(&transport).await);
            for stage in [Stage::Mail, Stage::Recipient, Stage::Data, Stage::End] {
                let gate = Arc::new(Semaphore::new(0));
                server.add(Rule::at(stage, Answer::Wait(gate.clone())).times(1));
                let before = server.heard().len();
                let dropped = tokio::spawn({
                    let transport = transport.clone();
                    async move { deliver(&transport).await }
                });
                server.wait_for_lines(before + 1).await;
                dropped.abort();
                assert!(dropped.await.unwrap_err().is_cancelled());
                gate.add_permits(1);
                sent(deliver(&transport).await);
            }
            server.wait_for_connections(1).await;
        }
    }
}
