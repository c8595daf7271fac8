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
use crate::domain::personal::{self, Personal, Tracking};
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

/// Holds a mail to what its key may send, from and to whom.
pub(super) fn allow(key: &ApiKey, draft: &Draft) -> Result<()> {
    let restrictions = &key.restrictions;
    if !restrictions.allow_sender(&draft.from.address) {
        let sender = draft.from.address.domain();
        return Err(Error::Forbidden {
            code: "FROM_DOMAIN_NOT_ALLOWED",
            message: format!("This API key may not send from {sender}."),
        });
    }
    let mut recipients = draft.to.iter().chain(&draft.cc).chain(&draft.bcc);
    if recipients.all(|recipient| restrictions.allow_recipient(&recipient.address)) {
        return Ok(());
    }
    Err(Error::Forbidden {
        code: "RECIPIENT_NOT_ALLOWED",
        message: "This API key may not send to one of the recipients.".into(),
    })
}

/// Renders and packs; off the threads that serve requests when it may take long.
pub(super) async fn prepare(draft: Draft, around: Around) -> Result<Prepared> {
    let text =
        draft.html.as_ref().map_or(0, String::len) + draft.text.as_ref().map_or(0, String::len);
    let takes_long = draft.data.is_some() || !draft.attachments.is_empty() || text > 64 * 1024;
    let work = move || {
        let (content, missing_variables) = render(draft, around)?;
        let body = packing::pack(&content);
        Ok(Prepared { content: Arc::new(content), missing_variables, body })
    };
    if !takes_long {
        return work();
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))?
}

/// Fills in the variables, and checks what only then can be checked.
fn render(
    draft: Draft,
    Around { project, tracking, signed_by }: Around,
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
    let has_html = html.is_some();
    let Tracking { opens, clicks } = if has_html { tracking } else { Tracking::default() };
    let personal = (unsubscribe.is_some() || opens || clicks).then_some(Personal {
        project,
        unsubscribe,
        track_opens: opens,
        track_clicks: clicks,
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
