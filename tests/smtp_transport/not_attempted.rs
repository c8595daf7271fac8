//! What keeps a mail from ever being put to the relay.

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
