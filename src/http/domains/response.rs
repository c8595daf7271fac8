//! The answers about domains as they go over the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::dns_record::{ExpectedRecord, ExpectedRecords};
use crate::domain::sending_domain::{Finding, RecordState, SendingDomain};
use crate::http::wire::timestamp;

/// What the upstream API calls a domain that is not verified, or not any more.
const PENDING: &str = "PENDING_CONFIGURATION";

/// What it calls one that is.
const VERIFIED: &str = "VERIFIED";

/// Where the data are.
pub(in crate::http) const REGION: &str = "self-hosted";

/// What the upstream API calls a domain that is, or is not, verified.
pub(in crate::http) fn verification_status(is_verified: bool) -> &'static str {
    if is_verified { VERIFIED } else { PENDING }
}

/// A domain.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Domain)]
#[expect(clippy::struct_excessive_bools, reason = "they are the wire format")]
pub struct DomainBody {
    /// Names the domain.
    id: String,
    /// In its ASCII form.
    domain_name: String,
    /// `VERIFIED` once the ownership record and the RSA key are found; else `PENDING_CONFIGURATION`.
    verification_status: &'static str,
    /// Whether the ownership record was found.
    ownership_verified: bool,
    /// Whether the RSA key was found.
    dkim_enabled: bool,
    /// Whether one SPF record was found that can be right.
    mail_from_enabled: bool,
    /// Whether a DMARC policy was found.
    dmarc_enabled: bool,
    /// The records to set, with what was last found of each.
    dns_records: DnsRecordsBody,
    /// When it was added.
    created_at: String,
    /// When DNS was last asked.
    last_checked_at: Option<String>,
    /// When DNS is asked next.
    next_check_at: String,
    /// Since when mail may be sent from it.
    verified_at: Option<String>,
    /// Since when the records of a verified domain are gone, after three checks in a row that did not find them.
    lost_at: Option<String>,
    /// Always `self-hosted`.
    region_key: &'static str,
    /// Whether it is not verified and looked at by itself.
    verification_in_progress: bool,
    /// Always null: this server receives no mail for domains.
    inbound_enabled_at: Option<String>,
    /// The same.
    inbound_domain_verified_at: Option<String>,
}

/// The records of a domain.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DomainRecords)]
pub struct DnsRecordsBody {
    /// Proves that the domain is yours. Needed.
    ownership: RecordBody,
    /// The key of the signature that every receiver understands. Needed.
    dkim: RecordBody,
    /// The key of the second signature. Recommended.
    dkim_ed25519: RecordBody,
    /// The SPF record, at the domain itself: mail goes out under the address in From. Recommended; empty when no relay is set.
    mail_from: Vec<RecordBody>,
    /// The policy. Recommended.
    dmarc: RecordBody,
}

/// A record to set.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DomainRecord)]
pub struct RecordBody {
    /// The whole name.
    name: String,
    /// What it should hold. Servers cut what is longer than 255 characters into several strings.
    value: String,
    /// Always `TXT`.
    r#type: &'static str,
    /// What it is good for.
    purpose: &'static str,
    /// `found`, `missing`, `different`, `no_answer`, or `unchecked` before the first check.
    status: &'static str,
    /// What was found there.
    found: Vec<String>,
    /// What that means, and what to do about it.
    explanation: String,
}

impl RecordBody {
    fn new(expected: ExpectedRecord, finding: Option<&Finding>) -> Self {
        let ExpectedRecord { name, value, purpose } = expected;
        let (status, found, explanation) = match finding {
            Some(Finding { state, found, explanation }) => {
                (state_name(*state), found.clone(), explanation.clone())
            }
            None => ("unchecked", Vec::new(), "It was not looked for yet.".into()),
        };
        Self { name, value, r#type: "TXT", purpose, status, found, explanation }
    }
}

/// The published name.
pub(super) fn state_name(state: RecordState) -> &'static str {
    match state {
        RecordState::Found => "found",
        RecordState::Missing => "missing",
        RecordState::Different => "different",
        RecordState::NoAnswer => "no_answer",
    }
}

impl DomainBody {
    /// A domain with the records that it needs.
    pub fn new(domain: &SendingDomain, expected: ExpectedRecords) -> Self {
        let findings = domain.findings.as_ref();
        let is_found = |finding: Option<&Finding>| {
            finding.is_some_and(|finding| finding.state == RecordState::Found)
        };
        let ExpectedRecords { ownership, dkim, dkim_ed25519, spf, dmarc } = expected;
        let is_verified = domain.verified_at.is_some();
        let spf_finding = findings.map(|findings| &findings.spf);
        Self {
            id: domain.id.to_string(),
            domain_name: domain.name.clone(),
            verification_status: verification_status(is_verified),
            ownership_verified: is_found(findings.map(|findings| &findings.ownership)),
            dkim_enabled: is_found(findings.map(|findings| &findings.dkim)),
            mail_from_enabled: is_found(spf_finding),
            dmarc_enabled: is_found(findings.map(|findings| &findings.dmarc)),
            dns_records: DnsRecordsBody {
                ownership: RecordBody::new(ownership, findings.map(|found| &found.ownership)),
                dkim: RecordBody::new(dkim, findings.map(|found| &found.dkim)),
                dkim_ed25519: RecordBody::new(
                    dkim_ed25519,
                    findings.map(|found| &found.dkim_ed25519),
                ),
                mail_from: spf.map(|spf| RecordBody::new(spf, spf_finding)).into_iter().collect(),
                dmarc: RecordBody::new(dmarc, findings.map(|found| &found.dmarc)),
            },
            created_at: timestamp(domain.created_at),
            last_checked_at: domain.last_checked_at.map(timestamp),
            next_check_at: timestamp(domain.next_check_at),
            verified_at: domain.verified_at.map(timestamp),
            lost_at: domain.lost_at.map(timestamp),
            region_key: REGION,
            verification_in_progress: !is_verified,
            inbound_enabled_at: None,
            inbound_domain_verified_at: None,
        }
    }
}

/// The domains of a project.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DomainList)]
pub struct DomainListBody {
    /// By their names.
    domains: Vec<DomainBody>,
}

impl DomainListBody {
    /// These domains.
    pub fn new(domains: Vec<DomainBody>) -> Self {
        Self { domains }
    }
}

/// A domain that was just looked at.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = VerifiedDomain)]
#[expect(clippy::struct_excessive_bools, reason = "they are the wire format")]
pub struct VerifiedDomainBody {
    /// The domain.
    domain: DomainBody,
    /// As in `domain`, like all that follows.
    verification_in_progress: bool,
    /// Whether the ownership record was found.
    ownership_verified: bool,
    /// `VERIFIED` or `PENDING_CONFIGURATION`.
    verification_status: &'static str,
    /// Whether the RSA key was found.
    dkim_enabled: bool,
    /// Whether one SPF record was found that can be right.
    mail_from_enabled: bool,
    /// Whether a DMARC policy was found.
    dmarc_enabled: bool,
}

impl VerifiedDomainBody {
    /// The answer to a verification.
    pub fn new(domain: DomainBody) -> Self {
        Self {
            verification_in_progress: domain.verification_in_progress,
            ownership_verified: domain.ownership_verified,
            verification_status: domain.verification_status,
            dkim_enabled: domain.dkim_enabled,
            mail_from_enabled: domain.mail_from_enabled,
            dmarc_enabled: domain.dmarc_enabled,
            domain,
        }
    }
}
