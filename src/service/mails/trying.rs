//! Trying a template out: a mail of it, as it would be.

use serde_json::{Map, Value};

use super::{Accepted, Mails};
use crate::domain::address::Mailbox;
use crate::domain::caller::Caller;
use crate::domain::draft::Draft;
use crate::domain::id::ProjectId;
use crate::domain::template::{TemplateChoice, TemplateId};
use crate::error::Result;

/// A template that is to be tried out.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Which.
    pub template: TemplateId,
    /// Which version of it; the newest, if none is named, so that a draft is tried before it is published.
    pub version: Option<i32>,
    /// Who is to see it.
    pub to: Vec<Mailbox>,
    /// Whom it is from, if that is not the template's own sender.
    pub from: Option<Mailbox>,
    /// The values of its variables.
    pub data: Map<String, Value>,
}

impl Mails {
    /// Sends one mail of a template.
    pub async fn try_template(
        &self,
        caller: &Caller,
        project: ProjectId,
        trial: Trial,
    ) -> Result<Accepted> {
        let Trial { template: id, version, to, from, data } = trial;
        let version = match version {
            Some(version) => version,
            None => self.templates.latest(project, id).await?,
        };
        let template = Some(TemplateChoice { id, version: Some(version) });
        let draft = Draft { template, from, to, data: Some(data), ..Draft::default() };
        self.send(caller, project, draft, None).await
    }
}
