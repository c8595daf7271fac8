//! Permission as a type: a handler that takes this argument cannot run without it.

use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::domain::caller::Caller;
use crate::domain::id::ProjectId;
use crate::domain::permission::Permission;
use crate::error::Error;

/// Names the permission a handler needs, as a type.
pub trait Grant {
    /// The permission.
    const PERMISSION: Permission;
}

/// Marks handlers that send mail.
pub struct SendMails;

impl Grant for SendMails {
    const PERMISSION: Permission = Permission::MailsSend;
}

/// Marks handlers that read mail.
pub struct ReadMails;

impl Grant for ReadMails {
    const PERMISSION: Permission = Permission::MailsRead;
}

/// A caller whose key carries the permission `G`, working for a project.
///
/// A handler that does not take this argument cannot learn which project it is working for.
pub struct Authorized<G> {
    /// The project.
    pub project: ProjectId,
    caller: Caller,
    grant: PhantomData<G>,
}

impl<G> Deref for Authorized<G> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<S: Sync, G: Grant> FromRequestParts<S> for Authorized<G> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let caller: Caller = parts
            .extensions
            .get()
            .cloned()
            .ok_or(Error::Unauthenticated("Send an API key: `Authorization: Bearer AS_…`."))?;
        if !caller.may(G::PERMISSION) {
            return Err(Error::Forbidden {
                code: "INSUFFICIENT_PERMISSIONS",
                message: format!("This API key lacks the permission `{}`.", G::PERMISSION.as_str()),
            });
        }
        let project = caller.project.ok_or_else(|| Error::Forbidden {
            code: "PROJECT_REQUIRED",
            message:
                "An account key needs the header `x-project-id` with the id of one of its projects."
                    .into(),
        })?;
        Ok(Self { project, caller, grant: PhantomData })
    }
}
