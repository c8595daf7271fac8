//! `/v1/auth` and the people of `/v1/account`: signing in, oneself, and who belongs to the account.

pub mod invitations;
pub mod links;
pub mod myself;
pub mod page;
pub mod response;
pub mod second_factor;
pub mod sessions;
pub mod sign_in;
pub mod team;
pub mod visitor;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;

/// What the dashboard is told of this server.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Whether mail goes to the capture mailbox instead of a relay.
    pub capture_mailbox: bool,
    /// The base of links, with no slash at its end.
    pub public_url: String,
}

/// What needs a session or a key.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(sign_in::sign_out))
        .routes(routes!(myself::get_me, myself::update_me))
        .routes(routes!(myself::change_password))
        .routes(routes!(second_factor::set_up_totp, second_factor::disable_totp))
        .routes(routes!(second_factor::confirm_totp))
        .routes(routes!(sessions::list_sessions))
        .routes(routes!(sessions::end_session))
        .routes(routes!(sessions::end_other_sessions))
        .routes(routes!(team::list_users))
        .routes(routes!(team::change_role, team::remove_user))
        .routes(routes!(invitations::list_invitations, invitations::invite))
        .routes(routes!(invitations::revoke_invitation))
}

/// What lets people in: open to everybody, over HTTPS, from our own pages.
pub fn open_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(sign_in::sign_in))
        .routes(routes!(links::ask_for_reset))
        .routes(routes!(links::inspect_link))
        .routes(routes!(links::accept_link))
}
