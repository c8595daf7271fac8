//! The server's own test. It uses every part of it, so that no binary with this module has unused code in it.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::{Answer, Connections, Identity, PATIENCE, Rule, Setup, SmtpServer, Stage};

struct Client(BufReader<TcpStream>);

impl Client {
    async fn of(server: &SmtpServer) -> Self {
        Self(BufReader::new(TcpStream::connect(server.address()).await.unwrap()))
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// All that comes until a line that starts with this.
    async fn until(&mut self, start: &str) -> String {
        let mut line = String::new();
        while !line.starts_with(start) {
            line.clear();
            assert!(self.0.read_line(&mut line).await.unwrap() > 0, "no {start}");
        }
        line
    }

    /// Reads what is left, to the end.
    async fn is_hung_up_on(&mut self) -> bool {
        let mut rest = Vec::new();
        let reading = self.0.read_to_end(&mut rest);
        tokio::time::timeout(PATIENCE, reading).await.is_ok()
    }
}

const MAIL: &str = "EHLO me\r\nMAIL FROM:<a@x.example> SIZE=3\r\nRCPT TO:<b@y.example>\r\nDATA\r\n..\r\nhi\r\n.\r\n";

#[tokio::test]
async fn it_keeps_what_it_takes() {
    let server = SmtpServer::start().await;
    assert_eq!(server.url(), format!("smtp://{}?tls=none", server.address()));
    server.add(Rule::at(Stage::Hello, Answer::Bytewise("250 slow".into())).times(1));
    let mut client = Client::of(&server).await;
    client.send(MAIL).await;
    client.until("250 2.0.0 taken").await;

    let mail = server.wait_for(1).await.remove(0);
    assert_eq!((mail.from.as_str(), mail.parameters.as_str()), ("a@x.example", "SIZE=3"));
    assert_eq!((mail.to, mail.data), (vec!["b@y.example".to_owned()], b".\r\nhi\r\n".to_vec()));
    assert!(mail.connection == 0 && mail.at <= Instant::now());
    assert_eq!(server.connections(), Connections { now: 1, most: 1, ever: 1 });
    assert!(server.heard().iter().all(|heard| !heard.encrypted && heard.connection == 0));
    drop(client);
    server.wait_for_connections(0).await;
}

#[tokio::test]
async fn it_misbehaves_and_comes_back() {
    let server = SmtpServer::start().await;
    server.add(Rule::at(Stage::Recipient, Answer::reply("550 no")).only_to("b@y.example").times(1));
    let mut client = Client::of(&server).await;
    client.send(MAIL).await;
    client.until("503 5.5.1 RCPT first").await;

    for answer in [Answer::Close, Answer::Reset, Answer::KeepThenClose, Answer::KeepThenReset] {
        server.add(Rule::at(Stage::End, answer).times(1));
        let mut client = Client::of(&server).await;
        client.send(MAIL).await;
        client.until("354").await;
        assert!(client.is_hung_up_on().await);
    }
    assert_eq!(server.received().len(), 2);

    server.on(Stage::End, Answer::KeepThenHang);
    let mut patient = Client::of(&server).await;
    patient.send(MAIL).await;
    server.wait_for(3).await;
    server.behave();
    server.on(Stage::Connect, Answer::Hang);
    let mut greeted_by_nobody = Client::of(&server).await;
    server.wait_for_connections(3).await;

    let address = server.address();
    server.stop().await;
    assert!(patient.is_hung_up_on().await && greeted_by_nobody.is_hung_up_on().await);
    let again = SmtpServer::start_on(address).await;
    let gate = Arc::new(Semaphore::new(0));
    again.on(Stage::Connect, Answer::Wait(gate.clone()));
    let mut client = Client::of(&again).await;
    gate.add_permits(1);
    client.send("NOOP\r\n").await;
    client.until("250 2.0.0 here").await;
    again.wait_for_line("NOOP").await;
    again.wait_for_lines(1).await;
}

#[tokio::test]
async fn it_announces_what_it_is_set_up_for() {
    let identity = Identity::of("127.0.0.1");
    assert!(!identity.root.is_empty());
    let tls = Setup::default().without("PIPELINING").with("X-NEW").login("u", "p");
    let server = tls.clone().starttls(&identity).start().await;
    assert_eq!(server.url(), format!("smtp://u:p@{}", server.address()));
    let implicit = tls.implicit_tls(&identity).start().await;
    assert!(implicit.url().starts_with("smtps://u:p@"));

    let mut client = Client::of(&server).await;
    client.send("EHLO me\r\nAUTH PLAIN AHUAcA==\r\n").await;
    client.until("250-X-NEW").await;
    client.until("250 STARTTLS").await;
    client.until("235").await;
    for stage in [
        Stage::StartTls,
        Stage::Auth,
        Stage::Mail,
        Stage::Data,
        Stage::Message,
        Stage::Reset,
        Stage::Noop,
    ] {
        server.on(stage, Answer::reply("400 no"));
    }
    client.send("STARTTLS\r\n").await;
    client.until("400 no").await;
}
