//! Whether this node can do its work.

use std::time::Duration;

use sqlx::PgPool;

use super::unavailable;
use crate::error::{Error, Result};
use crate::store;

/// How long the database may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// Says that the database answers. Its schema is brought up to date before a node begins to listen.
pub async fn check(db: &PgPool) -> Result<()> {
    match tokio::time::timeout(PATIENCE, store::ping(db)).await {
        Ok(answer) => answer.map_err(unavailable),
        Err(_) => Err(Error::Unavailable(anyhow::anyhow!(
            "the database did not answer within {PATIENCE:?}"
        ))),
    }
}
