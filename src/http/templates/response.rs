//! The answers about templates as they go over the wire.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::listing::Page;
use crate::domain::template::{TemplateSummary, TemplateVersion, VersionSummary};
use crate::http::wire::timestamp;
use crate::service::templates::{Filled, ShownTemplate};

/// A template with what one of its versions says.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Template)]
pub struct TemplateBody {
    /// Goes into `templateId` of a send.
    template_id: String,
    project_id: String,
    template_name: String,
    description: String,
    subject: String,
    preview_text: String,
    /// The HTML part.
    email_template: String,
    /// The text part, or the one that the HTML makes.
    plain_text_template: Option<String>,
    template_type: &'static str,
    builder_type: &'static str,
    #[schema(value_type = Object)]
    dynamic_variables: Map<String, Value>,
    sender_id: Option<String>,
    /// The variables that it asks for: those of the data itself, and not those of the items of a list.
    variables: Vec<String>,
    /// Which version this is, from 1.
    version: i32,
    /// The newest.
    latest_version: i32,
    /// The one that is sent; null before one was published.
    published_version: Option<i32>,
    created_at: String,
    updated_at: String,
}

impl From<ShownTemplate> for TemplateBody {
    fn from(ShownTemplate { version, plain_text, variables }: ShownTemplate) -> Self {
        let TemplateVersion { template, version, content } = version;
        Self {
            template_id: template.id.to_string(),
            project_id: template.project.to_string(),
            template_name: template.name,
            description: template.description,
            subject: content.subject,
            preview_text: content.preview_text,
            email_template: content.html.unwrap_or_default(),
            plain_text_template: plain_text,
            template_type: template.kind.as_str(),
            builder_type: template.builder.as_str(),
            dynamic_variables: content.variables,
            sender_id: template.sender.map(|id| id.to_string()),
            variables,
            version,
            latest_version: template.latest,
            published_version: template.published,
            created_at: timestamp(template.created_at),
            updated_at: timestamp(template.updated_at),
        }
    }
}

/// A template in a list, with the subject and the preview text of its newest version.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TemplateListItem)]
pub struct TemplateItemBody {
    /// Goes into `templateId` of a send.
    template_id: String,
    template_name: String,
    description: String,
    subject: String,
    preview_text: String,
    template_type: &'static str,
    builder_type: &'static str,
    /// The newest version.
    latest_version: i32,
    /// The one that is sent; null before one was published.
    published_version: Option<i32>,
    created_at: String,
    updated_at: String,
}

impl From<TemplateSummary> for TemplateItemBody {
    fn from(TemplateSummary { template, subject, preview_text }: TemplateSummary) -> Self {
        Self {
            template_id: template.id.to_string(),
            template_name: template.name,
            description: template.description,
            subject,
            preview_text,
            template_type: template.kind.as_str(),
            builder_type: template.builder.as_str(),
            latest_version: template.latest,
            published_version: template.published,
            created_at: timestamp(template.created_at),
            updated_at: timestamp(template.updated_at),
        }
    }
}

/// The templates of a project.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TemplateList)]
pub struct TemplateListBody {
    /// The newest first.
    templates: Vec<TemplateItemBody>,
}

impl From<Vec<TemplateSummary>> for TemplateListBody {
    fn from(found: Vec<TemplateSummary>) -> Self {
        Self { templates: found.into_iter().map(TemplateItemBody::from).collect() }
    }
}

/// A page of what was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TemplateSearch)]
pub struct TemplateSearchBody {
    templates: Vec<TemplateItemBody>,
    pagination: PaginationBody,
}

/// Which page this is, of how many.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TemplatePagination)]
struct PaginationBody {
    /// From 1.
    page: i64,
    /// How many on a page.
    limit: i64,
    /// How many there are.
    total: i64,
    /// Pages of them.
    pages: i64,
}

impl TemplateSearchBody {
    /// What was found on a page, of so many.
    pub fn new(found: Vec<TemplateSummary>, total: i64, page: Page) -> Self {
        let pages = (total + page.limit - 1) / page.limit;
        Self {
            templates: found.into_iter().map(TemplateItemBody::from).collect(),
            pagination: PaginationBody { page: page.number, limit: page.limit, total, pages },
        }
    }
}

/// The versions of a template.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TemplateVersionList)]
pub struct VersionListBody {
    /// The newest first: fifty, and the published one.
    versions: Vec<VersionBody>,
}

/// A version of a template.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TemplateVersion)]
struct VersionBody {
    /// From 1.
    version: i32,
    /// Whether it is the one that is sent.
    published: bool,
    subject: String,
    preview_text: String,
    /// Bytes of HTML.
    html_bytes: i32,
    /// Bytes of text of its own.
    text_bytes: i32,
    /// The version that it was made from; null for the first.
    based_on: Option<i32>,
    /// Who made it, in words.
    created_by: String,
    created_at: String,
}

impl From<Vec<VersionSummary>> for VersionListBody {
    fn from(found: Vec<VersionSummary>) -> Self {
        let versions = found.into_iter().map(|version| VersionBody {
            version: version.version,
            published: version.published,
            subject: version.subject,
            preview_text: version.preview_text,
            html_bytes: version.html_bytes,
            text_bytes: version.text_bytes,
            based_on: version.based_on,
            created_by: version.created_by,
            created_at: timestamp(version.created_at),
        });
        Self { versions: versions.collect() }
    }
}

/// What a template makes of its values.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TemplatePreview)]
pub struct PreviewBody {
    subject: String,
    /// With the preview text hidden in it, as it would be sent.
    html: Option<String>,
    text: Option<String>,
    /// Variables that the data did not have. They are empty in the result.
    missing_variables: Vec<String>,
}

impl From<Filled> for PreviewBody {
    fn from(Filled { subject, html, text, missing_variables, links: _ }: Filled) -> Self {
        Self { subject, html, text, missing_variables }
    }
}
