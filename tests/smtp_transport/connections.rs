//! How many connections there are, how long they live, and when they are not trusted any more.

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
        let transport = limited(&server, Limits { connections: 5, mails: 7, ..Limits::default() });
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
    let transport = limited(&server, Limits { connections: 5, mails: 1000, ..Limits::default() });
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
        for answer in [Answer::Close, Answer::Reset, Answer::reply("421 4.4.2 idle for too long")] {
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
