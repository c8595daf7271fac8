//! What is to be different of a template, and what it then says.

use serde_json::{Map, Value};

use crate::domain::id::SenderId;
use crate::domain::key_change::Change;
use crate::domain::template::{TemplateAlias, TemplateContent, TemplateName, TemplateType};
use crate::mail::plain_text;

/// What is to be different of a template; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct TemplateUpdate {
    /// What people call it.
    pub name: Option<TemplateName>,
    /// What programs may call it by.
    pub alias: Change<Option<TemplateAlias>>,
    /// What people say of it.
    pub description: Option<String>,
    /// What it is for.
    pub kind: Option<TemplateType>,
    /// Whom its mails are from.
    pub sender: Change<Option<SenderId>>,
    /// The subject.
    pub subject: Option<String>,
    /// What mailboxes show beside the subject.
    pub preview_text: Option<String>,
    /// The HTML part.
    pub html: Change<Option<String>>,
    /// The text part.
    pub text: Change<Option<String>>,
    /// What its author says of the variables.
    pub variables: Option<Map<String, Value>>,
    /// Whether what comes of it is sent from now on.
    pub publish: bool,
}

impl TemplateUpdate {
    /// What a version says after the change.
    pub(super) fn applied_to(&self, current: TemplateContent) -> TemplateContent {
        let set = |change: &Change<Option<String>>, current: Option<String>| match change {
            Change::Keep => current,
            Change::Set(part) => part.clone(),
        };
        // A client that sends back what it was shown means no text of its own.
        let shown = made_text(current.html.as_deref());
        let html = set(&self.html, current.html);
        let made = made_text(html.as_deref());
        let text = set(&self.text, current.text)
            .filter(|text| Some(text) != shown.as_ref() && Some(text) != made.as_ref());
        TemplateContent {
            subject: self.subject.clone().unwrap_or(current.subject),
            preview_text: self.preview_text.clone().unwrap_or(current.preview_text),
            html,
            text,
            variables: self.variables.clone().unwrap_or(current.variables),
        }
    }
}

/// The text that HTML makes, which is shown where there is none.
pub(super) fn made_text(html: Option<&str>) -> Option<String> {
    html.and_then(plain_text::from_html)
}
