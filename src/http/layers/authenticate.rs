//! Who is asking: the Bearer key or the session, its project and its limits.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::client::{ClientAddress, OverTls};
use super::usage::KeyInUse;
use super::{rate_limit_headers, session};
use crate::domain::api_key::{ApiKeyToken, KeyType};
use crate::domain::caller::{Actor, ApiKey, Caller, KeyStatus};
use crate::domain::id::{AccountId, ProjectId};
use crate::domain::rate_limit::RateLimit;
use crate::error::{Error, Result};
use crate::service::clock::Clock;
use crate::service::failure_limit::FailureLimit;
use crate::service::keys::{Keys, Rejection};
use crate::service::rate_limit::{Decision, RateLimiter};
use crate::service::sessions::Sessions;

/// What a request is judged by.
pub struct Gate {
    keys: Arc<Keys>,
    limiter: RateLimiter,
    failures: FailureLimit,
    /// Reports of leaked keys, so that a scanner that reports many is not taken for one who guesses.
    reports: FailureLimit,
    sessions: Sessions,
    clock: Clock,
}

/// What a caller is known by. Without the body, which no two threads may look at.
struct Asked<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    from: IpAddr,
    over_tls: bool,
}

impl Gate {
    /// A gate that has seen no request.
    pub fn new(keys: Arc<Keys>, sessions: Sessions, clock: Clock) -> Self {
        let (limiter, failures, reports) =
            (RateLimiter::new(), FailureLimit::new(), FailureLimit::new());
        Self { keys, limiter, failures, reports, sessions, clock }
    }

    /// Forgets keys that were idle; to be called every few seconds.
    pub fn sweep(&self) {
        self.limiter.sweep(self.clock.now());
    }

    /// Counts a report of a leaked key, which needs no key, and refuses those who make too many.
    pub fn admit_report(&self, from: IpAddr) -> Result<()> {
        let now = self.clock.now();
        if let Some(retry_after) = self.reports.blocked_address(from, now) {
            let message =
                "Too many reports came from your address. Wait as long as Retry-After says.";
            return Err(Error::RateLimited { retry_after, message: message.into() });
        }
        self.reports.failed(from, None, now);
        Ok(())
    }

    /// The holder of a good key or session, working for the project that the request names.
    ///
    /// `in_use` becomes the key as soon as its secret has proved right, whatever is found out after that.
    async fn admit(&self, asked: Asked<'_>, in_use: &mut Option<KeyInUse>) -> Result<Caller> {
        let Asked { method, uri, headers, from, over_tls } = asked;
        // Whoever sends a key means it, whatever cookies a browser adds.
        if !headers.contains_key(header::AUTHORIZATION)
            && let Some(cookie) = session::cookie(headers, session::SESSION, over_tls)
        {
            session::refuse_other_sites(method, uri, headers)?;
            let person = self.sessions.find(cookie).await?;
            let person =
                person.ok_or(Error::Unauthenticated("Your session is over. Sign in again."))?;
            let project = self.project_in(person.account, headers).await?;
            return Ok(Caller {
                account: person.account,
                actor: Actor::Person(person),
                project,
                from,
            });
        }
        let key = self.authenticate(headers, from, in_use).await?;
        let would_have_blocked =
            key.restrictions.ip_allowlist_dry_run && !key.restrictions.list_address(from);
        *in_use = Some(KeyInUse { key: key.id, would_have_blocked });
        allow(&key, from)?;
        let project = self.project(&key, headers).await?;
        self.keys.note_used(key.id, from);
        Ok(Caller { account: key.account, actor: Actor::Key(key), project, from })
    }

    async fn authenticate(
        &self,
        headers: &HeaderMap,
        from: IpAddr,
        in_use: &mut Option<KeyInUse>,
    ) -> Result<Arc<ApiKey>> {
        let now = self.clock.now();
        let token = bearer(headers).inspect_err(|_| {
            // Whoever sends nothing guesses nothing: a page asks who is signed in before anybody is.
            if headers.contains_key(header::AUTHORIZATION) {
                self.note_failure(from, None, now);
            }
        })?;
        // Only what is not known to be good is refused here: a good key in use works beside any flood.
        if let Some(wait) = self.failures.blocked_address(from, now)
            && !self.keys.answers_at_once(token.public_id()).await
        {
            return Err(too_many_failures(wait));
        }
        match self.keys.verify(&token).await? {
            Ok(key) => Ok(key),
            Err(Rejection::Ended(status, key)) => {
                *in_use = Some(KeyInUse { key, would_have_blocked: false });
                Err(Error::Unauthenticated(match status {
                    KeyStatus::Revoked => "The API key was revoked. Use another key.",
                    KeyStatus::Expired => "The API key has expired. Make a new key.",
                    KeyStatus::Inactive | KeyStatus::Active => {
                        "The API key is switched off. Switch it on or use another."
                    }
                }))
            }
            Err(Rejection::Unknown) => {
                let blocked = self
                    .failures
                    .blocked_address(from, now)
                    .or_else(|| self.failures.blocked_public_id(token.public_id(), now));
                self.note_failure(from, Some(token.public_id()), now);
                Err(blocked.map_or(
                    Error::Unauthenticated("The API key is not valid. Check that it is complete."),
                    too_many_failures,
                ))
            }
        }
    }

    fn note_failure(&self, from: IpAddr, public_id: Option<&str>, now: Duration) {
        metrics::counter!("posthaste_authentication_failures_total").increment(1);
        self.failures.failed(from, public_id, now);
    }

    async fn project(&self, key: &ApiKey, headers: &HeaderMap) -> Result<Option<ProjectId>> {
        match key.key_type {
            KeyType::Account => self.project_in(key.account, headers).await,
            KeyType::Project => match named_project(headers)? {
                Some(named) if Some(named) != key.project => Err(project_not_allowed()),
                _ => Ok(key.project),
            },
        }
    }

    /// The project of the account that the request names, if it names one.
    async fn project_in(
        &self,
        account: AccountId,
        headers: &HeaderMap,
    ) -> Result<Option<ProjectId>> {
        let Some(named) = named_project(headers)? else { return Ok(None) };
        if self.keys.account_of(named).await? == Some(account) {
            return Ok(Some(named));
        }
        Err(project_not_allowed())
    }

    fn decide(&self, actor: &Actor) -> Decision {
        let key = match actor {
            Actor::Key(key) => key,
            Actor::Person(person) => {
                let id = person.session.as_uuid();
                return self.limiter.check(id, session_limit(), self.clock.now());
            }
        };
        self.limiter.check(key.id.as_uuid(), self.keys.limit_of(key), self.clock.now())
    }
}

/// Lets good keys within their limits through, and tells every one of them how it stands.
pub async fn authenticate(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let from = request
        .extensions()
        .get()
        .copied()
        .map_or(IpAddr::from([0, 0, 0, 0]), |ClientAddress(from)| from);
    let asked = Asked {
        method: request.method(),
        uri: request.uri(),
        headers: request.headers(),
        from,
        over_tls: request.extensions().get().is_some_and(|OverTls(over_tls)| *over_tls),
    };
    let mut in_use = None;
    let mut response = match gate.admit(asked, &mut in_use).await {
        Ok(caller) => let_through(&gate, caller, request, next).await,
        Err(error) => error.into_response(),
    };
    if let Some(in_use) = in_use {
        response.extensions_mut().insert(in_use);
    }
    response
}

async fn let_through(gate: &Gate, caller: Caller, mut request: Request, next: Next) -> Response {
    let decision = gate.decide(&caller.actor);
    let is_person = caller.key().is_none();
    if let Some(key) = caller.key() {
        tracing::debug!(key.id = %key.id, "Authenticated");
    }

    let mut response = match decision.retry_after {
        Some(retry_after) if !decision.allowed => {
            metrics::counter!("posthaste_rate_limited_total").increment(1);
            let (second, minute) = (decision.second.limit, decision.minute.limit);
            let who = if caller.key().is_some() { "This API key" } else { "A session" };
            let message = format!(
                "{who} may make {second} requests a second and {minute} a minute. Wait as long as Retry-After \
                 says."
            );
            Error::RateLimited { retry_after, message }.into_response()
        }
        _ => {
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(decision);
            next.run(request).await
        }
    };
    if is_person {
        session::keep_from_others(response.headers_mut());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    rate_limit_headers::insert(response.headers_mut(), &decision, now);
    response
}

/// Holds a caller to the networks that its key may be used from. What cannot be read as a network lets nobody in.
fn allow(key: &ApiKey, from: IpAddr) -> Result<()> {
    if key.restrictions.admit_address(from) {
        return Ok(());
    }
    Err(Error::Forbidden {
        code: "IP_NOT_ALLOWED",
        message: "This API key may not be used from this address.".into(),
    })
}

fn named_project(headers: &HeaderMap) -> Result<Option<ProjectId>> {
    let mut named = headers.get_all("x-project-id").iter();
    let Some(value) = named.next() else { return Ok(None) };
    if named.next().is_some() {
        return Err(project_not_allowed());
    }
    let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    id.map(Some).ok_or_else(project_not_allowed)
}

fn project_not_allowed() -> Error {
    Error::Forbidden {
        code: "PROJECT_NOT_ALLOWED",
        message: "The header `x-project-id` names no project that you may work in.".into(),
    }
}

/// A dashboard makes some requests for each page that is opened, and nobody opens pages that fast.
fn session_limit() -> RateLimit {
    RateLimit::new(50, 1500).expect("both are positive")
}

fn bearer(headers: &HeaderMap) -> Result<ApiKeyToken> {
    let missing = Error::Unauthenticated("Send an API key: `Authorization: Bearer AS_…`.");
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(missing) };
    let text = value.to_str().unwrap_or_default();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            token.trim().parse().map_err(|_| {
                Error::Unauthenticated(
                    "The API key is mistyped or cut short: its checksum does not fit.",
                )
            })
        }
        _ => Err(missing),
    }
}

fn too_many_failures(retry_after: Duration) -> Error {
    let message = "Too many requests with wrong API keys came from your address or for this key. Wait, and check the key.";
    Error::RateLimited { retry_after, message: message.into() }
}
