//! What the server can be told to do wrong.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Where in a conversation something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Connect,
    Hello,
    StartTls,
    Auth,
    Mail,
    Recipient,
    Data,
    /// The first bytes of a message have come, its end has not.
    Message,
    /// The message has come to its end.
    End,
    Reset,
    Noop,
}

/// What the server does instead of what it should.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Says this, of one line or more. At the end of a message, 2xx keeps it. In the middle of one, hangs up after it.
    Reply(String),
    /// Says this, a byte at a time.
    Bytewise(String),
    /// Says nothing more and leaves the connection open. In the middle of a message it stops reading, too.
    Hang,
    /// Hangs up.
    Close,
    /// Breaks the connection off (RST).
    Reset,
    /// Keeps the message and then hangs up, resets or says nothing. At [`Stage::End`] only.
    KeepThenClose,
    KeepThenReset,
    KeepThenHang,
    /// Waits for a permit, then behaves.
    Wait(Arc<Semaphore>),
}

impl Answer {
    pub fn reply(text: &str) -> Self {
        Self::Reply(text.to_owned())
    }
}

/// What the server does instead of what it should, where and to whom.
pub struct Rule {
    pub(super) stage: Stage,
    pub(super) answer: Answer,
    pub(super) recipient: Option<String>,
    pub(super) times: usize,
}

impl Rule {
    /// Always at this stage.
    pub fn at(stage: Stage, answer: Answer) -> Self {
        Self { stage, answer, recipient: None, times: usize::MAX }
    }

    /// For one recipient only; from RCPT on.
    pub fn only_to(self, address: &str) -> Self {
        Self { recipient: Some(address.to_owned()), ..self }
    }

    /// Not for ever.
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }
}
