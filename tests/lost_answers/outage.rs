//! The database is away for longer than leases last, while mail is under way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::api_client::mail_to;
use crate::database_proxy::Moment;
use crate::smtp_server::{Answer, Rule, Stage};
use crate::{PATIENCE, Scene, kinds};

/// Mails that wait behind the first for the only connection to the relay.
const WAITING: usize = 20;

#[tokio::test]
async fn a_long_outage_makes_nobody_doubt_what_this_node_has_in_hand() {
    let scene = Scene::with(&[("LEASE_SECONDS", "2"), ("SMTP_CONNECTIONS", "1")]).await;
    let permits = Arc::new(Semaphore::new(0));
    let slow = Rule::at(Stage::End, Answer::Wait(Arc::clone(&permits)));
    scene.relay.add(slow.only_to("first@example.net"));
    let first = scene.client.send(&mail_to("first@example.net")).await.id();
    scene.relay.wait_for_line("DATA").await;
    let mut ids = vec![first];
    for number in 0..WAITING {
        let address = format!("waits-{number}@example.net");
        ids.push(scene.client.send(&mail_to(&address)).await.id());
    }

    // The renewal of the leases is what names them next.
    let delivery = sqlx::query_scalar("SELECT id FROM deliveries LIMIT 1");
    let delivery: Uuid = delivery.fetch_one(&scene.database.pool).await.unwrap();
    scene.proxy.cut_for_good_at(delivery.as_bytes(), Moment::Before);
    scene.proxy.wait_for_cuts(1).await;
    let begun = Instant::now();
    loop {
        let left = sqlx::query_scalar("SELECT count(*) FROM deliveries WHERE due_at > now()");
        let left: i64 = left.fetch_one(&scene.database.pool).await.unwrap();
        if left == 0 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "the leases do not run out");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The first is sent, which nobody but the node knows; the others must not be.
    permits.add_permits(1);
    scene.relay.wait_for(1).await;
    scene.proxy.mend();

    for id in &ids {
        let mail = scene.in_state(id, "sent").await;
        assert_eq!(kinds(&mail), ["queued", "sent"], "{mail}");
    }
    assert_eq!(scene.relay.received().len(), ids.len(), "none came twice");
}
