//! `GET /v2/info`: the project that a key works in, the key itself, and its domains.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use chrono::{Days, Utc};
use serde::Serialize;

use super::domains::status;
use super::refusal::scope;
use crate::domain::caller::Caller;
use crate::domain::permission::Permission;
use crate::domain::sending_domain::SendingDomain;
use crate::error::Result;
use crate::http::Api;
use crate::http::extract::Json;
use crate::http::extract::authorized::Authenticated;
use crate::service::domains::Domains;
use crate::service::keys::Keys;
use crate::service::overview::{Overview, Overviews};

/// The days over which bounces are counted.
const LOOKED_AT: Days = Days::new(30);

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v2/info", get(info))
}

/// Needs no permission; what takes one to see is left out where it is missing.
async fn info(
    Authenticated(caller): Authenticated,
    State(keys): State<Arc<Keys>>,
    State(domains): State<Domains>,
    State(overviews): State<Overviews>,
) -> Result<Json<InfoBody>> {
    let found = match caller.project.filter(|_| caller.may(Permission::DomainsRead)) {
        Some(project) => Some(domains.list(project).await?),
        None => None,
    };
    let bounce_rate = match caller.project.filter(|_| caller.may(Permission::MailsRead)) {
        Some(project) => {
            let first = (Utc::now() - LOOKED_AT).date_naive();
            bounce_rate(&overviews.of(caller.account, Some(project), first).await?)
        }
        None => None,
    };
    let id = caller.project.map_or(caller.account.to_string(), |project| project.to_string());
    let key = caller.key();
    let account = AccountBody {
        id,
        status: "active",
        plan_type: "self_hosted",
        credit_balance: None,
        monthly_email_limit: None,
        limit_per_second: key.map(|key| keys.limit_of(key).per_second().get()),
        ses_region: "",
        ses_status: "",
        bounce_rate,
        complaint_rate: None,
    };
    let api_key = key.map(|key| KeyBody {
        id: key.id.to_string(),
        name: key.name.clone(),
        scopes: key.permissions.iter().copied().map(scope).collect(),
    });
    let domains = found.map(|found| {
        found.iter().filter(|domain| may_send_from(&caller, domain)).map(DomainBody::of).collect()
    });
    Ok(Json::new(InfoBody { account, api_key, domains }))
}

/// A key that is held to domains sees those.
fn may_send_from(caller: &Caller, domain: &SendingDomain) -> bool {
    let held_to = caller.key().and_then(|key| key.restrictions.domains.as_ref());
    held_to.is_none_or(|names| names.iter().any(|name| name.as_str() == domain.name))
}

/// The share of recipients whose mail was refused for good, in percent; nothing if nothing was sent.
fn bounce_rate(overview: &Overview) -> Option<f64> {
    let (bounced, tried) = overview.days.iter().fold((0_i64, 0_i64), |(bounced, tried), day| {
        (bounced + day.bounced, tried + day.bounced + day.delivered)
    });
    let hundredths = (bounced * 10_000).checked_div(tried)?;
    u32::try_from(hundredths).ok().map(|hundredths| f64::from(hundredths) / 100.0)
}

#[derive(Debug, Serialize)]
struct InfoBody {
    account: AccountBody,
    api_key: Option<KeyBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domains: Option<Vec<DomainBody>>,
}

/// The project; what is null here is neither counted nor limited.
#[derive(Debug, Serialize)]
struct AccountBody {
    id: String,
    status: &'static str,
    plan_type: &'static str,
    credit_balance: Option<i64>,
    monthly_email_limit: Option<i64>,
    limit_per_second: Option<u32>,
    ses_region: &'static str,
    ses_status: &'static str,
    bounce_rate: Option<f64>,
    complaint_rate: Option<f64>,
}

#[derive(Debug, Serialize)]
struct KeyBody {
    id: String,
    name: String,
    scopes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct DomainBody {
    id: String,
    domain_name: String,
    verification_status: &'static str,
    is_default: bool,
    total_sent: Option<i64>,
    total_bounced: Option<i64>,
    total_complained: Option<i64>,
}

impl DomainBody {
    fn of(domain: &SendingDomain) -> Self {
        Self {
            id: domain.id.to_string(),
            domain_name: domain.name.clone(),
            verification_status: status(domain),
            is_default: false,
            total_sent: None,
            total_bounced: None,
            total_complained: None,
        }
    }
}
