//! A mail as it was asked for: every field checked, nothing rendered yet.

use serde_json::{Map, Value};

use super::address::Mailbox;
use super::attachment::Attachment;
use super::delivery::OnAmbiguous;
use super::header::CustomHeader;
use super::mail_details::MailDetails;
use super::webhook::endpoint::EndpointUrl;

/// A request to send one mail.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The author.
    pub from: Mailbox,
    /// One recipient at least.
    pub to: Vec<Mailbox>,
    /// The recipients of copies.
    pub cc: Vec<Mailbox>,
    /// The recipients whom nobody else sees.
    pub bcc: Vec<Mailbox>,
    /// Where answers go instead of to the author.
    pub reply_to: Option<Mailbox>,
    /// The subject, perhaps with variables.
    pub subject: String,
    /// The HTML part, perhaps with variables. It or `text` is present.
    pub html: Option<String>,
    /// The text part, perhaps with variables.
    pub text: Option<String>,
    /// The values of variables; `None` substitutes nothing.
    pub data: Option<Map<String, Value>>,
    /// Headers of the author's own.
    pub headers: Vec<CustomHeader>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Files that are still to be fetched.
    pub remote_files: Vec<RemoteFile>,
    /// What to do when the end of an attempt is not known.
    pub on_ambiguous: OnAmbiguous,
    /// Whether it ends in the capture mailbox, whatever the key says.
    pub test: bool,
    /// Whether suppressed addresses are served all the same.
    pub bypass_suppressions: bool,
    /// What else its author says of it.
    pub details: MailDetails,
}

/// A file that is named by its URL. Its place among the attachments is taken by an empty one.
#[derive(Clone, Debug)]
pub struct RemoteFile {
    /// Its place among the attachments.
    pub place: usize,
    /// Where it is.
    pub url: EndpointUrl,
}
