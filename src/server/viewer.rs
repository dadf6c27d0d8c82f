//! The caller of a request: its bearer token, its address, and the rate limit of requests.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::header;
use axum::http::request::Parts;

use super::rejection::Rejection;
use super::request_id::request_id;
use super::state::ServerState;
use crate::domain::users;
use crate::domain::viewer::Viewer;
use crate::graphql::Client;
use crate::platform::App;

/// The header with which a developer asks for the duration of each field.
const TRACE: &str = "x-roost-trace";

/// The caller of a request, counted and authenticated.
pub(super) struct Caller {
    pub viewer: Viewer,
    pub client: Client,
}

impl Caller {
    /// Counts a request and authenticates its caller.
    pub(super) async fn authenticate(parts: &Parts, state: &ServerState) -> Result<Caller, Rejection> {
        let client = count_request(parts, state)?;
        let viewer = match parts.headers.get(header::AUTHORIZATION) {
            Some(value) => authenticate(&state.app, value.to_str().unwrap_or_default()).await?,
            None => Viewer::Anonymous,
        };
        Ok(Caller { viewer, client })
    }
}

/// Counts a request against the limit of its address, whether it has a token or not.
pub(super) fn count_request(parts: &Parts, state: &ServerState) -> Result<Client, Rejection> {
    let ip = client_address(parts, state.app.config.trust_proxy);
    if let Some(ip) = ip {
        state.app.rate_limit.count_request(ip).map_err(Rejection::TooManyRequests)?;
    }
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let user_agent = user_agent.map(ToOwned::to_owned);
    let trace = parts.headers.contains_key(TRACE);
    Ok(Client { user_agent, ip, idempotency_key: None, request_id: request_id(&parts.extensions), trace })
}

/// The viewer of an authorization such as `Bearer …`.
pub(super) async fn authenticate(app: &App, authorization: &str) -> Result<Viewer, Rejection> {
    let (scheme, token) = authorization.split_once(' ').ok_or(Rejection::NotBearer)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Rejection::NotBearer);
    }
    users::authenticate(app, token.trim()).await.map_err(Rejection::Authentication)
}

/// The address of the peer. Behind a trusted proxy, the last address in `X-Forwarded-For`, which the proxy added.
fn client_address(parts: &Parts, trust_proxy: bool) -> Option<IpAddr> {
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let forwarded = forwarded.filter(|_| trust_proxy).and_then(|list| list.rsplit(',').next());
    let forwarded = forwarded.and_then(|text| text.trim().parse().ok());
    forwarded.or_else(|| parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()))
}
