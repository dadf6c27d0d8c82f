//! Every promise of the API, kept over the public endpoint of the in-process server, on a database per test.
//!
//! `ROOST_TEST_DATABASE_URL` names a Postgres server on which the same tests run in place of SQLite, and
//! `ROOST_TEST_REDIS_URL` a Redis for their cache.

mod books;
mod client;
mod database;
mod harness;
mod invariants;
mod scenes;

mod accounts;
mod alterations;
mod audit;
mod bad_input;
mod bookings;
mod cache;
mod calendar;
mod cancellations;
mod concurrency;
mod contract;
mod crash;
mod http;
mod idempotency;
mod import;
mod jobs;
mod ledger;
mod listings;
mod model;
mod no_show;
mod payments;
mod payouts;
mod permissions;
mod queue;
mod quotes;
mod refunds;
mod requests;
mod reviews;
mod search;
mod soak;
mod state_table;
mod statements;
mod story;
mod stripe;
mod test_clock;
mod worker;
