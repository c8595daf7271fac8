//! Leases run out in the database while mail is under way, and whoever holds them is there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::api_client::mail_to;
use crate::database_proxy::Moment;
use crate::smtp_server::{Answer, Rule, Stage};
use crate::{FOR_EVER, PATIENCE, Scene, kinds};

/// Mails that wait behind the first for the only connection to the relay.
const WAITING: usize = 20;

/// A relay that has the first mail and has not answered yet, and others that wait for it.
struct Queue {
    scene: Scene,
    ids: Vec<String>,
    permits: Arc<Semaphore>,
}

impl Queue {
    async fn new(lease: &str) -> Self {
        let scene = Scene::with(&[("LEASE_SECONDS", lease), ("SMTP_CONNECTIONS", "1")]).await;
        let permits = Arc::new(Semaphore::new(0));
        let slow = Rule::at(Stage::End, Answer::Wait(Arc::clone(&permits)));
        scene.relay.add(slow.only_to("first@example.net"));
        let mut ids = vec![scene.client.send(&mail_to("first@example.net")).await.id()];
        scene.relay.wait_for_line("DATA").await;
        for number in 0..WAITING {
            let address = format!("waits-{number}@example.net");
            ids.push(scene.client.send(&mail_to(&address)).await.id());
        }
        Self { scene, ids, permits }
    }

    /// Waits until the database says of no delivery that it is so.
    async fn until_none_is(&self, so: &str) {
        let begun = Instant::now();
        let counting = format!("SELECT count(*) FROM deliveries WHERE {so}");
        loop {
            let left = sqlx::query_scalar(sqlx::AssertSqlSafe(counting.clone()));
            let left: i64 = left.fetch_one(&self.scene.database.pool).await.unwrap();
            if left == 0 {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{left} are still {so}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn are_sent_once_without_a_doubt(&self) {
        for id in &self.ids {
            let mail = self.scene.in_state(id, "sent").await;
            assert_eq!(kinds(&mail), ["queued", "sent"], "{mail}");
        }
        assert_eq!(self.scene.relay.received().len(), self.ids.len(), "none came twice");
    }
}

#[tokio::test]
async fn a_long_outage_makes_nobody_doubt_what_this_node_has_in_hand() {
    let queue = Queue::new("2").await;
    // The renewal of the leases is what names them next.
    let delivery = sqlx::query_scalar("SELECT id FROM deliveries LIMIT 1");
    let delivery: Uuid = delivery.fetch_one(&queue.scene.database.pool).await.unwrap();
    queue.scene.proxy.cut_for_good_at(delivery.as_bytes(), Moment::Before);
    queue.scene.proxy.wait_for_cuts(1).await;
    queue.until_none_is("due_at > now()").await;
    // The first is sent, which nobody but the node knows; the others must not be.
    queue.permits.add_permits(1);
    queue.scene.relay.wait_for(1).await;
    queue.scene.proxy.mend();

    queue.are_sent_once_without_a_doubt().await;
}

#[tokio::test]
async fn a_clock_that_leaps_makes_nobody_doubt_what_this_node_has_in_hand() {
    let queue = Queue::new(FOR_EVER).await;
    // What it looks like when the database's clock is an hour further on.
    sqlx::query("UPDATE deliveries SET due_at = due_at - interval '1 hour'")
        .execute(&queue.scene.database.pool)
        .await
        .unwrap();
    queue.until_none_is("due_at <= now()").await;
    queue.permits.add_permits(1);

    queue.are_sent_once_without_a_doubt().await;
}
