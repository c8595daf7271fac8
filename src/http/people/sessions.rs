//! The browsers in which somebody is signed in.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::page::{PageQuery, cut};
use super::response::DoneBody;
use crate::domain::id::SessionId;
use crate::domain::user::Session;
use crate::error::{Error, Result};
use crate::http::error::ErrorEnvelope;
use crate::http::extract::{Json, Path, Query, SignedIn};
use crate::http::wire::{Success, timestamp};
use crate::service::sessions::Sessions;

/// One browser in which somebody is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionBody {
    /// Names the session; no part of its cookie.
    id: String,
    /// When the person signed in.
    created_at: String,
    /// When it was last used, to the minute.
    last_seen_at: String,
    /// From which address the person signed in.
    ip: String,
    /// What the browser called itself then.
    user_agent: String,
    /// Whether it is the session of this request.
    current: bool,
}

impl SessionBody {
    fn new(session: Session, own: SessionId) -> Self {
        Self {
            id: session.id.to_string(),
            created_at: timestamp(session.created_at),
            last_seen_at: timestamp(session.last_seen_at),
            ip: session.ip,
            user_agent: session.user_agent,
            current: session.id == own,
        }
    }
}

/// A page of sessions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionListBody {
    /// Newest first.
    sessions: Vec<SessionBody>,
    /// Whether there are more.
    has_more: bool,
    /// What to send as `cursor` for them.
    next_cursor: Option<String>,
}

/// Lists one's own sessions, newest first.
#[utoipa::path(
    get, path = "/v1/auth/sessions", tag = "people", operation_id = "listSessions", params(PageQuery),
    security(("session" = [])),
    responses((status = 200, body = Success<SessionListBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn list_sessions(
    caller: SignedIn,
    State(sessions): State<Sessions>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Success<SessionListBody>>> {
    let (before, limit) = page.check()?;
    let mut found = sessions.list(&caller.person, before, limit + 1).await?;
    let has_more = cut(&mut found, limit);
    let next_cursor = found.last().filter(|_| has_more).map(|last| last.id.to_string());
    let own = caller.person.session;
    let sessions = found.into_iter().map(|session| SessionBody::new(session, own)).collect();
    Ok(Json::new(Success::of(SessionListBody { sessions, has_more, next_cursor })))
}

/// Ends one of one's own sessions.
#[utoipa::path(
    delete, path = "/v1/auth/sessions/{id}", tag = "people", operation_id = "endSession",
    params(("id" = String, Path, description = "The session's id, as the list shows it")),
    security(("session" = [])),
    responses((status = 200, body = Success<DoneBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn end_session(
    caller: SignedIn,
    State(sessions): State<Sessions>,
    Path(id): Path<String>,
) -> Result<Json<Success<DoneBody>>> {
    let id = id.parse().map_err(|_| Error::NotFound("session"))?;
    sessions.end(&caller, &caller.person, id).await?;
    Ok(Json::new(Success::of(DoneBody::new())))
}

/// How many sessions were ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndedBody {
    /// So many.
    ended: u64,
}

/// Ends all of one's sessions but that of this request.
#[utoipa::path(
    post, path = "/v1/auth/sessions/end-others", tag = "people", operation_id = "endOtherSessions",
    security(("session" = [])),
    responses((status = 200, body = Success<EndedBody>), (status = "4XX", body = ErrorEnvelope)),
)]
pub async fn end_other_sessions(
    caller: SignedIn,
    State(sessions): State<Sessions>,
) -> Result<Json<Success<EndedBody>>> {
    let ended = sessions.end_others(&caller, &caller.person).await?;
    Ok(Json::new(Success::of(EndedBody { ended })))
}
