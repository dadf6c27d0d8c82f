//! GraphQL over WebSocket: every rule of graphql-transport-ws and every code that a socket is closed with.

mod breaches;
mod endurance;
mod events;
mod opening;
mod operations;

use axum::http::header::{AUTHORIZATION, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use axum::http::{HeaderName, HeaderValue};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::client::Who;
use crate::harness::TestApp;
use crate::node::{Node, PATIENCE, narrow};

pub const PROTOCOL: (HeaderName, &str) = (SEC_WEBSOCKET_PROTOCOL, "graphql-transport-ws");

/// The client's end of a socket.
pub struct Socket(pub WebSocketStream<TcpStream>);

impl Socket {
    /// Asks for a socket; answers with it, or with the status and body of the refusal.
    pub async fn ask(node: &Node, headers: &[(HeaderName, &str)]) -> Result<Socket, (u16, Value)> {
        Socket::over(TcpStream::connect(node.address).await.unwrap(), node, headers).await
    }

    async fn over(stream: TcpStream, node: &Node, headers: &[(HeaderName, &str)]) -> Result<Socket, (u16, Value)> {
        let mut request = format!("ws://{}/graphql", node.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(Socket(socket)),
            // A client that asked for a protocol and got none sees the socket closed all the same.
            Err(tungstenite::Error::Http(answer)) => {
                let body = serde_json::from_slice(answer.body().as_deref().unwrap_or_default()).unwrap_or_default();
                Err((answer.status().as_u16(), body))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A socket that is open.
    pub async fn open(node: &Node) -> Socket {
        Socket::ask(node, &[PROTOCOL]).await.unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    /// A socket whose client has said who it is.
    pub async fn welcomed(app: &TestApp, node: &Node, who: &(impl Who + ?Sized)) -> Socket {
        Socket::open(node).await.init(app, who).await
    }

    /// The same with next to no room for what its client does not read.
    pub async fn narrow(app: &TestApp, node: &Node, who: &(impl Who + ?Sized)) -> Socket {
        let socket = Socket::over(narrow(node).await, node, &[PROTOCOL]).await;
        socket.unwrap_or_else(|refused| panic!("{refused:?}")).init(app, who).await
    }

    async fn init(self, app: &TestApp, who: &(impl Who + ?Sized)) -> Socket {
        let mut socket = self;
        let payload = who.token(&app.app).map(|token| json!({ "Authorization": format!("Bearer {token}") }));
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.hear().await["type"], "connection_ack");
        socket
    }

    /// Says something.
    pub async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// Sends a message of any kind.
    pub async fn send(&mut self, message: Message) {
        timeout(PATIENCE, self.0.send(message)).await.expect("the server reads").unwrap();
    }

    /// Asks for an operation.
    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        self.say(json!({ "type": "subscribe", "id": id, "payload": { "query": query, "variables": variables } })).await;
    }

    async fn message(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("something is heard in time") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => return other,
            }
        }
    }

    /// What the server says next.
    pub async fn hear(&mut self) -> Value {
        match self.message().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("this is no text: {other:?}"),
        }
    }

    /// The code and the reason that the socket is closed with, which must come next.
    pub async fn closed(&mut self) -> (u16, String) {
        match self.message().await {
            Some(Ok(Message::Close(Some(frame)))) => {
                let ended = (frame.code.into(), frame.reason.to_string());
                assert!(self.message().await.is_none_or(|last| last.is_err()), "nothing comes after the end");
                ended
            }
            other => panic!("the socket goes on: {other:?}"),
        }
    }

    /// The code of the only error of an operation that must be refused, and nothing else about it.
    pub async fn refusal(&mut self, id: &str) -> String {
        let message = self.hear().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!(id)), "{message:#}");
        let errors = message["payload"].as_array().unwrap_or_else(|| panic!("no list of errors: {message:#}"));
        assert_eq!(errors.len(), 1, "{message:#}");
        assert!(errors[0]["extensions"]["requestId"].as_str().is_some_and(|id| id.starts_with("req_")), "{message:#}");
        errors[0]["extensions"]["code"].as_str().unwrap_or("none").to_owned()
    }

    /// Whether the socket still serves.
    pub async fn lives(&mut self) {
        self.subscribe("still there?", "{ __typename }", json!({})).await;
        let next = self.hear().await;
        assert_eq!(
            (&next["type"], &next["payload"]["data"]["__typename"]),
            (&json!("next"), &json!("Query")),
            "{next:#}"
        );
        assert_eq!(self.hear().await, json!({ "type": "complete", "id": "still there?" }));
    }
}

/// The headers of a page's request.
fn page(origin: &str) -> [(HeaderName, &str); 2] {
    [PROTOCOL, (ORIGIN, origin)]
}

/// The headers of a program's request with its token.
fn program(authorization: &str) -> [(HeaderName, &str); 2] {
    [PROTOCOL, (AUTHORIZATION, authorization)]
}
