//! How much of the bodies of all requests may be in memory at once.
//!
//! Bodies are counted as they arrive, so that whoever only announces one takes nothing from the others. The beginning of
//! each comes out of a room of its own, which large bodies cannot fill: mails of the usual size pass beside them. So do
//! the bodies of those who have not said who they are.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

/// The largest body: 40 MiB of files in base64, and 5 for all the rest.
pub const MAX_BODY_BYTES: usize = 45 * 1024 * 1024;

/// The largest body of a stranger: an address, a password, a token.
pub const MAX_STRANGERS_BODY_BYTES: usize = 256 * 1024;

/// What counts as the beginning of a body, in bytes.
const BEGINNING: usize = 64 * 1024;

/// All beginnings together, in bytes.
const BEGINNINGS: usize = 64 * 1024 * 1024;

/// All that is behind the beginnings, in bytes.
const REST: usize = 256 * 1024 * 1024;

/// All bodies of strangers together, in bytes.
const STRANGERS: usize = 8 * 1024 * 1024;

/// The room that there is for bodies.
#[derive(Clone, Debug)]
pub struct BodyRoom {
    beginnings: Arc<Semaphore>,
    rest: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

impl Default for BodyRoom {
    fn default() -> Self {
        Self::new(BEGINNINGS, REST)
    }
}

impl BodyRoom {
    fn new(beginnings: usize, rest: usize) -> Self {
        Self {
            beginnings: Arc::new(Semaphore::new(beginnings)),
            rest: Arc::new(Semaphore::new(rest)),
            strangers: Arc::new(Semaphore::new(STRANGERS)),
        }
    }
}

/// What one request takes of the room, until it is answered.
#[derive(Clone, Debug)]
pub struct BodyShare(Arc<Mutex<Taken>>);

#[derive(Debug)]
struct Taken {
    room: BodyRoom,
    bytes: usize,
    permits: Vec<OwnedSemaphorePermit>,
}

impl BodyShare {
    fn of(room: BodyRoom) -> Self {
        Self(Arc::new(Mutex::new(Taken { room, bytes: 0, permits: Vec::new() })))
    }

    /// Takes so many bytes more, or answers that there is no room.
    pub fn take(&self, bytes: usize) -> Result<(), Error> {
        let mut taken = self.taken();
        let beginning = bytes.min(BEGINNING.saturating_sub(taken.bytes));
        let room = taken.room.clone();
        taken.bytes += bytes;
        taken.take_of(&room.beginnings, beginning)?;
        taken.take_of(&room.rest, bytes - beginning)
    }

    /// The same for somebody who has not said who it is.
    pub fn take_for_stranger(&self, bytes: usize) -> Result<(), Error> {
        let mut taken = self.taken();
        let room = Arc::clone(&taken.room.strangers);
        taken.take_of(&room, bytes)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn take_of(&mut self, room: &Arc<Semaphore>, bytes: usize) -> Result<(), Error> {
        if bytes == 0 {
            return Ok(());
        }
        let permit = u32::try_from(bytes)
            .ok()
            .and_then(|bytes| Arc::clone(room).try_acquire_many_owned(bytes).ok())
            .ok_or_else(|| {
                Error::Unavailable(anyhow::anyhow!("there is no room for more bodies"))
            })?;
        // One permit for each room, however many pieces a body comes in.
        let same = |held: &&mut OwnedSemaphorePermit| Arc::ptr_eq(held.semaphore(), room);
        if let Some(held) = self.permits.iter_mut().find(same) {
            held.merge(permit);
        } else {
            self.permits.push(permit);
        }
        Ok(())
    }
}

impl<S: Sync> FromRequestParts<S> for BodyShare {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Every request of the router has one.
        let share = parts.extensions.get::<Self>().cloned();
        Ok(share.unwrap_or_else(|| Self::of(BodyRoom::default())))
    }
}

/// Gives every request its share, which is free again when it has been answered or given up.
pub async fn share(State(room): State<BodyRoom>, mut request: Request, next: Next) -> Response {
    let share = BodyShare::of(room);
    request.extensions_mut().insert(share.clone());
    let response = next.run(request).await;
    drop(share);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_leave_room_for_the_beginnings_of_others() {
        let room = BodyRoom::new(10 * BEGINNING, MAX_BODY_BYTES - BEGINNING);
        let large = BodyShare::of(room.clone());
        for _ in 0..45 {
            large.take(1024 * 1024).unwrap();
        }
        let other = BodyShare::of(room.clone());
        other.take(BEGINNING).unwrap();
        other.take(BEGINNING).unwrap_err();
        drop(large);
        other.take(BEGINNING).unwrap();
        drop(other);
        assert_eq!(room.rest.available_permits(), MAX_BODY_BYTES - BEGINNING);
        assert_eq!(room.beginnings.available_permits(), 10 * BEGINNING);
    }

    #[test]
    fn strangers_take_nothing_from_those_who_are_known() {
        let room = BodyRoom::new(BEGINNING, BEGINNING);
        let strangers: Vec<_> = (0..STRANGERS / MAX_STRANGERS_BODY_BYTES)
            .map(|_| {
                let share = BodyShare::of(room.clone());
                share.take_for_stranger(MAX_STRANGERS_BODY_BYTES).unwrap();
                share
            })
            .collect();
        BodyShare::of(room.clone()).take_for_stranger(1).unwrap_err();
        BodyShare::of(room.clone()).take(2 * BEGINNING).unwrap();
        drop(strangers);
        BodyShare::of(room).take_for_stranger(1).unwrap();
    }

    #[test]
    fn the_largest_body_finds_room_when_it_is_alone() {
        let share = BodyShare::of(BodyRoom::default());
        share.take(MAX_BODY_BYTES).unwrap();
    }
}
