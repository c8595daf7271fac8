//! What load balancers and supervisors ask.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::get;
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use super::error::ErrorEnvelope;
use super::extract::Json;
use super::layers::envelope::render_errors;
use super::layers::request::observe;
use crate::error::Result;
use crate::service;

/// The answer when all is well.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// What supervisors ask on an address of their own, on nodes that take no requests too: health, and `/metrics` as
/// `render` makes them.
pub fn operations(
    db: PgPool,
    render: impl Fn() -> String + Clone + Send + Sync + 'static,
) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(db)
        .route("/metrics", get(async move || render()))
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(from_fn(render_errors))
        .layer(from_fn(observe))
}

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
