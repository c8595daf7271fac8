//! `/api/v1/api-keys`: keys of one workspace.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::super::few::Few;
use super::{Answer, workspace};
use crate::domain::api_key::Spelling;
use crate::domain::id::ProjectId;
use crate::domain::key_change::{Change, KeyChange};
use crate::domain::key_record::KeyRecord;
use crate::domain::name::Name;
use crate::domain::permission::Permission;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadKeys, WriteKeys};
use crate::http::extract::{Authorized, Json, Permitted};
use crate::http::wire::timestamp;
use crate::service::keys::{KeyQuery, KeyScope, KeyWish, Keys};

/// How many keys are listed, the newest; there are no pages.
const MOST: u16 = 100;

/// Their names of permissions, where they are not ours.
const SCOPES: &[(&str, Permission)] = &[
    ("emails:send", Permission::MailsSend),
    ("messages:write", Permission::MailsSend),
    ("messages:read", Permission::MailsRead),
    ("subscribers:read", Permission::ContactsRead),
    ("subscribers:write", Permission::ContactsWrite),
];

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/api/v1/api-keys", get(list).post(create))
}

async fn list(
    caller: Authorized<ReadKeys>,
    State(keys): State<Arc<Keys>>,
) -> Result<Json<Answer<ListBody>>> {
    let scope = KeyScope { account: caller.account, project: Some(caller.project) };
    let found = keys.page(scope, &KeyQuery::default(), MOST).await?;
    let api_keys = found.iter().map(KeyBody::from).collect();
    Ok(Json::new(Answer::of(ListBody { api_keys })))
}

async fn create(
    caller: Permitted<WriteKeys>,
    State(keys): State<Arc<Keys>>,
    Json { value, .. }: Json<CreateBody>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1], Json<Answer<CreatedBody>>)> {
    let project = workspace(value.workspace_id.as_deref(), &caller, &keys).await?;
    let change = value.change()?;
    let spelling = Spelling::SendMailOs;
    let wish = KeyWish { project: Some(project), mode: None, spelling, change };
    let (record, token) = keys.create_for(&caller, wish).await?;
    let key = token.reveal().to_owned();
    let shown = CreatedBody { api_key: KeyBody::from(&record), key };
    let unkept = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, unkept, Json::new(Answer::of(shown))))
}

/// A key to be made; without scopes it only sends.
#[derive(Debug, Deserialize)]
struct CreateBody {
    name: Option<String>,
    workspace_id: Option<String>,
    scopes: Option<Few<String>>,
}

impl CreateBody {
    fn change(self) -> Result<KeyChange> {
        let mut violations = Violations::default();
        let name = if let Some(name) = self.name {
            violations.check("name", name.parse::<Name>())
        } else {
            violations.add("name", "is required");
            None
        };
        let mut permissions = match self.scopes {
            None => vec![Permission::MailsSend],
            Some(Few(scopes)) => {
                let read = scopes.iter().enumerate().filter_map(|(place, scope)| {
                    let theirs = SCOPES.iter().find(|(theirs, _)| theirs == scope);
                    let read =
                        theirs.map_or_else(|| scope.parse(), |(_, permission)| Ok(*permission));
                    violations.check(format!("scopes[{place}]"), read)
                });
                read.collect()
            }
        };
        permissions.sort_unstable();
        permissions.dedup();
        let Some(name) = name.filter(|_| violations.is_empty()) else {
            return Err(Error::Invalid(violations));
        };
        let (name, permissions) = (Change::Set(name), Change::Set(permissions));
        Ok(KeyChange { name, permissions, ..KeyChange::default() })
    }
}

#[derive(Debug, Serialize)]
struct ListBody {
    api_keys: Vec<KeyBody>,
}

/// Never printed: it has the secret.
#[derive(Serialize)]
struct CreatedBody {
    api_key: KeyBody,
    /// In this answer and in no other.
    key: String,
}

#[derive(Debug, Serialize)]
struct KeyBody {
    id: String,
    name: String,
    /// The first eight and the last four characters.
    masked_key: String,
    workspace_id: Option<String>,
    scopes: Vec<&'static str>,
    created_at: String,
    last_used_at: Option<String>,
}

impl From<&KeyRecord> for KeyBody {
    fn from(KeyRecord { key, last_used_at, .. }: &KeyRecord) -> Self {
        let scope = |permission: &Permission| {
            let theirs = SCOPES.iter().find(|(_, ours)| ours == permission);
            theirs.map_or(permission.as_str(), |(theirs, _)| theirs)
        };
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            masked_key: key.display_key.clone(),
            workspace_id: key.project.map(written),
            scopes: key.permissions.iter().map(scope).collect(),
            created_at: timestamp(key.created_at),
            last_used_at: last_used_at.map(timestamp),
        }
    }
}

/// A project as they name workspaces.
fn written(project: ProjectId) -> String {
    format!("ws_{project}")
}
