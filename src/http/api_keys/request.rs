//! What is asked for when a key is made, changed or rotated, and its way into the domain.

mod fields;

use chrono::TimeDelta;
use serde::Deserialize;
use utoipa::ToSchema;

use self::fields::{expiry, figures, list, permissions, read};
use crate::domain::api_key::{KeyMode, KeyType, Spelling};
use crate::domain::id::ProjectId;
use crate::domain::key_change::{Change, KeyChange};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::keys::KeyWish;

/// A request to make a key. What is left out is as wide as the maker's own key; a signed-in person's keys may by
/// default do what the person's role may.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateKeyRequest {
    /// 1 to 100 characters.
    #[schema(max_length = 100, value_type = String)]
    name: Option<String>,
    /// `project` (the default) or `account`.
    #[serde(rename = "type")]
    key_type: Option<String>,
    /// The project of a project key. The one of `x-project-id` or of the key that asks is taken if nothing is said.
    project_id: Option<String>,
    /// `live` (the default) or `test`: its mail is captured and never sent.
    mode: Option<String>,
    /// How it is written: `native` (the default), or as clients of another service expect theirs: `resend` (`re_…`),
    /// `sendgrid` (`SG.…`), `tosend` (`tsend_…`), `tosend_admin` (`tsend_admin_…`), `sendmailos` (`sk_live_…`) or
    /// `mailsage` (`ms_live_…`). It is the same key whatever its beginning.
    spelling: Option<String>,
    /// A preset (`full_access`, `sending_access`, `read_only`) or a list of permissions.
    #[serde(default)]
    #[schema(value_type = Option<Permissions>)]
    permissions: Change<Permissions>,
    /// Domains it may send from, each by its own name; null for every one. An empty list sends nothing.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    domains: Change<Option<Vec<String>>>,
    /// Addresses and domains it may send to; null for everyone.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    recipients: Change<Option<Vec<String>>>,
    /// Addresses and networks (CIDR) it may be used from; null for every one.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    ip_allowlist: Change<Option<Vec<String>>>,
    /// Whether the allowlist refuses nobody and only counts whom it would have.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    ip_allowlist_dry_run: Change<bool>,
    /// From then on it is good for nothing (RFC 3339); null for never.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    expires_at: Change<Option<String>>,
    /// Its own limits; null for the server's.
    #[serde(default)]
    #[schema(value_type = Option<RateLimitRequest>)]
    rate_limit: Change<Option<RateLimitRequest>>,
}

/// A request to change a key: what is left out stays as it is, null takes a restriction away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateKeyRequest {
    /// 1 to 100 characters.
    #[serde(default)]
    #[schema(max_length = 100, value_type = Option<String>)]
    name: Change<String>,
    /// A preset (`full_access`, `sending_access`, `read_only`) or a list of permissions.
    #[serde(default)]
    #[schema(value_type = Option<Permissions>)]
    permissions: Change<Permissions>,
    /// Domains it may send from, each by its own name; null for every one. An empty list sends nothing.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    domains: Change<Option<Vec<String>>>,
    /// Addresses and domains it may send to; null for everyone.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    recipients: Change<Option<Vec<String>>>,
    /// Addresses and networks (CIDR) it may be used from; null for every one.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    ip_allowlist: Change<Option<Vec<String>>>,
    /// Whether the allowlist refuses nobody and only counts whom it would have.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    ip_allowlist_dry_run: Change<bool>,
    /// From then on it is good for nothing (RFC 3339); null for never.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    expires_at: Change<Option<String>>,
    /// Its own limits; null for the server's.
    #[serde(default)]
    #[schema(value_type = Option<RateLimitRequest>)]
    rate_limit: Change<Option<RateLimitRequest>>,
    /// `false` switches it off until it is switched on again.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    active: Change<bool>,
    /// For a refusal that says why.
    #[serde(rename = "type")]
    #[schema(ignore)]
    key_type: Option<serde_json::Value>,
    #[schema(ignore)]
    mode: Option<serde_json::Value>,
    #[schema(ignore)]
    project_id: Option<serde_json::Value>,
}

/// What a key may do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "must be the name of a preset, or a list of permissions")]
pub enum Permissions {
    /// `full_access`, `sending_access` or `read_only`.
    Preset(String),
    /// Such as `mails:send`. An empty list may do nothing.
    List(Vec<String>),
}

/// Limits, each from 1 to 1,000,000 requests. Test keys get ten times as much.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitRequest {
    /// Requests in any second; null for the server's own figure.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    per_second: Change<Option<u32>>,
    /// Requests in any minute; null for the server's own figure.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    per_minute: Change<Option<u32>>,
}

/// How a key is to be rotated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotateKeyRequest {
    /// How long the old key goes on working, in seconds: at most 30 days.
    #[schema(default = 86_400, minimum = 0, maximum = 2_592_000, value_type = Option<u32>)]
    overlap_seconds: Option<i64>,
}

impl CreateKeyRequest {
    /// The key that is asked for. `own` is the only project that it may be for, or the one if none is named.
    pub(super) fn check(self, own: Option<ProjectId>, own_only: bool) -> Result<KeyWish> {
        let mut violations = Violations::default();
        let key_type = self
            .key_type
            .and_then(|text| violations.check("type", text.parse::<KeyType>()))
            .unwrap_or(KeyType::Project);
        let mode = self.mode.and_then(|text| violations.check("mode", text.parse::<KeyMode>()));
        let spelling = self
            .spelling
            .and_then(|text| violations.check("spelling", text.parse::<Spelling>()))
            .unwrap_or_default();
        let named = self
            .project_id
            .and_then(|text| violations.check("projectId", text.parse::<ProjectId>()));
        let project = match key_type {
            KeyType::Project => named.or(own),
            KeyType::Account => None,
        };
        if key_type == KeyType::Account && own_only {
            violations.add(
                "type",
                "must be `project` here; account keys are made at /v1/account/api-keys",
            );
        } else if key_type == KeyType::Account && named.is_some() {
            violations.add(
                "projectId",
                "must be left out of an account key, which works in every project",
            );
        } else if own_only && project != own {
            violations.add("projectId", "must be the project that you are working in, or left out");
        } else if key_type == KeyType::Project && project.is_none() {
            violations.add("projectId", "is required for a project key");
        }
        if self.name.is_none() {
            violations.add("name", "is required");
        }
        let settings = UpdateKeyRequest {
            name: self.name.map_or(Change::Keep, Change::Set),
            permissions: self.permissions,
            domains: self.domains,
            recipients: self.recipients,
            ip_allowlist: self.ip_allowlist,
            ip_allowlist_dry_run: self.ip_allowlist_dry_run,
            expires_at: self.expires_at,
            rate_limit: self.rate_limit,
            active: Change::Keep,
            key_type: None,
            mode: None,
            project_id: None,
        };
        let change = settings.read(&mut violations);
        if violations.is_empty() {
            Ok(KeyWish { project, mode, spelling, change })
        } else {
            Err(Error::Invalid(violations))
        }
    }
}

impl UpdateKeyRequest {
    /// The change that is asked for.
    pub(super) fn check(self) -> Result<KeyChange> {
        let mut violations = Violations::default();
        for (field, given) in
            [("type", &self.key_type), ("mode", &self.mode), ("projectId", &self.project_id)]
        {
            if given.is_some() {
                violations.add(field, "can never be changed; make another key");
            }
        }
        let change = self.read(&mut violations);
        if violations.is_empty() { Ok(change) } else { Err(Error::Invalid(violations)) }
    }

    fn read(self, violations: &mut Violations) -> KeyChange {
        let (per_second, per_minute) = figures(self.rate_limit, violations);
        KeyChange {
            name: read(self.name, |name| violations.check("name", name.parse())),
            permissions: read(self.permissions, |chosen| permissions(chosen, violations)),
            domains: list("domains", self.domains, violations),
            recipients: list("recipients", self.recipients, violations),
            ip_allowlist: list("ipAllowlist", self.ip_allowlist, violations),
            ip_allowlist_dry_run: self.ip_allowlist_dry_run,
            expires_at: expiry(self.expires_at, violations),
            per_second,
            per_minute,
            active: self.active,
        }
    }
}

impl RotateKeyRequest {
    /// How long the old key goes on working.
    pub(super) fn check(self) -> Result<TimeDelta> {
        let seconds = self.overlap_seconds.unwrap_or(86_400);
        if !(0..=2_592_000).contains(&seconds) {
            let message = "must be a whole number from 0 to 2592000 (30 days)";
            return Err(Error::Invalid(Violations::one("overlapSeconds", message)));
        }
        Ok(TimeDelta::seconds(seconds))
    }
}
