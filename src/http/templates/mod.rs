//! `/v1/templates`: subjects and bodies that a project keeps, in the shapes of the upstream API.

pub mod listing;
pub mod request;
pub mod response;
pub mod trying;

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::listing::{ListTemplatesQuery, SearchTemplatesQuery};
use self::request::{
    CreateTemplateRequest, PreviewTextRequest, PublishRequest, RevertRequest,
    UpdateTemplateRequest, VersionQuery,
};
use self::response::{
    PreviewBody, TemplateBody, TemplateListBody, TemplateSearchBody, VersionListBody,
};
use self::trying::{PreviewRequest, PreviewTemplateRequest, TryTemplateRequest};
use super::Api;
use super::domains::DeletedBody;
use super::mails::response::SendMailBody;
use crate::domain::template::TemplateId;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadTemplates, SendMails, WriteTemplates};
use crate::http::extract::body_room::BodyShare;
use crate::http::extract::{Authorized, Json, OptionalJson, Path, Query};
use crate::http::wire::Success;
use crate::service::mails::Mails;
use crate::service::templates::{Templates, not_deleted};

/// The resource.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create_template, list_templates))
        .routes(routes!(search_templates))
        .routes(routes!(preview_parts))
        .routes(routes!(get_template, update_template, delete_template))
        .routes(routes!(update_preview_text))
        .routes(routes!(list_template_versions))
        .routes(routes!(publish_template))
        .routes(routes!(revert_template))
        .routes(routes!(preview_template))
        .routes(routes!(try_template))
}

/// Makes a template.
///
/// It can be sent at once, unless `publish` is false. A mistake in it is refused with its line and column.
#[utoipa::path(
    post, path = "/v1/templates", tag = "templates", operation_id = "createTemplate",
    request_body = CreateTemplateRequest,
    responses((status = 200, body = Success<TemplateBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn create_template(
    caller: Authorized<WriteTemplates>,
    State(templates): State<Templates>,
    Json { value, .. }: Json<CreateTemplateRequest>,
) -> Result<Json<Success<TemplateBody>>> {
    let made = templates.create(&caller, caller.project, value.try_into()?).await?;
    Ok(Json::new(Success::of(made.into())))
}

/// Lists the project's templates, the newest first.
#[utoipa::path(
    get, path = "/v1/templates", tag = "templates", operation_id = "listTemplates", params(ListTemplatesQuery),
    responses((status = 200, body = Success<TemplateListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_templates(
    caller: Authorized<ReadTemplates>,
    State(templates): State<Templates>,
    Query(query): Query<ListTemplatesQuery>,
) -> Result<Json<Success<TemplateListBody>>> {
    let (kind, page) = query.check()?;
    let found = templates.list(caller.project, kind, page.stretch()).await?;
    Ok(Json::new(Success::of(found.into())))
}

/// Finds templates of the project by their names, subjects and ids.
#[utoipa::path(
    get, path = "/v1/templates/search", tag = "templates", operation_id = "searchTemplates",
    params(SearchTemplatesQuery),
    responses((status = 200, body = Success<TemplateSearchBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn search_templates(
    caller: Authorized<ReadTemplates>,
    State(templates): State<Templates>,
    Query(query): Query<SearchTemplatesQuery>,
) -> Result<Json<Success<TemplateSearchBody>>> {
    let (filter, order, page) = query.check()?;
    let (found, total) = templates.search(caller.project, &filter, order, page.stretch()).await?;
    Ok(Json::new(Success::of(TemplateSearchBody::new(found, total, page))))
}

/// Shows one template: its newest version, or the one that is named.
#[utoipa::path(
    get, path = "/v1/templates/{id}", tag = "templates", operation_id = "getTemplate",
    params(("id" = String, Path, description = "The template's id"), VersionQuery),
    responses((status = 200, body = Success<TemplateBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_template(
    caller: Authorized<ReadTemplates>,
    State(templates): State<Templates>,
    Path(id): Path<String>,
    Query(query): Query<VersionQuery>,
) -> Result<Json<Success<TemplateBody>>> {
    let found = templates.find(caller.project, template_id(&id)?, query.version).await?;
    Ok(Json::new(Success::of(found.into())))
}

/// Changes a template. What it says becomes a new version, which is sent from now on.
///
/// With `publish: false` it stays a draft until it is published.
#[utoipa::path(
    put, path = "/v1/templates/{id}", tag = "templates", operation_id = "updateTemplate",
    request_body = UpdateTemplateRequest, params(("id" = String, Path, description = "The template's id")),
    responses((status = 200, body = Success<TemplateBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn update_template(
    caller: Authorized<WriteTemplates>,
    State(templates): State<Templates>,
    Path(id): Path<String>,
    Json { value, .. }: Json<UpdateTemplateRequest>,
) -> Result<Json<Success<TemplateBody>>> {
    let id = template_id(&id)?;
    let changed = templates.update(&caller, caller.project, id, value.try_into()?).await?;
    Ok(Json::new(Success::of(changed.into())))
}

/// Changes what mailboxes show beside the subject. It is sent from now on, as a new version.
#[utoipa::path(
    patch, path = "/v1/templates/{id}/preview-text", tag = "templates", operation_id = "updateTemplatePreviewText",
    request_body = PreviewTextRequest, params(("id" = String, Path, description = "The template's id")),
    responses((status = 200, body = Success<TemplateBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn update_preview_text(
    caller: Authorized<WriteTemplates>,
    State(templates): State<Templates>,
    Path(id): Path<String>,
    Json { value, .. }: Json<PreviewTextRequest>,
) -> Result<Json<Success<TemplateBody>>> {
    let id = template_id(&id)?;
    let changed = templates.update(&caller, caller.project, id, value.try_into()?).await?;
    Ok(Json::new(Success::of(changed.into())))
}

/// Deletes a template with all of its versions. Mail that was accepted before stays as it is.
///
/// 400 `DELETE_TEMPLATE_FAILED` if there is none.
#[utoipa::path(
    delete, path = "/v1/templates/{id}", tag = "templates", operation_id = "deleteTemplate",
    params(("id" = String, Path, description = "The template's id")),
    responses((status = 200, body = DeletedBody), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn delete_template(
    caller: Authorized<WriteTemplates>,
    State(templates): State<Templates>,
    Path(id): Path<String>,
) -> Result<Json<DeletedBody>> {
    let id = id.parse().map_err(|_| not_deleted())?;
    templates.delete(&caller, caller.project, id).await?;
    Ok(Json::new(DeletedBody::new("Template successfully deleted.")))
}

/// Lists the versions of a template, the newest first. Fifty are kept, and the published one.
#[utoipa::path(
    get, path = "/v1/templates/{id}/versions", tag = "templates", operation_id = "listTemplateVersions",
    params(("id" = String, Path, description = "The template's id")),
    responses((status = 200, body = Success<VersionListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_template_versions(
    caller: Authorized<ReadTemplates>,
    State(templates): State<Templates>,
    Path(id): Path<String>,
) -> Result<Json<Success<VersionListBody>>> {
    let found = templates.versions(caller.project, template_id(&id)?).await?;
    Ok(Json::new(Success::of(found.into())))
}

/// Sends a version of the template from now on: the newest, or the one that is named.
#[utoipa::path(
    post, path = "/v1/templates/{id}/publish", tag = "templates", operation_id = "publishTemplate",
    request_body = Option<PublishRequest>, params(("id" = String, Path, description = "The template's id")),
    responses((status = 200, body = Success<TemplateBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn publish_template(
    caller: Authorized<WriteTemplates>,
    State(templates): State<Templates>,
    Path(id): Path<String>,
    OptionalJson(value): OptionalJson<PublishRequest>,
) -> Result<Json<Success<TemplateBody>>> {
    let (id, version) = (template_id(&id)?, value.and_then(|value| value.version));
    let published = templates.publish(&caller, caller.project, id, version).await?;
    Ok(Json::new(Success::of(published.into())))
}

/// Makes a draft of what an old version said. What is sent stays the same until the draft is published.
#[utoipa::path(
    post, path = "/v1/templates/{id}/revert", tag = "templates", operation_id = "revertTemplate",
    request_body = RevertRequest, params(("id" = String, Path, description = "The template's id")),
    responses((status = 200, body = Success<TemplateBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn revert_template(
    caller: Authorized<WriteTemplates>,
    State(templates): State<Templates>,
    Path(id): Path<String>,
    Json { value, .. }: Json<RevertRequest>,
) -> Result<Json<Success<TemplateBody>>> {
    let (id, version) = (template_id(&id)?, value.check()?);
    let draft = templates.revert(&caller, caller.project, id, version).await?;
    Ok(Json::new(Success::of(draft.into())))
}

/// Shows what a template would make that is stored nowhere. A mistake in it is refused with its line and column.
#[utoipa::path(
    post, path = "/v1/templates/preview", tag = "templates", operation_id = "previewParts",
    request_body = PreviewRequest,
    responses((status = 200, body = Success<PreviewBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn preview_parts(
    _caller: Authorized<ReadTemplates>,
    State(templates): State<Templates>,
    share: BodyShare,
    Json { value, .. }: Json<PreviewRequest>,
) -> Result<Json<Success<PreviewBody>>> {
    share.take(value.weight())?;
    let (parts, data) = value.check()?;
    Ok(Json::new(Success::of(templates.preview(parts, data).await?.into())))
}

/// Shows what a version of a template would make: the newest, or the one that is named.
#[utoipa::path(
    post, path = "/v1/templates/{id}/preview", tag = "templates", operation_id = "previewTemplate",
    request_body = PreviewTemplateRequest, params(("id" = String, Path, description = "The template's id")),
    responses((status = 200, body = Success<PreviewBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn preview_template(
    caller: Authorized<ReadTemplates>,
    State(templates): State<Templates>,
    Path(id): Path<String>,
    share: BodyShare,
    Json { value, .. }: Json<PreviewTemplateRequest>,
) -> Result<Json<Success<PreviewBody>>> {
    share.take(value.weight())?;
    let (id, (version, data)) = (template_id(&id)?, value.check()?);
    let filled = templates.preview_of(caller.project, id, version, data).await?;
    Ok(Json::new(Success::of(filled.into())))
}

/// Sends one mail of a template, exactly as it would be: of the newest version, or the one that is named.
#[utoipa::path(
    post, path = "/v1/templates/{id}/test", tag = "templates", operation_id = "tryTemplate",
    request_body = TryTemplateRequest, params(("id" = String, Path, description = "The template's id")),
    responses((status = 200, body = Success<SendMailBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn try_template(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
    share: BodyShare,
    Json { value, .. }: Json<TryTemplateRequest>,
) -> Result<Json<Success<SendMailBody>>> {
    share.take(value.weight())?;
    let trial = value.check(template_id(&id)?)?;
    let accepted = mails.try_template(&caller, caller.project, trial).await?;
    Ok(Json::new(Success::sent(accepted.into())))
}

/// What is no id names no template.
fn template_id(text: &str) -> Result<TemplateId> {
    text.parse().map_err(|_| Error::NotFound("template"))
}
