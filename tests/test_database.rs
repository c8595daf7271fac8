//! The harness's own promises: tests do not see each other, and nothing stays behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![expect(clippy::print_stdout, reason = "a child process reports to its test on standard output")]

#[path = "support/database.rs"]
mod database;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use database::TestDatabase;
use sqlx::{Connection, PgConnection};

/// How long anything may take on a busy machine before the test gives up.
const LIMIT: Duration = Duration::from_mins(1);

/// Tells the child process of a test that it is one.
const CHILD: &str = "POSTHASTE_TEST_CHILD";

async fn writes_and_sees_only_its_own() {
    let database = TestDatabase::create().await;
    sqlx::query("CREATE TABLE only_mine (id int)").execute(&database.pool).await.unwrap();
    sqlx::query("INSERT INTO only_mine VALUES (1)").execute(&database.pool).await.unwrap();
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM only_mine")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(count, 1);
    assert!(PgConnection::connect_with(&database.options).await.is_ok());
}

#[tokio::test]
async fn one_test_has_a_database() {
    writes_and_sees_only_its_own().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_test_has_another() {
    writes_and_sees_only_its_own().await;
}

#[tokio::test]
async fn many_at_once_do_not_disturb_each_other() {
    // The first pays for the start.
    writes_and_sees_only_its_own().await;
    let begun = Instant::now();
    let all: Vec<_> = (0..20).map(|_| tokio::spawn(writes_and_sees_only_its_own())).collect();
    for one in all {
        one.await.unwrap();
    }
    println!("20 databases made and used in {:?}", begun.elapsed());
}

#[tokio::test]
async fn nothing_stays_when_the_process_is_killed() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "a_process_that_is_killed", "--nocapture"])
        .env(CHILD, "1");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let begins_with =
        |line: std::io::Result<String>| Some(PathBuf::from(line.ok()?.split_once("socket=")?.1));
    let place = lines.find_map(begins_with).unwrap();
    assert!(place.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let begun = Instant::now();
    while place.exists() {
        assert!(begun.elapsed() < LIMIT, "{} is still there", place.display());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[ignore = "plays a part in another test"]
#[tokio::test]
async fn a_process_that_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "tells the child of a test what it is")]
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let database = TestDatabase::create().await;
    let socket: String =
        sqlx::query_scalar("SHOW unix_socket_directories").fetch_one(&database.pool).await.unwrap();
    println!("socket={}", Path::new(&socket).parent().unwrap().display());
    std::future::pending::<()>().await;
}
