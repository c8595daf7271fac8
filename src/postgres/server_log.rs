//! The file into which Postgres writes what happens to it.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::error::StartError;
use super::place::Place;

/// Beyond this size, in bytes, the log begins anew; one older part is kept. Nobody rotates it for us.
const LONGEST: u64 = 4 * 1024 * 1024;

/// How many lines an error quotes.
const QUOTED_LINES: usize = 15;

/// Opens the log for Postgres to append to, and says where it will begin. Moves a long one out of the way first.
pub fn open(place: &Place) -> Result<(File, u64), StartError> {
    let path = place.log();
    if fs::symlink_metadata(&path).is_ok_and(|found| found.len() > LONGEST) {
        let older = place.dir.join("postgres.log.1");
        fs::rename(&path, &older).map_err(StartError::io("rename", &path))?;
    }
    let file = place.open(&path)?;
    let length = file.metadata().map_err(StartError::io("look at", &path))?.len();
    Ok((file, length))
}

/// Empties a log that has grown too long while Postgres was writing to it. It appends, so that it goes on from zero.
pub fn bound(place: &Place) -> Result<(), StartError> {
    let path = place.log();
    let file = place.open(&path)?;
    if file.metadata().is_ok_and(|found| found.len() > 4 * LONGEST) {
        file.set_len(0).map_err(StartError::io("empty", &path))?;
    }
    Ok(())
}

/// The last lines that were written after `start`.
pub fn since(path: &Path, start: u64) -> String {
    let mut text = Vec::new();
    if let Ok(mut file) = File::open(path) {
        let _ = file
            .seek(SeekFrom::Start(start))
            .and_then(|_| file.take(LONGEST).read_to_end(&mut text));
    }
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n")
}
