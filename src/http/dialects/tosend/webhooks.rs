//! `/v2/webhooks`. They are told in the native shape.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::routing::{get, put};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::domains::PageQuery;
use super::page::Listed;
use super::{DeletedBody, Shown};
use crate::domain::id::WebhookId;
use crate::domain::violations::Violations;
use crate::domain::webhook::Webhook;
use crate::domain::webhook::endpoint::EndpointUrl;
use crate::domain::webhook::event_type::EventType;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadWebhooks, WriteWebhooks};
use crate::http::extract::{Authorized, Json, Path, Query};
use crate::http::wire::timestamp;
use crate::service::webhooks::{WebhookDraft, WebhookUpdate, Webhooks};

/// Their names of what they are told, and ours.
const EVENTS: &[(&str, EventType)] =
    &[("bounced", EventType::EmailBounced), ("complaint", EventType::EmailSpamReported)];

/// Where a webhook keeps its title.
const TITLE: &str = "title";

/// The longest title, in characters.
const LONGEST_TITLE: usize = 255;

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v2/webhooks", get(list).post(create))
        .route("/v2/webhooks/{id}", put(update).delete(delete))
}

async fn list(
    caller: Authorized<ReadWebhooks>,
    State(webhooks): State<Webhooks>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listed<WebhookBody>>> {
    let page = query.check()?;
    let found = webhooks.list(caller.project, None).await?;
    Ok(Json::new(page.cut(found.into_iter().map(WebhookBody::from).collect())))
}

async fn create(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Json { value, .. }: Json<WebhookRequest>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1], Json<Shown<WebhookBody>>)> {
    let Checked { url, events, title, .. } = value.check(true)?;
    let metadata = title.map(|title| (TITLE.to_owned(), title.into())).into_iter().collect();
    let draft = match (url, events) {
        (Some(url), Some(events)) => WebhookDraft { url, events, metadata },
        // Both are required.
        _ => return Err(Error::Malformed("The webhook has no URL or no events.".into())),
    };
    let (webhook, secret) = webhooks.create(&caller, caller.project, draft).await?;
    let mut data = WebhookBody::from(webhook);
    data.secret = Some(secret.reveal().to_owned());
    let unkept = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, unkept, Json::new(Shown { data })))
}

async fn update(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
    Json { value, .. }: Json<WebhookRequest>,
) -> Result<Json<Shown<WebhookBody>>> {
    let id = webhook_id(&id)?;
    let Checked { url, events, title, active } = value.check(false)?;
    let metadata = match title {
        None => None,
        Some(title) => {
            let mut metadata = webhooks.find(caller.project, id).await?.metadata;
            metadata.insert(TITLE.to_owned(), title.into());
            Some(metadata)
        }
    };
    let update = WebhookUpdate { url: None, events, active, metadata };
    let webhook = webhooks.update(&caller, caller.project, id, url, update).await?;
    Ok(Json::new(Shown { data: webhook.into() }))
}

async fn delete(
    caller: Authorized<WriteWebhooks>,
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
) -> Result<Json<DeletedBody>> {
    webhooks.delete(&caller, caller.project, webhook_id(&id)?).await?;
    Ok(Json::new(DeletedBody { id, deleted: true }))
}

/// What a webhook is to be, or what is to be different about it.
#[derive(Debug, Deserialize)]
struct WebhookRequest {
    title: Option<String>,
    url: Option<String>,
    events: Option<Vec<String>>,
    include_message: Option<bool>,
    status: Option<String>,
}

/// The same, with nothing at fault in it.
struct Checked {
    url: Option<EndpointUrl>,
    events: Option<Vec<EventType>>,
    title: Option<String>,
    active: Option<bool>,
}

impl WebhookRequest {
    fn check(self, is_new: bool) -> Result<Checked> {
        let mut violations = Violations::default();
        for (field, is_missing) in [("url", self.url.is_none()), ("events", self.events.is_none())]
        {
            if is_new && is_missing {
                violations.add(field, "is required");
            }
        }
        let url = self.url.and_then(|url| violations.check("url", EndpointUrl::parse(&url)));
        let events = self.events.map(|names| events(&names, &mut violations));
        let is_title =
            |title: &String| title.chars().count() <= LONGEST_TITLE && !title.contains('\0');
        if !self.title.as_ref().is_none_or(is_title) {
            violations.add("title", "must have at most 255 characters");
        }
        if self.include_message == Some(true) {
            let problem = "is not supported: what is told has the native shape";
            violations.add("include_message", problem);
        }
        let active = match self.status.as_deref() {
            None => None,
            Some(_) if is_new => {
                violations.add("status", "is `active` at first; change it afterwards");
                None
            }
            Some("active") => Some(true),
            Some("inactive") => Some(false),
            Some(_) => {
                violations.add("status", "must be `active` or `inactive`");
                None
            }
        };
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        Ok(Checked { url, events, title: self.title, active })
    }
}

/// Each once.
fn events(names: &[String], violations: &mut Violations) -> Vec<EventType> {
    let mut read = Vec::new();
    for name in names {
        match EVENTS.iter().find(|(theirs, _)| theirs == name) {
            Some((_, event)) if !read.contains(event) => read.push(*event),
            Some(_) => {}
            None => violations.add("events", "must be `bounced`, `complaint` or both"),
        }
    }
    if names.is_empty() {
        violations.add("events", "is required");
    }
    read
}

/// A webhook; its secret only where it was just made.
#[derive(Serialize)]
struct WebhookBody {
    id: String,
    title: Option<Value>,
    url: String,
    events: Vec<&'static str>,
    include_message: bool,
    status: &'static str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<Webhook> for WebhookBody {
    fn from(webhook: Webhook) -> Self {
        let name = |event: &EventType| {
            EVENTS.iter().find(|(_, ours)| ours == event).map_or(event.as_str(), |(name, _)| name)
        };
        let mut metadata: Map<String, Value> = webhook.metadata;
        Self {
            id: webhook.id.to_string(),
            title: metadata.remove(TITLE),
            url: webhook.url,
            events: webhook.events.iter().map(name).collect(),
            include_message: false,
            status: if webhook.active { "active" } else { "inactive" },
            created_at: timestamp(webhook.created_at),
            secret: None,
        }
    }
}

/// What is no id names no webhook.
fn webhook_id(text: &str) -> Result<WebhookId> {
    text.parse().map_err(|_| Error::NotFound("webhook"))
}
