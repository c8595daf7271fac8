//! Which recipients were left out when a mail was accepted.

use std::collections::HashMap;

use super::Mails;
use crate::domain::address::EmailAddress;
use crate::domain::id::{MailId, ProjectId};
use crate::domain::packing;
use crate::error::Result;
use crate::service::{in_time, unavailable};
use crate::store;
use crate::store::mails::AcceptedRow;

/// Recipients by the mail that they got none of.
pub type Suppressed = HashMap<MailId, Vec<String>>;

/// The recipients at these places.
pub(super) fn at<'a>(
    positions: &[i16],
    recipients: impl Iterator<Item = &'a EmailAddress>,
) -> Vec<String> {
    if positions.is_empty() {
        return Vec::new();
    }
    (0..)
        .zip(recipients)
        .filter(|(position, _)| positions.contains(position))
        .map(|(_, address)| address.folded())
        .collect()
}

/// Those whom a statement left out, of mails whose recipients were these.
pub(super) fn of_accepted(
    accepted: &[AcceptedRow],
    mut recipients: HashMap<MailId, Vec<String>>,
) -> Suppressed {
    let left_out = accepted.iter().filter(|mail| !mail.suppressed.is_empty());
    left_out
        .filter_map(|mail| {
            let all = recipients.remove(&mail.id)?;
            let of_mail = (0..).zip(all).filter(|(position, _)| mail.suppressed.contains(position));
            Some((mail.id, of_mail.map(|(_, address)| address).collect()))
        })
        .collect()
}

impl Mails {
    /// The same, long after: for the answer that a repeated request gets again.
    pub(super) async fn suppressed_at_first(
        &self,
        project: ProjectId,
        mails: &[MailId],
    ) -> Result<Suppressed> {
        let finding = store::mails::suppressed_at_first(&self.db, project, mails);
        let rows = in_time(finding).await.map_err(unavailable)?;
        let addresses = |row: &store::mails::SuppressedRow| {
            // Recipients are never what mails share.
            let content = packing::unpack(&row.content, None).ok()?;
            Some((row.id, at(&row.positions, content.recipients())))
        };
        Ok(rows.iter().filter_map(addresses).collect())
    }
}
