//! `/suppressions` of Resend's API: the addresses that get no mail of the project at all.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::domains::ReferenceBody;
use super::paging::{List, ListQuery, Page, Place};
use crate::domain::address::EmailAddress;
use crate::domain::id::{MailId, ProjectId, SuppressionId};
use crate::domain::suppression::{GroupCode, Reason, Suppression};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::{ReadSuppressions, WriteSuppressions};
use crate::http::extract::{Authorized, Json, Path, Query};
use crate::http::wire::timestamp;
use crate::service::suppressions::{SuppressionFilter, Suppressions};

/// The most addresses in one request.
const MOST: usize = 100;

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/suppressions", post(add).get(list))
        .route("/suppressions/{id}", get(find).delete(remove))
        .route("/suppressions/batch/add", post(add_all))
        .route("/suppressions/batch/remove", post(remove_all))
}

async fn add(
    caller: Authorized<WriteSuppressions>,
    State(suppressions): State<Suppressions>,
    Json { value, .. }: Json<AddBody>,
) -> Result<(StatusCode, Json<ReferenceBody>)> {
    let mut violations = Violations::default();
    let address = if let Some(text) = value.email {
        violations.check("email", text.trim().parse::<EmailAddress>())
    } else {
        violations.add("email", "is required");
        None
    };
    let address = address.ok_or(Error::Invalid(violations))?;
    let added = suppress(&suppressions, &caller, &[address]).await?;
    let added = added.into_iter().next().ok_or(Error::NotFound("suppression"))?;
    Ok((StatusCode::CREATED, Json::new(added)))
}

async fn add_all(
    caller: Authorized<WriteSuppressions>,
    State(suppressions): State<Suppressions>,
    Json { value, .. }: Json<ManyBody>,
) -> Result<Json<ManyReferences>> {
    let addresses = addresses(&value.emails.unwrap_or_default())?;
    let data = suppress(&suppressions, &caller, &addresses).await?;
    Ok(Json::new(ManyReferences { data }))
}

async fn list(
    caller: Authorized<ReadSuppressions>,
    State(suppressions): State<Suppressions>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<SuppressionBody>>> {
    let (place, limit) = query.place::<SuppressionId>()?;
    let reason = match query.origin.as_deref() {
        None => None,
        Some("bounce") => Some(Reason::Bounce),
        Some("complaint") => Some(Reason::Complaint),
        Some("manual") => Some(Reason::Manual),
        Some(_) => {
            let problem = "must be `bounce`, `complaint` or `manual`";
            return Err(Error::Invalid(Violations::one("origin", problem)));
        }
    };
    let filter =
        SuppressionFilter { group: Some(GroupCode::global()), reason, ..Default::default() };
    let found = match place {
        Place::After(before) => {
            let filter = SuppressionFilter { before, ..filter };
            suppressions.search(caller.project, &filter, 1, limit).await?
        }
        Place::Before(newer_than) => {
            let filter = SuppressionFilter { newer_than: Some(newer_than), ..filter };
            suppressions.last_of(caller.project, &filter, limit).await?
        }
    };
    let has_more = found.total > i64::from(limit);
    let page = Page { items: found.entries, has_more };
    Ok(Json::new(page.of(|entry| SuppressionBody::new(entry, None))))
}

async fn find(
    caller: Authorized<ReadSuppressions>,
    State(suppressions): State<Suppressions>,
    Path(id): Path<String>,
) -> Result<Json<SuppressionBody>> {
    let (entry, mail) = named(&suppressions, caller.project, &id).await?;
    Ok(Json::new(SuppressionBody::new(entry, mail)))
}

async fn remove(
    caller: Authorized<WriteSuppressions>,
    State(suppressions): State<Suppressions>,
    Path(id): Path<String>,
) -> Result<Json<ReferenceBody>> {
    let (entry, _) = named(&suppressions, caller.project, &id).await?;
    let mut removed = unsuppress(&suppressions, &caller, vec![entry]).await?;
    removed.pop().map(Json::new).ok_or(Error::NotFound("suppression"))
}

async fn remove_all(
    caller: Authorized<WriteSuppressions>,
    State(suppressions): State<Suppressions>,
    Json { value, .. }: Json<ManyBody>,
) -> Result<Json<ManyReferences>> {
    let entries = match (value.emails, value.ids) {
        (Some(emails), None) => {
            let found = suppressions.of_addresses(caller.project, &addresses(&emails)?).await?;
            found.into_iter().map(|(entry, _)| entry).collect()
        }
        (None, Some(ids)) if (1..=MOST).contains(&ids.len()) => {
            let mut entries = Vec::new();
            for id in ids {
                match named(&suppressions, caller.project, &id).await {
                    Ok((entry, _)) => entries.push(entry),
                    Err(Error::NotFound(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            entries
        }
        _ => {
            let problem = "must be 1 to 100 of them, or else ids, and not both";
            return Err(Error::Invalid(Violations::one("emails", problem)));
        }
    };
    let data = unsuppress(&suppressions, &caller, entries).await?;
    Ok(Json::new(ManyReferences { data }))
}

async fn suppress(
    suppressions: &Suppressions,
    caller: &Authorized<WriteSuppressions>,
    addresses: &[EmailAddress],
) -> Result<Vec<ReferenceBody>> {
    let (project, group) = (caller.project, GroupCode::global());
    suppressions.add(caller, project, &group, addresses, Reason::Manual).await?;
    let found = suppressions.of_addresses(project, addresses).await;
    let found = found.map_err(Error::after_the_deed)?;
    Ok(found.into_iter().map(|(entry, _)| reference(&entry, None)).collect())
}

async fn unsuppress(
    suppressions: &Suppressions,
    caller: &Authorized<WriteSuppressions>,
    entries: Vec<Suppression>,
) -> Result<Vec<ReferenceBody>> {
    let addresses: Vec<EmailAddress> =
        entries.iter().filter_map(|entry| entry.address.parse().ok()).collect();
    let group = GroupCode::global();
    suppressions.remove(caller, caller.project, Some(&group), &addresses).await?;
    Ok(entries.iter().map(|entry| reference(entry, Some(true))).collect())
}

/// An entry by its id or its address. What is neither names none.
async fn named(
    suppressions: &Suppressions,
    project: ProjectId,
    name: &str,
) -> Result<(Suppression, Option<MailId>)> {
    let unknown = || Error::NotFound("suppression");
    let address = if let Ok(id) = name.parse::<SuppressionId>() {
        let filter = SuppressionFilter {
            group: Some(GroupCode::global()),
            id: Some(id),
            ..Default::default()
        };
        let found = suppressions.search(project, &filter, 1, 1).await?;
        found.entries.into_iter().next().ok_or_else(unknown)?.address
    } else {
        name.trim().to_owned()
    };
    let address = address.parse::<EmailAddress>().map_err(|_| unknown())?;
    let found = suppressions.of_addresses(project, &[address]).await?;
    found.into_iter().next().ok_or_else(unknown)
}

fn addresses(texts: &[String]) -> Result<Vec<EmailAddress>> {
    let mut violations = Violations::default();
    if !(1..=MOST).contains(&texts.len()) {
        violations.add("emails", "must be 1 to 100 addresses");
        return Err(Error::Invalid(violations));
    }
    let mut read = Vec::with_capacity(texts.len());
    for (place, text) in texts.iter().enumerate() {
        read.extend(violations.check(format!("emails[{place}]"), text.trim().parse()));
    }
    if violations.is_empty() { Ok(read) } else { Err(Error::Invalid(violations)) }
}

fn reference(entry: &Suppression, deleted: Option<bool>) -> ReferenceBody {
    ReferenceBody { object: "suppression", id: entry.id.to_string(), deleted }
}

#[derive(Debug, Deserialize)]
struct AddBody {
    email: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ManyBody {
    emails: Option<Vec<String>>,
    ids: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct ManyReferences {
    data: Vec<ReferenceBody>,
}

#[derive(Debug, Serialize)]
struct SuppressionBody {
    object: &'static str,
    id: String,
    email: String,
    origin: &'static str,
    source_id: Option<String>,
    created_at: String,
}

impl SuppressionBody {
    /// Who wants no mail any more is `manual`: its clients know no word for it.
    fn new(entry: Suppression, mail: Option<MailId>) -> Self {
        let origin = match entry.reason.as_str() {
            "bounce" => "bounce",
            "complaint" => "complaint",
            _ => "manual",
        };
        Self {
            object: "suppression",
            id: entry.id.to_string(),
            email: entry.address,
            origin,
            source_id: mail.map(|mail| mail.to_string()),
            created_at: timestamp(entry.created_at),
        }
    }
}
