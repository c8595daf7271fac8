//! What a list of mails is narrowed to, as it comes over the wire.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::response::STATUSES;
use crate::domain::address::EmailAddress;
use crate::domain::id::{ApiKeyId, MailId};
use crate::domain::mail_details::check_tag;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::mails::MailFilter;

/// What somebody did with a mail, in the place of a state.
const COMPLAINED: &str = "complained";

/// What a list of mails is narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListMailsQuery {
    /// How many at once: 1 to 100.
    #[param(default = 20, minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where the last page ended: its `nextCursor`.
    cursor: Option<String>,
    /// Only mails in this state, or in one of several with commas between them; or `complained`, which stands alone: mails of
    /// which somebody complained, whatever state they are in.
    status: Option<String>,
    /// Only mails of which this is a recipient.
    to: Option<String>,
    /// Only mails from this address.
    from: Option<String>,
    /// Only mails from or to this address, or the one mail with this id.
    q: Option<String>,
    /// Only mails that were sent with this key.
    key_id: Option<String>,
    /// Only mails that were accepted at this time or later (RFC 3339).
    after: Option<String>,
    /// Only mails that were accepted before this time (RFC 3339).
    before: Option<String>,
    /// Only mails with this tag.
    tag: Option<String>,
    /// Only mails of this request for many.
    batch_id: Option<String>,
    /// Only test mails, or only others.
    test: Option<bool>,
}

impl ListMailsQuery {
    /// The filter and the limit, or every field that is at fault.
    pub fn check(self) -> Result<(MailFilter, u16)> {
        let mut violations = Violations::default();
        let limit = self.limit.unwrap_or(20);
        if !(1..=100).contains(&limit) {
            violations.add("limit", "must be a whole number from 1 to 100");
        }
        let cursor =
            self.cursor.and_then(|text| violations.check("cursor", text.parse::<MailId>()));
        let statuses: Vec<String> =
            self.status.iter().flat_map(|text| text.split(',')).map(ToOwned::to_owned).collect();
        let complained = statuses == [COMPLAINED];
        let statuses = if complained { Vec::new() } else { statuses };
        if !statuses.iter().all(|status| STATUSES.contains(&status.as_str())) {
            let all = STATUSES.join(", ");
            let problem =
                format!("must be one of {all}, or some with commas; or {COMPLAINED} alone");
            violations.add("status", problem);
        }
        let mut address = |field: &str, text: Option<String>| {
            text.and_then(|text| violations.check(field, text.parse::<EmailAddress>()))
                .map(|address| address.to_string())
        };
        let to_address = address("to", self.to).map(|address| address.to_lowercase());
        let from_address = address("from", self.from);
        // What is no address may be an id.
        let sought = self.q.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let id = sought.and_then(|text| text.parse::<MailId>().ok());
        let address = sought.filter(|_| id.is_none()).and_then(|text| {
            let parsed = text.parse::<EmailAddress>();
            let parsed = parsed.map_err(|_| "must be a whole e-mail address or the id of a mail");
            violations.check("q", parsed).map(|address| address.to_string())
        });
        let key = self.key_id.and_then(|text| violations.check("keyId", text.parse::<ApiKeyId>()));
        let mut time = |field: &str, text: Option<String>| -> Option<DateTime<Utc>> {
            let parsed = DateTime::parse_from_rfc3339(text?.as_str());
            let parsed = parsed.map_err(|_| "must be a time such as 2026-11-21T08:30:00Z");
            violations.check(field, parsed).map(|time| time.to_utc())
        };
        let (after, before) = (time("after", self.after), time("before", self.before));
        let tag = self.tag.and_then(|text| violations.check("tag", check_tag(text)));
        let batch = self.batch_id.and_then(|text| {
            let parsed = text.parse::<Uuid>().map_err(|_| "is not a valid id");
            violations.check("batchId", parsed)
        });
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let filter = MailFilter {
            cursor,
            id,
            statuses,
            complained,
            to_address,
            from_address,
            address,
            key,
            after,
            before,
            test: self.test,
            tag,
            batch,
        };
        Ok((filter, limit))
    }
}
