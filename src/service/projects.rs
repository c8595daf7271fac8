//! Accounts and projects.

use sqlx::PgPool;

use super::unavailable;
use crate::domain::id::{AccountId, ProjectId};
use crate::domain::project::Project;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::store;

/// Makes sure that there is an account with a project, as after the first start; answers the account, and whether it
/// was made just now. Two nodes that start at once make one.
pub async fn set_up(db: &PgPool) -> Result<(AccountId, bool)> {
    let mut transaction = db.begin().await.map_err(unavailable)?;
    store::accounts::lock_setup(&mut *transaction).await.map_err(unavailable)?;
    if let Some(account) = store::accounts::first(&mut *transaction).await.map_err(unavailable)? {
        return Ok((account, false));
    }
    let account = AccountId::generate();
    store::accounts::insert(&mut *transaction, account, "My account").await.map_err(unavailable)?;
    store::projects::insert(&mut *transaction, ProjectId::generate(), account, "My project")
        .await
        .map_err(unavailable)?;
    transaction.commit().await.map_err(unavailable)?;
    Ok((account, true))
}

/// The projects of an account, oldest first.
pub async fn list(db: &PgPool, account: AccountId) -> Result<Vec<Project>> {
    store::projects::list(db, account).await.map_err(unavailable)
}

/// Makes a project; the name has 1 to 100 characters.
pub async fn create(db: &PgPool, account: AccountId, name: &str) -> Result<ProjectId> {
    if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        let message = "must be 1 to 100 characters, without control characters";
        return Err(Error::Invalid(Violations::one("name", message)));
    }
    let id = ProjectId::generate();
    store::projects::insert(db, id, account, name.trim()).await.map_err(unavailable)?;
    tracing::info!(project.id = %id, "Made project {id}");
    Ok(id)
}
