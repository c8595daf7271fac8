//! What is known of a mail beside its content, and most mails do not have.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::one_line::{is_invisible, is_one_line};

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
    /// Whether it is sent to suppressed addresses all the same.
    #[serde(skip_serializing_if = "is_off")]
    pub bypass_suppressions: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes what may be skipped by reference"
)]
fn is_off(choice: &bool) -> bool {
    !choice
}

/// The most values of the author's own.
const MAX_METADATA: usize = 50;

/// The longest name of one, in characters.
const MAX_NAME: usize = 64;

/// The longest value, in characters.
const MAX_VALUE: usize = 512;

/// All of them together, in bytes of JSON.
const MAX_METADATA_BYTES: usize = 4096;

/// The longest tag, in characters.
const MAX_TAG: usize = 64;

/// The text is no tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 printable characters")]
pub struct InvalidTag;

/// A tag without the space around it.
pub fn check_tag(text: String) -> Result<String, InvalidTag> {
    let trimmed = text.trim();
    let fits = (1..=MAX_TAG).contains(&trimmed.chars().count());
    if !fits || !is_one_line(trimmed) || trimmed.chars().any(is_invisible) {
        return Err(InvalidTag);
    }
    Ok(if trimmed.len() == text.len() { text } else { trimmed.to_owned() })
}

/// The values cannot be kept with a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// Too many or too much.
    #[error("may have at most 50 values and 4 KB")]
    TooMuch,
    /// A name or a value that is none.
    #[error(
        "must have names of 1 to 64 printable characters, and text of at most 512 characters, numbers, true or false"
    )]
    Member,
}

/// Holds values of the author's own to what may be kept.
pub fn check_metadata(values: &Map<String, Value>) -> Result<(), InvalidMetadata> {
    let bytes = serde_json::to_vec(values).map_or(usize::MAX, |json| json.len());
    if values.len() > MAX_METADATA || bytes > MAX_METADATA_BYTES {
        return Err(InvalidMetadata::TooMuch);
    }
    let is_name = |name: &str| (1..=MAX_NAME).contains(&name.chars().count()) && is_one_line(name);
    // The database keeps every character but NUL.
    let is_value = |value: &Value| match value {
        Value::String(text) => text.chars().count() <= MAX_VALUE && !text.contains('\0'),
        Value::Number(_) | Value::Bool(_) => true,
        _ => false,
    };
    if values.iter().all(|(name, value)| is_name(name) && is_value(value)) {
        Ok(())
    } else {
        Err(InvalidMetadata::Member)
    }
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
    /// The same without choices that ask for nothing, which need no room in every row.
    #[must_use]
    pub fn without_what_is_off(self) -> Self {
        Self {
            tracking_open: self.tracking_open.filter(|on| *on),
            tracking_click: self.tracking_click.filter(|on| *on),
            ..self
        }
    }

    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(values: Value) -> Result<(), InvalidMetadata> {
        let Value::Object(values) = values else { panic!("values are an object") };
        check_metadata(&values)
    }

    #[test]
    fn a_tag_is_a_short_text_that_can_be_seen() {
        assert_eq!(check_tag(" order 7 ".into()), Ok("order 7".into()));
        assert_eq!(check_tag("ü".repeat(64)), Ok("ü".repeat(64)));
        for text in ["", " ", "a\nb", "a\0", "a\u{200b}b", &"x".repeat(65)] {
            assert_eq!(check_tag(text.into()), Err(InvalidTag), "{text:?}");
        }
    }

    #[test]
    fn metadata_is_flat_and_small() {
        assert_eq!(
            checked(json!({"order": "7\n8", "paid": true, "total": 1e300, "empty": ""})),
            Ok(())
        );
        for wrong in [
            json!({"list": []}),
            json!({"nothing": null}),
            json!({"": 1}),
            json!({"a\n": 1}),
            json!({"a": "\0"}),
            json!({"a": "x".repeat(513)}),
        ] {
            assert_eq!(checked(wrong.clone()), Err(InvalidMetadata::Member), "{wrong}");
        }
        let many: Map<String, Value> = (0..51).map(|n| (n.to_string(), n.into())).collect();
        assert_eq!(checked(many.into()), Err(InvalidMetadata::TooMuch));
        let large: Map<String, Value> =
            (0..9).map(|n| (n.to_string(), "x".repeat(500).into())).collect();
        assert_eq!(checked(large.into()), Err(InvalidMetadata::TooMuch));
    }
}
