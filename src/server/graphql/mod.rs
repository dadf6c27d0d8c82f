//! The GraphQL endpoint: one engine behind every transport.
//!
//! **Invariant:** a transport reads the request, authenticates the caller and writes the response. The
//! [`Engine`](crate::graphql::Engine) decides what may run and what the response is, in the same way for all
//! transports.

mod endpoint;
mod http;
mod origin;
mod request_body;
mod sse;
mod subscription_end;
mod websocket;

pub(super) use self::endpoint::routes;
