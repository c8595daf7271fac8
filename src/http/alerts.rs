//! `/v1/account/alerts`: notes about unusual use of keys.

use std::sync::Arc;

use axum::extract::State;
use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::error::ErrorEnvelope;
use super::extract::authorized::{ReadKeys, WriteKeys};
use super::extract::{AccountAuthorized, Json, Path, Query};
use crate::domain::id::AlertId;
use crate::domain::usage::Alert;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::wire::Success;
use crate::service::usage::Usage;

/// Which of them, and which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AlertsQuery {
    /// `open` for what nobody has dismissed, or `all`.
    #[param(default = "open")]
    state: Option<String>,
    /// How many at once: 1 to 100.
    #[param(default = 20, minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where the last page ended: its `nextCursor`.
    cursor: Option<String>,
}

/// A page of alerts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertsBody {
    /// Newest first.
    alerts: Vec<AlertBody>,
    has_more: bool,
    /// Asks for the next page as `cursor`; null on the last one.
    next_cursor: Option<String>,
}

/// A note about unusual use of a key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertBody {
    id: String,
    /// `refusals`, `new_network` or `rate_jump`; there may be others later.
    kind: String,
    key_id: String,
    key_name: String,
    display_key: String,
    /// What is unusual, in words.
    message: String,
    at: String,
    dismissed_at: Option<String>,
    /// The figures.
    #[schema(value_type = Object)]
    details: Value,
}

impl From<Alert> for AlertBody {
    fn from(alert: Alert) -> Self {
        let time =
            |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        Self {
            id: alert.id.to_string(),
            kind: alert.kind,
            key_id: alert.key.to_string(),
            key_name: alert.key_name,
            display_key: alert.display_key,
            message: alert.message,
            at: time(alert.at),
            dismissed_at: alert.dismissed_at.map(time),
            details: alert.details,
        }
    }
}

/// Lists what was unusual about the use of keys, newest first.
#[utoipa::path(
    get, path = "/v1/account/alerts", tag = "account", operation_id = "listAlerts", params(AlertsQuery),
    responses((status = 200, body = Success<AlertsBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_alerts(
    caller: AccountAuthorized<ReadKeys>,
    State(usage): State<Arc<Usage>>,
    Query(query): Query<AlertsQuery>,
) -> Result<Json<Success<AlertsBody>>> {
    let mut violations = Violations::default();
    let limit = query.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        violations.add("limit", "must be a whole number from 1 to 100");
    }
    let state = query.state.as_deref().unwrap_or("open");
    if !["open", "all"].contains(&state) {
        violations.add("state", "must be open or all");
    }
    let before = query.cursor.and_then(|text| violations.check("cursor", text.parse::<AlertId>()));
    if !violations.is_empty() {
        return Err(Error::Invalid(violations));
    }
    let mut alerts = usage.alerts(caller.account, state == "open", before, limit + 1).await?;
    let has_more = alerts.len() > usize::from(limit);
    alerts.truncate(limit.into());
    let next_cursor = alerts.last().filter(|_| has_more).map(|alert| alert.id.to_string());
    let alerts = alerts.into_iter().map(AlertBody::from).collect();
    Ok(Json::new(Success::of(AlertsBody { alerts, has_more, next_cursor })))
}

/// Notes that an alert was seen; it is open no more.
#[utoipa::path(
    post, path = "/v1/account/alerts/{id}/dismiss", tag = "account", operation_id = "dismissAlert",
    params(("id" = String, Path, description = "The alert's id")),
    responses((status = 200, body = Success<AlertBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn dismiss_alert(
    caller: AccountAuthorized<WriteKeys>,
    State(usage): State<Arc<Usage>>,
    Path(id): Path<String>,
) -> Result<Json<Success<AlertBody>>> {
    let id = id.parse().map_err(|_| Error::NotFound("alert"))?;
    let alert = usage.dismiss_alert(caller.account, id).await?;
    Ok(Json::new(Success::of(alert.into())))
}
