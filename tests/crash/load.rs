//! Programs that send mail all the time and write down what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api_client::{Answer, ApiClient, mail_to};

/// How many send at the same time.
const SENDERS: usize = 6;

/// Between two mails of one sender: the machine has other things to do as well.
const PAUSE: Duration = Duration::from_millis(15);

/// One request, and what came of it as far as its sender knows.
pub struct Sent {
    /// The only recipient, who gets no other mail.
    pub address: String,
    /// Whether it must not come twice.
    pub hold: bool,
    pub answer: Answer,
}

/// Senders at work.
pub struct Load {
    stop: CancellationToken,
    senders: JoinSet<Vec<Sent>>,
}

impl Load {
    /// `name` is part of every address.
    pub fn start(client: &ApiClient, name: &'static str) -> Self {
        let stop = CancellationToken::new();
        let number = Arc::new(AtomicUsize::new(0));
        let mut senders = JoinSet::new();
        for _ in 0..SENDERS {
            let (client, number, stop) = (client.clone(), number.clone(), stop.clone());
            senders.spawn(send_all_the_time(client, name, number, stop));
        }
        Self { stop, senders }
    }

    /// Lets everyone finish the request that they have begun.
    pub async fn finish(self) -> Vec<Sent> {
        self.stop.cancel();
        self.senders.join_all().await.into_iter().flatten().collect()
    }
}

async fn send_all_the_time(
    client: ApiClient,
    name: &str,
    number: Arc<AtomicUsize>,
    stop: CancellationToken,
) -> Vec<Sent> {
    let mut sent = Vec::new();
    while !stop.is_cancelled() {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let hold = number.is_multiple_of(2);
        let address = format!("{name}-{number}@example.net");
        let mut mail = mail_to(&address);
        mail["onAmbiguous"] = json!(if hold { "hold" } else { "retry" });
        let answer = client.send(&mail).await;
        sent.push(Sent { address, hold, answer });
        tokio::time::sleep(PAUSE).await;
    }
    sent
}
