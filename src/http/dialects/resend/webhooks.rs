//! `/webhooks` of Resend's API: those of the project that are told something in its shape.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::domains::ReferenceBody;
use super::paging::{List, ListQuery};
use crate::domain::id::{ProjectId, WebhookId};
use crate::domain::violations::Violations;
use crate::domain::webhook::Webhook;
use crate::domain::webhook::endpoint::EndpointUrl;
use crate::domain::webhook::event_type::{EventType, resend_name};
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadWebhooks, WriteWebhooks};
use crate::http::extract::{Authorized, Json, Path, Query};
use crate::http::wire::timestamp;
use crate::service::webhooks::{WebhookDraft, WebhookUpdate, Webhooks};

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/webhooks", post(create).get(list))
        .route("/webhooks/{id}", get(find).patch(update).delete(delete))
}

async fn create(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Json { value, .. }: Json<WebhookRequest>,
) -> Result<(StatusCode, Json<CreatedBody>)> {
    let mut violations = Violations::default();
    let (url, events) = value.read(&mut violations);
    for (field, is_missing) in [("endpoint", url.is_none()), ("events", events.is_none())] {
        if is_missing && !violations.iter().any(|violation| violation.field.starts_with(field)) {
            violations.add(field, "is required");
        }
    }
    let (Some(url), Some(events), true) = (url, events, violations.is_empty()) else {
        return Err(Error::Invalid(violations));
    };
    let draft = WebhookDraft { url, events, metadata: Map::new() };
    let (webhook, secret) = webhooks.create(&caller, caller.project, draft).await?;
    let signing_secret = secret.reveal().to_owned();
    let body = CreatedBody { object: "webhook", id: webhook.id.to_string(), signing_secret };
    Ok((StatusCode::CREATED, Json::new(body)))
}

async fn list(
    caller: Authorized<ReadWebhooks>,
    State(webhooks): State<Webhooks>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<WebhookBody>>> {
    let mut found = webhooks.list(caller.project, None).await?;
    found.retain(is_told_so);
    let page = query.page_of(found, |webhook| webhook.id.to_string())?;
    Ok(Json::new(page.of(|webhook| WebhookBody::new(&webhook))))
}

/// Shows the secret too, as Resend does; the audit log says who saw it.
async fn find(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
) -> Result<Json<ShownBody>> {
    let webhook = told_so(&webhooks, caller.project, &id).await?;
    let secret = webhooks.reveal(&caller, caller.project, webhook.id).await?;
    let signing_secret = secret.reveal().to_owned();
    let webhook = WebhookBody::new(&webhook);
    Ok(Json::new(ShownBody { object: "webhook", webhook, signing_secret }))
}

async fn update(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
    Json { value, .. }: Json<WebhookRequest>,
) -> Result<Json<ReferenceBody>> {
    let mut violations = Violations::default();
    let active = match value.status.as_deref() {
        None => None,
        Some("enabled") => Some(true),
        Some("disabled") => Some(false),
        Some(_) => {
            violations.add("status", "must be `enabled` or `disabled`");
            None
        }
    };
    let (url, events) = value.read(&mut violations);
    if !violations.is_empty() {
        return Err(Error::Invalid(violations));
    }
    let webhook = told_so(&webhooks, caller.project, &id).await?;
    let update = WebhookUpdate { events, active, ..WebhookUpdate::default() };
    webhooks.update(&caller, caller.project, webhook.id, url, update).await?;
    Ok(Json::new(ReferenceBody { object: "webhook", id, deleted: None }))
}

async fn delete(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
) -> Result<Json<ReferenceBody>> {
    let webhook = told_so(&webhooks, caller.project, &id).await?;
    webhooks.delete(&caller, caller.project, webhook.id).await?;
    Ok(Json::new(ReferenceBody { object: "webhook", id, deleted: Some(true) }))
}

/// A webhook that its clients can read. What is no id names none.
async fn told_so(webhooks: &Webhooks, project: ProjectId, id: &str) -> Result<Webhook> {
    let id: WebhookId = id.parse().map_err(|_| Error::NotFound("webhook"))?;
    let found = webhooks.find(project, id).await?;
    if is_told_so(&found) { Ok(found) } else { Err(Error::NotFound("webhook")) }
}

fn is_told_so(webhook: &Webhook) -> bool {
    webhook.events.iter().any(|event| resend_name(event.as_str()).is_some())
}

#[derive(Debug, Deserialize)]
struct WebhookRequest {
    endpoint: Option<String>,
    events: Option<Vec<String>>,
    status: Option<String>,
}

impl WebhookRequest {
    fn read(self, violations: &mut Violations) -> (Option<EndpointUrl>, Option<Vec<EventType>>) {
        let url =
            self.endpoint.and_then(|text| violations.check("endpoint", EndpointUrl::parse(&text)));
        let Some(names) = self.events else { return (url, None) };
        if names.is_empty() {
            violations.add("events", "must name at least one event, such as email.delivered");
        }
        let mut events = Vec::new();
        for (place, name) in names.iter().enumerate() {
            match EventType::of_resend(name) {
                Some(event) if !events.contains(&event) => events.push(event),
                Some(_) => {}
                None => violations.add(
                    format!("events[{place}]"),
                    "is no event that happens here: email.sent, email.delivered, email.delivery_delayed, email.bounced, \
                     email.failed, email.suppressed, email.complained, email.opened and email.clicked do",
                ),
            }
        }
        (url, Some(events))
    }
}

/// Never printed: it has the secret.
#[derive(Serialize)]
struct CreatedBody {
    object: &'static str,
    id: String,
    signing_secret: String,
}

/// Never printed: it has the secret.
#[derive(Serialize)]
struct ShownBody {
    object: &'static str,
    #[serde(flatten)]
    webhook: WebhookBody,
    signing_secret: String,
}

#[derive(Debug, Serialize)]
struct WebhookBody {
    id: String,
    created_at: String,
    status: &'static str,
    endpoint: String,
    events: Vec<&'static str>,
}

impl WebhookBody {
    fn new(webhook: &Webhook) -> Self {
        let events = webhook.events.iter().filter_map(|event| resend_name(event.as_str()));
        Self {
            id: webhook.id.to_string(),
            created_at: timestamp(webhook.created_at),
            status: if webhook.active { "enabled" } else { "disabled" },
            endpoint: webhook.url.clone(),
            events: events.collect(),
        }
    }
}
