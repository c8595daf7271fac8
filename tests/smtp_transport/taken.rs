//! What the relay takes.

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

/// The text is, and the headers are not.
const EIGHT_BIT_TEXT: &[u8] = "Subject: hello\r\n\r\nhé\r\n".as_bytes();

#[tokio::test]
async fn text_outside_ascii_goes_only_where_it_is_taken() {
    let server = SmtpServer::start().await;
    sent(deliver_message(&transport(&server), EIGHT_BIT_TEXT).await);
    assert!(server.received()[0].parameters.contains("BODY=8BITMIME"));
    assert!(!server.received()[0].parameters.contains("SMTPUTF8"));

    let seven_bit = Setup::default().without("8BITMIME").start().await;
    let (reply, hard) = rejected(deliver_message(&transport(&seven_bit), EIGHT_BIT_TEXT).await);
    assert!(reply.text.contains("8BITMIME") && !hard);
    assert_eq!(seven_bit.received().len(), 0);
}

#[tokio::test]
async fn an_address_outside_ascii_goes_only_where_it_is_taken() {
    // Whether there are such addresses is the domain's decision.
    let Ok(to) = "zoë@example.org".parse::<EmailAddress>() else { return };
    let server = SmtpServer::start().await;
    sent(deliver_to(&transport(&server), &to, MESSAGE).await);
    assert_eq!(server.received()[0].to, ["zoë@example.org"]);
    assert!(server.received()[0].parameters.contains("SMTPUTF8"));

    let old = Setup::default().without("SMTPUTF8").start().await;
    let outcome = deliver_to(&transport(&old), &to, MESSAGE).await;
    assert!(rejected(outcome).0.text.contains("SMTPUTF8"));
    assert!(old.heard().iter().all(|heard| !heard.line.starts_with("MAIL")));
}

#[tokio::test]
async fn a_header_outside_ascii_goes_only_where_it_is_taken() {
    // The envelope is plain: this recipient reads of another one.
    let message = "Cc: zoë@example.org\r\nSubject: hello\r\n\r\nHello!\r\n".as_bytes();
    let server = SmtpServer::start().await;
    sent(deliver_message(&transport(&server), message).await);
    assert!(server.received()[0].parameters.contains("SMTPUTF8"));
    assert_eq!(server.received()[0].data, message);

    let old = Setup::default().without("SMTPUTF8").start().await;
    let transport = transport(&old);
    let (reply, hard) = rejected(deliver_message(&transport, message).await);
    assert!(reply.text.contains("SMTPUTF8") && reply.text.contains("headers") && !hard);
    assert!(old.heard().iter().all(|heard| !heard.line.starts_with("MAIL")));
    sent(deliver(&transport).await);
    assert_eq!(old.connections().ever, 1);
}
