//! `/v1/senders`: the addresses that a project writes from.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::domains::DeletedBody;
use crate::domain::address::{DisplayName, EmailAddress};
use crate::domain::id::SenderId;
use crate::domain::sender::{NewSender, Sender};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::authorized::{ReadSenders, WriteSenders};
use crate::http::extract::{Authorized, Json, Path};
use crate::http::wire::Success;
use crate::service::senders::Senders;

/// The longest name of a sender, in characters.
const LONGEST_NAME: usize = 200;

/// The resource.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_senders, add_sender))
        .routes(routes!(get_sender, delete_sender))
}

/// A sender to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddSenderRequest {
    /// The address. Its domain must be a verified one of the project, where domains must be verified.
    #[schema(value_type = String)]
    email: Option<String>,
    /// What readers see: 200 characters at most.
    name: Option<String>,
    /// Where answers go instead.
    reply_to: Option<String>,
}

impl TryFrom<AddSenderRequest> for NewSender {
    type Error = Error;

    fn try_from(request: AddSenderRequest) -> Result<Self> {
        let mut violations = Violations::default();
        let email = request.email.unwrap_or_default();
        let email = violations.check("email", email.trim().parse::<EmailAddress>());
        let written = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let name = written(request.name).and_then(|name| {
            if name.chars().count() > LONGEST_NAME {
                violations.add("name", "must have at most 200 characters");
            }
            violations.check("name", DisplayName::parse(name))
        });
        let reply_to = written(request.reply_to)
            .and_then(|text| violations.check("replyTo", text.trim().parse::<EmailAddress>()));
        match email {
            Some(email) if violations.is_empty() => Ok(Self { email, name, reply_to }),
            _ => Err(Error::Invalid(violations)),
        }
    }
}

/// A sender.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Sender)]
pub struct SenderBody {
    /// Names the sender.
    id: String,
    /// The address.
    email: String,
    /// What readers see; may be empty.
    name: String,
    /// Where answers go instead; may be empty.
    reply_to: String,
}

impl From<Sender> for SenderBody {
    fn from(Sender { id, email, name, reply_to }: Sender) -> Self {
        Self { id: id.to_string(), email, name, reply_to }
    }
}

/// A sender that was just added.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AddedSender)]
pub struct AddedSenderBody {
    /// The sender.
    sender: SenderBody,
    /// Its project.
    project_id: String,
}

/// The senders of a project.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SenderList)]
pub struct SenderListBody {
    /// By their addresses.
    senders: Vec<SenderBody>,
}

/// Adds a sender.
#[utoipa::path(
    post, path = "/v1/senders", tag = "senders", operation_id = "addSender", request_body = AddSenderRequest,
    responses((status = 200, body = Success<AddedSenderBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn add_sender(
    caller: Authorized<WriteSenders>,
    State(senders): State<Senders>,
    Json { value, .. }: Json<AddSenderRequest>,
) -> Result<Json<Success<AddedSenderBody>>> {
    let sender = senders.add(&caller, caller.project, value.try_into()?).await?.into();
    let body = AddedSenderBody { sender, project_id: caller.project.to_string() };
    Ok(Json::new(Success::of(body).saying("Authenticated sender added successfully")))
}

/// Lists the project's senders by their addresses.
#[utoipa::path(
    get, path = "/v1/senders", tag = "senders", operation_id = "listSenders",
    responses((status = 200, body = Success<SenderListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_senders(
    caller: Authorized<ReadSenders>,
    State(senders): State<Senders>,
) -> Result<Json<Success<SenderListBody>>> {
    let found = senders.list(caller.project).await?;
    let senders = found.into_iter().map(SenderBody::from).collect();
    Ok(Json::new(Success::of(SenderListBody { senders })))
}

/// Shows one sender.
#[utoipa::path(
    get, path = "/v1/senders/{id}", tag = "senders", operation_id = "getSender",
    params(("id" = String, Path, description = "The sender's id")),
    responses((status = 200, body = Success<SenderBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn get_sender(
    caller: Authorized<ReadSenders>,
    State(senders): State<Senders>,
    Path(id): Path<String>,
) -> Result<Json<Success<SenderBody>>> {
    let sender = senders.find(caller.project, sender_id(&id)?).await?;
    Ok(Json::new(Success::of(sender.into())))
}

/// Removes a sender.
///
/// 400 `AUTHENTICATED_SENDER_IN_USE` as long as a template writes from it.
#[utoipa::path(
    delete, path = "/v1/senders/{id}", tag = "senders", operation_id = "deleteSender",
    params(("id" = String, Path, description = "The sender's id")),
    responses((status = 200, body = DeletedBody), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn delete_sender(
    caller: Authorized<WriteSenders>,
    State(senders): State<Senders>,
    Path(id): Path<String>,
) -> Result<Json<DeletedBody>> {
    senders.delete(&caller, caller.project, sender_id(&id)?).await?;
    Ok(Json::new(DeletedBody::new("Authenticated sender deleted successfully")))
}

/// What is no id names no sender.
fn sender_id(text: &str) -> Result<SenderId> {
    text.parse().map_err(|_| Error::NotFound("sender"))
}
