//! The answers about people as they go over the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::caller::Role;
use crate::domain::permission::Permission;
use crate::domain::user::User;
use crate::http::wire::timestamp;

/// Somebody who may sign in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserBody {
    /// Names the person.
    id: String,
    /// Signs in with it.
    email: String,
    /// As colleagues know the person; may be empty.
    name: String,
    /// `owner`, `admin`, `member` or `viewer`.
    #[schema(value_type = String)]
    role: Role,
    /// Whether a code is asked for beside the password.
    totp_enabled: bool,
    /// What the role may do.
    #[schema(value_type = Vec<String>)]
    permissions: Vec<Permission>,
    /// When the person joined.
    created_at: String,
    /// When the person last signed in.
    signed_in_at: Option<String>,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        let permissions = Permission::ALL.iter().copied();
        Self {
            id: user.id.to_string(),
            email: user.email.as_str().to_owned(),
            name: user.name,
            role: user.role,
            totp_enabled: user.totp_enabled,
            permissions: permissions.filter(|permission| user.role.may(*permission)).collect(),
            created_at: timestamp(user.created_at),
            signed_in_at: user.signed_in_at.map(timestamp),
        }
    }
}

/// Who has just signed in, or who it is about.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedInBody {
    /// The person.
    pub user: UserBody,
}

/// That something was done about which there is nothing more to say.
#[derive(Debug, Serialize, ToSchema)]
pub struct DoneBody {
    /// Always `true`.
    done: bool,
}

impl DoneBody {
    /// It is done.
    pub fn new() -> Self {
        Self { done: true }
    }
}

impl Default for DoneBody {
    fn default() -> Self {
        Self::new()
    }
}
