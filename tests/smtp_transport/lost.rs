//! What a connection that breaks makes of a mail.

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
            let timeouts = Timeouts { answer: Duration::from_millis(300), ..Timeouts::default() };
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

#[tokio::test]
async fn inside_tls_the_same_holds() {
    let identity = Identity::of("127.0.0.1");
    let large = large_message();
    for setup in [Setup::default().starttls(&identity), Setup::default().implicit_tls(&identity)] {
        for answer in [Answer::Close, Answer::Reset] {
            let server = setup.clone().start().await;
            let transport = trusting(&server.url(), &identity);
            sent(deliver(&transport).await);
            server.add(Rule::at(Stage::Mail, answer.clone()).times(1));
            sent(deliver(&transport).await);
            server.add(Rule::at(Stage::Message, answer.clone()).times(1));
            deferred(deliver_message(&transport, &large).await);
            server.add(Rule::at(Stage::End, answer).times(1));
            ambiguous(deliver_message(&transport, &large).await);
            assert_eq!(server.received().len(), 2);
        }
    }
}
