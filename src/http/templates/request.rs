//! Requests about templates as they come over the wire.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::domain::id::SenderId;
use crate::domain::key_change::Change;
use crate::domain::template::{
    BuilderType, MAX_PARTS, MAX_VARIABLES, TemplateContent, TemplateName, TemplateType, short_line,
    subject_source,
};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::extract::bounded_value::{self, Budget};
use crate::service::templates::{NewTemplate, TemplateUpdate, syntax};

/// What a new template is to be.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateTemplateRequest {
    /// 1 to 90 characters.
    #[schema(max_length = 90, value_type = String, example = "Welcome Email")]
    pub(in crate::http) template_name: Option<String>,
    /// At most 140 characters.
    #[schema(max_length = 140)]
    description: Option<String>,
    /// At most 988 characters; may have `{{variables}}`.
    #[schema(max_length = 988, value_type = String, example = "Welcome, {{firstName}}!")]
    pub(in crate::http) subject: Option<String>,
    /// What mailboxes show beside the subject: at most 140 characters; may have `{{variables}}`.
    #[schema(max_length = 140)]
    preview_text: Option<String>,
    /// The HTML part; may have `{{variables}}`, and `{{{variables}}}` whose values are HTML themselves.
    #[schema(example = "<h1>Welcome, {{firstName}}!</h1>")]
    pub(in crate::http) email_template: Option<String>,
    /// The text part. Made from the HTML of each mail where it is absent. Both together have at most 1 MB.
    pub(in crate::http) plain_text_template: Option<String>,
    /// `transactional` (the default) or `marketing`.
    template_type: Option<String>,
    /// `code` (the default) or `visual`.
    builder_type: Option<String>,
    /// Your own notes about the variables: 16 KB of JSON at most.
    #[schema(value_type = Option<Object>)]
    dynamic_variables: Option<Notes>,
    /// The sender whom its mails are from, where the request does not say.
    sender_id: Option<String>,
    /// `false` leaves it a draft, which no mail can take.
    pub(in crate::http) publish: Option<bool>,
}

impl CreateTemplateRequest {
    /// A request with only what `fill` says.
    pub(in crate::http) fn with(fill: impl FnOnce(&mut Self)) -> Self {
        let mut request = Self::default();
        fill(&mut request);
        request
    }
}

impl TryFrom<CreateTemplateRequest> for NewTemplate {
    type Error = Error;

    fn try_from(request: CreateTemplateRequest) -> Result<Self> {
        let mut violations = Violations::default();
        let name = request.template_name.unwrap_or_default();
        let name = violations.check("templateName", TemplateName::parse(&name));
        let description = line("description", request.description, &mut violations);
        let kind = request.template_type.as_deref().map(TemplateType::named);
        let kind = kind.and_then(|kind| violations.check("templateType", kind));
        let builder = request.builder_type.as_deref().map(BuilderType::named);
        let builder = builder.and_then(|builder| violations.check("builderType", builder));
        let content = TemplateContent {
            subject: subject(&request.subject.unwrap_or_default(), &mut violations),
            preview_text: preview_text(request.preview_text, &mut violations),
            html: part("emailTemplate", request.email_template, &mut violations),
            text: part("plainTextTemplate", request.plain_text_template, &mut violations),
            variables: notes(request.dynamic_variables, &mut violations).unwrap_or_default(),
        };
        let sender = sender(request.sender_id, &mut violations);
        match name {
            Some(name) if violations.is_empty() => Ok(Self {
                name,
                alias: None,
                description: description.unwrap_or_default(),
                kind: kind.unwrap_or_default(),
                builder: builder.unwrap_or_default(),
                sender,
                content,
                publish: request.publish.unwrap_or(true),
            }),
            _ => Err(Error::Invalid(violations)),
        }
    }
}

/// What is to be different of a template: what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateTemplateRequest {
    /// 1 to 90 characters.
    #[schema(max_length = 90)]
    pub(in crate::http) template_name: Option<String>,
    /// At most 140 characters.
    #[schema(max_length = 140)]
    description: Option<String>,
    /// At most 988 characters; may have `{{variables}}`.
    #[schema(max_length = 988)]
    pub(in crate::http) subject: Option<String>,
    /// What mailboxes show beside the subject: at most 140 characters; may have `{{variables}}`.
    #[schema(max_length = 140)]
    preview_text: Option<String>,
    /// The HTML part.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(in crate::http) email_template: Change<Option<String>>,
    /// The text part; null to have it made from the HTML of each mail.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(in crate::http) plain_text_template: Change<Option<String>>,
    /// `transactional` or `marketing`.
    template_type: Option<String>,
    /// Your own notes about the variables: 16 KB of JSON at most.
    #[schema(value_type = Option<Object>)]
    dynamic_variables: Option<Notes>,
    /// The sender whom its mails are from; null for none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    sender_id: Change<Option<String>>,
    /// `true` (the default) changes what is sent, building on what was published; `false` makes a draft, building on the
    /// newest version.
    pub(in crate::http) publish: Option<bool>,
}

impl UpdateTemplateRequest {
    /// A request with only what `fill` says.
    pub(in crate::http) fn with(fill: impl FnOnce(&mut Self)) -> Self {
        let mut request = Self::default();
        fill(&mut request);
        request
    }
}

impl TryFrom<UpdateTemplateRequest> for TemplateUpdate {
    type Error = Error;

    fn try_from(request: UpdateTemplateRequest) -> Result<Self> {
        let mut violations = Violations::default();
        let name = request.template_name.as_deref().map(TemplateName::parse);
        let kind = request.template_type.as_deref().map(TemplateType::named);
        let mut changed = |field, change: Change<Option<String>>| match change {
            Change::Keep => Change::Keep,
            Change::Set(source) => Change::Set(part(field, source, &mut violations)),
        };
        let html = changed("emailTemplate", request.email_template);
        let text = changed("plainTextTemplate", request.plain_text_template);
        let update = Self {
            name: name.and_then(|name| violations.check("templateName", name)),
            alias: Change::Keep,
            description: line("description", request.description, &mut violations),
            kind: kind.and_then(|kind| violations.check("templateType", kind)),
            sender: match request.sender_id {
                Change::Keep => Change::Keep,
                Change::Set(id) => Change::Set(sender(id, &mut violations)),
            },
            subject: request.subject.map(|text| subject(&text, &mut violations)),
            preview_text: request
                .preview_text
                .map(|text| preview_text(Some(text), &mut violations)),
            html,
            text,
            variables: notes(request.dynamic_variables, &mut violations),
            publish: request.publish.unwrap_or(true),
        };
        if violations.is_empty() { Ok(update) } else { Err(Error::Invalid(violations)) }
    }
}

/// A new preview text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewTextRequest {
    /// At most 140 characters; empty for none.
    #[schema(max_length = 140, value_type = String)]
    preview_text: Option<String>,
}

impl TryFrom<PreviewTextRequest> for TemplateUpdate {
    type Error = Error;

    fn try_from(request: PreviewTextRequest) -> Result<Self> {
        let mut violations = Violations::default();
        if request.preview_text.is_none() {
            violations.add("previewText", "is required");
        }
        let preview_text = preview_text(request.preview_text, &mut violations);
        if violations.is_empty() {
            return Ok(Self { preview_text: Some(preview_text), publish: true, ..Self::default() });
        }
        Err(Error::Invalid(violations))
    }
}

/// Which version is meant.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PublishRequest {
    /// From 1; the newest, if none is named.
    pub version: Option<i32>,
}

/// Which version is meant.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RevertRequest {
    /// From 1.
    #[schema(value_type = i32)]
    version: Option<i32>,
}

impl RevertRequest {
    /// Which.
    pub fn check(self) -> Result<i32> {
        let missing = || Error::Invalid(Violations::one("version", "is required"));
        self.version.ok_or_else(missing)
    }
}

/// Which version is to be shown.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VersionQuery {
    /// From 1; the newest, if none is named.
    pub version: Option<i32>,
}

fn line(field: &str, text: Option<String>, violations: &mut Violations) -> Option<String> {
    violations.check(field, short_line(&text?))
}

fn preview_text(text: Option<String>, violations: &mut Violations) -> String {
    let text = line("previewText", text, violations).unwrap_or_default();
    syntax::check("previewText", &text, violations);
    text
}

fn subject(text: &str, violations: &mut Violations) -> String {
    let text = violations.check("subject", subject_source(text)).unwrap_or_default();
    syntax::check("subject", &text, violations);
    text
}

/// A part of a template; an empty one is none.
fn part(field: &str, source: Option<String>, violations: &mut Violations) -> Option<String> {
    let source = source.filter(|source| !source.trim().is_empty())?;
    if source.len() > MAX_PARTS {
        violations.add(field, "emailTemplate and plainTextTemplate may have 1 MB together");
        return None;
    }
    if source.contains('\0') {
        // Postgres has no such character.
        violations.add(field, "must not contain the character U+0000");
    }
    syntax::check(field, &source, violations);
    Some(source)
}

/// What an author says of the variables, no more of it than fits.
#[derive(Debug)]
struct Notes {
    values: Map<String, Value>,
    fits: bool,
}

impl<'de> Deserialize<'de> for Notes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let budget = Budget::new(MAX_VARIABLES);
        let values = bounded_value::read_object(deserializer, &budget)?;
        Ok(Self { values, fits: budget.spent().is_some() })
    }
}

fn notes(notes: Option<Notes>, violations: &mut Violations) -> Option<Map<String, Value>> {
    let Notes { values, fits } = notes?;
    let text = Value::Object(values.clone()).to_string();
    if !fits || text.len() > MAX_VARIABLES {
        violations.add("dynamicVariables", "must be at most 16 KB of JSON");
    } else if text.contains("\\u0000") {
        // Postgres has no such character.
        violations.add("dynamicVariables", "must not contain the character U+0000");
    }
    Some(values)
}

/// An empty id is none.
fn sender(id: Option<String>, violations: &mut Violations) -> Option<SenderId> {
    let id = id.filter(|id| !id.is_empty())?;
    violations.check("senderId", id.parse())
}
