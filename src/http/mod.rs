//! From HTTP to the domain and back: the route table and the layers, in reading order.

pub mod alerts;
pub mod api_keys;
pub mod audit_log;
pub mod client_address;
pub mod contact_lists;
pub mod contact_properties;
pub mod contacts;
pub mod dialects;
pub mod domains;
pub mod error;
pub mod extract;
pub mod health;
pub mod inbound;
pub mod key_usage;
pub mod layers;
pub mod listener;
pub mod mails;
pub mod overview;
pub mod page;
pub mod people;
pub mod preferences;
pub mod projects;
pub mod recipients;
pub mod senders;
mod silence;
pub mod suppressions;
pub mod templates;
pub mod tracking;
pub mod webhooks;
pub mod wire;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
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
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::extract::Json;
use self::extract::body_room::{self, BodyRoom};
use self::layers::authenticate::{Gate, authenticate};
use self::layers::client::{Way, locate, require_https};
use self::layers::envelope::render_errors;
use self::layers::framing::hold_to_http;
use self::layers::patience::bound_time;
use self::layers::request::{forgive_slashes, observe};
use self::layers::session::{self, own_pages_only};
use self::layers::usage::count;
use self::people::Installation;
use crate::domain::links::Links;
use crate::error::Error;
use crate::service::bounces::Bounces;
use crate::service::contacts::Contacts;
use crate::service::domains::Domains;
use crate::service::engagements::Engagements;
use crate::service::erasing::Erasing;
use crate::service::keys::Keys;
use crate::service::mails::Mails;
use crate::service::overview::Overviews;
use crate::service::people::People;
use crate::service::preferences::Preferences;
use crate::service::senders::Senders;
use crate::service::ses::Ses;
use crate::service::sessions::Sessions;
use crate::service::suppressions::Suppressions;
use crate::service::templates::Templates;
use crate::service::usage::Usage;
use crate::service::webhooks::Webhooks;

/// What handlers ask for; each takes only its part.
///
/// Routes are copied for every request, and their state with them: so it is one pointer.
#[derive(Clone)]
pub struct Api(Arc<Parts>);

/// The parts of an [`Api`].
#[derive(Clone, FromRef)]
pub struct Parts {
    /// Mails.
    pub mails: Mails,
    /// Domains.
    pub domains: Domains,
    /// How keys are used.
    pub usage: Arc<Usage>,
    /// What became of mail.
    pub overviews: Overviews,
    /// People.
    pub people: Arc<People>,
    /// Their sessions.
    pub sessions: Sessions,
    /// What the dashboard is told of this server.
    pub installation: Arc<Installation>,
    /// Webhooks.
    pub webhooks: Webhooks,
    /// Bounces and complaints.
    pub bounces: Bounces,
    /// Forgetting people.
    pub erasing: Erasing,
    /// Those that come by Amazon SES.
    pub ses: Ses,
    /// Keys.
    pub keys: Arc<Keys>,
    /// The database, for the question whether it is there.
    pub db: PgPool,
    /// Reads the links of mails.
    pub links: Links,
    /// What recipients do with their mail.
    pub engagements: Engagements,
    /// Who may come in.
    pub gate: Arc<Gate>,
    /// How they may come.
    pub way: Arc<Way>,
}

impl FromRef<Parts> for Senders {
    fn from_ref(parts: &Parts) -> Self {
        Self::new(parts.db.clone(), parts.domains.clone())
    }
}

impl Api {
    /// Of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

/// Lets handlers ask for parts of these types.
macro_rules! handed_out {
    ($($part:ty),+ $(,)?) => {
        $(
            impl FromRef<Api> for $part {
                fn from_ref(api: &Api) -> Self {
                    FromRef::from_ref(&*api.0)
                }
            }
        )+
    };
}

handed_out!(
    Engagements,
    Erasing,
    Templates,
    Preferences,
    Links,
    Contacts,
    Suppressions,
    Bounces,
    Ses,
    Mails,
    Domains,
    Senders,
    Arc<Usage>,
    Overviews,
    Arc<People>,
    Sessions,
    Arc<Installation>,
    Webhooks,
    Arc<Keys>,
    PgPool,
    Arc<Gate>,
    Arc<Way>,
);

impl FromRef<Parts> for Suppressions {
    fn from_ref(parts: &Parts) -> Self {
        Self::new(parts.db.clone())
    }
}

impl FromRef<Parts> for Contacts {
    fn from_ref(parts: &Parts) -> Self {
        Self::new(parts.db.clone())
    }
}

impl FromRef<Parts> for Preferences {
    fn from_ref(parts: &Parts) -> Self {
        Self::new(parts.db.clone(), parts.links.clone())
    }
}

impl FromRef<Parts> for Templates {
    fn from_ref(parts: &Parts) -> Self {
        Self::new(parts.db.clone())
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Posthaste", description = "A self-hosted transactional email API. It speaks the AutoSend API."),
    tags(
        (name = "mails", description = "Sending mail, and what became of it"),
        (name = "webhooks", description = "Being told what became of mail, by signed requests"),
        (name = "domains", description = "The domains that mail is sent from, and their DNS records"),
        (name = "senders", description = "The addresses that mail is sent from"),
        (name = "suppressions", description = "Who gets no mail, and kinds of mail that recipients can want or not want"),
        (name = "contacts", description = "People whom a project knows, their lists, and what is noted of them"),
        (name = "templates", description = "Subjects and bodies that are kept here, in versions"),
        (name = "people", description = "Signing in, and who belongs to the account"),
        (name = "api-keys", description = "Keys, and what they may do"),
        (name = "projects", description = "Owners of mails and keys"),
        (name = "audit-log", description = "What was done to keys, projects and people"),
        (name = "operations"),
    ),
    security(("key" = []), ("session" = [])),
)]
struct Document;

/// Builds the whole API, together with the document that describes it, and `pages` beside it.
pub fn router(api: Api, pages: Router<Api>) -> Router {
    let (authenticated, described) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(mails::send_mail))
        .routes(routes!(mails::bulk::send_bulk_mail))
        .routes(routes!(mails::list_mails))
        .routes(routes!(mails::get_mail))
        .routes(routes!(mails::get_mail_status))
        .routes(routes!(mails::get_captured_message))
        .merge(domains::routes())
        .merge(senders::routes())
        .merge(suppressions::routes())
        .merge(contacts::routes())
        .merge(contact_lists::routes())
        .merge(contact_properties::routes())
        .merge(templates::routes())
        .merge(recipients::routes())
        .routes(routes!(mails::retry_mail))
        .routes(routes!(mails::cancel_mail))
        .routes(routes!(mails::reschedule::update_mail))
        .routes(routes!(mails::preview::preview_mail))
        .merge(key_usage::routes())
        .routes(routes!(alerts::list_alerts))
        .routes(routes!(alerts::dismiss_alert))
        .routes(routes!(overview::get_overview))
        .merge(people::routes())
        .merge(webhooks::routes())
        .merge(inbound::routes())
        .merge(api_keys::routes())
        .merge(projects::routes())
        .merge(audit_log::routes())
        .split_for_parts();
    let authenticated = authenticated
        .route_layer(from_fn_with_state(Arc::clone(&api.0.gate), authenticate))
        .route_layer(from_fn_with_state(Arc::clone(&api.0.usage), count))
        .route_layer(from_fn_with_state(Arc::clone(&api.0.way), require_https));
    // Beside the document: these APIs are described by those whose they are.
    let foreign = dialects::routes()
        .route_layer(from_fn_with_state(Arc::clone(&api.0.gate), authenticate))
        .route_layer(from_fn(dialects::carry))
        .route_layer(from_fn_with_state(Arc::clone(&api.0.usage), count))
        .route_layer(from_fn_with_state(Arc::clone(&api.0.way), require_https));
    let (signing_in, signing_in_described) = people::open_routes().split_for_parts();
    let signing_in = signing_in
        .route_layer(from_fn(own_pages_only))
        .route_layer(from_fn_with_state(Arc::clone(&api.0.way), require_https));
    let (reports, reports_described) =
        api_keys::open_routes().merge(inbound::open_routes()).split_for_parts();
    let reports = reports.route_layer(from_fn_with_state(Arc::clone(&api.0.way), require_https));
    let (open, open_described) = OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .split_for_parts();

    let mut document = described
        .merge_from(signing_in_described)
        .merge_from(reports_described)
        .merge_from(open_described);
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let cookie = ApiKeyValue::new(session::SESSION.over(true));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("key", bearer);
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let document = Arc::new(document);

    let routes = Router::new()
        .merge(authenticated)
        .merge(foreign)
        .merge(signing_in)
        .merge(reports)
        .merge(open)
        .merge(preferences::routes())
        .merge(tracking::routes())
        .merge(pages.route_layer(from_fn_with_state(Arc::clone(&api.0.way), require_https)))
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
                .layer(from_fn(hold_to_http))
                .layer(from_fn(bound_time))
                .layer(from_fn_with_state(BodyRoom::default(), body_room::share))
                .layer(from_fn_with_state(Arc::clone(&api.0.way), locate)),
        )
        .with_state(api);
    // Outside of the router, because it changes which route is matched.
    let forgiving =
        ServiceBuilder::new().layer(MapRequestLayer::new(forgive_slashes)).service(routes);
    Router::new().fallback_service(forgiving)
}
