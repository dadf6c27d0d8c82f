//! One socket from its opening to its end: handles the client's messages in order and sends the responses of its
//! operations.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use chrono::SecondsFormat;
use serde_json::{Map, Value};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::close_reason::CloseReason;
use super::message::{Ack, ClientMessage, ServerMessage};
use super::operations::{self, OperationEvent, Operations};
use crate::domain::users;
use crate::domain::viewer::Viewer;
use crate::graphql::{Client, ErrorCode, GraphqlRequest, GraphqlResponse};
use crate::platform::App;
use crate::platform::limits::token_bucket::LimitExceeded;
use crate::platform::messaging::Listener;
use crate::server::connections::{ConnectionOwner, ConnectionSlot, Limits};
use crate::server::rejection::Rejection;
use crate::server::state::ServerState;
use crate::server::viewer::authenticate;

/// How long a client has to read the close frame and to answer it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection stays open after a read failure, so that its client receives the close frame before the end of
/// the connection.
const CLOSE_DELAY: Duration = Duration::from_secs(1);

/// A socket, its session and its operations.
pub(super) struct Connection {
    state: ServerState,
    socket: WebSocket,
    /// The client that opened the socket. The request IDs of operations begin with its request ID.
    client: Client,
    /// The `Authorization` header of the request that opened the socket.
    authorization: Option<String>,
    /// Set when the client has sent `connection_init`.
    session: Option<Session>,
    operations: Operations,
    /// The number of operations that were subscribed.
    operation_count: u64,
    init_deadline: Instant,
    heartbeat: Interval,
    /// Whether no message arrived since the last ping.
    awaits_pong: bool,
}

/// The viewer of an acknowledged connection.
struct Session {
    viewer: Viewer,
    /// Receives an event when the viewer must be rechecked.
    changes: Option<Listener>,
    _slot: Option<ConnectionSlot>,
}

impl Connection {
    /// A socket that has just been opened.
    pub(super) fn new(
        state: ServerState,
        socket: WebSocket,
        client: Client,
        authorization: Option<String>,
    ) -> Connection {
        let limits = state.connections.limits();
        let now = Instant::now();
        let mut heartbeat = tokio::time::interval_at(now + limits.heartbeat, limits.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Connection {
            init_deadline: now + limits.init_timeout,
            heartbeat,
            state,
            socket,
            client,
            authorization,
            session: None,
            operations: Operations::default(),
            operation_count: 0,
            awaits_pong: false,
        }
    }

    /// Serves the socket until it is closed.
    pub(super) async fn serve(mut self) {
        loop {
            if let Err(reason) = self.handle_next().await {
                return self.close(reason).await;
            }
        }
    }

    fn limits(&self) -> &Limits {
        self.state.connections.limits()
    }

    /// Waits for the next event of any kind and handles it.
    async fn handle_next(&mut self) -> Result<(), CloseReason> {
        let app = &self.state.app;
        let awaits_init = self.session.is_none();
        tokio::select! {
            () = self.state.connections.stopped() => Err(CloseReason::ServerStopping),
            frame = self.socket.recv() => self.handle_frame(frame).await,
            (id, event) = self.operations.next() => self.send_event(&id, event).await,
            () = tokio::time::sleep_until(self.init_deadline), if awaits_init => Err(CloseReason::InitTimeout),
            change = next_change(app, self.session.as_mut()) => self.recheck_viewer(change).await,
            _ = self.heartbeat.tick() => self.send_ping().await,
        }
    }

    async fn handle_frame(&mut self, frame: Option<Result<Message, axum::Error>>) -> Result<(), CloseReason> {
        let message = match frame {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(CloseReason::from_read_error(error)),
            None => return Err(CloseReason::Disconnected),
        };
        self.awaits_pong = false;
        if !self.state.connections.count_message(&self.client.request_id) {
            return Err(CloseReason::TooManyMessages);
        }
        match message {
            Message::Text(text) if text.len() > self.limits().message_bytes => Err(CloseReason::MessageTooLarge),
            Message::Text(text) => self.handle_message(ClientMessage::parse(&text)?).await,
            Message::Binary(_) => Err(CloseReason::Malformed("messages must be text".into())),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(CloseReason::Disconnected),
        }
    }

    async fn handle_message(&mut self, message: ClientMessage) -> Result<(), CloseReason> {
        let counted = self.client.ip.map_or(Ok(()), |ip| self.state.app.rate_limit.count_request(ip));
        match message {
            ClientMessage::Init(_) if self.session.is_some() => Err(CloseReason::TooManyInits),
            ClientMessage::Init(payload) => {
                counted.map_err(|wait: LimitExceeded| {
                    CloseReason::RetryLater(format!("too many requests; wait {} s", wait.retry_after_s))
                })?;
                self.acknowledge(payload).await
            }
            ClientMessage::Subscribe(id, request) => self.subscribe(id, *request, counted).await,
            ClientMessage::Complete(id) => {
                self.operations.end(&id);
                Ok(())
            }
            ClientMessage::Ping(payload) => self.send_message(&ServerMessage::Pong { payload }).await,
            ClientMessage::Pong => Ok(()),
        }
    }

    /// Authenticates the client and acknowledges the connection.
    async fn acknowledge(&mut self, payload: Map<String, Value>) -> Result<(), CloseReason> {
        let app = &self.state.app;
        let entry = payload.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let authorization = match entry {
            Some((_, Value::String(authorization))) => Some(authorization),
            Some((_, Value::Null)) | None => self.authorization.take(),
            Some(_) => return Err(CloseReason::from_rejection(Rejection::NotBearer)),
        };
        let viewer = match authorization {
            Some(authorization) => authenticate(app, &authorization).await.map_err(CloseReason::from_rejection)?,
            None => Viewer::Anonymous,
        };
        let slot = viewer.user().map(|user| {
            let slot = self.state.connections.admit(ConnectionOwner::User(user.user_id));
            slot.ok_or_else(|| CloseReason::RetryLater("too many connections; close another one first".into()))
        });
        // As the scalar `DateTime` is written.
        let expires_at = viewer.user().map(|user| user.expires_at.to_rfc3339_opts(SecondsFormat::Millis, true));
        self.session = Some(Session { changes: users::subscribe(app, &viewer), viewer, _slot: slot.transpose()? });
        let request_id = self.client.request_id.clone();
        let ack = ServerMessage::ConnectionAck { payload: Ack { request_id: &request_id, expires_at } };
        self.send_message(&ack).await
    }

    /// Checks again whether the viewer may stay connected, and updates their rights.
    async fn recheck_viewer(&mut self, change: Change) -> Result<(), CloseReason> {
        let (app, Some(session)) = (&self.state.app, &mut self.session) else { return Ok(()) };
        match change {
            Change::TokenExpired => return Err(CloseReason::token_expired()),
            Change::UserChanged => {}
            Change::EventsMissed => session.changes = users::subscribe(app, &session.viewer),
        }
        session.viewer = users::recheck_viewer(app, &session.viewer).await.map_err(CloseReason::from_recheck_error)?;
        Ok(())
    }

    /// Starts an operation, or refuses it.
    async fn subscribe(
        &mut self,
        id: String,
        request: GraphqlRequest,
        counted: Result<(), LimitExceeded>,
    ) -> Result<(), CloseReason> {
        let session = self.session.as_ref().ok_or(CloseReason::Unauthorized)?;
        if self.operations.contains(&id) {
            return Err(CloseReason::DuplicateOperation(id));
        }
        self.operation_count += 1;
        let request_id = format!("{}/{}", self.client.request_id, self.operation_count);
        let max = self.limits().operations;
        let refused = match counted {
            Err(wait) => {
                let message = format!("too many requests; wait {} seconds", wait.retry_after_s);
                let response = GraphqlResponse::from_error(ErrorCode::RateLimited, message);
                Some(response.with_extension("retryAfter", wait.retry_after_s))
            }
            Ok(()) if self.operations.len() >= max => {
                let message =
                    format!("a connection runs at most {max} operations at the same time; complete one first");
                Some(GraphqlResponse::from_error(ErrorCode::RateLimited, message))
            }
            Ok(()) => None,
        };
        if let Some(response) = refused {
            let payload = &response.with_request_id(&request_id).body.errors;
            return self.send_message(&ServerMessage::Error { id: &id, payload }).await;
        }
        let client = Client { request_id, ..self.client.clone() };
        let operation = operations::run(self.state.clone(), session.viewer.clone(), client, request);
        self.operations.start(id, operation);
        Ok(())
    }

    async fn send_event(&mut self, id: &str, event: OperationEvent) -> Result<(), CloseReason> {
        let session = self.session.as_ref().ok_or(CloseReason::Unauthorized)?;
        if session.is_expired(&self.state.app) {
            return Err(CloseReason::token_expired());
        }
        match event {
            OperationEvent::Response(response) => {
                self.send_message(&ServerMessage::Next { id, payload: &response }).await
            }
            OperationEvent::Error(response) => {
                self.send_message(&ServerMessage::Error { id, payload: &response.body.errors }).await
            }
            OperationEvent::Completed => self.send_message(&ServerMessage::Complete { id }).await,
            OperationEvent::CloseConnection(reason) => Err(reason),
        }
    }

    async fn send_message(&mut self, message: &ServerMessage<'_>) -> Result<(), CloseReason> {
        let text = serde_json::to_string(message).map_err(|error| {
            tracing::error!(%error, "a message could not be serialized");
            CloseReason::RetryLater("internal error".into())
        })?;
        self.send(Message::Text(text.into())).await
    }

    /// Sends a message. While the client does not read, no other message is sent, and each of its operations can
    /// produce only one more response.
    async fn send(&mut self, message: Message) -> Result<(), CloseReason> {
        match tokio::time::timeout(self.limits().write_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(CloseReason::Disconnected),
            Err(_) => {
                let reason = "SLOW_CONSUMER: the client did not read for too long; connect again";
                Err(CloseReason::RetryLater(reason.into()))
            }
        }
    }

    /// Sends a ping. Closes the connection if nothing arrived since the last ping.
    async fn send_ping(&mut self) -> Result<(), CloseReason> {
        if self.awaits_pong {
            return Err(CloseReason::RetryLater("no answer to a ping; connect again".into()));
        }
        self.awaits_pong = true;
        self.send(Message::Ping(Vec::new().into())).await
    }

    /// Ends all operations and closes the socket.
    pub(super) async fn close(mut self, reason: CloseReason) {
        self.operations = Operations::default();
        self.session = None;
        tracing::debug!(?reason, operations = self.operation_count, "closing a socket");
        let closing = async {
            if let Some(frame) = reason.frame() {
                // The client may have disconnected already; then the frame is of no use.
                let _ = self.socket.send(Message::Close(Some(frame))).await;
            }
            // If unread data remains, closing the connection resets it, and the client loses the close frame.
            while let Some(Ok(_)) = self.socket.recv().await {}
            if reason.is_read_failure() {
                tokio::time::sleep(CLOSE_DELAY).await;
            }
        };
        // The socket is dropped even if the client does not answer.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
    }
}

impl Session {
    fn is_expired(&self, app: &App) -> bool {
        self.viewer.user().is_some_and(|user| user.expires_at <= app.clock.now())
    }
}

/// Why the viewer must be rechecked.
enum Change {
    /// The token has expired.
    TokenExpired,
    /// The user or the session has changed.
    UserChanged,
    /// Events were missed, so the user or the session may have changed.
    EventsMissed,
}

/// Returns when the viewer must be rechecked.
async fn next_change(app: &App, session: Option<&mut Session>) -> Change {
    let Some(Session { viewer: Viewer::User(user), changes: Some(changes), .. }) = session else {
        return std::future::pending().await;
    };
    let remaining = (user.expires_at - app.clock.now()).to_std().unwrap_or_default();
    tokio::select! {
        () = tokio::time::sleep(remaining) => Change::TokenExpired,
        event = changes.next() => if event.is_ok() { Change::UserChanged } else { Change::EventsMissed },
    }
}
