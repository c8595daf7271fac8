//! What an author says of a mail beside its content, as it comes over the wire.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::domain::header::CustomHeader;
use crate::domain::mail_details::{Priority, check_metadata, check_tag};
use crate::domain::suppression::GroupCode;
use crate::domain::violations::Violations;
use crate::http::extract::bounded_value::{self, Budget};

/// The most tags of one mail.
const MAX_TAGS: usize = 20;

/// How much of metadata is read, in bytes of text: more than any mail may have.
const METADATA_TEXT: usize = 16 * 1024;

/// Words to find a mail by: a list of them, or one alone.
#[derive(Debug, Default)]
pub(super) struct Tags {
    words: Vec<String>,
    are_too_many: bool,
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TagsVisitor)
    }
}

struct TagsVisitor;

impl<'de> Visitor<'de> for TagsVisitor {
    type Value = Tags;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of words")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Tags, E> {
        Ok(Tags { words: vec![word.to_owned()], are_too_many: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tags, A::Error> {
        let mut read = Tags::default();
        while read.words.len() < MAX_TAGS {
            let Some(word) = items.next_element()? else { return Ok(read) };
            read.words.push(word);
        }
        while items.next_element::<IgnoredAny>()?.is_some() {
            read.are_too_many = true;
        }
        Ok(read)
    }
}

/// The tags, each once. `categories` is an older name of theirs.
pub(super) fn tags(
    tags: Option<Tags>,
    categories: Option<Tags>,
    violations: &mut Violations,
) -> Vec<String> {
    let mut checked = Vec::new();
    for (field, given) in [("tags", tags), ("categories", categories)] {
        let Some(Tags { words, are_too_many }) = given else { continue };
        if are_too_many || checked.len() + words.len() > MAX_TAGS {
            violations.add(field, "may have at most 20 words");
            continue;
        }
        for (place, word) in words.into_iter().enumerate() {
            let tag = violations.check(format!("{field}[{place}]"), check_tag(word));
            checked.extend(tag.filter(|tag| !checked.contains(tag)));
        }
    }
    checked
}

/// The suppression group as some clients write it. They may give a URL beside it, which leads elsewhere and is not used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UnsubscribeBody {
    group_id: Option<String>,
}

/// The suppression group that a mail belongs to, in either of its spellings.
pub(super) fn unsubscribe_group(
    group_id: Option<String>,
    unsubscribe: Option<UnsubscribeBody>,
    violations: &mut Violations,
) -> Option<String> {
    let mut read = |field: &str, text: Option<String>| {
        text.filter(|text| !text.trim().is_empty())
            .and_then(|text| violations.check(field, text.parse::<GroupCode>()))
    };
    let plain = read("unsubscribeGroupId", group_id);
    let nested = read("unsubscribe.groupId", unsubscribe.and_then(|written| written.group_id));
    if plain.is_some() && nested.is_some() && plain != nested {
        violations
            .add("unsubscribe.groupId", "must be the same as unsubscribeGroupId, or be left out");
    }
    plain.or(nested).map(String::from)
}

/// Values of the author's own by name.
#[derive(Debug)]
pub(super) struct Metadata {
    values: Map<String, Value>,
    fits: bool,
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let budget = Budget::new(METADATA_TEXT);
        let values = bounded_value::read_object(deserializer, &budget)?;
        Ok(Self { values, fits: budget.spent().is_some() })
    }
}

impl Metadata {
    /// The values, each of them checked.
    pub(super) fn checked(self, violations: &mut Violations) -> Map<String, Value> {
        if !self.fits {
            violations.add("metadata", "may have at most 50 values and 4 KB");
            return Map::new();
        }
        violations.check("metadata", check_metadata(&self.values));
        self.values
    }
}

/// How important a mail is, in the words or the numbers that clients use.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "must be `high`, `normal` or `low`, or a number from 1 to 5")]
pub(super) enum WrittenPriority {
    Number(i64),
    Word(String),
}

/// The priority, and the headers by which readers know it, unless the author has set them.
pub(super) fn priority(
    written: Option<&WrittenPriority>,
    headers: &mut Vec<CustomHeader>,
    violations: &mut Violations,
) -> Option<Priority> {
    let priority = match written? {
        WrittenPriority::Number(1 | 2) => Priority::High,
        WrittenPriority::Number(3) => Priority::Normal,
        WrittenPriority::Number(4 | 5) => Priority::Low,
        WrittenPriority::Word(word) => match word.as_str() {
            "high" | "1" | "2" => Priority::High,
            "normal" | "3" => Priority::Normal,
            "low" | "4" | "5" => Priority::Low,
            _ => return unknown(violations),
        },
        WrittenPriority::Number(_) => return unknown(violations),
    };
    let number = match priority {
        Priority::High => "1",
        Priority::Normal => "3",
        Priority::Low => "5",
    };
    for (name, value) in [("X-Priority", number), ("Importance", priority.as_str())] {
        if headers.iter().any(|header| header.name().eq_ignore_ascii_case(name)) {
            continue;
        }
        headers.extend(CustomHeader::new(name.to_owned(), value.to_owned()));
    }
    Some(priority)
}

fn unknown(violations: &mut Violations) -> Option<Priority> {
    violations.add("priority", "must be `high`, `normal` or `low`, or a number from 1 to 5");
    None
}
