//! What a list of keys is narrowed to, as it is asked for.

use std::str::FromStr;

use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::caller::KeyStatus;
use crate::domain::id::ApiKeyId;
use crate::domain::key_record::Attention;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::page::Wanted;
use crate::service::keys::{KeyQuery, StatusChoice};

/// The longest search, in characters: as long as a name may be.
const LONGEST_SEARCH: usize = 100;

/// What a list of keys is narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListKeysQuery {
    /// How many at once: 1 to 100.
    #[param(default = 20, minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where the last page ended: its `nextCursor`.
    cursor: Option<String>,
    /// `active`, `inactive`, `expired`, `revoked` or `all`; all but revoked ones if nothing is said.
    status: Option<String>,
    /// `project` or `account`.
    #[serde(rename = "type")]
    key_type: Option<String>,
    /// `live` or `test`.
    mode: Option<String>,
    /// Only keys of this project.
    project_id: Option<String>,
    /// How a name, a display key or a public id begins, or an id.
    q: Option<String>,
    /// `unused_90_days` or `older_than_90_days`.
    attention: Option<String>,
}

impl ListKeysQuery {
    pub(super) fn check(self) -> Result<(KeyQuery, Wanted<ApiKeyId>)> {
        let mut violations = Violations::default();
        let wanted = Wanted::read(self.limit, self.cursor.as_deref(), &mut violations);
        let status = self.status.as_deref().and_then(|text| {
            let read = match text {
                "all" => Some(StatusChoice::All),
                text => KeyStatus::ALL
                    .into_iter()
                    .find(|one| one.as_str() == text)
                    .map(StatusChoice::Only),
            };
            violations.check(
                "status",
                read.ok_or("must be one of active, inactive, expired, revoked and all"),
            )
        });
        let attention = self.attention.as_deref().and_then(|text| {
            let read = Attention::ALL.into_iter().find(|one| one.as_str() == text);
            violations
                .check("attention", read.ok_or("must be unused_90_days or older_than_90_days"))
        });
        let is_search =
            |text: &str| text.chars().count() <= LONGEST_SEARCH && !text.contains(char::is_control);
        if self.q.as_ref().is_some_and(|text| !is_search(text)) {
            violations.add("q", "must have at most 100 characters, without control characters");
        }
        let query = KeyQuery {
            before: wanted.before,
            status: status.unwrap_or_default(),
            key_type: read("type", self.key_type.as_deref(), &mut violations),
            mode: read("mode", self.mode.as_deref(), &mut violations),
            project: read("projectId", self.project_id.as_deref(), &mut violations),
            search: self.q.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
            attention,
        };
        if violations.is_empty() { Ok((query, wanted)) } else { Err(Error::Invalid(violations)) }
    }
}

fn read<T: FromStr<Err: std::fmt::Display>>(
    field: &str,
    text: Option<&str>,
    violations: &mut Violations,
) -> Option<T> {
    violations.check(field, text?.parse())
}
