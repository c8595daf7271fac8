//! What a project may note of its contacts.

use serde_json::json;

use super::Contacts;
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::Caller;
use crate::domain::contact::ContactText;
use crate::domain::contact_property::{ContactProperty, MOST_PROPERTIES, NewContactProperty};
use crate::domain::id::{ContactPropertyId, ProjectId};
use crate::error::{Error, Result};
use crate::service::{commit, unavailable};
use crate::store;

impl Contacts {
    /// Makes a property. `taken` is the published code for a name that there is.
    pub async fn create_property(
        &self,
        caller: &Caller,
        project: ProjectId,
        new: NewContactProperty,
        taken: &'static str,
    ) -> Result<ContactProperty> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let count = store::contact_properties::count(&mut *transaction, project).await;
        if count.map_err(unavailable)? >= MOST_PROPERTIES {
            return Err(Error::Impossible {
                code: "TOO_MANY_CONTACT_PROPERTIES",
                message: format!(
                    "A project has at most {MOST_PROPERTIES} contact properties. Delete one first."
                ),
            });
        }
        let made = store::contact_properties::insert(
            &mut *transaction,
            project,
            &new.name,
            new.kind,
            new.description.as_ref().map(ContactText::as_str),
            new.default_value.as_ref().map(ContactText::as_str),
        )
        .await
        .map_err(unavailable)?
        .ok_or_else(|| Error::Conflict {
            code: taken,
            message: "There is a contact property of this name.".into(),
        })?;
        let entry = entry(caller, project, "contact_property.created", made.id, &made.name);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        Ok(made)
    }

    /// The properties of a project, by their names.
    pub async fn properties(&self, project: ProjectId) -> Result<Vec<ContactProperty>> {
        store::contact_properties::list(&self.db, project).await.map_err(unavailable)
    }

    /// One property of a project, if there is one of this name.
    pub async fn property(
        &self,
        project: ProjectId,
        name: &str,
    ) -> Result<Option<ContactProperty>> {
        store::contact_properties::find(&self.db, project, name).await.map_err(unavailable)
    }

    /// Deletes a property; `false` if there is none of this name. What contacts have under it stays.
    pub async fn delete_property(
        &self,
        caller: &Caller,
        project: ProjectId,
        name: &str,
    ) -> Result<bool> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let deleted = store::contact_properties::delete(&mut *transaction, project, name).await;
        let Some(id) = deleted.map_err(unavailable)? else { return Ok(false) };
        let entry = entry(caller, project, "contact_property.deleted", id, name);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        Ok(true)
    }
}

fn entry(
    caller: &Caller,
    project: ProjectId,
    action: &'static str,
    id: ContactPropertyId,
    name: &str,
) -> NewAuditEntry {
    NewAuditEntry {
        account: caller.account,
        project: Some(project),
        doer: Doer::of(caller),
        action,
        subject: id.as_uuid(),
        subject_label: name.to_owned(),
        details: json!({}),
    }
}
