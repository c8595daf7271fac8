//! Kills of Postgres, of its owner, and of both at once, and what they leave behind.

use std::fs;
use std::time::{Duration, Instant};

use posthaste::postgres::Embedded;
use rand::RngExt;
use sqlx::postgres::PgPool;
use sqlx::{Connection, PgConnection};

use crate::{Directory, Owner, eventually, kill, lives, select_one};

#[tokio::test]
async fn a_postgres_that_is_killed_comes_back() {
    let directory = Directory::new();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    let pool = PgPool::connect_with(postgres.connect_options("postgres")).await.unwrap();
    sqlx::query("CREATE TABLE kept ()").execute(&pool).await.unwrap();
    for round in 0..3 {
        // A session in the middle of a statement keeps the memory of the dead server for a while.
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move {
                sqlx::query("SELECT count(*) FROM generate_series(1, 500000)").execute(&pool).await
            }
        });
        let before = postgres.pid();
        let begun = Instant::now();
        kill(before);
        let after = eventually("another postmaster", async || {
            Some(postgres.pid()).filter(|pid| ![0, before].contains(pid))
        })
        .await;
        println!("back after kill -9 of Postgres, round {round}: {:?}", begun.elapsed());
        assert!(lives(after));
        // The same pool recovers by itself.
        eventually("the pool's recovery", async || {
            sqlx::query("SELECT FROM kept").execute(&pool).await.ok()
        })
        .await;
        let _ = busy.await;
    }
    postgres.stop().await;
}

#[tokio::test]
async fn a_postgres_dies_with_a_dropped_owner() {
    let directory = Directory::new();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    let pid = postgres.pid();
    drop(postgres);
    eventually("the end of Postgres", async || (!lives(pid)).then_some(())).await;
    // Whether the lock is free yet or not, the next start waits for it.
    Embedded::start(directory.settings()).await.unwrap().stop().await;
}

#[tokio::test]
async fn nothing_that_was_acknowledged_is_lost_when_the_owner_is_killed() {
    let directory = Directory::new();
    let mut acknowledged = Vec::new();
    for round in 0..12 {
        let mut owner = Owner::start(&directory.database());
        let begun = Instant::now();
        let postmaster = u32::try_from(owner.next("postmaster").unwrap()).unwrap();
        println!("start {round} after a kill: {:?} with the start of the process", begun.elapsed());
        for _ in 0..rand::rng().random_range(1..60) {
            acknowledged.push(owner.next("row").unwrap());
        }
        // Every second time both at once, in either order.
        match round % 4 {
            1 => kill(postmaster),
            3 => {
                owner.process.kill().unwrap();
                kill(postmaster);
            }
            _ => {}
        }
        owner.kill();
        // What it wrote before it died was acknowledged as well.
        while let Some(id) = owner.next("row") {
            acknowledged.push(id);
        }
    }
    let begun = Instant::now();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    println!("start after kill -9 of the owner: {:?}", begun.elapsed());
    let mut connection =
        PgConnection::connect_with(&postgres.connect_options("postgres")).await.unwrap();
    let kept = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM row WHERE id = ANY($1)")
        .bind(&acknowledged);
    let kept = kept.fetch_one(&mut connection).await.unwrap();
    assert_eq!(kept, i64::try_from(acknowledged.len()).unwrap(), "rows are lost");
    println!("{kept} acknowledged rows, none lost");
    postgres.stop().await;
}

#[tokio::test]
async fn a_start_that_is_killed_half_way_can_be_repeated() {
    let directory = Directory::new();
    for _ in 0..10 {
        let mut owner = Owner::start(&directory.database());
        // Anywhere from before the directory is there to the first rows.
        tokio::time::sleep(Duration::from_micros(rand::rng().random_range(0..1_000_000))).await;
        owner.kill();
    }
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    assert_eq!(select_one(&postgres).await.unwrap(), 1);
    let left: Vec<_> =
        fs::read_dir(postgres.dir()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("pgdata.")), "{left:?}");
    postgres.stop().await;
}

#[tokio::test]
async fn no_postgres_outlives_its_owner() {
    let directory = Directory::new();
    let mut owner = Owner::start(&directory.database());
    let postmaster = u32::try_from(owner.next("postmaster").unwrap()).unwrap();
    owner.kill();
    let begun = Instant::now();
    eventually("the end of Postgres", async || (!lives(postmaster)).then_some(())).await;
    println!("Postgres ended {:?} after its owner was killed", begun.elapsed());
}

#[tokio::test]
async fn a_stale_pid_file_does_not_block_a_start() {
    let directory = Directory::new();
    let first = Embedded::start(directory.settings()).await.unwrap();
    let file = first.dir().join("pgdata/postmaster.pid");
    let content = fs::read_to_string(&file).unwrap();
    let (_, rest) = content.split_once('\n').unwrap();
    first.stop().await;
    // Of this process, of its parent, of one that does not exist; and torn files.
    let parent = rustix::process::getppid().unwrap().as_raw_nonzero();
    let stale = [std::process::id().to_string(), parent.to_string(), "4194000".to_owned()];
    let stale = stale
        .iter()
        .map(|pid| format!("{pid}\n{rest}"))
        .chain(["", "\n", "torn"].map(str::to_owned));
    for content in stale {
        fs::write(&file, &content).unwrap();
        let postgres = Embedded::start(directory.settings()).await.unwrap();
        assert_eq!(select_one(&postgres).await.unwrap(), 1, "{content}");
        postgres.stop().await;
    }
}
