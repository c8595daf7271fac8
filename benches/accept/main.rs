//! What accepting, delivering and authenticating cost, beside the least that they could cost on the same machine.
//!
//! `cargo bench` runs all of it in two minutes; `cargo bench -- accepting` only one part. Server, Postgres, clients and
//! relay share the machine, so that only ratios within one run mean anything.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on must stop")]

mod accepting;
mod authentication;
mod bed;
mod delivering;
mod floors;
mod load;
mod machine;
mod mail;
mod sink;
mod table;

use bed::Bed;
use table::Aims;

/// Keys that mails are sent with.
const KEYS: usize = 10_000;

/// Keys that are kept in the end.
const MANY_KEYS: usize = 100_000;

/// Bytes of JSON in one request.
const MAIL: usize = 2048;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [floor, address, database] = &arguments[..] {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(floors::run(floor, address.parse().unwrap(), database));
    }
    // The clients and the relay have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure(&arguments));
}

async fn measure(parts: &[String]) {
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    let mut aims = Aims::default();
    let bed = Bed::make().await;
    let tokens = bed.make_keys(KEYS).await;
    if wanted("accepting") {
        accepting::measure(&bed, &tokens, MAIL, &mut aims).await;
        bed.empty().await;
    }
    if wanted("delivering") {
        delivering::measure(&bed, &tokens, MAIL, &mut aims).await;
        bed.empty().await;
    }
    if wanted("authentication") {
        let many = bed.make_keys(MANY_KEYS).await;
        authentication::measure(&bed, &tokens[..10], &many, &mut aims).await;
    }
    aims.conclude();
    bed.clear().await;
}
