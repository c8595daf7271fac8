//! One request for many mails: what is asked for, and what became of each.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::address::Mailbox;
use super::draft::Draft;
use super::id::MailId;
use super::violations::Violations;

/// The most mails in one request.
pub const MAX_MAILS: usize = 100;

/// A request to send the same mail to many, each with an envelope and values of their own.
#[derive(Clone, Debug)]
pub struct BulkDraft {
    /// What is the same for all; it has no recipients.
    pub common: Draft,
    /// The mails, in the order in which they were written; or what is wrong with them.
    pub mails: Vec<Result<BulkMail, Violations>>,
    /// Whether the others are sent when some cannot be.
    pub partial: bool,
}

/// What one of many mails has of its own.
#[derive(Clone, Debug)]
pub struct BulkMail {
    /// The recipient.
    pub to: Mailbox,
    /// The recipients of copies.
    pub cc: Vec<Mailbox>,
    /// The recipients whom nobody else sees.
    pub bcc: Vec<Mailbox>,
    /// Values of variables, over those that all have.
    pub data: Option<Map<String, Value>>,
}

/// What a request for many mails is answered. It names no address, because it outlives the request: the same request
/// again has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkAnswer {
    /// Names the request.
    pub batch_id: Uuid,
    /// What became of each mail, in the order of the request.
    pub results: Vec<BulkResult>,
}

/// What became of one of many mails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BulkResult {
    /// It is stored.
    Accepted(MailId),
    /// It is not.
    Refused(Refusal),
}

/// Why one of many mails was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The published code.
    pub code: String,
    /// What to do about it.
    pub message: String,
    /// The fields that are at fault.
    pub violations: Violations,
}
