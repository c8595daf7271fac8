//! What a mail takes from its template.

use crate::domain::address::{DisplayName, EmailAddress, Mailbox};
use crate::domain::draft::Draft;
use crate::domain::id::ProjectId;
use crate::domain::sender::Sender;
use crate::domain::template::{ChosenTemplate, TemplateChoice};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::templates::Templates;
use crate::service::{in_time, unavailable};
use crate::store;

impl Templates {
    /// Gives a draft what it lacks and its template has: subject, HTML, text, the author and where answers go. A draft
    /// without a template stays as it is, and costs nothing.
    ///
    /// What many mails have in common is filled once: nothing here depends on the recipient or the data.
    pub async fn fill(&self, project: ProjectId, mut draft: Draft) -> Result<Draft> {
        let Some(choice) = draft.template.take() else { return Ok(draft) };
        let chosen = store::templates::chosen(&self.db, project, choice.id, choice.version);
        let chosen = in_time(chosen).await.map_err(unavailable)?;
        filled(draft, choice, chosen.ok_or(Error::NotFound("template"))?)
    }
}

fn filled(mut draft: Draft, choice: TemplateChoice, chosen: ChosenTemplate) -> Result<Draft> {
    let ChosenTemplate { version, content, sender } = chosen;
    let version = version.ok_or_else(|| match choice.version {
        Some(_) => Error::NotFound("version of the template"),
        None => Error::Impossible {
            code: "TEMPLATE_NOT_PUBLISHED",
            message: "No version of this template was published yet; publish one first.".into(),
        },
    })?;
    if draft.subject.is_empty() {
        draft.subject = content.subject;
        draft.stored.subject = true;
    }
    if draft.html.is_none() {
        // A text that belongs to the template's HTML says nothing about another one.
        if draft.text.is_none() && content.text.is_some() {
            draft.text = content.text;
            draft.stored.text = true;
        }
        if content.html.is_some() {
            draft.html = content.html;
            draft.preview_text = content.preview_text;
            draft.stored.html = true;
        }
    }
    if draft.html.is_none() && draft.text.is_none() {
        let message = "names a template without content: give it an `emailTemplate`, or send `html` or `text`";
        return Err(Error::Invalid(Violations::one("templateId", message)));
    }
    if let Some(sender) = sender {
        let Writer { from, reply_to } =
            writer(sender).map_err(|error| Error::Internal(anyhow::anyhow!(error)))?;
        // Answers go to the template's address even where the request names another author.
        if draft.reply_to.is_empty() {
            draft.reply_to.extend(reply_to);
        }
        draft.from = draft.from.or(Some(from));
    }
    // Braces that nobody fills in are nothing for a recipient.
    draft.data.get_or_insert_default();
    draft.details.template_id = Some(choice.id.to_string());
    draft.details.template_version = Some(version);
    Ok(draft)
}

/// A sender as mails know it.
struct Writer {
    from: Mailbox,
    reply_to: Option<Mailbox>,
}

/// Reads a sender as it is stored: it was valid when it was made.
fn writer(sender: Sender) -> Result<Writer, &'static str> {
    let address = |text: &str| text.parse::<EmailAddress>().map_err(|_| "a sender has no address");
    let name = Some(sender.name).filter(|name| !name.is_empty());
    let name = name.map(DisplayName::parse).transpose().map_err(|_| "a sender has no name")?;
    let reply_to = Some(sender.reply_to).filter(|text| !text.is_empty());
    let reply_to = reply_to.map(|text| address(&text)).transpose()?;
    Ok(Writer {
        from: Mailbox::new(address(&sender.email)?, name),
        reply_to: reply_to.map(|address| Mailbox::new(address, None)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::draft::StoredParts;
    use crate::domain::id::SenderId;
    use crate::domain::template::{TemplateContent, TemplateId};

    fn content() -> TemplateContent {
        TemplateContent {
            subject: "Subject".into(),
            preview_text: "Preview".into(),
            html: Some("<p>HTML</p>".into()),
            text: Some("Text".into()),
            ..TemplateContent::default()
        }
    }

    fn fill(draft: Draft, content: TemplateContent) -> Result<Draft> {
        let choice = TemplateChoice { id: TemplateId::generate(), version: None };
        filled(draft, choice, ChosenTemplate { version: Some(3), content, sender: None })
    }

    #[test]
    fn what_the_request_says_counts_more() {
        let draft = fill(Draft::default(), content()).unwrap();
        assert_eq!((draft.subject.as_str(), draft.preview_text.as_str()), ("Subject", "Preview"));
        assert_eq!(draft.stored, StoredParts { subject: true, html: true, text: true });
        assert_eq!(draft.details.template_version, Some(3));
        assert!(draft.data.is_some_and(|data| data.is_empty()));

        let own = Draft { subject: "Own".into(), text: Some("Own".into()), ..Draft::default() };
        let draft = fill(own, content()).unwrap();
        assert_eq!((draft.subject.as_str(), draft.text.as_deref()), ("Own", Some("Own")));
        assert_eq!(draft.stored, StoredParts { subject: false, html: true, text: false });

        // Neither the text nor the preview text of another HTML.
        let own = Draft { html: Some("<p>Own</p>".into()), ..Draft::default() };
        let draft = fill(own, content()).unwrap();
        assert_eq!((draft.text, draft.preview_text.as_str()), (None, ""));
        assert_eq!(draft.stored, StoredParts { subject: true, html: false, text: false });
    }

    #[test]
    fn a_template_without_content_makes_no_mail_by_itself() {
        let empty = || TemplateContent { html: None, text: None, ..content() };
        assert!(matches!(fill(Draft::default(), empty()), Err(Error::Invalid(_))));
        let own = Draft { text: Some("Own".into()), ..Draft::default() };
        assert_eq!(fill(own, empty()).unwrap().subject, "Subject");
    }

    #[test]
    fn a_sender_is_read_as_it_was_stored() {
        let sender = |name: &str, reply_to: &str| Sender {
            id: SenderId::generate(),
            email: "shop@example.com".into(),
            name: name.into(),
            reply_to: reply_to.into(),
        };
        let full = writer(sender("Shop", "help@example.com")).unwrap();
        assert_eq!(full.from, "Shop <shop@example.com>".parse().unwrap());
        assert_eq!(full.reply_to, Some("help@example.com".parse().unwrap()));
        let bare = writer(sender("", "")).unwrap();
        assert_eq!((bare.from, bare.reply_to), ("shop@example.com".parse().unwrap(), None));
    }
}
