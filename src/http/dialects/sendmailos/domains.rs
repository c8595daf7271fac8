//! `/api/v1/domains`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Answer, workspace};
use crate::domain::dns_record::ExpectedRecord;
use crate::domain::domain_name::DomainName;
use crate::domain::sending_domain::SendingDomain;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadDomains, WriteDomains};
use crate::http::extract::{Authorized, Json, Permitted};
use crate::http::wire::timestamp;
use crate::service::domains::Domains;
use crate::service::keys::Keys;

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/api/v1/domains", get(list).post(add))
}

async fn list(
    caller: Authorized<ReadDomains>,
    State(domains): State<Domains>,
) -> Result<Json<Answer<ListBody>>> {
    let found = domains.list(caller.project).await?;
    let shown = found.iter().map(|domain| DomainBody::of(domain, &domains)).collect();
    Ok(Json::new(Answer::of(ListBody { domains: shown })))
}

async fn add(
    caller: Permitted<WriteDomains>,
    State(domains): State<Domains>,
    State(keys): State<Arc<Keys>>,
    Json { value, .. }: Json<AddBody>,
) -> Result<(StatusCode, Json<Answer<AddedBody>>)> {
    let project = workspace(value.workspace_id.as_deref(), &caller, &keys).await?;
    let mut violations = Violations::default();
    let name = if let Some(name) = value.domain {
        violations.check("domain", name.parse::<DomainName>())
    } else {
        violations.add("domain", "is required");
        None
    };
    for (field, given) in [("external_id", value.external_id), ("metadata", value.metadata)] {
        if given.is_some() {
            violations.add(field, "is not kept with domains; leave it out");
        }
    }
    let Some(name) = name.filter(|_| violations.is_empty()) else {
        return Err(Error::Invalid(violations));
    };
    let domain = domains.add(&caller, project, &name).await?;
    let shown = AddedBody { domain: DomainBody::of(&domain, &domains) };
    Ok((StatusCode::CREATED, Json::new(Answer::of(shown))))
}

/// A domain to be added.
#[derive(Debug, Deserialize)]
struct AddBody {
    domain: Option<String>,
    external_id: Option<IgnoredAny>,
    metadata: Option<IgnoredAny>,
    workspace_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct ListBody {
    domains: Vec<DomainBody>,
}

#[derive(Debug, Serialize)]
struct AddedBody {
    domain: DomainBody,
}

#[derive(Debug, Serialize)]
struct DomainBody {
    id: String,
    domain_name: String,
    status: &'static str,
    external_id: Option<String>,
    metadata: Option<String>,
    /// The selectors of its keys; theirs are CNAMEs, ours are in the records.
    dkim_tokens: Vec<String>,
    created_at: String,
    dns_records: Vec<RecordBody>,
}

#[derive(Debug, Serialize)]
struct RecordBody {
    r#type: &'static str,
    name: String,
    value: String,
}

impl From<ExpectedRecord> for RecordBody {
    fn from(ExpectedRecord { name, value, .. }: ExpectedRecord) -> Self {
        Self { r#type: "TXT", name, value }
    }
}

impl DomainBody {
    fn of(domain: &SendingDomain, domains: &Domains) -> Self {
        let expected = domains.records(domain);
        let selector = |record: &ExpectedRecord| {
            record.name.split("._domainkey.").next().unwrap_or_default().to_owned()
        };
        let status = match domain.verified_at {
            Some(_) => "verified",
            None if domain.lost_at.is_some() => "failed",
            None => "pending",
        };
        let dkim_tokens = vec![selector(&expected.dkim), selector(&expected.dkim_ed25519)];
        let needed = [expected.ownership, expected.dkim, expected.dkim_ed25519];
        let all = needed.into_iter().chain(expected.spf).chain([expected.dmarc]);
        Self {
            id: domain.id.to_string(),
            domain_name: domain.name.clone(),
            status,
            external_id: None,
            metadata: None,
            dkim_tokens,
            created_at: timestamp(domain.created_at),
            dns_records: all.map(RecordBody::from).collect(),
        }
    }
}
