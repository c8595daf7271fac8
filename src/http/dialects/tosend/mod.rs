//! `ToSend`'s API under `/v2`: sending, and what its client for administrators manages.

mod api_keys;
mod domains;
mod emails;
mod info;
mod page;
mod refusal;
mod sending;
mod suppressions;
mod teams;
mod webhooks;

use axum::Router;
use serde::Serialize;

pub(super) use self::refusal::{refusal, refusal_of_administration};
use crate::http::Api;

/// The longest name of the caller's own for a mail, in characters.
const MAX_HASH: usize = 255;

/// Where a mail keeps the name that the caller gave it.
const HASH: &str = "message_hash";

/// The routes of this dialect.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .merge(sending::routes())
        .merge(info::routes())
        .merge(emails::routes())
        .merge(domains::routes())
        .merge(suppressions::routes())
        .merge(webhooks::routes())
        .merge(api_keys::routes())
        .merge(teams::routes())
}

/// One thing, as this API shows it to administrators.
#[derive(Debug, Serialize)]
struct Shown<T> {
    data: T,
}

/// What deleting answers.
#[derive(Debug, Serialize)]
struct DeletedBody {
    id: String,
    deleted: bool,
}
