//! Files that a mail names by URL: fetched before the mail is accepted, so that every attempt sends the same bytes.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::domain::attachment::MAX_ENCODED_BYTES;
use crate::domain::draft::{Draft, RemoteFile};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::outbound::{Client, Download, Limits};

/// How long all files of a mail may take together.
const PATIENCE: Duration = Duration::from_secs(20);

/// Files of one mail that are fetched at once.
const AT_ONCE: usize = 4;

/// Files of all mails that are fetched at once.
const ALL_AT_ONCE: usize = 32;

/// The most that the files of a mail may come to: as many bytes as base64 makes the limit of.
const MAX_BYTES: usize = MAX_ENCODED_BYTES / 4 * 3;

/// Fetches files from servers that strangers name. Clones share its bounds.
#[derive(Clone)]
pub struct Files {
    client: Client,
    places: Arc<Semaphore>,
}

impl Files {
    /// Fetches through this client, which knows where it may connect to.
    pub fn new(client: Client) -> Self {
        Self { client, places: Arc::new(Semaphore::new(ALL_AT_ONCE)) }
    }

    /// Puts the bytes of the draft's remote files into its attachments; or says of each that did not come why.
    pub(super) async fn fetch(&self, draft: &mut Draft) -> Result<()> {
        let remote = std::mem::take(&mut draft.remote_files);
        if remote.is_empty() {
            return Ok(());
        }
        let brought: usize = draft.attachments.iter().map(|file| file.content().len()).sum();
        let room = Arc::new(AtomicUsize::new(MAX_BYTES.saturating_sub(brought)));
        let few = Arc::new(Semaphore::new(AT_ONCE));
        // They end with this function, however it ends.
        let mut fetching = JoinSet::new();
        for file in remote {
            let (files, room, few) = (self.clone(), Arc::clone(&room), Arc::clone(&few));
            fetching.spawn(async move {
                let _turn = few.acquire().await;
                (file.place, files.fetch_one(&file, &room).await)
            });
        }
        let mut fetched = timeout(PATIENCE, fetching.join_all()).await.map_err(|_| {
            let problem = format!("the files did not arrive within {} seconds", PATIENCE.as_secs());
            Error::Invalid(Violations::one("attachments", problem))
        })?;
        fetched.sort_by_key(|(place, _)| *place);
        let mut violations = Violations::default();
        for (place, outcome) in fetched {
            let field = format!("attachments[{place}].fileUrl");
            let bytes = violations.check(field, outcome);
            if let (Some(bytes), Some(file)) = (bytes, draft.attachments.get_mut(place)) {
                file.set_content(bytes);
            }
        }
        if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
    }

    async fn fetch_one(&self, file: &RemoteFile, room: &AtomicUsize) -> Result<Vec<u8>, String> {
        let _place = self.places.acquire().await.map_err(|error| error.to_string())?;
        let limits = Limits { time: PATIENCE, body_time: PATIENCE, body_bytes: MAX_BYTES };
        let download = self.client.download(file.url.as_url(), limits, room).await;
        match download.map_err(|error| format!("could not be fetched: {error}"))? {
            Download::Whole(bytes) => Ok(bytes),
            Download::TooLarge => {
                Err("is too large: files may have 40 MB together in base64".to_owned())
            }
            Download::Broken => Err("could not be fetched: the connection broke".to_owned()),
            Download::Refused(status @ 300..=399) => {
                Err(format!("answers with a redirect ({status}), and none is followed"))
            }
            Download::Refused(status) => Err(format!("answers with the status {status}")),
        }
    }
}
