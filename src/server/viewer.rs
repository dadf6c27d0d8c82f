//! Who a request comes from: the bearer token, the address, and whether they have asked too often.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::Served;
use super::graphql_http::Failure;
use crate::domain::users;
use crate::domain::viewer::Viewer;
use crate::graphql::Client;
use crate::platform::App;

/// The caller of a request, counted and authenticated.
pub(super) struct Caller {
    pub viewer: Viewer,
    pub client: Client,
}

impl FromRequestParts<Served> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, served: &Served) -> Result<Self, Failure> {
        let ip = address(parts, served.app.config.trust_proxy);
        if let Some(ip) = ip {
            served.app.rate_limit.request(ip).map_err(Failure::TooMany)?;
        }
        let viewer = viewer(&served.app, &parts.headers).await?;
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let user_agent = user_agent.map(ToOwned::to_owned);
        Ok(Caller { viewer, client: Client { user_agent, ip, idempotency_key: None } })
    }
}

/// The peer's address, or behind a trusted proxy the last one that the proxy added.
fn address(parts: &Parts, trust_proxy: bool) -> Option<IpAddr> {
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let forwarded = forwarded.filter(|_| trust_proxy).and_then(|list| list.rsplit(',').next());
    let forwarded = forwarded.and_then(|text| text.trim().parse().ok());
    forwarded.or_else(|| parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()))
}

async fn viewer(app: &App, headers: &HeaderMap) -> Result<Viewer, Failure> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(Viewer::Anonymous) };
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Failure::NotBearer)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Failure::NotBearer);
    }
    users::authenticate(app, token.trim()).await.map_err(Failure::Authentication)
}
