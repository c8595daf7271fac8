//! What the author said of a mail beside its content, as it goes over the wire.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::mail_details::{MailDetails, Priority};
use crate::http::wire::timestamp;

/// What the author said of a mail beside its content.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DetailsView {
    /// When it is, or was, to be sent; null for at once.
    scheduled_at: Option<String>,
    /// The request for many mails that it was a part of.
    batch_id: Option<String>,
    template_id: Option<String>,
    /// The version of the template that it was made from.
    template_version: Option<i32>,
    unsubscribe_group_id: Option<String>,
    /// `high`, `normal` or `low`; null where nothing was said.
    priority: Option<&'static str>,
    tags: Vec<String>,
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    metadata: Map<String, Value>,
}

impl From<Option<MailDetails>> for DetailsView {
    fn from(details: Option<MailDetails>) -> Self {
        let MailDetails {
            batch_id,
            template_id,
            template_version,
            unsubscribe_group_id,
            tags,
            metadata,
            scheduled_at,
            priority,
            ..
        } = details.unwrap_or_default();
        Self {
            scheduled_at: scheduled_at.map(timestamp),
            batch_id: batch_id.map(|id| id.to_string()),
            template_id,
            template_version,
            unsubscribe_group_id,
            priority: priority.map(Priority::as_str),
            tags,
            metadata,
        }
    }
}
