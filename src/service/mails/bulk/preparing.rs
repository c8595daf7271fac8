//! What happens to the mails of a request before they are stored: each is held to its key, rendered and packed, and what
//! they have in common is kept once.

use std::sync::{Arc, Weak};

use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use crate::domain::attachment::Attachment;
use crate::domain::bulk::{BulkAnswer, BulkDraft, BulkMail, BulkResult, Refusal};
use crate::domain::caller::ApiKey;
use crate::domain::delivery::OnAmbiguous;
use crate::domain::draft::Draft;
use crate::domain::id::{MailId, ProjectId};
use crate::domain::mail::Content;
use crate::domain::packing::{self, SharedContent};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::mail::template::Steps;
use crate::service::committer::BulkItem;
use crate::service::handoff::HandOff;
use crate::service::mails::preparing::{Around, allow_recipients, render};
use crate::store::mails::{NewMailRow, SharedBodyRow};

/// The most that the bodies of all mails may come to that are not the same as the first one's, in bytes.
const MAX_DIFFERING: usize = 32 * 1024 * 1024;

/// What is the same for every mail of a request.
pub(super) struct Circumstances {
    pub project: ProjectId,
    pub key: Arc<ApiKey>,
    pub test: bool,
    pub around: Around,
    pub handoff: Option<HandOff>,
}

/// The mails that only need to be stored, and what became of the others.
pub(super) struct PreparedBulk {
    pub mails: Vec<BulkItem>,
    pub shared: Option<SharedBodyRow>,
    pub answer: BulkAnswer,
}

/// Prepares all mails on a thread that may block; given up when this future is dropped, because its caller hung up.
pub(super) async fn prepare(
    draft: BulkDraft,
    circumstances: Circumstances,
) -> Result<PreparedBulk> {
    // Goes with this future.
    let waiting = Arc::new(());
    let caller = Arc::downgrade(&waiting);
    let work = move || prepare_all(draft, &circumstances, &caller);
    let prepared = tokio::task::spawn_blocking(work).await;
    drop(waiting);
    prepared.map_err(|error| Error::Internal(error.into()))?
}

/// Renders and packs every mail, one after the other: no more than two of them are in memory as they are to be sent,
/// but for those that this node delivers itself. It is given up when the caller is gone.
fn prepare_all(
    BulkDraft { common, mails, partial }: BulkDraft,
    circumstances: &Circumstances,
    caller: &Weak<()>,
) -> Result<PreparedBulk> {
    let many = mails.len() > 1;
    let has_values =
        common.data.is_some() || mails.iter().flatten().any(|mail| mail.data.is_some());
    let batch = Uuid::now_v7();
    let mut prepared = Preparation {
        circumstances,
        // A lone mail has nothing to share.
        shared_id: many.then(Uuid::now_v7),
        batch,
        first: None,
        is_shared: false,
        differing: 0,
        steps: Steps::default(),
        mails: Vec::with_capacity(mails.len()),
    };
    let mut results = Vec::with_capacity(mails.len());
    for mail in mails {
        if caller.strong_count() == 0 {
            return Err(Error::Unavailable(anyhow::anyhow!(
                "nobody waits for the answer any more"
            )));
        }
        let refusal = match mail {
            Err(violations) => invalid(violations),
            Ok(mail) => match prepared.add(draft_of(&common, mail, has_values)) {
                Ok(id) => {
                    results.push(BulkResult::Accepted(id));
                    continue;
                }
                Err(Error::Invalid(violations)) => invalid(violations),
                Err(Error::Forbidden { code, message }) => {
                    Refusal { code: code.into(), message, violations: Violations::default() }
                }
                Err(error) => return Err(error),
            },
        };
        results.push(BulkResult::Refused(refusal));
    }
    if prepared.mails.is_empty() || (!partial && prepared.mails.len() < results.len()) {
        return Err(refusal_of_all(&results));
    }
    let (mails, shared) = prepared.finish();
    Ok(PreparedBulk { mails, shared, answer: BulkAnswer { batch_id: batch, results } })
}

/// One of the mails as if it had been asked for alone.
fn draft_of(common: &Draft, mail: BulkMail, has_values: bool) -> Draft {
    let mut data: Map<String, Value> = common.data.clone().unwrap_or_default();
    data.extend(mail.data.unwrap_or_default());
    Draft {
        to: vec![mail.to],
        cc: mail.cc,
        bcc: mail.bcc,
        data: has_values.then_some(data),
        ..common.clone()
    }
}

fn invalid(violations: Violations) -> Refusal {
    Refusal {
        code: "VALIDATION_FAILED".into(),
        message: "Some fields are not valid; see details.".into(),
        violations,
    }
}

/// Why nothing is sent at all: every field that is at fault, or else the first refusal.
fn refusal_of_all(results: &[BulkResult]) -> Error {
    let mut violations = Violations::default();
    let mut forbidden = None;
    for (place, result) in results.iter().enumerate() {
        let BulkResult::Refused(refusal) = result else { continue };
        violations.add_all(&format!("recipients[{place}]"), &refusal.violations);
        if refusal.violations.is_empty() {
            forbidden.get_or_insert(&refusal.message);
        }
    }
    match forbidden {
        Some(message) if violations.is_empty() => {
            Error::Forbidden { code: "RECIPIENT_NOT_ALLOWED", message: message.clone() }
        }
        _ => Error::Invalid(violations),
    }
}

/// The mails of a request, as far as they are prepared.
struct Preparation<'a> {
    circumstances: &'a Circumstances,
    shared_id: Option<Uuid>,
    batch: Uuid,
    /// What the others are compared with.
    first: Option<Arc<Content>>,
    /// Whether another mail has the bodies of the first one.
    is_shared: bool,
    /// Bytes of bodies that no other mail has.
    differing: usize,
    /// What templates may still take.
    steps: Steps,
    mails: Vec<BulkItem>,
}

impl Preparation<'_> {
    /// Prepares one more mail.
    fn add(&mut self, draft: Draft) -> Result<MailId> {
        allow_recipients(&self.circumstances.key, &draft)?;
        let hold = draft.on_ambiguous == OnAmbiguous::Hold;
        let mut details = draft.details.clone().without_what_is_off();
        details.batch_id = Some(self.batch);
        let (content, missing_variables) = render(draft, self.circumstances.around, &self.steps)?;
        let content = Arc::new(content);
        let id = MailId::generate();
        let mut row =
            NewMailRow::of(id, self.circumstances.project, self.circumstances.key.id, &content);
        row.test = self.circumstances.test;
        row.hold = hold;
        row.bypass_suppressions = details.bypass_suppressions;
        row.missing_variables = missing_variables;
        row.due_at = details.scheduled_at;
        row.details = Some(details);
        row.shared_body = self.shared_id;
        match &self.first {
            None => self.first = Some(Arc::clone(&content)),
            Some(first) => {
                let is_same = first.html == content.html && first.text == content.text;
                if !is_same {
                    self.count_differing(&content)?;
                }
                self.is_shared |= is_same;
                row.body = packing::pack_own(&content, is_same);
            }
        }
        let handed_over = self.room_for(&content).map(|room| (content, room));
        row.lease_token = handed_over.as_ref().map(|_| Uuid::new_v4());
        self.mails.push(BulkItem { row, handed_over });
        Ok(id)
    }

    fn count_differing(&mut self, content: &Content) -> Result<()> {
        let length = |part: &Option<String>| part.as_ref().map_or(0, String::len);
        self.differing += length(&content.html) + length(&content.text);
        if self.differing <= MAX_DIFFERING {
            return Ok(());
        }
        let problem = "with their variables filled in, html and text of all mails may have 32 MB together; send \
                       fewer mails at once";
        // Not of this mail alone, so that nobody is left out.
        Err(Error::InvalidResource {
            message: "The mails are too large together.",
            violations: Violations::one("recipients", problem),
        })
    }

    fn room_for(&self, content: &Content) -> Option<OwnedSemaphorePermit> {
        let length = |part: &Option<String>| part.as_ref().map_or(0, String::len);
        let files: usize = content.attachments.iter().map(Attachment::content_length).sum();
        let bytes = length(&content.html) + length(&content.text) + files;
        let handoff = self.circumstances.handoff.as_ref()?;
        handoff.reserve(bytes, content.recipients().count())
    }

    /// Packs the first mail, now that it is known what the others share with it.
    fn finish(mut self) -> (Vec<BulkItem>, Option<SharedBodyRow>) {
        let (Some(content), [first, ..]) = (self.first, &mut self.mails[..]) else {
            return (self.mails, None);
        };
        let shared = SharedContent::of(&content, self.is_shared);
        if let Some(id) = self.shared_id.filter(|_| !shared.is_empty()) {
            first.row.body = packing::pack_own(&content, self.is_shared);
            return (self.mails, Some(SharedBodyRow { id, content: shared.pack() }));
        }
        first.row.body = packing::pack(&content);
        for mail in &mut self.mails {
            mail.row.shared_body = None;
        }
        (self.mails, None)
    }
}
