//! `/v1/contact-lists`: lists of contacts, in the shapes of the upstream API.

mod request;
mod response;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::request::{
    AddContactsRequest, CreateContactListRequest, RemoveContactsRequest, SearchListRequest,
};
use self::response::{
    AddedContactsBody, ContactListBody, ContactListsBody, DeletedContactListBody,
    FoundContactsBody, RemovedFromListBody,
};
use super::Api;
use crate::domain::contact_list::ListChoice;
use crate::domain::id::ContactListId;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadContacts, WriteContacts};
use crate::http::extract::{Authorized, Json, Path, Query};
use crate::http::wire::Success;
use crate::service::contacts::Contacts;

/// The resource.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_contact_lists, create_contact_list))
        .routes(routes!(add_contacts_to_list))
        .routes(routes!(search_contacts_of_list))
        .routes(routes!(get_contact_list, delete_contact_list))
        .routes(routes!(remove_contacts_from_list))
}

/// What lists are narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListContactListsQuery {
    /// `list`; there are no segments here.
    r#type: Option<String>,
}

/// Makes a list.
#[utoipa::path(
    post, path = "/v1/contact-lists", tag = "contacts", operation_id = "createContactList",
    request_body = CreateContactListRequest,
    responses((status = 200, body = Success<ContactListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn create_contact_list(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Json { value, .. }: Json<CreateContactListRequest>,
) -> Result<Json<Success<ContactListBody>>> {
    let list = contacts.create_list(&caller, caller.project, value.try_into()?).await?;
    Ok(Json::new(Success::of(list.into())))
}

/// Lists the lists: that of all contacts first, then the newest.
#[utoipa::path(
    get, path = "/v1/contact-lists", tag = "contacts", operation_id = "listContactLists", params(ListContactListsQuery),
    responses((status = 200, body = Success<ContactListsBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_contact_lists(
    caller: Authorized<ReadContacts>,
    State(contacts): State<Contacts>,
    Query(query): Query<ListContactListsQuery>,
) -> Result<Json<Success<ContactListsBody>>> {
    if query.r#type.is_some_and(|kind| kind != "list") {
        return Ok(Json::new(Success::of(ContactListsBody::default())));
    }
    let (all, lists) = contacts.lists(caller.project).await?;
    Ok(Json::new(Success::of(ContactListsBody::new(all, lists))))
}

/// Shows one list; `GLOBAL_CONTACT_LIST` is that of all contacts.
#[utoipa::path(
    get, path = "/v1/contact-lists/{contactListId}", tag = "contacts", operation_id = "getContactList",
    params(("contactListId" = String, Path, description = "The list's id")),
    responses((status = 200, body = Success<ContactListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_contact_list(
    caller: Authorized<ReadContacts>,
    State(contacts): State<Contacts>,
    Path(id): Path<String>,
) -> Result<Json<Success<ContactListBody>>> {
    let body = match list_choice(&id)? {
        ListChoice::Global => ContactListBody::global(contacts.count(caller.project).await?),
        ListChoice::List(id) => contacts.list(caller.project, id).await?.into(),
    };
    Ok(Json::new(Success::of(body)))
}

/// Deletes a list. Its contacts stay contacts.
#[utoipa::path(
    delete, path = "/v1/contact-lists/{contactListId}", tag = "contacts", operation_id = "deleteContactList",
    params(("contactListId" = String, Path, description = "The list's id")),
    responses((status = 200, body = Success<DeletedContactListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn delete_contact_list(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Path(id): Path<String>,
) -> Result<Json<Success<DeletedContactListBody>>> {
    let list = contacts.delete_list(&caller, caller.project, own_list(&id)?).await?;
    let body = Success::of(DeletedContactListBody::new(list));
    Ok(Json::new(body.saying("Contact list deleted successfully")))
}

/// Puts up to 500 contacts on a list; addresses of nobody make contacts.
#[utoipa::path(
    post, path = "/v1/contact-lists/contacts/bulk-add", tag = "contacts", operation_id = "addContactsToList",
    request_body = AddContactsRequest,
    responses((status = 200, body = Success<AddedContactsBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn add_contacts_to_list(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Json { value, .. }: Json<AddContactsRequest>,
) -> Result<Json<Success<AddedContactsBody>>> {
    let (list, named, invalid) = value.check()?;
    let added = contacts.add_to_list(caller.project, list, named).await?;
    Ok(Json::new(Success::of(AddedContactsBody::new(added, invalid))))
}

/// Finds contacts on a list, newest first, by a part of their addresses.
#[utoipa::path(
    post, path = "/v1/contact-lists/contacts/search", tag = "contacts", operation_id = "searchContactsOfList",
    request_body = SearchListRequest,
    responses((status = 200, body = Success<FoundContactsBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn search_contacts_of_list(
    caller: Authorized<ReadContacts>,
    State(contacts): State<Contacts>,
    Json { value, .. }: Json<SearchListRequest>,
) -> Result<Json<Success<FoundContactsBody>>> {
    let (list, text, page) = value.check()?;
    let (found, total) =
        contacts.search_list(caller.project, list, &text, (page.limit, page.offset())).await?;
    Ok(Json::new(Success::of(FoundContactsBody::new(found, total, page))))
}

/// Takes contacts off a list. They stay contacts.
#[utoipa::path(
    post, path = "/v1/contact-lists/{contactListId}/contacts/remove", tag = "contacts",
    operation_id = "removeContactsFromList", request_body = RemoveContactsRequest,
    params(("contactListId" = String, Path, description = "The list's id")),
    responses((status = 200, body = Success<RemovedFromListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn remove_contacts_from_list(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Path(id): Path<String>,
    Json { value, .. }: Json<RemoveContactsRequest>,
) -> Result<Json<Success<RemovedFromListBody>>> {
    let list = own_list(&id)?;
    let (emails, ids) = value.check()?;
    let removed = contacts.remove_from_list(caller.project, list, &emails, &ids).await?;
    Ok(Json::new(Success::of(removed.into())))
}

/// What is no id names no list.
fn list_choice(text: &str) -> Result<ListChoice> {
    text.parse().map_err(|_| Error::NotFound("contact list"))
}

/// A list that can be changed, which that of all contacts cannot.
fn own_list(text: &str) -> Result<ContactListId> {
    match list_choice(text)? {
        ListChoice::List(id) => Ok(id),
        ListChoice::Global => Err(Error::Impossible {
            code: "CANNOT_CHANGE_GLOBAL_CONTACT_LIST",
            message: "Every contact is on this list, which stays: delete contacts instead.".into(),
        }),
    }
}
