//! What load balancers and supervisors ask.

use axum::extract::State;
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use super::error::ErrorEnvelope;
use super::extract::Json;
use crate::error::Result;
use crate::service;

/// The answer when all is well.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Says that the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operations", operation_id = "healthz", responses((status = 200, body = Health)))]
pub async fn healthz() -> Json<Health> {
    Json::new(OK)
}

/// Says that requests can be served: the database answers.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", operation_id = "readyz",
    responses((status = 200, body = Health), (status = 503, body = ErrorEnvelope)),
)]
pub async fn readyz(State(db): State<PgPool>) -> Result<Json<Health>> {
    service::health::check(&db).await?;
    Ok(Json::new(OK))
}
