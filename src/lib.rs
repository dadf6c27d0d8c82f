//! Roost: a GraphQL-first backend for marketplaces of stays.
//!
//! The crate is built as **floors outside, wings inside**. Floors say in which direction a name may point;
//! wings keep everything about one noun in one folder.
//!
//! ```text
//! 5  main          the command line: serve, worker, migrate, import, demo, audit, schema
//! 4  server        HTTP: routes, layers, bearer token -> Viewer, graceful stop
//! 3  graphql | jobs | import | demo | audit   doors: translate, make ONE domain call, shape the answer
//! 2  domain        the rules, in wings: reviews -> bookings -> payments -> listings -> users -> viewer, error
//! 1  platform      what the domain stands on: database, cache, queue, clock, passwords, tokens, gateway, config
//! 0  kernel        pure values: Money, Stay, ids, pages. No async, no I/O, no clock
//! ```
//!
//! A module names only floors below its own, and a wing only wings after the arrow; `tests/tidy.rs` holds that.
//! A table belongs to one wing: its SeaORM entities are private to the wing, which re-exports only the row type.
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
