//! The answers about suppressions as they go over the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::ProjectId;
use crate::domain::suppression::{Group, GroupCode, Suppression};
use crate::http::wire::timestamp;
use crate::service::suppressions::SuppressionPage;

/// A kind of mail that recipients can want or not want.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SuppressionGroup)]
pub struct GroupBody {
    id: String,
    /// What mails name as `unsubscribeGroupId`.
    group_id: String,
    /// What recipients read.
    name: String,
    /// What recipients read below it.
    description: Option<String>,
    /// Whether it is the one that all mail belongs to.
    is_global: bool,
    /// Whether mail may be sent in it.
    is_active: bool,
    /// How many addresses get no mail of it.
    suppression_count: i64,
    /// Null for the global one, like `updatedAt`.
    created_at: Option<String>,
    updated_at: Option<String>,
}

impl From<Group> for GroupBody {
    fn from(group: Group) -> Self {
        Self {
            id: group.id.to_string(),
            group_id: group.code.to_string(),
            name: group.name,
            description: group.description,
            is_global: false,
            is_active: group.active,
            suppression_count: group.entries,
            created_at: Some(timestamp(group.created_at)),
            updated_at: Some(timestamp(group.updated_at)),
        }
    }
}

/// The group that all mail of a project belongs to.
pub fn global_group(project: ProjectId, entries: i64) -> GroupBody {
    GroupBody {
        id: project.to_string(),
        group_id: GroupCode::GLOBAL.to_owned(),
        name: "All mail".to_owned(),
        description: Some("Addresses that get no mail of this project at all".to_owned()),
        is_global: true,
        is_active: true,
        suppression_count: entries,
        created_at: None,
        updated_at: None,
    }
}

/// The groups of a project.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SuppressionGroupList)]
pub struct GroupListBody {
    /// Oldest first; the global one last, where it is asked for.
    groups: Vec<GroupBody>,
}

impl GroupListBody {
    /// These groups.
    pub fn new(groups: Vec<GroupBody>) -> Self {
        Self { groups }
    }
}

/// An address that gets no mail of a group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SuppressionEntry)]
struct EntryBody {
    id: String,
    /// In lower case.
    email: String,
    /// `GLOBAL` for no mail at all.
    group_id: String,
    /// `UNSUBSCRIBE`, `BOUNCE`, `COMPLAINT` or `MANUAL`.
    reason: String,
    created_at: String,
    updated_at: String,
}

impl From<Suppression> for EntryBody {
    fn from(entry: Suppression) -> Self {
        Self {
            id: entry.id.to_string(),
            email: entry.address,
            group_id: entry.group,
            reason: entry.reason.to_uppercase(),
            created_at: timestamp(entry.created_at),
            updated_at: timestamp(entry.updated_at),
        }
    }
}

/// Where a page stands among all.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pagination)]
struct PaginationBody {
    /// From 1.
    page: u32,
    limit: u16,
    total: i64,
    pages: i64,
}

/// A page of suppressed addresses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SuppressionEntryList)]
pub struct EntryListBody {
    /// Newest first.
    entries: Vec<EntryBody>,
    pagination: PaginationBody,
}

impl EntryListBody {
    /// A page of what was found.
    pub fn new(SuppressionPage { entries, total }: SuppressionPage, page: u32, limit: u16) -> Self {
        let pages = (total + i64::from(limit) - 1) / i64::from(limit);
        let entries = entries.into_iter().map(EntryBody::from).collect();
        Self { entries, pagination: PaginationBody { page, limit, total, pages } }
    }
}

/// What a request to suppress came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Suppressed)]
pub struct SuppressedBody {
    /// How many of the addresses were not suppressed before.
    pub suppressed: i64,
}

/// What a request to let addresses have mail again came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Unsuppressed)]
pub struct UnsuppressedBody {
    /// How many entries were taken away.
    pub unsuppressed: u64,
}
