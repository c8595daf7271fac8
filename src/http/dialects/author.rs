//! Who writes, in dialects whose requests need not say it.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::domain::api_key::KeyMode;
use crate::domain::caller::Caller;
use crate::domain::id::ProjectId;
use crate::error::Result;
use crate::http::Api;
use crate::http::mails::request::Addresses;
use crate::http::people::Installation;
use crate::service::senders::Senders;

/// Writes what is only ever captured where the project has no sender: a domain that cannot exist (RFC 2606, section 2).
const OF_CAPTURED_MAIL: &str = "no-reply@sender.invalid";

/// Who writes where a request does not say it.
#[derive(Clone)]
pub(super) struct Authors {
    senders: Senders,
    installation: Arc<Installation>,
}

impl FromRef<Api> for Authors {
    fn from_ref(api: &Api) -> Self {
        Self { senders: FromRef::from_ref(api), installation: FromRef::from_ref(api) }
    }
}

impl Authors {
    /// The address that is given, or else the first of the project's senders. Without either, mail that leaves the house
    /// has no author, which is then its refusal.
    pub(super) async fn author(
        &self,
        given: Option<Addresses>,
        caller: &Caller,
        project: ProjectId,
    ) -> Result<Option<Addresses>> {
        if given.is_some() {
            return Ok(given);
        }
        if let Some(sender) = self.senders.first(project).await? {
            return Ok(Some(Addresses::of(sender.email, Some(sender.name))));
        }
        let is_captured = self.installation.capture_mailbox
            || caller.key().is_some_and(|key| key.mode == KeyMode::Test);
        Ok(is_captured.then(|| Addresses::of(OF_CAPTURED_MAIL.to_owned(), None)))
    }
}
