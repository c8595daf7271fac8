//! How statements and transactions end, and what is told of an end that was not a good one.

use std::future::Future;
use std::time::Duration;

use sqlx::postgres::{PgDatabaseError, PgSeverity};
use sqlx::{Postgres, Transaction};

use crate::error::{Error, Result};

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
    away(&error)
}

/// The same for an error that several callers wait for.
pub(crate) fn away(error: &sqlx::Error) -> Error {
    let cause = anyhow::anyhow!(without_values(error));
    match error {
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::TypeNotFound { .. } => Error::Internal(cause),
        _ => Error::Unavailable(cause),
    }
}

/// Ends a transaction. Where the connection broke meanwhile, nobody can tell what became of it, so that it is not said that
/// nothing was stored.
pub(crate) async fn commit(transaction: Transaction<'_, Postgres>) -> Result<()> {
    try_to_commit(transaction).await.map_err(unsure)
}

/// The same for those who find the truth out, or may do the same once more.
pub(crate) async fn try_to_commit(transaction: Transaction<'_, Postgres>) -> sqlx::Result<()> {
    in_time(transaction.commit()).await
}

/// What is told of a transaction that did not end well.
fn unsure(error: sqlx::Error) -> Error {
    match end_of(&error) {
        End::Unknown => Error::OutcomeUnknown(anyhow::anyhow!(without_values(&error))),
        _ => unavailable(error),
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

/// What an error says of the statement it came from.
pub(super) enum End {
    /// Nothing was stored, and trying again helps.
    RolledBack,
    /// Nothing was stored, and the database has no room or no time.
    NotNow,
    /// Nothing was stored, nor will it be.
    Refused,
    /// It may have been stored.
    Unknown,
}

/// What an error says of the statement it came from.
pub(super) fn end_of(error: &sqlx::Error) -> End {
    let Some(refusal) = error.as_database_error() else { return End::Unknown };
    // An error undid the transaction before it was told of. Worse ones end the session, whatever it had done.
    let is_of_statement = refusal
        .try_downcast_ref::<PgDatabaseError>()
        .is_some_and(|refusal| refusal.severity() == PgSeverity::Error);
    let code = refusal.code().unwrap_or_default();
    match &*code {
        // Of a connection, and what poolers say of theirs.
        code if !is_of_statement || code.starts_with("08") => End::Unknown,
        // Serialization failure, deadlock, lock time-out.
        "40001" | "40P01" | "55P03" => End::RolledBack,
        // A standby that takes no writes.
        "25006" => End::NotNow,
        // Out of resources; cancelled or shutting down; trouble of the operating system.
        code if ["53", "57", "58"].iter().any(|class| code.starts_with(class)) => End::NotNow,
        _ => End::Refused,
    }
}

/// Whether the statement will be refused however often it is tried: not for want of a connection, of room or of luck.
pub(crate) fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code().map(String::from));
    let passing = ["08", "25", "40", "53", "55", "57", "58"];
    code.is_some_and(|code| !passing.iter().any(|class| code.starts_with(class)))
}

/// Whether the statement was chosen to give way to another transaction, and nothing of its own was kept.
pub(crate) fn is_deadlock(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == "40P01")
}
