//! Sessions of people who are signed in: a random cookie, of which only the digest is stored.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use sqlx::PgPool;

use super::{in_time, unavailable};
use crate::domain::caller::Person;
use crate::error::{Error, Result};
use crate::store;

/// The sessions of everybody.
#[derive(Clone)]
pub struct Sessions {
    db: PgPool,
}

impl Sessions {
    /// The sessions kept in `db`.
    pub fn new(db: PgPool) -> Self {
        Self { db }
    }

    /// Whose cookie this is, if its session is not over.
    pub async fn find(&self, cookie: &str) -> Result<Option<Arc<Person>>> {
        let digest = Sha256::digest(cookie.as_bytes());
        let Some(row) =
            in_time(store::sessions::find(&self.db, &digest)).await.map_err(unavailable)?
        else {
            return Ok(None);
        };
        let role = row
            .role
            .parse()
            .map_err(|_| Error::Internal(anyhow::anyhow!("users.role cannot be read")))?;
        Ok(Some(Arc::new(Person {
            id: row.user,
            account: row.account,
            email: row.email,
            name: row.name,
            role,
            session: row.id,
        })))
    }
}
