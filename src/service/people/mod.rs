//! People: signing in, joining by a link, and what everybody changes of himself.

mod attempt_limit;
mod invitations;
mod known_browser;
mod links;
mod own_mail;
mod password_reset;
mod profile;
mod second_factor;
mod sign_in;
mod team;

use std::net::IpAddr;
use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use tokio_util::task::TaskTracker;

pub use self::invitations::Invited;
pub use self::links::{Acceptance, LinkFacts, make_reset_link, make_set_up_link};
pub use self::own_mail::{OwnMails, link};
pub use self::second_factor::{NewSecondFactor, take_totp_away};
pub use self::sign_in::{Limits, SignIn};
pub use self::team::everybody;

use super::clock::Clock;
use super::hashing::Hashing;
use super::seal::Seal;
use super::unavailable;
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::Person;
use crate::domain::id::{AccountId, ProjectId, SessionId};
use crate::domain::token::Token;
use crate::domain::user::User;
use crate::error::{Error, Result};
use crate::store;
use crate::store::sessions::NewSession;

/// A session is over so long after its beginning, however much it is used.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// A person is signed in in so many browsers at most; the oldest session ends for the newest.
const MOST_SESSIONS: i64 = 50;

/// What is kept of a browser's name for itself, in characters.
const MOST_OF_USER_AGENT: usize = 300;

/// The people of every account.
pub struct People {
    db: PgPool,
    hashing: Hashing,
    seal: Seal,
    clock: Clock,
    limits: Limits,
    own_mails: OwnMails,
    /// Where mails are written that nobody waits for.
    background: TaskTracker,
}

/// Where a request for a session comes from.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The client's address.
    pub from: IpAddr,
    /// What the browser calls itself.
    pub user_agent: String,
    /// The mark of a browser that signed in before.
    pub mark: Option<String>,
    /// The session that the browser had until now.
    pub session: Option<Token>,
}

/// Somebody who has just signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// The cookie.
    pub session: Token,
    /// What makes the browser a known one.
    pub mark: String,
}

/// What the dashboard shows around everything else.
#[derive(Debug)]
pub struct Me {
    /// The person.
    pub user: User,
    /// What the account is called.
    pub account_name: String,
    /// The account's projects with their names, oldest first.
    pub projects: Vec<(ProjectId, String)>,
}

impl People {
    /// The people kept in `db`. Limits go by `clock`; mails that nobody waits for are written on `background`.
    pub fn new(
        db: PgPool,
        hashing: Hashing,
        seal: Seal,
        clock: Clock,
        own_mails: OwnMails,
        background: TaskTracker,
    ) -> Self {
        Self { db, hashing, seal, clock, limits: Limits::new(), own_mails, background }
    }

    /// All that a page needs to know of who looks at it.
    pub async fn me(&self, person: &Person) -> Result<Me> {
        let account = person.account;
        let user = store::users::find(&self.db, account, person.id).await.map_err(unavailable)?;
        let name = store::accounts::name(&self.db, account).await.map_err(unavailable)?;
        let projects = store::projects::list(&self.db, account).await.map_err(unavailable)?;
        let (Some(user), Some(account_name)) = (user, name) else { return Err(session_is_over()) };
        let projects = projects.into_iter().map(|project| (project.id, project.name)).collect();
        Ok(Me { user, account_name, projects })
    }

    /// Begins a session under a token that nobody has seen before, and ends the one that the browser had.
    async fn begin_session(
        &self,
        db: &mut PgConnection,
        user: &User,
        visit: &Visit,
    ) -> Result<Token> {
        if let Some(before) = &visit.session {
            store::sessions::delete_by_digest(&mut *db, &before.digest())
                .await
                .map_err(unavailable)?;
        }
        let token = Token::generate();
        let agent = visit.user_agent.chars().filter(|c| !c.is_control());
        let new = NewSession {
            id: SessionId::generate(),
            token_digest: &token.digest(),
            user: user.id,
            lifetime_seconds: SESSION_LIFETIME.as_secs_f64(),
            ip: &visit.from.to_string(),
            user_agent: &agent.take(MOST_OF_USER_AGENT).collect::<String>(),
        };
        store::sessions::insert(&mut *db, &new).await.map_err(unavailable)?;
        store::sessions::keep_newest(&mut *db, user.id, MOST_SESSIONS)
            .await
            .map_err(unavailable)?;
        Ok(token)
    }

    fn signed_in(&self, user: User, session: Token) -> SignedIn {
        let mark = known_browser::mark(&self.seal, &user.email);
        SignedIn { user, session, mark }
    }
}

/// An entry about a person.
fn entry(
    doer: Doer,
    action: &'static str,
    user: &User,
    details: serde_json::Value,
) -> NewAuditEntry {
    NewAuditEntry {
        account: user.account,
        project: None,
        doer,
        action,
        subject: user.id.as_uuid(),
        subject_label: user.email.as_str().to_owned(),
        details,
    }
}

/// Somebody who has just proved to be this person.
fn doer(user: &User, from: IpAddr) -> Doer {
    Doer {
        kind: "user",
        id: Some(user.id.as_uuid()),
        label: user.email.as_str().to_owned(),
        from: Some(from),
    }
}

/// What whoever asks is told when the session ended between two statements.
fn session_is_over() -> Error {
    Error::Unauthenticated("Your session is over. Sign in again.")
}

/// Changes of who belongs to an account, one at a time.
async fn lock(db: &mut PgConnection, account: AccountId) -> Result<()> {
    store::accounts::lock(db, account).await.map_err(unavailable)
}
