//! One conversation: who may say what, and what it is answered.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Host;
use super::command::Command;
use super::message::Incoming;
use crate::domain::return_path::ReturnPath;
use crate::error::Error;
use crate::service::bounces::{MOST_READ, Source, Taken};

/// How long a client may be silent (RFC 5321, section 4.5.3.2.7, asks for five minutes).
const PATIENCE: Duration = Duration::from_mins(5);

/// How long a client may take to take what it is told.
const UNTIL_TAKEN: Duration = Duration::from_secs(30);

/// The longest command, in bytes; RFC 5321 says 512, and extensions add to it.
const LONGEST_LINE: usize = 2048;

/// The largest message, in bytes: bounces may quote all of a mail.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Commands in one connection.
const MOST_COMMANDS: usize = 1000;

/// Commands in one connection that come to nothing.
const MOST_MISTAKES: usize = 20;

/// Who reads mail about mail: the second and third of RFC 2142, sections 2 and 5.
const FOR_COMPLAINTS: [&str; 3] = ["complaints", "abuse", "postmaster"];

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is over.
    Over,
    /// It goes on inside of TLS.
    StartTls,
}

/// A conversation with a client.
pub(super) struct Session<'a, S> {
    stream: BufReader<S>,
    host: &'a Host,
    stop: &'a CancellationToken,
    is_encrypted: bool,
    has_said_hello: bool,
    has_sender: bool,
    recipient: Option<Source>,
    mistakes: usize,
}

/// What is said back.
type Said = &'static str;

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    pub(super) fn new(stream: S, host: &'a Host, stop: &'a CancellationToken) -> Self {
        Self {
            stream: BufReader::new(stream),
            host,
            stop,
            is_encrypted: false,
            has_said_hello: false,
            has_sender: false,
            recipient: None,
            mistakes: 0,
        }
    }

    /// The conversation begins anew (RFC 3207, section 4.2).
    pub(super) fn encrypted(stream: S, host: &'a Host, stop: &'a CancellationToken) -> Self {
        Self { is_encrypted: true, ..Self::new(stream, host, stop) }
    }

    /// The connection, if nothing has come on it that was not read.
    pub(super) fn into_silent_stream(self) -> Option<S> {
        self.stream.buffer().is_empty().then(|| self.stream.into_inner())
    }

    pub(super) async fn greet(&mut self) -> io::Result<()> {
        let greeting = format!("220 {} ESMTP takes bounces\r\n", self.host.name);
        self.say(&greeting).await
    }

    /// Holds the conversation to its end.
    pub(super) async fn hold(&mut self) -> io::Result<End> {
        for _ in 0..MOST_COMMANDS {
            let line = match self.line().await? {
                Line::Said(line) => line,
                Line::TooLong => {
                    self.say("500 5.5.2 The line is too long\r\n").await?;
                    break;
                }
                Line::HungUp => return Ok(End::Over),
                Line::Silent => {
                    self.say("421 4.4.2 Silent for too long\r\n").await?;
                    return Ok(End::Over);
                }
                Line::Stopping => {
                    self.say("421 4.3.2 Stopping; come again\r\n").await?;
                    return Ok(End::Over);
                }
            };
            match Command::read(&line) {
                Command::Quit => {
                    self.say("221 2.0.0 Bye\r\n").await?;
                    return Ok(End::Over);
                }
                Command::StartTls if self.host.tls.is_some() && !self.is_encrypted => {
                    self.say("220 2.0.0 Go ahead\r\n").await?;
                    return Ok(End::StartTls);
                }
                Command::ExtendedHello => self.introduce().await?,
                Command::Data => match self.has_recipient() {
                    Ok(source) => {
                        if !self.message(source).await? {
                            return Ok(End::Over);
                        }
                    }
                    Err(refusal) => self.refuse(refusal).await?,
                },
                command => match self.answer(command) {
                    Ok(said) => self.say(said).await?,
                    Err(refusal) => self.refuse(refusal).await?,
                },
            }
            if self.mistakes >= MOST_MISTAKES {
                break;
            }
        }
        self.say("421 4.7.0 Too much of this\r\n").await?;
        Ok(End::Over)
    }

    async fn refuse(&mut self, refusal: Said) -> io::Result<()> {
        self.mistakes += 1;
        self.say(refusal).await
    }

    async fn introduce(&mut self) -> io::Result<()> {
        self.reset();
        self.has_said_hello = true;
        let start_tls =
            if self.host.tls.is_some() && !self.is_encrypted { "250-STARTTLS\r\n" } else { "" };
        let said = format!(
            "250-{}\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n{start_tls}250 SIZE \
             {LARGEST}\r\n",
            self.host.name
        );
        self.say(&said).await
    }

    fn answer(&mut self, command: Command) -> Result<Said, Said> {
        match command {
            Command::Hello => {
                self.reset();
                self.has_said_hello = true;
                Ok("250 Hello\r\n")
            }
            Command::Mail { .. } if !self.has_said_hello => Err("503 5.5.1 Say hello first\r\n"),
            Command::Mail { .. } if self.has_sender => {
                Err("503 5.5.1 There is a sender already\r\n")
            }
            Command::Mail { size: Some(size) } if size > LARGEST => {
                Err("552 5.3.4 The message is too large\r\n")
            }
            Command::Mail { .. } => {
                self.has_sender = true;
                Ok("250 2.1.0 Noted\r\n")
            }
            Command::Recipient(_) if !self.has_sender => {
                Err("503 5.5.1 Say who sends it first\r\n")
            }
            // Each message is answered once, and so it has one recipient: a bounce never has more.
            Command::Recipient(_) if self.recipient.is_some() => {
                Err("452 4.5.3 One recipient at a time\r\n")
            }
            Command::Recipient(address) => {
                let source =
                    self.source(&address).ok_or("550 5.1.1 Nobody here has this address\r\n")?;
                self.recipient = Some(source);
                Ok("250 2.1.5 Noted\r\n")
            }
            Command::Reset => {
                self.reset();
                Ok("250 2.0.0 Forgotten\r\n")
            }
            Command::Noop => Ok("250 2.0.0 Yes\r\n"),
            Command::Verify => Ok("252 2.1.5 Try to send it a bounce\r\n"),
            Command::Help => {
                Ok("214 2.0.0 Only bounces and complaints about mail from here are taken\r\n")
            }
            Command::Malformed => Err("501 5.5.4 This cannot be read\r\n"),
            _ => Err("500 5.5.1 This is not understood\r\n"),
        }
    }

    fn has_recipient(&self) -> Result<Source, Said> {
        self.recipient.ok_or("503 5.5.1 Say for whom it is first\r\n")
    }

    /// What an address is for, if it is one of ours.
    fn source(&self, address: &str) -> Option<Source> {
        let is_for_complaints =
            |local: &str| FOR_COMPLAINTS.iter().any(|known| local.eq_ignore_ascii_case(known));
        let Some((local, domain)) = address.rsplit_once('@') else {
            // The one address that needs no domain (RFC 5321, section 4.5.1).
            return address.eq_ignore_ascii_case("postmaster").then_some(Source::Complaints);
        };
        let paths = self.host.bounces.return_paths();
        if !paths.domain().is_some_and(|ours| ours.eq_ignore_ascii_case(domain)) {
            return None;
        }
        let path: Option<ReturnPath> = paths.read(address);
        path.map(Source::ReturnPath)
            .or_else(|| is_for_complaints(local).then_some(Source::Complaints))
    }

    /// Takes a message in; `false` if the conversation is over with it.
    async fn message(&mut self, source: Source) -> io::Result<bool> {
        self.reset();
        self.say("354 Go ahead, and end with a dot\r\n").await?;
        let mut incoming = Incoming::new(MOST_READ);
        loop {
            let more = timeout(PATIENCE, self.stream.fill_buf());
            let Some(Ok(more)) = self.stop.run_until_cancelled(more).await else {
                return Ok(false);
            };
            let more = more?;
            if more.is_empty() {
                return Ok(false);
            }
            let length = more.len();
            let end = incoming.take(more);
            self.stream.consume(end.unwrap_or(length));
            if end.is_some() {
                break;
            }
            if incoming.came > LARGEST {
                self.say("552 5.3.4 The message is too large\r\n").await?;
                return Ok(false);
            }
        }
        let taken = self.host.bounces.take(source, incoming.into_kept()).await;
        let said = verdict(source, taken);
        if said.starts_with('2') {
            self.say(said).await?;
        } else {
            self.refuse(said).await?;
        }
        Ok(true)
    }

    fn reset(&mut self) {
        self.has_sender = false;
        self.recipient = None;
    }

    /// The next line, without its end.
    async fn line(&mut self) -> io::Result<Line> {
        let mut line = Vec::new();
        loop {
            let more = timeout(PATIENCE, self.stream.fill_buf());
            let more = match self.stop.run_until_cancelled(more).await {
                None => return Ok(Line::Stopping),
                Some(Err(_)) => return Ok(Line::Silent),
                Some(Ok(more)) => more?,
            };
            if more.is_empty() {
                return Ok(Line::HungUp);
            }
            let end = more.iter().position(|byte| *byte == b'\n').map(|place| place + 1);
            let length = end.unwrap_or(more.len());
            if line.len() + length > LONGEST_LINE {
                return Ok(Line::TooLong);
            }
            line.extend_from_slice(&more[..length]);
            self.stream.consume(length);
            if end.is_some() {
                while line.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
                    line.pop();
                }
                return Ok(Line::Said(line));
            }
        }
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        let saying = async {
            self.stream.write_all(text.as_bytes()).await?;
            self.stream.flush().await
        };
        timeout(UNTIL_TAKEN, saying).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// What came instead of a line, or a line.
enum Line {
    Said(Vec<u8>),
    TooLong,
    HungUp,
    Silent,
    Stopping,
}

/// What is said of a message: 2xx only when what it reports is durable, or when it reports nothing that another try would
/// change. What came to a return path is taken whatever it is, because to refuse it makes its sender write once more.
fn verdict(source: Source, taken: crate::error::Result<Taken>) -> Said {
    match taken {
        Ok(_) => "250 2.0.0 Written down\r\n",
        Err(Error::Malformed(_) | Error::NotFound(_)) if source == Source::Complaints => {
            "550 5.7.0 Only feedback reports (RFC 5965) about mail from here are taken\r\n"
        }
        Err(Error::Malformed(_)) => "250 2.0.0 Taken, and it is no report\r\n",
        Err(Error::NotFound(_)) => "250 2.0.0 Taken, and the mail is not known any more\r\n",
        Err(Error::Conflict { .. }) => {
            "451 4.3.0 The mail is still being delivered; come again\r\n"
        }
        Err(error) => {
            tracing::warn!(cause = %error.for_log(), "Could not write a report down; whoever brought it comes again");
            "451 4.3.0 This cannot be written down now; come again\r\n"
        }
    }
}
