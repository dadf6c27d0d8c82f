//! The HTTP server: routes, layers, health checks, and a stop that finishes requests in flight.

mod connections;
mod content_negotiation;
mod cors;
mod failure_layer;
mod graphql;
mod health;
mod listener;
mod playground;
mod rate_limit_headers;
mod rejection;
mod request_id;
mod router;
mod run;
mod state;
#[cfg(feature = "test-clock")]
mod test_clock;
mod viewer;
mod webhooks;

pub use self::connections::Limits;
pub use self::router::router;
pub use self::run::{serve, serve_within};
