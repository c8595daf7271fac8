//! `/v1/contacts`: whom a project knows, in the shapes of the upstream API.

mod fields;
pub mod request;
pub mod response;

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::request::{
    BulkUpdateRequest, ContactRequest, CustomFieldsRequest, DuplicateContactRequest, EmailsRequest,
};
use self::response::{
    BulkUpdatedBody, ContactBody, ContactsBody, RemovedContactsBody, UnsubscribeGroupsBody,
};
use super::Api;
use super::domains::DeletedBody;
use crate::domain::id::ContactId;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadContacts, WriteContacts};
use crate::http::extract::{Authorized, Json, Path};
use crate::http::wire::Success;
use crate::service::contacts::Contacts;

/// The resource.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create_contact))
        .routes(routes!(upsert_contact))
        .routes(routes!(duplicate_contact))
        .routes(routes!(bulk_update_contacts))
        .routes(routes!(remove_contacts))
        .routes(routes!(search_contacts_by_emails))
        .routes(routes!(update_contact_custom_fields))
        .routes(routes!(delete_contact_by_user_id))
        .routes(routes!(get_contact, delete_contact))
        .routes(routes!(get_contact_unsubscribe_groups))
}

/// Makes a contact, or changes the one of this address.
#[utoipa::path(
    post, path = "/v1/contacts", tag = "contacts", operation_id = "createContact", request_body = ContactRequest,
    responses((status = 200, body = Success<ContactBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn create_contact(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Json { value, .. }: Json<ContactRequest>,
) -> Result<Json<Success<ContactBody>>> {
    let contact = contacts.upsert(caller.project, value.try_into()?).await?;
    Ok(Json::new(Success::of(contact.into())))
}

/// Makes a contact, or changes the one of this address.
#[utoipa::path(
    post, path = "/v1/contacts/email", tag = "contacts", operation_id = "upsertContact", request_body = ContactRequest,
    responses((status = 200, body = Success<ContactBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn upsert_contact(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Json { value, .. }: Json<ContactRequest>,
) -> Result<Json<Success<ContactBody>>> {
    let contact = contacts.upsert(caller.project, value.try_into()?).await?;
    Ok(Json::new(Success::of(contact.into())))
}

/// Makes a contact of a new address that is like another one, lists and custom fields included.
#[utoipa::path(
    post, path = "/v1/contacts/email/duplicate", tag = "contacts", operation_id = "duplicateContact",
    request_body = DuplicateContactRequest,
    responses((status = 200, body = Success<ContactBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn duplicate_contact(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Json { value, .. }: Json<DuplicateContactRequest>,
) -> Result<Json<Success<ContactBody>>> {
    let (of, to) = value.check()?;
    let contact = contacts.duplicate(caller.project, &of, &to).await?;
    Ok(Json::new(Success::of(contact.into())))
}

/// Makes or changes up to a hundred contacts. Each that is at fault is refused by itself, and the others are taken.
#[utoipa::path(
    post, path = "/v1/contacts/bulk-update", tag = "contacts", operation_id = "bulkUpdateContacts",
    request_body = BulkUpdateRequest,
    responses((status = 200, body = Success<BulkUpdatedBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn bulk_update_contacts(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Json { value, .. }: Json<BulkUpdateRequest>,
) -> Result<Json<Success<BulkUpdatedBody>>> {
    let requests = value.contacts.unwrap_or_default().0;
    if requests.is_empty() {
        let problem = "must have 1 to 100 contacts";
        return Err(Error::Invalid(Violations::one("contacts", problem)));
    }
    let mut drafts = Vec::new();
    let mut checked = Vec::new();
    for request in requests {
        let email = request.email().to_owned();
        let draft = request.check().map(|draft| drafts.push(draft));
        checked.push((email, draft));
    }
    let mut stored = contacts.upsert_all(caller.project, drafts).await?.into_iter();
    let outcomes = checked.into_iter().map(|(email, check)| {
        let outcome = check.and_then(|()| stored.next().map_or(Ok(()), |one| one.map(drop)));
        (email, outcome)
    });
    Ok(Json::new(Success::of(BulkUpdatedBody::new(outcomes.collect()))))
}

/// Removes the contacts that have one of these addresses.
#[utoipa::path(
    post, path = "/v1/contacts/remove", tag = "contacts", operation_id = "removeContacts", request_body = EmailsRequest,
    responses((status = 200, body = Success<RemovedContactsBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn remove_contacts(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Json { value, .. }: Json<EmailsRequest>,
) -> Result<Json<Success<RemovedContactsBody>>> {
    let removed = contacts.delete_by_emails(caller.project, &value.check()?).await?;
    Ok(Json::new(
        Success::of(RemovedContactsBody { removed }).saying("Contacts removed successfully"),
    ))
}

/// Finds the contacts that have one of these addresses.
#[utoipa::path(
    post, path = "/v1/contacts/search/emails", tag = "contacts", operation_id = "searchContactsByEmails",
    request_body = EmailsRequest,
    responses((status = 200, body = Success<ContactsBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn search_contacts_by_emails(
    caller: Authorized<ReadContacts>,
    State(contacts): State<Contacts>,
    Json { value, .. }: Json<EmailsRequest>,
) -> Result<Json<Success<ContactsBody>>> {
    let found = contacts.find_by_emails(caller.project, &value.check()?).await?;
    Ok(Json::new(Success::of(ContactsBody::new(found))))
}

/// Changes the custom fields of a contact: those that are named; others stay.
#[utoipa::path(
    patch, path = "/v1/contacts/email/{email}/custom-fields", tag = "contacts",
    operation_id = "updateContactCustomFields", request_body = CustomFieldsRequest,
    params(("email" = String, Path, description = "The contact's address")),
    responses((status = 200, body = Success<ContactBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn update_contact_custom_fields(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Path(email): Path<String>,
    Json { value, .. }: Json<CustomFieldsRequest>,
) -> Result<Json<Success<ContactBody>>> {
    let contact = contacts.update_existing(caller.project, value.check(&email)?).await?;
    Ok(Json::new(Success::of(contact.into())))
}

/// Removes the contacts that you call by this name of your own.
#[utoipa::path(
    delete, path = "/v1/contacts/email/userId/{userId}", tag = "contacts", operation_id = "deleteContactByUserId",
    params(("userId" = String, Path, description = "Your own name for the person")),
    responses((status = 200, body = DeletedBody), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn delete_contact_by_user_id(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Path(user_id): Path<String>,
) -> Result<Json<DeletedBody>> {
    contacts.delete_by_user_id(caller.project, &user_id).await?;
    Ok(Json::new(DeletedBody::new(DELETED)))
}

/// Shows one contact.
#[utoipa::path(
    get, path = "/v1/contacts/{id}", tag = "contacts", operation_id = "getContact",
    params(("id" = String, Path, description = "The contact's id")),
    responses((status = 200, body = Success<ContactBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_contact(
    caller: Authorized<ReadContacts>,
    State(contacts): State<Contacts>,
    Path(id): Path<String>,
) -> Result<Json<Success<ContactBody>>> {
    let contact = contacts.find(caller.project, contact_id(&id)?).await?;
    Ok(Json::new(Success::of(contact.into())))
}

/// Removes a contact. Mail to the address and its suppression stay: see `POST /v1/recipients/erase`.
#[utoipa::path(
    delete, path = "/v1/contacts/{id}", tag = "contacts", operation_id = "deleteContact",
    params(("id" = String, Path, description = "The contact's id")),
    responses((status = 200, body = DeletedBody), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn delete_contact(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Path(id): Path<String>,
) -> Result<Json<DeletedBody>> {
    contacts.delete(caller.project, contact_id(&id)?).await?;
    Ok(Json::new(DeletedBody::new(DELETED)))
}

/// Lists the groups whose mail a contact has unsubscribed from.
#[utoipa::path(
    get, path = "/v1/contacts/{id}/unsubscribe-groups", tag = "contacts",
    operation_id = "getContactUnsubscribeGroups",
    params(("id" = String, Path, description = "The contact's id")),
    responses((status = 200, body = Success<UnsubscribeGroupsBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_contact_unsubscribe_groups(
    caller: Authorized<ReadContacts>,
    State(contacts): State<Contacts>,
    Path(id): Path<String>,
) -> Result<Json<Success<UnsubscribeGroupsBody>>> {
    let groups = contacts.unsubscribed_groups(caller.project, contact_id(&id)?).await?;
    Ok(Json::new(Success::of(UnsubscribeGroupsBody::new(groups))))
}

/// What every removal of a contact says.
const DELETED: &str = "Contact deleted successfully";

/// What is no id names no contact.
fn contact_id(text: &str) -> Result<ContactId> {
    text.parse().map_err(|_| Error::NotFound("contact"))
}
