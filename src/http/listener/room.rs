//! How many connections there may be at once.
//!
//! Without a bound whoever opens many of them takes all the files that the process may have open, and then the
//! database and the relay cannot be reached either.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most connections at once. Each takes up to some 50 KB while it does nothing, most of that for TLS.
const MAX_CONNECTIONS: usize = 10_000;

/// Places for connections.
#[derive(Debug)]
pub(super) struct Room {
    places: Arc<Semaphore>,
    size: usize,
    /// Whether it has been said that there is no place left.
    told: AtomicBool,
}

/// A place for one connection, free again when this is dropped.
pub(super) type Place = OwnedSemaphorePermit;

impl Room {
    pub(super) fn new(size: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(size)), size, told: AtomicBool::new(false) }
    }

    /// As much room as the operating system leaves to this process, once it has been asked for all that it would give;
    /// a quarter of that stays for everything that is not a connection of a client.
    pub(super) fn of_this_process() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let asked = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        let open_files = if asked.is_ok() { maximum } else { current };
        Self::new(share_of(open_files))
    }

    /// A place, if there is one.
    pub(super) fn place(&self) -> Option<Place> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        if place.is_none() && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                connections = self.size,
                "There is no room for more connections: new ones are closed until others end"
            );
        }
        // Only when a tenth is free again, so that it is not said for every connection that comes and goes.
        if place.is_some() && self.places.available_permits() > self.size / 10 {
            self.told.store(false, Ordering::Relaxed);
        }
        place
    }
}

/// `None` is a process that may have any number of files open.
fn share_of(open_files: Option<u64>) -> usize {
    let open_files = open_files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    (open_files / 4 * 3).min(MAX_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_left_to_others() {
        assert_eq!(share_of(Some(1024)), 768);
        assert_eq!(share_of(Some(1 << 20)), MAX_CONNECTIONS);
        assert_eq!(share_of(None), MAX_CONNECTIONS);
        assert!(Room::of_this_process().place().is_some());
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_has_ended() {
        let room = Room::new(2);
        let (first, second) = (room.place(), room.place());
        assert!(first.is_some() && second.is_some());
        assert!(room.place().is_none());
        drop(first);
        assert!(room.place().is_some());
    }
}
