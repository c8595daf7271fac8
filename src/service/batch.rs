//! Group commit: callers hand in one item each, and share a statement and its commit with all who wait.
//!
//! A lone item is run at once, a crowd shares one round trip and one fsync: while one batch is on its way the next one
//! gathers. When enough gather meanwhile, a second lane takes them and does not wait for the first one's fsync. No timer
//! lingers, unless the bounds ask for it because nobody waits for the answer.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::restart;
use crate::error::{Error, Result};

/// How long an item may wait for its batch to begin. Past that the database is too slow to promise anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bounds of one [`Batcher`].
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Items in one batch.
    pub batch_items: usize,
    /// Bytes in one batch; a single item may be larger.
    pub batch_bytes: usize,
    /// Bytes that may wait; past that, callers are refused at once.
    pub waiting_bytes: usize,
    /// Batches on their way at the same time.
    pub lanes: usize,
    /// So many must wait for a batch to begin while another is on its way.
    pub crowd: usize,
    /// How long a batch that is not full gathers before it begins.
    pub linger: Duration,
}

/// The entrance for callers; cheap to clone.
pub struct Batcher<T, R> {
    shared: Arc<Shared<T, R>>,
}

struct Shared<T, R> {
    bounds: Bounds,
    queue: Mutex<Queue<T, R>>,
    /// Wakes the first lane: something waits.
    some: Notify,
    /// Wakes the others: a crowd waits.
    crowd: Notify,
}

struct Queue<T, R> {
    waiting: VecDeque<Waiting<T, R>>,
    bytes: usize,
    next_ticket: u64,
}

struct Waiting<T, R> {
    ticket: u64,
    item: T,
    bytes: usize,
    answer: oneshot::Sender<Result<R>>,
}

impl<T, R> Clone for Batcher<T, R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Starts the lanes. `run` gets each batch and answers for its items in order; an error is answered to all, as
    /// [`Error::Unavailable`] unless it is [`Error::OutcomeUnknown`]. If it panics, its batch has no known end.
    ///
    /// The lanes end when `stop` is cancelled and nothing waits any more.
    pub fn start<F, Fut>(
        bounds: Bounds,
        tasks: &TaskTracker,
        stop: &CancellationToken,
        run: F,
    ) -> Self
    where
        F: Fn(Vec<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<R>>> + Send,
    {
        let queue = Queue { waiting: VecDeque::new(), bytes: 0, next_ticket: 0 };
        let shared = Arc::new(Shared {
            bounds,
            queue: Mutex::new(queue),
            some: Notify::new(),
            crowd: Notify::new(),
        });
        let run = Arc::new(run);
        for lane in 0..bounds.lanes {
            let (shared, run, stop) = (Arc::clone(&shared), Arc::clone(&run), stop.clone());
            tasks.spawn(restart::whenever_it_panics("batches", move || {
                let (shared, run, stop) = (Arc::clone(&shared), Arc::clone(&run), stop.clone());
                async move { shared.work(lane, &*run, &stop).await }
            }));
        }
        Self { shared }
    }

    /// Runs an item in the next batch. `bytes` is what it weighs.
    ///
    /// Refuses with [`Error::Unavailable`] when too much waits or the item waited too long; nothing was done then. Fails
    /// with [`Error::OutcomeUnknown`] when its batch began and did not come to an end.
    pub async fn submit(&self, item: T, bytes: usize) -> Result<R> {
        let (answer, mut answered) = oneshot::channel();
        let ticket = self.shared.enqueue(item, bytes, answer)?;

        let first = tokio::time::timeout(PATIENCE, &mut answered).await;
        let answer = match first {
            Ok(answer) => answer,
            Err(_) if self.shared.withdraw(ticket) => {
                return Err(Error::Unavailable(anyhow::anyhow!(
                    "no batch began within {PATIENCE:?}"
                )));
            }
            // It is on its way, and only its end says what to answer.
            Err(_) => answered.await,
        };
        answer.unwrap_or_else(|_| {
            Err(Error::OutcomeUnknown(anyhow::anyhow!("the batch was abandoned on its way")))
        })
    }
}

impl<T, R> Shared<T, R> {
    fn enqueue(&self, item: T, bytes: usize, answer: oneshot::Sender<Result<R>>) -> Result<u64> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.bytes.saturating_add(bytes) > self.bounds.waiting_bytes
            && !queue.waiting.is_empty()
        {
            return Err(Error::Unavailable(anyhow::anyhow!("{} bytes wait already", queue.bytes)));
        }
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.bytes += bytes;
        queue.waiting.push_back(Waiting { ticket, item, bytes, answer });
        if queue.waiting.len() >= self.bounds.crowd {
            self.crowd.notify_one();
        }
        self.some.notify_one();
        Ok(ticket)
    }

    /// Takes an item back; `false` if its batch has begun.
    fn withdraw(&self, ticket: u64) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = queue.waiting.iter().position(|waiting| waiting.ticket == ticket) else {
            return false;
        };
        let withdrawn = queue.waiting.remove(place);
        queue.bytes -= withdrawn.map_or(0, |waiting| waiting.bytes);
        true
    }

    /// Runs one batch after the other. The first lane takes whatever waits, the others only crowds.
    async fn work<F, Fut>(&self, lane: usize, run: &F, stop: &CancellationToken)
    where
        F: Fn(Vec<T>) -> Fut,
        Fut: Future<Output = Result<Vec<R>>>,
    {
        let (wake, least) =
            if lane == 0 { (&self.some, 1) } else { (&self.crowd, self.bounds.crowd) };
        loop {
            if lane == 0 && !self.bounds.linger.is_zero() && self.has_room() {
                stop.run_until_cancelled(tokio::time::sleep(self.bounds.linger)).await;
            }
            let batch = self.take_batch(least);
            if batch.is_empty() {
                let stopped = stop.run_until_cancelled(wake.notified()).await.is_none();
                if stopped && (lane > 0 || self.is_empty()) {
                    return;
                }
                continue;
            }
            self.run_batch(batch, run).await;
        }
    }

    /// Runs a batch, and answers everyone in it.
    async fn run_batch<F, Fut>(&self, batch: Vec<Waiting<T, R>>, run: &F)
    where
        F: Fn(Vec<T>) -> Fut,
        Fut: Future<Output = Result<Vec<R>>>,
    {
        let (items, answers): (Vec<T>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.item, waiting.answer)).unzip();
        match run(items).await {
            // A caller who has gone away needs no answer.
            Ok(results) => answers
                .into_iter()
                .zip(results)
                .for_each(|(answer, result)| drop(answer.send(Ok(result)))),
            Err(error) => {
                let is_unknown = matches!(error, Error::OutcomeUnknown(_));
                let cause = Arc::new(error);
                for answer in answers {
                    let cause = anyhow::Error::new(SharedCause(Arc::clone(&cause)));
                    let error = if is_unknown {
                        Error::OutcomeUnknown(cause)
                    } else {
                        Error::Unavailable(cause)
                    };
                    drop(answer.send(Err(error)));
                }
            }
        }
    }

    /// The next batch, if at least so many wait.
    fn take_batch(&self, least: usize) -> Vec<Waiting<T, R>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Vec::new();
        if queue.waiting.len() < least {
            return batch;
        }
        let mut bytes = 0;
        while batch.len() < self.bounds.batch_items {
            let fits = |next: &Waiting<T, R>| {
                batch.is_empty() || bytes + next.bytes <= self.bounds.batch_bytes
            };
            if !queue.waiting.front().is_some_and(fits) {
                break;
            }
            let Some(next) = queue.waiting.pop_front() else { break };
            queue.bytes -= next.bytes;
            bytes += next.bytes;
            batch.push(next);
        }
        batch
    }

    fn is_empty(&self) -> bool {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).waiting.is_empty()
    }

    /// Whether something waits, and a batch of it could hold more.
    fn has_room(&self) -> bool {
        let waiting = self.queue.lock().unwrap_or_else(PoisonError::into_inner).waiting.len();
        (1..self.bounds.batch_items).contains(&waiting)
    }
}

/// One cause, told to everyone in the batch.
#[derive(Debug, thiserror::Error)]
#[error("the batch failed: {0}")]
struct SharedCause(#[source] Arc<Error>);

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        batch_items: 4,
        batch_bytes: 100,
        waiting_bytes: 1000,
        lanes: 2,
        crowd: 4,
        linger: Duration::ZERO,
    };

    fn doubling(tasks: &TaskTracker, stop: &CancellationToken) -> Batcher<u32, (u32, usize)> {
        Batcher::start(BOUNDS, tasks, stop, |items: Vec<u32>| async move {
            tokio::task::yield_now().await;
            let together = items.len();
            Ok(items.into_iter().map(|item| (item * 2, together)).collect())
        })
    }

    #[tokio::test]
    async fn everyone_gets_the_answer_to_their_own_item() {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let batcher = doubling(&tasks, &stop);

        let callers: Vec<_> = (0..50)
            .map(|item| {
                let batcher = batcher.clone();
                tokio::spawn(async move { (item, batcher.submit(item, 10).await.unwrap()) })
            })
            .collect();
        for caller in callers {
            let (item, (doubled, together)) = caller.await.unwrap();
            assert_eq!(doubled, item * 2);
            assert!(together <= BOUNDS.batch_items);
        }

        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn too_much_at_once_is_refused_and_not_stored() {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let batcher: Batcher<u32, u32> =
            Batcher::start(BOUNDS, &tasks, &stop, |_| std::future::pending::<Result<Vec<u32>>>());
        let waiting: Vec<_> = (0..200)
            .map(|item| {
                let batcher = batcher.clone();
                tokio::spawn(async move { batcher.submit(item, 100).await })
            })
            .collect();

        let mut refused = 0;
        for caller in waiting {
            tokio::task::yield_now().await;
            if caller.is_finished() {
                assert!(matches!(caller.await.unwrap(), Err(Error::Unavailable(_))));
                refused += 1;
            }
        }
        assert!(refused > 100);
    }

    #[tokio::test]
    async fn a_panic_leaves_its_own_batch_without_a_known_end_and_no_other() {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let batcher = Batcher::start(BOUNDS, &tasks, &stop, |items: Vec<u32>| async move {
            assert!(!items.contains(&13), "an unlucky number");
            Ok(items)
        });
        assert_eq!(batcher.submit(12, 1).await.unwrap(), 12);
        let unlucky = batcher.submit(13, 1).await;
        assert!(matches!(unlucky, Err(Error::OutcomeUnknown(_))), "{unlucky:?}");
        assert_eq!(batcher.submit(14, 1).await.unwrap(), 14);
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn nobody_is_told_that_nothing_was_done_when_that_is_not_known() {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let batcher: Batcher<u32, u32> = Batcher::start(BOUNDS, &tasks, &stop, |_| async {
            Err(Error::OutcomeUnknown(anyhow::anyhow!("the connection broke")))
        });
        let (one, another) = tokio::join!(batcher.submit(1, 1), batcher.submit(2, 1));
        for answer in [one, another] {
            assert!(matches!(answer, Err(Error::OutcomeUnknown(_))), "{answer:?}");
        }
        stop.cancel();
    }
}
