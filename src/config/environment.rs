//! Settings from the environment and from a `.env` file, and what was mistaken for a setting there.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use clap::Command;

use super::{Problem, dotenv};

/// Names of settings, each with its flag.
type Settings<'a> = BTreeMap<&'a str, &'a str>;

/// The settings of the environment and of a `.env` file as flags for `command`, to stand before those that were typed,
/// and what is wrong with those that are none.
///
/// The flags are made inside of this process: nobody can read them in a list of processes.
pub fn flags(
    command: &Command,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    dotenv: Option<&str>,
) -> (Vec<OsString>, Vec<Problem>) {
    let settings: Settings<'_> = command
        .get_arguments()
        .filter_map(|argument| Some((argument.get_env()?.to_str()?, argument.get_long()?)))
        .collect();
    let mut problems = Vec::new();
    let mut values: BTreeMap<&str, String> = BTreeMap::new();

    for (name, value) in dotenv.map(|text| dotenv::pairs(text, &mut problems)).unwrap_or_default() {
        let Some((setting, _)) = settings.get_key_value(name) else {
            problems.push(unknown(name, meant(&settings, name, 3), " in .env"));
            continue;
        };
        if values.insert(setting, value.to_owned()).is_some() {
            problems.push(Problem::new(name, "is set twice in .env: remove one of the lines"));
        }
    }
    for (name, value) in environment {
        let Some(name) = name.to_str() else { continue };
        if let Some((setting, _)) = settings.get_key_value(name) {
            match value.into_string() {
                Ok(value) => drop(values.insert(setting, value)),
                Err(_) => problems.push(Problem::new(name, "is not text in UTF-8")),
            }
        } else if let Some(problem) = mistaken(&settings, name, &value) {
            problems.push(problem);
        }
    }
    let flag = |(setting, value): (&str, String)| {
        Some(format!("--{}={value}", settings.get(setting)?).into())
    };
    (values.into_iter().filter_map(flag).collect(), problems)
}

/// What is wrong with a variable of the environment that is no setting: nothing, unless it was meant to be one.
fn mistaken(settings: &Settings<'_>, name: &str, value: &OsStr) -> Option<Problem> {
    if is_injected(name, value) {
        return None;
    }
    let hint = meant(settings, name, 2);
    let ours = name.to_ascii_uppercase().starts_with("POSTHASTE_");
    (ours || hint.is_some()).then(|| unknown(name, hint, ""))
}

/// Whether Kubernetes or Docker set a variable because a service nearby is called something like `posthaste-postgres`.
fn is_injected(name: &str, value: &OsStr) -> bool {
    let numbered = |(_, rest): (&str, &str)| rest.starts_with(|c: char| c.is_ascii_digit());
    let address = |value: &str| {
        ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme))
    };
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.split_once("_PORT_").is_some_and(numbered)
        || name.ends_with("_PORT") && value.to_str().is_some_and(address)
        || name.starts_with("POSTHASTE_ENV_")
}

/// The setting that somebody who wrote `name` had in mind: perhaps with our name before it, in small letters, for the
/// path of a file with the value, or with slips of the pen (a letter more, less, other, or two that changed places).
///
/// There may be `most` slips, and one in a short name: `AMQP_URL` is not `SMTP_URL`.
fn meant<'a>(settings: &Settings<'a>, name: &str, most: usize) -> Option<&'a str> {
    let name = name.to_ascii_uppercase();
    let name = name.strip_prefix("POSTHASTE_").unwrap_or(&name);
    if let Some((setting, _)) = settings.get_key_value(name.strip_suffix("_FILE").unwrap_or(name)) {
        return Some(setting);
    }
    // Too many letters for a slip of the pen, and yet the likeliest of all mistakes.
    let name = name.replace("ADDRESS", "ADDR").replace("ADRESS", "ADDR");
    let slips = settings.keys().filter_map(|setting| {
        let most = if setting.len() < 10 { 1 } else { most };
        if setting.len().abs_diff(name.len()) > most {
            return None;
        }
        let slips = strsim::osa_distance(&name, setting);
        (slips <= most).then_some((slips, *setting))
    });
    slips.min().map(|(_, setting)| setting)
}

fn unknown(name: &str, meant: Option<&str>, place: &str) -> Problem {
    let hint = meant.map_or_else(
        || "remove it, or see --help for all settings".to_owned(),
        |setting| format!("did you mean {setting}?"),
    );
    Problem::new(name, format!("is an unknown setting{place}: {hint}"))
}
