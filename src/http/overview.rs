//! `/v1/account/overview`: what became of the mail of the last days, and what needs somebody's attention.

use axum::extract::State;
use chrono::{DateTime, Days, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ErrorEnvelope;
use super::extract::authorized::ReadMails;
use super::extract::{AccountAuthorized, Json, Query};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::wire::Success;
use crate::service::overview::{DayOfMail, Overview, Overviews};

/// How far back.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OverviewQuery {
    /// How many days, with today: 1 to 366.
    #[param(default = 30, minimum = 1, maximum = 366)]
    days: Option<u16>,
}

/// All counts are of recipients, so that they add up: each of them counts once for what became of the mail to them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OverviewBody {
    totals: Totals,
    /// One for each day in UTC, also where nothing happened; oldest first.
    by_day: Vec<DayView>,
    /// What somebody should look at, newest first.
    attention: Vec<AttentionView>,
}

/// Sums of the days, and what waits at this moment.
#[derive(Debug, Default, Serialize, ToSchema)]
struct Totals {
    accepted: i64,
    delivered: i64,
    captured: i64,
    bounced: i64,
    failed: i64,
    /// Waiting for somebody's decision now.
    held: i64,
    /// Still to be served now.
    pending: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct DayView {
    /// As in `2026-11-21`.
    day: String,
    accepted: i64,
    delivered: i64,
    captured: i64,
    bounced: i64,
    failed: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AttentionView {
    /// `held_mail`, or the kind of an alert.
    kind: String,
    key_id: Option<String>,
    mail_id: Option<String>,
    /// The project of the mail.
    project_id: Option<String>,
    /// In words.
    message: String,
    at: String,
}

/// Shows what became of the mail of the last days, and what needs attention. `x-project-id` narrows it to a project.
#[utoipa::path(
    get, path = "/v1/account/overview", tag = "account", operation_id = "getOverview", params(OverviewQuery),
    responses((status = 200, body = Success<OverviewBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_overview(
    caller: AccountAuthorized<ReadMails>,
    State(overviews): State<Overviews>,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<Success<OverviewBody>>> {
    let days = query.days.unwrap_or(30);
    if !(1..=366).contains(&days) {
        let problem = "must be a whole number from 1 to 366";
        return Err(Error::Invalid(Violations::one("days", problem)));
    }
    let today = Utc::now().date_naive();
    let first = today - Days::new(u64::from(days) - 1);
    let overview = overviews.of(caller.account, caller.project, first).await?;
    Ok(Json::new(Success::of(OverviewBody::new(overview, first, days))))
}

impl OverviewBody {
    fn new(overview: Overview, first: chrono::NaiveDate, days: u16) -> Self {
        let Overview { days: counted, backlog, alerts, held } = overview;
        let mut totals =
            Totals { held: backlog.held, pending: backlog.pending, ..Totals::default() };
        let mut counted = counted.into_iter().peekable();
        let mut by_day = Vec::new();
        for day in first.iter_days().take(days.into()) {
            let empty =
                DayOfMail { day, accepted: 0, delivered: 0, captured: 0, bounced: 0, failed: 0 };
            let of_day = counted.next_if(|counted| counted.day == day).unwrap_or(empty);
            totals.accepted += of_day.accepted;
            totals.delivered += of_day.delivered;
            totals.captured += of_day.captured;
            totals.bounced += of_day.bounced;
            totals.failed += of_day.failed;
            by_day.push(DayView {
                day: day.to_string(),
                accepted: of_day.accepted,
                delivered: of_day.delivered,
                captured: of_day.captured,
                bounced: of_day.bounced,
                failed: of_day.failed,
            });
        }
        let mut attention: Vec<(DateTime<Utc>, AttentionView)> = Vec::new();
        for alert in alerts {
            let view = AttentionView {
                kind: alert.kind,
                key_id: Some(alert.key.to_string()),
                mail_id: None,
                project_id: None,
                message: format!("{} ({}): {}", alert.key_name, alert.display_key, alert.message),
                at: alert.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            };
            attention.push((alert.at, view));
        }
        for mail in held {
            let view = AttentionView {
                kind: "held_mail".into(),
                key_id: None,
                mail_id: Some(mail.id.to_string()),
                project_id: Some(mail.project.to_string()),
                message: "A mail may have been sent or not. Retry it, or cancel it.".into(),
                at: mail.created_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            };
            attention.push((mail.created_at, view));
        }
        attention.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let attention = attention.into_iter().map(|(_, view)| view).collect();
        Self { totals, by_day, attention }
    }
}
