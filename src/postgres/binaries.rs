//! Finds the programs of an installed Postgres.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::account::{Account, variable};
use super::download;
use super::error::StartError;

/// The oldest version that posthaste works with.
pub const OLDEST: u32 = 14;

/// Where systems put Postgres: a directory, how its entries begin, and what follows them.
const USUAL_PLACES: [(&str, &str, &str); 8] = [
    // Debian and Ubuntu, which keep `initdb` out of PATH.
    ("/usr/lib/postgresql", "", "bin"),
    // Alpine.
    ("/usr/libexec", "postgresql", ""),
    // Red Hat, from Postgres's own packages.
    ("/usr", "pgsql-", "bin"),
    // From source.
    ("/usr/local", "pgsql", "bin"),
    // Homebrew on Apple silicon, on Intel, and on Linux.
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// The programs of one Postgres.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binaries {
    /// The major version, such as 17.
    pub version: u32,
    /// Where `postgres` and `initdb` are.
    pub dir: PathBuf,
}

impl Binaries {
    /// The Postgres to run: of version `made_by`, which made the data and alone can read it, else the newest. Where
    /// there is none, one is fetched.
    pub async fn find(
        chosen: Option<&Path>,
        made_by: Option<u32>,
        account: Account,
    ) -> Result<Self, StartError> {
        let mut closed = Vec::new();
        let mut found = Vec::new();
        let candidates = chosen.map_or_else(|| candidates(account), |dir| vec![dir.to_owned()]);
        for dir in candidates {
            let Some(version) = version_in(&dir) else {
                continue;
            };
            match account.barrier(&dir.join("postgres")) {
                Some(barrier) => closed.push(barrier),
                None => found.push(Self { version, dir }),
            }
        }
        found.sort();
        let versions: Vec<String> =
            found.iter().map(|binaries| binaries.version.to_string()).collect();
        let fits = |version: u32| made_by.map_or(version >= OLDEST, |made_by| version == made_by);
        if let Some(newest) = found.into_iter().rev().find(|binaries| fits(binaries.version)) {
            return Ok(newest);
        }

        let mut reasons = Vec::new();
        if !versions.is_empty() {
            reasons.push(format!("there is version {}", versions.join(", ")));
        }
        closed.dedup();
        for barrier in closed {
            reasons.push(format!(
                "{} is closed to the account that Postgres runs as",
                barrier.display()
            ));
        }
        if let Some(chosen) = chosen {
            reasons.push(format!("POSTGRES_BIN_DIR is {}", chosen.display()));
        } else if fits(download::MAJOR) {
            match download::fetch(&cache(account)).await {
                Ok(dir) => match version_in(&dir) {
                    Some(version) => return Ok(Self { version, dir }),
                    None => reasons
                        .push("the one that was fetched does not run on this system".to_owned()),
                },
                Err(error) => reasons.push(format!("{error:#}")),
            }
        }
        Err(missing(made_by, &reasons))
    }

    /// The path of one of the programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

fn missing(made_by: Option<u32>, reasons: &[String]) -> StartError {
    let wanted = made_by.map_or_else(
        || format!("Postgres {OLDEST} or newer"),
        |version| format!("Postgres {version}, which made the database in DATA_DIR,"),
    );
    let reason =
        if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let remedy = format!(
        "install it with `{}`, point POSTGRES_BIN_DIR at its programs, or set DATABASE_URL to a running server",
        install_command(&system, std::env::consts::OS, made_by)
    );
    StartError::NoPostgres { wanted, reason, remedy }
}

/// What installs Postgres on this system, by the text of its `/etc/os-release`.
fn install_command(os_release: &str, os: &str, version: Option<u32>) -> String {
    if os == "macos" {
        return format!("brew install postgresql@{}", version.unwrap_or(17));
    }
    let ids = os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or(line.strip_prefix("ID_LIKE=")));
    let names: Vec<&str> = ids.flat_map(|value| value.trim_matches('"').split(' ')).collect();
    let is = |name: &str| names.contains(&name);
    let version = version.map(|version| version.to_string()).unwrap_or_default();
    if is("debian") || is("ubuntu") {
        let dash = if version.is_empty() { "" } else { "-" };
        format!("sudo apt-get install -y postgresql{dash}{version}")
    } else if is("alpine") {
        format!("apk add postgresql{version}")
    } else if is("fedora") || is("rhel") {
        "sudo dnf install -y postgresql-server".to_owned()
    } else if is("arch") {
        "sudo pacman -S postgresql".to_owned()
    } else if is("suse") || is("opensuse") {
        format!("sudo zypper install -y postgresql{version}-server")
    } else {
        format!("<your package manager> install postgresql{version}")
    }
}

/// The directories that may hold a Postgres.
fn candidates(account: Account) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = variable("PATH")
        .iter()
        .flat_map(std::env::split_paths)
        .filter(|dir| dir.is_absolute())
        .collect();
    for (parent, prefix, suffix) in USUAL_PLACES {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                dirs.push(entry.path().join(suffix));
            }
        }
    }
    let configured = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output();
    if let Ok(configured) = configured {
        dirs.push(String::from_utf8_lossy(&configured.stdout).trim().into());
    }
    dirs.push(download::programs_in(&cache(account)));

    // PATH often leads by links to what is also found directly; each look costs the start of a program.
    let mut known = Vec::new();
    dirs.retain(|dir| {
        let Ok(real) = dir.join("postgres").canonicalize() else {
            return false;
        };
        let new = !known.contains(&real);
        known.push(real);
        new
    });
    dirs
}

/// The major version of the Postgres in a directory, if it has one that runs and can make a cluster.
fn version_in(dir: &Path) -> Option<u32> {
    if !dir.join("initdb").is_file() {
        return None;
    }
    let output =
        Command::new(dir.join("postgres")).arg("--version").stderr(Stdio::null()).output().ok()?;
    version_of(&String::from_utf8_lossy(&output.stdout))
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version_of(text: &str) -> Option<u32> {
    let version = text.split("(PostgreSQL)").nth(1)?.trim();
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Where a Postgres that was fetched is kept: the user's cache, shared by all checkouts. As root a place that
/// the account which runs it can reach.
fn cache(account: Account) -> PathBuf {
    if Account::must_switch() {
        return "/var/cache/posthaste".into();
    }
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let home = absolute("HOME");
    let below_home = |dir: &str| home.as_ref().map(|home| home.join(dir));
    let standard =
        if cfg!(target_os = "macos") { below_home("Library/Caches") } else { below_home(".cache") };
    absolute("XDG_CACHE_HOME").or(standard).map_or_else(
        || std::env::temp_dir().join(format!("posthaste-cache-{}", account.uid())),
        |cache| cache.join("posthaste"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_of_every_packager() {
        assert_eq!(version_of("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(version_of("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(version_of("postgres (PostgreSQL) devel"), None);
        assert_eq!(version_of("sh: postgres: not found"), None);
    }

    #[test]
    fn says_what_installs_it_here() {
        let command = |text, version| install_command(text, "linux", version);
        assert_eq!(command("ID=debian\n", None), "sudo apt-get install -y postgresql");
        assert_eq!(
            command("ID=linuxmint\nID_LIKE=\"ubuntu debian\"", Some(15)),
            "sudo apt-get install -y postgresql-15"
        );
        assert_eq!(command("ID=alpine", Some(16)), "apk add postgresql16");
        assert_eq!(
            command("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"", None),
            "sudo dnf install -y postgresql-server"
        );
        assert!(command("", None).starts_with("<your package manager>"));
        assert_eq!(install_command("", "macos", Some(16)), "brew install postgresql@16");
    }

    #[tokio::test]
    async fn a_chosen_directory_is_the_only_one() {
        let account = Account::for_new_data().unwrap();
        let error = Binaries::find(Some(Path::new("/nowhere")), None, account).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(
                "no Postgres 14 or newer was found (POSTGRES_BIN_DIR is /nowhere); install"
            ),
            "{text}"
        );
    }

    #[tokio::test]
    async fn data_of_another_version_are_not_opened() {
        let account = Account::for_new_data().unwrap();
        let text = Binaries::find(None, Some(9), account).await.unwrap_err().to_string();
        assert!(
            text.starts_with("no Postgres 9, which made the database in DATA_DIR, was found"),
            "{text}"
        );
    }
}
