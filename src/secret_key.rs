//! The `SECRET_KEY`: given, or made once and kept in `DATA_DIR`.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::TryRng;
use rand::rngs::SysRng;
use secrecy::SecretString;

use crate::config::Config;

/// The key of this installation. All nodes on one database need the same.
pub fn load(config: &Config) -> Result<SecretString> {
    match &config.secret_key {
        Some(given) => Ok(given.clone()),
        None => kept_in(&config.data_dir),
    }
}

fn kept_in(data_dir: &Path) -> Result<SecretString> {
    let path = data_dir.join("secret-key");
    match fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= 32 => return Ok(text.trim().into()),
        Ok(_) => anyhow::bail!(
            "{} is not a secret key any more; restore it from a backup, or remove it to have a new one made (keys go on \
             working, what was encrypted with it does not)",
            path.display()
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    let mut bytes = [0; 32];
    SysRng.try_fill_bytes(&mut bytes).context("the operating system has no randomness to give")?;
    let text = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    write_private(&path, &text)?;
    Ok(text.into())
}

/// Writes a file that nobody else may read, whole or not at all.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let attempt = || -> std::io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let draft = path.with_extension("new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(directory)?.sync_all()
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let directory =
            std::env::temp_dir().join(format!("posthaste-secret-{}", uuid::Uuid::new_v4()));
        let made = kept_in(&directory).unwrap();
        let kept = kept_in(&directory).unwrap();

        assert_eq!(
            secrecy::ExposeSecret::expose_secret(&made),
            secrecy::ExposeSecret::expose_secret(&kept)
        );
        let permissions = fs::metadata(directory.join("secret-key")).unwrap().permissions().mode();
        assert_eq!(permissions & 0o777, 0o600);

        fs::write(directory.join("secret-key"), "cut").unwrap();
        assert!(kept_in(&directory).is_err());
        fs::remove_dir_all(directory).unwrap();
    }
}
