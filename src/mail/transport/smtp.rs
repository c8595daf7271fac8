//! One delivery over SMTP from beginning to end.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use super::limits::{Deadlines, Limits, Timeouts};
use super::opening::{Endpoint, OpenError, Session};
use super::pool::{Connection, Pool, Slot};
use super::relay::{Relay, Tls};
use super::tls::{Connector, TlsSetupError};
use super::transaction::{Ended, Envelope, Then};
use crate::domain::address::EmailAddress;
use crate::domain::delivery::{Outcome, Reply};

/// Hands mail to one relay.
///
/// Clones share their connections. When the last one is dropped, idle connections are closed.
#[derive(Clone)]
pub struct SmtpTransport {
    pool: Arc<Pool>,
    timeouts: Timeouts,
}

/// Everything about a transport that has a sensible default.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How many connections, and how long they are kept.
    pub limits: Limits,
    /// How patient we are.
    pub timeouts: Timeouts,
    /// Certificates to trust besides the operating system's: a private authority's, for a relay of one's own.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

/// Why there is no transport.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The name would make another command of EHLO, or none that a relay understands.
    #[error("the name for EHLO must be a domain name or an address literal such as [192.0.2.1]")]
    Hello,
    /// No TLS.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
}

/// The right to one connection, for one delivery. Until it is had, nothing can have been sent.
pub struct Turn<'a> {
    transport: &'a SmtpTransport,
    slot: Slot<'a>,
    deadlines: Deadlines,
}

/// A connection to the relay, for one delivery of which nothing has been sent.
pub struct Ready<'a> {
    turn: Turn<'a>,
    connection: Connection,
    /// Whether it was kept from an earlier mail, and may be dead by now.
    is_kept: bool,
}

impl SmtpTransport {
    /// A transport to `relay` that introduces itself as `hello`: the name of this machine in DNS, or its address in
    /// brackets (RFC 5321, section 4.1.4). Connects to nothing yet. Reads the operating system's certificates, unless
    /// the relay is spoken to in clear.
    pub fn new(relay: Relay, hello: &str, settings: &Settings) -> Result<Self, SetupError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        if hello.is_empty() || hello.len() > 255 || !hello.bytes().all(is_plain) {
            return Err(SetupError::Hello);
        }
        let connector = match relay.tls() {
            Tls::None => None,
            _ => Some(Connector::new(relay.host(), &settings.extra_roots)?),
        };
        let endpoint = Endpoint { relay, hello: hello.to_owned(), connector };
        Ok(Self {
            pool: Arc::new(Pool::new(endpoint, settings.limits)),
            timeouts: settings.timeouts,
        })
    }

    /// Waits for a connection to be free; or says why not, where all stay busy for too long.
    ///
    /// Callers who must write down that an attempt begins do so when they are connected: many may wait for long, and a
    /// relay may be away.
    pub async fn turn(&self) -> Result<Turn<'_>, Outcome> {
        let deadlines = Deadlines::start(self.timeouts);
        if let Some(slot) = self.pool.slot(&deadlines).await {
            return Ok(Turn { transport: self, slot, deadlines });
        }
        self.log("waiting for a connection", None);
        Err(Outcome::NotAttempted(Reply::described("all connections to the relay stayed busy")))
    }

    /// Logs in as for a mail, sends none, and says in a few words what was found; or in a sentence what to mend.
    ///
    /// On a connection of its own, beside the pool.
    pub async fn check(&self) -> Result<String, OpenError> {
        let deadlines = Deadlines::start(self.timeouts);
        let endpoint = self.pool.endpoint();
        let Session { mut conversation, features } = endpoint.open(&deadlines).await?;

        let noop = conversation.ask("NOOP\r\n", deadlines.command()).await;
        let noop = noop.map_err(|broken| OpenError::broken("NOOP", &broken))?;
        if !noop.is_success() {
            return Err(OpenError::Refused { step: "NOOP", reply: noop.to_reply() });
        }
        let summary = format!(
            "{}:{} answers, {}, {}, {}",
            endpoint.relay.host(),
            endpoint.relay.port(),
            conversation.stream().protection(),
            if endpoint.relay.has_credentials() { "logged in" } else { "no login" },
            if features.pipelining { "pipelining" } else { "no pipelining" },
        );
        conversation.quit();
        Ok(summary)
    }

    fn settle(&self, slot: Slot<'_>, connection: Connection, ended: Ended) -> Outcome {
        let code = match &ended.outcome {
            Outcome::Sent(reply)
            | Outcome::Deferred(reply)
            | Outcome::Rejected { reply, .. }
            | Outcome::Ambiguous(reply)
            | Outcome::NotAttempted(reply) => reply.code,
            Outcome::Captured | Outcome::Suppressed | Outcome::Complained => None,
        };
        tracing::debug!(
            relay.host = self.pool.endpoint().relay.host(),
            smtp.stage = %ended.stage,
            smtp.code = code,
            "Ended a transaction with the relay",
        );
        if ended.then == Then::Keep {
            self.pool.keep(slot, connection);
        }
        ended.outcome
    }

    /// Neither addresses nor the relay's words, which may quote them.
    fn log(&self, step: &'static str, code: Option<u16>) {
        tracing::debug!(
            relay.host = self.pool.endpoint().relay.host(),
            smtp.stage = step,
            smtp.code = code,
            "Failed before any mail",
        );
    }
}

impl<'a> Turn<'a> {
    /// Has a connection: one that was kept, or a new one. [`Outcome::NotAttempted`] if there is no session with the
    /// relay to be had, whatever the reason.
    pub async fn connect(self) -> Result<Ready<'a>, Outcome> {
        if let Some(connection) = self.transport.pool.reuse(&self.slot) {
            return Ok(Ready { turn: self, connection, is_kept: true });
        }
        let connection = self.open().await?;
        Ok(Ready { turn: self, connection, is_kept: false })
    }

    async fn open(&self) -> Result<Connection, Outcome> {
        self.transport.pool.open(&self.slot, &self.deadlines).await.map_err(|error| {
            let reply = error.to_reply();
            self.transport.log("opening", reply.code);
            Outcome::NotAttempted(reply)
        })
    }
}

impl Ready<'_> {
    /// Attempts to hand `message` to the relay, for one recipient.
    ///
    /// `message` is complete and has CRLF lines; dots are doubled here. The outcome is
    /// - [`Outcome::NotAttempted`] if a kept connection is dead and no other one can be had;
    /// - [`Outcome::Deferred`] for a 4xx, and for a conversation that ended before the end of the message was sent;
    /// - [`Outcome::Rejected`] for a 5xx, and for a mail that the relay has not the extensions to carry;
    /// - [`Outcome::Ambiguous`] from when the first byte of the `CRLF . CRLF` that ends the message may have left until
    ///   a reply is there;
    /// - [`Outcome::Sent`] for a 2xx to that end.
    ///
    /// It comes within [`Timeouts::attempt`] of the turn. A kept connection that turns out to be dead (it is closed,
    /// silent, or says 421 at the first command) is replaced once; nothing of the message has been sent then. Dropping
    /// the future closes the connection.
    pub async fn deliver(self, from: &EmailAddress, to: &EmailAddress, message: &[u8]) -> Outcome {
        let Self { turn, mut connection, is_kept } = self;
        let Some(envelope) = Envelope::new(from, to, message) else {
            turn.transport.pool.keep(turn.slot, connection);
            let reply = Reply::described("an address has characters that SMTP cannot carry");
            return Outcome::Rejected { reply, hard_bounce: false };
        };
        let mut ended = connection.session.transact(envelope, &turn.deadlines).await;
        if is_kept && ended.then == Then::Replace {
            turn.transport.log("reusing a connection that was dead", None);
            connection = match turn.open().await {
                Ok(connection) => connection,
                Err(outcome) => return outcome,
            };
            ended = connection.session.transact(envelope, &turn.deadlines).await;
        }
        turn.transport.settle(turn.slot, connection, ended)
    }
}
