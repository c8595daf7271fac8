//! `/api-keys` of Resend's API: the keys of one project.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{patch, post};
use serde::{Deserialize, Serialize};

use super::domains::{ReferenceBody, domain_id};
use super::paging::{List, ListQuery, Page, Place};
use crate::domain::api_key::Spelling;
use crate::domain::domain_name::DomainName;
use crate::domain::id::ApiKeyId;
use crate::domain::key_change::{Change, KeyChange};
use crate::domain::key_record::KeyRecord;
use crate::domain::name::Name;
use crate::domain::permission::Permission;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadKeys, WriteKeys};
use crate::http::extract::{Authorized, Json, Path, Query};
use crate::http::wire::timestamp;
use crate::service::domains::Domains;
use crate::service::keys::{KeyQuery, KeyScope, KeyWish, Keys};

/// How many of the newest keys are looked through for a page that ends in front of one of them.
const LOOKED_AT: u16 = 1000;

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/api-keys", post(create).get(list))
        .route("/api-keys/{id}", patch(rename).delete(revoke))
}

async fn create(
    caller: Authorized<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    State(domains): State<Domains>,
    Json { value, .. }: Json<CreateBody>,
) -> Result<(StatusCode, Json<CreatedBody>)> {
    let mut change = value.change()?;
    if let Some(id) = value.domain_id {
        let domain = domains.find(caller.project, domain_id(&id)?).await?;
        let name = domain.name.parse::<DomainName>();
        let name = name.map_err(|error| Error::Internal(anyhow::anyhow!("{error}")))?;
        change.domains = Change::Set(Some(vec![name]));
    }
    let wish =
        KeyWish { project: Some(caller.project), mode: None, spelling: Spelling::Resend, change };
    let (record, token) = keys.create_for(&caller, wish).await?;
    let body = CreatedBody { id: record.key.id.to_string(), token: token.reveal().to_owned() };
    Ok((StatusCode::CREATED, Json::new(body)))
}

async fn list(
    caller: Authorized<ReadKeys>,
    State(keys): State<Arc<Keys>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<KeyBody>>> {
    let (place, limit) = query.place::<ApiKeyId>()?;
    let Place::After(before) = place else {
        let newest = keys.page(of_project(&caller), &KeyQuery::default(), LOOKED_AT).await?;
        let page = query.page_of(newest, |record| record.key.id.to_string())?;
        return Ok(Json::new(page.of(|record| KeyBody::from(&record))));
    };
    let asked = KeyQuery { before, ..KeyQuery::default() };
    let mut items = keys.page(of_project(&caller), &asked, limit + 1).await?;
    let has_more = items.len() > usize::from(limit);
    items.truncate(usize::from(limit));
    Ok(Json::new(Page { items, has_more }.of(|record| KeyBody::from(&record))))
}

async fn rename(
    caller: Authorized<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    Path(id): Path<String>,
    Json { value, .. }: Json<RenameBody>,
) -> Result<Json<ReferenceBody>> {
    let name = Change::Set(checked(value.name)?);
    let change = KeyChange { name, ..KeyChange::default() };
    keys.update(&caller, of_project(&caller), key_id(&id)?, change).await?;
    Ok(Json::new(ReferenceBody { object: "api_key", id, deleted: None }))
}

async fn revoke(
    caller: Authorized<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    Path(id): Path<String>,
) -> Result<Json<ReferenceBody>> {
    keys.revoke_for(&caller, of_project(&caller), key_id(&id)?).await?;
    Ok(Json::new(ReferenceBody { object: "api_key", id, deleted: Some(true) }))
}

/// A key to be made. With full access it may do all that its maker may.
#[derive(Debug, Deserialize)]
struct CreateBody {
    name: Option<String>,
    permission: Option<String>,
    domain_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RenameBody {
    name: Option<String>,
}

impl CreateBody {
    fn change(&self) -> Result<KeyChange> {
        let permissions = match self.permission.as_deref() {
            None | Some("full_access") => Change::Keep,
            Some("sending_access") => Change::Set(vec![Permission::MailsSend]),
            Some(_) => {
                let problem = "must be `full_access` or `sending_access`";
                return Err(Error::Invalid(Violations::one("permission", problem)));
            }
        };
        let name = Change::Set(checked(self.name.clone())?);
        Ok(KeyChange { name, permissions, ..KeyChange::default() })
    }
}

fn checked(name: Option<String>) -> Result<Name> {
    let invalid = |problem: String| Error::Invalid(Violations::one("name", problem));
    let name = name.ok_or_else(|| invalid("is required".into()))?;
    name.parse().map_err(|problem| invalid(format!("{problem}")))
}

/// Never printed: it has the secret.
#[derive(Serialize)]
struct CreatedBody {
    id: String,
    /// In this answer and in no other.
    token: String,
}

#[derive(Debug, Serialize)]
struct KeyBody {
    id: String,
    name: String,
    created_at: String,
    last_used_at: Option<String>,
}

impl From<&KeyRecord> for KeyBody {
    fn from(record: &KeyRecord) -> Self {
        Self {
            id: record.key.id.to_string(),
            name: record.key.name.clone(),
            created_at: timestamp(record.key.created_at),
            last_used_at: record.last_used_at.map(timestamp),
        }
    }
}

fn of_project<G>(caller: &Authorized<G>) -> KeyScope {
    KeyScope { account: caller.account, project: Some(caller.project) }
}

/// What is no id names no key.
fn key_id(text: &str) -> Result<ApiKeyId> {
    text.parse().map_err(|_| Error::NotFound("API key"))
}
