//! Bounces and complaints that come in when the mail has long left: finding whose they are, and writing them down.

use std::sync::Arc;

use sqlx::PgPool;
use tokio::sync::Semaphore;

use super::return_paths::ReturnPaths;
use super::{commit, in_time, unavailable};
use crate::domain::delivery::Reply;
use crate::domain::id::{MailId, ProjectId};
use crate::domain::packing;
use crate::domain::return_path::ReturnPath;
use crate::domain::webhook::event_type::EventType;
use crate::error::{Error, Result};
use crate::mail::report::{self, Notices, Report, Verdict};
use crate::store;
use crate::store::bounces::{Entry, Recorded};
use crate::store::deliveries::decisions::lock_decision;

pub use crate::mail::report::MOST_READ;

/// Reports that a node works on at once: a content may have to be unpacked for each, and they are in no hurry.
const AT_ONCE: usize = 4;

/// Takes in what other mail systems report.
#[derive(Clone)]
pub struct Bounces {
    db: PgPool,
    return_paths: ReturnPaths,
    places: Arc<Semaphore>,
}

/// How a report came in, and so what it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Somebody who may write bounces of this project vouches for it: the `Message-ID` of one of its mails is enough.
    Project(ProjectId),
    /// The operator trusts where it comes from, whosever mail it is about.
    Operator,
    /// It came to a return path, which proves which delivery it is about, whatever else it says.
    ReturnPath(ReturnPath),
    /// It came to the address for complaints, where anybody may write. Only complaints are taken there, and who quotes
    /// nothing but a `Message-ID`, as all recipients of a mail can, speaks for a mail to one recipient alone.
    Complaints,
}

/// What a report came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The mail that it is about.
    pub mail: MailId,
    /// The recipient, as addresses are compared.
    pub recipient: String,
    /// What was learnt from it.
    pub learnt: Learnt,
    /// Whether nothing more is sent to the recipient because of it.
    pub suppressed: bool,
}

/// What was learnt from a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// The mail came back.
    Bounced,
    /// It is still on its way.
    Deferred,
    /// The recipient called it spam.
    Complained,
    /// Nothing that was not known, or that matters.
    Nothing,
}

/// The delivery that a report is about.
struct Concerned {
    project: ProjectId,
    at: ReturnPath,
    /// As addresses are compared.
    recipient: String,
}

impl Bounces {
    /// Reports about mails in `db`.
    pub fn new(db: PgPool, return_paths: ReturnPaths) -> Self {
        Self { db, return_paths, places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The addresses that bounces come back to.
    pub fn return_paths(&self) -> &ReturnPaths {
        &self.return_paths
    }

    /// Reads a message (RFC 5322) and writes down what it reports. When this answers, it is durable; the same report once
    /// more changes nothing.
    ///
    /// [`Error::Malformed`] if it is no report, [`Error::NotFound`] if it is about no mail that there is for this source,
    /// [`Error::Conflict`] as long as the delivery is still being attempted, and [`Error::Unavailable`] as everywhere.
    pub async fn take(&self, source: Source, message: Vec<u8>) -> Result<Taken> {
        let _place = self.places.acquire().await;
        let notices = match source {
            Source::ReturnPath(_) => Notices::Read,
            Source::Project(_) | Source::Operator | Source::Complaints => Notices::Ignored,
        };
        let reading = tokio::task::spawn_blocking(move || {
            // A notice in words is about the mail whose return path it came to, and else about nobody knows which.
            let carries_a_path = |report: &Report| {
                report.return_paths.iter().any(|path| ReturnPaths::resembles(path))
            };
            report::read(&message, notices)
                .or_else(|| report::read(&message, Notices::Read).filter(carries_a_path))
        });
        let report = reading.await.map_err(|error| Error::Internal(error.into()))?;
        let report = report.filter(|report| {
            source != Source::Complaints
                || matches!(report.verdict, Verdict::Complaint(_) | Verdict::Fine)
        });
        let report = report.ok_or_else(no_report)?;
        self.write_down_from(source, &report).await
    }

    /// The same for a report that was read before.
    pub async fn take_report(&self, source: Source, report: &Report) -> Result<Taken> {
        let _place = self.places.acquire().await;
        self.write_down_from(source, report).await
    }

    async fn write_down_from(&self, source: Source, report: &Report) -> Result<Taken> {
        let concerned = self.concerned(source, report).await?;
        let taken = self.write_down(&concerned, report).await?;
        let learnt = taken.learnt.as_str();
        metrics::counter!("posthaste_reports_total", "learnt" => learnt).increment(1);
        tracing::info!(mail.id = %taken.mail, learnt, "Took in a report about a mail");
        Ok(taken)
    }

    /// Whose mail it is about, as far as its source is believed.
    async fn concerned(&self, source: Source, report: &Report) -> Result<Concerned> {
        let proven = match source {
            Source::ReturnPath(path) => Some(path),
            Source::Project(_) | Source::Operator | Source::Complaints => self.proven(report)?,
        };
        let of_message_id = || {
            let (local, _) = report.message_id.as_deref()?.split_once('@')?;
            local.parse::<MailId>().ok()
        };
        let mail =
            proven.map(|path| path.mail).or_else(of_message_id).ok_or(Error::NotFound("mail"))?;
        let found =
            in_time(store::bounces::reported_mail(&self.db, mail)).await.map_err(unavailable)?;
        let found = found.ok_or(Error::NotFound("mail"))?;
        if matches!(source, Source::Project(project) if project != found.project) {
            return Err(Error::NotFound("mail"));
        }
        let project = found.project;
        if let Some(at @ ReturnPath { position: 0, .. }) = proven {
            return Ok(Concerned { project, at, recipient: found.to_address });
        }

        let recipients = self.recipients(mail).await?;
        let position = match proven {
            Some(path) => path.position,
            None => place_of(&recipients, report, source).ok_or(Error::NotFound("recipient"))?,
        };
        let recipient =
            usize::try_from(position).ok().and_then(|place| recipients.into_iter().nth(place));
        let recipient = recipient.ok_or(Error::NotFound("recipient"))?;
        Ok(Concerned { project, at: ReturnPath { mail, position }, recipient })
    }

    /// The delivery that a return path inside of the report proves. One that is not ours is not looked past: whoever made
    /// it wanted to be believed.
    fn proven(&self, report: &Report) -> Result<Option<ReturnPath>> {
        let mut looking_like_ours =
            report.return_paths.iter().filter(|path| ReturnPaths::resembles(path)).peekable();
        if looking_like_ours.peek().is_none() {
            return Ok(None);
        }
        looking_like_ours
            .find_map(|path| self.return_paths.read(path))
            .map(Some)
            .ok_or(Error::NotFound("mail"))
    }

    /// Everyone whom a mail went to, as addresses are compared.
    async fn recipients(&self, mail: MailId) -> Result<Vec<String>> {
        let body = in_time(store::mails::own_body(&self.db, mail)).await.map_err(unavailable)?;
        let body = body.ok_or(Error::NotFound("mail"))?;
        let unpacking = tokio::task::spawn_blocking(move || {
            let content = packing::unpack(&body, None)?;
            Ok(content.recipients().map(crate::domain::address::EmailAddress::folded).collect())
        });
        let unpacked = unpacking.await.map_err(|error| Error::Internal(error.into()))?;
        unpacked.map_err(|error: packing::Unreadable| Error::Internal(error.into()))
    }

    async fn write_down(&self, concerned: &Concerned, report: &Report) -> Result<Taken> {
        let nothing = Taken {
            mail: concerned.at.mail,
            recipient: concerned.recipient.clone(),
            learnt: Learnt::Nothing,
            suppressed: false,
        };
        let Some((learnt, reply, reason)) = consequences(concerned, report) else {
            return Ok(nothing);
        };
        let entry = Entry {
            project: concerned.project,
            mail: concerned.at.mail,
            position: concerned.at.position,
            event: learnt.as_str(),
            told: learnt.told().map(EventType::as_str).into(),
            reply,
            suppress: reason.map(|reason| (concerned.recipient.as_str(), reason)),
        };
        let Recorded { under_way, noted, suppressed } = self.record(&entry).await?;
        if under_way {
            return Err(Error::Conflict {
                code: "DELIVERY_NOT_OVER",
                message: "The mail is still being delivered to this recipient. Report it again when that is over.".into(),
            });
        }
        Ok(Taken { learnt: if noted { learnt } else { Learnt::Nothing }, suppressed, ..nothing })
    }

    async fn record(&self, entry: &Entry<'_>) -> Result<Recorded> {
        let mut transaction = in_time(self.db.begin()).await.map_err(unavailable)?;
        in_time(lock_decision(&mut *transaction, entry.mail)).await.map_err(unavailable)?;
        let recorded =
            in_time(store::bounces::record(&mut *transaction, entry)).await.map_err(unavailable)?;
        commit(transaction).await?;
        Ok(recorded)
    }
}

impl Learnt {
    /// The name of it: the event's, where there is one.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::Deferred => "deferred",
            Self::Complained => "complained",
            Self::Nothing => "unchanged",
        }
    }

    fn told(self) -> [EventType; 2] {
        match self {
            Self::Bounced => [EventType::EmailBounced, EventType::ResendBounced],
            Self::Deferred | Self::Nothing => [EventType::EmailDeferred, EventType::ResendDelayed],
            Self::Complained => [EventType::EmailSpamReported, EventType::ResendComplained],
        }
    }
}

/// What a report changes: what is learnt, in whose words, and why the address is suppressed, if it is.
fn consequences<'a>(
    concerned: &Concerned,
    report: &'a Report,
) -> Option<(Learnt, &'a Reply, Option<&'static str>)> {
    Some(match &report.verdict {
        Verdict::Failed { reply, condemns_the_address } => {
            // Who forwards to another address reports on that one: ours may forward to a better one tomorrow.
            let names_ours = report.recipients.is_empty() || names(report, &concerned.recipient);
            (Learnt::Bounced, reply, (*condemns_the_address && names_ours).then_some("bounce"))
        }
        Verdict::Delayed(reply) => (Learnt::Deferred, reply, None),
        Verdict::Complaint(reply) => (Learnt::Complained, reply, Some("complaint")),
        Verdict::Fine => return None,
    })
}

fn names(report: &Report, recipient: &str) -> bool {
    report.recipients.iter().any(|named| named.to_lowercase() == recipient)
}

/// The recipient whom a report without a return path is about.
fn place_of(recipients: &[String], report: &Report, source: Source) -> Option<i16> {
    let place = match (recipients, source) {
        ([_], _) => 0,
        (_, Source::Complaints) => return None,
        _ => recipients.iter().position(|recipient| names(report, recipient))?,
    };
    i16::try_from(place).ok()
}

fn no_report() -> Error {
    Error::Malformed(
        "The body is no report about a mail: neither a delivery status notification (RFC 3464) nor a feedback report \
         (RFC 5965)."
            .into(),
    )
}
