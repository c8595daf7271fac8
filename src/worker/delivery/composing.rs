//! The bytes of a mail for its recipient.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::domain::delivery::{Outcome, Reply};
use crate::domain::links::Links;
use crate::mail::compose::{self, Identity, Recipient};
use crate::service::handoff::Job;
use crate::service::signing::{NoKeys, Signing};

/// Why there is no message to send.
pub(super) enum Unwritable {
    /// The content cannot be written as one.
    Content(String),
    /// There is nothing to sign it with.
    NoKeys(NoKeys),
    /// By a mistake of ours, which a later version may not make.
    Panicked,
}

impl Unwritable {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Content(problem) => Outcome::Rejected {
                reply: Reply::described(format!(
                    "The mail cannot be written as a message: {problem}"
                )),
                hard_bounce: false,
            },
            Self::NoKeys(no_keys) => {
                let reply = Reply::described(no_keys.to_string());
                match no_keys {
                    NoKeys::Away => Outcome::NotAttempted(reply),
                    NoKeys::Unreadable => Outcome::Deferred(reply),
                    NoKeys::Destroyed => Outcome::Rejected { reply, hard_bounce: false },
                }
            }
            Self::Panicked => Outcome::Deferred(Reply::described(
                "The server failed to write this mail as a message. Its log says where.",
            )),
        }
    }
}

/// Composes a mail, or the message of one recipient, and signs it; off the threads that serve others when that may take
/// long.
pub(super) async fn compose(
    job: &Job,
    signing: &Signing,
    recipient: Option<(Links, i16)>,
) -> Result<Vec<u8>, Unwritable> {
    let identity = Identity::of(job.mail, &job.content, job.starts_at);
    let content = Arc::clone(&job.content);
    let signer = signing.signer(&content).await.map_err(Unwritable::NoKeys)?;
    let takes_long = signer.is_some() || !content.attachments.is_empty();
    let mail = job.mail;
    let work = move || {
        unless_it_panics(|| {
            let message = match &recipient {
                None => compose::compose(&content, &identity)?,
                Some((links, position)) => {
                    let recipient = Recipient { links, mail, position: *position };
                    compose::compose_for(&recipient, &content, &identity)?
                }
            };
            match signer {
                Some(signer) => Ok(signer.sign(message, identity.date)?),
                None => Ok(message),
            }
        })
    };
    if takes_long {
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(Unwritable::Panicked))
    } else {
        work()
    }
}

fn unless_it_panics(work: impl FnOnce() -> anyhow::Result<Vec<u8>>) -> Result<Vec<u8>, Unwritable> {
    // Nothing that it changes outlives it. The words of the panic may quote the mail, and go nowhere.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(composed) => composed.map_err(|error| Unwritable::Content(error.to_string())),
        Err(_) => Err(Unwritable::Panicked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_that_cannot_be_composed_is_refused_or_tried_later_and_says_why() {
        let refused = unless_it_panics(|| anyhow::bail!("too long"));
        let Err(Outcome::Rejected { reply, .. }) = refused.map_err(|why| why.outcome()) else {
            panic!("it is refused");
        };
        assert_eq!(reply.text, "The mail cannot be written as a message: too long");

        let panicked = unless_it_panics(|| panic!("of a mistake"));
        let Err(Outcome::Deferred(reply)) = panicked.map_err(|why| why.outcome()) else {
            panic!("it is tried later");
        };
        assert!(!reply.text.contains("mistake"), "{}", reply.text);
    }
}
