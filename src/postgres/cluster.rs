//! The cluster: how it is made, and with which settings it is served.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use super::binaries::Binaries;
use super::error::StartError;
use super::guarded::{Farewell, Guarded};
use super::place::Place;
use super::server_log;

/// How the side directories begin in which clusters are made.
const UNFINISHED: &str = "pgdata.new-";

/// What the data are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Everything that was committed survives a power cut.
    Durable,
    /// For tests: nothing is flushed to the disk, and the directory is removed when the database stops, also when
    /// its owner is killed.
    Disposable,
}

/// Settings for every cluster. They are given on the command line, so that they change with the binary and not with
/// the data.
const ALWAYS: &[(&str, &str)] = &[
    // One machine, one socket, in a directory that only its owner may enter.
    ("listen_addresses", ""),
    ("port", "5432"),
    ("unix_socket_permissions", "0700"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    // Statements and the values in them hold addresses and subjects, which belong in no log.
    ("logging_collector", "off"),
    ("log_destination", "stderr"),
    ("log_min_messages", "warning"),
    ("log_min_error_statement", "panic"),
    ("log_error_verbosity", "terse"),
    ("log_statement", "none"),
    ("log_min_duration_statement", "-1"),
    ("log_parameter_max_length_on_error", "0"),
    ("log_checkpoints", "off"),
    ("log_autovacuum_min_duration", "-1"),
    // Our statements are short: compiling one takes longer than running it.
    ("jit", "off"),
    // They are also small, and containers give little of the shared memory that parallel workers need.
    ("max_parallel_workers_per_gather", "0"),
    // Flash is nearly as fast at random as in order.
    ("random_page_cost", "1.1"),
];

/// For a machine of 1 GB that has other things to do as well.
const DURABLE: &[(&str, &str)] = &[
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
    ("max_connections", "100"),
    ("shared_buffers", "128MB"),
    ("effective_cache_size", "512MB"),
    // The first change to a page after a checkpoint writes all of it; so checkpoints are rare, and pages compressed
    // (`on` means pglz, which every version has).
    ("wal_compression", "on"),
    ("max_wal_size", "2GB"),
    ("checkpoint_timeout", "15min"),
    // The queue's rows live for seconds; what is left of them makes each claim slower.
    ("autovacuum_naptime", "15s"),
];

/// For tests: fast, many connections, no crash to survive. Commits keep their meaning.
const DISPOSABLE: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "on"),
    ("max_connections", "300"),
    ("shared_buffers", "64MB"),
    ("autovacuum", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("checkpoint_timeout", "1h"),
    // In the directory, which is removed; elsewhere it would stay when Postgres is killed.
    ("dynamic_shared_memory_type", "mmap"),
];

/// The arguments that give Postgres its settings.
pub fn settings(durability: Durability) -> Vec<String> {
    let more = match durability {
        Durability::Durable => DURABLE,
        Durability::Disposable => DISPOSABLE,
    };
    ALWAYS
        .iter()
        .chain(more)
        .flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")])
        .collect()
}

/// Makes the cluster in a side directory and renames it, so that a start killed half-way leaves no half cluster.
///
/// Each attempt has a directory of its own: an `initdb` whose owner was killed may go on for a moment, and must not
/// write into what the next start makes.
pub async fn create(
    binaries: &Binaries,
    place: &Place,
    durability: Durability,
    farewell: &Farewell,
) -> Result<(), StartError> {
    remove_unfinished(place);
    let attempt = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let side = place.dir.join(format!("{UNFINISHED}{}-{attempt}", std::process::id()));
    let initdb = binaries.program("initdb");
    let (log, start) = server_log::open(place)?;
    let errors = log.try_clone().map_err(StartError::io("write to", &place.log()))?;

    let mut running = Guarded::spawn(place, farewell, &initdb, |command| {
        command.arg("-D").arg(&side).args(["-U", "postgres", "--auth=trust", "--no-instructions"]);
        // Sorted by bytes: the same on every system, and no index breaks when a C library changes its mind.
        command.args(["--encoding=UTF8", "--locale=C"]);
        if durability == Durability::Disposable {
            command.arg("--no-sync");
        }
        command.stdout(Stdio::from(log)).stderr(Stdio::from(errors));
    })
    .await?;
    let status = running.ended().await.map_err(StartError::io("wait for", &initdb))?;

    if !status.success() {
        let text = server_log::since(&place.log(), start);
        return Err(if text.contains("could not look up effective user ID") {
            StartError::NoUserEntry(place.account.uid())
        } else {
            StartError::Initdb(text)
        });
    }
    let data = place.data();
    fs::rename(&side, &data).map_err(StartError::io("put in place", &data))?;
    // A rename is only as durable as the directory that it is written in.
    File::open(&place.dir)
        .and_then(|dir| dir.sync_all())
        .map_err(StartError::io("flush", &place.dir))
}

/// Removes what starts that were killed have left.
pub fn remove_unfinished(place: &Place) {
    for entry in fs::read_dir(&place.dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            // An `initdb` on its way out may still be writing; what stays is removed by a later start.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durable_is_durable() {
        let settings = settings(Durability::Durable);
        for needed in
            ["fsync=on", "full_page_writes=on", "synchronous_commit=on", "listen_addresses="]
        {
            assert!(settings.iter().any(|setting| setting == needed), "{needed}");
        }
    }

    #[test]
    fn no_setting_is_given_twice() {
        for durability in [Durability::Durable, Durability::Disposable] {
            let settings = settings(durability);
            let mut names: Vec<_> = settings
                .iter()
                .filter_map(|text| text.split('=').next())
                .filter(|n| *n != "-c")
                .collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }
}
