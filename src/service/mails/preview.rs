//! A mail as a page.

use super::Mails;
use super::pictures::with_pictures;
use crate::domain::caller::Caller;
use crate::domain::id::{MailId, ProjectId};
use crate::domain::mail::Content;
use crate::domain::personal::with_tags;
use crate::error::{Error, Result};
use crate::service::unavailable;
use crate::store;

impl Mails {
    /// The HTML of a mail with the pictures that travel with it, or its text as HTML. The project is the one that the caller works in, or, for callers who
    /// stand for the account, the one that is named.
    pub async fn preview(
        &self,
        caller: &Caller,
        named: Option<ProjectId>,
        id: MailId,
    ) -> Result<String> {
        let project = match (caller.project, named) {
            (Some(project), None) => project,
            (Some(project), Some(named)) if project == named => project,
            (None, Some(named)) if caller.stands_for_account() => {
                let account = store::projects::account_of(&self.db, named).await;
                if account.map_err(unavailable)? != Some(caller.account) {
                    return Err(Error::NotFound("mail"));
                }
                named
            }
            (None, None) => {
                return Err(Error::Forbidden {
                    code: "PROJECT_REQUIRED",
                    message:
                        "Name the project: `projectId` in the query, or the header `x-project-id`."
                            .into(),
                });
            }
            _ => return Err(Error::NotFound("mail")),
        };
        let Content { html, text, attachments, .. } = self.find(project, id).await?.content;
        // Without anybody's own links: whoever looks on is no recipient.
        Ok(match html {
            Some(html) => with_pictures(with_tags(html), &attachments),
            None => as_page(&with_tags(text.unwrap_or_default())),
        })
    }
}

/// Text as it stands, with its line ends.
fn as_page(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<!DOCTYPE html><pre style=\"white-space: pre-wrap\">{text}</pre>")
}
