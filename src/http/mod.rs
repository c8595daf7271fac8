//! From HTTP to the domain and back: the route table and the layers, in reading order.

pub mod client_address;
pub mod domains;
pub mod error;
pub mod extract;
pub mod health;
pub mod layers;
pub mod listener;
pub mod mails;
pub mod people;
pub mod senders;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::get;
use sqlx::PgPool;
use tower::ServiceBuilder;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::extract::Json;
use self::layers::authenticate::{Gate, authenticate};
use self::layers::client::{Way, locate, require_https};
use self::layers::envelope::render_errors;
use self::layers::request::{forgive_slashes, observe};
use self::layers::session::own_pages_only;
use self::people::Installation;
use crate::error::Error;
use crate::service::domains::Domains;
use crate::service::mails::Mails;
use crate::service::people::People;
use crate::service::senders::Senders;
use crate::service::sessions::Sessions;

/// The largest body: 40 MiB of files in base64, and 5 for all the rest.
const MAX_BODY_BYTES: usize = 45 * 1024 * 1024;

/// What handlers ask for; each takes only its part.
#[derive(Clone, FromRef)]
pub struct Api {
    /// Mails.
    pub mails: Mails,
    /// Domains.
    pub domains: Domains,
    /// Senders.
    pub senders: Senders,
    /// People.
    pub people: Arc<People>,
    /// Their sessions.
    pub sessions: Sessions,
    /// What the dashboard is told of this server.
    pub installation: Arc<Installation>,
    /// The database, for the question whether it is there.
    pub db: PgPool,
    /// Who may come in.
    pub gate: Arc<Gate>,
    /// How they may come.
    pub way: Arc<Way>,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Posthaste", description = "A self-hosted transactional email API. It speaks the AutoSend API."),
    tags(
        (name = "mails", description = "Sending mail, and what became of it"),
        (name = "domains", description = "The domains that mail is sent from, and their DNS records"),
        (name = "senders", description = "The addresses that mail is sent from"),
        (name = "people", description = "Signing in, and who belongs to the account"),
        (name = "operations"),
    ),
    security(("key" = [])),
)]
struct Document;

/// Builds the whole API, together with the document that describes it.
pub fn router(api: Api) -> Router {
    let (authenticated, described) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(mails::send_mail))
        .routes(routes!(mails::list_mails))
        .routes(routes!(mails::get_mail))
        .routes(routes!(mails::get_mail_status))
        .routes(routes!(mails::get_captured_message))
        .merge(domains::routes())
        .merge(senders::routes())
        .merge(people::routes())
        .split_for_parts();
    let authenticated = authenticated
        .route_layer(from_fn_with_state(Arc::clone(&api.gate), authenticate))
        .route_layer(from_fn_with_state(Arc::clone(&api.way), require_https));
    let (signing_in, signing_in_described) = people::open_routes().split_for_parts();
    let signing_in = signing_in
        .route_layer(from_fn(own_pages_only))
        .route_layer(from_fn_with_state(Arc::clone(&api.way), require_https));
    let (open, open_described) = OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .split_for_parts();

    let mut document = described.merge_from(signing_in_described).merge_from(open_described);
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().add_security_scheme("key", bearer);
    let document = Arc::new(document);

    let routes = Router::new()
        .merge(authenticated)
        .merge(signing_in)
        .merge(open)
        .route("/openapi.json", get(async move || Json::new(Arc::clone(&document))))
        .fallback(async || axum::http::StatusCode::NOT_FOUND)
        // Outermost first: a request passes through these from top to bottom.
        .layer(
            ServiceBuilder::new()
                .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION, COOKIE]))
                .layer(from_fn(observe))
                .layer(from_fn(render_errors))
                .layer(CatchPanicLayer::custom(|_| {
                    Error::Internal(anyhow::anyhow!("a handler panicked")).into_response()
                }))
                .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
                .layer(from_fn_with_state(Arc::clone(&api.way), locate)),
        )
        .with_state(api);
    // Outside of the router, because it changes which route is matched.
    let forgiving =
        ServiceBuilder::new().layer(MapRequestLayer::new(forgive_slashes)).service(routes);
    Router::new().fallback_service(forgiving)
}
