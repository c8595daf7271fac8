//! `/v2/suppressions`: addresses that get no mail of the project at all.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::page::{Listed, Page};
use crate::domain::address::EmailAddress;
use crate::domain::suppression::{GroupCode, Reason, Suppression};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadSuppressions, WriteSuppressions};
use crate::http::extract::{Authorized, Json, Query};
use crate::http::wire::timestamp;
use crate::service::suppressions::{SuppressionFilter, SuppressionPage, Suppressions};

/// The longest piece of an address that is looked for, in bytes.
const LONGEST: usize = 254;

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v2/suppressions", get(list).delete(reactivate))
}

async fn list(
    caller: Authorized<ReadSuppressions>,
    State(suppressions): State<Suppressions>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Listed<SuppressionBody>>> {
    let (filter, page) = query.check()?;
    let found =
        suppressions.search(caller.project, &filter, page.number().into(), page.length()).await?;
    let SuppressionPage { entries, total } = found;
    Ok(Json::new(page.of(entries.into_iter().map(SuppressionBody::from).collect(), total)))
}

/// Lets an address have mail again. There is no limit to that here.
async fn reactivate(
    caller: Authorized<WriteSuppressions>,
    State(suppressions): State<Suppressions>,
    Query(query): Query<AddressQuery>,
) -> Result<Json<ReactivatedBody>> {
    let mut violations = Violations::default();
    let address = if let Some(text) = query.email {
        violations.check("email", text.trim().parse::<EmailAddress>())
    } else {
        violations.add("email", "is required");
        None
    };
    let address = address.ok_or(Error::Invalid(violations))?;
    let group = GroupCode::global();
    let removed = suppressions.remove(&caller, caller.project, Some(&group), &[address]).await?;
    Ok(Json::new(ReactivatedBody {
        deleted: removed > 0,
        used_today: None,
        remaining_today: None,
        daily_limit: None,
    }))
}

#[derive(Debug, Deserialize)]
struct AddressQuery {
    email: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    page: Option<u16>,
    per_page: Option<u16>,
    search: Option<String>,
    status: Option<String>,
}

impl ListQuery {
    fn check(self) -> Result<(SuppressionFilter, Page)> {
        let mut violations = Violations::default();
        let page = Page::read(self.page, self.per_page, &mut violations);
        let written = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let part = written(self.search).map(|text| text.trim().to_lowercase());
        if part.as_ref().is_some_and(|text| text.contains('\0') || text.len() > LONGEST) {
            violations.add("search", "must be a piece of an address");
        }
        // Whoever is on this list is suppressed.
        let reason = written(self.status)
            .filter(|text| text != "suppressed")
            .and_then(|text| violations.check("status", text.parse::<Reason>()));
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let group = Some(GroupCode::global());
        Ok((SuppressionFilter { group, reason, part, ..SuppressionFilter::default() }, page))
    }
}

#[derive(Debug, Serialize)]
struct SuppressionBody {
    id: String,
    email: String,
    status: &'static str,
    reason: String,
    created_at: String,
}

impl From<Suppression> for SuppressionBody {
    fn from(entry: Suppression) -> Self {
        Self {
            id: entry.id.to_string(),
            email: entry.address,
            status: "suppressed",
            reason: entry.reason,
            created_at: timestamp(entry.created_at),
        }
    }
}

/// What letting an address have mail again answers; null is no limit.
#[derive(Debug, Serialize)]
struct ReactivatedBody {
    deleted: bool,
    used_today: Option<u32>,
    remaining_today: Option<u32>,
    daily_limit: Option<u32>,
}
