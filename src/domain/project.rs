//! Projects: the owners of mails.

use chrono::{DateTime, Utc};

use super::id::{AccountId, ProjectId};

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
    /// Whether its mails tell that they are opened, unless they say otherwise.
    pub track_opens: bool,
    /// Whether they tell that their links are followed, unless they say otherwise.
    pub track_clicks: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}
