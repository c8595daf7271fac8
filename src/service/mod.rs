//! What the system does: a function per request, a transaction per function.

pub mod audit;
pub mod batch;
pub mod clock;
pub mod committer;
pub mod deliveries;
pub mod domains;
pub mod failure_limit;
pub mod handoff;
pub mod hashing;
pub mod health;
pub mod keys;
pub mod mails;
pub mod people;
pub mod pepper;
pub mod projects;
pub mod rate_limit;
pub mod seal;
pub mod senders;
pub mod sessions;
pub mod signing;

use crate::error::Error;

/// Any failure of the database means that it is away, as far as a caller can tell: statements are checked when the
/// program is compiled, and constraints are mapped where they can be violated.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(crate) fn unavailable(error: sqlx::Error) -> Error {
    let cause = anyhow::anyhow!(without_values(&error));
    match error {
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::TypeNotFound { .. } => Error::Internal(cause),
        _ => Error::Unavailable(cause),
    }
}

/// The error as it may be logged: messages of Postgres quote the values that they are about.
pub(crate) fn without_values(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(refusal) => format!(
            "the database refused a statement with SQLSTATE {} (constraint: {})",
            refusal.code().as_deref().unwrap_or("unknown"),
            refusal.constraint().unwrap_or("none"),
        ),
        None => error.to_string(),
    }
}
