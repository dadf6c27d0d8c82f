//! Tests of the API. They send requests to the server in this process, on one database per test.
//!
//! The tests run on SQLite. With `ROOST_TEST_DATABASE_URL` they run on that Postgres server, and with
//! `ROOST_TEST_REDIS_URL` they use that Redis as the cache.

mod accounting;
mod client;
mod database;
mod harness;
mod invariants;
mod live_server;
mod scenarios;
mod sql;
mod waiting;

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
mod end_to_end;
mod full_disk;
mod graphql_http;
mod hang_up;
mod idempotency;
mod idle_connections;
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
mod routes;
mod search;
mod soak;
mod sse;
mod state_table;
mod statements;
mod stripe;
mod subscriptions;
mod test_clock;
mod websocket;
mod worker;
