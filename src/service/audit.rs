//! The audit log: written in the transaction of what it tells of, read page by page.

use sqlx::PgPool;

use super::unavailable;
use crate::domain::audit::AuditEntry;
use crate::domain::id::AccountId;
use crate::error::Result;
use crate::store;

pub use crate::store::audit_log::Filter as AuditFilter;

/// The log of an account, newest first.
pub async fn list(
    db: &PgPool,
    account: AccountId,
    filter: &AuditFilter,
    limit: u16,
) -> Result<Vec<AuditEntry>> {
    store::audit_log::list(db, account, filter, i64::from(limit)).await.map_err(unavailable)
}
