//! Who writes, in dialects whose requests need not say it.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::domain::api_key::KeyMode;
use crate::domain::caller::Caller;
use crate::domain::id::ProjectId;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::mails::request::Addresses;
use crate::http::people::Installation;
use crate::service::senders::Senders;
use crate::service::templates::Templates;

/// Writes what is only ever captured where the project has no sender: a domain that cannot exist (RFC 2606, section 2).
const OF_CAPTURED_MAIL: &str = "no-reply@sender.invalid";

/// Who writes where a request does not say it.
#[derive(Clone)]
pub(super) struct Authors {
    senders: Senders,
    templates: Templates,
    installation: Arc<Installation>,
}

impl FromRef<Api> for Authors {
    fn from_ref(api: &Api) -> Self {
        Self {
            senders: FromRef::from_ref(api),
            templates: FromRef::from_ref(api),
            installation: FromRef::from_ref(api),
        }
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
        Ok(self.of_captured(caller))
    }

    /// The same, where a template may name an author of its own, who then needs none here.
    pub(super) async fn author_beside(
        &self,
        template: Option<&str>,
        given: Option<Addresses>,
        caller: &Caller,
        project: ProjectId,
    ) -> Result<Option<Addresses>> {
        if let Some(id) = template.filter(|id| !id.is_empty() && given.is_none()) {
            // What is no id names no template.
            let id = id.parse().map_err(|_| Error::NotFound("template"))?;
            let found = self.templates.find(project, id, None).await?;
            if found.version.template.sender.is_some() {
                return Ok(None);
            }
        }
        self.author(given, caller, project).await
    }

    fn of_captured(&self, caller: &Caller) -> Option<Addresses> {
        let is_captured = self.installation.capture_mailbox
            || caller.key().is_some_and(|key| key.mode == KeyMode::Test);
        is_captured.then(|| Addresses::of(OF_CAPTURED_MAIL.to_owned(), None))
    }
}
