//! What the system does: a function per request, a transaction per function.

pub mod batch;
pub mod clock;
pub mod committer;
pub mod deliveries;
pub mod failure_limit;
pub mod handoff;
pub mod health;
pub mod keys;
pub mod mails;
pub mod pepper;
pub mod projects;
pub mod rate_limit;

use crate::error::Error;

/// Any failure of the database means that it is away, as far as a caller can tell: statements are checked when the
/// program is compiled, and constraints are mapped where they can be violated.
pub(crate) fn unavailable(error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::TypeNotFound { .. } => Error::Internal(error.into()),
        error => Error::Unavailable(error.into()),
    }
}
