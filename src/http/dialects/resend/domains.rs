//! `/domains` of Resend's API. There are no regions here: the first of theirs stands for none.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::paging::{List, ListQuery};
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
        .route("/domains", post(add).get(list))
        .route("/domains/{id}", get(find).patch(update).delete(delete))
        .route("/domains/{id}/verify", post(verify))
}

async fn add(
    caller: Authorized<WriteDomains>,
    State(domains): State<Domains>,
    Json { value, .. }: Json<AddBody>,
) -> Result<(StatusCode, Json<DomainBody>)> {
    let mut violations = value.choices.check();
    let name = if let Some(name) = value.name {
        violations.check("name", name.parse::<DomainName>())
    } else {
        violations.add("name", "is required");
        None
    };
    let Some(name) = name.filter(|_| violations.is_empty()) else {
        return Err(Error::Invalid(violations));
    };
    let domain = domains.add(&caller, caller.project, &name).await?;
    Ok((StatusCode::CREATED, Json::new(DomainBody::with_records(&domain, &domains))))
}

async fn list(
    caller: Authorized<ReadDomains>,
    State(domains): State<Domains>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<DomainBody>>> {
    let found = domains.list(caller.project).await?;
    let page = query.page_of(found, |domain| domain.id.to_string())?;
    Ok(Json::new(page.of(|domain| DomainBody::of(&domain))))
}

async fn find(
    caller: Authorized<ReadDomains>,
    State(domains): State<Domains>,
    Path(id): Path<String>,
) -> Result<Json<DomainBody>> {
    let domain = domains.find(caller.project, domain_id(&id)?).await?;
    Ok(Json::new(DomainBody::with_records(&domain, &domains)))
}

/// What can be chosen of a domain there, is the same for all domains of a project here.
async fn update(
    caller: Authorized<WriteDomains>,
    State(domains): State<Domains>,
    Path(id): Path<String>,
    Json { value, .. }: Json<Choices>,
) -> Result<Json<ReferenceBody>> {
    let violations = value.check();
    if !violations.is_empty() {
        return Err(Error::Invalid(violations));
    }
    domains.find(caller.project, domain_id(&id)?).await?;
    Ok(Json::new(ReferenceBody { object: "domain", id, deleted: None }))
}

async fn delete(
    caller: Authorized<WriteDomains>,
    State(domains): State<Domains>,
    Path(id): Path<String>,
) -> Result<Json<ReferenceBody>> {
    domains.delete(&caller, caller.project, domain_id(&id)?).await?;
    Ok(Json::new(ReferenceBody { object: "domain", id, deleted: Some(true) }))
}

async fn verify(
    caller: Authorized<WriteDomains>,
    State(domains): State<Domains>,
    Path(id): Path<String>,
) -> Result<Json<ReferenceBody>> {
    domains.verify(&caller, caller.project, domain_id(&id)?).await?;
    Ok(Json::new(ReferenceBody { object: "domain", id, deleted: None }))
}

/// A domain to be added. Regions, return paths and TLS are taken and ignored: they are the relay's.
#[derive(Debug, Deserialize)]
struct AddBody {
    name: Option<String>,
    #[serde(flatten)]
    choices: Choices,
}

/// What is to be true of a domain.
#[derive(Debug, Deserialize)]
struct Choices {
    open_tracking: Option<bool>,
    click_tracking: Option<bool>,
    capabilities: Option<WantedCapabilities>,
}

#[derive(Debug, Deserialize)]
struct WantedCapabilities {
    sending: Option<String>,
    receiving: Option<String>,
}

impl Choices {
    fn check(&self) -> Violations {
        let mut violations = Violations::default();
        for (field, wanted) in
            [("open_tracking", self.open_tracking), ("click_tracking", self.click_tracking)]
        {
            if wanted == Some(true) {
                let problem = "is no choice of a domain here, but of the project or of each mail";
                violations.add(field, problem);
            }
        }
        let wanted = self.capabilities.as_ref();
        if wanted.is_some_and(|wanted| wanted.receiving.as_deref() == Some("enabled")) {
            violations.add("capabilities.receiving", "is not supported; no mail is received");
        }
        if wanted.is_some_and(|wanted| wanted.sending.as_deref() == Some("disabled")) {
            violations.add("capabilities.sending", "cannot be disabled; delete the domain instead");
        }
        violations
    }
}

#[derive(Debug, Serialize)]
struct DomainBody {
    object: &'static str,
    id: String,
    name: String,
    status: &'static str,
    created_at: String,
    region: &'static str,
    capabilities: Capabilities,
    open_tracking: bool,
    click_tracking: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<Vec<RecordBody>>,
}

#[derive(Debug, Serialize)]
struct Capabilities {
    sending: &'static str,
    receiving: &'static str,
}

/// A record to be set. Their clients know no kind of record for ownership, and none for DMARC, which is only advice.
#[derive(Debug, Serialize)]
struct RecordBody {
    record: &'static str,
    name: String,
    r#type: &'static str,
    ttl: &'static str,
    status: &'static str,
    value: String,
}

/// The name of what was changed or deleted.
#[derive(Debug, Serialize)]
pub(super) struct ReferenceBody {
    pub(super) object: &'static str,
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deleted: Option<bool>,
}

impl DomainBody {
    fn of(domain: &SendingDomain) -> Self {
        let status = match (domain.verified_at, &domain.findings) {
            (Some(_), _) => "verified",
            (None, _) if domain.lost_at.is_some() => "failed",
            (None, Some(_)) => "pending",
            (None, None) => "not_started",
        };
        Self {
            object: "domain",
            id: domain.id.to_string(),
            name: domain.name.clone(),
            status,
            created_at: timestamp(domain.created_at),
            region: "us-east-1",
            capabilities: Capabilities { sending: "enabled", receiving: "disabled" },
            open_tracking: false,
            click_tracking: false,
            records: None,
        }
    }

    fn with_records(domain: &SendingDomain, domains: &Domains) -> Self {
        let expected = domains.records(domain);
        let findings = domain.findings.as_ref();
        let record = |kind, ExpectedRecord { name, value, .. }, finding: Option<&Finding>| {
            let status = match finding.map(|finding| finding.state) {
                None => "not_started",
                Some(RecordState::Found) => "verified",
                Some(RecordState::NoAnswer) => "temporary_failure",
                Some(RecordState::Missing | RecordState::Different) => "pending",
            };
            RecordBody { record: kind, name, r#type: "TXT", ttl: "Auto", status, value }
        };
        let mut records = vec![
            record("SPF", expected.ownership, findings.map(|found| &found.ownership)),
            record("DKIM", expected.dkim, findings.map(|found| &found.dkim)),
            record("DKIM", expected.dkim_ed25519, findings.map(|found| &found.dkim_ed25519)),
        ];
        records
            .extend(expected.spf.map(|spf| record("SPF", spf, findings.map(|found| &found.spf))));
        Self { records: Some(records), ..Self::of(domain) }
    }
}

/// What is no id names no domain.
pub(super) fn domain_id(text: &str) -> Result<DomainId> {
    text.parse().map_err(|_| Error::NotFound("domain"))
}
