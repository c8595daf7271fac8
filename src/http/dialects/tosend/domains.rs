//! `/v2/domains`. There is no call that verifies: DNS is looked at by itself.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::page::{Listed, Page};
use super::{DeletedBody, Shown};
use crate::domain::dns_record::ExpectedRecord;
use crate::domain::domain_name::DomainName;
use crate::domain::id::DomainId;
use crate::domain::sending_domain::{Finding, RecordState, SendingDomain};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadDomains, WriteDomains};
use crate::http::extract::{Authorized, Json, Path, Query};
use crate::http::wire::timestamp;
use crate::service::domains::Domains;

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v2/domains", get(list).post(add))
        .route("/v2/domains/{id}", get(find).delete(delete))
}

async fn list(
    caller: Authorized<ReadDomains>,
    State(domains): State<Domains>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listed<DomainBody>>> {
    let page = query.check()?;
    let found = domains.list(caller.project).await?;
    Ok(Json::new(page.cut(found.iter().map(DomainBody::of).collect())))
}

async fn add(
    caller: Authorized<WriteDomains>,
    State(domains): State<Domains>,
    Json { value, .. }: Json<AddBody>,
) -> Result<(StatusCode, Json<Shown<DomainBody>>)> {
    let mut violations = Violations::default();
    let name = if let Some(name) = value.name {
        violations.check("name", name.parse::<DomainName>())
    } else {
        violations.add("name", "is required");
        None
    };
    let name = name.ok_or(Error::Invalid(violations))?;
    let domain = domains.add(&caller, caller.project, &name).await?;
    let data = DomainBody::with_records(&domain, &domains);
    Ok((StatusCode::CREATED, Json::new(Shown { data })))
}

async fn find(
    caller: Authorized<ReadDomains>,
    State(domains): State<Domains>,
    Path(id): Path<String>,
) -> Result<Json<Shown<DomainBody>>> {
    let domain = domains.find(caller.project, domain_id(&id)?).await?;
    Ok(Json::new(Shown { data: DomainBody::with_records(&domain, &domains) }))
}

async fn delete(
    caller: Authorized<WriteDomains>,
    State(domains): State<Domains>,
    Path(id): Path<String>,
) -> Result<Json<DeletedBody>> {
    domains.delete(&caller, caller.project, domain_id(&id)?).await?;
    Ok(Json::new(DeletedBody { id, deleted: true }))
}

/// Which page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct PageQuery {
    page: Option<u16>,
    per_page: Option<u16>,
}

impl PageQuery {
    pub(super) fn check(&self) -> Result<Page> {
        let mut violations = Violations::default();
        let page = Page::read(self.page, self.per_page, &mut violations);
        if violations.is_empty() { Ok(page) } else { Err(Error::Invalid(violations)) }
    }
}

#[derive(Debug, Deserialize)]
struct AddBody {
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct DomainBody {
    id: String,
    name: String,
    domain_name: String,
    status: &'static str,
    verification_status: &'static str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_records: Option<Map<String, Value>>,
}

impl DomainBody {
    fn of(domain: &SendingDomain) -> Self {
        let status = status(domain);
        Self {
            id: domain.id.to_string(),
            name: domain.name.clone(),
            domain_name: domain.name.clone(),
            status,
            verification_status: status,
            created_at: timestamp(domain.created_at),
            dns_records: None,
        }
    }

    fn with_records(domain: &SendingDomain, domains: &Domains) -> Self {
        let expected = domains.records(domain);
        let findings = domain.findings.as_ref();
        let all = [
            ("ownership", Some(expected.ownership), findings.map(|found| &found.ownership)),
            ("dkim", Some(expected.dkim), findings.map(|found| &found.dkim)),
            (
                "dkim_ed25519",
                Some(expected.dkim_ed25519),
                findings.map(|found| &found.dkim_ed25519),
            ),
            ("spf", expected.spf, findings.map(|found| &found.spf)),
            ("dmarc", Some(expected.dmarc), findings.map(|found| &found.dmarc)),
        ];
        let records = all
            .into_iter()
            .filter_map(|(kind, wanted, found)| Some((kind.to_owned(), record(wanted?, found))));
        Self { dns_records: Some(records.collect()), ..Self::of(domain) }
    }
}

fn record(
    ExpectedRecord { name, value, purpose }: ExpectedRecord,
    found: Option<&Finding>,
) -> Value {
    let status = match found.map(|finding| finding.state) {
        Some(RecordState::Found) => "verified",
        Some(RecordState::Different) => "failed",
        _ => "pending",
    };
    json!({ "type": "TXT", "name": name, "value": value, "status": status, "purpose": purpose })
}

/// Their word for where a domain stands.
pub(super) fn status(domain: &SendingDomain) -> &'static str {
    match (domain.verified_at, &domain.findings) {
        (Some(_), _) => "verified",
        (None, _) if domain.lost_at.is_some() => "failed",
        (None, Some(_)) => "pending",
        (None, None) => "draft",
    }
}

/// What is no id names no domain.
pub(super) fn domain_id(text: &str) -> Result<DomainId> {
    text.parse().map_err(|_| Error::NotFound("domain"))
}
