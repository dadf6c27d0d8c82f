//! Every promise of the API, kept over the public endpoint of the in-process server, on a database per test.
//!
//! `ROOST_TEST_DATABASE_URL` names a Postgres server on which the same tests run in place of SQLite, and
//! `ROOST_TEST_REDIS_URL` a Redis for their cache.

mod books;
mod client;
mod database;
mod harness;
mod invariants;
mod node;
mod scenes;

mod accounts;
mod alterations;
mod audit;
mod bad_input;
mod bookings;
mod budgets;
mod cache;
mod calendar;
mod cancellations;
mod concurrency;
mod contract;
mod crash;
mod documents;
mod door;
mod full_disk;
mod hang_up;
mod http;
mod idempotency;
mod import;
mod jobs;
mod ledger;
mod lifecycle_page;
mod limits;
mod listings;
mod model;
mod no_show;
mod notifications;
mod payments;
mod payouts;
mod permissions;
mod persisted;
mod playground;
mod queue;
mod quotes;
mod refunds;
mod requests;
mod reviews;
mod search;
mod silence;
mod soak;
mod sse;
mod state_table;
mod statements;
mod story;
mod stripe;
mod subscriptions;
mod test_clock;
mod websocket;
mod worker;
