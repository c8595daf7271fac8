//! Links that are good once: what they are for, and going through them.

use chrono::Utc;
use secrecy::SecretString;
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::second_factor::Shown;
use super::sign_in::too_many;
use super::{People, SignedIn, Visit, doer, entry, lock};
use crate::domain::address::EmailAddress;
use crate::domain::caller::Role;
use crate::domain::id::{AccountId, UserId};
use crate::domain::password::Password;
use crate::domain::token::Token;
use crate::domain::user::{LinkPurpose, PersonName, SignInAddress, User};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::failure_limit::network;
use crate::service::{commit, unavailable};
use crate::store;
use crate::store::one_time_links::{Link, NewLink};

/// What the finder of a link is told before going through it.
#[derive(Debug)]
pub struct LinkFacts {
    /// What it is for.
    pub purpose: LinkPurpose,
    /// Whom it is for; of a set-up link, whoever comes first.
    pub email: Option<SignInAddress>,
    /// As what an invited person joins.
    pub role: Option<Role>,
    /// What the account is called.
    pub account_name: String,
}

/// What somebody brings who goes through a link.
#[derive(Debug)]
pub struct Acceptance {
    /// The token in the link.
    pub token: String,
    /// The address to sign in with, for a set-up link.
    pub email: Option<String>,
    /// How colleagues shall know the person.
    pub name: Option<String>,
    /// The password from now on.
    pub password: SecretString,
    /// The code of a second factor: a new password alone does not get past it.
    pub code: Option<String>,
}

/// Makes the link by which the first owner joins, in place of all earlier ones; nothing once somebody has.
pub async fn make_set_up_link(
    db: &PgPool,
    account: AccountId,
    created_by: &str,
) -> Result<Option<Token>> {
    let mut transaction = db.begin().await.map_err(unavailable)?;
    lock(&mut transaction, account).await?;
    if store::users::exist(&mut *transaction, account).await.map_err(unavailable)? {
        return Ok(None);
    }
    store::one_time_links::delete_set_up(&mut *transaction, account).await.map_err(unavailable)?;
    let token = Token::generate();
    let digest = token.digest();
    let new = NewLink::new(LinkPurpose::SetUp, account, &digest, created_by);
    store::one_time_links::insert(&mut *transaction, &new).await.map_err(unavailable)?;
    commit(transaction).await?;
    Ok(Some(token))
}

/// Makes a link by which somebody of the account chooses another password, for whoever runs the machine.
pub async fn make_reset_link(
    db: &PgPool,
    account: AccountId,
    email: &EmailAddress,
) -> Result<Token> {
    let found = store::credentials::find_by_email(db, &email.into()).await.map_err(unavailable)?;
    let found = found.filter(|(user, _)| user.account == account);
    let (user, _) = found.ok_or(Error::NotFound("person"))?;
    let token = Token::generate();
    let digest = token.digest();
    let mut new = NewLink::new(LinkPurpose::PasswordReset, account, &digest, "command line");
    new.user = Some(user.id);
    store::one_time_links::insert(db, &new).await.map_err(unavailable)?;
    Ok(token)
}

impl People {
    /// What a link is for, and leaves it good.
    pub async fn inspect_link(&self, token: &str, visit: &Visit) -> Result<LinkFacts> {
        let (_, link) = self.find_link(token, visit).await?;
        let account_name = store::accounts::name(&self.db, link.account).await;
        let account_name = account_name.map_err(unavailable)?.unwrap_or_default();
        let (email, role) = match (link.invited, link.user) {
            (Some((email, role)), _) => (Some(email), Some(role)),
            (None, Some(user)) => (Some(self.linked(link.account, user).await?.email), None),
            (None, None) => (None, None),
        };
        Ok(LinkFacts { purpose: link.purpose, email, role, account_name })
    }

    /// Goes through a link: somebody joins or chooses another password, and is signed in.
    pub async fn accept_link(&self, brought: Acceptance, visit: &Visit) -> Result<SignedIn> {
        let (token, link) = self.find_link(&brought.token, visit).await?;
        let mut violations = Violations::default();
        let user = self.person_of(&link, &brought, &mut violations).await?;
        let own = user.as_ref().map_or("", |user| user.email.as_str());
        let password = Password::choose(brought.password.clone(), own);
        let password = violations.check("password", password);
        let (Some(user), Some(password), true) = (user, password, violations.is_empty()) else {
            return Err(Error::Invalid(violations));
        };
        let phc = self.hashing.hash(password.reveal().into()).await?;

        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        lock(&mut transaction, link.account).await?;
        let consumed = store::one_time_links::consume(&mut *transaction, &token.digest()).await;
        consumed.map_err(unavailable)?.ok_or_else(not_good)?;
        let action = match link.purpose {
            LinkPurpose::PasswordReset => {
                let code = brought.code.as_deref();
                self.replace_password(&mut transaction, &user, &phc, code).await?;
                "user.password_changed"
            }
            LinkPurpose::SetUp | LinkPurpose::Invitation => {
                join(&mut transaction, &user, &phc, link.purpose).await?;
                "user.joined"
            }
        };
        let session = self.begin_session(&mut transaction, &user, visit).await?;
        let details = json!({"by": link.purpose.as_str(), "role": user.role});
        let entry = entry(doer(&user, visit.from), action, &user, details);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(user.id = %user.id, link.purpose = link.purpose.as_str(), "Went through a link");
        Ok(self.signed_in(user, session))
    }

    /// The person that there is, or would be, once this link is used.
    async fn person_of(
        &self,
        link: &Link,
        brought: &Acceptance,
        violations: &mut Violations,
    ) -> Result<Option<User>> {
        if let Some(user) = link.user {
            return self.linked(link.account, user).await.map(Some);
        }
        let name = PersonName::parse(brought.name.as_deref().unwrap_or_default());
        let name = violations.check("name", name);
        let invited = match (&link.invited, link.purpose) {
            (Some(invited), _) => Some(invited.clone()),
            (None, LinkPurpose::SetUp) => {
                let typed = brought.email.as_deref().unwrap_or_default();
                let address = violations.check("email", typed.trim().parse::<EmailAddress>());
                address.map(|address| (SignInAddress::from(&address), Role::Owner))
            }
            (None, _) => return Err(not_good()),
        };
        let now = Utc::now();
        Ok(invited.zip(name).map(|((email, role), name)| User {
            id: UserId::generate(),
            account: link.account,
            email,
            name: name.as_str().to_owned(),
            role,
            totp_enabled: false,
            created_at: now,
            signed_in_at: Some(now),
        }))
    }

    async fn linked(&self, account: AccountId, user: UserId) -> Result<User> {
        let found = store::users::find(&self.db, account, user).await.map_err(unavailable)?;
        found.ok_or_else(not_good)
    }

    async fn find_link(&self, token: &str, visit: &Visit) -> Result<(Token, Link)> {
        let limit = &self.limits.by_network;
        let name = format!("link {}", network(visit.from));
        limit.take(&name, self.clock.now()).map_err(too_many)?;
        let token: Token = token.trim().parse().map_err(|_| not_good())?;
        let found = store::one_time_links::find(&self.db, &token.digest()).await;
        let link = found.map_err(unavailable)?.ok_or_else(not_good)?;
        limit.give_back(&name);
        Ok((token, link))
    }

    /// Sets a password that was forgotten, which ends all sessions. A second factor is asked for as at sign-in, because
    /// whoever reads somebody's mail must not get past it.
    async fn replace_password(
        &self,
        db: &mut PgConnection,
        user: &User,
        phc: &str,
        code: Option<&str>,
    ) -> Result<()> {
        let (account, id) = (user.account, user.id);
        let set = store::credentials::set_password(&mut *db, account, id, None, phc).await;
        if !set.map_err(unavailable)? {
            return Err(not_good());
        }
        // Read now that the row is ours: the factor cannot be switched on behind our back.
        let credentials = store::credentials::find(&mut *db, account, id).await;
        if let Some(sealed) = credentials.map_err(unavailable)?.and_then(|held| held.totp_secret) {
            let code = code.filter(|code| !code.trim().is_empty());
            let code = code.ok_or(Error::SecondFactorRequired)?;
            let limit = &self.limits.by_name;
            limit.take(user.email.as_str(), self.clock.now()).map_err(too_many)?;
            let shown = self.read_code(user, &sealed, code)?.unwrap_or(Shown::Nothing);
            let is_right = !matches!(shown, Shown::Nothing);
            if !is_right || !self.use_code(db, user, &shown).await? {
                return Err(Error::Invalid(Violations::one("code", "is not right, or was used")));
            }
            limit.give_back(user.email.as_str());
        }
        store::one_time_links::delete_resets(&mut *db, id).await.map_err(unavailable)?;
        store::sessions::delete_others(&mut *db, id, None).await.map_err(unavailable)?;
        Ok(())
    }
}

/// Makes the person, and ends all other links by which he could join.
async fn join(db: &mut PgConnection, user: &User, phc: &str, purpose: LinkPurpose) -> Result<()> {
    let account = user.account;
    if purpose == LinkPurpose::SetUp {
        if store::users::exist(&mut *db, account).await.map_err(unavailable)? {
            return Err(not_good());
        }
        store::one_time_links::delete_set_up(&mut *db, account).await.map_err(unavailable)?;
    } else {
        store::one_time_links::delete_invitations_of(&mut *db, account, &user.email)
            .await
            .map_err(unavailable)?;
    }
    store::users::insert(db, user, phc).await.map_err(|error| {
        let violated = error.as_database_error().and_then(|error| error.constraint());
        if violated == Some("users_email") { already_there() } else { unavailable(error) }
    })
}

/// One answer to links that were used, have expired or never were.
fn not_good() -> Error {
    Error::Impossible {
        code: "LINK_NOT_VALID",
        message: "This link was used before, has expired, or is not complete. If it was you who used it, sign in; else \
                  ask for a new one."
            .into(),
    }
}

/// What is told of an address that somebody signs in with already.
pub(super) fn already_there() -> Error {
    Error::Conflict {
        code: "ALREADY_A_USER",
        message: "Somebody signs in with this address already.".into(),
    }
}
