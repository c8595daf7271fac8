//! What Resend's clients ask for.

use std::fmt::{self, Display};
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::{Map, Value};

use super::super::draft;
use super::super::few::Few;
use crate::domain::attachment;
use crate::domain::draft::Draft;
use crate::domain::schedule;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::mails::request::{
    Addresses, AttachmentBody, EncodedBytes, Files, Headers, SendMailRequest, read_files,
};
use crate::service::keys::KeyQuery;
use crate::service::mails::MailFilter;

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
    template: Option<IgnoredAny>,
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
}

impl From<File> for AttachmentBody {
    fn from(File { filename, content, content_type }: File) -> Self {
        let content = content.map(|Bytes(bytes)| bytes);
        Self::of(filename, content, content_type)
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
    /// The mail that is asked for, at `now`.
    pub(super) fn draft(self, now: DateTime<Utc>) -> Result<Draft> {
        if self.template.is_some() {
            let problem = "is not supported by this version yet; send html or text";
            return Err(Error::Invalid(Violations::one("template", problem)));
        }
        let tags = tags(self.tags.unwrap_or_default())?;
        let request = SendMailRequest::with(|request| {
            request.from = self.from;
            request.to = self.to;
            request.cc = self.cc;
            request.bcc = self.bcc;
            request.reply_to = self.reply_to;
            request.subject = self.subject;
            request.html = self.html;
            request.text = self.text;
            request.headers = self.headers;
            request.attachments = Some(self.attachments);
            request.scheduled_at = self.scheduled_at.map(|text| time(text, now));
        });
        draft(request, |draft| draft.details.metadata = tags)
    }
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

/// Which page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    limit: Option<u16>,
    after: Option<String>,
    before: Option<String>,
}

impl ListQuery {
    /// The filter and the limit of a list of mails.
    pub(super) fn check(self) -> Result<(MailFilter, u16)> {
        let (cursor, limit) = self.page()?;
        Ok((MailFilter { cursor, ..MailFilter::default() }, limit))
    }

    /// The same of a list of keys.
    pub(super) fn of_keys(self) -> Result<(KeyQuery, u16)> {
        let (before, limit) = self.page()?;
        Ok((KeyQuery { before, ..KeyQuery::default() }, limit))
    }

    fn page<Id: FromStr<Err: Display>>(self) -> Result<(Option<Id>, u16)> {
        let mut violations = Violations::default();
        let limit = self.limit.unwrap_or(20);
        if !(1..=100).contains(&limit) {
            violations.add("limit", "must be a whole number from 1 to 100");
        }
        if self.before.is_some() {
            violations.add("before", "is not supported; page forward with `after`");
        }
        let cursor = self.after.and_then(|text| violations.check("after", text.parse::<Id>()));
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        Ok((cursor, limit))
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
