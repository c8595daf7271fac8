//! What became of the mail of the last days, and what needs somebody's attention.

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
    /// The latest mails that wait for a decision; of one project only.
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
        let held = match project {
            Some(project) if backlog.held > 0 => {
                let filter = MailFilter { statuses: vec!["held".into()], ..MailFilter::default() };
                self.mails.list(project, &filter, ATTENTION).await?.mails
            }
            _ => Vec::new(),
        };
        Ok(Overview { days, backlog, alerts, held })
    }
}
