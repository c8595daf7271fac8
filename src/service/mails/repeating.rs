//! Requests that came before, and cannot be prepared again: what they name is gone.

use super::sending::is_final;
use super::{Accepted, BulkAccepted, Mails};
use crate::domain::id::ProjectId;
use crate::domain::idempotency::Idempotency;
use crate::error::{Error, Result};

impl Mails {
    /// What the same request was answered before, whatever it lacks now; or else the `refusal` of what it lacks.
    pub async fn answer_again(
        &self,
        project: ProjectId,
        refusal: Error,
        idempotency: Option<&Idempotency>,
    ) -> Result<Accepted> {
        if !is_final(&refusal) {
            return Err(refusal);
        }
        self.first_answer(project, idempotency, None).await?.ok_or(refusal)
    }

    /// The same for a request for several mails.
    pub async fn answer_all_again(
        &self,
        project: ProjectId,
        refusal: Error,
        idempotency: Option<&Idempotency>,
    ) -> Result<BulkAccepted> {
        if !is_final(&refusal) {
            return Err(refusal);
        }
        self.first_bulk_answer(project, idempotency).await?.ok_or(refusal)
    }
}
