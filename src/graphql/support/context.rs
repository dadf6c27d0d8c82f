//! What every resolver is given: the app, who asks, and the batches of this request.

use std::net::IpAddr;

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use async_graphql::{Context, ID, Result};
use uuid::Uuid;

use super::idempotency::Answered;
use super::loaders::Batch;
use crate::domain::error::{Code, Error};
use crate::domain::users::Origin;
use crate::domain::viewer::Viewer;
use crate::kernel::id::{Id, Kind};
use crate::platform::App;

/// The data of one request.
pub struct Request {
    /// The handles.
    pub app: App,
    /// Who asks.
    pub viewer: Viewer,
    /// The client's own description of itself.
    pub user_agent: Option<String>,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The idempotency key that came with the request, for its one mutation.
    pub idempotency_key: Option<String>,
    pub(in crate::graphql) answered: Answered,
    pub(in crate::graphql) batches: DataLoader<Batch, HashMapCache>,
}

/// Shortcuts to the data of the request.
pub trait Ask {
    /// The data of this request.
    fn request(&self) -> &Request;

    /// The handles.
    fn app(&self) -> &App {
        &self.request().app
    }

    /// Who asks.
    fn viewer(&self) -> &Viewer {
        &self.request().viewer
    }

    /// Where a sign-in would come from.
    fn origin(&self) -> Origin {
        let request = self.request();
        Origin { user_agent: request.user_agent.clone(), ip: request.ip.map(|ip| ip.to_string()) }
    }

    /// One value by its key, in one batch with all others that are asked for at this moment.
    fn load<K>(&self, key: K) -> impl Future<Output = Result<Option<<Batch as Loader<K>>::Value>>> + Send
    where
        K: Send + Sync + std::hash::Hash + Eq + Clone + 'static,
        Batch: Loader<K, Error = async_graphql::Error>,
    {
        self.request().batches.load_one(key)
    }
}

impl Ask for Context<'_> {
    fn request(&self) -> &Request {
        self.data_unchecked::<Request>()
    }
}

/// An id as clients see it.
pub fn id(kind: Kind, uuid: Uuid) -> ID {
    ID(Id::new(kind, uuid).to_string())
}

/// The key in a client's id of one kind, or a refusal that names the field.
pub fn key(kind: Kind, id: &ID, field: &[&str]) -> Result<Uuid, Error> {
    Id::parse_as(kind, id).ok_or_else(|| {
        let message = format!("is not a well-formed id of this kind, such as `{}`", Id::new(kind, Uuid::nil()));
        Error::refused(Code::Invalid, field, message)
    })
}
