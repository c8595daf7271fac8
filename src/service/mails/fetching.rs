//! Files that a mail names by URL: fetched before the mail is accepted, so that every attempt sends the same bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::domain::attachment::MAX_ENCODED_BYTES;
use crate::domain::draft::{Draft, RemoteFile};
use crate::domain::id::ProjectId;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::outbound::{Client, Download, Limits, Room};

/// How long all files of a mail may take together.
const PATIENCE: Duration = Duration::from_secs(20);

/// Files of one mail that are fetched at once.
const AT_ONCE: usize = 4;

/// Files of one project that are fetched at once, so that nobody waits for the slow files of another.
const OF_A_PROJECT: usize = 8;

/// Files of all mails that are fetched at once.
const ALL_AT_ONCE: usize = 64;

/// What all fetched files may take until their mails are stored, in bytes.
const ROOM: usize = 128 * 1024 * 1024;

/// The most that the files of a mail may come to: as many bytes as base64 makes the limit of.
const MAX_BYTES: usize = MAX_ENCODED_BYTES / 4 * 3;

/// Fetches files from servers that strangers name. Clones share its bounds.
#[derive(Clone)]
pub struct Files {
    client: Client,
    places: Arc<Semaphore>,
    of_projects: Arc<Mutex<HashMap<ProjectId, Weak<Semaphore>>>>,
    room: Arc<Semaphore>,
}

/// Why one file did not come.
enum Trouble {
    /// In words for who named it.
    OfFile(String),
    /// There was no room for it beside those of others.
    NoRoom,
}

impl Files {
    /// Fetches through this client, which knows where it may connect to.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            places: Arc::new(Semaphore::new(ALL_AT_ONCE)),
            of_projects: Arc::default(),
            room: Arc::new(Semaphore::new(ROOM)),
        }
    }

    /// Puts the bytes of the draft's remote files into its attachments, and answers the room that they take; or says of
    /// each that did not come why.
    pub(super) async fn fetch(&self, project: ProjectId, draft: &mut Draft) -> Result<Arc<Room>> {
        let remote = std::mem::take(&mut draft.remote_files);
        let brought: usize = draft.attachments.iter().map(|file| file.content().len()).sum();
        let room = Room::new(MAX_BYTES.saturating_sub(brought), Arc::clone(&self.room));
        let room = Arc::new(room);
        let turns = self.turns_of(project);
        let few = Arc::new(Semaphore::new(AT_ONCE));
        // They end with this function, however it ends.
        let mut fetching = JoinSet::new();
        for file in remote {
            let (files, room, few) = (self.clone(), Arc::clone(&room), Arc::clone(&few));
            let turns = Arc::clone(&turns);
            fetching.spawn(async move {
                let _turns = (few.acquire().await, turns.acquire().await);
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
            let bytes = match outcome {
                Ok(bytes) => Some(bytes),
                Err(Trouble::NoRoom) => {
                    let cause = anyhow::anyhow!("there is no room for more files that are fetched");
                    return Err(Error::Unavailable(cause));
                }
                Err(Trouble::OfFile(problem)) => {
                    violations.add(field, problem);
                    None
                }
            };
            if let (Some(bytes), Some(file)) = (bytes, draft.attachments.get_mut(place)) {
                file.set_content(bytes);
            }
        }
        if violations.is_empty() { Ok(room) } else { Err(Error::Invalid(violations)) }
    }

    /// The turns that the files of a project take, kept for as long as somebody waits for one.
    fn turns_of(&self, project: ProjectId) -> Arc<Semaphore> {
        let mut known = self.of_projects.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = known.get(&project).and_then(Weak::upgrade) {
            return turns;
        }
        known.retain(|_, turns| turns.strong_count() > 0);
        let turns = Arc::new(Semaphore::new(OF_A_PROJECT));
        known.insert(project, Arc::downgrade(&turns));
        turns
    }

    async fn fetch_one(&self, file: &RemoteFile, room: &Room) -> Result<Vec<u8>, Trouble> {
        let of_file = Trouble::OfFile;
        let _place = self.places.acquire().await.map_err(|error| of_file(error.to_string()))?;
        let limits = Limits { time: PATIENCE, body_time: PATIENCE, body_bytes: MAX_BYTES };
        let download = self.client.download(file.url.as_url(), limits, room).await;
        match download.map_err(|error| of_file(format!("could not be fetched: {error}")))? {
            Download::Whole(bytes) => Ok(bytes),
            Download::NoRoom => Err(Trouble::NoRoom),
            Download::TooLarge => {
                Err(of_file("is too large: files may have 40 MB together in base64".to_owned()))
            }
            Download::Broken => {
                Err(of_file("could not be fetched: the connection broke".to_owned()))
            }
            Download::Refused(status @ 300..=399) => {
                Err(of_file(format!("answers with a redirect ({status}), and none is followed")))
            }
            Download::Refused(status) => Err(of_file(format!("answers with the status {status}"))),
        }
    }
}
