//! Projects: the owners of mails.

use chrono::{DateTime, Utc};

use super::id::{AccountId, ProjectId};

/// The longest time for which a project can say that it keeps its mails, in days.
pub const MOST_RETENTION_DAYS: i32 = 36_500;

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Names the project; goes into `x-project-id`.
    pub id: ProjectId,
    /// The owner.
    pub account: AccountId,
    /// What its maker called it, at most 100 characters.
    pub name: String,
    /// The domain that its maker plans to send from.
    pub domain: Option<String>,
    /// Days for which its mails are kept, unless the server keeps them for less; `None` for as long as the server does.
    pub retention_days: Option<i32>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}
