//! Holds migrations/ to rules under which the previous version of the program keeps running while one is applied, and
//! under which none holds up the whole service behind a lock.
//!
//! The first migration may do as it likes, and so may each with the tables that it makes itself. A statement that
//! breaks a rule for a reason, such as a column dropped after the release that stopped reading it, says so in a comment
//! right before it: `-- safe: nothing has read it since 1.4`.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

#[path = "migrations/statements.rs"]
mod statements;

use statements::{Statement, after, split_at_commas, statements, table_and_rest, table_name};

#[test]
fn migrations_are_safe_on_a_running_service() {
    let mut objections = Vec::new();
    let files = migrations();
    for (position, (name, source)) in files.iter().enumerate() {
        objections.extend(objections_to_name(name));
        if position > 0 {
            let version = |name: &str| name.split('_').next().map(str::to_owned);
            if version(name) <= version(&files[position - 1].0) {
                objections.push(format!(
                    "{name}: its time is not later than that of {}",
                    files[position - 1].0
                ));
            }
            objections.extend(
                objections_to(source).into_iter().map(|objection| format!("{name}: {objection}")),
            );
        }
    }
    assert!(
        objections.is_empty(),
        "see CONTRIBUTING.md, a migration:\n  {}\n",
        objections.join("\n  ")
    );
}

/// Every file of migrations/ but a README, in order. There may be none yet.
fn migrations() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|item| item.expect("a readable folder"))
        .filter(|item| item.file_name() != "README.md")
        .map(|item| {
            let source = fs::read_to_string(item.path()).expect("a readable migration");
            (item.file_name().to_string_lossy().into_owned(), source)
        })
        .collect();
    files.sort();
    files
}

fn objections_to_name(name: &str) -> Option<String> {
    let is_good = name.strip_suffix(".sql").and_then(|stem| stem.split_once('_')).is_some_and(
        |(time, what)| {
            time.len() == 14
                && chrono::NaiveDateTime::parse_from_str(time, "%Y%m%d%H%M%S").is_ok()
                && what.split('_').all(|word| {
                    !word.is_empty()
                        && word
                            .chars()
                            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
                })
        },
    );
    (!is_good).then(|| format!("{name}: must be called YYYYMMDDHHMMSS_what_it_does.sql"))
}

/// What speaks against a migration that is not the first.
fn objections_to(source: &str) -> Vec<String> {
    let statements = statements(source);
    let mut objections = Vec::new();

    // Exactly what sqlx looks for; anywhere else it is a comment.
    let is_in_transaction = !source.starts_with("-- no-transaction");
    if is_in_transaction {
        if !statements.first().is_some_and(sets_lock_timeout) {
            objections.push(
                "begins with `SET LOCAL lock_timeout = '2s';`, or everyone queues behind a lock that it waits for"
                    .to_owned(),
            );
        }
    } else if statements.len() != 1 {
        objections.push(
            "holds one statement only, because Postgres makes one transaction of several that are sent at once"
                .to_owned(),
        );
    }

    let mut made_here = HashSet::new();
    for statement in &statements {
        made_here.extend(after(&statement.words, &["create", "table"]).map(table_name));
        if !statement.is_declared_safe {
            objections.extend(objections_to_statement(
                &statement.words,
                &made_here,
                is_in_transaction,
            ));
        }
    }
    objections
}

fn sets_lock_timeout(statement: &Statement) -> bool {
    match statement.words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["set", "local", "lock_timeout", "=" | "to", value] => {
            !value.trim_matches('\'').starts_with('0')
        }
        _ => false,
    }
}

fn objections_to_statement(
    words: &[String],
    made_here: &HashSet<String>,
    is_in_transaction: bool,
) -> Vec<String> {
    let mut objections = Vec::new();
    let mut object = |table: &str, why: &str| {
        if !made_here.contains(table) {
            objections.push(format!("{table}: {why}"));
        }
    };
    for rest in after(words, &["drop", "table"]) {
        for table in split_at_commas(rest) {
            object(
                &table_name(&table),
                "DROP TABLE while the previous version uses it; drop it a release later",
            );
        }
    }
    for rest in after(words, &["truncate"]) {
        object(&table_name(rest), "TRUNCATE locks out all readers; delete in batches");
    }
    for rest in
        after(words, &["index"]).filter(|_| words.first().is_some_and(|word| word == "create"))
    {
        if rest.first().is_some_and(|word| word == "concurrently") {
            if is_in_transaction {
                object(
                    "CREATE INDEX CONCURRENTLY",
                    "stands alone in a file whose first line is `-- no-transaction`",
                );
            }
        } else if let Some(table) = after(rest, &["on"]).next() {
            object(
                &table_name(table),
                "CREATE INDEX stops all writes; use CREATE INDEX CONCURRENTLY",
            );
        }
    }
    for rest in after(words, &["alter", "table"]) {
        let (table, actions) = table_and_rest(rest);
        for action in split_at_commas(actions) {
            if let Some(why) = objection_to_action(&action) {
                object(&table, why);
            }
        }
    }
    objections
}

/// What speaks against one action of `ALTER TABLE`, given as its words.
fn objection_to_action(action: &[String]) -> Option<&'static str> {
    let words: Vec<&str> =
        action.iter().map(String::as_str).filter(|word| *word != "column").collect();
    let holds = |part: &[&str]| words.windows(part.len()).any(|window| window == part);
    match words[..] {
        ["drop", "constraint", ..] => None,
        ["drop", ..] => {
            Some("DROP COLUMN while the previous version reads it; drop it a release later")
        }
        ["rename", ..] => Some(
            "RENAME while the previous version uses the old name; add, copy, drop a release later",
        ),
        ["alter", _, "type", ..] | ["alter", _, "set", "data", "type", ..] => Some(
            "ALTER TYPE rewrites the table under a lock; add a column, copy, drop a release later",
        ),
        ["alter", _, "set", "not", "null", ..] => Some(
            "SET NOT NULL reads the whole table under a lock; add a CHECK … NOT VALID and validate it instead",
        ),
        ["add", "constraint" | "check" | "foreign" | "unique" | "primary" | "exclude", ..] => {
            let is_quick = holds(&["not", "valid"]) || holds(&["using", "index"]);
            (!is_quick).then_some(
                "ADD CONSTRAINT reads the whole table under a lock; use NOT VALID or USING INDEX",
            )
        }
        ["add", ..] if holds(&["unique"]) || holds(&["primary", "key"]) => Some(
            "ADD COLUMN … UNIQUE builds an index under a lock; make it CONCURRENTLY afterwards",
        ),
        ["add", ..]
            if holds(&["stored"])
                || holds(&["as", "identity"])
                || calls_anew_for_each_row(&words) =>
        {
            Some(
                "ADD COLUMN with a value of its own for each row rewrites the table; fill it in batches",
            )
        }
        ["add", ..] if holds(&["not", "null"]) && !holds(&["default"]) => {
            Some("ADD COLUMN … NOT NULL fails on existing rows; give it a DEFAULT")
        }
        _ => None,
    }
}

fn calls_anew_for_each_row(words: &[&str]) -> bool {
    let volatile = [
        "gen_random_uuid",
        "uuidv4",
        "uuidv7",
        "random",
        "clock_timestamp",
        "nextval",
        "serial",
        "bigserial",
    ];
    words.iter().any(|word| volatile.contains(word))
}

#[test]
fn planted_dangers_are_found() {
    let planted = [
        "DROP TABLE mails",
        "DROP TABLE IF EXISTS public.mails CASCADE",
        "CREATE TABLE a (); DROP TABLE a, mails",
        "TRUNCATE TABLE mails",
        "alter table mails drop subject",
        "ALTER TABLE ONLY mails ADD COLUMN a text, DROP COLUMN IF EXISTS subject",
        "ALTER TABLE mails ALTER COLUMN subject TYPE varchar(10)",
        "ALTER TABLE mails ALTER subject SET DATA TYPE text",
        "ALTER TABLE mails ALTER subject SET NOT NULL",
        "ALTER TABLE mails RENAME COLUMN subject TO title",
        "ALTER TABLE \"mails\" ADD COLUMN a numeric(10, 2) NOT NULL",
        "ALTER TABLE mails ADD a uuid NOT NULL DEFAULT gen_random_uuid()",
        "ALTER TABLE mails ADD a text UNIQUE",
        "ALTER TABLE mails ADD CONSTRAINT c CHECK (a > 0)",
        "ALTER TABLE mails ADD FOREIGN KEY (a) REFERENCES b",
        "CREATE INDEX ON mails (a)",
        "CREATE UNIQUE INDEX IF NOT EXISTS i ON ONLY public.mails USING btree (a)",
        "CREATE INDEX CONCURRENTLY i ON mails (a)",
        "DO $$ BEGIN EXECUTE 'x'; ALTER TABLE mails DROP COLUMN a; END $$",
        "-- safe: \nDROP TABLE mails",
        "-- safe: gone\nDROP TABLE a; DROP TABLE mails",
    ];
    for danger in planted {
        let source = format!("SET LOCAL lock_timeout = '2s';\n{danger};");
        assert_eq!(objections_to(&source).len(), 1, "{danger}: {:?}", objections_to(&source));
    }
    for source in [
        "",
        "SELECT 1",
        "SET lock_timeout = '1s'",
        "SET LOCAL lock_timeout = 0",
        "-- no-transaction\nA; B",
    ] {
        assert_eq!(objections_to(source).len(), 1, "{source}");
    }
    for name in [
        "2026_x.sql",
        "20261301000000_x.sql",
        "20260101000000_X.sql",
        "20260101000000_x.up.sql",
        "x",
    ] {
        assert!(objections_to_name(name).is_some(), "{name}");
    }
}

#[test]
fn harmless_migrations_pass() {
    let harmless = [
        "CREATE TABLE a (b text NOT NULL); CREATE INDEX ON a (b); ALTER TABLE a ADD c int NOT NULL; DROP TABLE a",
        "ALTER TABLE mails ADD COLUMN a text, ADD b timestamptz NOT NULL DEFAULT now()",
        "ALTER TABLE mails ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE mails VALIDATE CONSTRAINT c",
        "ALTER TABLE mails ALTER a DROP NOT NULL, ALTER a SET DEFAULT 'drop table x', DROP CONSTRAINT c",
        "-- safe: nothing has read it since 1.4\nALTER TABLE mails DROP COLUMN a",
        "DROP INDEX i; -- DROP TABLE mails;",
    ];
    for source in harmless {
        let source = format!("-- Why.\nSET LOCAL lock_timeout TO '2s';\n{source};");
        assert_eq!(objections_to(&source), Vec::<String>::new(), "{source}");
    }
    let alone = "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON mails (a);";
    assert_eq!(objections_to(alone), Vec::<String>::new());
    assert_eq!(objections_to_name("20260731090000_keep_what_2_relays_said.sql"), None);
}
