//! Resend's API, at the root of the host, where its clients insist on it.

mod api_keys;
mod domains;
mod paging;
mod refusal;
mod request;
mod response;
mod suppressions;
mod template_notes;
mod template_request;
mod templates;
mod webhooks;

use std::collections::HashMap;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::Utc;

use self::paging::{List, ListQuery, Page, Place};
use self::refusal::NAMES;
pub(super) use self::refusal::refusal;
use self::request::{SendBody, UpdateBody};
use self::response::{BatchBody, EmailBody, Named};
use super::few::Few;
use super::{apart, replayed};
use crate::domain::bulk::MAX_MAILS;
use crate::domain::id::MailId;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadMails, SendMails};
use crate::http::extract::body_room::BodyShare;
use crate::http::extract::{Authorized, IdempotencyHeader, Json, Path, Query};
use crate::service::mails::{MailFilter, MailPage, Mails};
use crate::service::templates::Templates;

/// The routes of this dialect.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .merge(domains::routes())
        .merge(api_keys::routes())
        .merge(webhooks::routes())
        .merge(templates::routes())
        .merge(suppressions::routes())
        .route("/emails", post(send).get(list))
        .route("/emails/batch", post(send_batch))
        .route("/emails/{id}", get(find).patch(update))
        .route("/emails/{id}/cancel", post(cancel))
}

async fn send(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    State(templates): State<Templates>,
    idempotency: IdempotencyHeader,
    share: BodyShare,
    Json { value, bytes }: Json<SendBody>,
) -> Result<Response> {
    share.take(value.weight())?;
    let idempotency = idempotency.of("resend/emails", &caller, &bytes)?;
    drop(bytes);
    let known = match value.template() {
        Some(id) => templates::sent_of(&templates, caller.project, id).await.map(Some),
        None => Ok(None),
    };
    let accepted = match known.and_then(|known| value.draft(Utc::now(), known.as_ref())) {
        Ok(draft) => mails.send(&caller, caller.project, draft, idempotency).await?,
        Err(refusal) => mails.answer_again(caller.project, refusal, idempotency.as_ref()).await?,
    };
    let answer = Json::new(Named { id: accepted.id.to_string() });
    Ok(replayed(answer.into_response(), accepted.replayed))
}

async fn send_batch(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    State(templates): State<Templates>,
    idempotency: IdempotencyHeader,
    headers: HeaderMap,
    share: BodyShare,
    Json { value: Few(bodies), bytes }: Json<Few<SendBody>>,
) -> Result<Response> {
    let partial = headers.get("x-batch-validation").is_some_and(|mode| mode == "permissive");
    // What was left out of the one is an error in the other, so that neither may get the answer to the other.
    let operation = if partial { "resend/emails/batch/permissive" } else { "resend/emails/batch" };
    let idempotency = idempotency.of(operation, &caller, &bytes)?;
    drop(bytes);
    if bodies.is_empty() || bodies.len() > MAX_MAILS {
        let problem = format!("must be a list of 1 to {MAX_MAILS} emails");
        return Err(Error::Invalid(Violations::one("emails", problem)));
    }
    share.take(bodies.iter().map(SendBody::weight).sum())?;
    let mut known = HashMap::new();
    for id in bodies.iter().filter_map(SendBody::template) {
        if !known.contains_key(id) {
            let found = match templates::sent_of(&templates, caller.project, id).await {
                Ok(found) => Some(found),
                Err(Error::NotFound(_)) => None,
                Err(error) => return Err(error),
            };
            known.insert(id.to_owned(), found);
        }
    }
    let now = Utc::now();
    let read = |body: SendBody| {
        let template = match body.template().map(|id| known.get(id)) {
            None => None,
            Some(Some(Some(found))) => Some(found),
            Some(_) => return Ok(Err(Error::NotFound("template"))),
        };
        apart(body.draft(now, template))
    };
    let drafts = bodies.into_iter().map(read).collect::<Result<_>>()?;
    let accepted = mails.send_each(&caller, caller.project, drafts, partial, idempotency).await?;
    let is_replayed = accepted.replayed;
    Ok(replayed(Json::new(BatchBody::new(&accepted, partial)).into_response(), is_replayed))
}

async fn find(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
) -> Result<Json<EmailBody>> {
    let detail = mails.find(caller.project, mail_id(&id)?).await?;
    Ok(Json::new(detail.into()))
}

async fn list(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<EmailBody>>> {
    let (place, limit) = query.place()?;
    let (items, has_more) = match place {
        Place::Before(mail) => mails.list_before(caller.project, mail, limit).await?,
        Place::After(cursor) => {
            let filter = MailFilter { cursor, ..MailFilter::default() };
            let MailPage { mails, next } = mails.list(caller.project, &filter, limit).await?;
            (mails, next.is_some())
        }
    };
    Ok(Json::new(Page { items, has_more }.of(EmailBody::from)))
}

async fn update(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
    Json { value, .. }: Json<UpdateBody>,
) -> Result<Json<EmailBody>> {
    let (id, at) = (mail_id(&id)?, value.check(Utc::now())?);
    let mail = mails.reschedule(&caller, caller.project, id, Some(at)).await?;
    Ok(Json::new(EmailBody::reference(mail.summary().id)))
}

async fn cancel(
    caller: Authorized<SendMails>,
    State(mails): State<Mails>,
    Path(id): Path<String>,
) -> Result<Json<EmailBody>> {
    let mail = mails.cancel(&caller, caller.project, mail_id(&id)?).await?;
    Ok(Json::new(EmailBody::reference(mail.summary().id)))
}

/// What is no id names no mail.
fn mail_id(text: &str) -> Result<MailId> {
    text.parse().map_err(|_| Error::NotFound("email"))
}
