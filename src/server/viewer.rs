//! Who a request comes from: the bearer token, the address, and whether they have asked too often.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::header;
use axum::http::request::Parts;

use super::Served;
use super::graphql::Failure;
use crate::domain::users;
use crate::domain::viewer::Viewer;
use crate::graphql::Client;
use crate::platform::App;

/// The header by which a developer asks how long each field took.
const TRACE: &str = "x-roost-trace";

/// The caller of a request, counted and authenticated.
pub(super) struct Caller {
    pub viewer: Viewer,
    pub client: Client,
}

impl Caller {
    /// Finds out who sent a request, and counts it.
    pub(super) async fn of(parts: &Parts, served: &Served) -> Result<Caller, Failure> {
        let client = counted(parts, served)?;
        let viewer = match parts.headers.get(header::AUTHORIZATION) {
            Some(value) => viewer(&served.app, value.to_str().unwrap_or_default()).await?,
            None => Viewer::Anonymous,
        };
        Ok(Caller { viewer, client })
    }
}

/// Counts a request, whoever its token speaks for.
pub(super) fn counted(parts: &Parts, served: &Served) -> Result<Client, Failure> {
    let ip = address(parts, served.app.config.trust_proxy);
    if let Some(ip) = ip {
        served.app.rate_limit.request(ip).map_err(Failure::TooMany)?;
    }
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let user_agent = user_agent.map(ToOwned::to_owned);
    let trace = parts.headers.contains_key(TRACE);
    Ok(Client { user_agent, ip, idempotency_key: None, request_id: super::request_id(&parts.extensions), trace })
}

/// Who speaks by an authorization such as `Bearer …`.
pub(super) async fn viewer(app: &App, authorization: &str) -> Result<Viewer, Failure> {
    let (scheme, token) = authorization.split_once(' ').ok_or(Failure::NotBearer)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Failure::NotBearer);
    }
    users::authenticate(app, token.trim()).await.map_err(Failure::Authentication)
}

/// The peer's address, or behind a trusted proxy the last one that the proxy added.
fn address(parts: &Parts, trust_proxy: bool) -> Option<IpAddr> {
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let forwarded = forwarded.filter(|_| trust_proxy).and_then(|list| list.rsplit(',').next());
    let forwarded = forwarded.and_then(|text| text.trim().parse().ok());
    forwarded.or_else(|| parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()))
}
