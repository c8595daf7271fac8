# What one does here, each a thin line; `just` lists them.
set positional-arguments

[private]
default:
    @just --list --unsorted

# run everything on http://127.0.0.1:8080, database included
dev *arguments:
    cargo run -- "$@"

# run the tests whose name contains the argument, or all
test *filter:
    cargo test "$@"

# what review should not have to say: format and lints
lint:
    cargo fmt --all --check
    cargo clippy --all-targets --locked -- -D warnings

# renew .sqlx after a change to a statement or a migration
prepare:
    .ci/prepare-queries

# leave a fresh database running to write statements against; the next call, or `just scratch-stop`, ends it
scratch-database:
    .ci/prepare-queries --serve

# end that database
scratch-stop:
    .ci/prepare-queries --stop

# measure
bench *filter:
    cargo bench "$@"

# the code's own documentation, in a browser
doc:
    cargo doc --no-deps --document-private-items --open

# all of the above with Valkey, a mail catcher and a Postgres of its own, in containers
up:
    docker compose up --build

# everything that must hold before a change is merged
ci:
    .ci/run
