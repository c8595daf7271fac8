//! The second factor: codes that change with time, and recovery codes.

use chrono::Utc;
use secrecy::SecretString;
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::{People, entry, session_is_over};
use crate::domain::address::EmailAddress;
use crate::domain::audit::Doer;
use crate::domain::caller::{Caller, Person};
use crate::domain::id::AccountId;
use crate::domain::totp::{RECOVERY_CODES, RecoveryCode, TotpSecret};
use crate::domain::user::User;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::{commit, unavailable};
use crate::store;
use crate::store::credentials::Credentials;

/// What apps write above the code.
const INSTALLATION: &str = "Posthaste";

/// What was shown as a second factor.
pub(super) enum Shown {
    /// None is needed.
    Nothing,
    /// The code of this time step.
    Code(i64),
    /// The recovery code with this digest.
    Recovery([u8; 32]),
}

impl Shown {
    /// For the audit log.
    pub(super) fn as_str(&self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Code(_) => Some("code"),
            Self::Recovery(_) => Some("recovery_code"),
        }
    }
}

/// A second factor that is being set up.
#[derive(Debug)]
pub struct NewSecondFactor {
    /// To be typed into an app.
    pub secret: String,
    /// To be read by an app from a picture.
    pub uri: String,
}

/// Takes somebody's second factor away, for whoever runs the machine: the last help for those who lost it with all
/// recovery codes. `false` if there is none.
pub async fn take_totp_away(db: &PgPool, account: AccountId, email: &EmailAddress) -> Result<bool> {
    let mut transaction = db.begin().await.map_err(unavailable)?;
    let found = store::credentials::find_by_email(&mut *transaction, &email.into()).await;
    let found = found.map_err(unavailable)?.filter(|(user, _)| user.account == account);
    let (user, _) = found.ok_or(Error::NotFound("person"))?;
    let disabled = store::credentials::disable_totp(&mut *transaction, account, user.id).await;
    let disabled = disabled.map_err(unavailable)?;
    if disabled {
        let entry = entry(Doer::command_line(), "user.totp_disabled", &user, json!({}));
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
    }
    commit(transaction).await?;
    Ok(disabled)
}

impl People {
    /// Makes a secret for a person's app; it counts once a code of it was shown.
    pub async fn set_up_totp(
        &self,
        person: &Person,
        password: SecretString,
    ) -> Result<NewSecondFactor> {
        let (user, _) = self.prove_password(person, "password", password).await?;
        let secret = TotpSecret::generate();
        let sealed = self.seal.seal(user.id.as_uuid().as_bytes(), secret.as_bytes());
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let (account, id) = (user.account, user.id);
        let set =
            store::credentials::set_totp_pending(&mut *transaction, account, id, &sealed).await;
        if !set.map_err(unavailable)? {
            return Err(Error::Conflict {
                code: "TOTP_ALREADY_ENABLED",
                message:
                    "You have a second factor already; switch it off before setting up another."
                        .into(),
            });
        }
        commit(transaction).await?;
        let uri = secret.uri(INSTALLATION, user.email.as_str());
        Ok(NewSecondFactor { secret: secret.base32(), uri })
    }

    /// Puts the second factor into use that a code proves to work; answers the recovery codes, this once.
    pub async fn confirm_totp(&self, caller: &Caller, code: &str) -> Result<Vec<RecoveryCode>> {
        let person = caller.person().ok_or_else(session_is_over)?;
        let (user, credentials) = self.myself(person).await?;
        let Some(pending) = credentials.totp_pending else {
            return Err(Error::Impossible {
                code: "TOTP_NOT_SET_UP",
                message: "There is no second factor to confirm. Begin with POST /v1/auth/totp."
                    .into(),
            });
        };
        let secret = self.open_secret(&user, &pending)?;
        let Some(step) = secret.step_of(code, Utc::now()) else {
            let message = "is not the code that the app shows now; check that its clock is right";
            return Err(Error::Invalid(Violations::one("code", message)));
        };
        let codes: Vec<_> = (0..RECOVERY_CODES).map(|_| RecoveryCode::generate()).collect();
        let digests: Vec<Vec<u8>> = codes
            .iter()
            .filter_map(|code| RecoveryCode::digest_of(code.reveal()))
            .map(Vec::from)
            .collect();

        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let (account, id) = (user.account, user.id);
        let enabled = store::credentials::enable_totp(
            &mut *transaction,
            account,
            id,
            &pending,
            step,
            &digests,
        );
        if !enabled.await.map_err(unavailable)? {
            return Err(Error::Conflict {
                code: "TOTP_CHANGED",
                message: "The second factor was set up anew meanwhile. Use the newest secret."
                    .into(),
            });
        }
        let entry = entry(Doer::of(caller), "user.totp_enabled", &user, json!({}));
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(user.id = %user.id, "Enabled a second factor");
        Ok(codes)
    }

    /// Takes a person's own second factor away.
    pub async fn disable_totp(&self, caller: &Caller, password: SecretString) -> Result<()> {
        let person = caller.person().ok_or_else(session_is_over)?;
        let (user, _) = self.prove_password(person, "password", password).await?;
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let disabled =
            store::credentials::disable_totp(&mut *transaction, user.account, user.id).await;
        if disabled.map_err(unavailable)? {
            let entry = entry(Doer::of(caller), "user.totp_disabled", &user, json!({}));
            store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        }
        commit(transaction).await?;
        tracing::info!(user.id = %user.id, "Disabled the second factor");
        Ok(())
    }

    /// What a code is, if it may be right; nothing if it cannot be.
    pub(super) fn read_code(
        &self,
        user: &User,
        sealed: &[u8],
        code: &str,
    ) -> Result<Option<Shown>> {
        if let Some(digest) = RecoveryCode::digest_of(code) {
            return Ok(Some(Shown::Recovery(digest)));
        }
        let secret = self.open_secret(user, sealed)?;
        Ok(secret.step_of(code, Utc::now()).map(Shown::Code))
    }

    /// Uses a code up; `false` if it was used before.
    pub(super) async fn use_code(
        &self,
        db: &mut PgConnection,
        user: &User,
        shown: &Shown,
    ) -> Result<bool> {
        let (account, id) = (user.account, user.id);
        match shown {
            Shown::Nothing => Ok(true),
            Shown::Code(step) => store::credentials::use_totp_step(db, account, id, *step).await,
            Shown::Recovery(digest) => {
                store::credentials::use_recovery_code(db, account, id, digest).await
            }
        }
        .map_err(unavailable)
    }

    /// The person as the database knows him now, with what he is held against.
    pub(super) async fn myself(&self, person: &Person) -> Result<(User, Credentials)> {
        let (account, id) = (person.account, person.id);
        let user = store::users::find(&self.db, account, id).await.map_err(unavailable)?;
        let credentials =
            store::credentials::find(&self.db, account, id).await.map_err(unavailable)?;
        user.zip(credentials).ok_or_else(session_is_over)
    }

    /// The same, if this is the person's password. It is asked for where a stolen session should not be enough.
    pub(super) async fn prove_password(
        &self,
        person: &Person,
        field: &str,
        password: SecretString,
    ) -> Result<(User, Credentials)> {
        let (user, credentials) = self.myself(person).await?;
        if !self.confirm_password(&user, &credentials, password).await? {
            // No 401, which would say that the session is over.
            return Err(Error::Invalid(Violations::one(field, "is not your password")));
        }
        Ok((user, credentials))
    }

    fn open_secret(&self, user: &User, sealed: &[u8]) -> Result<TotpSecret> {
        let plain = self.seal.open(user.id.as_uuid().as_bytes(), sealed);
        let plain = plain.map_err(|error| Error::Internal(error.into()))?;
        TotpSecret::from_bytes(&plain)
            .ok_or_else(|| Error::Internal(anyhow::anyhow!("users.totp_secret cannot be read")))
    }
}
