//! From a host name to a session in which mail can be sent: connect, greeting, EHLO, STARTTLS, AUTH.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};

use super::conversation::{Broken, Conversation};
use super::features::Features;
use super::limits::Deadlines;
use super::relay::{Credentials, Relay, Tls};
use super::reply::ServerReply;
use super::stream::{ConnectError, Stream};
use super::tls::Connector;
use crate::domain::delivery::Reply;

/// Everything that a connection to the relay needs to be made.
pub(super) struct Endpoint {
    pub relay: Relay,
    /// The name that we give to EHLO.
    pub hello: String,
    /// Absent where the relay is spoken to in clear.
    pub connector: Option<Connector>,
}

/// Why there is no session with the relay: the fault of its operator or of ours, and of no mail.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// DNS.
    #[error(
        "the relay's host name could not be looked up ({0}): check the host in SMTP_URL and this machine's DNS"
    )]
    LookUp(#[source] io::Error),
    /// TCP.
    #[error(
        "the relay could not be reached ({0}): check the host and port in SMTP_URL, and firewalls on the way"
    )]
    Connect(#[source] io::Error),
    /// Too slow, at any step.
    #[error(
        "the relay took too long to {0}: try again later, or check the host and port in SMTP_URL"
    )]
    TimedOut(&'static str),
    /// The handshake, most often the certificate.
    #[error(
        "no TLS connection could be made ({0}): the certificate must name the host in SMTP_URL and come from an \
         authority that this machine trusts; port 465 needs smtps://, port 587 smtp://"
    )]
    Tls(#[source] io::Error),
    /// Required, and not there.
    #[error(
        "the relay does not offer STARTTLS, and mail is not sent in clear: use smtps://, or add \
         ?tls=opportunistic to SMTP_URL if that is acceptable"
    )]
    NoStartTls,
    /// Opportunistic TLS that did not come about, and a password.
    #[error(
        "the relay does not offer STARTTLS, and the password in SMTP_URL is not sent in clear: use smtps://"
    )]
    PasswordInClear,
    /// A 4xx or 5xx before any mail.
    #[error("the relay answered {code} {text:?} to {step}", code = .reply.code.unwrap_or_default(), text = .reply.text)]
    Refused {
        /// What we had asked for.
        step: &'static str,
        /// What it said.
        reply: Reply,
    },
    /// No way of logging in that both sides know.
    #[error(
        "the relay offers neither AUTH PLAIN nor AUTH LOGIN: drop the credentials from SMTP_URL, or use its submission port"
    )]
    NoMechanism,
    /// Wrong credentials, or an account that is locked.
    #[error("the relay refused the user name or password in SMTP_URL: {code} {text:?}", code = .0.code.unwrap_or_default(), text = .0.text)]
    Credentials(Reply),
    /// Hung up, or no mail server.
    #[error(
        "{cause} during {step}: check that the host and port in SMTP_URL are those of a mail server"
    )]
    Broken {
        /// What we were waiting for.
        step: &'static str,
        /// What happened.
        cause: String,
    },
}

impl OpenError {
    /// The same for the history of a mail.
    pub(super) fn to_reply(&self) -> Reply {
        match self {
            Self::Refused { reply, .. } | Self::Credentials(reply) => {
                Reply { text: Reply::described(self.to_string()).text, ..reply.clone() }
            }
            _ => Reply::described(self.to_string()),
        }
    }

    pub(super) fn broken(step: &'static str, cause: &Broken) -> Self {
        match cause {
            Broken::TimedOut => Self::TimedOut(step),
            cause => Self::Broken { step, cause: cause.to_string() },
        }
    }
}

/// A session that is ready for mail.
pub(super) struct Session {
    pub conversation: Conversation,
    pub features: Features,
}

impl Endpoint {
    /// Opens a session.
    pub(super) async fn open(&self, deadlines: &Deadlines) -> Result<Session, OpenError> {
        let until = deadlines.opening();
        let mut conversation = self.connect(deadlines, until).await?;

        let greeting = conversation.reply(until).await;
        expect(greeting, &[220], "greet")?;
        let mut features = self.hello(&mut conversation, until).await?;

        if let Some(connector) =
            self.connector.as_ref().filter(|_| !conversation.stream().is_encrypted())
        {
            if features.starttls {
                expect(conversation.ask("STARTTLS\r\n", until).await, &[220], "STARTTLS")?;
                conversation = encrypt(conversation, connector, until).await?;
                // What was said in clear is forgotten (RFC 3207, section 4.2).
                features = self.hello(&mut conversation, until).await?;
            } else if self.relay.tls() != Tls::Opportunistic {
                return Err(OpenError::NoStartTls);
            }
        }

        if let Some(credentials) = self.relay.credentials() {
            if !conversation.stream().is_encrypted() && !self.relay.is_loopback() {
                return Err(OpenError::PasswordInClear);
            }
            log_in(&mut conversation, features, credentials, until).await?;
        }
        Ok(Session { conversation, features })
    }

    async fn connect(
        &self,
        deadlines: &Deadlines,
        until: Instant,
    ) -> Result<Conversation, OpenError> {
        let connecting = Stream::connect(self.relay.host(), self.relay.port(), deadlines.connect());
        let stream = match timeout_at(until, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(ConnectError::LookUp(error))) => return Err(OpenError::LookUp(error)),
            Ok(Err(ConnectError::Connect(error))) => return Err(OpenError::Connect(error)),
            Err(_) => return Err(OpenError::TimedOut("connect")),
        };
        let conversation = Conversation::new(stream);
        match &self.connector {
            Some(connector) if self.relay.tls() == Tls::Implicit => {
                encrypt(conversation, connector, until).await
            }
            _ => Ok(conversation),
        }
    }

    async fn hello(
        &self,
        conversation: &mut Conversation,
        until: Instant,
    ) -> Result<Features, OpenError> {
        let reply = conversation.ask(&format!("EHLO {}\r\n", self.hello), until).await;
        Ok(Features::of(&expect(reply, &[250], "EHLO")?))
    }
}

async fn encrypt(
    conversation: Conversation,
    connector: &Connector,
    until: Instant,
) -> Result<Conversation, OpenError> {
    conversation.encrypt(connector, until).await.map_err(|broken| match broken {
        Broken::Network(error) => OpenError::Tls(error),
        broken => OpenError::broken("the TLS handshake", &broken),
    })
}

/// PLAIN in one round trip where it is offered, else LOGIN.
async fn log_in(
    conversation: &mut Conversation,
    features: Features,
    credentials: &Credentials,
    until: Instant,
) -> Result<(), OpenError> {
    let (user, password) = (credentials.user.expose_secret(), credentials.password.expose_secret());
    let lines = if features.plain {
        vec![format!("AUTH PLAIN {}\r\n", STANDARD.encode(format!("\0{user}\0{password}")))]
    } else if features.login {
        vec![
            "AUTH LOGIN\r\n".to_owned(),
            format!("{}\r\n", STANDARD.encode(user)),
            format!("{}\r\n", STANDARD.encode(password)),
        ]
    } else {
        return Err(OpenError::NoMechanism);
    };

    for (index, line) in lines.iter().enumerate() {
        let reply = conversation.ask(line, until).await;
        let reply = reply.map_err(|broken| OpenError::broken("AUTH", &broken))?;
        let expected = if index + 1 == lines.len() { 235 } else { 334 };
        if reply.code != expected {
            return Err(OpenError::Credentials(without_secrets(&reply, &[user, password])));
        }
    }
    Ok(())
}

/// A relay may quote what it refuses.
fn without_secrets(reply: &ServerReply, secrets: &[&str]) -> Reply {
    let text = reply.text();
    if secrets.iter().any(|secret| text.contains(secret)) {
        return reply.to_reply_saying("(its text quoted the credentials)");
    }
    reply.to_reply()
}

fn expect(
    reply: Result<ServerReply, Broken>,
    codes: &[u16],
    step: &'static str,
) -> Result<ServerReply, OpenError> {
    let reply = reply.map_err(|broken| OpenError::broken(step, &broken))?;
    if codes.contains(&reply.code) {
        return Ok(reply);
    }
    Err(OpenError::Refused { step, reply: reply.to_reply() })
}
