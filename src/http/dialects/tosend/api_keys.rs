//! `/v2/api-keys`: keys of the project that send.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::routing::get;
use chrono::Utc;
use serde::{Deserialize, Serialize};

use super::domains::{PageQuery, domain_id};
use super::page::Listed;
use super::{DeletedBody, Shown};
use crate::domain::api_key::Spelling;
use crate::domain::caller::KeyStatus;
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

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v2/api-keys", get(list).post(create))
        .route("/v2/api-keys/{id}", axum::routing::delete(revoke))
}

async fn list(
    caller: Authorized<ReadKeys>,
    State(keys): State<Arc<Keys>>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listed<KeyBody>>> {
    let page = query.check()?;
    let found = keys.page(of_project(&caller), &KeyQuery::default(), page.look_at()).await?;
    Ok(Json::new(page.cut(found.iter().map(KeyBody::from).collect())))
}

async fn create(
    caller: Authorized<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    State(domains): State<Domains>,
    Json { value, .. }: Json<CreateBody>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1], Json<Shown<CreatedBody>>)> {
    let mut violations = Violations::default();
    let name = if let Some(name) = value.name {
        violations.check("name", name.parse::<Name>())
    } else {
        violations.add("name", "is required");
        None
    };
    let name = name.ok_or(Error::Invalid(violations))?;
    let mut change = KeyChange {
        name: Change::Set(name),
        permissions: Change::Set(vec![Permission::MailsSend]),
        ..KeyChange::default()
    };
    if let Some(id) = value.domain {
        let domain = domains.find(caller.project, domain_id(&id)?).await?;
        let name = domain.name.parse::<DomainName>();
        let name = name.map_err(|error| Error::Internal(anyhow::anyhow!("{error}")))?;
        change.domains = Change::Set(Some(vec![name]));
    }
    let spelling = Spelling::ToSend;
    let wish = KeyWish { project: Some(caller.project), mode: None, spelling, change };
    let (record, token) = keys.create_for(&caller, wish).await?;
    let data = CreatedBody { shown: KeyBody::from(&record), api_key: token.reveal().to_owned() };
    let unkept = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, unkept, Json::new(Shown { data })))
}

async fn revoke(
    caller: Authorized<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    Path(id): Path<String>,
) -> Result<Json<DeletedBody>> {
    let key: ApiKeyId = id.parse().map_err(|_| Error::NotFound("API key"))?;
    keys.revoke_for(&caller, of_project(&caller), key).await?;
    Ok(Json::new(DeletedBody { id, deleted: true }))
}

/// A key to be made. Its domain, if any, is named by its id.
#[derive(Debug, Deserialize)]
struct CreateBody {
    name: Option<String>,
    domain: Option<String>,
}

/// Never printed: it has the secret.
#[derive(Serialize)]
struct CreatedBody {
    #[serde(flatten)]
    shown: KeyBody,
    /// In this answer and in no other.
    api_key: String,
}

#[derive(Debug, Serialize)]
struct KeyBody {
    id: String,
    name: String,
    /// The first eight and the last four characters.
    masked_key: String,
    /// The domains that it is held to, with commas; null for all.
    domain: Option<String>,
    status: &'static str,
    created_at: String,
}

impl From<&KeyRecord> for KeyBody {
    fn from(KeyRecord { key, .. }: &KeyRecord) -> Self {
        let domains = key.restrictions.domains.as_ref();
        let is_active = key.status(Utc::now()) == KeyStatus::Active;
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            masked_key: key.display_key.clone(),
            domain: domains
                .map(|names| names.iter().map(DomainName::as_str).collect::<Vec<_>>().join(",")),
            status: if is_active { "active" } else { "inactive" },
            created_at: timestamp(key.created_at),
        }
    }
}

fn of_project<G>(caller: &Authorized<G>) -> KeyScope {
    KeyScope { account: caller.account, project: Some(caller.project) }
}
