//! The links that a recipient's message has.

use std::sync::Arc;

use super::link_token::{LONGEST_TARGET, LinkKey, LinkToken, Place, Unsubscribe};

/// Makes the links of mails, and reads them when somebody follows one.
#[derive(Clone, Debug)]
pub struct Links(Arc<Making>);

/// One pointer to it, because it is copied for every request.
#[derive(Debug)]
struct Making {
    base: String,
    key: LinkKey,
}

impl Links {
    /// Links below `base`, which has no slash at its end.
    pub fn new(base: &str, key: LinkKey) -> Self {
        Self(Arc::new(Making { base: base.to_owned(), key }))
    }

    /// Where a recipient unsubscribes, and chooses which mail to get. One request is enough (RFC 8058).
    pub fn unsubscribe(&self, unsubscribe: Unsubscribe) -> String {
        let token = self.0.key.seal(&LinkToken::Unsubscribe(unsubscribe));
        format!("{}/u/{token}", self.0.base)
    }

    /// The image that tells that a mail is looked at.
    pub fn open(&self, place: Place) -> String {
        format!("{}/t/o/{}.gif", self.0.base, self.0.key.seal(&LinkToken::Open(place)))
    }

    /// The way to `target` that tells that it was taken; nothing if the target is too long for it.
    pub fn click(&self, place: Place, target: &str) -> Option<String> {
        let fits = target.len() <= LONGEST_TARGET;
        fits.then(|| {
            let token = self.0.key.seal(&LinkToken::Click(place, target.to_owned()));
            format!("{}/t/c/{token}", self.0.base)
        })
    }

    /// Whether a URL is one of ours.
    pub fn is_own(&self, url: &str) -> bool {
        let rest = url.strip_prefix(&self.0.base);
        rest.is_some_and(|rest| ["/u/", "/t/o/", "/t/c/"].iter().any(|path| rest.starts_with(path)))
    }

    /// What a token says; nothing if it is not ours, or not whole.
    pub fn read(&self, token: &str) -> Option<LinkToken> {
        self.0.key.open(token)
    }
}
