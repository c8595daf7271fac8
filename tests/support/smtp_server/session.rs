//! One conversation with a client.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::rule::{Answer, Stage};
use super::{Heard, ReceivedMail, Shared};

/// Serves everybody who comes.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let number = shared.change(|state| {
            let connections = &mut state.connections;
            connections.now += 1;
            connections.ever += 1;
            connections.most = connections.most.max(connections.now);
            connections.ever - 1
        });
        let counted = Counted(shared.clone());
        let shared = shared.clone();
        sessions.spawn(async move {
            let _counted = counted;
            // Clients vanish; that is what some tests are about.
            let _ = serve(shared, stream, number).await;
        });
        while sessions.try_join_next().is_some() {}
    }
}

struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.change(|state| state.connections.now -= 1);
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

struct Session {
    shared: Arc<Shared>,
    stream: BufReader<Box<dyn Duplex>>,
    socket: OwnedFd,
    number: usize,
    encrypted: bool,
    from: Option<(String, String)>,
    to: Vec<String>,
}

/// The end of a session, in good order or not.
type Gone = io::Error;

async fn serve(shared: Arc<Shared>, stream: TcpStream, number: usize) -> Result<(), Gone> {
    let socket = stream.as_fd().try_clone_to_owned()?;
    let implicit = shared.setup.implicit_tls;
    let acceptor = shared.setup.tls.clone().map(TlsAcceptor::from).filter(|_| implicit);
    let stream: Box<dyn Duplex> = match acceptor {
        Some(acceptor) => Box::new(acceptor.accept(stream).await?),
        None => Box::new(stream),
    };
    let mut session = Session {
        shared,
        stream: BufReader::new(stream),
        socket,
        number,
        encrypted: implicit,
        from: None,
        to: Vec::new(),
    };
    session.step(Stage::Connect, "220 test.example ESMTP").await?;
    while let Some(line) = session.line().await? {
        let word = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "EHLO" => session.hello().await?,
            "STARTTLS" if session.shared.setup.tls.is_some() && !session.encrypted => {
                session = session.encrypt().await?;
            }
            "AUTH" => session.log_in(&line).await?,
            "MAIL" => session.mail(&line).await?,
            "RCPT" => session.recipient(&line).await?,
            "DATA" => session.data().await?,
            "RSET" => {
                session.forget();
                session.step(Stage::Reset, "250 2.0.0 forgotten").await?;
            }
            "NOOP" => _ = session.step(Stage::Noop, "250 2.0.0 here").await?,
            "QUIT" => return session.say("221 2.0.0 bye").await,
            _ => session.say("502 5.5.1 what?").await?,
        }
    }
    Ok(())
}

impl Session {
    async fn line(&mut self) -> Result<Option<String>, Gone> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await?;
        let Some(line) = line.strip_suffix(b"\r\n") else { return Ok(None) };
        let line = String::from_utf8_lossy(line).into_owned();
        let heard =
            Heard { line: line.clone(), encrypted: self.encrypted, connection: self.number };
        self.shared.change(|state| state.heard.push(heard));
        Ok(Some(line))
    }

    async fn say(&mut self, text: &str) -> Result<(), Gone> {
        self.stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }

    /// Answers with `usual`, or as the rules have it; whether it was a 2xx or 3xx.
    async fn step(&mut self, stage: Stage, usual: &str) -> Result<bool, Gone> {
        let answer = self.shared.answer(stage, &self.to);
        self.perform(answer, usual).await
    }

    async fn perform(&mut self, answer: Option<Answer>, usual: &str) -> Result<bool, Gone> {
        let text = match answer {
            None => usual.to_owned(),
            Some(Answer::Reply(text)) => text,
            Some(Answer::Bytewise(text)) => {
                for byte in text.bytes().chain(*b"\r\n") {
                    self.stream.write_all(&[byte]).await?;
                    self.stream.flush().await?;
                    tokio::task::yield_now().await;
                }
                return Ok(text.starts_with(['2', '3']));
            }
            Some(Answer::Wait(permits)) => {
                permits.acquire().await.unwrap().forget();
                usual.to_owned()
            }
            Some(answer) => return Err(self.misbehave(&answer).await),
        };
        self.say(&text).await?;
        Ok(text.starts_with(['2', '3']))
    }

    async fn misbehave(&mut self, answer: &Answer) -> Gone {
        if matches!(answer, Answer::Reset | Answer::KeepThenReset) {
            rustix::net::sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO)).unwrap();
        }
        if matches!(answer, Answer::Hang | Answer::KeepThenHang) {
            let _ = tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await;
        }
        io::ErrorKind::ConnectionAborted.into()
    }

    async fn hello(&mut self) -> Result<(), Gone> {
        let setup = &self.shared.setup;
        let mut lines = vec!["test.example greets you"];
        lines.extend(&setup.extensions);
        if setup.tls.is_some() && !self.encrypted {
            lines.push("STARTTLS");
        } else if setup.login.is_some() && !lines.iter().any(|line| line.starts_with("AUTH")) {
            lines.push("AUTH PLAIN LOGIN");
        }
        let last = lines.len() - 1;
        let lines: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(index, line)| format!("250{}{line}", if index == last { ' ' } else { '-' }))
            .collect();
        self.step(Stage::Hello, &lines.join("\r\n")).await.map(drop)
    }

    async fn encrypt(mut self) -> Result<Self, Gone> {
        if !self.step(Stage::StartTls, "220 2.0.0 go ahead").await? {
            return Ok(self);
        }
        let config = self.shared.setup.tls.clone().unwrap();
        let stream: Box<dyn Duplex> =
            Box::new(TlsAcceptor::from(config).accept(self.stream.into_inner()).await?);
        Ok(Self { stream: BufReader::new(stream), encrypted: true, ..self })
    }

    async fn log_in(&mut self, line: &str) -> Result<(), Gone> {
        let mut given = Vec::new();
        if let Some(initial) = line.strip_prefix("AUTH PLAIN ") {
            given.extend(decode(initial).split('\0').skip(1).map(ToOwned::to_owned));
        } else {
            for prompt in ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"] {
                self.say(prompt).await?;
                given.push(decode(&self.line().await?.unwrap_or_default()));
            }
        }
        let wanted = self.shared.setup.login.map(|(user, password)| [user, password]);
        let usual = if wanted.is_some_and(|wanted| given == wanted) {
            "235 2.7.0 welcome"
        } else {
            "535 5.7.8 wrong user name or password"
        };
        self.step(Stage::Auth, usual).await.map(drop)
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn mail(&mut self, line: &str) -> Result<(), Gone> {
        let Some((from, parameters)) = path(line) else {
            return self.say("501 5.5.4 whose?").await;
        };
        if self.from.is_some() {
            return self.say("503 5.5.1 one at a time").await;
        }
        if self.step(Stage::Mail, "250 2.1.0 ok").await? {
            self.from = Some((from, parameters));
        }
        Ok(())
    }

    async fn recipient(&mut self, line: &str) -> Result<(), Gone> {
        let Some((to, _)) = path(line) else { return self.say("501 5.5.4 who?").await };
        if self.from.is_none() {
            return self.say("503 5.5.1 MAIL first").await;
        }
        self.to.push(to);
        if !self.step(Stage::Recipient, "250 2.1.5 ok").await? {
            self.to.pop();
        }
        Ok(())
    }

    async fn data(&mut self) -> Result<(), Gone> {
        let usual = if self.to.is_empty() { "503 5.5.1 RCPT first" } else { "354 go ahead" };
        if !self.step(Stage::Data, usual).await? {
            return Ok(());
        }
        if self.stream.fill_buf().await?.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match self.shared.answer(Stage::Message, &self.to) {
            None => {}
            Some(Answer::Hang) => std::future::pending().await,
            Some(Answer::Reply(text)) => {
                self.say(&text).await?;
                return Err(self.misbehave(&Answer::Close).await);
            }
            Some(answer) => return Err(self.misbehave(&answer).await),
        }
        let data = self.message().await?;
        let (from, parameters) = self.from.take().unwrap_or_default();
        let mail = ReceivedMail {
            from,
            to: self.to.clone(),
            data,
            at: Instant::now(),
            parameters,
            connection: self.number,
        };

        let answer = self.shared.answer(Stage::End, &self.to);
        self.to.clear();
        let keeps = match &answer {
            Some(Answer::Reply(text) | Answer::Bytewise(text)) => text.starts_with('2'),
            Some(Answer::Hang | Answer::Close | Answer::Reset) => false,
            _ => true,
        };
        if keeps {
            // A mail is on record before its sender hears of it.
            self.shared.change(|state| state.received.push(mail));
        }
        self.perform(answer, "250 2.0.0 taken").await.map(drop)
    }

    /// A strict reader: only CRLF ends a line, so that a client that sends anything else is found out.
    async fn message(&mut self) -> Result<Vec<u8>, Gone> {
        let (mut message, mut line) = (Vec::new(), Vec::new());
        loop {
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if !line.ends_with(b"\r\n") {
                continue;
            }
            if line == b".\r\n" {
                return Ok(message);
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            line.clear();
        }
    }
}

fn decode(text: &str) -> String {
    String::from_utf8(STANDARD.decode(text).unwrap_or_default()).unwrap_or_default()
}

/// The address in angle brackets, and what is behind it.
fn path(line: &str) -> Option<(String, String)> {
    let (_, rest) = line.split_once(":<")?;
    let (address, parameters) = rest.split_once('>')?;
    Some((address.to_owned(), parameters.trim().to_owned()))
}
