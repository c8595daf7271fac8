//! How much of the files that are downloaded may be in memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::client::Download;

/// What files may take that are downloaded for one purpose: so much of their own, out of what all share. It is taken as
/// bytes arrive, since whoever serves them may take long, and given back when this goes.
#[derive(Debug)]
pub struct Room {
    left: AtomicUsize,
    shared: Arc<Semaphore>,
    held: Mutex<Vec<OwnedSemaphorePermit>>,
}

impl Room {
    /// Room for so many bytes, as long as `shared` has a permit for each.
    pub fn new(bytes: usize, shared: Arc<Semaphore>) -> Self {
        Self { left: AtomicUsize::new(bytes), shared, held: Mutex::default() }
    }

    /// What is left of its own, in bytes.
    pub(super) fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    /// Takes so many bytes, or says what stands in the way.
    pub(super) fn take(&self, bytes: usize) -> Option<Download> {
        let take = |left: usize| left.checked_sub(bytes);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return Some(Download::TooLarge);
        }
        let permit = u32::try_from(bytes)
            .ok()
            .and_then(|bytes| Arc::clone(&self.shared).try_acquire_many_owned(bytes).ok());
        let Some(permit) = permit else { return Some(Download::NoRoom) };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.first_mut() {
            Some(first) => first.merge(permit),
            None => held.push(permit),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_arrived_takes_nothing_and_what_is_over_is_given_back() {
        let shared = Arc::new(Semaphore::new(100));
        let rooms: Vec<_> = (0..8).map(|_| Room::new(80, Arc::clone(&shared))).collect();
        assert!(rooms[0].take(60).is_none());
        assert!(rooms[1].take(30).is_none());
        assert!(matches!(rooms[0].take(30), Some(Download::TooLarge)));
        assert!(matches!(rooms[2].take(20), Some(Download::NoRoom)));
        drop(rooms);
        assert_eq!(shared.available_permits(), 100);
    }
}
