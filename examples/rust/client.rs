//! The door to the server: one request for each operation, typed by the schema when the program is compiled.

use anyhow::{Context, Result, bail};
use graphql_client::{GraphQLQuery, Response};

/// Rust types for the scalars of the schema.
pub mod scalars {
    /// ISO 4217.
    pub type CurrencyCode = String;
    /// A day where the place is, without a zone.
    pub type Date = chrono::NaiveDate;
    /// An instant.
    pub type DateTime = chrono::DateTime<chrono::Utc>;
    /// An amount in cents, yen and so on; up to 2^53, so 32 bits are too few.
    pub type MinorUnits = i64;
    /// A name of the IANA's list.
    pub type TimeZone = String;
}

/// Operations of `examples/story.graphql`, each a module with its variables and its answer.
macro_rules! operations {
    ($($name:ident)*) => {
        $(
            #[derive(graphql_client::GraphQLQuery)]
            #[graphql(
                schema_path = "schema.graphql",
                query_path = "examples/story.graphql",
                custom_scalars_module = "crate::client::scalars",
                // A type that a newer server has put behind an interface is `Unknown`, not a failure.
                fragments_other_variant = true,
                variables_derives = "Clone, Debug",
                response_derives = "Clone, Debug, PartialEq"
            )]
            pub struct $name;
        )*
    };
}

operations! { Register Search Quote Book Booking Trips Cancel }

/// A server and, once there is one, the token that signs requests to it.
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

impl Client {
    /// Knows the server by its address.
    pub fn new(server: &str) -> Result<Client> {
        // reqwest takes whichever library for TLS the program names; over plain http none is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("{}/graphql", server.trim_end_matches('/'));
        Ok(Client { http: reqwest::Client::builder().build()?, url, token: None })
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Signs every further request.
    pub fn sign_with(&mut self, token: String) {
        self.token = Some(token);
    }

    /// Sends an operation and gives its data, or fails with the codes that the server named.
    pub async fn ask<Q: GraphQLQuery>(&self, variables: Q::Variables) -> Result<Q::ResponseData> {
        let body = serde_json::to_vec(&Q::build_query(variables))?;
        let mut request = self.http.post(&self.url).body(body);
        request = request.header("content-type", "application/json");
        request = request.header("accept", "application/graphql-response+json");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.context("no answer")?;
        let status = answer.status();
        let body = answer.bytes().await?;
        // Of this media type, an answer is GraphQL's whatever its status; anything else comes from what is in between.
        let answer: Response<Q::ResponseData> =
            serde_json::from_slice(&body).with_context(|| format!("not an answer of GraphQL, but {status}"))?;
        if let Some(errors) = answer.errors.filter(|errors| !errors.is_empty()) {
            let code = |error: &graphql_client::Error| {
                let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code").cloned());
                format!("{} ({})", error.message, code.unwrap_or_default())
            };
            bail!("{status}: {}", errors.iter().map(code).collect::<Vec<_>>().join("; "));
        }
        answer.data.context("an answer without data and without an error")
    }
}
