//! Who gets no mail of a project, and the kinds of mail that recipients can want or not want.

use serde_json::{Value, json};
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::{commit, in_time, unavailable};
use crate::domain::address::EmailAddress;
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::Caller;
use crate::domain::id::{MailId, ProjectId};
use crate::domain::mail_details::MailDetails;
use crate::domain::suppression::{Group, GroupCode, GroupName, Reason, Suppression};
use crate::error::{Error, Result};
use crate::store;
use crate::store::suppression_groups::Update;
use crate::store::suppressions::Stretch;

pub use crate::store::suppressions::Filter as SuppressionFilter;

/// The most groups of one project.
const MOST_GROUPS: i64 = 200;

/// How often a short name is drawn that turns out to be taken.
const TRIES: usize = 8;

/// What is asked for when a group is made.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// What recipients read.
    pub name: GroupName,
    /// What recipients read below it.
    pub description: Option<String>,
    /// Whether mail may be sent in it.
    pub active: bool,
}

/// What is to be different about a group; nothing for what stays.
#[derive(Clone, Debug, Default)]
pub struct GroupChange {
    /// What recipients read.
    pub name: Option<GroupName>,
    /// What recipients read below it.
    pub description: Option<String>,
    /// Whether mail may be sent in it.
    pub active: Option<bool>,
}

/// A page of entries.
#[derive(Debug)]
pub struct SuppressionPage {
    /// Newest first.
    pub entries: Vec<Suppression>,
    /// How many there are in all.
    pub total: i64,
}

/// The suppressions of every project.
#[derive(Clone)]
pub struct Suppressions {
    db: PgPool,
}

impl Suppressions {
    /// Suppressions kept in `db`.
    pub fn new(db: PgPool) -> Self {
        Self { db }
    }

    /// Makes a group.
    pub async fn add_group(
        &self,
        caller: &Caller,
        project: ProjectId,
        new: NewGroup,
    ) -> Result<Group> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let groups = store::suppression_groups::count(&mut *transaction, project).await;
        if groups.map_err(unavailable)? >= MOST_GROUPS {
            return Err(Error::Impossible {
                code: "TOO_MANY_GROUPS",
                message: format!("A project has at most {MOST_GROUPS} groups. Delete one first."),
            });
        }
        let (name, description) = (new.name.as_str(), new.description.as_deref());
        let mut made = None;
        for _ in 0..TRIES {
            made = store::suppression_groups::insert(
                &mut *transaction,
                project,
                &GroupCode::generate(),
                name,
                description,
                new.active,
            )
            .await
            .map_err(unavailable)?;
            if made.is_some() {
                break;
            }
        }
        let group = made.ok_or_else(|| {
            Error::Unavailable(anyhow::anyhow!("every short name that was drawn is taken"))
        })?;
        let details = json!({"groupId": group.code, "name": name});
        let subject = (group.id.as_uuid(), name);
        let entry = entry(caller, project, "suppression_group.created", subject, details);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(suppression_group.id = %group.id, "Made a suppression group");
        Ok(group)
    }

    /// The groups of a project, oldest first, without the one that all mail belongs to.
    pub async fn groups(&self, project: ProjectId) -> Result<Vec<Group>> {
        store::suppression_groups::list(&self.db, project, MOST_GROUPS).await.map_err(unavailable)
    }

    /// How many addresses get no mail of a project at all.
    pub async fn count_global(&self, project: ProjectId) -> Result<i64> {
        let filter =
            SuppressionFilter { group: Some(GroupCode::global()), ..SuppressionFilter::default() };
        store::suppressions::count(&self.db, project, &filter).await.map_err(unavailable)
    }

    /// One group of a project.
    pub async fn group(&self, project: ProjectId, code: &GroupCode) -> Result<Group> {
        let found = store::suppression_groups::find(&self.db, project, code).await;
        found.map_err(unavailable)?.ok_or(Error::NotFound("suppression group"))
    }

    /// Changes a group.
    pub async fn update_group(
        &self,
        caller: &Caller,
        project: ProjectId,
        code: &GroupCode,
        change: GroupChange,
    ) -> Result<Group> {
        let update = Update {
            name: change.name.as_ref().map(GroupName::as_str),
            description: change.description.as_deref(),
            active: change.active,
        };
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        store::suppression_groups::update(&mut *transaction, project, code, &update)
            .await
            .map_err(unavailable)?
            .ok_or(Error::NotFound("suppression group"))?;
        let group = store::suppression_groups::find(&mut *transaction, project, code)
            .await
            .map_err(unavailable)?
            .ok_or(Error::NotFound("suppression group"))?;
        let details = json!({"groupId": code, "name": group.name, "isActive": group.active});
        let subject = (group.id.as_uuid(), group.name.as_str());
        let entry = entry(caller, project, "suppression_group.updated", subject, details);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        Ok(group)
    }

    /// Deletes a group: no mail is sent in it any more. Who wanted none of it is remembered for mails that are on their
    /// way.
    pub async fn delete_group(
        &self,
        caller: &Caller,
        project: ProjectId,
        code: &GroupCode,
    ) -> Result<()> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let (id, name) = store::suppression_groups::delete(&mut *transaction, project, code)
            .await
            .map_err(unavailable)?
            .ok_or(Error::NotFound("suppression group"))?;
        let details = json!({"groupId": code});
        let subject = (id.as_uuid(), name.as_str());
        let entry = entry(caller, project, "suppression_group.deleted", subject, details);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(suppression_group.id = %id, "Deleted a suppression group");
        Ok(())
    }

    /// Entries of a project, newest first.
    pub async fn search(
        &self,
        project: ProjectId,
        filter: &SuppressionFilter,
        page: u32,
        limit: u16,
    ) -> Result<SuppressionPage> {
        let skipped = i64::from(page.saturating_sub(1)) * i64::from(limit);
        let stretch = Stretch { skipped, limit: limit.into() };
        let total = in_time(store::suppressions::count(&self.db, project, filter))
            .await
            .map_err(unavailable)?;
        let entries = in_time(store::suppressions::list(&self.db, project, filter, stretch))
            .await
            .map_err(unavailable)?;
        Ok(SuppressionPage { entries, total })
    }

    /// The last `limit` of what is looked for, newest first, and how many there are in all: the page in front of
    /// [`SuppressionFilter::newer_than`].
    pub async fn last_of(
        &self,
        project: ProjectId,
        filter: &SuppressionFilter,
        limit: u16,
    ) -> Result<SuppressionPage> {
        // One look at both: an entry that joins in between would push another over the edge of the page.
        let mut snapshot = self
            .db
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(unavailable)?;
        let total = in_time(store::suppressions::count(&mut *snapshot, project, filter))
            .await
            .map_err(unavailable)?;
        let limit = i64::from(limit);
        let stretch = Stretch { skipped: (total - limit).max(0), limit };
        let entries = in_time(store::suppressions::list(&mut *snapshot, project, filter, stretch))
            .await
            .map_err(unavailable)?;
        snapshot.rollback().await.map_err(unavailable)?;
        Ok(SuppressionPage { entries, total })
    }

    /// What keeps these addresses from all mail of a project, and the mail that it came of, if it was one.
    pub async fn of_addresses(
        &self,
        project: ProjectId,
        addresses: &[EmailAddress],
    ) -> Result<Vec<(Suppression, Option<MailId>)>> {
        let mut folded: Vec<String> = addresses.iter().map(EmailAddress::folded).collect();
        folded.sort_unstable();
        folded.dedup();
        let found = store::suppressions::of_addresses(&self.db, project, &folded);
        in_time(found).await.map_err(unavailable)
    }

    /// Suppresses addresses at somebody's word; how many were not yet.
    pub async fn add(
        &self,
        caller: &Caller,
        project: ProjectId,
        group: &GroupCode,
        addresses: &[EmailAddress],
        reason: Reason,
    ) -> Result<i64> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        if !group.is_global() {
            store::suppression_groups::is_active(&mut *transaction, project, group)
                .await
                .map_err(unavailable)?
                .ok_or(Error::NotFound("suppression group"))?;
        }
        let folded: Vec<String> = addresses.iter().map(EmailAddress::folded).collect();
        let added =
            store::suppressions::add(&mut *transaction, project, group, &folded, reason, None)
                .await
                .map_err(unavailable)?;
        // Not whom: the log outlives the people who are to be forgotten.
        let details = json!({"groupId": group, "addresses": added, "reason": reason.as_str()});
        let subject = (project.as_uuid(), group.as_str());
        let entry = entry(caller, project, "suppression.added", subject, details);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        Ok(added)
    }

    /// Lets addresses have mail again: of one group, or, without one, of all; how many entries were taken away.
    pub async fn remove(
        &self,
        caller: &Caller,
        project: ProjectId,
        group: Option<&GroupCode>,
        addresses: &[EmailAddress],
    ) -> Result<u64> {
        let folded: Vec<String> = addresses.iter().map(EmailAddress::folded).collect();
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let removed = store::suppressions::remove(&mut *transaction, project, group, &folded)
            .await
            .map_err(unavailable)?;
        let details = json!({"groupId": group, "entries": removed});
        let subject = (project.as_uuid(), group.map_or("all groups", GroupCode::as_str));
        let entry = entry(caller, project, "suppression.removed", subject, details);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        Ok(removed)
    }
}

/// Suppresses an address for all mail of a project, in a transaction of the caller's; whether it was not yet. `mail` is
/// what it came of.
pub async fn suppress(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    address: &EmailAddress,
    reason: Reason,
    mail: Option<MailId>,
) -> Result<bool> {
    let (group, folded) = (GroupCode::global(), [address.folded()]);
    let added = store::suppressions::add(db, project, &group, &folded, reason, mail).await;
    added.map(|added| added > 0).map_err(unavailable)
}

/// Lets mail pass that belongs to no group, or to one that mail may be sent in.
pub(super) async fn permit_group(
    db: &PgPool,
    project: ProjectId,
    details: &MailDetails,
) -> Result<()> {
    let Some(code) = &details.unsubscribe_group_id else { return Ok(()) };
    let code: GroupCode = code.parse().map_err(|_| Error::NotFound("suppression group"))?;
    if code.is_global() {
        return Ok(());
    }
    let active = in_time(store::suppression_groups::is_active(db, project, &code));
    match active.await.map_err(unavailable)? {
        None => Err(Error::NotFound("suppression group")),
        Some(true) => Ok(()),
        Some(false) => Err(Error::Impossible {
            code: "GROUP_INACTIVE",
            message:
                "This suppression group is switched off. Set `isActive` before you send mail in it."
                    .into(),
        }),
    }
}

fn entry(
    caller: &Caller,
    project: ProjectId,
    action: &'static str,
    (subject, label): (Uuid, &str),
    details: Value,
) -> NewAuditEntry {
    NewAuditEntry {
        account: caller.account,
        project: Some(project),
        doer: Doer::of(caller),
        action,
        subject,
        subject_label: label.to_owned(),
        details,
    }
}
