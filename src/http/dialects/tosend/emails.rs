//! `/v2/emails`: what became of mails.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::page::{Listed, Page};
use super::{HASH, Shown};
use crate::domain::address::EmailAddress;
use crate::domain::id::MailId;
use crate::domain::mail_details::MailDetails;
use crate::domain::mailbox::Mailbox;
use crate::domain::record::{Event, MailSummary};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::http::Api;
use crate::http::extract::authorized::ReadMails;
use crate::http::extract::{Authorized, Json, Path, Query};
use crate::http::mails::response::STATUSES;
use crate::http::wire::timestamp;
use crate::service::mails::{MailDetail, MailFilter, Mails};

/// The routes of this resource.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v2/emails", get(list)).route("/v2/emails/{message_id}", get(find))
}

async fn list(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Listed<EmailBody>>> {
    let (filter, page) = query.check()?;
    let found = mails.list(caller.project, &filter, page.look_at()).await?;
    Ok(Json::new(page.cut(found.mails.into_iter().map(EmailBody::of).collect())))
}

async fn find(
    caller: Authorized<ReadMails>,
    State(mails): State<Mails>,
    Path(named): Path<String>,
) -> Result<Json<Shown<DetailBody>>> {
    if let Ok(id) = named.parse::<MailId>() {
        match mails.find(caller.project, id).await {
            // A name of the caller's own may look like one of ours.
            Err(Error::NotFound(_)) => {}
            found => return Ok(Json::new(Shown { data: found?.into() })),
        }
    }
    // Postgres has no such character.
    let tag = Some(named).filter(|name| !name.contains('\0'));
    let tag = tag.ok_or(Error::NotFound("email"))?;
    let filter = MailFilter { tag: Some(tag.clone()), ..MailFilter::default() };
    // Others may use the same word as a tag.
    let among = mails.list(caller.project, &filter, 20).await?.mails;
    let named = among.into_iter().find(|mail| {
        let given = mail.details.as_ref().and_then(|details| details.metadata.get(HASH));
        given.and_then(Value::as_str) == Some(tag.as_str())
    });
    let id = named.ok_or(Error::NotFound("email"))?.id;
    let detail = mails.find(caller.project, id).await?;
    Ok(Json::new(Shown { data: detail.into() }))
}

/// Which mails are wanted.
#[derive(Debug, Deserialize)]
struct ListQuery {
    page: Option<u16>,
    per_page: Option<u16>,
    status: Option<String>,
    domain: Option<String>,
    from: Option<String>,
    to: Option<String>,
    search: Option<String>,
}

impl ListQuery {
    fn check(self) -> Result<(MailFilter, Page)> {
        let mut violations = Violations::default();
        let page = Page::read(self.page, self.per_page, &mut violations);
        let written = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let statuses: Vec<String> = match written(self.status).as_deref() {
            None => Vec::new(),
            Some("delivered") => vec!["sent".into(), "partially_sent".into()],
            Some(status) => vec![status.to_owned()],
        };
        if !statuses.iter().all(|status| STATUSES.contains(&status.as_str())) {
            let problem = format!("must be `delivered` or one of {}", STATUSES.join(", "));
            violations.add("status", problem);
        }
        if written(self.domain).is_some() {
            let problem =
                "is not supported; search for the whole address that the mails are from instead";
            violations.add("domain", problem);
        }
        let mut bound = |field: &str, text: Option<String>, ends_day| {
            written(text).and_then(|text| violations.check(field, time(&text, ends_day)))
        };
        let (after, before) = (bound("from", self.from, false), bound("to", self.to, true));
        let mut filter = MailFilter { statuses, after, before, ..MailFilter::default() };
        if let Some(text) = written(self.search) {
            let text = text.trim();
            // What is neither an id nor an address may be a name of the caller's own.
            match (text.parse::<MailId>(), text.parse::<EmailAddress>()) {
                (Ok(id), _) => filter.id = Some(id),
                (_, Ok(address)) => filter.address = Some(address.to_string()),
                _ if text.contains('\0') => violations.add("search", "must be plain text"),
                _ => filter.tag = Some(text.to_owned()),
            }
        }
        if violations.is_empty() { Ok((filter, page)) } else { Err(Error::Invalid(violations)) }
    }
}

/// A moment, or a day: its beginning, or that of the next.
fn time(text: &str, ends_day: bool) -> Result<DateTime<Utc>, &'static str> {
    const PROBLEM: &str = "must be a day or a time such as 2026-11-21T08:30:00Z";
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let day: NaiveDate = text.parse().map_err(|_| PROBLEM)?;
    let later = Days::new(u64::from(ends_day));
    let day = day.checked_add_days(later).ok_or(PROBLEM)?;
    Ok(day.and_hms_opt(0, 0, 0).ok_or(PROBLEM)?.and_utc())
}

#[derive(Debug, Serialize)]
struct PersonBody {
    email: String,
    name: Option<String>,
}

impl From<&Mailbox> for PersonBody {
    fn from(mailbox: &Mailbox) -> Self {
        let name = mailbox.name.as_ref().map(|name| name.as_str().to_owned());
        Self { email: mailbox.address.to_string(), name }
    }
}

/// A mail, as lists show it: with its first recipient.
#[derive(Debug, Serialize)]
struct EmailBody {
    message_id: String,
    email_id: String,
    status: String,
    from: PersonBody,
    to: Vec<PersonBody>,
    subject: String,
    domain: String,
    tags: Map<String, Value>,
    test: bool,
    created_at: String,
}

impl EmailBody {
    fn of(mail: MailSummary) -> Self {
        let MailDetails { metadata: mut tags, .. } = mail.details.unwrap_or_default();
        let named = match tags.remove(HASH) {
            Some(Value::String(name)) => Some(name),
            _ => None,
        };
        let email_id = mail.id.to_string();
        let domain = mail.from_address.rsplit('@').next().unwrap_or_default().to_owned();
        Self {
            message_id: named.unwrap_or_else(|| email_id.clone()),
            email_id,
            status: mail.status,
            from: PersonBody { email: mail.from_address, name: mail.from_name },
            to: vec![PersonBody { email: mail.to_address, name: mail.to_name }],
            subject: mail.subject,
            domain,
            tags,
            test: mail.test,
            created_at: timestamp(mail.created_at),
        }
    }
}

/// A mail with all that is known of it.
#[derive(Debug, Serialize)]
struct DetailBody {
    #[serde(flatten)]
    email: EmailBody,
    cc: Vec<PersonBody>,
    bcc: Vec<PersonBody>,
    reply_to: Option<PersonBody>,
    html: Option<String>,
    text: Option<String>,
    events: Vec<EventBody>,
}

#[derive(Debug, Serialize)]
struct EventBody {
    r#type: String,
    reason: Option<String>,
    timestamp: String,
}

impl From<Event> for EventBody {
    fn from(event: Event) -> Self {
        let reason = event.reply.map(|reply| reply.text);
        Self { r#type: event.kind, reason, timestamp: timestamp(event.at) }
    }
}

impl From<MailDetail> for DetailBody {
    fn from(MailDetail { summary, content, events, .. }: MailDetail) -> Self {
        let everyone = |mailboxes: &[Mailbox]| mailboxes.iter().map(PersonBody::from).collect();
        let email = EmailBody { to: everyone(&content.to), ..EmailBody::of(summary) };
        Self {
            email,
            cc: everyone(&content.cc),
            bcc: everyone(&content.bcc),
            reply_to: content.reply_to.as_ref().map(PersonBody::from),
            html: content.html,
            text: content.text,
            events: events.into_iter().map(EventBody::from).collect(),
        }
    }
}
