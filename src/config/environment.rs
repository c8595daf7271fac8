//! Settings from the environment and from a `.env` file, and what was mistaken for a setting there.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use clap::Command;

use super::Problem;

/// The variables that look like ours and are not.
const STRANGERS: [&str; 4] = ["HOME", "LOGNAME", "MAIL", "SHELL"];

/// What Kubernetes and Docker links set for a service called `posthaste`.
const INJECTED: [&str; 3] = ["POSTHASTE_SERVICE_", "POSTHASTE_PORT", "POSTHASTE_ENV_"];

/// The settings of the environment and of a `.env` file as flags for `command`, to stand before those that were typed.
///
/// The flags are made inside of this process: nobody can read them in a list of processes.
pub fn flags(
    command: &Command,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    dotenv: Option<&str>,
) -> Result<Vec<OsString>, Vec<Problem>> {
    let settings: BTreeMap<&str, &str> = command
        .get_arguments()
        .filter_map(|argument| Some((argument.get_env()?.to_str()?, argument.get_long()?)))
        .collect();
    let mut problems = Vec::new();
    let mut values: BTreeMap<&str, OsString> = BTreeMap::new();

    for (name, value) in dotenv.map(|text| lines(text, &mut problems)).unwrap_or_default() {
        match settings.get_key_value(name.as_str()) {
            Some((setting, _)) => drop(values.insert(setting, value.into())),
            None => problems.push(unknown(&name, nearest(&settings, &name, 3), " in .env")),
        }
    }
    for (name, value) in environment {
        let Some(name) = name.to_str() else { continue };
        if let Some((setting, _)) = settings.get_key_value(name) {
            values.insert(setting, value);
        } else if let Some(problem) = mistaken(&settings, name) {
            problems.push(problem);
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let flag = |(setting, value): (&str, OsString)| {
        let mut flag = OsString::from("--");
        flag.push(settings.get(setting)?);
        flag.push(OsStr::new("="));
        flag.push(value);
        Some(flag)
    };
    Ok(values.into_iter().filter_map(flag).collect())
}

/// The pairs of a `.env` file: `NAME=value` lines, perhaps quoted or after `export`, and comments after `#`.
fn lines(text: &str, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let pair = line.strip_prefix("export ").unwrap_or(line).split_once('=');
        let Some((name, value)) = pair else {
            let line = format!("line {} of .env", index + 1);
            problems.push(Problem::new(&line, "must be NAME=value or begin with #"));
            continue;
        };
        pairs.push((name.trim().to_owned(), unquoted(value.trim()).to_owned()));
    }
    pairs
}

fn unquoted(value: &str) -> &str {
    let within = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

/// What is wrong with a variable of the environment that is no setting: nothing, unless it was meant to be one.
fn mistaken(settings: &BTreeMap<&str, &str>, name: &str) -> Option<Problem> {
    if STRANGERS.contains(&name) || INJECTED.iter().any(|prefix| name.starts_with(prefix)) {
        return None;
    }
    if let Some(rest) = name.to_ascii_uppercase().strip_prefix("POSTHASTE_") {
        return Some(unknown(name, nearest(settings, rest, 2), ""));
    }
    nearest(settings, name, 2).map(|setting| unknown(name, Some(setting), ""))
}

fn unknown(name: &str, nearest: Option<&str>, place: &str) -> Problem {
    let hint = nearest.map_or_else(
        || "remove it, or see --help for all settings".to_owned(),
        |setting| format!("did you mean {setting}?"),
    );
    Problem::new(name, format!("is an unknown setting{place}: {hint}"))
}

/// The setting whose name differs least, in at most `most` letters and fewer for short names.
fn nearest<'a>(settings: &BTreeMap<&'a str, &str>, name: &str, most: usize) -> Option<&'a str> {
    // Too many letters for a slip of the pen, and yet the likeliest of all mistakes.
    let name = name.to_ascii_uppercase().replace("ADDRESS", "ADDR").replace("ADRESS", "ADDR");
    let close = settings.keys().filter_map(|setting| {
        let distance = distance(&name, setting);
        (distance <= most.min(setting.len() / 4)).then_some((distance, *setting))
    });
    close.min().map(|(_, setting)| setting)
}

/// How many letters must be changed, added or removed to make one text of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    if one.len().abs_diff(other.len()) > 3 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.bytes().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (column, against) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(letter != against);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
