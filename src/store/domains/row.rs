//! A row of `domains`, and its way into the domain.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use crate::domain::id::{AccountId, DomainId, ProjectId};
use crate::domain::sending_domain::{Findings, SendingDomain};

/// A domain as it is stored, but for its private keys.
pub(super) struct Row {
    pub id: DomainId,
    pub account_id: AccountId,
    pub project_id: ProjectId,
    pub name: String,
    pub ownership_token: String,
    pub selector: String,
    pub rsa_public: String,
    pub ed25519_public: String,
    pub findings: Option<Json<Findings>>,
    pub verified_at: Option<DateTime<Utc>>,
    pub lost_at: Option<DateTime<Utc>>,
    pub misses: i16,
    pub created_at: DateTime<Utc>,
    pub last_checked_at: Option<DateTime<Utc>>,
    pub next_check_at: DateTime<Utc>,
}

impl From<Row> for SendingDomain {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            account: row.account_id,
            project: row.project_id,
            name: row.name,
            ownership_token: row.ownership_token,
            selector: row.selector,
            rsa_public: row.rsa_public,
            ed25519_public: row.ed25519_public,
            findings: row.findings.map(|Json(findings)| findings),
            verified_at: row.verified_at,
            lost_at: row.lost_at,
            misses: row.misses,
            created_at: row.created_at,
            last_checked_at: row.last_checked_at,
            next_check_at: row.next_check_at,
        }
    }
}
