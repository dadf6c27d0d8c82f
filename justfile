# Short names for what is done often; `just` alone lists them. Each runs a command that works without just, and
# tests/run remains the definition of what must pass.

_list:
    @just --list --unsorted

# Run the server with a demonstration marketplace: the API, the playground and the worker
demo *options:
    cargo run --locked -- serve --demo {{ options }}

# Run every check and every test, on SQLite and on Postgres + Redis; with filters, the tests whose names contain one
test *filters:
    ./tests/run {{ if filters == "" { "" } else { "-- " + filters } }}

# Run the tests on SQLite alone: the quickest answer while working
test-sqlite *filters:
    ./tests/run --only-sqlite {{ if filters == "" { "" } else { "-- " + filters } }}

# Run the long forms: the soak, every crash, the model and the fuzz
nightly:
    ./tests/run --nightly

# Check formatting, lints and the shape of the source
lint:
    ./tests/run --only-checks --fast

# Check the shape of the source alone: tests/tidy.rs
tidy:
    cargo test --locked --test tidy

# Format all Rust code
fmt:
    cargo fmt --all

# Write schema.graphql anew; tests/api compares it with what the server serves
schema:
    cargo run --locked --quiet -- schema > target/schema.graphql
    mv target/schema.graphql schema.graphql

# Build the documentation of the code and open it
docs:
    cargo doc --locked --workspace --no-deps --open

# Measure; compare with the numbers before a change on the same machine
bench *options:
    cargo bench --locked --bench '*' {{ options }}

# Check the licenses, sources and versions of all dependencies, and advisories about them
deny:
    cargo deny --locked check

# Check the subjects of the commits that origin/main does not have
commits:
    .ci/commits origin/main..HEAD
