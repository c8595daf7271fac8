//! `/v1/contact-properties`: what a project may note of its contacts, in the shapes of the upstream API; and
//! `/v1/custom-fields`, which is what the same was called before.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::domains::DeletedBody;
use crate::domain::contact_property::{BUILT_IN, ContactProperty, NewContactProperty, RESERVED};
use crate::domain::custom_fields::{FieldType, check_name};
use crate::domain::id::ProjectId;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadContacts, WriteContacts};
use crate::http::extract::{Authorized, Json, Path, Query};
use crate::http::wire::{Success, timestamp};
use crate::service::contacts::Contacts;

/// The resource under both of its names.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_contact_properties, create_contact_property))
        .routes(routes!(get_contact_property, delete_contact_property))
        .routes(routes!(list_custom_fields, create_custom_field))
        .routes(routes!(get_custom_field, delete_custom_field))
}

/// A property to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateContactPropertyRequest {
    /// 1 to 64 letters, digits, `_` and `-`, a letter first, and not one that every contact has. Also taken as
    /// `fieldName`.
    #[schema(value_type = String)]
    name: Option<String>,
    /// `string`, `number`, `boolean` or `date`. Also taken as `fieldType`.
    #[schema(value_type = String)]
    r#type: Option<String>,
    /// The older name of `name`.
    field_name: Option<String>,
    /// The older name of `type`.
    field_type: Option<String>,
    /// What it is for: at most 500 characters.
    description: Option<String>,
    /// Stands for the field where a contact has none: at most 1000 characters.
    default_value: Option<String>,
}

impl TryFrom<CreateContactPropertyRequest> for NewContactProperty {
    type Error = Error;

    fn try_from(request: CreateContactPropertyRequest) -> Result<Self> {
        let mut violations = Violations::default();
        let is_old = request.name.is_none() && request.field_name.is_some();
        let (name_field, type_field) =
            if is_old { ("fieldName", "fieldType") } else { ("name", "type") };
        let name = request.name.or(request.field_name).unwrap_or_default().trim().to_owned();
        violations.check(name_field, check_name(&name));
        if RESERVED.contains(&name.as_str()) {
            violations.add(name_field, "is reserved: every contact has it, or templates use it");
        }
        let kind = request.r#type.or(request.field_type).unwrap_or_default();
        let kind = violations.check(type_field, kind.parse::<FieldType>());
        let written = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let description = written(request.description)
            .and_then(|text| violations.check("description", text.parse()));
        let default_value = written(request.default_value)
            .and_then(|text| violations.check("defaultValue", text.parse()));
        match kind {
            Some(kind) if violations.is_empty() => {
                Ok(Self { name, kind, description, default_value })
            }
            _ => Err(Error::Invalid(violations)),
        }
    }
}

/// A property.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ContactProperty)]
pub struct ContactPropertyBody {
    /// Names the property; for one that every contact has, this is its name.
    id: String,
    /// Missing under `/v1/custom-fields`.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// `string`, `number`, `boolean` or `date`; missing under `/v1/custom-fields`.
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    /// The same as `name`.
    field_name: String,
    /// The same as `type`.
    field_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_value: Option<String>,
    /// Whether every contact has it by itself.
    is_reserved: bool,
    project_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
}

impl ContactPropertyBody {
    fn new(property: ContactProperty, project: ProjectId) -> Self {
        Self {
            id: property.id.to_string(),
            name: Some(property.name.clone()),
            r#type: Some(property.kind.as_str()),
            field_name: property.name,
            field_type: property.kind.as_str(),
            description: property.description,
            default_value: property.default_value,
            is_reserved: false,
            project_id: project.to_string(),
            created_at: Some(timestamp(property.created_at)),
            updated_at: Some(timestamp(property.created_at)),
        }
    }

    fn built_in(name: &str, kind: FieldType, project: ProjectId) -> Self {
        Self {
            id: name.to_owned(),
            name: Some(name.to_owned()),
            r#type: Some(kind.as_str()),
            field_name: name.to_owned(),
            field_type: kind.as_str(),
            description: None,
            default_value: None,
            is_reserved: true,
            project_id: project.to_string(),
            created_at: None,
            updated_at: None,
        }
    }

    /// In the older shape.
    fn into_custom_field(self) -> Self {
        Self { name: None, r#type: None, ..self }
    }
}

/// The properties of a project.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactPropertiesBody {
    /// Those that every contact has first, then by their names.
    contact_properties: Vec<ContactPropertyBody>,
}

/// The same under their older name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomFieldsBody {
    /// Those that every contact has first, then by their names.
    custom_fields: Vec<ContactPropertyBody>,
}

/// What a list of properties is narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListContactPropertiesQuery {
    /// Whether those that every contact has are listed too.
    #[param(default = true)]
    include_reserved_fields: Option<bool>,
}

async fn listed(
    contacts: &Contacts,
    project: ProjectId,
    query: &ListContactPropertiesQuery,
) -> Result<Vec<ContactPropertyBody>> {
    let built_in = if query.include_reserved_fields == Some(false) { &[][..] } else { &BUILT_IN };
    let built_in =
        built_in.iter().map(|(name, kind)| ContactPropertyBody::built_in(name, *kind, project));
    let own = contacts.properties(project).await?;
    Ok(built_in.chain(own.into_iter().map(|one| ContactPropertyBody::new(one, project))).collect())
}

/// Makes a property: contacts may have a field of this name, which must be of this type.
#[utoipa::path(
    post, path = "/v1/contact-properties", tag = "contacts", operation_id = "createContactProperty",
    request_body = CreateContactPropertyRequest,
    responses((status = 200, body = Success<ContactPropertyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn create_contact_property(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Json { value, .. }: Json<CreateContactPropertyRequest>,
) -> Result<Json<Success<ContactPropertyBody>>> {
    let (project, taken) = (caller.project, "CONTACT_PROPERTY_ALREADY_EXISTS");
    let made = contacts.create_property(&caller, project, value.try_into()?, taken).await?;
    let body = Success::of(ContactPropertyBody::new(made, project));
    Ok(Json::new(body.saying("Contact property created successfully")))
}

/// Lists the properties.
#[utoipa::path(
    get, path = "/v1/contact-properties", tag = "contacts", operation_id = "listContactProperties",
    params(ListContactPropertiesQuery),
    responses((status = 200, body = Success<ContactPropertiesBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_contact_properties(
    caller: Authorized<ReadContacts>,
    State(contacts): State<Contacts>,
    Query(query): Query<ListContactPropertiesQuery>,
) -> Result<Json<Success<ContactPropertiesBody>>> {
    let contact_properties = listed(&contacts, caller.project, &query).await?;
    let body = Success::of(ContactPropertiesBody { contact_properties });
    Ok(Json::new(body.saying("Contact properties retrieved successfully")))
}

/// Shows one property.
#[utoipa::path(
    get, path = "/v1/contact-properties/name/{propertyName}", tag = "contacts", operation_id = "getContactProperty",
    params(("propertyName" = String, Path, description = "The property's name")),
    responses((status = 200, body = Success<ContactPropertyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_contact_property(
    caller: Authorized<ReadContacts>,
    State(contacts): State<Contacts>,
    Path(name): Path<String>,
) -> Result<Json<Success<ContactPropertyBody>>> {
    let body = found(&contacts, caller.project, &name).await?;
    let body = body.ok_or(Error::NotFound("contact property"))?;
    Ok(Json::new(Success::of(body).saying("Contact property retrieved successfully")))
}

/// Deletes a property. What contacts have under its name stays, and may be of any type from now on.
#[utoipa::path(
    delete, path = "/v1/contact-properties/name/{propertyName}", tag = "contacts",
    operation_id = "deleteContactProperty",
    params(("propertyName" = String, Path, description = "The property's name")),
    responses((status = 200, body = DeletedBody), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn delete_contact_property(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Path(name): Path<String>,
) -> Result<Json<DeletedBody>> {
    if is_possible(&name) && contacts.delete_property(&caller, caller.project, &name).await? {
        return Ok(Json::new(DeletedBody::new("Contact property deleted successfully")));
    }
    Err(Error::NotFound("contact property"))
}

/// Makes a property, under its older name.
#[utoipa::path(
    post, path = "/v1/custom-fields", tag = "contacts", operation_id = "createCustomField",
    request_body = CreateContactPropertyRequest,
    responses((status = 200, body = Success<ContactPropertyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn create_custom_field(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Json { value, .. }: Json<CreateContactPropertyRequest>,
) -> Result<Json<Success<ContactPropertyBody>>> {
    let (project, taken) = (caller.project, "CUSTOM_FIELD_ALREADY_EXISTS");
    let made = contacts.create_property(&caller, project, value.try_into()?, taken).await?;
    let body = Success::of(ContactPropertyBody::new(made, project).into_custom_field());
    Ok(Json::new(body.saying("Custom field created successfully")))
}

/// Lists the properties, under their older name.
#[utoipa::path(
    get, path = "/v1/custom-fields", tag = "contacts", operation_id = "listCustomFields",
    params(ListContactPropertiesQuery),
    responses((status = 200, body = Success<CustomFieldsBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_custom_fields(
    caller: Authorized<ReadContacts>,
    State(contacts): State<Contacts>,
    Query(query): Query<ListContactPropertiesQuery>,
) -> Result<Json<Success<CustomFieldsBody>>> {
    let listed = listed(&contacts, caller.project, &query).await?;
    let custom_fields = listed.into_iter().map(ContactPropertyBody::into_custom_field).collect();
    let body = Success::of(CustomFieldsBody { custom_fields });
    Ok(Json::new(body.saying("Custom fields retrieved successfully")))
}

/// Shows one property, under its older name.
#[utoipa::path(
    get, path = "/v1/custom-fields/fieldName/{customFieldName}", tag = "contacts", operation_id = "getCustomField",
    params(("customFieldName" = String, Path, description = "The property's name")),
    responses((status = 200, body = Success<ContactPropertyBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_custom_field(
    caller: Authorized<ReadContacts>,
    State(contacts): State<Contacts>,
    Path(name): Path<String>,
) -> Result<Json<Success<ContactPropertyBody>>> {
    let body = found(&contacts, caller.project, &name).await?;
    let body = body.ok_or(Error::NotFound("custom field"))?.into_custom_field();
    Ok(Json::new(Success::of(body).saying("Custom field retrieved successfully")))
}

/// Deletes a property, under its older name.
#[utoipa::path(
    delete, path = "/v1/custom-fields/fieldName/{customFieldName}", tag = "contacts",
    operation_id = "deleteCustomField",
    params(("customFieldName" = String, Path, description = "The property's name")),
    responses((status = 200, body = DeletedBody), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn delete_custom_field(
    caller: Authorized<WriteContacts>,
    State(contacts): State<Contacts>,
    Path(name): Path<String>,
) -> Result<Json<DeletedBody>> {
    if is_possible(&name) && contacts.delete_property(&caller, caller.project, &name).await? {
        return Ok(Json::new(DeletedBody::new("Custom field deleted successfully")));
    }
    Err(Error::NotFound("custom field"))
}

async fn found(
    contacts: &Contacts,
    project: ProjectId,
    name: &str,
) -> Result<Option<ContactPropertyBody>> {
    if let Some((name, kind)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        return Ok(Some(ContactPropertyBody::built_in(name, *kind, project)));
    }
    if !is_possible(name) {
        return Ok(None);
    }
    let property = contacts.property(project, name).await?;
    Ok(property.map(|property| ContactPropertyBody::new(property, project)))
}

/// What cannot be the name of a property is none.
fn is_possible(name: &str) -> bool {
    check_name(name).is_ok()
}
