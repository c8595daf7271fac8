//! `SendMailOS`'s API under `/api/v1`.

mod api_keys;
mod batches;
mod domains;
mod messages;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::author::{Authors, Given};
use super::{Facts, draft, names, replayed};
use crate::domain::caller::Caller;
use crate::domain::draft::Draft;
use crate::domain::id::ProjectId;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::SendMails;
use crate::http::extract::body_room::BodyShare;
use crate::http::extract::{IdempotencyHeader, Json, Permitted};
use crate::http::mails::request::{
    Addresses, AttachmentBody, EncodedBytes, Files, SendMailRequest, Variables, read_files,
};
use crate::service::keys::Keys;
use crate::service::mails::Mails;

/// The longest name of the caller's own for a mail, in characters.
const MAX_EXTERNAL_ID: usize = 255;

/// The most that values of the caller's own may come to, in bytes.
const MAX_METADATA: usize = 10_000;

/// Their names of our fields.
const NAMES: &[(&str, &str)] = &[
    ("from", "from_email"),
    ("dynamicData", "variables"),
    ("fileName", "filename"),
    ("fileUrl", "url"),
    ("contentId", "cid"),
    ("scheduledAt", "scheduled_at"),
];

/// The routes of this dialect.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/send", post(send))
        .route("/api/v1/messages", post(send))
        .merge(messages::routes())
        .merge(batches::routes())
        .merge(domains::routes())
        .merge(api_keys::routes())
}

async fn send(
    caller: Permitted<SendMails>,
    State(mails): State<Mails>,
    State(keys): State<Arc<Keys>>,
    State(authors): State<Authors>,
    idempotency: IdempotencyHeader,
    share: BodyShare,
    Json { value, bytes }: Json<SendBody>,
) -> Result<Response> {
    share.take(value.weight())?;
    let idempotency = idempotency.of("sendmailos/send", &caller, &bytes)?;
    drop(bytes);
    let project = workspace(value.workspace_id.as_deref(), &caller, &keys).await?;
    let author = value.author(&authors, &caller, project).await;
    let accepted = match author.and_then(|author| value.draft(author)) {
        Ok(draft) => mails.send(&caller, project, draft, idempotency).await?,
        Err(refusal) => mails.answer_again(project, refusal, idempotency.as_ref()).await?,
    };
    let id = accepted.id.to_string();
    let answer = SentBody { success: true, message_id: id.clone(), id, status: "queued" };
    Ok(replayed(Json::new(answer).into_response(), accepted.replayed))
}

/// The project that a request is for: named in its body, in its header, or the key's own.
async fn workspace(named: Option<&str>, caller: &Caller, keys: &Keys) -> Result<ProjectId> {
    let Some(named) = named.map(str::trim).filter(|text| !text.is_empty()) else {
        return caller.project.ok_or_else(|| Error::Forbidden {
            code: "PROJECT_REQUIRED",
            message: "A master key needs `workspace_id`, or the header `X-Workspace-Id`, with the id of one of its \
                      projects."
                .into(),
        });
    };
    let id: Option<ProjectId> = named.strip_prefix("ws_").unwrap_or(named).parse().ok();
    if let Some(id) = id {
        let is_own = match caller.project {
            Some(own) => own == id,
            None => {
                caller.stands_for_account() && keys.account_of(id).await? == Some(caller.account)
            }
        };
        if is_own {
            return Ok(id);
        }
    }
    Err(Error::Forbidden {
        code: "PROJECT_NOT_ALLOWED",
        message: "`workspace_id` names no project that you may work in.".into(),
    })
}

/// A request to send one mail to one recipient.
#[derive(Debug, Deserialize)]
struct SendBody {
    to: Option<Addresses>,
    subject: Option<String>,
    html: Option<String>,
    text: Option<String>,
    from_name: Option<String>,
    from_email: Option<String>,
    reply_to: Option<Addresses>,
    variables: Option<Variables>,
    #[serde(default, deserialize_with = "read_files::<File, _>")]
    attachments: Files,
    external_id: Option<String>,
    metadata: Option<Variables>,
    workspace_id: Option<String>,
    #[serde(rename = "templateId")]
    template_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    filename: Option<String>,
    content: Option<EncodedBytes>,
    url: Option<String>,
    content_type: Option<String>,
    cid: Option<String>,
}

impl From<File> for AttachmentBody {
    fn from(File { filename, content, url, content_type, cid }: File) -> Self {
        Self::of(filename, content, content_type).fetched_from(url).shown_as(cid)
    }
}

impl SendBody {
    /// About the memory that it takes beyond the bytes it was read from.
    fn weight(&self) -> usize {
        let values = [&self.variables, &self.metadata].into_iter().flatten();
        values.map(Variables::weight).sum()
    }

    /// How many values it has.
    fn values(&self) -> usize {
        let values = [&self.variables, &self.metadata].into_iter().flatten();
        values.map(Variables::count).sum()
    }

    /// Who writes: the one that is named, else whom the template names, else the first sender.
    async fn author(
        &self,
        authors: &Authors,
        caller: &Caller,
        project: ProjectId,
    ) -> Result<Option<Addresses>> {
        let name = self.from_name.clone().filter(|name| !name.trim().is_empty());
        let given = Given { email: self.from_email.clone(), name };
        authors.author(given, self.template_id.as_deref(), caller, project).await
    }

    fn draft(self, author: Option<Addresses>) -> Result<Draft> {
        let mut violations = Violations::default();
        let given = self.metadata.map(Variables::into_values);
        let fits = given != Some(None);
        let mut metadata = given.flatten().unwrap_or_default();
        if let Some(name) = self.external_id {
            if name.chars().count() > MAX_EXTERNAL_ID {
                violations.add("external_id", "must have at most 255 characters");
            }
            metadata.insert("external_id".into(), name.into());
        }
        let length = |(name, value): (&String, &Value)| name.len() + value.to_string().len();
        if !fits || metadata.iter().map(length).sum::<usize>() > MAX_METADATA {
            violations.add("metadata", "may have 10,000 bytes together");
        }
        let has_template = self.template_id.is_some();
        if author.is_none() && !has_template {
            violations.add("from_email", "is required, because this project has no sender");
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let says_something =
            [&self.html, &self.text].into_iter().flatten().any(|part| !part.is_empty())
                || has_template;
        let request = SendMailRequest::with(|request| {
            request.from = author;
            request.to = self.to;
            request.reply_to = self.reply_to;
            // The shortest request of their documentation has a subject only, and means a mail that says no more.
            request.text = if says_something { self.text } else { self.subject.clone() };
            request.subject = self.subject;
            request.template_id = self.template_id;
            request.html = self.html;
            request.dynamic_data = self.variables;
            request.attachments = Some(self.attachments);
        });
        draft(request, |draft| draft.details.metadata = metadata)
    }
}

#[derive(Debug, Serialize)]
struct SentBody {
    success: bool,
    id: String,
    message_id: String,
    status: &'static str,
}

/// What every success looks like.
#[derive(Debug, Serialize)]
struct Answer<T> {
    success: bool,
    #[serde(flatten)]
    shown: T,
}

impl<T> Answer<T> {
    fn of(shown: T) -> Self {
        Self { success: true, shown }
    }
}

/// A refusal in this dialect: a sentence and a code.
pub(super) fn refusal(facts: &Facts<'_>) -> (StatusCode, Value) {
    let code = if facts.status == StatusCode::FORBIDDEN { "FORBIDDEN" } else { facts.code };
    let error = facts.sentence(|field| names::renamed(field, NAMES));
    (facts.status, json!({ "success": false, "error": error, "code": code }))
}
