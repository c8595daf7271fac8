//! Fills a database, so that a person can look at a full house.
//!
//! `cargo bench --bench seed -- --keys 100000 --mails 1000000` writes into the database that `DATABASE_URL` names, or
//! into the embedded one of `DATA_DIR`, beside a running server or without one. It is one more account-wide key that can
//! be used, whose text is printed; all others belong to nobody. It never removes anything, and every run adds more.

#![expect(clippy::unwrap_used, reason = "a seed that cannot go on must stop")]
#![expect(clippy::print_stdout, reason = "this is what the program is for")]

mod rows;

use std::sync::Arc;
use std::time::Instant;

use posthaste::app::Database;
use posthaste::config::{Config, Settings};
use posthaste::domain::api_key::{KeyMode, Spelling};
use posthaste::domain::audit::Doer;
use posthaste::domain::id::AccountId;
use posthaste::domain::mail::Content;
use posthaste::domain::packing;
use posthaste::domain::permission::Permission;
use posthaste::domain::restrictions::Restrictions;
use posthaste::secret_key;
use posthaste::service::keys::{Keys, NewKey};
use posthaste::service::pepper::Pepper;
use posthaste::service::projects;
use sqlx::PgPool;
use uuid::Uuid;

/// Mails in one statement.
const CHUNK: u32 = 50_000;

/// People who get mail; each has a mail of their own, which is stored again and again.
const PEOPLE: i64 = 2000;

/// Projects beside the first one.
const PROJECTS: usize = 20;

fn main() {
    let (keys, mails) = (argument("--keys"), argument("--mails"));
    if keys.is_none() && mails.is_none() {
        // `cargo bench` runs every benchmark, and this one changes what it finds.
        println!("nothing is seeded without --keys or --mails");
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(seed(keys.unwrap_or(0), mails.unwrap_or(0)));
}

fn argument(name: &str) -> Option<i64> {
    let value = std::env::args().skip_while(|argument| argument != name).nth(1)?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} takes a number, not {value}")))
}

#[expect(clippy::disallowed_methods, reason = "a program of its own reads its own settings")]
fn config() -> Config {
    let settings = Settings {
        database_url: std::env::var("DATABASE_URL").ok().map(Into::into),
        data_dir: std::env::var("DATA_DIR").ok(),
        secret_key: std::env::var("SECRET_KEY").ok().map(Into::into),
        ..Settings::default()
    };
    settings.validate().unwrap_or_else(|problems| panic!("{problems:?}"))
}

async fn seed(keys: i64, mails: i64) {
    let config = config();
    let database = Database::open_beside(&config).await.unwrap();
    let db = database.pool.clone();
    let (account, _) = projects::set_up(&db).await.unwrap();
    for number in projects::list(&db, account).await.unwrap().len()..=PROJECTS {
        let name = format!("Project {number}").parse().unwrap();
        projects::create(&db, account, &name, None, Doer::command_line()).await.unwrap();
    }
    let pepper = Pepper::derive(&secret_key::load(&config).unwrap());
    println!("an account key for looking around: {}", usable_key(&db, pepper, account).await);

    let mut connection = db.acquire().await.unwrap();
    sqlx::raw_sql(rows::TOOLS).execute(&mut *connection).await.unwrap();
    let began = Instant::now();
    if keys > 0 {
        sqlx::query(rows::KEYS)
            .bind(account.as_uuid())
            .bind(keys)
            .execute(&mut *connection)
            .await
            .unwrap();
        for statement in
            [rows::KEY_USE, rows::KEY_HOURS, rows::KEY_REQUESTS, rows::ALERTS, rows::AUDIT_LOG]
        {
            sqlx::query(statement).bind(account.as_uuid()).execute(&mut *connection).await.unwrap();
        }
        println!("{keys} keys after {:.0?}", began.elapsed());
    }
    if mails > 0 {
        let (addresses, bodies) = people();
        sqlx::query(rows::PEOPLE)
            .bind(addresses)
            .bind(bodies)
            .execute(&mut *connection)
            .await
            .unwrap();
        sqlx::query(rows::SENDING_KEYS)
            .bind(account.as_uuid())
            .execute(&mut *connection)
            .await
            .unwrap();
        let mut first = 0;
        while first < mails {
            let count = i64::from(CHUNK).min(mails - first);
            sqlx::query(rows::DRAW_MAILS)
                .bind(first)
                .bind(count)
                .bind(mails)
                .execute(&mut *connection)
                .await
                .unwrap();
            for statement in rows::MAILS {
                sqlx::query(*statement).execute(&mut *connection).await.unwrap();
            }
            first += count;
            println!("{first} mails after {:.0?}", began.elapsed());
        }
    }
    sqlx::query("VACUUM ANALYZE").execute(&mut *connection).await.unwrap();
    println!("done after {:.0?}", began.elapsed());
    drop(connection);
    database.close().await;
}

async fn usable_key(db: &PgPool, pepper: Pepper, account: AccountId) -> String {
    let new = NewKey {
        name: "Looking around".into(),
        project: None,
        mode: KeyMode::Live,
        spelling: Spelling::Native,
        permissions: Permission::ALL.to_vec(),
        per_second: Some(1000),
        per_minute: Some(10_000),
        expires_at: None,
        restrictions: Restrictions::default(),
        created_by: Doer::command_line(),
    };
    let (_, token) = Keys::new(db.clone(), pepper).create(account, new).await.unwrap();
    token.reveal().to_owned()
}

/// Addresses, and the mail to each as it is stored.
fn people() -> (Vec<String>, Vec<Vec<u8>>) {
    let content = |number: i64| -> Arc<Content> {
        let order = Uuid::new_v4();
        let content = serde_json::json!({
            "from": {"address": "shop@example.com", "name": "The Shop"},
            "to": [{"address": format!("person{number}@example.org"), "name": format!("Person {number}")}],
            "cc": [], "bcc": [], "reply_to": [], "subject": "Your order is on its way",
            "html": format!("<h1>Thank you!</h1><p>Your order <b>{order}</b> is on its way.</p>{}", "<p>Come again.</p>".repeat(40)),
            "text": format!("Thank you! Your order {order} is on its way."),
            "headers": [], "attachments": [],
        });
        Arc::new(serde_json::from_value(content).unwrap())
    };
    (0..PEOPLE)
        .map(|number| (format!("person{number}@example.org"), packing::pack(&content(number))))
        .unzip()
}
