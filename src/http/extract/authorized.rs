//! Permission as a type: a handler that takes this argument cannot run without it.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::domain::caller::{Caller, Person};
use crate::domain::id::ProjectId;
use crate::domain::permission::Permission;
use crate::error::Error;

/// Names the permission a handler needs, as a type.
pub trait Grant {
    /// The permission.
    const PERMISSION: Permission;
}

/// Defines the marks of handlers.
macro_rules! grants {
    ($($(#[$doc:meta])* $name:ident = $permission:ident),+ $(,)?) => {
        $(
            $(#[$doc])*
            pub struct $name;

            impl Grant for $name {
                const PERMISSION: Permission = Permission::$permission;
            }
        )+
    };
}

grants! {
    /// Marks handlers that send mail.
    SendMails = MailsSend,
    /// Marks handlers that read mail.
    ReadMails = MailsRead,
    /// Marks handlers that read domains.
    ReadDomains = DomainsRead,
    /// Marks handlers that add, verify and remove domains.
    WriteDomains = DomainsWrite,
    /// Marks handlers that read senders.
    ReadSenders = SendersRead,
    /// Marks handlers that add and remove senders.
    WriteSenders = SendersWrite,
    /// Marks handlers that read contacts.
    ReadContacts = ContactsRead,
    /// Marks handlers that make, change and remove contacts.
    WriteContacts = ContactsWrite,
    /// Marks handlers that erase recipients.
    EraseRecipients = RecipientsErase,
    /// Marks handlers that read keys.
    ReadKeys = KeysRead,
    /// Marks handlers that make, change and end keys.
    WriteKeys = KeysWrite,
    /// Marks handlers that read projects.
    ReadProjects = ProjectsRead,
    /// Marks handlers that make, change and delete projects.
    WriteProjects = ProjectsWrite,
    /// Marks handlers that read who belongs to the account.
    ReadUsers = UsersRead,
    /// Marks handlers that invite people, change them and let them go.
    WriteUsers = UsersWrite,
    /// Marks handlers that read the audit log.
    ReadAudit = AuditRead,
    /// Marks handlers that read webhooks.
    ReadWebhooks = WebhooksRead,
    /// Marks handlers that make, change, replay and delete webhooks.
    WriteWebhooks = WebhooksWrite,
    /// Marks handlers that take in bounces and complaints.
    WriteBounces = BouncesWrite,
    /// Marks handlers that read suppressions and their groups.
    ReadSuppressions = SuppressionsRead,
    /// Marks handlers that change suppressions and their groups.
    WriteSuppressions = SuppressionsWrite,
    /// Marks handlers that read templates.
    ReadTemplates = TemplatesRead,
    /// Marks handlers that make, change, publish and delete templates.
    WriteTemplates = TemplatesWrite,
}

/// A caller with the permission `G`, working for a project.
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
        let caller = permitted::<G>(parts)?;
        let project = caller.project.ok_or_else(|| Error::Forbidden {
            code: "PROJECT_REQUIRED",
            message:
                "An account key needs the header `x-project-id` with the id of one of its projects."
                    .into(),
        })?;
        Ok(Self { project, caller, grant: PhantomData })
    }
}

/// A caller with the permission `G`, working for the account itself: a person, or an account key.
pub struct AccountAuthorized<G> {
    caller: Caller,
    grant: PhantomData<G>,
}

impl<G> Deref for AccountAuthorized<G> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<S: Sync, G: Grant> FromRequestParts<S> for AccountAuthorized<G> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let caller = permitted::<G>(parts)?;
        if !caller.stands_for_account() {
            return Err(Error::Forbidden {
                code: "ACCOUNT_KEY_REQUIRED",
                message: "A project key (AS_…) works in its project only; this needs an account key (ASA_…).".into(),
            });
        }
        Ok(Self { caller, grant: PhantomData })
    }
}

/// A caller with the permission `G`, whose project is found out by the handler.
pub struct Permitted<G> {
    caller: Caller,
    grant: PhantomData<G>,
}

impl<G> Deref for Permitted<G> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<S: Sync, G: Grant> FromRequestParts<S> for Permitted<G> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(Self { caller: permitted::<G>(parts)?, grant: PhantomData })
    }
}

/// Anybody who is let in, whatever the permissions: for what concerns only the caller.
pub struct Authenticated(pub Caller);

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        caller(parts).map(Self)
    }
}

/// A person who is signed in, whatever the role: for what people do with themselves.
pub struct SignedIn {
    /// The person.
    pub person: Arc<Person>,
    caller: Caller,
}

impl Deref for SignedIn {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let caller = caller(parts)?;
        let person = caller.person().cloned().ok_or_else(|| Error::Forbidden {
            code: "SESSION_REQUIRED",
            message: "This concerns people, and an API key is none: sign in.".into(),
        })?;
        Ok(Self { person, caller })
    }
}

fn caller(parts: &Parts) -> Result<Caller, Error> {
    parts
        .extensions
        .get()
        .cloned()
        .ok_or(Error::Unauthenticated("Send an API key: `Authorization: Bearer AS_…`."))
}

fn permitted<G: Grant>(parts: &Parts) -> Result<Caller, Error> {
    let caller = caller(parts)?;
    if caller.may(G::PERMISSION) {
        return Ok(caller);
    }
    let who = if caller.key().is_some() { "This API key lacks" } else { "Your role lacks" };
    Err(Error::Forbidden {
        code: "INSUFFICIENT_PERMISSIONS",
        message: format!("{who} the permission `{}`.", G::PERMISSION.as_str()),
    })
}
