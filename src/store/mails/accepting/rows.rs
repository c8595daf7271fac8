//! What goes into the accepting statement, and what comes out of it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::address::Mailbox;
use crate::domain::bulk::BulkAnswer;
use crate::domain::id::{ApiKeyId, DeliveryId, MailId, ProjectId};
use crate::domain::mail::Content;
use crate::domain::mail_details::MailDetails;

/// A mail as it goes into the accepting statement: a column of it for each field.
#[derive(Debug)]
pub struct NewMailRow {
    /// Names the mail.
    pub id: MailId,
    /// The owner.
    pub project: ProjectId,
    /// The key it was sent with, which the statement checks once more.
    pub key: ApiKeyId,
    /// Whether it ends in the capture mailbox.
    pub test: bool,
    /// Whether a delivery whose end is not known is held instead of tried again.
    pub hold: bool,
    /// Whether suppressed addresses are served all the same.
    pub bypass_suppressions: bool,
    /// The author's address.
    pub from_address: String,
    /// The author's name.
    pub from_name: Option<String>,
    /// The first recipient's name.
    pub to_name: Option<String>,
    /// Every recipient's address with its delivery, in the order to, cc, bcc.
    pub recipients: Vec<(DeliveryId, String)>,
    /// The subject.
    pub subject: String,
    /// Variables that the data did not have.
    pub missing_variables: Vec<String>,
    /// What else its author said of it.
    pub details: Option<MailDetails>,
    /// The content, packed.
    pub body: Vec<u8>,
    /// What it shares with other mails, which is stored beside them.
    pub shared_body: Option<Uuid>,
    /// The caller's idempotency key.
    pub idempotency: Option<ClaimedKey>,
    /// The first mail of the same request, if that is another one: its claim of an idempotency key stands for all.
    pub first: Option<MailId>,
    /// When it is to be sent, if not at once; it must not be leased then.
    pub due_at: Option<DateTime<Utc>>,
    /// The token under which the deliveries are stored as already leased, if this process delivers them itself.
    pub lease_token: Option<Uuid>,
}

impl NewMailRow {
    /// A mail of this content, and nothing else that it may have.
    pub fn of(id: MailId, project: ProjectId, key: ApiKeyId, content: &Content) -> Self {
        let name = |mailbox: &Mailbox| mailbox.name.as_ref().map(|name| name.as_str().to_owned());
        Self {
            id,
            project,
            key,
            test: false,
            hold: false,
            bypass_suppressions: false,
            from_address: content.from.address.to_string(),
            from_name: name(&content.from),
            to_name: content.to.first().and_then(name),
            recipients: content
                .recipients()
                .map(|address| (DeliveryId::generate(), address.folded()))
                .collect(),
            subject: content.subject.as_str().to_owned(),
            missing_variables: Vec::new(),
            details: None,
            body: Vec::new(),
            shared_body: None,
            idempotency: None,
            first: None,
            due_at: None,
            lease_token: None,
        }
    }
}

/// An idempotency key that a mail claims.
#[derive(Clone, Debug)]
pub struct ClaimedKey {
    /// The caller's key.
    pub key: String,
    /// The digest of the request.
    pub request_digest: Vec<u8>,
    /// What else is answered, for the same request again.
    pub answer: Option<BulkAnswer>,
}

/// What several mails of one request have in common.
#[derive(Debug)]
pub struct SharedBodyRow {
    /// Names it.
    pub id: Uuid,
    /// It, packed.
    pub content: Vec<u8>,
}

/// What became of one mail in the accepting statement.
#[derive(Debug)]
pub struct AcceptedRow {
    /// The mail.
    pub id: MailId,
    /// Whether the key was still good when the mail was stored. If not, nothing was.
    pub key_good: bool,
    /// Whether the mail was stored. If not although the key was good, its idempotency key is taken.
    pub stored: bool,
    /// When.
    pub accepted_at: DateTime<Utc>,
    /// The recipients who are suppressed, by position; they have no delivery.
    pub suppressed: Vec<i16>,
}
