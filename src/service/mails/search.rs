//! Lists of mails: found by the index that knows the filter's rarest part, and then looked at for the rest of it.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::{Builder, Uuid};

use super::Mails;
use crate::domain::id::{MailId, ProjectId};
use crate::domain::record::MailSummary;
use crate::error::Result;
use crate::service::unavailable;
use crate::store::mails::search::{self, Stretch};

pub use crate::store::mails::Filter as MailFilter;

/// How many mails are looked at for one page, before it is given out short.
const LOOKED_AT: usize = 10_000;

/// Mails looked at together, once the first few did not make a page.
const TOGETHER: usize = 2000;

/// The id of a mail is made before its mail is stored, by a little more than a batch may wait.
const STORED_WITHIN: TimeDelta = TimeDelta::seconds(30);

/// States that few mails are in where there is a relay, and what has happened to those that are.
const RARE: [(&str, &[&str]); 7] = [
    ("captured", &["captured", "complained"]),
    ("bounced", &["bounced"]),
    ("failed", &["failed", "ambiguous"]),
    ("suppressed", &["suppressed"]),
    ("held", &["ambiguous"]),
    ("cancelled", &["cancelled"]),
    ("partially_sent", &["bounced", "failed", "suppressed", "ambiguous", "cancelled"]),
];

/// What has happened to mails of which somebody complained.
const COMPLAINED: [&str; 1] = ["complained"];

/// States of mails that have a delivery in the queue.
const UNFINISHED: [&str; 3] = ["scheduled", "queued", "deferred"];

/// Some mails of a project, newest first.
#[derive(Debug)]
pub struct MailPage {
    /// The mails; fewer than were asked for when few of very many pass the filter.
    pub mails: Vec<MailSummary>,
    /// Where the next page begins; `None` if there is none.
    pub next: Option<MailId>,
}

/// What finds the mails in question.
enum Source<'a> {
    Recipient(&'a str),
    Address(&'a str),
    Key(crate::domain::id::ApiKeyId),
    Sender(&'a str),
    Label(String),
    State { types: Vec<&'static str>, unfinished: bool },
    TestMode,
    Project,
}

impl<'a> Source<'a> {
    /// The one that leaves the fewest mails to be looked at.
    fn of(filter: &'a MailFilter) -> Self {
        // No mail is in this state, so nothing but its history tells.
        if filter.complained {
            return Self::State { types: COMPLAINED.to_vec(), unfinished: false };
        }
        if let Some(batch) = filter.batch {
            return Self::Label(format!("batch:{batch}"));
        }
        if let Some(address) = &filter.to_address {
            return Self::Recipient(address);
        }
        if let Some(address) = &filter.address {
            return Self::Address(address);
        }
        if let Some(tag) = &filter.tag {
            return Self::Label(format!("tag:{tag}"));
        }
        if let Some(state) = Self::of_states(&filter.statuses) {
            return state;
        }
        if let Some(key) = filter.key {
            return Self::Key(key);
        }
        if let Some(address) = &filter.from_address {
            return Self::Sender(address);
        }
        if filter.test == Some(true) { Self::TestMode } else { Self::Project }
    }

    /// If all of them are rare, or of unfinished mails.
    fn of_states(statuses: &[String]) -> Option<Self> {
        let mut types = Vec::new();
        let mut unfinished = false;
        for status in statuses {
            if UNFINISHED.contains(&status.as_str()) {
                unfinished = true;
            } else {
                let (_, happened) = RARE.iter().find(|(rare, _)| rare == status)?;
                types.extend(*happened);
            }
        }
        types.sort_unstable();
        types.dedup();
        (unfinished || !types.is_empty()).then_some(Self::State { types, unfinished })
    }
}

impl Mails {
    /// The mails of a project that are right before one in a list of all, newest first; whether there are more before
    /// these.
    pub async fn list_before(
        &self,
        project: ProjectId,
        mail: MailId,
        limit: u16,
    ) -> Result<(Vec<MailSummary>, bool)> {
        let limit = usize::from(limit);
        let mut ids =
            search::after(&self.db, project, mail, to_i64(limit + 1)).await.map_err(unavailable)?;
        let has_more = ids.len() > limit;
        ids.truncate(limit);
        ids.reverse();
        let all = to_i64(ids.len());
        let mails = search::among(&self.db, project, &ids, &MailFilter::default(), all).await;
        Ok((mails.map_err(unavailable)?, has_more))
    }

    /// The mails of a project that pass the filter, newest first.
    pub async fn list(
        &self,
        project: ProjectId,
        filter: &MailFilter,
        limit: u16,
    ) -> Result<MailPage> {
        let limit = usize::from(limit);
        let source = Source::of(filter);
        let mut stretch = Stretch {
            before: filter
                .cursor
                .into_iter()
                .chain(filter.before.map(first_id))
                .min()
                .unwrap_or_else(last),
            from: first_id(
                filter.after.map_or(DateTime::UNIX_EPOCH, |after| after - STORED_WITHIN),
            ),
            limit: to_i64(limit + 1),
        };
        let mut mails: Vec<MailSummary> = Vec::new();
        let mut looked_at = 0;
        loop {
            let ids = self.in_question(project, filter, &source, stretch).await?;
            let wanted = to_i64(limit + 1 - mails.len());
            let passing = search::among(&self.db, project, &ids, filter, wanted)
                .await
                .map_err(unavailable)?;
            mails.extend(passing);
            if mails.len() > limit {
                mails.truncate(limit);
                let next = mails.last().map(|mail| mail.id);
                return Ok(MailPage { mails, next });
            }
            looked_at += ids.len();
            match ids.last() {
                Some(last) if to_i64(ids.len()) == stretch.limit => {
                    if looked_at >= LOOKED_AT {
                        return Ok(MailPage { mails, next: Some(*last) });
                    }
                    stretch = Stretch { before: *last, limit: to_i64(TOGETHER), ..stretch };
                }
                _ => return Ok(MailPage { mails, next: None }),
            }
        }
    }

    /// The same, and those of the page of which somebody complained, which is no state that a mail is in.
    pub async fn list_with_complaints(
        &self,
        project: ProjectId,
        filter: &MailFilter,
        limit: u16,
    ) -> Result<(MailPage, Vec<MailId>)> {
        let page = self.list(project, filter, limit).await?;
        let ids: Vec<MailId> = page.mails.iter().map(|mail| mail.id).collect();
        let complained = search::complained_of(&self.db, project, &ids).await;
        Ok((page, complained.map_err(unavailable)?))
    }

    async fn in_question(
        &self,
        project: ProjectId,
        filter: &MailFilter,
        source: &Source<'_>,
        stretch: Stretch,
    ) -> Result<Vec<MailId>> {
        let db = &self.db;
        if let Some(id) = filter.id {
            if id >= stretch.before || !filter.complained {
                return Ok(if id < stretch.before { vec![id] } else { Vec::new() });
            }
            let next = Uuid::from_u128(id.as_uuid().as_u128().saturating_add(1));
            let alone = Stretch { before: next.into(), from: id, limit: 1 };
            let found = search::to_which_happened(db, project, &COMPLAINED, alone).await;
            return found.map_err(unavailable);
        }
        let found = match source {
            Source::Recipient(address) => search::to(db, project, address, stretch).await,
            Source::Address(address) => {
                let (to, from) = (
                    search::to(db, project, &address.to_lowercase(), stretch).await,
                    search::from(db, project, address, stretch).await,
                );
                to.and_then(|to| Ok(newest(to, from?, stretch)))
            }
            Source::Key(key) => search::of_key(db, project, *key, stretch).await,
            Source::Label(label) => search::labelled(db, project, label, stretch).await,
            Source::Sender(address) => search::from(db, project, address, stretch).await,
            Source::State { types, unfinished } => {
                let queued = if *unfinished {
                    search::unfinished(db, project, stretch).await
                } else {
                    Ok(Vec::new())
                };
                let troubled = if types.is_empty() {
                    Ok(Vec::new())
                } else {
                    search::to_which_happened(db, project, types, stretch).await
                };
                queued.and_then(|queued| Ok(newest(queued, troubled?, stretch)))
            }
            Source::TestMode => search::of_test_mode(db, project, stretch).await,
            Source::Project => search::of_project(db, project, stretch).await,
        };
        found.map_err(unavailable)
    }
}

/// The newest of both.
fn newest(mut one: Vec<MailId>, other: Vec<MailId>, stretch: Stretch) -> Vec<MailId> {
    one.extend(other);
    one.sort_unstable_by(|one, other| other.cmp(one));
    one.dedup();
    one.truncate(usize::try_from(stretch.limit).unwrap_or(usize::MAX));
    one
}

/// The least id of a mail that was handed in at this time or later (RFC 9562, section 5.7).
fn first_id(at: DateTime<Utc>) -> MailId {
    let milliseconds = u64::try_from(at.timestamp_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid().into()
}

fn last() -> MailId {
    Uuid::max().into()
}

fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_bounded_by_the_time_at_which_they_were_made() {
        let before = Utc::now();
        let id = MailId::generate();
        assert!(first_id(before) <= id);
        assert!(first_id(before + TimeDelta::hours(1)) > id);
        assert!(first_id(DateTime::<Utc>::MIN_UTC) <= id);
        assert!(first_id(DateTime::<Utc>::MAX_UTC) > MailId::from(Uuid::nil()));
    }

    #[test]
    fn the_rarest_part_of_a_filter_finds_the_mails() {
        let filter = |statuses: &[&str]| MailFilter {
            statuses: statuses.iter().map(ToString::to_string).collect(),
            ..MailFilter::default()
        };
        assert!(matches!(Source::of(&filter(&[])), Source::Project));
        assert!(matches!(Source::of(&filter(&["sent", "bounced"])), Source::Project));
        let source = filter(&["bounced", "deferred", "held"]);
        let Source::State { types, unfinished } = Source::of(&source) else { panic!() };
        assert_eq!((types, unfinished), (vec!["ambiguous", "bounced"], true));
        let to = MailFilter { to_address: Some("a@b.example".into()), ..filter(&["bounced"]) };
        assert!(matches!(Source::of(&to), Source::Recipient(_)));
    }
}
