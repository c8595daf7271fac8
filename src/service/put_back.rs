//! What is taken out of memory to be written down.

use std::ops::{Deref, DerefMut};

/// Something that goes back where it was taken from when this is dropped, because it could not be written down or whoever
/// was at it was stopped in the middle.
pub(super) struct PutBack<T: Default, F: FnMut(T)> {
    taken: T,
    put_back: F,
}

impl<T: Default, F: FnMut(T)> PutBack<T, F> {
    pub(super) fn unless_written(taken: T, put_back: F) -> Self {
        Self { taken, put_back }
    }

    /// It is written down: nothing of it goes back.
    pub(super) fn written(mut self) -> T {
        std::mem::take(&mut self.taken)
    }
}

impl<T: Default, F: FnMut(T)> Deref for PutBack<T, F> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.taken
    }
}

impl<T: Default, F: FnMut(T)> DerefMut for PutBack<T, F> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.taken
    }
}

impl<T: Default, F: FnMut(T)> Drop for PutBack<T, F> {
    fn drop(&mut self) {
        (self.put_back)(std::mem::take(&mut self.taken));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn what_was_not_written_when_its_writer_was_stopped_goes_back() {
        let kept = Mutex::new(vec![1, 2, 3]);
        let write = async |patience: bool| {
            let taken = std::mem::take(&mut *kept.lock().unwrap());
            let mut left = PutBack::unless_written(taken, |left| kept.lock().unwrap().extend(left));
            left.truncate(2);
            if !patience {
                std::future::pending::<()>().await;
            }
            left.written()
        };
        tokio::select! {
            biased;
            _ = write(false) => unreachable!(),
            () = std::future::ready(()) => {}
        }
        assert_eq!(*kept.lock().unwrap(), [1, 2]);
        assert_eq!(write(true).await, [1, 2]);
        assert!(kept.lock().unwrap().is_empty());
    }
}
