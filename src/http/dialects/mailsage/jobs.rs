//! Jobs: a mail, or the mails of one request, and how far they have come.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::deliveries::{Delivery, deliveries};
use crate::domain::id::MailId;
use crate::domain::record::{Event, MailSummary};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadMails, SendMails};
use crate::http::extract::{Authorized, Json, Path, Query};
use crate::http::wire::timestamp;
use crate::service::mails::{MailFilter, Mails};

/// The most mails of one job, and the most jobs that are listed.
const MOST_MAILS: u16 = 100;

/// States of mails that something is still to be done for.
const ACTIVE: [&str; 3] = ["scheduled", "queued", "deferred"];

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/emails/jobs/active", get(active))
        .route("/api/v1/emails/jobs/{id}/status", get(status))
        .route("/api/v1/emails/jobs/{id}/control", post(control))
        .route("/api/v1/emails/jobs/{id}/deliveries", get(list_deliveries))
}

/// The newest mails that are not finished; those of a batch are shown one by one.
async fn active(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
) -> Result<Json<ActiveBody>> {
    let statuses = ACTIVE.map(ToOwned::to_owned).to_vec();
    let filter = MailFilter { statuses, ..MailFilter::default() };
    let page = mails.list(caller.project, &filter, MOST_MAILS).await?;
    let jobs = page.mails.iter().map(|mail| JobBody::new(mail, &[])).collect();
    Ok(Json::new(ActiveBody { jobs }))
}

async fn status(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
) -> Result<Json<JobBody>> {
    let batch = mails.list(caller.project, &of_batch(&id)?, MOST_MAILS).await?.mails;
    if !batch.is_empty() {
        return Ok(Json::new(JobBody::of_batch(&id, &batch)));
    }
    let (mail, events) = mails.status(caller.project, job_id(&id)?).await?;
    Ok(Json::new(JobBody::new(&mail, &events)))
}

/// Stops what is not under way yet. Of a batch, each mail is stopped by itself: where that breaks off, the same request
/// goes on with the rest.
async fn control(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
    Json { value, .. }: Json<ControlBody>,
) -> Result<Json<JobBody>> {
    if value.action.as_deref() != Some("stop") {
        let problem = "must be `stop`: what is under way cannot be paused";
        return Err(Error::Invalid(Violations::one("action", problem)));
    }
    let batch = mails.list(caller.project, &of_batch(&id)?, MOST_MAILS).await?.mails;
    if batch.is_empty() {
        let mail = mails.cancel(&caller, caller.project, job_id(&id)?).await?;
        return Ok(Json::new(JobBody::new(mail.summary(), mail.events())));
    }
    let (mut after, mut refused, mut is_stopped) = (Vec::new(), None, false);
    for mail in batch {
        match mails.cancel(&caller, caller.project, mail.id).await {
            Ok(stopped) => {
                is_stopped = true;
                after.push(stopped.summary().clone());
            }
            Err(error @ Error::Conflict { .. }) => {
                refused = Some(error);
                after.push(mail);
            }
            Err(error) => return Err(error),
        }
    }
    match refused.filter(|_| !is_stopped) {
        Some(error) => Err(error),
        None => Ok(Json::new(JobBody::of_batch(&id, &after))),
    }
}

/// What became of each recipient. Of the mails of a batch only their states are told.
async fn list_deliveries(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
    Query(query): Query<DeliveriesQuery>,
) -> Result<Json<DeliveriesBody>> {
    let query = query.check()?;
    let batch = mails.list(caller.project, &of_batch(&id)?, MOST_MAILS).await?.mails;
    let found = if batch.is_empty() {
        let detail = mails.find(caller.project, job_id(&id)?).await?;
        deliveries(&detail).into_iter().map(DeliveryBody::from).collect()
    } else {
        batch.iter().map(DeliveryBody::of_mail).collect::<Vec<_>>()
    };
    Ok(Json::new(query.cut(found)))
}

/// What is asked of a job.
#[derive(Debug, Deserialize)]
struct ControlBody {
    action: Option<String>,
}

/// Which recipients are wanted.
#[derive(Debug, Deserialize)]
struct DeliveriesQuery {
    page: Option<usize>,
    per_page: Option<usize>,
    status: Option<String>,
}

/// The same, with nothing at fault in it.
struct Wanted {
    page: usize,
    per_page: usize,
    status: Option<String>,
}

impl DeliveriesQuery {
    fn check(self) -> Result<Wanted> {
        let mut violations = Violations::default();
        let (page, per_page) = (self.page.unwrap_or(1), self.per_page.unwrap_or(50));
        if !(1..=1000).contains(&page) {
            violations.add("page", "must be a whole number from 1 to 1000");
        }
        if !(1..=100).contains(&per_page) {
            violations.add("per_page", "must be a whole number from 1 to 100");
        }
        let status = self.status.filter(|status| !status.is_empty());
        if status.as_ref().is_some_and(|status| !WORDS.contains(&status.as_str())) {
            violations.add("status", format!("must be one of {}", WORDS.join(", ")));
        }
        if violations.is_empty() {
            Ok(Wanted { page, per_page, status })
        } else {
            Err(Error::Invalid(violations))
        }
    }
}

impl Wanted {
    fn cut(self, mut found: Vec<DeliveryBody>) -> DeliveriesBody {
        if let Some(status) = &self.status {
            found.retain(|delivery| delivery.status == status);
        }
        let total = found.len();
        let before = (self.page - 1) * self.per_page;
        let deliveries = found.into_iter().skip(before).take(self.per_page).collect();
        let Self { page, per_page, .. } = self;
        let pages = total.div_ceil(per_page);
        DeliveriesBody { deliveries, pagination: Pagination { page, per_page, total, pages } }
    }
}

/// The newest jobs that are not finished.
#[derive(Debug, Serialize)]
struct ActiveBody {
    jobs: Vec<JobBody>,
}

#[derive(Debug, Serialize)]
struct DeliveriesBody {
    deliveries: Vec<DeliveryBody>,
    pagination: Pagination,
}

#[derive(Debug, Serialize)]
struct Pagination {
    page: usize,
    per_page: usize,
    total: usize,
    pages: usize,
}

/// The states of a recipient, in their words.
const WORDS: [&str; 4] = ["pending", "sent", "failed", "stopped"];

/// What became of one recipient; null is not told.
#[derive(Debug, Serialize)]
struct DeliveryBody {
    id: String,
    recipient: String,
    status: &'static str,
    tracking_id: String,
    attempts: Option<i16>,
    last_attempt: Option<String>,
    error_message: Option<String>,
    opened_at: Option<String>,
    clicked_at: Option<String>,
}

impl From<Delivery<'_>> for DeliveryBody {
    fn from(delivery: Delivery<'_>) -> Self {
        let mail = delivery.mail.to_string();
        Self {
            id: format!("{mail}-{}", delivery.position),
            recipient: delivery.recipient.to_string(),
            status: word(delivery.kind),
            tracking_id: mail,
            attempts: Some(delivery.attempts),
            last_attempt: delivery.last_attempt.map(timestamp),
            error_message: delivery.trouble.map(ToOwned::to_owned),
            opened_at: delivery.opened_at.map(timestamp),
            clicked_at: delivery.clicked_at.map(timestamp),
        }
    }
}

impl DeliveryBody {
    fn of_mail(mail: &MailSummary) -> Self {
        Self {
            id: mail.id.to_string(),
            recipient: mail.to_address.clone(),
            status: word(&mail.status),
            tracking_id: mail.id.to_string(),
            attempts: None,
            last_attempt: None,
            error_message: None,
            opened_at: None,
            clicked_at: None,
        }
    }
}

/// Their word for our state, or for what happened last.
fn word(ours: &str) -> &'static str {
    match ours {
        "sent" | "partially_sent" | "captured" | "complained" => "sent",
        "bounced" | "failed" | "suppressed" => "failed",
        "cancelled" => "stopped",
        _ => "pending",
    }
}

/// How far a job has come.
#[derive(Debug, Serialize)]
struct JobBody {
    id: String,
    status: &'static str,
    progress: Progress,
    started_at: String,
    updated_at: String,
}

#[derive(Debug, Serialize)]
struct Progress {
    total: i16,
    sent: i16,
    failed: i16,
    pending: i16,
    percentage: i16,
}

impl Progress {
    /// Of so many recipients; those whose mail was stopped are neither sent to nor failed.
    fn of(total: i16, sent: i16, failed: i16, pending: i16) -> Self {
        let done = i32::from(total - pending) * 100;
        let percentage = done.checked_div(total.into()).unwrap_or_default();
        Self { total, sent, failed, pending, percentage: percentage.try_into().unwrap_or_default() }
    }
}

impl JobBody {
    fn of_batch(id: &str, mails: &[MailSummary]) -> Self {
        let sum = |part: fn(&MailSummary) -> i16| mails.iter().map(part).sum::<i16>();
        let total = sum(|mail| mail.sent + mail.failed + mail.pending + mail.held);
        let (sent, failed) = (sum(|mail| mail.sent), sum(failed_of));
        let pending = sum(|mail| mail.pending + mail.held);
        let started = mails.iter().map(|mail| mail.created_at).min().unwrap_or_default();
        let is_stopped = mails.iter().any(|mail| mail.status == "cancelled");
        let status = match (sent, failed, pending) {
            (_, _, 0) if is_stopped => "stopped",
            (0, 0, _) => "queued",
            (_, _, 1..) => "processing",
            (1.., ..) => "completed",
            _ => "failed",
        };
        Self {
            id: id.to_owned(),
            status,
            progress: Progress::of(total, sent, failed, pending),
            started_at: timestamp(started),
            updated_at: timestamp(started),
        }
    }

    fn new(mail: &MailSummary, events: &[Event]) -> Self {
        let pending = mail.pending + mail.held;
        let status = match mail.status.as_str() {
            "cancelled" => "stopped",
            "queued" | "scheduled" if pending > 0 && mail.sent + mail.failed == 0 => "queued",
            _ if pending > 0 => "processing",
            _ if mail.sent > 0 => "completed",
            _ => "failed",
        };
        Self {
            id: mail.id.to_string(),
            status,
            progress: Progress::of(
                mail.sent + mail.failed + pending,
                mail.sent,
                failed_of(mail),
                pending,
            ),
            started_at: timestamp(mail.created_at),
            updated_at: timestamp(events.last().map_or(mail.created_at, |event| event.at)),
        }
    }
}

/// How many recipients a mail did not reach, unless it was stopped.
fn failed_of(mail: &MailSummary) -> i16 {
    if mail.status == "cancelled" { 0 } else { mail.failed }
}

/// The mails of one request, if the id is that of one.
fn of_batch(id: &str) -> Result<MailFilter> {
    let batch: Uuid = id.parse().map_err(|_| Error::NotFound("job"))?;
    Ok(MailFilter { batch: Some(batch), ..MailFilter::default() })
}

/// What is no id names no job.
fn job_id(text: &str) -> Result<MailId> {
    text.parse().map_err(|_| Error::NotFound("job"))
}
