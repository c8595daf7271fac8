//! What is known of a mail beside its content, and most mails do not have.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// What the author said of a mail that its recipients do not see. One column holds all of it as JSON, so that mails
/// without any of it cost nothing more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MailDetails {
    /// The request for many mails that it was a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<Uuid>,
    /// The template that it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// Which version of that template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_version: Option<i32>,
    /// The suppression group that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsubscribe_group_id: Option<String>,
    /// Words of the author's own to find it by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Values of the author's own.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Whether it tells that it is opened; the project's choice where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_open: Option<bool>,
    /// Whether it tells that its links are followed; the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_click: Option<bool>,
    /// When it is to be sent, if not at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<DateTime<Utc>>,
    /// How important it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
}

/// How important a mail is, in the author's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// More than others.
    High,
    /// As others.
    Normal,
    /// Less than others.
    Low,
}

impl Priority {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

impl MailDetails {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
