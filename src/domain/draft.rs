//! A mail as it was asked for: every field checked, nothing rendered yet.

use serde_json::{Map, Value};

use super::address::Mailbox;
use super::attachment::Attachment;
use super::delivery::OnAmbiguous;
use super::header::CustomHeader;
use super::mail_details::MailDetails;
use super::template::TemplateChoice;
use super::webhook::endpoint::EndpointUrl;

/// A request to send one mail.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The template that says what the draft does not.
    pub template: Option<TemplateChoice>,
    /// The author; absent at most until the template has named one.
    pub from: Option<Mailbox>,
    /// One recipient at least.
    pub to: Vec<Mailbox>,
    /// The recipients of copies.
    pub cc: Vec<Mailbox>,
    /// The recipients whom nobody else sees.
    pub bcc: Vec<Mailbox>,
    /// Where answers go instead of to the author.
    pub reply_to: Vec<Mailbox>,
    /// The subject, perhaps with variables; empty at most until the template has given one.
    pub subject: String,
    /// What mailboxes show beside the subject, perhaps with variables; may be empty.
    pub preview_text: String,
    /// The HTML part, perhaps with variables. It or `text` is present, or a template.
    pub html: Option<String>,
    /// The text part, perhaps with variables.
    pub text: Option<String>,
    /// Which of these parts are a stored template's.
    pub stored: StoredParts,
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
    /// What else its author says of it.
    pub details: MailDetails,
}

/// Which parts of a draft come from a stored template. It may write values as they are; what a request brings may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredParts {
    /// The subject.
    pub subject: bool,
    /// The HTML part.
    pub html: bool,
    /// The text part.
    pub text: bool,
}

/// A file that is named by its URL. Its place among the attachments is taken by an empty one.
#[derive(Clone, Debug)]
pub struct RemoteFile {
    /// Its place among the attachments.
    pub place: usize,
    /// Where it is.
    pub url: EndpointUrl,
}
