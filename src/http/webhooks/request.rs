//! Requests about webhooks as they come over the wire.

use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::domain::violations::Violations;
use crate::domain::webhook::endpoint::EndpointUrl;
use crate::domain::webhook::event_type::EventType;
use crate::domain::webhook::{MAX_GIVEN, MAX_METADATA};
use crate::error::{Error, Result};
use crate::service::webhooks::{KEPT, WebhookDraft, WebhookUpdate};

/// What a new webhook is to be.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateWebhookRequest {
    /// Where it is told: `https://` or `http://`, on any port, without credentials, at a public address.
    #[schema(example = "https://example.com/webhooks/posthaste")]
    url: Option<String>,
    /// What it is told: one event type at least.
    #[schema(example = json!(["email.delivered", "email.bounced"]))]
    events: Option<Vec<String>>,
    /// Notes of your own; 4 KB of JSON at most.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
}

impl TryFrom<CreateWebhookRequest> for WebhookDraft {
    type Error = Error;

    fn try_from(request: CreateWebhookRequest) -> Result<Self> {
        let mut violations = Violations::default();
        let url = url(&mut violations, Some(request.url.as_deref().unwrap_or_default()));
        let events = events(&mut violations, Some(request.events.unwrap_or_default()));
        let metadata = metadata(&mut violations, request.metadata).unwrap_or_default();
        match (url, events) {
            (Some(url), Some(events)) if violations.is_empty() => {
                Ok(Self { url, events, metadata })
            }
            (url, _) => Err(invalid(violations, url.is_none())),
        }
    }
}

/// What is to be different of a webhook; what is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateWebhookRequest {
    /// Where it is told.
    url: Option<String>,
    /// What it is told, in place of what it was told before.
    events: Option<Vec<String>>,
    /// Whether it is told anything.
    is_active: Option<bool>,
    /// Notes of your own.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// Cannot be changed.
    #[schema(ignore)]
    secret: Option<Value>,
}

impl UpdateWebhookRequest {
    /// What of it is to be changed.
    pub fn check(self) -> Result<(Option<EndpointUrl>, WebhookUpdate)> {
        if self.secret.is_some() {
            let message = "Secret cannot be updated. Create a new webhook instead.";
            let violations = Violations::one("secret", "cannot be changed");
            return Err(Error::InvalidResource { message, violations });
        }
        let mut violations = Violations::default();
        let has_url = self.url.is_some();
        let url = url(&mut violations, self.url.as_deref());
        let update = WebhookUpdate {
            url: None,
            events: events(&mut violations, self.events),
            active: self.is_active,
            metadata: metadata(&mut violations, self.metadata),
        };
        if violations.is_empty() {
            return Ok((url, update));
        }
        Err(invalid(violations, has_url && url.is_none()))
    }
}

/// What a webhook is told in place of something that happened.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ResendRequest {
    /// An event type that it asks for.
    #[schema(example = "email.delivered")]
    event: Option<String>,
    /// Becomes `data` of what it is told; 64 KB of JSON at most.
    #[schema(value_type = Object)]
    data: Option<Map<String, Value>>,
}

impl ResendRequest {
    /// The event type and the data.
    pub fn check(self) -> Result<(EventType, Map<String, Value>)> {
        let mut violations = Violations::default();
        let event = self.event.as_deref().unwrap_or_default();
        let event: Option<EventType> = violations.check("event", event.parse());
        if self.data.is_none() {
            violations.add("data", "is missing: an object");
        }
        if self.data.as_ref().is_some_and(|data| is_longer(data, MAX_GIVEN)) {
            violations.add("data", "must be at most 64 KB of JSON");
        }
        match (event, self.data) {
            (Some(event), Some(data)) if violations.is_empty() => Ok((event, data)),
            _ => Err(Error::InvalidResource { message: "The payload is not valid", violations }),
        }
    }
}

/// A span of time.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ReplayRequest {
    /// Its beginning, RFC 3339; at most seven days ago.
    #[schema(value_type = String, format = DateTime)]
    from: Option<DateTime<Utc>>,
    /// Its end; now, if it is not named.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<DateTime<Utc>>,
}

impl ReplayRequest {
    /// The beginning and the end.
    pub fn check(self, now: DateTime<Utc>) -> Result<(DateTime<Utc>, DateTime<Utc>)> {
        let to = self.to.unwrap_or(now).min(now);
        let mut violations = Violations::default();
        match self.from {
            None => violations.add("from", "is missing: a time such as 2026-01-31T12:00:00Z"),
            Some(from) if from < now - KEPT - Duration::minutes(1) => {
                violations.add("from", "must be at most seven days ago");
            }
            Some(from) if from >= to => violations.add("to", "must be after `from`"),
            Some(from) => return Ok((from, to)),
        }
        Err(Error::InvalidResource { message: "The span of time is not valid", violations })
    }
}

/// Which page of a list.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Which page, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<u32>,
    /// How many on a page: 1 to 100.
    #[param(default = 50, minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// What a list of webhooks is narrowed to.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListWebhooksQuery {
    /// Only those that are told something, or only others.
    pub is_active: Option<bool>,
    /// Which page, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<u32>,
    /// How many on a page: 1 to 100.
    #[param(default = 50, minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

impl ListWebhooksQuery {
    /// Which page.
    pub fn page(&self) -> Result<Page> {
        PageQuery { page: self.page, limit: self.limit }.check()
    }
}

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Which, from 1.
    pub number: i64,
    /// How many on it.
    pub limit: i64,
}

impl Page {
    /// How many come before it.
    pub fn offset(self) -> i64 {
        (self.number - 1) * self.limit
    }
}

impl PageQuery {
    /// Which page.
    pub fn check(&self) -> Result<Page> {
        let mut violations = Violations::default();
        let (number, limit) = (self.page.unwrap_or(1), self.limit.unwrap_or(50));
        if number == 0 {
            violations.add("page", "must be a whole number from 1");
        }
        if !(1..=100).contains(&limit) {
            violations.add("limit", "must be a whole number from 1 to 100");
        }
        if violations.is_empty() {
            return Ok(Page { number: number.into(), limit: limit.into() });
        }
        Err(Error::InvalidResource { message: "The query is not valid", violations })
    }
}

fn url(violations: &mut Violations, text: Option<&str>) -> Option<EndpointUrl> {
    violations.check("url", EndpointUrl::parse(text?))
}

fn events(violations: &mut Violations, names: Option<Vec<String>>) -> Option<Vec<EventType>> {
    let names = names?;
    if names.is_empty() {
        violations.add("events", "must name at least one event type, such as email.delivered");
        return None;
    }
    let mut events = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let event: Option<EventType> = violations.check(format!("events[{place}]"), name.parse());
        // Each once, in the order of the request.
        events.extend(event.filter(|event| !events.contains(event)));
    }
    Some(events)
}

fn metadata(
    violations: &mut Violations,
    metadata: Option<Map<String, Value>>,
) -> Option<Map<String, Value>> {
    let metadata = metadata?;
    if is_longer(&metadata, MAX_METADATA) {
        violations.add("metadata", "must be at most 4 KB of JSON");
    }
    // Postgres has no such character.
    if Value::Object(metadata.clone()).to_string().contains("\\u0000") {
        violations.add("metadata", "must not contain the character U+0000");
    }
    Some(metadata)
}

fn is_longer(data: &Map<String, Value>, most: usize) -> bool {
    serde_json::to_vec(data).is_ok_and(|text| text.len() > most)
}

fn invalid(violations: Violations, is_url: bool) -> Error {
    let message =
        if is_url { "A valid webhook URL is required" } else { "The webhook is not valid" };
    Error::InvalidResource { message, violations }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_time_is_not_older_than_what_is_remembered() {
        let now = Utc::now();
        let span = |from: i64, to: Option<i64>| {
            let at = |hours| now + Duration::hours(hours);
            ReplayRequest { from: Some(at(from)), to: to.map(at) }.check(now).is_ok()
        };
        assert!(span(-1, None) && span(-168, Some(-167)) && span(-1, Some(5)));
        assert!(!span(-169, None) && !span(-1, Some(-1)) && !span(-1, Some(-2)) && !span(1, None));
        assert!(ReplayRequest { from: None, to: None }.check(now).is_err());
    }
}
