//! Where a database may be, and who may run it there.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use posthaste::postgres::{Durability, Embedded, Settings, StartError, running};
use sqlx::{Connection, PgConnection};

use crate::{Directory, Owner, select_one, settings};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[tokio::test]
async fn a_second_server_on_the_same_directory_is_told_so() {
    let directory = Directory::new();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    let error = Embedded::start(directory.settings()).await.unwrap_err();
    assert!(matches!(error, StartError::InUse(_)));
    let text = error.to_string();
    assert!(text.ends_with(
        "is in use by another running posthaste; stop that one, or choose another DATA_DIR"
    ));
    assert_eq!(select_one(&postgres).await.unwrap(), 1);
    postgres.stop().await;
}

#[tokio::test]
async fn a_long_path_is_no_hindrance() {
    let directory = Directory::new();
    let deep = directory
        .0
        .join("a long directory's name, with 'quotes' and $HOME ".repeat(3))
        .join("postgres");
    let postgres = Embedded::start(settings(deep.clone())).await.unwrap();
    assert_eq!(select_one(&postgres).await.unwrap(), 1);
    assert!(PgConnection::connect(&postgres.url("postgres")).await.is_ok());
    assert!(PgConnection::connect_with(&running(&deep, "postgres").unwrap()).await.is_ok());
    postgres.stop().await;
}

#[tokio::test]
async fn root_keeps_the_database_elsewhere_where_a_directory_is_closed() {
    if !is_root() {
        eprintln!("skipped: only root runs Postgres as somebody else");
        return;
    }
    let directory = Directory::new();
    fs::set_permissions(&directory.0, Permissions::from_mode(0o700)).unwrap();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    let place = postgres.dir().to_owned();
    assert!(place.starts_with("/var/lib/posthaste"), "{place:?}");
    assert!(
        PgConnection::connect_with(&running(&directory.database(), "postgres").unwrap())
            .await
            .is_ok()
    );
    postgres.stop().await;

    // Whatever becomes of the permissions, the data are found again.
    fs::set_permissions(&directory.0, Permissions::from_mode(0o755)).unwrap();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    assert!(!postgres.created());
    assert_eq!(postgres.dir(), place);
    postgres.stop().await;
    fs::remove_dir_all(place).unwrap();
}

#[tokio::test]
async fn an_ordinary_user_needs_nobody_else_and_root_may_follow() {
    let setpriv = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=nobody", "--clear-groups"]);
        command
    };
    let exe = std::env::current_exe().unwrap();
    if !is_root()
        || !setpriv()
            .arg(&exe)
            .arg("--list")
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    {
        eprintln!("skipped: needs root, setpriv, and a test binary that everybody may run");
        return;
    }
    let directory = Directory::new();
    fs::set_permissions(&directory.0, Permissions::from_mode(0o777)).unwrap();
    let mut command = setpriv();
    command.arg(exe);
    let mut owner = Owner::start_by(command, &directory.database());
    assert!(owner.next("row").is_some());
    owner.kill();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    assert!(!postgres.created());
    postgres.stop().await;
    let mut command = setpriv();
    command.arg(std::env::current_exe().unwrap());
    let mut owner = Owner::start_by(command, &directory.database());
    assert!(owner.next("row").is_some());
    owner.kill();
}

#[tokio::test]
async fn a_disposable_database_leaves_nothing() {
    let directory = Directory::new();
    let settings = Settings { durability: Durability::Disposable, ..directory.settings() };
    let postgres = Embedded::start(settings).await.unwrap();
    assert_eq!(select_one(&postgres).await.unwrap(), 1);
    postgres.stop().await;
    assert!(!directory.database().exists());
}
