//! The connections to the relay: a bounded number, kept alive between mails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::limits::{Deadlines, Limits};
use super::opening::{Endpoint, OpenError, Session};

/// Connections to one relay.
///
/// Whoever holds a [`Slot`] may have one connection, and an idle one is taken before another is opened: so idle and
/// busy ones together are never more than the limit.
pub(super) struct Pool {
    endpoint: Endpoint,
    limits: Limits,
    slots: Semaphore,
    idle: Mutex<Idle>,
}

/// The right to one connection.
pub(super) struct Slot<'a>(
    #[expect(dead_code, reason = "held for the sake of its drop")] SemaphorePermit<'a>,
);

/// A connection, and what it has behind it. Dropping it closes it.
pub(super) struct Connection {
    pub session: Session,
    opened: Instant,
    mails: u32,
}

#[derive(Default)]
struct Idle {
    /// The last one used comes last, and is used first: the others grow old and are closed when there is less to do.
    connections: Vec<(Instant, Connection)>,
    /// Whether a task is waiting to close those that are idle for too long.
    is_swept: bool,
}

impl Pool {
    pub(super) fn new(endpoint: Endpoint, limits: Limits) -> Self {
        let slots = Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS));
        Self { endpoint, limits, slots, idle: Mutex::default() }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Waits for the right to a connection; `None` where all stay busy for too long.
    pub(super) async fn slot(&self, deadlines: &Deadlines) -> Option<Slot<'_>> {
        timeout_at(deadlines.slot(), self.slots.acquire()).await.ok()?.ok().map(Slot)
    }

    /// An idle connection that seems to be alive.
    pub(super) fn reuse(&self, _slot: &Slot<'_>) -> Option<Connection> {
        loop {
            let (since, mut connection) = self.idle().connections.pop()?;
            if since.elapsed() >= self.limits.idle || self.is_worn(&connection) {
                connection.session.conversation.quit();
            } else if connection.session.conversation.is_quiet() {
                return Some(connection);
            }
        }
    }

    /// A new connection.
    pub(super) async fn open(
        &self,
        _slot: &Slot<'_>,
        deadlines: &Deadlines,
    ) -> Result<Connection, OpenError> {
        let session = self.endpoint.open(deadlines).await?;
        Ok(Connection { session, opened: Instant::now(), mails: 0 })
    }

    /// Takes a connection back, between mails, for the next one to be sent. The slot is given up afterwards, so that
    /// whoever gets it finds the connection.
    pub(super) fn keep(self: &Arc<Self>, slot: Slot<'_>, mut connection: Connection) {
        connection.mails = connection.mails.saturating_add(1);
        if self.is_worn(&connection) {
            connection.session.conversation.quit();
        } else if connection.session.conversation.is_quiet() {
            let mut idle = self.idle();
            idle.connections.push((Instant::now(), connection));
            if !idle.is_swept {
                idle.is_swept = true;
                tokio::spawn(sweep(Arc::downgrade(self)));
            }
        }
        drop(slot);
    }

    fn is_worn(&self, connection: &Connection) -> bool {
        connection.mails >= self.limits.mails || connection.opened.elapsed() >= self.limits.age
    }

    /// Closes what has been idle for too long, and says when to look again: never, where nothing is left.
    fn close_idle(&self) -> Option<Instant> {
        let mut idle = self.idle();
        let now = Instant::now();
        let first_young =
            idle.connections.partition_point(|(since, _)| now - *since >= self.limits.idle);
        let old: Vec<_> = idle.connections.drain(..first_young).collect();
        let next = idle.connections.first().map(|(since, _)| *since + self.limits.idle);
        idle.is_swept = next.is_some();
        drop(idle);

        for (_, connection) in old {
            connection.session.conversation.quit();
        }
        next
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for (_, connection) in self.idle().connections.drain(..) {
            connection.session.conversation.quit();
        }
    }
}

/// Closes idle connections in time, for as long as there are any and the pool lives.
async fn sweep(pool: Weak<Pool>) {
    while let Some(next) = pool.upgrade().and_then(|pool| pool.close_idle()) {
        sleep_until(next).await;
    }
}
