//! One socket from its opening to its end: what its client says is obeyed in order, and whatever its operations come
//! to is told.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use serde_json::{Map, Value};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::closing::Closing;
use super::message::{Ack, Heard, Said};
use super::operations::{self, Came, Operations};
use crate::domain::users;
use crate::domain::viewer::Viewer;
use crate::graphql::{Answer, Call, Client, ErrorCode};
use crate::platform::App;
use crate::platform::limits::token_bucket::TooMany;
use crate::platform::messaging::publisher::Listener;
use crate::server::connections::{Limits, Place, Whose};
use crate::server::viewer::viewer;
use crate::server::{Served, graphql::Failure};

/// How long a client has to read the reason why it is sent away, and to go.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long a connection that can be read no longer is kept, so that its client finds the reason before its end.
const LINGER: Duration = Duration::from_secs(1);

/// A socket, and everything that goes on over it.
pub(super) struct Connection {
    served: Served,
    socket: WebSocket,
    /// Who connected; operations have request ids below its own.
    client: Client,
    /// What the request for the socket said about who sends it.
    authorization: Option<String>,
    /// Who it is, once they have said so.
    session: Option<Session>,
    operations: Operations,
    begun: u64,
    first_word: Instant,
    heartbeat: Interval,
    /// Whether nothing was heard since the last sign of life.
    silent: bool,
}

/// Who is at the other end.
struct Session {
    viewer: Viewer,
    /// Hears when they should be looked at again.
    changes: Option<Listener>,
    _place: Option<Place>,
}

impl Connection {
    /// A socket that was opened just now.
    pub(super) fn new(served: Served, socket: WebSocket, client: Client, authorization: Option<String>) -> Connection {
        let limits = served.connections.limits();
        let now = Instant::now();
        let mut heartbeat = tokio::time::interval_at(now + limits.heartbeat, limits.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Connection {
            first_word: now + limits.first_word,
            heartbeat,
            served,
            socket,
            client,
            authorization,
            session: None,
            operations: Operations::default(),
            begun: 0,
            silent: false,
        }
    }

    /// Serves it to its end.
    pub(super) async fn serve(mut self) {
        loop {
            if let Err(closing) = self.turn().await {
                return self.close(closing).await;
            }
        }
    }

    fn limits(&self) -> &Limits {
        self.served.connections.limits()
    }

    /// Waits for whatever happens first, and does what it asks for.
    async fn turn(&mut self) -> Result<(), Closing> {
        let app = &self.served.app;
        let waits = self.session.is_none();
        tokio::select! {
            () = self.served.connections.stopped() => Err(Closing::Stopping),
            frame = self.socket.recv() => self.hear(frame).await,
            (id, came) = self.operations.next() => self.tell(&id, came).await,
            () = tokio::time::sleep_until(self.first_word), if waits => Err(Closing::InitTimeout),
            changed = changed(app, self.session.as_mut()) => self.look_again(changed).await,
            _ = self.heartbeat.tick() => self.beat().await,
        }
    }

    async fn hear(&mut self, frame: Option<Result<Message, axum::Error>>) -> Result<(), Closing> {
        let message = match frame {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(Closing::broken(error)),
            None => return Err(Closing::Gone),
        };
        self.silent = false;
        if !self.served.connections.hears(&self.client.request_id) {
            return Err(Closing::Flood);
        }
        match message {
            Message::Text(text) if text.len() > self.limits().message_bytes => Err(Closing::TooLarge),
            Message::Text(text) => self.obey(Heard::read(&text)?).await,
            Message::Binary(_) => Err(Closing::Malformed("messages must be text".into())),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(Closing::Gone),
        }
    }

    async fn obey(&mut self, heard: Heard) -> Result<(), Closing> {
        let counted = self.client.ip.map_or(Ok(()), |ip| self.served.app.rate_limit.request(ip));
        match heard {
            Heard::Init(_) if self.session.is_some() => Err(Closing::InitAgain),
            Heard::Init(payload) => {
                let wait = |wait: TooMany| Closing::Later(format!("too many requests; wait {} s", wait.retry_after_s));
                counted.map_err(wait)?;
                self.welcome(payload).await
            }
            Heard::Subscribe(id, call) => self.begin(id, *call, counted).await,
            Heard::Complete(id) => {
                self.operations.end(&id);
                Ok(())
            }
            Heard::Ping(payload) => self.say(&Said::Pong { payload }).await,
            Heard::Pong => Ok(()),
        }
    }

    /// Finds out who is at the other end, and lets them in.
    async fn welcome(&mut self, payload: Map<String, Value>) -> Result<(), Closing> {
        let app = &self.served.app;
        let named = payload.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let authorization = match named {
            Some((_, Value::String(authorization))) => Some(authorization),
            Some((_, Value::Null)) | None => self.authorization.take(),
            Some(_) => return Err(Closing::unknown(Failure::NotBearer)),
        };
        let viewer = match authorization {
            Some(authorization) => viewer(app, &authorization).await.map_err(Closing::unknown)?,
            None => Viewer::Anonymous,
        };
        let place = viewer.user().map(|user| {
            let place = self.served.connections.admit(Whose::Person(user.user_id));
            place.ok_or_else(|| Closing::Later("too many connections; close another one first".into()))
        });
        let expires_at = viewer.user().map(|user| user.expires_at);
        self.session = Some(Session { changes: users::watch(app, &viewer), viewer, _place: place.transpose()? });
        let request_id = self.client.request_id.clone();
        self.say(&Said::ConnectionAck { payload: Ack { request_id: &request_id, expires_at } }).await
    }

    /// Looks whether the person may still go on, and with which rights.
    async fn look_again(&mut self, changed: Changed) -> Result<(), Closing> {
        let (app, Some(session)) = (&self.served.app, &mut self.session) else { return Ok(()) };
        match changed {
            Changed::Expired => return Err(Closing::expired()),
            Changed::Person => {}
            Changed::Unknown => session.changes = users::watch(app, &session.viewer),
        }
        session.viewer = users::still(app, &session.viewer).await.map_err(Closing::ended)?;
        Ok(())
    }

    /// Runs an operation, if one may run here now.
    async fn begin(&mut self, id: String, call: Call, counted: Result<(), TooMany>) -> Result<(), Closing> {
        let session = self.session.as_ref().ok_or(Closing::Unauthorized)?;
        if self.operations.has(&id) {
            return Err(Closing::Taken(id));
        }
        self.begun += 1;
        let request_id = format!("{}/{}", self.client.request_id, self.begun);
        let most = self.limits().operations;
        let refused = match counted {
            Err(wait) => {
                let message = format!("too many requests; wait {} seconds", wait.retry_after_s);
                Some(Answer::refused(ErrorCode::RateLimited, message).with("retryAfter", wait.retry_after_s))
            }
            Ok(()) if self.operations.len() >= most => {
                let message = format!("one connection runs at most {most} operations at a time; complete one first");
                Some(Answer::refused(ErrorCode::RateLimited, message))
            }
            Ok(()) => None,
        };
        if let Some(answer) = refused {
            let payload = &answer.sealed(&request_id).response.errors;
            return self.say(&Said::Error { id: &id, payload }).await;
        }
        let client = Client { request_id, ..self.client.clone() };
        self.operations.begin(id, operations::run(self.served.clone(), session.viewer.clone(), client, call));
        Ok(())
    }

    async fn tell(&mut self, id: &str, came: Came) -> Result<(), Closing> {
        let session = self.session.as_ref().ok_or(Closing::Unauthorized)?;
        if session.is_over(&self.served.app) {
            return Err(Closing::expired());
        }
        match came {
            Came::Answer(answer) => self.say(&Said::Next { id, payload: &answer }).await,
            Came::Refusal(answer) => self.say(&Said::Error { id, payload: &answer.response.errors }).await,
            Came::End => self.say(&Said::Complete { id }).await,
            Came::Closing(closing) => Err(closing),
        }
    }

    async fn say(&mut self, said: &Said<'_>) -> Result<(), Closing> {
        let text = serde_json::to_string(said).map_err(|error| {
            tracing::error!(%error, "a message could not be written down");
            Closing::Later("internal error".into())
        })?;
        self.send(Message::Text(text.into())).await
    }

    /// Sends a message. While a client does not read, nothing else is said to it, and its operations get no further than
    /// one answer each.
    async fn send(&mut self, message: Message) -> Result<(), Closing> {
        match tokio::time::timeout(self.limits().patience, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Closing::Gone),
            Err(_) => Err(Closing::Later("SLOW_CONSUMER: nothing was read for too long; connect again".into())),
        }
    }

    /// Asks for a sign of life, unless the last one that was asked for never came.
    async fn beat(&mut self) -> Result<(), Closing> {
        if self.silent {
            return Err(Closing::Later("no answer to a ping; connect again".into()));
        }
        self.silent = true;
        self.send(Message::Ping(Vec::new().into())).await
    }

    /// Ends all that goes on, and says why.
    pub(super) async fn close(mut self, closing: Closing) {
        self.operations = Operations::default();
        self.session = None;
        tracing::debug!(?closing, operations = self.begun, "a socket is closed");
        let farewell = async {
            if let Some(frame) = closing.frame() {
                // A client that is gone already needs no telling.
                let _ = self.socket.send(Message::Close(Some(frame))).await;
            }
            // A connection that ends with something unread takes what was said last with it.
            while let Some(Ok(_)) = self.socket.recv().await {}
            if closing.cannot_read_on() {
                tokio::time::sleep(LINGER).await;
            }
        };
        // Whoever takes longer has had their chance.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }
}

impl Session {
    fn is_over(&self, app: &App) -> bool {
        self.viewer.user().is_some_and(|user| user.expires_at <= app.clock.now())
    }
}

/// What there is to look at again.
enum Changed {
    /// The token has ended.
    Expired,
    /// Something about the person, or about the sign-in.
    Person,
    /// Perhaps something, which was missed.
    Unknown,
}

/// Returns when there is reason to look at the person again.
async fn changed(app: &App, session: Option<&mut Session>) -> Changed {
    let Some(Session { viewer: Viewer::User(user), changes: Some(changes), .. }) = session else {
        return std::future::pending().await;
    };
    let left = (user.expires_at - app.clock.now()).to_std().unwrap_or_default();
    tokio::select! {
        () = tokio::time::sleep(left) => Changed::Expired,
        heard = changes.next() => if heard.is_ok() { Changed::Person } else { Changed::Unknown },
    }
}
