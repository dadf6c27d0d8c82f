//! GraphQL over WebSocket: the rules of graphql-transport-ws, and every close code.

mod events;
mod lifetime;
mod opening;
mod operations;
mod protocol_errors;

use axum::http::header::{AUTHORIZATION, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use axum::http::{HeaderName, HeaderValue};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::client::Caller;
use crate::harness::TestApp;
use crate::live_server::{Node, connect_with_small_buffer};
use crate::waiting::TIMEOUT;

pub const PROTOCOL: (HeaderName, &str) = (SEC_WEBSOCKET_PROTOCOL, "graphql-transport-ws");

/// The client side of a WebSocket.
pub struct Socket(pub WebSocketStream<TcpStream>);

impl Socket {
    /// Requests a socket. Returns the socket, or the status and body of the refusal.
    pub async fn connect(node: &Node, headers: &[(HeaderName, &str)]) -> Result<Socket, (u16, Value)> {
        Socket::connect_over(TcpStream::connect(node.address).await.unwrap(), node, headers).await
    }

    async fn connect_over(
        stream: TcpStream,
        node: &Node,
        headers: &[(HeaderName, &str)],
    ) -> Result<Socket, (u16, Value)> {
        let mut request = format!("ws://{}/graphql", node.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(Socket(socket)),
            // A client that requests only unknown subprotocols gets a socket without one, which the server then closes.
            Err(tungstenite::Error::Http(answer)) => {
                let body = serde_json::from_slice(answer.body().as_deref().unwrap_or_default()).unwrap_or_default();
                Err((answer.status().as_u16(), body))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// An open socket, before `connection_init`.
    pub async fn open(node: &Node) -> Socket {
        Socket::connect(node, &[PROTOCOL]).await.unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    /// A socket after `connection_init` and `connection_ack`.
    pub async fn initialized(app: &TestApp, node: &Node, who: &(impl Caller + ?Sized)) -> Socket {
        Socket::open(node).await.init(app, who).await
    }

    /// An initialized socket whose receive buffer is as small as possible.
    pub async fn with_small_buffer(app: &TestApp, node: &Node, who: &(impl Caller + ?Sized)) -> Socket {
        let socket = Socket::connect_over(connect_with_small_buffer(node).await, node, &[PROTOCOL]).await;
        socket.unwrap_or_else(|refused| panic!("{refused:?}")).init(app, who).await
    }

    async fn init(self, app: &TestApp, who: &(impl Caller + ?Sized)) -> Socket {
        let mut socket = self;
        let payload = who.token(&app.app).map(|token| json!({ "Authorization": format!("Bearer {token}") }));
        socket.send_json(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.receive().await["type"], "connection_ack");
        socket
    }

    /// Sends a JSON message.
    pub async fn send_json(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// Sends any WebSocket message.
    pub async fn send(&mut self, message: Message) {
        timeout(TIMEOUT, self.0.send(message)).await.expect("the server reads before the timeout").unwrap();
    }

    /// Starts an operation.
    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        self.send_json(json!({ "type": "subscribe", "id": id, "payload": { "query": query, "variables": variables } }))
            .await;
    }

    async fn message(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        loop {
            match timeout(TIMEOUT, self.0.next()).await.expect("the server sends a message before the timeout") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => return other,
            }
        }
    }

    /// The next message of the server.
    pub async fn receive(&mut self) -> Value {
        match self.message().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("not a text message: {other:?}"),
        }
    }

    /// The code and the reason of the close frame, which must be the next message.
    pub async fn close_reason(&mut self) -> (u16, String) {
        match self.message().await {
            Some(Ok(Message::Close(Some(frame)))) => {
                let reason = (frame.code.into(), frame.reason.to_string());
                assert!(self.message().await.is_none_or(|last| last.is_err()), "no message follows the close frame");
                reason
            }
            other => panic!("the socket is not closed: {other:?}"),
        }
    }

    /// The code of the only error of a refused operation, which must be the next message.
    pub async fn error_code(&mut self, id: &str) -> String {
        let message = self.receive().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!(id)), "{message:#}");
        let errors = message["payload"].as_array().unwrap_or_else(|| panic!("no list of errors: {message:#}"));
        assert_eq!(errors.len(), 1, "{message:#}");
        assert!(errors[0]["extensions"]["requestId"].as_str().is_some_and(|id| id.starts_with("req_")), "{message:#}");
        errors[0]["extensions"]["code"].as_str().unwrap_or("none").to_owned()
    }

    /// Asserts that the socket still executes operations.
    pub async fn assert_open(&mut self) {
        self.subscribe("check", "{ __typename }", json!({})).await;
        let next = self.receive().await;
        assert_eq!(
            (&next["type"], &next["payload"]["data"]["__typename"]),
            (&json!("next"), &json!("Query")),
            "{next:#}"
        );
        assert_eq!(self.receive().await, json!({ "type": "complete", "id": "check" }));
    }
}

/// The headers of a handshake by a page of an origin.
fn headers_with_origin(origin: &str) -> [(HeaderName, &str); 2] {
    [PROTOCOL, (ORIGIN, origin)]
}

/// The headers of a handshake with an authorization.
fn headers_with_authorization(authorization: &str) -> [(HeaderName, &str); 2] {
    [PROTOCOL, (AUTHORIZATION, authorization)]
}
