//! What Resend's clients say of a template.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::few::Words;
use super::template_notes::{Notes, VariableBody};
use crate::domain::key_change::Change;
use crate::domain::template::TemplateAlias;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::templates::request::{CreateTemplateRequest, UpdateTemplateRequest};
use crate::service::templates::{NewTemplate, TemplateUpdate};

/// Stands in for a subject that is left out, which is no mistake here: each mail may have its own.
const NO_SUBJECT: &str = "-";

/// A template to be made or changed.
#[derive(Debug, Deserialize)]
pub(super) struct TemplateRequest {
    name: Option<String>,
    #[serde(default)]
    alias: Change<Option<String>>,
    from: Option<String>,
    subject: Option<String>,
    reply_to: Option<Words>,
    html: Option<String>,
    text: Option<String>,
    variables: Option<Vec<VariableBody>>,
}

impl TemplateRequest {
    /// What is to be made.
    pub(super) fn into_new(mut self) -> Result<NewTemplate> {
        let notes = self.notes(Notes::default())?;
        let mut violations = Violations::default();
        let alias = self.alias(&mut violations);
        for (field, value) in [("name", &self.name), ("html", &self.html)] {
            if value.as_ref().is_none_or(|text| text.trim().is_empty()) {
                violations.add(field, "is required");
            }
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let subject = self.subject.take().filter(|text| !text.trim().is_empty());
        let has_subject = subject.is_some();
        let mut new = NewTemplate::try_from(CreateTemplateRequest::with(|request| {
            request.template_name = self.name;
            request.subject = Some(subject.unwrap_or_else(|| NO_SUBJECT.into()));
            request.email_template = self.html;
            request.plain_text_template = self.text;
            request.publish = Some(false);
        }))?;
        if !has_subject {
            new.content.subject.clear();
        }
        new.content.variables = notes;
        if let Change::Set(alias) = alias {
            new.alias = alias;
        }
        Ok(new)
    }

    /// What is to be different, where `current` are the notes so far.
    pub(super) fn into_update(mut self, current: Notes) -> Result<TemplateUpdate> {
        let notes = self.notes(current)?;
        let mut violations = Violations::default();
        let alias = self.alias(&mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let part = |part: Option<String>| part.map_or(Change::Keep, |text| Change::Set(Some(text)));
        let update = TemplateUpdate::try_from(UpdateTemplateRequest::with(|request| {
            request.template_name = self.name;
            request.subject = self.subject.filter(|text| !text.trim().is_empty());
            request.email_template = part(self.html);
            request.plain_text_template = part(self.text);
            request.publish = Some(false);
        }))?;
        Ok(TemplateUpdate { alias, variables: Some(notes), ..update })
    }

    /// What it is to be called by; an empty one is none.
    fn alias(&mut self, violations: &mut Violations) -> Change<Option<TemplateAlias>> {
        match std::mem::take(&mut self.alias) {
            Change::Keep => Change::Keep,
            Change::Set(text) => {
                let text = text.filter(|text| !text.trim().is_empty());
                let alias = text.map(|text| TemplateAlias::parse(&text));
                Change::Set(alias.and_then(|alias| violations.check("alias", alias)))
            }
        }
    }

    fn notes(&mut self, current: Notes) -> Result<Map<String, Value>> {
        let notes = Notes {
            from: self.from.take().or(current.from),
            reply_to: self.reply_to.take().map(|words| words.0).or(current.reply_to),
            variables: self.variables.take().unwrap_or(current.variables),
        };
        notes.checked()
    }
}
