//! Roost: a GraphQL-first backend for marketplaces of stays.
//!
//! The crate is built as **floors and wings**. A floor says in which direction a name may point: a module uses only
//! the floors below its own. A wing keeps everything about one noun in one folder of `domain`.
//!
//! ```text
//! 5  main        the command line: serve, worker, jobs, migrate, demo, import, audit, schema
//! 4  server      HTTP: routes, layers, bearer token -> Viewer, graceful shutdown
//! 3  graphql | jobs | import | demo | audit    entry points: parse the input, call the domain, shape the result
//! 2  domain      the rules, in wings:
//!                reviews -> bookings -> payments -> listings -> users -> notifications -> viewer, error
//! 1  platform    what the domain needs: database, cache, queue, messaging, clock, passwords, signing, gateway, config
//! 0  kernel      pure values: Money, Stay, ids, pages. No async, no I/O, no clock
//! ```
//!
//! A wing uses only the wings after it in the line above. Modules of one floor do not use each other: `graphql` does
//! not know `jobs`. `tests/tidy.rs` checks both rules in the source text.
//!
//! A table belongs to one wing. Its SeaORM entities are private to the wing, and the wing exports only the row type, so
//! that no other wing can write the table.
//!
//! A write that involves the payment processor has three parts: a transaction that records what is intended, a call to
//! the processor outside of any transaction, and a transaction that records the result. Jobs are rows that are written
//! in the first transaction, so that another process completes the work if this one stops.
//!
//! `docs/ARCHITECTURE.md` describes the folders, the invariants and the path of the main requests.
#![warn(missing_docs)]

pub mod audit;
pub mod demo;
pub mod domain;
pub mod graphql;
pub mod import;
pub mod jobs;
pub mod kernel;
pub mod platform;
pub mod server;
