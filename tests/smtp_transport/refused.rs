//! What the relay refuses, for now or for good.

use super::*;

const BEFORE_THE_MESSAGE: [Stage; 3] = [Stage::Mail, Stage::Recipient, Stage::Data];

#[tokio::test]
async fn a_5xx_rejects_the_mail_and_the_connection_lives_on() {
    for setup in setups() {
        let server = setup.start().await;
        let transport = transport(&server);
        for stage in [Stage::Mail, Stage::Recipient, Stage::Data, Stage::End] {
            server.add(Rule::at(stage, Answer::reply("554-5.7.1 not\r\n554 5.7.1 you")).times(1));
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
            server
                .add(Rule::at(Stage::Recipient, Answer::reply(answer)).only_to("ada@example.org"));
            assert_eq!(rejected(deliver(&transport).await).1, expected, "{answer}");
        }
        let to = address("bob@example.org");
        sent(deliver_to(&transport, &to, MESSAGE).await);
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
