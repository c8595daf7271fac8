//! What happens to a draft before it is stored: it is held to its key, rendered and packed.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::Utc;

use crate::domain::address::Mailbox;
use crate::domain::caller::ApiKey;
use crate::domain::draft::Draft;
use crate::domain::id::{DomainId, ProjectId};
use crate::domain::mail::Content;
use crate::domain::packing;
use crate::domain::personal::{self, Personal};
use crate::domain::subject::Subject;
use crate::domain::suppression::GroupCode;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::mail::{plain_text, template};

/// The values of variables.
type Data = serde_json::Map<String, serde_json::Value>;

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
pub(super) async fn prepare(
    draft: Draft,
    project: ProjectId,
    signed_by: Option<DomainId>,
) -> Result<Prepared> {
    let text =
        draft.html.as_ref().map_or(0, String::len) + draft.text.as_ref().map_or(0, String::len);
    let takes_long = draft.data.is_some() || !draft.attachments.is_empty() || text > 64 * 1024;
    let work = move || {
        let (content, missing_variables) = render(draft, project, signed_by)?;
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
    project: ProjectId,
    signed_by: Option<DomainId>,
) -> Result<(Content, Vec<String>)> {
    let mut violations = Violations::default();
    let mut missing = Vec::new();
    let mut data = draft.data.map(|given| with_defaults(given, &draft.to));

    let mut fill = |field: &str,
                    source: String,
                    data: Option<&Data>,
                    escape: template::Escape|
     -> Option<String> {
        let Some(data) = data else { return Some(source) };
        let rendered = violations.check(field, template::render(&source, data, escape))?;
        for name in rendered.missing {
            if !missing.contains(&name) {
                missing.push(name);
            }
        }
        Some(rendered.text)
    };
    let subject = fill("subject", draft.subject, data.as_ref(), template::Escape::None);
    // Not in subjects: a link there is nothing that anybody could follow.
    let (html, text) = match &mut data {
        Some(data) => {
            personal::add_link_variables(data);
            (draft.html, draft.text)
        }
        None => (draft.html.map(with_link_tags), draft.text.map(with_link_tags)),
    };
    let data = data.as_ref();
    let html = html.map(|source| fill("html", source, data, template::Escape::Html));
    let text = text.map(|source| fill("text", source, data, template::Escape::None));
    let subject = subject.and_then(|text| violations.check("subject", Subject::parse(text)));

    let links: usize = [&html, &text]
        .into_iter()
        .flatten()
        .flatten()
        .map(|part| personal::count_links(part))
        .sum();
    if links > personal::MOST_UNSUBSCRIBE_LINKS {
        violations.add("html", "may have 100 links to unsubscribe, together with text");
    }

    let (Some(subject), true) = (subject, violations.is_empty()) else {
        return Err(Error::Invalid(violations));
    };
    let html = html.flatten();
    let text = text.flatten().or_else(|| html.as_deref().and_then(plain_text::from_html));
    let group = draft.details.unsubscribe_group_id.as_deref().and_then(|code| code.parse().ok());
    let unsubscribe = group.or_else(|| (links > 0).then(GroupCode::global));
    let personal = unsubscribe.map(|group| Personal {
        project,
        unsubscribe: Some(group),
        track_opens: false,
        track_clicks: false,
    });
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
        personal,
    };
    Ok((content, missing))
}

fn with_link_tags(part: String) -> String {
    match personal::fill_link_tags(&part) {
        Cow::Borrowed(_) => part,
        Cow::Owned(filled) => filled,
    }
}

/// What every mail knows without being told: `{{email}}` is the first recipient and `{{date}}` the day.
fn with_defaults(mut data: Data, to: &[Mailbox]) -> Data {
    if let Some(first) = to.first() {
        data.entry("email").or_insert_with(|| first.address.to_string().into());
    }
    data.entry("date").or_insert_with(|| Utc::now().date_naive().to_string().into());
    data
}
