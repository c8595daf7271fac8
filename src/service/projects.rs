//! Accounts and projects.

use serde_json::json;
use sqlx::PgPool;

use super::unavailable;
use crate::domain::audit::{Doer, NewAuditEntry};
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

/// Deletes a project and ends its keys, for ever. When this returns, no mail is stored in it any more, on any node; what
/// was accepted before is still delivered.
///
/// Nodes that do not hear of it may let the keys read for another minute: whoever has a [`super::keys::Keys`] at hand
/// calls its `forget_all` afterwards.
pub async fn delete(db: &PgPool, account: AccountId, project: ProjectId, doer: Doer) -> Result<()> {
    let mut transaction = db.begin().await.map_err(unavailable)?;
    store::accounts::lock_projects(&mut *transaction, account).await.map_err(unavailable)?;
    // Sends lock keys before projects. In the same order, neither waits for the other for ever.
    let mut keys = store::api_keys::revoke_of_project(&mut *transaction, account, project)
        .await
        .map_err(unavailable)?;
    let name = store::projects::delete(&mut *transaction, account, project)
        .await
        .map_err(unavailable)?
        .ok_or(Error::NotFound("project"))?;
    // Keys that were made between the two; from now on none can be.
    keys += store::api_keys::revoke_of_project(&mut *transaction, account, project)
        .await
        .map_err(unavailable)?;
    if !store::projects::has_another(&mut *transaction, account, project)
        .await
        .map_err(unavailable)?
    {
        return Err(Error::Impossible {
            code: "LAST_PROJECT_CANNOT_BE_DELETED",
            message: "This is the last project of the account. Make another one first.".into(),
        });
    }
    let entry = NewAuditEntry {
        account,
        project: Some(project),
        doer,
        action: "project.deleted",
        subject: project.as_uuid(),
        subject_label: name,
        details: json!({ "keysRevoked": keys }),
    };
    store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
    // Heard at the commit.
    store::api_keys::notify_all_changed(&mut *transaction).await.map_err(unavailable)?;
    transaction.commit().await.map_err(unavailable)?;
    tracing::info!(project.id = %project, "Deleted project {project}");
    Ok(())
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
