//! What becomes of a mail, for everything that a relay can do to it. The relay is real, and so are the sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod connections;
mod lost;
mod not_attempted;
mod refused;
mod secrets;
#[path = "../support/smtp_server.rs"]
mod smtp_server;
mod taken;

use std::sync::Arc;
use std::time::Duration;

use posthaste::domain::address::EmailAddress;
use posthaste::domain::delivery::{Outcome, Reply};
use posthaste::mail::transport::{Limits, Settings, SmtpTransport, Timeouts};
use smtp_server::{Answer, Identity, Rule, Setup, SmtpServer, Stage};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nHello!\r\n";

/// Every way of sending the commands.
fn setups() -> [Setup; 2] {
    [Setup::default(), Setup::default().without("PIPELINING")]
}

fn transport_to(url: &str, settings: &Settings) -> SmtpTransport {
    SmtpTransport::new(url.parse().unwrap(), "client.example", settings).unwrap()
}

fn transport(server: &SmtpServer) -> SmtpTransport {
    transport_to(&server.url(), &Settings::default())
}

fn limited(server: &SmtpServer, limits: Limits) -> SmtpTransport {
    transport_to(&server.url(), &Settings { limits, ..Settings::default() })
}

fn hurried(server: &SmtpServer, timeouts: Timeouts) -> SmtpTransport {
    transport_to(&server.url(), &Settings { timeouts, ..Settings::default() })
}

fn trusting(url: &str, identity: &Identity) -> SmtpTransport {
    let settings = Settings { extra_roots: vec![identity.root.clone()], ..Settings::default() };
    transport_to(url, &settings)
}

fn address(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

/// Makes one attempt, as the worker does: waits for its turn, connects, and hands the message over.
async fn deliver_to(transport: &SmtpTransport, to: &EmailAddress, message: &[u8]) -> Outcome {
    let ready = match transport.turn().await {
        Ok(turn) => turn.connect().await,
        Err(outcome) => Err(outcome),
    };
    match ready {
        Ok(ready) => ready.deliver(&address("shop@example.com"), to, message).await,
        Err(outcome) => outcome,
    }
}

async fn deliver_message(transport: &SmtpTransport, message: &[u8]) -> Outcome {
    deliver_to(transport, &address("ada@example.org"), message).await
}

async fn deliver(transport: &SmtpTransport) -> Outcome {
    deliver_message(transport, MESSAGE).await
}

fn large_message() -> Vec<u8> {
    b".dots at every line start and twenty megabytes of them\r\n".repeat(350_000)
}

#[track_caller]
fn sent(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Sent(reply) => reply,
        other => panic!("not sent but {other:?}"),
    }
}

#[track_caller]
fn deferred(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Deferred(reply) => reply,
        other => panic!("not deferred but {other:?}"),
    }
}

#[track_caller]
fn rejected(outcome: Outcome) -> (Reply, bool) {
    match outcome {
        Outcome::Rejected { reply, hard_bounce } => (reply, hard_bounce),
        other => panic!("not rejected but {other:?}"),
    }
}

#[track_caller]
fn ambiguous(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Ambiguous(reply) => reply,
        other => panic!("not ambiguous but {other:?}"),
    }
}

#[track_caller]
fn not_attempted(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::NotAttempted(reply) => reply,
        other => panic!("not left alone but {other:?}"),
    }
}
