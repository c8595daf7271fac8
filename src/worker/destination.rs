//! Where mail goes, and how the relay does.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::domain::delivery::{Outcome, Reply};
use crate::mail::transport::circuit::Permit;
use crate::mail::transport::{Circuit, SmtpTransport};

/// Where mail goes.
pub enum Destination {
    /// To a relay, over SMTP, unless it is test mail.
    Relay(Box<Relay>),
    /// Into the capture mailbox, all of it.
    CaptureMailbox,
}

/// The relay, and what is known of how it does.
pub struct Relay {
    pub(super) transport: SmtpTransport,
    /// Knows when the relay is down.
    circuit: Circuit,
    /// What kept the last attempt from reaching it, for those who wait.
    trouble: Mutex<Reply>,
}

impl Relay {
    /// A relay of which nothing bad is known yet.
    pub fn new(transport: SmtpTransport) -> Self {
        Self { transport, circuit: Circuit::default(), trouble: Mutex::default() }
    }

    /// Whether attempts are being held back.
    pub(super) fn is_down(&self) -> bool {
        self.circuit.is_open()
    }

    /// Asks whether to make an attempt now; if not, says what it comes to instead.
    pub(super) fn permit(&self) -> Result<(), Outcome> {
        match self.circuit.permit(Instant::now()) {
            Permit::Go | Permit::Probe => Ok(()),
            Permit::Wait(_) => {
                let known = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
                Err(Outcome::NotAttempted(known))
            }
        }
    }

    /// Notes that an attempt reached the relay, or what kept it from that.
    pub(super) fn note(&self, trouble: Option<&Reply>) {
        let was_down = self.is_down();
        self.circuit.record(trouble.is_none(), Instant::now());
        if let Some(reply) = trouble {
            self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone_from(reply);
        }
        let is_down = self.is_down();
        if is_down && !was_down {
            tracing::warn!(
                "The relay cannot be reached; mail waits, and goes on by itself (`posthaste doctor` says why)"
            );
        } else if was_down && !is_down {
            tracing::info!("The relay can be reached again");
        }
        metrics::gauge!("posthaste_circuit_open").set(f64::from(u8::from(is_down)));
    }
}
