//! Requests to see what a template makes.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::template::TemplateId;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::mails::request::AddressBody;
use crate::http::mails::request::addresses::{Addresses, mailboxes, single};
use crate::http::mails::request::variables::Variables;
use crate::service::mails::Trial;
use crate::service::templates::Parts;

/// What a template that is stored nowhere says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewRequest {
    /// The subject.
    subject: Option<String>,
    /// The HTML part; `emailTemplate` is the same.
    #[serde(alias = "emailTemplate")]
    html: Option<String>,
    /// The text part; made from `html` where it is absent. `plainTextTemplate` is the same.
    #[serde(alias = "plainTextTemplate")]
    text: Option<String>,
    /// What mailboxes show beside the subject.
    preview_text: Option<String>,
    /// Values of the variables: at most 1 MB.
    #[schema(value_type = Option<Object>)]
    dynamic_data: Option<Variables>,
}

/// The most that the parts of a preview may have together, in bytes.
const MAX_PREVIEW: usize = 5 * 1024 * 1024;

impl PreviewRequest {
    /// About the memory that it takes beyond the bytes it was read from.
    pub fn weight(&self) -> usize {
        self.dynamic_data.as_ref().map_or(0, Variables::weight)
    }

    /// The parts, and their values.
    pub fn check(self) -> Result<(Parts, Map<String, Value>)> {
        let mut violations = Violations::default();
        let Self { subject, html, text, preview_text, dynamic_data } = self;
        let parts = [&subject, &html, &text, &preview_text];
        let length: usize = parts.into_iter().flatten().map(String::len).sum();
        if length > MAX_PREVIEW {
            violations.add("html", "the parts may have 5 MB together");
        }
        let data = values(dynamic_data, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let parts = Parts {
            subject: subject.unwrap_or_default(),
            preview_text: preview_text.unwrap_or_default(),
            html,
            text,
            ..Parts::default()
        };
        Ok((parts, data))
    }
}

/// With which values a template is to be shown.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewTemplateRequest {
    /// From 1; the newest, if none is named.
    version: Option<i32>,
    /// Values of the variables: at most 1 MB.
    #[schema(value_type = Option<Object>)]
    dynamic_data: Option<Variables>,
}

impl PreviewTemplateRequest {
    /// About the memory that it takes beyond the bytes it was read from.
    pub fn weight(&self) -> usize {
        self.dynamic_data.as_ref().map_or(0, Variables::weight)
    }

    /// Which version, and its values.
    pub fn check(self) -> Result<(Option<i32>, Map<String, Value>)> {
        let mut violations = Violations::default();
        let data = values(self.dynamic_data, &mut violations);
        if violations.is_empty() {
            Ok((self.version, data))
        } else {
            Err(Error::Invalid(violations))
        }
    }
}

/// To whom a template is to be sent for a try.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TryTemplateRequest {
    /// Who is to see it.
    #[schema(value_type = AddressBody)]
    to: Option<Addresses>,
    /// The author; the template's own sender, if none is named.
    #[schema(value_type = Option<AddressBody>)]
    from: Option<Addresses>,
    /// From 1; the newest, if none is named, published or not.
    version: Option<i32>,
    /// Values of the variables: at most 1 MB.
    #[schema(value_type = Option<Object>)]
    dynamic_data: Option<Variables>,
}

impl TryTemplateRequest {
    /// About the memory that it takes beyond the bytes it was read from.
    pub fn weight(&self) -> usize {
        self.dynamic_data.as_ref().map_or(0, Variables::weight)
    }

    /// What is to be sent of this template.
    pub fn check(self, template: TemplateId) -> Result<Trial> {
        let mut violations = Violations::default();
        let to = mailboxes("to", self.to, &mut violations);
        let from = single("from", self.from, &mut violations);
        if to.len() > 50 {
            violations.add("to", "may have 50 recipients");
        } else if to.is_empty() && violations.is_empty() {
            violations.add("to", "is required");
        }
        let data = values(self.dynamic_data, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        Ok(Trial { template, version: self.version, to, from, data })
    }
}

fn values(given: Option<Variables>, violations: &mut Violations) -> Map<String, Value> {
    given.map(|variables| variables.checked("dynamicData", violations)).unwrap_or_default()
}
