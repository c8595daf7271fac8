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

/// What a request says of who writes.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Their address.
    pub(super) email: Option<String>,
    /// The name that they write under.
    pub(super) name: Option<String>,
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
    /// The address that is given, or else whom the template names, or else the first of the project's senders; under the
    /// name that is given, or else their own. Nobody where the template's sender writes as they are. Without any, mail
    /// that leaves the house has no author, which is then its refusal.
    pub(super) async fn author(
        &self,
        Given { email, name }: Given,
        template: Option<&str>,
        caller: &Caller,
        project: ProjectId,
    ) -> Result<Option<Addresses>> {
        if let Some(email) = email {
            return Ok(Some(Addresses::of(email, name)));
        }
        if let Some(id) = template.filter(|id| !id.is_empty()) {
            // What is no id names no template.
            let id = id.parse().map_err(|_| Error::NotFound("template"))?;
            let found = self.templates.find(project, id, None).await?;
            match (found.version.template.sender, name.is_some()) {
                (Some(sender), true) => {
                    let sender = self.senders.find(project, sender).await?;
                    return Ok(Some(Addresses::of(sender.email, name)));
                }
                (Some(_), false) => return Ok(None),
                (None, _) => {}
            }
        }
        if let Some(sender) = self.senders.first(project).await? {
            return Ok(Some(Addresses::of(sender.email, name.or(Some(sender.name)))));
        }
        Ok(self.of_captured(caller, name))
    }

    fn of_captured(&self, caller: &Caller, name: Option<String>) -> Option<Addresses> {
        let is_captured = self.installation.capture_mailbox
            || caller.key().is_some_and(|key| key.mode == KeyMode::Test);
        is_captured.then(|| Addresses::of(OF_CAPTURED_MAIL.to_owned(), name))
    }
}
