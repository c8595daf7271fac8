//! What happens to a draft before it is stored: it is held to its key, rendered and packed.

use std::sync::Arc;

use chrono::Utc;

use crate::domain::address::Mailbox;
use crate::domain::caller::ApiKey;
use crate::domain::draft::Draft;
use crate::domain::id::DomainId;
use crate::domain::mail::Content;
use crate::domain::packing;
use crate::domain::subject::Subject;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::mail::{plain_text, template};

/// A mail that only needs to be stored.
pub(super) struct Prepared {
    /// What is in it, rendered.
    pub content: Arc<Content>,
    /// Variables that the data did not have.
    pub missing_variables: Vec<String>,
    /// The content, packed.
    pub body: Vec<u8>,
}

/// Holds a mail to what its key may send, from and to whom.
pub(super) fn allow(key: &ApiKey, draft: &Draft) -> Result<()> {
    allow_sender(key, draft)?;
    allow_recipients(key, draft)
}

/// Holds a mail to the addresses from which its key may send.
pub(super) fn allow_sender(key: &ApiKey, draft: &Draft) -> Result<()> {
    if key.restrictions.allow_sender(&draft.from.address) {
        return Ok(());
    }
    let sender = draft.from.address.domain();
    Err(Error::Forbidden {
        code: "FROM_DOMAIN_NOT_ALLOWED",
        message: format!("This API key may not send from {sender}."),
    })
}

/// Holds a mail to the addresses to which its key may send.
pub(super) fn allow_recipients(key: &ApiKey, draft: &Draft) -> Result<()> {
    let mut recipients = draft.to.iter().chain(&draft.cc).chain(&draft.bcc);
    if recipients.all(|recipient| key.restrictions.allow_recipient(&recipient.address)) {
        return Ok(());
    }
    Err(Error::Forbidden {
        code: "RECIPIENT_NOT_ALLOWED",
        message: "This API key may not send to one of the recipients.".into(),
    })
}

/// Renders and packs; off the threads that serve requests when it may take long.
pub(super) async fn prepare(draft: Draft, signed_by: Option<DomainId>) -> Result<Prepared> {
    let text =
        draft.html.as_ref().map_or(0, String::len) + draft.text.as_ref().map_or(0, String::len);
    let takes_long = draft.data.is_some() || !draft.attachments.is_empty() || text > 64 * 1024;
    let work = move || {
        let (content, missing_variables) = render(draft, signed_by)?;
        let body = packing::pack(&content);
        Ok(Prepared { content: Arc::new(content), missing_variables, body })
    };
    if !takes_long {
        return work();
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))?
}

/// Fills in the variables, and checks what only then can be checked.
pub(super) fn render(draft: Draft, signed_by: Option<DomainId>) -> Result<(Content, Vec<String>)> {
    let mut violations = Violations::default();
    let mut missing = Vec::new();
    let data = draft.data.map(|given| with_defaults(given, &draft.to));

    let mut fill = |field: &str, source: String, escape: template::Escape| -> Option<String> {
        let Some(data) = &data else { return Some(source) };
        let rendered = violations.check(field, template::render(&source, data, escape))?;
        for name in rendered.missing {
            if !missing.contains(&name) {
                missing.push(name);
            }
        }
        Some(rendered.text)
    };
    let subject = fill("subject", draft.subject, template::Escape::None);
    let html = draft.html.map(|source| fill("html", source, template::Escape::Html));
    let text = draft.text.map(|source| fill("text", source, template::Escape::None));
    let subject = subject.and_then(|text| violations.check("subject", Subject::parse(text)));

    let (Some(subject), true) = (subject, violations.is_empty()) else {
        return Err(Error::Invalid(violations));
    };
    let html = html.flatten();
    let text = text.flatten().or_else(|| html.as_deref().and_then(plain_text::from_html));
    let content = Content {
        from: draft.from,
        to: draft.to,
        cc: draft.cc,
        bcc: draft.bcc,
        reply_to: draft.reply_to,
        subject,
        html,
        text,
        headers: draft.headers,
        attachments: draft.attachments,
        signed_by,
    };
    Ok((content, missing))
}

/// What every mail knows without being told: `{{email}}` is the first recipient and `{{date}}` the day.
fn with_defaults(
    mut data: serde_json::Map<String, serde_json::Value>,
    to: &[Mailbox],
) -> serde_json::Map<String, serde_json::Value> {
    if let Some(first) = to.first() {
        data.entry("email").or_insert_with(|| first.address.to_string().into());
    }
    data.entry("date").or_insert_with(|| Utc::now().date_naive().to_string().into());
    data
}
