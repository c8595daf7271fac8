//! What Resend's clients ask for.

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::{Map, Value};

use super::super::draft;
use super::super::few::Few;
use super::template_notes::Notes;
use crate::domain::attachment;
use crate::domain::draft::Draft;
use crate::domain::schedule;
use crate::domain::template::TemplateId;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::mails::request::{
    Addresses, AttachmentBody, EncodedBytes, Files, Headers, SendMailRequest, Variables, read_files,
};

/// The longest name or value of a tag, in characters.
const MAX_TAG: usize = 256;

/// The most tags of one mail.
const MAX_TAGS: usize = 50;

/// A request to send one mail.
#[derive(Debug, Deserialize)]
pub(super) struct SendBody {
    from: Option<Addresses>,
    to: Option<Addresses>,
    cc: Option<Addresses>,
    bcc: Option<Addresses>,
    reply_to: Option<Addresses>,
    subject: Option<String>,
    html: Option<String>,
    text: Option<String>,
    headers: Option<Headers>,
    #[serde(default, deserialize_with = "read_files::<File, _>")]
    attachments: Files,
    #[serde(default)]
    tags: Option<Few<Tag>>,
    scheduled_at: Option<String>,
    template: Option<TemplateChoice>,
}

/// The template that says what the mail does not.
#[derive(Debug, Deserialize)]
struct TemplateChoice {
    id: String,
    variables: Option<Variables>,
}

/// A word and its value, by which the author finds the mail again.
#[derive(Debug, Deserialize)]
struct Tag {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct File {
    filename: Option<String>,
    content: Option<Bytes>,
    content_type: Option<String>,
    path: Option<String>,
    content_id: Option<String>,
}

impl From<File> for AttachmentBody {
    fn from(File { filename, content, content_type, path, content_id }: File) -> Self {
        let content = content.map(|Bytes(bytes)| bytes);
        // As they are written in headers of mails.
        let bare = |id: String| id.trim_start_matches('<').trim_end_matches('>').to_owned();
        let named = |path: &String| path.rsplit(['/', '?']).next().map(str::to_owned);
        let filename = filename.or_else(|| path.as_ref().and_then(named));
        Self::of(filename, content, content_type).fetched_from(path).shown_as(content_id.map(bare))
    }
}

/// The bytes of a file: base64 from some clients, a list of numbers from others.
struct Bytes(EncodedBytes);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BytesVisitor).map(Self)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = EncodedBytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file in base64, or as a list of bytes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<EncodedBytes, E> {
        Ok(EncodedBytes::of_base64(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<EncodedBytes, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = items.next_element::<u8>()? {
            if bytes.len() == attachment::MAX_ENCODED_BYTES {
                return Err(de::Error::custom("has more bytes than a mail may have"));
            }
            bytes.push(byte);
        }
        Ok(EncodedBytes::of_bytes(bytes))
    }
}

impl SendBody {
    /// The template that is named.
    pub(super) fn template(&self) -> Option<&str> {
        self.template.as_ref().map(|template| template.id.as_str())
    }

    /// About the memory that it takes beyond the bytes it was read from.
    pub(super) fn weight(&self) -> usize {
        let variables = self.template.as_ref().and_then(|template| template.variables.as_ref());
        variables.map_or(0, Variables::weight)
    }

    /// The mail that is asked for, at `now`, where `known` is what is known of its template.
    pub(super) fn draft(self, now: DateTime<Utc>, known: Option<&Known>) -> Result<Draft> {
        let (mut from, mut reply_to) = (self.from, self.reply_to);
        let mut values = None;
        if let Some(Known { notes, has_subject, .. }) = known {
            let mut violations = Violations::default();
            let given = self.template.and_then(|template| template.variables);
            let given = given.map(|given| given.checked("template.variables", &mut violations));
            if !has_subject && self.subject.as_ref().is_none_or(|text| text.trim().is_empty()) {
                violations.add("subject", "is required: the template has none");
            }
            if !violations.is_empty() {
                return Err(Error::Invalid(violations));
            }
            values = Some(notes.fill(given.unwrap_or_default())?);
            from = from.or_else(|| notes.from.clone().map(|text| Addresses::of_texts([text])));
            reply_to = reply_to.or_else(|| notes.reply_to.clone().map(Addresses::of_texts));
        }
        let tags = tags(self.tags.unwrap_or_default())?;
        let request = SendMailRequest::with(|request| {
            request.from = from;
            request.to = self.to;
            request.cc = self.cc;
            request.bcc = self.bcc;
            request.reply_to = reply_to;
            request.subject = self.subject;
            request.html = self.html;
            request.text = self.text;
            request.headers = self.headers;
            request.attachments = Some(self.attachments);
            request.scheduled_at = self.scheduled_at.map(|text| time(text, now));
            request.template_id = known.map(|known| known.id.to_string());
        });
        draft(request, |draft| {
            draft.details.metadata = tags;
            draft.data = values;
        })
    }
}

/// What is known of a template that mails are made from.
#[derive(Debug)]
pub(super) struct Known {
    /// Which.
    pub(super) id: TemplateId,
    /// What stands beside its text.
    pub(super) notes: Notes,
    /// Whether it has a subject of its own.
    pub(super) has_subject: bool,
}

/// Tags as values of the author's own.
fn tags(Few(tags): Few<Tag>) -> Result<Map<String, Value>> {
    let is_plain = |text: &str| {
        (1..=MAX_TAG).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    let mut violations = Violations::default();
    if tags.len() > MAX_TAGS {
        violations.add("tags", format!("may be {MAX_TAGS} at most"));
    }
    let mut read = Map::new();
    for (place, Tag { name, value }) in tags.into_iter().take(MAX_TAGS).enumerate() {
        for (part, text) in [("name", &name), ("value", &value)] {
            if !is_plain(text) {
                let problem = "must have 1 to 256 ASCII letters, digits, underscores and hyphens";
                violations.add(format!("tags[{place}].{part}"), problem);
            }
        }
        read.insert(name, value.into());
    }
    if violations.is_empty() { Ok(read) } else { Err(Error::Invalid(violations)) }
}

/// A time as the native API reads it. This one also takes some English: `in 5 minutes`.
fn time(text: String, now: DateTime<Utc>) -> String {
    let later = || {
        let (amount, unit) = text.trim().strip_prefix("in ")?.trim().split_once(' ')?;
        let amount: i64 = if matches!(amount, "a" | "an") { 1 } else { amount.parse().ok()? };
        let unit = match unit.trim().trim_end_matches('s') {
            "sec" | "second" => TimeDelta::seconds(1),
            "min" | "minute" => TimeDelta::minutes(1),
            "h" | "hr" | "hour" => TimeDelta::hours(1),
            "day" => TimeDelta::days(1),
            "week" => TimeDelta::weeks(1),
            _ => return None,
        };
        // Past what can be scheduled it need not be exact.
        let wait = unit.checked_mul(amount.clamp(0, 100_000).try_into().ok()?)?;
        Some((now + wait).to_rfc3339_opts(SecondsFormat::Millis, true))
    };
    later().unwrap_or(text)
}

/// A request to change a mail that is scheduled.
#[derive(Debug, Deserialize)]
pub(super) struct UpdateBody {
    scheduled_at: Option<String>,
}

impl UpdateBody {
    /// The time that is asked for, at `now`.
    pub(super) fn check(self, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
        let invalid = |problem: String| Error::Invalid(Violations::one("scheduledAt", problem));
        let text = self.scheduled_at.ok_or_else(|| invalid("is required".into()))?;
        schedule::parse(&time(text, now)).map_err(|problem| invalid(problem.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_be_said_in_words() {
        let now = schedule::parse("2026-11-21T08:00:00Z").unwrap();
        for (text, read) in [
            ("in 1 min", "2026-11-21T08:01:00.000Z"),
            ("in 90 seconds", "2026-11-21T08:01:30.000Z"),
            ("in an hour", "2026-11-21T09:00:00.000Z"),
            ("in 2 days", "2026-11-23T08:00:00.000Z"),
            ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("tomorrow", "tomorrow"),
            ("in ß minutes", "in ß minutes"),
        ] {
            assert_eq!(time(text.to_owned(), now), read);
        }
        assert!(schedule::parse(&time("in 99999999999 weeks".into(), now)).is_ok());
    }

    #[test]
    fn a_file_is_base64_or_a_list_of_bytes() {
        for body in [
            r#"{"attachments":[{"filename":"a.txt","content":"aGVsbG8="}]}"#,
            r#"{"attachments":[{"filename":"a.txt","content":[104,101,108,108,111]}]}"#,
            r#"{"attachments":null}"#,
        ] {
            serde_json::from_str::<SendBody>(body).unwrap();
        }
        for body in [
            r#"{"attachments":[{"filename":"a.txt","content":[256]}]}"#,
            r#"{"attachments":[{"filename":"a.txt","content":{}}]}"#,
        ] {
            serde_json::from_str::<SendBody>(body).unwrap_err();
        }
    }
}
