//! Connects the publisher of this process with the other processes, through Redis or Postgres.

use sea_orm::sqlx::PgPool;

use super::cluster::Cluster;
use super::pg_notify::{Notifier, Subscription};
use super::publisher::Events;
use super::redis::listen;
use super::transport::{Backend, NOTIFY_CHANNEL, REDIS_CHANNEL, Transport};
use crate::platform::redis::Redis;

/// Sends the events of this process to the others and receives theirs from now on: through Redis (with the URL for the
/// listening connection) if there is one, else through Postgres if there is one. Returns the subscription for
/// [`super::pg_notify::listen`] in the second case.
pub(in crate::platform) async fn join(
    events: &Events,
    redis: Option<(&Redis, &str)>,
    postgres: Option<&PgPool>,
) -> Option<Subscription> {
    let cluster = Cluster::new(events.clone());
    let own = cluster.own();
    if let Some((redis, url)) = redis {
        let transport = Transport::new(own, Backend::Redis(redis.clone()));
        let stopped = transport.stopped();
        listen(url.to_owned(), redis.name(REDIS_CHANNEL), cluster, stopped).await;
        events.set_transport(transport);
        return None;
    }
    let pool = postgres?;
    events.set_transport(Transport::new(own, Backend::Postgres(Notifier::new(pool))));
    Some(Subscription { channel: NOTIFY_CHANNEL, handler: Box::new(cluster) })
}
