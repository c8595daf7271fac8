//! Why a request could not be carried out.

use std::borrow::Cow;
use std::time::Duration;

use crate::domain::violations::Violations;

/// The result of everything that a caller can ask for.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request could not be carried out.
///
/// Variants say what a caller can do about it; they know nothing of HTTP, whose status codes are chosen in
/// `http::error`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No key was sent, or it is not good for anything. The sentence says what to do; it confirms that a key exists
    /// only to those who hold its secret.
    #[error("{0}")]
    Unauthenticated(&'static str),

    /// The password was right, and a code of the second factor is needed beside it.
    #[error(
        "Send the code that your authenticator app shows, or one of your recovery codes, as `code`."
    )]
    SecondFactorRequired,

    /// The key is good, but not for this.
    #[error("{message}")]
    Forbidden {
        /// The published code, such as `PROJECT_REQUIRED`.
        code: &'static str,
        /// What to do about it.
        message: String,
    },

    /// There is no such thing in the caller's project.
    #[error("There is no such {0}.")]
    NotFound(&'static str),

    /// The request could not be read at all.
    #[error("{0}")]
    Malformed(String),

    /// The request was read, but some of its fields are unacceptable.
    #[error("Some fields are not valid; see details.")]
    Invalid(Violations),

    /// The same, in the words of those endpoints for which the upstream API has other ones.
    #[error("{message}")]
    InvalidResource {
        /// What is wrong in short.
        message: &'static str,
        /// Every field that is at fault.
        violations: Violations,
    },

    /// The request is at odds with an earlier one.
    #[error("{message}")]
    Conflict {
        /// The published code, such as `IDEMPOTENCY_KEY_REUSED`.
        code: &'static str,
        /// What to do about it.
        message: String,
    },

    /// The request is sound, and the way things stand forbids it.
    #[error("{message}")]
    Impossible {
        /// The published code, such as `LAST_PROJECT_CANNOT_BE_DELETED`.
        code: &'static str,
        /// What to do about it.
        message: String,
    },

    /// The caller is going too fast.
    #[error("{message}")]
    RateLimited {
        /// After this long a request would pass.
        retry_after: Duration,
        /// Which limit it was.
        message: String,
    },

    /// Something that we need is away for the moment; nothing was done.
    #[error("The service is temporarily unavailable and nothing was stored; please try again.")]
    Unavailable(#[source] anyhow::Error),

    /// It was begun, and nobody can tell whether it was done: an answer of any kind would be a guess, so that none is
    /// given.
    #[error("Whether this was done is not known.")]
    OutcomeUnknown(#[source] anyhow::Error),

    /// Our fault. The cause is for the logs and never leaves the process.
    #[error("Something went wrong on our side; nothing was stored.")]
    Internal(#[source] anyhow::Error),
}

impl Error {
    /// The same of something that is done by now, and could only not be read again for the answer: a refusal would say that
    /// nothing was done.
    #[must_use]
    pub fn after_the_deed(self) -> Self {
        match self {
            Self::Unavailable(cause) => Self::OutcomeUnknown(cause),
            other => other,
        }
    }

    /// What happened, for the log: what is ours to mend by its cause, which callers are never told, and what somebody
    /// asked for wrongly by its name alone, since sentences may quote it.
    pub fn for_log(&self) -> Cow<'static, str> {
        match self {
            Self::Unavailable(cause) | Self::OutcomeUnknown(cause) | Self::Internal(cause) => {
                format!("{cause:#}").into()
            }
            Self::Forbidden { code, .. }
            | Self::Conflict { code, .. }
            | Self::Impossible { code, .. } => (*code).into(),
            Self::Unauthenticated(_) | Self::SecondFactorRequired => "not authenticated".into(),
            Self::NotFound(what) => format!("there is no such {what}").into(),
            Self::Malformed(_) | Self::Invalid(_) | Self::InvalidResource { .. } => {
                "not valid".into()
            }
            Self::RateLimited { .. } => "too fast".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_gets_causes_that_are_ours_and_nothing_that_was_asked() {
        let cause = anyhow::anyhow!("no route to host").context("cannot connect");
        assert_eq!(Error::Unavailable(cause).for_log(), "cannot connect: no route to host");
        let message = "ada@example.org is taken".to_owned();
        for error in [
            Error::Malformed(message.clone()),
            Error::Conflict { code: "TAKEN", message: message.clone() },
            Error::Forbidden { code: "TAKEN", message },
            Error::Invalid(Violations::one("to", "ada@example.org is wrong")),
        ] {
            assert!(!error.for_log().contains("ada"), "{}", error.for_log());
        }
    }
}
