//! `/templates` of Resend's API. What it knows of a template and ours has no place for, such as what its variables are
//! worth where nothing is said, stands in the notes about its variables.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::{Value, json};

use super::domains::ReferenceBody;
use super::paging::{List, ListQuery};
use super::request::Known;
use super::template_notes::{Notes, VariableBody};
use super::template_request::TemplateRequest;
use crate::domain::id::ProjectId;
use crate::domain::template::{
    MOST_PER_PROJECT, Template, TemplateAlias, TemplateId, TemplateName,
};
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadTemplates, WriteTemplates};
use crate::http::extract::{Authorized, Json, Path, Query};
use crate::http::mails::response::timestamp;
use crate::service::templates::{NewTemplate, ShownTemplate, Templates};

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/templates", post(create).get(list))
        .route("/templates/{id}", get(find).patch(update).delete(delete))
        .route("/templates/{id}/publish", post(publish))
        .route("/templates/{id}/duplicate", post(duplicate))
}

async fn create(
    caller: Authorized<WriteTemplates>,
    State(templates): State<Templates>,
    Json { value, .. }: Json<TemplateRequest>,
) -> Result<(StatusCode, Json<ReferenceBody>)> {
    let new = value.into_new()?;
    let made = templates.create(&caller, caller.project, new).await?;
    Ok((StatusCode::CREATED, Json::new(reference(made.version.template.id, None))))
}

async fn list(
    caller: Authorized<ReadTemplates>,
    State(templates): State<Templates>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<SummaryBody>>> {
    let found = templates.list(caller.project, None, (MOST_PER_PROJECT, 0)).await?;
    let found: Vec<Template> = found.into_iter().map(|summary| summary.template).collect();
    let page = query.page_of(found, |template| written(template.id))?;
    Ok(Json::new(page.of(|template| SummaryBody::new(&template))))
}

async fn find(
    caller: Authorized<ReadTemplates>,
    State(templates): State<Templates>,
    Path(id): Path<String>,
) -> Result<Json<TemplateBody>> {
    let id = template_named(&templates, caller.project, &id).await?;
    let found = templates.find(caller.project, id, None).await?;
    Ok(Json::new(TemplateBody::new(found)))
}

async fn update(
    caller: Authorized<WriteTemplates>,
    State(templates): State<Templates>,
    Path(id): Path<String>,
    Json { value, .. }: Json<TemplateRequest>,
) -> Result<Json<ReferenceBody>> {
    let id = template_named(&templates, caller.project, &id).await?;
    let found = templates.find(caller.project, id, None).await?;
    let update = value.into_update(Notes::of(&found.version.content.variables))?;
    templates.update(&caller, caller.project, id, update).await?;
    Ok(Json::new(reference(id, None)))
}

async fn delete(
    caller: Authorized<WriteTemplates>,
    State(templates): State<Templates>,
    Path(id): Path<String>,
) -> Result<Json<ReferenceBody>> {
    let id = template_named(&templates, caller.project, &id).await?;
    templates.find(caller.project, id, None).await?;
    templates.delete(&caller, caller.project, id).await?;
    Ok(Json::new(reference(id, Some(true))))
}

async fn publish(
    caller: Authorized<WriteTemplates>,
    State(templates): State<Templates>,
    Path(id): Path<String>,
) -> Result<Json<ReferenceBody>> {
    let id = template_named(&templates, caller.project, &id).await?;
    templates.publish(&caller, caller.project, id, None).await?;
    Ok(Json::new(reference(id, None)))
}

async fn duplicate(
    caller: Authorized<WriteTemplates>,
    State(templates): State<Templates>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<ReferenceBody>)> {
    let id = template_named(&templates, caller.project, &id).await?;
    let found = templates.find(caller.project, id, None).await?.version;
    let name: String =
        format!("Copy of {}", found.template.name).chars().take(TemplateName::LONGEST).collect();
    let name = TemplateName::parse(&name)
        .map_err(|problem| Error::Internal(anyhow::anyhow!("the name of a copy {problem}")))?;
    let new = NewTemplate {
        name,
        // Each has its own.
        alias: None,
        description: found.template.description,
        kind: found.template.kind,
        builder: found.template.builder,
        sender: found.template.sender,
        content: found.content,
        publish: false,
    };
    let made = templates.create(&caller, caller.project, new).await?;
    Ok((StatusCode::CREATED, Json::new(reference(made.version.template.id, None))))
}

/// What is known of what is sent of a template: of the version that was published.
pub(super) async fn sent_of(templates: &Templates, project: ProjectId, id: &str) -> Result<Known> {
    let id = template_named(templates, project, id).await?;
    let newest = templates.find(project, id, None).await?.version;
    let sent = match newest.template.published {
        Some(version) if version != newest.version => {
            templates.find(project, id, Some(version)).await?.version
        }
        // Sending says it, where none was published.
        _ => newest,
    };
    let (notes, has_subject) =
        (Notes::of(&sent.content.variables), !sent.content.subject.is_empty());
    Ok(Known { id, notes, has_subject })
}

/// Its clients want ids to be UUIDs; ours are understood as well, and aliases. What is none of them names no template.
async fn template_named(
    templates: &Templates,
    project: ProjectId,
    text: &str,
) -> Result<TemplateId> {
    let ours = text.parse::<TemplateId>().ok();
    let id = ours.or_else(|| uuid::Uuid::try_parse(text).ok().map(TemplateId::from));
    if let Some(id) = id {
        return Ok(id);
    }
    let alias = TemplateAlias::parse(text).map_err(|_| Error::NotFound("template"))?;
    templates.of_alias(project, &alias).await
}

fn written(id: TemplateId) -> String {
    id.as_uuid().to_string()
}

fn reference(id: TemplateId, deleted: Option<bool>) -> ReferenceBody {
    ReferenceBody { object: "template", id: written(id), deleted }
}

#[derive(Debug, Serialize)]
struct SummaryBody {
    id: String,
    name: String,
    alias: Option<String>,
    status: &'static str,
    published_at: Option<String>,
    created_at: String,
    updated_at: String,
}

impl SummaryBody {
    fn new(template: &Template) -> Self {
        let is_published = template.published.is_some();
        Self {
            id: written(template.id),
            name: template.name.clone(),
            alias: template.alias.clone(),
            status: if is_published { "published" } else { "draft" },
            published_at: is_published.then(|| timestamp(template.updated_at)),
            created_at: timestamp(template.created_at),
            updated_at: timestamp(template.updated_at),
        }
    }
}

#[derive(Debug, Serialize)]
struct TemplateBody {
    object: &'static str,
    #[serde(flatten)]
    summary: SummaryBody,
    subject: Option<String>,
    html: Option<String>,
    text: Option<String>,
    from: Option<String>,
    reply_to: Option<Vec<String>>,
    variables: Vec<Value>,
    has_unpublished_versions: bool,
    current_version_id: String,
}

impl TemplateBody {
    fn new(shown: ShownTemplate) -> Self {
        let ShownTemplate { version, variables: asked_for, .. } = shown;
        let (template, content) = (version.template, version.content);
        let Notes { from, reply_to, mut variables } = Notes::of(&content.variables);
        for name in asked_for {
            if !variables.iter().any(|variable| variable.key == name) {
                variables.push(VariableBody::text(name));
            }
        }
        let summary = SummaryBody::new(&template);
        let described = |variable: &VariableBody| {
            json!({
                "key": variable.key,
                "type": variable.kind(),
                "fallback_value": variable.fallback_value,
                "created_at": summary.created_at,
                "updated_at": summary.updated_at,
            })
        };
        Self {
            object: "template",
            variables: variables.iter().map(described).collect(),
            summary,
            subject: Some(content.subject).filter(|subject| !subject.is_empty()),
            html: content.html,
            text: content.text,
            from,
            reply_to,
            has_unpublished_versions: template.published != Some(template.latest),
            current_version_id: version.version.to_string(),
        }
    }
}
