//! A bound on the content of mails that are in memory to be delivered.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What may be in memory and not yet delivered, in KiB of unpacked content.
const BUDGET_KIB: u32 = 64 * 1024;

/// The least that a delivery counts, in KiB: bounds their number as well.
const LEAST_KIB: usize = 8;

/// All of it, in bytes.
pub const BYTES: usize = BUDGET_KIB as usize * 1024;

/// Room for mails that wait for their delivery.
#[derive(Clone, Debug)]
pub struct Room(Arc<Semaphore>);

impl Default for Room {
    /// 64 MiB of it.
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET_KIB as usize)))
    }
}

impl Room {
    /// Takes room for a mail, if there is some; it is given back when the permit is dropped.
    pub fn reserve(&self, content_bytes: usize, recipients: usize) -> Option<OwnedSemaphorePermit> {
        let kib = kib(content_bytes, recipients);
        Arc::clone(&self.0).try_acquire_many_owned(kib).ok()
    }

    /// Waits until there is room for such a mail. Takes none.
    pub async fn wait_for(&self, content_bytes: usize, recipients: usize) {
        // Never closed.
        let _ = self.0.acquire_many(kib(content_bytes, recipients)).await;
    }
}

/// What a mail takes; never more than there is.
fn kib(content_bytes: usize, recipients: usize) -> u32 {
    let kib = (content_bytes / 1024).max(recipients * LEAST_KIB);
    u32::try_from(kib).map_or(BUDGET_KIB, |kib| kib.min(BUDGET_KIB))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_is_bounded_by_bytes_and_by_number() {
        let room = Room::default();
        let large = room.reserve(40 << 20, 1);
        assert!(large.is_some());
        assert!(room.reserve(40 << 20, 1).is_none());
        drop(large);
        room.wait_for(40 << 20, 1).await;

        let small: Vec<_> = std::iter::from_fn(|| room.reserve(1, 1)).collect();
        assert_eq!(small.len(), 8192);
        drop(small);
        assert!(room.reserve(usize::MAX, 1).is_some(), "one alone always has room");
    }
}
