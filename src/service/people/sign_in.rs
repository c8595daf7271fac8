//! Signing in and out.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::sync::Semaphore;

use super::attempt_limit::AttemptLimit;
use super::second_factor::Shown;
use super::{People, SignedIn, Visit, doer, entry, known_browser};
use crate::domain::address::EmailAddress;
use crate::domain::password::Password;
use crate::domain::user::{SignInAddress, User};
use crate::error::{Error, Result};
use crate::service::failure_limit::network;
use crate::service::{commit, unavailable};
use crate::store;
use crate::store::credentials::Credentials;

/// The one answer to everything that is wrong, so that nobody learns which of it was.
const WRONG: Error = Error::Unauthenticated("The address, the password or the code is not right.");

/// What an address that nobody has is held against: the same work as for one that somebody has. Made of a password that
/// was thrown away.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cG9zdGhhc3RlLW5vYm9keQ$H0sBB8GN5yFKo5mJz7Jm1ShTtsDqP3E4vpHkqW1FvqU";

/// Sign-ins that may wait for a place to hash. Past it strangers are turned away, so that the wait stays short.
const MOST_WAITING: usize = 64;

/// How often passwords may be tried.
#[derive(Debug)]
pub struct Limits {
    /// By the client's network. An office behind one address stays below it.
    pub(super) by_network: AttemptLimit,
    /// By the address that is signed in with, from all strangers together. Some 1500 guesses a day.
    pub(super) by_name: AttemptLimit,
    /// By the browser, where the address has been signed in with before, and by the person who is signed in.
    pub(super) by_known: AttemptLimit,
    /// Mails of ours to one address.
    pub(super) mails: AttemptLimit,
    waiting: Semaphore,
}

impl Limits {
    /// Limits that have seen nobody.
    pub(super) fn new() -> Self {
        Self {
            by_network: AttemptLimit::new(30, Duration::from_secs(2)),
            by_name: AttemptLimit::new(10, Duration::from_mins(1)),
            by_known: AttemptLimit::new(10, Duration::from_secs(30)),
            mails: AttemptLimit::new(5, Duration::from_mins(15)),
            waiting: Semaphore::new(MOST_WAITING),
        }
    }
}

/// What somebody who wants in shows.
#[derive(Debug)]
pub struct SignIn {
    /// The address, as it was typed.
    pub email: String,
    /// The password.
    pub password: SecretString,
    /// The code of a second factor, or a recovery code.
    pub code: Option<String>,
}

/// Attempts that were taken, to be given back when they turn out right.
struct Taken<'a> {
    limit: &'a AttemptLimit,
    name: String,
}

impl People {
    /// Lets somebody in who shows what is needed for it.
    pub async fn sign_in(&self, shown: SignIn, visit: &Visit) -> Result<SignedIn> {
        let email =
            shown.email.trim().parse::<EmailAddress>().ok().as_ref().map(SignInAddress::from);
        let known = email.as_ref().zip(visit.mark.as_deref());
        let known = known.and_then(|(email, mark)| known_browser::name(&self.seal, mark, email));
        let _waiting = match known {
            Some(_) => None,
            None => Some(self.limits.waiting.try_acquire().map_err(|_| Error::RateLimited {
                retry_after: Duration::from_secs(1),
                message: "Too many people are signing in at this moment. Try again.".into(),
            })?),
        };
        let taken = self.take_attempts(email.as_ref(), known, visit)?;
        let outcome = self.prove_and_begin(email, shown, visit).await;
        // Of whoever knows the password and is only asked for a code, nothing was guessed; nor of whoever got as far as the
        // commit.
        let is_no_guess = |error: &Error| {
            use Error::{OutcomeUnknown, SecondFactorRequired, Unavailable};
            matches!(error, SecondFactorRequired | Unavailable(_) | OutcomeUnknown(_))
        };
        if outcome.as_ref().err().is_none_or(is_no_guess) {
            for taken in taken {
                taken.limit.give_back(&taken.name);
            }
        } else {
            metrics::counter!("posthaste_sign_in_failures_total").increment(1);
        }
        outcome
    }

    async fn prove_and_begin(
        &self,
        email: Option<SignInAddress>,
        shown: SignIn,
        visit: &Visit,
    ) -> Result<SignedIn> {
        let found = match &email {
            Some(email) => {
                store::credentials::find_by_email(&self.db, email).await.map_err(unavailable)?
            }
            None => None,
        };
        let Some((user, credentials)) = self.verify(found, shown.password).await? else {
            return Err(WRONG);
        };
        let second = match &credentials.totp_secret {
            None => Shown::Nothing,
            Some(sealed) => {
                let code = shown.code.filter(|code| !code.trim().is_empty());
                let code = code.ok_or(Error::SecondFactorRequired)?;
                self.read_code(&user, sealed, &code)?.ok_or(WRONG)?
            }
        };

        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let noted = store::credentials::note_signed_in(
            &mut *transaction,
            user.account,
            user.id,
            &credentials.password_phc,
        );
        if !noted.await.map_err(unavailable)?
            || !self.use_code(&mut transaction, &user, &second).await?
        {
            return Err(WRONG);
        }
        let session = self.begin_session(&mut transaction, &user, visit).await?;
        let details = json!({"secondFactor": second.as_str()});
        let entry = entry(doer(&user, visit.from), "user.signed_in", &user, details);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(user.id = %user.id, "Signed in");
        Ok(self.signed_in(user, session))
    }

    /// Whoever was found, if the password is right. Nobody costs as much as somebody.
    async fn verify(
        &self,
        found: Option<(User, Credentials)>,
        password: SecretString,
    ) -> Result<Option<(User, Credentials)>> {
        let phc = found.as_ref().map_or(NOBODY, |(_, credentials)| &credentials.password_phc);
        // A longer one than anybody may have is nobody's; it is not hashed, whatever its length.
        let fits = password.expose_secret().len() <= 4 * Password::MAX_CHARACTERS;
        let password = if fits { password } else { String::new().into() };
        let right = self.hashing.verify(password, phc.to_owned()).await?;
        Ok(found.filter(|_| right && fits))
    }

    /// Whether this is the person's password. For somebody who is signed in and does what a stolen session should not;
    /// limited apart from strangers, and also when it is right, because nobody changes his password all day.
    pub(super) async fn confirm_password(
        &self,
        user: &User,
        credentials: &Credentials,
        password: SecretString,
    ) -> Result<bool> {
        let name = format!("signed in {}", user.id);
        self.limits.by_known.take(&name, self.clock.now()).map_err(too_many)?;
        let found = Some((user.clone(), credentials.clone()));
        Ok(self.verify(found, password).await?.is_some())
    }

    fn take_attempts(
        &self,
        email: Option<&SignInAddress>,
        known: Option<String>,
        visit: &Visit,
    ) -> Result<Vec<Taken<'_>>> {
        let limits = &self.limits;
        let mut wanted = Vec::new();
        if let Some(browser) = known {
            wanted.push(Taken { limit: &limits.by_known, name: format!("browser {browser}") });
        } else {
            let name = network(visit.from).to_string();
            wanted.push(Taken { limit: &limits.by_network, name });
            if let Some(email) = email {
                wanted.push(Taken { limit: &limits.by_name, name: email.as_str().to_owned() });
            }
        }
        let now = self.clock.now();
        for (index, taken) in wanted.iter().enumerate() {
            if let Err(wait) = taken.limit.take(&taken.name, now) {
                // A refused request costs nothing.
                for before in &wanted[..index] {
                    before.limit.give_back(&before.name);
                }
                return Err(too_many(wait));
            }
        }
        Ok(wanted)
    }
}

/// What whoever tried too often is told.
pub(super) fn too_many(retry_after: Duration) -> Error {
    let message = "Too many attempts that were not right. Wait as long as Retry-After says, or reset the password.";
    Error::RateLimited { retry_after, message: message.into() }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use argon2::password_hash::PasswordHasher;
    use argon2::password_hash::phc::PasswordHash;
    use sqlx::postgres::PgPoolOptions;
    use tokio::time::timeout;
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::service::clock::Clock;
    use crate::service::hashing::Hashing;
    use crate::service::people::OwnMails;
    use crate::service::seal::Seal;

    #[tokio::test]
    async fn who_asks_for_nobody_waits_for_a_place_to_hash_as_for_somebody() {
        let hashing = Hashing::new();
        let db = PgPoolOptions::new().connect_lazy("postgres://nowhere/nothing").unwrap();
        let people = People::new(
            db,
            hashing.clone(),
            Seal::derive(&"a secret".into()),
            Clock::monotonic(),
            OwnMails::new(None, String::new()),
            TaskTracker::new(),
        );
        let mut taken = Vec::new();
        while let Ok(place) = timeout(Duration::ZERO, hashing.place()).await {
            taken.push(place);
        }
        let mut verifying = pin!(people.verify(None, "a password".into()));
        assert!(timeout(Duration::ZERO, &mut verifying).await.is_err(), "it did not hash");
        drop(taken);
        assert!(verifying.await.unwrap().is_none());
    }

    #[test]
    fn nobody_costs_as_much_as_somebody() {
        let somebody = argon2::Argon2::default().hash_password(b"a password").unwrap().to_string();
        let somebody = PasswordHash::new(&somebody).unwrap();
        let nobody = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(nobody.algorithm, somebody.algorithm);
        assert_eq!(nobody.version, somebody.version);
        assert_eq!(nobody.params, somebody.params);
        assert!(nobody.salt.is_some() && nobody.hash.is_some());
    }
}
