//! Holds the table of who may import whom (ARCHITECTURE.md) against the code.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "architecture/references.rs"]
mod references;

use references::{Reference, references};

/// What each module may import from the rest of the crate; `dashboard` stands for `dashboard.rs` or `dashboard/`.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("config", &["domain"]),
    ("dashboard", &[]),
    // A file of its own, so that the library behind it is nobody else's business.
    ("dns", &["domain"]),
    ("domain", &[]),
    ("error", &["domain"]),
    ("http", &["domain", "error", "service"]),
    // It speaks SMTP with those who bring bounces; what they are is the business of others.
    ("inbound", &["domain", "error", "service"]),
    ("mail", &["domain"]),
    // It judges addresses and makes requests, and knows nothing of what is asked for.
    ("outbound", &["dns"]),
    ("postgres", &[]),
    ("secret_key", &["config"]),
    // `mail` for templates, which are rendered when a mail is accepted, so that a mistake is its author's 400, and for the
    // keys that it signs with; `outbound` for its guard, so that an address that will never be connected to is as well, and
    // for the files of a mail, which are its author's too.
    ("service", &["dns", "domain", "error", "mail", "outbound", "store"]),
    ("store", &["domain"]),
    ("telemetry", &["config"]),
    ("webhook", &["domain"]),
    ("worker", &["domain", "error", "mail", "outbound", "service", "webhook"]),
];

/// They wire everything together, so they know everything.
const KNOW_EVERYTHING: &[&str] = &["app", "cli", "lib", "main"];

/// Tests beside the code are held to the same table, but for the database that they run on.
const TESTS_MAY_ALSO_IMPORT: &[&str] = &["postgres"];

/// Libraries that would let a layer do another's work.
const MAY_NOT_USE: &[(&str, &[&str])] = &[
    ("dns", &["axum", "sqlx"]),
    ("domain", &["axum", "http", "hyper", "sqlx", "tokio", "tower", "tower_http"]),
    ("error", &["axum", "http", "hyper"]),
    ("inbound", &["axum", "http", "hyper", "sqlx"]),
    ("mail", &["axum", "sqlx"]),
    ("outbound", &["axum", "sqlx"]),
    ("service", &["axum", "http", "hyper"]),
    ("store", &["axum", "http", "hyper", "lettre"]),
    ("webhook", &["axum", "sqlx"]),
];

/// They may run statements: `store` because it is its work, `postgres` because it runs before there is a schema.
const SPEAK_SQL: &[&str] = &["postgres", "store"];

/// Names that say nothing, so that anything ends up in them.
const NAMES_WITHOUT_MEANING: &[&str] =
    &["common", "helper", "helpers", "inner", "manager", "misc", "shared", "util", "utils"];

#[test]
fn modules_import_only_what_they_may() {
    hold(&trespasses_in_sources(trespass));
}

#[test]
fn layers_leave_each_other_their_libraries() {
    hold(&trespasses_in_sources(foreign_library));
}

#[test]
fn only_the_store_speaks_sql() {
    hold(&trespasses_in_sources(foreign_statement));
}

/// Where the connection breaks in a commit nobody knows its end, and `service::commit` is what knows that.
#[test]
fn services_end_transactions_in_one_place() {
    let bare: Vec<String> = sources("src/service")
        .into_iter()
        .filter(|file| !file.ends_with("service/ending.rs"))
        .filter(|file| {
            let source = fs::read_to_string(root().join(file)).expect("a readable source file");
            let dense: String = source.split_whitespace().collect();
            [".commit()", "Transaction::commit", "Transaction::<Postgres>::commit"]
                .iter()
                .any(|end| dense.contains(end))
        })
        .map(|file| format!("{}: end it with `service::commit`", file.display()))
        .collect();
    hold(&bare);
}

#[test]
fn every_module_has_its_place_in_the_table() {
    let mut strangers: Vec<String> = sources("src")
        .iter()
        .map(|file| top_module(&module_of(file)))
        .filter(|module| {
            !KNOW_EVERYTHING.contains(&module.as_str()) && entry(MAY_IMPORT, module).is_none()
        })
        .map(|module| format!("`{module}` is in no table: decide what it may import"))
        .collect();
    strangers.dedup();
    hold(&strangers);
}

#[test]
fn every_file_has_a_name_that_says_something() {
    let nameless: Vec<String> = ["src", "tests", "benches"]
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|file| {
            file.components().any(|part| {
                let name = part.as_os_str().to_string_lossy();
                NAMES_WITHOUT_MEANING.contains(&name.trim_end_matches(".rs"))
            })
        })
        .map(|file| format!("{}: name it after what it is for", file.display()))
        .collect();
    hold(&nameless);
}

/// Why this reference may not stand in this module, if so.
fn trespass(module: &str, reference: &Reference, in_tests: bool) -> Option<String> {
    let allowed = entry(MAY_IMPORT, module)?;
    let Reference::Ours(path) = reference else { return None };
    let target = path.first().map_or("", String::as_str);
    let may = target == module
        || allowed.contains(&target)
        || (in_tests && TESTS_MAY_ALSO_IMPORT.contains(&target));
    (!may).then(|| {
        let path: Vec<&str> =
            std::iter::once("crate").chain(path.iter().map(String::as_str)).collect();
        let allowed =
            if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.join(", ") };
        format!("imports {}; `{module}` may import {allowed}", path.join("::"))
    })
}

fn foreign_library(module: &str, reference: &Reference, _in_tests: bool) -> Option<String> {
    let Reference::Theirs(path) = reference else { return None };
    let library = path.first()?;
    entry(MAY_NOT_USE, module)?
        .contains(&library.as_str())
        .then(|| format!("uses {}; `{module}` does without {library}", path.join("::")))
}

fn foreign_statement(module: &str, reference: &Reference, _in_tests: bool) -> Option<String> {
    let Reference::Theirs(path) = reference else { return None };
    if SPEAK_SQL.contains(&module) || path.first()? != "sqlx" {
        return None;
    }
    // `use sqlx as x` and `use sqlx::*` would hide the rest from us; `Executor` runs a bare `&str`.
    let runs = path.get(1).is_none_or(|name| {
        name.starts_with("query")
            || ["*", "Executor", "QueryBuilder", "raw_sql"].contains(&name.as_str())
    });
    runs.then(|| format!("uses {}; statements are functions of `store`", path.join("::")))
}

/// Applies a rule to every reference in `src`.
fn trespasses_in_sources(rule: fn(&str, &Reference, bool) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for file in sources("src") {
        let module = module_of(&file);
        let top = top_module(&module);
        let source = fs::read_to_string(root().join(&file)).expect("a readable source file");
        for (reference, in_tests) in references(module, &source) {
            found.extend(
                rule(&top, &reference, in_tests).map(|why| format!("{} {why}", file.display())),
            );
        }
    }
    found.dedup();
    found
}

fn hold(trespasses: &[String]) {
    assert!(
        trespasses.is_empty(),
        "see ARCHITECTURE.md, who may import whom:\n  {}\n",
        trespasses.join("\n  ")
    );
}

fn entry(table: &'static [(&str, &[&str])], module: &str) -> Option<&'static [&'static str]> {
    table.iter().find(|(name, _)| *name == module).map(|(_, names)| *names)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, relative to the package. There may be none yet.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(root().join(&folder)).into_iter().flatten() {
            let item = item.expect("a readable folder");
            let path = folder.join(item.file_name());
            if item.path().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// `src/store/mails.rs` → `["store", "mails"]`, `src/store/mod.rs` → `["store"]`, `src/lib.rs` → `["lib"]`.
fn module_of(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix("src").expect("a file of src").with_extension("");
    let mut module: Vec<String> =
        inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.len() > 1 && module.last().is_some_and(|name| name == "mod") {
        module.pop();
    }
    module
}

fn top_module(module: &[String]) -> String {
    module.first().cloned().unwrap_or_default()
}

/// What the rules say about a file of this name with this content.
fn verdicts(file: &str, source: &str) -> Vec<String> {
    let module = module_of(Path::new(file));
    let top = top_module(&module);
    references(module, source)
        .iter()
        .flat_map(|(reference, in_tests)| {
            [trespass, foreign_library, foreign_statement]
                .map(|rule| rule(&top, reference, *in_tests))
        })
        .flatten()
        .collect()
}

#[test]
fn planted_trespasses_are_found() {
    let planted = [
        ("src/domain/mail.rs", "use crate::http;"),
        ("src/domain/mail.rs", "use crate::{domain::id, store::{self as s}};"),
        ("src/domain/mail.rs", "use crate::error::Error as E;"),
        ("src/domain/mail.rs", "use crate::*;"),
        ("src/domain/mail.rs", "use crate as everything;"),
        ("src/domain/mail.rs", "use super::super::store::mails;"),
        ("src/domain/mod.rs", "use super::store;"),
        ("src/domain/mail.rs", "mod part { use super::super::super::store; }"),
        ("src/domain/mail.rs", "pub fn f(x: Vec<crate::store::X>) {}"),
        ("src/domain/mail.rs", "impl crate::service::Act for X {}"),
        ("src/domain/mail.rs", "fn f() { let x = crate::service::mails::accept(); }"),
        ("src/domain/mail.rs", "fn f() { assert!(x, vec![crate::service::X]); }"),
        ("src/domain/mail.rs", "macro_rules! m { () => { $crate::http::X } }"),
        ("src/domain/mail.rs", "#[serde(with = \"crate::http::codec\")] struct X;"),
        ("src/domain/mail.rs", "#[schema(value_type = crate::http::X)] struct X;"),
        ("src/domain/mail.rs", "#[cfg(test)] mod tests { use crate::service; }"),
        ("src/domain/mail.rs", "pub(in crate::http) fn f() {}"),
        ("src/domain/mail.rs", "use ::axum::Json;"),
        ("src/domain/mail.rs", "#[derive(sqlx::Type)] struct X;"),
        ("src/error.rs", "use axum::http::StatusCode;"),
        ("src/service/keys.rs", "use crate::worker::delivery;"),
        ("src/http/mails.rs", "use crate::store::mails;"),
        ("src/http/mails.rs", "fn f() { sqlx::query(\"SELECT 1\"); }"),
        ("src/http/mails.rs", "fn f() { sqlx::query_as!(X, \"SELECT 1\"); }"),
        ("src/worker/janitor.rs", "use sqlx::{PgPool, Executor};"),
        ("src/cli.rs", "use sqlx::query_scalar;"),
        ("src/app.rs", "use sqlx as s;"),
    ];
    for (file, source) in planted {
        assert!(!verdicts(file, source).is_empty(), "{file} may hold {source}");
    }
    assert_eq!(
        verdicts("src/domain/mail.rs", "use crate::http::{error};"),
        ["imports crate::http::error; `domain` may import nothing of ours"]
    );
}

#[test]
fn what_is_allowed_passes() {
    let allowed = [
        (
            "src/domain/mail.rs",
            "use super::id; use crate::domain::address; use serde::Serialize; use self::x::Y;",
        ),
        (
            "src/domain/mail.rs",
            "pub(crate) fn f() {} pub(super) mod x { pub(super) fn g() {} use super::*; }",
        ),
        (
            "src/domain/mail.rs",
            "/// As `crate::http` shows it.\nstruct X; fn f() { http.store(); let x = \"crate::http\"; }",
        ),
        (
            "src/error.rs",
            "use super::domain::violations; #[cfg(test)] mod tests { use super::*; use crate::postgres; }",
        ),
        (
            "src/http/mails.rs",
            "use crate::{domain, error::Result, service::mails}; use sqlx::PgPool;",
        ),
        ("src/store/mails.rs", "use crate::domain::id; fn f() { sqlx::query!(\"SELECT 1\"); }"),
        ("src/postgres/mod.rs", "fn f() { sqlx::query(\"SELECT 1\"); }"),
        ("src/app.rs", "use crate::{config, http, mail, worker};"),
        ("src/main.rs", "use posthaste::{app, config};"),
    ];
    for (file, source) in allowed {
        assert_eq!(verdicts(file, source), Vec::<String>::new(), "{file} may not hold {source}");
    }
}
