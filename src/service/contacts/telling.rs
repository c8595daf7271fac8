//! What webhooks are told of contacts.

use serde_json::json;
use sqlx::PgConnection;

use crate::domain::contact::Contact;
use crate::domain::id::ProjectId;
use crate::domain::webhook::event_type::EventType;
use crate::error::Result;
use crate::service::unavailable;
use crate::store;
use crate::store::contacts::Deleted;

/// What is told of a contact, in the shape of the upstream API.
pub(super) fn told(kind: EventType, contact: &Contact, changed: &[&str]) -> (EventType, String) {
    let mut data = json!({
        "contactId": contact.id.to_string(), "email": contact.email, "name": contact.name(),
    });
    if !changed.is_empty() {
        data["changedFields"] = json!(changed);
    }
    (kind, data.to_string())
}

/// Tells webhooks of contacts that were deleted.
pub(super) async fn tell_deleted(
    transaction: &mut PgConnection,
    project: ProjectId,
    gone: &[Deleted],
) -> Result<()> {
    let told = gone.iter().map(|contact| {
        let names = [contact.first_name.as_deref(), contact.last_name.as_deref()];
        let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let id = contact.id.to_string();
        let data = json!({"contactId": id, "email": contact.email, "name": name});
        (EventType::ContactDeleted, data.to_string())
    });
    tell(transaction, project, told.collect()).await
}

/// Tells webhooks, whichever ask for it, in the transaction of what they are told of.
pub(super) async fn tell(
    transaction: &mut PgConnection,
    project: ProjectId,
    told: Vec<(EventType, String)>,
) -> Result<()> {
    if told.is_empty() {
        return Ok(());
    }
    store::webhook_deliveries::insert_for_all(transaction, project, &told)
        .await
        .map_err(unavailable)
}
