//! What happens to a draft before it is stored: it is held to its key, rendered and packed.

use std::sync::Arc;

use chrono::Utc;
use serde_json::{Map, Value};

use super::rendering::{Parts, fill_in};
use crate::domain::address::{EmailAddress, Mailbox};
use crate::domain::caller::ApiKey;
use crate::domain::draft::Draft;
use crate::domain::id::{DomainId, ProjectId};
use crate::domain::mail::Content;
use crate::domain::packing;
use crate::domain::personal::{Personal, Tracking};
use crate::domain::subject::Subject;
use crate::domain::suppression::GroupCode;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::mail::template::Steps;

/// A mail that only needs to be stored.
pub(super) struct Prepared {
    /// What is in it, rendered.
    pub content: Arc<Content>,
    /// Variables that the data did not have.
    pub missing_variables: Vec<String>,
    /// The content, packed.
    pub body: Vec<u8>,
}

/// What a mail is held together with beside what its author wrote.
#[derive(Clone, Copy)]
pub(super) struct Around {
    /// The owner.
    pub project: ProjectId,
    /// What it tells of its readers.
    pub tracking: Tracking,
    /// The domain with whose keys it is signed.
    pub signed_by: Option<DomainId>,
}

/// Whom a mail is from, once its template had its say.
pub(super) fn author(draft: &Draft) -> Result<&Mailbox> {
    let missing = || Violations::one("from", "is required: the template has no sender of its own");
    draft.from.as_ref().ok_or_else(|| Error::Invalid(missing()))
}

/// Holds a mail to what its key may send, from and to whom.
pub(super) fn allow(key: &ApiKey, draft: &Draft) -> Result<()> {
    allow_sender(key, draft)?;
    allow_recipients(key, draft)
}

/// Holds a mail to the addresses from which its key may send.
pub(super) fn allow_sender(key: &ApiKey, draft: &Draft) -> Result<()> {
    may_send_from(key, &author(draft)?.address)
}

/// Holds mail of this author to its key.
pub(super) fn may_send_from(key: &ApiKey, author: &EmailAddress) -> Result<()> {
    if key.restrictions.allow_sender(author) {
        return Ok(());
    }
    let sender = author.domain();
    Err(Error::Forbidden {
        code: "FROM_DOMAIN_NOT_ALLOWED",
        message: format!("This API key may not send from {sender}."),
    })
}

/// Holds a mail to the addresses to which its key may send.
pub(super) fn allow_recipients(key: &ApiKey, draft: &Draft) -> Result<()> {
    let recipients = draft.to.iter().chain(&draft.cc).chain(&draft.bcc);
    may_send_to(key, recipients.map(|recipient| &recipient.address))
}

/// Holds mail to these recipients to its key.
pub(super) fn may_send_to<'a>(
    key: &ApiKey,
    mut recipients: impl Iterator<Item = &'a EmailAddress>,
) -> Result<()> {
    if recipients.all(|recipient| key.restrictions.allow_recipient(recipient)) {
        return Ok(());
    }
    Err(Error::Forbidden {
        code: "RECIPIENT_NOT_ALLOWED",
        message: "This API key may not send to one of the recipients.".into(),
    })
}

/// Renders, with what is left of `steps`, and packs; off the threads that serve requests when it may take long.
pub(super) async fn prepare(draft: Draft, around: Around, steps: Arc<Steps>) -> Result<Prepared> {
    let text =
        draft.html.as_ref().map_or(0, String::len) + draft.text.as_ref().map_or(0, String::len);
    let takes_long = draft.data.is_some() || !draft.attachments.is_empty() || text > 64 * 1024;
    let work = move || {
        let (content, missing_variables) = render(draft, around, &steps)?;
        let body = packing::pack(&content);
        Ok(Prepared { content: Arc::new(content), missing_variables, body })
    };
    if !takes_long {
        return work();
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))?
}

/// Fills in the variables, and checks what only then can be checked.
pub(super) fn render(
    draft: Draft,
    Around { project, tracking, signed_by }: Around,
    steps: &Steps,
) -> Result<(Content, Vec<String>)> {
    let mut violations = Violations::default();
    let data = draft.data.map(|given| with_defaults(given, &draft.to));
    let parts = Parts {
        subject: draft.subject,
        preview_text: draft.preview_text,
        html: draft.html,
        text: draft.text,
        stored: draft.stored,
    };
    let filled = fill_in(parts, data, steps, &mut violations);
    // A subject that could not be filled in has its violation already.
    let subject = violations
        .is_empty()
        .then(|| violations.check("subject", Subject::parse(filled.subject)))
        .flatten();
    let (Some(from), Some(subject), true) = (draft.from, subject, violations.is_empty()) else {
        return Err(Error::Invalid(violations));
    };
    let group = draft.details.unsubscribe_group_id.as_deref().and_then(|code| code.parse().ok());
    let unsubscribe = group.or_else(|| (filled.links > 0).then(GroupCode::global));
    let has_html = filled.html.is_some();
    let Tracking { opens, clicks } = if has_html { tracking } else { Tracking::default() };
    let personal = (unsubscribe.is_some() || opens || clicks).then_some(Personal {
        project,
        unsubscribe,
        track_opens: opens,
        track_clicks: clicks,
    });
    let content = Content {
        from,
        to: draft.to,
        cc: draft.cc,
        bcc: draft.bcc,
        reply_to: draft.reply_to,
        subject,
        html: filled.html,
        text: filled.text,
        headers: draft.headers,
        attachments: draft.attachments,
        signed_by,
        personal,
    };
    Ok((content, filled.missing_variables))
}

/// What every mail knows without being told: `{{email}}` is the first recipient and `{{date}}` the day.
fn with_defaults(mut data: Map<String, Value>, to: &[Mailbox]) -> Map<String, Value> {
    if let Some(first) = to.first() {
        data.entry("email").or_insert_with(|| first.address.to_string().into());
    }
    data.entry("date").or_insert_with(|| Utc::now().date_naive().to_string().into());
    data
}
