//! How mail from a domain fares, in words.

use serde::Serialize;
use utoipa::ToSchema;

use super::response::state_name;
use crate::domain::sending_domain::{Finding, MISSES_UNTIL_LOST, RecordState, SendingDomain};
use crate::http::wire::timestamp;

/// How mail from a domain fares.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DomainHealth)]
pub struct DomainHealthBody {
    /// The domain.
    domain_name: String,
    /// `good`, `fair` (mail is signed, something recommended is missing), or `poor`.
    status: &'static str,
    /// What that means for mail.
    summary: String,
    /// Each thing that receivers look at, the most important first.
    checks: Vec<HealthCheckBody>,
    /// When DNS was last asked.
    last_checked_at: Option<String>,
    /// When DNS is asked next.
    next_check_at: String,
}

/// One thing that receivers look at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DomainHealthCheck)]
pub struct HealthCheckBody {
    /// `ownership`, `dkim`, `dkim_ed25519`, `spf`, `dmarc` or `mail_host`.
    name: &'static str,
    /// `found`, `missing`, `different` or `no_answer`.
    status: &'static str,
    /// Whether mail depends on it.
    required: bool,
    /// What was found.
    found: Vec<String>,
    /// What that means, and what to do about it.
    explanation: String,
}

impl DomainHealthBody {
    /// The words for a domain. `required` says whether mail is sent from verified domains only.
    pub fn new(domain: &SendingDomain, required: bool) -> Self {
        let checks = domain.findings.as_ref().map_or_else(Vec::new, |findings| {
            vec![
                check("ownership", &findings.ownership, true),
                check("dkim", &findings.dkim, true),
                check("dkim_ed25519", &findings.dkim_ed25519, false),
                check("spf", &findings.spf, false),
                check("dmarc", &findings.dmarc, false),
                check("mail_host", &findings.mail_host, false),
            ]
        });
        let lacks_something =
            checks.iter().any(|check| check.status != state_name(RecordState::Found));
        let (status, summary) = summary(domain, required, lacks_something);
        Self {
            domain_name: domain.name.clone(),
            status,
            summary,
            checks,
            last_checked_at: domain.last_checked_at.map(timestamp),
            next_check_at: timestamp(domain.next_check_at),
        }
    }
}

fn check(name: &'static str, finding: &Finding, required: bool) -> HealthCheckBody {
    HealthCheckBody {
        name,
        status: state_name(finding.state),
        required,
        found: finding.found.clone(),
        explanation: finding.explanation.clone(),
    }
}

fn summary(
    domain: &SendingDomain,
    required: bool,
    lacks_something: bool,
) -> (&'static str, String) {
    let name = &domain.name;
    if domain.verified_at.is_none() {
        let why = match (domain.lost_at, domain.last_checked_at) {
            (Some(_), _) => format!("{name} was verified, and its DNS records are gone."),
            (None, None) => format!("{name} was not looked at yet."),
            (None, Some(_)) => format!("{name} is not verified: its DNS records were not found."),
        };
        let then = if required {
            "Mail from it is refused."
        } else {
            "Mail from it goes out unsigned, and most receivers take that for spam."
        };
        return ("poor", format!("{why} {then}"));
    }
    if domain.misses > 0 {
        let left = MISSES_UNTIL_LOST - domain.misses;
        return (
            "fair",
            format!(
                "Mail from {name} is signed, but the last {} checks did not find the key or the ownership record that are \
                 needed. After {left} more the domain is given up.",
                domain.misses
            ),
        );
    }
    if lacks_something {
        return (
            "fair",
            format!(
                "Mail from {name} is signed, and the signature is aligned with From. Some of what receivers look at besides \
                 is missing."
            ),
        );
    }
    (
        "good",
        format!(
            "Mail from {name} is signed and aligned, and everything else that receivers look at is there."
        ),
    )
}
