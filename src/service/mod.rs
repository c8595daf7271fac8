//! What the system does: a function per request, a transaction per function.

pub mod audit;
pub mod backoff;
pub mod batch;
pub mod bounces;
pub mod claims;
pub mod clock;
pub mod committer;
pub mod contacts;
pub mod deliveries;
pub mod domains;
pub mod erasing;
pub mod failure_limit;
pub mod handoff;
pub mod hashing;
pub mod health;
pub mod keys;
pub mod mails;
pub mod overview;
pub mod people;
pub mod pepper;
pub mod preferences;
pub mod projects;
pub mod rate_limit;
pub mod restart;
pub mod retention;
pub mod return_paths;
pub mod room;
pub mod seal;
pub mod senders;
pub mod ses;
pub mod sessions;
pub mod signing;
mod storing;
pub mod suppressions;
pub mod templates;
pub mod usage;
pub mod webhooks;

use std::future::Future;
use std::time::Duration;

use crate::error::Error;

/// How long a statement may take. A connection may stop to carry anything without breaking, and then says nothing for
/// as long as the operating system likes: a quarter of an hour.
const STATEMENT_PATIENCE: Duration = Duration::from_secs(10);

/// Gives a statement up when it has taken too long. Whether it was carried out is not known then.
pub(crate) async fn in_time<T>(
    statement: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    within(STATEMENT_PATIENCE, statement).await
}

/// The same for a statement that moves so many bytes: 4 MiB a second is slow.
pub(crate) async fn in_time_for<T>(
    bytes: usize,
    statement: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    let moving = Duration::from_secs((bytes >> 22) as u64);
    within(STATEMENT_PATIENCE + moving, statement).await
}

async fn within<T>(
    patience: Duration,
    statement: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    tokio::time::timeout(patience, statement).await.unwrap_or_else(|_| {
        let message = "the database did not answer in time";
        Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, message)))
    })
}

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

/// The same for the end of a transaction: where the connection broke, nobody can tell what became of it.
pub(crate) fn unsure(error: sqlx::Error) -> Error {
    if error.as_database_error().is_some() {
        return unavailable(error);
    }
    Error::OutcomeUnknown(anyhow::anyhow!(without_values(&error)))
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
