//! What every resolver is given: the app, the viewer, the client, and the batches of this request.

use std::net::IpAddr;

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use async_graphql::{Context, ID, Result};
use uuid::Uuid;

use super::idempotency_report::IdempotencyReport;
use super::loaders::Batch;
use crate::domain::error::{Code, Error};
use crate::domain::users::Origin;
use crate::domain::viewer::Viewer;
use crate::kernel::id::{Id, Kind};
use crate::platform::App;

/// The client that sent a request, and what its headers say apart from the token.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The header `Idempotency-Key`, for a document with one mutation.
    pub idempotency_key: Option<String>,
    /// The ID of the request in the log, prefixed `req_`.
    pub request_id: String,
    /// Whether the client asks for the duration of each field.
    pub trace: bool,
}

/// The data of one request.
pub struct RequestData {
    /// The application's handles.
    pub app: App,
    /// The viewer on whose behalf the request runs.
    pub viewer: Viewer,
    /// The client that sent the request.
    pub client: Client,
    pub(in crate::graphql) idempotency: IdempotencyReport,
    pub(in crate::graphql) batches: DataLoader<Batch, HashMapCache>,
}

/// Gives resolvers access to the data of their request.
pub trait RequestContext {
    /// The data of this request.
    fn request(&self) -> &RequestData;

    /// The application's handles.
    fn app(&self) -> &App {
        &self.request().app
    }

    /// The viewer on whose behalf the request runs.
    fn viewer(&self) -> &Viewer {
        &self.request().viewer
    }

    /// The origin that a session records when it is created by this request.
    fn origin(&self) -> Origin {
        let client = &self.request().client;
        Origin { user_agent: client.user_agent.clone(), ip: client.ip.map(|ip| ip.to_string()) }
    }

    /// Loads one value by its key, in one batch with all others that the operation needs at this moment.
    fn load<K>(&self, key: K) -> impl Future<Output = Result<Option<<Batch as Loader<K>>::Value>>> + Send
    where
        K: Send + Sync + std::hash::Hash + Eq + Clone + 'static,
        Batch: Loader<K, Error = async_graphql::Error>,
    {
        self.request().batches.load_one(key)
    }
}

impl RequestContext for Context<'_> {
    fn request(&self) -> &RequestData {
        self.data_unchecked::<RequestData>()
    }
}

/// The global ID of an object, as clients see it.
pub fn global_id(kind: Kind, uuid: Uuid) -> ID {
    ID(Id::new(kind, uuid).to_string())
}

/// Parses a global ID of one kind; the refusal names the argument at `field`.
pub fn parse_id(kind: Kind, id: &ID, field: &[&str]) -> Result<Uuid, Error> {
    Id::parse_as(kind, id).ok_or_else(|| {
        let message = format!("is not a well-formed id of this kind, such as `{}`", Id::new(kind, Uuid::nil()));
        Error::refused(Code::Invalid, field, message)
    })
}
