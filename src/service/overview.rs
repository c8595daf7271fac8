//! What became of the mail of the last days, and what needs somebody's attention.

use std::cmp::Reverse;
use std::slice;

use chrono::NaiveDate;
use sqlx::PgPool;

use super::mails::{MailFilter, Mails};
use super::unavailable;
use crate::domain::id::{AccountId, ProjectId};
use crate::domain::record::MailSummary;
use crate::domain::usage::Alert;
use crate::error::Result;
use crate::store;
use crate::store::mail_days::Backlog;

pub use crate::store::mail_days::DayOfMail;

/// The most things of one kind that ask for attention.
const ATTENTION: u16 = 5;

/// What became of mail, and what needs attention.
#[derive(Debug)]
pub struct Overview {
    /// The days on which something happened, oldest first.
    pub days: Vec<DayOfMail>,
    /// Recipients that wait now.
    pub backlog: Backlog,
    /// The latest notes that nobody has dismissed.
    pub alerts: Vec<Alert>,
    /// The latest mails that wait for a decision.
    pub held: Vec<MailSummary>,
}

/// Overviews of accounts and projects.
#[derive(Clone)]
pub struct Overviews {
    db: PgPool,
    mails: Mails,
}

impl Overviews {
    /// Over the mails in `db`.
    pub fn new(db: PgPool, mails: Mails) -> Self {
        Self { db, mails }
    }

    /// The days from `first` on, of one project or of all of an account. Deleted projects count with the account.
    pub async fn of(
        &self,
        account: AccountId,
        project: Option<ProjectId>,
        first: NaiveDate,
    ) -> Result<Overview> {
        let projects = match project {
            Some(project) => vec![project],
            None => store::projects::ids_of(&self.db, account).await.map_err(unavailable)?,
        };
        let days = store::mail_days::list(&self.db, &projects, first).await.map_err(unavailable)?;
        let backlog = store::mail_days::backlog(&self.db, &projects).await.map_err(unavailable)?;
        let newest = uuid::Uuid::max().into();
        let alerts = store::alerts::list_open(&self.db, account, newest, i64::from(ATTENTION))
            .await
            .map_err(unavailable)?;
        let held = self.held(&projects, backlog.held).await?;
        Ok(Overview { days, backlog, alerts, held })
    }

    /// The latest mails that wait for a decision, of projects in which so many recipients wait for one together.
    async fn held(&self, projects: &[ProjectId], mut left: i64) -> Result<Vec<MailSummary>> {
        let filter = MailFilter { statuses: vec!["held".into()], ..MailFilter::default() };
        let mut held = Vec::new();
        for project in projects {
            if left <= 0 {
                break;
            }
            let of_project = slice::from_ref(project);
            let backlog = store::mail_days::backlog(&self.db, of_project);
            let backlog = backlog.await.map_err(unavailable)?;
            left -= backlog.held;
            if backlog.held > 0 {
                held.extend(self.mails.list(*project, &filter, ATTENTION).await?.mails);
            }
        }
        held.sort_by_key(|mail| Reverse(mail.created_at));
        held.truncate(ATTENTION.into());
        Ok(held)
    }
}
