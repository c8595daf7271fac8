//! Accounts and projects.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::PgPool;

use super::domains::KEYS_OUTLIVE_THEIR_DOMAIN;
use super::{commit, unavailable};
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::domain_name::DomainName;
use crate::domain::id::{AccountId, ProjectId};
use crate::domain::key_change::Change;
use crate::domain::name::Name;
use crate::domain::project::Project;
use crate::domain::sending_domain::ProjectDomain;
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
    let id = ProjectId::generate();
    store::projects::insert(&mut *transaction, id, account, "My project", None)
        .await
        .map_err(unavailable)?;
    commit(transaction).await?;
    Ok((account, true))
}

/// The projects of an account, oldest first.
pub async fn list(db: &PgPool, account: AccountId) -> Result<Vec<Project>> {
    store::projects::list(db, account).await.map_err(unavailable)
}

/// Deletes a project and ends its keys, for ever. When this returns, no mail is stored in it any more, on any node. What
/// is being sent is still delivered; what is due later is cancelled when its time comes.
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
    // Nobody looks at their records any more, and their keys sign what is still on its way.
    store::domains::delete_of_project(
        &mut *transaction,
        account,
        project,
        KEYS_OUTLIVE_THEIR_DOMAIN,
    )
    .await
    .map_err(unavailable)?;
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
    commit(transaction).await?;
    tracing::info!(project.id = %project, "Deleted project {project}");
    Ok(())
}

/// What is asked for when a project is made or changed.
#[derive(Clone, Debug, Default)]
pub struct ProjectChange {
    /// What it is called.
    pub name: Change<Name>,
    /// The domain that its maker plans to send from.
    pub domain: Change<Option<DomainName>>,
    /// Whether its mails tell that they are opened.
    pub track_opens: Change<bool>,
    /// Whether they tell that their links are followed.
    pub track_clicks: Change<bool>,
    /// Days for which its mails are kept: 1 to [`crate::domain::project::MOST_RETENTION_DAYS`].
    pub retention_days: Change<Option<i32>>,
}

/// Projects of an account, newest first.
pub async fn page(
    db: &PgPool,
    account: AccountId,
    before: Option<ProjectId>,
    limit: u16,
) -> Result<Vec<WithDomains>> {
    let page = store::projects::page(db, account, before, limit.into());
    with_domains(db, account, page.await.map_err(unavailable)?).await
}

/// One project.
pub async fn find(db: &PgPool, account: AccountId, id: ProjectId) -> Result<WithDomains> {
    let found = store::projects::find(db, account, id).await.map_err(unavailable)?;
    let mut found = with_domains(db, account, found.into_iter().collect()).await?;
    found.pop().ok_or(Error::NotFound("project"))
}

/// A project with its domains, by their names.
pub type WithDomains = (Project, Vec<ProjectDomain>);

async fn with_domains(
    db: &PgPool,
    account: AccountId,
    projects: Vec<Project>,
) -> Result<Vec<WithDomains>> {
    let ids: Vec<ProjectId> = projects.iter().map(|project| project.id).collect();
    let mut of_project: HashMap<ProjectId, Vec<ProjectDomain>> = HashMap::new();
    let domains = store::domains::of_projects(db, account, &ids).await.map_err(unavailable)?;
    for domain in domains {
        of_project.entry(domain.project).or_default().push(domain);
    }
    let with = |project: Project| {
        let domains = of_project.remove(&project.id).unwrap_or_default();
        (project, domains)
    };
    Ok(projects.into_iter().map(with).collect())
}

/// Makes a project.
pub async fn create(
    db: &PgPool,
    account: AccountId,
    name: &Name,
    domain: Option<&DomainName>,
    doer: Doer,
) -> Result<Project> {
    let id = ProjectId::generate();
    let mut transaction = db.begin().await.map_err(unavailable)?;
    let domain = domain.map(DomainName::as_str);
    let project = store::projects::insert(&mut *transaction, id, account, name.as_str(), domain)
        .await
        .map_err(unavailable)?;
    let details = json!({"name": project.name, "domain": project.domain});
    let entry = entry(doer, &project, "project.created", details);
    store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
    commit(transaction).await?;
    tracing::info!(project.id = %id, "Made project {id}");
    Ok(project)
}

/// Changes a project.
pub async fn update(
    db: &PgPool,
    account: AccountId,
    id: ProjectId,
    change: ProjectChange,
    doer: Doer,
) -> Result<WithDomains> {
    let mut transaction = db.begin().await.map_err(unavailable)?;
    let before = store::projects::lock(&mut *transaction, account, id)
        .await
        .map_err(unavailable)?
        .ok_or(Error::NotFound("project"))?;
    let mut after = before.clone();
    if let Change::Set(name) = change.name {
        after.name = name.into();
    }
    if let Change::Set(domain) = change.domain {
        after.domain = domain.map(|domain| domain.to_string());
    }
    if let Change::Set(track_opens) = change.track_opens {
        after.track_opens = track_opens;
    }
    if let Change::Set(track_clicks) = change.track_clicks {
        after.track_clicks = track_clicks;
    }
    if let Change::Set(days) = change.retention_days {
        after.retention_days = days;
    }
    let domains = store::domains::of_projects(&mut *transaction, account, &[id])
        .await
        .map_err(unavailable)?;
    let mut details = serde_json::Map::new();
    for (name, from, to) in [
        ("trackingOpen", before.track_opens, after.track_opens),
        ("trackingClick", before.track_clicks, after.track_clicks),
    ] {
        if from != to {
            details.insert(name.into(), json!({"from": from, "to": to}));
        }
    }
    if before.name != after.name {
        details.insert("name".into(), json!({"from": before.name, "to": after.name}));
    }
    if before.domain != after.domain {
        details.insert("domain".into(), json!({"from": before.domain, "to": after.domain}));
    }
    if before.retention_days != after.retention_days {
        let change = json!({"from": before.retention_days, "to": after.retention_days});
        details.insert("retentionDays".into(), change);
    }
    if details.is_empty() {
        return Ok((after, domains));
    }
    store::projects::update(&mut *transaction, &after).await.map_err(unavailable)?;
    let entry = entry(doer, &after, "project.updated", details.into());
    store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
    commit(transaction).await?;
    tracing::info!(project.id = %id, "Changed project {id}");
    Ok((after, domains))
}

fn entry(doer: Doer, project: &Project, action: &'static str, details: Value) -> NewAuditEntry {
    NewAuditEntry {
        account: project.account,
        project: Some(project.id),
        doer,
        action,
        subject: project.id.as_uuid(),
        subject_label: project.name.clone(),
        details,
    }
}
