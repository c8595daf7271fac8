//! How many connections, for how long, and how patient with each of their steps.

use std::time::Duration;

use tokio::time::Instant;

/// The bounds of the pool of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, idle ones included; at least 1.
    pub connections: usize,
    /// An idle connection is closed after this long. Relays close theirs after one to five minutes, and a connection
    /// that we close first is never found dead.
    pub idle: Duration,
    /// Mails on one connection. Relays stop at some hundred with a 421 in the middle of the work.
    pub mails: u32,
    /// The age at which a connection takes no more mail, so that a change of the relay's address is noticed.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16,
            idle: Duration::from_mins(1),
            mails: 100,
            age: Duration::from_mins(10),
        }
    }
}

/// How long each step may take. RFC 5321, section 4.5.3.2, would let one attempt last half an hour; a lease on a
/// delivery does not.
///
/// The whole of an attempt ends within [`attempt`](Self::attempt). Of that, [`answer`](Self::answer) is set aside for
/// the relay's last word: a message whose end has not been sent when the rest is used up is not ended, because an
/// answer that we cannot wait for would make it ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A place in the pool, while every connection is busy.
    pub slot: Duration,
    /// A TCP connection to one of the relay's addresses.
    pub connect: Duration,
    /// From the look-up of the relay's name to a session that is greeted, encrypted and logged in.
    pub opening: Duration,
    /// The answer to one command (RFC 5321: five minutes).
    pub command: Duration,
    /// The answer to the end of a message (RFC 5321: ten minutes): relays scan the mail while we wait.
    pub answer: Duration,
    /// The whole attempt.
    pub attempt: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            slot: Duration::from_mins(1),
            connect: Duration::from_secs(10),
            opening: Duration::from_secs(45),
            command: Duration::from_mins(1),
            answer: Duration::from_mins(2),
            attempt: Duration::from_mins(5),
        }
    }
}

/// How long a connection may take to be ready for the next mail after a refusal: nobody's outcome waits longer.
const TIDYING: Duration = Duration::from_secs(10);

/// The clock of one attempt.
#[derive(Clone, Copy)]
pub(super) struct Deadlines {
    timeouts: Timeouts,
    /// Until here the end of the message must have been sent, so that there is time for its answer.
    message: Instant,
    end: Instant,
}

impl Deadlines {
    /// Starts the clock.
    pub(super) fn start(timeouts: Timeouts) -> Self {
        let now = Instant::now();
        let before_answer =
            timeouts.attempt.saturating_sub(timeouts.answer).max(timeouts.attempt / 2);
        Self { timeouts, message: now + before_answer, end: now + timeouts.attempt }
    }

    pub(super) fn slot(&self) -> Instant {
        self.before_message(self.timeouts.slot)
    }

    pub(super) fn opening(&self) -> Instant {
        self.before_message(self.timeouts.opening)
    }

    pub(super) fn command(&self) -> Instant {
        self.before_message(self.timeouts.command)
    }

    /// Until when the message may be on its way.
    pub(super) fn message(&self) -> Instant {
        self.message
    }

    pub(super) fn answer(&self) -> Instant {
        (Instant::now() + self.timeouts.answer).min(self.end)
    }

    pub(super) fn tidying(&self) -> Instant {
        (Instant::now() + TIDYING.min(self.timeouts.command)).min(self.end)
    }

    /// How long one address of the relay is tried.
    pub(super) fn connect(&self) -> Duration {
        self.timeouts.connect
    }

    fn before_message(&self, limit: Duration) -> Instant {
        (Instant::now() + limit).min(self.message)
    }
}
