//! Requests about suppressions as they come over the wire.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::domain::address::EmailAddress;
use crate::domain::suppression::{GroupCode, GroupName, Reason};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::suppressions::{GroupChange, NewGroup, SuppressionFilter};

/// The most addresses in one request.
const MOST_ADDRESSES: usize = 1000;

/// The longest description of a group, in characters.
const LONGEST_DESCRIPTION: usize = 500;

/// How many entries a page has, if nothing is said.
const DEFAULT_LIMIT: u16 = 20;

/// A group to be made or changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupRequest {
    /// What recipients read: 1 to 200 characters. Required for a new group.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// What recipients read below it: 500 characters at most.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// Whether mail may be sent in it; `true` for a new group if nothing is said.
    is_active: Option<bool>,
}

impl GroupRequest {
    /// What is to be different.
    pub fn into_change(self) -> Result<GroupChange> {
        let mut violations = Violations::default();
        let change = self.read(&mut violations);
        if violations.is_empty() { Ok(change) } else { Err(Error::Invalid(violations)) }
    }

    fn read(self, violations: &mut Violations) -> GroupChange {
        let description = self.description.map(|text| text.trim().to_owned());
        if description.as_ref().is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
            violations.add("description", "must have at most 500 characters");
        }
        if description.as_ref().is_some_and(|text| text.contains('\0')) {
            violations.add("description", "must not contain the character NUL");
        }
        GroupChange {
            name: self.name.and_then(|text| violations.check("name", text.parse::<GroupName>())),
            description,
            active: self.is_active,
        }
    }
}

impl TryFrom<GroupRequest> for NewGroup {
    type Error = Error;

    fn try_from(request: GroupRequest) -> Result<Self> {
        let mut violations = Violations::default();
        if request.name.is_none() {
            violations.add("name", "is required");
        }
        let GroupChange { name, description, active } = request.read(&mut violations);
        match name {
            Some(name) if violations.is_empty() => {
                let description = description.filter(|text| !text.is_empty());
                Ok(Self { name, description, active: active.unwrap_or(true) })
            }
            _ => Err(Error::Invalid(violations)),
        }
    }
}

/// Which groups are shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListGroupsQuery {
    /// Shows only the one that all mail belongs to.
    only_global: Option<bool>,
    /// Shows it beside the others.
    include_global: Option<bool>,
}

impl ListGroupsQuery {
    /// Whether the project's own groups are left out.
    pub fn only_global(&self) -> bool {
        self.only_global.unwrap_or_default()
    }

    /// Whether the one that all mail belongs to is shown.
    pub fn includes_global(&self) -> bool {
        self.only_global() || self.include_global.unwrap_or_default()
    }
}

/// Which entries are wanted; all members may be left out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchEntriesRequest {
    /// Those of this group.
    group_id: Option<String>,
    /// `UNSUBSCRIBE`, `BOUNCE`, `COMPLAINT` or `MANUAL`.
    reason: Option<String>,
    /// From 1.
    #[schema(minimum = 1)]
    page: Option<u32>,
    /// How many on a page: 1 to 100, 20 if nothing is said.
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// A piece of the address; looked for among the newest 100 000 entries.
    search: Option<String>,
    /// Those made then or later.
    start_date: Option<DateTime<Utc>>,
    /// Those made then or earlier.
    end_date: Option<DateTime<Utc>>,
    /// Those of this address.
    email: Option<String>,
    /// Those that keep an address from all mail.
    is_global: Option<bool>,
}

impl SearchEntriesRequest {
    /// The filter, the page and how many are on it.
    pub fn check(self) -> Result<(SuppressionFilter, u32, u16)> {
        let mut violations = Violations::default();
        let written = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let (page, limit) = (self.page.unwrap_or(1), self.limit.unwrap_or(DEFAULT_LIMIT));
        if page == 0 {
            violations.add("page", "must be 1 or more");
        }
        if !(1..=100).contains(&limit) {
            violations.add("limit", "must be a whole number from 1 to 100");
        }
        let group = group(written(self.group_id), self.is_global, &mut violations);
        let reason = written(self.reason)
            .and_then(|text| violations.check("reason", text.trim().parse::<Reason>()));
        let address = written(self.email)
            .and_then(|text| violations.check("email", text.trim().parse::<EmailAddress>()));
        let part = written(self.search).map(|text| text.trim().to_lowercase());
        if part.as_ref().is_some_and(|text| text.contains('\0') || text.len() > 254) {
            violations.add("search", "must be a piece of an address");
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let filter = SuppressionFilter {
            group,
            reason,
            address: address.map(|address| address.folded()),
            part,
            from: self.start_date,
            to: self.end_date,
            ..SuppressionFilter::default()
        };
        Ok((filter, page, limit))
    }
}

/// Addresses that are to get no mail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuppressRequest {
    /// 1 to 1000 addresses.
    emails: Option<Vec<String>>,
    /// The group that they get no mail of; none of the project if it is left out.
    group_id: Option<String>,
    /// `UNSUBSCRIBE`, `BOUNCE`, `COMPLAINT` or `MANUAL`, which it is if nothing is said.
    reason: Option<String>,
    /// The same as to leave the group out.
    is_global: Option<bool>,
}

impl SuppressRequest {
    /// The addresses, the group and the reason.
    pub fn check(self) -> Result<(Vec<EmailAddress>, GroupCode, Reason)> {
        let mut violations = Violations::default();
        let addresses = addresses(self.emails, &mut violations);
        let group = group(self.group_id, self.is_global, &mut violations);
        let reason = match self.reason.filter(|text| !text.trim().is_empty()) {
            None => Some(Reason::Manual),
            Some(text) => violations.check("reason", text.trim().parse()),
        };
        match reason {
            Some(reason) if violations.is_empty() => {
                Ok((addresses, group.unwrap_or_else(GroupCode::global), reason))
            }
            _ => Err(Error::Invalid(violations)),
        }
    }
}

/// Addresses that are to have mail again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnsuppressRequest {
    /// 1 to 1000 addresses.
    emails: Option<Vec<String>>,
    /// The group that they have mail of again; all groups and the project if it is left out.
    group_id: Option<String>,
    /// Only what kept them from all mail is taken away.
    is_global: Option<bool>,
}

impl UnsuppressRequest {
    /// The addresses and the group.
    pub fn check(self) -> Result<(Vec<EmailAddress>, Option<GroupCode>)> {
        let mut violations = Violations::default();
        let addresses = addresses(self.emails, &mut violations);
        let group = group(self.group_id, self.is_global, &mut violations);
        if violations.is_empty() { Ok((addresses, group)) } else { Err(Error::Invalid(violations)) }
    }
}

fn addresses(given: Option<Vec<String>>, violations: &mut Violations) -> Vec<EmailAddress> {
    let given = given.unwrap_or_default();
    if !(1..=MOST_ADDRESSES).contains(&given.len()) {
        violations.add("emails", "must be a list of 1 to 1000 addresses");
        return Vec::new();
    }
    let read = given.into_iter().enumerate().filter_map(|(place, text)| {
        violations.check(format!("emails[{place}]"), text.trim().parse())
    });
    read.collect()
}

fn group(
    code: Option<String>,
    is_global: Option<bool>,
    violations: &mut Violations,
) -> Option<GroupCode> {
    if is_global == Some(true) {
        return Some(GroupCode::global());
    }
    code.filter(|text| !text.trim().is_empty())
        .and_then(|text| violations.check("groupId", text.parse()))
}
