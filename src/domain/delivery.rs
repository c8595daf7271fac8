//! One mail on its way to one recipient: what an attempt can come to.

use serde::{Deserialize, Serialize};

/// What a delivery does after an attempt whose end is not known, because the relay took the message and its answer
/// never came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnAmbiguous {
    /// Tries again: the recipient may get the mail twice (right for a one-time code). The default.
    #[default]
    Retry,
    /// Stops, and leaves the decision to a person (right for an invoice).
    Hold,
}

/// What one attempt at a delivery came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The relay took responsibility (RFC 5321, section 4.2.5).
    Sent(Reply),
    /// The mail was stored in the capture mailbox; there was no network in it.
    Captured,
    /// Not now: a 4xx reply, a time-out or a lost connection before the message was complete.
    Deferred(Reply),
    /// Never: a 5xx reply to this recipient or message. `hard_bounce` when the mailbox or its domain does not exist,
    /// so that nothing sent there will ever arrive.
    Rejected {
        /// What the relay said.
        reply: Reply,
        /// Whether the address itself is bad.
        hard_bounce: bool,
    },
    /// The message went out whole and no answer came back: it may have been taken.
    Ambiguous(Reply),
    /// Played only: the recipient is on the suppression list.
    Suppressed,
    /// Played only: the mail arrived, and the recipient called it spam.
    Complained,
    /// The attempt never began, because the relay could not be reached at all: the fault of no mail.
    NotAttempted(Reply),
}

/// What the other side said, or what kept it from saying anything.
///
/// The text may quote a recipient's address: it is shown to the owner of the mail and is never logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The reply code (RFC 5321, section 4.2), where there was a reply.
    pub code: Option<u16>,
    /// The enhanced status code such as `5.1.1` (RFC 3463), where the reply had one.
    pub enhanced: Option<String>,
    /// The reply's text or our own description, at most [`Reply::MAX_TEXT`] characters.
    pub text: String,
}

impl Reply {
    /// How much of a reply's text is kept, in characters.
    pub const MAX_TEXT: usize = 500;

    /// A reply that was none: our own description of what happened.
    pub fn described(text: impl Into<String>) -> Self {
        Self {
            code: None,
            enhanced: None,
            text: text.into().chars().take(Self::MAX_TEXT).collect(),
        }
    }
}
