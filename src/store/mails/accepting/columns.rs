//! The arguments of the accepting statement: arrays, one for each column.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::NewMailRow;
use crate::domain::id::{ApiKeyId, DeliveryId, MailId, ProjectId};

/// The rows turned by a quarter, as `UNNEST` wants them: an array for each column of the mails, and one for each column of
/// all their recipients.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub ids: Vec<MailId>,
    pub projects: Vec<ProjectId>,
    pub keys: Vec<ApiKeyId>,
    pub tests: Vec<bool>,
    pub holds: Vec<bool>,
    pub bypasses: Vec<bool>,
    pub from_addresses: Vec<&'a str>,
    pub from_names: Vec<Option<&'a str>>,
    pub to_addresses: Vec<&'a str>,
    pub to_names: Vec<Option<&'a str>>,
    pub subjects: Vec<&'a str>,
    pub missing_variables: Vec<String>,
    pub details: Vec<Option<String>>,
    pub due_at: Vec<Option<DateTime<Utc>>>,
    pub bodies: Vec<&'a [u8]>,
    pub shared_bodies: Vec<Option<Uuid>>,
    pub claims: Vec<Option<MailId>>,
    pub answers: Vec<Option<String>>,
    pub idempotency_keys: Vec<Option<&'a str>>,
    pub request_digests: Vec<Option<&'a [u8]>>,
    pub lease_tokens: Vec<Option<Uuid>>,
    pub recipient_counts: Vec<i16>,
    pub delivery_ids: Vec<DeliveryId>,
    pub delivery_mails: Vec<MailId>,
    pub delivery_positions: Vec<i16>,
    pub delivery_addresses: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    /// The columns of these mails.
    pub fn of(mails: &'a [NewMailRow]) -> Self {
        let mut columns = Self::default();
        for mail in mails {
            columns.ids.push(mail.id);
            columns.projects.push(mail.project);
            columns.keys.push(mail.key);
            columns.tests.push(mail.test);
            columns.holds.push(mail.hold);
            columns.bypasses.push(mail.bypass_suppressions);
            columns.from_addresses.push(&mail.from_address);
            columns.from_names.push(mail.from_name.as_deref());
            columns.to_names.push(mail.to_name.as_deref());
            columns.to_addresses.push(mail.recipients.first().map_or("", |(_, address)| address));
            columns.subjects.push(&mail.subject);
            columns.missing_variables.push(mail.missing_variables.join("\n"));
            columns.details.push(
                mail.details.as_ref().and_then(|details| serde_json::to_string(details).ok()),
            );
            columns.due_at.push(mail.due_at);
            columns.bodies.push(&mail.body);
            let claim = mail.idempotency.as_ref();
            columns.shared_bodies.push(mail.shared_body);
            columns.claims.push(mail.first.or(claim.map(|_| mail.id)));
            columns.idempotency_keys.push(claim.map(|claim| claim.key.as_str()));
            columns.request_digests.push(claim.map(|claim| claim.request_digest.as_slice()));
            let answer = claim.and_then(|claim| claim.answer.as_ref());
            columns.answers.push(answer.and_then(|answer| serde_json::to_string(answer).ok()));
            columns.lease_tokens.push(mail.lease_token);
            columns.recipient_counts.push(i16::try_from(mail.recipients.len()).unwrap_or(i16::MAX));
            for (position, (delivery, address)) in (0..).zip(&mail.recipients) {
                columns.delivery_ids.push(*delivery);
                columns.delivery_mails.push(mail.id);
                columns.delivery_positions.push(position);
                columns.delivery_addresses.push(address);
            }
        }
        columns
    }
}
