//! `/v1/domains`: the domains that a project sends from.

pub mod health;
pub mod response;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::health::DomainHealthBody;
use self::response::{DomainBody, DomainListBody, VerifiedDomainBody};
use super::Api;
use crate::domain::domain_name::DomainName;
use crate::domain::id::DomainId;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadDomains, WriteDomains};
use crate::http::extract::{Authorized, Json, Path};
use crate::http::wire::Success;
use crate::service::domains::Domains;

/// The resource.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_domains, add_domain))
        .routes(routes!(get_domain, delete_domain))
        .routes(routes!(verify_domain))
        .routes(routes!(get_domain_health))
        .routes(routes!(enable_inbound))
        .routes(routes!(disable_inbound))
}

/// A domain to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddDomainRequest {
    /// Such as `example.com` or `mail.example.com`, without a protocol and a path.
    #[schema(value_type = String)]
    domain: Option<String>,
    /// Taken and ignored: there are no regions here.
    #[serde(rename = "regionKey")]
    _region_key: Option<serde_json::Value>,
}

/// That something was done about which there is nothing more to say.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeletedBody {
    /// Always `true`.
    success: bool,
    /// One sentence.
    message: &'static str,
}

impl DeletedBody {
    /// It is done.
    pub fn new(message: &'static str) -> Self {
        Self { success: true, message }
    }
}

/// Adds a domain, with DKIM keys of its own.
///
/// The answer names the DNS records to set. They are looked for by themselves, after a minute at first, and at once with
/// `verify`. A domain sends for the project that it was added to; its sub-domains are domains of their own.
#[utoipa::path(
    post, path = "/v1/domains", tag = "domains", operation_id = "addDomain", request_body = AddDomainRequest,
    responses((status = 200, body = Success<DomainBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn add_domain(
    caller: Authorized<WriteDomains>,
    State(domains): State<Domains>,
    Json { value, .. }: Json<AddDomainRequest>,
) -> Result<Json<Success<DomainBody>>> {
    let mut violations = Violations::default();
    let written = value.domain.unwrap_or_default();
    let Some(name) = violations.check("domain", written.parse::<DomainName>()) else {
        return Err(Error::Invalid(violations));
    };
    let domain = domains.add(&caller, caller.project, &name).await?;
    Ok(Json::new(Success::of(DomainBody::new(&domain, domains.records(&domain)))))
}

/// Lists the project's domains by their names.
#[utoipa::path(
    get, path = "/v1/domains", tag = "domains", operation_id = "listDomains",
    responses((status = 200, body = Success<DomainListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_domains(
    caller: Authorized<ReadDomains>,
    State(domains): State<Domains>,
) -> Result<Json<Success<DomainListBody>>> {
    let found = domains.list(caller.project).await?;
    let found = found.iter().map(|domain| DomainBody::new(domain, domains.records(domain)));
    Ok(Json::new(Success::of(DomainListBody::new(found.collect()))))
}

/// Shows one domain with its records and what was last found of them.
#[utoipa::path(
    get, path = "/v1/domains/{id}", tag = "domains", operation_id = "getDomain",
    params(("id" = String, Path, description = "The domain's id")),
    responses((status = 200, body = Success<DomainBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_domain(
    caller: Authorized<ReadDomains>,
    State(domains): State<Domains>,
    Path(id): Path<String>,
) -> Result<Json<Success<DomainBody>>> {
    let domain = domains.find(caller.project, domain_id(&id)?).await?;
    Ok(Json::new(Success::of(DomainBody::new(&domain, domains.records(&domain)))))
}

/// Removes a domain: no mail is accepted from it any more where domains must be verified. Mail that was accepted before is
/// still signed and sent; two days later its keys are destroyed.
#[utoipa::path(
    delete, path = "/v1/domains/{id}", tag = "domains", operation_id = "deleteDomain",
    params(("id" = String, Path, description = "The domain's id")),
    responses((status = 200, body = DeletedBody), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn delete_domain(
    caller: Authorized<WriteDomains>,
    State(domains): State<Domains>,
    Path(id): Path<String>,
) -> Result<Json<DeletedBody>> {
    domains.delete(&caller, caller.project, domain_id(&id)?).await?;
    Ok(Json::new(DeletedBody::new("Domain deleted successfully")))
}

/// Looks for a domain's records now, and says of each what was found and what was expected.
#[utoipa::path(
    post, path = "/v1/domains/{id}/verify", tag = "domains", operation_id = "verifyDomain",
    params(("id" = String, Path, description = "The domain's id")),
    responses((status = 200, body = Success<VerifiedDomainBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn verify_domain(
    caller: Authorized<WriteDomains>,
    State(domains): State<Domains>,
    Path(id): Path<String>,
) -> Result<Json<Success<VerifiedDomainBody>>> {
    let domain = domains.verify(&caller, caller.project, domain_id(&id)?).await?;
    let body = VerifiedDomainBody::new(DomainBody::new(&domain, domains.records(&domain)));
    Ok(Json::new(Success::of(body).saying("Domain verification status updated")))
}

/// Refuses: this server takes in no mail but bounces and complaints, so that there is nothing to switch on.
#[utoipa::path(
    post, path = "/v1/domains/{id}/inbound/enable", tag = "domains", operation_id = "enableInbound",
    params(("id" = String, Path, description = "The domain's id")),
    responses((status = "4XX", body = ErrorEnvelope)),
)]
pub async fn enable_inbound(
    caller: Authorized<WriteDomains>,
    State(domains): State<Domains>,
    Path(id): Path<String>,
) -> Result<Json<Success<DomainBody>>> {
    domains.find(caller.project, domain_id(&id)?).await?;
    Err(Error::Impossible {
        code: "INBOUND_NOT_SUPPORTED",
        message: "This server receives no mail for domains, only bounces and complaints. Leave the MX records of the \
                  domain where its mailboxes are."
            .into(),
    })
}

/// Leaves a domain as it is: this server receives no mail for domains.
#[utoipa::path(
    post, path = "/v1/domains/{id}/inbound/disable", tag = "domains", operation_id = "disableInbound",
    params(("id" = String, Path, description = "The domain's id")),
    responses((status = 200, body = Success<DomainBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn disable_inbound(
    caller: Authorized<WriteDomains>,
    State(domains): State<Domains>,
    Path(id): Path<String>,
) -> Result<Json<Success<DomainBody>>> {
    let domain = domains.find(caller.project, domain_id(&id)?).await?;
    Ok(Json::new(Success::of(DomainBody::new(&domain, domains.records(&domain)))))
}

/// Says in words how mail from a domain fares, and what would make it fare better. It tells of the last check.
#[utoipa::path(
    get, path = "/v1/domains/{id}/health", tag = "domains", operation_id = "getDomainHealth",
    params(("id" = String, Path, description = "The domain's id")),
    responses((status = 200, body = Success<DomainHealthBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_domain_health(
    caller: Authorized<ReadDomains>,
    State(domains): State<Domains>,
    Path(id): Path<String>,
) -> Result<Json<Success<DomainHealthBody>>> {
    let domain = domains.find(caller.project, domain_id(&id)?).await?;
    Ok(Json::new(Success::of(DomainHealthBody::new(&domain, domains.are_required()))))
}

/// What is no id names no domain.
fn domain_id(text: &str) -> Result<DomainId> {
    text.parse().map_err(|_| Error::NotFound("domain"))
}
