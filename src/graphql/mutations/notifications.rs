//! The mutation that marks notifications as read.

use async_graphql::{Context, ID, Object, Result};

use super::payload::payloads;
use crate::domain::error::Error;
use crate::domain::notifications as domain;
use crate::graphql::support::context::{RequestContext, parse_id};
use crate::graphql::support::idempotency::prepare_call;
use crate::graphql::types::notifications::Notification;
use crate::graphql::types::user_errors::into_payload;
use crate::kernel::id::Kind;

payloads! {
    /// Result of the mutation `notificationsMarkRead`.
    NotificationsMarkReadPayload {
        /// The notifications, in the order of `ids`. Null if the mutation was refused.
        notifications: Option<Vec<Notification>>,
    }
}

/// Mutations of notifications.
#[derive(Default)]
pub struct NotificationMutation;

#[Object]
impl NotificationMutation {
    /// Marks notifications of the viewer as read. Notifications that are already read do not change. If one does not
    /// exist, none is marked, and the mutation is refused with NOT_FOUND.
    async fn notifications_mark_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global IDs of the notifications, prefixed `ntf_`, at most 100.")] ids: Vec<ID>,
    ) -> Result<NotificationsMarkReadPayload> {
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = async {
            viewer.require_user()?;
            let keys: Result<Vec<_>, Error> = ids.iter().map(|id| parse_id(Kind::Notification, id, &["ids"])).collect();
            domain::mark_read(app, viewer, &keys?).await
        };
        let done = call.run(run, async |effect| domain::load_marked(app, viewer, &effect.subject).await).await;
        let (done, user_errors) = into_payload(app, done)?;
        let notifications = done.map(|rows| rows.into_iter().map(Notification::from).collect());
        Ok(NotificationsMarkReadPayload { notifications, user_errors })
    }
}
